//! What a process hands on to those that it starts and calls.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    account::{Account, Charge},
    command::{Context, ErrorKind, ProcessError},
    value::Term,
};

/// Bytes that a context may have.
const MAX_BYTES: usize = 1 << 20;

/// The name of what is for one process alone: the request that it answers.
pub(in crate::host) const REQUEST: &str = "@request";

/// A context, and what holding it takes.
#[derive(Default, Debug)]
pub(in crate::host) struct Handed {
    values: Context,
    charge: Charge,
}

impl Handed {
    /// A context of these values.
    pub fn of(values: Vec<(String, Term)>) -> Handed {
        Handed { values: values.into(), charge: Charge::default() }
    }

    /// The values.
    pub fn values(&self) -> Context {
        self.values.clone()
    }

    /// The context of another process, with these values beside its own.
    ///
    /// # Errors
    ///
    /// If it is too large.
    pub fn handed_on(&self, more: Vec<(String, Term)>) -> Result<Handed, ProcessError> {
        let own = || self.values.iter().filter(|(name, _)| name != REQUEST);
        if more.is_empty() && own().count() == self.values.len() {
            let values = self.values.clone();
            return Ok(Handed { values, charge: Charge::default() });
        }
        let mut values: BTreeMap<String, Term> = own().cloned().collect();
        values.extend(more);
        let handed = Handed::of(values.into_iter().collect());
        match handed.size() {
            size if size <= MAX_BYTES => Ok(handed),
            size => {
                let why = format!("a context has at most {MAX_BYTES} bytes, and not {size}");
                Err(ProcessError::new(ErrorKind::Invalid, why))
            }
        }
    }

    /// The same, on this account.
    ///
    /// # Errors
    ///
    /// If it has no room.
    pub fn held_by(mut self, account: &Account) -> Result<Handed, ProcessError> {
        let size = self.size();
        if size > 0 {
            self.charge = account.charge(size as u64).map_err(|exceeded| {
                let why = format!("there is no memory for a context: {exceeded}");
                ProcessError::new(ErrorKind::Unavailable, why)
            })?;
        }
        Ok(self)
    }

    fn size(&self) -> usize {
        let one = |(name, value): &(String, Term)| name.len().saturating_add(value.size());
        self.values.iter().map(one).fold(0, usize::saturating_add)
    }
}

impl From<Context> for Handed {
    fn from(values: Context) -> Handed {
        Handed { values: Arc::clone(&values), charge: Charge::default() }
    }
}
