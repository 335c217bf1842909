//! The limit of what linking may do before the first step.
//!
//! A component says in a few bytes that a large part of it is used many times. So
//! the work of linking is counted, in steps of about the same size: a definition, a
//! field of a type, an export that is looked at, some bytes of a name. How many there
//! may be follows from the size of the file, so that whoever has loaded it waits no
//! longer for the rest. Real components take about one step for fifty bytes.

use std::{cell::Cell, rc::Rc};

use crate::component::error::LoadError;

/// Steps for a file of any size.
const FIRST: usize = 500_000;

/// Steps for each of its bytes.
const EACH_BYTE: usize = 4;

/// Steps for the largest file.
const MOST: usize = 20_000_000;

/// Bytes of a name that are a step.
const NAME: usize = 64;

/// The steps that are left. A clone is the same budget.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    left: Rc<Cell<usize>>,
    all: usize,
    bytes: usize,
}

impl Budget {
    /// The budget of a component that has so many bytes.
    pub fn new(bytes: usize) -> Budget {
        let all = bytes.saturating_mul(EACH_BYTE).saturating_add(FIRST).min(MOST);
        Budget { left: Rc::new(Cell::new(all)), all, bytes }
    }

    /// Takes so many steps.
    pub fn spend(&self, steps: usize) -> Result<(), LoadError> {
        let Budget { left, all, bytes } = self;
        let rest = left.get().checked_sub(steps);
        left.set(rest.ok_or_else(|| {
            LoadError::new(format!(
                "linking needs more than {all} steps, which is what a component of {bytes} bytes \
                 is given: a large part of it is used very many times"
            ))
        })?);
        Ok(())
    }

    /// Takes the steps for a name that is copied.
    pub fn name(&self, name: &str) -> Result<(), LoadError> {
        self.spend(name.len() / NAME)
    }

    /// The steps that have been taken.
    #[cfg(test)]
    pub fn spent(&self) -> usize {
        self.all - self.left.get()
    }
}
