//! `.wast` scripts, of the Component Model and of the core specification.
//!
//! | file | what |
//! | --- | --- |
//! | `script` | text to a list of directives, with everything encoded |
//! | `run` | directives to verdicts |
//! | `core` | core modules, as the components that the adapter makes of them |
//! | `value` | the values of scripts and those of the engine |
//! | `known` | the list of failures that are known, with reasons |
//! | `report` | files to tables |
//!
//! Every script is run once for each slice size. The verdicts and the fuel of
//! every directive have to be the same each time.

mod core;
mod known;
mod report;
mod run;
mod script;
mod value;

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

pub use self::{known::Known, report::Report, run::Verdict};

/// Slices that are tried unless one is named: the usual one, one that most
/// calls exceed, and one that cuts nearly everything into pieces.
pub const SLICES: [u64; 3] = [100_000, 1000, 17];

/// Arguments of the `wast` command.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Args {
    /// Scripts, and directories that are searched for scripts
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Fuel of a slice; may be given several times [default: 100000, 1000 and 17]
    #[arg(long, value_name = "FUEL")]
    pub slice: Vec<u64>,
    /// Runs directories named `async` too
    #[arg(long = "async")]
    pub with_async: bool,
    /// A trap or an error with another text than the script's is a failure
    #[arg(long)]
    pub strict: bool,
    /// The list of known failures
    #[arg(long, value_name = "FILE")]
    pub known: Option<PathBuf>,
    /// Prints known failures, skipped directives and differing texts
    #[arg(short, long)]
    pub verbose: bool,
}

/// Runs the `wast` command.
pub fn main(args: &Args) -> ExitCode {
    let rendered = |report: Report| (report.render(args.verbose), report.unexpected());
    crate::end(report(args).map(rendered))
}

/// Runs all scripts and gives the results.
///
/// # Errors
///
/// If a file or a directory cannot be read.
pub fn report(args: &Args) -> io::Result<Report> {
    let known = match &args.known {
        Some(path) => Known::parse(&read(path)?),
        None => Known::parse(concat!(
            include_str!("../../suites/component-model.txt"),
            include_str!("../../suites/core.txt"),
        )),
    };
    let known = known.map_err(io::Error::other)?;
    let slices = if args.slice.is_empty() { SLICES.to_vec() } else { args.slice.clone() };
    let mut report = Report::default();
    let mut files = Vec::new();
    for path in &args.paths {
        collect(path, args.with_async, &mut files)?;
    }
    for file in files {
        match file {
            Found::Script(path) => {
                let text = read(&path)?;
                let results = file_results(&text, &slices, args.strict);
                report.add(&path, results, &known);
            }
            Found::Skipped(path) => report.skip(&path, "asynchronous ABI; --async runs it"),
        }
    }
    Ok(report)
}

/// The binaries of all components of a script that are given to be run.
///
/// # Errors
///
/// If the script cannot be read.
pub fn components(text: &str) -> Result<Vec<Vec<u8>>, String> {
    let broken = |error: wast::Error| error.message();
    let buffer = script::lex(text).map_err(broken)?;
    let directives = script::parse(text, &buffer).map_err(broken)?;
    Ok(directives
        .into_iter()
        .filter_map(|directive| match directive.action {
            script::Action::Component { source, .. } | script::Action::Define { source, .. } => {
                source.bytes.ok().filter(|_| !source.module)
            }
            _ => None,
        })
        .collect())
}

/// One directive's line, what it is, and how it went.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The line in the script, from 1.
    pub line: usize,
    /// The directive's keyword.
    pub directive: &'static str,
    /// How it went.
    pub verdict: Verdict,
    /// The fuel that it took.
    pub fuel: u64,
}

/// Runs one script with all slices.
fn file_results(text: &str, slices: &[u64], strict: bool) -> Vec<Line> {
    let buffer = match script::lex(text) {
        Ok(buffer) => buffer,
        Err(error) => return vec![script::broken(text, &error)],
    };
    let directives = match script::parse(text, &buffer) {
        Ok(directives) => directives,
        Err(error) => return vec![script::broken(text, &error)],
    };
    let mut first: Option<(u64, Vec<Line>)> = None;
    for slice in slices {
        let lines = run::run(&directives, *slice, strict);
        let Some((usual, expected)) = &mut first else {
            first = Some((*slice, lines));
            continue;
        };
        for (a, b) in expected.iter_mut().zip(lines) {
            if *a != b && !matches!(a.verdict, Verdict::Fail { .. }) {
                a.verdict = Verdict::Fail {
                    expected: format!("the same in slices of {usual} and of {slice}"),
                    found: format!(
                        "{:?} with {} units of fuel, then {:?} with {}",
                        a.verdict, a.fuel, b.verdict, b.fuel
                    ),
                };
            }
        }
    }
    first.map(|(_, lines)| lines).unwrap_or_default()
}

enum Found {
    Script(PathBuf),
    Skipped(PathBuf),
}

fn collect(path: &Path, with_async: bool, out: &mut Vec<Found>) -> io::Result<()> {
    if !path.is_dir() {
        out.push(Found::Script(path.to_owned()));
        return Ok(());
    }
    let mut entries: Vec<_> =
        path.read_dir()?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            match entry.ends_with("async") && !with_async {
                true => out.push(Found::Skipped(entry)),
                false => collect(&entry, with_async, out)?,
            }
        } else if entry.extension().is_some_and(|extension| extension == "wast") {
            out.push(Found::Script(entry));
        }
    }
    Ok(())
}

fn read(path: &Path) -> io::Result<String> {
    std::fs::read_to_string(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}
