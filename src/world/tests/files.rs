//! Every command about files, with what it does and how it fails.

use super::*;
use crate::command::{Advice, FsCommand, NewTime};

const NONE: FileId = FileId(999);

fn same(path: &str) -> String {
    path.to_owned()
}

#[test]
fn what_is_written_is_read() {
    let sandbox = Sandbox::new();
    let (world, dir, _) = sandbox.world();
    let file = world.get(dir, "new", CREATE).unwrap();
    assert_eq!(world.write(file, Some(0), "0123456789"), Ok(10));
    assert_eq!(world.write(file, Some(2), "--"), Ok(2));
    assert_eq!(world.write(file, None, "end"), Ok(3));
    assert_eq!(world.read(file, 0, 100).unwrap(), "01--456789end");
    assert_eq!(world.read(file, 10, 2).unwrap(), "en");
    assert_eq!(world.read(file, 13, 100).unwrap(), "");
    assert_eq!(world.read(file, 1 << 40, 100).unwrap(), "");
    assert_eq!(world.read(file, 0, 0).unwrap(), "");
    assert_eq!(world.read(file, u64::MAX, 1), Err(Errno::Invalid));
    assert_eq!(world.write(file, Some(u64::MAX), "x"), Err(Errno::Invalid));
    assert_eq!(std::fs::read(sandbox.mount().join("new")).unwrap(), b"01--456789end");
}

#[test]
fn appends_go_to_the_end_whoever_else_writes() {
    let sandbox = Sandbox::new();
    let (world, dir, _) = sandbox.world();
    let (a, b) = (world.get(dir, "log", CREATE).unwrap(), world.get(dir, "log", WRITE).unwrap());
    let threads = [a, b].map(|file| {
        let world = world.clone();
        std::thread::spawn(move || {
            for _ in 0..500 {
                assert_eq!(world.write(file, None, "line\n"), Ok(5));
            }
        })
    });
    for thread in threads {
        thread.join().unwrap();
    }
    let log = std::fs::read_to_string(sandbox.mount().join("log")).unwrap();
    assert_eq!(log, "line\n".repeat(1000));
    // An append leaves positions alone.
    assert_eq!(world.write(a, Some(0), "LINE"), Ok(4));
    assert!(world.read(a, 0, 9).unwrap().starts_with("LINE\nline"));
}

#[test]
#[cfg(unix)]
fn appends_go_to_the_end_without_a_call_for_it() {
    let sandbox = Sandbox::new();
    let (world, dir, _) = sandbox.world();
    let file = world.get(dir, "file", WRITE).unwrap();
    for _ in 0..2 {
        assert_eq!(world.0.files.append_by_flag(file, b"!").unwrap(), 1);
        assert_eq!(world.write(file, Some(0), "J"), Ok(1));
    }
    assert_eq!(world.read(file, 0, 100).unwrap(), "Jello!!");
}

#[test]
fn a_file_is_used_as_it_was_opened() {
    let sandbox = Sandbox::new();
    let (world, dir, _) = sandbox.world();
    let read = world.get(dir, "file", READ).unwrap();
    let write = world.get(dir, "file", OpenFlags { read: false, ..WRITE }).unwrap();
    let none = world.get(dir, "file", OpenFlags::default()).unwrap();
    let made = world.get(dir, "made", OpenFlags { write: false, ..CREATE }).unwrap();
    let cut = OpenFlags { truncate: true, ..READ };
    let bad = Errno::BadDescriptor;
    assert_eq!(world.write(read, Some(0), "x"), Err(bad));
    assert_eq!(world.write(read, None, "x"), Err(bad));
    assert_eq!(world.at(FsCommand::SetSize { file: read, size: 0 }), Err(bad));
    assert_eq!(world.read(write, 0, 1), Err(bad));
    assert_eq!(world.read(none, 0, 1), Err(bad));
    assert_eq!(world.write(none, Some(0), "x"), Err(bad));
    assert_eq!(world.write(made, Some(0), "x"), Err(bad));
    assert_eq!(world.read(made, 0, 1).unwrap(), "");
    assert_eq!(world.stat(none).unwrap().size, 5);
    let cut = world.get(dir, "file", cut).unwrap();
    assert_eq!(world.stat(none).unwrap().size, 0);
    assert_eq!(world.write(cut, Some(0), "x"), Err(bad));
}

#[test]
fn opening_has_rules() {
    let sandbox = Sandbox::new();
    let (world, dir, fixed) = sandbox.world();
    let directory = OpenFlags { directory: true, ..READ };
    let exclusive = OpenFlags { exclusive: true, ..CREATE };
    for (path, flags, expected) in [
        ("file", READ, Ok(FileKind::RegularFile)),
        ("./sub/../file", READ, Ok(FileKind::RegularFile)),
        ("sub", READ, Ok(FileKind::Directory)),
        ("sub/", READ, Ok(FileKind::Directory)),
        (".", directory, Ok(FileKind::Directory)),
        ("sub/..", directory, Ok(FileKind::Directory)),
        ("file", CREATE, Ok(FileKind::RegularFile)),
        ("file", exclusive, Err(Errno::Exist)),
        ("sub", exclusive, Err(Errno::Exist)),
        ("file", directory, Err(Errno::NotDirectory)),
        ("file/", READ, Err(Errno::NotDirectory)),
        ("file/x", CREATE, Err(Errno::NotDirectory)),
        ("new/", CREATE, Err(Errno::IsDirectory)),
        ("sub", WRITE, Err(Errno::IsDirectory)),
        ("sub", OpenFlags { truncate: true, ..READ }, Err(Errno::IsDirectory)),
        ("sub", CREATE, Err(Errno::IsDirectory)),
        ("none", READ, Err(Errno::NoEntry)),
        ("none/none", CREATE, Err(Errno::NoEntry)),
        ("none", directory, Err(Errno::NoEntry)),
        ("", READ, Err(Errno::NoEntry)),
        ("sub", OpenFlags { create: true, ..directory }, Err(Errno::Invalid)),
        ("sub", OpenFlags { truncate: true, ..directory }, Err(Errno::Invalid)),
        ("sub", OpenFlags { exclusive: true, ..directory }, Err(Errno::Invalid)),
    ] {
        let open = FsCommand::Open { dir, path: same(path), follow: true, flags };
        let found = world.at(open).map(|reply| match reply {
            Reply::File { kind, .. } => kind,
            other => panic!("{other:?}"),
        });
        assert_eq!(found, expected, "{path} {flags:?}");
    }
    for flags in [WRITE, CREATE, OpenFlags { truncate: true, ..READ }] {
        assert_eq!(world.get(fixed, "file", flags), Err(Errno::ReadOnly), "{flags:?}");
    }
    let file = world.get(fixed, "file", READ).unwrap();
    assert_eq!(world.get(file, "x", READ), Err(Errno::NotDirectory));
    assert_eq!(world.get(NONE, "x", READ), Err(Errno::BadDescriptor));
    // What is below a read-only directory is read-only.
    let sub = world.get(fixed, "sub", READ).unwrap();
    assert_eq!(world.get(sub, "new", CREATE), Err(Errno::ReadOnly));
    assert_eq!(world.get(sub, "..", READ), Err(Errno::NotPermitted));
}

#[test]
fn what_is_closed_is_gone() {
    let sandbox = Sandbox::new();
    let (world, dir, _) = sandbox.world();
    let file = world.get(dir, "file", READ).unwrap();
    assert_eq!(world.at(FsCommand::Close(file)), Ok(Reply::Done));
    assert_eq!(world.at(FsCommand::Close(file)), Err(Errno::BadDescriptor));
    assert_eq!(world.read(file, 0, 1), Err(Errno::BadDescriptor));
    let other = world.get(dir, "file", READ).unwrap();
    assert_ne!(other, file);
    assert_eq!(world.at(FsCommand::Close(dir)), Ok(Reply::Done));
    assert_eq!(world.get(dir, "file", READ), Err(Errno::BadDescriptor));
    assert_eq!(world.read(other, 0, 1).unwrap(), "h");
    world.close();
    assert_eq!(world.stat(other), Err(Errno::BadDescriptor));
}

#[test]
fn a_process_has_so_many_files() {
    let sandbox = Sandbox::new();
    let (world, dir, fixed) = sandbox.world();
    world.set_max_open(4);
    let first = world.get(dir, "file", READ).unwrap();
    assert!(world.get(fixed, "sub", READ).is_ok());
    assert_eq!(world.get(dir, "new", CREATE), Err(Errno::TooManyOpen));
    assert!(!sandbox.mount().join("new").exists());
    assert_eq!(world.at(FsCommand::Close(first)), Ok(Reply::Done));
    assert!(world.get(dir, "new", CREATE).is_ok());
}

#[test]
fn a_directory_is_no_file() {
    let sandbox = Sandbox::new();
    let (world, dir, _) = sandbox.world();
    assert_eq!(world.read(dir, 0, 1), Err(Errno::IsDirectory));
    assert_eq!(world.write(dir, Some(0), "x"), Err(Errno::BadDescriptor));
    assert_eq!(world.at(FsCommand::SetSize { file: dir, size: 0 }), Err(Errno::IsDirectory));
    let advise = FsCommand::Advise { file: dir, offset: 0, len: 0, advice: Advice::Normal };
    assert_eq!(world.at(advise), Err(Errno::BadDescriptor));
    let file = world.get(dir, "file", READ).unwrap();
    assert_eq!(world.names(file), Err(Errno::NotDirectory));
}

#[test]
fn sizes_change() {
    let sandbox = Sandbox::new();
    let (world, dir, fixed) = sandbox.world();
    let file = world.get(dir, "file", WRITE).unwrap();
    let set = |size| world.at(FsCommand::SetSize { file, size });
    assert_eq!(set(2), Ok(Reply::Done));
    assert_eq!(set(4), Ok(Reply::Done));
    assert_eq!(set(u64::MAX), Err(Errno::Invalid));
    assert_eq!(world.read(file, 0, 9).unwrap(), "he\0\0");
    assert_eq!(world.stat(file).unwrap().size, 4);
    let file = world.get(fixed, "file", READ).unwrap();
    assert_eq!(world.at(FsCommand::SetSize { file, size: 0 }), Err(Errno::ReadOnly));
    assert_eq!(world.write(file, Some(0), "x"), Err(Errno::ReadOnly));
}

#[test]
fn stat_says_what_is_there() {
    let sandbox = Sandbox::new();
    let (world, dir, _) = sandbox.world();
    let file = world.get(dir, "file", READ).unwrap();
    let open = world.stat(file).unwrap();
    assert_eq!(world.stat_at(dir, "file", true).unwrap(), open);
    assert_eq!((open.kind, open.size, open.links), (FileKind::RegularFile, 5, 1));
    assert_eq!(world.stat(dir).unwrap(), world.stat_at(dir, ".", false).unwrap());
    assert_eq!(world.stat(dir).unwrap().kind, FileKind::Directory);
    assert_eq!(world.stat_at(dir, "none", true), Err(Errno::NoEntry));
    assert_eq!(world.stat_at(dir, "file/", true), Err(Errno::NotDirectory));
    assert_eq!(world.stat_at(dir, "", false), Err(Errno::NoEntry));
    assert_eq!(world.stat_at(file, "x", true), Err(Errno::NotDirectory));
    assert_eq!(world.stat(NONE), Err(Errno::BadDescriptor));
    let meta = std::fs::metadata(sandbox.mount().join("file")).unwrap();
    let modified = meta.modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(open.modified.map(u128::from), Some(modified.as_nanos()));
}

#[test]
fn times_are_set() {
    let sandbox = Sandbox::new();
    let (world, dir, fixed) = sandbox.world();
    let file = world.get(dir, "file", READ).unwrap();
    let (keep, at) = (NewTime::Keep, |time| NewTime::At(time));
    let of = |stat: Stat| (stat.accessed.unwrap(), stat.modified.unwrap());
    let set = |file, accessed, modified| world.at(FsCommand::SetTimes { file, accessed, modified });
    let set_at = |dir, path: &str, accessed, modified| {
        let path = same(path);
        world.at(FsCommand::SetTimesAt { dir, path, follow: true, accessed, modified })
    };
    assert_eq!(set(file, at(1_000_000_001), at(2_000_000_002)), Ok(Reply::Done));
    assert_eq!(of(world.stat(file).unwrap()), (1_000_000_001, 2_000_000_002));
    assert_eq!(set(file, keep, at(3_000_000_000)), Ok(Reply::Done));
    assert_eq!(set(file, keep, keep), Ok(Reply::Done));
    assert_eq!(of(world.stat(file).unwrap()), (1_000_000_001, 3_000_000_000));
    assert_eq!(set(file, keep, NewTime::Now), Ok(Reply::Done));
    assert!(of(world.stat(file).unwrap()).1 > 1_000_000_000_000_000_000);
    assert_eq!(set_at(dir, "sub/../file", at(5), keep), Ok(Reply::Done));
    assert_eq!(of(world.stat(file).unwrap()).0, 5);
    assert_eq!(set_at(dir, "sub/", at(6), at(7)), Ok(Reply::Done));
    assert_eq!(of(world.stat_at(dir, "sub", false).unwrap()), (6, 7));
    assert_eq!(set(dir, at(8), at(9)), Ok(Reply::Done));
    assert_eq!(set_at(dir, ".", keep, at(10)), Ok(Reply::Done));
    assert_eq!(of(world.stat(dir).unwrap()).1, 10);
    assert_eq!(set_at(dir, "none", keep, keep), Err(Errno::NoEntry));
    assert_eq!(set(NONE, keep, keep), Err(Errno::BadDescriptor));
    let file = world.get(fixed, "file", READ).unwrap();
    assert_eq!(set(file, at(1), at(1)), Err(Errno::ReadOnly));
    assert_eq!(set(fixed, at(1), at(1)), Err(Errno::ReadOnly));
    assert_eq!(set_at(fixed, "file", at(1), at(1)), Err(Errno::ReadOnly));
    assert_eq!(of(world.stat(file).unwrap()).0, 5);
}

#[test]
fn directories_are_made_listed_and_removed() {
    let sandbox = Sandbox::new();
    let (world, dir, fixed) = sandbox.world();
    let make = |dir, path: &str| world.at(FsCommand::CreateDir { dir, path: same(path) });
    let remove = |dir, path: &str| world.at(FsCommand::RemoveDir { dir, path: same(path) });
    assert_eq!(make(dir, "a"), Ok(Reply::Done));
    assert_eq!(make(dir, "a/b/"), Ok(Reply::Done));
    assert_eq!(make(dir, "a"), Err(Errno::Exist));
    assert_eq!(make(dir, "file"), Err(Errno::Exist));
    assert_eq!(make(dir, "x/y"), Err(Errno::NoEntry));
    assert_eq!(make(dir, "file/y"), Err(Errno::NotDirectory));
    assert_eq!(make(dir, ""), Err(Errno::NoEntry));
    assert_eq!(make(fixed, "ro"), Err(Errno::ReadOnly));
    let kinds =
        [("a", FileKind::Directory), ("file", FileKind::RegularFile), ("sub", FileKind::Directory)];
    assert_eq!(world.names(dir).unwrap(), kinds.map(|(name, kind)| (same(name), kind)));
    // Again, from the beginning.
    assert_eq!(world.names(dir).unwrap().len(), 3);
    assert_eq!(world.names(NONE), Err(Errno::BadDescriptor));
    assert_eq!(remove(dir, "a"), Err(Errno::NotEmpty));
    assert_eq!(remove(dir, "a/b/."), Err(Errno::Invalid));
    assert_eq!(remove(dir, "a/b//"), Ok(Reply::Done));
    assert_eq!(remove(fixed, "a"), Err(Errno::ReadOnly));
    assert_eq!(remove(dir, "a"), Ok(Reply::Done));
    assert_eq!(remove(dir, "a"), Err(Errno::NoEntry));
    assert_eq!(remove(dir, "file"), Err(Errno::NotDirectory));
    assert_eq!(remove(dir, "file/"), Err(Errno::NotDirectory));
    assert_eq!(remove(dir, "."), Err(Errno::Invalid));
    assert_eq!(remove(dir, ""), Err(Errno::NoEntry));
}

#[test]
fn files_are_removed() {
    let sandbox = Sandbox::new();
    let (world, dir, fixed) = sandbox.world();
    let unlink = |dir, path: &str| world.at(FsCommand::Unlink { dir, path: same(path) });
    assert_eq!(unlink(fixed, "file"), Err(Errno::ReadOnly));
    assert_eq!(unlink(dir, "file/"), Err(Errno::NotDirectory));
    let open = world.get(dir, "file", READ).unwrap();
    assert_eq!(unlink(dir, "file"), Ok(Reply::Done));
    assert_eq!(world.read(open, 0, 9).unwrap(), "hello");
    assert_eq!(world.stat(open).unwrap().links, 0);
    assert_eq!(unlink(dir, "file"), Err(Errno::NoEntry));
    assert_eq!(unlink(dir, ""), Err(Errno::NoEntry));
    let directory =
        if cfg!(target_os = "linux") { Errno::IsDirectory } else { Errno::NotPermitted };
    for path in ["sub", "sub/", "."] {
        assert_eq!(unlink(dir, path), Err(directory), "{path}");
    }
}

#[test]
fn the_disk_is_waited_for() {
    let sandbox = Sandbox::new();
    let (world, dir, fixed) = sandbox.world();
    let file = world.get(dir, "file", WRITE).unwrap();
    for data_only in [false, true] {
        for file in [file, dir, fixed] {
            assert_eq!(world.at(FsCommand::Sync { file, data_only }), Ok(Reply::Done));
        }
    }
    let none = FsCommand::Sync { file: NONE, data_only: true };
    assert_eq!(world.at(none), Err(Errno::BadDescriptor));
    for flags in [OpenFlags { data_sync: true, ..WRITE }, OpenFlags { file_sync: true, ..WRITE }] {
        let file = world.get(dir, "file", flags).unwrap();
        let write = FsCommand::Write { file, offset: Some(0), bytes: b"x".to_vec() };
        // Not within the step.
        let command = world.now(Command::Fs(write)).unwrap_err();
        assert_eq!(world.ask(command), Reply::Count(1));
    }
}

#[test]
fn advice_is_taken() {
    let sandbox = Sandbox::new();
    let (world, dir, _) = sandbox.world();
    let file = world.get(dir, "file", READ).unwrap();
    let advise = |offset, len, advice| world.at(FsCommand::Advise { file, offset, len, advice });
    for advice in [
        Advice::Normal,
        Advice::Sequential,
        Advice::Random,
        Advice::WillNeed,
        Advice::DontNeed,
        Advice::NoReuse,
    ] {
        assert_eq!(advise(0, 0, advice), Ok(Reply::Done));
        assert_eq!(advise(100, 4096, advice), Ok(Reply::Done));
    }
    assert_eq!(advise(u64::MAX, 1, Advice::Normal), Err(Errno::Invalid));
    assert_eq!(advise(1, u64::MAX, Advice::Normal), Err(Errno::Invalid));
    assert_eq!(advise(1 << 63, 0, Advice::Normal), Err(Errno::Invalid));
}

/// Where the system can tell that there is no disk to wait for.
#[test]
#[cfg(target_os = "linux")]
fn what_is_in_memory_is_answered_within_the_step() {
    let memory = std::path::Path::new("/dev/shm");
    if !memory.is_dir() {
        return;
    }
    let sandbox = Sandbox::below(memory);
    let (world, dir, _) = sandbox.world();
    let mut world = world;
    let mut now = |command| InlineDispatcher::now(&mut world, Command::Fs(command));
    let open = FsCommand::Open { dir, path: same("file"), follow: true, flags: WRITE };
    let Ok(Reply::File { id: file, .. }) = now(open.clone()) else { panic!() };
    for command in [
        FsCommand::Read { file, offset: 0, len: 10 },
        FsCommand::Write { file, offset: Some(0), bytes: vec![1] },
        FsCommand::Write { file, offset: None, bytes: vec![1] },
        FsCommand::Stat(file),
        FsCommand::StatAt { dir, path: same("file"), follow: true },
        FsCommand::Read { file: NONE, offset: 0, len: 10 },
        FsCommand::Close(file),
    ] {
        assert!(now(command.clone()).is_ok(), "{command:?}");
    }
    let Ok(Reply::File { id: file, .. }) = now(open) else { panic!() };
    let cut = OpenFlags { truncate: true, ..WRITE };
    for command in [
        FsCommand::OpenDir(dir),
        FsCommand::Sync { file, data_only: true },
        FsCommand::SetSize { file, size: 0 },
        FsCommand::SetTimes { file, accessed: NewTime::Now, modified: NewTime::Now },
        FsCommand::ReadLink { dir, path: same("file") },
        FsCommand::Advise { file, offset: 0, len: 0, advice: Advice::WillNeed },
        FsCommand::Unlink { dir, path: same("file") },
        FsCommand::Open { dir, path: same("file"), follow: true, flags: cut },
        FsCommand::Open { dir, path: same("new"), follow: true, flags: CREATE },
    ] {
        let given = Command::Fs(command);
        assert_eq!(InlineDispatcher::now(&mut world, given.clone()), Err(given));
    }
    assert_eq!(std::fs::read(sandbox.mount().join("file")).unwrap(), b"\x01ello\x01");
}

/// Data that the system has thrown out of its memory is read by the pool, whole.
#[test]
#[cfg(target_os = "linux")]
fn what_is_not_in_memory_is_not_read_within_the_step() {
    use rustix::fs::{Advice as Os, fadvise};
    let sandbox = Sandbox::new();
    let path = sandbox.mount().join("file");
    let text = "0123456789abcdef".repeat(1 << 14);
    std::fs::write(&path, &text).unwrap();
    let file = std::fs::File::open(&path).unwrap();
    file.sync_all().unwrap();
    fadvise(&file, 0, None, Os::DontNeed).unwrap();
    let mut byte = [0];
    let parts = &mut [std::io::IoSliceMut::new(&mut byte)];
    if rustix::io::preadv2(&file, parts, 0, rustix::io::ReadWriteFlags::NOWAIT) == Ok(1) {
        // The file lies in memory, or is kept there.
        return;
    }
    let (world, dir, _) = sandbox.world();
    let file = world.get(dir, "file", READ).unwrap();
    let read = Command::Fs(FsCommand::Read { file, offset: 0, len: 1 << 20 });
    assert_eq!(world.now(read.clone()), Err(read.clone()));
    // Where others have to wait as well: here is nobody.
    let (alone, dir, _) = sandbox.world();
    alone.set_alone();
    let file = alone.get(dir, "file", READ).unwrap();
    let its = Command::Fs(FsCommand::Read { file, offset: 0, len: 10 });
    assert_eq!(alone.now(its), Ok(Reply::Bytes(b"0123456789".to_vec())));
    fadvise(std::fs::File::open(&path).unwrap(), 0, None, Os::DontNeed).unwrap();
    assert_eq!(world.ask(read.clone()), Reply::Bytes(text.clone().into_bytes()));
    // Half of it out again: a part is not taken for the whole.
    let file = std::fs::File::open(&path).unwrap();
    fadvise(&file, 1 << 17, None, Os::DontNeed).unwrap();
    assert_eq!(world.ask(read), Reply::Bytes(text.into_bytes()));
}

/// A file without a name gives its space back when it is closed, which takes as
/// long as the file is large.
#[test]
#[cfg(unix)]
fn a_file_without_a_name_can_be_used_and_closed() {
    let sandbox = Sandbox::new();
    let (world, dir, _) = sandbox.world();
    let file = world.get(dir, "file", WRITE).unwrap();
    world.at(FsCommand::Unlink { dir, path: same("file") }).unwrap();
    assert_eq!(world.stat(file).unwrap().links, 0);
    assert_eq!(world.write(file, None, " again"), Ok(6));
    assert_eq!(world.read(file, 0, 20).unwrap(), "hello again");
    assert_eq!(world.at(FsCommand::Close(file)), Ok(Reply::Done));
    assert_eq!(world.read(file, 0, 20), Err(Errno::BadDescriptor));
    let other = world.get(dir, "sub/inner", WRITE).unwrap();
    world.at(FsCommand::Unlink { dir, path: same("sub/inner") }).unwrap();
    world.close();
    assert_eq!(world.read(other, 0, 20), Err(Errno::BadDescriptor));
}

#[test]
#[cfg(unix)]
fn a_time_before_1970_is_none() {
    use std::time::{Duration, UNIX_EPOCH};
    let sandbox = Sandbox::new();
    let (world, dir, _) = sandbox.world();
    let host = std::fs::File::options().write(true).open(sandbox.mount().join("file")).unwrap();
    for (time, told) in [
        (UNIX_EPOCH.checked_sub(Duration::from_secs(1)), None),
        (UNIX_EPOCH.checked_sub(Duration::from_nanos(1)), None),
        (UNIX_EPOCH.checked_sub(Duration::from_secs(1 << 40)), None),
        (Some(UNIX_EPOCH), Some(0)),
        (UNIX_EPOCH.checked_add(Duration::from_nanos(5)), Some(5)),
    ] {
        let time = time.unwrap();
        let times = std::fs::FileTimes::new().set_modified(time).set_accessed(time);
        // Not every file system has such times.
        if host.set_times(times).is_err() || host.metadata().unwrap().modified().unwrap() != time {
            continue;
        }
        let stat = world.stat_at(dir, "file", true).unwrap();
        assert_eq!((stat.accessed, stat.modified), (told, told), "{time:?}");
        assert!(stat.changed.is_some());
    }
}

#[test]
fn long_lists_come_in_parts() {
    let sandbox = Sandbox::new();
    let (world, dir, _) = sandbox.world();
    let before = world.names(dir).unwrap().len();
    for i in 0..700 {
        std::fs::write(sandbox.mount().join(format!("{i:0>60}")), b"").unwrap();
    }
    let names = world.names(dir).unwrap();
    assert_eq!(names.len(), before + 700);
    assert!(names.windows(2).all(|pair| pair[0].0 < pair[1].0));
    // A list is none of the things that a directory is.
    let Reply::File { id, .. } = world.at(FsCommand::OpenDir(dir)).unwrap() else { panic!() };
    assert_eq!(world.stat(id), Err(Errno::BadDescriptor));
    assert_eq!(world.at(FsCommand::ReadDir(dir)), Err(Errno::BadDescriptor));
}
