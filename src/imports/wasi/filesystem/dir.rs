//! What is done with paths: opening, making, removing, listing.

use super::{Body, Stop, ask, carry_out, file::opened, follow, ok, place};
use crate::imports::wasi::{
    WasiState,
    call::{Args, own},
    descriptor::{
        DATA_SYNC, FILE_SYNC, Listing, MUTATE_DIRECTORY, READ, REQUESTED_SYNC, Sync, WRITE, held,
    },
    io::release,
    request::{self, How},
    table::{self, Entry, Held},
};

use crate::{
    command::{DirEntry, Errno, FileId, FsCommand, Reply},
    component::{Answer, HostCx, Trap},
    value::Value,
};

/// Bits of `open-flags`.
const CREATE: u32 = 1;
const DIRECTORY: u32 = 1 << 1;
const EXCLUSIVE: u32 = 1 << 2;
const TRUNCATE: u32 = 1 << 3;

pub(super) const BODIES: &[(&str, Body)] = &[
    ("[method]descriptor.open-at", open),
    ("[method]descriptor.read-directory", list),
    ("[method]directory-entry-stream.read-directory-entry", |cx, args| {
        let listing = args.handle()?;
        next_entry(cx, listing)
    }),
    ("[method]descriptor.create-directory-at", |cx, args| {
        let base = args.handle()?;
        carry_out(request::create_dir(place(cx, base, args)?)?)
    }),
    ("[method]descriptor.remove-directory-at", |cx, args| {
        let base = args.handle()?;
        carry_out(request::remove_dir(place(cx, base, args)?)?)
    }),
    ("[method]descriptor.unlink-file-at", |cx, args| {
        let base = args.handle()?;
        carry_out(request::unlink(place(cx, base, args)?)?)
    }),
    ("[method]descriptor.rename-at", |cx, args| {
        let base = args.handle()?;
        let old = place(cx, base, args)?;
        let base = args.handle()?;
        carry_out(request::rename(old, place(cx, base, args)?)?)
    }),
    ("[method]descriptor.link-at", |cx, args| {
        let base = args.handle()?;
        let follow = follow(args)?;
        let old = place(cx, base, args)?;
        let base = args.handle()?;
        carry_out(request::link(old, follow, place(cx, base, args)?)?)
    }),
    ("[method]descriptor.symlink-at", |cx, args| {
        let base = args.handle()?;
        let target = args.string()?;
        carry_out(request::symlink(target, place(cx, base, args)?)?)
    }),
    ("[method]descriptor.readlink-at", |cx, args| {
        let base = args.handle()?;
        let place = place(cx, base, args)?;
        let command = FsCommand::ReadLink { dir: place.dir, path: place.path };
        ask(command, |_, reply| match reply.text()? {
            text if text.starts_with('/') => Err(Errno::NotPermitted.into()),
            text => ok(text),
        })
    }),
];

fn open(cx: &mut HostCx<'_>, args: &mut Args) -> Result<Answer, Stop> {
    let base = args.handle()?;
    let follow = follow(args)?;
    let place = place(cx, base, args)?;
    let (how, what) = (args.flags()?, args.flags()?);
    let sync = Sync {
        file: what & FILE_SYNC != 0,
        data: what & DATA_SYNC != 0,
        requested: what & REQUESTED_SYNC != 0,
    };
    let how = How {
        follow,
        create: how & CREATE != 0,
        directory: how & DIRECTORY != 0,
        exclusive: how & EXCLUSIVE != 0,
        truncate: how & TRUNCATE != 0,
        read: what & READ != 0,
        write: what & WRITE != 0,
        mutate: what & MUTATE_DIRECTORY != 0,
        sync,
    };
    let (command, opening) = request::open(place, how)?;
    if !cx.state::<WasiState>().table.has_room() {
        return Err(Errno::TooManyOpen.into());
    }
    ask(command, move |cx, reply| {
        let (id, kind) = reply.file()?;
        let descriptor = opening.done(cx, id, kind)?;
        opened(cx, descriptor)
    })
}

fn list(cx: &mut HostCx<'_>, args: &mut Args) -> Result<Answer, Stop> {
    let base = args.handle()?;
    let state = cx.state::<WasiState>();
    let descriptor = state.table.descriptor(base)?;
    descriptor.dir()?;
    let file = *descriptor.file;
    if !state.table.has_room() {
        return Err(Errno::TooManyOpen.into());
    }
    ask(FsCommand::OpenDir(file), move |cx, reply| {
        let (id, _) = reply.file()?;
        let WasiState { mounts, table, .. } = cx.state::<WasiState>();
        let mounts = mounts.names_in(table.descriptor(base)?.guest.as_deref());
        let listing = Listing::new(Held::file(id), mounts);
        let index = table::add(cx, Entry::Listing(listing))?;
        // Of a short one this is all, so that it needs not stay open.
        let read = read_on(index, id, 2, move |_| ok(own(index)))?;
        let Answer::Then(command, go_on) = read else { return Ok(read) };
        let go_on = move |cx: &mut HostCx<'_>, reply: Reply| {
            if let Reply::Failed(_) = reply {
                let listing = cx.state::<WasiState>().table.remove(index)?;
                release(cx, listing.into_held());
            }
            go_on(cx, reply)
        };
        Ok(Answer::Then(command, Box::new(go_on)))
    })
}

/// The next entry of a list, of which some more are read if need be.
fn next_entry(cx: &mut HostCx<'_>, index: u32) -> Result<Answer, Stop> {
    let listing = cx.state::<WasiState>().table.listing(index)?;
    if let Some(DirEntry { name, kind, .. }) = listing.next() {
        // The kinds have the order of the cases.
        return ok(Some(Value::Record(vec![Value::case(kind as u32), name.into()])));
    }
    match listing.list() {
        None => ok(Value::NONE),
        Some(list) => read_on(index, list, 1, move |cx| next_entry(cx, index)),
    }
}

/// Reads more of a list, so many times or to its end, and then goes on.
fn read_on(
    index: u32,
    list: FileId,
    times: u32,
    then: impl FnOnce(&mut HostCx<'_>) -> Result<Answer, Stop> + Send + 'static,
) -> Result<Answer, Stop> {
    ask(FsCommand::ReadDir(list), move |cx, reply| {
        let entries = reply.entries()?;
        let held = held(&entries);
        // Also for entries that nobody will ask for.
        cx.charge(held);
        let charge = cx.account().charge(held).map_err(Trap::from)?;
        let ended = cx.state::<WasiState>().table.listing(index)?.add(entries, charge);
        match (ended, times) {
            (None, 2..) => read_on(index, list, times.saturating_sub(1), then),
            (ended, _) => {
                release(cx, ended);
                then(cx)
            }
        }
    })
}
