//! The place in a text up to which it has been read, what is known there, and what is to
//! take the place of what.

use std::{collections::HashMap, ops::Range};

use super::{
    Edit,
    lexer::{Kind, Token, Wrong},
};

/// The deepest nesting, as of Lua itself.
const MAX_DEPTH: usize = 180;

/// Words that are no names.
pub(super) const WORDS: [&str; 22] = [
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in",
    "local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while",
];

pub(super) struct Parser<'a> {
    pub(super) source: &'a str,
    tokens: &'a [Token<'a>],
    at: usize,
    pub(super) depth: usize,
    edits: Vec<Edit>,
    /// Something has to be made at run time.
    pub(super) uses_types: bool,
    /// Names that are types here; false for one that a local hides.
    pub(super) types: Scope<'a, bool>,
    /// The types that locals have been declared with.
    pub(super) locals: Scope<'a, String>,
    /// Bytes that have been written for types.
    pub(super) written: usize,
    /// A part of a sign: the first byte of `>>` or `>=` has been taken.
    split: bool,
}

pub(super) type Parsed = Result<(), Wrong>;

/// What names mean, the last meaning first.
pub(super) struct Scope<'a, T> {
    names: Vec<&'a str>,
    meanings: HashMap<&'a str, Vec<T>>,
}

impl<T> Default for Scope<'_, T> {
    fn default() -> Self {
        Scope { names: Vec::new(), meanings: HashMap::new() }
    }
}

impl<'a, T> Scope<'a, T> {
    pub fn push(&mut self, name: &'a str, meaning: T) {
        self.names.push(name);
        self.meanings.entry(name).or_default().push(meaning);
    }

    pub fn get(&self, name: &str) -> Option<&T> {
        self.meanings.get(name)?.last()
    }

    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Forgets all but the first so many.
    pub fn truncate(&mut self, len: usize) {
        for name in self.names.drain(len.min(self.names.len())..) {
            if let Some(meanings) = self.meanings.get_mut(name) {
                meanings.pop();
            }
        }
    }
}

impl<'a> Parser<'a> {
    pub fn new(source: &'a str, tokens: &'a [Token<'a>]) -> Parser<'a> {
        Parser {
            source,
            tokens,
            at: 0,
            depth: 0,
            edits: Vec::new(),
            uses_types: false,
            types: Scope::default(),
            locals: Scope::default(),
            written: 0,
            split: false,
        }
    }

    /// The whole text: what takes the place of what, and whether types are made.
    pub fn chunk(mut self) -> Result<(Vec<Edit>, bool), Wrong> {
        self.block()?;
        if self.token().kind != Kind::End {
            return self.unexpected("a statement");
        }
        Ok((self.edits, self.uses_types))
    }

    pub(super) fn token(&self) -> Token<'a> {
        self.token_at(0)
    }

    pub(super) fn token_at(&self, ahead: usize) -> Token<'a> {
        let last = Token { kind: Kind::End, text: "", start: self.source.len(), line: 0 };
        let token = self.tokens.get(self.at.saturating_add(ahead));
        let mut token = token.or(self.tokens.last()).copied().unwrap_or(last);
        if ahead == 0 && self.split {
            token.text = token.text.get(1..).unwrap_or_default();
            token.start = token.start.saturating_add(1);
        }
        token
    }

    pub(super) fn text_at(&self, ahead: usize) -> &'a str {
        self.token_at(ahead).text
    }

    pub(super) fn kind_at(&self, ahead: usize) -> Kind {
        self.token_at(ahead).kind
    }

    pub(super) fn next(&mut self) {
        self.at = self.at.saturating_add(1);
        self.split = false;
    }

    /// The end of what has been read.
    pub(super) fn end_before(&self) -> usize {
        match self.split {
            true => self.token().start,
            false => {
                self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, Token::end)
            }
        }
    }

    pub(super) fn is(&self, text: &str) -> bool {
        let token = self.token();
        token.text == text && matches!(token.kind, Kind::Sign | Kind::Name)
    }

    pub(super) fn accept(&mut self, text: &str) -> bool {
        let found = self.is(text);
        if found {
            self.next();
        }
        found
    }

    /// Takes a word before another name.
    pub(super) fn accept_word(&mut self, word: &str) -> bool {
        let found = self.is(word) && matches!(self.kind_at(1), Kind::Name | Kind::Text);
        if found {
            self.next();
        }
        found
    }

    pub(super) fn expect(&mut self, text: &str) -> Parsed {
        match self.accept(text) {
            true => Ok(()),
            false => self.unexpected(&format!("'{text}'")),
        }
    }

    /// `>`, also as the first half of a longer sign.
    pub(super) fn close_angle(&mut self) -> Parsed {
        if matches!(self.token().text, ">>" | ">=") {
            self.split = true;
            return Ok(());
        }
        self.expect(">")
    }

    pub(super) fn wrong<T>(&self, why: &str) -> Result<T, Wrong> {
        Err(Wrong { line: self.token().line, why: why.to_owned() })
    }

    pub(super) fn unexpected<T>(&self, expected: &str) -> Result<T, Wrong> {
        let token = self.token();
        let near = match token.kind {
            Kind::End => "<eof>".to_owned(),
            _ => {
                let (head, whole) = crate::visible::head(token.text, 40);
                format!("'{head}{}'", if whole { "" } else { "…" })
            }
        };
        self.wrong(&format!("{expected} expected near {near}"))
    }

    pub(super) fn deeper(&mut self) -> Parsed {
        self.depth = self.depth.saturating_add(1);
        match self.depth > MAX_DEPTH {
            true => self.wrong("the text is nested too deep"),
            false => Ok(()),
        }
    }

    pub(super) fn name(&mut self) -> Result<&'a str, Wrong> {
        let token = self.token();
        if token.kind != Kind::Name || WORDS.contains(&token.text) {
            return self.unexpected("a name");
        }
        self.next();
        Ok(token.text)
    }

    /// Takes a part of the text away.
    pub(super) fn erase(&mut self, range: Range<usize>) {
        self.replace(range, String::new());
    }

    /// Puts something in the place of a part, whatever was to be done within it.
    pub(super) fn replace(&mut self, range: Range<usize>, with: String) {
        while self.edits.last().is_some_and(|edit| edit.range.start >= range.start) {
            self.edits.pop();
        }
        self.edits.push(Edit { range, with });
    }

    /// `: T`, taken away; what makes the type.
    pub(super) fn annotation(&mut self) -> Result<Option<String>, Wrong> {
        let start = self.token().start;
        if !self.accept(":") {
            return Ok(None);
        }
        let ty = self.ty()?;
        self.erase(start..self.end_before());
        Ok(Some(ty))
    }
}
