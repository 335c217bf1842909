//! What a fault of the engine reaches: the process in which it happens.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::{
    artifact::Hash,
    command::ErrorKind,
    component::{Answer, Component, EngineConfig, LoadOptions, Vetting},
    host::ProgramSource,
    process::Error,
    value::Value,
};

/// A module that wasmi 2.0 fails to translate, unless it is changed before, and bytes
/// that make it one which is translated late.
const UNTRANSLATABLE: &str = r#"(component
    (core module $m (memory 3)
        (func $good (param i32) (result i32) (local.get 0))
        (func $bad (param i32) (result i32) (local i32)
            (i32.store offset=70000
                (local.tee 1 (i32.add (local.get 0) (i32.const 4))) (local.get 1))
            (i32.load offset=70000 (local.get 1)))
        (func (export "run") (param i32) (result i32) (call $bad (local.get 0)))
        (func (export "count") (param i32) (result i32)
            (loop $again
                (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                (br_if $again (local.get 0)))
            (call $good (local.get 0)))
        (data (i32.const 0) "PAD"))
    (core instance $i (instantiate $m))
    (func (export "run") (param "n" u32) (result u32) (canon lift (core func $i "run")))
    (func (export "count") (param "n" u32) (result u32) (canon lift (core func $i "count"))))"#;

fn untranslatable() -> Vec<u8> {
    let text = UNTRANSLATABLE.replace("PAD", &"x".repeat(16 << 10));
    wat::parse_str(text).unwrap()
}

fn engine() -> Engine {
    Engine::new(EngineConfig { without_mending: true, ..EngineConfig::default() })
}

fn job_of(runtime: &Runtime, component: Component, method: &str) -> ProcessSpec {
    let program = runtime.link(&component, &Grants::all()).unwrap();
    let hash = Hash::of(b"");
    let source = ProgramSource { hash, wit: None, stack: 0, bytes: None }.into();
    let loaded = Loaded { component, adapted: None, completed: false, source };
    ProcessSpec::new("test", &loaded, program, method).unwrap()
}

fn node(workers: usize) -> Node {
    let node = Node::new(());
    node.add_host("host", HostOptions { workers: Some(workers), ..HostOptions::default() })
        .unwrap();
    node
}

fn start(node: &Node, spec: &ProcessSpec, n: u32) -> Handle {
    node.launch("host", "test", None, |context| spec.start(vec![Value::U32(n)], context)).unwrap()
}

fn load(bytes: Vec<u8>) -> Component {
    let options = LoadOptions { vetting: Vetting::Done, ..LoadOptions::default() };
    Component::load(&engine(), bytes, options).unwrap()
}

fn outcome(handle: &Handle) -> std::result::Result<Option<Value>, Error> {
    smol::block_on(handle.ended()).expect("its host is there").outcome.clone()
}

#[test]
fn a_program_that_the_interpreter_fails_on_is_refused_without_blame() {
    let runtime = Runtime::new(engine(), Linker::default());
    let artifact = Artifact::from_bytes(untranslatable()).unwrap();
    let error = runtime.load(&artifact, None, DEFAULT_STACK).unwrap_err();
    assert!(error.is_of_engine(), "{error}");
    let text = error.to_string();
    assert!(text.contains("function 1 `bad`") && text.contains("please report it"), "{text}");
    assert!(!text.contains('/'), "{text}");
}

/// A vetted program is translated late. This one is not vetted, which is what the last
/// resort is for: there is one thread, it is lost twice, and a hundred others go on.
///
/// A lost thread keeps the panic hook, and the test harness asks for that at its end.
/// So this runs in a program of its own, which leaves without the harness.
#[test]
fn a_panic_that_cannot_unwind_ends_one_process() {
    const ALONE: &str = "WIPPY_TEST_LOSES_THREADS";
    const WELL: i32 = 42;
    if std::env::var_os(ALONE).is_some() {
        let well = std::panic::catch_unwind(threads_are_lost).is_ok();
        std::process::exit(if well { WELL } else { 1 });
    }
    let name = "host::tests::contain::a_panic_that_cannot_unwind_ends_one_process";
    let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
    let output = alone.args(["--exact", name, "--nocapture"]).env(ALONE, "1").output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(WELL), "{told}");
}

fn threads_are_lost() {
    let runtime = Runtime::new(engine(), Linker::default());
    let load = || load(untranslatable());
    let count = job_of(&runtime, load(), "count");
    let node = node(1);
    let written = super::node::Written::default();
    let trace = std::sync::Arc::new(Trace::new(written.clone()).unwrap());
    node.set_trace(trace.clone());
    let neighbours: Vec<_> = (0..100).map(|_| start(&node, &count, 100_000)).collect();
    for _ in 0..2 {
        let bad = job_of(&runtime, load(), "run");
        let ended = smol::block_on(start(&node, &bad, 8).ended()).unwrap();
        let error = ended.outcome.clone().unwrap_err();
        assert_eq!((error.kind(), error.cause()), (ErrorKind::Internal, Cause::Engine), "{error}");
        assert!(error.retryable() && !error.message().contains("/src/"), "{error}");
        // No other process of that program may wait for the translation.
        let again = outcome(&start(&node, &bad, 8)).unwrap_err();
        assert_eq!(again.cause(), Cause::Engine, "{again}");
    }
    for neighbour in &neighbours {
        assert_eq!(outcome(neighbour), Ok(Some(Value::U32(0))));
    }
    // Each of them has an end in the trace.
    trace.finish().unwrap();
    let failed = |end: &&serde_json::Value| end["args"]["error"].is_string();
    let ends = written.events("ended");
    assert_eq!((ends.len(), ends.iter().filter(failed).count()), (104, 4));
    // Nor does it end the program that runs a process without a node.
    let bad = job_of(&runtime, load(), "run");
    let alone = |n| {
        let (input, streams) = (vec![Value::U32(n)], Streams::default());
        smol::block_on(bad.run(input, streams, &RunOptions::default()))
    };
    let ended = alone(8);
    let error = ended.outcome.unwrap_err();
    assert_eq!((error.kind(), error.cause()), (ErrorKind::Internal, Cause::Engine), "{error}");
    assert!(error.message().contains("wasmi"), "{error}");
    assert_eq!(alone(8).outcome.unwrap_err().cause(), Cause::Engine);
    // Nobody waits for the threads that are lost.
    smol::block_on(node.shutdown("", Duration::ZERO));
    assert!(node.is_empty());
}

/// The second run is of other modules. Of these, too, all is translated where a panic
/// is caught: the bad function, which the program never calls.
#[test]
fn a_panic_while_a_trap_is_looked_into_costs_only_the_names() {
    let text = UNTRANSLATABLE.replace("(call $good (local.get 0))", "(unreachable)");
    let runtime = Runtime::new(engine(), Linker::default());
    let traps = |text: &str| {
        let bytes = wat::parse_str(text.replace("PAD", &"x".repeat(16 << 10))).unwrap();
        let job = job_of(&runtime, load(bytes), "count");
        let node = node(1);
        let both = [start(&node, &job, 10), start(&node, &job, 10)];
        both.map(|handle| {
            let error = outcome(&handle).unwrap_err();
            let text = "`count` trapped: wasm `unreachable` instruction executed";
            assert_eq!(error.message(), text);
            error.frames().len()
        })
    };
    assert_eq!(traps(&text), [0, 0]);
    let good = text.replace("(local.tee 1 (i32.add (local.get 0) (i32.const 4)))", "(i32.const 8)");
    assert_ne!(good, text);
    assert_eq!(traps(&good), [1, 1]);
}

#[test]
fn a_panic_in_a_function_of_the_host_ends_the_process_that_called_it() {
    static CLOSED: AtomicBool = AtomicBool::new(false);
    struct Slot;
    impl Drop for Slot {
        fn drop(&mut self) {
            CLOSED.store(true, Ordering::SeqCst);
        }
    }
    let mut linker = Linker::default();
    linker.declare("package demo:host; interface it { f: func(n: u32) -> u32; }").unwrap();
    linker
        .func("demo:host/it", "f", |cx, args| {
            cx.state::<Option<Slot>>().replace(Slot);
            match args.first() {
                Some(Value::U32(13)) => panic!("thirteen"),
                _ => Ok(Answer::Now(args.into_iter().next())),
            }
        })
        .unwrap();
    let text = r#"(component
        (import "demo:host/it" (instance $it (export "f" (func (param "n" u32) (result u32)))))
        (core func $f (canon lower (func $it "f")))
        (core module $m (import "" "f" (func $f (param i32) (result i32)))
            (func (export "f") (param i32) (result i32) (call $f (local.get 0))))
        (core instance $i (instantiate $m (with "" (instance (export "f" (func $f))))))
        (func (export "f") (param "n" u32) (result u32) (canon lift (core func $i "f"))))"#;
    let runtime = Runtime::new(Engine::default(), linker);
    let component = Component::new(&Engine::default(), wat::parse_str(text).unwrap()).unwrap();
    let spec = job_of(&runtime, component, "f");
    let node = node(1);
    let ended = smol::block_on(start(&node, &spec, 13).ended()).unwrap();
    let error = ended.outcome.clone().unwrap_err();
    assert_eq!((error.kind(), error.cause()), (ErrorKind::Internal, Cause::Engine), "{error}");
    assert!(error.message().contains("thirteen"), "{error}");
    assert!(ended.steps > 0 && ended.fuel_used > 0, "{ended:?}");
    assert!(CLOSED.load(Ordering::SeqCst));
    assert_eq!(outcome(&start(&node, &spec, 12)), Ok(Some(Value::U32(12))));
}

/// A process that panics between guests' code: it is closed, and what it took is told.
#[test]
fn after_a_panic_a_process_is_closed_and_counted() {
    use crate::process::{Event, Process, Status, StepOutput};
    static CLOSED: AtomicBool = AtomicBool::new(false);
    struct Fails(u32);
    impl Process for Fails {
        fn step(&mut self, _: &mut Vec<Event>, _: Fuel, out: &mut StepOutput) {
            self.0 += 1;
            assert!(self.0 < 3, "the third step");
            (out.fuel_used, out.status) = (10, Status::Continue);
        }
        fn close(&mut self) {
            CLOSED.store(true, Ordering::SeqCst);
            panic!("and again");
        }
    }
    let node = node(1);
    let written = super::node::Written::default();
    let trace = std::sync::Arc::new(Trace::new(written.clone()).unwrap());
    node.set_trace(trace.clone());
    let handle = node.launch("host", "test", None, |mut context| {
        let world = crate::world::SystemDispatcher::new(std::mem::take(&mut context.streams));
        let answers = context.answers(world);
        let process = Box::new(Fails(0));
        Ok(Started { process, answers, result: None, max_execution: None })
    });
    let ended = smol::block_on(handle.unwrap().ended()).unwrap();
    let error = ended.outcome.clone().unwrap_err();
    assert_eq!((error.kind(), error.cause()), (ErrorKind::Internal, Cause::Engine), "{error}");
    assert!(error.message().contains("the third step"), "{error}");
    assert_eq!((ended.steps, ended.fuel_used), (2, 20));
    assert!(CLOSED.load(Ordering::SeqCst));
    // Its trace tells of the end, once.
    trace.finish().unwrap();
    let ends = written.events("ended");
    let [end] = &ends[..] else { panic!("{ends:?}") };
    let why = end["args"]["error"].as_str().unwrap();
    assert!(why.contains("the third step"), "{why}");
}
