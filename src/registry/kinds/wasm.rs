//! `process.wasm`: a WebAssembly component or module that runs as a process.

use super::{Reading, Want, source};
use crate::{
    artifact::{Hash, HashError, clean_path},
    network::{BadRule, FORMS, Network, Rules},
    registry::{
        Id, Severity,
        fields::{At, Fields, read_id},
        suggest::slip_of_kind,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// The fields of a `process.wasm` entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessWasm {
    /// The program itself.
    pub source: WasmSource,
    /// The exported function.
    pub method: String,
    /// How the function is called.
    pub transport: Transport,
    /// The WIT text of a raw module.
    pub wit: Option<String>,
    /// The groups of imports that work, as written: `wasi:io`, `wasi1`.
    pub imports: Vec<String>,
    /// The part of the world that the process sees.
    pub wasi: Wasi,
    /// The limits of what it may use.
    pub limits: Limits,
}

/// Where a program is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WasmSource {
    /// A file.
    File {
        /// The `fs.directory` entry that it is in.
        fs: Id,
        /// Its path within that directory.
        path: String,
        /// Its SHA-256.
        hash: Hash,
    },
    /// WebAssembly text.
    Text {
        /// The text.
        text: Arc<str>,
        /// The file that it comes from, relative to the project; none if it stands in the
        /// entry.
        file: Option<String>,
    },
}

impl ProcessWasm {
    /// The `fs.directory` entry that the program is in, if it is in one.
    pub fn fs(&self) -> Option<&Id> {
        match &self.source {
            WasmSource::File { fs, .. } => Some(fs),
            WasmSource::Text { .. } => None,
        }
    }

    /// The path of the program's file.
    pub fn path(&self) -> &str {
        match &self.source {
            WasmSource::File { path, .. } => path,
            WasmSource::Text { file, .. } => file.as_deref().unwrap_or_default(),
        }
    }
}

/// How a function is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// Values in, a value out.
    #[default]
    Payload,
    /// An HTTP request in, a response out.
    WasiHttp,
}

/// The part of the world that a process sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wasi {
    /// The first command line arguments.
    pub args: Vec<String>,
    /// The working directory, absolute.
    pub cwd: Option<String>,
    /// Environment variables.
    pub env: Vec<WasiEnv>,
    /// Directories.
    pub mounts: Vec<Mount>,
    /// Certificate authorities that it trusts besides those that browsers trust.
    pub ca: Option<Authorities>,
    /// To whom it may talk, if it may use the network at all; to everybody if it is
    /// absent.
    pub network: Option<Network>,
}

/// A file of certificate authorities, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorities {
    /// The `fs.directory` entry that it is in.
    pub fs: Id,
    /// Its path within that directory.
    pub path: String,
}

/// An environment variable of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WasiEnv {
    /// The `env.variable` entry that has the value.
    pub id: Id,
    /// The name that the process knows it by.
    pub name: String,
    /// True if the process must not start without a value.
    pub required: bool,
}

/// A directory of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The `fs.directory` entry.
    pub fs: Id,
    /// Where the process sees it: absolute, cleaned.
    pub guest: String,
    /// True if the process can only read.
    pub read_only: bool,
}

/// The limits of a process. Absent, or 0 in the file: the engine's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// How long it may run (`max_execution_ms`).
    pub max_execution: Option<Duration>,
    /// Bytes of linear memory.
    pub max_memory: Option<u64>,
    /// Fuel for its whole life.
    pub max_fuel: Option<u64>,
    /// Bytes of the interpreter's stack.
    pub max_stack: Option<u64>,
}

/// Import groups that the engine itself knows.
const GROUPS: [&str; 17] = [
    "funcs",
    "wasi:cli",
    "wasi:clocks",
    "wasi:filesystem",
    "wasi:http",
    "wasi:io",
    "wasi:poll",
    "wasi:random",
    "wasi:sockets",
    "wasi1",
    "preview1",
    "wasi_snapshot_preview1",
    "wasi_unstable",
    "wippy:process",
    "wippy:runtime",
    "wippy:sim",
    "wasi:config",
];

pub(super) fn process(reading: &mut Reading<'_>) -> Option<ProcessWasm> {
    let fs = reading.fields.required_id(
        "fs",
        reading.id.namespace(),
        "the id of the fs.directory entry that the binary is in",
        "add a line like this: fs: app:binaries",
    );
    let fs = reading.refer(fs, Want::Directory);
    let fields = &reading.fields;
    let path = fields
        .required("path", "the binary's path within fs", "add a line like this: path: /worker.wasm")
        .and_then(|path| self::path(fields, path));
    let hash = hash(fields);
    let source = fs.zip(path).zip(hash);
    let source = source.map(|((fs, path), hash)| WasmSource::File { fs, path, hash });
    program(reading, source)
}

/// A program whose WebAssembly text stands in the entry, or in a file beside it.
pub(super) fn text(reading: &mut Reading<'_>) -> Option<ProcessWasm> {
    let form = source::Form {
        expected: "file:// and the path of a .wat file beside this one, or WebAssembly text",
        fix: "write it like this: source: file://answer.wat",
        text: "WebAssembly text in UTF-8",
    };
    let source = source::read(reading, &form);
    let source = source.map(|(text, file)| WasmSource::Text { text: text.into(), file });
    program(reading, source)
}

/// All fields but those that say where the program is.
fn program(reading: &mut Reading<'_>, source: Option<WasmSource>) -> Option<ProcessWasm> {
    let fields = &reading.fields;
    let method = fields
        .required("method", "the exported function to call", "add a line like this: method: run")
        .map(|method| method.value.trim().to_owned());
    let transport = transport(fields);
    let written = fields.text("wit");
    let wit = written.as_ref().map(|wit| wit.value.to_owned());
    let imports = imports(fields);
    let limits = limits(fields);
    // Of functions; a process has its host instead.
    fields.ignore("pool");
    let wasi = wasi(reading);
    // Else it is looked at with the module, which may never be.
    if source.is_none() || method.is_none() {
        check_wit(&reading.fields, written);
    }
    Some(ProcessWasm {
        source: source?,
        method: method?,
        transport: transport?,
        wit,
        imports,
        wasi,
        limits,
    })
}

fn path(fields: &Fields<'_, '_>, path: At<&str>) -> Option<String> {
    if clean_path(path.value).is_some_and(|clean| clean != ".") && !path.value.contains('\0') {
        return Some(path.value.to_owned());
    }
    fields.report().error(
        path.line,
        &path.field,
        path.found,
        "the path of a file inside fs",
        "paths begin at the directory of fs and cannot leave it with ..; write it like this: path: /worker.wasm",
    );
    None
}

/// Looks at the WIT text of an entry that has other errors.
fn check_wit(fields: &Fields<'_, '_>, written: Option<At<&str>>) {
    let Some(wit) = written.filter(|wit| !wit.value.trim().is_empty()) else { return };
    if let Err(error) = crate::adapter::check_wit(wit.value, &crate::host::packages()) {
        let expected = "WIT, such as a list of functions: answer: func() -> s32;";
        fields.report().error(wit.line, &wit.field, error.to_string(), expected, "");
    }
}

fn hash(fields: &Fields<'_, '_>) -> Option<Hash> {
    let expected = "sha256: and 64 hex digits";
    let fix = "`wippy inspect FILE` shows the hash, and so does `sha256sum FILE`";
    let text = fields.required("hash", expected, fix)?;
    match text.value.parse::<Hash>() {
        Ok(hash) => Some(hash),
        Err(why) => {
            let fix = match why {
                HashError::NoPrefix => "put sha256: before the digits".to_owned(),
                HashError::Prefix => "use the SHA-256 of the file: `sha256sum FILE`".to_owned(),
                HashError::Length(_) | HashError::Digit(_) => {
                    "was it copied whole? `sha256sum FILE` shows it".to_owned()
                }
            };
            let found = format!("{}: {why}", text.found);
            fields.report().error(text.line, &text.field, found, expected, fix);
            None
        }
    }
}

fn transport(fields: &Fields<'_, '_>) -> Option<Transport> {
    let Some(text) = fields.text("transport") else { return Some(Transport::Payload) };
    match text.value {
        "payload" => Some(Transport::Payload),
        "wasi-http" => Some(Transport::WasiHttp),
        other => {
            let fix = match fields.report().nearest(other, ["payload", "wasi-http"]) {
                Some(word) => format!("did you mean transport: {word}?"),
                None => "leave the field out, or write: transport: payload".to_owned(),
            };
            fields.report().error(text.line, &text.field, text.found, "payload or wasi-http", fix);
            None
        }
    }
}

fn imports(fields: &Fields<'_, '_>) -> Vec<String> {
    let report = fields.report();
    let mut imports: Vec<String> = Vec::new();
    let mut seen = BTreeSet::new();
    for text in fields.texts("imports", "imports:\n  - wasi:io\n  - wasi:cli") {
        let name = text.value.trim();
        if name.is_empty() || name.contains(char::is_whitespace) || crate::visible::has_hidden(name)
        {
            let expected = "a group like wasi:io, an interface like wasi:io/streams, or wasi1";
            report.error(
                text.line,
                &text.field,
                text.found,
                expected,
                "write it like this: - wasi:io",
            );
            continue;
        }
        if !seen.insert(name) {
            let found = format!("{}, a second time", text.found);
            report.push(
                Severity::Warning,
                text.line,
                &text.field,
                found,
                "each import once",
                "remove it",
            );
            continue;
        }
        let bare = name.split('@').next().unwrap_or(name);
        let group = bare.split('/').next().unwrap_or(bare);
        if !GROUPS.contains(&group)
            && let Some(meant) = slip_of_kind(group, GROUPS)
        {
            let found = format!("{}, which no host offers", text.found);
            let expected = format!("one of {}, or a group of your own", GROUPS.join(", "));
            let fix = format!("did you mean {meant}?");
            report.error(text.line, &text.field, found, expected, fix);
        }
        imports.push(name.to_owned());
    }
    imports
}

fn limits(fields: &Fields<'_, '_>) -> Limits {
    let mut limits = Limits::default();
    let Some(fields) = fields.fields("limits", "limits:\n  max_execution_ms: 5000") else {
        return limits;
    };
    let ms = fields.count("max_execution_ms", u64::MAX, "5000");
    limits.max_execution = ms.filter(|ms| *ms > 0).map(Duration::from_millis);
    limits.max_memory = fields.size("max_memory").filter(|n| *n > 0);
    limits.max_fuel = fields.count("max_fuel", u64::MAX, "1000000000").filter(|n| *n > 0);
    limits.max_stack = fields.size("max_stack").filter(|n| *n > 0);
    fields.finish_strictly();
    limits
}

fn wasi(reading: &mut Reading<'_>) -> Wasi {
    let mut wasi = Wasi::default();
    let example = "wasi:\n  args: [\"--verbose\"]\n  cwd: /data";
    let Some(fields) = reading.fields.fields("wasi", example) else { return wasi };
    let texts = fields.texts("args", "args: [\"--verbose\"]");
    wasi.args = texts.into_iter().map(|text| text.value.to_owned()).collect();
    if let Some(cwd) = fields.text("cwd") {
        match absolute(cwd.value) {
            Some(clean) => wasi.cwd = Some(clean),
            None => fields.report().error(
                cwd.line,
                &cwd.field,
                cwd.found,
                "an absolute path, as the process sees it",
                "write it like this: cwd: /data",
            ),
        }
    }
    env(reading, &fields, &mut wasi);
    mounts(reading, &fields, &mut wasi);
    wasi.ca = authorities(reading, &fields);
    wasi.network = network(&fields);
    fields.finish_strictly();
    wasi
}

fn authorities(reading: &mut Reading<'_>, wasi: &Fields<'_, '_>) -> Option<Authorities> {
    let fields = wasi.fields("ca", "ca: {fs: app:certificates, path: /ca.pem}")?;
    let fs = fields.required_id(
        "fs",
        reading.id.namespace(),
        "the id of the fs.directory entry that the file is in",
        "write it like this: fs: app:certificates",
    );
    let path = fields.required(
        "path",
        "the path of a PEM file within fs",
        "write it like this: path: /ca.pem",
    );
    let path = path.and_then(|path| self::path(&fields, path));
    fields.finish_strictly();
    let fs = reading.refer(fs, Want::Directory);
    Some(Authorities { fs: fs?, path: path? })
}

fn network(wasi: &Fields<'_, '_>) -> Option<Network> {
    let fields = wasi.fields("network", "network:\n  connect: [\"example.com:443\"]")?;
    let rules = |name: &'static str, example: &str| {
        if !fields.has(name) {
            return Rules::All;
        }
        let texts = fields.texts(name, example);
        let rules = texts.into_iter().filter_map(|text| match text.value.trim().parse() {
            Ok(rule) => Some(rule),
            Err(BadRule { why, fix }) => {
                let found = format!("{}: {why}", text.found);
                fields.report().error(text.line, &text.field, found, FORMS, fix);
                None
            }
        });
        Rules::Only(rules.collect())
    };
    let network = Network {
        connect: rules("connect", "connect: [\"example.com:443\"]"),
        listen: rules("listen", "listen: [\"127.0.0.1:8080\"]"),
    };
    fields.finish_strictly();
    Some(network)
}

fn env(reading: &mut Reading<'_>, wasi: &Fields<'_, '_>, to: &mut Wasi) {
    let example = "env:\n  - id: app:api_url\n    name: API_URL";
    let mut names = BTreeMap::new();
    for (path, node) in wasi.items("env", example) {
        let Some(fields) = Fields::of_node(
            wasi.report(),
            node,
            path.clone(),
            "- id: app:api_url\n  name: API_URL",
        ) else {
            continue;
        };
        let id = fields.text("id");
        if id.is_none() && !fields.has("id") {
            fields.missing(
                "id",
                "the id of an env.variable entry",
                "write it like this: id: app:api_url",
            );
        }
        let id = id.and_then(|id| read_id(fields.report(), id, reading.id.namespace()));
        let name = fields.required(
            "name",
            "the name that the process sees",
            "write it like this: name: API_URL",
        );
        let required = fields.flag("required").unwrap_or(false);
        if let Some(name) = &name {
            if name.value.contains(['=', '\0']) {
                let expected = "a name without = and NUL";
                fields.report().error(
                    name.line,
                    &name.field,
                    name.found.clone(),
                    expected,
                    "write it like this: name: API_URL",
                );
            } else if let Some(first) = names.get(name.value) {
                let found = format!("{}, which {first} has already", name.found);
                fields.report().error(
                    name.line,
                    &name.field,
                    found,
                    "each name once",
                    "remove one of the two, or rename it",
                );
            } else {
                names.insert(name.value, path);
            }
        }
        fields.finish_strictly();
        let id = reading.refer(id, Want::Variable);
        if let (Some(id), Some(name)) = (id, name) {
            to.env.push(WasiEnv { id, name: name.value.to_owned(), required });
        }
    }
}

fn mounts(reading: &mut Reading<'_>, wasi: &Fields<'_, '_>, to: &mut Wasi) {
    let example = "mounts:\n  - fs: app:data\n    guest: /data";
    let mut guests = BTreeMap::new();
    for (path, node) in wasi.items("mounts", example) {
        let Some(fields) =
            Fields::of_node(wasi.report(), node, path.clone(), "- fs: app:data\n  guest: /data")
        else {
            continue;
        };
        let fs = fields.required_id(
            "fs",
            reading.id.namespace(),
            "the id of an fs.directory entry",
            "write it like this: fs: app:data",
        );
        let guest = fields.required(
            "guest",
            "the absolute path that the process sees",
            "write it like this: guest: /data",
        );
        let read_only = fields.flag("read_only").unwrap_or(false);
        let guest = guest.and_then(|guest| {
            let report = fields.report();
            let Some(clean) = absolute(guest.value) else {
                let fix = format!(
                    "write it like this: guest: /{}",
                    guest.value.trim_start_matches(['.', '/'])
                );
                report.error(
                    guest.line,
                    &guest.field,
                    guest.found,
                    "an absolute path, as the process sees it",
                    fix,
                );
                return None;
            };
            if let Some(first) = guests.get(&clean) {
                let found = format!("{}, the same place as {first} ({clean})", guest.found);
                report.error(
                    guest.line,
                    &guest.field,
                    found,
                    "each place once",
                    "mount it at another path",
                );
                return None;
            }
            guests.insert(clean.clone(), path);
            Some(clean)
        });
        fields.finish_strictly();
        let fs = reading.refer(fs, Want::Directory);
        if let (Some(fs), Some(guest)) = (fs, guest) {
            to.mounts.push(Mount { fs, guest, read_only });
        }
    }
}

/// An absolute path, cleaned: `/a//b/../c/` is `/a/c`.
fn absolute(path: &str) -> Option<String> {
    if !path.starts_with('/') || path.contains('\0') {
        return None;
    }
    let clean = clean_path(path)?;
    Some(if clean == "." { "/".to_owned() } else { format!("/{clean}") })
}
