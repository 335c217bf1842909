//! Open files and directories.
//!
//! A descriptor knows what it was opened for and refuses anything else before a
//! command is made. That a mount is read-only is written into everything that is
//! opened by way of it, so it holds on every path to a change, and not only
//! where something is opened.

use super::table::Held;
use crate::{
    account::Charge,
    command::{DirEntry, Errno, FileId, FileKind},
};

/// An open file or directory.
#[derive(Clone, Debug)]
pub(super) struct Descriptor {
    pub file: Held,
    pub kind: FileKind,
    /// What it was opened for.
    pub read: bool,
    pub write: bool,
    pub sync: Sync,
    /// It belongs to a mount that may not be changed.
    pub read_only: bool,
    /// A directory's path in the guest, if it is known: what other mounts lie
    /// below it depends on that.
    pub guest: Option<String>,
}

/// How soon writes reach the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sync {
    pub file: bool,
    pub data: bool,
    /// Asked for and reported, and nothing else.
    pub requested: bool,
}

/// Bits of `descriptor-flags`.
pub(super) const READ: u32 = 1;
pub(super) const WRITE: u32 = 1 << 1;
pub(super) const FILE_SYNC: u32 = 1 << 2;
pub(super) const DATA_SYNC: u32 = 1 << 3;
pub(super) const REQUESTED_SYNC: u32 = 1 << 4;
pub(super) const MUTATE_DIRECTORY: u32 = 1 << 5;

impl Descriptor {
    /// A directory that is open from the beginning.
    pub fn mount(file: Held, read_only: bool, guest: String) -> Descriptor {
        Descriptor {
            file,
            kind: FileKind::Directory,
            read: true,
            write: false,
            sync: Sync::default(),
            read_only,
            guest: Some(guest),
        }
    }

    pub fn is_dir(&self) -> bool {
        self.kind == FileKind::Directory
    }

    /// Whether entries of this directory may be changed.
    pub fn mutable(&self) -> bool {
        self.is_dir() && !self.read_only
    }

    /// As `descriptor-flags`.
    pub fn flags(&self) -> u32 {
        let bit = |on: bool, bit: u32| if on { bit } else { 0 };
        bit(self.read, READ)
            | bit(self.write, WRITE)
            | bit(self.sync.file, FILE_SYNC)
            | bit(self.sync.data, DATA_SYNC)
            | bit(self.sync.requested, REQUESTED_SYNC)
            | bit(self.mutable(), MUTATE_DIRECTORY)
    }

    /// Fails unless it is a directory.
    pub fn dir(&self) -> Result<(), Errno> {
        if self.is_dir() { Ok(()) } else { Err(Errno::NotDirectory) }
    }

    /// Fails if it is a directory.
    pub fn plain(&self) -> Result<(), Errno> {
        if self.is_dir() { Err(Errno::BadDescriptor) } else { Ok(()) }
    }

    /// Fails unless contents may be read.
    pub fn readable(&self) -> Result<(), Errno> {
        self.plain()?;
        if self.read { Ok(()) } else { Err(Errno::BadDescriptor) }
    }

    /// Fails unless contents may be changed.
    pub fn writable(&self) -> Result<(), Errno> {
        self.plain()?;
        if self.write && !self.read_only { Ok(()) } else { Err(Errno::BadDescriptor) }
    }

    /// Fails if it belongs to a mount that may not be changed.
    pub fn changeable(&self) -> Result<(), Errno> {
        if self.read_only { Err(Errno::ReadOnly) } else { Ok(()) }
    }
}

/// A directory that is being listed. The list is read as the guest asks for it, a few
/// entries at a time, so that a long one takes up no more than a short one.
#[derive(Debug)]
pub(super) struct Listing {
    /// The list outside; nothing after its end.
    list: Option<Held>,
    entries: std::vec::IntoIter<DirEntry>,
    /// Names of mounts below the directory that have not been met.
    mounts: Vec<String>,
    charge: Charge,
}

/// What an entry takes up.
pub(super) fn held(entries: &[DirEntry]) -> u64 {
    let bytes = |entry: &DirEntry| (size_of::<DirEntry>() + 16 + entry.name.len()) as u64;
    entries.iter().map(bytes).fold(0, u64::saturating_add)
}

impl Listing {
    /// A list, and the names of the mounts below the directory.
    pub fn new(list: Held, mounts: Vec<String>) -> Listing {
        let charge = Charge::default();
        Listing { list: Some(list), entries: Vec::new().into_iter(), mounts, charge }
    }

    /// The next entry that has been read.
    pub fn next(&mut self) -> Option<DirEntry> {
        self.entries.next()
    }

    /// The list, if there may be more in it.
    pub fn list(&self) -> Option<FileId> {
        self.list.as_deref().copied()
    }

    pub fn into_held(self) -> Option<Held> {
        self.list
    }

    /// Adds entries that have been read, of which none mean the end. A mount hides what
    /// has its name.
    pub fn add(&mut self, mut entries: Vec<DirEntry>, charge: Charge) -> Option<Held> {
        // Some of those that have been read before may be left.
        match self.entries.len() {
            0 => self.charge = charge,
            _ => self.charge.merge(charge),
        }
        let ended = entries.is_empty();
        for entry in &mut entries {
            if let Some(at) = self.mounts.iter().position(|name| *name == entry.name) {
                entry.kind = FileKind::Directory;
                self.mounts.swap_remove(at);
            }
        }
        if ended {
            let mount = |name| DirEntry { name, kind: FileKind::Directory, inode: 0 };
            entries.extend(self.mounts.drain(..).map(mount));
        }
        let left = std::mem::take(&mut self.entries);
        self.entries = match left.len() {
            0 => entries.into_iter(),
            _ => left.chain(entries).collect::<Vec<_>>().into_iter(),
        };
        if ended { self.list.take() } else { None }
    }
}
