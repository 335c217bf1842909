//! Imports that a module has twice.
//!
//! A core module may import the same thing as often as it likes, and compilers of
//! some languages do so once for each place where it is declared. In a component
//! every import of a module has a name of its own, so all but the first are given
//! another one (by `name_duplicates`, when the module is read), here in the module and in
//! [`super::encode`] in what it is given.

use std::borrow::Cow;

use wasm_encoder::{EntityType, ImportSection, Module, RawSection};
use wasmparser::{Parser, Payload, TypeRef};

use super::{
    error::{AdaptError, AdaptErrorKind},
    module::CoreModule,
};

/// The module with these names. Only functions are imported by then.
pub(super) fn rename<'a>(
    bytes: &'a [u8],
    core: &CoreModule<'_>,
) -> Result<Cow<'a, [u8]>, AdaptError> {
    if core.imports.iter().all(|import| import.alias.is_none()) {
        return Ok(Cow::Borrowed(bytes));
    }
    let damaged = |e: wasmparser::Error| {
        AdaptError::new(AdaptErrorKind::Module, format!("the module is damaged: {}", e.message()))
    };
    let mut names = core.imports.iter();
    let mut module = Module::new();
    let mut parser = Parser::new(0);
    parser.set_features(wasmparser::WasmFeatures::all());
    for payload in parser.parse_all(bytes) {
        let payload = payload.map_err(damaged)?;
        let Payload::ImportSection(section) = payload else {
            if let Some((id, range)) = payload.as_section() {
                let data = usize::try_from(range.start)
                    .ok()
                    .zip(usize::try_from(range.end).ok())
                    .and_then(|(start, end)| bytes.get(start..end));
                module.section(&RawSection { id, data: data.unwrap_or_default() });
            }
            continue;
        };
        let mut renamed = ImportSection::new();
        for (import, item) in section.into_imports().zip(&mut names) {
            let import = import.map_err(damaged)?;
            let TypeRef::Func(ty) = import.ty else {
                return Err(super::types::internal("an import that is no function"));
            };
            let name = item.alias.as_deref().unwrap_or(import.name);
            renamed.import(import.module, name, EntityType::Function(ty));
        }
        module.section(&renamed);
    }
    Ok(Cow::Owned(module.finish()))
}
