//! What the forms of values that are trees have in common: [`json`](super::json)
//! and [`term`](super::term).
//!
//! Both say nearly the same: a record is names with values, a variant has a
//! `tag`, an option in an option says `some`. So values are read and written
//! here, once, and a form says what its leaves look like and where it differs.
//!
//! Reading and writing recurse along the type, whose depth is bounded, never
//! along the tree, whose depth may not be.

mod read;
mod write;

use std::fmt;

pub(super) use self::{
    read::{Entries, Read, Reader},
    write::write,
};
use super::{
    Type, TypeDef, TypeId, Types, Value,
    path::{Located, Path},
};

/// A JSON value or a term that stands for no value of the type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Misfit {
    /// Where: a JSON pointer.
    pub path: Path,
    /// The type expected there, in WIT syntax.
    pub expected: String,
    /// The text that stands there, shortened.
    pub found: String,
    /// Why that is not right, where it is not plain.
    pub note: Option<String>,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_root() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "expected {}, found {}", self.expected, self.found)?;
        match &self.note {
            Some(note) => write!(f, " ({note})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Misfit {}

impl Located for Misfit {
    fn path(&mut self) -> &mut Path {
        &mut self.path
    }
}

/// A form of values that is a tree.
pub(super) trait Tree: Sized + Clone {
    /// How its notation is called, and how it looks, for messages.
    const WORDS: Words;

    /// A value that is nothing may be left out, as in a Lua table, which cannot hold
    /// it; so what carries nothing is `true` where a key is needed.
    const SPARSE: bool;

    fn nil() -> Self;
    fn bool(value: bool) -> Self;
    /// At most 64 bits, with or without sign.
    fn integer(value: i128) -> Self;
    fn f32(value: f32) -> Self;
    fn f64(value: f64) -> Self;
    fn text(text: &str) -> Self;
    fn list(items: impl Iterator<Item = Self>) -> Self;
    /// A list of `u8`, if it is told in another way than other lists.
    fn bytes(bytes: &[u8]) -> Option<Self>;
    fn record<'a>(fields: impl Iterator<Item = (&'a str, Self)>) -> Self;
    fn map(types: &Types, key: TypeId, value: TypeId, entries: &[(Value, Value)]) -> Self;

    fn is_nil(&self) -> bool;
    fn as_bool(&self) -> Option<bool>;
    fn as_text(&self) -> Option<&str>;
    /// The integer that a number is, if it is one; nothing for what is no number.
    fn as_integer(&self) -> Option<Option<i128>>;
    /// A number that a float of the type can be taken from, or why there is none.
    fn as_float(&self, narrow: bool) -> Result<f64, Option<String>>;
    fn as_list(&self) -> Option<&[Self]>;
    /// A list that is told by its positions, of which some are left out.
    fn as_positions(&self) -> Option<Positions<'_, Self>> {
        None
    }
    fn as_bytes(&self) -> Option<&[u8]>;
    fn as_record(&self) -> Option<Vec<(&str, &Self)>>;
    fn read_map(&self, reader: &mut Reader<'_>, ty: TypeId, k: TypeId, v: TypeId) -> Read<Value>;
    /// Its kind, in a few words.
    fn found(&self) -> String;
}

/// A list with holes.
pub(super) struct Positions<'a, T> {
    pub len: usize,
    /// True if the length is told, and not only that of the last position.
    pub exact: bool,
    /// The elements that there are, by positions from 0.
    pub items: Vec<(usize, &'a T)>,
}

/// How messages speak of a form.
pub(super) struct Words {
    pub name: &'static str,
    pub nil: &'static str,
    pub variant: &'static str,
    pub result: &'static str,
    pub option: &'static str,
}

/// The value of type `ty` that a tree stands for.
pub(super) fn read<T: Tree>(ty: &Type, tree: &T) -> Read<Value> {
    let types = ty.types();
    let mut reader = Reader::new(types);
    if types.depth(ty.id()) > Types::MAX_DEPTH {
        let note = format!("the type is nested more than {} deep", Types::MAX_DEPTH);
        return Err(reader.wrong(ty.id(), tree, note));
    }
    reader.value(ty.id(), tree)
}

/// True if a value of this type can be nothing: then it may be left out, and
/// `some(x)` of an option of this type needs a wrapper.
pub(super) fn nullable(types: &Types, id: TypeId) -> bool {
    matches!(types.get(id), TypeDef::Option(_))
}
