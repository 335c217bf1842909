//! Values become trees.

use super::{Tree, nullable};
use crate::value::{List, TypeDef, TypeId, Types, Value};

/// The value has been checked; nothing stands for whatever would not fit.
pub(in crate::value) fn write<T: Tree>(types: &Types, id: TypeId, value: &Value) -> T {
    match (types.get(id), value) {
        (_, Value::Bool(v)) => T::bool(*v),
        (_, Value::S8(v)) => T::integer((*v).into()),
        (_, Value::U8(v)) => T::integer((*v).into()),
        (_, Value::S16(v)) => T::integer((*v).into()),
        (_, Value::U16(v)) => T::integer((*v).into()),
        (_, Value::S32(v)) => T::integer((*v).into()),
        (_, Value::U32(v)) => T::integer((*v).into()),
        (_, Value::S64(v)) => T::integer((*v).into()),
        (_, Value::U64(v)) => T::integer((*v).into()),
        (_, Value::F32(v)) => T::f32(*v),
        (_, Value::F64(v)) => T::f64(*v),
        (_, Value::Char(v)) => T::text(v.encode_utf8(&mut [0; 4])),
        (_, Value::String(v)) => T::text(v),
        (TypeDef::List(ty) | TypeDef::FixedList(ty, _), Value::List(list)) => {
            write_list(types, *ty, list)
        }
        (TypeDef::Map(k, v), Value::Map(entries)) => T::map(types, *k, *v, entries),
        (TypeDef::Record(fields), Value::Record(values)) => {
            let entries = fields.iter().zip(values);
            T::record(entries.map(|(f, v)| (&*f.name, write(types, f.ty, v))))
        }
        (TypeDef::Tuple(ids), Value::Record(values)) => {
            T::list(ids.iter().zip(values).map(|(id, value)| write(types, *id, value)))
        }
        (def, Value::Variant { case, payload }) => {
            let (name, ty) = def.cases().and_then(|cases| cases.get(*case)).unwrap_or_default();
            let payload = ty.zip(payload.as_deref()).map(|(ty, value)| write(types, ty, value));
            match def {
                TypeDef::Enum(_) => T::text(name),
                TypeDef::Option(ty) => match payload {
                    Some(value) if nullable(types, *ty) => one("some", value),
                    payload => payload.unwrap_or_else(T::nil),
                },
                TypeDef::Variant(_) => {
                    let value = payload.map(|value| ("value", value));
                    T::record([("tag", T::text(name))].into_iter().chain(value))
                }
                _ if T::SPARSE => one(name, payload.unwrap_or_else(|| T::bool(true))),
                TypeDef::Bool
                | TypeDef::S8
                | TypeDef::U8
                | TypeDef::S16
                | TypeDef::U16
                | TypeDef::S32
                | TypeDef::U32
                | TypeDef::S64
                | TypeDef::U64
                | TypeDef::F32
                | TypeDef::F64
                | TypeDef::Char
                | TypeDef::String
                | TypeDef::List(_)
                | TypeDef::FixedList(..)
                | TypeDef::Map(..)
                | TypeDef::Record(_)
                | TypeDef::Tuple(_)
                | TypeDef::Result { .. }
                | TypeDef::Flags(_)
                | TypeDef::Own(_)
                | TypeDef::Borrow(_)
                | TypeDef::Async(_) => one(name, payload.unwrap_or_else(T::nil)),
            }
        }
        (TypeDef::Flags(labels), Value::Flags(bits)) => {
            let set = labels.iter().zip(0u32..32).filter(|(_, bit)| bits >> bit & 1 == 1);
            T::list(set.map(|(label, _)| T::text(label)))
        }
        _ => T::nil(),
    }
}

fn write_list<T: Tree>(types: &Types, element: TypeId, list: &List) -> T {
    let bytes = match types.get(element) {
        TypeDef::U8 => list.as_bytes().and_then(T::bytes),
        TypeDef::Bool
        | TypeDef::S8
        | TypeDef::S16
        | TypeDef::U16
        | TypeDef::S32
        | TypeDef::U32
        | TypeDef::S64
        | TypeDef::U64
        | TypeDef::F32
        | TypeDef::F64
        | TypeDef::Char
        | TypeDef::String
        | TypeDef::List(_)
        | TypeDef::FixedList(..)
        | TypeDef::Map(..)
        | TypeDef::Record(_)
        | TypeDef::Tuple(_)
        | TypeDef::Variant(_)
        | TypeDef::Enum(_)
        | TypeDef::Option(_)
        | TypeDef::Result { .. }
        | TypeDef::Flags(_)
        | TypeDef::Own(_)
        | TypeDef::Borrow(_)
        | TypeDef::Async(_) => None,
    };
    match (bytes, list) {
        (Some(bytes), _) => bytes,
        (None, List::Values(values)) => T::list(values.iter().map(|v| write(types, element, v))),
        (None, numbers) => T::list(numbers.iter().map(|v| write(types, element, &v))),
    }
}

fn one<T: Tree>(name: &str, value: T) -> T {
    T::record([(name, value)].into_iter())
}
