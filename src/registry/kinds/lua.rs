//! `process.lua`, `library.lua` and the program of `function.lua`: programs in Lua. Their
//! source is read when the project is loaded, and compiled by [`crate::lua`].

use super::{Reading, Want, source};
use crate::registry::{
    Id, Severity,
    fields::{read_id, read_text, shorten},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// The fields of a `process.lua` entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessLua {
    /// The program.
    pub code: LuaCode,
    /// The function of the table that the source returns.
    pub method: String,
    /// The limits of the process.
    pub limits: LuaLimits,
}

/// The fields that all kinds in Lua have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LuaCode {
    /// The text.
    pub source: Arc<str>,
    /// The file that it comes from, relative to the project; none if it stands in
    /// the entry.
    pub file: Option<String>,
    /// The modules that it may `require`.
    pub modules: Vec<String>,
    /// The entries that it may `require`, by the names that it uses.
    pub imports: BTreeMap<String, Id>,
}

/// The limits of a process in Lua. Absent, or 0 in the file: the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LuaLimits {
    /// How long it may run (`max_execution_ms`).
    pub max_execution: Option<Duration>,
    /// Bytes of memory.
    pub max_memory: Option<u64>,
}

/// The modules that there are: `$then` is a macro that is given their names. To add one
/// is to add its name here, in alphabetical order, and the file `lua/modules/NAME.lua`.
macro_rules! lua_modules {
    ($then:ident) => {
        $then![
            "base64" "channel" "crypto" "ctx" "env" "errors" "fs" "funcs" "hash" "http" "http_client"
            "io" "json"
            "logger" "os" "payload" "process" "registry" "security" "sim" "text" "time"
            "uuid" "yaml"
        ]
    };
}
#[cfg(feature = "lua")]
pub(crate) use lua_modules;

macro_rules! names {
    ($($name:literal)*) => { &[$($name),*] };
}
/// The names of the modules that there are.
pub const LUA_MODULES: &[&str] = lua_modules!(names);

/// The kinds whose source can be imported.
pub(in crate::registry) const LUA_KINDS: [&str; 3] = ["library.lua", "process.lua", "function.lua"];

pub(super) fn process(reading: &mut Reading<'_>) -> Option<ProcessLua> {
    let code = code(reading, LUA_MODULES);
    let method = method(reading);
    let fields = &reading.fields;
    let mut limits = LuaLimits::default();
    if let Some(fields) = fields.fields("limits", "limits:\n  max_execution_ms: 5000") {
        let ms = fields.count("max_execution_ms", u64::MAX, "5000");
        limits.max_execution = ms.filter(|ms| *ms > 0).map(Duration::from_millis);
        limits.max_memory = fields.size("max_memory").filter(|n| *n > 0);
        fields.finish_strictly();
    }
    // Of functions; a process has its host instead.
    fields.ignore("pool");
    Some(ProcessLua { code: code?, method: method?, limits })
}

/// A library.
pub(super) fn library(reading: &mut Reading<'_>) -> Option<LuaCode> {
    code(reading, LUA_MODULES)
}

fn method(reading: &Reading<'_>) -> Option<String> {
    let expected = "a function of the table that the source returns";
    let method =
        reading.fields.required("method", expected, "add a line like this: method: run")?;
    Some(method.value.trim().to_owned())
}

/// `known` are the modules that there are; any, if there are none.
fn code(reading: &mut Reading<'_>, known: &[&str]) -> Option<LuaCode> {
    let form = source::Form {
        expected: "file:// and the path of a Lua file beside this one, or Lua text",
        fix: "write it like this: source: file://worker.lua",
        text: "Lua text in UTF-8",
    };
    let source = source::read(reading, &form);
    let modules = modules(reading, known);
    let imports = imports(reading);
    let (source, file) = source?;
    Some(LuaCode { source: source.into(), file, modules, imports })
}

fn modules(reading: &Reading<'_>, known: &[&str]) -> Vec<String> {
    let report = reading.fields.report();
    let mut modules: Vec<String> = Vec::new();
    for text in reading.fields.texts("modules", "modules: [time, json]") {
        let name = text.value.trim();
        if modules.iter().any(|module| module == name) {
            let (found, expected) = (format!("{}, a second time", text.found), "each module once");
            report.push(Severity::Warning, text.line, &text.field, found, expected, "remove it");
            continue;
        }
        if !known.is_empty() && !known.contains(&name) {
            let fix = match report.nearest(name, known.iter().copied()) {
                Some(meant) => format!("did you mean {meant}?"),
                None => "remove it; `require` of it fails".to_owned(),
            };
            let expected = format!("one of {}", known.join(", "));
            let found = format!("{}, a module that does not exist here", text.found);
            report.push(Severity::Warning, text.line, &text.field, found, expected, fix);
        }
        modules.push(name.to_owned());
    }
    modules
}

fn imports(reading: &mut Reading<'_>) -> BTreeMap<String, Id> {
    let mut imports = BTreeMap::new();
    let map = reading.fields.free_map("imports", "imports:\n  util: app:util");
    for pair in map.map(|map| map.pairs.as_slice()).unwrap_or_default() {
        let field = format!("imports.{}", shorten(&pair.key));
        let report = reading.fields.report();
        let Some(text) = read_text(report, field, &pair.value) else { continue };
        let id = read_id(report, text, reading.id.namespace());
        if let Some(id) = reading.refer(id, Want::Lua) {
            imports.insert(pair.key.clone(), id);
        }
    }
    imports
}
