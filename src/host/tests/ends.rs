//! What happens around the end of a process: its last words, the end of its time,
//! and that of its runtime.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use smol::future::{block_on, poll_once};

use super::node::{Do, Log, Scripts, one_worker};
use crate::{
    artifact::Artifact,
    command::{ActorCommand, Command, ErrorKind, ProcessError, Spawn},
    component::{Answer, DEFAULT_STACK, Engine, Linker, Trap},
    host::*,
    imports::{process, wasi},
    process::{Cause, Error, Event, Fuel, Grants, Process, Status, StepOutput},
    value::Term,
    world::SystemDispatcher,
};

fn node(scripts: Vec<(&'static str, Vec<Do>)>) -> Node {
    let node = Node::new(Scripts { log: Log::default(), scripts });
    node.add_host("host", one_worker()).unwrap();
    node
}

fn spawn(entry: &str) -> ActorCommand {
    let entry = entry.to_owned();
    ActorCommand::Spawn(Spawn {
        entry,
        host: None,
        args: vec![],
        monitor: false,
        link: false,
        ..Spawn::default()
    })
}

#[test]
fn what_is_started_while_the_runtime_stops_is_not_left_behind() {
    let node = node(vec![("wait", vec![Do::Receive(1)])]);
    let program = block_on(node.program("wait")).unwrap();
    // The runtime stops just when a process is made.
    let made = node.launch("host", "wait", None, |context| {
        let started = program.start(Vec::new(), context);
        assert_eq!(block_on(poll_once(node.shutdown("", Duration::ZERO))), Some(()));
        started
    });
    assert_eq!(made.map(|_| ()).map_err(|fault| fault.kind), Err(ErrorKind::Unavailable));
    assert!(node.is_empty());
    // So it is if all are only terminated.
    let node = self::node(vec![("wait", vec![Do::Receive(1)])]);
    let made = node.launch("host", "wait", None, |context| {
        let started = program.start(Vec::new(), context);
        node.terminate_all();
        started
    });
    assert_eq!(made.map(|_| ()).map_err(|fault| fault.kind), Err(ErrorKind::Unavailable));
    assert!(node.is_empty());
}

#[test]
fn a_runtime_stops_among_many_that_spawn() {
    for _ in 0..20 {
        let both = || vec![Do::Ask(spawn("two")), Do::Ask(spawn("two")), Do::Receive(1)];
        let node = Node::new(Scripts { log: Log::default(), scripts: vec![("two", both())] });
        for host in ["a", "b", "c"] {
            let options = HostOptions { max_processes: 2_000, ..one_worker() };
            node.add_host(host, options).unwrap();
            block_on(node.spawn(host, "two", Vec::new())).unwrap();
        }
        block_on(node.shutdown("the test is over", Duration::ZERO));
        assert!(node.is_empty());
        let late = block_on(node.spawn("a", "two", Vec::new()));
        assert_eq!(late.map(|_| ()).map_err(|fault| fault.kind), Err(ErrorKind::Unavailable));
    }
}

/// Takes its time for one step, and has returned then.
struct Late(Duration, Option<Term>);

impl Process for Late {
    fn step(&mut self, events: &mut Vec<Event>, _: Fuel, out: &mut StepOutput) {
        events.clear();
        std::thread::sleep(self.0);
        out.status = match self.1.take() {
            Some(term) => Status::Exited(term),
            None => Status::Done(Ok(None)),
        };
    }

    fn close(&mut self) {}
}

#[test]
fn a_step_that_ends_after_the_limit_is_no_success() {
    let node = node(Vec::new());
    let run = |takes: u64, limit: u64, exit: Option<Term>| {
        let started = node.launch("host", "late", None, |context| {
            Ok(Started {
                process: Box::new(Late(Duration::from_millis(takes), exit)),
                answers: context.answers(SystemDispatcher::new(Default::default())),
                result: None,
                max_execution: Some(Duration::from_millis(limit)),
            })
        });
        block_on(started.unwrap().ended()).unwrap()
    };
    for exit in [None, Some(Term::Int(1))] {
        let ended = run(30, 5, exit.clone());
        let error = ended.outcome.as_ref().unwrap_err();
        assert_eq!(error.message(), "the process ran longer than its limit of 5 ms");
        assert_eq!(ended.ending.as_ref().map_err(|fault| fault.kind), Err(ErrorKind::Timeout));
        assert_eq!(run(0, 60_000, exit.clone()).ending, Ok(exit.unwrap_or(Term::Nil)));
    }
}

/// Programs of which one has to be loaded.
struct Unloaded(Scripts);

impl Programs for Unloaded {
    fn ready(&self, entry: &str) -> Option<Arc<dyn Program>> {
        if entry == "child" { None } else { self.0.ready(entry) }
    }

    fn load(&self, entry: &str) -> Result<Arc<dyn Program>, ProcessError> {
        std::thread::sleep(Duration::from_millis(20));
        self.0.ready(entry).ok_or_else(|| ProcessError::new(ErrorKind::NotFound, ""))
    }
}

#[test]
fn what_a_host_function_sends_is_carried_out_however_the_process_ends() {
    let ends = ["return", "exit", "trap", "refuse", "spin"];
    for end in ends {
        let mut linker = Linker::default();
        wasi::add_to_linker(&mut linker).unwrap();
        process::add_to_linker(&mut linker).unwrap();
        linker.declare("package t:t; interface t { say: func(); end: func(); }").unwrap();
        let say = |cx: &mut crate::component::HostCx<'_>| {
            cx.send(Command::Actor(spawn("child")));
        };
        linker
            .func("t:t/t", "say", move |cx, _| {
                say(cx);
                Ok(Answer::Now(None))
            })
            .unwrap();
        linker
            .func("t:t/t", "end", move |cx, _| match end {
                "exit" => Err(Trap::exit(0)),
                "refuse" => {
                    say(cx);
                    Err(Trap::new(crate::component::TrapKind::Host, "no"))
                }
                _ => Ok(Answer::Now(None)),
            })
            .unwrap();
        let rest = match end {
            "trap" => "(unreachable)",
            // Ends some slices later.
            "spin" => {
                "(loop $l (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n)
                  (i32.const 1))) (i32.const 300000))))"
            }
            _ => "",
        };
        let first = if end == "refuse" { "" } else { r#"(call $say)"# };
        let text = format!(
            r#"(component
              (import "t:t/t" (instance $t (export "say" (func)) (export "end" (func))))
              (core func $say (canon lower (func $t "say")))
              (core func $end (canon lower (func $t "end")))
              (core module $m
                (import "t" "say" (func $say))
                (import "t" "end" (func $end))
                (func (export "run") (local $n i32) {first} (call $end) {rest}))
              (core instance $i (instantiate $m (with "t" (instance
                (export "say" (func $say)) (export "end" (func $end))))))
              (func (export "run") (canon lift (core func $i "run"))))"#
        );
        let runtime = Runtime::new(Engine::default(), linker);
        let artifact = Artifact::from_bytes(text.into_bytes()).unwrap();
        let loaded = runtime.load(&artifact, None, DEFAULT_STACK).unwrap();
        let program = runtime.link(&loaded.component, &Grants::all()).unwrap();
        let spec = ProcessSpec::new("main", &loaded, program, "run").unwrap();

        let log = Log::default();
        let send = ActorCommand::Register("born".to_owned());
        let child = vec![Do::Ask(send), Do::Receive(1)];
        let scripts = vec![("child", child)];
        let node = Node::new(Unloaded(Scripts { log, scripts }));
        node.add_host("host", one_worker()).unwrap();
        let main = node.launch("host", "main", None, |context| spec.start(Vec::new(), context));
        let ended = block_on(main.unwrap().ended()).unwrap();
        let good = matches!(end, "return" | "exit" | "spin");
        assert_eq!(ended.outcome.is_ok(), good, "{end}: {:?}", ended.outcome);
        // It was there before the end was told.
        assert_eq!(node.len(), 1, "{end}");
        block_on(node.shutdown("the test is over", Duration::ZERO));
    }
}

/// Fails in its first step, and looks for the place for ever.
struct Looks(Arc<AtomicBool>);

impl Looks {
    fn error() -> Error {
        Error::program(ProcessError::new(ErrorKind::Conflict, "its own"))
    }
}

impl Process for Looks {
    fn step(&mut self, events: &mut Vec<Event>, _: Fuel, out: &mut StepOutput) {
        events.clear();
        self.0.store(true, Ordering::Relaxed);
        (out.fuel_used, out.status) = (1, Status::Continue);
    }

    fn decided(&self) -> Option<crate::process::Outcome> {
        Some(Err(Looks::error()))
    }

    fn close(&mut self) {}
}

#[test]
fn who_has_failed_is_not_terminated() {
    let (node, failed) = (node(Vec::new()), Arc::<AtomicBool>::default());
    let looks = node.launch("host", "looks", None, |context| {
        let (process, world) =
            (Box::new(Looks(failed.clone())), SystemDispatcher::new(Default::default()));
        let answers = context.answers(world);
        Ok(Started { process, answers, result: None, max_execution: None })
    });
    let looks = looks.unwrap();
    while !failed.load(Ordering::Relaxed) {
        std::thread::yield_now();
    }
    node.terminate(looks.pid().as_str()).unwrap();
    let ended = block_on(looks.ended()).unwrap();
    assert_eq!(ended.outcome, Err(Looks::error()));
    assert_eq!(ended.outcome.as_ref().map_err(Error::cause), Err(Cause::Program));
}
