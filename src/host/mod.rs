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
//! [`ProcessSpec::run`] runs one alone. [`check`] does the first
//! part for every entry of a project and runs nothing.
//!
//! ```
//! use wippy::{
//!     component::{Engine, Linker},
//!     host::{RunOptions, Runtime},
//!     registry::Project,
//!     world::Streams,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let project = Project::load("conformance/apps/hello").into_result()?;
//! let runtime = Runtime::new(Engine::default(), Linker::default());
//! let spec = runtime.spec(&project, &"app.hello:greet".parse()?)?;
//! let (input, streams) = (vec!["Ada".into()], Streams::default());
//! let ended = smol::block_on(spec.run(input, streams, &RunOptions::default()));
//! assert_eq!(ended.outcome?, Some("Hello, Ada!".into()));
//! # Ok(())
//! # }
//! ```

mod load;
mod node;
mod serve;
pub mod simulate;
mod supervise;

pub use self::{
    load::{
        check::{Checked, check},
        error::PrepareError,
        failure::Failure,
        offered::{is_of_toolchain, offered},
        project::ProjectPrograms,
        runtime::{Loaded, ProcessSpec, ProgramSource, Runtime},
        wasi_setup::{WasiDir, WasiSetup},
    },
    node::{
        Node,
        dispatcher::NodeDispatcher,
        ended::Ended,
        large::LargePages,
        pages::release_zeros,
        program::{
            Answering, BodyParam, Handle, HostOptions, Info, PATIENCE, Program, Programs,
            SpawnContext, Started,
        },
        recorder::{RecordOptions, Recorder},
        run::RunOptions,
        trace::Trace,
        vitals::ProcessState,
    },
    serve::{Listening, Server, Site},
    supervise::{
        service::Supervisor,
        states::{ServiceState, ServiceStatus},
    },
};

#[cfg(feature = "cli")]
pub(crate) use self::load::complete;
pub(crate) use self::load::runtime::packages;

#[cfg(test)]
mod tests;
