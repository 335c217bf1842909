//! A Rust process that does things at random, and checks all that it is told.
//!
//! It touches every process once only: it monitors it or is linked to it, or
//! both, and never again. So each notice can be told to be right or wrong.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, atomic::Ordering::Relaxed},
};

use wippy::{
    command::{
        ActorCommand, Command, Ending, ErrorKind, Mail, Message, Pid, ProcessError, Reply, Spawn,
        Tag, Yield,
    },
    process::{Error, Event, Fuel, Process, Received, Status, StepOutput},
    value::Term,
};

use super::ledger::{Ledger, count};
use crate::random::Random;

/// The names that agents take.
pub const NAMES: [&str; 6] = ["ada", "bob", "cleo", "dora", "emil", "fred"];

/// Messages that an `echo` answers before it ends.
const ECHOES: i64 = 500;

pub struct Agent {
    root: bool,
    ledger: Arc<Ledger>,
    random: Random,
    inbox: VecDeque<Mail>,
    asked: Option<Asked>,
    tags: u64,
    traps: bool,
    touched: HashSet<Pid>,
    watched: HashMap<Pid, Watched>,
    links: HashMap<Pid, Linked>,
    /// How many messages each has accepted from this agent.
    sent: HashMap<Pid, i64>,
    /// How many messages, or answers, have come from each.
    received: HashMap<Pid, i64>,
    echoes: Vec<Pid>,
}

/// The question to which a reply is awaited.
enum Asked {
    Spawn { monitor: bool, link: bool, private: Option<Told> },
    Send { to: Pid, root: bool },
    Monitor(Pid),
    Link(Pid),
    Else,
}

/// How a child ends that nobody else knows.
#[derive(Clone, Copy, Debug)]
enum Told {
    Text(i64),
    Failed(ErrorKind),
}

/// A process that is monitored.
enum Watched {
    Asked(Option<Told>),
    /// Not any more, but an end may have been told by then.
    TakenBack,
    Told,
}

/// A process that is linked.
#[derive(Clone, Copy, PartialEq)]
enum Linked {
    /// From its beginning: its failure is told.
    Born,
    /// The monitor has told of a failure, and the link not yet.
    Owed,
    /// It may have ended before.
    Late,
    Told,
}

impl Agent {
    pub fn new(seed: u64, root: bool, ledger: Arc<Ledger>) -> Agent {
        Agent {
            root,
            ledger,
            random: Random(seed),
            inbox: VecDeque::new(),
            asked: None,
            tags: 0,
            traps: false,
            touched: HashSet::new(),
            watched: HashMap::new(),
            links: HashMap::new(),
            sent: HashMap::new(),
            received: HashMap::new(),
            echoes: Vec::new(),
        }
    }

    fn owe(&self) {
        if self.root {
            count(&self.ledger.owed);
        }
    }

    fn paid(&self) {
        if self.root && self.ledger.owed.fetch_sub(1, Relaxed) == 0 {
            self.ledger.wrong("a root was told more than it has asked for");
        }
    }

    fn answered(&mut self, reply: Reply) {
        let fault = match &reply {
            Reply::ProcessError(fault) => {
                count(&self.ledger.faults);
                Some(fault.kind)
            }
            _ => None,
        };
        match (self.asked.take(), reply) {
            (Some(Asked::Spawn { monitor, link, private }), Reply::Pid(pid)) => {
                count(&self.ledger.spawned);
                self.touched.insert(pid.clone());
                if monitor {
                    self.watched.insert(pid.clone(), Watched::Asked(private));
                }
                if link {
                    self.links.insert(pid.clone(), Linked::Born);
                }
                if private.is_none() {
                    self.echoes.push(pid.clone());
                    self.ledger.meet(pid, &mut self.random);
                }
            }
            (
                Some(Asked::Spawn { monitor: true, .. } | Asked::Monitor(_)),
                Reply::ProcessError(_),
            ) => {
                self.paid();
            }
            (Some(Asked::Monitor(pid)), _) => {
                self.watched.insert(pid, Watched::Asked(None));
            }
            (Some(Asked::Link(pid)), Reply::Done) => {
                self.links.insert(pid, Linked::Late);
            }
            (Some(Asked::Send { to, root }), reply) => {
                let done = reply == Reply::Done;
                if done {
                    *self.sent.entry(to).or_default() += 1;
                } else if !matches!(fault, Some(ErrorKind::Unavailable | ErrorKind::NotFound)) {
                    self.ledger.wrong(format!("a send was answered with {reply:?}"));
                }
                if root {
                    count(if done { &self.ledger.accepted } else { &self.ledger.refused });
                }
            }
            (Some(_), _) => {}
            (None, reply) => self.ledger.wrong(format!("unasked: {reply:?}")),
        }
    }

    fn take(&mut self, mail: Mail) -> Option<Status> {
        match mail {
            Mail::Message(message) => self.message(message),
            Mail::Exit { from, result } => self.exit(from, &result),
            Mail::LinkDown { from, result } => self.link_down(&from, &result),
            Mail::Cancel { .. } if self.random.one_in(4) && !self.root => {}
            Mail::Cancel { .. } => return Some(Status::Exited(Term::Nil)),
        }
        None
    }

    fn message(&mut self, message: Message) {
        let Message { from: Some(from), topic, payload, .. } = message else {
            return self.ledger.wrong("a message from nobody");
        };
        match &*topic {
            "seq" => count(&self.ledger.messages),
            "pong" => count(&self.ledger.pongs),
            _ => return,
        }
        if self.root && &*topic == "seq" {
            count(&self.ledger.arrived);
        }
        let next = self.received.entry(from).or_default();
        if payload != [Term::Int(*next)] {
            self.ledger.wrong(format!("{topic} {payload:?} came instead of {next}"));
        }
        *next += 1;
    }

    fn exit(&mut self, from: Pid, result: &Ending) {
        count(&self.ledger.exits);
        match self.watched.insert(from.clone(), Watched::Told) {
            Some(Watched::Asked(private)) => {
                self.paid();
                let right = match (private, result) {
                    (None, _) => true,
                    (Some(Told::Text(n)), Ok(term)) => *term == Term::from(n.to_string()),
                    (Some(Told::Failed(kind)), Err(fault)) => fault.kind == kind,
                    _ => false,
                };
                // The world terminates whom it likes.
                let ended = matches!(result, Err(ProcessError { kind: ErrorKind::Canceled, .. }));
                if !right && !ended {
                    self.ledger.wrong(format!("{private:?} has ended with {result:?}"));
                }
            }
            Some(Watched::TakenBack) => {}
            Some(Watched::Told) => self.ledger.wrong("an end was told twice"),
            None => self.ledger.wrong("an end was told to who has not asked"),
        }
        if result.is_err() && self.links.get(&from) == Some(&Linked::Born) {
            self.owe();
            self.links.insert(from, Linked::Owed);
        }
    }

    fn link_down(&mut self, from: &Pid, result: &Ending) {
        count(&self.ledger.link_downs);
        if result.is_ok() {
            self.ledger.wrong("a good end has broken a link");
        }
        match self.links.insert(from.clone(), Linked::Told) {
            Some(Linked::Owed) => self.paid(),
            Some(Linked::Born | Linked::Late) => {}
            Some(Linked::Told) => self.ledger.wrong("a broken link was told twice"),
            // Others may link themselves to a mortal.
            None if !self.root => {}
            None => self.ledger.wrong("a broken link was told to who has none"),
        }
    }

    /// Something to do: a command, or a status.
    fn act(&mut self) -> Result<(Asked, ActorCommand), Status> {
        if !self.root && self.random.one_in(60) {
            return Err(self.die());
        }
        let idle = Err(Status::Continue);
        match self.random.below(20) {
            0 | 1 if !self.traps && (self.root || self.random.one_in(2)) => {
                self.traps = true;
                Ok((Asked::Else, ActorCommand::TrapLinks(true)))
            }
            0..4 => Ok(self.spawn()),
            4..9 => {
                let root = self.random.one_in(2);
                let to = match root {
                    true => self.ledger.root(&mut self.random),
                    false => self.ledger.mortal(&mut self.random),
                };
                to.map_or(idle, |to| Ok(self.send(to)))
            }
            9..12 => match self.random.pick(&self.echoes).cloned() {
                Some(to) => Ok(self.send(to)),
                None => idle,
            },
            12 => match self.untouched() {
                Some(pid) => {
                    self.owe();
                    Ok((Asked::Monitor(pid.clone()), ActorCommand::Monitor(pid)))
                }
                None => idle,
            },
            13 => match self.untouched() {
                Some(pid) if self.traps => Ok((Asked::Link(pid.clone()), ActorCommand::Link(pid))),
                _ => idle,
            },
            14 => match self.take_back() {
                Some(pid) => Ok((Asked::Else, ActorCommand::Unmonitor(pid))),
                None => idle,
            },
            15 | 18 => match self.ledger.mortal(&mut self.random) {
                Some(pid) => Ok((Asked::Else, self.kill(&pid))),
                None => idle,
            },
            16 | 17 => Ok((Asked::Else, self.name())),
            _ => Err(Status::Idle),
        }
    }

    fn spawn(&mut self) -> (Asked, ActorCommand) {
        let number = self.random.below(1000) as i64;
        let monitor = self.root || self.random.one_in(2);
        let link = self.traps && self.random.one_in(2);
        let child = |how: String| ("child", Term::from(how));
        let mut private = None;
        let (mut entry, arg) = match self.random.below(12) {
            0..3 => ("agent", Term::Int(self.random.next() as i64)),
            3 | 4 => ("echo", Term::Int(ECHOES)),
            5 if self.random.one_in(3) => {
                child(["spin", "sleep", "wait", "stubborn"][number as usize % 4].to_owned())
            }
            5 | 6 => child(format!("yield {number}")),
            n => {
                let (how, told) = match n {
                    7 | 8 => (format!("return {number}"), Told::Text(number)),
                    9 => (format!("exit {number}"), Told::Text(number)),
                    10 => (format!("error {number}"), Told::Failed(ErrorKind::Conflict)),
                    _ => ("trap".to_owned(), Told::Failed(ErrorKind::Internal)),
                };
                private = Some(told);
                child(how)
            }
        };
        if entry == "child" && self.random.one_in(4) {
            entry = "late-child";
        }
        if monitor {
            self.owe();
        }
        let host = self.random.one_in(2).then(|| ["a", "b"][number as usize % 2].to_owned());
        let spawn = Spawn {
            entry: entry.to_owned(),
            host,
            args: vec![arg],
            monitor,
            link,
            ..Spawn::default()
        };
        (Asked::Spawn { monitor, link, private }, ActorCommand::Spawn(spawn))
    }

    fn send(&mut self, to: Pid) -> (Asked, ActorCommand) {
        let payload = vec![Term::Int(self.sent.get(&to).copied().unwrap_or(0))];
        let root = self.ledger.is_root(&to);
        if root {
            count(&self.ledger.attempted);
        }
        let (address, topic) = (to.as_str().into(), "seq".into());
        (Asked::Send { to, root }, ActorCommand::Send { to: address, topic, payload })
    }

    /// A mortal that this agent has nothing to do with yet.
    fn untouched(&mut self) -> Option<Pid> {
        let pid = self.ledger.mortal(&mut self.random)?;
        self.touched.insert(pid.clone()).then_some(pid)
    }

    fn take_back(&mut self) -> Option<Pid> {
        let pid = self.ledger.mortal(&mut self.random)?;
        let watched = self.watched.get_mut(&pid)?;
        let Watched::Asked(None) = watched else { return None };
        // Then what the link owes could not be told.
        if self.links.contains_key(&pid) {
            return None;
        }
        *watched = Watched::TakenBack;
        self.paid();
        Some(pid)
    }

    fn kill(&mut self, pid: &Pid) -> ActorCommand {
        let to = pid.as_str().into();
        match self.random.below(3) {
            0 => ActorCommand::Terminate { to },
            _ => {
                let patience = Some(self.random.below(50));
                ActorCommand::Cancel { to, reason: "why not".to_owned(), patience }
            }
        }
    }

    fn name(&mut self) -> ActorCommand {
        let name = NAMES[self.random.below(NAMES.len() as u64) as usize];
        match self.random.below(4) {
            0 => ActorCommand::Register(name.to_owned()),
            1 => ActorCommand::Unregister(name.to_owned()),
            2 => ActorCommand::Lookup(name.to_owned()),
            _ => {
                let (to, topic) = (name.into(), "by-name".into());
                ActorCommand::Send { to, topic, payload: Vec::new() }
            }
        }
    }

    fn die(&mut self) -> Status {
        match self.random.below(8) {
            0 | 1 => Status::Done(Err(Error::program(ProcessError::new(
                ErrorKind::RateLimited,
                "on purpose",
            )))),
            // A panic that prints nothing.
            2 => std::panic::resume_unwind(Box::new("on purpose")),
            3..6 => Status::Exited(Term::Int(7)),
            _ => Status::Done(Ok(None)),
        }
    }
}

impl Process for Agent {
    fn step(&mut self, events: &mut Vec<Event>, fuel: Fuel, out: &mut StepOutput) {
        (out.fuel_used, out.received) = (1, Received::default());
        for event in events.drain(..) {
            match event {
                Event::Completion(done) => self.answered(done.reply),
                Event::Mail(mail) => self.inbox.push_back(mail),
                Event::Cancel { reason } => {
                    out.status = Status::Done(Err(Error::cancelled(&reason)));
                    return;
                }
                _ => self.ledger.wrong("an event that nobody has sent"),
            }
        }
        if self.asked.is_some() {
            out.status = Status::Blocked;
            return;
        }
        let ends = self.root && self.ledger.stopped();
        // Who takes less than what comes has a full mailbox sometimes.
        let most = if ends { usize::MAX } else { self.random.below(6) as usize };
        while out.received.mails < most {
            let Some(mail) = self.inbox.pop_front() else { break };
            out.received.add(&mail);
            if let Some(status) = self.take(mail) {
                out.status = status;
                return;
            }
        }
        if ends {
            out.status = Status::Idle;
            return;
        }
        match self.act() {
            Ok((asked, command)) => {
                self.asked = Some(asked);
                self.tags += 1;
                let command = Command::Actor(command);
                out.yields.push(Yield { tag: Tag(self.tags), command });
                out.status = Status::Blocked;
            }
            // It would not be woken for mail that it has and has not looked at.
            Err(Status::Idle) if !self.inbox.is_empty() || self.root => {
                out.fuel_used = fuel.0;
                out.status = Status::Continue;
            }
            Err(status) => out.status = status,
        }
    }

    fn close(&mut self) {}
}
