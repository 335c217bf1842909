//! What the replaced functions of `string` call: see `prelude/pattern.lua`.

use std::sync::Arc;

use mlua::{Function, Lua, LuaString, MultiValue, Result, Value};

use super::{
    budget::Budget,
    pattern::{Capture, Match, Search},
};

/// The longest text that `gsub` makes.
const MAX_RESULT: usize = 16 << 20;

/// The modes of `find0`: where a match starts, a plain text, a match with its captures.
const START: i64 = 0;
const PLAIN: i64 = 1;
const FIND: i64 = 2;

pub(super) fn primitive(lua: &Lua, budget: &Arc<Budget>, name: &str) -> Result<Option<Function>> {
    let own = budget.clone();
    type Next = (Value, Value, i64, Option<i64>, bool);
    let primitive = match name {
        "find" => {
            lua.create_function(move |lua, (s, p, init, mode): (Value, Value, Value, i64)| {
                let (Some(s), Some(p)) = (text(lua, &s)?, text(lua, &p)?) else {
                    return refuse(lua, "two strings expected");
                };
                let Some(init) = integer(lua, &init, 1) else {
                    return refuse(lua, "the position is an integer");
                };
                let values = find(lua, &own, &s, &p, init, mode)?;
                Ok(if mode == START { values } else { rest(&own, values) })
            })
        }
        "next" => lua.create_function(move |lua, (s, p, at, last, anchored): Next| {
            let (Some(s), Some(p)) = (text(lua, &s)?, text(lua, &p)?) else {
                return refuse(lua, "two strings expected");
            };
            let (s, p) = (s.as_bytes(), p.as_bytes());
            let last = last.and_then(|last| usize::try_from(last).ok());
            let mut search = Search::new(&s, &p);
            let found = search.find(position(at), last, anchored);
            pay(&own, &s, &search);
            match found {
                Err(why) => refuse(lua, why),
                Ok(None) => Ok(rest(&own, MultiValue::new())),
                Ok(Some(found)) => {
                    let mut values = bounds(&found);
                    values.extend(captured(lua, &s, &found)?);
                    Ok(rest(&own, values.into_iter().collect()))
                }
            }
        }),
        "gsub" => {
            lua.create_function(move |lua, (s, p, repl, limit): (Value, Value, Value, Value)| {
                let texts = (text(lua, &s)?, text(lua, &p)?, text(lua, &repl)?);
                let (Some(s), Some(p), Some(repl)) = texts else {
                    return refuse(lua, "three strings expected");
                };
                let Some(limit) = integer(lua, &limit, i64::MAX) else {
                    return refuse(lua, "the number of replacements is an integer");
                };
                match gsub(&own, &s.as_bytes(), &p.as_bytes(), &repl.as_bytes(), limit) {
                    Err(why) => refuse(lua, why),
                    Ok((result, count)) => {
                        let result = Value::String(lua.create_string(result)?);
                        Ok(rest(&own, [result, Value::Integer(count)].into_iter().collect()))
                    }
                }
            })
        }
        _ => return Ok(None),
    };
    primitive.map(Some)
}

/// A string, or a number as one.
fn text(lua: &Lua, value: &Value) -> Result<Option<LuaString>> {
    match value {
        Value::String(_) | Value::Integer(_) | Value::Number(_) => lua.coerce_string(value.clone()),
        _ => Ok(None),
    }
}

/// An integer, or what stands for it if there is nothing.
fn integer(lua: &Lua, value: &Value, otherwise: i64) -> Option<i64> {
    if value.is_nil() {
        return Some(otherwise);
    }
    lua.coerce_integer(value.clone()).ok().flatten()
}

/// Tells a function that has done its work whether to let others go first.
fn rest(budget: &Budget, mut values: MultiValue) -> MultiValue {
    if budget.is_spent() && values.front() != Some(&Value::Boolean(false)) {
        values.push_front(Value::Boolean(true));
    }
    values
}

fn refuse(lua: &Lua, why: &str) -> Result<MultiValue> {
    let why = Value::String(lua.create_string(why)?);
    Ok([Value::Boolean(false), why].into_iter().collect())
}

/// A position of Lua, which counts from 1.
fn position(at: i64) -> usize {
    usize::try_from(at.saturating_sub(1)).unwrap_or(0)
}

fn number(at: usize) -> Value {
    Value::Integer(i64::try_from(at).unwrap_or(i64::MAX))
}

fn bounds(found: &Match) -> Vec<Value> {
    vec![number(found.from.saturating_add(1)), number(found.to)]
}

fn captured(lua: &Lua, s: &[u8], found: &Match) -> Result<Vec<Value>> {
    let value = |capture: Capture| match capture {
        Capture::Position(at) => Ok(number(at.saturating_add(1))),
        Capture::Part { from, to } => {
            Ok(Value::String(lua.create_string(s.get(from..to).unwrap_or_default())?))
        }
    };
    found.values().into_iter().map(value).collect()
}

/// A search costs its steps.
fn pay(budget: &Budget, subject: &[u8], search: &Search<'_>) {
    let all = Search::new(subject, &[]).left;
    budget.charge(i64::try_from(all.saturating_sub(search.left) / 4).unwrap_or(i64::MAX));
}

fn find(
    lua: &Lua,
    budget: &Budget,
    s: &LuaString,
    p: &LuaString,
    init: i64,
    mode: i64,
) -> Result<MultiValue> {
    let (s, p) = (s.as_bytes(), p.as_bytes());
    let len = i64::try_from(s.len()).unwrap_or(i64::MAX);
    let init =
        if init < 0 { len.saturating_add(init).saturating_add(1).max(1) } else { init.max(1) };
    if mode == START {
        return Ok([Value::Integer(init)].into_iter().collect());
    }
    let none = || Ok([Value::Nil].into_iter().collect());
    if init > len.saturating_add(1) {
        return none();
    }
    let start = position(init);
    let special = b"^$*+?.([%-";
    if mode == PLAIN || (mode == FIND && !p.iter().any(|byte| special.contains(byte))) {
        budget.charge(len / 64);
        let rest = s.get(start..).unwrap_or_default();
        let Some(at) = memchr::memmem::find(rest, &p) else { return none() };
        let from = start.saturating_add(at);
        return Ok([number(from.saturating_add(1)), number(from.saturating_add(p.len()))]
            .into_iter()
            .collect());
    }
    let mut search = Search::new(&s, &p);
    let found = search.find(start, None, p.first() == Some(&b'^'));
    pay(budget, &s, &search);
    match found {
        Err(why) => refuse(lua, why),
        Ok(None) => none(),
        Ok(Some(found)) if mode == FIND => {
            let mut values = bounds(&found);
            if !found.captures.is_empty() {
                values.extend(captured(lua, &s, &found)?);
            }
            Ok(values.into_iter().collect())
        }
        Ok(Some(found)) => Ok(captured(lua, &s, &found)?.into_iter().collect()),
    }
}

/// `gsub` with a text for the replacement.
fn gsub(
    budget: &Budget,
    s: &[u8],
    p: &[u8],
    repl: &[u8],
    limit: i64,
) -> std::result::Result<(Vec<u8>, i64), &'static str> {
    let anchored = p.first() == Some(&b'^');
    let (mut result, mut count, mut copied) = (Vec::new(), 0_i64, 0_usize);
    let (mut at, mut last) = (0_usize, None);
    let mut search = Search::new(s, p);
    while count < limit {
        let found = search.find(at, last, anchored);
        let Some(found) = found.inspect_err(|_| pay(budget, s, &search))? else { break };
        result.extend_from_slice(s.get(copied..found.from).unwrap_or_default());
        replace(&mut result, s, repl, &found)?;
        if result.len() > MAX_RESULT {
            return Err("the result is larger than 16 MiB");
        }
        (copied, at, last) = (found.to, found.to, Some(found.to));
        count = count.saturating_add(1);
        if anchored {
            break;
        }
    }
    pay(budget, s, &search);
    result.extend_from_slice(s.get(copied..).unwrap_or_default());
    budget.charge(i64::try_from(result.len() / 64).unwrap_or(i64::MAX));
    Ok((result, count))
}

fn replace(
    to: &mut Vec<u8>,
    s: &[u8],
    repl: &[u8],
    found: &Match,
) -> std::result::Result<(), &'static str> {
    let mut bytes = repl.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            to.push(byte);
            continue;
        }
        let capture = match bytes.next() {
            Some(b'%') => {
                to.push(b'%');
                continue;
            }
            Some(b'0') => Capture::Part { from: found.from, to: found.to },
            Some(digit @ b'1'..=b'9') => {
                let level = usize::from(digit.saturating_sub(b'1'));
                *found.values().get(level).ok_or("invalid capture index in replacement string")?
            }
            _ => return Err("invalid use of '%' in replacement string"),
        };
        match capture {
            Capture::Part { from, to: end } => {
                to.extend_from_slice(s.get(from..end).unwrap_or_default());
            }
            Capture::Position(at) => {
                to.extend_from_slice(at.saturating_add(1).to_string().as_bytes());
            }
        }
    }
    Ok(())
}
