//! Streams that are written.
//!
//! A write is over when its bytes have been handed over, and the guest waits so
//! long. So there is never anything under way between two calls: a stream says of an
//! operation itself whether it failed. A file or a standard stream always takes the
//! same number of bytes and is always ready. A connection or a body takes what the
//! outside world has room for, and a guest that does not wait for that may write no
//! more than `check-write` has allowed.

use super::{
    WasiState,
    call::{MAX_IO, ask, misuse, under_way},
    input::{Failure, Then},
    table::{Held, StreamError},
};
use crate::{
    command::{
        Command, Errno, FsCommand, Interest, Interests, Reply, Stdio, StdioCommand, StreamCommand,
        Wait,
    },
    component::{Answer, HostCx, Trap},
};

/// Bytes that one write may have.
pub(super) const BUDGET: u64 = MAX_IO;

/// A stream that is written.
#[derive(Debug)]
pub(super) struct Output(Sink);

#[derive(Clone, Debug)]
enum Sink {
    /// Without an offset, each write goes to the end.
    File {
        file: Held,
        offset: Option<u64>,
    },
    Stdio(Stdio),
    /// A connection or a body.
    Stream {
        held: Held,
        /// What `check-write` has allowed.
        allowed: u64,
    },
    Closed,
}

impl Output {
    /// A file, from an offset.
    pub fn file(file: Held, offset: u64) -> Output {
        Output(Sink::File { file, offset: Some(offset) })
    }

    /// A file, at its end.
    pub fn append(file: Held) -> Output {
        Output(Sink::File { file, offset: None })
    }

    /// Stdout or stderr.
    pub fn stdio(stdio: Stdio) -> Output {
        Output(Sink::Stdio(stdio))
    }

    /// A connection or a body.
    pub fn stream(held: Held) -> Output {
        Output(Sink::Stream { held, allowed: 0 })
    }

    pub fn into_held(self) -> Option<Held> {
        match self.0 {
            Sink::File { file: held, .. } | Sink::Stream { held, .. } => Some(held),
            Sink::Stdio(_) | Sink::Closed => None,
        }
    }

    /// What writing may have to wait for.
    pub fn awaits(&self) -> Option<Interest> {
        match &self.0 {
            Sink::Stream { held, .. } => Some(Interest::Writable(**held)),
            Sink::File { .. } | Sink::Stdio(_) | Sink::Closed => None,
        }
    }
}

/// How much may be written now.
pub(super) fn budget(
    cx: &mut HostCx<'_>,
    stream: u32,
    then: impl Then<u64>,
) -> Result<Answer, Trap> {
    match &cx.state::<WasiState>().table.output(stream)?.0 {
        Sink::Closed => then(cx, Err(Failure::Closed)),
        Sink::File { .. } | Sink::Stdio(_) => then(cx, Ok(BUDGET)),
        Sink::Stream { held, .. } => ask(StreamCommand::Room(**held), move |cx, reply| {
            let room = match counted(reply, u64::MAX)? {
                Ok(room) => room.min(BUDGET),
                Err(Unwritten::NotYet) => 0,
                Err(Unwritten::Failed(failure)) => {
                    close(cx, stream)?;
                    return then(cx, Err(failure));
                }
            };
            if let Sink::Stream { allowed, .. } =
                &mut cx.state::<WasiState>().table.output(stream)?.0
            {
                *allowed = room;
            }
            then(cx, Ok(room))
        }),
    }
}

/// Why bytes have not been written to a connection or a body.
enum Unwritten {
    NotYet,
    Failed(Failure),
}

/// What a command about a connection or a body has come to.
fn counted(reply: Reply, most: u64) -> Result<Result<u64, Unwritten>, Trap> {
    match StreamError::check(reply, false) {
        Ok(reply) => Ok(Ok(reply.count_up_to(most)?)),
        Err(error) if error.is_not_yet() => Ok(Err(Unwritten::NotYet)),
        // Nobody reads any more: that is an end, and no failure.
        Err(StreamError { errno: Errno::Pipe, .. }) => Ok(Err(Unwritten::Failed(Failure::Closed))),
        Err(error) => Ok(Err(Unwritten::Failed(Failure::Failed(error)))),
    }
}

/// Writes all bytes to a connection or a body, and waits where that is needed.
fn write_stream(
    cx: &mut HostCx<'_>,
    stream: u32,
    mut bytes: Vec<u8>,
    then: impl Then<()>,
) -> Result<Answer, Trap> {
    let Sink::Stream { held, .. } = &cx.state::<WasiState>().table.output(stream)?.0 else {
        return then(cx, Err(Failure::Closed));
    };
    let (id, len, posted) = (**held, bytes.len() as u64, held.is_sent_later());
    let charge = under_way(cx, len);
    // The bytes are kept, because a part of them only may be taken.
    ask(StreamCommand::Write { stream: id, bytes: bytes.clone() }, move |cx, reply| {
        drop(charge);
        match counted(reply, len)? {
            Ok(count) => {
                if posted {
                    cx.send(StreamCommand::Flush(id).into());
                }
                // At most as many as there are.
                bytes.drain(..count as usize);
                if bytes.is_empty() {
                    return then(cx, Ok(()));
                }
            }
            Err(Unwritten::NotYet) => {}
            Err(Unwritten::Failed(failure)) => {
                close(cx, stream)?;
                return then(cx, Err(failure));
            }
        }
        let charge = under_way(cx, bytes.len() as u64);
        let on = Interests::of(Interest::Writable(id));
        ask(Wait::new(on.clone(), None), move |cx, reply| {
            drop(charge);
            reply.ready_of(&on, false)?;
            write_stream(cx, stream, bytes, then)
        })
    })
}

/// A stream that takes nothing any more is closed and lets go of what it held.
fn close(cx: &mut HostCx<'_>, stream: u32) -> Result<(), Trap> {
    let output = cx.state::<WasiState>().table.output(stream)?;
    let sink = std::mem::replace(&mut output.0, Sink::Closed);
    super::io::release(cx, Output(sink).into_held());
    Ok(())
}

/// Writes all bytes to a stream, at most as many as `check-write` has allowed.
pub(super) fn write(
    cx: &mut HostCx<'_>,
    stream: u32,
    bytes: Vec<u8>,
    then: impl Then<()>,
) -> Result<Answer, Trap> {
    let len = bytes.len() as u64;
    let output = cx.state::<WasiState>().table.output(stream)?;
    let allowed = match &mut output.0 {
        Sink::Stream { allowed, .. } => {
            let before = *allowed;
            *allowed = before.saturating_sub(len);
            before
        }
        Sink::File { .. } | Sink::Stdio(_) | Sink::Closed => BUDGET,
    };
    if len > allowed {
        return Err(misuse(format!(
            "a write of {len} bytes, where `check-write` allows {allowed}"
        )));
    }
    write_all(cx, stream, bytes, then)
}

/// Writes all bytes to a stream, and waits where that is needed.
pub(super) fn write_all(
    cx: &mut HostCx<'_>,
    stream: u32,
    bytes: Vec<u8>,
    then: impl Then<()>,
) -> Result<Answer, Trap> {
    let len = bytes.len() as u64;
    let output = cx.state::<WasiState>().table.output(stream)?;
    match &output.0 {
        Sink::Closed => then(cx, Err(Failure::Closed)),
        _ if bytes.is_empty() => then(cx, Ok(())),
        Sink::Stdio(to) => {
            let command = Command::Stdio(StdioCommand::Write { to: *to, bytes });
            ask(command, move |cx, reply| {
                let result = given(cx, stream, reply)?;
                then(cx, result)
            })
        }
        Sink::File { offset: Some(offset), .. } if offset.checked_add(len).is_none() => {
            failed(cx, stream, Errno::FileTooLarge, then)
        }
        Sink::File { .. } => write_file(cx, stream, bytes, then),
        Sink::Stream { .. } => write_stream(cx, stream, bytes, then),
    }
}

/// Writes all bytes to the file of a stream, in as many pieces as it takes.
fn write_file(
    cx: &mut HostCx<'_>,
    stream: u32,
    mut bytes: Vec<u8>,
    then: impl Then<()>,
) -> Result<Answer, Trap> {
    let output = cx.state::<WasiState>().table.output(stream)?;
    let Sink::File { file, offset } = &output.0 else { return then(cx, Err(Failure::Closed)) };
    let len = bytes.len();
    // The bytes are kept, because a file may take a part of them only.
    let command = FsCommand::Write { file: **file, offset: *offset, bytes: bytes.clone() };
    let charge = under_way(cx, len as u64);
    ask(command, move |cx, reply| {
        drop(charge);
        let count = match reply.unless_failed() {
            Ok(reply) => reply.count_up_to(len as u64)?,
            Err(errno) => return failed(cx, stream, errno, then),
        };
        if count == 0 {
            // So it would go on for ever.
            return failed(cx, stream, Errno::Io, then);
        }
        let output = cx.state::<WasiState>().table.output(stream)?;
        if let Sink::File { offset: Some(offset), .. } = &mut output.0 {
            *offset = offset.saturating_add(count);
        }
        // At most as many as there are.
        bytes.drain(..count as usize);
        match bytes.is_empty() {
            true => then(cx, Ok(())),
            false => write_file(cx, stream, bytes, then),
        }
    })
}

fn failed(
    cx: &mut HostCx<'_>,
    stream: u32,
    errno: Errno,
    then: impl Then<()>,
) -> Result<Answer, Trap> {
    let failure = fail(cx, stream, errno)?;
    then(cx, Err(failure))
}

/// Waits until what was written is out.
pub(super) fn flush(cx: &mut HostCx<'_>, stream: u32, then: impl Then<()>) -> Result<Answer, Trap> {
    match &cx.state::<WasiState>().table.output(stream)?.0 {
        Sink::Closed => then(cx, Err(Failure::Closed)),
        // A file's bytes are where every reader sees them. That they are on the
        // disk is what `sync` is for.
        Sink::File { .. } => then(cx, Ok(())),
        // What has been written is on its way as soon as somebody takes it, which may be
        // after the guest has gone on. So all that is to be told is a failure.
        Sink::Stream { held, .. } => {
            ask(StreamCommand::Room(**held), move |cx, reply| match counted(reply, u64::MAX)? {
                Ok(_) | Err(Unwritten::NotYet) => then(cx, Ok(())),
                Err(Unwritten::Failed(failure)) => {
                    close(cx, stream)?;
                    then(cx, Err(failure))
                }
            })
        }
        Sink::Stdio(to) => ask(StdioCommand::Flush(*to), move |cx, reply| {
            let result = given(cx, stream, reply)?;
            then(cx, result)
        }),
    }
}

/// Notes what an operation has come to.
fn given(cx: &mut HostCx<'_>, stream: u32, reply: Reply) -> Result<Result<(), Failure>, Trap> {
    match reply.unless_failed() {
        Ok(reply) => Ok(Ok(reply.done()?)),
        Err(errno) => Ok(Err(fail(cx, stream, errno)?)),
    }
}

/// A stream that has failed is closed and lets go of its file.
fn fail(cx: &mut HostCx<'_>, stream: u32, errno: Errno) -> Result<Failure, Trap> {
    let output = cx.state::<WasiState>().table.output(stream)?;
    let sink = std::mem::replace(&mut output.0, Sink::Closed);
    let failure = match (&sink, errno) {
        // Nobody reads any more: that is an end, and no failure.
        (Sink::Stdio(_), Errno::Pipe) => Failure::Closed,
        (Sink::Stdio(_) | Sink::Stream { .. }, _) => {
            Failure::Failed(StreamError::new(errno, false))
        }
        (Sink::File { .. } | Sink::Closed, _) => Failure::Failed(StreamError::new(errno, true)),
    };
    super::io::release(cx, Output(sink).into_held());
    Ok(failure)
}
