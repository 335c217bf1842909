//! Runs WebAssembly modules as processes on a pure interpreter.
#![warn(missing_docs)]

pub mod adapter;
pub mod component;
pub mod dispatch;
pub mod process;
pub mod value;

#[cfg(feature = "host")]
pub mod artifact;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "host")]
pub mod host;
#[cfg(feature = "host")]
pub mod registry;
