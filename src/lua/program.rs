//! Entries to programs: source compiled once, loaded by each process.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use mlua::{Function, Lua, chunk::ChunkMode};

use super::{look, sandbox, typed};
use crate::{
    command::{ErrorKind, ProcessError},
    registry::{self, Entry, Id, LUA_MODULES, Problem, Project, name_one_of, nearest, quoted},
    replay::journal::{LuaCode, LuaUnit},
};

/// Modules that need not be named in an entry's `modules`.
const ALWAYS: [&str; 7] = ["process", "channel", "errors", "payload", "os", "io", "ctx"];

/// The most entries that one imports, directly and through others.
const MAX_UNITS: usize = 1000;

/// The memory of a process unless its entry says otherwise.
const DEFAULT_MEMORY: u64 = 64 << 20;

/// A compiled `process.lua` entry with all that it imports: all that it takes to
/// make processes of it.
#[derive(Clone)]
pub struct LuaProgram(Arc<Inner>);

struct Inner {
    main: String,
    method: String,
    max_memory: u64,
    max_execution: Option<Duration>,
    units: BTreeMap<String, Unit>,
}

/// One source.
struct Unit {
    source: Arc<str>,
    /// What errors call it: its file, or the id of its entry.
    shown: Arc<str>,
    /// Compiled by this very library; nobody else's bytecode is ever loaded.
    bytecode: Vec<u8>,
    modules: BTreeSet<String>,
    imports: BTreeMap<String, String>,
}

/// All that a program without an entry needs.
#[derive(Clone, Debug, Default)]
pub struct LuaConfig {
    /// Its name in messages.
    pub name: String,
    /// The text.
    pub source: String,
    /// The function to call.
    pub method: String,
    /// Modules that it may `require`.
    pub modules: Vec<String>,
    /// Texts that it may `require`, by name. They may do the same.
    pub libraries: BTreeMap<String, String>,
    /// Bytes of memory; the default if there are none.
    pub max_memory: Option<u64>,
}

/// A text that is no Lua.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The line.
    pub line: Option<u32>,
    /// The fault, in words.
    pub message: String,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for SyntaxError {}

impl LuaProgram {
    /// The program of a `process.lua` entry.
    ///
    /// # Errors
    ///
    /// A problem with the entry's file and field, or with the line of its source.
    pub fn compile(project: &Project, id: &Id) -> Result<LuaProgram, Box<Problem>> {
        let expected = "the id of a process.lua or function.lua entry";
        let Some(entry) = project.entry(id) else {
            let found = format!("{id}, which is no entry of this project");
            return Err(Box::new(Problem::error("command line", found, expected, "")));
        };
        let Some(process) = entry.kind.lua_program() else {
            let found = format!("an entry of kind {}", entry.kind_name);
            return Err(Box::new(entry.problem("kind", found, expected, "name another entry")));
        };
        let mut units = BTreeMap::new();
        let mut todo = vec![(entry, &process.code)];
        while let Some((entry, code)) = todo.pop() {
            let name = entry.id.to_string();
            if units.contains_key(&name) {
                continue;
            }
            if units.len() >= MAX_UNITS {
                let found = format!("more than {MAX_UNITS} entries, directly and through others");
                return Err(Box::new(entry.problem("imports", found, "fewer imports", "")));
            }
            let shown: Arc<str> = code.file.as_deref().unwrap_or(&name).into();
            let bytecode = compile(&shown, &code.source).map_err(|e| problem(entry, code, &e))?;
            let mut imports = BTreeMap::new();
            for (alias, target) in &code.imports {
                imports.insert(alias.clone(), target.to_string());
                // A reference that leads elsewhere is an error of the registry.
                let Some(imported) = project.entry(target) else { continue };
                todo.extend(imported.kind.lua().map(|code| (imported, code)));
            }
            let modules = code.modules.iter().cloned().collect();
            let source = code.source.clone();
            units.insert(name, Unit { source, shown, bytecode, modules, imports });
        }
        Ok(LuaProgram(Arc::new(Inner {
            main: id.to_string(),
            method: process.method.clone(),
            max_memory: process.limits.max_memory.unwrap_or(DEFAULT_MEMORY),
            max_execution: process.limits.max_execution,
            units,
        })))
    }

    /// A program without an entry.
    ///
    /// # Errors
    ///
    /// If a text is no Lua.
    pub fn new(config: &LuaConfig) -> Result<LuaProgram, SyntaxError> {
        let modules: BTreeSet<String> = config.modules.iter().cloned().collect();
        let imports: BTreeMap<String, String> =
            config.libraries.keys().map(|name| (name.clone(), name.clone())).collect();
        let mut units = BTreeMap::new();
        let main = [(&config.name, &config.source)];
        for (name, source) in main.into_iter().chain(&config.libraries) {
            let bytecode = compile(name, source)?;
            let (modules, imports) = (modules.clone(), imports.clone());
            let (source, shown) = (source.as_str().into(), name.as_str().into());
            units.insert(name.clone(), Unit { source, shown, bytecode, modules, imports });
        }
        Ok(LuaProgram(Arc::new(Inner {
            main: config.name.clone(),
            method: config.method.clone(),
            max_memory: config.max_memory.unwrap_or(DEFAULT_MEMORY),
            max_execution: None,
            units,
        })))
    }

    /// The program of a journal; its processes are given the function to call.
    ///
    /// # Errors
    ///
    /// If a text is no Lua.
    pub fn recorded(name: &str, code: &LuaCode) -> Result<LuaProgram, SyntaxError> {
        let mut units = BTreeMap::new();
        for unit in &code.units {
            let source = unit.source.as_str().into();
            let shown: Arc<str> = unit.shown.as_str().into();
            let bytecode = compile(&shown, &unit.source)?;
            let modules = unit.modules.iter().cloned().collect();
            let imports = unit.imports.iter().cloned().collect();
            units.insert(unit.name.clone(), Unit { source, shown, bytecode, modules, imports });
        }
        Ok(LuaProgram(Arc::new(Inner {
            main: name.to_owned(),
            method: String::new(),
            max_memory: code.max_memory,
            max_execution: None,
            units,
        })))
    }

    /// The program as a journal holds it, with all its texts.
    pub fn code(&self) -> LuaCode {
        let pair = |(name, id): (&String, &String)| (name.clone(), id.clone());
        let unit = |(name, unit): (&String, &Unit)| LuaUnit {
            name: name.clone(),
            shown: unit.shown.to_string(),
            source: unit.source.to_string(),
            modules: unit.modules.iter().cloned().collect(),
            imports: unit.imports.iter().map(pair).collect(),
        };
        let units = self.0.units.iter().map(unit).collect();
        LuaCode { max_memory: self.0.max_memory, units }
    }

    /// Looks at the source of an entry in Lua, and gives what is wrong with it: what is
    /// no Lua, modules that it requires and may not, a method that it does not have.
    pub fn check(entry: &Entry) -> Vec<Problem> {
        let Some(code) = entry.kind.lua() else { return Vec::new() };
        let name = code.file.clone().unwrap_or_else(|| entry.id.to_string());
        if let Err(error) = compile(&name, &code.source) {
            return vec![*problem(entry, code, &error)];
        }
        let mut found = Vec::new();
        let requires = look::requires(&code.source);
        found.extend(requires.into_iter().filter_map(|(name, line)| {
            let (what, fix) = unknown_module(code, &name)?;
            Some(in_source(entry, code, Some(line), what, "a module that the entry has", fix))
        }));
        if let Some(process) = entry.kind.lua_program()
            && let Some(given) = look::gives(&code.source)
            && !given.contains(&process.method)
        {
            let given: Vec<&str> = given.iter().map(String::as_str).collect();
            let (what, fix) = match (nearest(&process.method, given.iter().copied()), &*given) {
                (Some(meant), _) => (String::new(), format!("did you mean {meant}?")),
                (None, []) => (
                    "; it has no functions".to_owned(),
                    format!("end the source with: return {{ {0} = {0} }}", process.method),
                ),
                (None, given) => (String::new(), name_one_of(given)),
            };
            found.push(entry.problem(
                "method",
                format!("the source has no function {}{what}", quoted(&process.method)),
                "a function of the table that the source returns",
                fix,
            ));
        }
        found
    }

    /// True if some text of it may `require` a module.
    pub fn names(&self, module: &str) -> bool {
        self.0.units.values().any(|unit| unit.modules.contains(module))
    }

    /// The id of its entry.
    pub fn name(&self) -> &str {
        &self.0.main
    }

    /// The function that the entry names.
    pub fn method(&self) -> &str {
        &self.0.method
    }

    /// How long a process may run.
    pub fn max_execution(&self) -> Option<Duration> {
        self.0.max_execution
    }

    /// Bytes of memory that a process may have.
    pub fn max_memory(&self) -> u64 {
        self.0.max_memory
    }

    /// The chunk of a unit, in a state.
    pub(super) fn load(&self, lua: &Lua, unit: &str) -> mlua::Result<Function> {
        let found = self.0.units.get(unit);
        let bytecode = found.map(|unit| unit.bytecode.as_slice()).unwrap_or_default();
        let shown = found.map_or(unit, |unit| &*unit.shown);
        let chunk = lua.load(bytecode).set_mode(ChunkMode::Binary);
        chunk.set_name(format!("={shown}")).into_function()
    }

    /// The module that a `require` in a unit means.
    pub(super) fn resolve(&self, unit: &str, name: &str) -> Result<Required<'_>, String> {
        let Some(own) = self.0.units.get(unit) else { return Err(format!("{unit} is not loaded")) };
        if let Some(import) = own.imports.get(name) {
            return Ok(Required::Import(import));
        }
        if name == typed::REQUIRED {
            return Ok(Required::Types);
        }
        if ALWAYS.contains(&name) {
            return Ok(Required::Module);
        }
        if !LUA_MODULES.contains(&name) {
            let known = LUA_MODULES.iter().copied().chain(own.imports.keys().map(String::as_str));
            let meant = match nearest(name, known) {
                Some(meant) => format!("; did you mean '{meant}'?"),
                None => ".".to_owned(),
            };
            let all = LUA_MODULES.join(", ");
            return Err(format!("there is no module '{name}'{meant} There are: {all}"));
        }
        if own.modules.contains(name) {
            return Ok(Required::Module);
        }
        let mut all: Vec<&str> = own.modules.iter().map(String::as_str).collect();
        all.push(name);
        let all = all.join(", ");
        Err(format!(
            "'{name}' is not among the modules of {unit}; add this line to the entry: modules: [{all}]"
        ))
    }
}

/// The meanings of a name in `require`.
pub(super) enum Required<'a> {
    Module,
    /// What the types of a text are made with.
    Types,
    Import(&'a str),
}

impl fmt::Debug for LuaProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LuaProgram").field("main", &self.0.main).finish_non_exhaustive()
    }
}

/// Text to bytecode.
fn compile(name: &str, source: &str) -> Result<Vec<u8>, SyntaxError> {
    let plain = |message: String| SyntaxError { line: None, message };
    let lua = sandbox::bare().map_err(|error| plain(error.to_string()))?;
    let source = without_first_line(source);
    let compiled = |source: &str| {
        let chunk = lua.load(source).set_mode(ChunkMode::Text).set_name(format!("={name}"));
        match chunk.into_function() {
            Ok(function) => Ok(function.dump(false)),
            Err(mlua::Error::SyntaxError { message, .. }) => Err(syntax(name, &message)),
            Err(error) => Err(plain(error.to_string())),
        }
    };
    let wrong = match compiled(source) {
        Ok(code) => return Ok(code),
        Err(wrong) => wrong,
    };
    // Annotations are never plain Lua.
    match typed::erase(source) {
        Ok(Some(erased)) => compiled(&erased),
        Ok(None) => Err(wrong),
        // Lua has stopped at the first annotation, or before.
        Err(typed::Wrong { line, why }) if wrong.line.is_some_and(|first| first < line) => {
            Err(SyntaxError { line: Some(line), message: why })
        }
        Err(_) => Err(wrong),
    }
}

/// A text without a first line `#!…`, which is for a shell; the line itself stays.
pub(super) fn without_first_line(source: &str) -> &str {
    match source.strip_prefix('#') {
        Some(rest) => rest.find('\n').map_or("", |end| rest.get(end..).unwrap_or_default()),
        None => source,
    }
}

/// `app:worker:3: unexpected symbol`, taken apart.
fn syntax(name: &str, message: &str) -> SyntaxError {
    let parts =
        message.strip_prefix(name).and_then(|rest| rest.strip_prefix(':')?.split_once(": "));
    match parts.and_then(|(line, why)| Some((line.parse().ok()?, why))) {
        Some((line, why)) => SyntaxError { line: Some(line), message: why.to_owned() },
        None => SyntaxError { line: None, message: message.to_owned() },
    }
}

/// Why an entry cannot require a module, and what to do about it; nothing if it can.
fn unknown_module(code: &registry::LuaCode, name: &str) -> Option<(String, String)> {
    let there = LUA_MODULES.contains(&name);
    if code.imports.contains_key(name)
        || ALWAYS.contains(&name)
        || there && code.modules.iter().any(|module| module == name)
    {
        return None;
    }
    if there {
        let mut modules = code.modules.clone();
        modules.push(name.to_owned());
        let fix = format!("add it: modules: [{}]", modules.join(", "));
        return Some((format!("{}, which is not among its modules", quoted(name)), fix));
    }
    let known = LUA_MODULES.iter().copied().chain(code.imports.keys().map(String::as_str));
    let fix = match nearest(name, known) {
        Some(meant) => format!("did you mean {meant}?"),
        None => {
            format!("there are {}; other entries are named by `imports`", LUA_MODULES.join(", "))
        }
    };
    Some((format!("{}, which is no module", quoted(name)), fix))
}

/// A syntax error as a problem of the file that it is in.
fn problem(entry: &Entry, code: &registry::LuaCode, error: &SyntaxError) -> Box<Problem> {
    let message = match &code.file {
        Some(_) => error.message.clone(),
        None => error.to_string(),
    };
    Box::new(in_source(
        entry,
        code,
        error.line,
        message,
        "Lua 5.4",
        "correct the source".to_owned(),
    ))
}

/// A problem of a line of the source.
fn in_source(
    entry: &Entry,
    code: &registry::LuaCode,
    line: Option<u32>,
    found: String,
    expected: &str,
    fix: String,
) -> Problem {
    match &code.file {
        Some(file) => Problem::error(file.as_str(), found, expected, fix)
            .at_line(line)
            .in_entry(Some(entry.id.clone())),
        None => entry.problem("source", found, expected, fix),
    }
}

/// The failure to make a state.
pub(super) fn broken(error: &mlua::Error) -> ProcessError {
    ProcessError::new(ErrorKind::Internal, format!("the process cannot be started: {error}"))
}
