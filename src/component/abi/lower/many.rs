//! Work on many bytes: it comes before all else, and is done in parts.

use super::{Lower, Pair, Pending, Realloc, Target};
use crate::{
    component::{
        Trap,
        abi::{
            Place,
            lift::canonicalize,
            string::{self, Scan, Script, Step, Write, encode, script},
        },
    },
    value::Scalar,
};

/// A string whose bytes are changed.
pub(super) struct Stored {
    pub text: String,
    pub script: Script,
    pub place: Place,
}

/// Work on many bytes.
pub(super) enum Busy {
    /// Bytes are copied.
    Copy { bytes: Vec<u8>, scalar: Option<Scalar>, from: usize, at: u64, then: Option<Pair> },
    /// A text is looked at.
    Scan { text: String, scan: Scan, place: Place },
    /// A part of a text is written to memory that has been made for it, its address and its
    /// size.
    Write { stored: Stored, write: Write, made: (u64, u64) },
}

/// The fewest bytes of a part, so that there is an end.
const PART: usize = 4096;

/// Up to so many bytes are copied at once, however little work may be done.
pub(super) const SMALL: usize = 16 << 10;

impl Lower {
    /// How many bytes may be worked on now.
    fn part(&self) -> usize {
        let left = self.until.saturating_sub(self.work);
        // Whole numbers, and not so many that much would be held for them.
        usize::try_from(left).unwrap_or(usize::MAX).clamp(PART, 1 << 20) & !7
    }

    /// Writes bytes, now if they are few, and then where they are.
    pub(super) fn copy(
        &mut self,
        at: u64,
        mut bytes: Vec<u8>,
        scalar: Option<Scalar>,
        then: Option<Pair>,
        target: &mut Target<'_>,
    ) -> Result<(), Trap> {
        if bytes.len() > SMALL {
            self.busy = Some(Busy::Copy { bytes, scalar, from: 0, at, then });
            return Ok(());
        }
        if let Some(scalar) = scalar {
            canonicalize(scalar, &mut bytes);
        }
        self.work = self.work.saturating_add(bytes.len() as u64);
        target.write(at, &bytes)?;
        then.map_or(Ok(()), |pair| self.pair(pair, target))
    }

    /// Does a part of what is to be done with many bytes.
    pub(super) fn go_on(&mut self, busy: Busy, target: &mut Target<'_>) -> Result<(), Trap> {
        let most = self.part();
        match busy {
            Busy::Copy { mut bytes, scalar, from, at, then } => {
                let end = bytes.len().min(from.saturating_add(most));
                let part = bytes.get_mut(from..end).unwrap_or_default();
                if let Some(scalar) = scalar {
                    canonicalize(scalar, part);
                }
                target.write(at.saturating_add(from as u64), part)?;
                self.work = self.work.saturating_add(part.len() as u64);
                if end < bytes.len() {
                    self.busy = Some(Busy::Copy { bytes, scalar, from: end, at, then });
                } else if let Some(pair) = then {
                    self.pair(pair, target)?;
                }
            }
            Busy::Scan { text, mut scan, place } => {
                let part = string::part(&text, scan.seen, most);
                scan.look(part);
                self.work = self.work.saturating_add(part.len() as u64);
                if scan.seen < text.len() {
                    self.busy = Some(Busy::Scan { text, scan, place });
                    return Ok(());
                }
                let script = script(&scan, self.source, target.encoding, target.ptr64);
                self.step(Stored { text, script, place }, (0, 0), target)?;
            }
            Busy::Write { stored, mut write, made } => {
                if write.widen > 0 {
                    let from = write.widen.saturating_sub(most);
                    target.widen(made.0, from, write.widen)?;
                    let some = write.widen.saturating_sub(from);
                    self.work = self.work.saturating_add(some as u64);
                    write.widen = from;
                    self.busy = Some(Busy::Write { stored, write, made });
                    return Ok(());
                }
                let text = stored.text.get(..write.end).unwrap_or_default();
                let part = string::part(text, write.from, most);
                let bytes = encode(write.how, part);
                target.write(made.0.saturating_add(write.at), &bytes)?;
                self.work = self.work.saturating_add(part.len() as u64);
                write.from = write.from.saturating_add(part.len());
                write.at = write.at.saturating_add(bytes.len() as u64);
                if write.from < write.end && !part.is_empty() {
                    self.busy = Some(Busy::Write { stored, write, made });
                    return Ok(());
                }
                self.step(stored, made, target)?;
            }
        }
        Ok(())
    }

    /// The next step of storing a string for which there is memory, its address and
    /// its size; or the end.
    pub(super) fn step(
        &mut self,
        mut stored: Stored,
        (old, old_size): (u64, u64),
        target: &mut Target<'_>,
    ) -> Result<(), Trap> {
        let Some(Step { align, size, write }) = stored.script.steps.next() else {
            let (place, len) = (stored.place, stored.script.tagged_units);
            return self.pair(Pair { place, pointer: old, len }, target);
        };
        let realloc = Realloc { old, old_size, align, new_size: size };
        self.ask(realloc, Pending::String { stored, write });
        Ok(())
    }
}
