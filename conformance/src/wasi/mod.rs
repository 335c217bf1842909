//! Programs that use WASI, run as a user runs them: by the command `wippy run`.
//!
//! | file | what |
//! | --- | --- |
//! | `suite` | the directories, manifests and specifications of the public wasi-testsuite |
//! | `case` | our own recorded cases, `conformance/wasi/**/*.expected` |
//! | `fixture` | a case against the command |
//! | `differences` | where the answers are to be others than recorded |
//! | `entry` | a case as an entry of a project, for calls of functions |
//! | `programs` | the reference engine's test programs |
//! | `served`, `peer` | those that answer requests; the other side of HTTP |
//! | `command` | one run of the command: its streams, its end, its time |
//! | `scratch` | directories that are gone afterwards |
//! | `known` | the list of failures that are known, with reasons |
//! | `report` | results to text |
//! | `diff` | two texts to the lines that differ |

mod case;
mod command;
mod diff;
mod differences;
mod entry;
pub mod fixture;
mod known;
mod peer;
pub mod programs;
mod report;
pub(crate) mod scratch;
mod served;
pub mod suite;

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

pub(crate) use self::served::Served;
pub use self::{
    command::{AS_WIPPY, Wippy},
    known::Known,
    report::{Report, Verdict},
};

/// Arguments of the `wasi` command.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Directories that are searched for suites (*.wasm beside a manifest.json),
    /// and for our own cases (*.expected)
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// The command to test, in place of the one that this program has in itself
    #[arg(long, value_name = "FILE")]
    pub wippy: Option<PathBuf>,
    /// Only those with this in their names; may be given several times
    #[arg(long, value_name = "TEXT")]
    pub only: Vec<String>,
    /// The list of known failures
    #[arg(long, value_name = "FILE")]
    pub known: Option<PathBuf>,
    /// Seconds that a program may take
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    pub timeout: u64,
    /// Programs that run at the same time [default: one for each processor]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Prints those that pass too
    #[arg(short, long)]
    pub verbose: bool,
}

/// Runs the `wasi` command.
pub fn main(args: &Args) -> ExitCode {
    let rendered = |report: Report| (report.render(args.verbose), report.unexpected());
    crate::end(report(args).map(rendered))
}

/// Runs everything and gives the results.
///
/// # Errors
///
/// If a directory or a list cannot be read, or nothing is found.
pub fn report(args: &Args) -> io::Result<Report> {
    let known = match &args.known {
        Some(path) => Known::parse(&read(path)?).map_err(io::Error::other)?,
        None => Known::default(),
    };
    let setting = Setting {
        wippy: match &args.wippy {
            Some(path) => Wippy::Program(path.canonicalize().map_err(|e| named(path, e))?),
            None => Wippy::Within(std::env::current_exe()?),
        },
        timeout: Duration::from_secs(args.timeout),
        jobs: args.jobs,
    };
    let mut report = Report::default();
    for path in &args.paths {
        let wanted = |name: &str| {
            args.only.is_empty() || args.only.iter().any(|part| name.contains(part.as_str()))
        };
        suite::run(path, &setting, &known, &wanted, &mut report)?;
        fixture::run(path, &setting, &known, &wanted, &mut report)?;
    }
    match report.is_empty() {
        true => Err(io::Error::other("there is neither a *.wasm nor an *.expected to run")),
        false => Ok(report),
    }
}

/// How programs are run.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The command.
    pub wippy: Wippy,
    /// The time that a program may take.
    pub timeout: Duration,
    /// How many run at the same time; by default one for each processor.
    pub jobs: Option<usize>,
}

/// Does the same to all items, several at a time, and gives the results in order.
fn in_parallel<T: Sync, R: Send>(
    setting: &Setting,
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let processors = || std::thread::available_parallelism().map_or(2, usize::from);
    let threads = setting.jobs.unwrap_or_else(processors).clamp(1, items.len().max(1));
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(items.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { break };
                    let result = work(item);
                    results.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

/// All files below a directory whose names end like this, in order. A path that
/// is a file stands for itself.
fn files(path: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut left = vec![path.to_owned()];
    while let Some(path) = left.pop() {
        let kind = path.symlink_metadata().map_err(|error| named(&path, error))?.file_type();
        if kind.is_dir() {
            for entry in path.read_dir().map_err(|error| named(&path, error))? {
                left.push(entry.map_err(|error| named(&path, error))?.path());
            }
        } else if path.extension().is_some_and(|end| end == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn read(path: &Path) -> io::Result<String> {
    std::fs::read_to_string(path).map_err(|error| named(path, error))
}

/// The error with the file that it is about.
fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
