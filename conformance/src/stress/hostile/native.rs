//! Amplifiers that ask the host itself: with long texts, for many ties, names and
//! processes.

use std::collections::VecDeque;

use wippy::{
    command::{
        ActorCommand, Command, ErrorKind, Mail, Pid, ProcessError, Reply, Spawn, Tag, Yield,
    },
    host::{Handle, Node, SpawnContext, Started},
    process::{Error, Event, Fuel, Process, Received, Status, StepOutput},
    value::Term,
    world::SystemDispatcher,
};

use crate::random::Random;

/// Asks for one thing after the other, whatever it is told.
struct Amplifier {
    what: u64,
    random: Random,
    known: Vec<Pid>,
    inbox: VecDeque<Mail>,
    tags: u64,
    waits: bool,
}

/// How many sorts there are.
const SORTS: u64 = 6;

/// Starts one.
pub fn start(node: &Node, random: &mut Random) -> Result<Handle, ProcessError> {
    // Whom it is allowed to cancel: whoever it knows has to reckon with that.
    let known = node.processes().into_iter().filter(|info| &*info.entry != "good");
    let known = known.map(|info| info.pid).collect();
    let amplifier = Amplifier {
        what: random.below(SORTS),
        random: Random(random.next()),
        known,
        inbox: VecDeque::new(),
        tags: 0,
        waits: false,
    };
    node.launch("hostile", "native", None, |mut context: SpawnContext| {
        let world = SystemDispatcher::new(std::mem::take(&mut context.streams));
        let answers = context.answers(world);
        let process: Box<dyn Process> = Box::new(amplifier);
        Ok(Started { process, answers, result: None, max_execution: None })
    })
}

impl Amplifier {
    fn anyone(&mut self) -> Pid {
        self.random.pick(&self.known).cloned().unwrap_or_else(|| Pid::new("nobody|x.1"))
    }

    fn spawn(&mut self, args: Vec<Term>) -> ActorCommand {
        let (entry, host) = ("idle".to_owned(), Some("hostile".to_owned()));
        let monitor = self.random.one_in(2);
        ActorCommand::Spawn(Spawn { entry, host, args, monitor, link: false, ..Spawn::default() })
    }

    /// The next thing that it asks for; nothing if it ends.
    fn next(&mut self) -> Option<ActorCommand> {
        let long = |len: usize| "x".repeat(len);
        Some(match self.what {
            // Mail that nobody reads.
            0 => {
                let to = self.anyone().as_str().into();
                let payload = vec![Term::from(long(1 << 20))];
                ActorCommand::Send { to, topic: long(60_000), payload }
            }
            1 => self.spawn(Vec::new()),
            2 => self.spawn(vec![Term::from(long(1 << 20)); 4]),
            3 => match self.random.below(3) {
                0 => ActorCommand::Monitor(self.anyone()),
                1 => ActorCommand::Register(format!("{:0>200}", self.random.next())),
                _ => ActorCommand::TrapLinks(true),
            },
            4 => {
                let to = self.anyone().as_str().into();
                ActorCommand::Cancel { to, reason: long(60_000), patience: Some(60_000) }
            }
            // An end that many are told of.
            _ if self.tags < 20 => ActorCommand::Monitor(self.anyone()),
            _ => return None,
        })
    }
}

impl Process for Amplifier {
    fn step(&mut self, events: &mut Vec<Event>, _: Fuel, out: &mut StepOutput) {
        out.yields.clear();
        (out.fuel_used, out.received) = (2_000, Received::default());
        out.status = Status::Continue;
        for event in events.drain(..) {
            match event {
                Event::Completion(completion) => {
                    self.waits = false;
                    if let Reply::Pid(pid) = completion.reply {
                        self.known.push(pid);
                    }
                }
                // Not one of them is taken.
                Event::Mail(mail) => self.inbox.push_back(mail),
                Event::Cancel { .. } | Event::Timeout { .. } => {
                    out.status = Status::Done(Err(Error::new(ErrorKind::Canceled, "cancelled")));
                    return;
                }
                _ => {}
            }
        }
        if self.waits {
            out.status = Status::Blocked;
            return;
        }
        match self.next() {
            Some(command) => {
                self.waits = true;
                self.tags += 1;
                out.yields.push(Yield { tag: Tag(self.tags), command: Command::Actor(command) });
                out.status = Status::Blocked;
            }
            None => {
                let fault = ProcessError::new(ErrorKind::Conflict, "y".repeat(1 << 20));
                out.status = Status::Done(Err(Error::program(fault)));
            }
        }
    }

    fn close(&mut self) {}
}
