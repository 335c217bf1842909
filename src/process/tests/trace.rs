//! Where a guest has trapped: what tells it, and what that costs others.

use super::*;
use crate::command::{Chore, Command, Completion, Tag, Yield};

#[test]
fn a_trap_names_the_functions_that_were_running() {
    let core = r#"
        (memory 1)
        (func $outer (export "f") (param $n i32) (result i32)
            (call $harmless)
            (call $inner (local.get $n)))
        (func $harmless (call $leaf))
        (func $leaf)
        (func $inner (param $n i32) (result i32)
            (i32.div_u (i32.const 1) (local.get $n)))"#;
    let (outcome, _) = same_in_all_slices(core, "f", 0);
    let error = outcome.unwrap_err();
    assert_eq!(error.message(), "`f` trapped: integer divide by zero");
    assert_eq!(error.frames(), ["inner", "outer"]);
    assert_eq!(error.depth(), 2);
}

/// Counts down and traps.
const COUNT: &str = r#"(func $count (export "f") (param $n i32) (result i32)
    (loop $again
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $again (local.get $n)))
    (unreachable))"#;

const COUNTED: &str = "`f` trapped: wasm `unreachable` instruction executed";

/// A process that has trapped, with the chore that it waits for.
fn trapped(program: &LinkedComponent) -> (WasmProcess, Tag, Chore) {
    let mut process = started(program, "f", 10_000);
    let (mut events, mut out) = (Vec::new(), StepOutput::default());
    while process.decided().is_none() {
        process.step(&mut events, Fuel(1_000), &mut out);
    }
    assert_eq!(out.status, Status::Blocked);
    match out.yields.pop() {
        Some(Yield { tag, command: Command::Chore(chore) }) => (process, tag, chore),
        other => panic!("{other:?}"),
    }
}

fn answer(tag: Tag, reply: Reply) -> Event {
    Event::Completion(Completion { tag, reply })
}

/// Hands in an event and steps to the end.
fn end_after(process: &mut WasmProcess, event: Event) -> Outcome {
    let (mut events, mut out) = (vec![event], StepOutput::default());
    loop {
        process.step(&mut events, Fuel(1_000), &mut out);
        match std::mem::replace(&mut out.status, Status::Continue) {
            Status::Continue => assert!(process.decided().is_some()),
            Status::Done(outcome) => return outcome,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn who_has_trapped_is_not_ended_by_anything_else() {
    let program = program(COUNT, &["f"]);
    let events: [fn() -> Event; 3] = [
        || Event::Timeout { limit: 5 },
        || Event::Cancel { reason: "late".to_owned() },
        || Event::Mail(Mail::Cancel { from: None, reason: "late".to_owned() }),
    ];
    for (event, runs) in events.iter().flat_map(|event| [(event, false), (event, true)]) {
        let (mut process, tag, chore) = trapped(&program);
        let decided = process.decided();
        if runs {
            chore.run();
            let mut out = StepOutput::default();
            process.step(&mut vec![answer(tag, Reply::Done)], Fuel(1_000), &mut out);
            assert_eq!(out.status, Status::Continue);
            assert!(out.fuel_used > 0);
        }
        let outcome = end_after(&mut process, event());
        assert_eq!(outcome.clone().unwrap_err().message(), COUNTED);
        assert_eq!(Some(outcome), decided);
    }
}

#[test]
fn the_steps_of_a_process_change_no_module() {
    let program = program(COUNT, &["f"]);
    let (mut one, first, chore) = trapped(&program);
    let (mut two, second, same) = trapped(&program);
    assert!(chore == same && !chore.is_done());
    // Mail, and answers to what it has asked before, are no reason to go on.
    let mut out = StepOutput::default();
    for mut events in [vec![], vec![answer(Tag(7_000), Reply::Done)]] {
        one.step(&mut events, Fuel(1_000), &mut out);
        assert_eq!((&out.status, out.fuel_used), (&Status::Blocked, 0));
    }
    chore.run();
    assert!(same.is_done());
    for (process, tag) in [(&mut one, first), (&mut two, second)] {
        let error = end_after(process, answer(tag, Reply::Done)).unwrap_err();
        assert_eq!((error.message(), error.frames()), (COUNTED, &["count".to_owned()][..]));
    }
    // It is asked for all the same.
    assert!(trapped(&program).2.is_done());
}

#[test]
fn without_the_chore_no_functions_are_named() {
    let program = program(COUNT, &["f"]);
    for reply in [Reply::Refused("nobody does it".to_owned()), Reply::Done] {
        let (mut process, tag, chore) = trapped(&program);
        assert!(!chore.is_done());
        let error = end_after(&mut process, answer(tag, reply)).unwrap_err();
        assert_eq!((error.message(), error.frames(), error.depth()), (COUNTED, &[][..], 0));
    }
}

/// The names of the functions in which a program with this core module traps.
fn frames(core: &str) -> Vec<String> {
    let (outcome, _) = call(&program(core, &["f"]), Limits::default(), "f", 3, 100_000);
    let error = outcome.unwrap_err();
    assert_eq!(error.message(), COUNTED);
    error.frames().to_vec()
}

#[test]
fn of_programs_beyond_the_limit_no_functions_are_named() {
    let none: [String; 0] = [];
    let data = |bytes: usize| format!("(memory 1) (data \"{}\") {COUNT}", "x".repeat(bytes));
    assert_eq!(frames(&data((4 << 20) - 1_000)), ["count"]);
    assert_eq!(frames(&data(4 << 20)), none);
    let code = "(drop (i32.add (i32.const 1) (i32.const 2)))".repeat(50_000);
    let code = |functions| format!("{} {COUNT}", format!("(func {code})").repeat(functions));
    assert_eq!(frames(&code(2)), ["count"]);
    assert_eq!(frames(&code(14)), none);
    // Names count, what else may be in a module does not.
    let custom = |name| format!("(@custom \"{name}\" \"{}\") {COUNT}", "x".repeat(5 << 20));
    assert_eq!(frames(&custom(".debug_info")), ["count"]);
    assert_eq!(frames(&format!("(func ${}) {COUNT}", "x".repeat(5 << 20))), none);
}

/// The interpreter lists the imports of a module by their sorts, not in their order.
#[test]
fn a_module_with_imports_of_all_sorts_leaves_a_trace() {
    let text = r#"(component
        (core module $lib
            (memory (export "memory") 1)
            (table (export "table") 1 funcref)
            (global (export "global") (mut i32) (i32.const 0))
            (func $lib (export "func") (unreachable)))
        (core instance $lib (instantiate $lib))
        (core module $m
            (import "lib" "global" (global $g (mut i32)))
            (import "lib" "func" (func $f))
            (import "lib" "memory" (memory 1))
            (import "lib" "table" (table 1 funcref))
            (func $outer (export "f") (param i32) (result i32)
                (global.set $g (i32.load (i32.const 0)))
                (call $f)
                (local.get 0)))
        (core instance $i (instantiate $m (with "lib" (instance $lib))))
        (func (export "f") (param "n" u32) (result u32) (canon lift (core func $i "f"))))"#;
    let bytes = wat::parse_str(text).unwrap();
    let component = Component::new(&Engine::default(), bytes).unwrap();
    let program = component.link(&Linker::default()).unwrap();
    let (outcome, _) = call(&program, Limits::default(), "f", 1, 100_000);
    assert_eq!(outcome.unwrap_err().frames(), ["lib", "outer"]);
}

#[test]
fn long_names_are_cut_and_missing_ones_are_numbers() {
    let named = |name: &str| frames(&COUNT.replace("$count", &format!("$\"{name}\"")));
    assert_eq!(named("_ZN3foo3bar17h05af221e174051e9E"), ["foo::bar"]);
    assert_eq!(named(&"é".repeat(5_000)), ["é".repeat(2_048) + "…"]);
    let [number] = &frames(&COUNT.replace("$count", ""))[..] else { panic!("no frame") };
    assert!(number.starts_with("function 0 of the module at offset 0x"), "{number}");
}
