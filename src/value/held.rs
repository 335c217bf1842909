//! What values take up.

use super::{List, Value};

/// The bytes that an allocation takes besides its own.
const BLOCK: u64 = 16;

impl Value {
    /// The bytes that a value takes up, with all that is in it.
    pub fn held(&self) -> u64 {
        (size_of::<Value>() as u64).saturating_add(self.held_inside())
    }

    /// The bytes that several values take up.
    pub fn held_by_all(values: &[Value]) -> u64 {
        values.iter().fold(0, |sum: u64, value| sum.saturating_add(value.held()))
    }

    fn held_inside(&self) -> u64 {
        let inside = match self {
            Value::String(text) => text.len() as u64,
            Value::List(List::Scalars(_, bytes)) => bytes.len() as u64,
            Value::List(List::Values(values)) | Value::Record(values) => Value::held_by_all(values),
            Value::Map(entries) => entries.iter().fold(0, |sum: u64, (key, value)| {
                sum.saturating_add(key.held()).saturating_add(value.held())
            }),
            Value::Variant { payload: Some(payload), .. } => payload.held(),
            Value::Variant { payload: None, .. }
            | Value::Bool(_)
            | Value::S8(_)
            | Value::U8(_)
            | Value::S16(_)
            | Value::U16(_)
            | Value::S32(_)
            | Value::U32(_)
            | Value::S64(_)
            | Value::U64(_)
            | Value::F32(_)
            | Value::F64(_)
            | Value::Char(_)
            | Value::Flags(_)
            | Value::Own(_)
            | Value::Borrow(_) => return 0,
        };
        inside.saturating_add(BLOCK)
    }
}
