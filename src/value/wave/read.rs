//! From WAVE's syntax tree to a value.
//!
//! `wasm-wave` turns the text into an untyped tree, at most 100 levels deep; one
//! walk over the tree along the type makes the value. No step of the walk can
//! panic: a part that does not fit the type is an error at its place.

use std::{
    borrow::Cow,
    cell::Cell,
    collections::{BTreeMap, btree_map::Entry},
    ops::Range,
};

use wasm_wave::{
    ast::{Node, NodeType},
    parser::{ParserError, ParserErrorKind},
    untyped::UntypedValue,
};

use super::{MAX_TEXT, ParseError, write};
use crate::value::{
    Case, Field, List, Scalar, TypeDef, TypeId, Types, Value,
    example::{escaped, example_of},
};

/// How many fields that the text leaves out are filled in. Without an end to it, a
/// short text could stand for a huge value: each `{:}` for a thousand `none`.
const MAX_OMITTED: usize = 1 << 20;

pub(super) fn read(types: &Types, id: TypeId, text: &str) -> Result<Value, ParseError> {
    let fail = |span, note: String| Err(ParseError::new(types, id, text, span, Some(note)));
    if types.depth(id) > Types::MAX_DEPTH {
        return fail(0..0, format!("the type is nested more than {} deep", Types::MAX_DEPTH));
    }
    if text.len() > MAX_TEXT {
        return fail(0..text.len(), format!("longer than {} MiB", MAX_TEXT >> 20));
    }
    // The lexer of wasm-wave 0.263 panics at a comment that ends with its slashes.
    let text = match text.ends_with("//") {
        true => Cow::Owned(format!("{text}\n")),
        false => Cow::Borrowed(text),
    };
    let reader = Reader { types, text: &text, omitted: Cell::new(0) };
    let tree = UntypedValue::parse(&text).map_err(|error| reader.syntax(id, &error))?;
    reader.value(id, tree.node())
}

struct Reader<'a> {
    types: &'a Types,
    text: &'a str,
    omitted: Cell<usize>,
}

type Read<T> = Result<T, ParseError>;

impl<'a> Reader<'a> {
    fn value(&self, id: TypeId, node: &Node) -> Read<Value> {
        let def = self.types.get(id);
        if let Some(scalar) = Scalar::of(def) {
            return self.number(id, scalar, node);
        }
        let syntax = |error: ParserError| self.syntax(id, &error);
        match def {
            TypeDef::Bool => Ok(Value::Bool(node.as_bool().map_err(syntax)?)),
            TypeDef::Char => Ok(Value::Char(node.as_char(self.text).map_err(syntax)?)),
            TypeDef::String => {
                Ok(Value::String(node.as_str(self.text).map_err(syntax)?.into_owned()))
            }
            TypeDef::List(element) => self.list(id, *element, None, node),
            TypeDef::FixedList(element, len) => self.list(id, *element, Some(*len), node),
            TypeDef::Map(key, value) => self.map(id, *key, *value, node),
            TypeDef::Record(fields) => self.record(id, fields, node),
            TypeDef::Tuple(types) => {
                let nodes = node.as_tuple().map_err(syntax)?;
                if nodes.len() != types.len() {
                    let note = format!("{} elements instead of {}", nodes.len(), types.len());
                    return Err(self.wrong(id, node, note));
                }
                let values = types.iter().zip(nodes).map(|(ty, node)| self.value(*ty, node));
                Ok(Value::Record(values.collect::<Read<_>>()?))
            }
            TypeDef::Variant(cases) => self.variant(id, cases, node),
            TypeDef::Enum(labels) => {
                let label = node
                    .as_enum(self.text)
                    .map_err(|_| self.not_a_case(id, labels.iter().map(|label| &**label), node))?;
                match index_of(labels, label) {
                    Some(case) => Ok(Value::case(case)),
                    None => {
                        let note = format!("`{label}` is not one of them");
                        Err(self.wrong(id, node, note))
                    }
                }
            }
            TypeDef::Option(ty) => match node.ty() {
                NodeType::OptionNone => Ok(Value::NONE),
                NodeType::OptionSome => {
                    let payload = node.as_option().map_err(syntax)?;
                    Ok(Value::Variant {
                        case: 1,
                        payload: self.payload(id, Some(*ty), payload, node)?,
                    })
                }
                _ => self.shorthand(id, Some(*ty), 1, node),
            },
            TypeDef::Result { ok, err } => match node.as_result() {
                Ok(Ok(payload)) => {
                    Ok(Value::Variant { case: 0, payload: self.payload(id, *ok, payload, node)? })
                }
                Ok(Err(payload)) => {
                    Ok(Value::Variant { case: 1, payload: self.payload(id, *err, payload, node)? })
                }
                Err(_) => self.shorthand(id, *ok, 0, node),
            },
            TypeDef::Flags(labels) => self.flags(id, labels, node),
            TypeDef::Own(_) | TypeDef::Borrow(_) => {
                Err(self.wrong(id, node, "a handle cannot be written as text"))
            }
            TypeDef::Async(_) => Err(self.wrong(id, node, "cannot be written as text")),
            // Every number is a scalar, and was read above.
            TypeDef::S8
            | TypeDef::U8
            | TypeDef::S16
            | TypeDef::U16
            | TypeDef::S32
            | TypeDef::U32
            | TypeDef::S64
            | TypeDef::U64
            | TypeDef::F32
            | TypeDef::F64 => Err(self.at(id, node.span(), None)),
        }
    }

    fn number(&self, id: TypeId, scalar: Scalar, node: &Node) -> Read<Value> {
        if node.ty() != NodeType::Number {
            return Err(self.at(id, node.span(), None));
        }
        let text = self.text.get(node.span()).unwrap_or_default();
        macro_rules! integer {
            ($case:ident, $ty:ident, $name:literal) => {
                text.parse().map(Value::$case).map_err(|_| {
                    let whole = text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
                    let note = if whole {
                        format!("{} goes from {} to {}", $name, $ty::MIN, $ty::MAX)
                    } else {
                        format!("{} is written with digits alone", $name)
                    };
                    self.wrong(id, node, note)
                })
            };
        }
        macro_rules! float {
            ($case:ident, $ty:ident) => {
                match text.parse::<$ty>() {
                    Ok(value) if value.is_nan() => Ok(Value::$case($ty::NAN)),
                    Ok(value) if value.is_infinite() && !text.ends_with("inf") => {
                        let note = format!("the largest is {:e}; or write inf", $ty::MAX);
                        Err(self.wrong(id, node, note))
                    }
                    Ok(value) => Ok(Value::$case(value)),
                    Err(_) => Err(self.at(id, node.span(), None)),
                }
            };
        }
        match scalar {
            Scalar::S8 => integer!(S8, i8, "an s8"),
            Scalar::U8 => integer!(U8, u8, "a u8"),
            Scalar::S16 => integer!(S16, i16, "an s16"),
            Scalar::U16 => integer!(U16, u16, "a u16"),
            Scalar::S32 => integer!(S32, i32, "an s32"),
            Scalar::U32 => integer!(U32, u32, "a u32"),
            Scalar::S64 => integer!(S64, i64, "an s64"),
            Scalar::U64 => integer!(U64, u64, "a u64"),
            Scalar::F32 => float!(F32, f32),
            Scalar::F64 => float!(F64, f64),
        }
    }

    fn list(&self, id: TypeId, element: TypeId, len: Option<u32>, node: &Node) -> Read<Value> {
        let nodes = node.as_list().map_err(|error| self.syntax(id, &error))?;
        if let Some(len) = len
            && u32::try_from(nodes.len()) != Ok(len)
        {
            return Err(self.wrong(id, node, format!("{} elements", nodes.len())));
        }
        let Some(scalar) = Scalar::of(self.types.get(element)) else {
            let values = nodes.map(|node| self.value(element, node)).collect::<Read<Vec<_>>>()?;
            return Ok(Value::List(List::Values(values)));
        };
        let mut bytes = Vec::with_capacity(nodes.len().saturating_mul(scalar.size()));
        for node in nodes {
            let value = self.number(element, scalar, node)?;
            if !scalar.write(&value, &mut bytes) {
                return Err(self.at(element, node.span(), None));
            }
        }
        Ok(Value::List(List::Scalars(scalar, bytes)))
    }

    fn map(&self, id: TypeId, key: TypeId, value: TypeId, node: &Node) -> Read<Value> {
        let mut entries: Vec<(Value, Value)> = Vec::new();
        // Keys are the same when their texts, as we write them, are the same.
        let mut places = BTreeMap::new();
        for (k, v) in node.as_map().map_err(|error| self.syntax(id, &error))? {
            let k_value = match (k.ty(), self.types.get(key), self.text.get(k.span())) {
                (NodeType::Label, TypeDef::Bool, Some("true")) => Value::Bool(true),
                (NodeType::Label, TypeDef::Bool, Some("false")) => Value::Bool(false),
                (NodeType::Label, ..) => {
                    return Err(self.wrong(key, k, "as the key of a map"));
                }
                _ => self.value(key, k)?,
            };
            let v = self.value(value, v)?;
            let text = write::write(self.types, key, &k_value)
                .ok_or_else(|| self.wrong(key, k, "cannot be a key"))?;
            match places.entry(text) {
                Entry::Vacant(place) => {
                    place.insert(entries.len());
                    entries.push((k_value, v));
                }
                Entry::Occupied(place) => {
                    if let Some(entry) = entries.get_mut(*place.get()) {
                        entry.1 = v;
                    }
                }
            }
        }
        Ok(Value::Map(entries))
    }

    fn record(&self, id: TypeId, fields: &[Field], node: &Node) -> Read<Value> {
        let given = node.as_record(self.text).map_err(|error| self.syntax(id, &error))?;
        let given: BTreeMap<&str, &Node> = given.collect();
        let known = fields.iter().filter(|field| given.contains_key(&*field.name)).count();
        if known != given.len() {
            let unknown = given
                .keys()
                .filter(|name| !fields.iter().any(|field| &*field.name == **name))
                .map(|name| self.span_of(name))
                .min_by_key(|span| span.start);
            let note = "there is no such field".to_owned();
            return Err(self.at(id, unknown.unwrap_or(node.span()), Some(note)));
        }
        let values = fields.iter().map(|field| match given.get(&*field.name) {
            Some(node) => self.value(field.ty, node),
            None if matches!(self.types.get(field.ty), TypeDef::Option(_)) => {
                let omitted = self.omitted.get().saturating_add(1);
                self.omitted.set(omitted);
                if omitted > MAX_OMITTED {
                    return Err(self.wrong(id, node, "too many fields are left out"));
                }
                Ok(Value::NONE)
            }
            None => Err(self.wrong(id, node, format!("the field `{}` is missing", field.name))),
        });
        Ok(Value::Record(values.collect::<Read<_>>()?))
    }

    fn variant(&self, id: TypeId, cases: &[Case], node: &Node) -> Read<Value> {
        let (label, payload) = node
            .as_variant(self.text)
            .map_err(|_| self.not_a_case(id, cases.iter().map(|case| &*case.name), node))?;
        let found = cases.iter().enumerate().find(|(_, case)| &*case.name == label);
        match found.and_then(|(i, case)| Some((u32::try_from(i).ok()?, case))) {
            Some((index, case)) => {
                let payload = self.payload(id, case.ty, payload, node)?;
                Ok(Value::Variant { case: index, payload })
            }
            None => Err(self.wrong(id, node, format!("there is no case `{label}`"))),
        }
    }

    /// The payload of a case, present or not as the type has it.
    fn payload(
        &self,
        id: TypeId,
        ty: Option<TypeId>,
        payload: Option<&Node>,
        node: &Node,
    ) -> Read<Option<Box<Value>>> {
        match (ty, payload) {
            (Some(ty), Some(payload)) => Ok(Some(Box::new(self.value(ty, payload)?))),
            (None, None) => Ok(None),
            (None, Some(_)) => Err(self.wrong(id, node, "this case stands alone, without (...)")),
            (Some(ty), None) => {
                let text = self.text.get(node.span()).unwrap_or_default();
                let example = example_of(self.types, ty);
                Err(self.wrong(id, node, format!("this case carries a value: {text}({example})")))
            }
        }
    }

    /// `5` for `some(5)` or `ok(5)`: allowed unless the payload is itself an option
    /// or a result.
    fn shorthand(&self, id: TypeId, ty: Option<TypeId>, case: u32, node: &Node) -> Read<Value> {
        match ty.map(|ty| (ty, self.types.get(ty))) {
            None | Some((_, TypeDef::Option(_) | TypeDef::Result { .. })) => {
                Err(self.at(id, node.span(), None))
            }
            Some((ty, _)) => {
                // Where the payload's type does not fit at all, the whole is what
                // the reader of the message should see.
                let payload = self.value(ty, node).map_err(|error| {
                    if error.offset == node.span().start && error.note.is_none() {
                        self.at(id, node.span(), None)
                    } else {
                        error
                    }
                })?;
                Ok(Value::Variant { case, payload: Some(Box::new(payload)) })
            }
        }
    }

    fn flags(&self, id: TypeId, labels: &[Box<str>], node: &Node) -> Read<Value> {
        let mut bits = 0u32;
        for flag in node.as_flags(self.text).map_err(|error| self.syntax(id, &error))? {
            match index_of(labels, flag).and_then(|index| 1u32.checked_shl(index)) {
                Some(bit) => bits |= bit,
                None => {
                    let note = "there is no such flag".to_owned();
                    return Err(self.at(id, self.span_of(flag), Some(note)));
                }
            }
        }
        Ok(Value::Flags(bits))
    }

    /// The text in place of a case is no label; perhaps a keyword that is also
    /// the name of a case.
    fn not_a_case<'l>(
        &self,
        id: TypeId,
        mut labels: impl Iterator<Item = &'l str>,
        node: &Node,
    ) -> ParseError {
        let text = self.text.get(node.span()).unwrap_or_default();
        let word = text.split(|c: char| c == '(' || c.is_whitespace()).next().unwrap_or(text);
        let note = labels
            .any(|label| label == word)
            .then(|| format!("`{word}` is a word of WAVE; write {}", escaped(word)));
        self.at(id, node.span(), note)
    }

    /// The place of a part of the text.
    fn span_of(&self, part: &str) -> Range<usize> {
        let start = part.as_ptr().addr().saturating_sub(self.text.as_ptr().addr());
        start..start.saturating_add(part.len())
    }

    fn wrong(&self, id: TypeId, node: &Node, note: impl Into<String>) -> ParseError {
        self.at(id, node.span(), Some(note.into()))
    }

    fn at(&self, id: TypeId, span: Range<usize>, note: Option<String>) -> ParseError {
        ParseError::new(self.types, id, self.text, span, note)
    }

    /// An error of `wasm-wave`, where a value of type `id` was expected.
    fn syntax(&self, id: TypeId, error: &ParserError) -> ParseError {
        let span = error.span();
        let found = self.text.get(span.clone()).unwrap_or_default();
        let note = match error.kind() {
            ParserErrorKind::EmptyTuple => Some("a tuple has at least one element"),
            ParserErrorKind::MultipleChars => Some("more than one character"),
            ParserErrorKind::InvalidEscape => {
                Some(r#"the escapes are \" \' \\ \n \r \t and \u{...}, a Unicode scalar value"#)
            }
            ParserErrorKind::InvalidMultilineString => error.detail(),
            ParserErrorKind::InvalidToken => Some(match found.bytes().next() {
                Some(b'"') => "no end of the string, or an escape that does not exist",
                Some(b'\'') => "between the quotes stands one character, or an escape",
                _ => "no value begins like this",
            }),
            ParserErrorKind::TrailingCharacters => Some("more text after the value"),
            ParserErrorKind::DuplicateField => Some("this field stands here twice"),
            ParserErrorKind::DuplicateFlag => Some("this flag stands here twice"),
            ParserErrorKind::NestingTooDeep => Some("nested more than 100 deep"),
            _ => None,
        };
        self.at(id, span, note.map(str::to_owned))
    }
}

fn index_of(labels: &[Box<str>], label: &str) -> Option<u32> {
    let index = labels.iter().position(|other| &**other == label)?;
    u32::try_from(index).ok()
}
