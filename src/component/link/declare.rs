//! WIT declarations of host interfaces, as types of a [`Types`] table.

use std::{collections::BTreeMap, sync::Arc};

use wit_parser::{
    Function, Handle, PackageId, Resolve, Type, TypeDefKind, TypeId as WitId, TypeOwner, WorldItem,
    WorldKey,
};

use super::{
    host::{HostFunc, Interface},
    version::split_version,
};
use crate::value::{Case, Field, FuncType, ResourceId, TypeDef, TypeId, Types};

/// Adds the interfaces of `package` to `interfaces`.
pub(in crate::component) fn declare(
    resolve: &Resolve,
    package: PackageId,
    types: &mut Types,
    interfaces: &mut BTreeMap<String, Vec<Interface>>,
) -> Result<(), String> {
    let package = resolve.packages.get(package).ok_or("the package is gone")?;
    for id in package.interfaces.values() {
        let Some(full) = resolve.id_of(*id) else { continue };
        let Some(interface) = resolve.interfaces.get(*id) else { continue };
        let (base, version) = split_version(&full);
        let mut new = Interface { version, ..Interface::default() };
        for (name, ty) in &interface.types {
            if let Some(id) = resource_of(resolve, *ty) {
                let known = find_resource(resolve, id, &new, interfaces);
                let resource = known.unwrap_or_else(|| types.add_resource(name));
                new.resources.insert(name.clone(), resource);
            }
        }
        for func in interface.functions.values() {
            let mut converter = Converter { resolve, types, interfaces, current: &new };
            let ty = converter.func(func)?;
            new.funcs.insert(func.name.clone(), Arc::new(HostFunc { ty, body: None }));
        }
        let versions = interfaces.entry(base.to_owned()).or_default();
        versions.retain(|interface| interface.version != new.version);
        versions.push(new);
    }
    for id in package.worlds.values() {
        let Some(world) = resolve.worlds.get(*id) else { continue };
        for (key, item) in &world.imports {
            let (WorldKey::Name(name), WorldItem::Function(func)) = (key, item) else { continue };
            let current = Interface::default();
            let mut converter = Converter { resolve, types, interfaces, current: &current };
            let ty = converter.func(func)?;
            let roots = interfaces.entry(String::new()).or_default();
            if roots.is_empty() {
                roots.push(Interface::default());
            }
            if let Some(root) = roots.first_mut() {
                root.funcs.insert(name.clone(), Arc::new(HostFunc { ty, body: None }));
            }
        }
    }
    Ok(())
}

/// The resource that a type is, through `use` and `type` aliases.
fn resource_of(resolve: &Resolve, mut id: WitId) -> Option<WitId> {
    loop {
        match resolve.types.get(id)?.kind {
            TypeDefKind::Resource => return Some(id),
            TypeDefKind::Type(Type::Id(next)) => id = next,
            _ => return None,
        }
    }
}

/// The id that a resource has been given by the interface that owns it.
fn find_resource(
    resolve: &Resolve,
    id: WitId,
    current: &Interface,
    interfaces: &BTreeMap<String, Vec<Interface>>,
) -> Option<ResourceId> {
    let def = resolve.types.get(id)?;
    let name = def.name.as_deref()?;
    let TypeOwner::Interface(owner) = def.owner else {
        return current.resources.get(name).copied();
    };
    let full = resolve.id_of(owner)?;
    let (base, version) = split_version(&full);
    interfaces
        .get(base)
        .and_then(|versions| versions.iter().find(|interface| interface.version == version))
        .unwrap_or(current)
        .resources
        .get(name)
        .copied()
}

struct Converter<'a> {
    resolve: &'a Resolve,
    types: &'a mut Types,
    interfaces: &'a BTreeMap<String, Vec<Interface>>,
    current: &'a Interface,
}

impl Converter<'_> {
    fn func(&mut self, func: &Function) -> Result<FuncType, String> {
        let mut params = Vec::with_capacity(func.params.len());
        for param in &func.params {
            params.push(Field { name: param.name.as_str().into(), ty: self.value(&param.ty)? });
        }
        let result = func.result.as_ref().map(|ty| self.value(ty)).transpose()?;
        Ok(FuncType { params: params.into(), result, is_async: func.kind.is_async() })
    }

    fn value(&mut self, ty: &Type) -> Result<TypeId, String> {
        let def = match ty {
            Type::Bool => TypeDef::Bool,
            Type::U8 => TypeDef::U8,
            Type::U16 => TypeDef::U16,
            Type::U32 => TypeDef::U32,
            Type::U64 => TypeDef::U64,
            Type::S8 => TypeDef::S8,
            Type::S16 => TypeDef::S16,
            Type::S32 => TypeDef::S32,
            Type::S64 => TypeDef::S64,
            Type::F32 => TypeDef::F32,
            Type::F64 => TypeDef::F64,
            Type::Char => TypeDef::Char,
            Type::String => TypeDef::String,
            Type::ErrorContext => TypeDef::Async("error-context"),
            Type::Id(id) => return self.defined(*id),
        };
        Ok(self.types.intern(def))
    }

    fn optional(&mut self, ty: &Option<Type>) -> Result<Option<TypeId>, String> {
        ty.as_ref().map(|ty| self.value(ty)).transpose()
    }

    fn defined(&mut self, id: WitId) -> Result<TypeId, String> {
        let resolve = self.resolve;
        let def = resolve.types.get(id).ok_or("a type is gone")?;
        let def = match &def.kind {
            TypeDefKind::Type(ty) => return self.value(ty),
            TypeDefKind::Resource => TypeDef::Own(self.resource(id)?),
            TypeDefKind::Handle(Handle::Own(id)) => TypeDef::Own(self.resource(*id)?),
            TypeDefKind::Handle(Handle::Borrow(id)) => TypeDef::Borrow(self.resource(*id)?),
            TypeDefKind::Record(record) => TypeDef::Record(
                record
                    .fields
                    .iter()
                    .map(|f| Ok(Field { name: f.name.as_str().into(), ty: self.value(&f.ty)? }))
                    .collect::<Result<_, String>>()?,
            ),
            TypeDefKind::Variant(variant) => TypeDef::Variant(
                variant
                    .cases
                    .iter()
                    .map(|c| Ok(Case { name: c.name.as_str().into(), ty: self.optional(&c.ty)? }))
                    .collect::<Result<_, String>>()?,
            ),
            TypeDefKind::Flags(flags) => {
                TypeDef::Flags(flags.flags.iter().map(|flag| flag.name.as_str().into()).collect())
            }
            TypeDefKind::Enum(cases) => {
                TypeDef::Enum(cases.cases.iter().map(|case| case.name.as_str().into()).collect())
            }
            TypeDefKind::Tuple(tuple) => TypeDef::Tuple(
                tuple.types.iter().map(|ty| self.value(ty)).collect::<Result<_, String>>()?,
            ),
            TypeDefKind::Option(ty) => TypeDef::Option(self.value(ty)?),
            TypeDefKind::Result(result) => {
                TypeDef::Result { ok: self.optional(&result.ok)?, err: self.optional(&result.err)? }
            }
            TypeDefKind::List(ty) => TypeDef::List(self.value(ty)?),
            TypeDefKind::FixedLengthList(ty, length) => {
                TypeDef::FixedList(self.value(ty)?, *length)
            }
            TypeDefKind::Map(key, value) => TypeDef::Map(self.value(key)?, self.value(value)?),
            TypeDefKind::Future(_) => TypeDef::Async("future"),
            TypeDefKind::Stream(_) => TypeDef::Async("stream"),
            TypeDefKind::Unknown => return Err("a type is unresolved".to_owned()),
        };
        Ok(self.types.intern(def))
    }

    fn resource(&mut self, id: WitId) -> Result<ResourceId, String> {
        resource_of(self.resolve, id)
            .and_then(|id| find_resource(self.resolve, id, self.current, self.interfaces))
            .ok_or_else(|| "a resource is not declared in its interface".to_owned())
    }
}
