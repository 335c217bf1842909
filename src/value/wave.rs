//! Values as WAVE text, the notation that people type: `{name: "Ada", tags: [1, 2]}`.
//!
//! The grammar, the escapes and the writer are those of the `wasm-wave` crate. What
//! is done here is the step between its syntax tree and a [`Value`], for three
//! reasons: its typed reader has no lists of fixed length, it takes `1e999` for
//! infinity, and its errors do not know what would have been right. Ours know the
//! place, the type expected there and an example of it.
//!
//! What a user of WAVE should know:
//! - `some(5)` and `5` are both an `option<u32>`, `ok(5)` and `5` both a
//!   `result<u32>`; but an option in an option, or in a result, has to be spelled out.
//! - Fields of type `option` may be left out. All left out is `{:}`, for `{}` is a
//!   set of no flags.
//! - A case called like a keyword (`true false inf nan some none ok err`) is written
//!   with `%`: `%ok`.
//! - `//` begins a comment. In lists, records and so on a last comma is allowed.
//! - Of the entries of a map that have the same key, the last one counts.
//! - A `list<T, N>` is written like any list, with just N elements.
//! - Handles (`own<R>`, `borrow<R>`) have no text, and neither have asynchronous types.
//!
//! Text from outside cannot do harm: nesting ends at 100, length at [`MAX_TEXT`].

mod read;
mod write;

use std::fmt;

pub use super::example::example;
use super::{
    Mismatch, Type, Types, Value,
    check::check_with,
    example::{brief, example_of},
    path::Path,
};
use crate::visible;

/// The longest text that [`parse`] takes, in bytes.
pub const MAX_TEXT: usize = 16 << 20;

/// The value of type `ty` that `text` stands for.
///
/// ```
/// use std::sync::Arc;
/// use wippy::value::{Type, TypeDef, Types, Value, wave};
///
/// let mut types = Types::default();
/// let u8_ = types.intern(TypeDef::U8);
/// let list = types.intern(TypeDef::List(u8_));
/// let ty = Type::new(Arc::new(types), list);
///
/// assert_eq!(wave::parse(&ty, "[1, 2, 3]")?, Value::from(vec![1u8, 2, 3]));
///
/// let error = wave::parse(&ty, "[1, 300]").unwrap_err();
/// assert_eq!((error.line, error.column), (1, 5));
/// assert_eq!(
///     error.to_string(),
///     "column 5: expected u8, found `300` (a u8 goes from 0 to 255); for example 0"
/// );
/// # Ok::<(), wave::ParseError>(())
/// ```
pub fn parse(ty: &Type, text: &str) -> Result<Value, ParseError> {
    read::read(ty.types(), ty.id(), text)
}

/// The text of a value of type `ty`.
///
/// ```
/// use std::sync::Arc;
/// use wippy::value::{Type, TypeDef, Types, Value, wave};
///
/// let mut types = Types::default();
/// let string = types.intern(TypeDef::String);
/// let option = types.intern(TypeDef::Option(string));
/// let ty = Type::new(Arc::new(types), option);
///
/// assert_eq!(wave::format(&ty, &Value::some("hi"))?, r#"some("hi")"#);
/// assert_eq!(wave::format(&ty, &Value::NONE)?, "none");
/// # Ok::<(), wave::FormatError>(())
/// ```
pub fn format(ty: &Type, value: &Value) -> Result<String, FormatError> {
    writable(ty, value)?;
    write::write(ty.types(), ty.id(), value).ok_or_else(|| FormatError::Handle {
        path: Path::default(),
        ty: brief(ty.types(), ty.id()),
    })
}

/// The value as text, for messages and logs: [`format()`], or what is wrong in
/// angle brackets.
///
/// ```
/// # use std::sync::Arc;
/// # use wippy::value::{Type, TypeDef, Types, Value, wave};
/// # let mut types = Types::default();
/// # let bool_ = types.intern(TypeDef::Bool);
/// # let ty = Type::new(Arc::new(types), bool_);
/// assert_eq!(wave::display(&ty, &Value::Bool(true)).to_string(), "true");
/// assert_eq!(wave::display(&ty, &Value::U8(1)).to_string(), "<expected bool, found a u8>");
/// ```
pub fn display<'a>(ty: &'a Type, value: &'a Value) -> impl fmt::Display + 'a {
    fmt::from_fn(move |f| match format(ty, value) {
        Ok(text) => f.write_str(&text),
        Err(error) => write!(f, "<{error}>"),
    })
}

/// `Ok` if the value is of the type and has a readable form.
pub(super) fn writable(ty: &Type, value: &Value) -> Result<(), FormatError> {
    let mut handle = None;
    check_with(ty, value, &mut |id, _| {
        handle = Some(ty.types().resource_name(id).to_owned());
        false
    })
    .map_err(|mismatch| match handle {
        Some(ty) => FormatError::Handle { path: mismatch.path, ty },
        None => FormatError::Mismatch(mismatch),
    })
}

/// A text that stands for no value of the type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParseError {
    /// Where: the byte in the text.
    pub offset: usize,
    /// Where: the line, from 1.
    pub line: usize,
    /// Where: the character in the line, from 1.
    pub column: usize,
    /// The type expected in this place, in WIT syntax.
    pub expected: String,
    /// The text that stands there, shortened, or `the end of the text`.
    pub found: String,
    /// Why that is not right, where it is not plain.
    pub note: Option<String>,
    /// A right text for this place.
    pub example: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 1 {
            write!(f, "line {}, ", self.line)?;
        }
        write!(f, "column {}: expected {}, found {}", self.column, self.expected, self.found)?;
        if let Some(note) = &self.note {
            write!(f, " ({note})")?;
        }
        // A handle has no text, so the example is only its name in brackets.
        if self.example.starts_with('<') {
            return Ok(());
        }
        write!(f, "; for example {}", self.example)
    }
}

impl std::error::Error for ParseError {}

/// A value that cannot be written as WAVE or JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormatError {
    /// It is not of the type.
    Mismatch(Mismatch),
    /// It is or contains a handle, which means nothing outside of its process.
    Handle {
        /// Where in the value.
        path: Path,
        /// The resource type.
        ty: String,
    },
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FormatError::Mismatch(mismatch) => mismatch.fmt(f),
            FormatError::Handle { path, ty } => {
                if !path.is_root() {
                    write!(f, "{path}: ")?;
                }
                write!(f, "a handle of type {ty} cannot be written as text")
            }
        }
    }
}

impl std::error::Error for FormatError {}

impl ParseError {
    /// An error about the bytes `span` of `text`, where a value of type `id` was
    /// expected.
    fn new(
        types: &Types,
        id: super::TypeId,
        text: &str,
        span: std::ops::Range<usize>,
        note: Option<String>,
    ) -> ParseError {
        let offset = text.floor_char_boundary(span.start.min(text.len()));
        let before = text.get(..offset).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at.saturating_add(1));
        let column = before.get(line_start..).unwrap_or_default().chars().count();
        ParseError {
            offset,
            line: before.matches('\n').count().saturating_add(1),
            column: column.saturating_add(1),
            expected: brief(types, id),
            found: excerpt(text, offset, span.end),
            note,
            example: example_of(types, id),
        }
    }
}

/// A short piece of a text, safe to print.
fn excerpt(text: &str, start: usize, end: usize) -> String {
    const ROOM: usize = 40;
    let end = text.ceil_char_boundary(end.min(text.len()));
    let piece = text.get(start..end).unwrap_or_default();
    if piece.is_empty() {
        return "the end of the text".to_owned();
    }
    let (head, is_all) = visible::head(piece, ROOM);
    format!("`{head}{}`", if is_all { "" } else { "…" })
}
