//! Terms as JSON without types, for programs that cannot hold a term.

use std::fmt;

use serde_json::{Map, Value as Json};

use super::Term;
use crate::value::{Types, tree::Tree};

/// JSON or a term is nested deeper than anything that is read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NestedError;

impl fmt::Display for NestedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nested more than {} deep", Types::MAX_DEPTH)
    }
}

impl std::error::Error for NestedError {}

/// A term as JSON. Numbers and texts stay what they are; see the
/// [module documentation](super) for the rest. Of several entries of one name
/// the last counts.
///
/// # Errors
///
/// If the JSON would be nested deeper than the types of values may be.
pub fn to_json(term: &Term) -> Result<Json, NestedError> {
    write(term, Types::MAX_DEPTH)
}

/// The term that JSON stands for: `null` is `Nil`, an array a `List`, an object a
/// `Map`, and a number an `Int`, a `Uint` or a `Float`, in this order.
///
/// # Errors
///
/// If it is nested deeper than the types of values may be.
pub fn from_json(json: &Json) -> Result<Term, NestedError> {
    read(json, Types::MAX_DEPTH)
}

fn write(term: &Term, depth: u32) -> Result<Json, NestedError> {
    let within = || depth.checked_sub(1).ok_or(NestedError);
    Ok(match term {
        Term::Nil => Json::Null,
        Term::Bool(value) => Json::Bool(*value),
        Term::Int(value) => Json::from(*value),
        Term::Uint(value) => Json::from(*value),
        Term::Float(value) => Tree::f64(*value),
        Term::Text(text) => Json::from(&**text),
        Term::Bytes(bytes) => bytes.iter().map(|byte| Json::from(*byte)).collect(),
        Term::List(items) => {
            let depth = within()?;
            let items = items.iter().map(|item| write(item, depth));
            Json::Array(items.collect::<Result<_, _>>()?)
        }
        Term::Map(entries) => {
            let depth = within()?;
            if let Some(entries) = term.as_record() {
                let entries = entries.into_iter();
                let entries =
                    entries.map(|(name, value)| Ok((name.to_owned(), write(value, depth)?)));
                return Ok(Json::Object(entries.collect::<Result<Map<_, _>, _>>()?));
            }
            let depth = depth.checked_sub(1).ok_or(NestedError)?;
            let pair = |(key, value): &(Term, Term)| {
                Ok(Json::Array(vec![write(key, depth)?, write(value, depth)?]))
            };
            Json::Array(entries.iter().map(pair).collect::<Result<_, _>>()?)
        }
    })
}

fn read(json: &Json, depth: u32) -> Result<Term, NestedError> {
    let within = || depth.checked_sub(1).ok_or(NestedError);
    Ok(match json {
        Json::Null => Term::Nil,
        Json::Bool(value) => Term::Bool(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => Term::Int(value),
            (_, Some(value)) => Term::uint(value),
            _ => Term::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Term::Text(text.as_str().into()),
        Json::Array(items) => {
            let depth = within()?;
            Term::List(items.iter().map(|item| read(item, depth)).collect::<Result<_, _>>()?)
        }
        Json::Object(entries) => {
            let depth = within()?;
            let entry = |(name, value): (&String, &Json)| {
                Ok((Term::Text(name.as_str().into()), read(value, depth)?))
            };
            Term::Map(entries.iter().map(entry).collect::<Result<_, _>>()?)
        }
    })
}
