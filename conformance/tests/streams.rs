//! What becomes of a program whose stdout fails.
#![cfg(unix)]

use std::process::{Command, Stdio};

/// Runs `wippy run` with these words, and gives its exit code and what is on
/// stderr.
fn run(words: &[&str], stdout: impl Into<Stdio>) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_conformance"));
    command.env(conformance::wasi::AS_WIPPY, "1").env_remove("RUST_BACKTRACE");
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/guests/built");
    command.current_dir(built).arg("run").args(words);
    let ended = command.stdin(Stdio::null()).stdout(stdout).output().unwrap();
    (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
}

/// As a signal ends a program of the operating system: quietly, and before it can
/// complain.
#[test]
fn a_program_that_nobody_reads_is_ended() {
    for words in [
        &["rust-std.wasm", "big", "1000000"][..],
        &["rust-std-p1.wasm", "big", "1000000"],
        // These print a line, and panic if that fails.
        &["rust-std.wasm", "count"],
        &["rust-std-p1.wasm", "count"],
        &["bench-io.wasm", "lines", "1000"],
        &["bench-io-p1.wasm", "lines", "1000"],
        &["failures.wasm", "stdout"],
        &["--invoke", "say", "script.wasm", "hello"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(run(words, writer), (Some(141), String::new()), "{words:?}");
    }
    // What the command itself has to say is no loss.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let greet = ["--invoke", "greet", "greet.wasm", "Ada"];
    assert_eq!(run(&greet, writer), (Some(0), String::new()));
}

/// Other failures are for the program to deal with. Nothing of a file has
/// failed, so there is no code.
#[test]
#[cfg(target_os = "linux")]
fn a_program_is_told_that_its_output_is_full() {
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let told = "stdout: last-operation-failed, no code\nafter that: closed\n\
                another stream of it: last-operation-failed, no code\n";
    assert_eq!(run(&["failures.wasm", "stdout"], full()), (Some(0), told.to_owned()));
    let greet = ["--invoke", "greet", "greet.wasm", "Ada"];
    let (code, stderr) = run(&greet, full());
    assert_eq!(code, Some(74));
    assert!(stderr.starts_with("error: the output cannot be written: "), "{stderr}");
}
