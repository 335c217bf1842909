//! What has no error to return: the ends of the ranges, and what is not there.

use crate::say;
use crate::wasi::cli::{environment, terminal_stderr, terminal_stdin, terminal_stdout};
use crate::wasi::clocks::monotonic_clock;
use crate::wasi::filesystem::preopens;
use crate::wasi::io::poll;
use crate::wasi::random::{insecure, random};

pub fn run() {
    let stdin = terminal_stdin::get_terminal_stdin().is_none();
    let stdout = terminal_stdout::get_terminal_stdout().is_none();
    let stderr = terminal_stderr::get_terminal_stderr().is_none();
    say(&format!("terminal-stdin.get-terminal-stdin, a pipe: none {stdin}"));
    say(&format!("terminal-stdout.get-terminal-stdout, a pipe: none {stdout}"));
    say(&format!("terminal-stderr.get-terminal-stderr, a pipe: none {stderr}"));
    let variables = environment::get_environment();
    say(&format!("environment.get-environment, none given: {variables:?}"));
    say(&format!("environment.initial-cwd: {:?}", environment::initial_cwd()));
    let directories = preopens::get_directories().len();
    say(&format!("preopens.get-directories, none given: {directories}"));
    say(&format!("random.get-random-bytes, none: {:?}", random::get_random_bytes(0)));
    let insecure = insecure::get_insecure_random_bytes(0);
    say(&format!("insecure.get-insecure-random-bytes, none: {insecure:?}"));

    let at_once = monotonic_clock::subscribe_duration(0);
    let never = monotonic_clock::subscribe_duration(u64::MAX);
    let begin = monotonic_clock::subscribe_instant(0);
    let end = monotonic_clock::subscribe_instant(u64::MAX);
    say(&format!("monotonic-clock.subscribe-duration, 0: ready {}", at_once.ready()));
    say(&format!("monotonic-clock.subscribe-duration, the highest: ready {}", never.ready()));
    say(&format!("monotonic-clock.subscribe-instant, 0: ready {}", begin.ready()));
    say(&format!("monotonic-clock.subscribe-instant, the highest: ready {}", end.ready()));
    at_once.block();
    let ready = poll::poll(&[&never, &begin, &end, &at_once, &begin]);
    say(&format!("poll.poll, some never, one twice: {ready:?}"));
}
