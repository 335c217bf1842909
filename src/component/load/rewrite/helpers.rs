//! The functions that rewriting adds to a module.
//!
//! They come behind all that the module has, so that no index changes: types,
//! functions and bodies are appended to their sections. One function serves all
//! uses of an instruction with the same memories, tables and segments.

use std::collections::BTreeMap;

use wasm_encoder::{Encode, Function, Instruction};

use super::{bulk::Bulk, grow::Grow, signature::Signature, spaces::Spaces};
use crate::component::error::LoadError;

/// The purpose of a function that is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Helper {
    /// Does nothing, see `grow`.
    Nothing,
    Bulk(Bulk),
    Grow(Grow),
}

/// The functions that are added, in the order of their indices.
#[derive(Default)]
pub(super) struct Helpers {
    indices: BTreeMap<Helper, u32>,
    added: Vec<Added>,
    first: u32,
}

struct Added {
    signature: Signature,
    body: Function,
}

impl Helpers {
    pub fn new(spaces: &Spaces<'_>) -> Result<Helpers, LoadError> {
        let first = u32::try_from(spaces.funcs.len()).map_err(|_| too_many())?;
        Ok(Helpers { first, ..Helpers::default() })
    }

    /// There is code that grows in pieces, which needs one more table.
    pub fn grows(&self) -> bool {
        self.indices.keys().any(|helper| matches!(helper, Helper::Grow(_)))
    }

    pub fn is_empty(&self) -> bool {
        self.added.is_empty()
    }

    /// The index of the function for this purpose.
    pub fn index(&mut self, spaces: &Spaces<'_>, helper: Helper) -> Result<u32, LoadError> {
        if let Some(index) = self.indices.get(&helper) {
            return Ok(*index);
        }
        let (signature, body) = match helper {
            Helper::Nothing => {
                let mut body = Function::new([]);
                body.instruction(&Instruction::End);
                (Signature { params: Vec::new(), results: Vec::new() }, body)
            }
            Helper::Bulk(bulk) => bulk.function(spaces)?,
            Helper::Grow(grow) => {
                let nothing = match grow {
                    Grow::Table(_) => self.index(spaces, Helper::Nothing)?,
                    Grow::Memory(_) => 0,
                };
                grow.function(spaces, nothing)?
            }
        };
        let index = self.add(signature, body)?;
        self.indices.insert(helper, index);
        Ok(index)
    }

    /// Adds a function of no other use.
    pub fn add(&mut self, signature: Signature, body: Function) -> Result<u32, LoadError> {
        let count = u32::try_from(self.added.len()).map_err(|_| too_many())?;
        let index = self.first.checked_add(count).ok_or_else(too_many)?;
        self.added.push(Added { signature, body });
        Ok(index)
    }

    /// The type section, which may be missing, with the types of the functions.
    pub fn types(&self, section: Option<&[u8]>) -> Result<Vec<u8>, LoadError> {
        append(section, self.added.len(), |bytes| {
            for added in &self.added {
                bytes.push(0x60);
                added.signature.params.encode(bytes);
                added.signature.results.encode(bytes);
            }
        })
    }

    /// The function section, with theirs.
    pub fn functions(
        &self,
        section: Option<&[u8]>,
        spaces: &Spaces<'_>,
    ) -> Result<Vec<u8>, LoadError> {
        let types = u32::try_from(spaces.types.len()).map_err(|_| too_many())?;
        append(section, self.added.len(), |bytes| {
            for (index, _) in (types..).zip(&self.added) {
                index.encode(bytes);
            }
        })
    }

    /// How many bodies there are.
    pub fn len(&self) -> usize {
        self.added.len()
    }

    pub fn bodies(&self, bytes: &mut Vec<u8>) {
        for added in &self.added {
            added.body.encode(bytes);
        }
    }
}

fn too_many() -> LoadError {
    LoadError::new("a core module has too many functions to be rewritten")
}

/// A section with `count` more items.
pub(super) fn append(
    section: Option<&[u8]>,
    count: usize,
    items: impl FnOnce(&mut Vec<u8>),
) -> Result<Vec<u8>, LoadError> {
    let mut reader = wasmparser::BinaryReader::new(section.unwrap_or(&[0]), 0);
    let old = reader.read_var_u32()?;
    let rest = reader.read_bytes(reader.bytes_remaining())?;
    let count = u32::try_from(count).ok().and_then(|count| old.checked_add(count));
    let mut bytes = Vec::with_capacity(rest.len().saturating_add(64));
    count.ok_or_else(too_many)?.encode(&mut bytes);
    bytes.extend_from_slice(rest);
    items(&mut bytes);
    Ok(bytes)
}
