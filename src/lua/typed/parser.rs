//! Statements and expressions: read only to find the types in them.

use std::ops::Range;

use super::{
    Edit,
    lexer::{Kind, Token, Wrong},
};

/// The deepest nesting, as of Lua itself.
const MAX_DEPTH: usize = 180;

/// Words that are no names.
const WORDS: [&str; 22] = [
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in",
    "local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while",
];

const BINARY: [&str; 21] = [
    "+", "-", "*", "/", "//", "^", "%", "&", "~", "|", ">>", "<<", "..", "<", "<=", ">", ">=",
    "==", "~=", "and", "or",
];

pub(super) struct Parser<'a> {
    source: &'a str,
    tokens: &'a [Token<'a>],
    at: usize,
    pub(super) depth: usize,
    edits: Vec<Edit>,
    /// Something has to be made at run time.
    uses_types: bool,
    /// Names that are types here.
    pub(super) types: Vec<String>,
    /// Locals that have been declared with a type, and that.
    pub(super) locals: Vec<(String, String)>,
    /// Bytes that have been written for types.
    pub(super) written: usize,
    /// A part of a sign: the first byte of `>>` or `>=` has been taken.
    split: bool,
}

type Parsed = Result<(), Wrong>;

impl<'a> Parser<'a> {
    pub fn new(source: &'a str, tokens: &'a [Token<'a>]) -> Parser<'a> {
        Parser {
            source,
            tokens,
            at: 0,
            depth: 0,
            edits: Vec::new(),
            uses_types: false,
            types: Vec::new(),
            locals: Vec::new(),
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

    fn token_at(&self, ahead: usize) -> Token<'a> {
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
    fn end_before(&self) -> usize {
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
    fn erase(&mut self, range: Range<usize>) {
        self.replace(range, String::new());
    }

    /// Puts something in the place of a part, whatever was to be done within it.
    fn replace(&mut self, range: Range<usize>, with: String) {
        while self.edits.last().is_some_and(|edit| edit.range.start >= range.start) {
            self.edits.pop();
        }
        self.edits.push(Edit { range, with });
    }

    /// `: T`, taken away; what makes the type.
    fn annotation(&mut self) -> Result<Option<String>, Wrong> {
        let start = self.token().start;
        if !self.accept(":") {
            return Ok(None);
        }
        let ty = self.ty()?;
        self.erase(start..self.end_before());
        Ok(Some(ty))
    }

    fn block(&mut self) -> Parsed {
        self.deeper()?;
        let (types, locals) = (self.types.len(), self.locals.len());
        while !matches!(self.token().text, "end" | "else" | "elseif" | "until")
            && self.token().kind != Kind::End
        {
            if self.accept("return") {
                let over = matches!(self.token().text, "end" | "else" | "elseif" | "until" | ";");
                if !over && self.token().kind != Kind::End {
                    self.expressions()?;
                }
                self.accept(";");
                break;
            }
            self.statement()?;
        }
        self.types.truncate(types);
        self.locals.truncate(locals);
        self.depth = self.depth.saturating_sub(1);
        Ok(())
    }

    fn block_end(&mut self) -> Parsed {
        self.block()?;
        self.expect("end")
    }

    fn statement(&mut self) -> Parsed {
        let token = self.token();
        if token.kind == Kind::Name {
            match token.text {
                "break" => {
                    self.next();
                    return Ok(());
                }
                "goto" if self.kind_at(1) == Kind::Name => {
                    self.next();
                    return self.name().map(|_| ());
                }
                "do" => {
                    self.next();
                    return self.block_end();
                }
                "while" => {
                    self.next();
                    self.expression()?;
                    self.expect("do")?;
                    return self.block_end();
                }
                "repeat" => {
                    self.next();
                    self.block()?;
                    self.expect("until")?;
                    return self.expression();
                }
                "if" => return self.choice(),
                "for" => return self.repetition(),
                "function" => {
                    self.next();
                    self.name()?;
                    while self.accept(".") || self.accept(":") {
                        self.name()?;
                    }
                    return self.body();
                }
                "local" => return self.local(),
                "type" if self.kind_at(1) == Kind::Name && matches!(self.text_at(2), "=" | "<") => {
                    let start = self.token().start;
                    return self.declaration(start);
                }
                "export" if self.text_at(1) == "type" => {
                    let start = self.token().start;
                    self.next();
                    return self.declaration(start);
                }
                _ => {}
            }
        }
        if self.accept(";") {
            return Ok(());
        }
        if self.accept("::") {
            self.name()?;
            return self.expect("::");
        }
        self.operand()?;
        while self.accept(",") {
            self.operand()?;
        }
        if self.accept("=") {
            self.expressions()?;
        }
        Ok(())
    }

    fn choice(&mut self) -> Parsed {
        self.next();
        self.expression()?;
        self.expect("then")?;
        self.block()?;
        loop {
            if self.accept("elseif") {
                self.expression()?;
                self.expect("then")?;
                self.block()?;
            } else if self.accept("else") {
                return self.block_end();
            } else {
                return self.expect("end");
            }
        }
    }

    fn repetition(&mut self) -> Parsed {
        self.next();
        loop {
            self.name()?;
            self.annotation()?;
            if !self.accept(",") {
                break;
            }
        }
        if !self.accept("=") {
            self.expect("in")?;
        }
        self.expressions()?;
        self.expect("do")?;
        self.block_end()
    }

    fn local(&mut self) -> Parsed {
        self.next();
        if self.accept("function") {
            self.name()?;
            return self.body();
        }
        loop {
            let name = self.name()?;
            self.attribute()?;
            let ty = self.annotation()?;
            self.attribute()?;
            self.types.retain(|known| known != name);
            self.locals.extend(ty.map(|ty| (name.to_owned(), ty)));
            if !self.accept(",") {
                break;
            }
        }
        if self.accept("=") {
            self.expressions()?;
        }
        Ok(())
    }

    /// `<const>` and `<close>`, which stay.
    fn attribute(&mut self) -> Parsed {
        if self.is("<") && matches!(self.text_at(1), "const" | "close") {
            self.next();
            self.next();
            return self.expect(">");
        }
        Ok(())
    }

    /// `type Name<T> = …` becomes a local.
    fn declaration(&mut self, start: usize) -> Parsed {
        self.next();
        let name = self.name()?.to_owned();
        self.types.push(name.clone());
        let known = self.types.len();
        let params = self.type_params()?;
        self.expect("=")?;
        let ty = self.ty()?;
        self.types.truncate(known);
        self.uses_types = true;
        let made = match params.is_empty() {
            true => ty,
            false => format!("__types.generic(function({}) return {ty} end)", params.join(",")),
        };
        let with = format!("local {name}; {name} = {made};");
        self.replace(start..self.end_before(), with);
        Ok(())
    }

    /// Parameters, result and block of a function.
    fn body(&mut self) -> Parsed {
        let known = self.types.len();
        let start = self.token().start;
        if self.is("<") {
            self.type_params()?;
            self.erase(start..self.end_before());
        }
        self.expect("(")?;
        while !self.is(")") {
            if !self.accept("...") {
                self.name()?;
                let mark = self.token().start;
                if self.is("?") {
                    self.next();
                    self.erase(mark..self.end_before());
                }
            }
            self.annotation()?;
            if !self.accept(",") {
                break;
            }
        }
        self.expect(")")?;
        let start = self.token().start;
        if self.accept(":") {
            self.result()?;
            self.erase(start..self.end_before());
        }
        self.block_end()?;
        self.types.truncate(known);
        Ok(())
    }

    fn expressions(&mut self) -> Parsed {
        self.expression()?;
        while self.accept(",") {
            self.expression()?;
        }
        Ok(())
    }

    pub(super) fn expression(&mut self) -> Parsed {
        self.deeper()?;
        loop {
            while matches!(self.token().text, "not" | "#" | "-" | "~")
                && matches!(self.token().kind, Kind::Name | Kind::Sign)
            {
                self.next();
            }
            self.operand()?;
            let token = self.token();
            if !(BINARY.contains(&token.text) && matches!(token.kind, Kind::Name | Kind::Sign)) {
                break;
            }
            self.next();
        }
        self.depth = self.depth.saturating_sub(1);
        Ok(())
    }

    /// What stands between two signs, with all that follows it closely.
    fn operand(&mut self) -> Parsed {
        let token = self.token();
        match (token.kind, token.text) {
            (Kind::Number | Kind::Text, _) | (Kind::Sign, "...") => self.next(),
            (Kind::Name, "nil" | "true" | "false") => self.next(),
            (Kind::Name, "function") => {
                self.next();
                self.body()?;
            }
            (Kind::Sign, "{") => self.table()?,
            (Kind::Sign, "(") => {
                self.next();
                self.expression()?;
                self.expect(")")?;
            }
            _ => drop(self.name()?),
        }
        self.suffixes()
    }

    fn suffixes(&mut self) -> Parsed {
        loop {
            let token = self.token();
            match (token.kind, token.text) {
                (Kind::Sign, ".") => {
                    self.next();
                    self.name()?;
                }
                (Kind::Sign, "[") => {
                    self.next();
                    self.expression()?;
                    self.expect("]")?;
                }
                (Kind::Sign, ":") if self.kind_at(1) == Kind::Name => {
                    self.next();
                    self.name()?;
                    if !self.is("(") && !self.is("{") && self.token().kind != Kind::Text {
                        return self.unexpected("the arguments of a call");
                    }
                }
                (Kind::Sign, "(") => {
                    self.next();
                    if !self.is(")") {
                        self.expressions()?;
                    }
                    self.expect(")")?;
                }
                (Kind::Sign, "{") => self.table()?,
                (Kind::Text, _) => self.next(),
                (Kind::Sign, "!") => {
                    self.next();
                    self.erase(token.start..token.end());
                }
                (Kind::Sign, "::") if self.follows() => self.cast()?,
                (Kind::Name, "as") if self.follows() && self.begins_type(1) => self.cast()?,
                _ => return Ok(()),
            }
        }
    }

    /// True if the token stands on the line on which what is before it ends.
    fn follows(&self) -> bool {
        let end = self.end_before();
        let between = self.source.get(end..self.token().start).unwrap_or_default();
        !between.contains('\n')
    }

    /// True if a type could begin at a token ahead.
    fn begins_type(&self, ahead: usize) -> bool {
        let token = self.token_at(ahead);
        match token.kind {
            Kind::Name => {
                !WORDS.contains(&token.text)
                    || matches!(token.text, "nil" | "true" | "false" | "function")
            }
            Kind::Text | Kind::Number => true,
            Kind::Sign => matches!(token.text, "{" | "("),
            Kind::End => false,
        }
    }

    /// `:: T` and `as T`, taken away.
    fn cast(&mut self) -> Parsed {
        let start = self.token().start;
        self.next();
        self.ty()?;
        self.erase(start..self.end_before());
        Ok(())
    }

    fn table(&mut self) -> Parsed {
        self.deeper()?;
        self.expect("{")?;
        while !self.is("}") {
            if self.accept("[") {
                self.expression()?;
                self.expect("]")?;
                self.expect("=")?;
                self.expression()?;
            } else if self.kind_at(0) == Kind::Name && self.text_at(1) == "=" {
                self.name()?;
                self.expect("=")?;
                self.expression()?;
            } else {
                self.expression()?;
            }
            if !self.accept(",") && !self.accept(";") {
                break;
            }
        }
        self.depth = self.depth.saturating_sub(1);
        self.expect("}")
    }
}
