//! Files in memory: copies of the directories that processes are given.
//!
//! A directory is copied when a process is first given it, and all runs begin with the
//! copy: what they change is theirs. Contents are shared until they are changed. What is
//! under a mount stays there: a path that leads out of it fails, as in the real world.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex},
};

use super::copy::{Copied, Copies};
use crate::{
    command::{DirEntry, Errno, FileId, FileKind, FsCommand, NewTime, OpenFlags, Reply, Stat},
    lock::lock,
    world::{Directory, MAX_OPEN},
};

/// Bytes that the files of a run may have together.
const MOST_BYTES: u64 = 256 << 20;

/// Files and directories of a run.
const MOST_NODES: usize = 100_000;

/// Links that a path may lead through.
const MOST_LINKS: usize = 40;

/// Bytes of a name.
const MOST_NAME: usize = 255;

/// The number of a file.
pub(super) type Inode = u64;

/// What a file is.
#[derive(Clone, Debug)]
pub(super) enum Node {
    File(Arc<Vec<u8>>),
    Dir(BTreeMap<String, Inode>),
    Link(String),
}

#[derive(Clone, Debug)]
struct File {
    node: Node,
    /// Nanoseconds since 1970.
    modified: u64,
    accessed: u64,
    /// How many names it has.
    links: u64,
    /// How often it is open.
    open: u64,
}

/// The files of one run. A clone is the same.
#[derive(Clone)]
pub(super) struct Disk {
    copies: Arc<Copies>,
    tree: Arc<Mutex<Tree>>,
}

#[derive(Default)]
struct Tree {
    files: BTreeMap<Inode, File>,
    next: Inode,
    bytes: u64,
    /// The copies that are there, by the address of what they are copies of.
    mounts: HashMap<usize, Inode>,
}

/// What a process has open.
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

    /// Whether one more may be open.
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

impl Tree {
    fn node(&self, inode: Inode) -> Result<&Node, Errno> {
        self.files.get(&inode).map(|file| &file.node).ok_or(Errno::NoEntry)
    }

    fn entries(&self, inode: Inode) -> Result<&BTreeMap<String, Inode>, Errno> {
        match self.node(inode)? {
            Node::Dir(entries) => Ok(entries),
            Node::File(_) | Node::Link(_) => Err(Errno::NotDirectory),
        }
    }

    /// What a path below a directory leads to.
    fn find(&self, dir: Inode, path: &str, follow: bool) -> Result<Inode, Errno> {
        if path.is_empty() {
            return Err(Errno::NoEntry);
        }
        if path.starts_with('/') {
            return Err(Errno::NotPermitted);
        }
        let (mut trail, mut at, mut links) = (Vec::new(), dir, 0_usize);
        let parts = |path: &str| -> Vec<String> {
            path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        let mut todo: VecDeque<String> = parts(path).into();
        let ends_in_slash = path.ends_with('/');
        while let Some(part) = todo.pop_front() {
            let entries = self.entries(at)?;
            match &*part {
                "." => continue,
                ".." => {
                    at = trail.pop().ok_or(Errno::NotPermitted)?;
                    continue;
                }
                _ => {}
            }
            let inode = *entries.get(&part).ok_or(Errno::NoEntry)?;
            let is_followed = follow || !todo.is_empty() || ends_in_slash;
            match self.node(inode)? {
                Node::Link(text) if is_followed => {
                    links = links.saturating_add(1);
                    if links > MOST_LINKS {
                        return Err(Errno::Loop);
                    }
                    if text.starts_with('/') {
                        return Err(Errno::NotPermitted);
                    }
                    for part in parts(text).into_iter().rev() {
                        todo.push_front(part);
                    }
                }
                Node::Link(_) | Node::File(_) | Node::Dir(_) => {
                    trail.push(at);
                    at = inode;
                }
            }
        }
        if ends_in_slash {
            self.entries(at)?;
        }
        Ok(at)
    }

    /// The directory that the last part of a path is in, and that part.
    fn parent(&self, dir: Inode, path: &str) -> Result<(Inode, String), Errno> {
        let trimmed = path.trim_end_matches('/');
        let (parent, name) = trimmed.rsplit_once('/').unwrap_or((".", trimmed));
        if path.starts_with('/') {
            return Err(Errno::NotPermitted);
        }
        if matches!(name, "" | "." | "..") {
            // It is there, unless it is outside.
            self.find(dir, path, true)?;
            return Err(Errno::Exist);
        }
        if name.len() > MOST_NAME {
            return Err(Errno::NameTooLong);
        }
        let parent = if parent.is_empty() { "." } else { parent };
        let inode = self.find(dir, parent, true)?;
        self.entries(inode)?;
        Ok((inode, name.to_owned()))
    }

    /// Where a file is to be made that is not there: where a link leads, if there is one.
    fn new_place(&self, dir: Inode, path: &str) -> Result<(Inode, String), Errno> {
        let mut path = path.to_owned();
        for _ in 0..MOST_LINKS {
            let (parent, name) = self.parent(dir, &path)?;
            let Some(there) = self.entries(parent)?.get(&name) else { return Ok((parent, name)) };
            let Node::Link(text) = self.node(*there)? else { return Err(Errno::Exist) };
            if text.starts_with('/') {
                return Err(Errno::NotPermitted);
            }
            let before = path.rsplit_once('/').map_or(".", |(before, _)| before);
            path = format!("{before}/{text}");
        }
        Err(Errno::Loop)
    }

    /// Adds a new file to a directory.
    fn add(&mut self, dir: Inode, name: String, node: Node, now: u64) -> Result<Inode, Errno> {
        if self.files.len() >= MOST_NODES {
            return Err(Errno::InsufficientSpace);
        }
        let inode = self.new_file(node, now);
        self.insert(dir, name, inode)?;
        Ok(inode)
    }

    fn new_file(&mut self, node: Node, now: u64) -> Inode {
        self.next = self.next.saturating_add(1);
        let file = File { node, modified: now, accessed: now, links: 0, open: 0 };
        self.files.insert(self.next, file);
        self.next
    }

    /// Gives a file a name.
    fn insert(&mut self, dir: Inode, name: String, inode: Inode) -> Answer {
        if let Some(File { node: Node::Dir(entries), .. }) = self.files.get_mut(&dir) {
            entries.insert(name, inode);
        }
        if let Some(file) = self.files.get_mut(&inode) {
            file.links = file.links.saturating_add(1);
        }
        Ok(Reply::Done)
    }

    /// Takes a name away.
    fn unlink(&mut self, dir: Inode, name: &str) -> Answer {
        let Some(File { node: Node::Dir(entries), .. }) = self.files.get_mut(&dir) else {
            return Err(Errno::NotDirectory);
        };
        let inode = entries.remove(name).ok_or(Errno::NoEntry)?;
        if let Some(file) = self.files.get_mut(&inode) {
            file.links = file.links.saturating_sub(1);
        }
        self.forget(inode);
        Ok(Reply::Done)
    }

    fn close(&mut self, inode: Inode) {
        if let Some(file) = self.files.get_mut(&inode) {
            file.open = file.open.saturating_sub(1);
        }
        self.forget(inode);
    }

    /// Frees a file that has no name and is not open.
    fn forget(&mut self, inode: Inode) {
        let is_mount = self.mounts.values().any(|mount| *mount == inode);
        let is_gone = |file: &File| file.links == 0 && file.open == 0 && !is_mount;
        if self.files.get(&inode).is_some_and(is_gone)
            && let Some(File { node: Node::File(bytes), .. }) = self.files.remove(&inode)
        {
            self.bytes = self.bytes.saturating_sub(bytes.len() as u64);
        }
    }

    fn rename(&mut self, from: (Inode, &str), to: (Inode, &str)) -> Answer {
        let inode = self.find(from.0, from.1, false)?;
        let (old, name) = self.parent(from.0, from.1)?;
        let (new, to_name) = self.parent(to.0, to.1)?;
        let is_dir = self.entries(inode).is_ok();
        if is_dir && self.is_below(new, inode) {
            return Err(Errno::Invalid);
        }
        if !is_dir && to.1.ends_with('/') {
            return Err(Errno::NotDirectory);
        }
        match self.entries(new)?.get(&to_name).copied() {
            Some(there) if there == inode => return Ok(Reply::Done),
            Some(there) => {
                match (is_dir, self.entries(there)) {
                    (true, Err(_)) => return Err(Errno::NotDirectory),
                    (false, Ok(_)) => return Err(Errno::IsDirectory),
                    (true, Ok(entries)) if !entries.is_empty() => return Err(Errno::NotEmpty),
                    (true, Ok(_)) | (false, Err(_)) => {}
                }
                self.unlink(new, &to_name)?;
            }
            None => {}
        }
        self.insert(new, to_name, inode)?;
        self.unlink(old, &name)
    }

    /// True if a directory is another one, or below it.
    fn is_below(&self, dir: Inode, other: Inode) -> bool {
        let mut todo = vec![other];
        while let Some(at) = todo.pop() {
            if at == dir {
                return true;
            }
            todo.extend(self.entries(at).into_iter().flat_map(BTreeMap::values));
        }
        false
    }

    fn read(&mut self, inode: Inode, offset: u64, len: u32) -> Answer {
        match self.node(inode)? {
            Node::File(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                let end = start.saturating_add(len as usize).min(bytes.len());
                Ok(Reply::Bytes(bytes.get(start..end).unwrap_or_default().to_vec()))
            }
            Node::Dir(_) => Err(Errno::IsDirectory),
            Node::Link(_) => Err(Errno::BadDescriptor),
        }
    }

    fn write(&mut self, inode: Inode, offset: Option<u64>, bytes: &[u8], now: u64) -> Answer {
        // Of a directory nobody asks how large it is.
        let len = self.size(inode).map_err(|_| Errno::BadDescriptor)?;
        let start = offset.unwrap_or(len);
        let end = start.checked_add(bytes.len() as u64).ok_or(Errno::FileTooLarge)?;
        self.resize(inode, len.max(end), now)?;
        if let Some(File { node: Node::File(contents), .. }) = self.files.get_mut(&inode) {
            let contents = Arc::make_mut(contents);
            // Both fit, as the file has been made as large.
            if let Some(place) = contents.get_mut(start as usize..end as usize) {
                place.copy_from_slice(bytes);
            }
        }
        Ok(Reply::Count(bytes.len() as u64))
    }

    fn size(&self, inode: Inode) -> Result<u64, Errno> {
        match self.node(inode)? {
            Node::File(bytes) => Ok(bytes.len() as u64),
            Node::Dir(_) => Err(Errno::IsDirectory),
            Node::Link(_) => Err(Errno::BadDescriptor),
        }
    }

    fn set_size(&mut self, inode: Inode, size: u64, now: u64) -> Answer {
        self.resize(inode, size, now)?;
        Ok(Reply::Done)
    }

    fn resize(&mut self, inode: Inode, size: u64, now: u64) -> Result<(), Errno> {
        let len = self.size(inode)?;
        let bytes = self.bytes.saturating_sub(len).saturating_add(size);
        if size > len && bytes > MOST_BYTES {
            return Err(Errno::InsufficientSpace);
        }
        if let Some(file) = self.files.get_mut(&inode)
            && let Node::File(contents) = &mut file.node
        {
            file.modified = now;
            if size != len {
                // Not more than all files may have.
                Arc::make_mut(contents).resize(size as usize, 0);
            }
            self.bytes = bytes;
        }
        Ok(())
    }

    fn set_times(
        &mut self,
        inode: Inode,
        accessed: NewTime,
        modified: NewTime,
        now: u64,
    ) -> Answer {
        let file = self.files.get_mut(&inode).ok_or(Errno::NoEntry)?;
        let set = |time: &mut u64, new: NewTime| match new {
            NewTime::Keep => {}
            NewTime::Now => *time = now,
            NewTime::At(at) => *time = at,
        };
        set(&mut file.accessed, accessed);
        set(&mut file.modified, modified);
        Ok(Reply::Done)
    }

    fn stat(&self, inode: Inode) -> Answer {
        let file = self.files.get(&inode).ok_or(Errno::NoEntry)?;
        let (kind, size) = kind(&file.node);
        let (modified, accessed) = (Some(file.modified), Some(file.accessed));
        // A directory that was given has no name here.
        let links = match file.node {
            Node::Dir(_) => file.links.max(1),
            Node::File(_) | Node::Link(_) => file.links,
        };
        Ok(Reply::Stat(Stat {
            kind,
            device: 1,
            inode,
            links,
            size,
            accessed,
            modified,
            changed: modified,
        }))
    }

    fn list(&self, inode: Inode) -> Result<VecDeque<DirEntry>, Errno> {
        let entry = |(name, inode): (&String, &Inode)| {
            let kind = self.node(*inode).map_or(FileKind::Unknown, |node| kind(node).0);
            DirEntry { name: name.clone(), kind, inode: *inode }
        };
        Ok(self.entries(inode)?.iter().map(entry).collect())
    }

    /// Adds a copy of a directory; its root.
    fn add_copy(&mut self, copied: &Copied) -> Inode {
        let node = match copied {
            Copied::File(bytes) => {
                self.bytes = self.bytes.saturating_add(bytes.len() as u64);
                Node::File(bytes.clone())
            }
            Copied::Link(text) => Node::Link(text.clone()),
            Copied::Dir(_) => Node::Dir(BTreeMap::new()),
        };
        let root = self.new_file(node, 0);
        if let Copied::Dir(entries) = copied {
            for (name, copied) in entries {
                let inode = self.add_copy(copied);
                drop(self.insert(root, name.clone(), inode));
            }
        }
        root
    }
}

fn kind(node: &Node) -> (FileKind, u64) {
    match node {
        Node::File(bytes) => (FileKind::RegularFile, bytes.len() as u64),
        Node::Dir(_) => (FileKind::Directory, 0),
        Node::Link(text) => (FileKind::SymbolicLink, text.len() as u64),
    }
}
