//! The guide: from a first process to the last option, a page for each subject.
//!
//! | page | |
//! | --- | --- |
//! | [`start`] | a first process in Rust, C, JavaScript, Python |
//! | [`application`] | the YAML of an application: the entry `process.wasm`, services |
//! | [`wasi`] | files, variables, the network |
//! | [`http`] | requests, out and in |
//! | [`processes`] | processes that start, watch and tell each other; Lua |
//! | [`functions`] | programs that are called; the modules of Lua |
//! | [`replay`] | a run, written down and run again |
//! | [`simulation`] | one application, many schedules |
//! | [`command`] | the command in scripts |
//! | [`library`] | the engine inside of a program in Rust |
//! | [`engine`] | its faults, and its differences from the original |
//! | [`original`] | the original's modules and functions, one by one |
//!
//! These modules have nothing in them but their text. The commands in it are run by a
//! test, `conformance/cli/guide.rs`.

#[doc = include_str!("application.md")]
pub mod application {}
#[doc = include_str!("command.md")]
pub mod command {}
#[doc = include_str!("engine.md")]
pub mod engine {}
#[doc = include_str!("functions.md")]
pub mod functions {}
#[doc = include_str!("http.md")]
pub mod http {}
#[doc = include_str!("library.md")]
pub mod library {}
#[doc = include_str!("original.md")]
pub mod original {}
#[doc = include_str!("processes.md")]
pub mod processes {}
#[doc = include_str!("replay.md")]
pub mod replay {}
#[doc = include_str!("simulation.md")]
pub mod simulation {}
#[doc = include_str!("start.md")]
pub mod start {}
#[doc = include_str!("wasi.md")]
pub mod wasi {}
