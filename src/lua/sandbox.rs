//! The Lua state of a process: the library without what reaches outside.

use std::sync::OnceLock;

use mlua::{Error, Function, Lua, LuaOptions, Result, StdLib, Table, chunk::ChunkMode};

/// A state with the parts of the library that only compute. There is no `io`,
/// `os`, `debug` and `package`; the prelude takes away more.
pub(super) fn bare() -> Result<Lua> {
    Lua::new_with(libraries(), LuaOptions::new())
}

/// The parts of the library that only compute, beside its base.
pub(super) fn libraries() -> StdLib {
    StdLib::COROUTINE | StdLib::TABLE | StdLib::STRING | StdLib::UTF8 | StdLib::MATH
}

/// The parts of the prelude, and the modules; see [`prelude`]. All but the first part are
/// made when they are first wanted.
macro_rules! parts {
    ($($part:literal)*) => {
        [$(($part, include_str!(concat!("prelude/", $part, ".lua")))),*]
    };
}
const PRELUDE: [(&str, &str); 15] = parts![
    "core" "casts" "require" "coroutine" "strings" "pattern" "table" "random" "load" "pinned" "calendar"
    "layout" "schema" "sums" "types"
];

macro_rules! modules {
    ($($module:literal)*) => {
        &[$(($module, include_str!(concat!("modules/", $module, ".lua")))),*]
    };
}
/// The modules that a program can `require`: `modules/NAME.lua` for each name in the
/// registry's list.
const MODULES: &[(&str, &str)] = crate::registry::lua_modules!(modules);

/// The parts that may be interrupted like a program: their work grows with what they are
/// given, and no other coroutine meets what they are in the middle of.
const OPEN: [&str; 10] = [
    "strings",
    "pattern",
    "table",
    "layout",
    "schema",
    "types",
    "crypto",
    "http",
    "http_client",
    "text",
];

/// The line behind which these say that they are.
pub(super) const OPEN_LINE: usize = 10_000;

/// The part that has a function of the library; the primitives makes it when the
/// function is first looked up.
pub(super) fn part_of(function: &[u8]) -> Option<&'static str> {
    Some(match function {
        b"find" | b"match" | b"gmatch" | b"gsub" => "pattern",
        b"rep" | b"upper" | b"lower" | b"reverse" | b"sub" | b"unpack" | b"format" | b"len"
        | b"codepoint" | b"offset" => "strings",
        b"concat" | b"insert" | b"remove" | b"move" | b"sort" => "table",
        b"create" | b"resume" | b"wrap" | b"yield" | b"status" | b"running" | b"close"
        | b"spawn" => "coroutine",
        b"random" | b"randomseed" => "random",
        _ => return None,
    })
}

/// The chunk of a part of the prelude, or of a module. Compiled once, without lines and names,
/// which take memory in each process. What else has no source is a program's only
/// by its lines: that no other function of a part has them keeps it from being
/// interrupted.
pub(super) fn prelude(lua: &Lua, name: &str, globals: Table) -> Result<Function> {
    static COMPILED: OnceLock<Vec<(&str, Vec<u8>)>> = OnceLock::new();
    let parts = COMPILED.get_or_init(|| {
        let compile = |name: &str, source: &str| {
            let lua = bare().ok()?;
            let lines = if OPEN.contains(&name) { OPEN_LINE } else { 0 };
            let chunk = lua.load("\n".repeat(lines) + source).set_mode(ChunkMode::Text);
            Some(chunk.set_name("=[lua]").into_function().ok()?.dump(true))
        };
        let parts = PRELUDE.iter().chain(MODULES);
        parts.filter_map(|(name, source)| Some((*name, compile(name, source)?))).collect()
    });
    let Some((_, code)) = parts.iter().find(|(part, _)| *part == name) else {
        return Err(Error::RuntimeError(format!("there is no part or module '{name}'")));
    };
    let chunk = lua.load(code.as_slice()).set_mode(ChunkMode::Binary);
    chunk.set_environment(globals).into_function()
}
