//! A process that acts its part, in Rust: `acts.lua` and `guests/acts` are the
//! same in other languages.

use std::{collections::VecDeque, time::Duration};

use wippy::{
    command::{
        ActorCommand, Command, ErrorKind, InlineDispatcher, Mail, Message, Pid, ProcessError,
        Reply, Spawn, Tag, Wait, Yield,
    },
    host::{NodeDispatcher, Program, SpawnContext, Started},
    process::{Error, Event, Fuel, Process, Received, Status, StepOutput},
    value::{Term, term},
    world::SystemDispatcher,
};

/// The program of the entry `rust`, and of `rust-short`, which may not run long.
pub struct Native {
    pub max_execution: Option<Duration>,
}

/// The dispatcher of a process that has no more of the world than its host.
pub fn reach(mut context: SpawnContext) -> NodeDispatcher {
    let world = SystemDispatcher::new(std::mem::take(&mut context.streams));
    context.answers(world)
}

/// The program that returns what it is given.
pub struct Echo;

impl Program for Native {
    fn start(&self, args: Vec<Term>, context: SpawnContext) -> Result<Started, ProcessError> {
        let args: Vec<String> = args.iter().filter_map(text).collect();
        let [part, others, known, script] = args.try_into().map_err(|_| {
            ProcessError::new(ErrorKind::Invalid, "a process that acts takes four texts")
        })?;
        let known = known.split_whitespace().filter_map(|pair| pair.split_once('='));
        let mut known: Vec<_> = known.map(|(name, pid)| (name.to_owned(), Pid::new(pid))).collect();
        known.push((part.clone(), context.identity.pid.clone()));
        let mine = |line: &str| Some(line.strip_prefix(&part)?.strip_prefix(": ")?.to_owned());
        let todo = script.lines().filter_map(mine).collect();
        let answers = reach(context);
        let (reach, max_execution) = (answers.clone(), self.max_execution);
        let process = Box::new(Player {
            part,
            others,
            known,
            script,
            todo,
            reach,
            mail: VecDeque::new(),
            listens: false,
            asked: None,
        });
        Ok(Started { process, answers, result: None, max_execution })
    }
}

impl Program for Echo {
    fn start(&self, mut args: Vec<Term>, context: SpawnContext) -> Result<Started, ProcessError> {
        let answers = reach(context);
        let process = Box::new(Returns(args.pop()));
        Ok(Started { process, answers, result: None, max_execution: None })
    }
}

struct Returns(Option<Term>);

impl Process for Returns {
    fn step(&mut self, _: &mut Vec<Event>, _: Fuel, out: &mut StepOutput) {
        out.status = Status::Exited(self.0.take().unwrap_or(Term::Nil));
    }

    fn close(&mut self) {}
}

struct Player {
    part: String,
    others: String,
    known: Vec<(String, Pid)>,
    script: String,
    todo: VecDeque<String>,
    reach: NodeDispatcher,
    mail: VecDeque<Mail>,
    /// It has looked at its mail.
    listens: bool,
    /// The act whose answer it waits for.
    asked: Option<String>,
}

impl Process for Player {
    fn step(&mut self, events: &mut Vec<Event>, fuel: Fuel, out: &mut StepOutput) {
        (out.fuel_used, out.received) = (1, Received::default());
        for event in events.drain(..) {
            let end = match event {
                Event::Completion(done) => {
                    if let Some(act) = self.asked.take() {
                        self.answered(&act, done.reply);
                    }
                    continue;
                }
                Event::Mail(Mail::Cancel { reason, .. }) if !self.listens => {
                    Error::cancelled(&reason)
                }
                Event::Mail(mail) => {
                    self.mail.push_back(mail);
                    continue;
                }
                Event::Cancel { reason } => Error::cancelled(&reason),
                Event::Timeout { limit } => Error::timeout(limit),
                _ => continue,
            };
            return out.status = Status::Done(Err(end));
        }
        out.status = loop {
            if self.asked.is_some() {
                break Status::Blocked;
            }
            let Some(act) = self.todo.pop_front() else { break Status::Exited("".into()) };
            if let Some(status) = self.act(&act, fuel, out) {
                break status;
            }
        };
    }

    fn close(&mut self) {}
}

impl Player {
    /// Does one act; what the step ends with, if it does.
    fn act(&mut self, act: &str, fuel: Fuel, out: &mut StepOutput) -> Option<Status> {
        let (verb, rest) = act.split_once(' ').unwrap_or((act, ""));
        let (name, text) = rest.split_once(' ').unwrap_or((rest, ""));
        let pid = self.pid(name);
        let to = || pid.as_str().into();
        let command = match verb {
            "spawn" => ActorCommand::Spawn(self.start(name, text)),
            "exec" => ActorCommand::Exec(self.start(name, text)),
            "monitor" => ActorCommand::Monitor(pid),
            "unmonitor" => ActorCommand::Unmonitor(pid),
            "link" => ActorCommand::Link(pid),
            "unlink" => ActorCommand::Unlink(pid),
            "trap-links" => ActorCommand::TrapLinks(name == "on"),
            "terminate" => ActorCommand::Terminate { to: to() },
            "cancel" => {
                let (patience, reason) = text.split_once(' ').unwrap_or((text, ""));
                let (patience, reason) = (patience.parse().ok(), reason.to_owned());
                ActorCommand::Cancel { to: to(), reason, patience }
            }
            "send" => {
                let (topic, text) = text.split_once(' ').unwrap_or((text, ""));
                ActorCommand::Send {
                    to: pid.as_str().into(),
                    topic: topic.into(),
                    payload: vec![text.into()],
                }
            }
            "flood" => {
                let mut sent = 0;
                let why = loop {
                    let payload = vec![Term::Int(sent)];
                    match self.send(pid.as_str(), "flood", payload) {
                        Reply::ProcessError(fault) => break show_fault(&fault),
                        _ => sent += 1,
                    }
                };
                self.say(&format!("sent {sent}, then {why}"));
                return None;
            }
            "mail" => return self.receive(act, out, |_| true),
            "notice" => return self.receive(act, out, |mail| !is_message(mail, "")),
            "message" => return self.receive(act, out, |mail| is_message(mail, name)),
            "look" | "look-notice" => {
                let messages = verb == "look";
                match self.take(out, |mail| is_message(mail, "") == messages) {
                    Some(mail) => self.tell(&mail),
                    None => self.say(if messages { "no message" } else { "no notice" }),
                }
                return None;
            }
            "meet" | "relay" => {
                let Some(Mail::Message(message)) = self.take(out, |mail| is_message(mail, ""))
                else {
                    self.todo.push_front(act.to_owned());
                    return Some(Status::Idle);
                };
                if verb == "meet" {
                    self.known.extend(message.from.map(|pid| (name.to_owned(), pid)));
                    return None;
                }
                let (entry, args) = (self.entry(name), message.payload);
                ActorCommand::Exec(Spawn {
                    entry,
                    host: None,
                    args,
                    monitor: false,
                    link: false,
                    ..Spawn::default()
                })
            }
            "register" => ActorCommand::Register(name.to_owned()),
            "unregister" => ActorCommand::Unregister(name.to_owned()),
            "lookup" => ActorCommand::Lookup(name.to_owned()),
            "note" => {
                self.say(rest);
                return None;
            }
            "return" | "exit" => return Some(Status::Exited(rest.into())),
            "fail" => {
                let (retryable, message) = match text.strip_prefix("again ") {
                    Some(message) => (true, message),
                    None => (false, text),
                };
                let (message, details) = match message.split_once(" about ") {
                    Some((message, json)) => (message, from_json(json)),
                    None => (message, Term::Nil),
                };
                let kind = ErrorKind::of_name(name).unwrap_or(ErrorKind::Unknown);
                let fault = ProcessError { retryable, details, ..ProcessError::new(kind, message) };
                return Some(Status::Done(Err(Error::program(fault))));
            }
            // As guests tell of it. A panic here would be one of the engine.
            "panic" => {
                let fault = ProcessError::new(ErrorKind::Internal, "a panic, for the test");
                return Some(Status::Done(Err(Error::program(fault))));
            }
            "spin" => {
                self.todo.push_front(act.to_owned());
                out.fuel_used = fuel.0;
                return Some(Status::Continue);
            }
            "deaf" => {
                let command = Command::Wait(Wait::until(u64::MAX));
                return Some(self.ask(act, command, out));
            }
            "idle" => {
                self.todo.push_front(act.to_owned());
                return match self.take(out, |_| true) {
                    Some(_) => None,
                    None => Some(Status::Idle),
                };
            }
            _ => {
                self.say(&format!("there is no act {act}"));
                return None;
            }
        };
        Some(self.ask(act, Command::Actor(command), out))
    }

    fn ask(&mut self, act: &str, command: Command, out: &mut StepOutput) -> Status {
        out.yields.push(Yield { tag: Tag(0), command });
        self.asked = Some(act.to_owned());
        Status::Blocked
    }

    /// Tells what is worth telling of an answer.
    fn answered(&mut self, act: &str, reply: Reply) {
        let mut words = act.split(' ');
        let (verb, name) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        match (verb, reply) {
            ("spawn", Reply::Pid(pid)) => self.known.push((name.to_owned(), pid)),
            ("lookup", Reply::Pid(pid)) => {
                let name = self.name(Some(&pid)).to_owned();
                self.say(&format!("{act}: {name}"));
            }
            ("exec", Reply::Ended(ending)) => {
                self.say(&format!("exec {name}: {}", show_ending(&ending)));
            }
            ("exec", Reply::ProcessError(fault)) => {
                self.say(&format!("exec {name}: {}", show_fault(&fault)));
            }
            ("relay", Reply::Ended(ending)) => match ending.into_inner() {
                Ok(term) => drop(self.send("log", &self.part.clone(), vec![term])),
                Err(fault) => self.say(&show_fault(&fault)),
            },
            ("relay", Reply::ProcessError(fault)) => self.say(&show_fault(&fault)),
            (_, Reply::Bool(had)) => self.say(&format!("{act}: {had}")),
            (_, Reply::ProcessError(fault)) => self.say(&format!("{act}: {}", show_fault(&fault))),
            _ => {}
        }
    }

    fn send(&mut self, to: &str, topic: &str, payload: Vec<Term>) -> Reply {
        let command = ActorCommand::Send { to: to.into(), topic: topic.into(), payload };
        self.reach.now(Command::Actor(command)).expect("a message is sent at once")
    }

    fn say(&mut self, text: &str) {
        let topic = self.part.clone();
        self.send("log", &topic, vec![text.into()]);
    }

    fn take(&mut self, out: &mut StepOutput, fits: impl Fn(&Mail) -> bool) -> Option<Mail> {
        self.listens = true;
        let at = self.mail.iter().position(fits)?;
        let mail = self.mail.remove(at)?;
        out.received.add(&mail);
        Some(mail)
    }

    /// Waits for mail and tells it.
    fn receive(
        &mut self,
        act: &str,
        out: &mut StepOutput,
        fits: impl Fn(&Mail) -> bool,
    ) -> Option<Status> {
        let Some(mail) = self.take(out, fits) else {
            self.todo.push_front(act.to_owned());
            return Some(Status::Idle);
        };
        self.tell(&mail);
        None
    }

    fn tell(&mut self, mail: &Mail) {
        let text = match mail {
            Mail::Message(message) => {
                let payload: Vec<String> = message.payload.iter().map(show).collect();
                let from = self.name(message.from.as_ref());
                format!("{} from {from}: {}", message.topic, payload.join(", "))
            }
            Mail::Exit { from, result } => {
                format!("exit of {}: {}", self.name(Some(from)), show_ending(result))
            }
            Mail::LinkDown { from, result } => {
                format!("link down of {}: {}", self.name(Some(from)), show_ending(result))
            }
            Mail::Cancel { from, reason } => {
                format!("cancel from {}: {reason}", self.name(from.as_ref()))
            }
        };
        self.say(&text);
    }

    fn start(&self, name: &str, words: &str) -> Spawn {
        let known: Vec<String> =
            self.known.iter().map(|(name, pid)| format!("{name}={pid}")).collect();
        let word = |key| words.split(' ').find_map(|word| word.strip_prefix(key));
        let args = [name, &self.others, &known.join(" "), &self.script].map(Term::from);
        let has = |tie| words.split(' ').any(|word| word == tie);
        Spawn {
            entry: self.entry(word("entry=").unwrap_or("$")),
            host: word("host=").map(str::to_owned),
            args: args.into(),
            monitor: has("monitor"),
            link: has("link"),
            ..Spawn::default()
        }
    }

    fn entry(&self, id: &str) -> String {
        id.replace('$', &self.others)
    }

    /// Whoever is not known may have registered the name.
    fn pid(&self, name: &str) -> Pid {
        let known = self.known.iter().rfind(|(known, _)| known == name);
        known.map_or_else(|| Pid::new(name), |(_, pid)| pid.clone())
    }

    fn name(&self, pid: Option<&Pid>) -> &str {
        let Some(pid) = pid else { return "nobody" };
        self.known.iter().find(|(_, known)| known == pid).map_or("somebody", |(name, _)| name)
    }
}

/// A message, of this topic if there is one.
fn is_message(mail: &Mail, topic: &str) -> bool {
    matches!(mail, Mail::Message(Message { topic: other, .. }) if topic.is_empty() || **other == *topic)
}

fn text(term: &Term) -> Option<String> {
    match term {
        Term::Text(text) => Some(text.to_string()),
        _ => None,
    }
}

/// The term of a JSON text of a play.
fn from_json(text: &str) -> Term {
    let json = serde_json::from_str(text).ok();
    json.and_then(|json| term::from_json(&json).ok()).unwrap_or_else(|| "no JSON".into())
}

/// The kind; the message only if it is a play's own, which begins with `"`; what it
/// is about, in JSON.
pub fn show_fault(fault: &ProcessError) -> String {
    let mut text = fault.kind.to_string();
    if fault.retryable {
        text += " again";
    }
    if let Some(own) = fault.message.lines().next().filter(|own| own.starts_with('"')) {
        text += &format!(" {own}");
    }
    match (&fault.details, term::to_json(&fault.details)) {
        (Term::Nil, _) => text,
        (_, Ok(json)) => format!("{text} about {json}"),
        (_, Err(why)) => format!("{text} about what is {why}"),
    }
}

pub fn show_ending(ending: &Result<Term, ProcessError>) -> String {
    match ending {
        Ok(term) => format!("ok {}", show(term)),
        Err(fault) => show_fault(fault),
    }
}

pub fn show(term: &Term) -> String {
    match term {
        Term::Nil => "nothing".to_owned(),
        Term::Int(value) => value.to_string(),
        Term::Text(text) => text.to_string(),
        _ => "something else".to_owned(),
    }
}
