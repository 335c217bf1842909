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
            if let TypeDef::Enum(_) = def {
                T::text(name)
            } else if let TypeDef::Option(ty) = def {
                match payload {
                    Some(value) if nullable(types, *ty) => one("some", value),
                    payload => payload.unwrap_or_else(T::nil),
                }
            } else if let TypeDef::Variant(_) = def {
                let value = payload.map(|value| ("value", value));
                T::record([("tag", T::text(name))].into_iter().chain(value))
            } else {
                // A result. What may be left out cannot be nil, or its case would go with it.
                let nil = || if T::SPARSE { T::bool(true) } else { T::nil() };
                one(name, payload.unwrap_or_else(nil))
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
    let is_bytes = types.get(element) == &TypeDef::U8;
    let bytes = if is_bytes { list.as_bytes().and_then(T::bytes) } else { None };
    match (bytes, list) {
        (Some(bytes), _) => bytes,
        (None, List::Values(values)) => T::list(values.iter().map(|v| write(types, element, v))),
        (None, numbers) => T::list(numbers.iter().map(|v| write(types, element, &v))),
    }
}

fn one<T: Tree>(name: &str, value: T) -> T {
    T::record([(name, value)].into_iter())
}
