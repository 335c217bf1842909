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
//!
//! # One call, from YAML to wasm and back
//!
//! 1. [`registry`](crate::registry) reads the YAML and makes a `process.wasm` entry of it;
//!    [`artifact`](crate::artifact) reads the file that it names and compares the hash.
//! 2. [`adapter`](crate::adapter) makes a component of the file if it is a core module.
//! 3. [`Component::new`]: `load::decode` reads the definitions, `load::vet` checks the
//!    bodies, `load::rewrite` changes what the interpreter cannot take as it is.
//! 4. [`Component::link`] with a [`Linker`], which holds what [`imports`](crate::imports)
//!    offers: `link::inline` instantiates the component once, symbolically, and leaves a
//!    `link::plan`. The processes of a program share it.
//! 5. [`host`](crate::host) makes a [`WasmProcess`](crate::process::WasmProcess) of the
//!    plan, gives it method and arguments, and steps it: `run::machine`.
//! 6. `abi::lower` writes the arguments as core values and into the guest's memory, where
//!    `run::realloc` gets the room; the machine enters the core function with one slice
//!    of fuel.
//! 7. The guest calls an import. `run::builtins` is what it meets; `abi::lift` makes
//!    [values](crate::value) of its arguments, and `run::host_call` calls the host function.
//!    That answers at once, or asks a [`command`](crate::command), which the step hands out.
//! 8. [`world`](crate::world) or the host answers the command. The next step is given the
//!    reply; `abi::lower` writes the result, and the guest goes on where it was.
//! 9. The core function returns. `abi::lift` makes a value of the result, post-return is
//!    called, and the last step says [`Done`](crate::process::Status::Done).

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
    backtrace::recording::small,
    link::version::{compatible, split_version},
    run::machine::{Again, BacktraceRun, Machine, Pause, Spent},
};
pub use self::{
    engine::{DEFAULT_STACK, Engine, EngineConfig, FUEL_VERSION, MAX_STACK, MIN_STACK},
    error::{LinkError, LoadError, LoadErrorKind, Trap, TrapKind},
    link::{
        host::{Answer, Continuation, GuestMemory, HostCx, HostState},
        linker::{DeclareError, Linker},
    },
    load::vet::{Crew, Vetting, Work},
    program::{Component, Function, LinkedComponent, LoadOptions},
    run::{guard::Guard, limits::DEFAULT_MEMORY},
};

#[cfg(test)]
mod tests;
