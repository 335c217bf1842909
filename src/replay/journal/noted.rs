//! What a process has asked and answered in a step, as a journal holds it to compare with.

use std::fmt;

use xxhash_rust::xxh3::xxh3_64_with_seed;

#[cfg(test)]
use crate::command::codec::tests::Random;
use crate::command::{
    Reply,
    codec::{self, Coded, DecodeError, Problem, Reader, TooDeep, Writer, coded_enum},
};

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
        /// The command in words, for people.
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
    pub(in crate::replay) fn write<T: Coded>(
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
    pub(in crate::replay) fn is_of<T: Coded>(&self, value: &T, scratch: &mut Vec<u8>) -> bool {
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

impl fmt::Debug for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Noted::Whole(bytes) => write!(f, "Whole({} bytes)", bytes.len()),
            Noted::Hashed { name, len, hash } => write!(f, "{name} of {len} bytes, {hash:016x}"),
        }
    }
}
