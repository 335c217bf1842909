//! Which command about files is answered when and where.
//!
//! Within a step, what is in memory: a path that is, opened or looked at, a file
//! that is, read; written where the system only takes the bytes; and what is
//! known of an open file. Everything else may wait for a disk and is done on the
//! blocking pool, unless it waits for a pipe or a device, which takes no thread.

mod disk;
mod file;
#[cfg(test)]
pub(super) mod name;
#[cfg(not(test))]
mod name;
mod open;
mod path;
mod permits;
mod stat;
mod table;

pub(crate) use self::permits::{Permit, Permits};
pub(super) use self::table::OpenPermit;
pub use self::{disk::Directory, table::MAX_OPEN};
use self::{
    disk::Disk,
    table::{Folder, List, Node, Table},
};
use super::{Inner, locked};
use crate::command::{Errno, FileId, FsCommand, OpenFlags, Reply};
use smol::Timer;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// The files that a process has open.
#[derive(Default)]
pub(super) struct Files {
    table: Mutex<Table>,
    /// See [`SystemDispatcher::set_alone`](super::SystemDispatcher::set_alone).
    alone: AtomicBool,
}

/// The answer, or the command back if it may have to wait for a disk or for somebody.
pub(super) fn now(world: &Inner, command: FsCommand) -> Result<Reply, FsCommand> {
    world.files.at_once(&command).ok_or(command)
}

/// The answer, which the blocking pool gives, or a pipe or a device when it is ready.
pub(super) async fn later(world: Arc<Inner>, command: FsCommand) -> Reply {
    if let Some((file, direction)) = stream_of(&command)
        && let Ok(Node::File(open)) = world.files.node(file)
        && file::is_waited_for(&open)
    {
        loop {
            if let Err(error) = file::ready(&open, direction == Direction::Out).await {
                return Reply::Failed(error.into());
            }
            match world.files.answer(&command) {
                Err(Errno::WouldBlock) => {}
                result => return result.unwrap_or_else(Reply::Failed),
            }
        }
    }
    let command = Arc::new(command);
    loop {
        let (place, asked) = (Arc::clone(&world), Arc::clone(&command));
        let result = smol::unblock(move || place.files.answer(&asked)).await;
        match (&*command, result) {
            (FsCommand::Open { dir, path, follow, .. }, Err(Errno::NoSuchDevice))
                if world.files.folder(*dir).is_ok_and(|dir| open::is_fifo(&dir, path, *follow)) =>
            {
                Timer::after(NO_READER).await;
            }
            (_, result) => return result.unwrap_or_else(Reply::Failed),
        }
    }
}

/// How long until a pipe that nobody reads is tried again.
const NO_READER: Duration = Duration::from_millis(20);

/// Which way bytes go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    In,
    Out,
}

/// The file that has to be ready first, if it is one that has to be waited for.
fn stream_of(command: &FsCommand) -> Option<(FileId, Direction)> {
    use FsCommand as C;
    match command {
        C::Read { file, .. } => Some((*file, Direction::In)),
        C::Write { file, .. } => Some((*file, Direction::Out)),
        C::Open { .. }
        | C::Close(_)
        | C::Stat(_)
        | C::StatAt { .. }
        | C::SetSize { .. }
        | C::SetTimes { .. }
        | C::SetTimesAt { .. }
        | C::OpenDir(_)
        | C::ReadDir(_)
        | C::CreateDir { .. }
        | C::RemoveDir { .. }
        | C::Unlink { .. }
        | C::Rename { .. }
        | C::Link { .. }
        | C::Symlink { .. }
        | C::ReadLink { .. }
        | C::Sync { .. }
        | C::Advise { .. } => None,
    }
}

impl Files {
    /// Appends as systems do that have no call for it.
    #[cfg(all(test, unix))]
    pub(super) fn append_by_flag(&self, file: FileId, bytes: &[u8]) -> std::io::Result<usize> {
        let Ok(Node::File(open)) = self.node(file) else { panic!("no file") };
        file::append_by_flag(&open, bytes)
    }

    /// See [`SystemDispatcher::add_dir`](super::SystemDispatcher::add_dir).
    pub(super) fn add_dir(&self, dir: Directory, read_only: bool) -> FileId {
        locked(&self.table).insert(Node::Dir(Arc::new(Folder { dir, read_only, _permit: None })))
    }

    /// See [`SystemDispatcher::set_alone`](super::SystemDispatcher::set_alone).
    pub(super) fn set_alone(&self) {
        self.alone.store(true, Ordering::Relaxed);
    }

    /// See [`SystemDispatcher::set_max_open`](super::SystemDispatcher::set_max_open).
    pub(super) fn set_max_open(&self, max: usize) {
        locked(&self.table).max = max;
    }

    /// Before something is opened that is no file.
    pub(super) fn permit(&self) -> Result<OpenPermit, Errno> {
        locked(&self.table).permit_other()
    }

    /// An id that nothing else has.
    pub(super) fn next_id(&self) -> FileId {
        locked(&self.table).next_id()
    }

    /// Closes everything.
    pub(super) fn close_all(&self) {
        locked(&self.table).clear();
    }

    /// The answer, if it waits neither for a disk nor for anybody.
    fn at_once(&self, command: &FsCommand) -> Option<Reply> {
        use FsCommand as C;
        let result = match command {
            C::Open { dir, path, follow, flags } => {
                let at_hand = |folder: Arc<Folder>| match self.waits_for(folder.dir.disk()) {
                    true => !flags.truncate,
                    false => disk::is_cached(&folder, path, *follow, Some(*flags)),
                };
                match self.folder(*dir).map(at_hand) {
                    Ok(true) => self.answer(command),
                    Ok(false) => return None,
                    Err(errno) => Err(errno),
                }
            }
            C::StatAt { dir, path, follow } => match self.folder(*dir) {
                Ok(folder)
                    if !self.waits_for(folder.dir.disk())
                        && !disk::is_cached(&folder, path, *follow, None) =>
                {
                    return None;
                }
                Ok(folder) => path::stat_at(&folder, path, *follow),
                Err(errno) => Err(errno),
            },
            C::Read { file, offset, len } => match self.node(*file) {
                Ok(node) if self.may_use(&node) => file::read(&node, *offset, *len),
                Ok(node) => file::read_now(&node, *offset, *len)?,
                Err(errno) => Err(errno),
            },
            C::Write { file, offset, bytes } => match self.node(*file) {
                Ok(node) if bytes.len() <= file::MOST && self.may_use(&node) => {
                    file::write(&node, *offset, bytes)
                }
                Ok(node) => file::write_now(&node, *offset, bytes)?,
                Err(errno) => Err(errno),
            },
            C::Stat(file) => match self.node(*file) {
                Ok(node) if node.disk() == Disk::Far => return None,
                Ok(node) => file::stat_of(&node),
                Err(errno) => Err(errno),
            },
            C::Close(_) => self.answer(command),
            C::SetSize { .. }
            | C::SetTimes { .. }
            | C::SetTimesAt { .. }
            | C::OpenDir(_)
            | C::ReadDir(_)
            | C::CreateDir { .. }
            | C::RemoveDir { .. }
            | C::Unlink { .. }
            | C::Rename { .. }
            | C::Link { .. }
            | C::Symlink { .. }
            | C::ReadLink { .. }
            | C::Sync { .. }
            | C::Advise { .. } => return None,
        };
        match (command, result) {
            // Perhaps a pipe that nobody reads yet.
            (C::Open { .. }, Err(Errno::NoSuchDevice)) => None,
            (_, result) => Some(result.unwrap_or_else(Reply::Failed)),
        }
    }

    /// A disk that this process may wait for, because nobody else would have to:
    /// any, where the system cannot tell them apart.
    fn waits_for(&self, disk: Disk) -> bool {
        let near = disk != Disk::Far || cfg!(not(target_os = "linux"));
        near && self.alone.load(Ordering::Relaxed)
    }

    /// Contents that this process may wait for.
    fn may_use(&self, node: &Node) -> bool {
        match node {
            Node::File(open) => open.is_regular() && !open.synchronous && self.waits_for(open.disk),
            Node::Dir(_) | Node::List(_) => false,
        }
    }

    fn node(&self, file: FileId) -> Result<Node, Errno> {
        locked(&self.table).node(file)
    }

    fn folder(&self, dir: FileId) -> Result<Arc<Folder>, Errno> {
        locked(&self.table).folder(dir)
    }

    fn open(
        &self,
        dir: FileId,
        path: &str,
        follow: bool,
        flags: OpenFlags,
    ) -> Result<Reply, Errno> {
        let folder = self.folder(dir)?;
        let permit = locked(&self.table).permit()?;
        let node = open::open(&folder, path, follow, flags, permit)?;
        Ok(self.insert(node))
    }

    fn insert(&self, node: Node) -> Reply {
        let kind = node.kind();
        Reply::File { id: locked(&self.table).insert(node), kind }
    }

    /// Begins to list a directory.
    fn list(&self, dir: FileId) -> Result<Reply, Errno> {
        let folder = self.folder(dir)?;
        let permit = locked(&self.table).permit()?;
        let entries = Mutex::new(folder.dir.entries()?);
        Ok(self.insert(Node::List(Arc::new(List {
            entries,
            disk: folder.dir.disk(),
            _permit: permit,
        }))))
    }

    fn entries(&self, list: FileId) -> Result<Reply, Errno> {
        let list = locked(&self.table).list(list)?;
        path::entries(&mut locked(&list.entries))
    }

    /// Does it here and now, however long that takes.
    fn answer(&self, command: &FsCommand) -> Result<Reply, Errno> {
        use FsCommand as C;
        match command {
            C::Open { dir, path, follow, flags } => self.open(*dir, path, *follow, *flags),
            C::Close(file) => {
                let closed = locked(&self.table).close(*file)?;
                disk::close([closed]);
                Ok(Reply::Done)
            }
            C::Read { file, offset, len } => file::read(&self.node(*file)?, *offset, *len),
            C::Write { file, offset, bytes } => file::write(&self.node(*file)?, *offset, bytes),
            C::Stat(file) => file::stat_of(&self.node(*file)?),
            C::StatAt { dir, path, follow } => path::stat_at(&*self.folder(*dir)?, path, *follow),
            C::SetSize { file, size } => file::set_size(&self.node(*file)?, *size),
            C::SetTimes { file, accessed, modified } => {
                file::set_times(&self.node(*file)?, *accessed, *modified)
            }
            C::SetTimesAt { dir, path, follow, accessed, modified } => {
                path::set_times_at(&*self.folder(*dir)?, path, *follow, *accessed, *modified)
            }
            C::OpenDir(dir) => self.list(*dir),
            C::ReadDir(list) => self.entries(*list),
            C::CreateDir { dir, path } => path::create_dir(&*self.folder(*dir)?, path),
            C::RemoveDir { dir, path } => path::remove_dir(&*self.folder(*dir)?, path),
            C::Unlink { dir, path } => path::unlink(&*self.folder(*dir)?, path),
            C::Rename { dir, path, to_dir, to_path } => {
                path::rename(&*self.folder(*dir)?, path, &*self.folder(*to_dir)?, to_path)
            }
            C::Link { dir, path, follow, to_dir, to_path } => {
                path::link(&*self.folder(*dir)?, path, *follow, &*self.folder(*to_dir)?, to_path)
            }
            C::Symlink { target, dir, path } => path::symlink(target, &*self.folder(*dir)?, path),
            C::ReadLink { dir, path } => path::read_link(&*self.folder(*dir)?, path),
            C::Sync { file, data_only } => file::sync(&self.node(*file)?, *data_only),
            C::Advise { file, offset, len, advice } => {
                file::advise(&self.node(*file)?, *offset, *len, *advice)
            }
        }
    }
}
