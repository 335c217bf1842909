//! The Lua state of a process: the library without what reaches outside.

use std::sync::OnceLock;

use mlua::{Error, Function, Lua, LuaOptions, Result, StdLib, Table, chunk::ChunkMode};

/// A state with the parts of the library that only compute. There is no `io`,
/// `os`, `debug` and `package`; the prelude takes away more.
pub(super) fn bare() -> Result<Lua> {
    let libraries =
        StdLib::COROUTINE | StdLib::TABLE | StdLib::STRING | StdLib::UTF8 | StdLib::MATH;
    Lua::new_with(libraries, LuaOptions::new())
}

/// The parts of the prelude, by the names of the modules that they make.
const PRELUDE: [(&str, &str); 11] = [
    ("core", include_str!("prelude/core.lua")),
    ("modules", include_str!("prelude/modules.lua")),
    ("text", include_str!("prelude/text.lua")),
    ("channel", include_str!("prelude/channel.lua")),
    ("errors", include_str!("prelude/errors.lua")),
    ("process", include_str!("prelude/process.lua")),
    ("time", include_str!("prelude/time.lua")),
    ("io", include_str!("prelude/io.lua")),
    ("json", include_str!("prelude/small.lua")),
    ("env", include_str!("prelude/small.lua")),
    ("logger", include_str!("prelude/small.lua")),
];

/// The parts that may be interrupted like a program.
const OPEN: [&str; 1] = ["text"];

/// What they are called; nobody wants to read of them.
pub(super) const OPEN_NAME: &str = "[lua]";

/// The chunk of a part of the prelude. Compiled once; all but one without lines
/// and names, which take memory in each process. That no function of theirs has a
/// source is what keeps them from being interrupted.
pub(super) fn prelude(lua: &Lua, name: &str) -> Result<Function> {
    static COMPILED: OnceLock<Vec<(&str, Vec<u8>)>> = OnceLock::new();
    let parts = COMPILED.get_or_init(|| {
        let compile = |name: &str, source: &str| {
            let lua = bare().ok()?;
            let chunk = lua.load(source).set_mode(ChunkMode::Text);
            let chunk = chunk.set_name(format!("={OPEN_NAME}")).into_function().ok()?;
            Some(chunk.dump(!OPEN.contains(&name)))
        };
        let parts = PRELUDE.iter();
        parts.filter_map(|(name, source)| Some((*name, compile(name, source)?))).collect()
    });
    let Some((_, code)) = parts.iter().find(|(part, _)| *part == name) else {
        return Err(Error::RuntimeError(format!("there is no part '{name}' of the prelude")));
    };
    lua.load(code.as_slice()).set_mode(ChunkMode::Binary).into_function()
}

/// Runs the parts that every process begins with.
pub(super) fn prepare(lua: &Lua, kernel: &Table) -> Result<()> {
    for part in ["core", "modules", "text"] {
        prelude(lua, part)?.call::<()>(kernel)?;
    }
    Ok(())
}
