//! reg
#![allow(dead_code)]
mod id;
mod problem;
mod suggest;
mod yaml;
pub use id::*;
