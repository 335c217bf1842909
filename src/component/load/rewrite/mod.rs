//! Changes to core modules before the interpreter sees them, each because of
//! something that the interpreter cannot do otherwise.
//!
//! | file | what is changed, and why |
//! | --- | --- |
//! | here | start functions: wasmi runs them inside instantiation, where they cannot be suspended, so they are exported and called like any other |
//! | `bulk` | `memory.copy` and its like of any length, which hold the thread |
//! | `grow` | `memory.grow` and `table.grow` by many, which do, too; and `table.grow` loses its place when fuel ends |
//! | `first` | memories and tables that are large from the beginning |
//! | `shown` | globals and tables, which others see only if they are exported |
//! | `selects` | comparisons before a `select`, which the translator mistakes |
//! | `stores` | stores that make the translator panic |
//!
//! All of it is done in one pass over the module: its sections are copied as they
//! are but for those that change, and so are the function bodies but for the few
//! instructions that are replaced ([`body`]). What is added comes behind what is
//! there ([`helpers`]), so that no index changes. A module that needs nothing costs a
//! look at its bytes ([`scan`]).

mod body;
mod bulk;
mod first;
mod grow;
mod helpers;
mod scan;
mod selects;
mod shown;
mod signature;
mod spaces;
mod stores;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::HashMap};

use wasm_encoder::{
    Encode, ExportKind, Module, RawSection,
    reencode::{self, Reencode, RoundtripReencoder},
};
use wasmparser::{BinaryReader, CodeSectionReader};

pub(in crate::component) use self::body::Kept;
use self::{
    first::{DATA_SECTION, ELEMENT_SECTION, First, beyond_all},
    helpers::{Helpers, append},
    scan::may_need_rewriting,
    spaces::Spaces,
};
use crate::component::error::LoadError;

const TYPE_SECTION: u8 = 1;
const FUNCTION_SECTION: u8 = 3;
const TABLE_SECTION: u8 = 4;
const MEMORY_SECTION: u8 = 5;
const EXPORT_SECTION: u8 = 7;
const START_SECTION: u8 = 8;
const CODE_SECTION: u8 = 10;
const DATA_COUNT_SECTION: u8 = 12;

/// Sections in the order that they must have. Custom sections are left out.
const ORDER: [u8; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11];

/// A module as the interpreter gets it.
#[derive(Debug)]
pub(in crate::component) struct Rewritten<'a> {
    pub bytes: Cow<'a, [u8]>,
    /// The export that is to be called first.
    pub start: Option<Box<str>>,
    /// Bytes of memories and tables that it grows then.
    pub first: u64,
    /// Of each function body that is another, by its number: the code that is the same.
    pub kept: HashMap<usize, Vec<Kept>>,
}

/// The changes that are made to modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Changes {
    /// All that the interpreter would fail on, and not the start function alone.
    pub mends: bool,
    /// Globals and tables are exported.
    pub shows_state: bool,
}

/// The module with all that has to be changed.
pub(in crate::component) fn rewrite(
    bytes: &[u8],
    Changes { mends, shows_state }: Changes,
) -> Result<Rewritten<'_>, LoadError> {
    let spaces = Spaces::new(bytes)?;
    let shown = if shows_state { shown::exports(&spaces) } else { Vec::new() };
    let mut helpers = Helpers::new(&spaces)?;
    let (bodies, kept) = bodies(&spaces, &mut helpers, mends)?;
    let first = if mends { First::new(&spaces) } else { First::default() };
    let start = match first.is_empty() {
        true => spaces.start,
        false => Some(first.function(&spaces, &mut helpers)?),
    };
    let name = start.map(|_| unused_name("[start]", &spaces.exports));
    let changed = bodies.iter().any(|body| matches!(body, Cow::Owned(_)));
    if !changed && start.is_none() && shown.is_empty() && !beyond_all(&spaces) {
        return Ok(Rewritten { bytes: Cow::Borrowed(bytes), start: None, first: 0, kept });
    }
    let mut exports = shown;
    exports.extend(start.zip(name.clone()).map(|(func, name)| (name, ExportKind::Func, func)));
    let bytes = Cow::Owned(module(&spaces, &helpers, &bodies, &first, &exports)?);
    Ok(Rewritten { bytes, start: name.map(Into::into), first: first.bytes(), kept })
}

/// The function bodies, and what is the same in those that are changed.
type Bodies<'a> = (Vec<Cow<'a, [u8]>>, HashMap<usize, Vec<Kept>>);

/// The function bodies, changed where they have to be.
fn bodies<'a>(
    spaces: &Spaces<'a>,
    helpers: &mut Helpers,
    mends: bool,
) -> Result<Bodies<'a>, LoadError> {
    let (mut bodies, mut all) = (Vec::new(), HashMap::new());
    let sections = spaces.sections.iter().filter(|(id, _)| *id == CODE_SECTION);
    for (_, section) in sections {
        let reader = CodeSectionReader::new(BinaryReader::new(section, 0))?;
        for (func, body) in (spaces.imported_funcs..).zip(reader) {
            let body = body?;
            let found = mends && may_need_rewriting(body.as_bytes(), spaces.memories.len());
            let new = match found {
                true => body::rewrite(spaces, helpers, &body, func)?,
                false => None,
            };
            bodies.push(match new {
                Some((new, kept)) => {
                    all.insert(bodies.len(), kept);
                    Cow::Owned(new)
                }
                None => Cow::Borrowed(body.as_bytes()),
            });
        }
    }
    Ok((bodies, all))
}

/// Puts the module together.
fn module(
    spaces: &Spaces<'_>,
    helpers: &Helpers,
    bodies: &[Cow<'_, [u8]>],
    first: &First,
    exports: &[(String, ExportKind, u32)],
) -> Result<Vec<u8>, LoadError> {
    let mut module = Module::new();
    for id in ORDER {
        let old = spaces.sections.iter().find(|(own, _)| *own == id).map(|(_, section)| *section);
        let new = match (id, old) {
            (TYPE_SECTION, _) if !helpers.is_empty() => Some(helpers.types(old)?),
            (FUNCTION_SECTION, _) if !helpers.is_empty() => Some(helpers.functions(old, spaces)?),
            (CODE_SECTION, _) => code(old, helpers, bodies)?,
            (EXPORT_SECTION, _) if !exports.is_empty() => {
                Some(append(old, exports.len(), |bytes| {
                    for (name, kind, index) in exports {
                        name.encode(bytes);
                        kind.encode(bytes);
                        index.encode(bytes);
                    }
                })?)
            }
            (START_SECTION, _) => continue,
            (TABLE_SECTION, _) if helpers.grows() => {
                let late = old.map(|old| first.table_section(spaces, old)).transpose()?;
                // `(table 0 funcref)`, see `grow`.
                Some(append(late.as_deref(), 1, |bytes| bytes.extend([0x70, 0, 0]))?)
            }
            (MEMORY_SECTION, Some(old)) if !first.is_empty() || beyond_all(spaces) => {
                Some(first.memory_section(spaces, old)?)
            }
            (ELEMENT_SECTION, Some(old)) if !first.is_empty() => Some(first.element_section(old)?),
            (DATA_SECTION, Some(old)) if !first.is_empty() => Some(first.data_section(old)?),
            (DATA_COUNT_SECTION, None) if !first.is_empty() && spaces.datas > 0 => {
                let mut count = Vec::new();
                spaces.datas.encode(&mut count);
                Some(count)
            }
            _ => None,
        };
        if let Some(data) = new.as_deref().or(old) {
            module.section(&RawSection { id, data });
        }
    }
    Ok(module.finish())
}

fn code(
    old: Option<&[u8]>,
    helpers: &Helpers,
    bodies: &[Cow<'_, [u8]>],
) -> Result<Option<Vec<u8>>, LoadError> {
    if helpers.is_empty() && !bodies.iter().any(|body| matches!(body, Cow::Owned(_))) {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(old.map_or(0, <[u8]>::len).saturating_add(4096));
    u32::try_from(bodies.len().saturating_add(helpers.len()))
        .map_err(|_| LoadError::new("a core module has too many functions"))?
        .encode(&mut bytes);
    for body in bodies {
        body.encode(&mut bytes);
    }
    helpers.bodies(&mut bytes);
    Ok(Some(bytes))
}

/// A name that no export has.
fn unused_name(name: &str, exports: &[&str]) -> String {
    let mut name = name.to_owned();
    while exports.contains(&&*name) {
        name.push('\'');
    }
    name
}

fn malformed(error: reencode::Error) -> LoadError {
    LoadError::new(format!("a core module cannot be rewritten: {error}"))
}

fn ref_type(ty: wasmparser::RefType) -> Result<wasm_encoder::RefType, LoadError> {
    RoundtripReencoder.ref_type(ty).map_err(malformed)
}
