//! The guest that values are lifted out of, and the bounds of its memory.

use crate::{
    component::{
        Trap,
        abi::{Encoding, Handles, Layouts, MAX_BYTE_LENGTH},
    },
    value::Types,
};

/// A guest that values are lifted out of, and how.
pub(crate) struct Source<'a> {
    pub types: &'a Types,
    pub layouts: &'a Layouts,
    pub memory: &'a [u8],
    pub encoding: Encoding,
    /// Pointers have 64 bits.
    pub ptr64: bool,
    pub handles: &'a mut dyn Handles,
}

impl Source<'_> {
    /// Bounds and alignment of `len` bytes at `ptr`.
    pub(super) fn check(&self, ptr: u64, len: u64, align: u32, what: &str) -> Result<u64, Trap> {
        if ptr & u64::from(align - 1) != 0 {
            return Err(Trap::canonical(format!("unaligned pointer: {what} at {ptr:#x}")));
        }
        match ptr.checked_add(len) {
            Some(end) if end <= self.memory.len() as u64 => Ok(ptr),
            _ => Err(Trap::canonical(format!(
                "{what} content out-of-bounds: {len} bytes at {ptr:#x}, memory has {:#x}",
                self.memory.len()
            ))),
        }
    }

    /// Checks the memory of a list and gives its address.
    pub(super) fn range(&self, ptr: u64, len: u64, size: u32, align: u32) -> Result<u64, Trap> {
        let bytes = len
            .checked_mul(u64::from(size))
            .filter(|bytes| *bytes <= MAX_BYTE_LENGTH)
            .ok_or_else(|| Trap::canonical(format!("list too long: {len} elements")))?;
        self.check(ptr, bytes, align, "list")
    }

    pub(super) fn bytes(&self, at: u64, len: usize) -> Result<&[u8], Trap> {
        usize::try_from(at)
            .ok()
            .and_then(|at| self.memory.get(at..at.checked_add(len)?))
            .ok_or_else(|| Trap::canonical("out of bounds memory access"))
    }

    pub(super) fn int(&self, at: u64, size: u32) -> Result<u64, Trap> {
        Ok(match *self.bytes(at, size as usize)? {
            [a] => u64::from(a),
            [a, b] => u64::from(u16::from_le_bytes([a, b])),
            [a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
            [a, b, c, d, e, f, g, h] => u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            _ => return Err(Trap::internal("a number of another size")),
        })
    }
}
