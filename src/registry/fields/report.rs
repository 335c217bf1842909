//! Where the problems of one entry go.

use std::{cell::RefCell, sync::Arc};

use super::super::{
    Id, Problem, Problems, Severity,
    suggest::{self, nearest},
};
use super::shape::Noting;

/// Where problems of one entry (or of a file's head) go.
#[derive(Clone)]
pub(in crate::registry) struct Report<'p> {
    pub file: Arc<str>,
    pub entry: Option<Id>,
    /// The kind of the entry; empty if there is none.
    pub kind: Arc<str>,
    pub problems: &'p RefCell<Problems>,
    /// Where it is noted what is asked for.
    pub noting: Noting<'p>,
}

impl Report<'_> {
    /// Adds a problem of a field of this entry.
    pub fn push(
        &self,
        severity: Severity,
        line: Option<u32>,
        field: &str,
        found: impl Into<String>,
        expected: impl Into<String>,
        fix: impl Into<String>,
    ) {
        let problem = Problem::error(self.file.clone(), found, expected, fix)
            .with_severity(severity)
            .at_line(line)
            .in_entry(self.entry.clone())
            .in_field(field);
        self.problems.borrow_mut().push(problem);
    }

    /// The known word that one was meant to be; no more searched for once
    /// problems are only counted.
    pub fn nearest<'w>(
        &self,
        word: &str,
        known: impl IntoIterator<Item = &'w str>,
    ) -> Option<&'w str> {
        if self.problems.borrow().is_full() { None } else { nearest(word, known) }
    }

    /// The known word that one surely was meant to be.
    pub(super) fn slip_of<'w>(
        &self,
        word: &str,
        known: impl IntoIterator<Item = &'w str>,
    ) -> Option<&'w str> {
        if self.problems.borrow().is_full() { None } else { suggest::slip_of(word, known) }
    }

    pub fn error(
        &self,
        line: Option<u32>,
        field: &str,
        found: impl Into<String>,
        expected: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.push(Severity::Error, line, field, found, expected, fix);
    }
}
