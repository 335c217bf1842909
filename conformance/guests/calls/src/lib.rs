//! The functions of WASI 0.2 that no C library calls, by hand.

wit_bindgen::generate!({
    path: [
        "../../../wit/wasi/io.wit", "../../../wit/wasi/clocks.wit", "../../../wit/wasi/random.wit",
        "../../../wit/wasi/filesystem.wit", "../../../wit/wasi/cli.wit",
    ],
    inline: "
        package test:calls;
        world calls {
            import wasi:cli/environment@0.2.12;
            import wasi:cli/stdout@0.2.12;
            import wasi:clocks/monotonic-clock@0.2.12;
            import wasi:filesystem/types@0.2.12;
            import wasi:filesystem/preopens@0.2.12;
            import wasi:random/random@0.2.12;
            import wasi:random/insecure@0.2.12;
            import wasi:random/insecure-seed@0.2.12;
            export wasi:cli/run@0.2.12;
        }
    ",
    generate_all,
});

use wasi::cli::{environment, stdout};
use wasi::clocks::monotonic_clock;
use wasi::filesystem::preopens;
use wasi::filesystem::types::{
    Descriptor, DescriptorFlags, OpenFlags, PathFlags, filesystem_error_code,
};
use wasi::io::{poll, streams::StreamError};
use wasi::random::{insecure, insecure_seed, random};

struct Calls;

impl exports::wasi::cli::run::Guest for Calls {
    fn run() -> Result<(), ()> {
        say(&format!("initial-cwd: {:?}", environment::initial_cwd()));
        numbers();
        pollables();
        let Some((dir, _)) = preopens::get_directories().into_iter().next() else {
            say("no directory");
            return Err(());
        };
        write(&dir);
        read(&dir);
        splice(&dir);
        failures(&dir);
        same(&dir);
        Ok(())
    }
}

fn say(line: &str) {
    let out = stdout::get_stdout();
    for piece in format!("{line}\n").as_bytes().chunks(4096) {
        if out.blocking_write_and_flush(piece).is_err() {
            return;
        }
    }
}

fn numbers() {
    say(&format!("u64: {}", random::get_random_u64() != random::get_random_u64()));
    let bytes = insecure::get_insecure_random_bytes(20);
    say(&format!("insecure bytes: {}", bytes.len()));
    let other = insecure::get_insecure_random_u64() != insecure::get_insecure_random_u64();
    say(&format!("insecure u64: {other}"));
    // Any two numbers will do.
    let _: (u64, u64) = insecure_seed::insecure_seed();
}

fn pollables() {
    let later = monotonic_clock::subscribe_duration(3_600_000_000_000);
    let past = monotonic_clock::subscribe_instant(0);
    past.block();
    say(&format!("past: {}, in an hour: {}", past.ready(), later.ready()));
    let soon = monotonic_clock::subscribe_duration(2_000_000);
    soon.block();
    say(&format!("soon, after waiting: {}", soon.ready()));
    say(&format!("poll: {:?}", poll::poll(&[&later, &past, &soon])));
}

fn open(dir: &Descriptor, name: &str, flags: DescriptorFlags) -> Descriptor {
    let how = match flags & DescriptorFlags::WRITE == DescriptorFlags::WRITE {
        true => OpenFlags::CREATE,
        false => OpenFlags::empty(),
    };
    dir.open_at(PathFlags::empty(), name, how, flags).expect("the file opens")
}

fn both() -> DescriptorFlags {
    DescriptorFlags::READ | DescriptorFlags::WRITE
}

fn contents(dir: &Descriptor, name: &str) {
    let read = open(dir, name, DescriptorFlags::READ).read(1000, 0);
    let (bytes, _) = read.expect("the file can be read");
    say(&format!("{name}: {:?}", String::from_utf8_lossy(&bytes)));
}

fn write(dir: &Descriptor) {
    let file = open(dir, "written", both());
    let out = file.write_via_stream(2).expect("a stream");
    let ready = || {
        out.subscribe().block();
        out.check_write().is_ok_and(|budget| budget > 0)
    };
    say(&format!("room: {}", ready()));
    say(&format!("write: {:?}", out.write(b"one")));
    say(&format!("flush: {:?}, blocking: {:?}", out.flush(), out.blocking_flush()));
    say(&format!("room: {}", ready()));
    say(&format!("write-zeroes: {:?}", out.write_zeroes(2)));
    say(&format!("blocking-flush: {:?}", out.blocking_flush()));
    say(&format!("more zeroes: {:?}", out.blocking_write_zeroes_and_flush(1)));
    drop(out);
    contents(dir, "written");
}

fn read(dir: &Descriptor) {
    let file = open(dir, "text", both());
    file.write(b"0123456789", 0).expect("the file can be written");
    let input = file.read_via_stream(1).expect("a stream");
    input.subscribe().block();
    say(&format!("read: {:?}", input.read(3)));
    input.subscribe().block();
    say(&format!("skip: {:?}", input.skip(2)));
    say(&format!("blocking-skip: {:?}", input.blocking_skip(1)));
    say(&format!("blocking-read: {:?}", input.blocking_read(100)));
    say(&format!("at the end: {}", closed(input.blocking_read(1))));
    say(&format!("once more: {}", closed(input.blocking_skip(1))));
}

/// Whether the stream has ended.
fn closed<T>(result: Result<T, StreamError>) -> &'static str {
    match result {
        Ok(_) => "not at the end",
        Err(StreamError::Closed) => "closed",
        Err(StreamError::LastOperationFailed(_)) => "failed",
    }
}

fn splice(dir: &Descriptor) {
    let (from, to) = (open(dir, "text", DescriptorFlags::READ), open(dir, "spliced", both()));
    let input = from.read_via_stream(0).expect("a stream");
    let out = to.append_via_stream().expect("a stream");
    input.subscribe().block();
    out.subscribe().block();
    say(&format!("splice: {:?}", out.splice(&input, 4)));
    say(&format!("blocking-splice: {:?}", out.blocking_splice(&input, 3)));
    say(&format!("the rest: {:?}", out.blocking_splice(&input, 100)));
    say(&format!("and then: {}", closed(out.blocking_splice(&input, 1))));
    drop(out);
    contents(dir, "spliced");
}

fn failures(dir: &Descriptor) {
    let file = open(dir, "text", both());
    // No file is so large.
    let out = file.write_via_stream(u64::MAX - 2).expect("a stream");
    match out.blocking_write_and_flush(b"too far") {
        Err(StreamError::LastOperationFailed(error)) => {
            let text = error.to_debug_string();
            let code = filesystem_error_code(&error).is_some();
            say(&format!("too far: it fails, with a text: {}, a code: {code}", !text.is_empty()));
        }
        other => say(&format!("too far: {}", closed(other))),
    }
    say(&format!("after that: {}", closed(out.check_write())));
}

fn same(dir: &Descriptor) {
    let open = |name| open(dir, name, DescriptorFlags::READ);
    let (a, b, other) = (open("text"), open("text"), open("spliced"));
    say(&format!("same: {}, other: {}", a.is_same_object(&b), a.is_same_object(&other)));
}

export!(Calls);
