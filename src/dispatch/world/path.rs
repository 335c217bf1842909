//! What is done by path.
//!
//! cap-std resolves every path beneath its directory, on Linux in one call of the
//! system that cannot be raced. Here is only what it leaves open: which paths are
//! none, what a trailing slash means, and that nothing changes below a read-only
//! directory. A hard link is refused there too, for the file could be written
//! through its new name.

use super::{
    super::{DirEntry, Errno, FileKind, NewTime, Reply},
    stat::{kind, path_time, stat},
    table::Folder,
};
use cap_fs_ext::DirExt;
use std::{
    io::{self, ErrorKind},
    path::PathBuf,
};

/// Longer than any system accepts. It spares those that look at one component
/// after the other.
const MAX_PATH: usize = 1 << 16;

/// Before anything is done with a path.
pub(super) fn check(path: &str) -> Result<(), Errno> {
    if path.len() > MAX_PATH {
        Err(Errno::NameTooLong)
    } else if path.contains('\0') {
        Err(Errno::Invalid)
    } else {
        Ok(())
    }
}

pub(super) fn stat_at(folder: &Folder, path: &str, follow: bool) -> Result<Reply, Errno> {
    check(path)?;
    let dir = &folder.dir;
    let meta = if follow { dir.metadata(path) } else { dir.symlink_metadata(path) };
    Ok(Reply::Stat(stat(&meta?)))
}

pub(super) fn set_times_at(
    folder: &Folder,
    path: &str,
    follow: bool,
    accessed: NewTime,
    modified: NewTime,
) -> Result<Reply, Errno> {
    folder.writable()?;
    check(path)?;
    // By its real name, so that nothing has to be opened, which might wait.
    let path = if follow { folder.dir.canonicalize(path)? } else { PathBuf::from(path) };
    folder.dir.set_symlink_times(path, path_time(accessed)?, path_time(modified)?)?;
    Ok(Reply::Done)
}

/// Entries in the order of the system. Names that are no UTF-8 are left out: a
/// guest could do nothing with them, and one of them should not hide the others.
pub(super) fn read_dir(folder: &Folder) -> Result<Reply, Errno> {
    let mut entries = Vec::new();
    for entry in folder.dir.entries()? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let kind = match kind(entry.file_type()?) {
            // Some file systems do not say it in the list.
            FileKind::Unknown => match entry.metadata() {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                meta => kind(meta?.file_type()),
            },
            kind => kind,
        };
        entries.push(DirEntry { name, kind, inode: inode(&entry) });
    }
    Ok(Reply::Entries(entries))
}

#[cfg(unix)]
fn inode(entry: &cap_std::fs::DirEntry) -> u64 {
    std::os::unix::fs::DirEntryExt::ino(entry)
}

#[cfg(not(unix))]
fn inode(_: &cap_std::fs::DirEntry) -> u64 {
    0
}

pub(super) fn create_dir(folder: &Folder, path: &str) -> Result<Reply, Errno> {
    folder.writable()?;
    check(path)?;
    done(folder.dir.create_dir(path))
}

pub(super) fn remove_dir(folder: &Folder, path: &str) -> Result<Reply, Errno> {
    folder.writable()?;
    check(path)?;
    // `d/` is `d`, as for rmdir, and not `d/.`, which cannot be removed.
    let stripped = path.trim_end_matches('/');
    done(folder.dir.remove_dir(if stripped.is_empty() { path } else { stripped }))
}

pub(super) fn unlink(folder: &Folder, path: &str) -> Result<Reply, Errno> {
    folder.writable()?;
    check(path)?;
    done(folder.dir.remove_file_or_symlink(path))
}

pub(super) fn rename(
    from: &Folder,
    path: &str,
    to: &Folder,
    to_path: &str,
) -> Result<Reply, Errno> {
    from.writable()?;
    to.writable()?;
    check(path)?;
    check(to_path)?;
    done(from.dir.rename(path, &to.dir, to_path))
}

pub(super) fn link(
    from: &Folder,
    path: &str,
    follow: bool,
    to: &Folder,
    to_path: &str,
) -> Result<Reply, Errno> {
    from.writable()?;
    to.writable()?;
    check(path)?;
    check(to_path)?;
    let path = if follow { from.dir.canonicalize(path)? } else { PathBuf::from(path) };
    done(from.dir.hard_link(path, &to.dir, to_path))
}

pub(super) fn symlink(target: &str, folder: &Folder, path: &str) -> Result<Reply, Errno> {
    folder.writable()?;
    check(target)?;
    check(path)?;
    done(DirExt::symlink(&folder.dir, target, path))
}

pub(super) fn read_link(folder: &Folder, path: &str) -> Result<Reply, Errno> {
    check(path)?;
    let target = folder.dir.read_link(path)?.into_os_string();
    Ok(Reply::Text(target.into_string().map_err(|_| Errno::IllegalByteSequence)?))
}

fn done(result: io::Result<()>) -> Result<Reply, Errno> {
    result?;
    Ok(Reply::Done)
}
