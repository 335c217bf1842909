//! The Component Model on wasmi.
//!
//! | file | what |
//! | --- | --- |
//! | `engine`, `guard` | the interpreter, and how it is kept off the native stack; where a panic cannot pass |
//! | `decode`, `module`, `rewrite` | bytes to definitions; what is changed in core modules |
//! | `vet`, `proposal` | what the interpreter cannot take, found out before it is entered |
//! | `typing`, `wit` | component types and WIT declarations to [`Types`](crate::value::Types) |
//! | `linker` | what the host offers |
//! | `inline`, `plan`, `shim` | linking: all that is decided before a process starts |
//! | `abi`, `boundary`, `realloc` | lifting and lowering |
//! | `handles`, `state`, `limits` | what a process owns |
//! | `machine` | what runs it |
//! | `trampoline`, `answer` | what guests call: built-ins and host functions |
//! | `trace` | what finds out where it trapped |

mod abi;
mod answer;
mod boundary;
mod budget;
mod decode;
mod engine;
mod error;
mod guard;
mod handles;
mod inline;
mod limits;
mod linker;
mod machine;
mod module;
mod plan;
mod program;
mod proposal;
mod realloc;
mod rewrite;
mod shim;
mod state;
mod trace;
mod trampoline;
mod typing;
mod vet;
mod wit;

pub use self::{
    engine::{Config, DEFAULT_STACK, Engine, MAX_STACK, MIN_STACK},
    error::{LinkError, LoadError, LoadErrorKind, Trap, TrapKind},
    guard::Guard,
    limits::DEFAULT_MEMORY,
    linker::{Answer, Continuation, DeclareError, GuestMemory, HostCx, HostState, Linker},
    program::{Component, Function, LoadOptions, Program},
    vet::{Crew, Vetting, Work},
};
pub(crate) use self::{
    linker::{compatible, split_version},
    machine::{Again, Machine, Pause, Retrace},
    trace::small,
};

#[cfg(test)]
mod tests;
