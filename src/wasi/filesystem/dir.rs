//! What is done with paths: opening, making, removing, listing.

use std::sync::Arc;

use super::{
    super::{
        WasiState,
        call::{Args, own, unexpected_reply},
        descriptor::{
            DATA_SYNC, Descriptor, FILE_SYNC, Listing, MUTATE_DIRECTORY, READ, REQUESTED_SYNC,
            Sync, WRITE,
        },
        table::Entry,
    },
    Body, Stop, ask, carry_out,
    file::opened,
    follow, ok, place,
};
use crate::{
    component::{Answer, HostCx},
    dispatch::{Command, DirEntry, Errno, FileCommand, FileKind, OpenFlags, Reply},
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
        let place = place(cx, base, args)?;
        place.creatable()?;
        carry_out(FileCommand::CreateDir { dir: place.dir, path: place.path })
    }),
    ("[method]descriptor.remove-directory-at", |cx, args| {
        let base = args.handle()?;
        let place = place(cx, base, args)?;
        place.removable()?;
        carry_out(FileCommand::RemoveDir { dir: place.dir, path: place.path })
    }),
    ("[method]descriptor.unlink-file-at", |cx, args| {
        let base = args.handle()?;
        let place = place(cx, base, args)?;
        place.removable()?;
        carry_out(FileCommand::Unlink { dir: place.dir, path: place.path })
    }),
    ("[method]descriptor.rename-at", |cx, args| {
        let base = args.handle()?;
        let old = place(cx, base, args)?;
        let base = args.handle()?;
        let new = place(cx, base, args)?;
        old.removable()?;
        new.removable()?;
        let (dir, path, to_dir, to_path) = (old.dir, old.path, new.dir, new.path);
        carry_out(FileCommand::Rename { dir, path, to_dir, to_path })
    }),
    ("[method]descriptor.link-at", |cx, args| {
        let base = args.handle()?;
        let follow = follow(args)?;
        let old = place(cx, base, args)?;
        let base = args.handle()?;
        let new = place(cx, base, args)?;
        // A second name would be a way to change the file.
        old.changeable()?;
        new.creatable()?;
        let (dir, path, to_dir, to_path) = (old.dir, old.path, new.dir, new.path);
        carry_out(FileCommand::Link { dir, path, follow, to_dir, to_path })
    }),
    ("[method]descriptor.symlink-at", |cx, args| {
        let base = args.handle()?;
        let target = args.string()?;
        let place = place(cx, base, args)?;
        place.creatable()?;
        match target.as_str() {
            "" => return Err(Errno::NoEntry.into()),
            text if text.starts_with('/') => return Err(Errno::NotPermitted.into()),
            text if text.contains('\0') => return Err(Errno::Invalid.into()),
            _ => {}
        }
        carry_out(FileCommand::Symlink { target, dir: place.dir, path: place.path })
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
    let (create, directory) = (how & CREATE != 0, how & DIRECTORY != 0);
    let (exclusive, truncate) = (how & EXCLUSIVE != 0, how & TRUNCATE != 0);
    let write = what & WRITE != 0;
    if write || create || truncate || what & MUTATE_DIRECTORY != 0 {
        place.changeable()?;
    }
    if directory && (create || exclusive || truncate) {
        return Err(Errno::Invalid.into());
    }
    if !cx.state::<WasiState>().table.has_room() {
        return Err(Errno::InsufficientMemory.into());
    }
    let sync = Sync {
        file: what & FILE_SYNC != 0,
        data: what & DATA_SYNC != 0,
        requested: what & REQUESTED_SYNC != 0,
    };
    // Something has to be asked for; what is not for writing is for reading.
    let read = what & READ != 0 || !write;
    let flags = OpenFlags {
        read,
        write,
        create,
        exclusive,
        truncate,
        directory,
        data_sync: sync.data,
        file_sync: sync.file,
    };
    let (read_only, guest) = (place.read_only, place.guest);
    let command = FileCommand::Open { dir: place.dir, path: place.path, follow, flags };
    ask(command, move |cx, reply| {
        let Reply::File { id, kind } = reply else { return Err(unexpected_reply(&reply).into()) };
        let is_dir = kind == FileKind::Directory;
        if directory && !is_dir {
            cx.send(Command::File(FileCommand::Close(id)));
            return Err(Errno::NotDirectory.into());
        }
        let guest = guest.filter(|_| is_dir);
        let file = Arc::new(id);
        opened(cx, Descriptor { file, kind, read, write, sync, read_only, guest })
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
