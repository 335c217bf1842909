//! Handle tables: how a component instance names resources.
//!
//! CanonicalABI.md, "Table State" and "Resource State". A handle is an index
//! into the table of one instance; there is no way to name another's. Handles of all
//! sorts are in the same table.

use crate::{component::error::Trap, value::ResourceId};

/// A task among those of its process, to which handles may be lent. Whoever has one
/// knows that the task has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaskId(pub(super) u32);

/// Handles that a call has lent: table and index.
pub(crate) type Lends = Vec<(u32, u32)>;

/// An entry of a table: something that a handle may stand for.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Resource(ResourceHandle),
}

/// A handle of a resource.
#[derive(Clone, Debug)]
pub(crate) struct ResourceHandle {
    pub ty: ResourceId,
    pub rep: u32,
    /// `None` for an owned handle, else the task that it is lent to.
    pub scope: Option<TaskId>,
    /// How many times it is lent out at present.
    pub lends: u32,
}

/// A table of handles. Index 0 is never used.
#[derive(Debug, Default)]
pub(crate) struct Table {
    slots: Vec<Option<Entry>>,
    free: Vec<u32>,
}

impl Table {
    /// True if a handle can be added without a new place.
    pub fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// Adds a handle; its index. Whoever calls has counted it: the specification
    /// allows 2^28 in each table, which are a way to use up memory.
    pub fn add(&mut self, entry: Entry) -> u32 {
        if let Some(index) = self.free.pop()
            && let Some(slot) = self.slots.get_mut(index as usize)
        {
            *slot = Some(entry);
            return index;
        }
        if self.slots.is_empty() {
            self.slots.push(None);
        }
        self.slots.push(Some(entry));
        self.slots.len() as u32 - 1
    }

    /// Hands out all handles, and the places that are taken next.
    pub fn state(&self, to: &mut dyn FnMut(&[u8])) {
        for (index, slot) in self.slots.iter().enumerate() {
            let Some(Entry::Resource(ResourceHandle { ty, rep, scope, lends })) = slot else {
                continue;
            };
            let scope = scope.map_or(0, |TaskId(task)| u64::from(task).saturating_add(1));
            for part in [index as u64, u64::from(ty.0), u64::from(*rep), scope, u64::from(*lends)] {
                to(&part.to_le_bytes());
            }
        }
        self.free.iter().for_each(|index| to(&index.to_le_bytes()));
    }

    /// The handle of a resource at an index, if it is of the type.
    pub fn resource(&mut self, index: u32, ty: ResourceId) -> Result<&mut ResourceHandle, Trap> {
        let slot = self.slots.get_mut(index as usize);
        let Entry::Resource(handle) = slot
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

    /// Takes the handle of a resource out, unless it is lent.
    pub fn remove(&mut self, index: u32, ty: ResourceId) -> Result<ResourceHandle, Trap> {
        let handle = self.resource(index, ty)?.clone();
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
        if self.resource(index, ty)?.scope.is_some() {
            return Err(Trap::canonical("cannot lift own resource from a borrow"));
        }
        Ok(self.remove(index, ty)?.rep)
    }

    /// Ends one lend of a handle.
    pub fn unlend(&mut self, index: u32) {
        if let Some(Some(Entry::Resource(handle))) = self.slots.get_mut(index as usize) {
            handle.lends = handle.lends.saturating_sub(1);
        }
    }
}
