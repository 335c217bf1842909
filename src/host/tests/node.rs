//! Who dies, how, who is told what, in which order. The processes here are
//! scripts in Rust: each does one action after the other, and notes what it sees.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::{
    command::{
        ActorCommand, Command, ErrorKind, Mail, Pid, ProcessError, Reply, Spawn, Tag, Yield,
    },
    host::*,
    process::{Error, Event, Fuel, Process, Received, Status, StepOutput},
    value::Term,
    world::SystemDispatcher,
};

/// One action of a script.
#[derive(Clone)]
pub(super) enum Do {
    /// Asks the node, and notes the reply.
    Ask(ActorCommand),
    /// The same, with the pid or name that was noted last in place of `$`.
    To(fn(Pid) -> ActorCommand),
    /// Waits for so many mails and notes them.
    Receive(usize),
    /// Burns slices for ever.
    Spin,
    /// Lets others have a turn, for ever.
    Yield,
    /// Asks what is answered at once, for ever.
    Bustle,
    Panic,
    End(Term),
    Fail(ErrorKind),
}

pub(super) type Log = Arc<Mutex<Vec<String>>>;

struct Script {
    name: &'static str,
    todo: VecDeque<Do>,
    log: Log,
    last: Option<Pid>,
    mail: VecDeque<Mail>,
    waits: bool,
    next: u64,
}

impl Script {
    fn note(&self, text: impl std::fmt::Display) {
        self.log.lock().unwrap().push(format!("{}: {text}", self.name));
    }

    fn ask(&mut self, command: Command, out: &mut StepOutput) {
        self.next += 1;
        self.waits = true;
        out.yields.push(Yield { tag: Tag(self.next), command });
        out.status = Status::Blocked;
    }
}

fn told(result: &std::result::Result<Term, ProcessError>) -> String {
    match result {
        Ok(Term::Text(text)) if text.len() > 1000 => format!("{} bytes", text.len()),
        Ok(term) => format!("{term:?}"),
        Err(fault) => fault.kind.to_string(),
    }
}

impl Process for Script {
    fn step(&mut self, events: &mut Vec<Event>, fuel: Fuel, out: &mut StepOutput) {
        (out.fuel_used, out.received) = (1, Received::default());
        for event in events.drain(..) {
            match event {
                Event::Completion(done) => {
                    self.waits = false;
                    match done.reply {
                        Reply::Pid(pid) => self.last = Some(pid),
                        Reply::Done => {}
                        Reply::ProcessError(fault) => self.note(fault.kind),
                        Reply::Ended(ending) => self.note(format!("exec {}", told(&ending))),
                        other => self.note(format!("{other:?}")),
                    }
                }
                Event::Mail(mail) => self.mail.push_back(mail),
                Event::Cancel { reason } => {
                    out.status = Status::Done(Err(Error::cancelled(&reason)));
                    return;
                }
                Event::Timeout { .. } => {}
            }
        }
        if self.waits {
            out.status = Status::Blocked;
            return;
        }
        loop {
            match self.todo.pop_front() {
                None => return out.status = Status::Done(Ok(None)),
                Some(Do::Ask(command)) => return self.ask(Command::Actor(command), out),
                Some(Do::To(command)) => {
                    let last = self.last.clone().unwrap_or(Pid::new("nobody|x.0"));
                    return self.ask(Command::Actor(command(last)), out);
                }
                Some(Do::Receive(0)) => {}
                Some(Do::Receive(n)) => {
                    let Some(mail) = self.mail.pop_front() else {
                        self.todo.push_front(Do::Receive(n));
                        out.status = Status::Idle;
                        return;
                    };
                    self.todo.push_front(Do::Receive(n - 1));
                    out.received.add(&mail);
                    self.note(match mail {
                        Mail::Message(m) => format!("{} {:?}", m.topic, m.payload),
                        Mail::Exit { result, .. } => format!("exit {}", told(&result)),
                        Mail::LinkDown { result, .. } => format!("link down {}", told(&result)),
                        Mail::Cancel { reason, .. } => format!("cancel {reason}"),
                    });
                }
                Some(Do::Spin) => {
                    self.todo.push_front(Do::Spin);
                    out.fuel_used = fuel.0;
                    std::thread::sleep(Duration::from_millis(1));
                    out.status = Status::Continue;
                    return;
                }
                Some(Do::Yield) => {
                    self.todo.push_front(Do::Yield);
                    return self.ask(Command::Actor(ActorCommand::Pause), out);
                }
                Some(Do::Bustle) => {
                    self.todo.push_front(Do::Bustle);
                    let command = ActorCommand::TrapLinks(true);
                    return self.ask(Command::Actor(command), out);
                }
                Some(Do::Panic) => panic!("a process that panics, for the test"),
                Some(Do::End(term)) => return out.status = Status::Exited(term),
                Some(Do::Fail(kind)) => {
                    let error = Error::program(ProcessError::new(kind, "on purpose"));
                    return out.status = Status::Done(Err(error));
                }
            }
        }
    }

    fn close(&mut self) {}
}

/// Entries by name; each is a script.
pub(super) struct Scripts {
    pub log: Log,
    pub scripts: Vec<(&'static str, Vec<Do>)>,
}

struct ScriptProgram(&'static str, Vec<Do>, Log);

impl Programs for Scripts {
    fn ready(&self, entry: &str) -> Option<Arc<dyn Program>> {
        let (name, todo) = self.scripts.iter().find(|(name, _)| *name == entry)?;
        Some(Arc::new(ScriptProgram(name, todo.clone(), self.log.clone())))
    }

    fn load(&self, entry: &str) -> std::result::Result<Arc<dyn Program>, ProcessError> {
        Err(ProcessError::new(ErrorKind::NotFound, format!("there is no entry {entry}")))
    }
}

impl Program for ScriptProgram {
    fn start(
        &self,
        _: Vec<Term>,
        mut context: SpawnContext,
    ) -> std::result::Result<Started, ProcessError> {
        let ScriptProgram(name, todo, log) = self;
        let world = SystemDispatcher::new(std::mem::take(&mut context.streams));
        let script = Script {
            name,
            todo: todo.clone().into(),
            log: log.clone(),
            last: None,
            mail: VecDeque::new(),
            waits: false,
            next: 0,
        };
        let (process, answers) = (Box::new(script), context.answers(world));
        Ok(Started { process, answers, result: None, max_execution: None })
    }
}

/// Runs the script `main` among others, and gives what all of them have noted.
fn play(options: HostOptions, scripts: &[(&'static str, Vec<Do>)]) -> Vec<String> {
    let log = Log::default();
    let node = Node::new(Scripts { log: log.clone(), scripts: scripts.to_vec() });
    node.add_host("host", options).unwrap();
    smol::block_on(async {
        let main = node.spawn("host", "main", Vec::new()).await.unwrap();
        let ended = main.ended().await.unwrap();
        log.lock().unwrap().push(format!("main ended {}", told(&ended.ending)));
        node.shutdown("the test is over", Duration::from_millis(50)).await;
    });
    assert!(node.is_empty());
    std::mem::take(&mut *log.lock().unwrap())
}

pub(super) fn one_worker() -> HostOptions {
    HostOptions { workers: Some(1), ..HostOptions::default() }
}

fn spawn(entry: &str, monitor: bool, link: bool) -> Do {
    let entry = entry.to_owned();
    Do::Ask(ActorCommand::Spawn(Spawn {
        entry,
        host: None,
        args: vec![],
        monitor,
        link,
        ..Spawn::default()
    }))
}

fn send(topic: &str) -> Do {
    let (to, topic) = ("friend".into(), topic.into());
    Do::Ask(ActorCommand::Send { to, topic, payload: vec![Term::Int(1)] })
}

const MONITOR: (bool, bool) = (true, false);

fn told_of(child: Vec<Do>) -> Vec<String> {
    let main = vec![spawn("child", MONITOR.0, MONITOR.1), Do::Receive(1)];
    play(one_worker(), &[("main", main), ("child", child)])
}

#[test]
fn an_exit_says_how_a_process_ended() {
    let nil = "main ended Ok(Nil)".replace("Ok(Nil)", "Nil");
    let cases = [
        (vec![], "main: exit Nil"),
        (vec![Do::End(Term::Int(42))], "main: exit Int(42)"),
        (vec![Do::Fail(ErrorKind::Conflict)], "main: exit CONFLICT"),
        (vec![Do::Panic], "main: exit INTERNAL"),
    ];
    for (child, told) in cases {
        assert_eq!(told_of(child), [told, &nil]);
    }
}

#[test]
fn a_monitor_of_the_dead_is_told_at_once_and_only_once() {
    let monitor = || Do::To(ActorCommand::Monitor);
    let main = vec![monitor(), Do::Receive(1)];
    assert_eq!(play(one_worker(), &[("main", main)]), ["main: exit NOT_FOUND", "main ended Nil"]);

    // Twice monitored is told once: the message comes next.
    let main = vec![
        Do::Ask(ActorCommand::Register("friend".into())),
        spawn("child", true, false),
        monitor(),
        Do::Receive(1),
        send("next"),
        Do::Receive(1),
    ];
    let log = play(one_worker(), &[("main", main), ("child", vec![])]);
    assert_eq!(log, ["main: exit Nil", "main: next [Int(1)]", "main ended Nil"]);
}

#[test]
fn an_unmonitored_end_is_not_told() {
    let main = vec![
        Do::Ask(ActorCommand::Register("friend".into())),
        spawn("child", true, false),
        Do::To(ActorCommand::Unmonitor),
        Do::To(|pid| ActorCommand::Terminate { to: pid.as_str().into() }),
        send("next"),
        Do::Receive(1),
    ];
    let log = play(one_worker(), &[("main", main), ("child", vec![Do::Spin])]);
    assert_eq!(log, ["main: next [Int(1)]", "main ended Nil"]);
}

/// All of them are told of one value, which the host has once.
#[test]
fn a_large_value_is_there_once_however_many_are_told_of_it() {
    const MANY: usize = 100;
    let register = |name: &str| Do::Ask(ActorCommand::Register(name.into()));
    let mut main = vec![register("friend"), spawn("child", false, false), Do::Receive(1)];
    main.extend((0..MANY).map(|_| spawn("watcher", true, false)));
    main.push(Do::Receive(MANY));
    let (to, topic) = ("child".into(), "end".into());
    main.push(Do::Ask(ActorCommand::Send { to, topic, payload: vec![] }));
    main.push(Do::Receive(MANY));
    let value = || Term::from("x".repeat(4 << 20));
    let child = vec![register("child"), send("ready"), Do::Receive(1), Do::End(value())];
    let lookup = Do::Ask(ActorCommand::Lookup("child".into()));
    let watcher = vec![lookup, Do::To(ActorCommand::Monitor), send("ready"), Do::Receive(1)];
    let scripts = [("main", main), ("child", child), ("watcher", watcher)];
    // Not for two of them, with all processes.
    let options = HostOptions { max_memory: Some(8 << 20), ..one_worker() };
    let log = play(options, &scripts);
    let told = log.iter().filter(|line| *line == "watcher: exit 4194304 bytes").count();
    assert_eq!(told, MANY, "{log:?}");
}

/// A value that nobody has any more is on no account; one that is too large for its
/// host is left out.
#[test]
fn a_value_is_on_the_account_of_the_host_until_nobody_has_it() {
    let value = || Do::End(Term::from("x".repeat(4 << 20)));
    let scripts = vec![("main", vec![value()])];
    for (limit, told_of) in [(8 << 20, "4194304 bytes"), (4 << 20, "UNAVAILABLE")] {
        let node = Node::new(Scripts { log: Log::default(), scripts: scripts.clone() });
        node.add_host("host", HostOptions { max_memory: Some(limit), ..one_worker() }).unwrap();
        let used = || node.memory("host").unwrap().0;
        let main = smol::block_on(node.spawn("host", "main", Vec::new())).unwrap();
        let ended = smol::block_on(main.ended()).unwrap();
        assert_eq!(told(&ended.ending), told_of);
        assert_eq!(used() >= 4 << 20, told_of != "UNAVAILABLE");
        drop((main, ended));
        // Whoever tells of the end has it for a moment.
        while used() > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn linked_processes_end_together_if_one_fails() {
    let fails = || ("child", vec![Do::Fail(ErrorKind::RateLimited)]);
    let main = vec![spawn("child", false, true), Do::Receive(1)];
    assert_eq!(play(one_worker(), &[("main", main), fails()]), ["main ended RATE_LIMITED"]);

    let trap = Do::Ask(ActorCommand::TrapLinks(true));
    let main = vec![trap, spawn("child", false, true), Do::Receive(1)];
    let log = play(one_worker(), &[("main", main), fails()]);
    assert_eq!(log, ["main: link down RATE_LIMITED", "main ended Nil"]);

    // A good end is none of the other's business.
    let main = vec![spawn("child", true, true), Do::Receive(1)];
    let log = play(one_worker(), &[("main", main), ("child", vec![])]);
    assert_eq!(log, ["main: exit Nil", "main ended Nil"]);

    let main = vec![
        spawn("child", true, true),
        Do::To(ActorCommand::Unlink),
        Do::To(|pid| ActorCommand::Terminate { to: pid.as_str().into() }),
        Do::Receive(1),
    ];
    let log = play(one_worker(), &[("main", main), ("child", vec![Do::Spin])]);
    assert_eq!(log, ["main: exit CANCELED", "main ended Nil"]);

    let main = vec![Do::To(ActorCommand::Link), Do::Receive(1)];
    assert_eq!(play(one_worker(), &[("main", main)]), ["main ended NOT_FOUND"]);
}

#[test]
fn nobody_keeps_the_only_worker() {
    for busy in [Do::Spin, Do::Yield, Do::Bustle] {
        let main = vec![spawn("busy", false, false), spawn("child", true, false), Do::Receive(1)];
        let log = play(one_worker(), &[("main", main), ("busy", vec![busy]), ("child", vec![])]);
        assert_eq!(log, ["main: exit Nil", "main ended Nil"]);
    }
}

#[test]
fn a_cancel_is_mail_and_then_the_end() {
    let cancel = |patience| {
        let main = vec![spawn("child", true, false), Do::To(patience), Do::Receive(1)];
        move |child| play(one_worker(), &[("main", main.clone()), ("child", child)])
    };
    let soon = cancel(|pid| ActorCommand::Cancel {
        to: pid.as_str().into(),
        reason: "enough".into(),
        patience: Some(20),
    });
    let log = soon(vec![Do::Receive(1), Do::End("bye".into())]);
    assert_eq!(log, ["child: cancel enough", "main: exit Text(\"bye\")", "main ended Nil"]);
    let log = soon(vec![Do::Receive(2)]);
    assert_eq!(log, ["child: cancel enough", "main: exit CANCELED", "main ended Nil"]);
    // One that spins and never looks.
    assert_eq!(soon(vec![Do::Spin]), ["main: exit CANCELED", "main ended Nil"]);
}

#[test]
fn names_are_free_when_the_end_is_told() {
    let name = || Do::Ask(ActorCommand::Register("friend".into()));
    let main = vec![
        spawn("child", true, false),
        Do::Receive(1),
        Do::Ask(ActorCommand::Lookup("friend".into())),
        name(),
        spawn("child", true, false),
        Do::Receive(1),
        Do::Ask(ActorCommand::Unregister("friend".into())),
        Do::Ask(ActorCommand::Unregister("friend".into())),
        send("nobody"),
    ];
    let log = play(one_worker(), &[("main", main), ("child", vec![name()])]);
    assert_eq!(
        log,
        [
            "main: exit Nil",
            "main: NOT_FOUND",
            "child: ALREADY_EXISTS",
            "main: exit Nil",
            "main: Bool(true)",
            "main: Bool(false)",
            "main: NOT_FOUND",
            "main ended Nil"
        ]
    );
}

#[test]
fn full_mailboxes_and_full_hosts_push_back() {
    let register = Do::Ask(ActorCommand::Register("friend".into()));
    let main =
        vec![register, send("a"), send("b"), send("c"), Do::Receive(2), send("d"), Do::Receive(1)];
    let log = play(HostOptions { queue_size: 2, ..one_worker() }, &[("main", main)]);
    assert_eq!(
        log,
        [
            "main: UNAVAILABLE",
            "main: a [Int(1)]",
            "main: b [Int(1)]",
            "main: d [Int(1)]",
            "main ended Nil"
        ]
    );
    // One mail may have more than all may have together, but only alone.
    let register = Do::Ask(ActorCommand::Register("friend".into()));
    let monitor = || Do::Ask(ActorCommand::Monitor(Pid::new("nobody|x.0")));
    let (one, two) = (vec![send("a"), send("b"), monitor()], vec![send("c"), Do::Receive(1)]);
    let main = [vec![register], one, vec![Do::Receive(1)], two].concat();
    let log = play(HostOptions { queue_bytes: 1, ..one_worker() }, &[("main", main)]);
    assert_eq!(
        log,
        [
            "main: UNAVAILABLE",
            "main: UNAVAILABLE",
            "main: a [Int(1)]",
            "main: c [Int(1)]",
            "main ended Nil"
        ]
    );
    let main = vec![spawn("child", true, false), spawn("child", true, false), Do::Receive(1)];
    let options = HostOptions { max_processes: 2, ..one_worker() };
    let log = play(options, &[("main", main), ("child", vec![Do::End(Term::Nil)])]);
    assert_eq!(log, ["main: UNAVAILABLE", "main: exit Nil", "main ended Nil"]);
}

#[test]
fn what_cannot_be_started_is_said() {
    let exec = |entry: &str, host: Option<&str>| {
        let (entry, host) = (entry.to_owned(), host.map(str::to_owned));
        let spawn =
            Spawn { entry, host, args: vec![], monitor: false, link: false, ..Spawn::default() };
        Do::Ask(ActorCommand::Exec(spawn))
    };
    let main = vec![
        exec("nothing", None),
        exec("child", Some("nowhere")),
        exec("child", Some("host")),
        Do::Ask(ActorCommand::Send { to: "x".into(), topic: "@x".into(), payload: vec![] }),
        Do::Ask(ActorCommand::Register("a|b".into())),
    ];
    let log = play(one_worker(), &[("main", main), ("child", vec![Do::End(Term::Int(7))])]);
    assert_eq!(
        log,
        [
            "main: NOT_FOUND",
            "main: NOT_FOUND",
            "main: exec Int(7)",
            "main: INVALID",
            "main: INVALID",
            "main ended Nil"
        ]
    );
}

#[test]
fn who_waits_for_an_exec_takes_it_along() {
    let exec = Spawn {
        entry: "child".into(),
        host: None,
        args: vec![],
        monitor: false,
        link: false,
        ..Spawn::default()
    };
    let main = vec![
        spawn("waits", true, false),
        Do::To(|pid| ActorCommand::Cancel {
            to: pid.as_str().into(),
            reason: String::new(),
            patience: Some(30),
        }),
        Do::Receive(1),
    ];
    let waits = vec![Do::Ask(ActorCommand::Exec(exec))];
    // `play` ends with an empty node, spinning child or not.
    let log = play(one_worker(), &[("main", main), ("waits", waits), ("child", vec![Do::Spin])]);
    assert_eq!(log, ["main: exit CANCELED", "main ended Nil"]);
}

#[test]
fn a_spinning_process_delays_others_by_its_slices() {
    let main = vec![spawn("spin", false, false), spawn("spin", false, false)]
        .into_iter()
        .chain((0..50).flat_map(|_| [spawn("child", true, false), Do::Receive(1)]))
        .collect();
    let log = play(one_worker(), &[("main", main), ("spin", vec![Do::Spin]), ("child", vec![])]);
    assert_eq!(log.len(), 51);
}

#[test]
fn a_node_that_rests_can_be_dropped() {
    let node = Node::new(());
    node.add_host("host", one_worker()).unwrap();
    // By then everything that lives on the host waits.
    std::thread::sleep(Duration::from_millis(50));
    drop(node);
}

/// The text of a trace, to be looked at afterwards.
#[derive(Clone, Default)]
pub(super) struct Written(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Written {
    /// The events of this name. The trace has been finished.
    pub(super) fn events(&self, name: &str) -> Vec<serde_json::Value> {
        let events: Vec<serde_json::Value> =
            serde_json::from_slice(&self.0.lock().unwrap()).unwrap();
        events.into_iter().filter(|event| event["name"] == name).collect()
    }
}

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_trace_that_is_finished_stays_as_it_is() {
    let scripts = vec![("main", vec![Do::End(Term::Nil)])];
    let node = Node::new(Scripts { log: Log::default(), scripts });
    node.add_host("h", one_worker()).unwrap();
    let written = Written::default();
    let trace = std::sync::Arc::new(Trace::new(written.clone()).unwrap());
    node.set_trace(trace.clone());
    for _ in 0..2 {
        let handle = smol::block_on(node.spawn("h", "main", vec![])).unwrap();
        smol::block_on(handle.ended()).unwrap();
        trace.finish().unwrap();
    }
    assert_eq!(written.events("ended").len(), 1);
}
