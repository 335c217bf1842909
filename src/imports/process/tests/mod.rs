//! What the functions promise, called one by one, with the answers of the host
//! written down beforehand.

mod guests;

use std::{
    collections::VecDeque,
    sync::{Arc, LazyLock},
};

use super::add_to_linker;
use crate::{
    command::{
        ActorCommand, Clock, ClockCommand, Command, ErrorKind, FunctionCall, Interest, Interests,
        Mail, Message, Pid, ProcessError, Ready, Reply, Spawn, Wait,
    },
    component::{Answer, HostState, Linker, Trap, TrapKind},
    imports::wasi,
    process::{ExitRequest, Grants, Identity, Inbox},
    value::{Resource, Term, Type, TypeDef, Value, check::check_with, wave},
};

static LINKER: LazyLock<Linker> = LazyLock::new(|| {
    let mut linker = Linker::default();
    wasi::add_to_linker(&mut linker).unwrap();
    add_to_linker(&mut linker).unwrap();
    linker
});

/// A guest that calls functions, and a host that has its answers ready.
#[derive(Default)]
struct Guest {
    state: HostState,
    /// What arrives before an answer, and the answer.
    answers: VecDeque<(Vec<Mail>, Reply)>,
    asked: Vec<Command>,
}

impl Guest {
    /// On a host.
    fn new() -> Guest {
        let mut guest = Guest::default();
        guest.state.set(Some(Identity {
            pid: pid("me"),
            host: "app:host".to_owned(),
            entry: "app:worker".to_owned(),
        }));
        guest
    }

    fn answers(&mut self, reply: Reply) {
        self.answers_after([], reply);
    }

    fn answers_after(&mut self, mail: impl IntoIterator<Item = Mail>, reply: Reply) {
        self.answers.push_back((mail.into_iter().collect(), reply));
    }

    fn arrives(&mut self, mail: Mail) {
        self.state.get::<Inbox>().push(mail);
    }

    fn call(&mut self, function: &str, args: Vec<Value>) -> Result<Option<Value>, Trap> {
        let (interface, name) = function.split_once('#').unwrap();
        let (mut answer, ty) = LINKER.call(&mut self.state, interface, name, args)?;
        loop {
            answer = match answer {
                Answer::Now(value) => {
                    assert_eq!(value.is_some(), ty.result.is_some(), "{function}");
                    if let (Some(value), Some(id)) = (&value, ty.result) {
                        let ty = Type::new(LINKER.types.clone().into(), id);
                        check_with(&ty, value, &mut |_, _| true)
                            .unwrap_or_else(|e| panic!("{function}: {e}"));
                    }
                    return Ok(value);
                }
                Answer::Then(command, then) => {
                    self.asked.push(command);
                    let (mail, reply) =
                        self.answers.pop_front().unwrap_or_else(|| panic!("{:?}", self.asked));
                    mail.into_iter().for_each(|mail| self.arrives(mail));
                    LINKER.proceed(&mut self.state, then, reply)?
                }
                Answer::Later(command) => panic!("{function}: {command:?}"),
            };
        }
    }

    /// Calls a function of `wippy:process` with arguments in WAVE; its result in
    /// WAVE.
    fn says(&mut self, function: &str, args: &[&str]) -> String {
        let (interface, name) = function.split_once('#').unwrap();
        let interface = format!("wippy:process/{interface}");
        let ty = func_type(&interface, name);
        let types = Arc::new(LINKER.types.clone());
        let args = ty.params.iter().zip(args).map(|(param, text)| {
            let ty = Type::new(types.clone(), param.ty);
            wave::parse(&ty, text).unwrap_or_else(|e| panic!("{text}: {e}"))
        });
        let result = self.call(&format!("{interface}#{name}"), args.collect()).unwrap();
        let text = ty
            .result
            .zip(result)
            .map(|(id, value)| wave::format(&Type::new(types.clone(), id), &value).unwrap());
        text.unwrap_or_default()
    }

    fn asked(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.asked)
    }

    fn actor(&mut self) -> ActorCommand {
        match self.asked().pop() {
            Some(Command::Actor(command)) => command,
            other => panic!("{other:?}"),
        }
    }
}

fn func_type(interface: &str, name: &str) -> crate::value::FuncType {
    LINKER.func_type(interface, name).unwrap_or_else(|| panic!("no {interface}#{name}"))
}

fn pid(text: &str) -> Pid {
    Pid::new(text)
}

fn message(topic: &str, payload: Vec<Term>) -> Mail {
    Mail::Message(Message::new(Some(pid("other")), topic, payload))
}

fn exit(from: &str) -> Mail {
    Mail::Exit { from: pid(from), result: Ok(Term::Nil).into() }
}

const LOOK: Command = Command::Wait(Wait { on: Interests::of(Interest::Mail), until: Some(0) });
const AWAIT: Command = Command::Wait(Wait { on: Interests::of(Interest::Mail), until: None });

#[test]
fn every_declared_function_has_a_body() {
    assert_eq!(LINKER.unbound(), ["wasi:cli/run#run", "wasi:http/incoming-handler#handle"]);
}

#[test]
fn the_reason_of_a_denial_is_the_line_to_add() {
    let none = Grants::new("app:x", [""; 0]);
    let reason = none.deny(&LINKER, "wippy:process/mailbox@0.1.0");
    let wanted = "entry `app:x` does not enable it; add `- wippy:process` to its `imports`";
    assert_eq!(reason.as_deref(), Some(wanted));
    let some = Grants::new("app:x", ["wippy:process"]);
    assert_eq!(some.deny(&LINKER, "wippy:process/mailbox@0.1.0"), None);
}

#[test]
fn the_numbers_of_kinds_are_those_of_the_wit() {
    let kinds = LINKER.types.iter().find_map(|(_, def)| match def {
        TypeDef::Enum(labels) if &*labels[0] == "not-found" => Some(labels),
        _ => None,
    });
    let kinds = kinds.unwrap().iter().map(|label| label.to_uppercase().replace('-', "_"));
    assert!(kinds.eq(ErrorKind::ALL.iter().map(|kind| kind.name())));
}

#[test]
fn who_one_is() {
    let mut guest = Guest::new();
    let me = r#"some({pid: "me", host: "app:host", entry: "app:worker"})"#;
    assert_eq!(guest.says("life#get-self", &[]), me);
    assert_eq!(Guest::default().says("life#get-self", &[]), "none");
}

#[test]
fn without_a_host_nothing_works_and_nothing_waits() {
    let mut guest = Guest::default();
    let start = r#"{entry: "a:b", args: []}"#;
    let refused = "err({kind: unavailable, message: \"the program runs by itself and not as a \
                   process of a host\", retryable: true, details: nothing})";
    for (function, args) in [
        ("life#spawn", &[start, "{}"][..]),
        ("life#exec", &[start]),
        ("life#monitor", &["\"x\""]),
        ("life#trap-links", &["true"]),
        ("life#cancel", &["\"x\"", "\"\"", "none"]),
        ("mailbox#send", &["\"x\"", "\"t\"", "[]"]),
        ("functions#call", &[r#"{entry: "a:f", args: [], context: []}"#]),
        ("mailbox#receive", &["all", "none"]),
        ("names#lookup", &["\"x\""]),
    ] {
        assert_eq!(guest.says(function, args), refused, "{function}");
    }
    let subscribed = guest.call("wippy:process/mailbox#subscribe", vec![Value::case(0)]);
    assert!(matches!(subscribed, Ok(Some(Value::Variant { case: 1, .. }))));
    assert_eq!(guest.says("life#yield-now", &[]), "");
    assert_eq!(guest.asked(), []);
}

#[test]
fn functions_are_called_with_values() {
    let mut guest = Guest::new();
    guest.answers(Reply::Ended(Ok(Term::Int(42)).into()));
    let request = r#"{entry: "a:f", args: [integer(21)], context: [("user", text("ada"))],
        timeout: some(1500000001)}"#;
    assert_eq!(guest.says("functions#call", &[request]), "ok(integer(42))");
    let call = FunctionCall {
        entry: "a:f".to_owned(),
        args: vec![Term::Int(21)],
        context: vec![("user".to_owned(), "ada".into())],
        // Never shorter than it was.
        timeout: Some(1501),
        ..FunctionCall::default()
    };
    assert_eq!(guest.actor(), ActorCommand::Call(Box::new(call)));

    let failed = ProcessError::new(ErrorKind::Timeout, "late");
    guest.answers(Reply::Ended(Err(failed).into()));
    let late = r#"err({kind: timeout, message: "late", retryable: true, details: nothing})"#;
    let request = r#"{entry: "a:f", args: [], context: []}"#;
    assert_eq!(guest.says("functions#call", &[request]), late);
}

#[test]
fn lives_are_the_hosts() {
    let mut guest = Guest::new();
    guest.answers(Reply::Pid(pid("p1")));
    let args = r#"[nothing, boolean(true), integer(-1), unsigned(18446744073709551615), float(0.5),
        text("t"), bytes([1, 2]), json("{\"a\": [1, null]}"), json("1"), unsigned(1)]"#;
    let start = format!(r#"{{entry: "a:b", host: some("a:h"), args: {args}}}"#);
    assert_eq!(guest.says("life#spawn", &[&start, "{link}"]), r#"ok("p1")"#);
    let args = vec![
        Term::Nil,
        Term::Bool(true),
        Term::Int(-1),
        Term::Uint(u64::MAX),
        Term::Float(0.5),
        "t".into(),
        Term::Bytes([1, 2].into()),
        Term::record([("a", Term::List(vec![Term::Int(1), Term::Nil]))]),
        Term::Int(1),
        Term::Int(1),
    ];
    let host = Some("a:h".to_owned());
    let spawn = Spawn {
        entry: "a:b".to_owned(),
        host,
        args,
        monitor: false,
        link: true,
        ..Spawn::default()
    };
    assert_eq!(guest.actor(), ActorCommand::Spawn(spawn));

    guest.answers(Reply::ProcessError(ProcessError::new(ErrorKind::Unavailable, "full")));
    let start = r#"{entry: "a:b", args: []}"#;
    let full = r#"err({kind: unavailable, message: "full", retryable: true, details: nothing})"#;
    assert_eq!(guest.says("life#spawn", &[start, "{monitor, link}"]), full);
    let ActorCommand::Spawn(spawn) = guest.actor() else { panic!() };
    assert!(spawn.monitor && spawn.link && spawn.host.is_none());

    guest.answers(Reply::Ended(Ok(Term::List(vec![Term::Int(1)])).into()));
    assert_eq!(guest.says("life#exec", &[start]), r#"ok(json("[1]"))"#);
    let fault =
        ProcessError { details: "x".into(), ..ProcessError::new(ErrorKind::Conflict, "no") };
    guest.answers(Reply::Ended(Err(fault).into()));
    let conflict = r#"err({kind: conflict, message: "no", retryable: false, details: text("x")})"#;
    assert_eq!(guest.says("life#exec", &[start]), conflict);

    type Made = fn(Pid) -> ActorCommand;
    let table: [(&str, Made); 4] = [
        ("monitor", ActorCommand::Monitor),
        ("unmonitor", ActorCommand::Unmonitor),
        ("link", ActorCommand::Link),
        ("unlink", ActorCommand::Unlink),
    ];
    for (function, command) in table {
        guest.answers(Reply::Done);
        assert_eq!(guest.says(&format!("life#{function}"), &["\"p\""]), "ok");
        assert_eq!(guest.actor(), command(pid("p")));
    }
    guest.answers(Reply::Done);
    assert_eq!(guest.says("life#cancel", &["\"p\"", "\"why\"", "some(1000001)"]), "ok");
    let (to, reason) = (Arc::from("p"), "why".to_owned());
    assert_eq!(guest.actor(), ActorCommand::Cancel { to, reason, patience: Some(2) });
    guest.answers(Reply::Done);
    guest.says("life#terminate", &["\"p\""]);
    assert_eq!(guest.actor(), ActorCommand::Terminate { to: "p".into() });
    guest.answers(Reply::Done);
    guest.says("life#trap-links", &["true"]);
    assert_eq!(guest.actor(), ActorCommand::TrapLinks(true));
    guest.answers(Reply::Done);
    guest.says("life#yield-now", &[]);
    assert_eq!(guest.asked(), [Command::Actor(ActorCommand::Pause)]);
}

#[test]
fn json_that_is_none_is_invalid() {
    let mut guest = Guest::new();
    let deep = format!("json(\"{}\")", "[".repeat(100_000));
    for (payload, why) in [
        (r#"json("{")"#, "no JSON: EOF while parsing an object at line 1 column 1"),
        (&deep, "no JSON: recursion limit exceeded at line 1 column 128"),
    ] {
        let said = guest.says("mailbox#send", &["\"p\"", "\"t\"", &format!("[{payload}]")]);
        let fields = format!("kind: invalid, message: \"{why}\", retryable: false");
        assert_eq!(said, format!("err({{{fields}, details: nothing}})"));
    }
    assert_eq!(guest.asked(), []);
}

#[test]
fn there_is_an_end_to_what_a_call_carries() {
    let mut guest = Guest::new();
    let mut send = |case, payload: &[Value]| {
        let value =
            |payload: &Value| Value::Variant { case, payload: Some(payload.clone().into()) };
        let values = Value::from(payload.iter().map(value).collect::<Vec<_>>());
        guest.answers.clear();
        guest.answers(Reply::Done);
        let sent = guest.call("wippy:process/mailbox#send", vec!["p".into(), "t".into(), values]);
        sent == Ok(Some(Value::ok(None)))
    };
    let (half, mib) = (Value::from(vec![0u8; 8 << 20]), 1 << 20);
    assert!(send(6, std::slice::from_ref(&half)));
    assert!(!send(6, &[half.clone(), half]));
    let text = |len| Value::from("x".repeat(len));
    assert!(!send(5, &[text(16 * mib)]));
    let json = |len| Value::from(format!("\"{}\"", "x".repeat(len - 2)));
    assert!(send(7, &[json(mib)]));
    assert!(!send(7, &[json(mib), json(2)]));
    assert!(!send(1, &vec![Value::Bool(true); mib]));
    assert_eq!(guest.asked().len(), 2);
}

/// `{a = {1}}`
fn tree() -> Term {
    Term::record([("a", Term::List(vec![Term::Int(1)]))])
}

#[test]
fn the_last_words() {
    for (args, words) in [
        ("ok(integer(7))", Ok(Term::Int(7))),
        (
            r#"err({kind: timeout, message: "late", retryable: false, details: nothing})"#,
            Err(ProcessError { retryable: false, ..ProcessError::new(ErrorKind::Timeout, "late") }),
        ),
        (
            r#"err({kind: timeout, message: "", retryable: true, details: json("{\"a\": [1]}")})"#,
            Err(ProcessError { details: tree(), ..ProcessError::new(ErrorKind::Timeout, "") }),
        ),
        (
            r#"err({kind: timeout, message: "", retryable: true, details: json("x")})"#,
            Err(ProcessError::new(
                ErrorKind::Invalid,
                "no JSON: expected value at line 1 column 1",
            )),
        ),
        (
            r#"ok(json("x"))"#,
            Err(ProcessError::new(
                ErrorKind::Invalid,
                "no JSON: expected value at line 1 column 1",
            )),
        ),
    ] {
        // With a host and without.
        for mut guest in [Guest::new(), Guest::default()] {
            let ty = func_type("wippy:process/life", "exit").params[0].ty;
            let value = wave::parse(&Type::new(LINKER.types.clone().into(), ty), args).unwrap();
            let trap = guest.call("wippy:process/life#exit", vec![value]).unwrap_err();
            assert_eq!(trap.kind, TrapKind::Exit(0));
            assert_eq!(guest.state.get::<ExitRequest>().0, Some(words.clone()));
        }
    }
}

#[test]
fn details_that_json_cannot_hold_are_left_out() {
    let deep = (0..1000).fold(Term::Nil, |term, _| Term::List(vec![term]));
    let mut guest = Guest::new();
    guest.arrives(Mail::Exit {
        from: pid("p"),
        result: Err(ProcessError {
            details: deep,
            ..ProcessError::new(ErrorKind::Internal, "trap")
        })
        .into(),
    });
    let error = r#"{kind: internal, message: "trap", retryable: false, details: nothing}"#;
    let told = format!(r#"ok(some(exit({{from: "p", result: err({error})}})))"#);
    assert_eq!(guest.says("mailbox#receive", &["all", "none"]), told);
}

#[test]
fn names_are_the_hosts() {
    let mut guest = Guest::new();
    guest.answers(Reply::Done);
    assert_eq!(guest.says("names#register", &["\"n\""]), "ok");
    assert_eq!(guest.actor(), ActorCommand::Register("n".to_owned()));
    guest.answers(Reply::Bool(true));
    assert_eq!(guest.says("names#unregister", &["\"n\""]), "ok(true)");
    assert_eq!(guest.actor(), ActorCommand::Unregister("n".to_owned()));
    guest.answers(Reply::Pid(pid("p")));
    assert_eq!(guest.says("names#lookup", &["\"n\""]), "ok(\"p\")");
    assert_eq!(guest.actor(), ActorCommand::Lookup("n".to_owned()));
    // An answer of another kind is the host's mistake, and none of the guest's.
    guest.answers(Reply::Done);
    assert!(guest.call("wippy:process/names#lookup", vec!["n".into()]).is_err());
}

#[test]
fn mail_that_is_there_is_no_command() {
    let mut guest = Guest::new();
    assert!(!guest.state.get::<Inbox>().listens());
    guest.arrives(message("a", vec![Term::Int(1), Term::List(vec![])]));
    guest.arrives(Mail::Exit { from: pid("p"), result: Ok("bye".into()).into() });
    guest.arrives(Mail::LinkDown {
        from: pid("q"),
        result: Err(ProcessError {
            details: tree(),
            ..ProcessError::new(ErrorKind::Internal, "trap")
        })
        .into(),
    });
    guest.arrives(Mail::Cancel { from: None, reason: "over".to_owned() });
    guest.arrives(message("b", vec![]));
    let mut get = |filter: &str| guest.says("mailbox#receive", &[filter, "some(0)"]);
    assert_eq!(
        get("topic(\"b\")"),
        r#"ok(some(message({from: some("other"), topic: "b", payload: []})))"#
    );
    assert_eq!(get("notices"), r#"ok(some(exit({from: "p", result: ok(text("bye"))})))"#);
    assert_eq!(
        get("messages"),
        r#"ok(some(message({from: some("other"), topic: "a", payload: [integer(1), json("[]")]})))"#
    );
    let details = r#"json("{\"a\":[1]}")"#;
    let error =
        format!(r#"{{kind: internal, message: "trap", retryable: false, details: {details}}}"#);
    assert_eq!(get("all"), format!(r#"ok(some(link-down({{from: "q", result: err({error})}})))"#));
    assert_eq!(get("all"), r#"ok(some(cancel({reason: "over"})))"#);
    assert_eq!(guest.asked(), []);
    assert!(guest.state.get::<Inbox>().listens());
    assert_eq!(guest.state.get::<Inbox>().take_received().mails, 5);
    assert!(guest.state.work > 0);
}

#[test]
fn who_looks_sees_what_has_come_since_the_step_began() {
    let mut guest = Guest::new();
    let over = Reply::Ready(Ready::TIME);
    guest.answers_after([message("a", vec![])], over.clone());
    guest.answers_after([message("a", vec![]), message("b", vec![])], over.clone());
    guest.answers(over);
    let mut look = || guest.says("mailbox#receive", &["topic(\"b\")", "some(0)"]);
    assert_eq!(look(), "ok(none)");
    assert!(look().starts_with("ok(some(message({"));
    assert_eq!(look(), "ok(none)");
    assert_eq!(guest.asked(), [LOOK, LOOK, LOOK]);
}

#[test]
fn one_waits_for_mail_that_is_meant() {
    let mut guest = Guest::new();
    guest.answers_after([exit("p")], Reply::Ready(Ready::of(Interest::Mail)));
    guest.answers_after(
        [message("a", vec![]), message("b", vec![])],
        Reply::Ready(Ready::of(Interest::Mail)),
    );
    let b = r#"ok(some(message({from: some("other"), topic: "b", payload: []})))"#;
    assert_eq!(guest.says("mailbox#receive", &["topic(\"b\")", "none"]), b);
    assert_eq!(guest.asked(), [AWAIT, AWAIT]);

    // The time is one time, however often it is waited.
    let mut guest = Guest::new();
    guest.answers(Reply::Time(100));
    guest.answers_after([message("a", vec![])], Reply::Ready(Ready::of(Interest::Mail)));
    guest.answers(Reply::Ready(Ready::TIME));
    assert_eq!(guest.says("mailbox#receive", &["notices", "some(50)"]), "ok(none)");
    let wait = Command::Wait(Wait::new(Interest::Mail, Some(150)));
    assert_eq!(
        guest.asked(),
        [Command::Clock(ClockCommand::Now(Clock::Monotonic)), wait.clone(), wait]
    );

    // What comes while the time is looked up is not waited for, and what comes
    // with the end of the time is not lost.
    let mut guest = Guest::new();
    guest.answers_after([exit("p")], Reply::Time(100));
    let p = r#"ok(some(exit({from: "p", result: ok(nothing)})))"#;
    assert_eq!(guest.says("mailbox#receive", &["all", "some(50)"]), p);
    guest.answers(Reply::Time(u64::MAX));
    guest.answers_after([exit("p")], Reply::Ready(Ready::TIME));
    assert_eq!(guest.says("mailbox#receive", &["all", "some(50)"]), p);
}

/// Handles of pollables.
fn subscribe(guest: &mut Guest, function: &str, arg: Value) -> Value {
    let result = guest.call(function, vec![arg]).unwrap().unwrap();
    let handle = match result {
        Value::Variant { case: 0, payload: Some(handle) } => *handle,
        other => other,
    };
    match handle {
        Value::Own(Resource { rep, .. }) => Value::Borrow(Resource::host(rep)),
        other => panic!("{other:?}"),
    }
}

fn mail(guest: &mut Guest, filter: Value) -> Value {
    subscribe(guest, "wippy:process/mailbox#subscribe", filter)
}

fn timer(guest: &mut Guest, until: u64) -> Value {
    subscribe(guest, "wasi:clocks/monotonic-clock#subscribe-instant", until.into())
}

fn poll(guest: &mut Guest, pollables: &[&Value]) -> Vec<Value> {
    let list: Vec<Value> = pollables.iter().map(|handle| (*handle).clone()).collect();
    match guest.call("wasi:io/poll#poll", vec![list.into()]).unwrap() {
        Some(Value::List(ready)) => ready.iter().collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn mail_is_waited_for_beside_other_things() {
    let mut guest = Guest::new();
    let any = mail(&mut guest, Value::case(0));
    let topic = Value::Variant { case: 2, payload: Some(Box::new("t".into())) };
    let topic = mail(&mut guest, topic);
    assert!(guest.state.get::<Inbox>().listens());
    let time = timer(&mut guest, 500);
    let wait = Command::Wait(Wait::new(Interest::Mail, Some(500)));
    let now = Command::Clock(ClockCommand::Now(Clock::Monotonic));

    // Another topic: it is waited on. Then both the time and the topic.
    guest.answers_after([message("other", vec![])], Reply::Ready(Ready::of(Interest::Mail)));
    guest.answers_after([message("t", vec![])], Reply::Ready(Ready::of(Interest::Mail)));
    guest.answers(Reply::Time(499));
    assert_eq!(poll(&mut guest, &[&time, &topic]), [Value::U32(1)]);
    assert_eq!(guest.asked(), [wait.clone(), wait.clone(), now.clone()]);

    // There is mail now.
    guest.answers(Reply::Time(500));
    assert_eq!(poll(&mut guest, &[&time, &any]), [Value::U32(0), Value::U32(1)]);
    assert_eq!(poll(&mut guest, &[&any]), [Value::U32(0)]);
    assert_eq!(guest.asked(), [now]);
    let ready = |guest: &mut Guest, handle: &Value| {
        guest.call("wasi:io/poll#[method]pollable.ready", vec![handle.clone()])
    };
    assert_eq!(ready(&mut guest, &topic), Ok(Some(true.into())));
    let over = Reply::Ready(Ready::TIME);
    guest.answers(over.clone());
    while guest.says("mailbox#receive", &["all", "some(0)"]) != "ok(none)" {}
    guest.answers(over.clone());
    assert_eq!(ready(&mut guest, &topic), Ok(Some(false.into())));
    guest.answers_after([message("t", vec![])], over.clone());
    assert_eq!(ready(&mut guest, &topic), Ok(Some(true.into())));
    assert_ne!(guest.says("mailbox#receive", &["all", "some(0)"]), "ok(none)");
    assert_eq!(guest.asked(), [LOOK, LOOK, LOOK]);

    // The time comes first, and mail with it.
    guest.answers_after([exit("p")], Reply::Ready(Ready::TIME));
    assert_eq!(poll(&mut guest, &[&any, &topic, &time]), [Value::U32(0), Value::U32(2)]);
    assert_eq!(guest.asked(), [wait]);

    // Only mail.
    guest.answers(over);
    while guest.says("mailbox#receive", &["all", "some(0)"]) != "ok(none)" {}
    guest.answers_after([exit("p")], Reply::Ready(Ready::of(Interest::Mail)));
    let blocked = guest.call("wasi:io/poll#[method]pollable.block", vec![any]);
    assert_eq!(blocked, Ok(None));
    assert_eq!(guest.asked(), [LOOK, AWAIT]);
}
