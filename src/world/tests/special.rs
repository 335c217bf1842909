//! Pipes and devices in a directory: they suspend the process and nobody else.

use super::*;

fn fifo(sandbox: &Sandbox) {
    let path = sandbox.mount().join("fifo");
    let status = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(status.success());
}

fn open(dir: FileId, path: &str, flags: OpenFlags) -> Command {
    Command::Fs(FsCommand::Open { dir, path: path.to_owned(), follow: true, flags })
}

const READ_10: u32 = 10;

#[test]
fn a_pipe_is_waited_for_without_a_thread() {
    let sandbox = Sandbox::new();
    fifo(&sandbox);
    let (world, dir, _) = sandbox.world();
    // Nobody writes yet, and still it opens.
    let Reply::File { id: file, kind } = world.ask(open(dir, "fifo", READ)) else { panic!() };
    assert_eq!(kind, FileKind::Fifo);
    assert_eq!(world.stat(file).unwrap().kind, FileKind::Fifo);
    let read = || Command::Fs(FsCommand::Read { file, offset: 77, len: READ_10 });
    assert_eq!(world.now(read()), Err(read()));
    smol::block_on(async {
        // Whoever stops waiting loses nothing.
        let given_up = smol::future::or(
            async {
                world.later(read()).await;
                false
            },
            async {
                smol::future::yield_now().await;
                true
            },
        );
        assert!(given_up.await);
        let answer = smol::future::zip(world.later(read()), async {
            let path = sandbox.mount().join("fifo");
            let write = move || std::fs::write(path, "through the pipe").unwrap();
            smol::unblock(write).await;
        });
        assert_eq!(answer.await.0, Reply::Bytes(b"through th".to_vec()));
        assert_eq!(world.later(read()).await, Reply::Bytes(b"e pipe".to_vec()));
        assert_eq!(world.later(read()).await, Reply::Bytes(Vec::new()));
    });
}

#[test]
fn a_pipe_without_a_reader_is_opened_when_one_comes() {
    let sandbox = Sandbox::new();
    fifo(&sandbox);
    let (world, dir, _) = sandbox.world();
    let command = open(dir, "fifo", OpenFlags { read: false, ..WRITE });
    assert_eq!(world.now(command.clone()), Err(command.clone()));
    smol::block_on(async {
        let path = sandbox.mount().join("fifo");
        let reader = smol::unblock(move || std::fs::read_to_string(path).unwrap());
        let Reply::File { id: file, .. } = world.later(command).await else { panic!() };
        let write = FsCommand::Write { file, offset: None, bytes: b"hello".to_vec() };
        assert_eq!(world.later(Command::Fs(write.clone())).await, Reply::Count(5));
        world.now(Command::Fs(FsCommand::Close(file))).unwrap();
        assert_eq!(reader.await, "hello");
    });
}

#[test]
fn a_pipe_whose_reader_has_gone_is_broken() {
    let sandbox = Sandbox::new();
    fifo(&sandbox);
    let (world, dir, _) = sandbox.world();
    let reader = world.get(dir, "fifo", READ).unwrap();
    let writer = world.get(dir, "fifo", OpenFlags { read: false, ..WRITE }).unwrap();
    assert_eq!(world.write(writer, None, "x"), Ok(1));
    assert_eq!(world.at(FsCommand::SetSize { file: writer, size: 0 }), Err(Errno::Invalid));
    world.at(FsCommand::Close(reader)).unwrap();
    assert_eq!(world.write(writer, Some(5), "x"), Err(Errno::Pipe));
}

#[test]
fn a_pipe_is_no_directory_and_is_left_alone() {
    let sandbox = Sandbox::new();
    fifo(&sandbox);
    let (world, dir, fixed) = sandbox.world();
    let directory = OpenFlags { directory: true, ..READ };
    assert_eq!(world.get(dir, "fifo", directory), Err(Errno::NotDirectory));
    let time = crate::command::NewTime::At(3);
    let (path, accessed, modified) = ("fifo".to_owned(), time, time);
    let times = FsCommand::SetTimesAt { dir, path, follow: true, accessed, modified };
    assert_eq!(world.at(times), Ok(Reply::Done));
    assert_eq!(world.stat_at(fixed, "fifo", true).unwrap().modified, Some(3));
    assert_eq!(world.get(fixed, "fifo", WRITE), Err(Errno::ReadOnly));
}

#[test]
fn devices_are_read_and_written() {
    let world = SystemDispatcher::new(Streams::default());
    let dev = world.add_dir(open_dir(Path::new("/dev")), false);
    let zero = world.get(dev, "zero", READ).unwrap();
    assert_eq!(world.stat(zero).unwrap().kind, FileKind::CharacterDevice);
    assert_eq!(world.read(zero, 1 << 50, 3).unwrap(), "\0\0\0");
    let null = world.get(dev, "null", WRITE).unwrap();
    assert_eq!(world.write(null, None, "gone"), Ok(4));
    assert_eq!(world.read(null, 0, 3).unwrap(), "");
    let full = world.get(dev, "full", WRITE);
    if let Ok(full) = full {
        assert_eq!(world.write(full, Some(0), "x"), Err(Errno::InsufficientSpace));
    }
}

/// Nor is anything waited for that a name leads to.
#[test]
fn what_cannot_be_opened_says_so_at_once() {
    let sandbox = Sandbox::new();
    let _listener = std::os::unix::net::UnixListener::bind(sandbox.mount().join("socket")).unwrap();
    let (world, dir, _) = sandbox.world();
    for flags in [READ, WRITE, OpenFlags { read: false, ..WRITE }] {
        assert_eq!(world.get(dir, "socket", flags), Err(Errno::NoSuchDevice));
    }
    assert_eq!(world.stat_at(dir, "socket", true).unwrap().kind, FileKind::Socket);
    fifo(&sandbox);
    for path in ["fifo/", "fifo/.", "socket/"] {
        assert_eq!(world.get(dir, path, READ), Err(Errno::NotDirectory), "{path}");
        assert_eq!(world.stat_at(dir, path, false), Err(Errno::NotDirectory), "{path}");
    }
}

/// A device is not opened within a step: nobody knows how long its driver waits.
#[test]
#[cfg(target_os = "linux")]
fn a_device_is_not_opened_within_the_step() {
    let world = SystemDispatcher::new(Streams::default());
    let dev = world.add_dir(open_dir(Path::new("/dev")), true);
    let command = open(dev, "null", READ);
    assert_eq!(world.now(command.clone()), Err(command.clone()));
    assert!(matches!(world.ask(command), Reply::File { kind: FileKind::CharacterDevice, .. }));
}
