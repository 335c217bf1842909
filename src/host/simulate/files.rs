//! Files in memory: copies of the directories that processes are given.
//!
//! A directory is copied when a process is first given it, and all runs begin with the
//! copy: what they change is theirs. Contents are shared until they are changed. What is
//! under a mount stays there: a path that leads out of it fails, as in the real world.

mod tree;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use self::tree::{Inode, Node, Tree};
use super::copy::Copies;
use crate::{
    command::{DirEntry, Errno, FileId, FileKind, FsCommand, OpenFlags, Reply},
    lock::lock,
    world::{Directory, MAX_OPEN},
};

/// The files of one run. A clone is the same.
#[derive(Clone)]
pub(super) struct Disk {
    copies: Arc<Copies>,
    tree: Arc<Mutex<Tree>>,
}

/// The files that a process has open.
pub(super) struct Open {
    disk: Disk,
    handles: BTreeMap<FileId, Handle>,
    next: u64,
}

#[derive(Clone)]
struct Handle {
    inode: Inode,
    read: bool,
    write: bool,
    /// It cannot be changed, nor what is below it.
    read_only: bool,
    /// It was given, and costs none of those that may be open.
    given: bool,
    /// The rest of a list.
    list: Option<VecDeque<DirEntry>>,
}

type Answer = Result<Reply, Errno>;

impl Disk {
    pub fn new(copies: Arc<Copies>) -> Disk {
        Disk { copies, tree: Arc::default() }
    }

    /// The contents of a file below a directory that processes were given.
    pub fn contents(&self, dir: &Directory, path: &str) -> Option<Vec<u8>> {
        let tree = lock(&self.tree);
        let root = *tree.mounts.get(&dir.address())?;
        let inode = tree.find(root, path, true).ok()?;
        match &tree.files.get(&inode)?.node {
            Node::File(bytes) => Some(bytes.to_vec()),
            Node::Dir(_) | Node::Link(_) => None,
        }
    }
}

impl Open {
    pub fn new(disk: &Disk) -> Open {
        Open { disk: disk.clone(), handles: BTreeMap::new(), next: 1 }
    }

    /// Gives the process a directory.
    pub fn add_dir(&mut self, dir: &Directory, read_only: bool) -> Result<FileId, String> {
        let copied = self.disk.copies.of(dir)?;
        let inode = {
            let mut tree = lock(&self.disk.tree);
            match tree.mounts.get(&dir.address()) {
                Some(inode) => *inode,
                None => {
                    let root = tree.add_copy(&copied);
                    tree.mounts.insert(dir.address(), root);
                    root
                }
            }
        };
        let handle =
            Handle { inode, read: true, write: !read_only, read_only, given: true, list: None };
        Ok(self.insert(handle))
    }

    fn insert(&mut self, handle: Handle) -> FileId {
        let id = FileId(self.next);
        self.next = self.next.saturating_add(1);
        if let Some(file) = lock(&self.disk.tree).files.get_mut(&handle.inode) {
            file.open = file.open.saturating_add(1);
        }
        self.handles.insert(id, handle);
        id
    }

    fn get(&self, id: FileId) -> Result<&Handle, Errno> {
        self.handles.get(&id).ok_or(Errno::BadDescriptor)
    }

    /// A directory below which something is to be changed.
    fn writable(&self, id: FileId) -> Result<Inode, Errno> {
        let handle = self.get(id)?;
        if handle.read_only { Err(Errno::ReadOnly) } else { Ok(handle.inode) }
    }

    /// Answers a command. `now` is the time of the wall clock.
    pub fn answer(&mut self, command: FsCommand, now: u64) -> Answer {
        let tree = self.disk.tree.clone();
        match command {
            FsCommand::Open { dir, path, follow, flags } => {
                self.open(dir, &path, follow, flags, now)
            }
            FsCommand::Close(id) => {
                let handle = self.handles.remove(&id).ok_or(Errno::BadDescriptor)?;
                lock(&tree).close(handle.inode);
                Ok(Reply::Done)
            }
            FsCommand::Read { file, offset, len } => {
                let handle = self.get(file)?;
                if !handle.read {
                    return Err(Errno::BadDescriptor);
                }
                lock(&tree).read(handle.inode, offset, len)
            }
            FsCommand::Write { file, offset, bytes } => {
                let handle = self.get(file)?;
                if !handle.write {
                    return Err(Errno::BadDescriptor);
                }
                lock(&tree).write(handle.inode, offset, &bytes, now)
            }
            FsCommand::Stat(file) => lock(&tree).stat(self.get(file)?.inode),
            FsCommand::StatAt { dir, path, follow } => {
                let tree = lock(&tree);
                tree.stat(tree.find(self.get(dir)?.inode, &path, follow)?)
            }
            FsCommand::SetSize { file, size } => {
                let handle = self.get(file)?;
                let mut tree = lock(&tree);
                tree.size(handle.inode)?;
                if !handle.write {
                    return Err(Errno::BadDescriptor);
                }
                tree.set_size(handle.inode, size, now)
            }
            FsCommand::SetTimes { file, accessed, modified } => {
                let inode = self.writable(file)?;
                lock(&tree).set_times(inode, accessed, modified, now)
            }
            FsCommand::SetTimesAt { dir, path, follow, accessed, modified } => {
                let dir = self.writable(dir)?;
                let mut tree = lock(&tree);
                let inode = tree.find(dir, &path, follow)?;
                tree.set_times(inode, accessed, modified, now)
            }
            FsCommand::OpenDir(id) => {
                let handle = self.get(id)?.clone();
                let list = lock(&tree).list(handle.inode)?;
                self.room()?;
                let id = self.insert(Handle { list: Some(list), given: false, ..handle });
                Ok(Reply::File { id, kind: FileKind::Directory })
            }
            FsCommand::ReadDir(id) => {
                let handle = self.handles.get_mut(&id).ok_or(Errno::BadDescriptor)?;
                let list = handle.list.as_mut().ok_or(Errno::BadDescriptor)?;
                let some = list.len().min(64);
                Ok(Reply::Entries(list.drain(..some).collect()))
            }
            FsCommand::CreateDir { dir, path } => {
                let dir = self.writable(dir)?;
                let mut tree = lock(&tree);
                let (parent, name) = tree.parent(dir, &path)?;
                if tree.entries(parent)?.contains_key(&name) {
                    return Err(Errno::Exist);
                }
                tree.add(parent, name, Node::Dir(BTreeMap::new()), now)?;
                Ok(Reply::Done)
            }
            FsCommand::RemoveDir { dir, path } => {
                let dir = self.writable(dir)?;
                let mut tree = lock(&tree);
                let inode = tree.find(dir, &path, false)?;
                if !tree.entries(inode)?.is_empty() {
                    return Err(Errno::NotEmpty);
                }
                if inode == dir {
                    return Err(Errno::Invalid);
                }
                let (parent, name) = tree.parent(dir, &path)?;
                tree.unlink(parent, &name)
            }
            FsCommand::Unlink { dir, path } => {
                let dir = self.writable(dir)?;
                let mut tree = lock(&tree);
                let inode = tree.find(dir, &path, false)?;
                if tree.entries(inode).is_ok() {
                    return Err(Errno::IsDirectory);
                }
                if path.ends_with('/') {
                    return Err(Errno::NotDirectory);
                }
                let (parent, name) = tree.parent(dir, &path)?;
                tree.unlink(parent, &name)
            }
            FsCommand::Rename { dir, path, to_dir, to_path } => {
                let (dir, to_dir) = (self.writable(dir)?, self.writable(to_dir)?);
                lock(&tree).rename((dir, &path), (to_dir, &to_path))
            }
            FsCommand::Link { dir, path, follow, to_dir, to_path } => {
                let (dir, to_dir) = (self.writable(dir)?, self.writable(to_dir)?);
                let mut tree = lock(&tree);
                let inode = tree.find(dir, &path, follow)?;
                if tree.entries(inode).is_ok() {
                    return Err(Errno::NotPermitted);
                }
                let (parent, name) = tree.parent(to_dir, &to_path)?;
                if tree.entries(parent)?.contains_key(&name) {
                    return Err(Errno::Exist);
                }
                tree.insert(parent, name, inode)
            }
            FsCommand::Symlink { target, dir, path } => {
                let dir = self.writable(dir)?;
                let mut tree = lock(&tree);
                let (parent, name) = tree.parent(dir, &path)?;
                if tree.entries(parent)?.contains_key(&name) {
                    return Err(Errno::Exist);
                }
                tree.add(parent, name, Node::Link(target), now)?;
                Ok(Reply::Done)
            }
            FsCommand::ReadLink { dir, path } => {
                let tree = lock(&tree);
                let inode = tree.find(self.get(dir)?.inode, &path, false)?;
                match tree.node(inode)? {
                    Node::Link(text) => Ok(Reply::Text(text.clone())),
                    Node::File(_) | Node::Dir(_) => Err(Errno::Invalid),
                }
            }
            FsCommand::Sync { file, .. } | FsCommand::Advise { file, .. } => {
                self.get(file)?;
                Ok(Reply::Done)
            }
        }
    }

    /// Fails unless one more may be open.
    fn room(&self) -> Result<(), Errno> {
        let open = self.handles.values().filter(|handle| !handle.given).count();
        if open >= MAX_OPEN { Err(Errno::TooManyOpen) } else { Ok(()) }
    }

    fn open(
        &mut self,
        dir: FileId,
        path: &str,
        follow: bool,
        flags: OpenFlags,
        now: u64,
    ) -> Answer {
        let Handle { inode: base, read_only, .. } = *self.get(dir)?;
        let changes = flags.write || flags.create || flags.truncate;
        if changes && read_only {
            return Err(Errno::ReadOnly);
        }
        lock(&self.disk.tree).entries(base)?;
        if flags.directory && flags.truncate {
            return Err(Errno::Invalid);
        }
        self.room()?;
        // What is to be new may not even be a link.
        let follow = follow && !flags.exclusive;
        let (inode, kind) = {
            let mut tree = lock(&self.disk.tree);
            let inode = match tree.find(base, path, follow) {
                Ok(_) if flags.exclusive => return Err(Errno::Exist),
                Err(Errno::NoEntry) if flags.create && !flags.directory => {
                    if path.ends_with('/') {
                        return Err(Errno::IsDirectory);
                    }
                    let (parent, name) = tree.new_place(base, path)?;
                    tree.add(parent, name, Node::File(Arc::default()), now)?
                }
                found => found?,
            };
            let kind = match tree.node(inode)? {
                Node::Dir(_) if flags.write || flags.truncate || flags.create => {
                    return Err(Errno::IsDirectory);
                }
                Node::Dir(_) => FileKind::Directory,
                Node::Link(_) if flags.directory => return Err(Errno::NotDirectory),
                Node::Link(_) => return Err(Errno::Loop),
                Node::File(_) if flags.directory || path.ends_with('/') => {
                    return Err(Errno::NotDirectory);
                }
                Node::File(_) => FileKind::RegularFile,
            };
            if flags.truncate {
                tree.set_size(inode, 0, now)?;
            }
            (inode, kind)
        };
        let OpenFlags { read, write, .. } = flags;
        let handle = Handle { inode, read, write, read_only, given: false, list: None };
        Ok(Reply::File { id: self.insert(handle), kind })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut tree = lock(&self.disk.tree);
        for handle in self.handles.values() {
            tree.close(handle.inode);
        }
    }
}
