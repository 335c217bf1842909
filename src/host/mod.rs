//! Runs entries: from a verified artifact to a process that has ended.
//!
//! ```text
//! entry ── artifact ──┬─ text ──── assembled ──┐
//!                     ├─ core module + WIT ────┼─ Component ── Program ── process
//!                     └─ component ────────────┘  (shared)     (grants)   (limits)
//! ```
//!
//! A [`Runtime`] does everything up to the process and keeps what can be shared:
//! a component is translated once, however many entries and processes use it.
//! [`run_to_end`] is the loop that steps one process. [`check`] does the first
//! part for every entry of a project and runs nothing.
//!
//! ```
//! use wippy::{
//!     component::{Engine, Linker},
//!     dispatch::world::Streams,
//!     host::{RunOptions, Runtime},
//!     registry::Project,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let project = Project::load("conformance/apps/hello").into_result()?;
//! let runtime = Runtime::new(Engine::default(), Linker::default());
//! let job = runtime.job(&project, &"app.hello:greet".parse()?)?;
//! let (input, streams) = (vec!["Ada".into()], Streams::default());
//! let ended = smol::block_on(job.run(input, streams, &RunOptions::default()));
//! assert_eq!(ended.outcome?, Some("Hello, Ada!".into()));
//! # Ok(())
//! # }
//! ```

mod check;
mod error;
mod given;
mod pages;
mod run;
mod runtime;

pub use self::{
    check::{Checked, check},
    error::PrepareError,
    given::{Given, GivenDir, GivenError},
    pages::release_zeros,
    run::{Ended, RunOptions, run_to_end},
    runtime::{Job, Loaded, Runtime},
};

#[cfg(test)]
mod tests;
