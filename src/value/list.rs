//! Lists. A list of fixed-size numbers is one run of bytes.
//!
//! The canonical ABI stores numbers little-endian, so a `list<u32>` can move
//! between two memories, or into a file, as the bytes that it is. Only lists of
//! anything else hold one [`Value`] per element.

use super::{TypeDef, Value};

/// The elements of a `list<T>`.
#[derive(Clone, Debug)]
pub enum List {
    /// Elements of a fixed-size numeric type: little-endian, one after another.
    Scalars(Scalar, Vec<u8>),
    /// Elements of any other type.
    Values(Vec<Value>),
}

/// The numeric types whose lists are runs of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Scalar {
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
    F32,
    F64,
}

impl Scalar {
    /// The scalar that a type is, if it is one.
    pub fn of(def: &TypeDef) -> Option<Scalar> {
        Some(match def {
            TypeDef::S8 => Scalar::S8,
            TypeDef::U8 => Scalar::U8,
            TypeDef::S16 => Scalar::S16,
            TypeDef::U16 => Scalar::U16,
            TypeDef::S32 => Scalar::S32,
            TypeDef::U32 => Scalar::U32,
            TypeDef::S64 => Scalar::S64,
            TypeDef::U64 => Scalar::U64,
            TypeDef::F32 => Scalar::F32,
            TypeDef::F64 => Scalar::F64,
            TypeDef::Bool
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
            | TypeDef::Async(_) => return None,
        })
    }

    /// The bytes of one element: 1, 2, 4 or 8.
    pub const fn size(self) -> usize {
        match self {
            Scalar::S8 | Scalar::U8 => 1,
            Scalar::S16 | Scalar::U16 => 2,
            Scalar::S32 | Scalar::U32 | Scalar::F32 => 4,
            Scalar::S64 | Scalar::U64 | Scalar::F64 => 8,
        }
    }

    /// The value whose little-endian bytes these are; `None` unless there are
    /// exactly [`Scalar::size`] of them.
    pub fn read(self, bytes: &[u8]) -> Option<Value> {
        Some(match self {
            Scalar::S8 => Value::S8(i8::from_le_bytes(bytes.try_into().ok()?)),
            Scalar::U8 => Value::U8(u8::from_le_bytes(bytes.try_into().ok()?)),
            Scalar::S16 => Value::S16(i16::from_le_bytes(bytes.try_into().ok()?)),
            Scalar::U16 => Value::U16(u16::from_le_bytes(bytes.try_into().ok()?)),
            Scalar::S32 => Value::S32(i32::from_le_bytes(bytes.try_into().ok()?)),
            Scalar::U32 => Value::U32(u32::from_le_bytes(bytes.try_into().ok()?)),
            Scalar::S64 => Value::S64(i64::from_le_bytes(bytes.try_into().ok()?)),
            Scalar::U64 => Value::U64(u64::from_le_bytes(bytes.try_into().ok()?)),
            Scalar::F32 => Value::F32(f32::from_le_bytes(bytes.try_into().ok()?)),
            Scalar::F64 => Value::F64(f64::from_le_bytes(bytes.try_into().ok()?)),
        })
    }

    /// Appends a value's little-endian bytes; `false`, and nothing appended,
    /// when the value is of another type.
    pub fn write(self, value: &Value, out: &mut Vec<u8>) -> bool {
        match (self, value) {
            (Scalar::S8, Value::S8(v)) => out.extend(v.to_le_bytes()),
            (Scalar::U8, Value::U8(v)) => out.extend(v.to_le_bytes()),
            (Scalar::S16, Value::S16(v)) => out.extend(v.to_le_bytes()),
            (Scalar::U16, Value::U16(v)) => out.extend(v.to_le_bytes()),
            (Scalar::S32, Value::S32(v)) => out.extend(v.to_le_bytes()),
            (Scalar::U32, Value::U32(v)) => out.extend(v.to_le_bytes()),
            (Scalar::S64, Value::S64(v)) => out.extend(v.to_le_bytes()),
            (Scalar::U64, Value::U64(v)) => out.extend(v.to_le_bytes()),
            (Scalar::F32, Value::F32(v)) => out.extend(v.to_le_bytes()),
            (Scalar::F64, Value::F64(v)) => out.extend(v.to_le_bytes()),
            _ => return false,
        }
        true
    }
}

impl List {
    /// The number of elements.
    pub fn len(&self) -> usize {
        match self {
            List::Scalars(scalar, bytes) => bytes.len() / scalar.size(),
            List::Values(values) => values.len(),
        }
    }

    /// True if there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element at `index`.
    pub fn get(&self, index: usize) -> Option<Value> {
        match self {
            List::Scalars(scalar, bytes) => {
                let start = index.checked_mul(scalar.size())?;
                let end = start.checked_add(scalar.size())?;
                scalar.read(bytes.get(start..end)?)
            }
            List::Values(values) => values.get(index).cloned(),
        }
    }

    /// The elements in order.
    pub fn iter(&self) -> impl Iterator<Item = Value> + '_ {
        (0..self.len()).map_while(|i| self.get(i))
    }

    /// The bytes of a `list<u8>`.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            List::Scalars(Scalar::U8, bytes) => Some(bytes),
            List::Values(values) if values.is_empty() => Some(&[]),
            List::Scalars(..) | List::Values(_) => None,
        }
    }
}

impl PartialEq for List {
    /// Element by element, so that both forms of the same list are equal.
    fn eq(&self, other: &List) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl From<Vec<u8>> for List {
    fn from(bytes: Vec<u8>) -> List {
        List::Scalars(Scalar::U8, bytes)
    }
}

impl From<Vec<Value>> for List {
    fn from(values: Vec<Value>) -> List {
        List::Values(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_numbers_is_its_bytes() {
        let list = List::Scalars(Scalar::U16, vec![1, 0, 0, 1]);
        assert_eq!(list.len(), 2);
        assert_eq!(list.get(1), Some(Value::U16(256)));
        assert_eq!(list.get(2), None);
        assert_eq!(list, List::Values(vec![Value::U16(1), Value::U16(256)]));
    }
}
