//! What came out, for people.

use std::{
    collections::BTreeMap,
    fmt::Write,
    path::{Path, PathBuf},
};

use super::{Known, Line, Verdict, known::Entry};

/// The results of many scripts.
#[derive(Debug, Default)]
pub struct Report {
    files: Vec<File>,
    /// Directories that were not looked into, and why.
    skipped: Vec<(PathBuf, String)>,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    lines: Vec<(Line, Option<Entry>)>,
    /// Entries of the list of known failures that did not fail.
    stale: Vec<Entry>,
}

/// How many directives went how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// As expected, words that differ included.
    pub pass: usize,
    /// Of those, with other words.
    pub loose: usize,
    /// Not as expected.
    pub fail: usize,
    /// Not as expected, but known.
    pub known: usize,
    /// Not run.
    pub skip: usize,
}

impl Count {
    fn add(&mut self, other: Count) {
        self.pass += other.pass;
        self.loose += other.loose;
        self.fail += other.fail;
        self.known += other.known;
        self.skip += other.skip;
    }
}

impl Report {
    pub(super) fn add(&mut self, path: &Path, lines: Vec<Line>, known: &Known) {
        let entries = known.of(path);
        let fails = |line: &Line| matches!(line.verdict, Verdict::Fail { .. });
        let covers = |entry: &Entry, line: &Line| entry.line.is_none_or(|at| at == line.line);
        let stale = entries
            .iter()
            .filter(|entry| !lines.iter().any(|line| fails(line) && covers(entry, line)))
            .map(|entry| (*entry).clone())
            .collect();
        let lines = lines
            .into_iter()
            .map(|line| {
                let entry = entries.iter().find(|entry| fails(&line) && covers(entry, &line));
                let entry = entry.map(|entry| (*entry).clone());
                (line, entry)
            })
            .collect();
        self.files.push(File { path: path.to_owned(), lines, stale });
    }

    pub(super) fn skip(&mut self, path: &Path, why: &str) {
        self.skipped.push((path.to_owned(), why.to_owned()));
    }

    /// The sum of all scripts.
    pub fn total(&self) -> Count {
        let mut total = Count::default();
        for file in &self.files {
            total.add(file.count());
        }
        total
    }

    /// True if something failed that is not known to, or is known to fail and did not.
    pub fn unexpected(&self) -> bool {
        self.total().fail > 0 || self.files.iter().any(|file| !file.stale.is_empty())
    }

    /// The report as text. `verbose` adds what was skipped, known or loose.
    pub fn render(&self, verbose: bool) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut out, verbose);
        out
    }

    fn write(&self, out: &mut String, verbose: bool) -> std::fmt::Result {
        for file in &self.files {
            file.write(out, verbose)?;
        }
        let mut directories: BTreeMap<&Path, Count> = BTreeMap::new();
        for file in &self.files {
            let directory = file.path.parent().unwrap_or(Path::new(""));
            directories.entry(directory).or_default().add(file.count());
        }
        writeln!(out, "\n{:>6} {:>6} {:>6} {:>6} {:>6}", "pass", "loose", "known", "fail", "skip")?;
        for (directory, count) in directories {
            write_count(out, count, &directory.display().to_string())?;
        }
        write_count(out, self.total(), "in all")?;
        for (path, why) in &self.skipped {
            writeln!(out, "skipped: {} ({why})", path.display())?;
        }
        Ok(())
    }
}

impl File {
    fn count(&self) -> Count {
        let mut count = Count::default();
        for (line, known) in &self.lines {
            match (&line.verdict, known) {
                (Verdict::Pass, _) => count.pass += 1,
                (Verdict::Loose { .. }, _) => {
                    count.pass += 1;
                    count.loose += 1;
                }
                (Verdict::Fail { .. }, Some(_)) => count.known += 1,
                (Verdict::Fail { .. }, None) => count.fail += 1,
                (Verdict::Skip(_), _) => count.skip += 1,
            }
        }
        count
    }

    fn write(&self, out: &mut String, verbose: bool) -> std::fmt::Result {
        let path = self.path.display();
        for (line, known) in &self.lines {
            let place = format!("{path}:{}: {}", line.line, line.directive);
            match (&line.verdict, known) {
                (Verdict::Fail { expected, found }, None) => {
                    writeln!(out, "{place} FAILED\n  expected: {expected}\n  found:    {found}")?;
                }
                (Verdict::Fail { .. }, Some(known)) if verbose => {
                    writeln!(out, "{place} fails, which is known: {}", known.reason)?;
                }
                (Verdict::Loose { expected, found }, _) if verbose => {
                    writeln!(
                        out,
                        "{place} other words\n  expected: {expected}\n  found:    {found}"
                    )?;
                }
                (Verdict::Skip(reason), _) if verbose => {
                    writeln!(out, "{place} skipped: {reason}")?;
                }
                _ => {}
            }
        }
        for entry in &self.stale {
            let line = entry.line.map_or("*".to_owned(), |line| line.to_string());
            writeln!(out, "{path}:{line}: STALE: known to fail ({}), and does not", entry.reason)?;
        }
        write_count(out, self.count(), &path.to_string())
    }
}

fn write_count(out: &mut String, count: Count, name: &str) -> std::fmt::Result {
    let Count { pass, loose, fail, known, skip } = count;
    writeln!(out, "{pass:>6} {loose:>6} {known:>6} {fail:>6} {skip:>6}  {name}")
}
