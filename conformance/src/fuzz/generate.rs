//! Types that bytes choose, and values of them.

use arbitrary::Unstructured;
use wippy::value::{Case, Field, List, Scalar, Type, TypeDef, TypeId, Types, Value};

/// Levels of a type.
const DEPTH: u32 = 4;

/// Parts of a type, elements of a value.
const WIDTH: usize = 6;

/// A type that is no handle.
pub fn ty(types: &mut Types, bytes: &mut Unstructured<'_>, depth: u32) -> TypeId {
    const SIMPLE: [TypeDef; 13] = [
        TypeDef::Bool,
        TypeDef::S8,
        TypeDef::U8,
        TypeDef::S16,
        TypeDef::U16,
        TypeDef::S32,
        TypeDef::U32,
        TypeDef::S64,
        TypeDef::U64,
        TypeDef::F32,
        TypeDef::F64,
        TypeDef::Char,
        TypeDef::String,
    ];
    let choice = bytes.int_in_range(0..=24).unwrap_or(0u8);
    if choice < 13 || depth >= DEPTH {
        let def = SIMPLE[usize::from(choice) % SIMPLE.len()].clone();
        return types.intern(def);
    }
    let width = bytes.int_in_range(1..=WIDTH).unwrap_or(1);
    let mut inner = |types: &mut Types| ty(types, bytes, depth + 1);
    let labels = |name: &str| (0..width).map(|i| format!("{name}{i}").into_boxed_str()).collect();
    let def = match choice {
        13 | 14 => TypeDef::List(inner(types)),
        15 => TypeDef::FixedList(inner(types), width as u32),
        16 | 17 => {
            let field = |i| Field { name: format!("f{i}").into(), ty: inner(types) };
            TypeDef::Record((0..width).map(field).collect())
        }
        18 => TypeDef::Tuple((0..width).map(|_| inner(types)).collect()),
        19 | 20 => {
            let case = |i| {
                let ty = (i % 3 != 2).then(|| inner(types));
                Case { name: format!("c{i}").into(), ty }
            };
            TypeDef::Variant((0..width).map(case).collect())
        }
        21 => TypeDef::Enum(labels("e")),
        22 => TypeDef::Option(inner(types)),
        23 => {
            let ok = (!width.is_multiple_of(3)).then(|| inner(types));
            let err = (!width.is_multiple_of(2)).then(|| inner(types));
            TypeDef::Result { ok, err }
        }
        _ => TypeDef::Flags(labels("g")),
    };
    types.intern(def)
}

/// A value of a type; none if that has handles, or is asynchronous.
pub fn value(ty: &Type, bytes: &mut Unstructured<'_>) -> Option<Value> {
    let width = |bytes: &mut Unstructured<'_>| bytes.int_in_range(0..=WIDTH).unwrap_or(0);
    let number = |bytes: &mut Unstructured<'_>| bytes.arbitrary::<u64>().unwrap_or(0);
    Some(match ty.def() {
        TypeDef::Bool => Value::Bool(number(bytes) % 2 == 1),
        TypeDef::S8 => Value::S8(number(bytes) as i8),
        TypeDef::U8 => Value::U8(number(bytes) as u8),
        TypeDef::S16 => Value::S16(number(bytes) as i16),
        TypeDef::U16 => Value::U16(number(bytes) as u16),
        TypeDef::S32 => Value::S32(number(bytes) as i32),
        TypeDef::U32 => Value::U32(number(bytes) as u32),
        TypeDef::S64 => Value::S64(number(bytes) as i64),
        TypeDef::U64 => Value::U64(number(bytes)),
        // Of the NaNs there is one.
        TypeDef::F32 => {
            Value::F32(Some(f32::from_bits(number(bytes) as u32)).filter(|f| !f.is_nan())?)
        }
        TypeDef::F64 => Value::F64(Some(f64::from_bits(number(bytes))).filter(|f| !f.is_nan())?),
        TypeDef::Char => Value::Char(bytes.arbitrary().unwrap_or('c')),
        TypeDef::String => {
            let length = width(bytes);
            Value::String((0..length).map(|_| bytes.arbitrary().unwrap_or('s')).collect())
        }
        TypeDef::List(inner) => {
            let length = width(bytes);
            list(ty, *inner, length, bytes)?
        }
        TypeDef::FixedList(inner, length) => list(ty, *inner, *length as usize, bytes)?,
        TypeDef::Map(key, of) => {
            let length = width(bytes);
            let (key, of) = (ty.child(*key), ty.child(*of));
            let entry = |_| Some((value(&key, bytes)?, value(&of, bytes)?));
            let mut entries: Vec<(Value, Value)> = (0..length).map(entry).collect::<Option<_>>()?;
            entries.dedup_by(|one, other| one.0 == other.0);
            Value::Map(entries)
        }
        TypeDef::Record(fields) => all(ty, fields.iter().map(|field| field.ty), bytes)?,
        TypeDef::Tuple(types) => all(ty, types.iter().copied(), bytes)?,
        TypeDef::Flags(labels) => {
            let mask = if labels.len() >= 32 { u32::MAX } else { (1 << labels.len()) - 1 };
            Value::Flags(number(bytes) as u32 & mask)
        }
        TypeDef::Variant(_) | TypeDef::Enum(_) | TypeDef::Option(_) | TypeDef::Result { .. } => {
            let cases = ty.def().cases()?;
            let case = (number(bytes) % cases.len() as u64) as u32;
            let (_, payload) = cases.get(case)?;
            let payload = match payload {
                Some(inner) => Some(Box::new(value(&ty.child(inner), bytes)?)),
                None => None,
            };
            Value::Variant { case, payload }
        }
        TypeDef::Own(_) | TypeDef::Borrow(_) | TypeDef::Async(_) => return None,
    })
}

fn all(
    ty: &Type,
    types: impl Iterator<Item = TypeId>,
    bytes: &mut Unstructured<'_>,
) -> Option<Value> {
    let values = types.map(|inner| value(&ty.child(inner), bytes)).collect::<Option<_>>()?;
    Some(Value::Record(values))
}

fn list(ty: &Type, inner: TypeId, length: usize, bytes: &mut Unstructured<'_>) -> Option<Value> {
    let inner = ty.child(inner);
    let values = (0..length).map(|_| value(&inner, bytes)).collect::<Option<Vec<_>>>()?;
    Some(Value::List(match Scalar::of(inner.def()) {
        Some(scalar) => {
            let mut bytes = Vec::new();
            values.iter().all(|value| scalar.write(value, &mut bytes)).then_some(())?;
            List::Scalars(scalar, bytes)
        }
        None => List::Values(values),
    }))
}
