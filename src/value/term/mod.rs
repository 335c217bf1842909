//! Values that describe themselves, for what travels between processes.
//!
//! A [`Value`] needs its type beside it, and a type belongs to one component. So
//! what one process sends to another is a [`Term`]: it is made of a value with
//! its type ([`from_value`]), and becomes a value again by the type that the
//! receiver wants ([`to_value`]).
//!
//! | type | term |
//! | --- | --- |
//! | `bool` | `Bool` |
//! | `s8` … `s64`, `u8` … `u32` | `Int`; `u64` as well, or `Uint` beyond the largest `Int` |
//! | `f32`, `f64` | `Float` |
//! | `char`, `string` | `Text` |
//! | `list<u8>` | `Bytes` |
//! | `list<T>`, `tuple<…>` | `List` |
//! | `map<K, V>` | `Map`; where `V` is an option, a `List` of pairs |
//! | `record` | `Map` with the WIT's own kebab-case names, in their order |
//! | `variant` | `{tag = "case", value = …}`; no `value` for a case without a payload |
//! | `enum` | `Text` |
//! | `option<T>` | `Nil`, or the value; an option in an option as `{some = …}` |
//! | `result<T, E>` | `{ok = …}` or `{err = …}`; `true` where there is no payload |
//! | `flags` | `List` of names |
//! | handles, asynchronous types | none |
//!
//! Terms come from programs that have fewer types than WIT, so reading takes more
//! than writing makes, wherever nothing is lost or guessed:
//!
//! - an integer keeps its value or is an error; a `Float` without a fraction is
//!   taken for an integer as far as floats tell neighbours apart (2^53);
//! - an `Int` is taken for a float that it is exactly; so are the texts `NaN`,
//!   `Infinity` and `-Infinity`, which JSON makes of floats;
//! - a `Text` is taken for the `list<u8>` of its UTF-8, and so is a `List` of
//!   integers;
//! - an empty `Map` is taken for an empty list and the other way round, and a
//!   `List` of pairs for a `map<K, V>`;
//! - what is `Nil` may be left out, because a Lua table cannot hold it: a field,
//!   and at the end of a tuple, or of a list whose length is part of its type;
//! - a `Map` with positions from 1 for keys, as a table with holes becomes, is
//!   taken for a list with `Nil` in the holes. It ends at its last position, or at
//!   the length `n` that `table.pack` adds. Without `n`, and beyond the position
//!   10, at most half of it may be holes: more are not taken for a list.
//!
//! Nothing unknown is skipped: a field or a name that the type lacks is an error.
//!
//! [`to_json`] and [`from_json`] know no types. They are for programs that cannot
//! hold a term: `Bytes` become an array of numbers, a `Map` whose keys are not
//! all texts an array of pairs, and a float that is no number its name. The type
//! that the receiver wants puts each of them right again.

mod json;
mod tree;

pub use self::json::{NestedError, from_json, to_json};
use super::{FormatError, Type, Value, tree::Misfit, wave};

/// A term that stands for no value of the type.
pub type TermError = Misfit;

/// The term of a value of type `ty`.
///
/// # Errors
///
/// If the value is not of the type, or has a handle in it.
pub fn from_value(ty: &Type, value: &Value) -> Result<Term, FormatError> {
    wave::writable(ty, value)?;
    Ok(super::tree::write(ty.types(), ty.id(), value))
}

/// The value of type `ty` that a term stands for.
///
/// ```
/// use std::sync::Arc;
/// use wippy::value::{Term, Type, TypeDef, Types, Value, term};
///
/// let mut types = Types::default();
/// let u8_ = types.intern(TypeDef::U8);
/// let pair = types.intern(TypeDef::Tuple([u8_, u8_].into()));
/// let ty = Type::new(Arc::new(types), pair);
///
/// let value = term::to_value(&ty, &Term::List(vec![Term::Int(1), Term::Int(2)]))?;
/// assert_eq!(value, Value::Record(vec![Value::U8(1), Value::U8(2)]));
///
/// let error = term::to_value(&ty, &Term::List(vec![Term::Int(1), Term::Int(300)])).unwrap_err();
/// assert_eq!(error.to_string(), "/1: expected u8, found 300 (a u8 goes from 0 to 255)");
/// # Ok::<(), term::TermError>(())
/// ```
///
/// # Errors
///
/// With the place, the type that is expected there and what was found.
pub fn to_value(ty: &Type, term: &Term) -> Result<Value, TermError> {
    super::tree::read(ty, term)
}

/// A value that describes itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// Nothing, none.
    Nil,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer that is too large for [`Term::Int`]; no other.
    Uint(u64),
    /// A floating point number.
    Float(f64),
    /// Text.
    Text(Box<str>),
    /// Bytes.
    Bytes(Box<[u8]>),
    /// Several.
    List(Vec<Term>),
    /// Keys and values, in the order in which they were given.
    Map(Vec<(Term, Term)>),
}

impl Term {
    /// A term for an unsigned integer.
    pub fn uint(value: u64) -> Term {
        i64::try_from(value).map_or(Term::Uint(value), Term::Int)
    }

    /// A map with names for keys.
    pub fn record<'a>(fields: impl IntoIterator<Item = (&'a str, Term)>) -> Term {
        Term::Map(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// About how many bytes of memory it takes: those of its texts and bytes, and
    /// those of a term for itself and each of its parts.
    pub fn size(&self) -> usize {
        let more = match self {
            Term::Text(text) => text.len(),
            Term::Bytes(bytes) => bytes.len(),
            Term::List(items) => Term::size_of_all(items),
            Term::Map(pairs) => pairs.iter().fold(0, |sum: usize, (key, value)| {
                sum.saturating_add(key.size()).saturating_add(value.size())
            }),
            Term::Nil | Term::Bool(_) | Term::Int(_) | Term::Uint(_) | Term::Float(_) => 0,
        };
        more.saturating_add(size_of::<Term>())
    }

    /// The [`size`](Term::size) of several.
    pub fn size_of_all(terms: &[Term]) -> usize {
        terms.iter().fold(0, |sum, term| sum.saturating_add(term.size()))
    }

    /// The value of a name, in a map.
    pub fn get(&self, name: &str) -> Option<&Term> {
        let Term::Map(pairs) = self else { return None };
        pairs.iter().find(|(key, _)| matches!(key, Term::Text(key) if &**key == name)).map(|p| &p.1)
    }
}

impl From<&str> for Term {
    fn from(text: &str) -> Term {
        Term::Text(text.into())
    }
}

impl From<String> for Term {
    fn from(text: String) -> Term {
        Term::Text(text.into())
    }
}

impl From<bool> for Term {
    fn from(value: bool) -> Term {
        Term::Bool(value)
    }
}

impl From<i64> for Term {
    fn from(value: i64) -> Term {
        Term::Int(value)
    }
}

impl From<f64> for Term {
    fn from(value: f64) -> Term {
        Term::Float(value)
    }
}
