//! Taking the detour out of calls of imports.
//!
//! An import that takes a string must know the memory that the string is in, and
//! that memory exists only once the module is instantiated, which needs its
//! imports first. So tools give such a module a *shim*: functions that call
//! through a table, which a *fixup* fills afterwards. Every component that is made
//! of a core module has the two.
//!
//! This engine looks the memory up when the import is called, so it can be given
//! to the module from the start. What stood in the table then is called without
//! the detour, and if nothing else needs the table, the process has two instances,
//! a table and a segment less: a third of what a small process takes. A start
//! function that calls such an import, which trapped at the empty table, traps
//! only if there is something to find in the memory.

use std::collections::{HashMap, HashSet};

use wasmparser::{
    ElementItems, ElementKind, ExternalKind, FuncType, FunctionBody, Operator, Parser, Payload,
    TypeRef,
};

use super::plan::{CoreRef, Op};

/// What a module is good for, if it is one of the two.
#[derive(Debug)]
pub(crate) enum Shape {
    Shim(Shim),
    Fixup(Fixup),
}

/// A module of functions that do nothing but call what is in a table of theirs.
#[derive(Debug)]
pub(crate) struct Shim {
    /// The name of the table.
    table: Box<str>,
    /// The functions by name: the place in the table, and the type.
    slots: HashMap<Box<str>, (u32, FuncType)>,
}

/// A module that does nothing but fill a table with functions, all imported.
#[derive(Debug)]
pub(crate) struct Fixup {
    /// Which of the imports is the table.
    table: usize,
    /// The place in the table, and which of the imports comes there.
    entries: Vec<(u32, usize, FuncType)>,
}

/// What the sections of a module say, as long as it may be one of the two.
#[derive(Default)]
struct Sections {
    types: Vec<FuncType>,
    /// The types of imported functions; a table has none.
    imports: Vec<Option<FuncType>>,
    funcs: Vec<u32>,
    tables: u32,
    exports: Vec<(Box<str>, ExternalKind, u32)>,
    /// The place of the one segment, and its functions.
    segment: Option<(u32, Vec<u32>)>,
    /// Where each function calls.
    slots: Vec<u32>,
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
                    self.imports.push(match import.ok()?.ty {
                        TypeRef::Func(ty) => Some(self.types.get(ty as usize)?.clone()),
                        TypeRef::Table(_) => None,
                        _ => return None,
                    });
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
        let mut tables = (0..).zip(&self.imports).filter(|(_, ty)| ty.is_none());
        let (Some((table, _)), None) = (tables.next(), tables.next()) else { return None };
        let imports: Vec<(usize, FuncType)> =
            (0..).zip(self.imports).filter_map(|(at, ty)| Some((at, ty?))).collect();
        let entry = |(place, function): (u32, u32)| {
            let (at, ty) = imports.get(function as usize)?.clone();
            Some((offset.checked_add(place)?, at, ty))
        };
        let entries = (0..).zip(functions).map(entry).collect::<Option<_>>()?;
        Some(Fixup { table, entries })
    }
}

/// Gives what a shim stands for to those who have been given the shim's functions,
/// and leaves out shims and fixups that nobody needs any more.
///
/// Only what the engine itself provides can be given before its place in the order
/// of instantiation: it has no state of its own.
pub(crate) fn elide(ops: &mut Vec<Op>) {
    let instances: Vec<usize> = (0..)
        .zip(ops.iter())
        .filter_map(|(at, op)| matches!(op, Op::Instantiate { .. }).then_some(at))
        .collect();
    let mut gone = HashSet::new();
    for (number, at) in (0u32..).zip(&instances) {
        let Some((shim, direct)) = direct(ops, &instances, *at) else { continue };
        let refs = ops.iter_mut().flat_map(Op::refs);
        let mut left = 0usize;
        for item in refs {
            let CoreRef::Export { instance, name } = item else { continue };
            if *instance != shim {
                continue;
            }
            match direct.get(name) {
                Some(trampoline) => *item = CoreRef::Trampoline(*trampoline),
                None => left = left.saturating_add(1),
            }
        }
        // The fixup's own reference, to the table.
        if left == 1 {
            gone.extend([shim, number]);
        }
    }
    if !gone.is_empty() {
        leave_out(ops, &gone);
    }
}

/// What the functions of a shim stand for, by their names, if the instance made at
/// `at` is its fixup and the table is known to nobody else.
fn direct(
    ops: &[Op],
    instances: &[usize],
    at: usize,
) -> Option<(u32, HashMap<std::sync::Arc<str>, u32>)> {
    let Op::Instantiate { module, imports } = ops.get(at)? else { return None };
    let Some(Shape::Fixup(fixup)) = &module.shape else { return None };
    let CoreRef::Export { instance: number, name } = imports.get(fixup.table)? else {
        return None;
    };
    let Op::Instantiate { module, .. } = ops.get(*instances.get(*number as usize)?)? else {
        return None;
    };
    let Some(Shape::Shim(shim)) = &module.shape else { return None };
    let is_table = |item: &CoreRef| {
        matches!(item, CoreRef::Export { instance, name }
            if instance == number && **name == *shim.table)
    };
    let users = ops.iter().flat_map(Op::items).filter(|item| is_table(item)).count();
    if **name != *shim.table || users != 1 {
        return None;
    }
    let mut direct = HashMap::new();
    for (name, (slot, ty)) in &shim.slots {
        let mut entries = fixup.entries.iter().filter(|(place, ..)| place == slot);
        if let (Some((_, import, same)), None) = (entries.next(), entries.next())
            && same == ty
            && let Some(CoreRef::Trampoline(trampoline)) = imports.get(*import)
        {
            direct.insert((**name).into(), *trampoline);
        }
    }
    Some((*number, direct))
}

/// Leaves instances out, and numbers the others anew.
fn leave_out(ops: &mut Vec<Op>, gone: &HashSet<u32>) {
    let mut numbers = Vec::new();
    let (mut number, mut next) = (0u32, 0u32);
    ops.retain(|op| {
        if !matches!(op, Op::Instantiate { .. }) {
            return true;
        }
        let stays = !gone.contains(&number);
        numbers.push(next);
        number = number.saturating_add(1);
        next = next.saturating_add(u32::from(stays));
        stays
    });
    for item in ops.iter_mut().flat_map(Op::refs) {
        if let CoreRef::Export { instance, .. } = item
            && let Some(new) = numbers.get(*instance as usize)
        {
            *instance = *new;
        }
    }
}
