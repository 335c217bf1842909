//! WASI 0.1 (`wasi_snapshot_preview1`, and `wasi_unstable` before it), for core modules.
//!
//! A second face of what 0.2 shows: the same descriptors, mounts, clocks and
//! commands, reached by numbers instead of handles. What 0.1 adds is a table of
//! descriptors with positions, records in the guest's memory, and errors as
//! numbers.
//!
//! Where the specification leaves something open, or guests have come to rely
//! on something else, it is as in wasmtime: rights are reported and nothing
//! more, `fd_allocate` and files that write synchronously are not supported, a
//! value that does not exist traps.
//!
//! The functions take a module's numbers as they are, so their types say
//! nothing about addresses and lengths; their names in `wit/wasi/p1.wit` do.
//!
//! | file | what |
//! | --- | --- |
//! | `call`, `errno` | arguments, the guest's memory, results |
//! | `fds` | the table of descriptors |
//! | `fd`, `io`, `dir` | `fd_*`: what is known, contents, directories; sockets |
//! | `path` | `path_*` |
//! | `poll` | `poll_oneoff` |
//! | `system` | arguments, variables, clocks, random numbers, the end |

mod call;
mod dir;
mod errno;
mod fd;
mod fds;
mod io;
mod path;
mod poll;
mod system;

#[cfg(test)]
mod tests;

use self::call::{Body, Face, Params, answer};
pub(super) use self::fds::Fds;
use super::{WasiState, filesystem::directories};
use crate::{
    component::{Answer, DeclareError, HostCx, Linker, Trap},
    value::Value,
};

/// What the imports of core modules become, and what they were built for.
const INTERFACES: [(&str, Face); 2] = [
    ("wippy:core/wasi-snapshot-preview1", Face::Snapshot),
    ("wippy:core/wasi-unstable", Face::Unstable),
];

pub(super) fn bind(linker: &mut Linker) -> Result<(), DeclareError> {
    let all = [system::BODIES, fd::BODIES, io::BODIES, dir::BODIES, path::BODIES, poll::BODIES];
    for (interface, face) in INTERFACES {
        for (function, body) in all.into_iter().flatten() {
            let body = *body;
            linker.func(interface, function, move |cx, args| call(cx, body, args, face))?;
        }
    }
    Ok(())
}

/// Calls a function, the first time after the directories have been opened.
fn call(cx: &mut HostCx<'_>, body: Body, args: Vec<Value>, face: Face) -> Result<Answer, Trap> {
    if cx.state::<WasiState>().fds.is_open() {
        return answer(body(cx, &mut Params::new(args, face)));
    }
    directories(cx, move |cx, directories| {
        cx.state::<WasiState>().fds.open(directories);
        answer(body(cx, &mut Params::new(args, face)))
    })
}
