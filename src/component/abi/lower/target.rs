//! The guest that values are lowered into, and the bounds of its memory.

use crate::{
    component::{
        Trap,
        abi::{Encoding, Handles, Layouts},
    },
    value::Types,
};

/// A guest that values are lowered into, and how.
pub(crate) struct Target<'a> {
    pub types: &'a Types,
    pub layouts: &'a Layouts,
    pub memory: &'a mut [u8],
    pub encoding: Encoding,
    /// Pointers have 64 bits.
    pub ptr64: bool,
    pub handles: &'a mut dyn Handles,
}

impl Target<'_> {
    pub(super) fn check(
        &self,
        what: &str,
        address: u64,
        size: u64,
        align: u32,
    ) -> Result<u64, Trap> {
        if address & u64::from(align - 1) != 0 {
            return Err(Trap::canonical(format!(
                "{what}: unaligned pointer: {address:#x} for an alignment of {align}"
            )));
        }
        match address.checked_add(size) {
            Some(end) if end <= self.memory.len() as u64 => Ok(address),
            _ => Err(Trap::canonical(format!(
                "{what}: beyond end of memory: {size} bytes at {address:#x}, memory has {:#x}",
                self.memory.len()
            ))),
        }
    }

    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), Trap> {
        let to = usize::try_from(at)
            .ok()
            .and_then(|at| self.memory.get_mut(at..at.checked_add(bytes.len())?));
        match to {
            Some(to) => {
                to.copy_from_slice(bytes);
                Ok(())
            }
            None => Err(Trap::canonical("out of bounds memory access")),
        }
    }

    /// Makes UTF-16 of the Latin-1 characters with these numbers in a text at an address,
    /// where they are. Those behind them have been.
    pub(super) fn widen(&mut self, at: u64, from: usize, to: usize) -> Result<(), Trap> {
        let text = usize::try_from(at).ok().and_then(|at| self.memory.get_mut(at..));
        let some = text.and_then(|text| {
            let narrow = text.get(from..to)?.to_vec();
            let wide = text.get_mut(from.checked_mul(2)?..to.checked_mul(2)?)?;
            Some((narrow, wide))
        });
        let Some((narrow, wide)) = some else {
            return Err(Trap::canonical("out of bounds memory access"));
        };
        let (wide, _) = wide.as_chunks_mut::<2>();
        wide.iter_mut().zip(narrow).for_each(|(wide, narrow)| *wide = [narrow, 0]);
        Ok(())
    }
}
