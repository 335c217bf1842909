//! Regular expressions: RE2's syntax, in a time that grows with the text.
//!
//! `\d`, `\w`, `\s` and `\b` mean ASCII, as in the original, which is also what keeps
//! patterns small. A process keeps the last that it has used.
//!
//! One search takes a time that grows with the text. All matches may take as many
//! searches, so that only some are looked for in one call.

use std::collections::VecDeque;

use mlua::{Function, Lua, LuaString, MultiValue, Result, Table, Value};
use regex::bytes::{Captures, Regex, RegexBuilder};

use super::primitives::Primitives;
use crate::account::Charge;

/// Bytes that a compiled pattern may take, and that it is charged for.
const MAX_SIZE: usize = 64 << 10;
/// The longest pattern.
const MAX_PATTERN: usize = 4 << 10;
/// The longest text that is searched.
const MAX_TEXT: usize = 256 << 10;
/// Matches that one call looks for.
const BATCH: usize = 16;
/// The longest text that a replacement makes.
const MAX_RESULT: usize = 16 << 20;
/// The longest part of one that a call makes, unless it is of one match.
const MAX_PART: usize = 1 << 20;
/// Patterns that are kept.
const KEPT: usize = 16;

/// The patterns that a process has used, the last at the end.
#[derive(Default)]
pub(super) struct Patterns(VecDeque<(String, Regex, Charge)>);

pub(super) fn primitive(
    lua: &Lua,
    primitives: &Primitives,
    name: &str,
) -> Result<Option<Function>> {
    if name != "regex" {
        return Ok(None);
    }
    let own = primitives.clone();
    let ask = move |lua: &Lua, args: (String, LuaString, LuaString, MultiValue)| {
        let (op, pattern, text, more) = args;
        match answer(lua, &own, &op, (&pattern, &text), more)? {
            Ok(values) => Ok(values),
            Err(why) => {
                let why = Value::String(lua.create_string(why)?);
                Ok([Value::Nil, why].into_iter().collect::<MultiValue>())
            }
        }
    };
    lua.create_function(ask).map(Some)
}

/// The values of a call, or why there are none.
fn answer(
    lua: &Lua,
    own: &Primitives,
    op: &str,
    (pattern, text): (&LuaString, &LuaString),
    more: MultiValue,
) -> Result<std::result::Result<MultiValue, String>> {
    let pattern = pattern.as_bytes();
    if pattern.len() > MAX_PATTERN {
        return Ok(Err(format!("a pattern has at most {MAX_PATTERN} bytes")));
    }
    let regex = match compiled(own, &String::from_utf8_lossy(&pattern)) {
        Ok(regex) => regex,
        Err(why) => return Ok(Err(why)),
    };
    let text = text.as_bytes();
    if text.len() > MAX_TEXT {
        return Ok(Err(format!("a text that is searched has at most {MAX_TEXT} bytes")));
    }
    let whole = || own.budget.charge(i64::try_from(text.len() / 4).unwrap_or(i64::MAX));
    let value = match op {
        "match" => {
            whole();
            Value::Boolean(regex.is_match(&text))
        }
        "find" => {
            whole();
            match regex.captures(&text) {
                Some(found) => Value::Table(bounds(lua, &found)?),
                None => Value::Nil,
            }
        }
        "some" => {
            let mut search = Search::from(&more);
            let some = lua.create_table()?;
            for at in 1..=BATCH {
                let Some(found) = search.next(own, &regex, &text) else { break };
                some.raw_set(at, bounds(lua, &found)?)?;
            }
            return Ok(Ok(search.with(Value::Table(some))));
        }
        "replace" => {
            let with = more.get(2).and_then(Value::as_string).map(LuaString::as_bytes);
            let with = with.as_deref().unwrap_or_default();
            // What the whole may become, which a part is not longer than.
            let most = text.len().saturating_add(1).saturating_mul(with.len().saturating_add(1));
            if most > MAX_RESULT {
                return Ok(Err("the text would become too long".to_owned()));
            }
            let held = own.account.charge(most as u64);
            let Ok(_held) = held.or_else(|_| {
                own.room(lua, most);
                own.account.charge(most as u64)
            }) else {
                return Ok(Err(format!("there is no memory for a text of {most} bytes")));
            };
            let mut search = Search::from(&more);
            let (mut out, mut from) = (Vec::new(), search.last.unwrap_or_default());
            for _ in 0..BATCH {
                if out.len() > MAX_PART {
                    break;
                }
                let Some(found) = search.next(own, &regex, &text) else {
                    out.extend_from_slice(text.get(from..).unwrap_or_default());
                    break;
                };
                let Some(found_at) = found.get(0) else { break };
                out.extend_from_slice(text.get(from..found_at.start()).unwrap_or_default());
                found.expand(with, &mut out);
                from = found_at.end();
            }
            own.budget.charge(i64::try_from(out.len() / 16).unwrap_or(i64::MAX));
            return Ok(Ok(search.with(Value::String(lua.create_string(&out)?))));
        }
        _ => {
            let names = regex.capture_names().map(Option::unwrap_or_default);
            Value::Table(lua.create_sequence_from(names)?)
        }
    };
    Ok(Ok([value].into_iter().collect()))
}

/// A search for all matches, one after the other.
struct Search {
    /// Where the next one is looked for; nothing if there are no more.
    at: Option<usize>,
    /// Where the last one has ended.
    last: Option<usize>,
}

impl Search {
    /// The search that goes on where one has stopped.
    fn from(more: &MultiValue) -> Search {
        let number = |at: usize| {
            let value = more.get(at).and_then(Value::as_integer);
            value.and_then(|value| usize::try_from(value).ok())
        };
        Search { at: number(0), last: number(1) }
    }

    /// Something, and where the search goes on.
    fn with(self, value: Value) -> MultiValue {
        let number = |at: Option<usize>| match at.and_then(|at| i64::try_from(at).ok()) {
            Some(at) => Value::Integer(at),
            None => Value::Nil,
        };
        [value, number(self.at), number(self.last)].into_iter().collect()
    }

    fn next<'t>(
        &mut self,
        own: &Primitives,
        regex: &Regex,
        text: &'t [u8],
    ) -> Option<Captures<'t>> {
        loop {
            let at = self.at.take()?;
            let rest = text.len().checked_sub(at)?;
            // It may have read all of the rest, whatever it finds.
            let work = rest / 128 + 50;
            own.budget.charge(i64::try_from(work).unwrap_or(i64::MAX));
            let found = regex.captures_at(text, at)?;
            let whole = found.get(0)?;
            let again = whole.is_empty() && self.last == Some(whole.end());
            self.at = Some(whole.end().saturating_add(usize::from(again)));
            // Nothing, right behind a match, is none.
            if !again {
                self.last = Some(whole.end());
                return Some(found);
            }
        }
    }
}

/// First and last positions of the match and its groups; -1 for one that is not there.
fn bounds(lua: &Lua, found: &Captures<'_>) -> Result<Table> {
    let all = lua.create_table_with_capacity(found.len().saturating_mul(2), 0)?;
    let number = |at: usize| i64::try_from(at).unwrap_or(i64::MAX);
    let mut at = 0_i64;
    for group in found.iter() {
        let pair = match group {
            Some(part) => [number(part.start()).saturating_add(1), number(part.end())],
            None => [-1, -1],
        };
        for position in pair {
            at = at.saturating_add(1);
            all.raw_set(at, position)?;
        }
    }
    Ok(all)
}

/// The pattern, compiled now if it is not among the last.
fn compiled(primitives: &Primitives, pattern: &str) -> std::result::Result<Regex, String> {
    {
        let patterns = &mut primitives.state().patterns.0;
        if let Some(at) = patterns.iter().position(|(known, ..)| known == pattern) {
            let Some(found) = patterns.remove(at) else { return Err(String::new()) };
            let regex = found.1.clone();
            patterns.push_back(found);
            return Ok(regex);
        }
    }
    let charge = primitives.account.charge(MAX_SIZE as u64).map_err(|why| why.to_string())?;
    primitives.budget.charge(i64::try_from(pattern.len()).unwrap_or(i64::MAX).saturating_mul(200));
    let regex = RegexBuilder::new(&ascii(pattern))
        .size_limit(MAX_SIZE)
        .dfa_size_limit(MAX_SIZE)
        .build()
        .map_err(|error| last_line(&error.to_string()))?;
    let patterns = &mut primitives.state().patterns.0;
    if patterns.len() >= KEPT {
        patterns.pop_front();
    }
    patterns.push_back((pattern.to_owned(), regex.clone(), charge));
    Ok(regex)
}

/// The last line of an error that has drawn the pattern first.
fn last_line(error: &str) -> String {
    let line = error.lines().last().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

/// The same pattern with the classes of Perl that mean ASCII.
fn ascii(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let (mut chars, mut in_class) = (pattern.chars().peekable(), false);
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next() {
                Some('Q') => {
                    // Up to \E, all stands for itself.
                    let mut quoted = String::new();
                    while let Some(char) = chars.next() {
                        if char == '\\' && chars.peek() == Some(&'E') {
                            chars.next();
                            break;
                        }
                        quoted.push(char);
                    }
                    out.push_str(&regex::escape(&quoted));
                }
                Some('d') => out.push_str(if in_class { "0-9" } else { "[0-9]" }),
                Some('w') => out.push_str(if in_class { "0-9A-Za-z_" } else { "[0-9A-Za-z_]" }),
                Some('s') if in_class => out.push_str("\\t\\n\\f\\r "),
                Some('s') => out.push_str("[\\t\\n\\f\\r ]"),
                Some('D') if !in_class => out.push_str("[^0-9]"),
                Some('W') if !in_class => out.push_str("[^0-9A-Za-z_]"),
                Some('S') if !in_class => out.push_str("[^\\t\\n\\f\\r ]"),
                Some('b') if !in_class => out.push_str("(?-u:\\b)"),
                Some('B') if !in_class => out.push_str("(?-u:\\B)"),
                Some(other) => out.extend(['\\', other]),
                None => out.push('\\'),
            },
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                if chars.peek() == Some(&'^') {
                    out.extend(chars.next());
                }
                // The first of a class stands for itself.
                if chars.peek() == Some(&']') {
                    chars.next();
                    out.push_str("\\]");
                }
            }
            // What has a meaning of its own here, and none in the original.
            '[' if chars.peek() != Some(&':') => out.push_str("\\["),
            '[' => {
                out.push('[');
                for char in chars.by_ref() {
                    out.push(char);
                    if char == ']' {
                        break;
                    }
                }
            }
            '&' | '~' if in_class => out.extend(['\\', char]),
            ']' => {
                in_class = false;
                out.push(']');
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_perl_are_ascii() {
        assert_eq!(ascii(r"\d+\.[\w-]"), r"[0-9]+\.[0-9A-Za-z_-]");
        assert_eq!(ascii(r"[]a]\b[[:alpha:]&&]"), r"[\]a](?-u:\b)[[:alpha:]\&\&]");
        assert_eq!(ascii(r"\Qa.b\E."), r"a\.b.");
        let digits = Regex::new(&ascii(r"^\d+$")).unwrap();
        assert!(digits.is_match("12".as_bytes()) && !digits.is_match("٣".as_bytes()));
    }
}
