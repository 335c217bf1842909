//! The types of the functions that are added, and of their operands.

use wasm_encoder::ValType;

use super::spaces::Spaces;
use crate::component::error::LoadError;

/// A function type.
pub(super) struct Signature {
    pub params: Vec<ValType>,
    pub results: Vec<ValType>,
}

pub(super) fn memory_index(spaces: &Spaces<'_>, memory: u32) -> Result<ValType, LoadError> {
    let ty = spaces.memories.get(memory as usize).ok_or_else(unknown)?;
    Ok(if ty.memory64 { ValType::I64 } else { ValType::I32 })
}

pub(super) fn table_index(spaces: &Spaces<'_>, table: u32) -> Result<ValType, LoadError> {
    let ty = spaces.tables.get(table as usize).ok_or_else(unknown)?;
    Ok(if ty.table64 { ValType::I64 } else { ValType::I32 })
}

pub(super) fn unknown() -> LoadError {
    LoadError::new("a function of a core module names a memory or table that there is not")
}
