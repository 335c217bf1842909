//! Values: from scripts to the engine, and compared.

use wast::{
    WastArg, WastRet,
    component::WastVal,
    core::{NanPattern, WastArgCore, WastRetCore},
};
use wippy::value::{TypeDef, TypeId, Types, Value};

/// An argument as a value of type `ty`.
pub fn arg(types: &Types, ty: TypeId, arg: &WastArg<'_>) -> Result<Value, String> {
    match arg {
        WastArg::Core(WastArgCore::I32(v)) => Ok(Value::S32(*v)),
        WastArg::Core(WastArgCore::I64(v)) => Ok(Value::S64(*v)),
        WastArg::Core(WastArgCore::F32(v)) => Ok(Value::F32(f32::from_bits(v.bits))),
        WastArg::Core(WastArgCore::F64(v)) => Ok(Value::F64(f64::from_bits(v.bits))),
        WastArg::Component(val) => value(types, ty, val),
        other => Err(format!("not a component value: {other:?}")),
    }
}

/// Compares a result with what the script expects; otherwise what was expected.
pub fn matches(
    types: &Types,
    ty: TypeId,
    want: &WastRet<'_>,
    have: &Value,
) -> Result<bool, String> {
    let want = match want {
        WastRet::Core(WastRetCore::Either(all)) => {
            return Ok(all.iter().filter_map(core).any(|one| same(&one, have)));
        }
        WastRet::Core(want) => {
            core(want).ok_or_else(|| format!("not a component value: {want:?}"))?
        }
        WastRet::Component(val) => value(types, ty, val)?,
        other => return Err(format!("not a component value: {other:?}")),
    };
    Ok(same(&want, have))
}

/// A number of the core specification.
fn core(want: &WastRetCore<'_>) -> Option<Value> {
    match want {
        WastRetCore::I32(v) => Some(Value::S32(*v)),
        WastRetCore::I64(v) => Some(Value::S64(*v)),
        WastRetCore::F32(pattern) => {
            Some(Value::F32(nan(pattern, |v| f32::from_bits(v.bits)).unwrap_or(f32::NAN)))
        }
        WastRetCore::F64(pattern) => {
            Some(Value::F64(nan(pattern, |v| f64::from_bits(v.bits)).unwrap_or(f64::NAN)))
        }
        _ => None,
    }
}

/// `None` for a NaN: components know only one.
fn nan<T, R>(pattern: &NanPattern<T>, number: impl Fn(&T) -> R) -> Option<R> {
    match pattern {
        NanPattern::CanonicalNan | NanPattern::ArithmeticNan => None,
        NanPattern::Value(value) => Some(number(value)),
    }
}

fn value(types: &Types, ty: TypeId, val: &WastVal<'_>) -> Result<Value, String> {
    let one = |ty: TypeId, val: &WastVal<'_>| value(types, ty, val);
    let mismatch = || format!("{val:?} is not a `{}`", types.display(ty));
    let payload = |ty: Option<TypeId>, val: Option<&WastVal<'_>>| match (ty, val) {
        (Some(ty), Some(val)) => value(types, ty, val).map(|v| Some(Box::new(v))),
        (None, None) => Ok(None),
        _ => Err(mismatch()),
    };
    let case = |position: Option<usize>| position.map(|case| case as u32).ok_or_else(mismatch);
    Ok(match (types.get(ty), val) {
        (_, WastVal::Bool(v)) => Value::Bool(*v),
        (_, WastVal::U8(v)) => Value::U8(*v),
        (_, WastVal::S8(v)) => Value::S8(*v),
        (_, WastVal::U16(v)) => Value::U16(*v),
        (_, WastVal::S16(v)) => Value::S16(*v),
        (_, WastVal::U32(v)) => Value::U32(*v),
        (_, WastVal::S32(v)) => Value::S32(*v),
        (_, WastVal::U64(v)) => Value::U64(*v),
        (_, WastVal::S64(v)) => Value::S64(*v),
        (_, WastVal::F32(v)) => Value::F32(f32::from_bits(v.bits)),
        (_, WastVal::F64(v)) => Value::F64(f64::from_bits(v.bits)),
        (_, WastVal::Char(v)) => Value::Char(*v),
        (_, WastVal::String(v)) => Value::from(*v),
        (TypeDef::List(element) | TypeDef::FixedList(element, _), WastVal::List(vals)) => {
            Value::from(vals.iter().map(|val| one(*element, val)).collect::<Result<Vec<_>, _>>()?)
        }
        (TypeDef::Map(key, value), WastVal::Map(entries)) => Value::Map(
            entries
                .iter()
                .map(|(k, v)| Ok((one(*key, k)?, one(*value, v)?)))
                .collect::<Result<_, String>>()?,
        ),
        (TypeDef::Record(fields), WastVal::Record(vals)) => {
            if fields.len() != vals.len() {
                return Err(mismatch());
            }
            let field = |field: &wippy::value::Field| {
                let found = vals.iter().find(|(name, _)| **name == *field.name);
                found.ok_or_else(mismatch).and_then(|(_, val)| one(field.ty, val))
            };
            Value::Record(fields.iter().map(field).collect::<Result<_, _>>()?)
        }
        (TypeDef::Tuple(ids), WastVal::Tuple(vals)) if ids.len() == vals.len() => Value::Record(
            ids.iter().zip(vals).map(|(ty, val)| one(*ty, val)).collect::<Result<_, _>>()?,
        ),
        (TypeDef::Variant(cases), WastVal::Variant(name, val)) => {
            let position = case(cases.iter().position(|case| *case.name == **name))?;
            let ty = cases.get(position as usize).and_then(|case| case.ty);
            Value::Variant { case: position, payload: payload(ty, val.as_deref())? }
        }
        (TypeDef::Enum(labels), WastVal::Enum(name)) => {
            Value::case(case(labels.iter().position(|label| **label == **name))?)
        }
        (TypeDef::Option(ty), WastVal::Option(val)) => match val {
            Some(val) => Value::some(one(*ty, val)?),
            None => Value::NONE,
        },
        (TypeDef::Result { ok, err }, WastVal::Result(val)) => match val {
            Ok(val) => Value::Variant { case: 0, payload: payload(*ok, val.as_deref())? },
            Err(val) => Value::Variant { case: 1, payload: payload(*err, val.as_deref())? },
        },
        (TypeDef::Flags(labels), WastVal::Flags(names)) => {
            let mut bits = 0;
            for name in names {
                bits |= 1 << case(labels.iter().position(|label| **label == **name))?;
            }
            Value::Flags(bits)
        }
        _ => return Err(mismatch()),
    })
}

/// Equality to the bit, except that all NaNs are one.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::F32(a), Value::F32(b)) => a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(),
        (Value::F64(a), Value::F64(b)) => a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(),
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(&a, &b))
        }
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(&a.0, &b.0) && same(&a.1, &b.1))
        }
        (Value::Record(a), Value::Record(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (
            Value::Variant { case: a, payload: Some(x) },
            Value::Variant { case: b, payload: Some(y) },
        ) => a == b && same(x, y),
        (a, b) => a == b,
    }
}
