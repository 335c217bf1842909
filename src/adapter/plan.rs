//! Brings a core module and a WIT world together: which core export implements
//! which WIT function, and where each core import comes from.
//!
//! All checks happen here, against the user's names and types. What the writer
//! in [`super::encode`] is given fits together.
#![expect(
    clippy::indexing_slicing,
    reason = "ids of the arenas of one `Resolve`, which it has made"
)]

use super::{
    abi::{Abi, FuncAbi},
    error::{AdaptError, AdaptErrorKind, listing, quote},
    module::{CoreModule, Signature},
    names::snake,
    show,
    wit::{Track, interface_track},
};
use std::collections::HashMap;
use wasmparser::FuncType;
use wit_parser::{
    Function, FunctionKind, InterfaceId, Resolve, TypeId, WorldId, WorldItem, WorldKey,
};

/// How a component is made from a module and a world.
pub(super) struct Plan<'a> {
    pub resolve: &'a Resolve,
    pub world: WorldId,
    pub exports: Vec<PlannedExport<'a>>,
    /// One per core import, each (module, name) once.
    pub imports: Vec<PlannedImport<'a>>,
    /// Exported functions that must run before anything else.
    pub initialize: Option<&'a str>,
}

/// An export of the world.
pub(super) enum PlannedExport<'a> {
    Func { name: String, lifted: Lifted<'a> },
    Interface { name: String, id: InterfaceId, funcs: Vec<Lifted<'a>> },
}

/// A WIT function and the core function behind it.
pub(super) struct Lifted<'a> {
    pub func: &'a Function,
    pub core: &'a str,
    pub post_return: Option<&'a str>,
    pub abi: FuncAbi,
}

/// A core import and what satisfies it.
pub(super) struct PlannedImport<'a> {
    pub module: &'a str,
    pub name: &'a str,
    /// The names of the imports that are the same once more.
    pub aliases: Vec<&'a str>,
    pub ty: &'a FuncType,
    pub source: Source<'a>,
}

/// The item that satisfies a core import.
pub(super) enum Source<'a> {
    /// A function that the world imports, by itself or in an interface.
    Wit { interface: Option<InterfaceId>, func: &'a Function, abi: FuncAbi },
    /// Dropping a handle of an imported resource.
    Drop { resource: TypeId },
    /// Nothing in the WIT: a component function with the same scalars.
    Scalar,
    /// Nothing in the WIT, and no component function can have this type.
    Trap { reason: &'static str },
}

impl<'a> Plan<'a> {
    /// Plans `world` for `module`. `core_names` maps WIT function names to core
    /// exports where the names alone do not tell.
    pub(super) fn new(
        module: &'a CoreModule<'a>,
        resolve: &'a Resolve,
        world: WorldId,
        core_names: &HashMap<String, &'a str>,
    ) -> Result<Self, AdaptError> {
        let mut abi = Abi::new(resolve, module.pointer());
        let mut matcher = Matcher {
            module,
            resolve,
            world,
            core_names,
            world_funcs: HashMap::new(),
            interfaces: HashMap::new(),
            versioned: HashMap::new(),
        };
        for name in module.functions.iter().map(|f| f.name) {
            if let Some((path, function)) = name.split_once('#')
                && let Some((track, interface)) = interface_track(path)
            {
                matcher.versioned.entry((track, interface, function)).or_insert(name);
            }
        }
        for item in resolve.worlds[world].imports.values() {
            if let WorldItem::Function(func) = item {
                matcher.world_funcs.entry(snake(&func.name)).or_insert(func);
                matcher.world_funcs.insert(func.name.clone(), func);
            }
        }
        let exports = matcher.exports(&mut abi)?;
        let imports = matcher.imports(&mut abi)?;
        Ok(Self { resolve, world, exports, imports, initialize: initializer(module)? })
    }
}

/// The function that sets up the module's globals, if it is a library.
fn initializer<'a>(module: &CoreModule<'a>) -> Result<Option<&'a str>, AdaptError> {
    let wanted = match (module.function("_initialize"), module.function("__wasm_call_ctors")) {
        (Some(initialize), _) => initialize,
        (None, Some(ctors)) if module.function("_start").is_none() => ctors,
        _ => return Ok(None),
    };
    if wanted.ty.params().is_empty() && wanted.ty.results().is_empty() {
        return Ok(Some(wanted.name));
    }
    Err(AdaptError::new(
        AdaptErrorKind::Signature,
        format!(
            "the module exports `{}`, which runs before everything else and so must have the core \
             signature (func), but it has {}; rename it or change it",
            wanted.name,
            Signature::of(&wanted.ty)
        ),
    ))
}

/// Looks things up on both sides.
pub(super) struct Matcher<'a, 'n> {
    pub module: &'a CoreModule<'a>,
    pub resolve: &'a Resolve,
    pub world: WorldId,
    pub core_names: &'n HashMap<String, &'a str>,
    /// Functions that the world imports by themselves, by name and by the name
    /// with underscores.
    pub world_funcs: HashMap<String, &'a Function>,
    /// Core import modules already looked up among the imported interfaces.
    pub interfaces: HashMap<&'a str, Option<InterfaceId>>,
    /// Core exports named `ns:pkg/iface@version#func`, by what identifies them
    /// up to compatible versions.
    pub versioned: HashMap<(Track, &'a str, &'a str), &'a str>,
}

impl<'a> Matcher<'a, '_> {
    pub(super) fn mismatch(
        &self,
        func: &Function,
        wanted: &Signature<'_>,
        does: &str,
        core: &str,
        found: &FuncType,
    ) -> AdaptError {
        AdaptError::new(
            AdaptErrorKind::Signature,
            format!(
                "the WIT function `{}` and the core function behind it do not fit together\n  WIT:   \
                 {}\n  needs: {wanted}\n  found: {} (the module {does} as {})\nChange the WIT text, \
                 or build the module with this signature.",
                func.name,
                show::function(self.resolve, func),
                Signature::of(found),
                quote(core),
            ),
        )
    }

    /// Checks that `memory` and `cabi_realloc` are there if they are needed.
    pub(super) fn options(&self, func: &Function, abi: &FuncAbi) -> Result<(), AdaptError> {
        let missing = |text: String| Err(AdaptError::new(AdaptErrorKind::MissingOption, text));
        if let Some(why) = abi.memory {
            match self.module.memory {
                None => {
                    let found = if self.module.memories.is_empty() {
                        "the module exports no memory".to_owned()
                    } else {
                        let names = self.module.memories.iter().map(|name| quote(name));
                        format!("the module only exports the memories{}", listing(names, 10))
                    };
                    return missing(format!(
                        "the WIT function `{}` needs a memory, because {why}; {found}\nExport the \
                         memory under the name `memory`.",
                        func.name
                    ));
                }
                Some(memory) if memory.shared => {
                    return Err(AdaptError::unsupported(format!(
                        "the WIT function `{}` needs a memory, because {why}; the module's `memory` \
                         is shared between threads, which processes do not have\nBuild the module \
                         without threads.",
                        func.name
                    )));
                }
                Some(_) => {}
            }
        }
        if let Some(why) = abi.realloc {
            let p = self.module.pointer();
            let wanted = Signature { params: &[p, p, p, p], results: &[p] };
            match self.module.function("cabi_realloc") {
                None => {
                    return missing(format!(
                        "the WIT function `{}` needs an allocator, because {why}; the module does \
                         not export one\nExport a function `cabi_realloc` with the core signature \
                         {wanted}: (old pointer, old size, alignment, new size) to new pointer.",
                        func.name
                    ));
                }
                Some(f) if f.ty.params() != wanted.params || f.ty.results() != wanted.results => {
                    return Err(AdaptError::new(
                        AdaptErrorKind::Signature,
                        format!(
                            "the module's `cabi_realloc`, which the WIT function `{}` needs, has \
                             the wrong core signature\n  wanted: {wanted}\n  found:  {}",
                            func.name,
                            Signature::of(&f.ty)
                        ),
                    ));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

/// The name of an import or export of a world.
pub(super) fn key_name(resolve: &Resolve, key: &WorldKey) -> String {
    match key {
        WorldKey::Name(name) => name.clone(),
        WorldKey::Interface(id) => resolve.id_of(*id).unwrap_or_default(),
    }
}

/// Refuses functions that are more than a function with a name.
pub(super) fn plain(func: &Function) -> Result<(), AdaptError> {
    if func.kind.is_async() {
        return Err(AdaptError::unsupported(format!(
            "the WIT function `{}` is `async`, which raw modules cannot have; remove `async`, or \
             build the module as a component",
            func.name
        )));
    }
    if func.kind.accessor().is_some() {
        return Err(AdaptError::unsupported(format!(
            "the WIT function `{}` is a `get` or `set` accessor, which raw modules cannot have; \
             make it a `func`",
            func.name
        )));
    }
    match func.kind {
        FunctionKind::Freestanding
        | FunctionKind::Method(_)
        | FunctionKind::Static(_)
        | FunctionKind::Constructor(_) => Ok(()),
        _ => Err(AdaptError::unsupported(format!(
            "the WIT function `{}` is of a kind that raw modules cannot have; make it a `func`",
            func.name
        ))),
    }
}
