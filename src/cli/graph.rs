//! `wippy graph`: the entries of a project and what they need, for Mermaid or Graphviz.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{
    args::{GraphArgs, GraphFormat},
    exit::{Exit, Failure},
    output,
};
use crate::{
    registry::{Entry, EntryKind, Id, ProcessWasm, Project},
    visible,
};

pub(super) fn graph(dir: &Path, args: &GraphArgs) -> Result<Exit, Failure> {
    let project = Project::load(dir).into_result().map_err(Failure::Problems)?;
    let edges: Vec<Edge<'_>> = project.entries().flat_map(edges).collect();
    let text = match args.format {
        GraphFormat::Mermaid => mermaid(&project, &edges),
        GraphFormat::Dot => dot(&project, &edges),
    };
    output::result(&text).map(|()| Exit::Ok)
}

/// How an entry is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Service,
    Host,
    Store,
    Program,
}

fn shape(kind: &EntryKind) -> Shape {
    match kind {
        EntryKind::ProcessService(_) | EntryKind::HttpService(_) => Shape::Service,
        EntryKind::ProcessHost(_) | EntryKind::TerminalHost(_) => Shape::Host,
        EntryKind::FsDirectory(_) | EntryKind::EnvStorage | EntryKind::EnvVariable(_) => {
            Shape::Store
        }
        EntryKind::ProcessWasm(_)
        | EntryKind::ProcessLua(_)
        | EntryKind::LibraryLua(_)
        | EntryKind::FunctionLua(_)
        | EntryKind::FunctionWasm(_)
        | EntryKind::HttpRouter(_)
        | EntryKind::HttpEndpoint(_)
        | EntryKind::HttpStatic(_)
        | EntryKind::Other => Shape::Program,
    }
}

/// One entry needs another, in this way.
struct Edge<'p> {
    from: &'p Id,
    to: &'p Id,
    how: &'static str,
}

/// What an entry needs.
fn edges(entry: &Entry) -> Vec<Edge<'_>> {
    let mut to: Vec<(&Id, &'static str)> = Vec::new();
    match &entry.kind {
        EntryKind::ProcessService(service) => {
            to.push((&service.process, "runs"));
            to.push((&service.host, "on"));
        }
        EntryKind::ProcessWasm(process) => to.extend(needs(process)),
        EntryKind::FunctionWasm(function) => to.extend(needs(&function.program)),
        EntryKind::ProcessLua(_) | EntryKind::LibraryLua(_) | EntryKind::FunctionLua(_) => {
            let imports = entry.kind.lua().into_iter().flat_map(|code| code.imports.values());
            to.extend(imports.map(|id| (id, "imports")));
        }
        EntryKind::HttpRouter(router) => to.push((&router.server, "of")),
        EntryKind::HttpEndpoint(endpoint) => {
            to.push((&endpoint.router, "of"));
            to.push((&endpoint.func, "answers with"));
        }
        EntryKind::HttpStatic(files) => {
            to.push((&files.server, "of"));
            to.push((&files.fs, "files"));
        }
        EntryKind::FsDirectory(_)
        | EntryKind::EnvStorage
        | EntryKind::EnvVariable(_)
        | EntryKind::ProcessHost(_)
        | EntryKind::TerminalHost(_)
        | EntryKind::HttpService(_)
        | EntryKind::Other => {}
    }
    let requires = entry.lifecycle().into_iter().flat_map(|lifecycle| &lifecycle.requires);
    to.extend(requires.map(|id| (id, "requires")));
    to.into_iter().map(|(to, how)| Edge { from: &entry.id, to, how }).collect()
}

/// What a program needs.
fn needs(process: &ProcessWasm) -> impl Iterator<Item = (&Id, &'static str)> {
    let wasi = &process.wasi;
    let mounts = wasi
        .mounts
        .iter()
        .map(|mount| (&mount.fs, if mount.read_only { "reads" } else { "reads and writes" }));
    let file = process.fs().map(|fs| (fs, "file"));
    let variables = wasi.env.iter().map(|variable| (&variable.id, "variable"));
    let authorities = wasi.ca.iter().map(|ca| (&ca.fs, "authorities"));
    file.into_iter().chain(mounts).chain(variables).chain(authorities)
}

/// The numbers of the entries that are drawn: files and variables only if somebody uses
/// them.
fn nodes<'p>(project: &'p Project, edges: &[Edge<'p>]) -> BTreeMap<&'p Id, (usize, &'p Entry)> {
    let used: BTreeSet<&Id> = edges.iter().map(|edge| edge.to).collect();
    let drawn = project
        .entries()
        .filter(|entry| shape(&entry.kind) != Shape::Store || used.contains(&entry.id));
    drawn.enumerate().map(|(number, entry)| (&entry.id, (number, entry))).collect()
}

/// The text of a node: its id, its kind, and its command.
fn label(project: &Project, entry: &Entry) -> [String; 3] {
    let command = project.commands().find(|command| command.entry == entry.id);
    let command = command.map(|command| format!("wippy run {}", visible::name(&command.name)));
    [
        entry.id.to_string(),
        visible::name(&entry.kind_name).into_owned(),
        command.unwrap_or_default(),
    ]
}

fn mermaid(project: &Project, edges: &[Edge<'_>]) -> String {
    // Quotes end a label, and what looks like HTML is taken for it.
    let escape = |text: &str| {
        text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
    };
    let nodes = nodes(project, edges);
    let mut out = String::from("flowchart LR\n");
    for (number, entry) in nodes.values() {
        let lines = label(project, entry);
        let lines: Vec<String> =
            lines.iter().filter(|line| !line.is_empty()).map(|line| escape(line)).collect();
        let (open, close) = match shape(&entry.kind) {
            Shape::Service => ("([", "])"),
            Shape::Host => ("{{", "}}"),
            Shape::Store => ("[(", ")]"),
            Shape::Program => ("[", "]"),
        };
        out.push_str(&format!("  n{number}{open}\"{}\"{close}\n", lines.join("<br>")));
    }
    for Edge { from, to, how } in edges {
        if let (Some((from, _)), Some((to, _))) = (nodes.get(from), nodes.get(to)) {
            out.push_str(&format!("  n{from} -- {how} --> n{to}\n"));
        }
    }
    out
}

fn dot(project: &Project, edges: &[Edge<'_>]) -> String {
    let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let nodes = nodes(project, edges);
    let mut out = String::from("digraph project {\n  rankdir=LR;\n  node [shape=box];\n");
    for (number, entry) in nodes.values() {
        let lines = label(project, entry);
        let lines: Vec<String> =
            lines.iter().filter(|line| !line.is_empty()).map(|line| escape(line)).collect();
        let shape = match shape(&entry.kind) {
            Shape::Service => "ellipse",
            Shape::Host => "hexagon",
            Shape::Store => "cylinder",
            Shape::Program => "box",
        };
        out.push_str(&format!("  n{number} [label=\"{}\", shape={shape}];\n", lines.join("\\n")));
    }
    for Edge { from, to, how } in edges {
        if let (Some((from, _)), Some((to, _))) = (nodes.get(from), nodes.get(to)) {
            out.push_str(&format!("  n{from} -> n{to} [label=\"{how}\"];\n"));
        }
    }
    out.push_str("}\n");
    out
}
