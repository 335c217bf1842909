//! A right text for each type, and types shown in limited room.
//!
//! Every message about a wrong text shows a right one. A type that is written in
//! a few bytes can stand for a text of gigabytes (a tuple of two tuples of two
//! ..., a `list<u8, 4000000000>`), so both writers here stop when the room is
//! used up.

use std::fmt::{self, Write};

use wasm_wave::lex::Keyword;

use super::{Type, TypeDef, TypeId, Types};

/// The room for a type, or for an example, in one message.
const ROOM: usize = 240;

/// A right WAVE text for a value of the type, ready to be changed.
///
/// A very long one is cut, and ends with `…`. A type that has no text form (a
/// handle) shows as its name in angle brackets.
///
/// ```
/// use std::sync::Arc;
/// use wippy::value::{Type, TypeDef, Types, wave};
///
/// let mut types = Types::default();
/// let string = types.intern(TypeDef::String);
/// let list = types.intern(TypeDef::List(string));
/// assert_eq!(wave::example(&Type::new(Arc::new(types), list)), r#"["text"]"#);
/// ```
pub fn example(ty: &Type) -> String {
    example_of(ty.types(), ty.id())
}

pub(super) fn example_of(types: &Types, id: TypeId) -> String {
    limited(ROOM, |out| write_example(types, id, out))
}

/// A type in WIT syntax, cut when it is very long.
pub(super) fn brief(types: &Types, id: TypeId) -> String {
    shortened(ROOM, &types.display(id))
}

/// Anything, cut after so many bytes.
pub(super) fn shortened(room: usize, shown: &dyn fmt::Display) -> String {
    limited(room, |out| write!(out, "{shown}"))
}

/// A case or enum label as WAVE text: a keyword is escaped.
pub(super) fn escaped(label: &str) -> impl fmt::Display + '_ {
    let mark = if Keyword::decode(label).is_some() { "%" } else { "" };
    fmt::from_fn(move |f| write!(f, "{mark}{label}"))
}

fn limited(room: usize, write: impl FnOnce(&mut Limited) -> fmt::Result) -> String {
    let mut out = Limited { text: String::new(), room };
    if write(&mut out).is_err() {
        out.text.push('…');
    }
    out.text
}

/// Text that takes so many bytes and then refuses, which ends the writing.
struct Limited {
    text: String,
    room: usize,
}

impl Write for Limited {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        if let Some(room) = self.room.checked_sub(part.len()) {
            self.room = room;
            self.text.push_str(part);
            return Ok(());
        }
        let cut = part.floor_char_boundary(self.room);
        self.text.push_str(part.get(..cut).unwrap_or_default());
        self.room = 0;
        Err(fmt::Error)
    }
}

fn write_example(types: &Types, id: TypeId, out: &mut Limited) -> fmt::Result {
    if types.depth(id) > Types::MAX_DEPTH {
        return Err(fmt::Error);
    }
    match types.get(id) {
        TypeDef::Bool => out.write_str("true"),
        TypeDef::S8
        | TypeDef::U8
        | TypeDef::S16
        | TypeDef::U16
        | TypeDef::S32
        | TypeDef::U32
        | TypeDef::S64
        | TypeDef::U64 => out.write_str("0"),
        TypeDef::F32 | TypeDef::F64 => out.write_str("0.5"),
        TypeDef::Char => out.write_str("'a'"),
        TypeDef::String => out.write_str("\"text\""),
        TypeDef::List(ty) => sequence(types, &mut [*ty].into_iter(), "[", "]", out),
        TypeDef::FixedList(ty, len) => sequence(types, &mut (0..*len).map(|_| *ty), "[", "]", out),
        TypeDef::Tuple(ids) => sequence(types, &mut ids.iter().copied(), "(", ")", out),
        TypeDef::Map(key, value) => {
            out.write_str("{")?;
            write_example(types, *key, out)?;
            out.write_str(": ")?;
            write_example(types, *value, out)?;
            out.write_str("}")
        }
        TypeDef::Record(fields) => {
            out.write_str("{")?;
            if fields.is_empty() {
                out.write_str(":")?;
            }
            for (i, field) in fields.iter().enumerate() {
                write!(out, "{}{}: ", if i == 0 { "" } else { ", " }, field.name)?;
                write_example(types, field.ty, out)?;
            }
            out.write_str("}")
        }
        TypeDef::Variant(cases) => match cases.first() {
            Some(case) => {
                write!(out, "{}", escaped(&case.name))?;
                payload(types, case.ty, out)
            }
            None => out.write_str("<no case>"),
        },
        TypeDef::Enum(labels) => match labels.first() {
            Some(label) => write!(out, "{}", escaped(label)),
            None => out.write_str("<no case>"),
        },
        TypeDef::Option(ty) => {
            out.write_str("some")?;
            payload(types, Some(*ty), out)
        }
        TypeDef::Result { ok, .. } => {
            out.write_str("ok")?;
            payload(types, *ok, out)
        }
        TypeDef::Flags(labels) => {
            let first = labels.first().map_or("", |label| label);
            write!(out, "{{{first}}}")
        }
        TypeDef::Own(_) | TypeDef::Borrow(_) | TypeDef::Async(_) => {
            write!(out, "<{}>", types.display(id))
        }
    }
}

fn payload(types: &Types, ty: Option<TypeId>, out: &mut Limited) -> fmt::Result {
    match ty {
        Some(ty) => sequence(types, &mut [ty].into_iter(), "(", ")", out),
        None => Ok(()),
    }
}

fn sequence(
    types: &Types,
    ids: &mut dyn Iterator<Item = TypeId>,
    open: &str,
    close: &str,
    out: &mut Limited,
) -> fmt::Result {
    out.write_str(open)?;
    for (i, id) in ids.enumerate() {
        if i > 0 {
            out.write_str(", ")?;
        }
        write_example(types, id, out)?;
    }
    out.write_str(close)
}
