//! How a process has ended, told to many.
//!
//! Any number of others may monitor a process or be linked to it, and its value may
//! be large. So there is one of it, which all mailboxes share, and one charge for it,
//! which lasts as long as anybody has it.

use std::{fmt, ops::Deref, sync::Arc};

use super::{ErrorKind, ProcessError};
use crate::{
    account::{Account, Charge, Exceeded},
    value::Term,
};

/// How a process has ended, as others are told.
pub type Ending = Result<Term, ProcessError>;

/// An [`Ending`] that any number of others have. A clone is the same one.
#[derive(Clone)]
pub struct SharedEnding(Arc<Inner>);

struct Inner {
    ending: Ending,
    /// See [`SharedEnding::size`].
    size: usize,
    charge: Charge,
}

/// Endings up to this size are charged to whoever has them, as other mail is.
pub(crate) const SMALL_ENDING: usize = 4 << 10;

impl SharedEnding {
    /// Bytes of the value or the error, measured once.
    pub fn size(&self) -> usize {
        self.0.size
    }

    /// The bytes that are charged for already, whoever else has it.
    pub fn charged(&self) -> usize {
        if self.0.charge.bytes() > 0 { self.0.size } else { 0 }
    }

    /// The same, charged to this account with so many bytes that are kept with it, for
    /// as long as anybody has it. What is small is left to those who have it.
    ///
    /// # Errors
    ///
    /// If there is no room.
    pub fn charge_to(self, account: &Account, more: u64) -> Result<SharedEnding, Exceeded> {
        let bytes = (self.0.size as u64).saturating_add(more);
        if bytes <= SMALL_ENDING as u64 {
            return Ok(self);
        }
        let charge = account.charge(bytes)?;
        let size = self.0.size;
        Ok(SharedEnding(Arc::new(Inner { ending: self.into_inner(), size, charge })))
    }

    /// The rest of it, where its value has no room.
    pub fn without_value(&self) -> SharedEnding {
        let size = self.0.size;
        let fault = match &**self {
            Ok(_) => {
                let why = format!("it has ended well; its value, {size} bytes, found no room here");
                ProcessError::new(ErrorKind::Unavailable, why)
            }
            Err(ProcessError { kind, retryable, .. }) => {
                let why = format!("its error, {size} bytes, found no room here");
                ProcessError { retryable: *retryable, ..ProcessError::new(*kind, why) }
            }
        };
        SharedEnding::from(Err(fault))
    }

    /// The ending itself: a copy, unless nobody else has it.
    pub fn into_inner(self) -> Ending {
        Arc::try_unwrap(self.0).map_or_else(|shared| shared.ending.clone(), |inner| inner.ending)
    }
}

impl From<Ending> for SharedEnding {
    fn from(ending: Ending) -> SharedEnding {
        let size = match &ending {
            Ok(term) => term.size(),
            Err(fault) => fault.message.len().saturating_add(fault.details.size()),
        };
        SharedEnding(Arc::new(Inner { ending, size, charge: Charge::default() }))
    }
}

impl Deref for SharedEnding {
    type Target = Ending;

    fn deref(&self) -> &Ending {
        &self.0.ending
    }
}

impl PartialEq for SharedEnding {
    fn eq(&self, other: &SharedEnding) -> bool {
        **self == **other
    }
}

impl PartialEq<Ending> for SharedEnding {
    fn eq(&self, other: &Ending) -> bool {
        **self == *other
    }
}

impl fmt::Debug for SharedEnding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_charge_is_for_all_who_have_it_and_lasts_as_long() {
        let account = Account::new(1 << 20);
        let text = || Term::from("x".repeat(100_000));
        let ending = SharedEnding::from(Ok(text())).charge_to(&account, 7).unwrap();
        assert_eq!(account.used(), ending.size() as u64 + 7);
        let many = vec![ending.clone(); 1000];
        assert_eq!(account.used(), ending.size() as u64 + 7);
        assert_eq!(ending.charged(), ending.size());
        drop(many);
        assert_eq!(ending.into_inner(), Ok(text()));
        assert_eq!(account.used(), 0);
    }

    #[test]
    fn what_is_small_is_charged_where_it_is() {
        let account = Account::new(0);
        let ending = SharedEnding::from(Ok(Term::Nil)).charge_to(&account, 0).unwrap();
        assert_eq!(ending.charged(), 0);
    }

    #[test]
    fn what_has_no_room_tells_how_it_was() {
        let account = Account::new(10_000);
        let large = || Term::from("x".repeat(20_000));
        let value = SharedEnding::from(Ok(large()));
        assert!(value.clone().charge_to(&account, 0).is_err());
        let left = value.without_value().into_inner().unwrap_err();
        assert_eq!(left.kind, ErrorKind::Unavailable);
        let fault = ProcessError {
            retryable: true,
            details: large(),
            ..ProcessError::new(ErrorKind::Conflict, "so")
        };
        let left = SharedEnding::from(Err(fault)).without_value().into_inner().unwrap_err();
        assert_eq!((left.kind, left.retryable), (ErrorKind::Conflict, true));
    }
}
