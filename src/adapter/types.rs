//! Writes WIT types into the type index spaces of a component.
//!
//! The same WIT type is written in up to four places: at the root of the
//! component (for lifting functions), in the instance type of an imported
//! interface, and twice in the small component that gives an exported interface
//! its shape (once as its imports, once as its exports). The places differ only
//! in how a type gets its name, so [`TypeSpace`] holds the walk and each place
//! says how names are given. Records, variants, enums, flags and resources must
//! have names wherever they are visible from outside the component.
#![expect(
    clippy::indexing_slicing,
    reason = "ids of the arenas of one `Resolve`, which it has made"
)]

use super::error::AdaptError;
use std::collections::HashMap;
use wasm_encoder::{
    Alias, ComponentBuilder, ComponentDefinedTypeEncoder, ComponentExportKind,
    ComponentFuncTypeEncoder, ComponentOuterAliasKind, ComponentTypeRef, ComponentValType,
    InstanceType, PrimitiveValType, TypeBounds,
};
use wit_parser::{Function, Handle, InterfaceId, Resolve, Type, TypeDefKind, TypeId, TypeOwner};

type Index = Result<u32, AdaptError>;

/// A place to write types to.
pub(super) trait TypeSpace<'r> {
    /// The types being written.
    fn resolve(&self) -> &'r Resolve;
    /// The types that have been written already.
    fn written(&mut self) -> &mut HashMap<TypeId, u32>;
    /// Begins a value type.
    fn defined(&mut self) -> (u32, ComponentDefinedTypeEncoder<'_>);
    /// Begins a function type.
    fn function(&mut self) -> (u32, ComponentFuncTypeEncoder<'_>);
    /// Finds a type that is not written here but taken from elsewhere.
    fn elsewhere(&mut self, id: TypeId) -> Result<Option<u32>, AdaptError>;
    /// Gives the type at `index` its name.
    fn name(&mut self, id: TypeId, name: &str, index: u32) -> Index;
    /// A new resource type.
    fn resource(&mut self, id: TypeId, name: &str) -> Index;

    /// Writes the type of `func`.
    fn func_type(&mut self, func: &Function) -> Index {
        let mut params = Vec::with_capacity(func.params.len());
        for param in &func.params {
            params.push((param.name.as_str(), self.value_type(&param.ty)?));
        }
        let result = func.result.as_ref().map(|ty| self.value_type(ty)).transpose()?;
        let (index, mut encoder) = self.function();
        encoder.params(params).result(result);
        Ok(index)
    }

    /// Writes a type that must have an index, such as a resource.
    fn type_index(&mut self, id: TypeId) -> Index {
        match self.value_type(&Type::Id(id))? {
            ComponentValType::Type(index) => Ok(index),
            ComponentValType::Primitive(_) => Err(internal("a named type without an index")),
        }
    }

    /// Writes `ty` and everything it consists of.
    fn value_type(&mut self, ty: &Type) -> Result<ComponentValType, AdaptError> {
        use PrimitiveValType as P;
        let id = match ty {
            Type::Bool => return Ok(P::Bool.into()),
            Type::U8 => return Ok(P::U8.into()),
            Type::U16 => return Ok(P::U16.into()),
            Type::U32 => return Ok(P::U32.into()),
            Type::U64 => return Ok(P::U64.into()),
            Type::S8 => return Ok(P::S8.into()),
            Type::S16 => return Ok(P::S16.into()),
            Type::S32 => return Ok(P::S32.into()),
            Type::S64 => return Ok(P::S64.into()),
            Type::F32 => return Ok(P::F32.into()),
            Type::F64 => return Ok(P::F64.into()),
            Type::Char => return Ok(P::Char.into()),
            Type::String => return Ok(P::String.into()),
            Type::ErrorContext => return Err(internal("error-context")),
            Type::Id(id) => *id,
        };
        if let Some(index) = self.written().get(&id) {
            return Ok(ComponentValType::Type(*index));
        }
        if let Some(index) = self.elsewhere(id)? {
            self.written().insert(id, index);
            return Ok(ComponentValType::Type(index));
        }
        let resolve = self.resolve();
        let def = &resolve.types[id];
        let mut written = match &def.kind {
            TypeDefKind::Resource => {
                let name = def.name.as_deref().unwrap_or_default();
                let index = self.resource(id, name)?;
                self.written().insert(id, index);
                return Ok(ComponentValType::Type(index));
            }
            TypeDefKind::Type(ty) => self.value_type(ty)?,
            kind => ComponentValType::Type(self.structure(kind)?),
        };
        if let Some(name) = &def.name {
            let index = match written {
                ComponentValType::Type(index) => index,
                ComponentValType::Primitive(primitive) => {
                    let (index, encoder) = self.defined();
                    encoder.primitive(primitive);
                    index
                }
            };
            written = ComponentValType::Type(self.name(id, name, index)?);
        }
        if let ComponentValType::Type(index) = written {
            self.written().insert(id, index);
        }
        Ok(written)
    }

    /// Writes a type made of other types.
    fn structure(&mut self, kind: &'r TypeDefKind) -> Index {
        let optional = |this: &mut Self, ty: &Option<Type>| {
            ty.as_ref().map(|ty| this.value_type(ty)).transpose()
        };
        Ok(match kind {
            TypeDefKind::Record(record) => {
                let mut fields = Vec::with_capacity(record.fields.len());
                for field in &record.fields {
                    fields.push((field.name.as_str(), self.value_type(&field.ty)?));
                }
                let (index, encoder) = self.defined();
                encoder.record(fields);
                index
            }
            TypeDefKind::Tuple(tuple) => {
                let mut types = Vec::with_capacity(tuple.types.len());
                for ty in &tuple.types {
                    types.push(self.value_type(ty)?);
                }
                let (index, encoder) = self.defined();
                encoder.tuple(types);
                index
            }
            TypeDefKind::Variant(variant) => {
                let mut cases = Vec::with_capacity(variant.cases.len());
                for case in &variant.cases {
                    cases.push((case.name.as_str(), optional(self, &case.ty)?));
                }
                let (index, encoder) = self.defined();
                encoder.variant(cases);
                index
            }
            TypeDefKind::Enum(names) => {
                let (index, encoder) = self.defined();
                encoder.enum_type(names.cases.iter().map(|case| case.name.as_str()));
                index
            }
            TypeDefKind::Flags(names) => {
                let (index, encoder) = self.defined();
                encoder.flags(names.flags.iter().map(|flag| flag.name.as_str()));
                index
            }
            TypeDefKind::Option(ty) => {
                let ty = self.value_type(ty)?;
                let (index, encoder) = self.defined();
                encoder.option(ty);
                index
            }
            TypeDefKind::Result(result) => {
                let ok = optional(self, &result.ok)?;
                let err = optional(self, &result.err)?;
                let (index, encoder) = self.defined();
                encoder.result(ok, err);
                index
            }
            TypeDefKind::List(ty) => {
                let ty = self.value_type(ty)?;
                let (index, encoder) = self.defined();
                encoder.list(ty);
                index
            }
            TypeDefKind::FixedLengthList(ty, length) => {
                let ty = self.value_type(ty)?;
                let (index, encoder) = self.defined();
                encoder.fixed_length_list(ty, *length);
                index
            }
            TypeDefKind::Map(key, value) => {
                let key = self.value_type(key)?;
                let value = self.value_type(value)?;
                let (index, encoder) = self.defined();
                encoder.map(key, value);
                index
            }
            TypeDefKind::Handle(Handle::Own(id)) => {
                let resource = self.type_index(*id)?;
                let (index, encoder) = self.defined();
                encoder.own(resource);
                index
            }
            TypeDefKind::Handle(Handle::Borrow(id)) => {
                let resource = self.type_index(*id)?;
                let (index, encoder) = self.defined();
                encoder.borrow(resource);
                index
            }
            other => return Err(internal(other.as_str())),
        })
    }
}

/// A combination that the planning stage should have refused.
pub(super) fn internal(what: &str) -> AdaptError {
    AdaptError::unsupported(format!(
        "the WIT text uses {what} in a way that raw modules do not support; build the module as a \
         component instead"
    ))
}

/// The root of the component.
pub(super) struct Root<'r> {
    pub resolve: &'r Resolve,
    pub component: ComponentBuilder,
    pub written: HashMap<TypeId, u32>,
    /// Instances that hold the types of other interfaces.
    pub imported: HashMap<InterfaceId, u32>,
    pub exported: HashMap<InterfaceId, u32>,
    /// The exported interface whose functions are being lifted.
    pub current: Option<InterfaceId>,
}

impl<'r> TypeSpace<'r> for Root<'r> {
    fn resolve(&self) -> &'r Resolve {
        self.resolve
    }

    fn written(&mut self) -> &mut HashMap<TypeId, u32> {
        &mut self.written
    }

    fn defined(&mut self) -> (u32, ComponentDefinedTypeEncoder<'_>) {
        self.component.type_defined(None)
    }

    fn function(&mut self) -> (u32, ComponentFuncTypeEncoder<'_>) {
        self.component.type_function(None)
    }

    fn elsewhere(&mut self, id: TypeId) -> Result<Option<u32>, AdaptError> {
        let def = &self.resolve.types[id];
        let owner = match def.owner {
            TypeOwner::Interface(owner) if Some(owner) != self.current => owner,
            _ => return Ok(None),
        };
        let instance = self.exported.get(&owner).or_else(|| self.imported.get(&owner)).copied();
        match (instance, &def.name) {
            (Some(instance), Some(name)) => {
                Ok(Some(self.component.alias_export(instance, name, ComponentExportKind::Type)))
            }
            _ => Err(internal("a type of an interface that is neither imported nor exported")),
        }
    }

    fn name(&mut self, id: TypeId, name: &str, index: u32) -> Index {
        Ok(match self.resolve.types[id].owner {
            // Types of a world are imports: known to both sides by their names.
            TypeOwner::World(_) => {
                self.component.import(name, ComponentTypeRef::Type(TypeBounds::Eq(index)))
            }
            _ => index,
        })
    }

    fn resource(&mut self, _: TypeId, _: &str) -> Index {
        Err(internal("a resource of its own"))
    }
}

/// The instance type of an imported interface.
pub(super) struct Imported<'s, 'r> {
    pub root: &'s mut Root<'r>,
    pub interface: InterfaceId,
    pub written: HashMap<TypeId, u32>,
    pub ty: InstanceType,
}

impl<'r> TypeSpace<'r> for Imported<'_, 'r> {
    fn resolve(&self) -> &'r Resolve {
        self.root.resolve
    }

    fn written(&mut self) -> &mut HashMap<TypeId, u32> {
        &mut self.written
    }

    fn defined(&mut self) -> (u32, ComponentDefinedTypeEncoder<'_>) {
        (self.ty.type_count(), self.ty.ty().defined_type())
    }

    fn function(&mut self) -> (u32, ComponentFuncTypeEncoder<'_>) {
        (self.ty.type_count(), self.ty.ty().function())
    }

    fn elsewhere(&mut self, id: TypeId) -> Result<Option<u32>, AdaptError> {
        match self.root.resolve.types[id].owner {
            TypeOwner::Interface(owner) if owner != self.interface => {}
            _ => return Ok(None),
        }
        let outer = self.root.type_index(id)?;
        let index = self.ty.type_count();
        self.ty.alias(Alias::Outer { count: 1, index: outer, kind: ComponentOuterAliasKind::Type });
        Ok(Some(index))
    }

    fn name(&mut self, _: TypeId, name: &str, index: u32) -> Index {
        let named = self.ty.type_count();
        self.ty.export(name, ComponentTypeRef::Type(TypeBounds::Eq(index)));
        Ok(named)
    }

    fn resource(&mut self, _: TypeId, name: &str) -> Index {
        let named = self.ty.type_count();
        self.ty.export(name, ComponentTypeRef::Type(TypeBounds::SubResource));
        Ok(named)
    }
}

/// The component that gives an exported interface its shape.
pub(super) struct Shape<'r> {
    pub resolve: &'r Resolve,
    pub component: ComponentBuilder,
    pub written: HashMap<TypeId, u32>,
    /// Types imported so far, in order, with the names they are imported by.
    pub imports: Vec<(String, TypeId)>,
    /// True if names are given by exporting (and not by importing).
    pub exporting: bool,
}

impl Shape<'_> {
    fn import(&mut self, id: TypeId, name: &str, bounds: TypeBounds) -> u32 {
        let name = format!("type-{name}-x{}", self.imports.len());
        let index = self.component.import(&name, ComponentTypeRef::Type(bounds));
        self.imports.push((name, id));
        index
    }
}

impl<'r> TypeSpace<'r> for Shape<'r> {
    fn resolve(&self) -> &'r Resolve {
        self.resolve
    }

    fn written(&mut self) -> &mut HashMap<TypeId, u32> {
        &mut self.written
    }

    fn defined(&mut self) -> (u32, ComponentDefinedTypeEncoder<'_>) {
        self.component.type_defined(None)
    }

    fn function(&mut self) -> (u32, ComponentFuncTypeEncoder<'_>) {
        self.component.type_function(None)
    }

    fn elsewhere(&mut self, _: TypeId) -> Result<Option<u32>, AdaptError> {
        Ok(None)
    }

    fn name(&mut self, id: TypeId, name: &str, index: u32) -> Index {
        Ok(if self.exporting {
            self.component.export(name, ComponentExportKind::Type, index, None)
        } else {
            self.import(id, name, TypeBounds::Eq(index))
        })
    }

    fn resource(&mut self, id: TypeId, name: &str) -> Index {
        if self.exporting {
            return Err(internal("a resource of its own"));
        }
        Ok(self.import(id, name, TypeBounds::SubResource))
    }
}
