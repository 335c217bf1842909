//! Core modules inside a component.

use std::{borrow::Cow, cell::Cell};

use super::{
    rewrite::{self, Changes, Rewritten},
    shape::{Shape, shape},
    source::Source,
    vet::{self, Vetter},
};
use crate::component::error::LoadError;

/// How the modules of a component are loaded.
pub(crate) struct Loader<'a> {
    pub engine: wasmi::Engine,
    /// Vets what is translated late.
    pub vetter: Option<Vetter<'a>>,
    mode: Mode,
    changes: Changes,
    largest_body: Cell<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Translate,
    /// Only look for what is invalid.
    Validate,
}

impl<'a> Loader<'a> {
    pub fn new(engine: wasmi::Engine, vetter: Option<Vetter<'a>>, changes: Changes) -> Loader<'a> {
        Loader { engine, vetter, mode: Mode::Translate, changes, largest_body: Cell::new(0) }
    }

    /// A loader that looks for what is invalid and makes nothing.
    pub fn validating(engine: wasmi::Engine) -> Loader<'a> {
        let changes = Changes { mends: true, shows_state: false };
        Loader { mode: Mode::Validate, ..Loader::new(engine, None, changes) }
    }

    pub fn validates_bodies(&self) -> bool {
        self.mode == Mode::Validate
    }

    pub fn note_body(&self, bytes: usize) {
        self.largest_body.set(bytes.max(self.largest_body.get()));
    }

    /// Bytes of the largest function body.
    pub fn largest_body(&self) -> usize {
        self.largest_body.get()
    }
}

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
    /// The shape of a module that calls of imports go through, if it is one.
    pub shape: Option<Shape>,
    /// The changes that have been made to it.
    pub changes: Changes,
}

/// Notes taken while the sections of a module pass by.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    /// Bytes of the data and element sections.
    pub segments: u64,
    /// Bytes of the largest function body.
    pub largest_body: usize,
}

impl CoreModule {
    /// Translates a module, after the changes that it needs, see [`rewrite`].
    pub fn new(
        loader: &Loader<'_>,
        source: Source,
        outline: &Outline,
    ) -> Result<CoreModule, LoadError> {
        let new = rewrite::rewrite(source.get(), loader.changes)?;
        if let Some(vetter) = &loader.vetter {
            vetter.add(&new.bytes, &source)?;
        }
        let module = CoreModule::translate(&loader.engine, new, source.clone())?;
        let (segments, changes) = (outline.segments, loader.changes);
        Ok(CoreModule { segments, shape: shape(source.get()), changes, ..module })
    }

    /// Translates what has been made of this module, after the same changes.
    pub fn rewritten(&self, engine: &wasmi::Engine, bytes: &[u8]) -> Result<CoreModule, LoadError> {
        let new = rewrite::rewrite(bytes, self.changes)?;
        CoreModule::translate(engine, new, self.source.clone())
    }

    /// Translates what is made of this module after the changes that it needs.
    pub(in crate::component) fn remade(
        &self,
        engine: &wasmi::Engine,
        make: impl FnOnce(&Rewritten<'_>) -> Result<Vec<u8>, LoadError>,
    ) -> Result<CoreModule, LoadError> {
        let new = rewrite::rewrite(self.source.get(), self.changes)?;
        let new = Rewritten { bytes: Cow::Owned(make(&new)?), ..new };
        let module = CoreModule::translate(engine, new, self.source.clone())?;
        Ok(CoreModule { segments: self.segments, changes: self.changes, ..module })
    }

    fn translate(
        engine: &wasmi::Engine,
        new: Rewritten<'_>,
        source: Source,
    ) -> Result<CoreModule, LoadError> {
        let Rewritten { bytes, start, first, .. } = new;
        let module = vet::translate(engine, &bytes)
            .map_err(|verdict| vet::explain(&bytes, &source, verdict))?;
        let imports =
            module.imports().map(|import| (import.module().into(), import.name().into())).collect();
        Ok(CoreModule {
            module,
            start,
            imports,
            segments: 0,
            first,
            source,
            shape: None,
            changes: Changes { mends: true, shows_state: false },
        })
    }
}
