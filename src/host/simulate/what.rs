//! Sorts of commands about files, as far as they matter to what can go wrong.

use crate::command::{Errno, FsCommand};

/// The sort of a command about files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Open,
    Close,
    Read,
    Write,
    Look,
    Change,
    Sync,
}

impl What {
    pub fn of(command: &FsCommand) -> What {
        match command {
            FsCommand::Open { .. } | FsCommand::OpenDir(_) => What::Open,
            FsCommand::Close(_) => What::Close,
            FsCommand::Read { .. } => What::Read,
            FsCommand::Write { .. } => What::Write,
            FsCommand::Stat(_)
            | FsCommand::StatAt { .. }
            | FsCommand::ReadDir(_)
            | FsCommand::ReadLink { .. }
            | FsCommand::Advise { .. } => What::Look,
            FsCommand::SetSize { .. }
            | FsCommand::SetTimes { .. }
            | FsCommand::SetTimesAt { .. }
            | FsCommand::CreateDir { .. }
            | FsCommand::RemoveDir { .. }
            | FsCommand::Unlink { .. }
            | FsCommand::Rename { .. }
            | FsCommand::Link { .. }
            | FsCommand::Symlink { .. } => What::Change,
            FsCommand::Sync { .. } => What::Sync,
        }
    }

    /// The name, for people.
    pub fn name(self) -> &'static str {
        match self {
            What::Open => "opening a file",
            What::Close => "closing a file",
            What::Read => "a read",
            What::Write => "a write",
            What::Look => "looking at a file",
            What::Change => "changing a directory",
            What::Sync => "a sync",
        }
    }

    /// How it may fail on a disk that is not well.
    pub fn errors(self) -> &'static [Errno] {
        match self {
            What::Close => &[],
            What::Open => &[Errno::Io, Errno::TooManyOpen],
            What::Read | What::Write | What::Look | What::Change | What::Sync => &[Errno::Io],
        }
    }
}

/// How much is read or written.
pub(super) enum Length<'a> {
    Read(&'a mut u32),
    Write(&'a mut Vec<u8>),
}

impl Length<'_> {
    /// That of a command which reads or writes.
    pub fn of(command: &mut FsCommand) -> Option<Length<'_>> {
        if let FsCommand::Read { len, .. } = command {
            return Some(Length::Read(len));
        }
        match command {
            FsCommand::Write { bytes, .. } => Some(Length::Write(bytes)),
            _ => None,
        }
    }

    pub fn bytes(&self) -> usize {
        match self {
            Length::Read(len) => **len as usize,
            Length::Write(bytes) => bytes.len(),
        }
    }

    /// Makes it shorter.
    pub fn cut(self, to: usize) {
        match self {
            Length::Read(len) => *len = u32::try_from(to).unwrap_or(u32::MAX).min(*len),
            Length::Write(bytes) => bytes.truncate(to),
        }
    }
}
