//! Handle tables: how a component instance names resources.
//!
//! CanonicalABI.md, "Table StoreData" and "Resource StoreData". A handle is an index
//! into the table of one instance; there is no way to name another's.

use crate::{component::error::Trap, value::ResourceId};

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
    /// Whether a handle can be added without a new place.
    pub fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// Adds a handle; its index. Whoever calls has counted it: the specification
    /// allows 2^28 in each table, which are a way to use up memory.
    pub fn add(&mut self, handle: Handle) -> u32 {
        if let Some(index) = self.free.pop()
            && let Some(slot) = self.slots.get_mut(index as usize)
        {
            *slot = Some(handle);
            return index;
        }
        if self.slots.is_empty() {
            self.slots.push(None);
        }
        self.slots.push(Some(handle));
        self.slots.len() as u32 - 1
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
