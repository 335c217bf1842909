//! `process.lua`, `library.lua` and `function.lua`: programs in Lua. Their source
//! is read when the project is loaded, and compiled by [`crate::lua`].

use super::{Reading, Want};
use crate::{
    artifact::clean_path,
    registry::{
        Id, Severity,
        discover::{MAX_FILE, describe_io, read_bounded},
        fields::{read_id, read_text, shorten},
    },
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
        $then!["channel" "env" "errors" "io" "json" "logger" "process" "sim" "time"]
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
    // Of the shared shape with functions; a process has its host instead.
    fields.ignore("pool");
    Some(ProcessLua { code: code?, method: method?, limits })
}

/// A library.
pub(super) fn library(reading: &mut Reading<'_>) -> Option<LuaCode> {
    code(reading, LUA_MODULES)
}

/// A function. This engine does not call it, so all but its code is left to those
/// that do, and modules that only they have are no mistake.
pub(super) fn function(reading: &mut Reading<'_>) -> Option<LuaCode> {
    let code = code(reading, &[]);
    let method = method(reading);
    for field in ["pool", "limits"] {
        reading.fields.ignore(field);
    }
    method.and(code)
}

fn method(reading: &Reading<'_>) -> Option<String> {
    let expected = "a function of the table that the source returns";
    let method =
        reading.fields.required("method", expected, "add a line like this: method: run")?;
    Some(method.value.trim().to_owned())
}

/// `known` are the modules that there are; any, if there are none.
fn code(reading: &mut Reading<'_>, known: &[&str]) -> Option<LuaCode> {
    let source = source(reading);
    let modules = modules(reading, known);
    let imports = imports(reading);
    let (source, file) = source?;
    Some(LuaCode { source: source.into(), file, modules, imports })
}

const SOURCE: &str = "file:// and the path of a Lua file beside this one, or Lua text";
const SOURCE_FIX: &str = "write it like this: source: file://worker.lua";

fn source(reading: &Reading<'_>) -> Option<(String, Option<String>)> {
    let written = reading.fields.required("source", SOURCE, SOURCE_FIX)?;
    let Some(path) = written.value.strip_prefix("file://") else {
        return Some((written.value.to_owned(), None));
    };
    let complain = |found: String, expected: &str, fix: &str| {
        let report = reading.fields.report();
        report.error(written.line, &written.field, found, expected, fix);
    };
    let inside = !path.starts_with('/') && !path.contains('\0');
    let Some(clean) = clean_path(path).filter(|clean| inside && clean != ".") else {
        let expected = "the path of a file below the directory of this file";
        complain(written.found.clone(), expected, SOURCE_FIX);
        return None;
    };
    let path = reading.module.join(&clean);
    let real = |path: &std::path::Path| path.canonicalize();
    match (real(&path), real(reading.project)) {
        (Ok(file), Ok(project)) if !file.starts_with(&project) => {
            let found = format!("{}: a link that leads out of the project", written.found);
            complain(found, "a file inside the project", "copy the file into the project");
            return None;
        }
        _ => {}
    }
    let bytes = match read_bounded(&path) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            let found = format!("{}: the file is too large", written.found);
            complain(found, &format!("at most {MAX_FILE} bytes"), "split it into libraries");
            return None;
        }
        Err(error) => {
            let found = format!("{}: {}", written.found, describe_io(&error));
            complain(found, "a readable file", "the path begins at the directory of this file");
            return None;
        }
    };
    let Ok(text) = String::from_utf8(bytes) else {
        let found = format!("{}: the file is not UTF-8", written.found);
        complain(found, "Lua text in UTF-8", "save the file as UTF-8; bytecode is not loaded");
        return None;
    };
    let name = path.strip_prefix(reading.project).unwrap_or(&path);
    let parts = name.components().filter(|part| !matches!(part, std::path::Component::CurDir));
    let parts: Vec<_> = parts.map(|part| part.as_os_str().to_string_lossy()).collect();
    Some((text, Some(parts.join("/"))))
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
