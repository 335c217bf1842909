//! One run of the command.

use std::{
    ffi::OsString,
    fmt,
    io::{self, Read, Write},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// A program that finds this variable in its environment behaves as the command
/// `wippy`, if it is one that knows of it.
pub const AS_WIPPY: &str = "CONFORMANCE_AS_WIPPY";

/// Where the command is.
#[derive(Clone, Debug)]
pub enum Wippy {
    /// It is this file.
    Program(PathBuf),
    /// This file is another program that has it in itself; see [`AS_WIPPY`].
    Within(PathBuf),
}

impl Wippy {
    /// To be given its arguments.
    pub(crate) fn command(&self) -> Command {
        let mut command = match self {
            Wippy::Program(path) => Command::new(path),
            Wippy::Within(path) => {
                let mut command = Command::new(path);
                command.env(AS_WIPPY, "1");
                command
            }
        };
        for name in ["CLICOLOR_FORCE", "FORCE_COLOR", "RUST_BACKTRACE", "RUST_LOG"] {
            command.env_remove(name);
        }
        command
    }
}

/// The contents of stdin. It is always a pipe, as are stdout and stderr.
#[derive(Clone, Debug, Default)]
pub(super) struct Stdin {
    pub bytes: Vec<u8>,
    /// It has no end.
    pub stays_open: bool,
}

/// How a run went.
#[derive(Debug)]
pub(super) struct Ended {
    /// How it ended; `None` if it was stopped because it took too long.
    pub status: Option<ExitStatus>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub elapsed: Duration,
}

impl Ended {
    pub(super) fn code(&self) -> Option<i32> {
        self.status.and_then(|status| status.code())
    }
}

/// The end, as a reader wants it.
impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            None => write!(f, "still running after {:.1?}", self.elapsed),
            Some(status) => match status.code() {
                Some(code) => write!(f, "{code}"),
                None => write!(f, "{status}"),
            },
        }
    }
}

/// Runs the command to its end, or until it has taken too long.
///
/// # Errors
///
/// If it cannot be started.
pub(super) fn run(
    wippy: &Wippy,
    args: &[OsString],
    stdin: &Stdin,
    timeout: Duration,
) -> io::Result<Ended> {
    let start = Instant::now();
    let mut child = wippy
        .command()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (input, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        // A program that does not read all of its input closes the pipe: no
        // failure of ours. What stays open is dropped after the program's end.
        let writer = scope.spawn(move || {
            let mut input = input?;
            let _ = input.write_all(&stdin.bytes);
            stdin.stays_open.then_some(input)
        });
        let stdout = scope.spawn(move || all(stdout));
        let stderr = scope.spawn(move || all(stderr));
        let status = wait(&mut child, start, timeout)?;
        let (stdout, stderr) = (stdout.join(), stderr.join());
        drop(writer.join());
        let elapsed = start.elapsed();
        Ok(Ended {
            status,
            stdout: stdout.unwrap_or_default(),
            stderr: stderr.unwrap_or_default(),
            elapsed,
        })
    })
}

/// The exit status, or nothing if the program had to be stopped.
fn wait(child: &mut Child, start: Instant, timeout: Duration) -> io::Result<Option<ExitStatus>> {
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() >= timeout {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// The bytes that a pipe gives before it ends or breaks.
fn all(pipe: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        let _ = pipe.read_to_end(&mut bytes);
    }
    bytes
}
