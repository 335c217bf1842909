//! `path_*`: what is done with paths, which begin at a directory.

use super::{
    call::{Body, Params, Stop, ask, carry_out, give_u32, write},
    errno::Code,
    fd::{APPEND, FD_FLAGS, NONBLOCK, RIGHT_READ, RIGHT_WRITE, RIGHTS, SYNCHRONOUS, stat, times},
    fds::{Dir, Fd, File, PLACE},
};
use crate::{
    command::{Errno, FsCommand},
    component::{Answer, HostCx},
    imports::wasi::{
        WasiState,
        io::release,
        path::Place,
        request::{self, How},
    },
};

pub(super) const BODIES: &[(&str, Body)] = &[
    ("path-create-directory", |cx, params| {
        let fd = params.u32()?;
        carry_out(request::create_dir(place(cx, fd, params)?)?)
    }),
    ("path-filestat-get", |cx, params| {
        let (fd, follow) = (params.u32()?, follow(params)?);
        let place = place(cx, fd, params)?;
        stat(request::stat_at(place, follow), params.u32()?, params.face())
    }),
    ("path-filestat-set-times", |cx, params| {
        let (fd, follow) = (params.u32()?, follow(params)?);
        let place = place(cx, fd, params)?;
        let (accessed, modified) = times(params)?;
        carry_out(request::set_times_at(place, follow, accessed?, modified?)?)
    }),
    ("path-link", |cx, params| {
        let (fd, follow) = (params.u32()?, follow(params)?);
        let old = place(cx, fd, params)?;
        let fd = params.u32()?;
        let new = place(cx, fd, params)?;
        carry_out(request::link(old, follow, new)?)
    }),
    ("path-open", open),
    ("path-readlink", |cx, params| {
        let fd = params.u32()?;
        let place = place(cx, fd, params)?;
        let (to, len, used) = (params.u32()?, params.u32()?, params.u32()?);
        let command = FsCommand::ReadLink { dir: place.dir, path: place.path };
        ask(command, move |cx, reply| {
            let text = reply.text()?;
            if text.starts_with('/') {
                return Err(Code::PERM.into());
            }
            let mut bytes = text.into_bytes();
            bytes.truncate(len as usize);
            write(cx, to, &bytes)?;
            // At most `len`.
            give_u32(cx, used, bytes.len() as u32)
        })
    }),
    ("path-remove-directory", |cx, params| {
        let fd = params.u32()?;
        carry_out(request::remove_dir(place(cx, fd, params)?)?)
    }),
    ("path-rename", |cx, params| {
        let fd = params.u32()?;
        let old = place(cx, fd, params)?;
        let fd = params.u32()?;
        carry_out(request::rename(old, place(cx, fd, params)?)?)
    }),
    ("path-symlink", |cx, params| {
        let target = params.text(cx)?;
        let fd = params.u32()?;
        carry_out(request::symlink(target, place(cx, fd, params)?)?)
    }),
    ("path-unlink-file", |cx, params| {
        let fd = params.u32()?;
        carry_out(request::unlink(place(cx, fd, params)?)?)
    }),
];

/// The next argument, a path, which begins at the directory `fd`.
fn place(cx: &mut HostCx<'_>, fd: u32, params: &mut Params) -> Result<Place, Stop> {
    // Whether there is such a directory is asked before the path is looked at.
    cx.state::<WasiState>().fds.base(fd)?;
    let path = params.text(cx)?;
    let WasiState { mounts, fds, .. } = cx.state::<WasiState>();
    Ok(mounts.at(&fds.base(fd)?.descriptor, &path)?)
}

/// The next argument, `lookupflags`.
fn follow(params: &mut Params) -> Result<bool, Stop> {
    Ok(params.flags(1, "lookupflags")? != 0)
}

/// Bits of `oflags`.
const CREATE: u32 = 1;
const DIRECTORY: u32 = 1 << 1;
const EXCLUSIVE: u32 = 1 << 2;
const TRUNCATE: u32 = 1 << 3;

fn open(cx: &mut HostCx<'_>, params: &mut Params) -> Result<Answer, Stop> {
    let (fd, follow) = (params.u32()?, follow(params)?);
    let place = place(cx, fd, params)?;
    let bits = params.flags(CREATE | DIRECTORY | EXCLUSIVE | TRUNCATE, "oflags")?;
    let rights = params.flags64(RIGHTS, "rights")?;
    // What is opened through a directory depends on the directory only.
    params.flags64(RIGHTS, "rights")?;
    let (flags, to) = (params.flags(FD_FLAGS, "fdflags")?, params.u32()?);
    let how = How {
        follow,
        create: bits & CREATE != 0,
        directory: bits & DIRECTORY != 0,
        exclusive: bits & EXCLUSIVE != 0,
        truncate: bits & TRUNCATE != 0,
        read: rights & RIGHT_READ != 0,
        write: rights & RIGHT_WRITE != 0,
        ..How::default()
    };
    let (command, opening) = request::open(place, how)?;
    if flags & SYNCHRONOUS != 0 {
        return Err(Code::NOTSUP.into());
    }
    if !cx.state::<WasiState>().fds.has_room() {
        return Err(Code::MFILE.into());
    }
    ask(command, move |cx, reply| {
        let (id, kind) = reply.file()?;
        let descriptor = opening.done(cx, id, kind)?;
        let path = descriptor.guest.as_ref().map_or(0, |guest| guest.len() as u64);
        let Ok(charge) = cx.account().charge(PLACE.saturating_add(path)) else {
            release(cx, Some(descriptor.file));
            return Err(Errno::InsufficientMemory.into());
        };
        let fd = match descriptor.is_dir() {
            true => Fd::Dir(Dir { descriptor, preopen: None, entries: None, _charge: charge }),
            false => Fd::File(File {
                descriptor,
                position: 0,
                append: flags & APPEND != 0,
                nonblock: flags & NONBLOCK != 0,
                _charge: charge,
            }),
        };
        match cx.state::<WasiState>().fds.add(fd) {
            Ok(number) => give_u32(cx, to, number),
            Err(fd) => {
                release(cx, fd.into_held());
                Err(Code::MFILE.into())
            }
        }
    })
}
