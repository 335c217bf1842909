//! Several tasks in one machine: who waits, who runs next, and what is left of them.

use super::*;
use crate::{
    account::Account,
    command::{Command, Reply},
    component::{Component, Engine, LinkedComponent, Linker, error::TrapKind},
};

const WIT: &str = "package demo:host; interface numbers {
    next: func() -> u32;
    twice: func(n: u32) -> u32;
}";

const ENOUGH: u64 = 1 << 30;

fn program() -> LinkedComponent {
    let mut linker = Linker::default();
    linker.declare(WIT).unwrap();
    linker.suspending("demo:host/numbers", "next").unwrap();
    linker.suspending("demo:host/numbers", "twice").unwrap();
    let wasm = wat::parse_str(include_str!("tests/chain.wat")).unwrap();
    Component::new(&Engine::default(), wasm).unwrap().link(&linker).unwrap()
}

/// An instantiated machine, and the account that it is on.
fn machine(program: &LinkedComponent) -> (Machine, Account) {
    let account = Account::new(1 << 30);
    let mut host = HostState::default();
    host.begin(account.clone(), None);
    let mut machine = program.machine(host);
    machine.set_fuel(ENOUGH);
    assert!(matches!(machine.run().unwrap(), Pause::Finished(None)));
    (machine, account)
}

fn call(machine: &mut Machine, program: &LinkedComponent, name: &str, args: Vec<Value>) {
    machine.call(program.function(name).unwrap().index(), args).unwrap();
}

/// The tag of the only command that has been asked for since.
fn asked(machine: &mut Machine) -> Tag {
    let mut yields = std::mem::take(&mut machine.yields);
    let asked = yields.pop().expect("nothing was asked for");
    assert!(yields.is_empty() && matches!(asked.command, Command::Call(_)), "{asked:?}");
    asked.tag
}

fn reply(number: u32) -> Reply {
    Reply::Value(Some(Value::U32(number)))
}

fn result(pause: Pause) -> Option<Value> {
    match pause {
        Pause::Finished(Some(value)) => value,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_borrow_is_dropped_while_another_task_runs_than_the_one_that_has_it() {
    let program = program();
    let (mut machine, _) = machine(&program);
    call(&mut machine, &program, "run", vec![]);
    assert!(matches!(machine.run().unwrap(), Pause::Blocked));
    assert_eq!(machine.store.data().tasks.len(), 3);
    let tag = asked(&mut machine);
    assert!(machine.complete(tag, reply(1)));
    assert!(!machine.complete(tag, reply(1)), "answered already");
    assert_eq!(result(machine.run().unwrap()), Some(Value::U32(1)));
    assert!(!machine.busy());
}

#[test]
fn a_borrow_that_is_kept_is_one_of_the_call_that_has_it() {
    let program = program();
    let (mut machine, _) = machine(&program);
    call(&mut machine, &program, "keep", vec![]);
    let trap = machine.run().unwrap_err();
    assert!(trap.to_string().contains("borrow handles still remain"), "{trap}");
}

#[test]
fn a_process_may_be_ended_wherever_its_tasks_are() {
    let program = program();
    // As many slices as it takes, and the trap in the end or not.
    for number in [0, 1] {
        for slices in 0..1000 {
            let (mut machine, account) = machine(&program);
            call(&mut machine, &program, "run", vec![]);
            let (mut pause, mut required) = (Ok(Pause::Blocked), 0);
            for _ in 0..slices {
                machine.set_fuel(required.max(2));
                pause = machine.run();
                machine.take_fuel();
                match &pause {
                    Ok(Pause::Blocked) => {
                        let tag = asked(&mut machine);
                        machine.complete(tag, reply(number));
                    }
                    Ok(Pause::OutOfFuel(more)) => required = *more,
                    Ok(Pause::Finished(_)) | Err(_) => break,
                }
            }
            drop(machine);
            assert_eq!(account.used(), 0, "after {slices} slices");
            match pause {
                Ok(Pause::Blocked | Pause::OutOfFuel(_)) => {}
                Ok(Pause::Finished(value)) => {
                    assert_eq!((value.is_some(), number), (true, 1));
                    break;
                }
                Err(trap) => {
                    assert_eq!((trap.kind, number), (TrapKind::Core, 0));
                    break;
                }
            }
            assert!(slices < 999, "no end");
        }
    }
}

#[test]
fn tasks_go_on_in_the_order_in_which_they_can() {
    let program = program();
    let (mut machine, account) = machine(&program);
    let mut tags = Vec::new();
    for n in 0..3 {
        call(&mut machine, &program, "twice", vec![Value::U32(n)]);
        assert!(matches!(machine.run().unwrap(), Pause::Blocked));
        tags.push(asked(&mut machine));
    }
    assert!(machine.complete(tags[2], reply(4)));
    assert!(machine.complete(tags[0], reply(0)));
    assert_eq!(result(machine.run().unwrap()), Some(Value::U32(4)));
    assert_eq!(result(machine.run().unwrap()), Some(Value::U32(0)));
    assert!(matches!(machine.run().unwrap(), Pause::Blocked));
    drop(machine);
    assert_eq!(account.used(), 0);
}

#[test]
fn an_instance_is_not_entered_while_a_call_in_it_waits() {
    let program = program();
    let (mut machine, _) = machine(&program);
    call(&mut machine, &program, "run", vec![]);
    assert!(matches!(machine.run().unwrap(), Pause::Blocked));
    let keep = program.function("keep").unwrap().index();
    let trap = machine.call(keep, vec![]).unwrap_err();
    assert!(trap.to_string().contains("cannot enter component instance"), "{trap}");
}

#[test]
fn a_suspended_realloc_excludes_other_tasks() {
    let program = program();
    let (mut machine, _) = machine(&program);
    call(&mut machine, &program, "twice", vec![Value::U32(1)]);
    assert!(matches!(machine.run().unwrap(), Pause::Blocked));
    let tag = asked(&mut machine);

    let bytes = Value::from(vec![0u8; 3]);
    call(&mut machine, &program, "length", vec![bytes]);
    machine.set_fuel(100);
    assert!(matches!(machine.run().unwrap(), Pause::OutOfFuel(_)));
    assert!(machine.complete(tag, reply(2)));
    let mut slices = 0;
    while matches!(machine.frames.last(), Some(Frame::Realloc(_))) {
        assert_eq!(machine.ready.len(), 1);
        machine.set_fuel(1000);
        assert!(matches!(machine.run().unwrap(), Pause::OutOfFuel(_)));
        machine.take_fuel();
        slices += 1;
    }
    assert!(slices > 2, "only {slices}");
    machine.set_fuel(ENOUGH);
    assert_eq!(result(machine.run().unwrap()), Some(Value::U32(3)));
    assert_eq!(result(machine.run().unwrap()), Some(Value::U32(2)));
}

/// Components of which each calls the next, so many of them.
fn chain(length: usize) -> LinkedComponent {
    let mut text = String::from(
        "(component (component $end
            (core module $m (func (export \"f\") (result i32) (i32.const 7)))
            (core instance $i (instantiate $m))
            (func (export \"f\") (result u32) (canon lift (core func $i \"f\"))))
          (component $link
            (import \"f\" (func $f (result u32)))
            (core func $f' (canon lower (func $f)))
            (core module $m
              (import \"\" \"f\" (func $f (result i32)))
              (func (export \"f\") (result i32) (i32.add (call $f) (i32.const 1))))
            (core instance $i (instantiate $m (with \"\" (instance (export \"f\" (func $f'))))))
            (func (export \"f\") (result u32) (canon lift (core func $i \"f\"))))
          (instance $i0 (instantiate $end))",
    );
    for at in 1..length {
        let before = at - 1;
        text += &format!(
            "(alias export $i{before} \"f\" (func $f{before}))
             (instance $i{at} (instantiate $link (with \"f\" (func $f{before}))))"
        );
    }
    text += &format!("(export \"f\" (func $i{} \"f\")))", length - 1);
    let component = Component::new(&Engine::default(), wat::parse_str(&text).unwrap()).unwrap();
    component.link(&Linker::default()).unwrap()
}

#[test]
fn calls_upon_each_other_are_on_the_account() {
    let run = |length, memory| {
        let program = chain(length);
        let account = Account::new(memory);
        let mut host = HostState::default();
        host.begin(account.clone(), None);
        let mut machine = program.machine(host);
        machine.set_fuel(ENOUGH);
        assert!(matches!(machine.run().unwrap(), Pause::Finished(None)));
        let before = account.used();
        call(&mut machine, &program, "f", vec![]);
        let run = machine.run().map(result);
        if run.is_ok() {
            assert_eq!(account.used(), before, "all has been given back");
        }
        run.map_err(|trap| trap.to_string())
    };
    const MIB: u64 = 1 << 20;
    assert_eq!(run(4, MIB), Ok(Some(Value::U32(10))));
    assert_eq!(run(20, 256 * MIB), Ok(Some(Value::U32(26))));
    let told = run(20, 64 * MIB).unwrap_err();
    assert!(told.contains("`limits.max_memory`, 67108864 bytes"), "{told}");
    let told = run(300, 1 << 40).unwrap_err();
    assert!(told.contains("too many calls between components"), "{told}");
}
