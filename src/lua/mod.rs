//! Processes in Lua.
//!
//! ```text
//! entry ── Program (compiled, shared) ── LuaProcess (a Lua state) ── steps
//!                                             │
//!           prelude/*.lua   modules, as far as they can be Lua
//!           kernel          what they call: commands, mail, values
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
//! at most 256 KiB of text, `string.rep` makes at most 16 MiB. Finalizers (`__gc`)
//! are refused. What is left is linear in memory: concatenating and comparing
//! strings, `table.concat`, `table.unpack`, `next` in a table that has been emptied.
//! There the limit of memory is the limit of time; between two looks at the budget
//! lie 997 instructions.
//!
//! So is collecting garbage, but for tables with weak keys (`__mode = "k"`) whose
//! values are keys of others: Lua follows such a chain in a time that grows with
//! the square of its length, and with the memory that a process has by default
//! that is minutes. It happens to a process once, because a process that has held
//! its thread for more than a second ends. Give strangers' programs a small `max_memory`.
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

mod budget;
mod json;
mod kernel;
mod mail;
mod method;
mod pattern;
mod process;
mod program;
mod reply;
mod request;
mod sandbox;
mod schedule;
mod text;
mod values;

pub use self::{
    process::{LuaProcess, Start},
    program::{LuaConfig, Program, SyntaxError},
};

#[cfg(test)]
mod tests;
