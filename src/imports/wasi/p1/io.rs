//! Contents: reading, writing, positions.
//!
//! All parts of a read or a write make one command, which moves at most a MiB;
//! a guest is told how much it was and goes on by itself.

use super::{
    call::{Body, Face, Params, PartList, Stop, answer, ask, give_u32, give_u64},
    errno::Code,
    fd::{check_offset, file},
    fds::{Fd, File},
};
use crate::{
    command::{Errno, FileId, FileKind, FsCommand, Reply, Stdio, StdioCommand},
    component::{Answer, HostCx},
    imports::wasi::{WasiState, call},
};

pub(super) const BODIES: &[(&str, Body)] = &[
    ("fd-read", |cx, params| {
        let (fd, parts, count) = (params.u32()?, params.parts()?, params.u32()?);
        match cx.state::<WasiState>().fds.get(fd)? {
            Fd::Stream(Stdio::Stdin) => read_stdin(cx, parts, count),
            Fd::File(File { position, .. }) => {
                let position = *position;
                read_file(cx, fd, parts, position, true, count)
            }
            Fd::Stream(Stdio::Stdout | Stdio::Stderr) | Fd::Dir(_) => Err(Code::BADF.into()),
        }
    }),
    ("fd-pread", |cx, params| {
        let (fd, parts) = (params.u32()?, params.parts()?);
        let (offset, count) = (params.u64()?, params.u32()?);
        match cx.state::<WasiState>().fds.get(fd)? {
            Fd::Stream(Stdio::Stdin) => Err(Code::SPIPE.into()),
            Fd::File(_) => read_file(cx, fd, parts, offset, false, count),
            Fd::Stream(Stdio::Stdout | Stdio::Stderr) | Fd::Dir(_) => Err(Code::BADF.into()),
        }
    }),
    ("fd-write", |cx, params| {
        let (fd, parts, count) = (params.u32()?, params.parts()?, params.u32()?);
        match cx.state::<WasiState>().fds.get(fd)? {
            Fd::Stream(Stdio::Stdin) => Err(Code::BADF.into()),
            Fd::Stream(to @ (Stdio::Stdout | Stdio::Stderr)) => {
                let to = *to;
                write_stdio(cx, to, parts, count)
            }
            Fd::File(File { position, .. }) => {
                let position = *position;
                write_file(cx, fd, parts, position, true, count)
            }
            Fd::Dir(_) => Err(Code::BADF.into()),
        }
    }),
    ("fd-pwrite", |cx, params| {
        let (fd, parts) = (params.u32()?, params.parts()?);
        let (offset, count) = (params.u64()?, params.u32()?);
        match cx.state::<WasiState>().fds.get(fd)? {
            Fd::Stream(Stdio::Stdout | Stdio::Stderr) => Err(Code::SPIPE.into()),
            Fd::File(_) => write_file(cx, fd, parts, offset, false, count),
            Fd::Stream(Stdio::Stdin) | Fd::Dir(_) => Err(Code::BADF.into()),
        }
    }),
    ("fd-seek", seek),
    ("fd-tell", |cx, params| {
        let (fd, to) = (params.u32()?, params.u32()?);
        let position = seekable(cx, fd)?.position;
        give_u64(cx, to, position)
    }),
];

fn read_stdin(cx: &mut HostCx<'_>, parts: PartList, count: u32) -> Result<Answer, Stop> {
    let parts = parts.get(cx)?;
    if parts.len == 0 {
        return give_u32(cx, count, 0);
    }
    let len = parts.len;
    ask(StdioCommand::Read { len }, move |cx, reply| {
        let bytes = bytes_of(reply, len)?;
        parts.scatter(cx, &bytes)?;
        give_u32(cx, count, bytes.len() as u32)
    })
}

fn read_file(
    cx: &mut HostCx<'_>,
    fd: u32,
    parts: PartList,
    offset: u64,
    advance: bool,
    count: u32,
) -> Result<Answer, Stop> {
    let descriptor = &file(cx, fd)?.descriptor;
    descriptor.readable()?;
    let id = *descriptor.file;
    check_offset(offset)?;
    let parts = parts.get(cx)?;
    if parts.len == 0 {
        return give_u32(cx, count, 0);
    }
    let len = parts.len;
    ask(FsCommand::Read { file: id, offset, len }, move |cx, reply| {
        let bytes = bytes_of(reply, len)?;
        if advance {
            file(cx, fd)?.position = offset.saturating_add(bytes.len() as u64);
        }
        parts.scatter(cx, &bytes)?;
        give_u32(cx, count, bytes.len() as u32)
    })
}

/// What has been read, `len` bytes at most.
fn bytes_of(reply: Reply, len: u32) -> Result<Vec<u8>, Stop> {
    Ok(reply.bytes_up_to(len.into())?)
}

fn write_stdio(
    cx: &mut HostCx<'_>,
    to: Stdio,
    parts: PartList,
    count: u32,
) -> Result<Answer, Stop> {
    let parts = parts.get(cx)?;
    if parts.len == 0 {
        return give_u32(cx, count, 0);
    }
    let bytes = parts.gather(cx)?;
    ask(StdioCommand::Write { to, bytes }, move |cx, reply| {
        drop(parts.charge);
        reply.done()?;
        give_u32(cx, count, parts.len)
    })
}

fn write_file(
    cx: &mut HostCx<'_>,
    fd: u32,
    parts: PartList,
    offset: u64,
    advance: bool,
    count: u32,
) -> Result<Answer, Stop> {
    let File { descriptor, append, .. } = file(cx, fd)?;
    descriptor.writable()?;
    let (id, append) = (*descriptor.file, *append);
    check_offset(offset)?;
    let parts = parts.get(cx)?;
    if parts.len == 0 {
        return give_u32(cx, count, 0);
    }
    let end = offset.saturating_add(parts.len.into());
    if !append && check_offset(end).is_err() {
        return Err(Errno::FileTooLarge.into());
    }
    let bytes = parts.gather(cx)?;
    // As in Linux, a file that is appended to has no other place to write.
    let place = (!append).then_some(offset);
    ask(FsCommand::Write { file: id, offset: place, bytes }, move |cx, reply| {
        drop(parts.charge);
        let written = reply.count_up_to(parts.len.into())?;
        match (advance, append) {
            (false, _) => {}
            (true, false) => file(cx, fd)?.position = offset.saturating_add(written),
            (true, true) => return arrive_at_end(fd, id, count, written as u32),
        }
        // At most as much as was given.
        give_u32(cx, count, written as u32)
    })
}

/// Goes to where a file that is appended to has been written.
fn arrive_at_end(fd: u32, id: FileId, count: u32, written: u32) -> Result<Answer, Stop> {
    let answered = call::ask(FsCommand::Stat(id), move |cx, reply| {
        // The bytes are written all the same.
        if let Ok(reply) = reply.unless_failed() {
            let size = reply.stat()?.size;
            if let Ok(file) = file(cx, fd) {
                file.position = size;
            }
        }
        answer(give_u32(cx, count, written))
    });
    Ok(answered?)
}

/// A file that has a position.
fn seekable<'a>(cx: &'a mut HostCx<'_>, fd: u32) -> Result<&'a mut File, Code> {
    match cx.state::<WasiState>().fds.get(fd)? {
        Fd::File(file) => match file.descriptor.kind {
            FileKind::Fifo | FileKind::Socket => Err(Code::SPIPE),
            FileKind::RegularFile
            | FileKind::BlockDevice
            | FileKind::CharacterDevice
            | FileKind::Directory
            | FileKind::SymbolicLink
            | FileKind::Unknown => Ok(file),
        },
        Fd::Stream(_) => Err(Code::SPIPE),
        Fd::Dir(_) => Err(Code::BADF),
    }
}

fn seek(cx: &mut HostCx<'_>, params: &mut Params) -> Result<Answer, Stop> {
    let (fd, offset) = (params.u32()?, params.u64()?.cast_signed());
    let (whence, face) = (params.case(3, "whence")?, params.face());
    let to = params.u32()?;
    let whence = match (face, whence) {
        (Face::Snapshot, whence) => whence,
        // From the position, from the end, from the beginning.
        (Face::Unstable, 0) => 1,
        (Face::Unstable, 1) => 2,
        (Face::Unstable, _) => 0,
    };
    let file = seekable(cx, fd)?;
    let (id, position) = (*file.descriptor.file, file.position);
    match whence {
        0 => arrive(cx, fd, 0, offset, to),
        1 => arrive(cx, fd, position, offset, to),
        _ => ask(FsCommand::Stat(id), move |cx, reply| {
            let size = reply.stat()?.size;
            arrive(cx, fd, size, offset, to)
        }),
    }
}

fn arrive(cx: &mut HostCx<'_>, fd: u32, base: u64, offset: i64, to: u32) -> Result<Answer, Stop> {
    let position = base.checked_add_signed(offset).ok_or(Code::INVAL)?;
    check_offset(position)?;
    file(cx, fd)?.position = position;
    give_u64(cx, to, position)
}
