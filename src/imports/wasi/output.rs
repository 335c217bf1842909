//! Streams that are written.
//!
//! A write is over when its bytes have been handed over, and the guest waits so
//! long. So there is never anything under way between two calls: a stream always
//! takes the same number of bytes, is always ready, and says of an operation
//! itself whether it failed.

use super::{
    WasiState,
    call::{MAX_IO, ask, misuse, under_way},
    input::{Failure, Then},
    table::{Held, StreamError},
};
use crate::{
    command::{Command, Errno, FsCommand, Reply, Stdio, StdioCommand},
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

    pub fn into_held(self) -> Option<Held> {
        match self.0 {
            Sink::File { file, .. } => Some(file),
            Sink::Stdio(_) | Sink::Closed => None,
        }
    }

    /// How much may be written.
    pub fn budget(&self) -> Result<u64, Failure> {
        match self.0 {
            Sink::Closed => Err(Failure::Closed),
            Sink::File { .. } | Sink::Stdio(_) => Ok(BUDGET),
        }
    }
}

/// Writes all bytes to a stream.
pub(super) fn write(
    cx: &mut HostCx<'_>,
    stream: u32,
    bytes: Vec<u8>,
    then: impl Then<()>,
) -> Result<Answer, Trap> {
    let output = cx.state::<WasiState>().table.output(stream)?;
    if bytes.len() as u64 > BUDGET {
        return Err(misuse(format!(
            "a write of {} bytes, where `check-write` allows {BUDGET}",
            bytes.len()
        )));
    }
    let len = bytes.len() as u64;
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
        (Sink::Stdio(_), _) => Failure::Failed(StreamError { errno, file: false }),
        (Sink::File { .. } | Sink::Closed, _) => Failure::Failed(StreamError { errno, file: true }),
    };
    super::io::release(cx, Output(sink).into_held());
    Ok(failure)
}
