//! Files and output: a C program that reads, writes, stats and prints.
//!
//! Ours is the whole command, from its start to its end. wasmtime has compiled
//! the component before its clock starts: that is measured in [`super::start`].

use std::{
    fs,
    path::{Path, PathBuf},
    process::{self, Stdio},
    time::Duration,
};

use super::{
    Result, guest,
    measure::{self, Contender, Usage},
    report::{OURS, Report, Target},
};

const FILE: &str = "bench-io.wasm";
/// Where the guest finds the directory.
pub const GUEST_DIR: &str = "/d";

/// The measurements: a name, the guest's arguments for it, and the end of its output.
const WORK: [(&str, &[&str], &str); 5] = [
    ("write 1 GiB", &["write", "/d/data", "1073741824"], "wrote 1073741824 bytes"),
    ("read 1 GiB", &["read", "/d/data"], "read 1073741824 bytes"),
    ("stat 10 000 files", &["stat", "/d/many", "10000"], "10000 files, 0 bytes"),
    ("print 1 000 000 lines", &["lines", "1000000"], "a short line"),
    ("the same, buffered", &["buffered", "1000000"], "a short line"),
];

pub fn measure(rounds: u32, wippy: &Path, report: &mut Report) -> Result<()> {
    let folder = Folder::new()?;
    let dir = folder.0.display().to_string();
    fs::create_dir(folder.0.join("many"))?;
    // What is read is there, whether it was written before or not.
    for args in [["make", "/d/many", "10000"], ["write", "/d/data", "1073741824"]] {
        ours(wippy, &dir, &args)?;
    }
    for (what, args, end) in WORK {
        #[cfg_attr(not(feature = "peers"), expect(unused_mut))]
        let mut contenders =
            vec![Contender::timed("process", || check(ours(wippy, &dir, args)?, end))];
        #[cfg(feature = "peers")]
        contenders.push(Contender::timed("wasmtime, Pulley", || theirs(&dir, args, end)));
        let times = measure::rounds(rounds.min(5), contenders)?;
        report.compare("io", what, &times, |_| (OURS, Some(Target::AtMost(1.0))));
    }
    Ok(())
}

fn ours(wippy: &Path, dir: &str, args: &[&str]) -> Result<Usage> {
    let (file, mount) = (guest::path(FILE), format!("{dir}::{GUEST_DIR}"));
    let args: Vec<&str> = ["run", "--dir", &mount, &file].iter().chain(args).copied().collect();
    let usage = measure::command(wippy, &args, Stdio::inherit())?;
    match usage.success {
        true => Ok(usage),
        false => Err(format!("`wippy {}` failed", args.join(" ")).into()),
    }
}

fn check(usage: Usage, end: &str) -> Result<Duration> {
    match usage.stdout.trim_end().ends_with(end) {
        true => Ok(usage.wall),
        false => Err(format!("the guest has not printed {end:?}").into()),
    }
}

/// Runs the guest in wasmtime, whose last line says how long that took.
#[cfg(feature = "peers")]
fn theirs(dir: &str, args: &[&str], end: &str) -> Result<Duration> {
    let file = guest::path(FILE);
    let args: Vec<&str> = ["wasi", "run", &file, dir].iter().chain(args).copied().collect();
    let usage = measure::child(&args)?;
    let (output, seconds) = usage.stdout.trim_end().rsplit_once('\n').ok_or("no time")?;
    match output.trim_end().ends_with(end) {
        true => Ok(Duration::try_from_secs_f64(seconds.parse()?)?),
        false => Err(format!("the guest has not printed {end:?}").into()),
    }
}

/// A folder for temporary files that goes away when this does.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Folder> {
        let path = std::env::temp_dir().join(format!("wippy-bench-io-{}", process::id()));
        fs::create_dir(&path)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(why) = fs::remove_dir_all(&self.0) {
            eprintln!("warning: {}: {why}", self.0.display());
        }
    }
}
