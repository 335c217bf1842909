//! Opening files and directories.
//!
//! Everything is opened without waiting (`O_NONBLOCK`), whatever it turns out to
//! be: a pipe that nobody writes to opens at once, and the first read waits. The
//! one case with no such way, a pipe opened for writing that nobody reads, fails
//! with [`Errno::NoSuchDevice`] and is tried again by the caller.

use super::{
    disk::Disk,
    name::{End, Name},
    permits::Permit,
    stat::kind,
    table::{Folder, Node, Open},
};
use crate::command::{Errno, FileKind, OpenFlags};
use cap_fs_ext::{
    FollowSymlinks, OpenOptionsFollowExt, OpenOptionsMaybeDirExt, OpenOptionsSyncExt,
};
use cap_std::fs::{Dir, Metadata, OpenOptions};
use std::{
    io::{self, ErrorKind},
    sync::{Arc, Mutex},
};

/// Opens or creates what a path names.
pub(super) fn open(
    folder: &Folder,
    path: &str,
    follow: bool,
    flags: OpenFlags,
    permit: Permit,
) -> Result<Node, Errno> {
    if flags.write || flags.create || flags.truncate {
        folder.writable()?;
    }
    let name = Name::new(path)?;
    if flags.directory && (flags.create || flags.exclusive || flags.truncate) {
        return Err(Errno::Invalid);
    }
    if flags.create {
        match name.end {
            End::Plain => {}
            // Whether there is one or not.
            End::Slash => {
                name.check_parent(folder)?;
                return Err(Errno::IsDirectory);
            }
            End::Dot | End::DotDot => {
                name.check_dir(folder)?;
                return Err(if flags.exclusive { Errno::Exist } else { Errno::IsDirectory });
            }
        }
    }
    let directory = flags.directory || name.is_dir();
    let follow = follow || name.is_dir();
    // To open a pipe and close it again is not without effect, so look before.
    if directory && kind_at(folder, name.path, follow)? != FileKind::Directory {
        return Err(Errno::NotDirectory);
    }
    let file = open_file(folder, name.path, follow, flags)?.into_std();
    let meta = Metadata::from_file(&file)?;
    if meta.is_dir() {
        // What the system itself says of creating for reading too.
        if flags.create {
            return Err(Errno::IsDirectory);
        }
        let dir = Dir::from_std_file(file).into();
        return Ok(Node::Dir(Arc::new(Folder {
            dir,
            read_only: folder.read_only,
            _permit: Some(permit),
        })));
    }
    if directory {
        return Err(Errno::NotDirectory);
    }
    let kind = kind(meta.file_type());
    Ok(Node::File(Arc::new(Open {
        #[cfg(unix)]
        readiness: match kind {
            FileKind::RegularFile | FileKind::BlockDevice => None,
            // Some devices are always ready, and the system refuses to say when.
            FileKind::CharacterDevice
            | FileKind::Fifo
            | FileKind::Socket
            | FileKind::Directory
            | FileKind::SymbolicLink
            | FileKind::Unknown => file.try_clone().and_then(smol::Async::new).ok(),
        },
        disk: Disk::of(&file),
        #[cfg(target_os = "linux")]
        unhurried: false.into(),
        #[cfg(target_os = "linux")]
        unhurried_writes: false.into(),
        file,
        kind,
        read: flags.read,
        write: flags.write,
        read_only: folder.read_only,
        synchronous: flags.data_sync || flags.file_sync,
        appending: Mutex::new(()),
        _permit: permit,
    })))
}

/// True if a path names a pipe.
pub(super) fn is_fifo(folder: &Folder, path: &str, follow: bool) -> bool {
    Name::new(path).is_ok_and(|name| {
        !name.is_dir() && kind_at(folder, name.path, follow) == Ok(FileKind::Fifo)
    })
}

fn kind_at(folder: &Folder, path: &str, follow: bool) -> Result<FileKind, Errno> {
    let meta = if follow { folder.dir.metadata(path) } else { folder.dir.symlink_metadata(path) };
    Ok(kind(meta?.file_type()))
}

fn open_file(
    folder: &Folder,
    path: &str,
    follow: bool,
    flags: OpenFlags,
) -> io::Result<cap_std::fs::File> {
    let mut options = OpenOptions::new();
    options
        .read(flags.read || !flags.write && !flags.truncate)
        .write(flags.write || flags.truncate)
        .truncate(flags.truncate)
        .dsync(flags.data_sync)
        .sync(flags.file_sync)
        .nonblock(true)
        .maybe_dir(true)
        .follow(if follow { FollowSymlinks::Yes } else { FollowSymlinks::No });
    #[cfg(unix)]
    {
        use cap_std::fs::OpenOptionsExt;
        // A terminal does not become the one that can interrupt this program.
        let no_tty = rustix::fs::OFlags::NOCTTY.bits();
        options.custom_flags(i32::try_from(no_tty).unwrap_or(0));
    }
    if !flags.create {
        return folder.dir.open_with(path, &options);
    }
    if flags.exclusive {
        return folder.dir.open_with(path, options.write(true).create_new(true));
    }
    if flags.write || flags.truncate {
        return folder.dir.open_with(path, options.create(true));
    }
    // Creating needs the right to write, reading what is there does not.
    match folder.dir.open_with(path, &options) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            folder.dir.open_with(path, options.write(true).create(true))
        }
        opened => opened,
    }
}
