//! Core modules inside a component.

use std::{ops::Range, sync::Arc};

use super::{
    error::LoadError,
    rewrite,
    shim::{Shape, shape},
};

/// A translated core module. Functions are translated when first called.
#[derive(Debug)]
pub(crate) struct CoreModule {
    pub module: wasmi::Module,
    /// The name under which the start function is exported.
    pub start: Option<Box<str>>,
    /// Module and field name of every import, in order.
    pub imports: Vec<(Box<str>, Box<str>)>,
    /// Bytes of memories and tables that the start function begins with growing.
    pub first: u64,
    /// Bytes of its data and element sections, which instantiation copies.
    pub segments: u64,
    /// The module as it is in the component, for explaining a trap.
    pub source: Source,
    /// Whether calls of imports go through it.
    pub shape: Option<Shape>,
}

/// A module's bytes inside the component's.
#[derive(Clone)]
pub(crate) struct Source {
    pub bytes: Arc<[u8]>,
    pub range: Range<usize>,
}

impl Source {
    pub fn get(&self) -> &[u8] {
        self.bytes.get(self.range.clone()).unwrap_or_default()
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.range.fmt(f)
    }
}

/// What has to be noted while the sections of a module pass by.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    /// Bytes of the data and element sections.
    pub segments: u64,
}

impl CoreModule {
    /// Translates a module, after the changes that it needs, see [`rewrite`].
    pub fn new(
        engine: &wasmi::Engine,
        source: Source,
        outline: &Outline,
    ) -> Result<CoreModule, LoadError> {
        let module = CoreModule::rewritten(engine, source.get(), source.clone())?;
        Ok(CoreModule { segments: outline.segments, shape: shape(source.get()), ..module })
    }

    /// Translates what has been made of the module `source`, after these changes.
    pub fn rewritten(
        engine: &wasmi::Engine,
        bytes: &[u8],
        source: Source,
    ) -> Result<CoreModule, LoadError> {
        let new = rewrite::rewrite(bytes)?;
        let module = CoreModule::translate(engine, &new.bytes, source, new.start)?;
        Ok(CoreModule { first: new.first, ..module })
    }

    /// Translates bytes that need no more changes.
    fn translate(
        engine: &wasmi::Engine,
        bytes: &[u8],
        source: Source,
        start: Option<Box<str>>,
    ) -> Result<CoreModule, LoadError> {
        let module = wasmi::Module::new(engine, bytes).map_err(|error| {
            LoadError::new(format!("core module at offset {:#x}: {error}", source.range.start))
        })?;
        let imports =
            module.imports().map(|import| (import.module().into(), import.name().into())).collect();
        Ok(CoreModule { module, start, imports, segments: 0, first: 0, source, shape: None })
    }
}
