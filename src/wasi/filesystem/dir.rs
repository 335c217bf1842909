//! What is done with paths: opening, making, removing, listing.

use super::{
    super::{
        WasiState,
        call::{Args, own, unexpected_reply},
        descriptor::{
            DATA_SYNC, FILE_SYNC, Listing, MUTATE_DIRECTORY, READ, REQUESTED_SYNC, Sync, WRITE,
        },
        request::{self, How},
        table::Entry,
    },
    Body, Stop, ask, carry_out,
    file::opened,
    follow, ok, place,
};
use crate::{
    component::{Answer, HostCx},
    dispatch::{DirEntry, Errno, FileCommand, Reply},
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
        let listing = cx.state::<WasiState>().table.listing(args.handle()?)?;
        ok(listing.next().map(|DirEntry { name, kind, .. }| {
            // The kinds have the order of the cases.
            Value::Record(vec![Value::case(kind as u32), name.into()])
        }))
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
        let command = FileCommand::ReadLink { dir: place.dir, path: place.path };
        ask(command, |_, reply| match reply {
            Reply::Text(text) if text.starts_with('/') => Err(Errno::NotPermitted.into()),
            Reply::Text(text) => ok(text),
            other => Err(unexpected_reply(&other).into()),
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
        return Err(Errno::InsufficientMemory.into());
    }
    ask(command, move |cx, reply| {
        let Reply::File { id, kind } = reply else { return Err(unexpected_reply(&reply).into()) };
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
        return Err(Errno::InsufficientMemory.into());
    }
    ask(FileCommand::ReadDir(file), move |cx, reply| {
        let Reply::Entries(mut entries) = reply else {
            return Err(unexpected_reply(&reply).into());
        };
        // Also for entries that nobody will ask for.
        cx.charge(entries.iter().map(|entry| entry.name.len() as u64).sum());
        let WasiState { mounts, table, .. } = cx.state::<WasiState>();
        mounts.complete(table.descriptor(base)?.guest.as_deref(), &mut entries);
        ok(own(table.add(Entry::Listing(Listing::new(entries)))?))
    })
}
