//! Tests against the system they run on.

#[cfg(target_os = "linux")]
mod ends;
mod escape;
mod files;
mod links;
#[cfg(unix)]
mod race;
#[cfg(unix)]
mod special;
mod streams;

use super::*;
use crate::command::{Errno, FileKind, FsCommand, OpenFlags, Stat};
use cap_std::{ambient_authority, fs::Dir};
use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// `mount`, which a world is given, beside `outside`, which it must not reach.
/// It goes away with the test.
pub(super) struct Sandbox(PathBuf);

pub(super) const SECRET: &str = "secret";

impl Sandbox {
    pub(super) fn new() -> Sandbox {
        Sandbox::below(&std::env::temp_dir())
    }

    pub(super) fn below(parent: &Path) -> Sandbox {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name =
            format!("wippy-world-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = parent.join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(path.join("mount/sub/deep")).unwrap();
        std::fs::create_dir_all(path.join("outside/dir")).unwrap();
        std::fs::write(path.join("mount/file"), "hello").unwrap();
        std::fs::write(path.join("mount/sub/inner"), "inner").unwrap();
        std::fs::write(path.join("outside/secret"), SECRET).unwrap();
        std::fs::write(path.join("outside/dir/secret"), SECRET).unwrap();
        Sandbox(path)
    }

    pub(super) fn mount(&self) -> PathBuf {
        self.0.join("mount")
    }

    pub(super) fn outside(&self) -> PathBuf {
        self.0.join("outside")
    }

    pub(super) fn dir(&self) -> Dir {
        open_dir(&self.mount())
    }

    /// A world with the mount, writable and read-only.
    pub(super) fn world(&self) -> (SystemDispatcher, FileId, FileId) {
        let world = SystemDispatcher::new(Streams::default());
        let (writable, fixed) = (world.add_dir(self.dir(), false), world.add_dir(self.dir(), true));
        (world, writable, fixed)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(super) fn open_dir(path: &Path) -> Dir {
    Dir::open_ambient_dir(path, ambient_authority()).unwrap()
}

pub(super) const READ: OpenFlags = OpenFlags {
    read: true,
    write: false,
    create: false,
    exclusive: false,
    truncate: false,
    directory: false,
    data_sync: false,
    file_sync: false,
};
pub(super) const WRITE: OpenFlags = OpenFlags { write: true, ..READ };
pub(super) const CREATE: OpenFlags = OpenFlags { create: true, ..WRITE };

/// Short forms of commands, answered.
impl SystemDispatcher {
    pub(super) fn ask(&self, command: Command) -> Reply {
        smol::block_on(self.later(command))
    }

    pub(super) fn at(&self, command: FsCommand) -> Result<Reply, Errno> {
        match self.ask(Command::Fs(command)) {
            Reply::Failed(errno) => Err(errno),
            reply => Ok(reply),
        }
    }

    pub(super) fn get(&self, dir: FileId, path: &str, flags: OpenFlags) -> Result<FileId, Errno> {
        let open = FsCommand::Open { dir, path: path.to_owned(), follow: true, flags };
        match self.at(open)? {
            Reply::File { id, .. } => Ok(id),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn read(&self, file: FileId, offset: u64, len: u32) -> Result<String, Errno> {
        match self.at(FsCommand::Read { file, offset, len })? {
            Reply::Bytes(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn write(
        &self,
        file: FileId,
        offset: Option<u64>,
        text: &str,
    ) -> Result<u64, Errno> {
        match self.at(FsCommand::Write { file, offset, bytes: text.into() })? {
            Reply::Count(count) => Ok(count),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn stat(&self, file: FileId) -> Result<Stat, Errno> {
        match self.at(FsCommand::Stat(file))? {
            Reply::Stat(stat) => Ok(stat),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn stat_at(&self, dir: FileId, path: &str, follow: bool) -> Result<Stat, Errno> {
        match self.at(FsCommand::StatAt { dir, path: path.to_owned(), follow })? {
            Reply::Stat(stat) => Ok(stat),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn names(&self, dir: FileId) -> Result<Vec<(String, FileKind)>, Errno> {
        let Reply::File { id, .. } = self.at(FsCommand::OpenDir(dir))? else { panic!("no list") };
        let mut names = Vec::new();
        loop {
            match self.at(FsCommand::ReadDir(id))? {
                Reply::Entries(entries) if entries.is_empty() => break,
                Reply::Entries(entries) => {
                    assert!(entries.len() <= 256);
                    names.extend(entries.into_iter().map(|entry| (entry.name, entry.kind)));
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(self.at(FsCommand::Close(id)), Ok(Reply::Done));
        names.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(names)
    }
}
