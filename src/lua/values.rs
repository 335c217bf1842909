//! Lua values to terms and back.
//!
//! | Lua | term |
//! | --- | --- |
//! | nil, `process.null` | `Nil` |
//! | boolean | `Bool` |
//! | integer | `Int`; a `Uint` beyond the largest integer is an error |
//! | float | `Float` |
//! | string | `Text` if it is UTF-8, else `Bytes` |
//! | table with the keys 1 … n, or none | `List` |
//! | other table | `Map`, sorted by keys |
//! | error | `Map` with `kind`, `message`, `retryable`, `details` |
//! | function, coroutine | an error that names its place |
//!
//! Back again, `Nil` is nil, which a table does not hold: a record's field that is
//! none is absent. Where that would lose something it is `process.null`: in a
//! list and at a position, as later values would move or be lost, and in
//! `{ok = …}`, `{err = …}` and `{some = …}`, of which nothing would be left.
//!
//! A table with holes keeps its positions as keys of a `Map`, so that it comes to
//! another Lua process as it was. Who has a type for it, or writes JSON, may take
//! it for a list: see [`crate::value::term`].
//!
//! A table may refer to one large string a thousand times, and the term has it a
//! thousand times. So each part is counted before it is copied, and what would be
//! larger than the limits is an error that costs no memory.

use std::ffi::c_void;

use mlua::{Lua, Table, Value};

use super::primitives::Primitives;
use crate::value::Term;

/// The deepest nesting.
pub(super) const MAX_DEPTH: usize = 64;
/// The most values in one.
const MAX_NODES: usize = 1 << 18;
/// The most bytes of texts in one.
const MAX_BYTES: usize = 16 << 20;
/// A key as errors show it.
const MAX_KEY: usize = 40;

/// Turns the values of one message into terms.
pub(super) struct Giver<'a> {
    lua: &'a Lua,
    primitives: &'a Primitives,
    /// Values and bytes of texts that have been looked at.
    nodes: usize,
    bytes: usize,
    /// Bytes that the terms may take.
    limit: usize,
    above: Vec<*const c_void>,
}

/// A value that cannot be turned, and where it stands, the innermost part first.
struct Misfit {
    why: String,
    place: Vec<String>,
}

impl Misfit {
    fn new(why: impl Into<String>) -> Misfit {
        Misfit { why: why.into(), place: Vec::new() }
    }

    fn within(mut self, part: impl Into<String>) -> Misfit {
        self.place.push(part.into());
        self
    }
}

impl<'a> Giver<'a> {
    pub fn new(lua: &'a Lua, primitives: &'a Primitives) -> Giver<'a> {
        Giver { lua, primitives, nodes: 0, bytes: 0, limit: 0, above: Vec::new() }
    }

    /// Bytes that the terms take.
    pub fn size(&self) -> usize {
        self.nodes.saturating_mul(size_of::<Term>()).saturating_add(self.bytes)
    }

    /// The work that it was, in units of a slice.
    pub fn work(&self) -> i64 {
        let units = self.nodes.saturating_mul(4).saturating_add(self.bytes / 64);
        i64::try_from(units).unwrap_or(i64::MAX)
    }

    /// Counts a value that is about to be copied, and the bytes of its text.
    fn count(&mut self, bytes: usize) -> Result<(), Misfit> {
        self.nodes = self.nodes.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.nodes > MAX_NODES {
            return Err(Misfit::new(format!("more than {MAX_NODES} values")));
        }
        if self.bytes > MAX_BYTES {
            return Err(Misfit::new(format!("more than {MAX_BYTES} bytes")));
        }
        if self.size() > self.limit {
            self.limit = self.primitives.room(self.lua, self.size());
        }
        if self.size() > self.limit {
            let room = self.limit;
            let why = format!("more than there is room for: {room} bytes up to limits.max_memory");
            return Err(Misfit::new(why));
        }
        Ok(())
    }

    /// The term of a value; `name` is what the error calls it.
    pub fn term(&mut self, value: &Value, name: &str) -> Result<Term, String> {
        self.value(value).map_err(|misfit| {
            let mut place: String = misfit.place.iter().rev().take(8).map(String::as_str).collect();
            if misfit.place.len() > 8 {
                place.push('…');
            }
            format!("{name}{place}: {}", misfit.why)
        })
    }

    fn value(&mut self, value: &Value) -> Result<Term, Misfit> {
        let text = value.as_string();
        self.count(text.map_or(0, |text| text.as_bytes().len()))?;
        Ok(match value {
            Value::Nil => Term::Nil,
            null if null.is_null() => Term::Nil,
            Value::Boolean(value) => Term::Bool(*value),
            Value::Integer(value) => Term::Int(*value),
            Value::Number(value) => Term::Float(*value),
            Value::String(text) => {
                let bytes = text.as_bytes();
                match std::str::from_utf8(&bytes) {
                    Ok(text) => text.into(),
                    Err(_) => Term::Bytes(Box::from(&*bytes)),
                }
            }
            Value::Table(table) => self.table(table)?,
            other => {
                let kind = other.type_name();
                return Err(Misfit::new(format!("a {kind} cannot leave its process")));
            }
        })
    }

    fn table(&mut self, table: &Table) -> Result<Term, Misfit> {
        let itself = table.to_pointer();
        if self.above.contains(&itself) {
            return Err(Misfit::new("a table that contains itself"));
        }
        if self.above.len() >= MAX_DEPTH {
            return Err(Misfit::new(format!("tables nested more than {MAX_DEPTH} deep")));
        }
        self.above.push(itself);
        let metatable = table.metatable();
        if metatable.as_ref().is_some_and(|meta| *meta == self.primitives.payloads) {
            let first: Value = table.raw_get(1).unwrap_or(Value::Nil);
            let term = self.value(&first);
            self.above.pop();
            return term;
        }
        let term = match metatable.is_some_and(|meta| meta == self.primitives.errors) {
            true => self.error(table),
            false => self.entries(table),
        };
        self.above.pop();
        term
    }

    fn error(&mut self, table: &Table) -> Result<Term, Misfit> {
        let mut fields = Vec::with_capacity(4);
        for (at, name) in (1..).zip(["kind", "message", "retryable", "details"]) {
            let value: Value = table.raw_get(at).unwrap_or(Value::Nil);
            fields.push((name, self.value(&value).map_err(|e| e.within(format!(".{name}")))?));
        }
        Ok(Term::record(fields))
    }

    fn entries(&mut self, table: &Table) -> Result<Term, Misfit> {
        let length = table.raw_len();
        let mut list = Vec::new();
        let mut pairs = Vec::new();
        // Positions that lie within the list come first, in most tables in order.
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair.map_err(|error| Misfit::new(error.to_string()))?;
            let place = |misfit: Misfit| misfit.within(place(&key));
            let next = i64::try_from(list.len()).ok().and_then(|len| len.checked_add(1));
            if pairs.is_empty() && key.as_integer() == next && list.len() < length {
                list.push(self.value(&value).map_err(place)?);
                continue;
            }
            let key_term = match &key {
                Value::Boolean(_) | Value::Integer(_) | Value::Number(_) | Value::String(_) => {
                    self.value(&key).map_err(place)?
                }
                other => {
                    let kind = other.type_name();
                    return Err(Misfit::new(format!("a {kind} as a key cannot leave its process")));
                }
            };
            pairs.push((key_term, self.value(&value).map_err(place)?));
        }
        if pairs.is_empty() {
            return Ok(Term::List(list));
        }
        pairs.extend((1_i64..).zip(list).map(|(at, value)| (Term::Int(at), value)));
        pairs.sort_by(|(a, _), (b, _)| order(a, b));
        let is_list = (1_i64..).zip(&pairs).all(|(at, (key, _))| *key == Term::Int(at));
        if is_list {
            return Ok(Term::List(pairs.into_iter().map(|(_, value)| value).collect()));
        }
        Ok(Term::Map(pairs))
    }
}

fn place(key: &Value) -> String {
    match key {
        Value::Integer(at) => format!("[{at}]"),
        Value::String(name) => {
            let name = name.as_bytes();
            let short = name.get(..MAX_KEY).unwrap_or(&name);
            let more = if name.len() > MAX_KEY { "…" } else { "" };
            format!(".{}{more}", String::from_utf8_lossy(short))
        }
        // The library's text of such a key is an address.
        Value::Table(_) | Value::Function(_) | Value::Thread(_) | Value::UserData(_) => {
            format!("[a {}]", key.type_name())
        }
        other => format!("[{}]", other.to_string().unwrap_or_default()),
    }
}

/// The order of keys: the same on every run, as that of Lua is not.
fn order(a: &Term, b: &Term) -> std::cmp::Ordering {
    let rank = |term: &Term| match term {
        Term::Bool(_) => 0,
        Term::Int(_) => 1,
        Term::Float(_) => 2,
        Term::Text(_) => 3,
        Term::Nil | Term::Uint(_) | Term::Bytes(_) | Term::List(_) | Term::Map(_) => 4,
    };
    match (a, b) {
        (Term::Bool(a), Term::Bool(b)) => a.cmp(b),
        (Term::Int(a), Term::Int(b)) => a.cmp(b),
        (Term::Float(a), Term::Float(b)) => a.total_cmp(b),
        (Term::Text(a), Term::Text(b)) => a.cmp(b),
        (Term::Bytes(a), Term::Bytes(b)) => a.cmp(b),
        _ => rank(a).cmp(&rank(b)),
    }
}

/// The Lua value of a term.
///
/// # Errors
///
/// If Lua has no such value, or no memory for it.
pub(super) fn from_term(lua: &Lua, term: &Term) -> Result<Value, String> {
    value(lua, term, 0)
}

fn value(lua: &Lua, term: &Term, depth: usize) -> Result<Value, String> {
    let memory = |error: mlua::Error| error.to_string();
    if depth > MAX_DEPTH {
        return Err(format!("a value nested more than {MAX_DEPTH} deep"));
    }
    let depth = depth.saturating_add(1);
    Ok(match term {
        Term::Nil => Value::Nil,
        Term::Bool(value) => Value::Boolean(*value),
        Term::Int(value) => Value::Integer(*value),
        Term::Uint(value) => {
            return Err(format!("{value} is larger than the largest integer of Lua"));
        }
        Term::Float(value) => Value::Number(*value),
        Term::Text(text) => Value::String(lua.create_string(&**text).map_err(memory)?),
        Term::Bytes(bytes) => Value::String(lua.create_string(bytes).map_err(memory)?),
        Term::List(items) => {
            let table = lua.create_table_with_capacity(items.len(), 0).map_err(memory)?;
            for (at, item) in (1_i64..).zip(items) {
                let item = if *item == Term::Nil { Value::NULL } else { value(lua, item, depth)? };
                table.raw_set(at, item).map_err(memory)?;
            }
            Value::Table(table)
        }
        Term::Map(pairs) => {
            let table = lua.create_table_with_capacity(0, pairs.len()).map_err(memory)?;
            for (key, item) in pairs {
                let keeps = matches!(key, Term::Int(_)) || is_wrapper(pairs);
                let key = value(lua, key, depth)?;
                if key.is_nil() || key.as_number().is_some_and(f64::is_nan) {
                    return Err("a map with a key that a table cannot have".to_owned());
                }
                let item = if keeps && *item == Term::Nil {
                    Value::NULL
                } else {
                    value(lua, item, depth)?
                };
                table.raw_set(key, item).map_err(memory)?;
            }
            Value::Table(table)
        }
    })
}

/// True if this is what says that there is something, even if that is nothing.
fn is_wrapper(pairs: &[(Term, Term)]) -> bool {
    matches!(pairs, [(Term::Text(name), _)] if wraps(name))
}

/// True if an entry of this name, alone in its map, is one of those.
pub(super) fn wraps(name: &str) -> bool {
    matches!(name, "ok" | "err" | "some")
}

/// Lua's own name for the type of a value.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Integer(_) => "number",
        other => other.type_name(),
    }
}
