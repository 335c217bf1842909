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
//! A [`Node`] is where
//! processes live together, and a [`Supervisor`] keeps some of them alive;
//! [`Job::run`] runs one alone. [`check`] does the first
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

mod actor;
mod check;
mod chores;
mod crew;
mod error;
mod given;
mod input;
mod job;
mod large;
mod life;
#[cfg(feature = "lua")]
mod lua;
mod machine;
mod node;
mod pages;
mod panics;
mod post;
mod program;
mod project;
mod restart;
mod runtime;
mod seat;
mod service;
mod states;
mod trace;
mod turns;
mod vetted;
mod watch;
mod workers;

pub use self::{
    actor::Reach,
    check::{Checked, check},
    error::PrepareError,
    given::{Given, GivenDir, GivenError},
    large::LargePages,
    life::{Ended, RunOptions},
    node::Node,
    pages::release_zeros,
    post::State,
    program::{Birth, Handle, HostOptions, Info, PATIENCE, Program, Programs, Started},
    project::ProjectPrograms,
    runtime::{Job, Loaded, Runtime},
    service::Supervisor,
    states::{ServiceState, ServiceStatus},
    trace::Trace,
};

#[cfg(test)]
mod tests;
