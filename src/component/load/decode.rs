//! The binary format: bytes to a tree of [`ComponentDef`]s.
//!
//! wasmparser reads and validates; what is kept here is only what has an effect
//! at run time, in the order of the binary, plus wasmparser's own table of types
//! for each component. Function bodies are left alone: they are validated once, by
//! the interpreter, see `vet`. Only where it finds one that is invalid, all are
//! validated here, to say which one and where.

use std::{fmt, sync::Arc};

use wasmparser::{
    BinaryReaderError, CanonicalFunction, ComponentAlias, ComponentExternalKind,
    ComponentOuterAliasKind, ComponentType, ComponentTypeRef, Encoding, ExternalKind,
    FuncValidatorAllocations, FunctionBody, Instance, Operator, Parser, Payload, ValidPayload,
    Validator, component_types::ComponentAnyTypeId, types::Types,
};

use super::{
    module::{CoreModule, Loader, Outline},
    source::Source,
    vet,
};
use crate::component::{
    engine::{MAX_GROWS, features},
    error::LoadError,
};

/// One component of the tree.
pub(crate) struct ComponentDef {
    /// The definitions, in order. Each adds to the index space of its sort.
    pub defs: Vec<Def>,
    /// The types, as wasmparser knows them.
    pub types: Types,
    /// The whole file that it is a part of. Ids of types are unique within one.
    pub file: Arc<[u8]>,
}

impl fmt::Debug for ComponentDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.defs).finish()
    }
}

/// One definition of a component.
#[derive(Debug)]
pub(crate) enum Def {
    Import {
        name: Box<str>,
    },
    Export {
        name: Box<str>,
        kind: ComponentExternalKind,
        index: u32,
    },
    Module(Arc<CoreModule>),
    Component(Arc<ComponentDef>),
    /// A resource type, defined here.
    Resource {
        type_index: u32,
        dtor: Option<u32>,
    },
    CoreInstantiate {
        module: u32,
        args: Vec<(Box<str>, u32)>,
    },
    CoreExports(Vec<(Box<str>, ExternalKind, u32)>),
    Instantiate {
        component: u32,
        args: Vec<(Box<str>, ComponentExternalKind, u32)>,
    },
    Exports(Vec<(Box<str>, ComponentExternalKind, u32)>),
    AliasExport {
        instance: u32,
        name: Box<str>,
    },
    AliasCoreExport {
        instance: u32,
        kind: ExternalKind,
        name: Box<str>,
    },
    /// Of a module or a component only; types need no run time presence.
    AliasOuter {
        kind: ComponentOuterAliasKind,
        count: u32,
        index: u32,
    },
    Canon(CanonicalFunction),
}

/// How deeply components may be nested.
const MAX_NESTING: usize = 100;

/// A component or a module that is being read.
enum Nesting {
    Component { defs: Vec<Def>, types: u32 },
    Module { begin: u64, outline: Outline },
}

/// Decodes and validates a component.
pub(crate) fn decode(bytes: &Arc<[u8]>, loader: &Loader<'_>) -> Result<ComponentDef, LoadError> {
    let mut decoder = Decoder {
        bytes,
        loader,
        validator: Validator::new_with_features(features()),
        stack: Vec::new(),
        allocations: FuncValidatorAllocations::default(),
    };
    let mut parser = Parser::new(0);
    parser.set_features(features());
    for payload in parser.parse_all(bytes) {
        if let Some(root) = decoder.payload(payload?)? {
            return Ok(root);
        }
    }
    Err(LoadError::new("the component ends before it is complete"))
}

struct Decoder<'a> {
    bytes: &'a Arc<[u8]>,
    loader: &'a Loader<'a>,
    validator: Validator,
    stack: Vec<Nesting>,
    allocations: FuncValidatorAllocations,
}

impl Decoder<'_> {
    fn payload(&mut self, payload: Payload<'_>) -> Result<Option<ComponentDef>, LoadError> {
        match self.validator.payload(&payload)? {
            ValidPayload::Func(func, body) if self.loader.validates_bodies() => {
                let index = func.index;
                let mut validator = func.into_validator(std::mem::take(&mut self.allocations));
                validator.validate(&body).map_err(|error| self.body(index, &error))?;
                self.allocations = validator.into_allocations();
            }
            ValidPayload::End(types) => return self.end(types, &payload),
            _ => {}
        }
        match payload {
            Payload::Version { .. } if self.stack.len() >= MAX_NESTING => {
                return Err(LoadError::new(format!(
                    "components are nested deeper than {MAX_NESTING} levels"
                )));
            }
            Payload::Version { encoding: Encoding::Component, .. } => {
                self.stack.push(Nesting::Component { defs: Vec::new(), types: 0 });
            }
            Payload::Version { encoding: Encoding::Module, range, .. } => {
                if self.stack.is_empty() {
                    return Err(LoadError::new(
                        "this is a core module, not a component; it needs a `wit` text, \
                         or to be made a component with `wasm-tools component new`",
                    ));
                }
                self.stack
                    .push(Nesting::Module { begin: range.start, outline: Outline::default() });
            }
            payload => match self.stack.last_mut() {
                Some(Nesting::Module { outline, .. }) => module_section(outline, payload)?,
                Some(Nesting::Component { defs, types }) => {
                    component_section(defs, types, payload)?
                }
                None => {}
            },
        }
        Ok(None)
    }

    fn end(&mut self, types: Types, payload: &Payload) -> Result<Option<ComponentDef>, LoadError> {
        let def = match self.stack.pop() {
            Some(Nesting::Component { defs, .. }) => {
                let def = ComponentDef { defs, types, file: self.bytes.clone() };
                if self.stack.is_empty() {
                    return Ok(Some(def));
                }
                Def::Component(Arc::new(def))
            }
            Some(Nesting::Module { begin, outline }) => {
                self.loader.note_body(outline.largest_body);
                let Payload::End(end) = payload else {
                    return Err(LoadError::new("a module has no end"));
                };
                let range = usize::try_from(begin)
                    .ok()
                    .zip(usize::try_from(*end).ok())
                    .map(|(begin, end)| begin..end)
                    .filter(|range| self.bytes.get(range.clone()).is_some())
                    .ok_or_else(|| LoadError::new("a module lies outside of its component"))?;
                let source = Source { bytes: self.bytes.clone(), range };
                Def::Module(Arc::new(CoreModule::new(self.loader, source, &outline)?))
            }
            None => return Err(LoadError::new("unbalanced end")),
        };
        match self.stack.last_mut() {
            Some(Nesting::Component { defs, .. }) => defs.push(def),
            _ => return Err(LoadError::new("a definition inside a core module")),
        }
        Ok(None)
    }
}

impl Decoder<'_> {
    /// The error in a function body of the module that is being read.
    #[cold]
    fn body(&self, index: u32, error: &BinaryReaderError) -> LoadError {
        let begin = match self.stack.last() {
            Some(Nesting::Module { begin, .. }) => usize::try_from(*begin).unwrap_or(usize::MAX),
            _ => 0,
        };
        let module = self.bytes.get(begin..).unwrap_or_default();
        LoadError::body(&vet::function(module, index), error)
    }
}

fn module_section(outline: &mut Outline, payload: Payload<'_>) -> Result<(), LoadError> {
    match payload {
        Payload::DataSection(section) => note_segments(outline, &section.range()),
        Payload::ElementSection(section) => note_segments(outline, &section.range()),
        Payload::CodeSectionEntry(body) => {
            outline.largest_body = outline.largest_body.max(body.as_bytes().len());
            check_grows(&body)?;
        }
        _ => {}
    }
    Ok(())
}

fn note_segments(outline: &mut Outline, range: &std::ops::Range<u64>) {
    let bytes = range.end.saturating_sub(range.start);
    outline.segments = outline.segments.saturating_add(bytes);
}

/// Refuses functions with very many `memory.grow`, see the module `engine`.
fn check_grows(body: &FunctionBody<'_>) -> Result<(), LoadError> {
    // The opcode is also a common block type, so that bytes only give a first idea.
    if memchr::memchr_iter(0x40, body.as_bytes()).count() <= MAX_GROWS {
        return Ok(());
    }
    let mut grows = 0usize;
    for operator in body.get_operators_reader()? {
        grows += usize::from(matches!(operator?, Operator::MemoryGrow { .. }));
    }
    if grows > MAX_GROWS {
        return Err(LoadError::new(format!(
            "a function has {grows} `memory.grow` instructions, more than {MAX_GROWS}"
        )));
    }
    Ok(())
}

fn component_section(
    defs: &mut Vec<Def>,
    types: &mut u32,
    payload: Payload<'_>,
) -> Result<(), LoadError> {
    // The validator bounds the number of types far below `u32::MAX`.
    let mut new_type = || {
        *types = types.saturating_add(1);
        *types - 1
    };
    match payload {
        Payload::ComponentImportSection(section) => {
            for import in section {
                let import = import?;
                if matches!(import.ty, ComponentTypeRef::Type(_)) {
                    new_type();
                }
                defs.push(Def::Import { name: import.name.full_name().into() });
            }
        }
        Payload::ComponentExportSection(section) => {
            for export in section {
                let export = export?;
                if export.kind == ComponentExternalKind::Type {
                    new_type();
                }
                let name = export.name.full_name().into();
                defs.push(Def::Export { name, kind: export.kind, index: export.index });
            }
        }
        Payload::ComponentTypeSection(section) => {
            for ty in section {
                let type_index = new_type();
                if let ComponentType::Resource { dtor, .. } = ty? {
                    defs.push(Def::Resource { type_index, dtor });
                }
            }
        }
        Payload::InstanceSection(section) => {
            for instance in section {
                defs.push(match instance? {
                    Instance::Instantiate { module_index, args } => Def::CoreInstantiate {
                        module: module_index,
                        args: args.iter().map(|arg| (arg.name.into(), arg.index)).collect(),
                    },
                    Instance::FromExports(exports) => Def::CoreExports(
                        exports.iter().map(|e| (e.name.into(), e.kind, e.index)).collect(),
                    ),
                });
            }
        }
        Payload::ComponentInstanceSection(section) => {
            for instance in section {
                defs.push(match instance? {
                    wasmparser::ComponentInstance::Instantiate { component_index, args } => {
                        Def::Instantiate {
                            component: component_index,
                            args: args.iter().map(|a| (a.name.into(), a.kind, a.index)).collect(),
                        }
                    }
                    wasmparser::ComponentInstance::FromExports(exports) => Def::Exports(
                        exports
                            .iter()
                            .map(|e| (e.name.full_name().into(), e.kind, e.index))
                            .collect(),
                    ),
                });
            }
        }
        Payload::ComponentAliasSection(section) => {
            for alias in section {
                match alias? {
                    ComponentAlias::InstanceExport { kind, instance_index, name } => {
                        if kind == ComponentExternalKind::Type {
                            new_type();
                        }
                        defs.push(Def::AliasExport { instance: instance_index, name: name.into() });
                    }
                    ComponentAlias::CoreInstanceExport { kind, instance_index, name } => {
                        let name = name.into();
                        defs.push(Def::AliasCoreExport { instance: instance_index, kind, name });
                    }
                    ComponentAlias::Outer { kind, count, index } => match kind {
                        ComponentOuterAliasKind::Type => {
                            new_type();
                        }
                        ComponentOuterAliasKind::CoreType => {}
                        ComponentOuterAliasKind::CoreModule
                        | ComponentOuterAliasKind::Component => {
                            defs.push(Def::AliasOuter { kind, count, index });
                        }
                    },
                }
            }
        }
        Payload::ComponentCanonicalSection(section) => {
            for canon in section {
                defs.push(Def::Canon(canon?));
            }
        }
        Payload::ComponentStartSection { .. } => {
            return Err(LoadError::new("component start functions are not supported"));
        }
        _ => {}
    }
    Ok(())
}

impl ComponentDef {
    /// The resource type at a type index, as wasmparser names it.
    pub fn resource_at(&self, index: u32) -> Option<wasmparser::component_types::ResourceId> {
        match self.types.as_ref().component_any_type_at(index) {
            ComponentAnyTypeId::Resource(id) => Some(id.resource()),
            _ => None,
        }
    }
}
