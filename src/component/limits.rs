//! The limits of one process that the guest meets inside wasm.
//!
//! Growth of any size is made in pieces, by code that is written for it when a
//! module is loaded (`rewrite/grow`), so that it can be stopped between them. The
//! first thing that this code does is to ask for the whole. Growth by more than a
//! piece is never done at once, but if it is within the limits it is taken off
//! them, and the pieces that follow use it up. A piece without that is refused, and
//! with it the whole.

use wasmi::{
    ResourceLimiter,
    errors::{MemoryError, TableError},
};
// wasmi names this type in a public trait but does not export it.
use wasmi_core::LimiterError;

use crate::account::{Account, Charge};

/// Bytes of one table element in the interpreter.
pub(crate) const ELEMENT: usize = 8;

/// Pages that a memory grows by at once, when it grows by so many or more.
pub(crate) const STEP_PAGES: u32 = 32;

/// Elements that a table grows by at once, when it grows by so many or more.
pub(crate) const STEP_ELEMENTS: u32 = 64 << 10;

const STEP_BYTES: usize = STEP_PAGES as usize * 65_536;

/// Linear memory that a process may have unless its entry says otherwise.
pub const DEFAULT_MEMORY: u64 = 1 << 30;

/// Charges all linear memory and tables of a process to its account. Growth beyond
/// the limit fails inside the guest, as growth fails in wasm: with -1.
#[derive(Debug)]
pub(crate) struct Limiter {
    account: Account,
    /// For all there is, and what is promised.
    charge: Charge,
    /// What has been asked for as a whole and is still to be grown, in pieces.
    promised: u64,
    /// Memories and tables are being made, of any size.
    making: bool,
    last: Last,
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
        Limiter { charge, account, promised: 0, making: false, last }
    }

    /// The account of the process.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Bytes of linear memory and tables at present.
    pub fn used(&self) -> u64 {
        self.charge.bytes()
    }

    /// There is room for so many bytes more.
    pub fn fits(&self, more: u64) -> bool {
        self.account.charge(more).is_ok()
    }

    /// While memories and tables are made, they may be of any size at once.
    pub fn set_making(&mut self, making: bool) {
        self.making = making;
    }

    fn grow(&mut self, step: usize, current: usize, desired: usize, max: Option<usize>) -> bool {
        let more = desired.saturating_sub(current);
        let is_step = more == step && !self.making;
        let (more, step) = (more as u64, step as u64);
        if self.promised > 0 && more <= self.promised && more <= step {
            self.promised -= more;
            self.last = Last::Promise(more);
            return true;
        }
        // What was promised and is not wanted any more.
        self.charge.sub(std::mem::take(&mut self.promised));
        self.last = Last::Account(0);
        let beyond = max.is_some_and(|max| desired > max);
        if is_step || beyond || self.charge.add(more).is_err() {
            return false;
        }
        if more > step && !self.making {
            self.promised = more;
            return false;
        }
        self.last = Last::Account(more);
        true
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
        Ok(self.grow(STEP_BYTES, current, desired, maximum))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        let bytes = |elements: usize| elements.saturating_mul(ELEMENT);
        let step = bytes(STEP_ELEMENTS as usize);
        Ok(self.grow(step, bytes(current), bytes(desired), maximum.map(bytes)))
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
