//! Expressions: read only to find the types in them.

use super::{
    lexer::Kind,
    parser::{Parsed, Parser, WORDS},
};

const BINARY: [&str; 21] = [
    "+", "-", "*", "/", "//", "^", "%", "&", "~", "|", ">>", "<<", "..", "<", "<=", ">", ">=",
    "==", "~=", "and", "or",
];

impl Parser<'_> {
    pub(super) fn expressions(&mut self) -> Parsed {
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
    pub(super) fn operand(&mut self) -> Parsed {
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
