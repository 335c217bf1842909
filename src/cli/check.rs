//! `wippy check`: all that is wrong with a project.

use std::path::Path;

use serde_json::json;

use super::{
    args::CheckArgs,
    exit::{Exit, Failure},
    output,
};
use crate::{
    component::Engine,
    host::{Checked, Runtime, check as check_project},
    registry::{Problem, Problems, Project, Severity},
};

pub(super) fn check(dir: &Path, args: &CheckArgs) -> Result<Exit, Failure> {
    let runtime = Runtime::new(Engine::default(), super::project::linker()?).with_cache();
    let Checked { project, problems, processes } = check_project(&runtime, Project::load(dir));
    if args.json {
        let json = to_json(&project, &problems, processes);
        output::json(&format!("{json:#}\n"))?;
        return Ok(if problems.has_errors() { Exit::Err } else { Exit::Ok });
    }
    if !problems.is_empty() {
        output::problems(&problems);
    }
    if problems.has_errors() {
        return Ok(Exit::Err);
    }
    let entries = count(project.entries().count(), "entry", "entries");
    let processes = count(processes, "process", "processes");
    let but = match problems.count(Severity::Warning) {
        0 => "",
        _ => ", with warnings",
    };
    output::show(&format!("ok: {entries}, {processes}{but}\n"))?;
    Ok(Exit::Ok)
}

/// All that was found. The files are relative to the directory of the project.
fn to_json(project: &Project, problems: &Problems, processes: usize) -> serde_json::Value {
    let one = |problem: &Problem| {
        json!({
            "severity": problem.severity.name(),
            "file": &*problem.file,
            "line": problem.line,
            "entry": problem.entry.as_ref().map(ToString::to_string),
            "field": problem.field,
            "found": problem.found,
            "expected": problem.expected,
            "fix": problem.fix,
        })
    };
    json!({
        "project": project.dir().to_string_lossy(),
        "entries": project.entries().count(),
        "processes": processes,
        "errors": problems.count(Severity::Error),
        "warnings": problems.count(Severity::Warning),
        "notes": problems.count(Severity::Note),
        "problems": problems.iter().map(one).collect::<Vec<_>>(),
    })
}

fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
