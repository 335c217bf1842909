//! Files in memory beside those of a disk: the same commands, the same answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use cap_std::{ambient_authority, fs::Dir};

use super::*;
use crate::{
    command::Stat,
    host::simulate::choices::Random,
    world::{Streams, SystemDispatcher},
};

/// A directory that is gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("wippy-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&path));
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn open(&self) -> Directory {
        Dir::open_ambient_dir(&self.0, ambient_authority()).unwrap().into()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// The part of an answer that does not depend on who gives it.
fn plain(reply: &Reply) -> String {
    match reply {
        Reply::File { kind, .. } => format!("{kind:?}"),
        Reply::Stat(Stat { kind: FileKind::RegularFile, size, links, .. }) => {
            format!("file {size} {links}")
        }
        Reply::Stat(stat) => format!("{:?}", stat.kind),
        Reply::Entries(entries) => {
            let mut all: Vec<String> =
                entries.iter().map(|entry| format!("{} {:?}", entry.name, entry.kind)).collect();
            all.sort();
            format!("{all:?}")
        }
        other => format!("{other:?}"),
    }
}

/// A disk and a copy of it, and what is open on both.
struct Both {
    disk: SystemDispatcher,
    memory: Open,
    /// The ids of the same thing: its number, on the disk, in memory.
    ids: Vec<(FileId, FileId)>,
    random: Random,
    past: Vec<String>,
}

impl Both {
    fn path(&mut self) -> String {
        const PATHS: [&str; 16] = [
            "a", "b", "d", "d/a", "d/b", "l", "up", "d/.", ".", "..", "d/../a", "e", "e/a", "no/a",
            "d/d", "ld/a",
        ];
        PATHS[self.random.below(PATHS.len() as u64) as usize].to_owned()
    }

    fn flag(&mut self) -> bool {
        self.random.below(2) == 0
    }

    /// Something to do, for each of both.
    fn command(&mut self) -> impl Fn(FileId) -> FsCommand + use<> {
        let (path, to_path, follow) = (self.path(), self.path(), self.flag());
        let (sort, size) = (self.random.below(18), self.random.below(20));
        let flags = OpenFlags {
            read: true,
            write: self.flag(),
            create: self.flag(),
            exclusive: self.random.below(4) == 0,
            truncate: self.random.below(4) == 0,
            directory: self.random.below(6) == 0,
            ..OpenFlags::default()
        };
        // What no system call has: the callers do not ask for it.
        let flags = OpenFlags {
            truncate: flags.truncate && flags.write,
            create: flags.create && !flags.directory,
            exclusive: flags.exclusive && flags.create && !flags.directory,
            ..flags
        };
        move |file: FileId| {
            let (path, to_path) = (path.clone(), to_path.clone());
            let (dir, to_dir) = (file, file);
            match sort {
                0..=4 => FsCommand::Open { dir, path, follow, flags },
                5 => FsCommand::Read { file, offset: size / 2, len: size as u32 },
                6 => FsCommand::Write { file, offset: Some(size), bytes: vec![7; size as usize] },
                7 => FsCommand::Write { file, offset: None, bytes: vec![9; size as usize] },
                8 => FsCommand::Stat(file),
                9 => FsCommand::StatAt { dir, path, follow },
                10 => FsCommand::SetSize { file, size },
                11 => FsCommand::CreateDir { dir, path },
                12 => FsCommand::RemoveDir { dir, path },
                13 => FsCommand::Unlink { dir, path },
                14 => FsCommand::Rename { dir, path, to_dir, to_path },
                15 => FsCommand::Link { dir, path, follow: false, to_dir, to_path },
                16 => FsCommand::Symlink { target: to_path, dir, path },
                _ => FsCommand::ReadLink { dir, path },
            }
        }
    }

    /// Does something on both; the difference, if there is one.
    fn step(&mut self) -> Result<(), String> {
        let of = self.random.below(self.ids.len() as u64) as usize;
        // Mostly from the first, which is the directory.
        let of = if self.random.below(3) > 0 { 0 } else { of };
        let (on_disk, in_memory) = self.ids[of];
        let command = self.command();
        let shown = format!("{:?}", command(in_memory));
        let one = smol::block_on(self.disk.later(command(on_disk).into()));
        let other = self.memory.answer(command(in_memory), 1).unwrap_or_else(Reply::Failed);
        self.past.push(format!("{shown}  ->  {}", plain(&one)));
        // Where several things are wrong at once, any of them may be told.
        let failed = |reply: &Reply| matches!(reply, Reply::Failed(_));
        let names = matches!(
            command(in_memory),
            FsCommand::Link { .. }
                | FsCommand::Rename { .. }
                | FsCommand::CreateDir { .. }
                | FsCommand::RemoveDir { .. }
                | FsCommand::Unlink { .. }
                | FsCommand::Symlink { .. }
        );
        let alike = names && failed(&one) && failed(&other);
        if plain(&one) != plain(&other) && !alike {
            let (one, other) = (plain(&one), plain(&other));
            return Err(format!("{shown}\n  disk {one}, memory {other}"));
        }
        if let (Reply::File { id: one, .. }, Reply::File { id: other, .. }) = (one, other) {
            self.ids.push((one, other));
        }
        if self.ids.len() > 12 {
            let (one, other) = self.ids.remove(1);
            drop(smol::block_on(self.disk.later(FsCommand::Close(one).into())));
            drop(self.memory.answer(FsCommand::Close(other), 1));
        }
        Ok(())
    }

    /// All that there is below the directory.
    fn list(&mut self, path: &str, depth: usize) {
        let (root, own) = self.ids[0];
        let flags = OpenFlags { read: true, directory: true, ..OpenFlags::default() };
        let open = |dir| FsCommand::Open { dir, path: path.to_owned(), follow: false, flags };
        let one = smol::block_on(self.disk.later(open(root).into()));
        let other = self.memory.answer(open(own), 1).unwrap_or_else(Reply::Failed);
        let (Reply::File { id: one, .. }, Reply::File { id: other, .. }) = (one, other) else {
            return;
        };
        let one = smol::block_on(self.disk.later(FsCommand::OpenDir(one).into()));
        let other = self.memory.answer(FsCommand::OpenDir(other), 1).unwrap();
        let (Reply::File { id: one, .. }, Reply::File { id: other, .. }) = (one, other) else {
            panic!("no list of {path}")
        };
        let one = smol::block_on(self.disk.later(FsCommand::ReadDir(one).into()));
        let other = self.memory.answer(FsCommand::ReadDir(other), 1).unwrap();
        assert_eq!(plain(&one), plain(&other), "{path}, after\n{}", self.past.join("\n"));
        let Reply::Entries(entries) = other else { panic!("no entries") };
        for entry in entries.iter().filter(|entry| entry.kind == FileKind::Directory) {
            if depth > 0 {
                self.list(&format!("{path}/{}", entry.name), depth - 1);
            }
        }
    }
}

#[test]
fn files_in_memory_answer_as_those_of_a_disk() {
    let mut differences = BTreeSet::new();
    for seed in 0..150 {
        let folder = Folder::new("sim-files");
        let root = &folder.0;
        std::fs::create_dir(root.join("d")).unwrap();
        std::fs::write(root.join("a"), "some text").unwrap();
        std::fs::write(root.join("d/a"), "more").unwrap();
        for (link, target) in [("l", "a"), ("up", "../x"), ("ld", "d")] {
            #[cfg(unix)]
            std::os::unix::fs::symlink(target, root.join(link)).unwrap();
        }
        let directory = folder.open();
        let mut memory = Open::new(&Disk::new(Arc::default()));
        let other = memory.add_dir(&directory, false).unwrap();
        let disk = SystemDispatcher::new(Streams::default());
        let one = disk.add_dir(directory, false);
        let random = Random::new(seed, 7);
        let mut both = Both { disk, memory, ids: vec![(one, other)], random, past: Vec::new() };
        match (0..60).try_for_each(|_| both.step()) {
            Ok(()) => both.list(".", 4),
            Err(difference) => drop(differences.insert(difference)),
        }
    }
    let all: Vec<String> = differences.into_iter().collect();
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[test]
fn what_is_read_only_stays_as_it_is() {
    let folder = Folder::new("sim-read-only");
    std::fs::write(folder.0.join("a"), "text").unwrap();
    let mut memory = Open::new(&Disk::new(Arc::default()));
    let dir = memory.add_dir(&folder.open(), true).unwrap();
    let path = || "a".to_owned();
    let mut fails = |command| assert_eq!(memory.answer(command, 1), Err(Errno::ReadOnly));
    let flags = OpenFlags { read: true, ..OpenFlags::default() };
    for flags in [
        OpenFlags { write: true, ..flags },
        OpenFlags { create: true, ..flags },
        OpenFlags { truncate: true, ..flags },
    ] {
        fails(FsCommand::Open { dir, path: path(), follow: true, flags });
    }
    fails(FsCommand::Unlink { dir, path: path() });
    fails(FsCommand::CreateDir { dir, path: path() });
    fails(FsCommand::Rename { dir, path: path(), to_dir: dir, to_path: "b".to_owned() });
    let open = FsCommand::Open { dir, path: path(), follow: true, flags };
    let Ok(Reply::File { id, .. }) = memory.answer(open, 1) else { panic!("not open") };
    let write = FsCommand::Write { file: id, offset: None, bytes: vec![1] };
    assert_eq!(memory.answer(write, 1), Err(Errno::BadDescriptor));
}

#[test]
fn one_copy_is_changed_by_one_run() {
    let folder = Folder::new("sim-copies");
    std::fs::write(folder.0.join("a"), "text").unwrap();
    let (copies, directory) = (Arc::<Copies>::default(), folder.open());
    let contents: BTreeMap<bool, Vec<u8>> = [true, false]
        .into_iter()
        .map(|writes| {
            let disk = Disk::new(copies.clone());
            let mut open = Open::new(&disk);
            let dir = open.add_dir(&directory, false).unwrap();
            let flags = OpenFlags { read: true, write: true, ..OpenFlags::default() };
            let command = FsCommand::Open { dir, path: "a".to_owned(), follow: true, flags };
            let Ok(Reply::File { id, .. }) = open.answer(command, 1) else { panic!("not open") };
            if writes {
                let write = FsCommand::Write { file: id, offset: Some(0), bytes: b"T".to_vec() };
                assert_eq!(open.answer(write, 1), Ok(Reply::Count(1)));
            }
            (writes, disk.contents(&directory, "a").unwrap())
        })
        .collect();
    assert_eq!(contents[&true], b"Text");
    assert_eq!(contents[&false], b"text");
    assert_eq!(std::fs::read(folder.0.join("a")).unwrap(), b"text");
}
