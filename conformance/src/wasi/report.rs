//! Results to text.

use std::{fmt::Write, time::Duration};

/// How a test went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is as expected.
    Pass,
    /// Something is not, with all that is known about it.
    Fail(String),
    /// It was not run.
    Skip(String),
}

#[derive(Debug)]
struct Line {
    name: String,
    verdict: Verdict,
    known: Option<String>,
    elapsed: Duration,
}

impl Line {
    fn unexpected(&self) -> bool {
        match self.verdict {
            Verdict::Pass => self.known.is_some(),
            Verdict::Fail(_) => self.known.is_none(),
            Verdict::Skip(_) => false,
        }
    }
}

/// The results of groups of tests.
#[derive(Debug, Default)]
pub struct Report {
    groups: Vec<(String, Vec<Line>)>,
}

/// How many tests went which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// As expected.
    pub pass: usize,
    /// Not as expected, and not known to be so.
    pub fail: usize,
    /// Failures that are in the list.
    pub known: usize,
    /// In the list of failures, but they pass.
    pub surprise: usize,
    /// Not run.
    pub skip: usize,
}

impl Report {
    /// True if nothing was even found.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Adds a result to a group.
    pub fn add(
        &mut self,
        group: &str,
        name: &str,
        verdict: Verdict,
        known: Option<&str>,
        elapsed: Duration,
    ) {
        let (name, known) = (name.to_owned(), known.map(str::to_owned));
        let line = Line { name, verdict, known, elapsed };
        match self.groups.iter_mut().find(|(name, _)| name == group) {
            Some((_, lines)) => lines.push(line),
            None => self.groups.push((group.to_owned(), vec![line])),
        }
    }

    /// True if a test failed that is not known to, or the other way round.
    pub fn unexpected(&self) -> bool {
        self.groups.iter().flat_map(|(_, lines)| lines).any(Line::unexpected)
    }

    /// All tests.
    pub fn total(&self) -> Count {
        count(self.groups.iter().flat_map(|(_, lines)| lines))
    }

    /// The report: what failed, then a table. If `verbose`, all tests.
    pub fn render(&self, verbose: bool) -> String {
        let mut out = String::new();
        for (group, lines) in &self.groups {
            for line in lines {
                line.render(group, verbose, &mut out);
            }
        }
        if !out.is_empty() {
            out.push('\n');
        }
        let width = self.groups.iter().map(|(name, _)| name.len()).chain([5]).max().unwrap_or(5);
        let _ = writeln!(
            out,
            "{:width$}  {:>5}  {:>5}  {:>5}  {:>7}  {:>7}",
            "", "pass", "fail", "known", "skipped", "seconds"
        );
        let mut row = |name: &str, count: Count, time: Duration| {
            let Count { pass, fail, known, surprise, skip } = count;
            let seconds = time.as_secs_f64();
            let _ = writeln!(
                out,
                "{name:width$}  {pass:>5}  {:>5}  {known:>5}  {skip:>7}  {seconds:>7.1}",
                fail + surprise
            );
        };
        let time = |lines: &[Line]| lines.iter().map(|line| line.elapsed).sum::<Duration>();
        for (name, lines) in &self.groups {
            row(name, count(lines), time(lines));
        }
        let all = self.groups.iter().map(|(_, lines)| time(lines)).sum();
        row("total", self.total(), all);
        out
    }
}

impl Line {
    fn render(&self, group: &str, verbose: bool, out: &mut String) {
        let (word, text) = match (&self.verdict, &self.known) {
            (Verdict::Pass, None) => ("pass", ""),
            (Verdict::Pass, Some(reason)) => {
                let name = &self.name;
                let _ =
                    writeln!(out, "FAIL  {group}: {name}: passes, but is known to fail: {reason}");
                return;
            }
            (Verdict::Fail(_), Some(reason)) => ("known", reason.as_str()),
            (Verdict::Fail(text), None) => ("FAIL", text.as_str()),
            (Verdict::Skip(reason), _) => ("skip", reason.as_str()),
        };
        if !verbose && word != "FAIL" {
            return;
        }
        let _ = write!(out, "{word:4}  {group}: {}", self.name);
        match text.contains('\n') {
            false if text.is_empty() => out.push('\n'),
            false => {
                let _ = writeln!(out, ": {text}");
            }
            true => {
                out.push('\n');
                for line in text.lines() {
                    let _ = writeln!(out, "      {line}");
                }
            }
        }
    }
}

fn count<'a>(lines: impl IntoIterator<Item = &'a Line>) -> Count {
    let mut count = Count::default();
    for line in lines {
        *match (&line.verdict, &line.known) {
            (Verdict::Pass, None) => &mut count.pass,
            (Verdict::Pass, Some(_)) => &mut count.surprise,
            (Verdict::Fail(_), None) => &mut count.fail,
            (Verdict::Fail(_), Some(_)) => &mut count.known,
            (Verdict::Skip(_), _) => &mut count.skip,
        } += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_surprises_are_failures() {
        let mut report = Report::default();
        let zero = Duration::ZERO;
        report.add("a", "one", Verdict::Pass, None, zero);
        report.add("a", "two", Verdict::Fail("odd".to_owned()), Some("known so"), zero);
        report.add("b", "three", Verdict::Skip("later".to_owned()), None, zero);
        assert!(!report.unexpected());
        report.add("b", "four", Verdict::Pass, Some("known so"), zero);
        assert!(report.unexpected());
        let count = Count { pass: 1, fail: 0, known: 1, surprise: 1, skip: 1 };
        assert_eq!(report.total(), count);
        let text = report.render(false);
        assert!(text.starts_with("FAIL  b: four: passes, but"), "{text}");
        assert!(report.render(true).contains("known  a: two: known so"));
    }
}
