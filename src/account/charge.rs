//! What is charged to an account, and given back when nobody holds it any more.

use super::{Account, Exceeded, SPARE};

/// Bytes on an account, until this is dropped. The default is on none, and counts
/// nothing.
#[derive(Debug, Default)]
pub struct Charge {
    account: Option<Account>,
    bytes: u64,
}

impl Charge {
    /// Bytes that `account` has counted already.
    pub(super) fn of(account: &Account, bytes: u64) -> Charge {
        Charge { account: Some(account.clone()), bytes }
    }

    /// The bytes that are charged.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// It is on no account.
    pub(crate) fn is_nobodys(&self) -> bool {
        self.account.is_none()
    }

    /// Gives all back but so many.
    pub fn keep(&mut self, bytes: u64) {
        self.sub(self.bytes.saturating_sub(bytes));
    }

    /// Charges so many more.
    ///
    /// # Errors
    ///
    /// As for [`Account::add`].
    pub fn add(&mut self, bytes: u64) -> Result<(), Exceeded> {
        if let Some(account) = &self.account {
            account.add(bytes)?;
            self.bytes = self.bytes.saturating_add(bytes);
        }
        Ok(())
    }

    /// Gives so many back, at most all.
    pub fn sub(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        if let Some(account) = &self.account {
            account.sub(bytes);
        }
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// Sees to it that at least `bytes` are charged, and not very many more.
    ///
    /// # Errors
    ///
    /// As for [`Account::add`].
    pub fn cover(&mut self, bytes: u64) -> Result<(), Exceeded> {
        if bytes > self.bytes {
            let more = bytes.saturating_sub(self.bytes);
            // Near the limit, nothing is to spare.
            return self.add(more.saturating_add(SPARE)).or_else(|_| self.add(more));
        }
        let enough = bytes.saturating_add(SPARE);
        if self.bytes > enough.saturating_add(2 * SPARE) {
            self.sub(self.bytes.saturating_sub(enough));
        }
        Ok(())
    }

    /// Charges so many more, beyond the limits if need be.
    pub fn add_anyway(&mut self, bytes: u64) {
        if let Some(account) = &self.account {
            account.add_anyway(bytes);
            self.bytes = self.bytes.saturating_add(bytes);
        }
    }

    /// Takes over what another one has charged on the same account.
    pub fn merge(&mut self, mut other: Charge) {
        match &self.account {
            Some(_) => self.bytes = self.bytes.saturating_add(std::mem::take(&mut other.bytes)),
            None => *self = other,
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if let Some(account) = &self.account
            && self.bytes > 0
        {
            account.sub(self.bytes);
        }
    }
}
