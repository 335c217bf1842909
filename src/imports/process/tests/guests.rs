//! Real guests on a host that is just enough: one thread, a clock that jumps, and
//! of what a host does the parts that these cases need.

use std::collections::BTreeMap;

use super::{LINKER, pid};
use crate::{
    adapter::{AdaptOptions, WitPackage, adapt},
    command::{
        ActorCommand, ClockCommand, Command, Completion, Ending, ErrorKind, Interest, Mail,
        Message, Pid, ProcessError, Ready, Reply, Spawn, Tag, Wait,
    },
    component::{Component, Engine, LinkedComponent},
    imports::{process::PACKAGES, wasi},
    process::{
        Call, DEFAULT_SLICE, Error, Event, Identity, Process, StartData, Status, StepOutput,
        WasmProcess,
    },
    value::{Term, Type, term},
};

macro_rules! built {
    ($name:literal) => {
        include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/conformance/guests/built/",
            $name,
            ".wasm"
        ))
    };
}

fn program(bytes: &[u8]) -> LinkedComponent {
    Component::new(&Engine::default(), bytes).unwrap().link(&LINKER).unwrap()
}

struct Host {
    programs: [(&'static str, LinkedComponent); 2],
    living: BTreeMap<Pid, Live>,
    ended: BTreeMap<Pid, Ending>,
    names: BTreeMap<String, Pid>,
    now: u64,
    born: u64,
}

struct Live {
    process: WasmProcess,
    events: Vec<Event>,
    result: Option<Type>,
    wait: Waits,
    watchers: Vec<Pid>,
    links: Vec<Pid>,
    traps: bool,
    /// Who waits for its end.
    caller: Option<(Pid, Tag)>,
}

#[derive(Clone, Copy)]
enum Waits {
    No,
    /// For completions that others bring.
    Answer,
    Mail(Tag, Option<u64>),
    Time(Tag, u64),
}

/// Mail of a process that may be waiting for it.
fn deliver(live: &mut Live, mail: Mail) {
    live.events.push(Event::Mail(mail));
    if let Waits::Mail(tag, _) = live.wait {
        live.complete(tag, Reply::Ready(Ready::of(Interest::Mail)));
    }
}

impl Live {
    /// The time that it waits for.
    fn until(&self) -> Option<u64> {
        match self.wait {
            Waits::Mail(_, until) => until,
            Waits::Time(_, until) => Some(until),
            Waits::No | Waits::Answer => None,
        }
    }

    fn complete(&mut self, tag: Tag, reply: Reply) {
        self.events.push(Event::Completion(Completion { tag, reply }));
        self.wait = Waits::No;
    }
}

fn not_found() -> Reply {
    Reply::ProcessError(ProcessError::new(ErrorKind::NotFound, "there is nobody"))
}

impl Host {
    fn new() -> Host {
        Host {
            programs: [
                ("actor", program(built!("actor"))),
                ("counter", program(built!("counter"))),
            ],
            living: BTreeMap::new(),
            ended: BTreeMap::new(),
            names: BTreeMap::new(),
            now: 1,
            born: 0,
        }
    }

    /// Starts `actor:method` or `counter:method`.
    fn start(&mut self, entry: &str, args: &[Term]) -> Result<Pid, ProcessError> {
        let (guest, method) = entry.split_once(':').unwrap();
        let program = self.programs.iter().find(|(name, _)| *name == guest);
        let Some((_, program)) = program else {
            return Err(ProcessError::new(ErrorKind::NotFound, format!("no entry `{entry}`")));
        };
        let function = program.function(method).unwrap();
        let params = function.ty().params.iter();
        let args = params.zip(args).map(|(param, arg)| {
            let ty = Type::new(function.types().clone(), param.ty);
            term::to_value(&ty, arg)
                .map_err(|error| ProcessError::new(ErrorKind::Invalid, error.to_string()))
        });
        let args = args.collect::<Result<_, _>>()?;
        self.born += 1;
        let me = pid(&format!("p{}", self.born));
        let identity =
            Identity { pid: me.clone(), host: "test:host".to_owned(), entry: entry.to_owned() };
        let (call, identity) = (Some(Call::new(method, args)), Some(identity));
        let data = StartData { call, identity, ..StartData::default() };
        let process = WasmProcess::start(program, data.into()).unwrap();
        let live = Live {
            process,
            events: Vec::new(),
            result: function.result(),
            wait: Waits::No,
            watchers: Vec::new(),
            links: Vec::new(),
            traps: false,
            caller: None,
        };
        self.living.insert(me.clone(), live);
        Ok(me)
    }

    /// Runs all until nobody can go on without something from outside. A turn of
    /// all takes a millisecond.
    fn run(&mut self) {
        loop {
            let ready = self.living.iter().filter(|(_, live)| matches!(live.wait, Waits::No));
            let ready: Vec<Pid> = ready.map(|(pid, _)| pid.clone()).collect();
            let time = match ready.is_empty() {
                true => self.living.values().filter_map(Live::until).min(),
                false => Some(self.now + 1_000_000),
            };
            match time {
                Some(time) if time < u64::MAX => self.now = self.now.max(time),
                _ => return,
            }
            for pid in ready {
                self.step(&pid);
            }
            for live in self.living.values_mut() {
                if let Waits::Mail(tag, Some(until)) | Waits::Time(tag, until) = live.wait
                    && until <= self.now
                {
                    live.complete(tag, Reply::Ready(Ready::TIME));
                }
            }
        }
    }

    fn step(&mut self, me: &Pid) {
        let Some(live) = self.living.get_mut(me) else { return };
        let mut out = StepOutput::default();
        live.process.step(&mut live.events, DEFAULT_SLICE, &mut out);
        if out.status == Status::Blocked {
            live.wait = Waits::Answer;
        }
        let result = live.result.clone();
        for asked in out.yields {
            self.answer(me, asked.tag, asked.command);
        }
        match out.status {
            Status::Done(Ok(value)) => {
                let term = result.zip(value).map(|(ty, value)| term::from_value(&ty, &value));
                self.end(me, Ok(term.map_or(Term::Nil, Result::unwrap)));
            }
            Status::Done(Err(error)) => self.end(me, Err(error.fault())),
            Status::Exited(term) => self.end(me, Ok(term)),
            _ => {}
        }
    }

    fn end(&mut self, me: &Pid, ending: Ending) {
        let Some(live) = self.living.remove(me) else { return };
        self.names.retain(|_, pid| pid != me);
        for watcher in live.watchers {
            if let Some(live) = self.living.get_mut(&watcher) {
                deliver(live, Mail::Exit { from: me.clone(), result: ending.clone().into() });
            }
        }
        for other in live.links {
            let (Some(live), Err(fault)) = (self.living.get_mut(&other), &ending) else { continue };
            match live.traps {
                true => deliver(
                    live,
                    Mail::LinkDown { from: me.clone(), result: ending.clone().into() },
                ),
                false => self.end(&other, Err(Error::linked(me, fault).fault())),
            }
        }
        if let Some((caller, tag)) = live.caller
            && let Some(live) = self.living.get_mut(&caller)
        {
            live.complete(tag, Reply::Ended(ending.clone().into()));
        }
        self.ended.insert(me.clone(), ending);
    }

    fn answer(&mut self, me: &Pid, tag: Tag, command: Command) {
        let reply = match command {
            Command::Clock(ClockCommand::Now(_)) => Reply::Time(self.now),
            Command::Actor(ActorCommand::Pause) => Reply::Done,
            Command::Chore(chore) => {
                chore.run();
                Reply::Done
            }
            Command::Wait(Wait { on, until }) if on.contains(Interest::Mail) => {
                let live = self.living.get_mut(me).unwrap();
                live.wait = Waits::Mail(tag, until);
                if live.events.iter().any(|event| matches!(event, Event::Mail(_))) {
                    live.complete(tag, Reply::Ready(Ready::of(Interest::Mail)));
                }
                return;
            }
            Command::Wait(Wait { until: Some(until), .. }) => {
                self.living.get_mut(me).unwrap().wait = Waits::Time(tag, until);
                return;
            }
            Command::Actor(ActorCommand::Exec(Spawn { entry, args, .. })) => {
                match self.start(&entry, &args) {
                    Ok(pid) => {
                        self.living.get_mut(&pid).unwrap().caller = Some((me.clone(), tag));
                        return;
                    }
                    Err(fault) => Reply::ProcessError(fault),
                }
            }
            Command::Actor(command) => self.act(me, command),
            other => Reply::Refused(format!("{other:?}")),
        };
        if let Some(live) = self.living.get_mut(me) {
            live.complete(tag, reply);
        }
    }

    fn act(&mut self, me: &Pid, command: ActorCommand) -> Reply {
        let to = |host: &Host, to: &str| host.names.get(to).cloned().unwrap_or_else(|| pid(to));
        match command {
            ActorCommand::Spawn(Spawn { entry, args, monitor, link, .. }) => {
                let pid = match self.start(&entry, &args) {
                    Ok(pid) => pid,
                    Err(fault) => return Reply::ProcessError(fault),
                };
                let child = self.living.get_mut(&pid).unwrap();
                child.watchers.extend(monitor.then(|| me.clone()));
                child.links.extend(link.then(|| me.clone()));
                let parent = self.living.get_mut(me).unwrap();
                parent.links.extend(link.then(|| pid.clone()));
                return Reply::Pid(pid);
            }
            ActorCommand::Send { to: name, topic, payload } => {
                match self.living.get_mut(&to(self, &name)) {
                    Some(live) => {
                        deliver(live, Mail::Message(Message::new(Some(me.clone()), topic, payload)))
                    }
                    None => return not_found(),
                }
            }
            ActorCommand::TrapLinks(on) => self.living.get_mut(me).unwrap().traps = on,
            ActorCommand::Cancel { to: name, reason, .. } => {
                match self.living.get_mut(&to(self, &name)) {
                    Some(live) => deliver(live, Mail::Cancel { from: Some(me.clone()), reason }),
                    None => return not_found(),
                }
            }
            ActorCommand::Terminate { to: name } => {
                let pid = to(self, &name);
                self.end(&pid, Err(Error::terminated("").fault()));
            }
            ActorCommand::Register(name) => match self.names.get(&name) {
                Some(other) if other != me => {
                    return Reply::ProcessError(ProcessError::new(
                        ErrorKind::AlreadyExists,
                        "taken",
                    ));
                }
                _ => {
                    self.names.insert(name, me.clone());
                }
            },
            ActorCommand::Unregister(name) => {
                let had = self.names.get(&name) == Some(me);
                self.names.retain(|other, pid| *other != name || pid != me);
                return Reply::Bool(had);
            }
            ActorCommand::Lookup(name) => {
                return self.names.get(&name).cloned().map_or_else(not_found, Reply::Pid);
            }
            other => return Reply::Refused(other.name().to_owned()),
        }
        Reply::Done
    }

    /// Starts a process, runs all, and says how it has ended.
    fn ends(&mut self, entry: &str, args: &[Term]) -> Ending {
        let pid = self.start(entry, args).unwrap();
        self.run();
        self.ended.remove(&pid).unwrap_or_else(|| panic!("{entry} has not ended"))
    }

    /// The same, for those that end with a text.
    #[track_caller]
    fn says(&mut self, entry: &str, args: &[Term], text: &str) {
        assert_eq!(self.ends(entry, args), Ok(text.into()));
    }
}

#[test]
fn messages_go_there_and_back() {
    let mut host = Host::new();
    let echo = host.start("actor:echo", &[Term::Int(3)]).unwrap();
    let target = Term::from(echo.as_str());
    assert_eq!(host.ends("actor:ping", &[target.clone(), Term::Int(3)]), Ok(Term::Int(3)));
    assert_eq!(host.ended.remove(&echo), Some(Ok(Term::Int(3))));
    host.says("actor:flood", &[target, Term::Int(9)], "sent 0, then NotFound: there is nobody");
    let who = format!("p{} test:host actor:who", host.born + 1);
    host.says("actor:who", &[], &who);
}

#[test]
fn a_token_goes_around() {
    let mut host = Host::new();
    let args = ["actor:member".into(), Term::Int(5), Term::Int(3)];
    assert_eq!(host.ends("actor:ring", &args), Ok(Term::Int(15)));
    assert!(host.living.is_empty());
    assert!(host.ended.values().all(|ending| *ending == Ok(Term::Int(3))));
}

#[test]
fn what_is_seen_of_a_child() {
    let mut host = Host::new();
    let mut watch = |how: &str, ties: [bool; 3], steps: &[&str], seen: &str| {
        let [monitor, link, trap] = ties.map(Term::Bool);
        let steps = Term::List(steps.iter().map(|step| (*step).into()).collect());
        let entry = "actor:child".into();
        let args = [entry, Term::Nil, how.into(), monitor, link, trap, steps, Term::Int(100)];
        host.says("actor:watch", &args, seen);
    };
    let monitor = [true, false, false];
    watch("return bye", monitor, &[], "exit of child: ok text bye");
    watch("exit bye", monitor, &[], "exit of child: ok text bye");
    watch("yield 3", monitor, &[], "exit of child: ok text 3");
    watch("error no", monitor, &[], "exit of child: err Conflict: no");
    watch("return bye", [false; 3], &[], "");
    watch(
        "error no",
        [true, true, true],
        &[],
        "exit of child: err Conflict: no\nlink-down of child: err Conflict: no",
    );
    watch(
        "wait",
        monitor,
        &["pause 5", "cancel enough"],
        "exit of child: ok text cancelled: enough",
    );
    let terminated = "exit of child: err Canceled: the process was terminated";
    for how in ["sleep", "spin", "stubborn"] {
        watch(how, monitor, &["pause 5", "terminate"], terminated);
    }
}

#[test]
fn a_link_that_is_not_trapped_takes_both() {
    let mut host = Host::new();
    let [no, yes] = [false, true].map(Term::Bool);
    let how = "error no".into();
    let args = [
        "actor:child".into(),
        Term::Nil,
        how,
        no.clone(),
        yes,
        no,
        Term::List(vec![]),
        Term::Int(100),
    ];
    let fault = host.ends("actor:watch", &args).unwrap_err();
    assert_eq!(
        (fault.kind, &*fault.message),
        (ErrorKind::Conflict, "the linked process p2 ended: no")
    );
}

#[test]
fn exec_waits_for_the_end() {
    let mut host = Host::new();
    let mut exec = |entry: &str, how: &str, seen: &str| {
        host.says("actor:exec", &[entry.into(), Term::Nil, how.into()], seen);
    };
    exec("actor:child", "return bye", "ok text bye");
    exec("actor:child", "error no", "err Conflict: no");
    exec("nothing:here", "", "err NotFound: no entry `nothing:here`");
    exec("actor:echo", "x", "err Invalid: expected u64, found \"x\"");
}

#[test]
fn names_lead_to_processes() {
    let mut host = Host::new();
    let text = "lookup: NotFound: there is nobody\nregister: ok\nlookup: self\nagain: ok\n\
                message by-name from self: \nunregister: true\nunregister: false\n\
                send: NotFound: there is nobody";
    host.says("actor:names", &["n".into(), Term::Nil], text);
}

#[test]
fn mail_is_selected_and_waited_for() {
    let mut host = Host::new();
    let select = host
        .start("actor:select", &[Term::List(vec!["b".into(), "a".into()]), Term::Int(10)])
        .unwrap();
    let message = |topic: &str, payload| Mail::Message(Message::new(None, topic, payload));
    let payload = vec![Term::Uint(u64::MAX), Term::record([("x", Term::Bytes([7].into()))])];
    let mail = [message("c", vec![]), message("a", payload), message("b", vec![Term::Float(0.5)])];
    for mail in mail {
        deliver(host.living.get_mut(&select).unwrap(), mail);
    }
    host.run();
    let seen = "message b from nobody: float 0.5\n\
                message a from nobody: unsigned 18446744073709551615, json {\"x\":[7]}\n\
                message c from nobody: ";
    assert_eq!(host.ended.remove(&select), Some(Ok(seen.into())));

    host.says("actor:poll-both", &[Term::Int(50)], "time");
    let poll = host.start("actor:poll-both", &[Term::Int(50)]).unwrap();
    deliver(host.living.get_mut(&poll).unwrap(), message("m", vec![]));
    host.run();
    assert_eq!(host.ended.remove(&poll), Some(Ok("message m from nobody: ".into())));
}

#[test]
fn the_same_from_c() {
    let mut host = Host::new();
    let add = |host: &mut Host, amount| host.ends("counter:add", &["n".into(), Term::Int(amount)]);
    let none = Term::record([("err", "there is nobody".into())]);
    assert_eq!(add(&mut host, 1), Ok(none));
    let serve = host.start("counter:serve", &["n".into()]).unwrap();
    host.run();
    let total = |total| Ok(Term::record([("ok", Term::Int(total))]));
    assert_eq!(add(&mut host, 5), total(5));
    assert_eq!(add(&mut host, -7), total(-2));
    let taken = host.ends("counter:serve", &["n".into()]).unwrap_err();
    assert_eq!((taken.kind, &*taken.message), (ErrorKind::AlreadyExists, "taken"));
    deliver(
        host.living.get_mut(&serve).unwrap(),
        Mail::Cancel { from: None, reason: String::new() },
    );
    host.run();
    assert_eq!(host.ended.remove(&serve), Some(Ok(Term::Int(-2))));
}

#[test]
fn core_modules_name_it_in_their_wit() {
    let packages = [&wasi::PACKAGES[..], &PACKAGES[..]].concat();
    let packages: Vec<_> =
        packages.into_iter().map(|(name, text)| WitPackage { name, text }).collect();
    let module = wat::parse_str(
        r#"(module
            (import "wippy:process/life@0.1.0" "yield-now" (func $yield))
            (import "wippy:process/mailbox@0.1.0" "subscribe" (func $subscribe
                (param i32 i32 i32 i32)))
            (import "wasi:io/poll@0.2.12" "[method]pollable.ready" (func $ready
                (param i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
            (func (export "run") (result i32)
                (call $yield)
                (call $subscribe (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 16))
                (i32.add (i32.const 7) (call $ready (i32.load (i32.const 24))))))"#,
    );
    let wit = "package test:core;
        world core {
            import wippy:process/life@0.1.0;
            import wippy:process/mailbox@0.1.0;
            export run: func() -> u32;
        }";
    let options = AdaptOptions { wit: Some(wit), packages: &packages };
    let adapted = adapt(&module.unwrap(), &options).unwrap();
    let mut host = Host::new();
    host.programs[0] = ("core", program(&adapted.component));
    assert_eq!(host.ends("core:run", &[]), Ok(Term::Int(7)));
}
