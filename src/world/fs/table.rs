//! What a process has open.

use super::{
    disk::{self, Directory, Disk},
    permits::{Permit, Permits},
};
use crate::command::{Errno, FileId, FileKind};
use std::{
    collections::HashMap,
    fs::File,
    sync::{Arc, Mutex},
};

/// The most files and directories that one process can have open, unless
/// [`SystemDispatcher::set_max_open`](crate::world::SystemDispatcher::set_max_open) says otherwise; those of
/// all processes come out of one table of the operating system.
pub const MAX_OPEN: usize = 1024;

/// An open directory. Everything opened below it is as read-only as it is.
pub(super) struct Folder {
    pub(super) dir: Directory,
    pub(super) read_only: bool,
    /// None for what the host gives: that is open anyway.
    pub(super) _permit: Option<Permit>,
}

impl Folder {
    /// Before anything is changed below this directory.
    ///
    /// The answer is [`Errno::ReadOnly`], as from a file system that is mounted
    /// read-only, and it does not depend on what is there.
    pub(super) fn writable(&self) -> Result<(), Errno> {
        if self.read_only { Err(Errno::ReadOnly) } else { Ok(()) }
    }
}

/// An open file that is no directory.
pub(super) struct Open {
    pub(super) file: File,
    pub(super) kind: FileKind,
    pub(super) read: bool,
    pub(super) write: bool,
    /// Below a read-only directory.
    pub(super) read_only: bool,
    /// Each write waits for the disk.
    pub(super) synchronous: bool,
    pub(super) disk: Disk,
    /// The system cannot say what of it can be read without waiting.
    #[cfg(target_os = "linux")]
    pub(super) unhurried: std::sync::atomic::AtomicBool,
    /// The same for writing.
    #[cfg(target_os = "linux")]
    pub(super) unhurried_writes: std::sync::atomic::AtomicBool,
    /// Tells when a pipe or a device is ready, if it can.
    #[cfg(unix)]
    pub(super) readiness: Option<smol::Async<File>>,
    /// One append at a time where it takes several steps.
    pub(super) appending: Mutex<()>,
    pub(super) _permit: Permit,
}

/// A directory that is being listed.
pub(super) struct List {
    pub(super) entries: Mutex<cap_std::fs::ReadDir>,
    pub(super) disk: Disk,
    pub(super) _permit: Permit,
}

impl Open {
    /// Neither reading nor writing has to wait for somebody.
    pub(super) fn is_regular(&self) -> bool {
        self.kind == FileKind::RegularFile
    }
}

#[derive(Clone)]
pub(super) enum Node {
    Dir(Arc<Folder>),
    File(Arc<Open>),
    List(Arc<List>),
}

impl Node {
    pub(super) fn kind(&self) -> FileKind {
        match self {
            Node::Dir(_) | Node::List(_) => FileKind::Directory,
            Node::File(open) => open.kind,
        }
    }

    pub(super) fn disk(&self) -> Disk {
        match self {
            Node::Dir(folder) => folder.dir.disk(),
            Node::List(list) => list.disk,
            Node::File(open) => open.disk,
        }
    }
}

/// The right to have something open that is no file, until this is dropped.
pub(in crate::world) struct OpenPermit {
    _permit: Permit,
    _counted: Arc<()>,
}

pub(super) struct Table {
    nodes: HashMap<FileId, Node>,
    /// Never used twice, so that a stale number names nothing.
    next: u64,
    /// Counts what is open and no file.
    others: Arc<()>,
    pub(super) max: usize,
}

impl Default for Table {
    fn default() -> Table {
        Table { nodes: HashMap::new(), next: 0, others: Arc::default(), max: MAX_OPEN }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Table {
    /// For what the host itself gives: without a limit.
    pub(super) fn insert(&mut self, node: Node) -> FileId {
        let id = self.next_id();
        self.nodes.insert(id, node);
        id
    }

    /// A number for something that is open, here or elsewhere.
    pub(super) fn next_id(&mut self) -> FileId {
        let id = FileId(self.next);
        self.next = self.next.wrapping_add(1);
        id
    }

    /// Before something is opened that is no file.
    pub(super) fn permit_other(&self) -> Result<OpenPermit, Errno> {
        Ok(OpenPermit { _permit: self.permit()?, _counted: Arc::clone(&self.others) })
    }

    /// Before something is opened.
    pub(super) fn permit(&self) -> Result<Permit, Errno> {
        // Each of the others has the count.
        let own = self.nodes.len().saturating_add(Arc::strong_count(&self.others)) - 1;
        if own < self.max { Permits::of_system().take(own) } else { Err(Errno::TooManyOpen) }
    }

    pub(super) fn close(&mut self, id: FileId) -> Result<Node, Errno> {
        self.nodes.remove(&id).ok_or(Errno::BadDescriptor)
    }

    pub(super) fn clear(&mut self) {
        disk::close(self.nodes.drain().map(|(_, node)| node));
    }

    pub(super) fn node(&self, id: FileId) -> Result<Node, Errno> {
        self.nodes.get(&id).cloned().ok_or(Errno::BadDescriptor)
    }

    /// A directory that a path begins at.
    pub(super) fn folder(&self, id: FileId) -> Result<Arc<Folder>, Errno> {
        match self.node(id)? {
            Node::Dir(folder) => Ok(folder),
            Node::File(_) => Err(Errno::NotDirectory),
            Node::List(_) => Err(Errno::BadDescriptor),
        }
    }

    /// A list that has been opened.
    pub(super) fn list(&self, id: FileId) -> Result<Arc<List>, Errno> {
        match self.node(id)? {
            Node::List(list) => Ok(list),
            Node::Dir(_) | Node::File(_) => Err(Errno::BadDescriptor),
        }
    }
}
