//! `json`: Lua values as JSON text. What JSON does not have is an error here, where
//! the JSON form of terms has a way to write it.
//!
//! Nothing is made between the text and the tables: reading makes tables out of the
//! text, so that the memory of the process is the limit of what comes of it, and
//! writing stops at a length.

use std::{cell::RefCell, fmt, io};

use mlua::{Function, Lua, LuaString, MultiValue, Result, Value};
use serde::{
    Serialize, Serializer,
    de::{DeserializeSeed, MapAccess, SeqAccess, Visitor},
    ser::{Error as _, SerializeMap},
};

use super::{
    primitives::Primitives,
    reply,
    values::{Giver, MAX_DEPTH, kind, wraps},
};
use crate::value::Term;

/// The longest text that is read or written.
const MAX_TEXT: usize = 16 << 20;
/// The longest YAML, which is more work.
const MAX_YAML: usize = 1 << 20;
/// The most values in one that is read.
const MAX_VALUES: u32 = 1 << 20;

pub(super) fn primitive(
    lua: &Lua,
    primitives: &Primitives,
    name: &str,
) -> Result<Option<Function>> {
    let own = primitives.clone();
    let primitive = match name {
        "json_encode" => {
            lua.create_function(move |lua, value: Value| match text(lua, &own, &value) {
                Ok(text) => Ok([Value::String(lua.create_string(text)?)]
                    .into_iter()
                    .collect::<MultiValue>()),
                Err(why) => refused(lua, &why),
            })
        }
        "yaml_encode" => {
            lua.create_function(move |lua, value: Value| match yaml(lua, &own, &value) {
                Ok(text) => Ok([Value::String(lua.create_string(text)?)].into_iter().collect()),
                Err(why) => refused(lua, &why),
            })
        }
        "yaml_decode" => lua.create_function(move |lua, text: LuaString| {
            let bytes = text.as_bytes();
            if bytes.len() > MAX_YAML {
                return refused(lua, &format!("more than {MAX_YAML} bytes"));
            }
            let cost = bytes.len().saturating_mul(16);
            own.budget.charge(i64::try_from(cost).unwrap_or(i64::MAX));
            match read_yaml(lua, &bytes) {
                Ok(value) => Ok([value].into_iter().collect()),
                Err(why) => refused(lua, &why),
            }
        }),
        "json_decode" => lua.create_function(move |lua, value: Value| {
            let refuse = |why: String| refused(lua, &why);
            let Value::String(text) = &value else {
                let kind = kind(&value);
                return refuse(format!("JSON text expected, got {kind}"));
            };
            let bytes = text.as_bytes();
            if bytes.len() > MAX_TEXT {
                return refuse(format!("more than {MAX_TEXT} bytes"));
            }
            own.budget.charge(i64::try_from(bytes.len()).unwrap_or(i64::MAX));
            match read(lua, &bytes) {
                Ok(value) => Ok([value].into_iter().collect()),
                Err(why) => refuse(why),
            }
        }),
        _ => return Ok(None),
    };
    primitive.map(Some)
}

/// Nothing, and why.
fn refused(lua: &Lua, why: &str) -> Result<MultiValue> {
    let why = Value::String(lua.create_string(why)?);
    Ok([Value::Nil, why].into_iter().collect())
}

/// A Lua value as YAML.
fn yaml(lua: &Lua, primitives: &Primitives, value: &Value) -> std::result::Result<Vec<u8>, String> {
    let mut giver = Giver::new(lua, primitives);
    let term = giver.term(value, "value");
    primitives.budget.charge(giver.work().saturating_mul(4));
    let mut text = Text { bytes: Vec::new(), limit: MAX_YAML.min(primitives.room(lua, 1 << 16)) };
    let written = serde_yaml::to_writer(&mut text, &Json(&term?));
    primitives.budget.charge(i64::try_from(text.bytes.len()).unwrap_or(i64::MAX));
    written.map_err(|error| error.to_string())?;
    Ok(text.bytes)
}

/// The Lua value of YAML.
fn read_yaml(lua: &Lua, text: &[u8]) -> std::result::Result<Value, String> {
    let reading = Reading { lua, refused: RefCell::default(), values: RefCell::new(0) };
    let yaml = serde_yaml::Deserializer::from_slice(text);
    let value = Reader { reading: &reading, depth: 0 }.deserialize(yaml);
    value.map_err(|error| match reading.refused.take() {
        Some(why) => why,
        None => format!("no YAML: {error}"),
    })
}

/// A Lua value as JSON.
pub(super) fn text(
    lua: &Lua,
    primitives: &Primitives,
    value: &Value,
) -> std::result::Result<Vec<u8>, String> {
    let mut giver = Giver::new(lua, primitives);
    let term = giver.term(value, "value");
    primitives.budget.charge(giver.work());
    let mut text = Text { bytes: Vec::new(), limit: MAX_TEXT.min(primitives.room(lua, 1 << 16)) };
    let written = serde_json::to_writer(&mut text, &Json(&term?));
    primitives.budget.charge(i64::try_from(text.bytes.len() / 16).unwrap_or(i64::MAX));
    written.map_err(|error| error.to_string())?;
    Ok(text.bytes)
}

/// A text of limited length.
struct Text {
    bytes: Vec<u8>,
    limit: usize,
}

impl io::Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.limit.saturating_sub(self.bytes.len()) {
            let limit = self.limit;
            return Err(io::Error::other(format!("the text is longer than {limit} bytes")));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A term, to be written.
struct Json<'a>(&'a Term);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        match self.0 {
            Term::Nil => to.serialize_unit(),
            Term::Bool(value) => to.serialize_bool(*value),
            Term::Int(value) => to.serialize_i64(*value),
            Term::Uint(value) => to.serialize_u64(*value),
            Term::Float(value) if value.is_finite() => to.serialize_f64(*value),
            Term::Float(_) => to.serialize_unit(),
            Term::Text(text) => to.serialize_str(text),
            Term::Bytes(_) => Err(S::Error::custom(NO_BYTES)),
            Term::List(items) => to.collect_seq(items.iter().map(Json)),
            Term::Map(pairs) => {
                let mut object = to.serialize_map(Some(pairs.len()))?;
                for (key, value) in pairs {
                    let why = match key {
                        Term::Text(name) => {
                            object.serialize_entry(&**name, &Json(value))?;
                            continue;
                        }
                        Term::Int(key) => format!("the key {key}: {KEYS}"),
                        Term::Float(key) => format!("the key {key:?}: {KEYS}"),
                        Term::Bool(key) => format!("the key {key}: {KEYS}"),
                        Term::Nil
                        | Term::Uint(_)
                        | Term::Bytes(_)
                        | Term::List(_)
                        | Term::Map(_) => NO_BYTES.to_owned(),
                    };
                    return Err(S::Error::custom(why));
                }
                object.end()
            }
        }
    }
}

const NO_BYTES: &str = "JSON has no bytes that are not UTF-8";
const KEYS: &str = "a JSON object has strings for keys, and an array no holes; write \
     tostring(key), or json.null where there is nothing";

/// The Lua value of JSON.
fn read(lua: &Lua, text: &[u8]) -> std::result::Result<Value, String> {
    let reading = Reading { lua, refused: RefCell::default(), values: RefCell::new(0) };
    let mut json = serde_json::Deserializer::from_slice(text);
    let value = Reader { reading: &reading, depth: 0 }.deserialize(&mut json);
    let value = value.and_then(|value| json.end().map(|()| value));
    value.map_err(|error| match reading.refused.take() {
        Some(why) => why,
        None => format!("no JSON: {error}"),
    })
}

/// One text that is read.
struct Reading<'a> {
    lua: &'a Lua,
    /// Why it is refused, if not because it is no JSON.
    refused: RefCell<Option<String>>,
    values: RefCell<u32>,
}

impl Reading<'_> {
    fn refuse<E: serde::de::Error>(&self, why: impl Into<String>) -> E {
        *self.refused.borrow_mut() = Some(why.into());
        E::custom("refused")
    }

    /// The value that Lua has made, or the error that it has no memory for it.
    fn made<T, E: serde::de::Error>(&self, made: Result<T>) -> std::result::Result<T, E> {
        made.map_err(|error| self.refuse(reply::root(&error)))
    }
}

/// Reads a value.
#[derive(Clone, Copy)]
struct Reader<'a> {
    reading: &'a Reading<'a>,
    depth: usize,
}

impl Reader<'_> {
    /// The reader of what is in a value.
    fn within<E: serde::de::Error>(self) -> std::result::Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            let why = format!("a value nested more than {MAX_DEPTH} deep");
            return Err(self.reading.refuse(why));
        }
        Ok(Reader { depth: self.depth.saturating_add(1), ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(
        self,
        from: D,
    ) -> std::result::Result<Value, D::Error> {
        let mut values = self.reading.values.borrow_mut();
        *values = values.saturating_add(1);
        if *values > MAX_VALUES {
            return Err(self.reading.refuse(format!("more than {MAX_VALUES} values")));
        }
        drop(values);
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Nil)
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Value, E> {
        Ok(Value::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> std::result::Result<Value, E> {
        match i64::try_from(value) {
            Ok(value) => Ok(Value::Integer(value)),
            Err(_) => {
                let why = format!("{value} is larger than the largest integer of Lua");
                Err(self.reading.refuse(why))
            }
        }
    }

    fn visit_f64<E>(self, value: f64) -> std::result::Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<Value, E> {
        self.reading.made(self.reading.lua.create_string(text)).map(Value::String)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Value, A::Error> {
        let Reader { reading, .. } = self;
        let within = self.within()?;
        let table = reading.made(reading.lua.create_table())?;
        let mut at = 0_i64;
        while let Some(item) = items.next_element_seed(within)? {
            at = at.saturating_add(1);
            let item = if item.is_nil() { Value::NULL } else { item };
            reading.made(table.raw_set(at, item))?;
        }
        Ok(Value::Table(table))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> std::result::Result<Value, A::Error> {
        let Reader { reading, .. } = self;
        let within = self.within()?;
        let table = reading.made(reading.lua.create_table())?;
        // An entry that says that there is something, even if that is nothing.
        let mut alone = None;
        let mut others = false;
        while let Some(name) = pairs.next_key_seed(Name)? {
            let item = pairs.next_value_seed(within)?;
            others |= alone.as_ref().is_some_and(|alone| *alone != name);
            let key = reading.made(reading.lua.create_string(&name))?;
            reading.made(table.raw_set(key, item))?;
            if wraps(&name) {
                alone = Some(name);
            } else {
                others = true;
            }
        }
        if let (Some(name), false) = (alone, others) {
            let empty = reading.made(table.raw_get::<Value>(&*name))?.is_nil();
            if empty {
                reading.made(table.raw_set(name, Value::NULL))?;
            }
        }
        Ok(Value::Table(table))
    }
}

/// Reads the name of an entry.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = String;

    fn deserialize<D: serde::Deserializer<'de>>(
        self,
        from: D,
    ) -> std::result::Result<String, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> std::result::Result<String, E> {
        Ok(name.to_owned())
    }
}
