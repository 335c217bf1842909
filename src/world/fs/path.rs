//! What is done by path.
//!
//! cap-std resolves every path beneath its directory, on Linux in one call of the
//! system that cannot be raced. Here is only what it leaves open: what a path
//! means by its end (see [`Name`]), and that nothing changes below a read-only
//! directory. A hard link is refused there too, for the file could be written
//! through its new name.

use super::{
    name::{Name, New},
    stat::{kind, path_time, stat},
    table::Folder,
};
use crate::command::{DirEntry, Errno, FileKind, NewTime, Reply};
use cap_fs_ext::DirExt;
use std::{
    io::{self, ErrorKind},
    path::PathBuf,
};

pub(super) fn stat_at(folder: &Folder, path: &str, follow: bool) -> Result<Reply, Errno> {
    let name = Name::new(path)?;
    let dir = &folder.dir;
    let meta = match follow || name.is_dir() {
        true => dir.metadata(name.path)?,
        false => dir.symlink_metadata(name.path)?,
    };
    if name.is_dir() && !meta.is_dir() {
        return Err(Errno::NotDirectory);
    }
    Ok(Reply::Stat(stat(&meta)))
}

pub(super) fn set_times_at(
    folder: &Folder,
    path: &str,
    follow: bool,
    accessed: NewTime,
    modified: NewTime,
) -> Result<Reply, Errno> {
    folder.writable()?;
    let name = Name::new(path)?;
    // By its real name, so that nothing has to be opened, which might wait.
    let path = match follow || name.is_dir() {
        true => folder.dir.canonicalize(name.path)?,
        false => PathBuf::from(name.path),
    };
    if name.is_dir() && !folder.dir.symlink_metadata(&path)?.is_dir() {
        return Err(Errno::NotDirectory);
    }
    folder.dir.set_symlink_times(path, path_time(accessed)?, path_time(modified)?)?;
    Ok(Reply::Done)
}

/// Entries of a list that are read at once, and bytes of their names: enough that
/// few steps are needed, and little to hold.
const ENTRIES: usize = 256;
const NAMES: usize = 16 << 10;

/// The next entries in the order of the system. Names that are no UTF-8 are left out:
/// a guest could do nothing with them, and one of them should not hide the others.
pub(super) fn entries(list: &mut cap_std::fs::ReadDir) -> Result<Reply, Errno> {
    let (mut entries, mut names) = (Vec::new(), 0usize);
    while entries.len() < ENTRIES && names < NAMES {
        let Some(entry) = list.next() else { break };
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let mut found = kind(entry.file_type()?);
        if found == FileKind::Unknown {
            // Some file systems do not say it in the list.
            found = match entry.metadata() {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                meta => kind(meta?.file_type()),
            };
        }
        names = names.saturating_add(name.len());
        entries.push(DirEntry { name, kind: found, inode: inode(&entry) });
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
    let New { path, .. } = Name::new(path)?.own(folder, Errno::Exist, Errno::Exist)?;
    done(folder.dir.create_dir(path))
}

pub(super) fn remove_dir(folder: &Folder, path: &str) -> Result<Reply, Errno> {
    folder.writable()?;
    let New { path, .. } = Name::new(path)?.own(folder, Errno::Invalid, Errno::NotEmpty)?;
    done(folder.dir.remove_dir(path))
}

pub(super) fn unlink(folder: &Folder, path: &str) -> Result<Reply, Errno> {
    folder.writable()?;
    let New { path, slash } =
        Name::new(path)?.own(folder, Errno::IsDirectory, Errno::IsDirectory)?;
    if slash {
        return Err(match folder.dir.symlink_metadata(path)?.is_dir() {
            true => Errno::IsDirectory,
            false => Errno::NotDirectory,
        });
    }
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
    let (old, new) = (Name::new(path)?, Name::new(to_path)?);
    let old = old.own(from, Errno::Busy, Errno::Busy)?;
    let new = new.own(to, Errno::Busy, Errno::Busy)?;
    if (old.slash || new.slash) && !from.dir.symlink_metadata(old.path)?.is_dir() {
        return match to.dir.symlink_metadata(new.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            Ok(_) | Err(_) => Err(Errno::NotDirectory),
        };
    }
    done(from.dir.rename(old.path, &to.dir, new.path))
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
    let (old, new) = (Name::new(path)?, Name::new(to_path)?);
    if old.is_dir() {
        old.check_dir(from)?;
    }
    new.check_parent(to)?;
    let new = leaf(to, new)?;
    if old.is_dir() {
        // A directory has one name.
        return Err(match to.dir.symlink_metadata(new) {
            Ok(_) => Errno::Exist,
            Err(error) if error.kind() == ErrorKind::NotFound => Errno::NotPermitted,
            Err(error) => error.into(),
        });
    }
    let path = match follow {
        true => from.dir.canonicalize(old.path)?,
        false => PathBuf::from(old.path),
    };
    done(from.dir.hard_link(path, &to.dir, new))
}

/// The name for something that is no directory. Of what is there already and is
/// none, Linux says that it is there, where it is given a slash; other systems and
/// engines say that it is no directory, as POSIX has it.
fn leaf<'a>(folder: &Folder, name: Name<'a>) -> Result<&'a str, Errno> {
    let New { path, slash } = name.own(folder, Errno::Exist, Errno::Exist)?;
    if slash {
        folder.dir.symlink_metadata(path)?;
        let plain = folder.dir.metadata(path).is_ok_and(|meta| !meta.is_dir());
        return Err(if plain { Errno::NotDirectory } else { Errno::Exist });
    }
    Ok(path)
}

pub(super) fn symlink(target: &str, folder: &Folder, path: &str) -> Result<Reply, Errno> {
    folder.writable()?;
    // It must be one that could be followed here.
    Name::new(target)?;
    let path = leaf(folder, Name::new(path)?)?;
    done(DirExt::symlink(&*folder.dir, target, path))
}

pub(super) fn read_link(folder: &Folder, path: &str) -> Result<Reply, Errno> {
    let name = Name::new(path)?;
    if name.is_dir() {
        name.check_dir(folder)?;
        return Err(Errno::Invalid);
    }
    let target = folder.dir.read_link(name.path)?.into_os_string();
    Ok(Reply::Text(target.into_string().map_err(|_| Errno::IllegalByteSequence)?))
}

fn done(result: io::Result<()>) -> Result<Reply, Errno> {
    result?;
    Ok(Reply::Done)
}
