//! The project that a command is about.

use std::path::{Path, PathBuf};

use super::{exit::Failure, log::Logs};
use crate::{
    artifact::{Artifact, ArtifactError},
    component::{DeclareError, Linker},
    imports::{funcs, process, sim, wasi},
    registry::{EntryKind, Id, LOCK, Override, Problem, Project, Severity},
};

/// The directory of the project: the one that is named, or else the nearest that has a
/// lock file, from the current one upwards.
pub(super) fn directory(named: Option<&Path>) -> PathBuf {
    let here = PathBuf::from(".");
    if let Some(named) = named {
        return named.to_owned();
    }
    let mut up = here.clone();
    for above in std::env::current_dir().unwrap_or_default().ancestors() {
        if is_one(above) {
            return up;
        }
        up = if up == here { "..".into() } else { up.join("..") };
    }
    here
}

/// True for a directory with a lock file.
pub(super) fn is_one(dir: &Path) -> bool {
    dir.join(LOCK).is_file()
}

/// The log is not shown unless it is asked for.
pub(super) fn hides_logs(project: &Project) -> bool {
    project.hosts().is_ok_and(|hosts| hosts.terminal.1.hide_logs)
}

/// A linker with all that processes may import.
pub(super) fn linker() -> Result<Linker, Failure> {
    let mut linker = Linker::default();
    let complain = |error: DeclareError| Failure::config(error.to_string());
    wasi::add_to_linker(&mut linker).map_err(complain)?;
    process::add_to_linker(&mut linker).map_err(complain)?;
    funcs::add_to_linker(&mut linker).map_err(complain)?;
    sim::add_to_linker(&mut linker).map_err(complain)?;
    Ok(linker)
}

/// The project, if it has no errors. Warnings do not keep it from running, but are
/// mentioned, whether or not processes may be heard: one of them may be why it does
/// not do what it should.
pub(super) fn load(dir: &Path, logs: Logs) -> Result<Project, Failure> {
    load_set(dir, &[], logs)
}

/// The same with fields that are set from outside.
pub(super) fn load_set(dir: &Path, overrides: &[Override], logs: Logs) -> Result<Project, Failure> {
    let loaded = Project::load_set(dir, overrides);
    let warned = loaded.problems.iter().filter(|problem| problem.severity == Severity::Warning);
    let warned: Vec<Problem> = warned.cloned().collect();
    let warnings = warned.len();
    let project = loaded.into_result().map_err(Failure::Problems)?;
    if warnings > 0 && !overrides.is_empty() {
        // `wippy check` does not know of them.
        warned.iter().for_each(|problem| logs.problem(problem));
    } else if warnings > 0 {
        let (s, them) = if warnings == 1 { ("", "it") } else { ("s", "them") };
        logs.warn(&format!("the project has {warnings} warning{s}; `wippy check` shows {them}"));
    }
    project.create_files().map_err(|error| Failure::config(error.to_string()))?;
    Ok(project)
}

/// The host that is named, if the project has it.
pub(super) fn check_host(project: &Project, host: &str) -> Result<String, Failure> {
    let id: Id = host
        .parse()
        .map_err(|why| Failure::usage(format!("--host: `{host}` is not an id: {why}")))?;
    match project.entry(&id).map(|entry| &entry.kind) {
        Some(EntryKind::TerminalHost(_)) => {}
        _ => drop(project.process_host(&id)?),
    }
    Ok(id.to_string())
}

/// The file that the command line names as FILE.
pub(super) fn file(path: &Path) -> Result<Artifact, Failure> {
    Artifact::from_file(path).map_err(|error| {
        // That says the path and the words of the system.
        let plain = matches!(error, ArtifactError::Unreadable { .. });
        said(if plain { "" } else { "FILE is " }, &error)
    })
}

/// A file that cannot be had, in the form of the project's problems.
pub(super) fn unreadable(error: &ArtifactError) -> Failure {
    said("", error)
}

fn said(is: &str, error: &ArtifactError) -> Failure {
    let fix = if let ArtifactError::NotFound { .. } = error {
        "build the file, or correct the path; it begins at the current directory".to_owned()
    } else {
        error.fix()
    };
    let (found, expected) = (error.found(), error.expected());
    Failure::config(format!("{is}{found}\n    expected: {expected}\n    fix:      {fix}"))
}
