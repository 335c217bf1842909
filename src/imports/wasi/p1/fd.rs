//! `fd_*` but for contents: numbers, flags, rights, sizes and times; and the
//! sockets that nobody has.

use super::{
    call::{Body, Face, Params, Record, Stop, ask, carry_out, success, write_aligned},
    errno::Code,
    fds::{Fd, File},
};
use crate::{
    command::{Advice, FileKind, FsCommand, NewTime, Reply, Stat, Stdio, StdioCommand},
    component::{Answer, HostCx},
    imports::wasi::{WasiState, descriptor::Descriptor, io::release, request},
};

/// Bits of `fdflags`.
pub(super) const APPEND: u32 = 1;
const DSYNC: u32 = 1 << 1;
pub(super) const NONBLOCK: u32 = 1 << 2;
const RSYNC: u32 = 1 << 3;
const SYNC: u32 = 1 << 4;
pub(super) const FD_FLAGS: u32 = APPEND | NONBLOCK | SYNCHRONOUS;
/// Those of files that are written synchronously.
pub(super) const SYNCHRONOUS: u32 = DSYNC | RSYNC | SYNC;

/// Bits of `rights`.
pub(super) const RIGHTS: u64 = 0x3fff_ffff;
pub(super) const RIGHT_READ: u64 = 1 << 1;
pub(super) const RIGHT_WRITE: u64 = 1 << 6;
const RIGHT_READDIR: u64 = 1 << 14;
/// What makes sense for a directory, as engines agree on it, and for what is
/// opened in one that is open from the beginning.
const RIGHTS_PREOPEN: u64 = 0x07b7_fe00;
const RIGHTS_IN_PREOPEN: u64 = 0x0ff7_ffff;
/// Not positions, sizes and contents.
const RIGHTS_DIR: u64 = 0x3fb7_ffbb;

pub(super) const BODIES: &[(&str, Body)] = &[
    ("fd-advise", |cx, params| {
        let (fd, offset, len) = (params.u32()?, params.u64()?, params.u64()?);
        let advice = match params.case(6, "advice")? {
            0 => Advice::Normal,
            1 => Advice::Sequential,
            2 => Advice::Random,
            3 => Advice::WillNeed,
            4 => Advice::DontNeed,
            _ => Advice::NoReuse,
        };
        let file = *file(cx, fd)?.descriptor.file;
        carry_out(FsCommand::Advise { file, offset, len, advice })
    }),
    ("fd-allocate", |cx, params| {
        file(cx, params.u32()?)?;
        Err(Code::NOTSUP.into())
    }),
    ("fd-close", |cx, params| {
        let closed = cx.state::<WasiState>().fds.remove(params.u32()?)?;
        release(cx, closed.into_held());
        success()
    }),
    ("fd-datasync", |cx, params| sync(cx, params, true)),
    ("fd-sync", |cx, params| sync(cx, params, false)),
    ("fd-fdstat-get", fdstat),
    ("fd-fdstat-set-flags", |cx, params| {
        let (fd, flags) = (params.u32()?, params.flags(FD_FLAGS, "fdflags")?);
        let file = file(cx, fd)?;
        if flags & SYNCHRONOUS != 0 {
            return Err(Code::INVAL.into());
        }
        file.append = flags & APPEND != 0;
        file.nonblock = flags & NONBLOCK != 0;
        success()
    }),
    ("fd-fdstat-set-rights", |cx, params| {
        let fd = params.u32()?;
        params.flags64(RIGHTS, "rights")?;
        params.flags64(RIGHTS, "rights")?;
        cx.state::<WasiState>().fds.get(fd)?;
        Err(Code::NOTSUP.into())
    }),
    ("fd-filestat-get", |cx, params| {
        let (fd, to, face) = (params.u32()?, params.u32()?, params.face());
        match cx.state::<WasiState>().fds.get(fd)? {
            Fd::Stream(stream) => ask(StdioCommand::IsTerminal(*stream), move |cx, reply| {
                // It has a kind and nothing else.
                let stat = Record::<64>::new().set(16, [terminal(reply)?]);
                write_aligned(cx, to, of_face(&stat, face), 8)?;
                success()
            }),
            Fd::File(File { descriptor, .. }) => stat(FsCommand::Stat(*descriptor.file), to, face),
            Fd::Dir(dir) => stat(FsCommand::Stat(*dir.descriptor.file), to, face),
        }
    }),
    ("fd-filestat-set-size", |cx, params| {
        let (fd, size) = (params.u32()?, params.u64()?);
        let command = request::set_size(&file(cx, fd)?.descriptor, size)?;
        check_offset(size)?;
        carry_out(command)
    }),
    ("fd-filestat-set-times", |cx, params| {
        let fd = params.u32()?;
        let (accessed, modified) = times(params)?;
        let descriptor = cx.state::<WasiState>().fds.descriptor(fd)?;
        carry_out(request::set_times(descriptor, accessed?, modified?)?)
    }),
    ("fd-renumber", |cx, params| {
        let (from, to) = (params.u32()?, params.u32()?);
        let closed = cx.state::<WasiState>().fds.renumber(from, to)?;
        release(cx, closed.and_then(Fd::into_held));
        success()
    }),
    ("sock-accept", |cx, params| {
        let fd = params.u32()?;
        params.flags(FD_FLAGS, "fdflags")?;
        no_socket(cx, fd)
    }),
    ("sock-recv", |cx, params| {
        let fd = params.u32()?;
        params.parts()?;
        params.flags(3, "riflags")?;
        no_socket(cx, fd)
    }),
    ("sock-send", |cx, params| no_socket(cx, params.u32()?)),
    ("sock-shutdown", |cx, params| {
        let fd = params.u32()?;
        params.flags(3, "sdflags")?;
        no_socket(cx, fd)
    }),
];

pub(super) fn file<'a>(cx: &'a mut HostCx<'_>, fd: u32) -> Result<&'a mut File, Code> {
    cx.state::<WasiState>().fds.file(fd)
}

fn no_socket(cx: &mut HostCx<'_>, fd: u32) -> Result<Answer, Stop> {
    cx.state::<WasiState>().fds.get(fd)?;
    Err(Code::NOTSOCK.into())
}

fn sync(cx: &mut HostCx<'_>, params: &mut Params, data_only: bool) -> Result<Answer, Stop> {
    match request::sync(&file(cx, params.u32()?)?.descriptor, data_only) {
        Some(command) => carry_out(command),
        None => success(),
    }
}

/// No file reaches beyond 2^63, and no offset does.
pub(super) fn check_offset(offset: u64) -> Result<(), Code> {
    match i64::try_from(offset) {
        Ok(_) => Ok(()),
        Err(_) => Err(Code::INVAL),
    }
}

fn fdstat(cx: &mut HostCx<'_>, params: &mut Params) -> Result<Answer, Stop> {
    let (fd, to) = (params.u32()?, params.u32()?);
    match cx.state::<WasiState>().fds.get(fd)? {
        Fd::Stream(stream) => {
            let right = match stream {
                Stdio::Stdin => RIGHT_READ,
                Stdio::Stdout | Stdio::Stderr => RIGHT_WRITE,
            };
            ask(StdioCommand::IsTerminal(*stream), move |cx, reply| {
                give_fdstat(cx, to, terminal(reply)?, 0, right, right)
            })
        }
        Fd::File(File { descriptor, append, nonblock, .. }) => {
            let bit = |on: bool, bit: u64| if on { bit } else { 0 };
            let Descriptor { kind, read, write, .. } = *descriptor;
            let reading = RIGHT_READ | RIGHT_READDIR;
            let rights = RIGHTS & !bit(!read, reading) & !bit(!write, RIGHT_WRITE);
            let flags = bit(*append, APPEND.into()) | bit(*nonblock, NONBLOCK.into());
            // Two low bits.
            give_fdstat(cx, to, number(kind), flags as u16, rights, rights)
        }
        Fd::Dir(dir) => {
            let (base, inheriting) = match dir.preopen {
                Some(_) => (RIGHTS_PREOPEN, RIGHTS_IN_PREOPEN),
                None => (RIGHTS_DIR, RIGHTS_DIR),
            };
            give_fdstat(cx, to, number(FileKind::Directory), 0, base, inheriting)
        }
    }
}

fn give_fdstat(
    cx: &mut HostCx<'_>,
    to: u32,
    kind: u8,
    flags: u16,
    base: u64,
    inheriting: u64,
) -> Result<Answer, Stop> {
    let stat = Record::<24>::new()
        .set(0, [kind])
        .set(2, flags.to_le_bytes())
        .set(8, base.to_le_bytes())
        .set(16, inheriting.to_le_bytes());
    write_aligned(cx, to, stat.bytes(), 8)?;
    success()
}

/// The kind of a standard stream: a terminal is a character device.
fn terminal(reply: Reply) -> Result<u8, Stop> {
    let kind = if reply.truth()? { FileKind::CharacterDevice } else { FileKind::Unknown };
    Ok(number(kind))
}

/// A kind as `filetype`.
pub(super) fn number(kind: FileKind) -> u8 {
    match kind {
        // 0.1 has no pipes.
        FileKind::Unknown | FileKind::Fifo => 0,
        FileKind::BlockDevice => 1,
        FileKind::CharacterDevice => 2,
        FileKind::Directory => 3,
        FileKind::RegularFile => 4,
        FileKind::Socket => 6,
        FileKind::SymbolicLink => 7,
    }
}

/// Gives what is known of a file.
pub(super) fn stat(command: FsCommand, to: u32, face: Face) -> Result<Answer, Stop> {
    ask(command, move |cx, reply| {
        let stat = reply.stat()?;
        let Stat { kind, device, inode, links, size, accessed, modified, changed } = stat;
        let time = |time: Option<u64>| time.unwrap_or_default().to_le_bytes();
        let head = Record::<64>::new()
            .set(0, device.to_le_bytes())
            .set(8, inode.to_le_bytes())
            .set(16, [number(kind)]);
        let (head, rest) = match face {
            Face::Snapshot => (head.set(24, links.to_le_bytes()), 32),
            // Half as wide, and so the rest is nearer.
            Face::Unstable => {
                let links = u32::try_from(links).unwrap_or(u32::MAX);
                (head.set(20, links.to_le_bytes()), 24)
            }
        };
        let stat = [size.to_le_bytes(), time(accessed), time(modified), time(changed)]
            .into_iter()
            .zip((rest..).step_by(8))
            .fold(head, |stat, (field, at)| stat.set(at, field));
        write_aligned(cx, to, of_face(&stat, face), 8)?;
        success()
    })
}

/// The bytes of a `filestat`, which was shorter in the beginning.
fn of_face(stat: &Record<64>, face: Face) -> &[u8] {
    match face {
        Face::Snapshot => stat.bytes(),
        Face::Unstable => stat.bytes().get(..56).unwrap_or_default(),
    }
}

/// The next arguments, two times and `fstflags`. That both kinds of a time are
/// asked for is an error that comes after others.
#[allow(clippy::type_complexity)]
pub(super) fn times(
    params: &mut Params,
) -> Result<(Result<NewTime, Code>, Result<NewTime, Code>), Stop> {
    let (accessed, modified) = (params.u64()?, params.u64()?);
    let flags = params.flags(15, "fstflags")?;
    let time = |time: u64, flags: u32| match (flags & 1 != 0, flags & 2 != 0) {
        (false, false) => Ok(NewTime::Keep),
        (true, false) => Ok(NewTime::At(time)),
        (false, true) => Ok(NewTime::Now),
        (true, true) => Err(Code::INVAL),
    };
    Ok((time(accessed, flags), time(modified, flags >> 2)))
}
