//! Journals: what of a run has to be known to run it again.
//!
//! A journal is eight bytes of [`MAGIC`], a byte of [`VERSION`], and blocks. A block is
//!
//! | bytes | |
//! | --- | --- |
//! | 4 | the length of its records, little-endian |
//! | 8 | XXH3-64 of the length and the records, with the number of the block as seed, little-endian |
//! | length | records, whole ones, one after the other in the form of [`codec`] |
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

use std::{fmt, io};

use xxhash_rust::xxh3::xxh3_64_with_seed;

#[cfg(test)]
use crate::command::codec::tests::Random;
use crate::{
    command::{
        Reply,
        codec::{
            self, Coded, DecodeError, Problem, Reader, TooDeep, Writer, coded_enum, coded_struct,
        },
    },
    process::{Error, Event, StartData},
};

/// How a journal begins.
pub const MAGIC: &[u8; 8] = b"\x89wreplay";

/// The version that is written, and the only one that is read so far.
pub const VERSION: u8 = 1;

/// Bytes of records from which on a block is written.
pub const BLOCK: usize = 64 << 10;

/// The most bytes of records in a block: one record alone may be large.
const MAX_BLOCK: u32 = 1 << 30;

/// Bytes before the records of a block.
const HEAD: usize = 12;

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
    /// What a process is.
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
    /// What a unit of fuel is, see [`FUEL_VERSION`](crate::component::FUEL_VERSION).
    pub fuel_version: u32,
    /// The most fuel that a step of that build could be given.
    pub max_slice: u64,
    /// Variables whose values were left out.
    pub redacted: Vec<String>,
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
    /// The hash of its file.
    pub hash: String,
    /// The WIT text of a core module.
    pub wit: Option<String>,
    /// Bytes of its wasm stack.
    pub stack: u64,
    /// What its entry's `imports` say; nothing if it may import all.
    pub grants: Option<(String, Vec<String>)>,
    /// Where its file was.
    pub path: Option<String>,
    /// Its file, if it was to be kept in the journal.
    pub bytes: Option<Vec<u8>>,
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
    /// What it began with.
    pub data: StartData,
}

/// A step of a process.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The number of the process.
    pub process: u64,
    /// Fuel that the step was given.
    pub fuel: u64,
    /// What it was handed.
    pub events: Vec<Event>,
    /// What was asked and answered within the step.
    pub inline: Vec<Asked>,
    /// What was asked at its end, with the tags.
    pub yields: Vec<(u64, Noted)>,
    /// Fuel that it has used.
    pub fuel_used: u64,
    /// Why it has stopped.
    pub stopped: Ending,
    /// The host of the process, not the process, had no more memory.
    pub crowded: bool,
}

/// A command within a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// It was not answered within the step. It is asked again later.
    Deferred,
    /// It was answered.
    Answered(Noted, Reply),
}

/// Something that a process has made, to compare with.
#[derive(Clone, PartialEq, Eq)]
pub enum Noted {
    /// Its coded form.
    Whole(Vec<u8>),
    /// A hash of its coded form.
    Hashed {
        /// What it was, for people.
        name: String,
        /// The length of the form.
        len: u64,
        /// XXH3-64 of the form.
        hash: u64,
    },
}

/// The longest form that is written as it is, and not as a hash of it.
const WHOLE: usize = 64;

impl Noted {
    /// Writes the note of a value. `scratch` is room for its form.
    pub(super) fn write<T: Coded>(
        value: &T,
        name: &str,
        may_be_whole: bool,
        scratch: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), TooDeep> {
        scratch.clear();
        codec::append(value, scratch)?;
        let len = scratch.len() as u64;
        if scratch.len() <= WHOLE && may_be_whole {
            out.push(0);
            codec::append(&len, out)?;
            out.extend_from_slice(scratch);
        } else {
            out.push(1);
            codec::append(&(name.len() as u64), out)?;
            out.extend_from_slice(name.as_bytes());
            codec::append(&len, out)?;
            codec::append(&xxh3_64_with_seed(scratch, 0), out)?;
        }
        Ok(())
    }

    /// True if it is the note of this value.
    pub(super) fn is_of<T: Coded>(&self, value: &T, scratch: &mut Vec<u8>) -> bool {
        scratch.clear();
        if codec::append(value, scratch).is_err() {
            return false;
        }
        match self {
            Noted::Whole(bytes) => bytes == scratch,
            Noted::Hashed { len, hash, .. } => {
                *len == scratch.len() as u64 && *hash == xxh3_64_with_seed(scratch, 0)
            }
        }
    }
}

/// Why a step has stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its fuel was used up.
    Continue,
    /// It waited for answers.
    Blocked,
    /// It waited for mail.
    Idle,
    /// It ended, with this `Outcome`.
    Done(Noted),
    /// It ended itself, with this `Term`.
    Exited(Noted),
}

/// What a process is after a step.
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
    /// What the command said at its end, if it had no process in front to speak of.
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

coded_struct! { Header { product, fuel_version, max_slice, redacted } }

coded_struct! { CommandLine { json, logs, fuel, memory, time } }

coded_struct! { ProgramRecord { id, name, hash, wit, stack, grants, path, bytes } }

coded_struct! { StartRecord { process, program, front, data } }

// Written in pieces by `record`, in this order.
coded_struct! { Step {
    process, fuel, events, inline, yields, fuel_used, stopped, crowded
} }

coded_enum! { Asked {
    0 = Deferred;
    1 = Answered(command, reply);
} }

coded_enum! { Noted {
    0 = Whole(bytes);
    1 = Hashed { name, len, hash };
} }

coded_enum! { Ending {
    0 = Continue;
    1 = Blocked;
    2 = Idle;
    3 = Done(outcome);
    4 = Exited(term);
} }

coded_struct! { StateRecord { process, hash } }

coded_struct! { Finished { code, message } }

coded_struct! { End { process, fuel, error } }

/// The number of [`Record::Step`], for who writes one in pieces.
pub(super) const STEP: u8 = 4;

impl fmt::Debug for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Noted::Whole(bytes) => write!(f, "Whole({} bytes)", bytes.len()),
            Noted::Hashed { name, len, hash } => write!(f, "{name} of {len} bytes, {hash:016x}"),
        }
    }
}

/// Makes blocks of records.
#[derive(Debug)]
pub struct Blocks {
    /// How many blocks were made.
    number: u64,
    /// Room for the head of the next block, and its records.
    next: Vec<u8>,
    begun: bool,
}

impl Default for Blocks {
    fn default() -> Blocks {
        Blocks { number: 0, next: vec![0; HEAD], begun: false }
    }
}

impl Blocks {
    /// Adds a record; true if there is enough for a block.
    ///
    /// # Errors
    ///
    /// If it is nested deeper than what can be read.
    pub fn add(&mut self, record: &Record) -> Result<bool, TooDeep> {
        codec::append(record, &mut self.next)?;
        Ok(self.next.len() >= BLOCK)
    }

    /// Adds a record that has its form; true if there is enough for a block.
    pub fn add_coded(&mut self, record: &[u8]) -> bool {
        self.next.extend_from_slice(record);
        self.next.len() >= BLOCK
    }

    /// Takes what is to be written: nothing if nothing was added.
    pub fn take(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.begun, true) {
            out.extend_from_slice(MAGIC);
            out.push(VERSION);
        }
        let len = self.next.len().saturating_sub(HEAD);
        if len == 0 {
            return;
        }
        let len = u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes();
        let records = self.next.get(HEAD..).unwrap_or_default();
        let sum = checksum(self.number, len, records).to_le_bytes();
        out.extend_from_slice(&len);
        out.extend_from_slice(&sum);
        out.extend_from_slice(records);
        self.number = self.number.saturating_add(1);
        self.next.truncate(HEAD);
    }
}

fn checksum(number: u64, len: [u8; 4], records: &[u8]) -> u64 {
    // The length first, and apart: it is small, and the records are long.
    let seed = xxh3_64_with_seed(&len, number);
    xxh3_64_with_seed(records, seed)
}

/// Why a journal cannot be read on.
#[derive(Debug)]
pub enum JournalError {
    /// The system does not give it.
    Io(io::Error),
    /// It is no journal.
    NoJournal,
    /// It is a journal of another version.
    Version(u8),
    /// A block is not as it was written.
    Changed {
        /// Where it begins.
        at: u64,
    },
    /// A record makes no sense, although it is as it was written.
    Record {
        /// Where its block begins.
        at: u64,
        /// What is wrong.
        why: String,
    },
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JournalError::Io(error) => write!(f, "it cannot be read: {error}"),
            JournalError::NoJournal => f.write_str("it is no journal of a run"),
            JournalError::Version(version) => {
                write!(f, "it has version {version}, and this wippy knows {VERSION}")
            }
            JournalError::Changed { at } => {
                write!(f, "its block at byte {at} is not as it was written")
            }
            JournalError::Record { at, why } => {
                write!(f, "in its block at byte {at} is a record that makes no sense: {why}")
            }
        }
    }
}

impl std::error::Error for JournalError {}

/// Reads a journal.
#[derive(Debug)]
pub struct JournalReader<R> {
    from: R,
    /// The records of a block, and how far they are read.
    records: Vec<u8>,
    read: usize,
    /// How many blocks were read.
    number: u64,
    /// Where the block begins, and where the next does.
    block: u64,
    at: u64,
    /// It has ended in the middle of a block.
    cut: bool,
}

impl<R: io::Read> JournalReader<R> {
    /// A journal that begins here.
    ///
    /// # Errors
    ///
    /// If it is none, or of another version.
    pub fn new(from: R) -> Result<JournalReader<R>, JournalError> {
        let (records, at) = (Vec::new(), MAGIC.len() as u64 + 1);
        let mut reader =
            JournalReader { from, records, read: 0, number: 0, block: 0, at, cut: false };
        let mut head = Vec::new();
        reader.fill(&mut head, MAGIC.len() + 1)?;
        match head.strip_prefix(MAGIC) {
            Some([VERSION]) => Ok(reader),
            Some([version]) => Err(JournalError::Version(*version)),
            Some(_) | None => Err(JournalError::NoJournal),
        }
    }

    /// So many bytes, or as many as there are. It grows with what is there.
    fn fill(&mut self, into: &mut Vec<u8>, len: usize) -> Result<bool, JournalError> {
        into.clear();
        let mut limited = io::Read::take(&mut self.from, len as u64);
        io::Read::read_to_end(&mut limited, into).map_err(JournalError::Io)?;
        Ok(into.len() == len)
    }

    /// The next record; nothing at the end.
    ///
    /// # Errors
    ///
    /// If the next block is not as it was written.
    #[allow(clippy::should_implement_trait, reason = "it fails")]
    pub fn next(&mut self) -> Result<Option<Record>, JournalError> {
        while self.read >= self.records.len() {
            if !self.block()? {
                return Ok(None);
            }
        }
        let rest = self.records.get(self.read..).unwrap_or_default();
        match codec::next(rest) {
            Ok((record, len)) => {
                self.read = self.read.saturating_add(len);
                Ok(Some(record))
            }
            Err(why) => Err(JournalError::Record { at: self.block, why: why.to_string() }),
        }
    }

    /// Reads a block; false at the end.
    fn block(&mut self) -> Result<bool, JournalError> {
        let (mut head, mut records) = (Vec::new(), std::mem::take(&mut self.records));
        (self.block, self.read) = (self.at, 0);
        let whole = self.fill(&mut head, HEAD)?;
        let parts = head.split_first_chunk::<4>().zip(head.last_chunk::<8>());
        let (Some(((len, _), sum)), true) = (parts, whole) else {
            self.cut |= !head.is_empty();
            return Ok(false);
        };
        let changed = JournalError::Changed { at: self.block };
        let count = u32::from_le_bytes(*len);
        if count == 0 || count > MAX_BLOCK {
            return Err(changed);
        }
        if !self.fill(&mut records, count as usize)? {
            self.cut = true;
            return Ok(false);
        }
        if checksum(self.number, *len, &records) != u64::from_le_bytes(*sum) {
            return Err(changed);
        }
        self.records = records;
        self.number = self.number.saturating_add(1);
        self.at = self.at.saturating_add(HEAD as u64).saturating_add(u64::from(count));
        Ok(true)
    }

    /// True if it has ended in the middle of a block.
    pub fn is_cut(&self) -> bool {
        self.cut
    }
}
