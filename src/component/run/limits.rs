//! The limits of one process that the guest meets inside wasm.
//!
//! Growth of any size is made in pieces, by code that is written for it when a
//! module is loaded (`rewrite/grow`), so that it can be stopped between them. The
//! first thing that this code does is to say how much it will be, by trying to grow a
//! table of its own by [`ASKING`] and so much. With the first piece the whole is
//! charged, if it is within the limits, and the other pieces use that up. A piece that
//! nothing has been said about is refused.

use wasmi::{
    ResourceLimiter,
    errors::{MemoryError, TableError},
};
// wasmi names this type in a public trait but does not export it.
use wasmi_core::LimiterError;

use crate::{
    account::{Account, Charge, Exceeded},
    component::pieces::{ASKING, ELEMENT, STEP_ELEMENTS, STEP_PAGES},
};

const PAGE: usize = 65_536;

const STEP_BYTES: usize = STEP_PAGES as usize * PAGE;

/// Linear memory that a process may have unless its entry says otherwise.
pub const DEFAULT_MEMORY: u64 = 1 << 30;

/// Charges all linear memory and tables of a process to its account. Growth beyond
/// the limit fails inside the guest, as growth fails in wasm: with -1.
#[derive(Debug)]
pub(crate) struct Limiter {
    account: Account,
    /// For all there is, and what is promised.
    charge: Charge,
    /// How many pages or elements the next pieces will be together.
    asked: Option<u64>,
    /// Bytes that have been charged for them and are still to be grown.
    promised: u64,
    /// Memories and tables are being made, of any size.
    making: bool,
    /// Bytes of memories that are made and count for nobody: those for the notes of a
    /// process that is watched.
    free: Option<usize>,
    last: Last,
    /// Why the last growth that failed did so.
    refused: Option<Exceeded>,
}

/// Where the growth that is under way has been taken from.
#[derive(Clone, Copy, Debug)]
enum Last {
    Account(u64),
    Promise(u64),
}

impl Limiter {
    pub fn new(account: Account) -> Limiter {
        let (charge, last) = (account.open(), Last::Account(0));
        Limiter {
            charge,
            account,
            asked: None,
            promised: 0,
            making: false,
            free: None,
            last,
            refused: None,
        }
    }

    /// The account of the process.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Why the last growth has failed, if the account had no room for it.
    pub fn refused(&self) -> Option<Exceeded> {
        self.refused
    }

    /// Bytes of linear memory and tables at present.
    pub fn used(&self) -> u64 {
        self.charge.bytes()
    }

    /// There is room for so many bytes more.
    ///
    /// # Errors
    ///
    /// If there is not.
    pub fn fits(&self, more: u64) -> Result<(), Exceeded> {
        self.account.charge(more).map(drop)
    }

    /// While memories and tables are made, they may be of any size at once.
    pub fn set_making(&mut self, making: bool) {
        self.making = making;
    }

    /// Memories that are made with so many bytes, and cannot grow, count for nobody.
    pub fn set_free(&mut self, bytes: usize) {
        self.free = Some(bytes);
    }

    /// Growth of something in units of so many bytes, and its largest piece.
    fn grow(
        &mut self,
        (unit, step): (usize, usize),
        current: usize,
        desired: usize,
        max: Option<usize>,
    ) -> bool {
        let more = desired.saturating_sub(current) as u64;
        let fits = |end: u64| max.is_none_or(|max| end <= max as u64);
        self.last = Last::Account(0);
        self.refused = None;
        if let Some(count) = self.asked.take() {
            self.charge.sub(std::mem::take(&mut self.promised));
            let whole = count.saturating_mul(unit as u64);
            let end = (current as u64).saturating_add(whole);
            if !fits(end) || !self.add(whole) {
                return false;
            }
            self.promised = whole;
        }
        if self.promised > 0 && more <= self.promised {
            self.promised -= more;
            self.last = Last::Promise(more);
            return true;
        }
        let at_once = self.making || more < step as u64;
        if !at_once || !fits(desired as u64) || !self.add(more) {
            return false;
        }
        self.last = Last::Account(more);
        true
    }

    fn add(&mut self, bytes: u64) -> bool {
        self.refused = self.charge.add(bytes).err();
        self.refused.is_none()
    }

    /// The growth that is under way has not come about; it may be tried again if it
    /// was `only_fuel` that failed.
    fn undo(&mut self, only_fuel: bool) {
        match std::mem::replace(&mut self.last, Last::Account(0)) {
            Last::Account(more) => self.charge.sub(more),
            Last::Promise(more) => {
                self.promised = self.promised.saturating_add(more);
                if !only_fuel {
                    self.charge.sub(std::mem::take(&mut self.promised));
                }
            }
        }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        if self.making && self.free == Some(desired) && maximum == Some(desired) {
            self.last = Last::Account(0);
            return Ok(true);
        }
        Ok(self.grow((PAGE, STEP_BYTES), current, desired, maximum))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        let bytes = |elements: usize| elements.saturating_mul(ELEMENT);
        if let Some(count) = (desired - desired.min(current)).checked_sub(ASKING as usize)
            && !self.making
        {
            self.asked = Some(count as u64);
            return Ok(false);
        }
        let step = bytes(STEP_ELEMENTS as usize);
        Ok(self.grow((ELEMENT, step), bytes(current), bytes(desired), maximum.map(bytes)))
    }

    fn memory_grow_failed(&mut self, error: &MemoryError) -> Result<(), LimiterError> {
        self.undo(matches!(error, MemoryError::OutOfFuel { .. }));
        Ok(())
    }

    fn table_grow_failed(&mut self, error: &TableError) -> Result<(), LimiterError> {
        self.undo(matches!(error, TableError::OutOfFuel { .. }));
        Ok(())
    }

    fn instances(&self) -> usize {
        usize::MAX
    }

    fn tables(&self) -> usize {
        usize::MAX
    }

    fn memories(&self) -> usize {
        usize::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: usize = STEP_PAGES as usize;

    fn limiter(pages: usize) -> Limiter {
        Limiter::new(Account::new((pages * PAGE) as u64))
    }

    /// Growth by so many pages, as the code for it does it; whether it succeeds.
    fn grow(limiter: &mut Limiter, size: &mut usize, pages: usize, max: Option<usize>) -> bool {
        let grow_by = |limiter: &mut Limiter, size: &mut usize, by: usize| {
            // The interpreter looks at the maximum first.
            let within = max.is_none_or(|max| *size + by <= max);
            let max = max.map(|max| max * PAGE);
            let grown = by == 0
                || within
                    && limiter.memory_growing(*size * PAGE, (*size + by) * PAGE, max).unwrap();
            *size += if grown { by } else { 0 };
            grown
        };
        if pages < STEP {
            return grow_by(limiter, size, pages);
        }
        assert!(!limiter.table_growing(0, ASKING as usize + pages, None).unwrap());
        let mut rest = pages;
        while rest >= STEP {
            if !grow_by(limiter, size, STEP) {
                return false;
            }
            rest -= STEP;
        }
        grow_by(limiter, size, rest)
    }

    #[test]
    fn growth_succeeds_as_a_whole_or_not_at_all() {
        let sizes = [1, STEP - 1, STEP, STEP + 1, 2 * STEP, 3 * STEP + 5, 100, 70];
        for limit in [0, 1, STEP, STEP + 1, 5 * STEP, 200, 201, 400] {
            for max in [None, Some(0), Some(STEP), Some(150), Some(300)] {
                let mut limiter = limiter(limit);
                let mut size = 0;
                for pages in sizes {
                    let (before, room) = (size, limit.min(max.unwrap_or(limit)));
                    let grown = grow(&mut limiter, &mut size, pages, max);
                    assert_eq!(grown, before + pages <= room, "{pages} at {before}, {room}");
                    assert_eq!(size, if grown { before + pages } else { before });
                    assert_eq!(limiter.used() as usize, size * PAGE);
                }
            }
        }
    }

    #[test]
    fn a_piece_that_waits_for_fuel_is_tried_again_and_one_without_memory_ends_it() {
        let mut limiter = limiter(1000);
        assert!(!limiter.table_growing(0, ASKING as usize + 3 * STEP, None).unwrap());
        assert!(limiter.memory_growing(0, STEP * PAGE, None).unwrap());
        let fuel = MemoryError::OutOfFuel { required_fuel: 1 };
        limiter.memory_grow_failed(&fuel).unwrap();
        assert!(limiter.memory_growing(0, STEP * PAGE, None).unwrap());
        assert!(limiter.memory_growing(STEP * PAGE, 2 * STEP * PAGE, None).unwrap());
        limiter.memory_grow_failed(&MemoryError::OutOfSystemMemory).unwrap();
        assert_eq!(limiter.used() as usize, STEP * PAGE);
    }

    #[test]
    fn what_is_made_may_be_of_any_size() {
        let mut limiter = limiter(1000);
        limiter.set_making(true);
        assert!(limiter.memory_growing(0, 900 * PAGE, None).unwrap());
        assert!(!limiter.memory_growing(0, 200 * PAGE, None).unwrap());
        assert_eq!(limiter.used() as usize, 900 * PAGE);
    }
}
