//! Reading a journal, which anybody may have written.

use std::{fmt, io};

use super::{
    Record,
    block::{HEAD, MAGIC, MAX_BLOCK, VERSION, checksum},
};
use crate::command::codec;

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
        /// The fault, in words.
        why: String,
    },
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JournalError::Io(error) => write!(f, "it cannot be read: {error}"),
            JournalError::NoJournal => {
                f.write_str("it is no journal of a run; `--record FILE` writes one")
            }
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
