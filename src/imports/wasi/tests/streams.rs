//! Streams.

use super::*;

const NONE: Value = Value::Record(Vec::new());

/// `closed`
const CLOSED: Option<Value> = Some(Value::Variant { case: 1, payload: None });

fn bytes(bytes: &[u8]) -> Result<Value, Option<Value>> {
    Ok(bytes.to_vec().into())
}

fn guest() -> (Guest, u32) {
    let mut world = World::default();
    world.file("file", b"0123456789");
    let mut guest = Guest::at_root(world);
    let root = guest.preopens()[0].0;
    let file = guest.open(root, "file", 0, READ | WRITE).unwrap();
    (guest, file)
}

fn standard(guest: &mut Guest, name: &str) -> u32 {
    let handle = guest.call(&format!("cli/{name}"), &format!("get-{name}"), vec![]);
    rep(&handle.unwrap().unwrap())
}

/// The code of the error that a stream's function has failed with.
fn error_code(guest: &mut Guest, failure: Option<Value>) -> (Value, String) {
    let Some(Value::Variant { case: 0, payload: Some(error) }) = failure else {
        panic!("{failure:?}")
    };
    let error = rep(&error);
    let code = guest.call("filesystem/types", "filesystem-error-code", vec![borrow(error)]);
    let text = guest.call("io/error", "[method]error.to-debug-string", vec![borrow(error)]);
    guest.drop("io/error", "error", error).unwrap();
    (code.unwrap().unwrap(), text.unwrap().unwrap().as_str().unwrap().to_owned())
}

#[test]
fn a_file_is_read_from_an_offset_to_its_end() {
    let (mut guest, file) = guest();
    let stream = rep(&guest.fs("read-via-stream", file, &[3u64.into()]).unwrap());
    let mut call = |method: &str, len: u64| {
        guest.stream(&format!("input-stream.{method}"), stream, &[len.into()]).unwrap()
    };
    assert_eq!(call("read", 0), bytes(b""));
    assert_eq!(call("read", 2), bytes(b"34"));
    assert_eq!(call("blocking-read", 1), bytes(b"5"));
    assert_eq!(call("skip", 1), Ok(1u64.into()));
    assert_eq!(call("blocking-skip", 2), Ok(2u64.into()));
    assert_eq!(call("read", u64::MAX), bytes(b"9"));
    for method in ["read", "blocking-read", "skip", "blocking-skip", "read"] {
        assert_eq!(call(method, 1), Err(CLOSED));
    }
    assert_eq!(call("read", 0), Err(CLOSED));
}

#[test]
fn a_failure_is_told_once_and_closes_the_stream() {
    let (mut guest, file) = guest();
    let input = rep(&guest.fs("read-via-stream", file, &[0u64.into()]).unwrap());
    let output = rep(&guest.fs("write-via-stream", file, &[0u64.into()]).unwrap());
    let stdout = standard(&mut guest, "stdout");
    guest.world.fail = Some(Errno::InsufficientSpace);
    let contents = [Value::from(b"x".to_vec())];

    let failure = guest.stream("input-stream.read", input, &[1u64.into()]).unwrap().unwrap_err();
    let code = Value::some(Value::case(Errno::InsufficientSpace as u32));
    assert_eq!(error_code(&mut guest, failure), (code.clone(), "InsufficientSpace".to_owned()));
    let read = guest.stream("input-stream.read", input, &[1u64.into()]).unwrap();
    assert_eq!(read, Err(CLOSED));

    let failure = guest.stream("output-stream.write", output, &contents).unwrap().unwrap_err();
    assert_eq!(error_code(&mut guest, failure).0, code);
    for method in ["check-write", "flush", "blocking-flush"] {
        let result = guest.stream(&format!("output-stream.{method}"), output, &[]).unwrap();
        assert_eq!(result, Err(CLOSED), "{method}");
    }
    assert_eq!(guest.stream("output-stream.write", output, &contents).unwrap(), Err(CLOSED));

    // What goes wrong with stdout is no file's error.
    let failure = guest.stream("output-stream.flush", stdout, &[]).unwrap().unwrap_err();
    assert_eq!(error_code(&mut guest, failure).0, Value::NONE);
    // Nobody reads any more.
    let stderr = standard(&mut guest, "stderr");
    guest.world.fail = Some(Errno::Pipe);
    assert_eq!(guest.stream("output-stream.write", stderr, &contents).unwrap(), Err(CLOSED));
}

#[test]
fn a_file_is_written_from_an_offset_or_at_its_end() {
    let (mut guest, file) = guest();
    let at = rep(&guest.fs("write-via-stream", file, &[8u64.into()]).unwrap());
    let end = rep(&guest.fs("append-via-stream", file, &[]).unwrap());
    let contents = |text: &str| [Value::from(text.as_bytes().to_vec())];
    let mut call = |stream, method: &str, args: &[Value]| {
        guest.stream(&format!("output-stream.{method}"), stream, args).unwrap()
    };
    assert_eq!(call(at, "check-write", &[]), Ok((1u64 << 20).into()));
    assert_eq!(call(at, "write", &contents("ab")), Ok(NONE));
    assert_eq!(call(end, "blocking-write-and-flush", &contents("end")), Ok(NONE));
    assert_eq!(call(at, "blocking-write-and-flush", &contents("cd")), Ok(NONE));
    assert_eq!(call(end, "write-zeroes", &[2u64.into()]), Ok(NONE));
    assert_eq!(call(at, "blocking-write-zeroes-and-flush", &[1u64.into()]), Ok(NONE));
    assert_eq!(call(at, "flush", &[]), Ok(NONE));
    assert_eq!(guest.world.contents("file"), b"01234567abcd\0\0\0");
}

#[test]
fn what_a_file_does_not_take_at_once_is_written_later() {
    let (mut guest, file) = guest();
    guest.world.short = Some(2);
    let stream = rep(&guest.fs("write-via-stream", file, &[1u64.into()]).unwrap());
    let contents = [Value::from(b"abcde".to_vec())];
    assert_eq!(guest.stream("output-stream.write", stream, &contents).unwrap(), Ok(NONE));
    assert_eq!(guest.stream("output-stream.write", stream, &contents).unwrap(), Ok(NONE));
    assert_eq!(guest.world.contents("file"), b"0abcdeabcde");
    let end = rep(&guest.fs("append-via-stream", file, &[]).unwrap());
    assert_eq!(guest.stream("output-stream.write", end, &contents).unwrap(), Ok(NONE));
    assert_eq!(guest.world.contents("file"), b"0abcdeabcdeabcde");
    // The guest that writes by itself is told how much it was.
    let args = [contents[0].clone(), 0u64.into()];
    assert_eq!(guest.fs("write", file, &args), Ok(2u64.into()));
    guest.world.short = Some(0);
    let failure = guest.stream("output-stream.write", end, &contents).unwrap().unwrap_err();
    assert_eq!(error_code(&mut guest, failure).1, "Io");
}

#[test]
fn a_file_has_no_bytes_beyond_the_last_offset() {
    let (mut guest, file) = guest();
    let stream = rep(&guest.fs("write-via-stream", file, &[u64::MAX.into()]).unwrap());
    let contents = [Value::from(b"x".to_vec())];
    let failure = guest.stream("output-stream.write", stream, &contents).unwrap().unwrap_err();
    assert_eq!(error_code(&mut guest, failure).1, "FileTooLarge");
}

#[test]
fn too_much_at_once_is_a_trap() {
    let (mut guest, file) = guest();
    let stream = rep(&guest.fs("write-via-stream", file, &[0u64.into()]).unwrap());
    let mut call =
        |method: &str, arg: Value| guest.stream(&format!("output-stream.{method}"), stream, &[arg]);
    let zeros = |len: usize| Value::from(vec![0u8; len]);
    for (method, arg) in [
        ("write", zeros((1 << 20) + 1)),
        ("blocking-write-and-flush", zeros(4097)),
        ("write-zeroes", Value::U64((1 << 20) + 1)),
        ("write-zeroes", Value::U64(u64::MAX)),
        ("blocking-write-zeroes-and-flush", Value::U64(4097)),
    ] {
        let trap = call(method, arg).unwrap_err();
        assert_eq!(trap.kind, TrapKind::Host, "{method}: {trap}");
    }
    assert_eq!(call("write", zeros(1 << 20)).unwrap(), Ok(NONE));
    assert_eq!(call("blocking-write-and-flush", zeros(4096)).unwrap(), Ok(NONE));
    assert_eq!(call("blocking-write-zeroes-and-flush", Value::U64(4096)).unwrap(), Ok(NONE));
}

#[test]
fn standard_streams_go_outside() {
    let (mut guest, _) = guest();
    let (stdout, stderr) = (standard(&mut guest, "stdout"), standard(&mut guest, "stderr"));
    let binary = [Value::from(vec![0u8, 255, 10])];
    assert_eq!(guest.stream("output-stream.write", stdout, &binary).unwrap(), Ok(NONE));
    let text = [Value::from(b"text".to_vec())];
    let result = guest.stream("output-stream.blocking-write-and-flush", stderr, &text);
    assert_eq!(result.unwrap(), Ok(NONE));
    assert_eq!(guest.stream("output-stream.blocking-flush", stdout, &[]).unwrap(), Ok(NONE));
    assert_eq!(
        (&guest.world.stdout[..], &guest.world.stderr[..]),
        (&[0, 255, 10][..], &b"text"[..])
    );
}

#[test]
fn stdin_does_not_wait_unless_asked_to() {
    let (mut guest, _) = guest();
    let stdin = standard(&mut guest, "stdin");
    let read = |guest: &mut Guest, method: &str, len: u64| {
        guest.stream(&format!("input-stream.{method}"), stdin, &[len.into()]).unwrap()
    };
    assert_eq!(read(&mut guest, "read", 10), bytes(b""));
    guest.world.stdin.push_back(b"one two".to_vec());
    assert_eq!(read(&mut guest, "read", 3), bytes(b"one"));
    assert_eq!(read(&mut guest, "blocking-skip", 1), Ok(1u64.into()));
    // Another handle goes on where this one stopped.
    let other = standard(&mut guest, "stdin");
    let result = guest.stream("input-stream.blocking-read", other, &[100u64.into()]);
    assert_eq!(result.unwrap(), bytes(b"two"));
    guest.world.stdin_closed = true;
    assert_eq!(read(&mut guest, "read", 10), Err(CLOSED));
    let result = guest.stream("input-stream.blocking-read", other, &[100u64.into()]);
    assert_eq!(result.unwrap(), Err(CLOSED));
}

#[test]
fn bytes_are_moved_between_streams() {
    let (mut guest, file) = guest();
    let input = rep(&guest.fs("read-via-stream", file, &[5u64.into()]).unwrap());
    let stdout = standard(&mut guest, "stdout");
    let mut splice = |method: &str, len: u64| {
        let args = [borrow(input), len.into()];
        guest.stream(&format!("output-stream.{method}"), stdout, &args).unwrap()
    };
    assert_eq!(splice("splice", 0), Ok(0u64.into()));
    assert_eq!(splice("splice", 2), Ok(2u64.into()));
    assert_eq!(splice("blocking-splice", 100), Ok(3u64.into()));
    assert_eq!(splice("splice", 1), Err(CLOSED));
    assert_eq!(guest.world.stdout, b"56789");
}

#[test]
fn a_stream_that_is_closed_takes_nothing_from_another() {
    let (mut guest, file) = guest();
    let input = rep(&guest.fs("read-via-stream", file, &[0u64.into()]).unwrap());
    let stdout = standard(&mut guest, "stdout");
    guest.world.fail = Some(Errno::Pipe);
    assert_eq!(guest.stream("output-stream.flush", stdout, &[]).unwrap(), Err(CLOSED));
    guest.world.fail = None;
    let args = [borrow(input), 5u64.into()];
    assert_eq!(guest.stream("output-stream.splice", stdout, &args).unwrap(), Err(CLOSED));
    let read = guest.stream("input-stream.read", input, &[1u64.into()]).unwrap();
    assert_eq!(read, bytes(b"0"));
}
