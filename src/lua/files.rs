//! Calls of the prelude to commands about files, and what comes of them.

use mlua::{Lua, Result, Table, Value};

use super::request::Request;
use crate::command::{Command, DirEntry, FileId, FileKind, FsCommand, OpenFlags, Stat};

impl<I: Iterator<Item = Value>> Request<'_, I> {
    /// The command about files of this name, if there is one.
    pub(super) fn files(&mut self) -> std::result::Result<Option<Command>, String> {
        let name = self.name;
        let handle = |request: &mut Self| FileId(request.number());
        let path = |request: &mut Self| request.text("a path");
        Ok(Some(Command::Fs(match name {
            "fs_open" => {
                let (dir, path) = (handle(self), path(self)?);
                let flags = self.text("a mode")?;
                let has = |flag| flags.contains(flag);
                let flags = OpenFlags {
                    read: has('r'),
                    write: has('w'),
                    create: has('c'),
                    exclusive: has('x'),
                    truncate: has('t'),
                    directory: has('d'),
                    data_sync: false,
                    file_sync: false,
                };
                FsCommand::Open { dir, path, follow: true, flags }
            }
            "fs_close" => FsCommand::Close(handle(self)),
            "fs_read" => {
                let (file, offset) = (handle(self), self.number());
                let len = self.length();
                FsCommand::Read { file, offset, len }
            }
            "fs_write" => {
                let file = handle(self);
                // Below 0: at the end.
                let offset = self.next().as_integer().and_then(|at| u64::try_from(at).ok());
                let value = self.next();
                let bytes = value.as_string().map(|text| text.as_bytes().to_vec());
                let bytes = bytes.unwrap_or_default();
                self.size = self.size.saturating_add(bytes.len());
                FsCommand::Write { file, offset, bytes }
            }
            "fs_stat" => FsCommand::Stat(handle(self)),
            "fs_stat_at" => {
                FsCommand::StatAt { dir: handle(self), path: path(self)?, follow: true }
            }
            "fs_sync" => FsCommand::Sync { file: handle(self), data_only: false },
            "fs_list" => FsCommand::OpenDir(handle(self)),
            "fs_more" => FsCommand::ReadDir(handle(self)),
            "fs_mkdir" => FsCommand::CreateDir { dir: handle(self), path: path(self)? },
            "fs_rmdir" => FsCommand::RemoveDir { dir: handle(self), path: path(self)? },
            "fs_unlink" => FsCommand::Unlink { dir: handle(self), path: path(self)? },
            _ => return Ok(None),
        })))
    }
}

/// A kind, in the word of the original.
fn word(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Directory => "directory",
        FileKind::Unknown
        | FileKind::BlockDevice
        | FileKind::CharacterDevice
        | FileKind::Fifo
        | FileKind::SymbolicLink
        | FileKind::RegularFile
        | FileKind::Socket => "file",
    }
}

/// What is known of a file: its `kind`, `size`, and the second when it was `modified`.
pub(super) fn stat(lua: &Lua, stat: &Stat) -> Result<Table> {
    let table = lua.create_table_with_capacity(0, 3)?;
    table.raw_set("kind", word(stat.kind))?;
    table.raw_set("size", i64::try_from(stat.size).unwrap_or(i64::MAX))?;
    let seconds = stat.modified.unwrap_or_default() / 1_000_000_000;
    table.raw_set("modified", i64::try_from(seconds).unwrap_or(i64::MAX))?;
    Ok(table)
}

/// Entries of a directory, each with its `name` and `kind`.
pub(super) fn entries(lua: &Lua, entries: &[DirEntry]) -> Result<Table> {
    let list = lua.create_table_with_capacity(entries.len(), 0)?;
    for (at, entry) in (1_i64..).zip(entries) {
        let table = lua.create_table_with_capacity(0, 2)?;
        table.raw_set("name", entry.name.as_str())?;
        table.raw_set("kind", word(entry.kind))?;
        list.raw_set(at, table)?;
    }
    Ok(list)
}
