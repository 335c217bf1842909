//! Finds the core export behind each exported WIT function.
#![expect(
    clippy::indexing_slicing,
    reason = "ids of the arenas of one `Resolve`, which it has made"
)]

use super::{
    abi::Abi,
    error::{AdaptError, AdaptErrorKind, listing, quote},
    module::Signature,
    names::snake,
    plan::{Lifted, Matcher, PlannedExport, key_name, plain},
    untyped::NOT_PLAIN,
    wit::interface_track,
};
use std::collections::HashMap;
use wit_parser::{Function, Resolve, TypeDefKind, TypeId, TypeOwner, WorldItem};

impl<'a> Matcher<'a, '_> {
    /// Plans all exports of the world.
    pub(super) fn exports(
        &mut self,
        abi: &mut Abi<'a>,
    ) -> Result<Vec<PlannedExport<'a>>, AdaptError> {
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
                    for (name, id) in &interface.types {
                        abi.check(*id, name)?;
                    }
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
        let core =
            self.module.function(core).ok_or_else(|| self.missing(func, interface, alone))?;
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
                    NOT_PLAIN
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
                let (track, interface) = interface_track(interface)?;
                self.versioned.get(&(track, interface, &func.name)).copied()
            });
        }
        if found.is_none() && alone {
            found = match self.core_names.get(&func.name) {
                Some(core) => Some(*core),
                None => exact(&func.name).or_else(|| exact(&snake(&func.name))),
            };
        }
        found.ok_or_else(|| self.missing(func, interface, alone))
    }

    fn missing(&self, func: &Function, interface: Option<&str>, alone: bool) -> AdaptError {
        let wanted = match interface {
            Some(interface) if alone => {
                format!("`{interface}#{}` or `{}`", func.name, func.name)
            }
            Some(interface) => format!("`{interface}#{}`", func.name),
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

    fn post_return(&self, func: &Function, interface: Option<&str>, core: &str) -> Option<&'a str> {
        let exact = |name: String| self.module.function(&name).map(|f| f.name);
        interface
            .and_then(|interface| exact(format!("cabi_post_{interface}#{}", func.name)))
            .or_else(|| exact(format!("cabi_post_{core}")))
            .or_else(|| exact(format!("cabi_post_{}", func.name)).filter(|_| interface.is_none()))
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
