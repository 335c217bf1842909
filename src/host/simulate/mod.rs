//! Simulation: a whole application on one thread, with a clock, an order and faults that
//! a seed chooses.
//!
//! A scenario is a process entry of a project. It runs as it would, on a [`Node`] with the
//! project's hosts and services, but on a stage: time is a number that jumps to the next
//! timer when nobody can run, one task runs at a time, mounts are copies in memory, and
//! nothing outside is touched. What could be otherwise is a choice: whose turn it is, how
//! long a turn is, how late a message is, which write fails. A seed makes these choices,
//! so that a run can be made again, exactly; and a run that fails is made simpler by
//! taking choices back, until those are left that make it fail.
//!
//! ```
//! use wippy::{
//!     component::{Engine, Linker},
//!     host::{ProjectPrograms, Runtime, simulate::{Choice, Simulation, Written, search, shrink}},
//!     imports::{process, sim, wasi},
//!     registry::Project,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let project = Project::load("conformance/apps/simulated").into_result()?;
//! let mut linker = Linker::default();
//! wasi::add_to_linker(&mut linker)?;
//! process::add_to_linker(&mut linker)?;
//! sim::add_to_linker(&mut linker)?;
//! let programs = ProjectPrograms::new(project, Runtime::new(Engine::default(), linker));
//!
//! // It takes what the first of two others sends for what the first was to send.
//! let simulation = Simulation::new(programs, &"sim.order:scenario".parse()?, vec![])?;
//! let plain = simulation.run(0)?;
//! assert_eq!(plain.failure(), None);
//!
//! // Some of these seeds let the second send first.
//! let found = search(&simulation, 40, 2, &|_| {})?;
//! let (seed, failure) = found.different()[0];
//! assert_eq!(failure.to_string(), "always \"the head comes first\" did not hold");
//!
//! // That takes one choice, whatever else the seed has chosen.
//! let shrunk = shrink(&simulation, &simulation.run(seed)?)?;
//! let [only] = shrunk.script[..] else { panic!("{:?}", shrunk.script) };
//! assert!(matches!(only.choice, Choice::Turn | Choice::Delay | Choice::Stall | Choice::Full));
//! let again = simulation.run_script(shrunk.numbers, &[only], Written::default())?;
//! assert_eq!(again.failure(), Some(&shrunk.failure));
//! # Ok(())
//! # }
//! ```
//!
//! # What fails
//!
//! See [`Cause`]: a scenario that ends with an error, an `always` of `wippy:sim` that does
//! not hold, a deadlock, and a scenario that does not end. The last is no matter of
//! faults: after half of the work or a tenth of the time that a run may take, nothing goes
//! wrong any more.
//!
//! # What is simulated
//!
//! Hosts, mailboxes, names, links, monitors, services with their restarts are the code
//! that runs outside of a simulation as well; what it takes from the machine it takes from
//! a `Stage` here. Nothing waits for ever behind others: after 64 turns of others it is
//! a task's own. Sockets reach processes of the same run and nobody else, and requests the
//! services of kind `http.service` of the project, without their pages for other origins
//! and files.
//!
//! | file | what |
//! | --- | --- |
//! | `choices` | what a seed decides, and what a script of deviations does |
//! | `state` | a run at one moment |
//! | `simulator` | time, turns, messages under way: the stage of one run |
//! | `post` | messages that are under way |
//! | `world` | what a process asks besides other processes |
//! | `files`, `copy`, `what` | files in memory; their copies; what can go wrong with them |
//! | `sockets`, `wire` | sockets, which reach processes of the same run; the network that they share |
//! | `http` | requests, and the servers of the project |
//! | `run` | a scenario, and one run of it |
//! | `failure` | why a run has failed, and what programs have said of themselves |
//! | `search` | many seeds, on several threads |
//! | `shrink` | a failing run made simpler |
//!
//! [`Node`]: crate::host::Node

mod choices;
mod copy;
mod failure;
mod files;
mod http;
mod post;
mod run;
mod search;
mod shrink;
mod simulator;
mod sockets;
mod state;
mod what;
mod wire;
mod world;

pub use self::{
    choices::{Choice, Deviation},
    failure::{Cause, Checks, Failure},
    run::{Options, Refused, Run, Simulation, Written},
    search::{Found, Progress, search},
    shrink::{Shrunk, shrink},
    state::Line,
};
