//! Regular expressions: RE2's syntax, in a time that grows with the text.
//!
//! `\d`, `\w`, `\s` and `\b` mean ASCII, as in the original, which is also what keeps
//! patterns small. A process keeps the last that it has used.

use std::collections::VecDeque;

use mlua::{Error, Function, Lua, LuaString, MultiValue, Result, Table, Value};
use regex::bytes::{Captures, Regex, RegexBuilder};

use super::primitives::Primitives;
use crate::account::Charge;

/// Bytes that a compiled pattern may take, and that it is charged for.
const MAX_SIZE: usize = 64 << 10;
/// The longest pattern.
const MAX_PATTERN: usize = 4 << 10;
/// The longest text that is searched.
const MAX_TEXT: usize = 256 << 10;
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
    let ask = move |lua: &Lua, (op, pattern, text, more): (String, LuaString, LuaString, Value)| {
        let refuse = |why: &str| {
            let why = Value::String(lua.create_string(why)?);
            Ok([Value::Nil, why].into_iter().collect::<MultiValue>())
        };
        let pattern = pattern.to_string_lossy();
        let regex = match compiled(&own, &pattern) {
            Ok(regex) => regex,
            Err(why) => return refuse(&why),
        };
        let text = text.as_bytes();
        if text.len() > MAX_TEXT {
            return refuse(&format!("a text that is searched has at most {MAX_TEXT} bytes"));
        }
        own.budget.charge(i64::try_from(text.len() / 4).unwrap_or(i64::MAX));
        Ok([answer(lua, &op, &regex, &text, &more)?].into_iter().collect())
    };
    lua.create_function(ask).map(Some)
}

fn answer(lua: &Lua, op: &str, regex: &Regex, text: &[u8], more: &Value) -> Result<Value> {
    Ok(match op {
        "match" => Value::Boolean(regex.is_match(text)),
        "find" => match regex.captures(text) {
            Some(found) => Value::Table(bounds(lua, &found)?),
            None => Value::Nil,
        },
        "find_all" => {
            let most = more.as_integer().and_then(|n| usize::try_from(n).ok());
            let all = lua.create_table()?;
            let found = regex.captures_iter(text).take(most.unwrap_or(usize::MAX));
            for (at, found) in (1_i64..).zip(found) {
                all.raw_set(at, bounds(lua, &found)?)?;
            }
            Value::Table(all)
        }
        "replace" => {
            let with = more.as_string().map(|with| with.as_bytes().to_vec()).unwrap_or_default();
            let most = text.len().saturating_add(1).saturating_mul(with.len().saturating_add(1));
            if most > 64 * MAX_TEXT {
                return Err(Error::RuntimeError("the text would become too long".to_owned()));
            }
            Value::String(lua.create_string(regex.replace_all(text, with.as_slice()))?)
        }
        _ => {
            let names = regex.capture_names().map(Option::unwrap_or_default);
            Value::Table(lua.create_sequence_from(names)?)
        }
    })
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
    if pattern.len() > MAX_PATTERN {
        return Err(format!("a pattern has at most {MAX_PATTERN} bytes"));
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
