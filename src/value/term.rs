//! Values that describe themselves, for what travels between processes.
//!
//! A [`Value`] needs its type beside it, and a type belongs to one component. So
//! what one process sends to another is a [`Term`]: it is made of a value with
//! its type, and becomes a value again by the type that the receiver wants.
//!
//! | type | term |
//! | --- | --- |
//! | `bool` | `Bool` |
//! | `s8` … `s64`, `u8` … `u32` | `Int`; `u64` as well, or `Uint` beyond the largest `Int` |
//! | `f32`, `f64` | `Float`; an `Int` is taken for a float that it is exactly |
//! | `char`, `string` | `Text` |
//! | `list<u8>` | `Bytes`; a `Text` is taken for its UTF-8 |
//! | `list<T>`, `tuple<…>` | `List` |
//! | `record` | `Map` with the WIT's own kebab-case names |
//! | `map<K, V>` | `Map` |
//! | `option<T>` | `Nil`, or the value; an option in an option as `{some = …}` |
//! | `result<T, E>` | `{ok = …}` or `{err = …}` |
//! | `variant` | `{tag = …, value = …}` |
//! | `enum` | `Text` |
//! | `flags` | `List` of names |
//! | handles | none |

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
