//! Lists and maps.

use super::{Lower, Pending, Realloc, Target, Task, mismatch};
use crate::{
    component::{Trap, abi::Place},
    value::{List, Scalar, TypeId, Types, Value},
};

impl Lower {
    /// Asks for the memory of a list.
    pub(super) fn list(
        &mut self,
        list: List,
        ty: TypeId,
        place: Place,
        target: &Target<'_>,
    ) -> Result<(), Trap> {
        let layout = target.layouts.get(ty, target.ptr64);
        let new_size = byte_length(list.len(), layout.size)?;
        let realloc = Realloc { old: 0, old_size: 0, align: layout.align, new_size };
        let list = typed(list, ty, target.types)?;
        self.ask(realloc, Pending::List { list, ty, place });
        Ok(())
    }

    /// Asks for the memory of a map.
    pub(super) fn map(
        &mut self,
        entries: Vec<(Value, Value)>,
        ty: (TypeId, TypeId),
        place: Place,
        target: &Target<'_>,
    ) -> Result<(), Trap> {
        let entry = target.layouts.tuple(&[ty.0, ty.1], target.ptr64);
        let new_size = byte_length(entries.len(), entry.size)?;
        let realloc = Realloc { old: 0, old_size: 0, align: entry.align, new_size };
        self.ask(realloc, Pending::Map { entries, ty, place });
        Ok(())
    }

    /// Stores the elements of a list that has its length in its type.
    pub(super) fn elements(
        &mut self,
        list: List,
        ty: TypeId,
        place: Place,
        target: &mut Target<'_>,
    ) -> Result<(), Trap> {
        match (place, typed(list, ty, target.types)?) {
            (Place::At(at), List::Scalars(scalar, bytes)) => {
                self.copy(at, bytes, Some(scalar), None, target)?;
            }
            (Place::At(at), List::Values(values)) => {
                let (rest, then) = (values.into_iter(), None);
                self.tasks.push(Task::Elements { rest, ty, at, then });
            }
            (Place::Flat, list) => {
                for value in list.iter().collect::<Vec<_>>().into_iter().rev() {
                    self.tasks.push(Task::Value { value, ty, place });
                }
            }
        }
        Ok(())
    }
}

/// A list in the form that its element type asks for; numbers are made canonical
/// when they are written.
fn typed(list: List, element: TypeId, types: &Types) -> Result<List, Trap> {
    let scalar = Scalar::of(types.get(element));
    match (scalar, list) {
        (Some(want), list @ List::Scalars(have, _)) if want == have => Ok(list),
        (Some(want), List::Values(values)) => {
            let mut bytes = Vec::with_capacity(values.len().saturating_mul(want.size()));
            for value in &values {
                if !want.write(value, &mut bytes) {
                    return Err(mismatch(types, element));
                }
            }
            Ok(List::Scalars(want, bytes))
        }
        (None, list @ List::Values(_)) => Ok(list),
        (None, List::Scalars(_, bytes)) if bytes.is_empty() => Ok(List::Values(Vec::new())),
        _ => Err(mismatch(types, element)),
    }
}

fn byte_length(len: usize, size: u32) -> Result<u64, Trap> {
    (len as u64)
        .checked_mul(u64::from(size))
        .filter(|bytes| *bytes <= u64::from(u32::MAX))
        .ok_or_else(|| Trap::canonical(format!("list too long: {len} elements")))
}
