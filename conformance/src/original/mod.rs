//! The original's public test application, run as it is.
//!
//! Its repository has it (`wippyai/runtime`, folder `tests/app`): functions in Lua, of
//! which each with `meta.type: test` is a test. They run in a copy that has one more
//! entry, the runner beside this file. One file is missing from copies of that
//! repository, a component in JavaScript; a module with the same functions takes its
//! place.

mod calculator;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
};

use crate::wasi::{
    Known, Wippy,
    scratch::{Scratch, copy},
};

/// Arguments of the `original` command.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The application: `tests/app` of the original's repository
    pub path: PathBuf,
    /// Only tests of this suite; may be given several times
    #[arg(long, value_name = "NAME")]
    pub suite: Vec<String>,
    /// Leave the copy where it is, and say where
    #[arg(long)]
    pub keep: bool,
}

/// The entry that runs all others.
const RUNNER: (&str, &str) = (include_str!("runner.yaml"), include_str!("runner.lua"));

/// Suites and tests that are not expected to pass, with the reason.
const KNOWN: &str = include_str!("known.txt");

/// Runs the application.
pub fn main(args: &Args) -> ExitCode {
    crate::end(run(args))
}

/// One test.
struct Test {
    id: String,
    /// Why it has failed.
    failed: Option<String>,
}

fn run(args: &Args) -> io::Result<(String, bool)> {
    let scratch = Scratch::new()?;
    copy(&args.path, scratch.path(), &|path| path.ends_with(".git"))?;
    let runner = scratch.path().join("src/conformance");
    fs::create_dir(&runner)?;
    fs::write(runner.join("_index.yaml"), RUNNER.0)?;
    fs::write(runner.join("runner.lua"), RUNNER.1)?;
    calculator::put(scratch.path())?;
    let mut command = Wippy::Within(std::env::current_exe()?).command();
    command.arg("-C").arg(scratch.path()).args(["run", "conformance"]).args(&args.suite);
    command.stdin(Stdio::null()).stderr(Stdio::piped());
    let output = command.output()?;
    if args.keep {
        println!("the copy is in {}", scratch.path().display());
        std::mem::forget(scratch);
    }
    let stdout = String::from_utf8_lossy(&output.stdout);
    let mut suites: BTreeMap<String, Vec<Test>> = BTreeMap::new();
    for line in stdout.lines() {
        let mut parts = line.splitn(4, '\t');
        if let (Some("test"), Some(suite), Some(id), Some(result)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        {
            let failed = (result != "ok").then(|| result.to_owned());
            suites.entry(suite.to_owned()).or_default().push(Test { id: id.to_owned(), failed });
        }
    }
    if suites.is_empty() || !stdout.lines().any(|line| line == "done") {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let last: Vec<&str> = stderr.lines().rev().take(40).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        return Err(io::Error::other(format!(
            "the application has not run to its end:\n{}",
            last.join("\n")
        )));
    }
    let known = Known::parse(KNOWN).map_err(io::Error::other)?;
    Ok(report(&suites, &known))
}

fn report(suites: &BTreeMap<String, Vec<Test>>, known: &Known) -> (String, bool) {
    let (mut text, mut total, mut unexpected) = (String::new(), [0; 3], 0);
    for (suite, tests) in suites {
        let whole = known.reason(suite);
        let mut counts = [0; 3];
        let mut lines = String::new();
        for Test { id, failed } in tests {
            let reason = known.reason(id).or(whole);
            let at = match (failed, reason) {
                (None, _) => 0,
                (Some(_), Some(_)) => 2,
                (Some(_), None) => 1,
            };
            counts[at] += 1;
            match (failed, reason) {
                (Some(why), None) => lines.push_str(&format!("    failed  {id}: {why}\n")),
                (Some(_), Some(reason)) if whole.is_none() => {
                    lines.push_str(&format!("    skipped {id}: {reason}\n"));
                }
                (None, Some(_)) if whole.is_none() => {
                    lines.push_str(&format!(
                        "    passed  {id}, which is among the known failures\n"
                    ));
                    unexpected += 1;
                }
                _ => {}
            }
        }
        let [passed, failed, skipped] = counts;
        let reason = whole.map(|reason| format!("  ({reason})")).unwrap_or_default();
        text.push_str(&format!(
            "{suite:16} {passed:3} passed {failed:3} failed {skipped:3} skipped{reason}\n{lines}"
        ));
        total.iter_mut().zip(counts).for_each(|(total, count)| *total += count);
    }
    let [passed, failed, skipped] = total;
    text.push_str(&format!(
        "{:16} {passed:3} passed {failed:3} failed {skipped:3} skipped\n",
        "all"
    ));
    (text, failed > 0 || unexpected > 0)
}

/// The files of a directory with this ending, and of those below it.
fn files(dir: &Path, ending: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path, ending)?);
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
    Ok(found)
}
