//! The table of descriptors.
//!
//! 0, 1 and 2 are the standard streams, and the directories that are open from
//! the beginning follow. What is opened gets the lowest free number from 3 on: a
//! file that takes the place of a stderr that has been closed would be written
//! to by whoever has a complaint. A guest that wants a file there says so with
//! `fd_renumber`.

use super::errno::Code;
use crate::{
    account::Charge,
    command::{DirEntry, Stdio},
    imports::wasi::{
        descriptor::Descriptor,
        table::{Held, MAX_DESCRIPTORS},
    },
};

/// The first number that is given to what is opened.
const FIRST: usize = 3;

/// What a number stands for.
#[derive(Debug)]
pub(super) enum Fd {
    Stream(Stdio),
    File(File),
    Dir(Dir),
}

/// An open file.
#[derive(Debug)]
pub(super) struct File {
    pub descriptor: Descriptor,
    /// Where it is read and written next.
    pub position: u64,
    /// Each write goes to the end.
    pub append: bool,
    /// Remembered and reported: a file is never waited for by others.
    pub nonblock: bool,
    /// For what the table keeps of it.
    pub _charge: Charge,
}

/// An open directory.
#[derive(Debug)]
pub(super) struct Dir {
    pub descriptor: Descriptor,
    /// Its path, if it is open from the beginning.
    pub preopen: Option<String>,
    /// Its entries when they were last listed from the beginning. Cookies are
    /// places in this list, so that they stay good while entries come and go.
    pub entries: Option<Entries>,
    /// For what the table keeps of it.
    pub _charge: Charge,
}

/// The entries of a directory.
#[derive(Debug)]
pub(super) struct Entries {
    pub list: Vec<DirEntry>,
    pub charge: Charge,
}

/// What a place in the table takes up, and what is open outside for it.
pub(super) const PLACE: u64 = 2 * size_of::<Option<Fd>>() as u64 + 256;

/// The table.
#[derive(Debug, Default)]
pub(in crate::imports::wasi) struct Fds {
    /// Empty before the first use.
    slots: Vec<Option<Fd>>,
    open: bool,
}

impl Fds {
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// The table of a process that has used none of it.
    pub fn open(&mut self, directories: Vec<(Descriptor, String)>) {
        self.open = true;
        let streams = [Stdio::Stdin, Stdio::Stdout, Stdio::Stderr].map(Fd::Stream);
        let dirs = directories.into_iter().map(|(descriptor, path)| {
            let charge = Charge::default();
            Fd::Dir(Dir { descriptor, preopen: Some(path), entries: None, _charge: charge })
        });
        self.slots = streams.into_iter().chain(dirs).map(Some).collect();
    }

    pub(super) fn get(&mut self, fd: u32) -> Result<&mut Fd, Code> {
        self.slots.get_mut(fd as usize).and_then(Option::as_mut).ok_or(Code::BADF)
    }

    /// A file.
    pub(super) fn file(&mut self, fd: u32) -> Result<&mut File, Code> {
        let Fd::File(file) = self.get(fd)? else { return Err(Code::BADF) };
        Ok(file)
    }

    /// A directory that a path begins at.
    pub(super) fn base(&mut self, fd: u32) -> Result<&mut Dir, Code> {
        match self.get(fd)? {
            Fd::Dir(dir) => Ok(dir),
            Fd::File(_) => Err(Code::NOTDIR),
            Fd::Stream(_) => Err(Code::BADF),
        }
    }

    /// A file or a directory.
    pub(super) fn descriptor(&mut self, fd: u32) -> Result<&Descriptor, Code> {
        match self.get(fd)? {
            Fd::File(file) => Ok(&file.descriptor),
            Fd::Dir(dir) => Ok(&dir.descriptor),
            Fd::Stream(_) => Err(Code::BADF),
        }
    }

    fn free(&self) -> usize {
        let used = self.slots.iter().skip(FIRST).position(Option::is_none);
        used.map_or(self.slots.len(), |at| at.saturating_add(FIRST)).max(FIRST)
    }

    /// Whether something may be added.
    pub(super) fn has_room(&self) -> bool {
        self.free() < MAX_DESCRIPTORS
    }

    /// Adds a descriptor; its number, or what has no room.
    pub(super) fn add(&mut self, fd: Fd) -> Result<u32, Fd> {
        let free = self.free();
        if free >= MAX_DESCRIPTORS {
            return Err(fd);
        }
        match self.slots.get_mut(free) {
            Some(slot) => *slot = Some(fd),
            None => self.slots.push(Some(fd)),
        }
        // Below MAX_DESCRIPTORS.
        Ok(free as u32)
    }

    /// Takes a descriptor out.
    pub(super) fn remove(&mut self, fd: u32) -> Result<Fd, Code> {
        self.slots.get_mut(fd as usize).and_then(Option::take).ok_or(Code::BADF)
    }

    /// Gives a descriptor the number of another one, which must be open; that
    /// other one.
    pub(super) fn renumber(&mut self, from: u32, to: u32) -> Result<Option<Fd>, Code> {
        self.get(from)?;
        self.get(to)?;
        if from == to {
            return Ok(None);
        }
        let moved = self.remove(from)?;
        Ok(Some(std::mem::replace(self.get(to)?, moved)))
    }
}

impl Fd {
    /// The file that it keeps open.
    pub fn into_held(self) -> Option<Held> {
        match self {
            Fd::File(file) => Some(file.descriptor.file),
            Fd::Dir(dir) => Some(dir.descriptor.file),
            Fd::Stream(_) => None,
        }
    }
}
