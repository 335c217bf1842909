//! Files in memory.

use std::collections::{BTreeMap, VecDeque};

use super::World;
use crate::command::{
    DirEntry, Errno, FileId, FileKind, FsCommand, NewTime, OpenFlags, Reply, Stat,
};

#[derive(Debug)]
pub(super) enum Node {
    File(Vec<u8>),
    Dir(BTreeMap<String, usize>),
    Link(String),
}

type Found = Result<usize, Errno>;

impl World {
    /// Makes a file with its directories.
    pub fn file(&mut self, path: &str, contents: &[u8]) {
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        let dir = self.dir(dir);
        self.add(dir, name, Node::File(contents.to_vec()));
    }

    /// Makes directories.
    pub fn dir(&mut self, path: &str) -> usize {
        let mut at = 0;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            at = match self.entries(at).unwrap().get(part) {
                Some(node) => *node,
                None => self.add(at, part, Node::Dir(BTreeMap::new())),
            };
        }
        at
    }

    /// Opens a directory for a mount.
    pub fn mount(&mut self, path: &str, id: u64) -> FileId {
        let node = self.dir(path);
        self.open.insert(FileId(id), node);
        FileId(id)
    }

    pub fn contents(&self, path: &str) -> &[u8] {
        let node = self.find(0, path, true).unwrap();
        match &self.nodes[node].0 {
            Node::File(bytes) => bytes,
            other => panic!("{path}: {other:?}"),
        }
    }

    fn add(&mut self, dir: usize, name: &str, node: Node) -> usize {
        self.nodes.push((node, self.now));
        let new = self.nodes.len() - 1;
        match &mut self.nodes[dir].0 {
            Node::Dir(entries) => entries.insert(name.to_owned(), new),
            _ => panic!("not a directory"),
        };
        new
    }

    fn entries(&self, dir: usize) -> Result<&BTreeMap<String, usize>, Errno> {
        match &self.nodes[dir].0 {
            Node::Dir(entries) => Ok(entries),
            _ => Err(Errno::NotDirectory),
        }
    }

    fn find(&self, dir: usize, path: &str, follow: bool) -> Found {
        let mut trail = vec![dir];
        let mut links = 0;
        let mut todo: VecDeque<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
        while let Some(part) = todo.pop_front() {
            let at = *trail.last().unwrap();
            match part {
                "." => {}
                ".." => {
                    trail.pop();
                    if trail.is_empty() {
                        return Err(Errno::NotPermitted);
                    }
                }
                name => {
                    let node = *self.entries(at)?.get(name).ok_or(Errno::NoEntry)?;
                    match &self.nodes[node].0 {
                        Node::Link(text)
                            if text.starts_with('/') && (follow || !todo.is_empty()) =>
                        {
                            return Err(Errno::NotPermitted);
                        }
                        Node::Link(_) if links > 20 => return Err(Errno::Loop),
                        Node::Link(text) if follow || !todo.is_empty() => {
                            links += 1;
                            for part in text.split('/').rev() {
                                todo.push_front(part);
                            }
                        }
                        _ => trail.push(node),
                    }
                }
            }
        }
        Ok(*trail.last().unwrap())
    }

    /// The directory that a path's last part is in, and the part.
    fn parent<'a>(&self, dir: FileId, path: &'a str) -> Result<(usize, &'a str), Errno> {
        let path = path.trim_end_matches('/');
        let (parent, name) = path.rsplit_once('/').unwrap_or((".", path));
        Ok((self.find(self.node(dir)?, parent, true)?, name))
    }

    fn node(&self, file: FileId) -> Found {
        self.open.get(&file).copied().ok_or(Errno::BadDescriptor)
    }

    fn stat(&self, node: usize) -> Reply {
        let (kind, size) = match &self.nodes[node].0 {
            Node::File(bytes) => (FileKind::RegularFile, bytes.len()),
            Node::Dir(_) => (FileKind::Directory, 0),
            Node::Link(text) => (FileKind::SymbolicLink, text.len()),
        };
        Reply::Stat(Stat {
            kind,
            device: 1,
            inode: node as u64,
            links: 1,
            size: size as u64,
            accessed: None,
            modified: Some(self.nodes[node].1),
            changed: Some(self.nodes[node].1),
        })
    }

    pub(super) fn file_command(&mut self, command: FsCommand) -> Result<Reply, Errno> {
        match command {
            FsCommand::Open { dir, path, follow, flags } => self.open(dir, &path, follow, flags),
            FsCommand::Read { file, offset, len } => match &self.nodes[self.node(file)?].0 {
                Node::File(bytes) => {
                    let start = bytes.len().min(offset as usize);
                    let end = bytes.len().min(start + len as usize);
                    Ok(Reply::Bytes(bytes[start..end].to_vec()))
                }
                _ => Err(Errno::IsDirectory),
            },
            FsCommand::Write { file, offset, mut bytes } => {
                bytes.truncate(self.short.unwrap_or(usize::MAX));
                let node = self.node(file)?;
                let Node::File(to) = &mut self.nodes[node].0 else {
                    return Err(Errno::IsDirectory);
                };
                let start = offset.map_or(to.len(), |offset| offset as usize);
                to.resize(to.len().max(start + bytes.len()), 0);
                to[start..start + bytes.len()].copy_from_slice(&bytes);
                Ok(Reply::Count(bytes.len() as u64))
            }
            FsCommand::Stat(file) => Ok(self.stat(self.node(file)?)),
            FsCommand::StatAt { dir, path, follow } => {
                Ok(self.stat(self.find(self.node(dir)?, &path, follow)?))
            }
            FsCommand::SetSize { file, size } => {
                let node = self.node(file)?;
                let Node::File(bytes) = &mut self.nodes[node].0 else {
                    return Err(Errno::IsDirectory);
                };
                bytes.resize(size as usize, 0);
                Ok(Reply::Done)
            }
            FsCommand::SetTimes { file, modified, .. } => {
                let node = self.node(file)?;
                self.set_time(node, modified)
            }
            FsCommand::SetTimesAt { dir, path, follow, modified, .. } => {
                let node = self.find(self.node(dir)?, &path, follow)?;
                self.set_time(node, modified)
            }
            FsCommand::OpenDir(file) => {
                let node = self.node(file)?;
                self.entries(node)?;
                self.next += 1;
                self.open.insert(FileId(self.next), node);
                self.lists.insert(FileId(self.next));
                Ok(Reply::File { id: FileId(self.next), kind: FileKind::Directory })
            }
            FsCommand::ReadDir(file) if !self.lists.remove(&file) => {
                assert!(self.open.contains_key(&file));
                Ok(Reply::Entries(Vec::new()))
            }
            FsCommand::ReadDir(file) => {
                let entries = self.entries(self.node(file)?)?.iter();
                let entry = |(name, node): (&String, &usize)| {
                    let Reply::Stat(stat) = self.stat(*node) else { unreachable!() };
                    DirEntry { name: name.clone(), kind: stat.kind, inode: stat.inode }
                };
                Ok(Reply::Entries(entries.map(entry).collect()))
            }
            FsCommand::CreateDir { dir, path } => {
                let (parent, name) = self.parent(dir, &path)?;
                match self.entries(parent)?.contains_key(name) {
                    true => Err(Errno::Exist),
                    false => {
                        self.add(parent, name, Node::Dir(BTreeMap::new()));
                        Ok(Reply::Done)
                    }
                }
            }
            FsCommand::RemoveDir { dir, path } => {
                let node = self.find(self.node(dir)?, &path, false)?;
                if !self.entries(node)?.is_empty() {
                    return Err(Errno::NotEmpty);
                }
                self.take(dir, &path)
            }
            FsCommand::Unlink { dir, path } => {
                let node = self.find(self.node(dir)?, &path, false)?;
                match self.nodes[node].0 {
                    Node::Dir(_) => Err(Errno::IsDirectory),
                    _ => self.take(dir, &path),
                }
            }
            FsCommand::Rename { dir, path, to_dir, to_path } => {
                let node = self.find(self.node(dir)?, &path, false)?;
                let (parent, name) = self.parent(to_dir, &to_path)?;
                self.take(dir, &path)?;
                self.insert(parent, name, node)
            }
            FsCommand::Link { dir, path, follow, to_dir, to_path } => {
                let node = self.find(self.node(dir)?, &path, follow)?;
                let (parent, name) = self.parent(to_dir, &to_path)?;
                self.insert(parent, name, node)
            }
            FsCommand::Symlink { target, dir, path } => {
                let (parent, name) = self.parent(dir, &path)?;
                self.add(parent, name, Node::Link(target));
                Ok(Reply::Done)
            }
            FsCommand::ReadLink { dir, path } => {
                match &self.nodes[self.find(self.node(dir)?, &path, false)?].0 {
                    Node::Link(text) => Ok(Reply::Text(text.clone())),
                    _ => Err(Errno::Invalid),
                }
            }
            FsCommand::Sync { file, .. } | FsCommand::Advise { file, .. } => {
                self.node(file)?;
                Ok(Reply::Done)
            }
            other => panic!("{other:?}"),
        }
    }

    fn open(
        &mut self,
        dir: FileId,
        path: &str,
        follow: bool,
        flags: OpenFlags,
    ) -> Result<Reply, Errno> {
        let node = match self.find(self.node(dir)?, path, follow) {
            Ok(_) if flags.exclusive => return Err(Errno::Exist),
            Err(Errno::NoEntry) if flags.create => {
                let (parent, name) = self.parent(dir, path)?;
                self.add(parent, name, Node::File(Vec::new()))
            }
            found => found?,
        };
        let kind = match &mut self.nodes[node].0 {
            Node::Dir(_) if flags.write => return Err(Errno::IsDirectory),
            Node::Dir(_) => FileKind::Directory,
            Node::Link(_) => return Err(Errno::Loop),
            Node::File(_) if flags.directory => return Err(Errno::NotDirectory),
            Node::File(bytes) => {
                if flags.truncate {
                    bytes.clear();
                }
                FileKind::RegularFile
            }
        };
        self.next += 1;
        let id = FileId(self.next);
        self.open.insert(id, node);
        Ok(Reply::File { id, kind })
    }

    fn set_time(&mut self, node: usize, time: NewTime) -> Result<Reply, Errno> {
        match time {
            NewTime::Keep => {}
            NewTime::Now => self.nodes[node].1 = self.now,
            NewTime::At(time) => self.nodes[node].1 = time,
        }
        Ok(Reply::Done)
    }

    fn take(&mut self, dir: FileId, path: &str) -> Result<Reply, Errno> {
        let (parent, name) = self.parent(dir, path)?;
        match &mut self.nodes[parent].0 {
            Node::Dir(entries) => entries.remove(name).ok_or(Errno::NoEntry)?,
            _ => return Err(Errno::NotDirectory),
        };
        Ok(Reply::Done)
    }

    fn insert(&mut self, dir: usize, name: &str, node: usize) -> Result<Reply, Errno> {
        match &mut self.nodes[dir].0 {
            Node::Dir(entries) => entries.insert(name.to_owned(), node),
            _ => return Err(Errno::NotDirectory),
        };
        Ok(Reply::Done)
    }
}
