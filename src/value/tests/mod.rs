//! The readable forms, as tables to read: a text, the type it is read as, what
//! becomes of it.

mod check;
pub(crate) mod generate;
mod hostile;
mod json;
mod term;
mod usage;
mod wave;

use std::sync::Arc;

use super::{Case, Field, Type, TypeDef, TypeId, Types};

/// The types that the tables speak of.
pub(super) struct World {
    types: Types,
}

impl World {
    pub(super) fn new() -> World {
        World { types: Types::default() }
    }

    pub(super) fn id(&mut self, def: TypeDef) -> TypeId {
        self.types.intern(def)
    }

    pub(super) fn list(&mut self, def: TypeDef) -> TypeId {
        let element = self.id(def);
        self.id(TypeDef::List(element))
    }

    pub(super) fn option(&mut self, ty: TypeId) -> TypeId {
        self.id(TypeDef::Option(ty))
    }

    pub(super) fn result(&mut self, ok: Option<TypeId>, err: Option<TypeId>) -> TypeId {
        self.id(TypeDef::Result { ok, err })
    }

    pub(super) fn tuple(&mut self, types: &[TypeId]) -> TypeId {
        self.id(TypeDef::Tuple(types.into()))
    }

    pub(super) fn map(&mut self, key: TypeDef, value: TypeDef) -> TypeId {
        let (key, value) = (self.id(key), self.id(value));
        self.id(TypeDef::Map(key, value))
    }

    pub(super) fn record(&mut self, fields: &[(&str, TypeId)]) -> TypeId {
        let fields = fields.iter().map(|(name, ty)| Field { name: (*name).into(), ty: *ty });
        let def = TypeDef::Record(fields.collect());
        self.id(def)
    }

    pub(super) fn variant(&mut self, cases: &[(&str, Option<TypeId>)]) -> TypeId {
        let cases = cases.iter().map(|(name, ty)| Case { name: (*name).into(), ty: *ty });
        let def = TypeDef::Variant(cases.collect());
        self.id(def)
    }

    pub(super) fn enumeration(&mut self, labels: &[&str]) -> TypeId {
        self.id(TypeDef::Enum(labels.iter().map(|label| (*label).into()).collect()))
    }

    pub(super) fn flags(&mut self, labels: &[&str]) -> TypeId {
        self.id(TypeDef::Flags(labels.iter().map(|label| (*label).into()).collect()))
    }

    pub(super) fn handle(&mut self, name: &str) -> TypeId {
        let id = self.types.add_resource(name);
        self.id(TypeDef::Own(id))
    }

    /// A type of the finished table.
    pub(super) fn ty(&self, id: TypeId) -> Type {
        Type::new(Arc::new(self.types.clone()), id)
    }
}
