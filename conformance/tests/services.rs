//! Services, as a user of the command sees them: which lines there are, what the
//! signals do, how the command ends.
#![cfg(unix)]

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A project that is gone with the test.
struct Dir(PathBuf);

impl Dir {
    /// A project with the process `app:child`, which does what it is told to, the
    /// process `app:count`, which prints, and these entries.
    fn new(hide_logs: bool, entries: &str) -> Dir {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(format!("wippy-services-{name}"));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("src")).unwrap();
        fs::write(dir.join("wippy.lock"), "directories: {src: ./src}").unwrap();
        let head = format!(
            "version: '1.0'\nnamespace: app\nentries:\n\
             - {{name: wasm, kind: fs.directory, directory: ./wasm}}\n\
             - {{name: processes, kind: process.host}}\n\
             - {{name: terminal, kind: terminal.host, hide_logs: {hide_logs}}}\n{}{}",
            process("child", "actor.wasm", "child", "wippy:process, wasi:clocks, wasi:io"),
            process(
                "count",
                "rust-std.wasm",
                "run",
                "wasi:cli, wasi:io, wasi:clocks, wasi:filesystem"
            ),
        );
        fs::write(dir.join("src/_index.yaml"), head + entries).unwrap();
        fs::create_dir_all(dir.join("wasm")).unwrap();
        for file in ["actor.wasm", "rust-std.wasm"] {
            fs::copy(here().join("guests/built").join(file), dir.join("wasm").join(file)).unwrap();
        }
        Dir(dir)
    }

    fn start(&self, words: &[&str]) -> Running {
        Running::start(&self.0, words)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn process(name: &str, file: &str, method: &str, imports: &str) -> String {
    let sums = fs::read_to_string(here().join("guests/built/SHA256SUMS")).unwrap();
    let sum = sums.lines().find(|line| line.ends_with(&format!("  {file}"))).unwrap();
    let hash = sum.split(' ').next().unwrap();
    format!(
        "- name: {name}\n  kind: process.wasm\n  fs: wasm\n  path: /{file}\n  \
         hash: sha256:{hash}\n  method: {method}\n  imports: [{imports}]\n"
    )
}

/// A service that starts by itself.
fn service(name: &str, process: &str, input: &str, lifecycle: &str) -> String {
    format!(
        "- name: {name}\n  kind: process.service\n  process: {process}\n  host: processes\n  \
         input: [{input}]\n  lifecycle: {{auto_start: true, {lifecycle}}}\n"
    )
}

/// The command, and what it has said so far.
struct Running {
    child: Child,
    stderr: ChildStderr,
    said: Vec<u8>,
}

impl Running {
    fn start(dir: &Path, words: &[&str]) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_conformance"));
        command.env(conformance::wasi::AS_WIPPY, "1").env_remove("RUST_BACKTRACE");
        for name in ["CLICOLOR_FORCE", "FORCE_COLOR"] {
            command.env_remove(name);
        }
        command.arg("-C").arg(dir).args(words).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        Running { child, stderr, said: Vec::new() }
    }

    /// Reads until this has been said so many times.
    fn until(&mut self, times: usize, text: &str) -> &mut Running {
        while String::from_utf8_lossy(&self.said).matches(text).count() < times {
            let mut byte = [0];
            let read = self.stderr.read(&mut byte).unwrap();
            assert_eq!(read, 1, "no {text:?}: {}", String::from_utf8_lossy(&self.said));
            self.said.extend(byte);
        }
        self
    }

    fn signal(&mut self, name: &str) -> &mut Running {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
        self
    }

    /// The exit code, stdout and stderr.
    fn end(&mut self) -> (Option<i32>, String, String) {
        self.stderr.read_to_end(&mut self.said).unwrap();
        let mut stdout = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        let code = self.child.wait().unwrap().code();
        (code, stdout, String::from_utf8(std::mem::take(&mut self.said)).unwrap())
    }
}

#[test]
fn the_example_crashes_restarts_and_stops() {
    let mut wippy = Running::start(&here().join("apps/processes"), &["run"]);
    let (code, stdout, stderr) = wippy.until(2, "is started again").signal("-INT").end();
    assert_eq!((code, stdout.as_str()), (Some(0), ""), "{stderr}");
    let lines: Vec<&str> = stderr.lines().filter(|line| !line.starts_with(' ')).collect();
    let crash = "warning: app.services:unsteady: failed (INTERNAL), and is started again in ";
    assert_eq!(lines[0], "starting 2 services; Ctrl-C stops them");
    assert!(lines[1].starts_with(crash) && lines[1].contains("ms: `child` trapped: "), "{stderr}");
    assert!(lines[2].starts_with(crash), "{stderr}");
    assert_eq!(lines[3], "stopping; Ctrl-C once more ends all processes at once");
    assert_eq!(lines.len(), 4, "{stderr}");
}

#[test]
fn services_stop_in_reverse_order() {
    let services = [
        service("first", "child", "wait", ""),
        service("second", "child", "wait", "requires: [first]"),
    ];
    let dir = Dir::new(true, &services.concat());
    let mut wippy = dir.start(&["-v", "run"]);
    let (code, _, stderr) = wippy.until(2, " INFO running").signal("-TERM").end();
    assert_eq!(code, Some(0), "{stderr}");
    let told: Vec<(&str, &str)> = stderr
        .lines()
        .filter_map(|line| {
            let (_, rest) = line.split_once(" INFO ")?;
            let (state, rest) = rest.split_once(" service=")?;
            Some((rest.split(' ').next()?, state))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("app:first", "starting"),
            ("app:first", "running"),
            ("app:second", "starting"),
            ("app:second", "running"),
            ("app:second", "stopping"),
            ("app:second", "stopped"),
            ("app:first", "stopping"),
            ("app:first", "stopped"),
        ],
        "{stderr}"
    );
}

#[test]
fn the_lines_of_services_are_shown() {
    let dir = Dir::new(true, &service("counts", "count", "count", ""));
    let (code, stdout, stderr) = dir.start(&["run"]).end();
    assert_eq!((code, stdout.as_str()), (Some(0), ""), "{stderr}");
    let line = stderr.lines().find(|line| line.contains(" stdout | ")).unwrap();
    assert!(line.starts_with("app:processes|"), "{stderr}");
    let (code, stdout, stderr) = dir.start(&["-s", "run"]).end();
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(0), "", ""));
}

#[test]
fn when_all_have_ended_the_command_ends() {
    let restart = "restart: {initial_delay: 5ms, max_attempts: 1}";
    let services = [
        service("crashes", "child", "trap", restart),
        service("returns", "child", "return", ""),
        service("wrong", "child", "a, b", restart),
    ];
    let dir = Dir::new(false, &services.concat());
    let (code, _, stderr) = dir.start(&["run"]).end();
    assert_eq!(code, Some(1), "{stderr}");
    let count = |text: &str| stderr.matches(text).count();
    assert_eq!(
        count("warning: app:crashes: failed (INTERNAL), and is started again in "),
        1,
        "{stderr}"
    );
    assert_eq!(
        count("error: app:crashes: failed (INTERNAL), and is not started again: "),
        1,
        "{stderr}"
    );
    let wrong = "error: app:wrong: failed (INVALID), and is not started again: app:child: `child` \
                 takes 1 arguments, not 2\n";
    assert_eq!(count(wrong), 1, "{stderr}");
    let last = "error: all services have ended, and services have failed: app:crashes, app:wrong\n";
    assert!(stderr.ends_with(last), "{stderr}");
}

#[test]
fn a_second_signal_waits_for_nobody() {
    let dir = Dir::new(false, &service("stubborn", "child", "stubborn", "stop_timeout: 1h"));
    let mut wippy = dir.start(&["-v", "run"]);
    wippy.until(1, "running").signal("-INT").until(1, "stopping;");
    // One that came at once would count as the same.
    std::thread::sleep(Duration::from_millis(100));
    let begin = Instant::now();
    let (code, _, stderr) = wippy.signal("-INT").end();
    assert_eq!(code, Some(130), "{stderr}");
    assert!(begin.elapsed() < Duration::from_secs(60), "{stderr}");
}

#[test]
fn one_signal_may_arrive_twice() {
    let dir = Dir::new(false, &service("stubborn", "child", "stubborn", "stop_timeout: 200ms"));
    let mut wippy = dir.start(&["-v", "run"]);
    let id = wippy.until(1, "running").child.id();
    let twice = format!("kill -TERM {id}; kill -TERM {id}");
    assert!(Command::new("sh").args(["-c", &twice]).status().unwrap().success());
    let (code, _, stderr) = wippy.end();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("did not end within 200ms, and was terminated"), "{stderr}");
}

#[test]
fn services_go_on_when_nobody_reads_what_they_say() {
    for verbose in [&["run"][..], &["-v", "run"]] {
        let dir = Dir::new(false, &service("waits", "child", "wait", ""));
        let mut wippy = dir.start(verbose);
        wippy.until(1, "starting 1 service");
        let Running { mut child, stderr, .. } = wippy;
        drop(stderr);
        // Whatever it says from now on fails.
        std::thread::sleep(Duration::from_millis(100));
        for signal in ["-USR1", "-INT"] {
            let id = child.id().to_string();
            assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        }
        let begin = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if begin.elapsed() > Duration::from_secs(5) {
                child.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(child.wait().unwrap().code(), Some(0), "{verbose:?}");
    }
}

/// A terminal that goes away stops the services, unless they are to outlive it.
#[test]
fn a_hangup_stops_like_a_termination() {
    let dir = Dir::new(false, &service("waits", "child", "wait", ""));
    let mut wippy = dir.start(&["-v", "run"]);
    let (code, _, stderr) = wippy.until(1, " INFO running").signal("-HUP").end();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains(" INFO stopped"), "{stderr}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_hangup_is_nothing_to_what_nohup_has_started() {
    let dir = Dir::new(false, &service("waits", "child", "wait", ""));
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_conformance")]);
    command.env(conformance::wasi::AS_WIPPY, "1").arg("-C").arg(&dir.0).args(["-v", "run"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let stderr = child.stderr.take().unwrap();
    let mut wippy = Running { child, stderr, said: Vec::new() };
    // The table comes after the hangup, which has not ended anything then.
    wippy.until(1, " INFO running").signal("-HUP").signal("-USR1").until(1, "mailbox");
    let (code, _, stderr) = wippy.signal("-TERM").end();
    assert_eq!(code, Some(0), "{stderr}");
}

/// A pipe that nobody empties holds up neither processes nor the end of the command.
#[test]
fn nobody_has_to_read_the_log() {
    let talks = "- name: talks\n  kind: process.lua\n  method: run\n  modules: [io]\n  source: |\n    \
                 local io = require('io')\n    local line = string.rep('x', 1000)\n    return { run = \
                 function() for i = 1, 2000 do io.print(i, line) end end }\n";
    let dir = Dir::new(false, &format!("{talks}{}", service("one", "talks", "", "")));
    let mut wippy = dir.start(&["run"]);
    let begin = Instant::now();
    while wippy.child.try_wait().unwrap().is_none() {
        assert!(begin.elapsed() < Duration::from_secs(120), "it waits for a reader");
        std::thread::sleep(Duration::from_millis(20));
    }
    let (code, _, stderr) = wippy.end();
    assert_eq!(code, Some(0), "{stderr}");
    // What the pipe has taken.
    assert!(stderr.starts_with("starting 1 service; Ctrl-C stops it\napp:processes|"), "{stderr}");
}

#[test]
fn a_stop_waits_for_its_timeout() {
    let dir = Dir::new(false, &service("stubborn", "child", "stubborn", "stop_timeout: 50ms"));
    let mut wippy = dir.start(&["-v", "run"]);
    let (code, _, stderr) = wippy.until(1, "running").signal("-INT").end();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("did not end within 50ms, and was terminated"), "{stderr}");
}

#[test]
fn a_command_has_services_behind_it() {
    // What cannot start is said before the command begins.
    let services = [service("waits", "child", "wait", ""), service("wrong", "child", "a, b", "")];
    let command = ["run", "--exec", "app:child", "return well"];
    for (hide_logs, lines) in [(true, 0), (false, 1)] {
        let dir = Dir::new(hide_logs, &services.concat());
        let (code, stdout, stderr) = dir.start(&command).end();
        assert_eq!((code, stdout.as_str()), (Some(0), "well\n"), "{stderr}");
        assert_eq!(stderr.matches("error: app:wrong: failed (INVALID)").count(), lines, "{stderr}");
    }
}

#[test]
fn without_services_it_says_how_to_add_one() {
    let idle = service("idle", "child", "wait", "").replace("true", "false");
    let (code, _, stderr) = Dir::new(false, &idle).start(&["run"]).end();
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.starts_with("error: no service of the project is to be started\n"), "{stderr}");
    assert!(stderr.contains("add to app:idle, or another one:"), "{stderr}");
    // What is suggested is right.
    let dir = Dir::new(false, "");
    let (code, _, stderr) = dir.start(&["run"]).end();
    assert_eq!(code, Some(2), "{stderr}");
    let (_, entry) = stderr.split_once("add a service:\n").unwrap();
    let file = dir.0.join("src/_index.yaml");
    let indented = fs::read_to_string(&file).unwrap();
    let (head, entries) = indented.split_once("entries:\n").unwrap();
    let entries: String = entries.lines().map(|line| format!("              {line}\n")).collect();
    fs::write(&file, format!("{head}entries:\n{entries}{entry}                input: [return]\n"))
        .unwrap();
    let (code, _, stderr) = dir.start(&["run"]).end();
    assert_eq!(code, Some(0), "{stderr}");
}
