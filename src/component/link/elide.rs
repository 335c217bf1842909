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

use wasmparser::FuncType;

use super::plan::{CoreRef, Op};
use crate::component::load::{
    module::CoreModule,
    shape::{Name, Shape},
};

/// A shim as its fixup fills it.
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
        Op::Memory(_) | Op::Func(_) => None,
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
        Op::Memory(_) | Op::Func(_) => None,
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
        component::{Component, Engine, Linker, load::shape::shape},
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
            let crate::command::Command::Call(crate::command::HostCall { args, .. }) = command
            else {
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
