//! Streams that have ended, and that have failed.

use crate::wasi::cli::{stdin, stdout};
use crate::wasi::filesystem::types::Descriptor;
use crate::wasi::io::streams::{InputStream, OutputStream, StreamError};
use crate::{READ, WRITE, complain, end, ended, open, say};

/// A write there is one beyond the highest number.
const TOO_FAR: u64 = u64::MAX - 2;

pub fn run(work: &Descriptor) {
    let file = open(work, "file", READ);
    let input = file.read_via_stream(5).expect("a stream");
    at_the_end("a file at its end", &input);
    let beyond = file.read_via_stream(u64::MAX).expect("a stream");
    ended("input-stream.blocking-read", "from the highest number", beyond.blocking_read(1));
    ended("input-stream.blocking-read", "after that", beyond.blocking_read(1));
    let stdin = stdin::get_stdin();
    at_the_end("stdin at its end", &stdin);
    writes(work);
    splices(work);
}

/// Each function that takes something out.
fn at_the_end(of: &str, input: &InputStream) {
    ended("input-stream.blocking-read", of, input.blocking_read(1));
    ended("input-stream.read", of, input.read(1));
    ended("input-stream.skip", of, input.skip(1));
    ended("input-stream.blocking-skip", of, input.blocking_skip(1));
    ended("input-stream.read", &format!("{of}, no bytes"), input.read(0));
    let pollable = input.subscribe();
    pollable.block();
    say(&format!("input-stream.subscribe, {of}: ready {}", pollable.ready()));
}

/// A way to write; what is only under way is waited for.
type Write = fn(&OutputStream, &Descriptor) -> Result<(), StreamError>;

const WRITES: &[(&str, Write)] = &[
    ("output-stream.write", |out, _| {
        ready(out)?;
        out.write(b"12345")?;
        out.blocking_flush()
    }),
    ("output-stream.blocking-write-and-flush", |out, _| out.blocking_write_and_flush(b"12345")),
    ("output-stream.write-zeroes", |out, _| {
        ready(out)?;
        out.write_zeroes(5)?;
        out.blocking_flush()
    }),
    ("output-stream.blocking-write-zeroes-and-flush", |out, _| {
        out.blocking_write_zeroes_and_flush(5)
    }),
    ("output-stream.splice", |out, work| {
        let (_file, input) = ten(work);
        ready(out)?;
        out.splice(&input, 5)?;
        out.blocking_flush()
    }),
    ("output-stream.blocking-splice", |out, work| {
        let (_file, input) = ten(work);
        out.blocking_splice(&input, 5)?;
        out.blocking_flush()
    }),
];

/// Waits until it takes something.
fn ready(out: &OutputStream) -> Result<(), StreamError> {
    out.subscribe().block();
    out.check_write().map(drop)
}

fn ten(work: &Descriptor) -> (Descriptor, InputStream) {
    let file = open(work, "ten", READ);
    let input = file.read_via_stream(0).expect("a stream");
    input.subscribe().block();
    (file, input)
}

/// Each way to write fails, and all fail after that.
fn writes(work: &Descriptor) {
    let file = open(work, "file", WRITE);
    for (function, write) in WRITES {
        let out = file.write_via_stream(TOO_FAR).expect("a stream");
        ended(function, "too far", write(&out, work));
    }
    let out = file.write_via_stream(TOO_FAR).expect("a stream");
    ended("output-stream.check-write", "before a failure", out.check_write());
    let _ = out.blocking_write_and_flush(b"12345");
    let of = "after a failure";
    ended("output-stream.check-write", of, out.check_write());
    ended("output-stream.write", of, out.write(b""));
    ended("output-stream.write-zeroes", of, out.write_zeroes(0));
    ended("output-stream.flush", of, out.flush());
    ended("output-stream.blocking-flush", of, out.blocking_flush());
    for (function, write) in WRITES {
        ended(function, of, write(&out, work));
    }
    let pollable = out.subscribe();
    pollable.block();
    say(&format!("output-stream.subscribe, {of}: ready {}", pollable.ready()));
}

/// The other end of a splice.
fn splices(work: &Descriptor) {
    let file = open(work, "file", READ);
    let empty = file.read_via_stream(5).expect("a stream");
    let to = open(work, "spliced", WRITE);
    let out = to.write_via_stream(0).expect("a stream");
    ended(
        "output-stream.blocking-splice",
        "from the end of a file",
        out.blocking_splice(&empty, 1),
    );
    ended("output-stream.splice", "from what has ended", out.splice(&empty, 1));
    let beyond = file.read_via_stream(u64::MAX).expect("a stream");
    ended(
        "output-stream.blocking-splice",
        "from the highest number",
        out.blocking_splice(&beyond, 1),
    );
    ended("output-stream.check-write", "after that", out.check_write());
    let (_file, input) = ten(work);
    ended("output-stream.blocking-splice", "nothing", out.blocking_splice(&input, 0));
}

/// Stdout is what fails; stderr says so.
pub fn stdout() {
    let out = stdout::get_stdout();
    let first = loop {
        if let Err(error) = out.blocking_write_and_flush(&[b'x'; 4096]) {
            break Err::<(), _>(error);
        }
    };
    complain(&format!("stdout: {}", end(&first)));
    complain(&format!("after that: {}", end(&out.check_write())));
    let again = stdout::get_stdout();
    complain(&format!("another stream of it: {}", end(&again.blocking_write_and_flush(b"x"))));
}
