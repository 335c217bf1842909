//! What is done with open files.
//!
//! Positions are the guest's affair: regular files are read and written at an
//! offset. Pipes and devices have no position, so for them the offset means
//! nothing. They are waited for before they are read, and hold no thread
//! meanwhile.

use super::{
    disk,
    stat::{file_times, path_time, stat},
    table::{Node, Open},
};
use crate::command::{Advice, Errno, NewTime, Reply};
use cap_fs_ext::{DirExt, OpenOptionsMaybeDirExt};
use cap_std::fs::{Metadata, OpenOptions};
use std::io;

/// The most that is read at once, and the most that is written within a step.
pub(super) const MOST: usize = 1 << 20;

pub(super) fn open_of(node: &Node) -> Result<&Open, Errno> {
    match node {
        Node::File(open) => Ok(open),
        Node::Dir(_) | Node::List(_) => Err(Errno::IsDirectory),
    }
}

/// A file that may be read.
fn readable(node: &Node) -> Result<&Open, Errno> {
    let open = open_of(node)?;
    if open.read { Ok(open) } else { Err(Errno::BadDescriptor) }
}

/// A file that may be written.
fn writable(node: &Node) -> Result<&Open, Errno> {
    match node {
        Node::Dir(_) | Node::List(_) => Err(Errno::BadDescriptor),
        Node::File(open) if open.read_only => Err(Errno::ReadOnly),
        Node::File(open) if !open.write => Err(Errno::BadDescriptor),
        Node::File(open) => Ok(open),
    }
}

/// Reads without waiting, if that is possible.
pub(super) fn read_now(node: &Node, offset: u64, len: u32) -> Option<Result<Reply, Errno>> {
    let open = match readable(node) {
        Ok(open) => open,
        Err(errno) => return Some(Err(errno)),
    };
    let len = usize::try_from(len).unwrap_or(MOST).min(MOST);
    if !open.is_regular() { None } else { disk::read_now(open, offset, len) }
}

/// The same for writing.
pub(super) fn write_now(
    node: &Node,
    offset: Option<u64>,
    bytes: &[u8],
) -> Option<Result<Reply, Errno>> {
    let open = match writable(node) {
        Ok(open) => open,
        Err(errno) => return Some(Err(errno)),
    };
    let waits = !open.is_regular() || open.synchronous || bytes.len() > MOST;
    if waits { None } else { disk::write_now(open, offset, bytes) }
}

pub(super) fn read(node: &Node, offset: u64, len: u32) -> Result<Reply, Errno> {
    let open = readable(node)?;
    let len = usize::try_from(len).unwrap_or(MOST).min(MOST);
    let mut bytes = Vec::new();
    if len > 0 {
        bytes.reserve_exact(len);
        read_into(open, &mut bytes, offset)?;
    }
    Ok(Reply::Bytes(bytes))
}

pub(super) fn write(node: &Node, offset: Option<u64>, bytes: &[u8]) -> Result<Reply, Errno> {
    let open = writable(node)?;
    let count = match offset {
        Some(offset) => write_at(open, bytes, offset)?,
        None => append(open, bytes)?,
    };
    Ok(Reply::Count(u64::try_from(count).unwrap_or(u64::MAX)))
}

/// There is a position in it.
#[cfg(unix)]
fn seekable(open: &Open) -> bool {
    use crate::command::FileKind;
    matches!(open.kind, FileKind::RegularFile | FileKind::BlockDevice)
}

/// Into the room that `bytes` has.
#[cfg(unix)]
fn read_into(open: &Open, bytes: &mut Vec<u8>, offset: u64) -> Result<(), Errno> {
    use rustix::{
        buffer::spare_capacity,
        io::{pread, read, retry_on_intr},
    };
    retry_on_intr(|| match seekable(open) {
        true => pread(&open.file, spare_capacity(bytes), offset),
        false => read(&open.file, spare_capacity(bytes)),
    })
    .map_err(io::Error::from)?;
    Ok(())
}

#[cfg(windows)]
fn read_into(open: &Open, bytes: &mut Vec<u8>, offset: u64) -> Result<(), Errno> {
    bytes.resize(bytes.capacity(), 0);
    let count = std::os::windows::fs::FileExt::seek_read(&open.file, bytes, offset)?;
    bytes.truncate(count);
    Ok(())
}

#[cfg(unix)]
fn write_at(open: &Open, bytes: &[u8], offset: u64) -> io::Result<usize> {
    use rustix::io::{pwrite, retry_on_intr, write};
    Ok(retry_on_intr(|| match seekable(open) {
        true => pwrite(&open.file, bytes, offset),
        false => write(&open.file, bytes),
    })?)
}

#[cfg(windows)]
fn write_at(open: &Open, bytes: &[u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_write(&open.file, bytes, offset)
}

/// At the end, wherever that is by then.
#[cfg(unix)]
fn append(open: &Open, bytes: &[u8]) -> io::Result<usize> {
    if !open.is_regular() {
        return write_at(open, bytes, 0);
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::io::{Errno as Os, ReadWriteFlags, pwritev2, retry_on_intr};
        let parts = [io::IoSlice::new(bytes)];
        match retry_on_intr(|| pwritev2(&open.file, &parts, 0, ReadWriteFlags::APPEND)) {
            // Before Linux 4.16, and on what only looks like Linux.
            Err(Os::NOSYS | Os::OPNOTSUPP | Os::INVAL) => {}
            written => return Ok(written?),
        }
    }
    append_by_flag(open, bytes)
}

/// Nobody else has this open file, so its flags can be changed for one write.
#[cfg(unix)]
pub(super) fn append_by_flag(open: &Open, bytes: &[u8]) -> io::Result<usize> {
    use rustix::{
        fs::{OFlags, fcntl_getfl, fcntl_setfl},
        io::{retry_on_intr, write},
    };
    let _turn = super::super::locked(&open.appending);
    let flags = fcntl_getfl(&open.file)?;
    fcntl_setfl(&open.file, flags | OFlags::APPEND)?;
    let written = retry_on_intr(|| write(&open.file, bytes));
    fcntl_setfl(&open.file, flags)?;
    Ok(written?)
}

/// At the end, which is what the highest offset means there.
#[cfg(windows)]
fn append(open: &Open, bytes: &[u8]) -> io::Result<usize> {
    let _turn = super::super::locked(&open.appending);
    write_at(open, bytes, u64::MAX)
}

pub(super) fn stat_of(node: &Node) -> Result<Reply, Errno> {
    Ok(Reply::Stat(stat(&match node {
        Node::Dir(folder) => folder.dir.dir_metadata()?,
        Node::List(_) => return Err(Errno::BadDescriptor),
        Node::File(open) => Metadata::from_file(&open.file)?,
    })))
}

pub(super) fn set_size(node: &Node, size: u64) -> Result<Reply, Errno> {
    let open = open_of(node)?;
    if open.read_only {
        return Err(Errno::ReadOnly);
    }
    if !open.write {
        return Err(Errno::BadDescriptor);
    }
    open.file.set_len(size)?;
    Ok(Reply::Done)
}

pub(super) fn set_times(node: &Node, accessed: NewTime, modified: NewTime) -> Result<Reply, Errno> {
    match node {
        Node::Dir(folder) => {
            folder.writable()?;
            folder.dir.set_symlink_times(".", path_time(accessed)?, path_time(modified)?)?;
        }
        Node::List(_) => return Err(Errno::BadDescriptor),
        Node::File(open) if open.read_only => return Err(Errno::ReadOnly),
        Node::File(open) => open.file.set_times(file_times(accessed, modified)?)?,
    }
    Ok(Reply::Done)
}

pub(super) fn sync(node: &Node, data_only: bool) -> Result<Reply, Errno> {
    match node {
        // The handle of a directory may be good for nothing but paths.
        Node::Dir(folder) => {
            let mut options = OpenOptions::new();
            let opened = folder.dir.open_with(".", options.read(true).maybe_dir(true))?;
            if data_only { opened.sync_data() } else { opened.sync_all() }
        }
        Node::List(_) => return Err(Errno::BadDescriptor),
        Node::File(open) if data_only => open.file.sync_data(),
        Node::File(open) => open.file.sync_all(),
    }?;
    Ok(Reply::Done)
}

pub(super) fn advise(node: &Node, offset: u64, len: u64, advice: Advice) -> Result<Reply, Errno> {
    let Node::File(open) = node else { return Err(Errno::BadDescriptor) };
    // The highest position of a file is that of the highest signed number.
    offset.checked_add(len).filter(|end| i64::try_from(*end).is_ok()).ok_or(Errno::Invalid)?;
    advise_system(open, offset, len, advice)?;
    Ok(Reply::Done)
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
fn advise_system(open: &Open, offset: u64, len: u64, advice: Advice) -> io::Result<()> {
    use rustix::fs::{Advice as Os, fadvise};
    let advice = match advice {
        Advice::Normal => Os::Normal,
        Advice::Sequential => Os::Sequential,
        Advice::Random => Os::Random,
        Advice::WillNeed => Os::WillNeed,
        Advice::DontNeed => Os::DontNeed,
        Advice::NoReuse => Os::NoReuse,
    };
    Ok(fadvise(&open.file, offset, std::num::NonZeroU64::new(len), advice)?)
}

/// It is advice; a system without the call does without.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
fn advise_system(open: &Open, _: u64, _: u64, _: Advice) -> io::Result<()> {
    if open.is_regular() { Ok(()) } else { Err(io::ErrorKind::NotSeekable.into()) }
}

/// Waits until a pipe or a device can be read or written.
pub(super) async fn ready(open: &Open, write: bool) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(readiness) = &open.readiness {
        return if write { readiness.writable().await } else { readiness.readable().await };
    }
    let _ = (open, write);
    Ok(())
}

/// Does not block once [`ready`] is through.
pub(super) fn is_waited_for(open: &Open) -> bool {
    #[cfg(unix)]
    {
        open.readiness.is_some()
    }
    #[cfg(not(unix))]
    {
        let _ = open;
        false
    }
}
