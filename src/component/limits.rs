//! The limits of one process that the guest meets inside wasm.

use wasmi::{
    ResourceLimiter,
    errors::{MemoryError, TableError},
};
// wasmi names this type in a public trait but does not export it.
use wasmi_core::LimiterError;

use crate::account::{Account, Charge, Exceeded};

/// Bytes of one table element in the interpreter.
const ELEMENT: usize = 8;

/// Linear memory that a process may have unless its entry says otherwise.
pub const DEFAULT_MEMORY: u64 = 1 << 30;

/// Charges all linear memory and tables of a process to its account. Growth beyond
/// the limit fails inside the guest, as growth fails in wasm: with -1.
#[derive(Debug)]
pub(crate) struct Limiter {
    account: Account,
    charge: Charge,
    /// What the growth that is under way has added.
    last: u64,
    /// Why the last growth that failed did so.
    refused: Option<Exceeded>,
}

impl Limiter {
    pub fn new(account: Account) -> Limiter {
        Limiter { charge: account.open(), account, last: 0, refused: None }
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

    fn grow(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> bool {
        let more = desired.saturating_sub(current) as u64;
        let fits = maximum.is_none_or(|maximum| desired <= maximum);
        let charged = if fits { self.charge.add(more) } else { Ok(()) };
        let grows = fits && charged.is_ok();
        self.refused = charged.err();
        self.last = if grows { more } else { 0 };
        grows
    }

    fn undo(&mut self) {
        self.charge.sub(self.last);
        self.last = 0;
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        Ok(self.grow(current, desired, maximum))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        let bytes = |elements: usize| elements.saturating_mul(ELEMENT);
        Ok(self.grow(bytes(current), bytes(desired), maximum.map(bytes)))
    }

    fn memory_grow_failed(&mut self, _: &MemoryError) -> Result<(), LimiterError> {
        self.undo();
        Ok(())
    }

    fn table_grow_failed(&mut self, _: &TableError) -> Result<(), LimiterError> {
        self.undo();
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
