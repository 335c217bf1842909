//! Imports that a module has more than once.
//!
//! Core wasm allows them (some compilers write one per declaration), a module in
//! a component must not have them. So the second import of a name is made from
//! a module of another name, `m#2` instead of `m`, which is given the same
//! function, and so on.

use super::{error::AdaptError, plan::Plan, types::internal};
use std::{borrow::Cow, collections::HashSet};
use wasm_encoder::{EntityType, ImportSection, Module, RawSection};
use wasmparser::{Parser, Payload, TypeRef};

/// Per import, the name of the module that it comes from in the component.
pub(super) fn module_names<'a>(plan: &Plan<'a>) -> Vec<Cow<'a, str>> {
    let taken: HashSet<&str> = plan.imports.iter().map(|import| import.module).collect();
    let name = |module: &'a str, repeat: u32| {
        let mut name = format!("{module}#{}", repeat.saturating_add(1));
        while taken.contains(name.as_str()) {
            name.push('#');
        }
        name
    };
    plan.imports
        .iter()
        .map(|import| match import.repeat {
            0 => Cow::Borrowed(import.module),
            repeat => Cow::Owned(name(import.module, repeat)),
        })
        .collect()
}

/// The module with these names.
pub(super) fn rename(module: &[u8], names: &[Cow<'_, str>]) -> Result<Vec<u8>, AdaptError> {
    let damaged = || internal("a module that can be read only once");
    let mut renamed = Module::new();
    let mut names = names.iter();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(|_| damaged())?;
        if let Payload::ImportSection(section) = payload {
            let mut imports = ImportSection::new();
            for import in section.into_imports() {
                let import = import.map_err(|_| damaged())?;
                let (Some(name), TypeRef::Func(ty)) = (names.next(), import.ty) else {
                    return Err(damaged());
                };
                imports.import(name, import.name, EntityType::Function(ty));
            }
            renamed.section(&imports);
        } else if let Some((id, range)) = payload.as_section() {
            // Offsets in what is in memory.
            let range = range.start as usize..range.end as usize;
            let data = module.get(range).ok_or_else(damaged)?;
            renamed.section(&RawSection { id, data });
        }
    }
    Ok(renamed.finish())
}
