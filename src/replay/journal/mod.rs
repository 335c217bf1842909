//! Journals: what of a run has to be known to run it again.
//!
//! A journal is eight bytes of [`MAGIC`], a byte of [`VERSION`], and blocks. A block is
//!
//! | bytes | |
//! | --- | --- |
//! | 4 | the length of its records, little-endian |
//! | 8 | XXH3-64 of the length and the records, with the number of the block as seed, little-endian |
//! | length | records, whole ones, one after the other in the form of [`codec`](crate::command::codec) |
//!
//! so that a block which is changed, lost or in another's place is noticed, and one that
//! is cut off at the end of a file, because the run was killed, is an end without a
//! [`Record::Finished`]. Whole blocks before it can be replayed. It is written and read
//! as a stream: neither takes more memory than a block.
//!
//! The records are, in this order but for those of different processes:
//!
//! | record | |
//! | --- | --- |
//! | [`Header`] | the first: which build wrote it, and what its fuel means |
//! | [`Command`](CommandLine) | how the command was called, for its result |
//! | [`ProgramRecord`] | before the first process of a program |
//! | [`StartRecord`] | a process, with all that it begins with |
//! | [`Step`] | one step of it: fuel and events, what it asked, how it stopped |
//! | [`StateRecord`] | the hash of the process as it is after the step before |
//! | [`End`] | how the process has ended; last of that process |
//! | [`Record::Finished`] | the last: the exit code of the command |

mod block;
mod noted;
mod read;

pub use self::{
    block::{BLOCK, Blocks, MAGIC, VERSION},
    noted::{Asked, Ending, Noted},
    read::{JournalError, JournalReader},
};
#[cfg(test)]
use crate::command::codec::tests::Random;
use crate::{
    command::codec::{Coded, DecodeError, Problem, Reader, Writer, coded_enum, coded_struct},
    process::{Error, Event, StartData},
};

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// The first.
    Header(Header),
    /// How the command was called.
    Command(CommandLine),
    /// A program that processes are made of.
    Program(ProgramRecord),
    /// A process.
    Start(Box<StartRecord>),
    /// A step of a process.
    Step(Box<Step>),
    /// The state of a process.
    State(StateRecord),
    /// The end of a process.
    End(Box<End>),
    /// The end of the run.
    Finished(Finished),
}

/// Which build has written a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The version of this crate, for people.
    pub product: String,
    /// The meaning of a unit of fuel, see [`FUEL_VERSION`](crate::component::FUEL_VERSION).
    pub fuel_version: u32,
    /// The most fuel that a step of that build could be given.
    pub max_slice: u64,
    /// Variables whose values were left out.
    pub redacted: Vec<String>,
    /// A process has failed, and this is what was kept until then.
    pub flight: Option<FlightHeader>,
}

/// The contents of a flight recorder: of each process either all that it did or nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlightHeader {
    /// The number of the process that has failed.
    pub failed: u64,
    /// Bytes that it may keep.
    pub limit: u64,
    /// Processes that had ended well, and were left out to make room.
    pub ended: u64,
    /// Processes that lived, and did more than there was room for.
    pub lost: u64,
}

/// How the command was called, as far as it changes what is said at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// The result was printed as JSON.
    pub json: bool,
    /// The log was shown.
    pub logs: bool,
    /// Options have set the limit of fuel.
    pub fuel: bool,
    /// Options have set the limit of memory.
    pub memory: bool,
    /// Options have set the limit of time.
    pub time: bool,
}

/// A program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramRecord {
    /// Its number.
    pub id: u64,
    /// The id of its entry, or its file.
    pub name: String,
    /// Its parts.
    pub code: Code,
}

/// The parts of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// A file of WebAssembly.
    Wasm(WasmCode),
    /// Texts in Lua.
    Lua(LuaCode),
}

/// A program in WebAssembly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WasmCode {
    /// The hash of its file.
    pub hash: String,
    /// The WIT text of a core module.
    pub wit: Option<String>,
    /// Bytes of its wasm stack.
    pub stack: u64,
    /// The `imports` of its entry; nothing if it may import all.
    pub grants: Option<(String, Vec<String>)>,
    /// Where its file was.
    pub path: Option<String>,
    /// Its file, if it was to be kept in the journal.
    pub bytes: Option<Vec<u8>>,
}

/// A program in Lua, with all its texts: bytecode of others is never run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LuaCode {
    /// Bytes of memory that a process may have.
    pub max_memory: u64,
    /// The entry that is run, and those that it imports, by their ids. The first is that
    /// of the program's name.
    pub units: Vec<LuaUnit>,
}

/// One text of a program in Lua.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LuaUnit {
    /// The id of its entry.
    pub name: String,
    /// What errors call it.
    pub shown: String,
    /// The text.
    pub source: String,
    /// Modules that it may `require`.
    pub modules: Vec<String>,
    /// Entries that it may `require`, by the names that it uses.
    pub imports: Vec<(String, String)>,
}

/// A process.
#[derive(Clone, Debug, PartialEq)]
pub struct StartRecord {
    /// Its number.
    pub process: u64,
    /// The number of its program.
    pub program: u64,
    /// It had the streams of the command, and its result was the command's.
    pub front: bool,
    /// The data that it began with.
    pub data: StartData,
}

/// A step of a process.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The number of the process.
    pub process: u64,
    /// Fuel that the step was given.
    pub fuel: u64,
    /// The events that it was handed.
    pub events: Vec<Event>,
    /// The commands that were asked and answered within the step.
    pub inline: Vec<Asked>,
    /// The commands that were asked at its end, with their tags.
    pub yields: Vec<(u64, Noted)>,
    /// Fuel that it has used.
    pub fuel_used: u64,
    /// Why it has stopped.
    pub stopped: Ending,
    /// The host of the process, not the process, had no more memory.
    pub crowded: bool,
}

/// The status of a process after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateRecord {
    /// The number of the process.
    pub process: u64,
    /// The hash, see `state`.
    pub hash: u64,
}

/// The end of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finished {
    /// The exit code of the command.
    pub code: u8,
    /// The last words of the command, if it had no process in front to speak of.
    pub message: Option<String>,
}

/// The end of a process.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// The number of the process.
    pub process: u64,
    /// Fuel that it has used.
    pub fuel: u64,
    /// The error that it ended with; perhaps not by itself.
    pub error: Option<Error>,
}

coded_enum! { Record {
    0 = Header(header);
    1 = Command(line);
    2 = Program(program);
    3 = Start(start);
    4 = Step(step);
    5 = State(state);
    6 = End(end);
    7 = Finished(finished);
} }

coded_struct! { Header { product, fuel_version, max_slice, redacted, flight } }

coded_struct! { FlightHeader { failed, limit, ended, lost } }

coded_struct! { CommandLine { json, logs, fuel, memory, time } }

coded_struct! { ProgramRecord { id, name, code } }

coded_enum! { Code {
    0 = Wasm(wasm);
    1 = Lua(lua);
} }

coded_struct! { WasmCode { hash, wit, stack, grants, path, bytes } }

coded_struct! { LuaCode { max_memory, units } }

coded_struct! { LuaUnit { name, shown, source, modules, imports } }

coded_struct! { StartRecord { process, program, front, data } }

// Written in pieces by `record`, in this order.
coded_struct! { Step {
    process, fuel, events, inline, yields, fuel_used, stopped, crowded
} }

coded_struct! { StateRecord { process, hash } }

coded_struct! { Finished { code, message } }

coded_struct! { End { process, fuel, error } }

/// The number of [`Record::Step`], for who writes one in pieces.
pub(super) const STEP: u8 = 4;
