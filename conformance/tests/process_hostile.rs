//! Guests of `wippy:process` that break every rule, on one host with two that do
//! not: each breaks itself, with a message, and nobody else notices.

use std::{path::Path, sync::Arc, time::Duration};

use smol::{Timer, future};
use wippy::{
    artifact::Artifact,
    command::{ErrorKind, ProcessError},
    component::{DEFAULT_STACK, Engine, Linker},
    host::{Handle, HostOptions, Node, ProcessSpec, Program, Programs, Runtime},
    imports::{process, wasi},
    process::Grants,
    value::Term,
};

/// Nothing is started by name.
struct Nobody;

impl Programs for Nobody {
    fn ready(&self, _: &str) -> Option<Arc<dyn Program>> {
        None
    }

    fn load(&self, entry: &str) -> Result<Arc<dyn Program>, ProcessError> {
        Err(ProcessError::new(ErrorKind::NotFound, entry))
    }
}

struct Case<'a> {
    name: &'a str,
    run: &'a str,
    realloc: &'a str,
    more: &'a str,
    end: &'a str,
}

fn cases(text: &str) -> impl Iterator<Item = Case<'_>> {
    text.split("\n== ").skip(1).map(|block| {
        let field = |key: &str| block.lines().find_map(|line| line.strip_prefix(key));
        Case {
            name: block.lines().next().unwrap(),
            run: field("run: ").unwrap_or(""),
            realloc: field("realloc: ").unwrap_or("(call $alloc (local.get $size))"),
            more: field("more: ").unwrap_or(""),
            end: field("> ").unwrap(),
        }
    })
}

fn spec(runtime: &Runtime, bytes: Vec<u8>, wit: Option<&str>, method: &str) -> ProcessSpec {
    let artifact = Artifact::from_bytes(bytes).unwrap();
    let loaded = runtime.load(&artifact, wit, DEFAULT_STACK).unwrap();
    let program = runtime.link(&loaded.component, &Grants::all()).unwrap();
    ProcessSpec::new(method, &loaded, program, method).unwrap()
}

fn start(node: &Node, spec: &ProcessSpec, args: Vec<Term>) -> Handle {
    node.launch("all", &spec.name, None, |context| Program::start(spec, args, context)).unwrap()
}

async fn end(handle: &Handle) -> Result<Term, ProcessError> {
    handle.ended().await.unwrap().ending.clone().into_inner()
}

/// How a process has ended, if it has in time.
async fn end_in_time(handle: &Handle, time: Duration) -> Option<Result<Term, ProcessError>> {
    let late = async {
        Timer::after(time).await;
        None
    };
    future::or(async { Some(end(handle).await) }, late).await
}

#[test]
fn who_breaks_the_rules_breaks_nobody_else() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| std::fs::read_to_string(here.join("fixtures/process").join(name));
    let (guest, text) = (read("guest.wat").unwrap(), read("hostile.txt").unwrap());
    let mut linker = Linker::default();
    wasi::add_to_linker(&mut linker).unwrap();
    process::add_to_linker(&mut linker).unwrap();
    let runtime = Runtime::new(Engine::default(), linker);
    let node = Node::new(Nobody);
    node.add_host("all", HostOptions { workers: Some(2), ..HostOptions::default() }).unwrap();

    let started: Vec<(Case, Handle)> = cases(&text)
        .map(|case| {
            let wat = guest
                .replace("REALLOC", case.realloc)
                .replace("MORE", case.more)
                .replace("RUN", case.run);
            let spec = spec(&runtime, wat::parse_str(wat).unwrap(), Some("run: func();"), "run");
            let handle = start(&node, &spec, Vec::new());
            // It may have ended.
            let _ = node.send(handle.pid().as_str(), "t", vec![Term::Text("hello".into())]);
            (case, handle)
        })
        .collect();

    let actor = std::fs::read(here.join("guests/built/actor.wasm")).unwrap();
    let echo = start(&node, &spec(&runtime, actor.clone(), None, "echo"), vec![Term::Int(100)]);
    let target = Term::Text(echo.pid().as_str().into());
    let ping = start(&node, &spec(&runtime, actor, None, "ping"), vec![target, Term::Int(100)]);

    smol::block_on(async {
        let patience = Duration::from_secs(120);
        assert_eq!(end_in_time(&ping, patience).await, Some(Ok(Term::Int(100))));
        assert_eq!(end_in_time(&echo, patience).await, Some(Ok(Term::Int(100))));
        for (Case { name, end, .. }, handle) in &started {
            if end.contains("terminated") {
                node.terminate(handle.pid().as_str()).unwrap();
            }
            let found = match end_in_time(handle, patience).await {
                Some(Ok(_)) => "ok".to_owned(),
                Some(Err(fault)) => fault.message.lines().next().unwrap_or_default().to_owned(),
                None => "it has not ended".to_owned(),
            };
            assert_eq!(found, *end, "{name}");
        }
    });
    assert!(node.is_empty());
}
