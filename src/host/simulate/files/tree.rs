//! The tree of files: names, contents and times, whoever has them open.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use super::{super::copy::Copied, Answer};
use crate::command::{DirEntry, Errno, FileKind, NewTime, Reply, Stat};

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

/// The kind and contents of a file.
#[derive(Clone, Debug)]
pub(super) enum Node {
    File(Arc<Vec<u8>>),
    Dir(BTreeMap<String, Inode>),
    Link(String),
}

#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) node: Node,
    /// Nanoseconds since 1970.
    modified: u64,
    accessed: u64,
    /// How many names it has.
    links: u64,
    /// How often it is open.
    pub(super) open: u64,
}

#[derive(Default)]
pub(super) struct Tree {
    pub(super) files: BTreeMap<Inode, File>,
    pub(super) next: Inode,
    pub(super) bytes: u64,
    /// The copies that are there, by the address of what they are copies of.
    pub(super) mounts: HashMap<usize, Inode>,
}

impl Tree {
    pub(super) fn node(&self, inode: Inode) -> Result<&Node, Errno> {
        self.files.get(&inode).map(|file| &file.node).ok_or(Errno::NoEntry)
    }

    pub(super) fn entries(&self, inode: Inode) -> Result<&BTreeMap<String, Inode>, Errno> {
        match self.node(inode)? {
            Node::Dir(entries) => Ok(entries),
            Node::File(_) | Node::Link(_) => Err(Errno::NotDirectory),
        }
    }

    /// The file that a path below a directory leads to.
    pub(super) fn find(&self, dir: Inode, path: &str, follow: bool) -> Result<Inode, Errno> {
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
    pub(super) fn parent(&self, dir: Inode, path: &str) -> Result<(Inode, String), Errno> {
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
    pub(super) fn new_place(&self, dir: Inode, path: &str) -> Result<(Inode, String), Errno> {
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
    pub(super) fn add(
        &mut self,
        dir: Inode,
        name: String,
        node: Node,
        now: u64,
    ) -> Result<Inode, Errno> {
        if self.files.len() >= MOST_NODES {
            return Err(Errno::InsufficientSpace);
        }
        let inode = self.new_file(node, now);
        self.insert(dir, name, inode)?;
        Ok(inode)
    }

    pub(super) fn new_file(&mut self, node: Node, now: u64) -> Inode {
        self.next = self.next.saturating_add(1);
        let file = File { node, modified: now, accessed: now, links: 0, open: 0 };
        self.files.insert(self.next, file);
        self.next
    }

    /// Gives a file a name.
    pub(super) fn insert(&mut self, dir: Inode, name: String, inode: Inode) -> Answer {
        if let Some(File { node: Node::Dir(entries), .. }) = self.files.get_mut(&dir) {
            entries.insert(name, inode);
        }
        if let Some(file) = self.files.get_mut(&inode) {
            file.links = file.links.saturating_add(1);
        }
        Ok(Reply::Done)
    }

    /// Takes a name away.
    pub(super) fn unlink(&mut self, dir: Inode, name: &str) -> Answer {
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

    pub(super) fn close(&mut self, inode: Inode) {
        if let Some(file) = self.files.get_mut(&inode) {
            file.open = file.open.saturating_sub(1);
        }
        self.forget(inode);
    }

    /// Frees a file that has no name and is not open.
    pub(super) fn forget(&mut self, inode: Inode) {
        let is_mount = self.mounts.values().any(|mount| *mount == inode);
        let is_gone = |file: &File| file.links == 0 && file.open == 0 && !is_mount;
        if self.files.get(&inode).is_some_and(is_gone)
            && let Some(File { node: Node::File(bytes), .. }) = self.files.remove(&inode)
        {
            self.bytes = self.bytes.saturating_sub(bytes.len() as u64);
        }
    }

    pub(super) fn rename(&mut self, from: (Inode, &str), to: (Inode, &str)) -> Answer {
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
    pub(super) fn is_below(&self, dir: Inode, other: Inode) -> bool {
        let mut todo = vec![other];
        while let Some(at) = todo.pop() {
            if at == dir {
                return true;
            }
            todo.extend(self.entries(at).into_iter().flat_map(BTreeMap::values));
        }
        false
    }

    pub(super) fn read(&mut self, inode: Inode, offset: u64, len: u32) -> Answer {
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

    pub(super) fn write(
        &mut self,
        inode: Inode,
        offset: Option<u64>,
        bytes: &[u8],
        now: u64,
    ) -> Answer {
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

    pub(super) fn size(&self, inode: Inode) -> Result<u64, Errno> {
        match self.node(inode)? {
            Node::File(bytes) => Ok(bytes.len() as u64),
            Node::Dir(_) => Err(Errno::IsDirectory),
            Node::Link(_) => Err(Errno::BadDescriptor),
        }
    }

    pub(super) fn set_size(&mut self, inode: Inode, size: u64, now: u64) -> Answer {
        self.resize(inode, size, now)?;
        Ok(Reply::Done)
    }

    pub(super) fn resize(&mut self, inode: Inode, size: u64, now: u64) -> Result<(), Errno> {
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

    pub(super) fn set_times(
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

    pub(super) fn stat(&self, inode: Inode) -> Answer {
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

    pub(super) fn list(&self, inode: Inode) -> Result<VecDeque<DirEntry>, Errno> {
        let entry = |(name, inode): (&String, &Inode)| {
            let kind = self.node(*inode).map_or(FileKind::Unknown, |node| kind(node).0);
            DirEntry { name: name.clone(), kind, inode: *inode }
        };
        Ok(self.entries(inode)?.iter().map(entry).collect())
    }

    /// Adds a copy of a directory; its root.
    pub(super) fn add_copy(&mut self, copied: &Copied) -> Inode {
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
