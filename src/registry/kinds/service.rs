//! `process.service`: a process that the runtime keeps alive.

use super::{Lifecycle, Reading, Want, host::lifecycle};
use crate::{
    registry::{Id, load::to_json},
    value::{Term, term},
};

/// A process that the runtime keeps alive.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessService {
    /// The process entry.
    pub process: Id,
    /// The `process.host` that it runs on.
    pub host: Id,
    /// The arguments of its method.
    pub input: Vec<Term>,
    /// When it starts and stops, and what happens if it fails.
    pub lifecycle: Lifecycle,
}

pub(super) fn service(reading: &mut Reading<'_>) -> Option<ProcessService> {
    let expected = "the id of a process entry, such as process.wasm";
    let fix = "add a line like this: process: app:worker";
    let process = reading.fields.required_id("process", reading.id.namespace(), expected, fix);
    let process = reading.refer(process, Want::Process);
    let (expected, fix) =
        ("the id of a process.host entry", "add a line like this: host: app:processes");
    let host = reading.fields.required_id("host", reading.id.namespace(), expected, fix);
    let host = reading.refer(host, Want::Host);
    let input = input(reading);
    let lifecycle = lifecycle(reading);
    Some(ProcessService { process: process?, host: host?, input, lifecycle })
}

fn input(reading: &Reading<'_>) -> Vec<Term> {
    let mut input = Vec::new();
    for (path, node) in reading.fields.items("input", "input:\n  - first argument") {
        match term::from_json(&to_json(node)) {
            Ok(value) => input.push(value),
            Err(why) => {
                let (report, line) = (reading.fields.report(), reading.fields.line_of("input"));
                let (found, expected) = (format!("a value that cannot be used: {why}"), "a value");
                report.error(line, &path, found, expected, "make it flatter");
            }
        }
    }
    input
}
