//! `wasi:filesystem`: files, directories, and those that are open from the
//! beginning.
//!
//! A function first refuses what its descriptor was not opened for, then makes a
//! command. What may change something asks the [`Place`](super::path::Place) that
//! it would change, because that may lie in another mount than the descriptor.

mod dir;
mod file;
mod meta;
mod preopens;

pub(super) use self::preopens::directories;

use super::{
    WasiState,
    call::Args,
    descriptor::Descriptor,
    path::Place,
    stop::{self, Told, answer, done, ok},
};
use crate::{
    command::{Command, Errno, FsCommand, Reply},
    component::{Answer, DeclareError, HostCx, Linker},
    value::Value,
};

const TYPES: &str = "wasi:filesystem/types";

pub(super) fn bind(linker: &mut Linker) -> Result<(), DeclareError> {
    for bodies in [file::BODIES, dir::BODIES, meta::BODIES] {
        for (function, body) in bodies {
            let body = *body;
            linker.func(TYPES, function, move |cx, args| answer(body(cx, &mut Args::new(args))))?;
        }
    }
    super::call::bind(linker, TYPES, meta::PLAIN)?;
    super::call::bind(linker, "wasi:filesystem/preopens", preopens::BODIES)?;
    linker.resource_dtor(TYPES, "descriptor", super::io::discard)?;
    linker.resource_dtor(TYPES, "directory-entry-stream", super::io::discard)
}

type Stop = stop::Stop<Errno>;

impl Told for Errno {
    fn result(self) -> Value {
        Value::err(Some(error_code(self)))
    }
}

/// A function whose failures are `error-code`s.
type Body = fn(&mut HostCx<'_>, &mut Args) -> Result<Answer, Stop>;

/// As `error-code`: [`Errno`] has the same cases in the same order, and one more.
pub(super) fn error_code(errno: Errno) -> Value {
    // A process has its share of open files.
    let errno = if errno == Errno::TooManyOpen { Errno::Quota } else { errno };
    Value::case(errno as u32)
}

/// Goes on with the reply, unless the command has failed.
fn ask(
    command: FsCommand,
    then: impl FnOnce(&mut HostCx<'_>, Reply) -> Result<Answer, Stop> + Send + 'static,
) -> Result<Answer, Stop> {
    let then = move |cx: &mut HostCx<'_>, reply: Reply| {
        answer(match reply.unless_failed() {
            Ok(reply) => then(cx, reply),
            Err(errno) => Err(Stop::Told(errno)),
        })
    };
    Ok(Answer::Then(Command::Fs(command), Box::new(then)))
}

/// The function's result is that the command has been carried out.
fn carry_out(command: FsCommand) -> Result<Answer, Stop> {
    ask(command, |_, reply| {
        reply.done()?;
        done()
    })
}

/// The next argument, a descriptor.
fn descriptor<'a>(cx: &'a mut HostCx<'_>, args: &mut Args) -> Result<&'a Descriptor, Stop> {
    Ok(cx.state::<WasiState>().table.descriptor(args.handle()?)?)
}

/// The next argument, a path, which begins at the directory `base`.
fn place(cx: &mut HostCx<'_>, base: u32, args: &mut Args) -> Result<Place, Stop> {
    let path = args.string()?;
    let state = cx.state::<WasiState>();
    Ok(state.mounts.at(state.table.descriptor(base)?, &path)?)
}

/// The next argument, `path-flags`.
fn follow(args: &mut Args) -> Result<bool, Stop> {
    Ok(args.flags()? & 1 != 0)
}
