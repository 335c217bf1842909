//! The kinds of entries, and the typed form of each that this engine runs.
//!
//! A kind of another engine of the same family is kept as [`EntryKind::Other`]: a
//! project may hold entries that this engine does not run, and they must not
//! look like spelling mistakes.

mod env;
mod fs;
mod function;
mod host;
mod http;
mod lua;
mod service;
mod source;
mod wasm;

#[cfg(feature = "cli")]
pub(crate) use self::http::http_address;
#[cfg(feature = "lua")]
pub(crate) use self::lua::lua_modules;
pub(super) use self::{
    env::{FileStorage, StorageEntry},
    http::check_http,
    lua::LUA_KINDS,
};
pub use self::{
    fs::FsDirectory,
    function::{FunctionLua, FunctionWasm, Pool, Retry},
    host::{Lifecycle, ProcessHost, Restart, TerminalHost},
    http::{
        Cors, HttpEndpoint, HttpLimits, HttpRouter, HttpService, HttpStatic, HttpTimeouts, HttpTls,
        Origins, Pattern, Segment,
    },
    lua::{LUA_MODULES, LuaCode, LuaLimits, ProcessLua},
    service::ProcessService,
    wasm::{Authorities, Limits, Mount, ProcessWasm, Transport, Wasi, WasiEnv, WasmSource},
};
use super::{
    EnvVariable, Id, Problems, Severity,
    fields::{At, Fields, NOTHING, Noting, Report, Shape},
    source::RawEntry,
    suggest::slip_of_kind,
};
use std::{
    cell::RefCell,
    path::{Path, PathBuf},
};

/// The kind of an entry, with its own fields.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum EntryKind {
    /// `fs.directory`
    FsDirectory(FsDirectory),
    /// `env.storage.os`, `.memory`, `.static`, `.file`, `.router`; reached
    /// through [`Environment`](super::Environment).
    EnvStorage,
    /// `env.variable`
    EnvVariable(EnvVariable),
    /// `process.host`
    ProcessHost(ProcessHost),
    /// `terminal.host`
    TerminalHost(TerminalHost),
    /// `process.service`
    ProcessService(Box<ProcessService>),
    /// `process.wasm`
    ProcessWasm(Box<ProcessWasm>),
    /// `process.lua`
    ProcessLua(Box<ProcessLua>),
    /// `library.lua`
    LibraryLua(Box<LuaCode>),
    /// `function.lua`
    FunctionLua(Box<FunctionLua>),
    /// `function.wasm` and `function.wat`
    FunctionWasm(Box<FunctionWasm>),
    /// `http.service`
    HttpService(Box<HttpService>),
    /// `http.router`
    HttpRouter(Box<HttpRouter>),
    /// `http.endpoint`
    HttpEndpoint(Box<HttpEndpoint>),
    /// `http.static`
    HttpStatic(Box<HttpStatic>),
    /// A kind that this engine does not run.
    Other,
}

impl EntryKind {
    /// The code of an entry in Lua.
    pub fn lua(&self) -> Option<&LuaCode> {
        match self {
            EntryKind::ProcessLua(process) => Some(&process.code),
            EntryKind::FunctionLua(function) => Some(&function.program.code),
            EntryKind::LibraryLua(code) => Some(code),
            EntryKind::FsDirectory(_)
            | EntryKind::EnvStorage
            | EntryKind::EnvVariable(_)
            | EntryKind::ProcessHost(_)
            | EntryKind::TerminalHost(_)
            | EntryKind::ProcessService(_)
            | EntryKind::ProcessWasm(_)
            | EntryKind::FunctionWasm(_)
            | EntryKind::HttpService(_)
            | EntryKind::HttpRouter(_)
            | EntryKind::HttpEndpoint(_)
            | EntryKind::HttpStatic(_)
            | EntryKind::Other => None,
        }
    }

    /// The program of an entry in Lua that can be run.
    pub fn lua_program(&self) -> Option<&ProcessLua> {
        if let EntryKind::ProcessLua(process) = self {
            Some(process)
        } else if let EntryKind::FunctionLua(function) = self {
            Some(&function.program)
        } else {
            None
        }
    }

    /// The program of an entry in WebAssembly.
    pub fn wasm_program(&self) -> Option<&ProcessWasm> {
        if let EntryKind::ProcessWasm(process) = self {
            Some(process)
        } else if let EntryKind::FunctionWasm(function) = self {
            Some(&function.program)
        } else {
            None
        }
    }

    /// How calls of it are made, if it is a function.
    pub fn calls(&self) -> Option<(Pool, Option<Retry>)> {
        if let EntryKind::FunctionLua(function) = self {
            Some((function.pool, function.retry))
        } else if let EntryKind::FunctionWasm(function) = self {
            Some((function.pool, function.retry))
        } else {
            None
        }
    }
}

pub(super) const STORAGES: [&str; 5] = [
    "env.storage.os",
    "env.storage.memory",
    "env.storage.static",
    "env.storage.file",
    "env.storage.router",
];

/// The kinds that this engine runs.
const OWN: [&str; 15] = [
    "fs.directory",
    "env.variable",
    "process.host",
    "terminal.host",
    "process.service",
    "process.wasm",
    "process.lua",
    "library.lua",
    "function.wasm",
    "function.wat",
    "function.lua",
    "http.service",
    "http.router",
    "http.endpoint",
    "http.static",
];

/// Kinds of the family that this engine does not run.
const LATER: [&str; 27] = [
    "cloudstorage.s3",
    "config.aws",
    "contract.binding",
    "contract.definition",
    "db.sql.mysql",
    "db.sql.postgres",
    "db.sql.sqlite",
    "exec.native",
    "fs.embed",
    "function.lua.bc",
    "http.client",
    "library.lua.bc",
    "ns.definition",
    "ns.dependency",
    "ns.requirement",
    "process.lua.bc",
    "queue.consumer",
    "queue.driver.memory",
    "queue.queue",
    "registry.entry",
    "security.policy",
    "security.token_store",
    "store.memory",
    "store.sql",
    "template.jet",
    "template.set",
    "workflow.lua",
];

/// True if a kind is one of the family that this engine does not run.
fn is_later(kind: &str) -> bool {
    LATER.contains(&kind) || kind.starts_with("ns.")
}

/// True if this engine runs a kind.
pub(super) fn is_own(kind: &str) -> bool {
    OWN.contains(&kind) || STORAGES.contains(&kind)
}

/// True if entries of a kind can be run as processes.
pub(super) fn is_process(kind: &str) -> bool {
    kind.starts_with("process.") && !matches!(kind, "process.host" | "process.service")
}

/// True if entries of a kind are programs, to be run or to be called.
pub(super) fn is_program(kind: &str) -> bool {
    matches!(
        kind,
        "process.wasm" | "process.lua" | "function.wasm" | "function.wat" | "function.lua"
    )
}

/// The kinds of entries that a reference may lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    Directory,
    Storage,
    Variable,
    Lua,
    /// An entry that can be run.
    Process,
    Host,
    HttpService,
    HttpRouter,
    /// An entry that can answer requests.
    HttpFunction,
    Any,
}

/// A reference from a field to an entry.
pub(super) struct Reference {
    pub entry: RawPlace,
    pub target: At<Id>,
    pub want: Want,
}

/// The entry that a reference stands in.
pub(super) struct RawPlace {
    pub id: Id,
    pub file: std::sync::Arc<str>,
}

/// The fields of one entry, and all that its reader needs beside them.
pub(super) struct Reading<'a> {
    pub fields: Fields<'a, 'a>,
    pub id: &'a Id,
    /// The directory of the declaring file.
    pub module: &'a Path,
    /// The project's directory.
    pub project: &'a Path,
    pub references: &'a mut Vec<Reference>,
}

impl Reading<'_> {
    /// Remembers a reference and gives its target.
    fn refer(&mut self, target: Option<At<Id>>, want: Want) -> Option<Id> {
        let target = target?;
        let id = target.value.clone();
        let report = self.fields.report();
        let entry = RawPlace { id: self.id.clone(), file: report.file.clone() };
        self.references.push(Reference { entry, target, want });
        Some(id)
    }
}

/// A read entry: what others may see of it, and its storage if it is one.
pub(super) struct Read {
    pub kind: EntryKind,
    pub storage: Option<StorageEntry>,
}

/// Gives an entry its type. Nothing if it has errors, which are reported.
pub(super) fn read(
    entry: &RawEntry,
    project: &Path,
    problems: &RefCell<Problems>,
    references: &mut Vec<Reference>,
    noting: Noting<'_>,
) -> Option<Read> {
    let report = Report {
        file: entry.file.clone(),
        entry: Some(entry.id.clone()),
        kind: entry.kind.value.as_str().into(),
        problems,
        noting,
    };
    let before = problems.borrow().count(Severity::Error);
    let fields = Fields::of_entry(&report, &entry.map, entry.line);
    for common in ["name", "kind", "meta"] {
        fields.ignore(common);
    }
    let mut reading =
        Reading { fields, id: &entry.id, module: &entry.directory, project, references };
    let plain = |kind: Option<EntryKind>| kind.map(|kind| Read { kind, storage: None });
    let read = match entry.kind.value.as_str() {
        "fs.directory" => plain(fs::directory(&mut reading).map(EntryKind::FsDirectory)),
        "env.variable" => plain(env::variable(&mut reading).map(EntryKind::EnvVariable)),
        "process.host" => plain(host::process(&mut reading).map(EntryKind::ProcessHost)),
        "terminal.host" => plain(host::terminal(&mut reading).map(EntryKind::TerminalHost)),
        "process.service" => {
            plain(service::service(&mut reading).map(|s| EntryKind::ProcessService(Box::new(s))))
        }
        "process.wasm" => {
            plain(wasm::process(&mut reading).map(|p| EntryKind::ProcessWasm(Box::new(p))))
        }
        "process.lua" => {
            plain(lua::process(&mut reading).map(|p| EntryKind::ProcessLua(Box::new(p))))
        }
        "library.lua" => {
            plain(lua::library(&mut reading).map(|l| EntryKind::LibraryLua(Box::new(l))))
        }
        "function.lua" => {
            plain(function::of_lua(&mut reading).map(|f| EntryKind::FunctionLua(Box::new(f))))
        }
        "function.wasm" => {
            plain(function::of_wasm(&mut reading).map(|f| EntryKind::FunctionWasm(Box::new(f))))
        }
        "function.wat" => {
            plain(function::of_wat(&mut reading).map(|f| EntryKind::FunctionWasm(Box::new(f))))
        }
        "http.service" => {
            plain(http::service(&mut reading).map(|s| EntryKind::HttpService(Box::new(s))))
        }
        "http.router" => {
            plain(http::router(&mut reading).map(|r| EntryKind::HttpRouter(Box::new(r))))
        }
        "http.endpoint" => {
            plain(http::endpoint(&mut reading).map(|e| EntryKind::HttpEndpoint(Box::new(e))))
        }
        "http.static" => {
            plain(http::files(&mut reading).map(|f| EntryKind::HttpStatic(Box::new(f))))
        }
        kind if STORAGES.contains(&kind) => env::storage(kind, &mut reading)
            .map(|storage| Read { kind: EntryKind::EnvStorage, storage: Some(storage) }),
        kind => {
            if !is_later(kind) {
                unknown_kind(&report, entry);
            }
            return Some(Read { kind: EntryKind::Other, storage: None });
        }
    };
    reading.fields.finish();
    (problems.borrow().count(Severity::Error) == before).then_some(read).flatten()
}

/// The fields of each kind that this engine runs, as its reader asks for them.
pub(super) fn described() -> Vec<(&'static str, Shape)> {
    let described = |kind: &'static str| {
        let id = Id::new("app", "x").ok()?;
        let kind_at =
            At { value: kind.to_owned(), line: None, field: String::new(), found: String::new() };
        let entry = RawEntry {
            id,
            kind: kind_at,
            map: NOTHING.clone(),
            line: None,
            file: "".into(),
            directory: PathBuf::new(),
        };
        let (problems, shape) = (RefCell::default(), RefCell::default());
        // What it says of an entry that has nothing does not matter.
        read(&entry, Path::new(""), &problems, &mut Vec::new(), Some(&shape));
        Some((kind, shape.into_inner()))
    };
    OWN.iter().chain(&STORAGES).filter_map(|kind| described(kind)).collect()
}

/// Says that a kind is unknown. One that is near a known kind is an error: the entry
/// would not be there without a word.
fn unknown_kind(report: &Report<'_>, entry: &RawEntry) {
    let known = || OWN.iter().chain(&STORAGES).chain(&LATER).copied();
    let kind = &entry.kind.value;
    let slip = slip_of_kind(kind, known());
    let severity = if slip.is_some() { Severity::Error } else { Severity::Warning };
    let fix = match slip.or_else(|| report.nearest(kind, known())) {
        Some(word) => format!("did you mean {word}?"),
        None => "remove the entry; nothing runs it".to_owned(),
    };
    let mut own = OWN.to_vec();
    own.push("env.storage.*");
    report.push(
        severity,
        entry.kind.line,
        "kind",
        format!("an unknown kind, {}", entry.kind.found),
        format!("a known kind: {}", own.join(", ")),
        fix,
    );
}

/// One note for each kind of the family that this engine does not run.
pub(super) fn note_later(entries: &[RawEntry], problems: &RefCell<Problems>) {
    let mut counts = std::collections::BTreeMap::new();
    for entry in entries.iter().filter(|entry| is_later(&entry.kind.value)) {
        let (_, count) = counts.entry(entry.kind.value.as_str()).or_insert((entry, 0_usize));
        *count = count.saturating_add(1);
    }
    for (kind, (first, count)) in counts {
        let report = Report {
            file: first.file.clone(),
            entry: Some(first.id.clone()),
            kind: kind.into(),
            problems,
            noting: None,
        };
        let many = if count == 1 {
            "one entry".to_owned()
        } else {
            format!("{count} entries, this is the first")
        };
        report.push(
            Severity::Note,
            first.kind.line,
            "kind",
            format!("{kind}, a kind that this engine does not run yet ({many})"),
            "",
            "",
        );
    }
}
