//! A process in execution.
//!
//! | file | what |
//! | --- | --- |
//! | `machine` | what runs it: frames, calls, instantiation |
//! | `task` | calls that are under way, and what each of them owns |
//! | `state`, `handles`, `limits` | what a process owns |
//! | `guard` | where a panic cannot pass |
//! | `transfer`, `realloc`, `flat` | values on their way between two memories, and as core values |
//! | `builtins`, `host_call`, `request` | what guests call: built-ins and host functions, and what these leave to do |

pub(super) mod builtins;
pub(super) mod flat;
pub(super) mod guard;
pub(super) mod handles;
pub(super) mod host_call;
pub(super) mod limits;
pub(super) mod machine;
pub(super) mod realloc;
pub(super) mod request;
pub(super) mod state;
pub(super) mod task;
pub(super) mod transfer;
