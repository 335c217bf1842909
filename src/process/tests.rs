//! What steps promise: bounded, repeatable, and the same in any slice size.

mod trace;
mod values;
mod watched;

use super::{
    Args, Call, Cause, Error, ErrorKind, Event, Fuel, Limits, Outcome, Process, Start, StartData,
    Status, StepOutput, WasmProcess, run,
};
use crate::{
    account::Account,
    command::{Command, InlineDispatcher, Mail, Reply},
    component::{Answer, Component, Engine, LinkedComponent, Linker, TrapKind},
    imports::wasi::WasiConfig,
    value::{Term, Value},
};

/// A component around one core module, all of whose `exports` take and return
/// one `u32`.
fn program(core: &str, exports: &[&str]) -> LinkedComponent {
    let mut text =
        format!("(component (core module $m {core}) (core instance $i (instantiate $m))");
    for name in exports {
        text += &format!(
            "(func (export \"{name}\") (param \"n\" u32) (result u32) \
             (canon lift (core func $i \"{name}\")))"
        );
    }
    text += ")";
    let bytes = wat::parse_str(text).unwrap();
    let component = Component::new(&Engine::default(), bytes).unwrap();
    component.link(&Linker::default()).unwrap()
}

fn start(program: &LinkedComponent, limits: Limits, call: Call) -> Result<WasmProcess, Error> {
    let data = StartData { call: Some(call), limits, ..StartData::default() };
    WasmProcess::start(program, data.into())
}

/// A process with one number as its argument.
fn started(program: &LinkedComponent, method: &str, arg: u32) -> WasmProcess {
    start(program, Limits::default(), Call::new(method, vec![Value::U32(arg)])).unwrap()
}

/// Result and fuel of one call in slices of the given size.
fn call(
    program: &LinkedComponent,
    limits: Limits,
    method: &str,
    arg: u32,
    slice: u64,
) -> (Result<Option<Value>, Error>, u64) {
    let mut process = start(program, limits, Call::new(method, vec![Value::U32(arg)])).unwrap();
    let outcome = run(&mut process, Fuel(slice), |_| Reply::Refused("no commands here".to_owned()));
    (outcome, process.fuel_used())
}

/// The same call in many slice sizes has one result and one fuel count.
fn same_in_all_slices(core: &str, method: &str, arg: u32) -> (Result<Option<Value>, Error>, u64) {
    let program = program(core, &[method]);
    let whole = call(&program, Limits::default(), method, arg, u64::MAX);
    for slice in [1, 7, 100, 1_000, 100_000] {
        let sliced = call(&program, Limits::default(), method, arg, slice);
        assert_eq!(sliced, whole, "slices of {slice}");
    }
    whole
}

const LOOP: &str = r#"
    (func (export "sum") (param $n i32) (result i32) (local $sum i32)
        (loop $again
            (local.set $sum (i32.add (local.get $sum) (local.get $n)))
            (local.set $n (i32.sub (local.get $n) (i32.const 1)))
            (br_if $again (local.get $n)))
        (local.get $sum))"#;

#[test]
fn a_loop_may_be_cut_anywhere() {
    let (outcome, _) = same_in_all_slices(LOOP, "sum", 1000);
    assert_eq!(outcome, Ok(Some(Value::U32(500_500))));
}

#[test]
fn a_table_may_grow_in_any_slice() {
    let core = r#"
        (table $t 0 100000 funcref)
        (func (export "grow") (param $n i32) (result i32)
            (loop $again
                (drop (table.grow $t (ref.null func) (i32.const 800)))
                (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                (br_if $again (local.get $n)))
            (table.size $t))"#;
    let (outcome, _) = same_in_all_slices(core, "grow", 20);
    assert_eq!(outcome, Ok(Some(Value::U32(16_000))));
}

#[test]
fn a_bulk_operation_larger_than_a_slice_becomes_a_debt() {
    let core = r#"
        (memory 16)
        (func (export "fill") (param $n i32) (result i32)
            (loop $again
                (memory.fill (i32.const 0) (local.get $n) (i32.const 1000000))
                (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                (br_if $again (local.get $n)))
            (i32.load8_u (i32.const 999999)))"#;
    let (outcome, fuel) = same_in_all_slices(core, "fill", 3);
    assert_eq!(outcome, Ok(Some(Value::U32(1))));
    assert!(fuel > 3 * 1_000_000 / 64);

    let program = program(core, &["fill"]);
    let mut process = started(&program, "fill", 3);
    let (mut events, mut out) = (Vec::new(), StepOutput::default());
    let mut steps = 0;
    while !matches!(out.status, Status::Done(_)) {
        process.step(&mut events, Fuel(1000), &mut out);
        steps += 1;
    }
    // The last operation's debt dies with the process.
    assert!(steps > 2 * 1_000_000 / 64 / 1000, "{steps} steps");
}

#[test]
fn a_start_function_runs_in_slices_too() {
    let core = r#"
        (global $g (mut i32) (i32.const 0))
        (func $start
            (loop $again
                (global.set $g (i32.add (global.get $g) (i32.const 1)))
                (br_if $again (i32.lt_u (global.get $g) (i32.const 10000)))))
        (start $start)
        (func (export "get") (param i32) (result i32) (global.get $g))"#;
    let (outcome, _) = same_in_all_slices(core, "get", 0);
    assert_eq!(outcome, Ok(Some(Value::U32(10_000))));
}

#[test]
fn an_endless_loop_is_stopped_by_an_event() {
    let program = program(
        r#"(func (export "spin") (param i32) (result i32) (loop $l (br $l)) (unreachable))"#,
        &["spin"],
    );
    let mut process = started(&program, "spin", 0);
    let (mut events, mut out) = (Vec::new(), StepOutput::default());
    for _ in 0..10 {
        process.step(&mut events, Fuel(10_000), &mut out);
        assert_eq!(out.status, Status::Continue);
        assert!(out.fuel_used <= 10_000);
    }
    events.push(Event::Timeout { limit: 50 });
    process.step(&mut events, Fuel(10_000), &mut out);
    let Status::Done(Err(error)) = &out.status else { panic!("{:?}", out.status) };
    assert_eq!((error.kind(), error.cause()), (ErrorKind::Timeout, Cause::Timeout));
    assert_eq!(error.message(), "the process ran longer than its limit of 50 ms");
}

#[test]
fn calls_of_the_host_shorten_a_slice_and_use_no_fuel() {
    let mut linker = Linker::default();
    linker.declare("package demo:host; interface beat { once: func(); }").unwrap();
    linker.func("demo:host/beat", "once", |_, _| Ok(Answer::Now(None))).unwrap();
    let wasm = wat::parse_str(include_str!("tests/beats.wat")).unwrap();
    let program = Component::new(&Engine::default(), wasm).unwrap().link(&linker).unwrap();
    let fuel = |slice| call(&program, Limits::default(), "beat", 10_000, slice);
    let (outcome, used) = fuel(u64::MAX);
    assert_eq!((outcome, used < 200_000), (Ok(Some(Value::U32(0))), true), "{used}");
    for slice in [1, 1_000, 100_000] {
        assert_eq!(fuel(slice).1, used, "slices of {slice}");
    }

    let mut process = started(&program, "beat", 10_000);
    let (mut events, mut out) = (Vec::new(), StepOutput::default());
    let mut steps = 0;
    while !matches!(out.status, Status::Done(_)) {
        process.step(&mut events, Fuel(100_000), &mut out);
        assert!(out.fuel_used + out.host_time <= 100_000, "{out:?}");
        steps += 1;
    }
    assert!(steps >= 100, "10 000 calls have taken {steps} steps");
}

#[test]
fn max_fuel_ends_the_process_at_the_same_place_in_any_slice() {
    let program = program(LOOP, &["sum"]);
    let limits = Limits { max_fuel: Some(5_000), ..Limits::default() };
    let (outcome, fuel) = call(&program, limits, "sum", 1_000_000, u64::MAX);
    let error = outcome.unwrap_err();
    assert_eq!(error.cause(), Cause::Trap(TrapKind::Limit));
    assert!(error.message().contains("`limits.max_fuel`, 5000 units"), "{error}");
    for slice in [1, 10, 1_000] {
        let sliced = call(&program, limits, "sum", 1_000_000, slice);
        assert_eq!(sliced, (Err(error.clone()), fuel), "slices of {slice}");
    }
}

#[test]
fn memory_beyond_the_limit_is_refused_inside_the_guest() {
    let core = r#"
        (memory 1)
        (func (export "grow") (param $n i32) (result i32) (memory.grow (local.get $n)))"#;
    let limits = Limits { max_memory: 10 << 16, ..Limits::default() };
    let program = program(core, &["grow"]);
    assert_eq!(call(&program, limits, "grow", 9, 100).0, Ok(Some(Value::U32(1))));
    assert_eq!(call(&program, limits, "grow", 10, 100).0, Ok(Some(Value::U32(u32::MAX))));

    let limits = Limits { max_memory: 1000, ..Limits::default() };
    let error = call(&program, limits, "grow", 0, 100).0.unwrap_err();
    assert!(error.message().contains("`limits.max_memory`"), "{error}");
}

#[test]
fn a_finished_process_may_be_called_again() {
    let program = program(LOOP, &["sum"]);
    let sum = |n| Call::new("sum", vec![Value::U32(n)]);
    let mut process = started(&program, "sum", 1);
    assert_eq!(process.call(sum(1)).unwrap_err().kind(), ErrorKind::Conflict);
    for n in 1..4 {
        let outcome = run(&mut process, Fuel(10), |_| Reply::Done);
        assert_eq!(outcome, Ok(Some(Value::U32(n * (n + 1) / 2))));
        process.call(sum(n + 1)).unwrap();
    }
    process.close();
    let error = process.call(sum(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[test]
fn a_wrong_start_says_what_would_be_right() {
    let program = program(LOOP, &["sum"]);
    let text = |method: &str, args: Args| {
        let call = Call { method: method.to_owned(), args };
        start(&program, Limits::default(), call).unwrap_err().message().to_owned()
    };
    let none = Args::Values(Vec::new());
    assert_eq!(text("product", none.clone()), "`product` is not exported; there is `sum`");
    let few = "sum: func(n: u32) -> u32 takes 1 arguments, not 0";
    assert_eq!(text("sum", none), few);
    assert_eq!(text("sum", Args::Terms(Vec::new())), few);
    assert_eq!(
        text("sum", Args::Values(vec![Value::from("7")])),
        "argument `n`: expected u32, found a string"
    );
    assert_eq!(
        text("sum", Args::Terms(vec![Term::from("7")])),
        "argument `n`: expected u32, found \"7\""
    );
}

#[test]
fn terms_are_arguments_of_the_functions_types() {
    let program = program(LOOP, &["sum"]);
    let call = Call { method: "sum".to_owned(), args: Args::Terms(vec![Term::Int(3)]) };
    let mut process = start(&program, Limits::default(), call).unwrap();
    assert_eq!(run(&mut process, Fuel(10), |_| Reply::Done), Ok(Some(Value::U32(6))));
}

#[test]
fn a_process_without_a_call_is_made_and_waits_for_one() {
    let program = program(LOOP, &["sum"]);
    let mut process = WasmProcess::start(&program, Start::default()).unwrap();
    let (mut events, mut out) = (Vec::new(), StepOutput::default());
    while out.status == Status::Continue {
        process.step(&mut events, Fuel(10), &mut out);
    }
    assert_eq!(out.status, Status::Idle);
    process.call(Call::new("sum", vec![Value::U32(4)])).unwrap();
    assert_eq!(run(&mut process, Fuel(10), |_| Reply::Done), Ok(Some(Value::U32(10))));
}

#[test]
fn a_process_begins_with_what_its_start_holds() {
    struct Echo;
    impl InlineDispatcher for Echo {
        fn now(&mut self, command: Command) -> Result<Reply, Command> {
            match command {
                Command::Call(crate::command::HostCall { args, .. }) => {
                    Ok(Reply::Value(args.into_iter().next()))
                }
                other => Err(other),
            }
        }
    }
    #[derive(Default)]
    struct Mine(u32);
    let text = r#"(component
        (import "t:t/it" (instance $it
            (export "mine" (func (result u32))) (export "later" (func (param "n" u32) (result u32)))))
        (core func $mine (canon lower (func $it "mine")))
        (core func $later (canon lower (func $it "later")))
        (core module $m
            (import "" "mine" (func $mine (result i32)))
            (import "" "later" (func $later (param i32) (result i32)))
            (func (export "f") (result i32) (call $later (call $mine))))
        (core instance $i (instantiate $m (with "" (instance
            (export "mine" (func $mine)) (export "later" (func $later))))))
        (func (export "f") (result u32) (canon lift (core func $i "f"))))"#;
    let mut linker = Linker::default();
    linker
        .declare("package t:t; interface it { mine: func() -> u32; later: func(n: u32) -> u32; }")
        .unwrap();
    linker.suspending("t:t/it", "later").unwrap();
    linker
        .func("t:t/it", "mine", |cx, _| Ok(Answer::Now(Some(Value::U32(cx.state::<Mine>().0)))))
        .unwrap();
    let component = Component::new(&Engine::default(), wat::parse_str(text).unwrap()).unwrap();
    let program = component.link(&linker).unwrap();
    let account = Account::new(1 << 20);
    let wasi = WasiConfig { args: vec!["x".repeat(1000)], ..WasiConfig::default() };
    let data = StartData {
        call: Some(Call::new("f", vec![])),
        wasi: Some(wasi.clone()),
        ..StartData::default()
    };
    let mut start = Start { account: Some(account.clone()), ..data.clone().into() };
    start.inline = Some(Box::new(Echo));
    start.state.set(Mine(7));
    let mut process = WasmProcess::start(&program, start).unwrap();
    assert!(account.used() >= 1000);
    // All is answered inside of the first step.
    let mut out = StepOutput::default();
    process.step(&mut Vec::new(), Fuel(1 << 20), &mut out);
    assert_eq!((out.status, out.yields), (Status::Done(Ok(Some(Value::U32(7)))), vec![]));

    let refused = |wasi, limit| {
        let mut start = Start::from(StartData { wasi: Some(wasi), ..data.clone() });
        start.data.limits.max_memory = limit;
        let error = WasmProcess::start(&program, start).unwrap_err();
        (error.kind(), error.message().to_owned())
    };
    let (kind, text) = refused(wasi, 500);
    assert!(kind == ErrorKind::Invalid && text.contains("`limits.max_memory`"), "{text}");
    let wrong = WasiConfig { cwd: Some("here".to_owned()), ..WasiConfig::default() };
    let text = "cwd \"here\" is not an absolute path".to_owned();
    assert_eq!(refused(wrong, 1 << 20), (ErrorKind::Invalid, text));
}

#[test]
fn a_function_full_of_growth_is_refused() {
    let body = "(drop (memory.grow (i32.const 0)))".repeat(1_001);
    let text = format!("(component (core module (memory 1) (func {body})))");
    let error = Component::new(&Engine::default(), wat::parse_str(text).unwrap()).unwrap_err();
    assert!(error.to_string().contains("1001 `memory.grow` instructions"), "{error}");
}
