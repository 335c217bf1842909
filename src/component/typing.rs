//! From wasmparser's types to ours.
//!
//! The same type in the text means another one in each component instance if
//! resources are involved, so every instance has its own [`Env`], which says
//! which resource type wasmparser's abstract id stands for there.

use std::collections::HashMap;

use wasmparser::{
    PrimitiveValType,
    component_types::{
        ComponentDefinedType, ComponentDefinedTypeId, ComponentFuncTypeId, ComponentValType,
        ResourceId as AbstractId,
    },
    types::Types as Parsed,
};

use super::error::LoadError;
use crate::value::{Case, Field, FuncType, ResourceId, TypeDef, TypeId, Types};

/// What the abstract types of one component instance stand for.
#[derive(Debug, Default)]
pub(crate) struct Env {
    pub resources: HashMap<AbstractId, ResourceId>,
    known: HashMap<ComponentDefinedTypeId, TypeId>,
}

/// The signature of a component function.
pub(crate) fn func(
    types: &mut Types,
    parsed: &Parsed,
    env: &mut Env,
    id: ComponentFuncTypeId,
) -> Result<FuncType, LoadError> {
    let ty = parsed.as_ref().get(id).ok_or_else(|| LoadError::new("unknown function type"))?;
    let mut params = Vec::with_capacity(ty.params.len());
    for (name, ty) in &ty.params {
        params.push(Field { name: name.as_str().into(), ty: value(types, parsed, env, *ty)? });
    }
    let result = ty.result.map(|ty| value(types, parsed, env, ty)).transpose()?;
    Ok(FuncType { params: params.into(), result, is_async: ty.async_ })
}

/// A value type. The recursion is as deep as the type, which wasmparser bounds.
pub(crate) fn value(
    types: &mut Types,
    parsed: &Parsed,
    env: &mut Env,
    ty: ComponentValType,
) -> Result<TypeId, LoadError> {
    let id = match ty {
        ComponentValType::Primitive(ty) => return Ok(types.intern(primitive(ty))),
        ComponentValType::Type(id) => id,
    };
    if let Some(known) = env.known.get(&id) {
        return Ok(*known);
    }
    let def = parsed.as_ref().get(id).ok_or_else(|| LoadError::new("unknown value type"))?;
    let mut convert = |ty: ComponentValType| value(types, parsed, env, ty);
    let def = match def {
        ComponentDefinedType::Primitive(ty) => primitive(*ty),
        ComponentDefinedType::Record(record) => TypeDef::Record(
            record
                .fields
                .iter()
                .map(|(name, ty)| Ok(Field { name: name.as_str().into(), ty: convert(*ty)? }))
                .collect::<Result<_, LoadError>>()?,
        ),
        ComponentDefinedType::Variant(variant) => TypeDef::Variant(
            variant
                .cases
                .iter()
                .map(|(name, case)| {
                    let ty = case.ty.map(&mut convert).transpose()?;
                    Ok(Case { name: name.as_str().into(), ty })
                })
                .collect::<Result<_, LoadError>>()?,
        ),
        ComponentDefinedType::List { element, .. } => TypeDef::List(convert(*element)?),
        ComponentDefinedType::FixedLengthList { element, length, .. } => {
            TypeDef::FixedList(convert(*element)?, *length)
        }
        ComponentDefinedType::Map { key, value, .. } => {
            TypeDef::Map(convert(*key)?, convert(*value)?)
        }
        ComponentDefinedType::Tuple(tuple) => TypeDef::Tuple(
            tuple.types.iter().map(|ty| convert(*ty)).collect::<Result<_, LoadError>>()?,
        ),
        ComponentDefinedType::Flags(labels) => {
            TypeDef::Flags(labels.iter().map(|label| label.as_str().into()).collect())
        }
        ComponentDefinedType::Enum(labels) => {
            TypeDef::Enum(labels.iter().map(|label| label.as_str().into()).collect())
        }
        ComponentDefinedType::Option { ty, .. } => TypeDef::Option(convert(*ty)?),
        ComponentDefinedType::Result { ok, err, .. } => TypeDef::Result {
            ok: ok.map(&mut convert).transpose()?,
            err: err.map(&mut convert).transpose()?,
        },
        ComponentDefinedType::Own(id) => TypeDef::Own(resource(env, id.resource())?),
        ComponentDefinedType::Borrow(id) => TypeDef::Borrow(resource(env, id.resource())?),
        ComponentDefinedType::Future { .. } => TypeDef::Async("future"),
        ComponentDefinedType::Stream { .. } => TypeDef::Async("stream"),
    };
    let new = types.intern(def);
    env.known.insert(id, new);
    Ok(new)
}

fn resource(env: &Env, id: AbstractId) -> Result<ResourceId, LoadError> {
    env.resources
        .get(&id)
        .copied()
        .ok_or_else(|| LoadError::new("a type uses a resource that nothing provides"))
}

fn primitive(ty: PrimitiveValType) -> TypeDef {
    match ty {
        PrimitiveValType::Bool => TypeDef::Bool,
        PrimitiveValType::S8 => TypeDef::S8,
        PrimitiveValType::U8 => TypeDef::U8,
        PrimitiveValType::S16 => TypeDef::S16,
        PrimitiveValType::U16 => TypeDef::U16,
        PrimitiveValType::S32 => TypeDef::S32,
        PrimitiveValType::U32 => TypeDef::U32,
        PrimitiveValType::S64 => TypeDef::S64,
        PrimitiveValType::U64 => TypeDef::U64,
        PrimitiveValType::F32 => TypeDef::F32,
        PrimitiveValType::F64 => TypeDef::F64,
        PrimitiveValType::Char => TypeDef::Char,
        PrimitiveValType::String => TypeDef::String,
        PrimitiveValType::ErrorContext => TypeDef::Async("error-context"),
    }
}
