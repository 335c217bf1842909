//! What can be known of a Lua text without running it: the modules that it requires by
//! name, and the functions that it gives away.
//!
//! A program may do both in ways that only show when it runs. Of those nothing is said:
//! what is told here is wrong in any case.

use std::collections::BTreeSet;

use super::typed::{self, Kind};

/// A word of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    /// A name or a keyword.
    Name(&'a str),
    /// The inside of a string, as it is written; nothing of one with escapes.
    Text(Option<&'a str>),
    Number,
    Sign(&'a str),
}

/// A word and its line, counted from 1.
type Placed<'a> = (Token<'a>, u32);

/// The words of a text that compiles; none of one that does not.
fn tokens(text: &str) -> Option<Vec<Placed<'_>>> {
    let all = typed::tokens(super::program::without_first_line(text)).ok()?;
    let words = all.into_iter().filter_map(|token| {
        let word = match token.kind {
            Kind::Name => Token::Name(token.text),
            Kind::Number => Token::Number,
            Kind::Text => Token::Text(inside(token.text)),
            Kind::Sign => Token::Sign(token.text),
            Kind::End => return None,
        };
        Some((word, token.line))
    });
    Some(words.collect())
}

/// What is between the quotes or brackets of a string.
fn inside(text: &str) -> Option<&str> {
    let Some(long) = text.strip_prefix('[') else {
        let inner = text.get(1..text.len().checked_sub(1)?)?;
        return (!inner.contains('\\')).then_some(inner);
    };
    let bracket = long.find('[')?.checked_add(2)?;
    text.get(bracket..text.len().checked_sub(bracket)?)
}

/// The literal `require`s of a text, with their lines. None if the text makes something
/// else of that name.
pub(super) fn requires(text: &str) -> Vec<(String, u32)> {
    let all = tokens(text).unwrap_or_default();
    let own = |i: usize| {
        let before = i.checked_sub(1).and_then(|i| word(&all, i));
        let after = i.checked_add(1).and_then(|i| word(&all, i));
        matches!(before, Some(Token::Name("local" | "function"))) || after == Some(Token::Sign("="))
    };
    let calls = (0..all.len()).filter(|i| word(&all, *i) == Some(Token::Name("require")));
    let calls: Vec<usize> = calls.collect();
    if calls.iter().any(|i| own(*i)) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for i in calls {
        let before = i.checked_sub(1).and_then(|i| word(&all, i));
        if matches!(before, Some(Token::Sign("." | ":"))) {
            continue;
        }
        let mut rest = all.get(i..).unwrap_or_default().iter().skip(1).map(|(token, _)| *token);
        let name = match (rest.next(), rest.next(), rest.next()) {
            (Some(Token::Text(name)), ..) => name,
            (Some(Token::Sign("(")), Some(Token::Text(name)), Some(Token::Sign(")"))) => name,
            _ => None,
        };
        let line = all.get(i).map_or(0, |(_, line)| *line);
        found.extend(name.map(|name| (name.to_owned(), line)));
    }
    found
}

/// The functions that the table has which a text returns, or its global ones if it
/// returns nothing; nothing if that depends on what it does.
pub(super) fn gives(text: &str) -> Option<BTreeSet<String>> {
    let all = tokens(text)?;
    let mut names = BTreeSet::new();
    let Some(at) = last_return(&all) else {
        // Who sets globals by other means has them where nobody sees it.
        let hidden = ["_G", "_ENV", "setmetatable", "load", "rawset", "require"];
        if all.iter().any(|(token, _)| hidden.iter().any(|name| *token == Token::Name(name))) {
            return None;
        }
        globals(&all, &mut names);
        return Some(names);
    };
    let rest = all.get(at..).unwrap_or_default().iter().skip(1);
    let rest: Vec<Token<'_>> =
        rest.map(|(token, _)| *token).filter(|token| *token != Token::Sign(";")).collect();
    match rest.as_slice() {
        [] => globals(&all, &mut names),
        [Token::Sign("{"), ..] => keys(&rest, &mut names)?,
        [Token::Name(table)] => members(&all, at, table, &mut names)?,
        _ => return None,
    }
    Some(names)
}

/// The names of the parameters of a function that a text defines once, if it takes no
/// more than these.
#[cfg(feature = "cli")]
pub(crate) fn params(text: &str, name: &str) -> Option<Vec<String>> {
    let all = tokens(text)?;
    let mut found = None;
    for (i, (token, _)) in all.iter().enumerate() {
        if *token != Token::Name(name) {
            continue;
        }
        let after = |n: usize| i.checked_add(n).and_then(|i| word(&all, i));
        let named = || {
            let before = all.get(..i).unwrap_or_default().iter().rev().map(|(token, _)| *token);
            // `function run`, `function M.run`; what is called by a colon takes one more.
            let mut before = before.filter(|token| *token != Token::Sign("."));
            match before.next() {
                Some(Token::Name("function")) => true,
                Some(Token::Name(_)) => before.next() == Some(Token::Name("function")),
                _ => false,
            }
        };
        let start = match (after(1), after(2)) {
            (Some(Token::Sign("(")), _) if named() => 2,
            (Some(Token::Sign("=")), Some(Token::Name("function"))) => 4,
            _ => continue,
        };
        let inside = all.get(i.checked_add(start)?..)?.iter().map(|(token, _)| *token);
        let inside: Vec<Token<'_>> =
            inside.take_while(|token| *token != Token::Sign(")")).collect();
        if found.is_some() || inside.contains(&Token::Sign("...")) {
            return None;
        }
        let names = inside.iter().filter_map(|token| match token {
            Token::Name(name) => Some((*name).to_owned()),
            Token::Text(_) | Token::Number | Token::Sign(_) => None,
        });
        found = Some(names.collect());
    }
    found
}

fn word<'a>(all: &[Placed<'a>], i: usize) -> Option<Token<'a>> {
    all.get(i).map(|(token, _)| *token)
}

/// Where the `return` is that ends the text.
fn last_return(all: &[Placed<'_>]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut found = None;
    for (i, (token, _)) in all.iter().enumerate() {
        match token {
            Token::Name("function" | "do" | "then" | "repeat") => depth = depth.saturating_add(1),
            // What follows is of the same block as before; `then` opens it again.
            Token::Name("elseif" | "end" | "until") => depth = depth.saturating_sub(1),
            Token::Name("return") if depth == 0 => found = Some(i),
            _ => {}
        }
    }
    found
}

/// `function NAME` and `NAME =`, which are not of a table and not local.
fn globals(all: &[Placed<'_>], names: &mut BTreeSet<String>) {
    for (i, (token, _)) in all.iter().enumerate() {
        let Token::Name(name) = token else { continue };
        let before = i.checked_sub(1).and_then(|i| word(all, i));
        let after = i.checked_add(1).and_then(|i| word(all, i));
        // Taken for one in doubt: `local a, b = …` as well.
        if before == Some(Token::Name("function")) || matches!(after, Some(Token::Sign("=" | ",")))
        {
            names.insert((*name).to_owned());
        }
    }
}

/// The keys of a table that is written out, from its first bracket on. Nothing if
/// something follows it, or a key is not plain.
fn keys(rest: &[Token<'_>], names: &mut BTreeSet<String>) -> Option<()> {
    let (mut depth, mut blocks) = (0_usize, 0_usize);
    for (i, token) in rest.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|i| rest.get(i));
        let after = |n: usize| i.checked_add(n).and_then(|i| rest.get(i));
        match token {
            Token::Sign("{" | "(") => depth = depth.checked_add(1)?,
            Token::Sign("}" | ")") => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return after(1).is_none().then_some(());
                }
            }
            Token::Name("function" | "do" | "then" | "repeat") => blocks = blocks.checked_add(1)?,
            Token::Name("end" | "until" | "elseif") => blocks = blocks.saturating_sub(1),
            _ => {}
        }
        let first = matches!(before, Some(Token::Sign("{" | "," | ";")));
        if depth != 1 || blocks > 0 || !first {
            continue;
        }
        match (token, after(1), after(2), after(3)) {
            (Token::Name(name), Some(Token::Sign("=")), ..) => {
                names.insert((*name).to_owned());
            }
            (
                Token::Sign("["),
                Some(Token::Text(Some(name))),
                Some(Token::Sign("]")),
                Some(Token::Sign("=")),
            ) => {
                names.insert((*name).to_owned());
            }
            (Token::Sign("["), ..) => return None,
            _ => {}
        }
    }
    None
}

/// The members that a text gives to a table of its own. Nothing if the table comes from
/// elsewhere, or goes where others may give it some.
fn members(all: &[Placed<'_>], at: usize, table: &str, names: &mut BTreeSet<String>) -> Option<()> {
    let mut made = false;
    for (i, (token, _)) in all.iter().enumerate().take(at) {
        if *token != Token::Name(table) {
            continue;
        }
        let before = i.checked_sub(1).and_then(|i| word(all, i));
        let after = |n: usize| i.checked_add(n).and_then(|i| word(all, i));
        // A field or a key of another table.
        if matches!(before, Some(Token::Sign("." | ":"))) {
            continue;
        }
        match (after(1), after(2), after(3)) {
            (Some(Token::Sign("." | ":")), Some(Token::Name(name)), _) => {
                // Also where it is only read, which does no harm.
                names.insert(name.to_owned());
            }
            (Some(Token::Sign("[")), Some(Token::Text(Some(name))), Some(Token::Sign("]"))) => {
                names.insert(name.to_owned());
            }
            (Some(Token::Sign("=")), Some(Token::Sign("{")), _) => {
                made = true;
                let rest = all.get(i.checked_add(2)?..at)?;
                // What follows the table does not matter here.
                let table = rest.get(..=closing(rest)?)?;
                let table: Vec<Token<'_>> = table.iter().map(|(token, _)| *token).collect();
                keys(&table, names)?;
            }
            _ => return None,
        }
    }
    made.then_some(())
}

/// Where the bracket is closed that a list of words begins with.
fn closing(rest: &[Placed<'_>]) -> Option<usize> {
    let mut depth = 0_usize;
    for (i, (token, _)) in rest.iter().enumerate() {
        match token {
            Token::Sign("{") => depth = depth.checked_add(1)?,
            Token::Sign("}") => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(i);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str) -> String {
        match gives(text) {
            Some(names) => names.into_iter().collect::<Vec<_>>().join(" "),
            None => "?".to_owned(),
        }
    }

    #[test]
    fn comments_and_strings_hide_what_looks_like_code() {
        let text = "#!/bin/lua\n-- require 'a'\n--[[ require\n'b' ]] require [==[c]]\n]==] x.y(0x1p4, 'd\\n', \"e\")--";
        let words: Vec<String> =
            tokens(text).unwrap().iter().map(|word| format!("{word:?}")).collect();
        let expected = "(Name(\"require\"), 4) (Text(Some(\"c]]\\n\")), 4) (Name(\"x\"), 5) \
                        (Sign(\".\"), 5) (Name(\"y\"), 5) (Sign(\"(\"), 5) (Number, 5) \
                        (Sign(\",\"), 5) (Text(None), 5) (Sign(\",\"), 5) (Text(Some(\"e\")), 5) \
                        (Sign(\")\"), 5)";
        assert_eq!(words.join(" "), expected);
        for odd in ["[[", "'", "\"\\", "--[[", "--[=["] {
            assert_eq!(gives(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_table_that_is_made_anew_without_end_is_read_once_each_time() {
        let text = format!("local M = {{}} {} return M", "M = { a = 1 } ".repeat(50_000));
        assert_eq!(given(&text), "a");
    }

    #[test]
    fn a_require_is_found_where_it_is_one() {
        let text = "local t = require('time')\nlocal j = require \"json\"\nx.require('no')\n\
                    require(name) require(('a'):rep(2)) -- require('comment')";
        assert_eq!(requires(text), [("time".to_owned(), 1), ("json".to_owned(), 2)]);
        assert_eq!(requires("local require = f\nrequire('x')"), []);
        assert_eq!(requires("local function require(n) end require('x')"), []);
    }

    #[cfg(feature = "cli")]
    #[test]
    fn parameters_are_those_of_the_one_definition() {
        let of = |text: &str| params(text, "run").map(|names| names.join(" "));
        assert_eq!(of("local function run(a, b) end return { run = run }"), Some("a b".to_owned()));
        assert_eq!(of("function M.run() end return M"), Some(String::new()));
        assert_eq!(of("return { run = function(word) end }"), Some("word".to_owned()));
        assert_eq!(of("function run(a, ...) end"), None);
        assert_eq!(of("function run(a) end function run(b) end"), None);
        assert_eq!(of("function M:run(a) end"), None);
        assert_eq!(of("return { run = other }"), None);
    }

    #[test]
    fn the_functions_are_those_of_the_table_that_is_returned() {
        assert_eq!(
            given("local function run() return 1 end return { run = run, ['go'] = 2 }"),
            "go run"
        );
        assert_eq!(
            given("return { run = function() return { inner = 1 } end, stop = f(a, b) }"),
            "run stop"
        );
        assert_eq!(given("local M = {}\nfunction M.run() end\nM.stop = 1\nreturn M"), "run stop");
        assert_eq!(given("local M = { a = 1, }\nreturn M;"), "a");
        assert_eq!(
            given("function main() if x then return 1 elseif y then return 2 end end"),
            "main"
        );
        assert_eq!(given("return"), "");
        // What may come from elsewhere is not guessed.
        for unknown in [
            "return require('util')",
            "local M = require('util') return M",
            "local M = {} fill(M) return M",
            "local M = {} for k, v in pairs(o) do M[k] = v end return M",
            "return setmetatable({}, m)",
            "return { [name] = f }",
            "_G[name] = f",
        ] {
            assert_eq!(given(unknown), "?", "{unknown}");
        }
    }
}
