//! Lua with types, as the original has it, to plain Lua.
//!
//! Annotations go, line for line, so that every line keeps its number: `local x: T`,
//! parameters, results, `f<T>(…)` where a function is declared, casts (`v :: T`,
//! `v as T`) and assertions (`v!`). What a program can use of a type at run time stays:
//! `type P = {…}` becomes a local that the part `types` of the prelude makes.
//!
//! Nothing is checked. What is plain Lua already is not looked at, so that a mistake in
//! what is understood here can only concern texts that would be no Lua otherwise.

mod expressions;
mod lexer;
mod parser;
mod statements;
mod ty;

use std::ops::Range;

pub(super) use lexer::{Kind, Wrong, tokens};

/// The name by which what is written for types finds what they are made with.
pub(super) const REQUIRED: &str = "@types";

/// The most bytes that may be written for types.
const MAX_WRITTEN: usize = 1 << 20;

/// Something that takes the place of a part of a text.
struct Edit {
    range: Range<usize>,
    with: String,
}

/// A text without its types; nothing if it has none.
///
/// # Errors
///
/// Where it is no Lua with types.
pub(super) fn erase(source: &str) -> Result<Option<String>, Wrong> {
    let tokens = lexer::tokens(source)?;
    let (edits, uses_types) = parser::Parser::new(source, &tokens).chunk()?;
    if edits.is_empty() {
        return Ok(None);
    }
    let mut out = String::with_capacity(source.len());
    if uses_types {
        out.push_str(&format!("local __types = require(\"{REQUIRED}\") "));
    }
    let mut at = 0;
    for Edit { range, with } in edits {
        out.push_str(source.get(at..range.start).unwrap_or_default());
        out.push_str(&with);
        let gone = source.get(range.clone()).unwrap_or_default();
        out.extend(gone.chars().filter(|char| *char == '\n'));
        at = range.end;
    }
    out.push_str(source.get(at..).unwrap_or_default());
    Ok(Some(out))
}

#[cfg(test)]
mod tests;
