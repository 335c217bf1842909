//! Brings a core module and a WIT world together: which core export implements
//! which WIT function, and where each core import comes from.
//!
//! All checks happen here, against the user's names and types. What the writer
//! in [`super::encode`] is given fits together.

use super::{
    abi::{Abi, FuncAbi, MAX_FLAT_PARAMS},
    error::{AdaptError, AdaptErrorKind, listing, quote},
    module::{CoreModule, ImportType, Signature},
    names::snake,
    show,
    wit::same_interface,
};
use std::collections::{HashMap, HashSet};
use wasmparser::{FuncType, ValType};
use wit_parser::{
    Function, FunctionKind, InterfaceId, Resolve, TypeDefKind, TypeId, TypeOwner, WorldId,
    WorldItem, WorldKey,
};

/// A component holds some thousand instances, and each of these takes several.
const MAX_IMPORT_MODULES: usize = 400;

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
    pub ty: &'a FuncType,
    pub source: Source<'a>,
}

/// What satisfies a core import.
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
        };
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

struct Matcher<'a, 'n> {
    module: &'a CoreModule<'a>,
    resolve: &'a Resolve,
    world: WorldId,
    core_names: &'n HashMap<String, &'a str>,
    /// Functions that the world imports by themselves, by name and by the name
    /// with underscores.
    world_funcs: HashMap<String, &'a Function>,
    /// Core import modules already looked up among the imported interfaces.
    interfaces: HashMap<&'a str, Option<InterfaceId>>,
}

impl<'a> Matcher<'a, '_> {
    fn exports(&mut self, abi: &mut Abi<'a>) -> Result<Vec<PlannedExport<'a>>, AdaptError> {
        let resolve = self.resolve;
        let world = &resolve.worlds[self.world];
        // A function's bare name stands for it if nothing else has that name.
        let mut uses: HashMap<&str, usize> = HashMap::new();
        for item in world.exports.values() {
            match item {
                WorldItem::Function(f) => *uses.entry(&f.name).or_default() += 1,
                WorldItem::Interface { id, .. } => {
                    for name in resolve.interfaces[*id].functions.keys() {
                        *uses.entry(name).or_default() += 1;
                    }
                }
                WorldItem::Type { .. } => {}
            }
        }
        let mut out = Vec::new();
        for (key, item) in &world.exports {
            let name = key_name(resolve, key);
            match item {
                WorldItem::Function(func) => {
                    let lifted = self.lifted(abi, func, None, true)?;
                    out.push(PlannedExport::Func { name, lifted });
                }
                WorldItem::Interface { id, .. } => {
                    let interface = &resolve.interfaces[*id];
                    no_resources(resolve, interface.types.values().copied())?;
                    let mut funcs = Vec::new();
                    for func in interface.functions.values() {
                        let alone = uses.get(func.name.as_str()) == Some(&1);
                        funcs.push(self.lifted(abi, func, Some(&name), alone)?);
                    }
                    out.push(PlannedExport::Interface { name, id: *id, funcs });
                }
                WorldItem::Type { .. } => {}
            }
        }
        no_resources(
            resolve,
            world.imports.values().filter_map(|item| match item {
                WorldItem::Type { id, .. } => Some(*id),
                _ => None,
            }),
        )?;
        Ok(out)
    }

    fn lifted(
        &self,
        abi: &mut Abi<'a>,
        func: &'a Function,
        interface: Option<&str>,
        alone: bool,
    ) -> Result<Lifted<'a>, AdaptError> {
        plain(func)?;
        let core = self.find_export(func, interface, alone)?;
        let core = self.module.function(core).ok_or_else(|| self.missing(func, interface))?;
        let abi = abi.lift(func)?;
        let wanted = Signature { params: &abi.params, results: &abi.results };
        if core.ty.params() != wanted.params || core.ty.results() != wanted.results {
            return Err(self.mismatch(func, &wanted, "exports it", core.name, &core.ty));
        }
        if !core.plain {
            return Err(AdaptError::new(
                AdaptErrorKind::Signature,
                format!(
                    "the WIT function `{}` cannot be the module's export {}: {}\nExport a function \
                     whose type is declared by itself.",
                    func.name,
                    quote(core.name),
                    super::bare::NOT_PLAIN
                ),
            ));
        }
        self.options(func, &abi)?;
        let post_return = self.post_return(func, interface, core.name);
        if let Some(post) = post_return.and_then(|name| self.module.function(name))
            && (post.ty.params() != wanted.results || !post.ty.results().is_empty())
        {
            return Err(AdaptError::new(
                AdaptErrorKind::Signature,
                format!(
                    "the module exports {}, which cleans up after the WIT function `{}`\n  wanted: \
                     {}\n  found:  {}\nGive it the function's core result as its only parameter, \
                     or remove it.",
                    quote(post.name),
                    func.name,
                    Signature { params: wanted.results, results: &[] },
                    Signature::of(&post.ty)
                ),
            ));
        }
        Ok(Lifted { func, core: core.name, post_return, abi })
    }

    /// The name of the core export that implements `func`.
    fn find_export(
        &self,
        func: &Function,
        interface: Option<&str>,
        alone: bool,
    ) -> Result<&'a str, AdaptError> {
        let exact = |name: &str| self.module.function(name).map(|f| f.name);
        let mut found = None;
        if let Some(interface) = interface {
            found = exact(&format!("{interface}#{}", func.name)).or_else(|| {
                self.module.functions.iter().map(|f| f.name).find(|core| {
                    core.split_once('#').is_some_and(|(path, name)| {
                        name == func.name && same_interface(path, interface)
                    })
                })
            });
        }
        if found.is_none() && alone {
            found = match self.core_names.get(&func.name) {
                Some(core) => Some(*core),
                None => exact(&func.name).or_else(|| exact(&snake(&func.name))),
            };
        }
        found.ok_or_else(|| self.missing(func, interface))
    }

    fn missing(&self, func: &Function, interface: Option<&str>) -> AdaptError {
        let wanted = match interface {
            Some(interface) => format!("`{interface}#{}` (or `{}`)", func.name, func.name),
            None if func.name.contains('-') => {
                format!("`{}` or `{}`", func.name, snake(&func.name))
            }
            None => format!("`{}`", func.name),
        };
        let mut text = format!(
            "the WIT text has the function `{}`, but the module exports no function named {wanted}",
            func.name
        );
        if self.module.functions.is_empty() {
            text.push_str("; it exports no functions at all");
        } else {
            text.push_str("; it exports:");
            text.push_str(&listing(
                self.module
                    .functions
                    .iter()
                    .map(|f| format!("{} {}", quote(f.name), Signature::of(&f.ty))),
                30,
            ));
        }
        text.push_str("\nRename the one or the other, or remove the function from the WIT text.");
        AdaptError::new(AdaptErrorKind::MissingExport, text)
    }

    fn mismatch(
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
    fn options(&self, func: &Function, abi: &FuncAbi) -> Result<(), AdaptError> {
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

    fn post_return(&self, func: &Function, interface: Option<&str>, core: &str) -> Option<&'a str> {
        let exact = |name: String| self.module.function(&name).map(|f| f.name);
        interface
            .and_then(|interface| exact(format!("cabi_post_{interface}#{}", func.name)))
            .or_else(|| exact(format!("cabi_post_{core}")))
            .or_else(|| exact(format!("cabi_post_{}", func.name)).filter(|_| interface.is_none()))
    }

    fn imports(&mut self, abi: &mut Abi<'a>) -> Result<Vec<PlannedImport<'a>>, AdaptError> {
        let mut out: Vec<PlannedImport<'a>> = Vec::new();
        let mut seen: HashSet<(&str, &str)> = HashSet::new();
        let mut modules = HashSet::new();
        let module = self.module;
        for import in &module.imports {
            let (module, name) = (import.module, import.name);
            modules.insert(module);
            if modules.len() > MAX_IMPORT_MODULES {
                return Err(AdaptError::new(
                    AdaptErrorKind::Import,
                    format!(
                        "the module imports functions from more than {MAX_IMPORT_MODULES} different \
                         modules, which is more than a component can hold"
                    ),
                ));
            }
            let ty = match &import.ty {
                ImportType::Func(ty) => ty,
                ImportType::Other(kind) => {
                    return Err(AdaptError::new(
                        AdaptErrorKind::Import,
                        format!(
                            "the module imports a {kind}, {} from {}; a process starts with nothing \
                             from outside but functions\nBuild the module so that it defines its \
                             own {kind}{}.",
                            quote(name),
                            quote(module),
                            match *kind {
                                "memory" | "table" => {
                                    format!(" (without the linker's flag `--import-{kind}`)")
                                }
                                _ => String::new(),
                            }
                        ),
                    ));
                }
            };
            if !seen.insert((module, name)) {
                return Err(AdaptError::new(
                    AdaptErrorKind::Import,
                    format!(
                        "the module imports {} from {} twice, which modules in components must \
                         not; import it once and use it twice",
                        quote(name),
                        quote(module),
                    ),
                ));
            }
            let source = match self.wit_source(abi, module, name, ty)? {
                Some(source) => source,
                None => match uncarriable(ty) {
                    Some(reason) => Source::Trap { reason },
                    None => Source::Scalar,
                },
            };
            out.push(PlannedImport { module, name, ty, source });
        }
        Ok(out)
    }

    /// Looks for the core import `module` `name` in what the world imports.
    fn wit_source(
        &mut self,
        abi: &mut Abi<'a>,
        module: &'a str,
        name: &'a str,
        ty: &FuncType,
    ) -> Result<Option<Source<'a>>, AdaptError> {
        if matches!(module, "$root" | "env")
            && let Some(func) = self.world_funcs.get(name)
        {
            // `env` is what C and hand-written modules say for "outside"; they
            // cannot write hyphens either.
            if module == "env" || func.name == name {
                return self.lowered(abi, None, func, name, ty).map(Some);
            }
        }
        let found = match self.interfaces.get(module) {
            Some(found) => *found,
            None => {
                let world = &self.resolve.worlds[self.world];
                let found = world.imports.iter().find_map(|(key, item)| match item {
                    WorldItem::Interface { id, .. } => {
                        same_interface(module, &key_name(self.resolve, key)).then_some(*id)
                    }
                    _ => None,
                });
                self.interfaces.insert(module, found);
                found
            }
        };
        let Some(id) = found else { return Ok(None) };
        let interface = &self.resolve.interfaces[id];
        if let Some(resource) = name
            .strip_prefix("[resource-drop]")
            .and_then(|name| interface.types.get(name))
            .filter(|id| is_resource(self.resolve, **id))
        {
            let wanted = Signature { params: &[ValType::I32], results: &[] };
            if ty.params() != wanted.params || !ty.results().is_empty() {
                return Err(AdaptError::new(
                    AdaptErrorKind::Signature,
                    format!(
                        "the module imports {} from {} with the core signature {}, expected \
                         {wanted}",
                        quote(name),
                        quote(module),
                        Signature::of(ty)
                    ),
                ));
            }
            return Ok(Some(Source::Drop { resource: *resource }));
        }
        let Some(func) = interface.functions.get(name) else {
            return Err(AdaptError::new(
                AdaptErrorKind::Import,
                format!(
                    "the module imports {} from {}, but this WIT interface has no such function; \
                     it has:{}\nBuild the module against this interface, or give the WIT text that \
                     it was built against.",
                    quote(name),
                    quote(module),
                    listing(interface.functions.keys(), 40)
                ),
            ));
        };
        self.lowered(abi, Some(id), func, name, ty).map(Some)
    }

    fn lowered(
        &self,
        abi: &mut Abi<'a>,
        interface: Option<InterfaceId>,
        func: &'a Function,
        core: &str,
        ty: &FuncType,
    ) -> Result<Source<'a>, AdaptError> {
        plain(func)?;
        let abi = abi.lower(func)?;
        let wanted = Signature { params: &abi.params, results: &abi.results };
        if ty.params() != wanted.params || ty.results() != wanted.results {
            return Err(self.mismatch(func, &wanted, "imports it", core, ty));
        }
        self.options(func, &abi)?;
        Ok(Source::Wit { interface, func, abi })
    }
}

/// Why a core function type has no component function with the same core type.
fn uncarriable(ty: &FuncType) -> Option<&'static str> {
    let scalar =
        |ty: &ValType| matches!(ty, ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64);
    if !ty.params().iter().chain(ty.results()).all(scalar) {
        Some("it takes or gives vectors or references")
    } else if ty.results().len() > 1 {
        Some("it has more than one result")
    } else if ty.params().len() > MAX_FLAT_PARAMS {
        Some("it has more than 16 parameters")
    } else {
        None
    }
}

/// The name of an import or export of a world.
pub(super) fn key_name(resolve: &Resolve, key: &WorldKey) -> String {
    match key {
        WorldKey::Name(name) => name.clone(),
        WorldKey::Interface(id) => resolve.id_of(*id).unwrap_or_default(),
    }
}

/// Whether a type is a resource, under its first name or another one.
fn is_resource(resolve: &Resolve, mut id: TypeId) -> bool {
    loop {
        match resolve.types.get(id).map(|def| &def.kind) {
            Some(TypeDefKind::Resource) => return true,
            Some(TypeDefKind::Type(wit_parser::Type::Id(inner))) => id = *inner,
            _ => return false,
        }
    }
}

/// Refuses functions that are more than a function with a name.
fn plain(func: &Function) -> Result<(), AdaptError> {
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

fn no_resources(
    resolve: &Resolve,
    types: impl IntoIterator<Item = TypeId>,
) -> Result<(), AdaptError> {
    for id in types {
        let Some(def) = resolve.types.get(id) else { continue };
        // A resource of another interface that is used here is fine.
        if matches!(def.kind, TypeDefKind::Resource) && !matches!(def.owner, TypeOwner::None) {
            return Err(AdaptError::unsupported(format!(
                "the WIT text defines the resource `{}`, which a raw module cannot implement; use \
                 numbers as handles, or build the module as a component",
                def.name.as_deref().unwrap_or("?")
            )));
        }
    }
    Ok(())
}
