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
//! function that calls such an import traps as before, though not at the table.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use wasmparser::{
    ElementItems, ElementKind, ExternalKind, FuncType, FunctionBody, Operator, Parser, Payload,
    TypeRef,
};

use super::plan::{CoreRef, Op};
use crate::component::load::module::CoreModule;

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
    /// Which import is the table.
    table: Name,
    /// The place in the table, and which import comes there.
    entries: Vec<(u32, Name, FuncType)>,
}

/// The module and the field of an import. Where an import stands does not tell which
/// it is: the interpreter has them in an order of its own.
type Name = (Box<str>, Box<str>);

/// What the sections of a module say, as long as it may be one of the two.
#[derive(Default)]
struct Sections {
    types: Vec<FuncType>,
    /// With the types of functions; a table has none.
    imports: Vec<(Name, Option<FuncType>)>,
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

/// What is known of a shim by its fixup.
struct Filled {
    fixup: u32,
    /// By the place in the table: the trampoline, and the type.
    places: HashMap<u32, (u32, FuncType)>,
    /// References to the shim that stay.
    left: usize,
}

/// Gives what a shim stands for to those who have been given the shim's functions,
/// and leaves out shims and fixups that nobody needs any more. The work is as much
/// as there are definitions.
///
/// Only what the engine itself provides can be given before its place in the order
/// of instantiation: it has no state of its own.
pub(crate) fn elide(ops: &mut Vec<Op>) {
    let modules = ops.iter().filter_map(|op| match op {
        Op::Instantiate { module, .. } => Some(module.clone()),
        _ => None,
    });
    let modules: Vec<Arc<CoreModule>> = modules.collect();
    let shim = |instance: u32| match &modules.get(instance as usize)?.shape {
        Some(Shape::Shim(shim)) => Some(shim),
        _ => None,
    };
    let mut tables = HashMap::<u32, usize>::new();
    for item in ops.iter().flat_map(Op::items) {
        if let CoreRef::Export { instance, name } = item
            && shim(*instance).is_some_and(|shim| *shim.table == **name)
        {
            let users = tables.entry(*instance).or_default();
            *users = users.saturating_add(1);
        }
    }
    let mut filled = HashMap::new();
    let instances = ops.iter().filter_map(|op| match op {
        Op::Instantiate { module, imports } => Some((module, imports)),
        _ => None,
    });
    for (number, (module, imports)) in (0u32..).zip(instances) {
        let Some(Shape::Fixup(fixup)) = &module.shape else { continue };
        let given: HashMap<_, _> = module.imports.iter().zip(imports).collect();
        let Some(CoreRef::Export { instance, name }) = given.get(&fixup.table) else { continue };
        // A table that others know could hold anything.
        if tables.get(instance) == Some(&1) && shim(*instance).is_some_and(|s| *s.table == **name) {
            let place = |(place, import, ty): &(u32, Name, FuncType)| match given.get(import) {
                Some(CoreRef::Trampoline(index)) => Some((*place, (*index, ty.clone()))),
                _ => None,
            };
            let places = fixup.entries.iter().filter_map(place).collect();
            filled.insert(*instance, Filled { fixup: number, places, left: 0 });
        }
    }
    for item in ops.iter_mut().flat_map(Op::refs) {
        let CoreRef::Export { instance, name } = item else { continue };
        let Some(Filled { places, left, .. }) = filled.get_mut(instance) else { continue };
        let slot = shim(*instance).and_then(|shim| shim.slots.get(&**name));
        match slot.and_then(|(slot, ty)| places.get(slot).filter(|(_, same)| same == ty)) {
            Some((trampoline, _)) => *item = CoreRef::Trampoline(*trampoline),
            None => *left = left.saturating_add(1),
        }
    }
    // One reference is the fixup's own, to the table.
    let gone = filled.iter().filter(|(_, filled)| filled.left == 1);
    let gone: HashSet<u32> = gone.flat_map(|(shim, filled)| [*shim, filled.fixup]).collect();
    if !gone.is_empty() {
        leave_out(ops, &gone);
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        component::{Component, Engine, Linker},
        process::{Call, DEFAULT_SLICE, WasmProcess, run},
        value::Value,
    };

    const SHIM: &str = r#"(module
        (type $t (func (param i32 i32)))
        (table (export "$imports") 2 2 funcref)
        (func (export "0") (type $t)
            (call_indirect (type $t) (local.get 0) (local.get 1) (i32.const 0)))
        (func (export "1") (param i32)
            (call_indirect (param i32) (local.get 0) (i32.const 1))))"#;

    #[test]
    fn a_shim_and_a_fixup_are_known_by_what_they_do() {
        let is = |text: &str| match shape(&wat::parse_str(text).unwrap()) {
            Some(Shape::Shim(shim)) => format!("shim of {}", shim.slots.len()),
            Some(Shape::Fixup(fixup)) => format!("fixup of {}", fixup.entries.len()),
            None => "neither".to_owned(),
        };
        assert_eq!(is(SHIM), "shim of 2");
        // Anything that it does besides would be lost.
        for (from, to) in [
            ("(local.get 0) (local.get 1)", "(local.get 1) (local.get 0)"),
            ("(local.get 0) (i32.const 1)", "(i32.const 7) (i32.const 1)"),
            ("(call_indirect (param i32)", "(nop) (call_indirect (param i32)"),
            ("2 2 funcref)", "2 2 funcref) (memory 1)"),
            ("2 2 funcref)", "2 2 funcref) (func $s) (start $s)"),
            ("2 2 funcref)", "2 2 funcref) (elem (i32.const 0) 0)"),
        ] {
            assert_eq!(is(&SHIM.replacen(from, to, 1)), "neither", "{to}");
        }
        let fixup = r#"(module (import "" "$imports" (table 2 2 funcref))
            (import "" "0" (func $a (param i32 i32))) (import "" "1" (func $b (param i32)))
            (elem (i32.const 0) func $a $b))"#;
        assert_eq!(is(fixup), "fixup of 2");
        assert_eq!(is(&fixup.replace("(elem", "(elem (table 0)")), "fixup of 2");
        assert_eq!(is(&fixup.replace("(elem", "(global i32 (i32.const 0)) (elem")), "neither");
        assert_eq!(is("(module)"), "neither");
    }

    /// A component whose module gets `host:a/a#tell` by way of a shim. `slot` stands
    /// in the second place of the table.
    fn component(slot: &str, user: &str) -> Component {
        let text = format!(
            r#"(component
            (import "tell" (func $tell (param "text" string)))
            (core module $shim_module {shim}
            (core module $main_module
                (import "" "0" (func $tell (param i32 i32)))
                (import "" "1" (func $other (param i32)))
                (memory (export "memory") 1)
                (data (i32.const 8) "hello")
                (func (export "other") (param i32))
                (func (export "go") (call $tell (i32.const 8) (i32.const 5)) {user}))
            (core module $fixup_module
                (import "" "$imports" (table 2 2 funcref))
                (import "" "0" (func $a (param i32 i32)))
                (import "" "1" (func $b (param i32)))
                (elem (i32.const 0) func $a $b))
            (core instance $shim (instantiate $shim_module))
            (core instance $main (instantiate $main_module (with "" (instance $shim))))
            (core func $tell_core (canon lower (func $tell) (memory (core memory $main "memory"))))
            (type $r (resource (rep i32)))
            (core func $drop (canon resource.drop $r))
            (core instance (instantiate $fixup_module (with "" (instance
                (export "$imports" (table $shim "$imports"))
                (export "0" (func $tell_core))
                (export "1" (func {slot}))))))
            (func (export "go") (canon lift (core func $main "go"))))"#,
            shim = SHIM.strip_prefix("(module").unwrap(),
        );
        Component::new(&Engine::default(), wat::parse_str(text).unwrap()).unwrap()
    }

    /// Runs `go`: what it has told, and how many core instances there are.
    fn told(component: &Component) -> (String, usize) {
        let mut linker = Linker::default();
        linker.declare("package host:a; world w { import tell: func(text: string); }").unwrap();
        linker.suspending("", "tell").unwrap();
        let program = component.link(&linker).unwrap();
        let mut told = String::new();
        let go = Call::new("go", Vec::new());
        let mut process = WasmProcess::start(&program, go.into()).unwrap();
        run(&mut process, DEFAULT_SLICE, |command| {
            let crate::command::Command::Call { args, .. } = command else {
                return crate::command::Reply::Refused("what else?".to_owned());
            };
            if let [Value::String(text)] = &args[..] {
                told.push_str(text);
            }
            crate::command::Reply::Value(None)
        })
        .unwrap();
        (told, program.instances())
    }

    #[test]
    fn nothing_is_left_of_a_shim_that_stands_for_the_host_alone() {
        assert_eq!(told(&component("$drop", "")), ("hello".to_owned(), 1));
    }

    #[test]
    fn a_shim_stays_for_functions_of_other_instances() {
        let other = r#"$main "other""#;
        let uses = "(call $other (i32.const 1))";
        assert_eq!(told(&component(other, uses)), ("hello".to_owned(), 3));
    }
}
