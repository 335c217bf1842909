//! A text as tokens.

/// A text that is no Lua with types, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::lua) struct Wrong {
    pub line: u32,
    pub why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lua) enum Kind {
    /// A name, or a word of the language.
    Name,
    Number,
    Text,
    Sign,
    End,
}

#[derive(Clone, Copy, Debug)]
pub(in crate::lua) struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    pub start: usize,
    pub line: u32,
}

impl Token<'_> {
    pub fn end(&self) -> usize {
        self.start.saturating_add(self.text.len())
    }
}

/// Signs, the longest first.
const SIGNS: [&str; 38] = [
    "...", "<<", ">>", "//", "==", "~=", "<=", ">=", "::", "..", "->", "+", "-", "*", "/", "%",
    "^", "#", "&", "~", "|", "<", ">", "=", "(", ")", "{", "}", "[", "]", ";", ":", ",", ".", "?",
    "!", "@", "$",
];

/// The tokens of a text, and one for its end.
pub(in crate::lua) fn tokens(source: &str) -> Result<Vec<Token<'_>>, Wrong> {
    let mut lexer = Lexer { source, at: 0, line: 1 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip()?;
        let (start, line) = (lexer.at, lexer.line);
        let Some(kind) = lexer.token()? else {
            tokens.push(Token { kind: Kind::End, text: "", start, line });
            return Ok(tokens);
        };
        let text = source.get(start..lexer.at).unwrap_or_default();
        tokens.push(Token { kind, text, start, line });
    }
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    line: u32,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn wrong<T>(&self, line: u32, why: &str) -> Result<T, Wrong> {
        Err(Wrong { line, why: why.to_owned() })
    }

    /// Goes on by so many bytes.
    fn go(&mut self, bytes: usize) {
        let passed = self.rest().get(..bytes).unwrap_or_default();
        let lines = passed.bytes().filter(|byte| *byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.at = self.at.saturating_add(bytes).min(self.source.len());
    }

    /// Passes over blanks and comments.
    fn skip(&mut self) -> Result<(), Wrong> {
        loop {
            let rest = self.rest();
            let blank = rest.len().saturating_sub(rest.trim_start().len());
            self.go(blank);
            let Some(comment) = self.rest().strip_prefix("--") else { return Ok(()) };
            match long(comment) {
                Some(Some(len)) => self.go(len.saturating_add(2)),
                Some(None) => return self.wrong(self.line, "unfinished long comment"),
                None => {
                    let line = self.rest().find('\n').unwrap_or(self.rest().len());
                    self.go(line);
                }
            }
        }
    }

    /// Passes over a token.
    fn token(&mut self) -> Result<Option<Kind>, Wrong> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(None) };
        let is_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
        if first.is_ascii_alphabetic() || first == '_' {
            self.go(rest.find(|char| !is_name(char)).unwrap_or(rest.len()));
            return Ok(Some(Kind::Name));
        }
        let second = rest.chars().nth(1);
        if first.is_ascii_digit() || first == '.' && second.is_some_and(|c| c.is_ascii_digit()) {
            self.go(number(rest));
            return Ok(Some(Kind::Number));
        }
        if first == '"' || first == '\'' {
            let Some(len) = quoted(rest, first) else {
                return self.wrong(self.line, "unfinished string");
            };
            self.go(len);
            return Ok(Some(Kind::Text));
        }
        if first == '[' {
            match long(rest) {
                Some(Some(len)) => {
                    self.go(len);
                    return Ok(Some(Kind::Text));
                }
                Some(None) => return self.wrong(self.line, "unfinished long string"),
                None => {}
            }
        }
        let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) else {
            return self
                .wrong(self.line, &format!("unexpected symbol near '{}'", first.escape_default()));
        };
        self.go(sign.len());
        Ok(Some(Kind::Sign))
    }
}

/// The length of a long bracket that begins here; nothing if it has no end.
fn long(rest: &str) -> Option<Option<usize>> {
    let inner = rest.strip_prefix('[')?;
    let level = inner.len().saturating_sub(inner.trim_start_matches('=').len());
    inner.get(level..)?.strip_prefix('[')?;
    let close = format!("]{}]", "=".repeat(level));
    Some(rest.find(&close).map(|at| at.saturating_add(close.len())))
}

/// The length of a quoted text; nothing if it has no end in time.
fn quoted(rest: &str, quote: char) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => {
                // A line may be broken, by two characters as well, and \z passes over blanks.
                match chars.next() {
                    Some((_, 'z')) => {
                        while chars.next_if(|(_, char)| char.is_whitespace()).is_some() {}
                    }
                    Some((_, '\r')) => drop(chars.next_if(|(_, char)| *char == '\n')),
                    Some(_) | None => {}
                }
            }
            '\n' => return None,
            char if char == quote => return Some(at.saturating_add(1)),
            _ => {}
        }
    }
    None
}

/// The length of a number.
fn number(rest: &str) -> usize {
    let hex = rest.starts_with("0x") || rest.starts_with("0X");
    let mut before = ' ';
    for (at, char) in rest.char_indices() {
        let exponent = if hex { matches!(before, 'p' | 'P') } else { matches!(before, 'e' | 'E') };
        // Two dots join.
        let joins = char == '.' && rest.get(at..).is_some_and(|rest| rest.starts_with(".."));
        let belongs = char.is_ascii_alphanumeric()
            || char == '.' && !joins
            || exponent && matches!(char, '+' | '-');
        if !belongs {
            return at;
        }
        before = char;
    }
    rest.len()
}
