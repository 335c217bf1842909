//! From what a user writes to what wit-parser reads.
//!
//! A raw module's `wit` field usually is a bare list of items,
//!
//! ```wit
//! record point { x: u32, y: u32 }
//! dist: func(p: point) -> f64
//! ```
//!
//! while WIT itself only knows whole documents. The list becomes the body of a
//! world: functions without `import` or `export` in front of them get an
//! `export`, a last item without its semicolon gets one. Everything else is left
//! to wit-parser, and every piece of the new text remembers where it came from,
//! so that an error points into the text that the user knows.
//!
//! Comments become blanks on the way: nothing here needs documentation, and it
//! keeps comments from being mistaken for items.
//!
//! The text may come from anyone, so its size and the depth of its types are
//! limited before anything recursive sees it.

use super::error::{AdaptError, AdaptErrorKind};
use crate::visible;

/// The longest WIT text accepted, in bytes.
const LONGEST: usize = 1 << 18;
/// How deep types may nest if every definition built on the one before it.
const DEEPEST: usize = 2_000;

/// A WIT document made from a user's text.
#[derive(Clone, Debug)]
pub(super) struct Document {
    /// The text that wit-parser gets to read.
    pub text: String,
    /// Where each copied piece begins, here and in the user's text.
    pieces: Vec<(usize, usize)>,
    user_text: String,
}

impl Document {
    /// Wraps `user_text`. `extra` items are added to the world of a bare list.
    pub(super) fn new(user_text: &str, extra: &str) -> Result<Self, AdaptError> {
        if user_text.len() > LONGEST {
            return Err(AdaptError::unsupported(format!(
                "the WIT text has {} bytes; at most {LONGEST} are accepted: leave out what the \
                 module does not use",
                user_text.len()
            )));
        }
        let clean = without_comments(user_text);
        let items = scan(&clean)?;
        let bare = !items.iter().any(|item| item.is_document());
        let mut document =
            Self { text: String::new(), pieces: Vec::new(), user_text: user_text.to_owned() };
        if !bare {
            if !items.iter().any(|item| item.word == "package" && item.end == End::Semicolon) {
                document.text.push_str("package root:component;\n");
            }
            document.copy(&clean, 0, clean.len());
            return Ok(document);
        }
        document.text.push_str("package root:component;\nworld root {\n");
        let mut copied = 0;
        for item in &items {
            if item.word.is_empty() && item.end == End::Semicolon {
                // A semicolon after a record's brace: harmless, but not WIT.
                document.copy(&clean, copied, item.start);
                copied = item.stop;
                continue;
            }
            if item.is_function() {
                document.copy(&clean, copied, item.name_at);
                document.text.push_str("export ");
                copied = item.name_at;
            }
            if item.end == End::Nothing {
                document.copy(&clean, copied, item.stop);
                document.text.push(';');
                copied = item.stop;
            }
        }
        document.copy(&clean, copied, clean.len());
        document.text.push('\n');
        document.text.push_str(extra);
        document.text.push_str("\n}\n");
        Ok(document)
    }

    /// A document that nobody wrote, so no position in it means anything.
    pub(super) fn generated(body: &str) -> Self {
        let text = format!("package root:component;\nworld root {{\n{body}\n}}\n");
        Self { text, pieces: Vec::new(), user_text: String::new() }
    }

    /// The same document with more text behind it.
    pub(super) fn clone_with(&self, more: &str) -> Self {
        let mut document = self.clone();
        document.text.push('\n');
        document.text.push_str(more);
        document
    }

    fn copy(&mut self, from: &str, start: usize, end: usize) {
        if let Some(piece) = from.get(start..end) {
            self.pieces.push((self.text.len(), start));
            self.text.push_str(piece);
        }
    }

    /// Line and column, from 1, in the user's text, of a byte offset in `text`.
    pub(super) fn position(&self, offset: usize) -> (usize, usize) {
        let piece = self.pieces.iter().rev().find(|(here, _)| *here <= offset);
        let user = match piece {
            Some((here, user)) => offset.saturating_sub(*here).saturating_add(*user),
            None => 0,
        };
        let mut user = user.min(self.user_text.trim_end().len());
        while !self.user_text.is_char_boundary(user) {
            user = user.saturating_sub(1);
        }
        let before = self.user_text.get(..user).unwrap_or_default();
        let line = before.matches('\n').count().saturating_add(1);
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
        (line, column.saturating_add(1))
    }

    /// An error at a byte offset in `text`, with the line in question.
    pub(super) fn error(&self, offset: usize, message: &str) -> AdaptError {
        const WIDEST: usize = 160;
        let (line, column) = self.position(offset);
        let mut message = message.to_owned();
        if self.position(usize::MAX) == (line, column) {
            // What follows the user's text is ours; the user knows nothing of it.
            for ours in ["found ';'", "found '}'", "found eof"] {
                message = message.replace(ours, "found the end of the text");
            }
        }
        let mut text = format!("WIT, line {line}, column {column}: {message}");
        let source = self.user_text.split('\n').nth(line.saturating_sub(1)).unwrap_or_default();
        let source = source.trim_end().replace('\t', " ");
        if !source.is_empty() && source.len() <= WIDEST && !visible::has_hidden(&source) {
            let indent = " ".repeat(column.saturating_sub(1));
            text.push_str(&format!("\n  {source}\n  {indent}^"));
        }
        AdaptError::new(AdaptErrorKind::Wit { line, column }, text)
    }
}

/// Replaces comments and a leading byte order mark by blanks, byte for byte.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.char_indices().peekable();
    let blank = |out: &mut String, c: char| {
        if c == '\n' || c == '\r' {
            out.push(c);
        } else {
            out.extend(std::iter::repeat_n(' ', c.len_utf8()));
        }
    };
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, c)| *c);
        match (c, next) {
            ('\u{feff}', _) if at == 0 => blank(&mut out, c),
            ('/', Some('/')) => {
                blank(&mut out, c);
                while let Some((_, c)) = chars.next_if(|(_, c)| *c != '\n') {
                    blank(&mut out, c);
                }
            }
            ('/', Some('*')) => {
                let mut depth: usize = 0;
                let mut previous = '\0';
                let mut skipped = String::new();
                let mut open = true;
                for (_, c) in std::iter::once((at, c)).chain(chars.by_ref()) {
                    blank(&mut skipped, c);
                    match (previous, c) {
                        ('/', '*') => depth = depth.saturating_add(1),
                        ('*', '/') => depth = depth.saturating_sub(1),
                        _ => {
                            previous = c;
                            continue;
                        }
                    }
                    previous = '\0';
                    if depth == 0 {
                        open = false;
                        break;
                    }
                }
                // An endless comment stays, for wit-parser to complain about.
                out.push_str(if open { text.get(at..).unwrap_or_default() } else { &skipped });
            }
            ('"', _) => {
                out.push(c);
                let mut escaped = false;
                for (_, c) in chars.by_ref() {
                    out.push(c);
                    if c == '\n' || (c == '"' && !escaped) {
                        break;
                    }
                    escaped = c == '\\' && !escaped;
                }
            }
            _ => out.push(c),
        }
    }
    out
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Semicolon,
    Brace,
    Nothing,
}

/// A top-level item: its first word behind attributes, and where it ends.
#[derive(Debug)]
struct Item<'a> {
    word: &'a str,
    start: usize,
    /// Where the first word begins.
    name_at: usize,
    stop: usize,
    end: End,
}

impl Item<'_> {
    fn is_document(&self) -> bool {
        matches!(self.word, "package" | "world" | "interface")
    }

    fn is_function(&self) -> bool {
        !matches!(
            self.word,
            "" | "import"
                | "export"
                | "use"
                | "include"
                | "type"
                | "record"
                | "flags"
                | "enum"
                | "variant"
                | "resource"
        )
    }
}

/// Cuts the text into top-level items and checks the nesting of types.
fn scan(text: &str) -> Result<Vec<Item<'_>>, AdaptError> {
    let mut items: Vec<Item> = Vec::new();
    let mut current: Option<Item> = None;
    // Brackets open within the item, and whether it is inside `@attr(...)`.
    let (mut depth, mut attribute) = (0usize, false);
    let mut types = TypeDepth::default();
    for (at, token) in tokens(text) {
        let stop = at.saturating_add(token.len());
        types.token(token);
        let item = current.get_or_insert(Item {
            word: "",
            start: at,
            name_at: at,
            stop,
            end: End::Nothing,
        });
        item.stop = stop;
        let first = item.word.is_empty();
        match token {
            "@" if first && depth == 0 => attribute = true,
            "(" | "{" => depth = depth.saturating_add(1),
            ")" | "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 && attribute && token == ")" {
                    attribute = false;
                    continue;
                }
                if depth == 0 && token == "}" && item.word != "use" {
                    item.end = End::Brace;
                }
            }
            ";" if depth == 0 => item.end = End::Semicolon,
            word if first && !attribute => {
                item.word = word;
                item.name_at = at;
            }
            _ => {}
        }
        if item.end != End::Nothing {
            attribute = false;
            items.extend(current.take());
        }
    }
    items.extend(current);
    types.check()?;
    Ok(items)
}

/// An upper limit for how deep types can nest: definitions may build on each
/// other, so what each adds is summed up.
#[derive(Default)]
struct TypeDepth {
    total: usize,
    angles: usize,
    deepest: usize,
}

impl TypeDepth {
    fn token(&mut self, token: &str) {
        match token {
            "<" => {
                self.angles = self.angles.saturating_add(1);
                self.deepest = self.deepest.max(self.angles);
            }
            ">" => self.angles = self.angles.saturating_sub(1),
            "type" | "record" | "variant" => {
                self.total = self.total.saturating_add(self.deepest).saturating_add(1);
                self.angles = 0;
                self.deepest = 0;
            }
            _ => {}
        }
    }

    fn check(&self) -> Result<(), AdaptError> {
        let depth = self.total.saturating_add(self.deepest);
        if depth > DEEPEST {
            return Err(AdaptError::unsupported(format!(
                "the WIT text defines types that could nest {depth} deep; at most {DEEPEST} is \
                 accepted: leave out what the module does not use"
            )));
        }
        Ok(())
    }
}

/// The words, brackets and other characters of a text without comments. `->` is
/// one token, so that its `>` closes nothing; a string literal is one too.
fn tokens(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let at = text.len().saturating_sub(rest.len());
        let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '%');
        let first = rest.chars().next()?;
        let length = if rest.starts_with("->") {
            2
        } else if first == '"' {
            let body = rest.get(1..).unwrap_or_default();
            body.find(['"', '\n']).map_or(rest.len(), |end| end.saturating_add(2))
        } else if word(first) {
            let word = rest.find(|c: char| !word(c)).unwrap_or(rest.len());
            // `a->b`: the hyphen belongs to the arrow.
            match rest.get(word.saturating_sub(1)..word.saturating_add(1)) {
                Some("->") if word > 1 => word.saturating_sub(1),
                _ => word,
            }
        } else {
            first.len_utf8()
        };
        let (token, left) = rest.split_at_checked(length)?;
        rest = left;
        Some((at, token))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(user: &str) -> String {
        let document = Document::new(user, "").unwrap();
        let text = document.text.strip_prefix("package root:component;\nworld root {\n").unwrap();
        text.strip_suffix("\n\n}\n").unwrap().to_owned()
    }

    #[test]
    fn bare_lists_become_worlds() {
        assert_eq!(body("answer: func() -> s32"), "export answer: func() -> s32;");
        assert_eq!(
            body("record p {x: u32}; f: func(); /* ; } */ g: func() // end"),
            "record p {x: u32} export f: func();           export g: func();       "
        );
        assert_eq!(
            body(
                "import log: func(s: string); export a: func(); @since(version = 1.0.0) b: func();"
            ),
            "import log: func(s: string); export a: func(); @since(version = 1.0.0) export b: func();"
        );
        assert_eq!(
            body("use a:b/c.{d, e}; resource r; %use: func(x: list<u8>)->u8"),
            "use a:b/c.{d, e}; resource r; export %use: func(x: list<u8>)->u8;"
        );
        assert_eq!(body("export i: interface { f: func(); } g: func();"), {
            "export i: interface { f: func(); } export g: func();"
        });
        assert_eq!(body(""), "");
    }

    #[test]
    fn documents_stay_as_they_are() {
        for (user, prefix) in [
            ("package a:b; world w {}", ""),
            ("interface i { f: func(); }", "package root:component;\n"),
            ("package a:b { interface i {} }", "package root:component;\n"),
            ("// x\n@since(version = 1.0.0) world w { export f: func(); }", "package"),
        ] {
            let document = Document::new(user, "").unwrap();
            assert!(!document.text.contains("world root"), "{user}");
            assert!(document.text.starts_with(prefix), "{}", document.text);
        }
    }

    #[test]
    fn positions_are_those_of_the_user() {
        let user = "a: func();\n  b: fnc();";
        let document = Document::new(user, "").unwrap();
        let offset = document.text.find("fnc").unwrap();
        assert_eq!(document.position(offset), (2, 6));
        assert_eq!(document.position(usize::MAX), (2, 12));
        assert_eq!(document.position(0), (1, 1));
    }

    #[test]
    fn odd_input_is_survived() {
        for user in ["\u{feff}a: func()", "/*", "/**/", "\"", "}}}}", "((((", "@", "@@(", "a", "%"]
        {
            let _ = Document::new(user, "").map(|d| d.position(d.text.len()));
        }
        let long = "type a = u8;".repeat(3000);
        assert!(Document::new(&long, "").unwrap_err().to_string().contains("nest 3000 deep"));
        let large = " ".repeat(LONGEST + 1);
        assert!(Document::new(&large, "").is_err());
    }
}
