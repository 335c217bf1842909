//! What is known of files, and setting their times.

use super::super::clock::nanoseconds;
use crate::command::{Errno, FileKind, NewTime, Stat};
use cap_fs_ext::{FileTypeExt, MetadataExt, SystemTimeSpec};
use cap_std::fs::{FileType, Metadata};
use std::{
    fs::FileTimes,
    time::{Duration, SystemTime},
};

pub(super) fn kind(file_type: FileType) -> FileKind {
    if file_type.is_file() {
        FileKind::RegularFile
    } else if file_type.is_dir() {
        FileKind::Directory
    } else if file_type.is_symlink() {
        FileKind::SymbolicLink
    } else if file_type.is_fifo() {
        FileKind::Fifo
    } else if file_type.is_char_device() {
        FileKind::CharacterDevice
    } else if file_type.is_block_device() {
        FileKind::BlockDevice
    } else if file_type.is_socket() {
        FileKind::Socket
    } else {
        FileKind::Unknown
    }
}

pub(super) fn stat(meta: &Metadata) -> Stat {
    let time =
        |time: std::io::Result<cap_std::time::SystemTime>| since_epoch(time.ok()?.into_std());
    Stat {
        kind: kind(meta.file_type()),
        device: meta.dev(),
        inode: meta.ino(),
        links: meta.nlink(),
        size: meta.len(),
        accessed: time(meta.accessed()),
        modified: time(meta.modified()),
        changed: changed(meta),
    }
}

/// There is no way to tell a guest a time before 1970; one after 2554 becomes
/// the last there is.
fn since_epoch(time: SystemTime) -> Option<u64> {
    time.duration_since(SystemTime::UNIX_EPOCH).ok().map(nanoseconds)
}

#[cfg(unix)]
fn changed(meta: &Metadata) -> Option<u64> {
    use cap_std::fs::MetadataExt;
    let seconds = u64::try_from(meta.ctime()).ok()?;
    let rest = u64::try_from(meta.ctime_nsec()).unwrap_or(0);
    Some(seconds.saturating_mul(1_000_000_000).saturating_add(rest))
}

#[cfg(not(unix))]
fn changed(_: &Metadata) -> Option<u64> {
    None
}

fn at(time: u64) -> Result<SystemTime, Errno> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(time)).ok_or(Errno::Overflow)
}

/// For an open file.
pub(super) fn file_times(accessed: NewTime, modified: NewTime) -> Result<FileTimes, Errno> {
    let mut times = FileTimes::new();
    let time = |time| match time {
        NewTime::Keep => Ok(None),
        NewTime::Now => Ok(Some(SystemTime::now())),
        NewTime::At(time) => at(time).map(Some),
    };
    if let Some(time) = time(accessed)? {
        times = times.set_accessed(time);
    }
    if let Some(time) = time(modified)? {
        times = times.set_modified(time);
    }
    Ok(times)
}

/// For a path.
pub(super) fn path_time(time: NewTime) -> Result<Option<SystemTimeSpec>, Errno> {
    Ok(match time {
        NewTime::Keep => None,
        NewTime::Now => Some(SystemTimeSpec::SymbolicNow),
        NewTime::At(time) => {
            Some(SystemTimeSpec::Absolute(cap_std::time::SystemTime::from_std(at(time)?)))
        }
    })
}
