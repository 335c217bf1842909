//! What is asked of files and directories, the same from every version of WASI.
//!
//! Each function checks what can be checked before the outside world is asked,
//! and makes the command. What may change something asks the [`Place`] that it
//! would change, because that may lie in another mount than the descriptor that
//! a path begins at.

use super::{
    descriptor::{Descriptor, Sync},
    path::Place,
    table::Held,
};
use crate::{
    command::{Errno, FileId, FileKind, FsCommand, NewTime, OpenFlags},
    component::HostCx,
};

type Request = Result<FsCommand, Errno>;

pub(super) fn create_dir(place: Place) -> Request {
    place.creatable()?;
    Ok(FsCommand::CreateDir { dir: place.dir, path: place.path })
}

pub(super) fn remove_dir(place: Place) -> Request {
    place.removable()?;
    Ok(FsCommand::RemoveDir { dir: place.dir, path: place.path })
}

pub(super) fn unlink(place: Place) -> Request {
    place.removable()?;
    Ok(FsCommand::Unlink { dir: place.dir, path: place.path })
}

pub(super) fn rename(old: Place, new: Place) -> Request {
    old.removable()?;
    new.removable()?;
    let (dir, path, to_dir, to_path) = (old.dir, old.path, new.dir, new.path);
    Ok(FsCommand::Rename { dir, path, to_dir, to_path })
}

/// A link at the end of the old path gets the new name itself, as other engines
/// have it: none follows it.
pub(super) fn link(old: Place, follow: bool, new: Place) -> Request {
    // A second name would be a way to change the file.
    old.changeable()?;
    new.creatable()?;
    if follow {
        return Err(Errno::Invalid);
    }
    let (dir, path, to_dir, to_path) = (old.dir, old.path, new.dir, new.path);
    Ok(FsCommand::Link { dir, path, follow, to_dir, to_path })
}

pub(super) fn symlink(target: String, place: Place) -> Request {
    place.creatable()?;
    match target.as_str() {
        "" => Err(Errno::NoEntry),
        text if text.starts_with('/') => Err(Errno::NotPermitted),
        text if text.contains('\0') => Err(Errno::Invalid),
        _ => Ok(FsCommand::Symlink { target, dir: place.dir, path: place.path }),
    }
}

pub(super) fn stat_at(place: Place, follow: bool) -> FsCommand {
    FsCommand::StatAt { dir: place.dir, path: place.path, follow }
}

pub(super) fn set_times_at(
    place: Place,
    follow: bool,
    accessed: NewTime,
    modified: NewTime,
) -> Request {
    place.changeable()?;
    let (dir, path) = (place.dir, place.path);
    Ok(FsCommand::SetTimesAt { dir, path, follow, accessed, modified })
}

pub(super) fn set_times(descriptor: &Descriptor, accessed: NewTime, modified: NewTime) -> Request {
    descriptor.changeable()?;
    Ok(FsCommand::SetTimes { file: *descriptor.file, accessed, modified })
}

pub(super) fn set_size(descriptor: &Descriptor, size: u64) -> Request {
    descriptor.plain()?;
    descriptor.changeable()?;
    if !descriptor.write {
        return Err(Errno::Invalid);
    }
    Ok(FsCommand::SetSize { file: *descriptor.file, size })
}

/// Nothing if there is nothing of this descriptor's that could be on its way.
pub(super) fn sync(descriptor: &Descriptor, data_only: bool) -> Option<FsCommand> {
    (descriptor.write || descriptor.mutable())
        .then(|| FsCommand::Sync { file: *descriptor.file, data_only })
}

/// How something is to be opened.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct How {
    pub follow: bool,
    pub create: bool,
    pub directory: bool,
    pub exclusive: bool,
    pub truncate: bool,
    pub read: bool,
    pub write: bool,
    /// Entries of the directory are to be changed.
    pub mutate: bool,
    pub sync: Sync,
}

/// What will be open.
#[derive(Debug)]
pub(super) struct Opening {
    how: How,
    read_only: bool,
    guest: Option<String>,
}

pub(super) fn open(place: Place, mut how: How) -> Result<(FsCommand, Opening), Errno> {
    if how.write || how.create || how.truncate || how.mutate {
        place.changeable()?;
    }
    if how.directory && (how.create || how.exclusive || how.truncate) {
        return Err(Errno::Invalid);
    }
    // Something has to be asked for; what is not for writing is for reading.
    how.read |= !how.write;
    let flags = OpenFlags {
        read: how.read,
        write: how.write,
        create: how.create,
        exclusive: how.exclusive,
        truncate: how.truncate,
        directory: how.directory,
        data_sync: how.sync.data,
        file_sync: how.sync.file,
    };
    let Place { dir, path, read_only, guest, .. } = place;
    let command = FsCommand::Open { dir, path, follow: how.follow, flags };
    Ok((command, Opening { how, read_only, guest }))
}

impl Opening {
    /// What has been opened.
    pub fn done(
        self,
        cx: &mut HostCx<'_>,
        id: FileId,
        kind: FileKind,
    ) -> Result<Descriptor, Errno> {
        let is_dir = kind == FileKind::Directory;
        let How { create, directory, read, write, sync, .. } = self.how;
        let refused = match is_dir {
            true if create => Some(Errno::IsDirectory),
            false if directory => Some(Errno::NotDirectory),
            _ => None,
        };
        if let Some(errno) = refused {
            cx.send(FsCommand::Close(id).into());
            return Err(errno);
        }
        let guest = self.guest.filter(|_| is_dir);
        let read_only = self.read_only;
        Ok(Descriptor { file: Held::file(id), kind, read, write, sync, read_only, guest })
    }
}
