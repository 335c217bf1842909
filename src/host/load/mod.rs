//! From an entry of a project to a program that can be started.
//!
//! | file | what |
//! | --- | --- |
//! | `project`, `runtime` | the programs of a project, each loaded once |
//! | `crew`, `vetted` | work on all cores while one is loaded; what is known of files seen before |
//! | `complete`, `offered` | modules that carry their world; which exports are the author's |
//! | `answering` | how a program answers requests |
//! | `spec`, `wasi_setup`, `input` | what a process is started with |
//! | `lua` | the same for Lua entries |
//! | `simple`, `failure` | the short ways: a file, a project |
//! | `check`, `error` | what is wrong with entries |

pub(super) mod answering;
pub(super) mod check;
pub(crate) mod complete;
pub(super) mod crew;
pub(super) mod error;
pub(super) mod failure;
pub(super) mod input;
#[cfg(feature = "lua")]
pub(super) mod lua;
pub(super) mod offered;
pub(super) mod project;
pub(super) mod runtime;
mod simple;
pub(super) mod spec;
pub(super) mod vetted;
pub(super) mod wasi_setup;
