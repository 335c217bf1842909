//! What is wrong with a project, said so that it can be mended.
//!
//! A user who has made five mistakes wants to hear of five, not of the first.
//! So nothing here is thrown: each check adds a [`Problem`] to a [`Problems`]
//! and goes on. Every problem answers the same questions in the same order:
//! where is it, what stands there, what should stand there, what to do.

use super::Id;
use crate::visible;
use std::{fmt, sync::Arc};

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The project cannot run.
    Error,
    /// It runs, but something does not do what its author believes.
    Warning,
    /// Good to know.
    Note,
}

impl Severity {
    /// The word for it, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// One thing wrong with a project.
///
/// Its display form is four lines, the first of which editors and terminals
/// know how to open:
///
/// ```text
/// src/_index.yaml:12: error: app:greet, field transport
///     found:    "http"
///     expected: payload or wasi-http
///     fix:      leave the field out, or write: transport: payload
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file, relative to the project's directory, with forward slashes.
    pub file: Arc<str>,
    /// The line in the file, counted from 1, where it is known.
    pub line: Option<u32>,
    /// The entry that the problem is in.
    pub entry: Option<Id>,
    /// The field, as a path from the entry: `wasi.mounts[1].guest`.
    pub field: Option<String>,
    /// The text or value that stands there.
    pub found: String,
    /// The text or value that should stand there.
    pub expected: String,
    /// The fix: what to do about it.
    pub fix: String,
    /// It is for the machine and not for the project: the same may be well later.
    pub may_pass: bool,
    /// The engine itself failed. Nothing says that the project is at fault.
    pub engine: bool,
}

impl Problem {
    /// An error in a file, to be refined with the `at_` and `in_` methods.
    pub fn error(
        file: impl Into<Arc<str>>,
        found: impl Into<String>,
        expected: impl Into<String>,
        fix: impl Into<String>,
    ) -> Problem {
        Problem {
            severity: Severity::Error,
            file: file.into(),
            line: None,
            entry: None,
            field: None,
            found: found.into(),
            expected: expected.into(),
            fix: fix.into(),
            may_pass: false,
            engine: false,
        }
    }

    /// The same problem, which may be gone later or not.
    pub fn that_may_pass(mut self, may_pass: bool) -> Problem {
        self.may_pass = may_pass;
        self
    }

    /// The same problem, which is a failure of the engine or not.
    pub fn of_engine(mut self, engine: bool) -> Problem {
        self.engine = engine;
        self
    }

    /// The same problem with another severity.
    pub fn with_severity(mut self, severity: Severity) -> Problem {
        self.severity = severity;
        self
    }

    /// The same problem at a line.
    pub fn at_line(mut self, line: Option<u32>) -> Problem {
        self.line = line;
        self
    }

    /// The same problem in an entry.
    pub fn in_entry(mut self, entry: Option<Id>) -> Problem {
        self.entry = entry;
        self
    }

    /// The same problem in a field.
    pub fn in_field(mut self, field: impl Into<String>) -> Problem {
        let field = field.into();
        self.field = (!field.is_empty()).then_some(field);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", visible::name(&self.file))?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.severity.name())?;
        match (&self.entry, &self.field) {
            (Some(entry), Some(field)) => write!(f, ": {entry}, field {}", visible::name(field))?,
            (Some(entry), None) => write!(f, ": {entry}")?,
            (None, Some(field)) => write!(f, ": field {}", visible::name(field))?,
            (None, None) => {}
        }
        for (label, text) in
            [("found:   ", &self.found), ("expected:", &self.expected), ("fix:     ", &self.fix)]
        {
            if text.is_empty() {
                continue;
            }
            let mut lines = text.lines();
            write!(f, "\n    {label} {}", visible::line(lines.next().unwrap_or_default()))?;
            for line in lines {
                let line = visible::line(line);
                if line.is_empty() {
                    writeln!(f)?;
                } else {
                    write!(f, "\n              {line}")?;
                }
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// All that is wrong with a project, in the order of files and lines.
///
/// At most [`Problems::MAX`] are kept; the rest are counted.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    list: Vec<Problem>,
    dropped: usize,
    dropped_errors: usize,
}

impl Problems {
    /// How many problems are kept. Nobody reads more, and a hostile file could
    /// ask for millions.
    pub const MAX: usize = 1000;

    /// Adds a problem.
    pub fn push(&mut self, problem: Problem) {
        if self.list.len() < Self::MAX {
            self.list.push(problem);
        } else {
            self.dropped = self.dropped.saturating_add(1);
            if problem.severity == Severity::Error {
                self.dropped_errors = self.dropped_errors.saturating_add(1);
            }
        }
    }

    /// True if further problems are only counted.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= Self::MAX
    }

    /// Puts the problems in the order of their files, lines, entries, fields.
    pub fn sort(&mut self) {
        fn key(p: &Problem) -> impl Ord + '_ {
            (&p.file, p.line, &p.entry, p.severity, &p.field, &p.found)
        }
        self.list.sort_by(|a, b| key(a).cmp(&key(b)));
    }

    /// The problems.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.list.iter()
    }

    /// How many there are beyond those that are kept.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// True if there are none, not even notes.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many there are of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        let kept = self.list.iter().filter(|p| p.severity == severity).count();
        if severity == Severity::Error { kept.saturating_add(self.dropped_errors) } else { kept }
    }

    /// True if the project cannot run.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// `2 errors, 1 warning`; nothing for no problems.
    pub fn summary(&self) -> String {
        let parts: Vec<String> =
            [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Note, "note")]
                .into_iter()
                .filter_map(|(severity, word)| match self.count(severity) {
                    0 => None,
                    1 => Some(format!("1 {word}")),
                    n => Some(format!("{n} {word}s")),
                })
                .collect();
        parts.join(", ")
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

impl Extend<Problem> for Problems {
    fn extend<T: IntoIterator<Item = Problem>>(&mut self, problems: T) {
        problems.into_iter().for_each(|problem| self.push(problem));
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.list {
            writeln!(f, "{problem}\n")?;
        }
        if self.dropped > 0 {
            writeln!(f, "{} more problems are not shown\n", self.dropped)?;
        }
        f.write_str(&self.summary())
    }
}

impl std::error::Error for Problems {}

/// Words with commas between them: the first twenty, and how many more there are.
pub(crate) fn listed(words: &[impl AsRef<str>]) -> String {
    const MOST: usize = 20;
    let shown: Vec<&str> = words.iter().take(MOST).map(AsRef::as_ref).collect();
    match words.len().saturating_sub(MOST) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// What to do where one of these would be right: to name it, or the only one.
pub(crate) fn name_one_of(words: &[impl AsRef<str>]) -> String {
    match words {
        [only] => format!("name {}", only.as_ref()),
        several => format!("name one of {}", listed(several)),
    }
}

/// A text from outside as it may be shown: in quotes, escaped, not too long.
pub(crate) fn quoted(text: &str) -> String {
    const MOST: usize = 100;
    let (head, is_all) = visible::head(text, MOST);
    let shown = head.replace('"', "\\\"");
    match is_all {
        true => format!("\"{shown}\""),
        false => format!("\"{shown}...\" ({} bytes)", text.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(line: u32) -> Problem {
        Problem::error("src/_index.yaml", "\"http\"", "payload or wasi-http", "leave it out")
            .at_line(Some(line))
            .in_entry("app:greet".parse().ok())
            .in_field("transport")
    }

    #[test]
    fn a_problem_says_where_what_and_what_to_do() {
        assert_eq!(
            sample(12).to_string(),
            "src/_index.yaml:12: error: app:greet, field transport\n\
             \x20   found:    \"http\"\n\
             \x20   expected: payload or wasi-http\n\
             \x20   fix:      leave it out"
        );
    }

    #[test]
    fn problems_are_shown_in_the_order_of_lines() {
        let mut problems = Problems::default();
        problems.push(sample(7));
        problems.push(sample(3).with_severity(Severity::Warning));
        problems.sort();
        let lines: Vec<_> = problems.iter().map(|p| p.line).collect();
        assert_eq!(lines, [Some(3), Some(7)]);
        assert_eq!(problems.summary(), "1 error, 1 warning");
    }

    #[test]
    fn a_flood_is_cut_but_counted() {
        let mut problems = Problems::default();
        problems.extend((0..5000).map(sample));
        assert_eq!(problems.iter().count(), Problems::MAX);
        assert_eq!(problems.summary(), "5000 errors");
        assert!(problems.to_string().contains("4000 more problems are not shown"));
    }

    #[test]
    fn what_comes_from_outside_cannot_move_the_cursor() {
        assert_eq!(quoted("a\u{1b}[2J\n"), r#""a\u{1b}[2J\n""#);
        assert_eq!(quoted(&"y".repeat(200)), format!("\"{}...\" (200 bytes)", "y".repeat(100)));
        let shown = Problem::error("a\nb", "\u{1b}[1m", "", "").to_string();
        assert!(!shown.contains('\u{1b}') && shown.starts_with("a\\nb"), "{shown}");
    }
}
