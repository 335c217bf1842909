//! What it costs to record a run, how large its journal is, and how fast it is replayed.
//!
//! Whole commands, from their start to their end, with and without `--record`, and their
//! replay.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{self, Stdio},
};

use super::{
    Result, guest,
    measure::{self, Contender},
    report::{Figure, Report, THEIRS, Target},
};

/// A name, the most that recording may cost, and the call.
const WORK: [(&str, f64, &[&str]); 5] = [
    ("hash", 1.03, &["--invoke", "hash", "kernels.wasm", "8"]),
    ("sieve", 1.03, &["--invoke", "sieve", "kernels.wasm", "10000000"]),
    ("write 64 MiB", 1.1, &["bench-io.wasm", "write", "/d/data", "67108864"]),
    ("read 64 MiB", 1.1, &["bench-io.wasm", "read", "/d/data"]),
    ("print 100 000 lines", 1.1, &["bench-io.wasm", "lines", "100000"]),
];

/// Fuel for which the journal of a computation may have a byte.
const PER_BYTE: f64 = 1_000.0;

pub fn measure(rounds: u32, wippy: &Path, report: &mut Report) -> Result<()> {
    let folder = Folder::new()?;
    let (dir, journal) = (format!("{}::/d", folder.0.display()), folder.0.join("trip"));
    let trip = journal.display().to_string();
    for (what, most, words) in WORK {
        let words: Vec<String> = words
            .iter()
            .map(|word| match word.ends_with(".wasm") {
                true => guest::path(word),
                false => (*word).to_owned(),
            })
            .collect();
        let run = |more: &[&str]| {
            let args = ["run", "--dir", &dir].into_iter().chain(more.iter().copied());
            let args: Vec<&str> = args.chain(words.iter().map(String::as_str)).collect();
            timed(wippy, &args)
        };
        let contenders = vec![
            Contender::timed("run", || run(&[])),
            Contender::timed("recorded", || run(&["--record", &trip])),
            Contender::timed("replayed", || timed(wippy, &["replay", &trip])),
        ];
        let times = measure::rounds(rounds.min(5), contenders)?;
        report.compare("journals", what, &times, |who| match who {
            "recorded" => (THEIRS, Some(Target::AtMost(most))),
            _ => (THEIRS, None),
        });
        let bytes = fs::metadata(&journal)?.len() as f64;
        let note = match most < 1.1 {
            true => {
                let fuel = fuel(wippy, &trip)?;
                let target = Target::AtMost(fuel / PER_BYTE);
                format!("{fuel} of fuel {}", target.note(bytes, Figure::Bytes))
            }
            false => String::new(),
        };
        report.figure("journals", what, "journal", Figure::Bytes(bytes), None, &note);
    }
    Ok(())
}

fn timed(wippy: &Path, args: &[&str]) -> Result<std::time::Duration> {
    let usage = measure::command(wippy, args, Stdio::inherit())?;
    match usage.success {
        true => Ok(usage.wall),
        false => Err(format!("`wippy {}` failed", args.join(" ")).into()),
    }
}

/// The fuel of all processes of a journal.
fn fuel(wippy: &Path, journal: &str) -> Result<f64> {
    let said = measure::command(wippy, &["replay", journal, "--json"], Stdio::inherit())?.stdout;
    let line = said.lines().find(|line| line.starts_with("{\"replayed\"")).ok_or("no fuel")?;
    let told: serde_json::Value = serde_json::from_str(line)?;
    told["replayed"]["fuel"].as_f64().ok_or_else(|| "no fuel".into())
}

/// A folder for temporary files that goes away when this does.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Folder> {
        let path = std::env::temp_dir().join(format!("wippy-bench-journals-{}", process::id()));
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
