//! What two entries of HTTP claim together, and what only all of them tell.

use crate::registry::{Entry, EntryKind, Id, Problem, Problems, Transport};
use std::{cell::RefCell, collections::BTreeMap};

/// Reports addresses, paths and directories that two entries claim, and endpoints whose
/// program does not answer requests.
pub(in crate::registry) fn check(entries: &BTreeMap<Id, Entry>, problems: &RefCell<Problems>) {
    let mut all: Vec<&Entry> = entries.values().collect();
    all.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    let has_host = all.iter().any(|entry| matches!(entry.kind, EntryKind::ProcessHost(_)));
    let mut taken: BTreeMap<String, &Id> = BTreeMap::new();
    for entry in all {
        let (key, field, what) = match &entry.kind {
            EntryKind::HttpService(service) => {
                if service.process_host.is_none() && !has_host {
                    problems.borrow_mut().push(entry.problem(
                        "process_host",
                        "nothing, and there is no process.host in the project",
                        "a host that the processes of the requests run on",
                        "add under entries:\n  - name: processes\n    kind: process.host",
                    ));
                }
                // The system gives each of these a port of its own.
                if service.addr.ends_with(":0") {
                    continue;
                }
                (format!("addr {}", service.addr), "addr", service.addr.clone())
            }
            EntryKind::HttpStatic(files) => {
                (format!("static {} {}", files.server, files.path), "path", files.path.clone())
            }
            EntryKind::HttpEndpoint(endpoint) => {
                let func = entries.get(&endpoint.func);
                problems.borrow_mut().extend(func.and_then(|func| answers(entry, func)));
                let router = entries.get(&endpoint.router).map(|router| &router.kind);
                let Some(EntryKind::HttpRouter(router)) = router else { continue };
                let (method, path) = (&endpoint.method, endpoint.path.below(&router.prefix));
                let key = format!("endpoint {} {method} {}", router.server, path.shape());
                (key, "path", format!("{method} {path}"))
            }
            EntryKind::FsDirectory(_)
            | EntryKind::EnvStorage
            | EntryKind::EnvVariable(_)
            | EntryKind::ProcessHost(_)
            | EntryKind::TerminalHost(_)
            | EntryKind::ProcessService(_)
            | EntryKind::ProcessWasm(_)
            | EntryKind::ProcessLua(_)
            | EntryKind::LibraryLua(_)
            | EntryKind::FunctionLua(_)
            | EntryKind::FunctionWasm(_)
            | EntryKind::HttpRouter(_)
            | EntryKind::Other => continue,
        };
        let Some(first) = taken.get(&key) else {
            taken.insert(key, &entry.id);
            continue;
        };
        problems.borrow_mut().push(entry.problem(
            field,
            format!("{what}, which {first} has already"),
            "each address once in a project, and each method and path once at a server",
            "change one of the two, or remove it",
        ));
    }
}

/// Why an entry is no answer to requests, if it is not.
fn answers(endpoint: &Entry, func: &Entry) -> Option<Problem> {
    let EntryKind::ProcessWasm(process) = &func.kind else { return None };
    (process.transport != Transport::WasiHttp).then(|| {
        endpoint.problem(
            "func",
            format!("{}, an entry that takes values and not requests", func.id),
            "an entry with transport: wasi-http",
            format!("add to {}: transport: wasi-http", func.id),
        )
    })
}
