//! Terms as one of the forms of values.

use super::Term;
use crate::value::{
    TypeId, Types, Value,
    json::{FLOAT, float_of_name, read_pairs, whole_float},
    path::Locate,
    tree::{self, Entries, Positions, Read, Reader, Tree, Words, nullable},
};

impl Tree for Term {
    const WORDS: Words = Words {
        name: "a term",
        nil: "nil",
        variant: r#"a variant is {tag = "case", value = ...}"#,
        result: "a result is {ok = ...} or {err = ...}",
        option: "an option in an option is {some = ...}",
    };
    const SPARSE: bool = true;

    fn nil() -> Term {
        Term::Nil
    }

    fn bool(value: bool) -> Term {
        Term::Bool(value)
    }

    fn integer(value: i128) -> Term {
        match i64::try_from(value) {
            Ok(value) => Term::Int(value),
            Err(_) => u64::try_from(value).map_or(Term::Nil, Term::Uint),
        }
    }

    fn f32(value: f32) -> Term {
        Term::Float(value.into())
    }

    fn f64(value: f64) -> Term {
        Term::Float(value)
    }

    fn text(text: &str) -> Term {
        Term::from(text)
    }

    fn list(items: impl Iterator<Item = Term>) -> Term {
        Term::List(items.collect())
    }

    fn bytes(bytes: &[u8]) -> Option<Term> {
        Some(Term::Bytes(bytes.into()))
    }

    fn record<'a>(fields: impl Iterator<Item = (&'a str, Term)>) -> Term {
        Term::record(fields)
    }

    fn map(types: &Types, key: TypeId, value: TypeId, entries: &[(Value, Value)]) -> Term {
        let entry =
            |(k, v): &(Value, Value)| (tree::write(types, key, k), tree::write(types, value, v));
        let entries = entries.iter().map(entry);
        // A key without a value would be lost in Lua.
        match nullable(types, value) {
            true => Term::List(entries.map(|(key, value)| Term::List(vec![key, value])).collect()),
            false => Term::Map(entries.collect()),
        }
    }

    fn is_nil(&self) -> bool {
        matches!(self, Term::Nil)
    }

    fn as_bool(&self) -> Option<bool> {
        let Term::Bool(value) = self else { return None };
        Some(*value)
    }

    fn as_text(&self) -> Option<&str> {
        let Term::Text(text) = self else { return None };
        Some(text)
    }

    fn as_integer(&self) -> Option<Option<i128>> {
        match self {
            Term::Int(value) => Some(Some((*value).into())),
            Term::Uint(value) => Some(Some((*value).into())),
            Term::Float(value) => Some(whole_float(*value)),
            Term::Nil
            | Term::Bool(_)
            | Term::Text(_)
            | Term::Bytes(_)
            | Term::List(_)
            | Term::Map(_) => None,
        }
    }

    fn as_float(&self, narrow: bool) -> Result<f64, Option<String>> {
        let integer = match self {
            Term::Float(value) => return Ok(*value),
            Term::Text(text) => {
                return float_of_name(text).ok_or_else(|| Some(FLOAT.to_owned()));
            }
            Term::Int(value) => i128::from(*value),
            Term::Uint(value) => i128::from(*value),
            Term::Nil | Term::Bool(_) | Term::Bytes(_) | Term::List(_) | Term::Map(_) => {
                return Err(None);
            }
        };
        let float = if narrow { f64::from(integer as f32) } else { integer as f64 };
        match float as i128 == integer {
            true => Ok(float),
            false => Err(Some("no float is exactly this".to_owned())),
        }
    }

    fn as_list(&self) -> Option<&[Term]> {
        match self {
            Term::List(items) => Some(items),
            Term::Map(entries) if entries.is_empty() => Some(&[]),
            Term::Nil
            | Term::Bool(_)
            | Term::Int(_)
            | Term::Uint(_)
            | Term::Float(_)
            | Term::Text(_)
            | Term::Bytes(_)
            | Term::Map(_) => None,
        }
    }

    fn as_positions(&self) -> Option<Positions<'_, Term>> {
        let Term::Map(entries) = self else { return None };
        positions(entries)
    }

    fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Term::Bytes(bytes) => Some(bytes),
            Term::Text(text) => Some(text.as_bytes()),
            Term::Nil
            | Term::Bool(_)
            | Term::Int(_)
            | Term::Uint(_)
            | Term::Float(_)
            | Term::List(_)
            | Term::Map(_) => None,
        }
    }

    fn as_record(&self) -> Option<Vec<(&str, &Term)>> {
        match self {
            Term::Map(entries) => {
                entries.iter().map(|(name, value)| Some((name.as_text()?, value))).collect()
            }
            Term::List(items) if items.is_empty() => Some(Vec::new()),
            Term::Nil
            | Term::Bool(_)
            | Term::Int(_)
            | Term::Uint(_)
            | Term::Float(_)
            | Term::Text(_)
            | Term::Bytes(_)
            | Term::List(_) => None,
        }
    }

    fn read_map(&self, reader: &mut Reader<'_>, ty: TypeId, k: TypeId, v: TypeId) -> Read<Value> {
        let items = match self {
            Term::Map(items) => items,
            Term::List(items) => return read_pairs(reader, ty, k, v, items),
            Term::Nil
            | Term::Bool(_)
            | Term::Int(_)
            | Term::Uint(_)
            | Term::Float(_)
            | Term::Text(_)
            | Term::Bytes(_) => return Err(reader.error(ty, self, None)),
        };
        let mut entries = Entries::default();
        for (i, (key, value)) in items.iter().enumerate() {
            let read = reader.value(k, key).inside("key").at(i)?;
            let value = match key {
                Term::Text(name) => reader.value(v, value).inside(name),
                Term::Nil
                | Term::Bool(_)
                | Term::Int(_)
                | Term::Uint(_)
                | Term::Float(_)
                | Term::Bytes(_)
                | Term::List(_)
                | Term::Map(_) => reader.value(v, value).inside("value").at(i),
            };
            entries.insert(reader.types, k, read, value?);
        }
        Ok(entries.into_value())
    }

    fn found(&self) -> String {
        match self {
            Term::Nil => "nil".to_owned(),
            Term::Bool(value) => value.to_string(),
            Term::Int(value) => value.to_string(),
            Term::Uint(value) => value.to_string(),
            Term::Float(value) => format!("{value:?}"),
            Term::Text(text) if text.len() <= 40 => format!("{text:?}"),
            Term::Text(_) => "a long string".to_owned(),
            Term::Bytes(bytes) => format!("{} bytes", bytes.len()),
            Term::List(items) => format!("a list of {}", items.len()),
            Term::Map(entries) => format!("a map of {}", entries.len()),
        }
    }
}

/// The list that a map stands for whose keys are positions from 1: a Lua table
/// with holes. Beside them there may be a length called `n`, as `table.pack` adds
/// it; without one the list ends at its last position.
pub(super) fn positions(entries: &[(Term, Term)]) -> Option<Positions<'_, Term>> {
    let (mut told, mut last, mut items) = (None, 0_usize, Vec::with_capacity(entries.len()));
    for (key, value) in entries {
        match (key, value) {
            (Term::Int(at), value) => {
                let at = usize::try_from(at.checked_sub(1)?).ok()?;
                last = last.max(at.checked_add(1)?);
                items.push((at, value));
            }
            (Term::Text(name), Term::Int(n)) if &**name == "n" => {
                told = Some(usize::try_from(*n).ok()?);
            }
            _ => return None,
        }
    }
    match told {
        Some(told) if told < last => None,
        told => Some(Positions { len: told.unwrap_or(last), exact: told.is_some(), items }),
    }
}
