//! Clocks, random numbers, standard streams, and answering many at once.

use super::*;
use crate::command::{
    Clock, ClockCommand, Completion, Interest, Interests, RandomCommand, Ready, Stdio,
    StdioCommand, Tag, Wait, Yield,
};
use std::io::{Read, Write};

fn input(stdin: Input) -> SystemDispatcher {
    SystemDispatcher::new(Streams { stdin, ..Streams::default() })
}

fn output(stdout: Output) -> SystemDispatcher {
    SystemDispatcher::new(Streams { stdout, ..Streams::default() })
}

fn read(len: u32) -> Command {
    Command::Stdio(StdioCommand::Read { len })
}

fn write(bytes: &[u8]) -> Command {
    Command::Stdio(StdioCommand::Write { to: Stdio::Stdout, bytes: bytes.to_vec() })
}

fn bytes(bytes: &[u8]) -> Reply {
    Reply::Bytes(bytes.to_vec())
}

const NOW: Command = Command::Clock(ClockCommand::Now(Clock::Monotonic));

#[test]
fn clocks_go_forward() {
    let world = SystemDispatcher::new(Streams::default());
    let time = |command| match world.now(command) {
        Ok(Reply::Time(time)) => time,
        other => panic!("{other:?}"),
    };
    let (a, b) = (time(NOW), time(NOW));
    assert!(a <= b);
    // 2020 was over when this was written.
    assert!(time(Command::Clock(ClockCommand::Now(Clock::Wall))) > 1_600_000_000_000_000_000);
    assert!(time(Command::Clock(ClockCommand::Resolution(Clock::Wall))) > 0);
    assert!(time(Command::Clock(ClockCommand::Resolution(Clock::Monotonic))) > 0);
    let until = Some(time(NOW).saturating_add(20_000_000));
    let sleep = Command::Wait(Wait::new(Interests::NONE, until));
    assert_eq!(world.ask(sleep.clone()), Reply::Ready(Ready::TIME));
    assert!(Some(time(NOW)) >= until);
    // By now it need not be waited for.
    assert_eq!(world.now(sleep), Ok(Reply::Ready(Ready::TIME)));
    let nothing = Command::Wait(Wait::new(Interests::NONE, None));
    assert!(matches!(world.ask(nothing), Reply::Refused(_)));
}

#[test]
fn random_bytes_differ() {
    let world = SystemDispatcher::new(Streams::default());
    let random =
        |len, insecure| match world.ask(Command::Random(RandomCommand::Bytes { len, insecure })) {
            Reply::Bytes(bytes) => bytes,
            other => panic!("{other:?}"),
        };
    assert_ne!(random(32, false), random(32, false));
    assert_ne!(random(32, true), random(32, true));
    assert!(random(0, false).is_empty());
    assert_eq!(random(1 << 20, false).len(), 1 << 20);
    let large = Command::Random(RandomCommand::Bytes { len: 1 << 20, insecure: true });
    assert_eq!(world.now(large.clone()), Err(large));
}

#[test]
fn given_input_is_read_to_its_end() {
    let world = input(Input::Bytes(b"a\0\xffb".to_vec()));
    let poll = Command::Wait(Wait::new(Interest::Stdin, None));
    assert_eq!(world.now(poll.clone()), Ok(Reply::Ready(Ready::of(Interest::Stdin))));
    assert_eq!(world.now(read(3)), Ok(bytes(b"a\0\xff")));
    assert_eq!(world.now(read(3)), Ok(bytes(b"b")));
    assert_eq!(world.now(read(3)), Ok(bytes(b"")));
    assert_eq!(world.now(poll), Ok(Reply::Ready(Ready::of(Interest::Stdin))));
    assert_eq!(SystemDispatcher::new(Streams::default()).ask(read(1)), bytes(b""));
}

#[test]
fn whoever_stops_waiting_for_input_loses_none() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let world = input(Input::Reader(Box::new(reader)));
    let poll = |until| Command::Wait(Wait::new(Interest::Stdin, until));
    assert_eq!(world.now(read(3)), Err(read(3)));
    // The time comes first, as nobody has written.
    assert_eq!(world.ask(poll(Some(1))), Reply::Ready(Ready::TIME));
    let Reply::Time(now) = world.ask(NOW) else { panic!() };
    let soon = poll(Some(now.saturating_add(5_000_000)));
    assert_eq!(world.ask(soon), Reply::Ready(Ready::TIME));
    smol::block_on(async {
        let waiting = world.later(read(100));
        let gone = async {
            smol::future::yield_now().await;
            Reply::Done
        };
        assert_eq!(smol::future::or(waiting, gone).await, Reply::Done);
    });
    writer.write_all(b"all of it").unwrap();
    assert_eq!(world.ask(poll(None)), Reply::Ready(Ready::of(Interest::Stdin)));
    assert_eq!(world.now(poll(None)), Ok(Reply::Ready(Ready::of(Interest::Stdin))));
    assert_eq!(world.now(read(4)), Ok(bytes(b"all ")));
    assert_eq!(world.now(read(100)), Ok(bytes(b"of it")));
    drop(writer);
    assert_eq!(world.ask(poll(None)), Reply::Ready(Ready::of(Interest::Stdin)));
    assert_eq!(world.ask(read(1)), bytes(b""));
    assert_eq!(world.now(read(1)), Ok(bytes(b"")));
}

#[test]
fn input_that_fails_says_so() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
    }
    let world = input(Input::Reader(Box::new(Broken)));
    let poll = Command::Wait(Wait::new(Interest::Stdin, None));
    assert_eq!(world.ask(poll), Reply::Ready(Ready::of(Interest::Stdin)));
    assert_eq!(world.ask(read(1)), Reply::Failed(Errno::Pipe));
}

#[test]
fn large_input_comes_whole() {
    let given: Vec<u8> = (0..1_000_000_u32).map(|i| u8::try_from(i % 251).unwrap()).collect();
    let world = input(Input::Reader(Box::new(std::io::Cursor::new(given.clone()))));
    let mut got = Vec::new();
    loop {
        match world.ask(read(70_000)) {
            Reply::Bytes(bytes) if bytes.is_empty() => break,
            Reply::Bytes(bytes) => got.extend(bytes),
            other => panic!("{other:?}"),
        }
    }
    assert!(got == given);
}

#[test]
fn output_is_kept_byte_for_byte() {
    let buffer = Arc::new(Mutex::new(Vec::new()));
    let world = output(Output::Buffer(Arc::clone(&buffer)));
    assert_eq!(world.now(write(b"a\0\xff")), Ok(Reply::Done));
    assert_eq!(world.now(write(b"\nb")), Ok(Reply::Done));
    assert_eq!(world.now(Command::Stdio(StdioCommand::Flush(Stdio::Stdout))), Ok(Reply::Done));
    assert_eq!(*buffer.lock().unwrap(), b"a\0\xff\nb");
    let too_much = write(&vec![0; MAX_BUFFER]);
    assert_eq!(world.now(too_much), Ok(Reply::Failed(Errno::InsufficientSpace)));
    assert_eq!(buffer.lock().unwrap().len(), 5);
    let terminal = Command::Stdio(StdioCommand::IsTerminal(Stdio::Stdout));
    assert_eq!(world.now(terminal), Ok(Reply::Bool(false)));
    let called = Arc::clone(&buffer);
    let world = output(Output::Callback(Arc::new(move |bytes| {
        called.lock().unwrap().extend_from_slice(bytes);
    })));
    assert_eq!(world.ask(write(b"!")), Reply::Done);
    assert_eq!(*buffer.lock().unwrap(), b"a\0\xff\nb!");
    assert_eq!(output(Output::Null).ask(write(b"gone")), Reply::Done);
}

#[test]
#[cfg(unix)]
fn a_full_pipe_is_not_written_within_the_step() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let takes = |len| stdio::takes_at_once(&writer, len);
    assert!(takes(1) && takes(512));
    assert!(!takes(1 << 20));
    let (mut reader, mut filler) = (reader, writer.try_clone().unwrap());
    while stdio::takes_at_once(&writer, 1) {
        filler.write_all(&[0; 512]).unwrap();
    }
    assert!(!stdio::takes_at_once(&writer, 1));
    reader.read_exact(&mut [0; 8192]).unwrap();
    assert!(stdio::takes_at_once(&writer, 512));
    // A write that fails does not block either.
    drop(reader);
    assert!(stdio::takes_at_once(&writer, 1));
    assert_eq!(Errno::from(writer.write(b"x").unwrap_err()), Errno::Pipe);
    let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    assert!(stdio::takes_at_once(&file, 1 << 20));
}

#[test]
fn commands_are_answered_side_by_side() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut pending = InFlight::new(input(Input::Reader(Box::new(reader))));
    let submit = |pending: &mut InFlight, tag, command| {
        pending.submit(Yield { tag: Tag(tag), command });
    };
    submit(&mut pending, 1, read(10));
    submit(&mut pending, 2, Command::Wait(Wait::until(u64::MAX)));
    submit(&mut pending, 3, Command::Random(RandomCommand::Bytes { len: 1, insecure: false }));
    submit(
        &mut pending,
        4,
        Command::Random(RandomCommand::Bytes { len: 1 << 17, insecure: false }),
    );
    assert_eq!(pending.len(), 4);
    smol::block_on(async {
        let mut tags = [pending.next().await.unwrap().tag, pending.next().await.unwrap().tag];
        tags.sort();
        assert_eq!(tags, [Tag(3), Tag(4)]);
        // To stop waiting for the next is not to stop waiting for all.
        let none = smol::future::or(async { pending.next().await.is_none() }, async { true });
        assert!(none.await);
        writer.write_all(b"late").unwrap();
        let completion = Completion { tag: Tag(1), reply: bytes(b"late") };
        assert_eq!(pending.next().await, Some(completion));
        assert_eq!(pending.len(), 1);
        pending.clear();
        assert_eq!(pending.next().await, None);
    });
    assert!(pending.is_empty());
}

#[test]
fn a_thousand_sleep_side_by_side() {
    let mut pending = InFlight::new(SystemDispatcher::new(Streams::default()));
    let Reply::Time(now) = pending_time() else { panic!() };
    for tag in 0..1000 {
        let until = Some(now.saturating_add(tag * 10_000));
        pending.submit(Yield {
            tag: Tag(tag),
            command: Command::Wait(Wait::new(Interests::NONE, until)),
        });
    }
    smol::block_on(async {
        for _ in 0..1000 {
            let reply = pending.next().await.unwrap().reply;
            assert_eq!(reply, Reply::Ready(Ready::TIME));
        }
        assert!(pending.next().await.is_none());
    });
}

fn pending_time() -> Reply {
    SystemDispatcher::new(Streams::default()).ask(NOW)
}

#[test]
fn what_nobody_answers_is_refused() {
    let (interface, function) = ("demo:host/log".to_owned(), "write".to_owned());
    let call = Command::Call(HostCall { interface, function, args: Vec::new() });
    let Reply::Refused(why) = SystemDispatcher::new(Streams::default()).ask(call) else { panic!() };
    assert_eq!(why, "nobody answers calls of demo:host/log#write");
}

/// A process that ends closes its files, whoever holds the directory.
#[test]
#[cfg(target_os = "linux")]
fn a_world_that_is_dropped_closes_everything() {
    let sandbox = Sandbox::new();
    let (world, dir, _) = sandbox.world();
    let path = sandbox.mount().join("file");
    world.get(dir, "file", READ).unwrap();
    let is_open = || {
        std::fs::read_dir("/proc/self/fd").unwrap().any(|entry| {
            std::fs::read_link(entry.unwrap().path()).is_ok_and(|target| target == path)
        })
    };
    assert!(is_open());
    let clone = world.clone();
    drop(world);
    assert!(is_open());
    drop(clone);
    assert!(!is_open());
}
