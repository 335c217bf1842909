//! Functions, resources, modules and components of the host, and their absence.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use super::{Answer, Component, Engine, LinkError, LinkedComponent, Linker, TrapKind};
use crate::{
    command::{Command, HostCall, Reply},
    process::{Call, Cause, DEFAULT_SLICE, Outcome, WasmProcess, run},
    value::{Resource, Value},
};

fn component(engine: &Engine, text: &str) -> Component {
    Component::new(engine, wat::parse_str(text).unwrap()).unwrap()
}

fn call(program: &LinkedComponent, method: &str, args: Vec<Value>) -> Outcome {
    let mut process = WasmProcess::start(program, Call::new(method, args).into())?;
    run(&mut process, DEFAULT_SLICE, |command| match command {
        Command::Call(HostCall { args, .. }) => Reply::Value(args.into_iter().next()),
        other => Reply::Refused(format!("{other:?}")),
    })
}

/// A component that passes a number on to `demo:host/numbers@1.2.0#f`.
const CALLER: &str = r#"(component
    (import "demo:host/numbers@1.2.0" (instance $numbers
        (export "f" (func (param "n" u32) (result u32)))))
    (core func $f (canon lower (func $numbers "f")))
    (core module $m (import "" "f" (func $f (param i32) (result i32)))
        (func (export "f") (param i32) (result i32) (call $f (local.get 0))))
    (core instance $i (instantiate $m (with "" (instance (export "f" (func $f))))))
    (func (export "f") (param "n" u32) (result u32) (canon lift (core func $i "f"))))"#;

fn numbers(version: &str, f: &str) -> Linker {
    let mut linker = Linker::default();
    linker
        .declare(&format!("package demo:host@{version}; interface numbers {{ f: {f}; }}"))
        .unwrap();
    linker
}

#[test]
fn a_function_of_a_compatible_version_is_called() {
    let mut linker = numbers("1.9.0", "func(n: u32) -> u32");
    linker
        .func("demo:host/numbers", "f", |_, args| {
            let Some(Value::U32(n)) = args.first() else { unreachable!("checked by the engine") };
            Ok(Answer::Now(Some(Value::U32(n * 2))))
        })
        .unwrap();
    let program = component(&Engine::default(), CALLER).link(&linker).unwrap();
    assert_eq!(call(&program, "f", vec![Value::U32(21)]), Ok(Some(Value::U32(42))));
}

#[test]
fn a_suspending_function_is_answered_from_outside() {
    let mut linker = numbers("1.2.0", "func(n: u32) -> u32");
    linker.suspending("demo:host/numbers", "f").unwrap();
    let program = component(&Engine::default(), CALLER).link(&linker).unwrap();
    assert_eq!(call(&program, "f", vec![Value::U32(7)]), Ok(Some(Value::U32(7))));
}

#[test]
fn another_signature_does_not_link() {
    let linker = numbers("1.2.0", "func(n: u64) -> u32");
    let error = component(&Engine::default(), CALLER).link(&linker).unwrap_err();
    assert_eq!(
        error,
        LinkError {
            import: "demo:host/numbers@1.2.0#f".to_owned(),
            reason: "the component expects `func(n: u32) -> u32`, \
                     the host provides `func(n: u64) -> u32`"
                .to_owned(),
        }
    );
}

#[test]
fn an_import_that_is_not_there_or_denied_traps_when_it_is_called() {
    let component = component(&Engine::default(), CALLER);
    let message = |outcome: Outcome| {
        let error = outcome.unwrap_err();
        assert_eq!(error.cause(), Cause::Trap(TrapKind::Denied));
        error.message().to_owned()
    };
    let absent = component.link(&numbers("2.0.0", "func(n: u32) -> u32")).unwrap();
    assert_eq!(
        message(call(&absent, "f", vec![Value::U32(1)])),
        "`f` trapped: `demo:host/numbers@1.2.0#f` was called, but this host does not provide it"
    );
    let deny = |name: &str| (name == "demo:host/numbers@1.2.0#f").then(|| "not here".to_owned());
    let linker = numbers("1.2.0", "func(n: u32) -> u32");
    let denied = component.link_with(&linker, &deny).unwrap();
    assert_eq!(
        message(call(&denied, "f", vec![Value::U32(1)])),
        "`f` trapped: `demo:host/numbers@1.2.0#f` was called, but not here"
    );
}

#[test]
fn the_host_is_told_when_its_resource_is_dropped() {
    let text = r#"(component
        (import "demo:host/things" (instance $things
            (export "thing" (type $thing (sub resource)))
            (export "[constructor]thing" (func (param "n" u32) (result (own $thing))))))
        (alias export $things "thing" (type $thing))
        (core func $new (canon lower (func $things "[constructor]thing")))
        (core func $drop (canon resource.drop $thing))
        (core module $m
            (import "" "new" (func $new (param i32) (result i32)))
            (import "" "drop" (func $drop (param i32)))
            (func (export "f") (param i32) (call $drop (call $new (local.get 0)))))
        (core instance $i (instantiate $m (with "" (instance
            (export "new" (func $new)) (export "drop" (func $drop))))))
        (func (export "f") (param "n" u32) (canon lift (core func $i "f"))))"#;
    let dropped = Arc::new(AtomicU32::new(0));
    let mut linker = Linker::default();
    linker
        .declare("package demo:host; interface things { resource thing { constructor(n: u32); } }")
        .unwrap();
    linker
        .func("demo:host/things", "[constructor]thing", |_, args| match args.as_slice() {
            [Value::U32(n)] => Ok(Answer::Now(Some(Value::Own(Resource::host(n + 1))))),
            _ => unreachable!("checked by the engine"),
        })
        .unwrap();
    let told = dropped.clone();
    linker
        .resource_dtor("demo:host/things", "thing", move |_, rep| {
            told.store(rep, Ordering::Relaxed);
            Ok(())
        })
        .unwrap();
    let program = component(&Engine::default(), text).link(&linker).unwrap();
    assert_eq!(call(&program, "f", vec![Value::U32(41)]), Ok(None));
    assert_eq!(dropped.load(Ordering::Relaxed), 42);
}

#[test]
fn the_host_gives_modules_and_components() {
    let engine = Engine::default();
    let importer = component(
        &engine,
        r#"(component
            (import "math" (core module $math (export "two" (func (result i32)))))
            (import "wrap" (component $wrap (export "three" (func (result u32)))))
            (core instance $i (instantiate $math))
            (instance $w (instantiate $wrap))
            (func (export "two") (result u32) (canon lift (core func $i "two")))
            (alias export $w "three" (func $three))
            (export "three" (func $three)))"#,
    );
    let mut linker = Linker::default();
    let error = importer.link(&linker).unwrap_err();
    assert_eq!(error.to_string(), "import `math`: the host does not give this core module");

    let math = r#"(module (func (export "two") (result i32) (i32.const 2)))"#;
    linker.module("math", &engine, &wat::parse_str(math).unwrap()).unwrap();
    let wrap = r#"(component
        (core module $m (func (export "three") (result i32) (i32.const 3)))
        (core instance $i (instantiate $m))
        (func (export "three") (result u32) (canon lift (core func $i "three"))))"#;
    linker.component("wrap", &component(&engine, wrap));
    let program = importer.link(&linker).unwrap();
    assert_eq!(call(&program, "two", vec![]), Ok(Some(Value::U32(2))));
    assert_eq!(call(&program, "three", vec![]), Ok(Some(Value::U32(3))));

    linker.component("wrap", &component(&Engine::default(), wrap));
    let program = importer.link(&linker).unwrap();
    assert_eq!(call(&program, "three", vec![]), Ok(Some(Value::U32(3))));
    assert!(linker.module("m", &engine, b"\0asm\x0d\0\x01\0").is_err());
}
