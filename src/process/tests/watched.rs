//! Processes that know where they are do what the others do, unit for unit.

use super::*;
use crate::process::Stack;

/// Everything that the loader or the notes change: growth and bulk operations of any
/// length, tail calls, calls through a table, branches with and without results, constants
/// as conditions, stores to a second memory.
const ALL: &str = r#"
    (memory $one 1 200)
    (memory $two 3)
    (global $g (mut i32) (i32.const 0))
    (type $f (func (param i32) (result i32)))
    (table 2 100 funcref)
    (elem (i32.const 0) $twice $odd)
    (func $twice (param $n i32) (result i32) (nop) (i32.mul (local.get $n) (i32.const 2)))
    (func $odd (param $n i32) (result i32)
        (if (result i32) (i32.eqz (local.get $n))
            (then (i32.const 7))
            (else (return_call $even (i32.sub (local.get $n) (i32.const 1))))))
    (func $even (param $n i32) (result i32)
        (if (i32.eqz (local.get $n)) (then (return (i32.const 9))))
        (return_call_indirect (type $f) (i32.sub (local.get $n) (i32.const 1)) (i32.const 1)))
    (func $bulk (param $n i32)
        (memory.fill (i32.const 0) (i32.const 1) (i32.shl (local.get $n) (i32.const 10)))
        (memory.copy $two $one (i32.const 5) (i32.const 9) (local.get $n))
        (drop (memory.grow (i32.rem_u (local.get $n) (i32.const 70))))
        (drop (table.grow (ref.null func) (i32.const 3)))
        (i64.store $two offset=70000 (i32.const 8) (i64.const 5)))
    (func $wide (param $n i32) (result i64) (local $w i64)
        (local.set $w (i64.extend_i32_u (local.get $n)))
        (block $out (result i64)
            (br_if $out (i64.add (local.get $w) (i64.const 1)) (i32.const 0))
            (if (i32.const 1) (then (global.set $g (i32.const 3))) (else (unreachable)))))
    (func $deep (param $n i32) (result i32)
        (if (result i32) (local.get $n)
            (then (i32.add (call $deep (i32.sub (local.get $n) (i32.const 1))) (i32.const 1)))
            (else (i32.const 0))))
    (func $outer (export "f") (param $n i32) (result i32) (local $i i32)
        (loop $again
            (call $bulk (local.get $i))
            (global.set $g (i32.add (global.get $g) (call_indirect (type $f)
                (local.get $i) (i32.and (local.get $i) (i32.const 1)))))
            (drop (call $wide (local.get $i)))
            (drop (call $deep (local.get $i)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
        (i32.add (global.get $g) (i32.load (i32.const 4096))))"#;

/// All that a process is, between two steps.
fn state(process: &mut WasmProcess) -> Vec<u8> {
    let mut all = Vec::new();
    process.state(&mut |part| all.extend_from_slice(part));
    all
}

fn names(process: &mut WasmProcess) -> Vec<String> {
    process.stack().map(|stack| stack.frames).unwrap_or_default()
}

#[test]
fn who_is_watched_takes_the_same_fuel_and_stops_at_the_same_places() {
    let program = program(ALL, &["f"]);
    let watched = program.watched().unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for slice in [1, 7, 100, 1_000, 100_000] {
        let (mut plain, mut other) = (started(&program, "f", 20), started(&watched, "f", 20));
        let (mut events, mut out, mut again) = Default::default();
        let mut steps = 0;
        while !matches!(out, StepOutput { status: Status::Done(_), .. }) {
            plain.step(&mut events, Fuel(slice), &mut out);
            other.step(&mut events, Fuel(slice), &mut again);
            assert_eq!(out, again, "step {steps} of {slice}");
            assert_eq!(plain.memory_used(), other.memory_used());
            steps += 1;
            if steps % 97 == 0 || slice > 7 {
                assert_eq!(state(&mut plain), state(&mut other), "step {steps} of {slice}");
            }
            assert_eq!(plain.stack(), None);
            seen.extend(names(&mut other).first().cloned());
        }
    }
    // Of one that is a single block nothing is begun where it stops.
    let all = ["bulk", "deep", "even", "odd", "outer", "wide"];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), all);
}

#[test]
fn the_functions_are_those_that_it_is_in() {
    let core = r#"
        (func $outer (export "f") (param $n i32) (result i32)
            (call $harmless)
            (call $inner (local.get $n)))
        (func $harmless (call $leaf))
        (func $leaf)
        (func $inner (param $n i32) (result i32)
            (if (result i32) (local.get $n)
                (then (call $inner (i32.sub (local.get $n) (i32.const 1))))
                (else (loop $for_ever (br $for_ever)) (i32.const 1))))"#;
    let watched = program(core, &["f"]).watched().unwrap();
    let (mut events, mut out) = (Vec::new(), StepOutput::default());
    let mut process = started(&watched, "f", 2);
    process.step(&mut events, Fuel(10_000), &mut out);
    assert_eq!(names(&mut process), ["inner", "inner", "inner", "outer"]);
    let mut process = started(&watched, "f", 1_000);
    process.step(&mut events, Fuel(50_000), &mut out);
    let Some(Stack { frames, more }) = process.stack() else { panic!("no stack") };
    assert_eq!((frames.len(), more), (100, 902));
}

/// Each module has a memory of its own for notes, and they count on one.
#[test]
fn modules_that_call_each_other_have_one_stack() {
    let text = r#"(component
        (core module $lib
            (memory (export "memory") 1)
            (table (export "table") 1 funcref)
            (global (export "global") (mut i32) (i32.const 0))
            (func $early (export "early"))
            (func $lib (export "func") (loop $for_ever (br $for_ever))))
        (core instance $lib (instantiate $lib))
        (core module $m
            (import "lib" "global" (global $g (mut i32)))
            (import "lib" "func" (func $f))
            (import "lib" "early" (func $early))
            (import "lib" "memory" (memory 1))
            (import "lib" "table" (table 1 funcref))
            (func $outer (export "f") (param i32) (result i32)
                (call $early)
                (call $middle)
                (local.get 0))
            (func $middle
                (global.set $g (i32.load (i32.const 0)))
                (call $f)))
        (core instance $i (instantiate $m (with "lib" (instance $lib))))
        (func (export "f") (param "n" u32) (result u32) (canon lift (core func $i "f"))))"#;
    let component = Component::new(&Engine::default(), wat::parse_str(text).unwrap()).unwrap();
    let watched = component.link(&Linker::default()).unwrap().watched().unwrap();
    let mut process = started(&watched, "f", 1);
    process.step(&mut Vec::new(), Fuel(10_000), &mut StepOutput::default());
    assert_eq!(names(&mut process), ["lib", "middle", "outer"]);
}
