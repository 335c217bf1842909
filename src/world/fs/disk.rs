//! What is done to a file without waiting for a disk.
//!
//! A step must not wait, and whether a disk has to be asked depends on what the
//! system has in memory. Linux can say so: a path may be looked up, and a file be
//! read or written, "only if it is cached". So each is tried this way within the
//! step, and what is not there goes to the pool. A file system over a network, or
//! one that is itself a program, may wait in any call, so all of these go there;
//! so does everything on systems that cannot tell.

use super::{
    name::Name,
    table::{Folder, Node, Open},
};
use crate::command::{Errno, FileKind, OpenFlags, Reply};
use cap_std::fs::Dir;
use std::{fmt, ops::Deref, sync::Arc};

/// An open directory, which any number of worlds may have at once: a clone is the
/// same.
#[derive(Clone)]
pub struct Directory(Arc<Inner>);

struct Inner {
    dir: Dir,
    disk: Disk,
}

impl From<Dir> for Directory {
    /// Asks the system what the directory is on.
    fn from(dir: Dir) -> Directory {
        let disk = Disk::of(&dir);
        Directory(Arc::new(Inner { dir, disk }))
    }
}

impl Directory {
    /// The number that tells it from all others that are open.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    pub(super) fn disk(&self) -> Disk {
        self.0.disk
    }
}

impl Deref for Directory {
    type Target = Dir;

    fn deref(&self) -> &Dir {
        &self.0.dir
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Directory").field(&self.0.dir).finish()
    }
}

/// The kind of disk that a file is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
pub(super) enum Disk {
    /// Memory.
    Memory,
    /// A disk of this machine: what is in memory is at hand.
    Local,
    /// Anything may take its time.
    Far,
}

#[cfg(target_os = "linux")]
mod system {
    use super::*;
    use rustix::{
        fs::{FileType, Mode, OFlags, ResolveFlags, fstat, fstatfs, openat2},
        io::{Errno as Os, ReadWriteFlags as Flags, preadv2, pwritev2, retry_on_intr as retry},
    };
    use std::{
        io::{IoSlice, IoSliceMut},
        os::fd::AsFd,
        sync::atomic::Ordering::Relaxed,
    };

    /// The numbers of `statfs(2)`: ramfs, tmpfs.
    const MEMORY: [u64; 2] = [0x8584_58f6, 0x0102_1994];
    /// bcachefs, btrfs, erofs, exfat, ext2 to 4, f2fs, fat, overlayfs, squashfs,
    /// xfs, zfs.
    const LOCAL: [u64; 11] = [
        0xca45_1a4e,
        0x9123_683e,
        0xe0f5_e1e2,
        0x2011_bab0,
        0xef53,
        0xf2f5_2010,
        0x4d44,
        0x794c_7630,
        0x7371_7368,
        0x5846_5342,
        0x2fc1_2fc1,
    ];

    impl Disk {
        pub(in super::super) fn of(file: &impl AsFd) -> Disk {
            // Some systems have the number with a sign, in 32 bits.
            let number = |found: i128| (found & 0xffff_ffff) as u64;
            match fstatfs(file).map(|found| number(found.f_type.into())) {
                Ok(found) if MEMORY.contains(&found) => Disk::Memory,
                Ok(found) if LOCAL.contains(&found) => Disk::Local,
                Ok(_) | Err(_) => Disk::Far,
            }
        }
    }

    /// Every part of the path is in memory, and on the same disk. To open a device
    /// is up to its driver, so `open` does not hold for one.
    pub(in super::super) fn is_cached(
        folder: &Folder,
        path: &str,
        follow: bool,
        open: Option<OpenFlags>,
    ) -> bool {
        let (create, truncate) = open.map_or((false, false), |open| (open.create, open.truncate));
        if folder.dir.disk() == Disk::Far || truncate {
            return false;
        }
        // What is no path needs no disk to be refused.
        let Ok(name) = Name::new(path) else { return true };
        let mut flags = OFlags::PATH | OFlags::CLOEXEC;
        if !follow && !name.is_dir() {
            flags |= OFlags::NOFOLLOW;
        }
        let resolve = ResolveFlags::BENEATH
            | ResolveFlags::NO_MAGICLINKS
            | ResolveFlags::NO_XDEV
            | ResolveFlags::CACHED;
        match openat2(&*folder.dir, name.path, flags, Mode::empty(), resolve) {
            Ok(found) => {
                open.is_none()
                    || !fstat(&found).is_ok_and(|stat| {
                        let kind = FileType::from_raw_mode(stat.st_mode);
                        matches!(kind, FileType::CharacterDevice | FileType::BlockDevice)
                    })
            }
            // That there is nothing is known as well.
            Err(Os::NOENT | Os::NOTDIR | Os::LOOP | Os::NAMETOOLONG | Os::ACCESS) => !create,
            Err(_) => false,
        }
    }

    pub(in super::super) fn read_now(
        open: &Open,
        offset: u64,
        len: usize,
    ) -> Option<Result<Reply, Errno>> {
        // The highest number stands for something else than a place.
        i64::try_from(offset).ok()?;
        let flags = match open.disk {
            Disk::Far => return None,
            Disk::Memory => Flags::empty(),
            Disk::Local if open.unhurried.load(Relaxed) => return None,
            Disk::Local => Flags::NOWAIT,
        };
        let mut bytes = vec![0; len];
        let read = retry(|| preadv2(&open.file, &mut [IoSliceMut::new(&mut bytes)], offset, flags));
        let count = match read {
            Ok(count) => count,
            Err(Os::AGAIN) => return None,
            // The file system does not know how.
            Err(Os::OPNOTSUPP | Os::NOSYS | Os::INVAL) if open.disk == Disk::Local => {
                open.unhurried.store(true, Relaxed);
                return None;
            }
            Err(error) => return Some(Err(std::io::Error::from(error).into())),
        };
        // A part may be all that is in memory; programs expect to be given what
        // there is in the file.
        if count > 0 && count < len && !ends_at(open, offset, count) {
            return None;
        }
        bytes.truncate(count);
        Some(Ok(Reply::Bytes(bytes)))
    }

    fn ends_at(open: &Open, offset: u64, count: usize) -> bool {
        let end = offset.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        fstat(&open.file)
            .is_ok_and(|stat| u64::try_from(stat.st_size).is_ok_and(|size| size <= end))
    }

    pub(in super::super) fn write_now(
        open: &Open,
        offset: Option<u64>,
        bytes: &[u8],
    ) -> Option<Result<Reply, Errno>> {
        i64::try_from(offset.unwrap_or(0)).ok()?;
        let flags = match open.disk {
            Disk::Far => return None,
            Disk::Memory => Flags::empty(),
            Disk::Local if open.unhurried_writes.load(Relaxed) => return None,
            Disk::Local => Flags::NOWAIT,
        };
        let flags = if offset.is_none() { flags | Flags::APPEND } else { flags };
        let parts = [IoSlice::new(bytes)];
        match retry(|| pwritev2(&open.file, &parts, offset.unwrap_or(0), flags)) {
            Ok(count) => Some(Ok(Reply::Count(u64::try_from(count).unwrap_or(u64::MAX)))),
            Err(Os::AGAIN) => None,
            Err(Os::OPNOTSUPP | Os::NOSYS | Os::INVAL) => {
                // Should it be the arguments, the pool will say so.
                open.unhurried_writes.store(true, Relaxed);
                None
            }
            Err(error) => Some(Err(std::io::Error::from(error).into())),
        }
    }

    /// To close it may be to give back the space of a file without a name, or to
    /// send what has been written.
    pub(in super::super) fn closes_slowly(node: &Node) -> bool {
        match node {
            Node::File(open) if open.kind == FileKind::RegularFile => match open.disk {
                Disk::Far => true,
                Disk::Memory | Disk::Local => {
                    fstat(&open.file).is_ok_and(|stat| stat.st_nlink == 0)
                }
            },
            Node::File(_) | Node::Dir(_) | Node::List(_) => false,
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::*;

    impl Disk {
        pub(in super::super) fn of<T>(_: &T) -> Disk {
            Disk::Far
        }
    }

    pub(in super::super) fn is_cached(
        _: &Folder,
        path: &str,
        _: bool,
        _: Option<OpenFlags>,
    ) -> bool {
        Name::new(path).is_err()
    }

    pub(in super::super) fn read_now(_: &Open, _: u64, _: usize) -> Option<Result<Reply, Errno>> {
        None
    }

    pub(in super::super) fn write_now(
        _: &Open,
        _: Option<u64>,
        _: &[u8],
    ) -> Option<Result<Reply, Errno>> {
        None
    }

    pub(in super::super) fn closes_slowly(node: &Node) -> bool {
        match node {
            Node::File(open) => open.kind == FileKind::RegularFile,
            Node::Dir(_) | Node::List(_) => false,
        }
    }
}

pub(super) use system::{closes_slowly, is_cached, read_now, write_now};

/// Closes what is open, on the pool where that may take its time.
pub(super) fn close(nodes: impl IntoIterator<Item = Node>) {
    let slow: Vec<Node> = nodes.into_iter().filter(closes_slowly).collect();
    if !slow.is_empty() {
        smol::unblock(move || drop(slow)).detach();
    }
}
