//! A node behind the terminal: its hosts, the process in front, and signals.

use std::{io, sync::Arc, time::Duration};

use async_signal::{Signal, Signals};
use futures_util::StreamExt;

use super::exit::Failure;
use crate::{
    dispatch::{
        Fault,
        world::{Input, Output, Streams},
    },
    host::{Birth, Ended, HostOptions, Node, ProjectPrograms, Started},
    registry::{Kind, ProcessHost, Project},
};

/// The host of a process on the terminal, if no entry says another.
pub(super) const TERMINAL: &str = "terminal";

/// How long processes have to end when the command does.
const PATIENCE: Duration = Duration::from_secs(10);

/// A node with the hosts of a project.
pub(super) fn of_project(programs: ProjectPrograms) -> Result<Node, Failure> {
    let node = Node::new(programs.clone());
    for entry in programs.project().entries() {
        let id = entry.id.to_string();
        let options = match &entry.kind {
            Kind::ProcessHost(host) => options(host),
            Kind::TerminalHost(_) => for_one(),
            _ => continue,
        };
        add(&node, &id, options)?;
    }
    Ok(node)
}

/// A node for a file without a project.
pub(super) fn of_file() -> Result<Node, Failure> {
    let node = Node::new(());
    add(&node, TERMINAL, for_one())?;
    Ok(node)
}

fn add(node: &Node, id: &str, options: HostOptions) -> Result<(), Failure> {
    let complain = |error: io::Error| Failure::config(format!("{id} cannot be started: {error}"));
    node.add_host(id, options).map_err(complain)
}

/// The terminal host runs exactly one process.
fn for_one() -> HostOptions {
    HostOptions { workers: Some(1), max_processes: 1, ..HostOptions::default() }
}

fn options(host: &ProcessHost) -> HostOptions {
    let default = HostOptions::default();
    let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    HostOptions {
        workers: host.workers.map(size),
        queue_size: size(host.queue_size),
        max_processes: host.max_processes.map_or(default.max_processes, size),
        ..default
    }
}

/// The id of the project's terminal host.
pub(super) fn host_of(project: &Project) -> Result<String, Failure> {
    Ok(project.hosts()?.terminal.0.to_string())
}

/// Runs one process in front: it has the terminal's streams, and everything ends
/// with it. The first signal asks all processes to end, the second ends them.
pub(super) fn run(
    node: &Node,
    host: &str,
    entry: &str,
    start: impl FnOnce(Birth) -> Result<Started, Fault>,
) -> Result<Arc<Ended>, Failure> {
    let streams =
        Streams { stdin: Input::Inherit, stdout: Output::Inherit, stderr: Output::Inherit };
    let refused = |fault: Fault| Failure::config(format!("{entry}: {}", fault.message));
    smol::block_on(async {
        // First of all, so that no signal finds the process without.
        let mut signals = signals();
        let handle = node.launch(host, entry, Some(streams), start).map_err(refused)?;
        let ended = async { handle.ended().await };
        let stopped = async {
            stop_on(&mut signals, node).await;
            None
        };
        let ended = match smol::future::or(ended, stopped).await {
            Some(ended) => Some(ended),
            None => handle.ended().await,
        };
        let rest = async { node.shutdown("the command has ended", PATIENCE).await };
        smol::future::or(rest, stop_on(&mut signals, node)).await;
        ended.ok_or_else(|| Failure::config(format!("{entry}: the process was lost")))
    })
}

/// Without handlers Ctrl-C still ends the command, only less politely.
fn signals() -> Option<Signals> {
    Signals::new([Signal::Int, Signal::Term]).ok()
}

/// Returns when signals have made all processes end; never without.
async fn stop_on(signals: &mut Option<Signals>, node: &Node) {
    let Some(signals) = signals else { return std::future::pending().await };
    signals.next().await;
    let again = async {
        signals.next().await;
        node.terminate_all();
        std::future::pending().await
    };
    smol::future::or(node.shutdown("interrupted", PATIENCE), again).await;
}
