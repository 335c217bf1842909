//! Processes in Lua.
//!
//! ```text
//! entry ── LuaProgram (compiled, shared) ── LuaProcess (a Lua state) ── steps
//!                                             │
//!           modules/*.lua   one file for each module that can be required
//!           prelude/*.lua   what is there without, as far as it can be Lua
//!           primitives      what they call: commands, mail, values
//!           schedule        coroutines: one runs, the others wait
//!           budget          instructions of a slice
//!           pattern, text   string functions with bounded work
//! ```
//!
//! A process that waits takes little memory: parts of the prelude and primitives
//! are made when they are first wanted, functions of the library that are replaced
//! among them. A look at one makes it, and so does `pairs`; only `rawget` and
//! `next` tell that it has not been there.
//!
//! A [`LuaProcess`] is stepped as any other process. All its coroutines are
//! resumed by its scheduler and by nobody else, so that each can stop anywhere:
//! because its slice is used up, or because it waits for the answer of a command
//! or for a channel.
//!
//! # What cannot be interrupted
//!
//! An instruction, and a function in C. What Lua's own library has of functions
//! that can run for long is replaced: patterns are matched in Rust with a limit
//! on steps, and `table.sort`, `insert`, `remove` and `move` are Lua. `load` takes
//! at most 256 KiB of text. Finalizers (`__gc`) are refused. A string has at most
//! 16 MiB, see `memory`. What is left is linear in memory: concatenating and comparing
//! strings, `table.concat`, `table.unpack`, `next` in a table that has been emptied,
//! growing a table, collecting all garbage where memory is short, turning a message or
//! JSON into tables. Each takes some ten milliseconds at most with the memory that a
//! process has by default. Between two looks at the budget lie 997 instructions; a
//! process whose operations have held the thread for more than a second ends.
//! Meanwhile another thread runs the other processes of its host.
//!
//! Tables with weak keys (`__mode = "k"`) would be worse: Lua follows a chain of them,
//! values that are keys of others, in a time that grows with the square of its length,
//! in one instruction. So `setmetatable` takes the `k` away, and such a table keeps its
//! keys. A program that puts it into a metatable that is in use already gets it, and a
//! process that is as long as a second about its collection ends after it.
//!
//! # What the host holds
//!
//! What leaves a process is counted before it is copied: a message, a result, an error
//! with its details, JSON. A value has at most 262 144 parts and 16 MiB of text, and no
//! more than `limits.max_memory`; so have all commands together that wait for an answer.
//! JSON becomes tables with nothing in between. The text of an error or of a line of the
//! log has 64 KiB, a name 4 KiB.
//!
//! A Lua function that C calls (`__tostring`, `__lt` or `__index` below
//! `tostring`, `string.format` and `table.concat`, `__close` below
//! `coroutine.close`) cannot yield: commands and channels raise an error there,
//! and the process ends if such a function takes more than 100 slices.
//!
//! # What differs between runs
//!
//! The order of `pairs` over keys that are not 1 … n, and the addresses that
//! `tostring` of a table or a function shows: Lua makes both from addresses.
//! A slice that takes some hundred times longer than its instructions should is cut
//! short. Clocks, random numbers and everything else come from commands.

mod arena;
mod budget;
mod exchange;
mod files;
mod json;
mod long;
mod look;
mod mail;
mod memory;
mod method;
mod pattern;
mod pinned;
mod primitives;
mod process;
mod program;
mod pure;
mod regexp;
mod reply;
mod request;
mod sandbox;
mod schedule;
mod text;
mod typed;
mod values;

#[cfg(feature = "cli")]
pub(crate) use self::look::params;
pub use self::{
    process::LuaProcess,
    program::{LuaConfig, LuaProgram, SyntaxError},
};

#[cfg(test)]
mod tests;
