//! What steps promise: bounded, repeatable, and the same in any slice size.

mod limits;
mod trace;
mod values;

use super::{
    Cause, Error, ErrorKind, Event, Fuel, Limits, Outcome, Process, Status, StepOutput,
    WasmProcess, run,
};
use crate::{
    command::{Mail, Reply},
    component::{Component, Engine, LinkedComponent, Linker, TrapKind},
    value::Value,
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

/// Result and fuel of one call in slices of the given size.
fn call(
    program: &LinkedComponent,
    limits: Limits,
    method: &str,
    arg: u32,
    slice: u64,
) -> (Result<Option<Value>, Error>, u64) {
    let mut process = WasmProcess::new(program, limits);
    process.init(method, vec![Value::U32(arg)]).unwrap();
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
    let mut process = WasmProcess::new(&program, Limits::default());
    process.init("fill", vec![Value::U32(3)]).unwrap();
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
    let mut process = WasmProcess::new(&program, Limits::default());
    process.init("spin", vec![Value::U32(0)]).unwrap();
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
    let mut process = WasmProcess::new(&program, Limits::default());
    for n in 1..4 {
        process.init("sum", vec![Value::U32(n)]).unwrap();
        let outcome = run(&mut process, Fuel(10), |_| Reply::Done);
        assert_eq!(outcome, Ok(Some(Value::U32(n * (n + 1) / 2))));
    }
    process.close();
    let error = process.init("sum", vec![Value::U32(1)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[test]
fn a_wrong_start_says_what_would_be_right() {
    let program = program(LOOP, &["sum"]);
    let mut process = WasmProcess::new(&program, Limits::default());
    let text = |result: Result<(), Error>| result.unwrap_err().message().to_owned();
    assert_eq!(text(process.init("product", vec![])), "`product` is not exported; there is `sum`");
    assert_eq!(
        text(process.init("sum", vec![])),
        "sum: func(n: u32) -> u32 takes 1 arguments, not 0"
    );
    assert_eq!(
        text(process.init("sum", vec![Value::from("7")])),
        "argument `n`: expected u32, found a string"
    );
}

#[test]
fn a_function_full_of_growth_is_refused() {
    let body = "(drop (memory.grow (i32.const 0)))".repeat(1_001);
    let text = format!("(component (core module (memory 1) (func {body})))");
    let error = Component::new(&Engine::default(), wat::parse_str(text).unwrap()).unwrap_err();
    assert!(error.to_string().contains("1001 `memory.grow` instructions"), "{error}");
}
