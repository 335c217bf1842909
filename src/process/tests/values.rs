//! What values cost while they are lifted: memory, fuel, time.

use super::*;
use crate::{
    account::Account,
    command::{ActorCommand, Command, Completion},
    component::Answer,
    value::List,
};

fn load(text: &str) -> LinkedComponent {
    let bytes = wat::parse_str(text).unwrap();
    Component::new(&Engine::default(), bytes).unwrap().link(&Linker::default()).unwrap()
}

fn on_account(
    program: &LinkedComponent,
    account: &Account,
    call: Call,
) -> Result<WasmProcess, Error> {
    WasmProcess::start(program, Start { account: Some(account.clone()), ..call.into() })
}

/// Result, fuel and steps of a call, and what is left on the account.
fn call(
    program: &LinkedComponent,
    method: &str,
    args: Vec<Value>,
    slice: u64,
) -> (Outcome, u64, u64, u64) {
    let account = Account::new(64 << 20);
    let mut process = on_account(program, &account, Call::new(method, args)).unwrap();
    let (mut out, mut steps) = (StepOutput::default(), 0);
    let outcome = loop {
        process.step(&mut Vec::new(), Fuel(slice), &mut out);
        steps += 1;
        match std::mem::replace(&mut out.status, Status::Continue) {
            Status::Done(outcome) => break outcome,
            Status::Continue => {}
            // It has trapped; where does not matter.
            Status::Blocked if process.decided().is_some() => break process.decided().unwrap(),
            other => panic!("{other:?}"),
        }
    };
    let fuel = process.fuel_used();
    process.close();
    (outcome, fuel, steps, account.used())
}

#[test]
fn lifting_and_lowering_may_be_cut_anywhere() {
    let program = load(include_str!("passes.wat"));
    for method in ["make", "pass"] {
        let whole = call(&program, method, vec![Value::U32(2000)], u64::MAX);
        assert!(whole.0.is_ok(), "{:?}", whole.0);
        assert_eq!(whole.3, 0);
        for slice in [50, 1_000, 30_000] {
            let sliced = call(&program, method, vec![Value::U32(2000)], slice);
            assert!(sliced.0 == whole.0, "{method} in slices of {slice}");
            assert_eq!((sliced.1, sliced.3), (whole.1, 0), "{method} in slices of {slice}");
        }
    }
    let Ok(Some(Value::List(List::Values(items)))) =
        call(&program, "make", vec![Value::U32(3)], 1000).0
    else {
        panic!("no list");
    };
    let text = Value::from("aé€😀".repeat(4000));
    let Value::Record(first) = &items[0] else { panic!("no tuple") };
    assert_eq!((&first[0], &first[2]), (&text, &Value::NONE));
    let Value::List(numbers) = &first[1] else { panic!("no list") };
    assert_eq!((numbers.len(), numbers.get(0)), (10_000, Some(Value::U32(0xe2a9_c361))));
    let second = [Value::from("aé€😀"), Value::from(vec![Value::U32(0xe2a9_c361)])];
    let Value::Record(found) = &items[1] else { panic!("no tuple") };
    assert_eq!(found[..2], second[..]);
    assert_eq!(found[2], Value::some("aé€😀"));
}

#[test]
fn a_lifting_takes_no_more_of_a_step_than_the_slice() {
    let program = load(include_str!("passes.wat"));
    let (_, fuel, steps, _) = call(&program, "make", vec![Value::U32(50_000)], 10_000);
    assert!(steps >= fuel / 20_000, "{steps} steps for {fuel}");
}

#[test]
fn what_is_small_inside_and_huge_outside_meets_the_limit() {
    let program = load(include_str!("shared.wat"));
    for method in ["tuples", "options", "maps", "numbers", "strings"] {
        let (outcome, _, _, left) = call(&program, method, vec![], 100_000);
        match method {
            // 16 MiB.
            "strings" => assert!(outcome.is_ok(), "{outcome:?}"),
            _ => {
                let error = outcome.unwrap_err();
                assert_eq!(error.cause(), Cause::Trap(TrapKind::Limit), "{method}: {error}");
                assert!(error.message().contains("`limits.max_memory`"), "{method}: {error}");
            }
        }
        assert_eq!(left, 0, "{method}");
    }
}

#[test]
fn arguments_are_on_the_account() {
    let program = load(
        r#"(component
            (core module $m (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (unreachable))
                (func (export "take") (param i32 i32)))
            (core instance $i (instantiate $m))
            (func (export "take") (param "s" string)
                (canon lift (core func $i "take") (memory (core memory $i "memory"))
                    (realloc (core func $i "realloc")))))"#,
    );
    let account = Account::new(1 << 20);
    let take = |bytes| Call::new("take", vec![Value::from("x".repeat(bytes))]);
    let error = on_account(&program, &account, take(1 << 20)).unwrap_err();
    assert!(error.message().contains("`limits.max_memory`"), "{error}");
    assert_eq!(account.used(), 0);
    let process = on_account(&program, &account, take(1000)).unwrap();
    assert!(account.used() >= 1000);
    drop(process);
    assert_eq!(account.used(), 0);
}

#[test]
fn handles_are_on_the_account() {
    let program = load(
        r#"(component
            (type $r (resource (rep i32)))
            (core func $new (canon resource.new $r))
            (core module $m
                (import "" "new" (func $new (param i32) (result i32)))
                (func (export "make") (param $n i32) (result i32) (local $last i32)
                    (loop $next
                        (local.set $last (call $new (i32.const 7)))
                        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                        (br_if $next (local.get $n)))
                    (local.get $last)))
            (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
            (func (export "make") (param "n" u32) (result u32)
                (canon lift (core func $i "make"))))"#,
    );
    let (outcome, ..) = call(&program, "make", vec![Value::U32(1000)], 100_000);
    assert_eq!(outcome, Ok(Some(Value::U32(1000))));
    // 64 MiB end before the number of handles does.
    let (outcome, _, _, left) = call(&program, "make", vec![Value::U32(2_000_000)], 100_000);
    let error = outcome.unwrap_err();
    assert!(error.message().contains("handles") || error.message().contains("max_memory"));
    assert_eq!((error.cause(), left), (Cause::Trap(TrapKind::Limit), 0));
}

/// A guest that calls an import whose result is a text, into a `realloc` that never
/// returns.
const WAITS: &str = r#"(component
    (import "t:t/t" (instance $t (export "text" (func (result string)))))
    (core module $memory
        (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (loop $l (br $l)) unreachable))
    (core instance $memory (instantiate $memory))
    (core func $text (canon lower (func $t "text") (memory (core memory $memory "memory"))
        (realloc (core func $memory "realloc"))))
    (core module $m
        (import "t" "text" (func $text (param i32)))
        (func (export "run") (call $text (i32.const 0))))
    (core instance $i (instantiate $m (with "t" (instance (export "text" (func $text))))))
    (func (export "run") (canon lift (core func $i "run"))))"#;

#[test]
fn a_result_is_on_the_account_until_it_is_in_the_guest() {
    const PAGE: u64 = 65_536;
    // At once, and after the answer to a command.
    for late in [false, true] {
        let run = |bytes: u64, limit: u64| {
            let mut linker = Linker::default();
            linker.declare("package t:t; interface t { text: func() -> string; }").unwrap();
            let text = move || Some(Value::from("x".repeat(bytes as usize)));
            linker
                .func("t:t/t", "text", move |_, _| match late {
                    false => Ok(Answer::Now(text())),
                    true => Ok(Answer::Then(
                        Command::Actor(ActorCommand::Pause),
                        Box::new(move |_, _| Ok(Answer::Now(text()))),
                    )),
                })
                .unwrap();
            let component =
                Component::new(&Engine::default(), wat::parse_str(WAITS).unwrap()).unwrap();
            let program = component.link(&linker).unwrap();
            let account = Account::new(limit);
            let call = Start::from(Call::new("run", Vec::new()));
            let start = Start { account: Some(account.clone()), ..call };
            let mut process = WasmProcess::start(&program, start).unwrap();
            let (mut out, mut events) = (StepOutput::default(), Vec::new());
            for _ in 0..20 {
                process.step(&mut events, Fuel(10_000), &mut out);
                events.extend(out.yields.drain(..).map(|asked| {
                    Event::Completion(Completion { tag: asked.tag, reply: Reply::Done })
                }));
                if process.decided().is_some() {
                    break;
                }
            }
            let (decided, at_last) = (process.decided(), account.used());
            process.close();
            assert_eq!(account.used(), 0);
            (decided, at_last)
        };
        let (decided, used) = run(300_000, 1 << 20);
        assert!(decided.is_none() && used >= PAGE + 300_000, "{decided:?}, {used} bytes");
        let (decided, _) = run(1 << 20, 1 << 20);
        let error = decided.and_then(Result::err).map(|error| error.to_string());
        assert!(error.as_ref().is_some_and(|e| e.contains("`limits.max_memory`")), "{error:?}");
        // What a read brings always finds room, and is counted.
        let (decided, used) = run(40_000, PAGE);
        assert!(decided.is_none() && used >= PAGE + 40_000, "{decided:?}, {used} bytes");
    }
}
