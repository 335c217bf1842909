//! `wippy run` without a name: the services of a project, until a signal.

use std::path::Path;

use super::{
    args::RunArgs,
    exit::{Exit, Failure},
    log::Logs,
    project,
    recording::{self, Recording},
    terminal::{self, Tracing},
};
use crate::{
    host::{ProjectPrograms, Runtime, ServiceStatus, Supervisor},
    registry::{Entry, EntryKind, Project, listed},
};

/// Starts the services and stays until all of them have ended, or a signal.
pub(super) fn serve(
    dir: &Path,
    runtime: Runtime,
    args: &RunArgs,
    logs: Logs,
) -> Result<Exit, Failure> {
    let project = project::load_set(dir, &args.overrides, logs)?;
    let programs = ProjectPrograms::new(project, runtime);
    let node = terminal::of_project(programs.clone())?;
    let supervisor = Supervisor::new(node.clone(), programs.project());
    if supervisor.is_empty() {
        return Err(Failure::usage(nothing(programs.project())));
    }
    // No process has the terminal to itself.
    logs.show();
    let max_slice = programs.runtime().engine().max_slice();
    let recording = Recording::start(
        &node,
        &args.record,
        max_slice,
        recording::line(args, recording::shows(logs, false)),
    )?;
    let tracing = Tracing::start(&node, &args.trace)?;
    let failed = terminal::serve(&node, &supervisor, logs);
    tracing.finish();
    recording.finish(failed.and_then(|failed| match failed.as_slice() {
        [] => Ok(Exit::Ok),
        failed => Err(Failure::Message(Exit::Err, told(failed))),
    }))
}

fn told(failed: &[ServiceStatus]) -> String {
    let ids: Vec<String> = failed.iter().map(|status| status.id.to_string()).collect();
    let what = if failed.len() == 1 { "a service has" } else { "services have" };
    format!("all services have ended, and {what} failed: {}", listed(&ids))
}

/// Why there is nothing to run, and what to do.
fn nothing(project: &Project) -> String {
    let id = |found: fn(&Entry) -> bool| {
        project.entries().find(|entry| found(entry)).map(|entry| entry.id.to_string())
    };
    if let Some(service) = id(|entry| matches!(entry.kind, EntryKind::ProcessService(_))) {
        return format!(
            "no service of the project is to be started\n    fix:      add to {service}, or another \
             one:\n              lifecycle:\n                auto_start: true"
        );
    }
    let process =
        id(|entry| matches!(entry.kind, EntryKind::ProcessWasm(_) | EntryKind::ProcessLua(_)));
    let host = id(|entry| matches!(entry.kind, EntryKind::ProcessHost(_)));
    let (process, host) = (
        process.unwrap_or_else(|| "app:worker".to_owned()),
        host.unwrap_or_else(|| "app:processes".to_owned()),
    );
    format!(
        "the project has no services, and no command is named\n    fix:      `wippy run list` shows \
         the commands; or add a service:\n              - name: service\n                \
         kind: process.service\n                process: {process}\n                \
         host: {host}\n                lifecycle:\n                  auto_start: true"
    )
}
