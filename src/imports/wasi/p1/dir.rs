//! Directories: those that are open from the beginning, and listing them.

use super::{
    call::{
        Body, Params, Record, Stop, answer, ask, give_u32, read, success, write, write_aligned,
    },
    errno::Code,
    fd::number,
    fds::{Dir, Entries, Fd},
};
use crate::{
    command::{DirEntry, Errno, FileId, FileKind, FsCommand},
    component::{Answer, HostCx},
    imports::wasi::{WasiState, call, descriptor::held, io::release, table::Held},
};

pub(super) const BODIES: &[(&str, Body)] = &[
    ("fd-prestat-get", |cx, params| {
        let (fd, to) = (params.u32()?, params.u32()?);
        let path = match cx.state::<WasiState>().fds.get(fd)? {
            Fd::Dir(Dir { preopen: Some(path), .. }) => path,
            Fd::Dir(_) | Fd::File(_) | Fd::Stream(_) => return Err(Code::BADF.into()),
        };
        let len = u32::try_from(path.len()).map_err(|_| Code::OVERFLOW)?;
        // Of the kinds of things that are open from the beginning there is one, 0.
        let prestat = Record::<8>::new().set(4, len.to_le_bytes());
        write_aligned(cx, to, prestat.bytes(), 4)?;
        success()
    }),
    ("fd-prestat-dir-name", |cx, params| {
        let (fd, to, len) = (params.u32()?, params.u32()?, params.u32()?);
        let path = match cx.state::<WasiState>().fds.get(fd)? {
            Fd::Dir(Dir { preopen: Some(path), .. }) => path.clone(),
            Fd::Dir(_) => return Err(Code::NOTDIR.into()),
            Fd::File(_) | Fd::Stream(_) => return Err(Code::BADF.into()),
        };
        if path.len() as u64 > u64::from(len) {
            return Err(Code::NAMETOOLONG.into());
        }
        write(cx, to, path.as_bytes())?;
        success()
    }),
    ("fd-readdir", readdir),
];

fn readdir(cx: &mut HostCx<'_>, params: &mut Params) -> Result<Answer, Stop> {
    let (fd, to, len) = (params.u32()?, params.u32()?, params.u32()?);
    let (cookie, used) = (params.u64()?, params.u32()?);
    let Fd::Dir(dir) = cx.state::<WasiState>().fds.get(fd)? else { return Err(Code::BADF.into()) };
    if cookie != 0 && dir.entries.is_some() {
        return fill(cx, fd, to, len, cookie, used);
    }
    let file = *dir.descriptor.file;
    dir.entries = None;
    let then = move |cx: &mut HostCx<'_>| fill(cx, fd, to, len, cookie, used);
    ask(FsCommand::Stat(file), move |_, reply| {
        let stat = reply.stat()?;
        ask(FsCommand::OpenDir(file), move |cx, reply| {
            let (id, _) = reply.file()?;
            // What lies above the directory is not the guest's to know.
            let list = [".", ".."].map(|name| entry(name, stat.inode)).to_vec();
            more(id, fd, Entries { list, charge: cx.account().open() }, then)
        })
    })
}

/// Reads the rest of a list, and then goes on.
fn more(
    list: FileId,
    fd: u32,
    mut all: Entries,
    then: impl FnOnce(&mut HostCx<'_>) -> Result<Answer, Stop> + Send + 'static,
) -> Result<Answer, Stop> {
    let answered = call::ask(FsCommand::ReadDir(list), move |cx, reply| {
        let read = match reply.unless_failed() {
            Ok(reply) => all.add(cx, reply.entries()?),
            Err(errno) => Err(errno),
        };
        if let Ok(false) = read {
            return answer(more(list, fd, all, then));
        }
        release(cx, Some(Held::file(list)));
        answer(match read {
            Ok(_) => keep(cx, fd, all).and_then(|()| then(cx)),
            Err(errno) => Err(errno.into()),
        })
    });
    Ok(answered?)
}

/// The directory has been listed.
fn keep(cx: &mut HostCx<'_>, fd: u32, mut all: Entries) -> Result<(), Stop> {
    let WasiState { mounts, fds, .. } = cx.state::<WasiState>();
    let Fd::Dir(dir) = fds.get(fd)? else { return Err(Code::BADF.into()) };
    mounts.complete(dir.descriptor.guest.as_deref(), &mut all.list);
    dir.entries = Some(all);
    Ok(())
}

impl Entries {
    /// Adds entries that have been read; whether that was the end.
    fn add(&mut self, cx: &mut HostCx<'_>, entries: Vec<DirEntry>) -> Result<bool, Errno> {
        // Also for entries that nobody will ask for.
        let held = held(&entries);
        cx.charge(held);
        self.charge.add(held).map_err(|_| Errno::InsufficientMemory)?;
        let ended = entries.is_empty();
        self.list.extend(entries);
        Ok(ended)
    }
}

fn entry(name: &str, inode: u64) -> DirEntry {
    DirEntry { name: name.to_owned(), kind: FileKind::Directory, inode }
}

/// Gives entries, from the one that a cookie stands for, as far as there is room
/// for them; the last one may be cut.
fn fill(
    cx: &mut HostCx<'_>,
    fd: u32,
    to: u32,
    len: u32,
    cookie: u64,
    used: u32,
) -> Result<Answer, Stop> {
    // The whole buffer must be there, however much of it is used.
    read(cx, to, len)?;
    let Fd::Dir(Dir { entries: Some(entries), .. }) = cx.state::<WasiState>().fds.get(fd)? else {
        return Err(Code::BADF.into());
    };
    let entries = &entries.list;
    let room = len as usize;
    let first = usize::try_from(cookie).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    for (next, entry) in (cookie.saturating_add(1)..).zip(entries.iter().skip(first)) {
        if bytes.len() >= room {
            break;
        }
        let name = u32::try_from(entry.name.len()).map_err(|_| Code::OVERFLOW)?;
        let head = Record::<24>::new()
            .set(0, next.to_le_bytes())
            .set(8, entry.inode.to_le_bytes())
            .set(16, name.to_le_bytes())
            .set(20, [number(entry.kind)]);
        bytes.extend(head.bytes());
        bytes.extend(entry.name.as_bytes());
    }
    bytes.truncate(room);
    write(cx, to, &bytes)?;
    // At most as many as there is room for.
    give_u32(cx, used, bytes.len() as u32)
}
