//! `wippy check`: all that is wrong with a project.

use std::path::Path;

use super::{
    exit::{Exit, Failure},
    output,
};
use crate::{
    component::Engine,
    host::{Checked, Runtime, check as check_project},
    registry::{Project, Severity},
};

pub(super) fn check(dir: &Path) -> Result<Exit, Failure> {
    let runtime = Runtime::new(Engine::default(), super::project::linker()?).with_cache();
    let Checked { project, problems, processes } = check_project(&runtime, Project::load(dir));
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

fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
