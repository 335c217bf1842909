//! Streams that are read.
//!
//! A stream keeps no bytes: each read is a command, so what one stream does not
//! take another still finds. Reading a file cannot be kept waiting by anybody,
//! so a read that may not wait is one that may. Of stdin it has to be asked
//! first whether there is something; a connection or a body says so itself.
//!
//! A stream that has ended or failed is closed and lets go of its file.

use super::{
    WasiState,
    call::{ask, most_io, under_way},
    table::{Held, StreamError},
};
use crate::{
    command::{FileId, FsCommand, Interest, Interests, Reply, StdioCommand, StreamCommand, Wait},
    component::{Answer, HostCx, Trap},
};

/// A stream that is read.
#[derive(Debug)]
pub(super) struct Input(Source);

#[derive(Clone, Debug)]
enum Source {
    File {
        file: Held,
        offset: u64,
    },
    Stdin,
    /// A connection or a body.
    Stream(Held),
    Closed,
}

/// Why a stream gives, or takes, nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    Closed,
    Failed(StreamError),
}

/// What becomes of the bytes that were read.
pub(super) trait Then<T>:
    FnOnce(&mut HostCx<'_>, Result<T, Failure>) -> Result<Answer, Trap> + Send + 'static
{
}

impl<T, F> Then<T> for F where
    F: FnOnce(&mut HostCx<'_>, Result<T, Failure>) -> Result<Answer, Trap> + Send + 'static
{
}

impl Input {
    /// A file, from an offset.
    pub fn file(file: Held, offset: u64) -> Input {
        Input(Source::File { file, offset })
    }

    pub fn stdin() -> Input {
        Input(Source::Stdin)
    }

    /// A connection or a body.
    pub fn stream(held: Held) -> Input {
        Input(Source::Stream(held))
    }

    pub fn into_held(self) -> Option<Held> {
        match self.0 {
            Source::File { file: held, .. } | Source::Stream(held) => Some(held),
            Source::Stdin | Source::Closed => None,
        }
    }

    /// What reading may have to wait for.
    pub fn awaits(&self) -> Option<Interest> {
        match &self.0 {
            Source::Stdin => Some(Interest::Stdin),
            Source::Stream(held) => Some(Interest::Readable(**held)),
            Source::File { .. } | Source::Closed => None,
        }
    }
}

/// Reads from a stream. Without `wait`, there may be no bytes although it has
/// not ended.
pub(super) fn read(
    cx: &mut HostCx<'_>,
    stream: u32,
    len: u64,
    wait: bool,
    then: impl Then<Vec<u8>>,
) -> Result<Answer, Trap> {
    // What is at most a MiB fits.
    let len = len.min(most_io(cx)) as u32;
    let charge = under_way(cx, len.into());
    let then = move |cx: &mut HostCx<'_>, result| {
        let answer = then(cx, result);
        drop(charge);
        answer
    };
    match cx.state::<WasiState>().table.input(stream)?.0.clone() {
        Source::Closed => then(cx, Err(Failure::Closed)),
        _ if len == 0 => then(cx, Ok(Vec::new())),
        Source::Stdin if wait => read_stdin(stream, len, then),
        Source::Stdin => {
            // A time that has passed: the answer comes at once.
            let on = Interests::of(Interest::Stdin);
            ask(Wait::new(on.clone(), Some(0)), move |cx, reply| {
                match reply.ready_of(&on, true)?.on.contains(Interest::Stdin) {
                    true => read_stdin(stream, len, then),
                    false => then(cx, Ok(Vec::new())),
                }
            })
        }
        Source::File { file, offset } => {
            let command = FsCommand::Read { file: *file, offset, len };
            drop(file);
            ask(command, move |cx, reply| {
                let result = taken(cx, stream, len, true, reply)?;
                then(cx, result)
            })
        }
        Source::Stream(held) => read_stream(*held, stream, len, wait, then),
    }
}

/// Reads from a connection or a body.
fn read_stream(
    id: FileId,
    stream: u32,
    len: u32,
    wait: bool,
    then: impl Then<Vec<u8>>,
) -> Result<Answer, Trap> {
    ask(StreamCommand::Read { stream: id, len }, move |cx, reply| {
        if wait && reply.is_not_yet() {
            let on = Interests::of(Interest::Readable(id));
            return ask(Wait::new(on.clone(), None), move |_, reply| {
                reply.ready_of(&on, false)?;
                read_stream(id, stream, len, wait, then)
            });
        }
        let result = taken(cx, stream, len, false, reply)?;
        then(cx, result)
    })
}

fn read_stdin(stream: u32, len: u32, then: impl Then<Vec<u8>>) -> Result<Answer, Trap> {
    ask(StdioCommand::Read { len }, move |cx, reply| {
        let result = taken(cx, stream, len, false, reply)?;
        then(cx, result)
    })
}

/// Notes what a read has come to.
fn taken(
    cx: &mut HostCx<'_>,
    stream: u32,
    len: u32,
    file: bool,
    reply: Reply,
) -> Result<Result<Vec<u8>, Failure>, Trap> {
    let result = match StreamError::check(reply, file) {
        Ok(reply) => match reply.bytes_up_to(len.into())? {
            bytes if bytes.is_empty() => Err(Failure::Closed),
            bytes => Ok(bytes),
        },
        // Try again: nothing has been lost.
        Err(error) if error.is_not_yet() => Ok(Vec::new()),
        Err(error) => Err(Failure::Failed(error)),
    };
    let input = cx.state::<WasiState>().table.input(stream)?;
    match (&result, &mut input.0) {
        // A file has no bytes beyond 2^64.
        (Ok(bytes), Source::File { offset, .. }) => {
            *offset = offset.saturating_add(bytes.len() as u64);
        }
        (Ok(_), _) => {}
        (Err(_), source) => {
            let source = std::mem::replace(source, Source::Closed);
            super::io::release(cx, Input(source).into_held());
        }
    }
    Ok(result)
}
