//! Statements: read only to find the types in them.

use super::{
    lexer::Kind,
    parser::{Parsed, Parser},
};

impl Parser<'_> {
    pub(super) fn block(&mut self) -> Parsed {
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
            if self.types.get(name).is_some() {
                self.types.push(name, false);
            }
            if let Some(ty) = ty {
                self.locals.push(name, ty);
            }
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
        let name = self.name()?;
        self.types.push(name, true);
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
    pub(super) fn body(&mut self) -> Parsed {
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
}
