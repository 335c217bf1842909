//! Component values and their types.
//!
//! A [`Value`] is positional: a record is the list of its fields' values, a
//! variant the index of its case. Names live once, in the [`Types`] table that
//! the value's [`TypeId`] points into, not in every value. That keeps a list of
//! a thousand records a thousand small vectors, and it is how the canonical ABI
//! sees values anyway. Readable forms (WAVE, JSON) need the type beside the
//! value and live in the submodules [`wave`] and [`json`].
//!
//! ```
//! use wippy::value::{List, Value};
//!
//! let bytes = Value::from(vec![1u8, 2, 3]);
//! let Value::List(list) = &bytes else { unreachable!() };
//! assert_eq!(list.len(), 3);
//! assert_eq!(list.get(1), Some(Value::U8(2)));
//! # let _: &List = list;
//! ```

pub mod check;
mod example;
mod held;
pub mod json;
mod list;
mod path;
pub mod term;
mod tree;
mod types;
pub mod usage;
pub mod wave;

#[cfg(test)]
pub(crate) mod tests;

pub use self::{
    check::{Mismatch, check},
    list::{List, Scalar},
    path::Path,
    term::Term,
    types::{Case, Cases, Field, FuncType, ResourceId, Type, TypeDef, TypeId, Types},
    wave::{FormatError, ParseError},
};

/// One component value. See the [module documentation](self) for the form.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `bool`
    Bool(bool),
    /// `s8`
    S8(i8),
    /// `u8`
    U8(u8),
    /// `s16`
    S16(i16),
    /// `u16`
    U16(u16),
    /// `s32`
    S32(i32),
    /// `u32`
    U32(u32),
    /// `s64`
    S64(i64),
    /// `u64`
    U64(u64),
    /// `f32`
    F32(f32),
    /// `f64`
    F64(f64),
    /// `char`
    Char(char),
    /// `string`
    String(String),
    /// `list<T>` and `list<T, N>`
    List(List),
    /// `map<K, V>`, in the order in which the entries were given
    Map(Vec<(Value, Value)>),
    /// A record or a tuple: the values of the fields, in the type's order.
    Record(Vec<Value>),
    /// A variant, enum, option or result.
    ///
    /// `option`: case 0 is `none`, case 1 is `some`. `result`: case 0 is `ok`,
    /// case 1 is `err`. An `enum` never has a payload.
    Variant {
        /// The index of the case in the type.
        case: u32,
        /// The payload, for a case that has one.
        payload: Option<Box<Value>>,
    },
    /// Flags: bit `i` stands for the type's label `i`.
    Flags(u32),
    /// `own<R>`
    Own(Resource),
    /// `borrow<R>`
    Borrow(Resource),
}

/// A handle to a resource, as the host sees it.
///
/// For a resource type that the host defines, `rep` is the number that the host
/// chose when it made the resource. For one that a component defines, `rep` is
/// an index into the process's own table of handles held by the host, so a
/// forged or stale handle is an error and never another resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Resource {
    /// Which resource type this is, within its process.
    pub ty: ResourceId,
    /// See the type's documentation.
    pub rep: u32,
}

impl Resource {
    /// A resource of the host, for a host function to give to a guest. Which
    /// type it is follows from the function's.
    pub fn host(rep: u32) -> Resource {
        Resource { ty: ResourceId(u32::MAX), rep }
    }
}

impl Value {
    /// `none`
    pub const NONE: Value = Value::Variant { case: 0, payload: None };

    /// `some(value)`
    pub fn some(value: impl Into<Value>) -> Value {
        Value::Variant { case: 1, payload: Some(Box::new(value.into())) }
    }

    /// `ok(value)`, or `ok` without a payload.
    pub fn ok(value: Option<Value>) -> Value {
        Value::Variant { case: 0, payload: value.map(Box::new) }
    }

    /// `err(value)`, or `err` without a payload.
    pub fn err(value: Option<Value>) -> Value {
        Value::Variant { case: 1, payload: value.map(Box::new) }
    }

    /// A case of an `enum`, or a case of a `variant` that has no payload.
    pub fn case(case: u32) -> Value {
        Value::Variant { case, payload: None }
    }

    /// The text of a `string`.
    pub fn as_str(&self) -> Option<&str> {
        if let Value::String(s) = self { Some(s) } else { None }
    }
}

macro_rules! from {
    ($($rust:ty => $case:ident),* $(,)?) => {$(
        impl From<$rust> for Value {
            fn from(value: $rust) -> Value {
                Value::$case(value)
            }
        }
    )*};
}
from! {
    bool => Bool, i8 => S8, u8 => U8, i16 => S16, u16 => U16, i32 => S32, u32 => U32,
    i64 => S64, u64 => U64, f32 => F32, f64 => F64, char => Char, String => String, List => List,
}

impl From<&str> for Value {
    fn from(value: &str) -> Value {
        Value::String(value.to_owned())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Value {
        Value::List(List::from(bytes))
    }
}

impl From<Vec<Value>> for Value {
    /// A list of the given elements. Use [`Value::Record`] for a record or tuple.
    fn from(elements: Vec<Value>) -> Value {
        Value::List(List::from(elements))
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::NONE, Value::some)
    }
}
