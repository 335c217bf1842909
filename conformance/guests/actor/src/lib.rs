//! A process that does what it is told to: what `wippy:process` offers, function
//! by function, for tables of cases. What it sees it returns as lines of text, in
//! which `self` and `child` stand for pids, as these differ from run to run.

wit_bindgen::generate!({
    path: [
        "../../../wit/wasi/io.wit", "../../../wit/wasi/clocks.wit",
        "../../../wit/wippy/process.wit",
    ],
    inline: "
        package test:actor;
        world actor {
            import wasi:clocks/monotonic-clock@0.2.12;
            import wippy:process/life@0.1.0;
            import wippy:process/mailbox@0.1.0;
            import wippy:process/names@0.1.0;

            /// Pid, host and entry, or `alone`.
            export who: func() -> string;
            /// Sends so many messages back as `pong`, or until it is cancelled.
            export echo: func(count: u64) -> u64;
            /// Sends so many `ping`, one after another is answered; how many
            /// answers are right.
            export ping: func(target: string, count: u64) -> u64;
            /// Ends or goes on as told: `return TEXT`, `exit TEXT`, `error TEXT`,
            /// `trap`, `spin`, `sleep` (and never looks at its mail), `wait` (for
            /// a cancel, and ends well), `stubborn` (sees the cancel, goes on),
            /// `yield COUNT`.
            export child: func(how: string) -> string;
            /// Starts `entry` with the argument `how`, does the steps, and shows
            /// what comes until nothing has for so many milliseconds. A step is
            /// `monitor`, `unmonitor`, `link`, `unlink`, `terminate`,
            /// `cancel REASON`, `send TEXT` or `pause MS`.
            export watch: func(entry: string, host: option<string>, how: string, monitor: bool,
                link: bool, trap: bool, steps: list<string>, quiet: u64) -> string;
            /// Starts `entry` with the argument `how`; what comes of it.
            export exec: func(entry: string, host: option<string>, how: string) -> string;
            /// Starts so many of `entry`, whose method is `member`, and sends a
            /// token around; how often it has been handed on.
            export ring: func(entry: string, members: u32, rounds: u64) -> u64;
            export member: func() -> u64;
            /// Sends until it fails, at most so many times.
            export flood: func(target: string, count: u64) -> string;
            /// What registering a name does, step by step. `taken` is another's.
            export names: func(name: string, taken: option<string>) -> string;
            /// Messages of these topics, in the order of the topics; then the rest,
            /// as far as it is there.
            export select: func(topics: list<string>, quiet: u64) -> string;
            /// Waits for mail, or so many milliseconds, with `wasi:io/poll`; which
            /// it was.
            export poll-both: func(timeout: u64) -> string;
        }
    ",
    generate_all,
});

use wasi::clocks::monotonic_clock;
use wasi::io::poll;
use wippy::process::life::{self, Start, Ties};
use wippy::process::mailbox::{self, Filter, Mail, Message};
use wippy::process::names;
use wippy::process::types::{Error, ErrorKind, Value};

struct Actor;

impl Guest for Actor {
    fn who() -> String {
        match life::get_self() {
            Some(me) => format!("{} {} {}", me.pid, me.host, me.entry),
            None => "alone".to_owned(),
        }
    }

    fn echo(count: u64) -> u64 {
        for answered in 0..count {
            let Some(message) = next_message(&Filter::All) else { return answered };
            if let Some(from) = message.from {
                must(mailbox::send(&from, "pong", &message.payload));
            }
        }
        count
    }

    fn ping(target: String, count: u64) -> u64 {
        let mut right = 0;
        for i in 0..count {
            must(mailbox::send(&target, "ping", &[Value::Unsigned(i)]));
            let pong = Filter::Topic("pong".to_owned());
            let Some(message) = next_message(&pong) else { break };
            // What fits into an `integer` arrives as one.
            if let [Value::Integer(n)] = message.payload[..]
                && n as u64 == i
            {
                right += 1;
            }
        }
        right
    }

    fn child(how: String) -> String {
        let (how, text) = how.split_once(' ').unwrap_or((&how, ""));
        match how {
            "return" => return text.to_owned(),
            "exit" => life::exit(Ok(&Value::Text(text.to_owned()))),
            "error" => life::exit(Err(&error(ErrorKind::Conflict, text))),
            "spin" => loop {
                std::hint::black_box(());
            },
            "sleep" => monotonic_clock::subscribe_duration(u64::MAX).block(),
            "wait" => loop {
                if let Mail::Cancel(cancel) = next(&Filter::All) {
                    return format!("cancelled: {}", cancel.reason);
                }
            },
            "stubborn" => loop {
                next(&Filter::All);
            },
            "yield" => {
                for _ in 0..text.parse().unwrap_or(1) {
                    life::yield_now();
                }
                return text.to_owned();
            }
            _ => {}
        }
        // `trap`, and whatever does not return.
        core::arch::wasm32::unreachable()
    }

    fn watch(
        entry: String,
        host: Option<String>,
        how: String,
        monitor: bool,
        link: bool,
        trap: bool,
        steps: Vec<String>,
        quiet: u64,
    ) -> String {
        let mut seen = Lines::default();
        if trap {
            must(life::trap_links(true));
        }
        let tie = |on, tie| if on { tie } else { Ties::empty() };
        let ties = tie(monitor, Ties::MONITOR) | tie(link, Ties::LINK);
        let pid = match life::spawn(&start(entry, host, how), ties) {
            Ok(pid) => pid,
            Err(error) => return format!("spawn: {}", show_error(&error)),
        };
        seen.child.clone_from(&pid);
        for step in steps {
            let (what, text) = step.split_once(' ').unwrap_or((&step, ""));
            let done = match what {
                "monitor" => life::monitor(&pid),
                "unmonitor" => life::unmonitor(&pid),
                "link" => life::link(&pid),
                "unlink" => life::unlink(&pid),
                "terminate" => life::terminate(&pid),
                "cancel" => life::cancel(&pid, text, None),
                "send" => mailbox::send(&pid, "text", &[Value::Text(text.to_owned())]),
                "pause" => {
                    let time = text.parse::<u64>().unwrap_or(1) * MILLISECOND;
                    monotonic_clock::subscribe_duration(time).block();
                    Ok(())
                }
                _ => Err(error(ErrorKind::Invalid, &step)),
            };
            if let Err(error) = done {
                seen.add(&format!("{step}: {}", show_error(&error)));
            }
        }
        seen.all(quiet);
        seen.text
    }

    fn exec(entry: String, host: Option<String>, how: String) -> String {
        show_result(&life::exec(&start(entry, host, how)))
    }

    fn ring(entry: String, members: u32, rounds: u64) -> u64 {
        let start = Start { entry, host: None, args: Vec::new() };
        let mut pids: Vec<String> =
            (0..members).map(|_| must(life::spawn(&start, Ties::LINK))).collect();
        pids.push(me());
        for pair in pids.windows(2) {
            must(mailbox::send(&pair[0], "next", &[Value::Text(pair[1].clone())]));
        }
        let mut hops = 0;
        for _ in 0..rounds {
            must(mailbox::send(&pids[0], "token", &[Value::Unsigned(hops)]));
            let Some(token) = next_message(&Filter::Topic("token".to_owned())) else { break };
            hops = count_of(&token);
        }
        for pid in &pids[..members as usize] {
            must(mailbox::send(pid, "stop", &[]));
        }
        hops
    }

    fn member() -> u64 {
        let (mut to, mut passed) = (String::new(), 0);
        while let Some(message) = next_message(&Filter::All) {
            match (&*message.topic, &message.payload[..]) {
                ("next", [Value::Text(pid)]) => to.clone_from(pid),
                ("token", _) => {
                    let hops = count_of(&message) + 1;
                    must(mailbox::send(&to, "token", &[Value::Unsigned(hops)]));
                    passed += 1;
                }
                _ => break,
            }
        }
        passed
    }

    fn flood(target: String, count: u64) -> String {
        for sent in 0..count {
            if let Err(error) = mailbox::send(&target, "flood", &[Value::Unsigned(sent)]) {
                return format!("sent {sent}, then {}", show_error(&error));
            }
        }
        format!("sent {count}")
    }

    fn names(name: String, taken: Option<String>) -> String {
        let mut seen = Lines::default();
        let who = |result: Result<String, Error>| match result {
            Ok(pid) if pid == me() => "self".to_owned(),
            Ok(_) => "another".to_owned(),
            Err(error) => show_error(&error),
        };
        let done = |result: Result<(), Error>| match result {
            Ok(()) => "ok".to_owned(),
            Err(error) => show_error(&error),
        };
        let had = |result: Result<bool, Error>| match result {
            Ok(had) => had.to_string(),
            Err(error) => show_error(&error),
        };
        seen.add(&format!("lookup: {}", who(names::lookup(&name))));
        seen.add(&format!("register: {}", done(names::register(&name))));
        seen.add(&format!("lookup: {}", who(names::lookup(&name))));
        seen.add(&format!("again: {}", done(names::register(&name))));
        if let Some(taken) = &taken {
            seen.add(&format!("taken: {}", done(names::register(taken))));
            seen.add(&format!("lookup: {}", who(names::lookup(taken))));
            seen.add(&format!("unregister: {}", had(names::unregister(taken))));
        }
        must(mailbox::send(&name, "by-name", &[]));
        seen.all(0);
        seen.add(&format!("unregister: {}", had(names::unregister(&name))));
        seen.add(&format!("unregister: {}", had(names::unregister(&name))));
        seen.add(&format!("send: {}", done(mailbox::send(&name, "by-name", &[]))));
        seen.text
    }

    fn select(topics: Vec<String>, quiet: u64) -> String {
        let mut seen = Lines::default();
        for topic in topics {
            let mail = next(&Filter::Topic(topic));
            seen.add_mail(&mail);
        }
        seen.all(quiet);
        seen.text
    }

    fn poll_both(timeout: u64) -> String {
        let mail = must(mailbox::subscribe(&Filter::All));
        let time = monotonic_clock::subscribe_duration(timeout * MILLISECOND);
        let mut seen = Lines::default();
        for index in poll::poll(&[&mail, &time]) {
            match index {
                0 => match must(mailbox::receive(&Filter::All, Some(0))) {
                    Some(mail) => seen.add_mail(&mail),
                    None => seen.add("nothing"),
                },
                _ => seen.add("time"),
            }
        }
        seen.text
    }
}

const MILLISECOND: u64 = 1_000_000;

/// What must succeed, or this process fails with it.
fn must<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| {
        life::exit(Err(&error));
        core::arch::wasm32::unreachable()
    })
}

fn me() -> String {
    life::get_self().map(|me| me.pid).unwrap_or_default()
}

fn error(kind: ErrorKind, message: &str) -> Error {
    Error { kind, message: message.to_owned(), retryable: false, details: Value::Nothing }
}

fn start(entry: String, host: Option<String>, how: String) -> Start {
    Start { entry, host, args: vec![Value::Text(how)] }
}

/// Waits for mail.
fn next(filter: &Filter) -> Mail {
    loop {
        if let Some(mail) = must(mailbox::receive(filter, None)) {
            return mail;
        }
    }
}

/// The next message, or nothing if this process shall end.
fn next_message(filter: &Filter) -> Option<Message> {
    loop {
        match next(filter) {
            Mail::Message(message) => return Some(message),
            Mail::Cancel(_) => return None,
            Mail::Exit(_) | Mail::LinkDown(_) => {}
        }
    }
}

fn count_of(message: &Message) -> u64 {
    match message.payload[..] {
        [Value::Integer(n)] => n as u64,
        _ => 0,
    }
}

fn show_error(error: &Error) -> String {
    let kind = format!("{:?}", error.kind);
    let kind = kind.strip_prefix("ErrorKind::").unwrap_or(&kind);
    let again = if error.retryable { " (may be tried again)" } else { "" };
    format!("{kind}: {}{again}", error.message)
}

fn show_result(result: &Result<Value, Error>) -> String {
    match result {
        Ok(value) => format!("ok {}", show(value)),
        Err(error) => format!("err {}", show_error(error)),
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Nothing => "nothing".to_owned(),
        Value::Boolean(value) => format!("boolean {value}"),
        Value::Integer(value) => format!("integer {value}"),
        Value::Unsigned(value) => format!("unsigned {value}"),
        Value::Float(value) => format!("float {value}"),
        Value::Text(text) => format!("text {text}"),
        Value::Bytes(bytes) => format!("bytes {bytes:?}"),
        Value::Json(json) => format!("json {json}"),
    }
}

/// What is seen, line by line.
#[derive(Default)]
struct Lines {
    text: String,
    child: String,
}

impl Lines {
    fn add(&mut self, line: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(line);
    }

    fn add_mail(&mut self, mail: &Mail) {
        let line = match mail {
            Mail::Message(message) => {
                let from = message.from.as_deref().map_or("nobody", |from| self.name(from));
                let payload: Vec<String> = message.payload.iter().map(show).collect();
                format!("message {} from {from}: {}", message.topic, payload.join(", "))
            }
            Mail::Exit(end) => {
                format!("exit of {}: {}", self.name(&end.from), show_result(&end.result))
            }
            Mail::LinkDown(end) => {
                format!("link-down of {}: {}", self.name(&end.from), show_result(&end.result))
            }
            Mail::Cancel(cancel) => {
                let from = cancel.from.as_deref().map_or("nobody", |from| self.name(from));
                format!("cancel from {from}: {}", cancel.reason)
            }
        };
        self.add(&line);
    }

    /// All mail until none has come for so many milliseconds.
    fn all(&mut self, quiet: u64) {
        while let Some(mail) = must(mailbox::receive(&Filter::All, Some(quiet * MILLISECOND))) {
            self.add_mail(&mail);
        }
    }

    fn name(&self, pid: &str) -> &'static str {
        match pid {
            pid if pid == self.child => "child",
            pid if pid == me() => "self",
            _ => "another",
        }
    }
}

export!(Actor);
