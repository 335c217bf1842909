//! A process that acts a part in a play: one of the three that play the cases of
//! `tests/semantics`, beside `acts.lua` and a process in Rust. `README.md` there
//! says what each act does.
//!
//! What it sees it tells to whoever has the name `log`, with the name of its part
//! as the topic.

wit_bindgen::generate!({
    path: [
        "../../../wit/wasi/io.wit", "../../../wit/wasi/clocks.wit",
        "../../../wit/wippy/process.wit",
    ],
    inline: "
        package test:acts;
        world acts {
            import wasi:clocks/monotonic-clock@0.2.12;
            import wippy:process/life@0.1.0;
            import wippy:process/mailbox@0.1.0;
            import wippy:process/names@0.1.0;

            /// Does the acts of `part`. Those that it starts are of the entry
            /// `others`. `known` are parts and their pids: `a=PID b=PID`.
            export act: func(part: string, others: string, known: string, script: string)
                -> string;
        }
    ",
    generate_all,
});

use wasi::clocks::monotonic_clock;
use wippy::process::life::{self, Start, Ties};
use wippy::process::mailbox::{self, Filter, Mail, Message};
use wippy::process::names;
use wippy::process::types::{Error, ErrorKind, Value};

struct Acts;

impl Guest for Acts {
    fn act(part: String, others: String, known: String, script: String) -> String {
        let pairs = known.split_whitespace().filter_map(|pair| pair.split_once('='));
        let known = pairs.map(|(name, pid)| (name.to_owned(), pid.to_owned())).collect();
        let mut player = Player { part, others, known, script: script.clone() };
        let me = life::get_self().map(|me| me.pid).unwrap_or_default();
        player.knows(&player.part.clone(), me);
        for line in script.lines() {
            match line.split_once(": ") {
                Some((part, act)) if part == player.part => {
                    if let Some(text) = player.act(act) {
                        return text;
                    }
                }
                _ => {}
            }
        }
        String::new()
    }
}

struct Player {
    part: String,
    others: String,
    known: Vec<(String, String)>,
    script: String,
}

impl Player {
    /// Does one act; a text to return, if that is it.
    fn act(&mut self, act: &str) -> Option<String> {
        let (verb, rest) = act.split_once(' ').unwrap_or((act, ""));
        let (name, text) = rest.split_once(' ').unwrap_or((rest, ""));
        match verb {
            "spawn" => match life::spawn(&self.start(name, text), ties(text)) {
                Ok(pid) => self.knows(name, pid),
                Err(error) => self.say(&format!("{act}: {}", show_error(&error))),
            },
            "exec" => {
                let result = life::exec(&self.start(name, text));
                self.say(&format!("exec {name}: {}", show_result(&result)));
            }
            "monitor" => self.done(act, life::monitor(&self.pid(name))),
            "unmonitor" => self.done(act, life::unmonitor(&self.pid(name))),
            "link" => self.done(act, life::link(&self.pid(name))),
            "unlink" => self.done(act, life::unlink(&self.pid(name))),
            "trap-links" => self.done(act, life::trap_links(name == "on")),
            "terminate" => self.done(act, life::terminate(&self.pid(name))),
            "cancel" => {
                let (patience, reason) = text.split_once(' ').unwrap_or((text, ""));
                let patience = patience.parse::<u64>().unwrap_or(0) * 1_000_000;
                self.done(act, life::cancel(&self.pid(name), reason, Some(patience)));
            }
            "send" => {
                let (topic, text) = text.split_once(' ').unwrap_or((text, ""));
                let payload = [Value::Text(text.to_owned())];
                self.done(act, mailbox::send(&self.pid(name), topic, &payload));
            }
            "flood" => {
                let mut sent = 0;
                let result = loop {
                    match mailbox::send(&self.pid(name), "flood", &[Value::Integer(sent)]) {
                        Ok(()) => sent += 1,
                        Err(error) => break show_error(&error),
                    }
                };
                self.say(&format!("sent {sent}, then {result}"));
            }
            "mail" => self.receive(&Filter::All),
            "notice" => self.receive(&Filter::Notices),
            "message" if name.is_empty() => self.receive(&Filter::Messages),
            "message" => self.receive(&Filter::Topic(name.to_owned())),
            "look" => match must(mailbox::receive(&Filter::Messages, Some(0))) {
                Some(mail) => self.tell(&mail),
                None => self.say("no message"),
            },
            "look-notice" => match must(mailbox::receive(&Filter::Notices, Some(0))) {
                Some(mail) => self.tell(&mail),
                None => self.say("no notice"),
            },
            "meet" => {
                let from = next_message().from.unwrap_or_default();
                self.knows(name, from);
            }
            "relay" => {
                let start = Start { entry: self.id(name), host: None, args: next_message().payload };
                match life::exec(&start) {
                    Ok(value) => must(mailbox::send("log", &self.part, &[value])),
                    Err(error) => self.say(&show_error(&error)),
                }
            }
            "register" => self.done(act, names::register(name)),
            "unregister" => match names::unregister(name) {
                Ok(had) => self.say(&format!("{act}: {had}")),
                Err(error) => self.say(&format!("{act}: {}", show_error(&error))),
            },
            "lookup" => match names::lookup(name) {
                Ok(pid) => self.say(&format!("{act}: {}", self.name(Some(&pid)))),
                Err(error) => self.say(&format!("{act}: {}", show_error(&error))),
            },
            "note" => self.say(rest),
            "return" => return Some(rest.to_owned()),
            "exit" => life::exit(Ok(&Value::Text(rest.to_owned()))),
            "fail" => {
                let (again, message) = match text.strip_prefix("again ") {
                    Some(message) => (true, message),
                    None => (false, text),
                };
                let (message, details) = match message.split_once(" about ") {
                    Some((message, json)) => (message.to_owned(), Value::Json(json.to_owned())),
                    None => (message.to_owned(), Value::Nothing),
                };
                let kind = kind_of(name);
                life::exit(Err(&Error { kind, message, retryable: again, details }));
            }
            "trap" => core::arch::wasm32::unreachable(),
            "panic" => panic!("on purpose"),
            "grow" => {
                let mut all = Vec::new();
                loop {
                    all.push(vec![1_u8; 1 << 16]);
                }
            }
            "spin" => loop {
                std::hint::black_box(());
            },
            "deaf" => monotonic_clock::subscribe_duration(u64::MAX).block(),
            "idle" => loop {
                next(&Filter::All);
            },
            _ => self.say(&format!("there is no act {act}")),
        }
        None
    }

    fn say(&self, text: &str) {
        must(mailbox::send("log", &self.part, &[Value::Text(text.to_owned())]));
    }

    /// Only failures are told.
    fn done(&self, act: &str, result: Result<(), Error>) {
        if let Err(error) = result {
            self.say(&format!("{act}: {}", show_error(&error)));
        }
    }

    fn receive(&self, filter: &Filter) {
        self.tell(&next(filter));
    }

    fn tell(&self, mail: &Mail) {
        self.say(&match mail {
            Mail::Message(message) => {
                let payload: Vec<String> = message.payload.iter().map(show).collect();
                let from = self.name(message.from.as_deref());
                format!("{} from {from}: {}", message.topic, payload.join(", "))
            }
            Mail::Exit(end) => {
                format!("exit of {}: {}", self.name(Some(&end.from)), show_result(&end.result))
            }
            Mail::LinkDown(end) => {
                format!("link down of {}: {}", self.name(Some(&end.from)), show_result(&end.result))
            }
            Mail::Cancel(cancel) => {
                format!("cancel from {}: {}", self.name(cancel.from.as_deref()), cancel.reason)
            }
        });
    }

    fn start(&self, name: &str, words: &str) -> Start {
        let known: Vec<String> =
            self.known.iter().map(|(name, pid)| format!("{name}={pid}")).collect();
        let word = |key| words.split(' ').find_map(|word| word.strip_prefix(key));
        Start {
            entry: self.id(word("entry=").unwrap_or("$")),
            host: word("host=").map(str::to_owned),
            args: [name, &self.others, &known.join(" "), &self.script]
                .map(|text| Value::Text(text.to_owned()))
                .into(),
        }
    }

    /// An entry, with the one of the others in place of `$`.
    fn id(&self, entry: &str) -> String {
        entry.replace('$', &self.others)
    }

    fn knows(&mut self, name: &str, pid: String) {
        self.known.retain(|(known, _)| known != name);
        self.known.push((name.to_owned(), pid));
    }

    /// Whoever is not known may have registered the name.
    fn pid(&self, name: &str) -> String {
        let known = self.known.iter().find(|(known, _)| known == name);
        known.map_or(name, |(_, pid)| pid).to_owned()
    }

    fn name(&self, pid: Option<&str>) -> &str {
        let Some(pid) = pid else { return "nobody" };
        self.known.iter().find(|(_, known)| known == pid).map_or("somebody", |(name, _)| name)
    }
}

fn ties(words: &str) -> Ties {
    let mut ties = Ties::empty();
    for word in words.split(' ') {
        match word {
            "monitor" => ties = ties | Ties::MONITOR,
            "link" => ties = ties | Ties::LINK,
            _ => {}
        }
    }
    ties
}

/// What must succeed, or this process fails with it.
fn must<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| {
        life::exit(Err(&error));
        core::arch::wasm32::unreachable()
    })
}

fn next(filter: &Filter) -> Mail {
    loop {
        if let Some(mail) = must(mailbox::receive(filter, None)) {
            return mail;
        }
    }
}

fn next_message() -> Message {
    loop {
        if let Mail::Message(message) = next(&Filter::Messages) {
            return message;
        }
    }
}

const KINDS: [(&str, ErrorKind); 11] = [
    ("NOT_FOUND", ErrorKind::NotFound),
    ("ALREADY_EXISTS", ErrorKind::AlreadyExists),
    ("INVALID", ErrorKind::Invalid),
    ("PERMISSION_DENIED", ErrorKind::PermissionDenied),
    ("UNAVAILABLE", ErrorKind::Unavailable),
    ("INTERNAL", ErrorKind::Internal),
    ("CANCELED", ErrorKind::Canceled),
    ("CONFLICT", ErrorKind::Conflict),
    ("TIMEOUT", ErrorKind::Timeout),
    ("RATE_LIMITED", ErrorKind::RateLimited),
    ("UNKNOWN", ErrorKind::Unknown),
];

fn kind_of(name: &str) -> ErrorKind {
    KINDS.iter().find(|(known, _)| *known == name).map_or(ErrorKind::Unknown, |(_, kind)| *kind)
}

/// The kind; the message only if it is a play's own, which begins with `"`; what it
/// is about, in JSON.
fn show_error(error: &Error) -> String {
    let kind = KINDS.iter().find(|(_, kind)| *kind == error.kind).map_or("", |(name, _)| name);
    let mut text = kind.to_owned();
    if error.retryable {
        text += " again";
    }
    if error.message.starts_with('"') {
        text += &format!(" {}", error.message);
    }
    match &error.details {
        Value::Nothing => text,
        Value::Json(json) => text + " about " + json,
        Value::Text(detail) => format!("{text} about \"{detail}\""),
        detail => format!("{text} about {}", show(detail)),
    }
}

fn show_result(result: &Result<Value, Error>) -> String {
    match result {
        Ok(value) => format!("ok {}", show(value)),
        Err(error) => show_error(error),
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Nothing => "nothing".to_owned(),
        Value::Integer(value) => value.to_string(),
        Value::Text(text) => text.clone(),
        _ => "something else".to_owned(),
    }
}

export!(Acts);
