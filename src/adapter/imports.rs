//! Finds the WIT function, or something else, behind each core import.
#![expect(
    clippy::indexing_slicing,
    reason = "ids of the arenas of one `Resolve`, which it has made"
)]

use super::{
    abi::{Abi, MAX_FLAT_PARAMS},
    error::{AdaptError, AdaptErrorKind, listing, quote},
    module::{ImportType, Signature},
    plan::{Matcher, PlannedImport, Source, key_name, plain},
    wit::same_interface,
};
use std::collections::{HashMap, HashSet};
use wasmparser::{FuncType, ValType};
use wit_parser::{Function, InterfaceId, Resolve, TypeDefKind, TypeId, WorldItem};

/// A component holds some thousand instances, and each of these takes several.
const MAX_IMPORT_MODULES: usize = 400;

impl<'a> Matcher<'a, '_> {
    /// Plans all imports of the module.
    pub(super) fn imports(
        &mut self,
        abi: &mut Abi<'a>,
    ) -> Result<Vec<PlannedImport<'a>>, AdaptError> {
        let mut out: Vec<PlannedImport<'a>> = Vec::new();
        let mut seen: HashMap<(&str, &str), usize> = HashMap::new();
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
            if let Some(first) = seen.get(&(module, name)).and_then(|first| out.get_mut(*first)) {
                if first.ty != ty {
                    return Err(AdaptError::new(
                        AdaptErrorKind::Import,
                        format!(
                            "the module imports {} from {} twice, as {} and as {}; give it one type",
                            quote(name),
                            quote(module),
                            Signature::of(first.ty),
                            Signature::of(ty),
                        ),
                    ));
                }
                first.aliases.extend(import.alias.as_deref());
                continue;
            }
            seen.insert((module, name), out.len());
            let source = match self.wit_source(abi, module, name, ty)? {
                Some(source) => source,
                None => match uncarriable(ty) {
                    Some(reason) => Source::Trap { reason },
                    None => Source::Scalar,
                },
            };
            out.push(PlannedImport { module, name, aliases: Vec::new(), ty, source });
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

/// True if a type is a resource, under its first name or another one.
fn is_resource(resolve: &Resolve, mut id: TypeId) -> bool {
    loop {
        match resolve.types.get(id).map(|def| &def.kind) {
            Some(TypeDefKind::Resource) => return true,
            Some(TypeDefKind::Type(wit_parser::Type::Id(inner))) => id = *inner,
            _ => return false,
        }
    }
}
