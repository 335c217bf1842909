//! Types: read, and written as what makes them at run time.

use super::{
    MAX_WRITTEN,
    lexer::{Kind, Wrong},
    parser::Parser,
};

/// The names of types that there are without a declaration.
const BASIC: [&str; 8] =
    ["string", "number", "integer", "boolean", "table", "function", "thread", "userdata"];

impl<'a> Parser<'a> {
    /// A type, as a Lua expression that makes it.
    pub(super) fn ty(&mut self) -> Result<String, Wrong> {
        self.deeper()?;
        self.accept("|");
        let mut types = vec![self.intersection()?];
        while self.accept("|") {
            types.push(self.intersection()?);
        }
        self.depth = self.depth.saturating_sub(1);
        self.made(match types.as_slice() {
            [_] => types.concat(),
            _ => format!("__types.union({})", types.join(",")),
        })
    }

    /// What is written, as long as it is not too much.
    fn made(&mut self, text: String) -> Result<String, Wrong> {
        self.written = self.written.saturating_add(text.len());
        match self.written > MAX_WRITTEN {
            true => self.wrong("the types are too large"),
            false => Ok(text),
        }
    }

    fn intersection(&mut self) -> Result<String, Wrong> {
        let mut types = vec![self.suffixed_type()?];
        while self.accept("&") {
            types.push(self.suffixed_type()?);
        }
        Ok(match types.as_slice() {
            [_] => types.concat(),
            _ => format!("__types.both({})", types.join(",")),
        })
    }

    fn suffixed_type(&mut self) -> Result<String, Wrong> {
        let mut ty = self.simple_type()?;
        loop {
            if self.accept("?") {
                ty = self.made(format!("__types.optional({ty})"))?;
            } else if self.is("[") && self.text_at(1) == "]" {
                self.next();
                self.next();
                ty = self.made(format!("__types.array({ty})"))?;
            } else if self.is("@") {
                let mut conditions = Vec::new();
                while self.accept("@") {
                    let name = self.name()?;
                    let arg = if self.accept("(") {
                        let minus = if self.accept("-") { "-" } else { "" };
                        let token = self.token();
                        if !matches!(token.kind, Kind::Number | Kind::Text) {
                            return self.unexpected("a number or a string");
                        }
                        self.next();
                        self.expect(")")?;
                        format!("{minus}{}", token.text)
                    } else {
                        "true".to_owned()
                    };
                    conditions.push(format!("\"{name}\",{arg}"));
                }
                ty = self.made(format!("__types.where({ty},{})", conditions.join(",")))?;
            } else {
                return self.made(ty);
            }
        }
    }

    fn simple_type(&mut self) -> Result<String, Wrong> {
        let token = self.token();
        match (token.kind, token.text) {
            (Kind::Text | Kind::Number, text) => {
                self.next();
                Ok(format!("__types.literal({text})"))
            }
            (Kind::Sign, "-") if self.kind_at(1) == Kind::Number => {
                self.next();
                let number = self.token().text;
                self.next();
                Ok(format!("__types.literal(-{number})"))
            }
            (Kind::Name, "true" | "false") => {
                self.next();
                Ok(format!("__types.literal({})", token.text))
            }
            (Kind::Name, "readonly")
                if self.kind_at(1) == Kind::Name || matches!(self.text_at(1), "{" | "(") =>
            {
                self.next();
                self.suffixed_type()
            }
            (Kind::Name, "typeof") if self.text_at(1) == "(" => self.type_of(),
            (Kind::Name, "fun") if self.text_at(1) == "(" => {
                self.next();
                self.function_type()
            }
            (Kind::Name, "function") if self.text_at(1) == "(" => {
                self.next();
                self.function_type()
            }
            (Kind::Name, "nil") => {
                self.next();
                Ok("__types.basic(\"nil\")".to_owned())
            }
            (Kind::Name, "function") => {
                self.next();
                Ok("__types.func()".to_owned())
            }
            (Kind::Name, _) => self.named_type(),
            (Kind::Sign, "{") => self.table_type(),
            (Kind::Sign, "<" | "(") => self.function_type(),
            _ => self.unexpected("a type"),
        }
    }

    /// A name, perhaps of another module, perhaps with arguments.
    fn named_type(&mut self) -> Result<String, Wrong> {
        let first = self.name()?;
        let mut path = vec![first];
        while self.is(".") && self.kind_at(1) == Kind::Name {
            self.next();
            path.push(self.name()?);
        }
        let mut args = Vec::new();
        if self.is("<") {
            self.next();
            loop {
                args.push(self.ty()?);
                if !self.accept(",") {
                    break;
                }
            }
            self.close_angle()?;
        }
        let is_alone = path.len() == 1 && args.is_empty();
        let own = self.types.get(first) == Some(&true);
        if is_alone && !own {
            if BASIC.contains(&first) {
                return Ok(format!("__types.basic(\"{first}\")"));
            }
            if matches!(first, "any" | "unknown" | "error" | "self") {
                return Ok("__types.any()".to_owned());
            }
            if first == "never" {
                return Ok("__types.never()".to_owned());
            }
        }
        // Looked up when it is needed: what is declared later is there by then.
        let value = match path.as_slice() {
            [only] => (*only).to_owned(),
            all => {
                let mut value = (*first).to_owned();
                for name in all.iter().skip(1) {
                    value = self.made(format!("({value} or {{}}).{name}"))?;
                }
                value
            }
        };
        let reference = format!("function() return {value} end");
        Ok(match args.is_empty() {
            true => format!("__types.lazy({reference})"),
            false => format!("__types.apply({reference},{})", args.join(",")),
        })
    }

    fn table_type(&mut self) -> Result<String, Wrong> {
        self.expect("{")?;
        let (mut fields, mut map, mut array) = (Vec::new(), None, None);
        while !self.is("}") {
            if self.accept("[") {
                let key = self.ty()?;
                self.expect("]")?;
                self.expect(":")?;
                map = Some(format!("__types.map({key},{})", self.ty()?));
            } else if self.names_field() {
                self.accept_word("readonly");
                let name = self.field_name()?;
                let optional = self.accept("?");
                self.expect(":")?;
                let ty = self.ty()?;
                fields.push(format!("{name},{ty},{optional}"));
            } else if self.accept("...") {
                // More fields are always allowed.
            } else {
                array = Some(format!("__types.array({})", self.ty()?));
            }
            if !self.accept(",") && !self.accept(";") {
                break;
            }
        }
        self.expect("}")?;
        Ok(match (array, map, fields.is_empty()) {
            (Some(array), None, true) => array,
            (None, Some(map), true) => map,
            _ => format!("__types.record({})", fields.join(",")),
        })
    }

    /// True if the field of a record begins here.
    fn names_field(&self) -> bool {
        let at =
            usize::from(self.is("readonly") && self.text_at(1) != ":" && self.text_at(1) != "?");
        let named = matches!(self.kind_at(at), Kind::Name | Kind::Text);
        let (next, then) = (self.text_at(at.saturating_add(1)), self.text_at(at.saturating_add(2)));
        named && (next == ":" || next == "?" && then == ":")
    }

    fn field_name(&mut self) -> Result<String, Wrong> {
        let token = self.token();
        self.next();
        Ok(match token.kind {
            Kind::Text => token.text.to_owned(),
            Kind::Name | Kind::Number | Kind::Sign | Kind::End => format!("\"{}\"", token.text),
        })
    }

    /// A function, or a type in parentheses.
    fn function_type(&mut self) -> Result<String, Wrong> {
        let known = self.types.len();
        self.type_params()?;
        self.expect("(")?;
        let mut inner = Vec::new();
        while !self.is(")") {
            if self.accept("...") {
                self.accept(":");
                if !self.is(")") && !self.is(",") {
                    self.ty()?;
                }
                inner.push(String::new());
            } else {
                if self.kind_at(0) == Kind::Name
                    && (self.text_at(1) == ":" || self.text_at(1) == "?" && self.text_at(2) == ":")
                {
                    self.next();
                    self.accept("?");
                    self.expect(":")?;
                }
                inner.push(self.ty()?);
            }
            if !self.accept(",") {
                break;
            }
        }
        self.expect(")")?;
        let is_function = self.accept("->") || self.is(":") && inner.len() != 1;
        if is_function {
            self.accept(":");
            self.result()?;
        }
        self.types.truncate(known);
        Ok(match (is_function, inner.as_slice()) {
            (false, [only]) if !only.is_empty() => only.clone(),
            _ => "__types.func()".to_owned(),
        })
    }

    /// What a function returns: a type, or several in parentheses.
    pub(super) fn result(&mut self) -> Result<(), Wrong> {
        if self.accept("...") {
            self.ty()?;
            return Ok(());
        }
        self.ty().map(|_| ())
    }

    /// `typeof(x)`: the type that a local has been declared with.
    fn type_of(&mut self) -> Result<String, Wrong> {
        self.next();
        self.expect("(")?;
        let (name, alone) = (self.token().text, self.text_at(1) == ")");
        self.expression()?;
        self.expect(")")?;
        match self.locals.get(name).filter(|_| alone).cloned() {
            Some(ty) => self.made(ty),
            None => Ok("__types.any()".to_owned()),
        }
    }

    /// `<T, U: Bound>`, if there are any; they are types from now on.
    pub(super) fn type_params(&mut self) -> Result<Vec<&'a str>, Wrong> {
        let mut params = Vec::new();
        if !self.accept("<") {
            return Ok(params);
        }
        loop {
            let name = self.name()?;
            self.types.push(name, true);
            params.push(name);
            if self.accept(":") {
                self.ty()?;
            }
            if !self.accept(",") {
                break;
            }
        }
        self.close_angle()?;
        Ok(params)
    }
}
