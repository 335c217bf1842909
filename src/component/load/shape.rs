//! Recognizing shims and fixups: see [`elide`](crate::component::link::elide), which
//! takes them out.

use std::collections::HashMap;

use wasmparser::{
    ElementItems, ElementKind, ExternalKind, FuncType, FunctionBody, Operator, Parser, Payload,
    TypeRef,
};

/// The use of a module that is one of the two.
#[derive(Debug)]
pub(crate) enum Shape {
    Shim(Shim),
    Fixup(Fixup),
}

/// A module of functions that do nothing but call what is in a table of theirs.
#[derive(Debug)]
pub(crate) struct Shim {
    /// The name of the table.
    pub table: Box<str>,
    /// The functions by name: the place in the table, and the type.
    pub slots: HashMap<Box<str>, (u32, FuncType)>,
}

/// A module that does nothing but fill a table with functions, all imported.
#[derive(Debug)]
pub(crate) struct Fixup {
    /// Which import is the table.
    pub table: Name,
    /// The place in the table, and which import comes there.
    pub entries: Vec<(u32, Name, FuncType)>,
}

/// The module and the field of an import. Where an import stands does not tell which
/// it is: the interpreter has them in an order of its own.
pub(crate) type Name = (Box<str>, Box<str>);

/// The contents of a module's sections, as long as it may be one of the two.
#[derive(Default)]
struct Sections {
    pub types: Vec<FuncType>,
    /// With the types of functions; a table has none.
    pub imports: Vec<(Name, Option<FuncType>)>,
    pub funcs: Vec<u32>,
    pub tables: u32,
    pub exports: Vec<(Box<str>, ExternalKind, u32)>,
    /// The place of the one segment, and its functions.
    pub segment: Option<(u32, Vec<u32>)>,
    /// Where each function calls.
    pub slots: Vec<u32>,
}

/// The shape of a valid module.
pub(crate) fn shape(bytes: &[u8]) -> Option<Shape> {
    let mut sections = Sections::default();
    for payload in Parser::new(0).parse_all(bytes) {
        sections.read(payload.ok()?)?;
    }
    sections.shim().map(Shape::Shim).or_else(|| sections.fixup().map(Shape::Fixup))
}

impl Sections {
    /// Nothing if there is something in the section that neither of the two has.
    fn read(&mut self, payload: Payload<'_>) -> Option<()> {
        match payload {
            Payload::TypeSection(section) => {
                for ty in section.into_iter_err_on_gc_types() {
                    self.types.push(ty.ok()?);
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.ok()?;
                    let ty = match import.ty {
                        TypeRef::Func(ty) => Some(self.types.get(ty as usize)?.clone()),
                        TypeRef::Table(_) => None,
                        _ => return None,
                    };
                    self.imports.push(((import.module.into(), import.name.into()), ty));
                }
            }
            Payload::FunctionSection(section) => {
                // Only the shim has functions of its own, and it imports nothing.
                if !self.imports.is_empty() {
                    return None;
                }
                for ty in section {
                    self.funcs.push(ty.ok()?);
                }
            }
            Payload::TableSection(section) => self.tables = section.count(),
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.ok()?;
                    self.exports.push((export.name.into(), export.kind, export.index));
                }
            }
            Payload::ElementSection(section) => {
                let [element] = &section.into_iter().collect::<Result<Vec<_>, _>>().ok()?[..]
                else {
                    return None;
                };
                let ElementKind::Active { table_index: None | Some(0), offset_expr } =
                    &element.kind
                else {
                    return None;
                };
                let ElementItems::Functions(functions) = &element.items else { return None };
                let mut offset = offset_expr.get_operators_reader();
                let (Ok(Operator::I32Const { value }), Ok(Operator::End)) =
                    (offset.read(), offset.read())
                else {
                    return None;
                };
                let functions = functions.clone().into_iter().collect::<Result<_, _>>().ok()?;
                self.segment = Some((value.cast_unsigned(), functions));
            }
            Payload::CodeSectionEntry(body) => {
                let slot = self.slot(&body)?;
                self.slots.push(slot);
            }
            Payload::Version { .. }
            | Payload::CodeSectionStart { .. }
            | Payload::CustomSection(_)
            | Payload::End(_) => {}
            _ => return None,
        }
        Some(())
    }

    /// The place of the table that a function calls with its own parameters.
    fn slot(&self, body: &FunctionBody<'_>) -> Option<u32> {
        let ty = self.func_type(self.slots.len())?;
        if body.get_locals_reader().ok()?.get_count() > 0 {
            return None;
        }
        let mut code = body.get_operators_reader().ok()?;
        for param in (0..).take(ty.params().len()) {
            match code.read().ok()? {
                Operator::LocalGet { local_index } if local_index == param => {}
                _ => return None,
            }
        }
        let Operator::I32Const { value } = code.read().ok()? else { return None };
        let Operator::CallIndirect { type_index, table_index: 0 } = code.read().ok()? else {
            return None;
        };
        let same = self.types.get(type_index as usize)? == ty;
        let end = matches!(code.read().ok()?, Operator::End) && code.eof();
        (same && end).then_some(value.cast_unsigned())
    }

    fn func_type(&self, func: usize) -> Option<&FuncType> {
        self.types.get(*self.funcs.get(func)? as usize)
    }

    fn shim(&self) -> Option<Shim> {
        if self.tables != 1 || !self.imports.is_empty() || self.segment.is_some() {
            return None;
        }
        let (mut table, mut slots) = (None, HashMap::new());
        for (name, kind, index) in &self.exports {
            match kind {
                ExternalKind::Table if table.is_none() => table = Some(name.clone()),
                ExternalKind::Func => {
                    let func = *index as usize;
                    let ty = self.func_type(func)?.clone();
                    slots.insert(name.clone(), (*self.slots.get(func)?, ty));
                }
                _ => return None,
            }
        }
        Some(Shim { table: table?, slots })
    }

    fn fixup(self) -> Option<Fixup> {
        if self.tables != 0 || !self.funcs.is_empty() || !self.exports.is_empty() {
            return None;
        }
        let (offset, functions) = self.segment?;
        let (mut tables, mut imports) = (Vec::new(), Vec::new());
        for (name, ty) in self.imports {
            match ty {
                Some(ty) => imports.push((name, ty)),
                None => tables.push(name),
            }
        }
        let (Some(table), None) = (tables.pop(), tables.pop()) else { return None };
        let entry = |(place, function): (u32, u32)| {
            let (name, ty) = imports.get(function as usize)?.clone();
            Some((offset.checked_add(place)?, name, ty))
        };
        // One that fills a table many times over is no fixup.
        if functions.len() > imports.len() {
            return None;
        }
        let entries = (0..).zip(functions).map(entry).collect::<Option<_>>()?;
        Some(Fixup { table, entries })
    }
}
