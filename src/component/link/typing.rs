//! From wasmparser's types to ours.
//!
//! The same type in the text means another one in each component instance if
//! resources are involved, so every instance has its own [`Env`], which says
//! which resource type wasmparser's abstract id stands for there. Those without
//! resources are the same in all of them, and known to all once they are known.

use std::{cell::RefCell, collections::HashMap, rc::Rc, sync::Arc};

use wasmparser::{
    PrimitiveValType,
    component_types::{
        ComponentAnyTypeId, ComponentDefinedType, ComponentDefinedTypeId, ComponentEntityType,
        ComponentFuncTypeId, ComponentInstanceTypeId, ComponentValType, ResourceId as AbstractId,
    },
    types::Types as Parsed,
};

use super::budget::Budget;
use crate::{
    component::{error::LoadError, load::decode::ComponentDef},
    value::{Case, Field, FuncType, ResourceId, TypeDef, TypeId, Types},
};

/// The types that the abstract ones of one component instance stand for.
#[derive(Debug)]
pub(crate) struct Env {
    pub resources: HashMap<AbstractId, ResourceId>,
    pub common: Rc<Common>,
    /// The file that the ids are of.
    file: usize,
    /// Types with resources.
    known: HashMap<ComponentDefinedTypeId, TypeId>,
}

/// The types that all component instances have in common. Ids are those of a file, and there
/// may be several: the host can give components of its own.
#[derive(Debug)]
pub(crate) struct Common {
    pub budget: Budget,
    /// Types without resources.
    plain: RefCell<HashMap<(usize, ComponentDefinedTypeId), TypeId>>,
    /// The types of instances that have been looked at: true if there are resource types
    /// among the exports.
    brings: RefCell<HashMap<(usize, ComponentInstanceTypeId), bool>>,
}

impl Common {
    pub fn new(budget: Budget) -> Common {
        Common { budget, plain: RefCell::default(), brings: RefCell::default() }
    }
}

impl Env {
    pub fn new(common: Rc<Common>, def: &ComponentDef) -> Env {
        // All files live as long as what is linked of them.
        let file = Arc::as_ptr(&def.file).addr();
        Env { resources: HashMap::new(), common, file, known: HashMap::new() }
    }

    /// True if instances of this type bring resource types along.
    pub fn brings_resources(
        &self,
        parsed: &Parsed,
        id: ComponentInstanceTypeId,
    ) -> Result<bool, LoadError> {
        let key = (self.file, id);
        if let Some(known) = self.common.brings.borrow().get(&key) {
            return Ok(*known);
        }
        let Some(ty) = parsed.as_ref().get(id) else { return Ok(false) };
        self.common.budget.spend(ty.exports.len().saturating_add(1))?;
        let mut brings = false;
        // As deep as instances are nested in the type, which wasmparser bounds.
        for item in ty.exports.values() {
            brings |= match item.ty {
                ComponentEntityType::Type { created, .. } => {
                    matches!(created, ComponentAnyTypeId::Resource(_))
                }
                ComponentEntityType::Instance(id) => self.brings_resources(parsed, id)?,
                ComponentEntityType::Module(_)
                | ComponentEntityType::Func(_)
                | ComponentEntityType::Value(_)
                | ComponentEntityType::Component(_) => false,
            };
        }
        self.common.brings.borrow_mut().insert(key, brings);
        Ok(brings)
    }
}

/// The signature of a component function.
pub(crate) fn func(
    types: &mut Types,
    parsed: &Parsed,
    env: &mut Env,
    id: ComponentFuncTypeId,
) -> Result<FuncType, LoadError> {
    let ty = parsed.as_ref().get(id).ok_or_else(|| LoadError::new("unknown function type"))?;
    env.common.budget.spend(ty.params.len().saturating_add(1))?;
    let mut params = Vec::with_capacity(ty.params.len());
    for (name, ty) in &ty.params {
        env.common.budget.name(name.as_str())?;
        params.push(Field { name: name.as_str().into(), ty: value(types, parsed, env, *ty)? });
    }
    let result = ty.result.map(|ty| value(types, parsed, env, ty)).transpose()?;
    Ok(FuncType { params: params.into(), result, is_async: ty.async_ })
}

/// A value type.
fn value(
    types: &mut Types,
    parsed: &Parsed,
    env: &mut Env,
    ty: ComponentValType,
) -> Result<TypeId, LoadError> {
    Ok(convert(types, parsed, env, ty)?.0)
}

/// Counts what is converted for a type, besides the types that it is made of.
fn steps(def: &ComponentDefinedType, budget: &Budget) -> Result<(), LoadError> {
    let names = |labels: &mut dyn Iterator<Item = &str>| {
        for label in labels {
            budget.spend(1)?;
            budget.name(label)?;
        }
        Ok(())
    };
    budget.spend(1)?;
    match def {
        ComponentDefinedType::Record(record) => {
            names(&mut record.fields.keys().map(|name| name.as_str()))
        }
        ComponentDefinedType::Variant(variant) => {
            names(&mut variant.cases.keys().map(|name| name.as_str()))
        }
        ComponentDefinedType::Flags(labels) | ComponentDefinedType::Enum(labels) => {
            names(&mut labels.iter().map(|name| name.as_str()))
        }
        ComponentDefinedType::Tuple(tuple) => budget.spend(tuple.types.len()),
        ComponentDefinedType::Primitive(_)
        | ComponentDefinedType::List { .. }
        | ComponentDefinedType::FixedLengthList { .. }
        | ComponentDefinedType::Map { .. }
        | ComponentDefinedType::Option { .. }
        | ComponentDefinedType::Result { .. }
        | ComponentDefinedType::Own(_)
        | ComponentDefinedType::Borrow(_)
        | ComponentDefinedType::Future { .. }
        | ComponentDefinedType::Stream { .. } => Ok(()),
    }
}

/// The same, and whether it is without resources. The recursion is as deep as the
/// type, which wasmparser bounds.
fn convert(
    types: &mut Types,
    parsed: &Parsed,
    env: &mut Env,
    ty: ComponentValType,
) -> Result<(TypeId, bool), LoadError> {
    let id = match ty {
        ComponentValType::Primitive(ty) => return Ok((types.intern(primitive(ty)), true)),
        ComponentValType::Type(id) => id,
    };
    if let Some(known) = env.common.plain.borrow().get(&(env.file, id)) {
        return Ok((*known, true));
    }
    if let Some(known) = env.known.get(&id) {
        return Ok((*known, false));
    }
    let def = parsed.as_ref().get(id).ok_or_else(|| LoadError::new("unknown value type"))?;
    steps(def, &env.common.budget)?;
    let mut plain = !matches!(def, ComponentDefinedType::Own(_) | ComponentDefinedType::Borrow(_));
    let mut convert = |ty: ComponentValType| {
        let (id, without) = convert(types, parsed, env, ty)?;
        plain &= without;
        Ok::<_, LoadError>(id)
    };
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
    match plain {
        true => drop(env.common.plain.borrow_mut().insert((env.file, id), new)),
        false => drop(env.known.insert(id, new)),
    }
    Ok((new, plain))
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
