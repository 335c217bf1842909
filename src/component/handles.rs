//! Handle tables: how a component instance names resources.
//!
//! CanonicalABI.md, "Table State" and "Resource State". A handle is an index
//! into the table of one instance; there is no way to name another's.

use super::error::{Trap, TrapKind};
use crate::value::ResourceId;

/// Places for handles that all tables of one process may have. The specification
/// allows 2^28 in each; that many would be a way to use up the host's memory that
/// `max_memory` does not see.
const MAX_HANDLES: usize = 1 << 20;

/// One handle.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    pub ty: ResourceId,
    pub rep: u32,
    /// `None` for an owned handle, else the call during which it is lent: an
    /// index into the process's stack of borrow scopes.
    pub borrowed: Option<u32>,
    /// How many times it is lent out at present.
    pub lends: u32,
}

/// A table of handles. Index 0 is never used.
#[derive(Debug, Default)]
pub(crate) struct HandleTable {
    slots: Vec<Option<Handle>>,
    free: Vec<u32>,
}

impl HandleTable {
    /// Adds a handle; its index. `places` counts the places of all tables of
    /// the process.
    pub fn add(&mut self, handle: Handle, places: &mut usize) -> Result<u32, Trap> {
        if let Some(index) = self.free.pop()
            && let Some(slot) = self.slots.get_mut(index as usize)
        {
            *slot = Some(handle);
            return Ok(index);
        }
        if *places >= MAX_HANDLES {
            return Err(Trap::new(TrapKind::Limit, format!("more than {MAX_HANDLES} handles")));
        }
        *places += 1;
        if self.slots.is_empty() {
            self.slots.push(None);
        }
        self.slots.push(Some(handle));
        Ok(self.slots.len() as u32 - 1)
    }

    /// The handle at an index, if it is of the type.
    pub fn get(&mut self, index: u32, ty: ResourceId) -> Result<&mut Handle, Trap> {
        let slot = self.slots.get_mut(index as usize);
        let handle = slot
            .and_then(Option::as_mut)
            .ok_or_else(|| Trap::canonical(format!("unknown handle index {index}")))?;
        if handle.ty != ty {
            return Err(Trap::canonical(format!(
                "handle index {index} used with the wrong type, expected guest-defined resource \
                 but found a different guest-defined resource"
            )));
        }
        Ok(handle)
    }

    /// Takes a handle out, unless it is lent.
    pub fn remove(&mut self, index: u32, ty: ResourceId) -> Result<Handle, Trap> {
        let handle = self.get(index, ty)?.clone();
        if handle.lends != 0 {
            return Err(Trap::canonical("cannot remove owned resource while borrowed"));
        }
        if let Some(slot) = self.slots.get_mut(index as usize) {
            *slot = None;
        }
        self.free.push(index);
        Ok(handle)
    }

    /// Takes an owned handle out; its representation.
    pub fn remove_own(&mut self, index: u32, ty: ResourceId) -> Result<u32, Trap> {
        if self.get(index, ty)?.borrowed.is_some() {
            return Err(Trap::canonical("cannot lift own resource from a borrow"));
        }
        Ok(self.remove(index, ty)?.rep)
    }

    /// Ends one lend of a handle.
    pub fn unlend(&mut self, index: u32) {
        if let Some(Some(handle)) = self.slots.get_mut(index as usize) {
            handle.lends = handle.lends.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_over_all_tables() {
        let handle = || Handle { ty: ResourceId(0), rep: 0, borrowed: None, lends: 0 };
        let (mut a, mut b) = (HandleTable::default(), HandleTable::default());
        let mut places = MAX_HANDLES - 2;
        assert_eq!(a.add(handle(), &mut places), Ok(1));
        assert_eq!(b.add(handle(), &mut places), Ok(1));
        assert!(a.add(handle(), &mut places).is_err_and(|trap| trap.kind == TrapKind::Limit));
        // A place that is free can be used again.
        assert!(a.remove(1, ResourceId(0)).is_ok());
        assert_eq!(a.add(handle(), &mut places), Ok(1));
    }
}
