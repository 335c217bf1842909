//! The Component Model on wasmi.
//!
//! | room | what |
//! | --- | --- |
//! | `engine`, `error`, `program` | the interpreter, what can go wrong, a component that is linked |
//! | `load` | bytes to definitions: decoding, vetting, what is changed in core modules |
//! | `link` | all that is decided before a process starts: what the host offers, which function meets which import, the plan that a process runs by |
//! | `abi` | lifting and lowering |
//! | `run` | a process in execution: the machine, what it owns, and what guests call |
//! | `backtrace` | where it trapped: it is run once more |

mod abi;
mod backtrace;
mod engine;
mod error;
mod link;
mod load;
mod pieces;
mod program;
mod run;

pub(crate) use self::{
    backtrace::trace::small,
    link::version::{compatible, split_version},
    run::machine::{Again, BacktraceRun, Machine, Pause},
};
pub use self::{
    engine::{DEFAULT_STACK, Engine, EngineConfig, MAX_STACK, MIN_STACK},
    error::{LinkError, LoadError, LoadErrorKind, Trap, TrapKind},
    link::linker::{Answer, Continuation, DeclareError, GuestMemory, HostCx, HostState, Linker},
    load::vet::{Crew, Vetting, Work},
    program::{Component, Function, LinkedComponent, LoadOptions},
    run::{guard::Guard, limits::DEFAULT_MEMORY},
};

#[cfg(test)]
mod tests;
