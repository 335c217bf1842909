//! The evidence that `wippy` does what its specifications say.
#![warn(missing_docs)]

pub mod stress;
pub mod wasi;
pub mod wast;
