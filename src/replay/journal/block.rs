//! Blocks: how records lie in a file.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Record;
use crate::command::codec::{self, TooDeep};

/// How a journal begins.
pub const MAGIC: &[u8; 8] = b"\x89wreplay";

/// The version that is written, and the only one that is read so far.
pub const VERSION: u8 = 3;

/// Bytes of records from which on a block is written.
pub const BLOCK: usize = 64 << 10;

/// The most bytes of records in a block: one record alone may be large.
pub(super) const MAX_BLOCK: u32 = 1 << 30;

/// Bytes before the records of a block.
pub(super) const HEAD: usize = 12;

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

/// The checksum of a block.
pub(super) fn checksum(number: u64, len: [u8; 4], records: &[u8]) -> u64 {
    // The length first, and apart: it is small, and the records are long.
    let seed = xxh3_64_with_seed(&len, number);
    xxh3_64_with_seed(records, seed)
}
