//! What a process begins with, and the errors that it ends with.

use super::{Coded, DecodeError, Problem, Reader, Writer, coded_enum, coded_struct};
#[cfg(test)]
use crate::command::codec::tests::Random;
use crate::{
    command::Identity,
    component::TrapKind,
    imports::wasi::{Preopen, WasiConfig},
    process::{Args, Call, Cause, Error, Limits, StartData},
};

coded_struct! { StartData { call, identity, wasi, request, limits, context } }

coded_struct! { Call { method, args } }

coded_enum! { Args {
    0 = Values(values);
    1 = Terms(terms);
} }

coded_struct! { Identity { pid, host, entry } }

coded_struct! { WasiConfig { args, env, cwd, preopens } }

coded_struct! { Preopen { guest, dir, read_only } }

coded_struct! { Limits { max_memory, max_fuel } }

coded_struct! { Error { kind, cause, message, retryable, details, frames, depth } }

coded_enum! { Cause {
    0 = Trap(kind);
    1 = Exit(code);
    2 = Timeout;
    3 = Cancel;
    4 = Program;
    5 = Link;
    6 = Engine;
    7 = Usage;
} }

coded_enum! { TrapKind {
    0 = Core;
    1 = Canonical;
    2 = Denied;
    3 = Host;
    4 = Limit;
    5 = Crowded;
    6 = Unsupported;
    7 = Engine;
    8 = Invalid;
    9 = Exit(code);
} }
