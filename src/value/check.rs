//! Whether a value is of a type.
//!
//! A [`Value`] carries no names and no type, so whoever hands one to the engine
//! can hand in the wrong one. [`check`] looks at all of it, once: after that the
//! engine, and the readable forms, only ever meet values that fit.
//!
//! The recursion follows the type, whose depth is bounded, never the value, whose
//! depth is not. A run of numbers is checked as a whole, not element by element.

use std::fmt;

use super::{
    List, Resource, ResourceId, Scalar, Type, TypeDef, TypeId, Types, Value,
    example::brief,
    path::{Locate, Located, Path},
};

/// A value, or a part of it, is not of the type that it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Which part.
    pub path: Path,
    /// The type of that part in WIT syntax, shortened when very long.
    pub expected: String,
    /// The value that stands there instead.
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_root() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "expected {}, found {}", self.expected, self.found)
    }
}

impl std::error::Error for Mismatch {}

impl Located for Mismatch {
    fn path(&mut self) -> &mut Path {
        &mut self.path
    }
}

/// `Ok` if all of `value` is of type `ty`. Handles must name the very
/// [`ResourceId`] that the type names; see [`check_with`] for another rule.
///
/// Takes time in proportion to the value, and no time at all for a run of numbers
/// ([`List::Scalars`]). A list of numbers given as [`List::Values`] is right too.
///
/// ```
/// use std::sync::Arc;
/// use wippy::value::{Field, Type, TypeDef, Types, Value, check};
///
/// let mut types = Types::default();
/// let u32_ = types.intern(TypeDef::U32);
/// let field = |name: &str| Field { name: name.into(), ty: u32_ };
/// let point = types.intern(TypeDef::Record([field("x"), field("y")].into()));
/// let point = Type::new(Arc::new(types), point);
///
/// assert_eq!(check(&point, &Value::Record(vec![Value::U32(1), Value::U32(2)])), Ok(()));
/// let error = check(&point, &Value::Record(vec![Value::U32(1), "2".into()])).unwrap_err();
/// assert_eq!(error.to_string(), "/y: expected u32, found a string");
/// ```
pub fn check(ty: &Type, value: &Value) -> Result<(), Mismatch> {
    check_with(ty, value, &mut |id, resource| resource.ty == id)
}

/// Like [`check`]; `resource` decides whether a handle fits a resource type.
pub fn check_with(
    ty: &Type,
    value: &Value,
    resource: &mut dyn FnMut(ResourceId, Resource) -> bool,
) -> Result<(), Mismatch> {
    let types = ty.types();
    if types.depth(ty.id()) > Types::MAX_DEPTH {
        return Err(Mismatch {
            path: Path::default(),
            expected: format!("a type nested at most {} deep", Types::MAX_DEPTH),
            found: format!("one that is {} deep", types.depth(ty.id())),
        });
    }
    Check { types, resource }.value(ty.id(), value)
}

struct Check<'a> {
    types: &'a Types,
    resource: &'a mut dyn FnMut(ResourceId, Resource) -> bool,
}

impl Check<'_> {
    fn value(&mut self, id: TypeId, value: &Value) -> Result<(), Mismatch> {
        let types = self.types;
        let found = match (types.get(id), value) {
            (TypeDef::Bool, Value::Bool(_))
            | (TypeDef::S8, Value::S8(_))
            | (TypeDef::U8, Value::U8(_))
            | (TypeDef::S16, Value::S16(_))
            | (TypeDef::U16, Value::U16(_))
            | (TypeDef::S32, Value::S32(_))
            | (TypeDef::U32, Value::U32(_))
            | (TypeDef::S64, Value::S64(_))
            | (TypeDef::U64, Value::U64(_))
            | (TypeDef::F32, Value::F32(_))
            | (TypeDef::F64, Value::F64(_))
            | (TypeDef::Char, Value::Char(_))
            | (TypeDef::String, Value::String(_)) => return Ok(()),
            (TypeDef::List(element), Value::List(list)) => return self.list(id, *element, list),
            (TypeDef::FixedList(element, len), Value::List(list)) => {
                if u32::try_from(list.len()) == Ok(*len) {
                    return self.list(id, *element, list);
                }
                format!("a list of length {}", list.len())
            }
            (TypeDef::Map(key, value), Value::Map(entries)) => {
                for (i, (k, v)) in entries.iter().enumerate() {
                    self.value(*key, k).inside("key").at(i)?;
                    self.value(*value, v).inside("value").at(i)?;
                }
                return Ok(());
            }
            (TypeDef::Record(fields), Value::Record(values)) if fields.len() == values.len() => {
                for (field, value) in fields.iter().zip(values) {
                    self.value(field.ty, value).inside(&field.name)?;
                }
                return Ok(());
            }
            (TypeDef::Tuple(types), Value::Record(values)) if types.len() == values.len() => {
                for (i, (ty, value)) in types.iter().zip(values).enumerate() {
                    self.value(*ty, value).at(i)?;
                }
                return Ok(());
            }
            (def, Value::Variant { case, payload }) if let Some(cases) = def.cases() => {
                match cases.get(*case) {
                    Some((name, ty)) => return self.payload(id, name, ty, payload.as_deref()),
                    None => {
                        let last = cases.len().saturating_sub(1);
                        format!("case number {case}, where the last is {last}")
                    }
                }
            }
            (TypeDef::Flags(labels), Value::Flags(bits)) => {
                let known = u32::try_from(labels.len())
                    .ok()
                    .and_then(|n| 1u32.checked_shl(n))
                    .map_or(u32::MAX, |limit| limit.wrapping_sub(1));
                if bits & !known == 0 {
                    return Ok(());
                }
                format!("bits {:#x}, which have no label", bits & !known)
            }
            (TypeDef::Own(ty), Value::Own(resource))
            | (TypeDef::Borrow(ty), Value::Borrow(resource)) => {
                if (self.resource)(*ty, *resource) {
                    return Ok(());
                }
                "a handle to another resource".to_owned()
            }
            _ => describe(value),
        };
        Err(self.mismatch(id, found))
    }

    fn list(&mut self, id: TypeId, element: TypeId, list: &List) -> Result<(), Mismatch> {
        match list {
            List::Scalars(scalar, bytes) => {
                let wanted = Scalar::of(self.types.get(element));
                if wanted != Some(*scalar) {
                    return Err(self.mismatch(id, format!("a list of {} numbers", name(*scalar))));
                }
                if bytes.len() % scalar.size() != 0 {
                    let found =
                        format!("{} bytes, which are no whole number of elements", bytes.len());
                    return Err(self.mismatch(id, found));
                }
            }
            List::Values(values) => {
                for (i, value) in values.iter().enumerate() {
                    self.value(element, value).at(i)?;
                }
            }
        }
        Ok(())
    }

    fn payload(
        &mut self,
        id: TypeId,
        case: &str,
        ty: Option<TypeId>,
        payload: Option<&Value>,
    ) -> Result<(), Mismatch> {
        match (ty, payload) {
            (Some(ty), Some(payload)) => self.value(ty, payload).inside(case),
            (None, None) => Ok(()),
            (Some(_), None) => Err(self.mismatch(id, format!("`{case}` without its payload"))),
            (None, Some(_)) => Err(self.mismatch(id, format!("`{case}` with a payload"))),
        }
    }

    fn mismatch(&self, id: TypeId, found: String) -> Mismatch {
        Mismatch { path: Path::default(), expected: brief(self.types, id), found }
    }
}

fn name(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::S8 => "s8",
        Scalar::U8 => "u8",
        Scalar::S16 => "s16",
        Scalar::U16 => "u16",
        Scalar::S32 => "s32",
        Scalar::U32 => "u32",
        Scalar::S64 => "s64",
        Scalar::U64 => "u64",
        Scalar::F32 => "f32",
        Scalar::F64 => "f64",
    }
}

/// The kind of a value, in a few words.
fn describe(value: &Value) -> String {
    match value {
        Value::Bool(_) => "a bool".to_owned(),
        Value::S8(_) => "an s8".to_owned(),
        Value::U8(_) => "a u8".to_owned(),
        Value::S16(_) => "an s16".to_owned(),
        Value::U16(_) => "a u16".to_owned(),
        Value::S32(_) => "an s32".to_owned(),
        Value::U32(_) => "a u32".to_owned(),
        Value::S64(_) => "an s64".to_owned(),
        Value::U64(_) => "a u64".to_owned(),
        Value::F32(_) => "an f32".to_owned(),
        Value::F64(_) => "an f64".to_owned(),
        Value::Char(_) => "a char".to_owned(),
        Value::String(_) => "a string".to_owned(),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a map".to_owned(),
        Value::Record(values) => format!("a record or tuple of {}", values.len()),
        Value::Variant { case, .. } => format!("case number {case} of a variant"),
        Value::Flags(_) => "flags".to_owned(),
        Value::Own(_) => "an owned handle".to_owned(),
        Value::Borrow(_) => "a borrowed handle".to_owned(),
    }
}
