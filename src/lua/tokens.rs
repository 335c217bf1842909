//! The words of a Lua text, with their lines: as much of the language as it takes to
//! look for a call without running it.
//!
//! The text compiles, or nobody would look; what cannot be read is one character that
//! means nothing.

use std::{iter::Peekable, str::CharIndices};

/// A word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A name or a keyword.
    Name(&'a str),
    /// The inside of a string, as it is written; nothing of one with escapes.
    Text(Option<&'a str>),
    /// A number.
    Number,
    /// Any other character.
    Sign(char),
}

/// A word and its line, counted from 1.
pub(super) type Placed<'a> = (Token<'a>, u32);

/// The words of a text, without its comments.
pub(super) fn tokens(text: &str) -> Vec<Placed<'_>> {
    let mut reader = Reader { text, chars: text.char_indices().peekable(), line: 1 };
    // A first line `#!…` is for a shell.
    if text.starts_with('#') {
        reader.skip_line();
    }
    let mut found = Vec::new();
    while let Some(token) = reader.next() {
        found.push(token);
    }
    found
}

struct Reader<'a> {
    text: &'a str,
    chars: Peekable<CharIndices<'a>>,
    line: u32,
}

impl<'a> Reader<'a> {
    fn peek(&mut self) -> Option<char> {
        self.chars.peek().map(|(_, c)| *c)
    }

    fn bump(&mut self) -> Option<(usize, char)> {
        let next = self.chars.next();
        if let Some((_, '\n')) = next {
            self.line = self.line.saturating_add(1);
        }
        next
    }

    /// Where the next character begins.
    fn at(&mut self) -> usize {
        self.chars.peek().map_or(self.text.len(), |(at, _)| *at)
    }

    fn skip_while(&mut self, wanted: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&wanted) {
            self.bump();
        }
    }

    fn skip_line(&mut self) {
        self.skip_while(|c| c != '\n');
    }

    fn next(&mut self) -> Option<Placed<'a>> {
        loop {
            let (start, c) = self.bump()?;
            let line = self.line;
            let token = match c {
                c if c.is_whitespace() => continue,
                '-' if self.peek() == Some('-') => {
                    self.bump();
                    if self.peek() != Some('[') || self.long().is_none() {
                        self.skip_line();
                    }
                    continue;
                }
                '[' => match self.long_rest() {
                    Some(inside) => Token::Text(inside),
                    None => Token::Sign('['),
                },
                '"' | '\'' => self.short(c),
                c if c.is_alphabetic() || c == '_' => {
                    self.skip_while(|c| c.is_alphanumeric() || c == '_');
                    let end = self.at();
                    Token::Name(self.text.get(start..end).unwrap_or_default())
                }
                c if c.is_ascii_digit() => {
                    self.skip_while(|c| c.is_alphanumeric() || c == '.');
                    Token::Number
                }
                c => Token::Sign(c),
            };
            return Some((token, line));
        }
    }

    /// A string in quotes, after the first.
    fn short(&mut self, quote: char) -> Token<'a> {
        let start = self.at();
        let mut plain = true;
        loop {
            let end = self.at();
            match self.bump() {
                None => return Token::Text(None),
                Some((_, '\\')) => {
                    plain = false;
                    self.bump();
                }
                Some((_, c)) if c == quote => {
                    return Token::Text(self.text.get(start..end).filter(|_| plain));
                }
                Some(_) => {}
            }
        }
    }

    /// A long string or comment whose first bracket comes next; nothing, and at most
    /// some signs read, if it is none.
    fn long(&mut self) -> Option<Option<&'a str>> {
        self.bump();
        self.long_rest()
    }

    /// The same after its first bracket. Nothing is read if it is none.
    fn long_rest(&mut self) -> Option<Option<&'a str>> {
        let rest = self.text.get(self.at()..).unwrap_or_default();
        let level = rest.bytes().take_while(|byte| *byte == b'=').count();
        if rest.as_bytes().get(level) != Some(&b'[') {
            return None;
        }
        for _ in 0..=level {
            self.bump();
        }
        let close = format!("]{}]", "=".repeat(level));
        let start = self.at();
        let length = self.text.get(start..).and_then(|rest| rest.find(&close));
        let end = length.map_or(self.text.len(), |length| start.saturating_add(length));
        let after = end.saturating_add(close.len());
        while self.at() < after && self.bump().is_some() {}
        Some(self.text.get(start..end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_hide_what_looks_like_code() {
        let text = "#!/bin/lua\n-- require 'a'\n--[[ require\n'b' ]] require [==[c]]\n]==] x.y(0x1p4, 'd\\n', \"e\")--";
        let found: Vec<Placed<'_>> = tokens(text);
        let names: Vec<String> =
            found.iter().map(|(token, line)| format!("{line} {token:?}")).collect();
        assert_eq!(
            names,
            [
                "4 Name(\"require\")",
                "4 Text(Some(\"c]]\\n\"))",
                "5 Name(\"x\")",
                "5 Sign('.')",
                "5 Name(\"y\")",
                "5 Sign('(')",
                "5 Number",
                "5 Sign(',')",
                "5 Text(None)",
                "5 Sign(',')",
                "5 Text(Some(\"e\"))",
                "5 Sign(')')",
            ]
        );
        for odd in ["[", "[=", "[[", "'", "\"\\", "--[", "--[=", "--[["] {
            tokens(odd);
        }
    }
}
