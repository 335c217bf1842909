//! A process in execution.
//!
//! | file | what |
//! | --- | --- |
//! | `machine` | what runs it: frames, calls, instantiation |
//! | `state`, `handles`, `limits` | what a process owns |
//! | `guard` | where a panic cannot pass |
//! | `transfer`, `realloc` | values on their way between two memories |
//! | `builtins`, `host_call` | what guests call: built-ins and host functions |

pub(super) mod builtins;
pub(super) mod guard;
pub(super) mod handles;
pub(super) mod host_call;
pub(super) mod limits;
pub(super) mod machine;
pub(super) mod realloc;
pub(super) mod state;
pub(super) mod transfer;
