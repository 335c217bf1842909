//! A process that writes lines to the log while nobody reads it: the command is
//! started with a pipe as its stderr that stays full.

use std::{
    io::Read,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::super::Result;

pub const NAME: &str = "a log that nobody reads";

/// When the command is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// The worst gap, and the one that all but a few are below.
pub fn measure(wippy: &Path) -> Result<(f64, f64)> {
    let project = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/gaps/project");
    let mut child = Command::new(std::path::absolute(wippy)?)
        .args(["run", "main"])
        .current_dir(project)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|why| format!("{}: {why}", wippy.display()))?;
    // Kept, so that the pipe stays open, and not read.
    let _stderr = child.stderr.take();
    let begin = Instant::now();
    while child.try_wait()?.is_none() {
        if begin.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Ok((PATIENCE.as_secs_f64(), PATIENCE.as_secs_f64()));
        }
        thread::sleep(Duration::from_millis(20));
    }
    let mut told = String::new();
    child.stdout.take().ok_or("no stdout")?.read_to_string(&mut told)?;
    let figures: Vec<f64> = told.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    match figures[..] {
        [worst, most] => Ok((worst, most)),
        _ => Err(format!("it printed {told:?}").into()),
    }
}
