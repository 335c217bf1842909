//! Streams that are written.
//!
//! A write is over when its bytes have been handed over, and the guest waits so
//! long. So there is never anything under way between two calls: a stream always
//! takes the same number of bytes, is always ready, and says of an operation
//! itself whether it failed.

use std::cmp::Ordering;

use super::{
    WasiState,
    call::{MAX_IO, ask, misuse, under_way, unexpected_reply},
    input::{Failure, Then},
    table::{Held, StreamError},
};
use crate::{
    command::{Command, Errno, FileCommand, Reply, Stdio},
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
            let command = Command::WriteStdio { to: *to, bytes };
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
    let command = FileCommand::Write { file: **file, offset: *offset, bytes: bytes.clone() };
    let charge = under_way(cx, len as u64);
    ask(Command::File(command), move |cx, reply| {
        drop(charge);
        let count = match reply {
            // So it would go on for ever.
            Reply::Count(0) => return failed(cx, stream, Errno::Io, then),
            Reply::Count(count) => usize::try_from(count).unwrap_or(usize::MAX),
            Reply::Failed(errno) => return failed(cx, stream, errno, then),
            other => return Err(unexpected_reply(&other)),
        };
        let output = cx.state::<WasiState>().table.output(stream)?;
        if let Sink::File { offset: Some(offset), .. } = &mut output.0 {
            *offset = offset.saturating_add(count as u64);
        }
        match count.cmp(&len) {
            Ordering::Less => {
                bytes.drain(..count);
                write_file(cx, stream, bytes, then)
            }
            Ordering::Equal => then(cx, Ok(())),
            Ordering::Greater => Err(unexpected_reply(&Reply::Count(count as u64))),
        }
    })
}

fn failed(
    cx: &mut HostCx<'_>,
    stream: u32,
    errno: Errno,
    then: impl Then<()>,
) -> Result<Answer, Trap> {
    let result = given(cx, stream, Reply::Failed(errno))?;
    then(cx, result)
}

/// Waits until what was written is out.
pub(super) fn flush(cx: &mut HostCx<'_>, stream: u32, then: impl Then<()>) -> Result<Answer, Trap> {
    match &cx.state::<WasiState>().table.output(stream)?.0 {
        Sink::Closed => then(cx, Err(Failure::Closed)),
        // A file's bytes are where every reader sees them. That they are on the
        // disk is what `sync` is for.
        Sink::File { .. } => then(cx, Ok(())),
        Sink::Stdio(to) => ask(Command::FlushStdio(*to), move |cx, reply| {
            let result = given(cx, stream, reply)?;
            then(cx, result)
        }),
    }
}

/// Notes what an operation has come to. A stream that has failed is closed and
/// lets go of its file.
fn given(cx: &mut HostCx<'_>, stream: u32, reply: Reply) -> Result<Result<(), Failure>, Trap> {
    let errno = match reply {
        Reply::Failed(errno) => errno,
        Reply::Done => return Ok(Ok(())),
        other => return Err(unexpected_reply(&other)),
    };
    let output = cx.state::<WasiState>().table.output(stream)?;
    let sink = std::mem::replace(&mut output.0, Sink::Closed);
    let failure = match (&sink, errno) {
        // Nobody reads any more: that is an end, and no failure.
        (Sink::Stdio(_), Errno::Pipe) => Failure::Closed,
        (Sink::Stdio(_), _) => Failure::Failed(StreamError { errno, file: false }),
        (Sink::File { .. } | Sink::Closed, _) => Failure::Failed(StreamError { errno, file: true }),
    };
    super::io::release(cx, Output(sink).into_held());
    Ok(Err(failure))
}
