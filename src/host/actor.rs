//! Answers what processes ask of their node.
//!
//! All but the loading of a program and the wait for another's end is done within
//! the step that asks. Nothing here waits for a lock that is held for long.

use std::{sync::Arc, time::Duration};

use super::{
    chores,
    life::Outside,
    node::{Node, Tied},
    post::Undelivered,
    program::{HostOptions, PATIENCE, Program},
    seat::Seat,
    trace::Probe,
    watch::watch,
};
use crate::{
    account::Exceeded,
    dispatch::{
        ActorCommand, Command, Ending, Fault, Immediate, Kind, Mail, Message, Received, Reply,
        Spawn,
        world::{Answers, World},
    },
    process::Error,
    value::Term,
    visible,
};

/// Processes that one can start in a step. Each makes the turn shorter, by about
/// what it takes, see `life`.
const MAX_BIRTHS: u32 = 8;

/// Names that a process can have at a time.
const MAX_NAMES: usize = 1024;

/// The longest name, in bytes.
const MAX_NAME: usize = 255;

/// The longest topic, and the longest reason to cancel, in bytes. What is long
/// belongs into a payload.
const MAX_WORDS: usize = 64 << 10;

/// A process on its node.
#[derive(Clone, Debug)]
pub(super) struct Actor {
    pub node: Node,
    pub seat: Arc<Seat>,
}

/// Answers everything that a process on a host asks: of the world, and of its
/// node.
#[derive(Clone, Debug)]
pub struct Reach {
    world: World,
    actor: Actor,
}

impl Reach {
    pub(super) fn new(world: World, actor: Actor) -> Reach {
        Reach { world, actor }
    }
}

impl Answers for Reach {
    fn try_answer(&self, command: Command) -> Result<Reply, Command> {
        match command {
            Command::Actor(command) => self.actor.now(command).map_err(Command::Actor),
            Command::Chore(chore) => chores::try_answer(chore),
            command => self.world.try_answer(command),
        }
    }

    async fn answer(&self, command: Command) -> Reply {
        match command {
            Command::Actor(command) => self.actor.later(command).await,
            Command::Chore(chore) => chores::answer(chore).await,
            command => self.world.answer(command).await,
        }
    }
}

impl Immediate for Reach {
    fn now(&mut self, command: Command) -> Result<Reply, Command> {
        // Births take time, so that many of them are not for one step.
        if matches!(command, Command::Actor(ActorCommand::Spawn(_)))
            && self.actor.seat.births() >= MAX_BIRTHS
        {
            return Err(command);
        }
        // Mail that is there is handed in between steps, so that is when to answer.
        if matches!(command, Command::AwaitMail { .. }) && self.actor.seat.post.has_mail() {
            return Err(command);
        }
        let Some(trace) = self.actor.node.0.trace.get() else { return self.try_answer(command) };
        // What is not answered here is asked again by the loop, which notes it.
        let asked = command.clone();
        let reply = self.try_answer(command)?;
        Probe { trace, seat: &self.actor.seat }.command(&asked);
        Ok(reply)
    }
}

impl Outside for Reach {
    fn is_unread(&self) -> bool {
        self.world.is_unread()
    }

    fn has_mail(&self) -> bool {
        true
    }

    fn waits(&self) {
        self.actor.seat.host.ask_to_sweep();
    }

    fn take_births(&self) -> u32 {
        self.actor.seat.take_births()
    }
}

fn done(result: Result<(), Fault>) -> Reply {
    result.map_or_else(Reply::Fault, |()| Reply::Done)
}

impl Actor {
    /// The answer, or the command back if it takes time.
    fn now(&self, command: ActorCommand) -> Result<Reply, ActorCommand> {
        let Actor { node, seat } = self;
        Ok(match command {
            ActorCommand::Spawn(spawn) => match node.0.programs.ready(&spawn.entry) {
                Some(program) => self.spawn(spawn, &*program),
                None => return Err(ActorCommand::Spawn(spawn)),
            },
            ActorCommand::Exec(_) => return Err(command),
            ActorCommand::Send { to, topic, payload } => {
                done(send(node, Some(seat), &to, topic, payload))
            }
            ActorCommand::Monitor(pid) => done(self.room().map(|()| node.monitor(seat, &pid))),
            ActorCommand::Unmonitor(pid) => {
                node.unmonitor(seat, &pid);
                Reply::Done
            }
            ActorCommand::Link(pid) => done(self.room().map(|()| node.link(seat, &pid))),
            ActorCommand::Unlink(pid) => {
                node.unlink(seat, &pid);
                Reply::Done
            }
            ActorCommand::TrapLinks(traps) => {
                seat.ties().traps = traps;
                Reply::Done
            }
            ActorCommand::Cancel { to, reason, patience } => {
                let patience = patience.map_or(PATIENCE, Duration::from_millis);
                done(cancel(node, Some(seat), &to, &reason, patience))
            }
            ActorCommand::Terminate { to } => {
                done(terminate(node, &to, &format!(" by {}", seat.pid)))
            }
            ActorCommand::Register(name) => done(self.register(&name)),
            ActorCommand::Unregister(name) => Reply::Bool(self.unregister(&name)),
            ActorCommand::Lookup(name) => match node.names().get(name.as_str()) {
                Some(seat) => Reply::Pid(seat.pid.clone()),
                None => Reply::Fault(Fault::new(
                    Kind::NotFound,
                    format!("no process has the name \"{}\"", shown(&name)),
                )),
            },
        })
    }

    async fn later(&self, command: ActorCommand) -> Reply {
        let (spawn, exec) = match command {
            ActorCommand::Spawn(spawn) => (spawn, false),
            ActorCommand::Exec(spawn) => (spawn, true),
            command => {
                let answer = self.now(command);
                return answer.unwrap_or_else(|_| Reply::Refused("nobody answers this".to_owned()));
            }
        };
        match self.node.program(&spawn.entry).await {
            Err(fault) => Reply::Fault(fault),
            Ok(program) if exec => match self.exec(spawn, &*program).await {
                Ok(ending) => Reply::Ended(ending),
                Err(fault) => Reply::Fault(fault),
            },
            Ok(program) => self.spawn(spawn, &*program),
        }
    }

    /// Whether the caller's mailbox has room for the notices that it asks for.
    fn room(&self) -> Result<(), Fault> {
        if !self.seat.post.has_room() {
            let why = "the caller's own mailbox is full; it has to receive first";
            return Err(Fault::new(Kind::Unavailable, why));
        }
        self.seat.ties().room().map_err(crowded)
    }

    fn spawn(&self, spawn: Spawn, program: &dyn Program) -> Reply {
        let tied = Tied {
            monitor: spawn.monitor.then(|| self.seat.clone()),
            link: spawn.link.then(|| self.seat.clone()),
            watcher: None,
        };
        match self.start(spawn, program, tied) {
            Ok(seat) => Reply::Pid(seat.pid.clone()),
            Err(fault) => Reply::Fault(fault),
        }
    }

    fn start(&self, spawn: Spawn, program: &dyn Program, tied: Tied) -> Result<Arc<Seat>, Fault> {
        let Spawn { entry, host, args, monitor, link } = spawn;
        if monitor || link {
            self.room()?;
        }
        let host = match host {
            Some(host) => self.node.host(&host)?,
            None => self.node.default_host(&self.seat.host),
        };
        let seat = self.node.seat(&host, &entry, None, tied, |birth| program.start(args, birth));
        self.seat.gave_birth();
        seat
    }

    /// Starts a process and waits for its end. It ends with the one that waits.
    async fn exec(&self, spawn: Spawn, program: &dyn Program) -> Result<Ending, Fault> {
        struct Guard(Arc<Seat>);
        impl Drop for Guard {
            fn drop(&mut self) {
                self.0.post.end(Error::terminated(": nobody waits for it any more"));
            }
        }
        let (watcher, watched) = watch();
        let tied = Tied { watcher: Some(watcher), ..Tied::default() };
        let spawn = Spawn { monitor: false, link: false, ..spawn };
        let guard = Guard(self.start(spawn, program, tied)?);
        let ended = watched.ended().await;
        drop(guard);
        let ending = ended.map(|ended| ended.ending.clone());
        ending.ok_or_else(|| Fault::new(Kind::Canceled, "the process was dropped by its host"))
    }

    fn register(&self, name: &str) -> Result<(), Fault> {
        let wrong = match name {
            "" => Some("is empty"),
            name if name.len() > MAX_NAME => Some("is longer than 255 bytes"),
            name if name.contains('|') => Some("looks like a pid"),
            name if visible::has_hidden(name) => Some("contains a character that cannot be seen"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            return Err(Fault::new(Kind::Invalid, format!("the name \"{}\" {wrong}", shown(name))));
        }
        let mut names = self.node.names();
        match names.get(name) {
            Some(seat) if seat.serial == self.seat.serial => return Ok(()),
            Some(seat) => {
                let why = format!("{} has the name \"{name}\"", seat.pid);
                return Err(Fault::new(Kind::AlreadyExists, why));
            }
            None => {}
        }
        let mut ties = self.seat.ties();
        ties.room().map_err(crowded)?;
        if ties.names.len() >= MAX_NAMES {
            let why = format!("a process has at most {MAX_NAMES} names");
            return Err(Fault::new(Kind::Unavailable, why));
        }
        let name: Arc<str> = name.into();
        ties.names.insert(name.clone());
        names.insert(name, self.seat.clone());
        Ok(())
    }

    fn unregister(&self, name: &str) -> bool {
        let mut names = self.node.names();
        let own = self.seat.ties().names.remove(name);
        if own {
            names.remove(name);
        }
        own
    }
}

/// The host has no memory for it.
fn crowded(exceeded: Exceeded) -> Fault {
    Fault::new(Kind::Unavailable, exceeded.to_string())
}

fn nobody(to: &str) -> Fault {
    let what = if to.contains('|') { "there is no process" } else { "no process has the name" };
    Fault::new(Kind::NotFound, format!("{what} {}", shown(to)))
}

/// The longest text of somebody else that a message repeats, in bytes.
const SHOWN: usize = 255;

/// A text of a program's own, for a message: not too long, and without anything
/// that a terminal would obey.
pub(super) fn shown(text: &str) -> String {
    let mut end = text.len().min(SHOWN);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    let (head, rest) = text.split_at(end);
    let mut shown = visible::name(head).into_owned();
    if !rest.is_empty() {
        shown.push('…');
    }
    shown
}

fn short(what: &str, text: &str) -> Result<(), Fault> {
    match text.len() {
        0..=MAX_WORDS => Ok(()),
        len => {
            let why = format!("a {what} of {len} bytes; it may have {MAX_WORDS}");
            Err(Fault::new(Kind::Invalid, why))
        }
    }
}

/// Sends a message to a pid or a name.
pub(super) fn send(
    node: &Node,
    from: Option<&Seat>,
    to: &str,
    topic: String,
    payload: Vec<Term>,
) -> Result<(), Fault> {
    if topic.starts_with('@') {
        let topic = shown(&topic);
        let why = format!("the topic \"{topic}\" is reserved, as are all that begin with @");
        return Err(Fault::new(Kind::Invalid, why));
    }
    short("topic", &topic)?;
    let seat = node.find(to).ok_or_else(|| nobody(to))?;
    let from = from.map(|seat| seat.pid.clone());
    let message = Message::new(from, topic, payload);
    seat.post.message(message).map_err(|why| undelivered(to, &seat.host.options, why))
}

/// Why a message has not been delivered: which bound is reached, and how much is
/// unread.
fn undelivered(to: &str, options: &HostOptions, why: Undelivered) -> Fault {
    let HostOptions { queue_size, queue_bytes, .. } = options;
    let why = match why {
        Undelivered::Gone => return nobody(to),
        Undelivered::Crowded(exceeded) => return crowded(exceeded),
        Undelivered::Many(Received { mails, .. }) => {
            format!("it has not taken {mails} mails, of at most {queue_size}")
        }
        Undelivered::Large(Received { mails, bytes }, more) => format!(
            "it has not taken {mails} mails of {bytes} bytes; this one has {more}, and all may \
             have {queue_bytes}"
        ),
    };
    Fault::new(Kind::Unavailable, format!("the mailbox of {} is full: {why}", shown(to)))
}

pub(super) fn cancel(
    node: &Node,
    from: Option<&Seat>,
    to: &str,
    reason: &str,
    patience: Duration,
) -> Result<(), Fault> {
    short("reason", reason)?;
    let seat = node.find(to).ok_or_else(|| nobody(to))?;
    let mail = Mail::Cancel { from: from.map(|seat| seat.pid.clone()), reason: reason.to_owned() };
    let now = std::time::Instant::now();
    // A time that no clock reaches is a week.
    let until = now.checked_add(patience).unwrap_or(now + Duration::from_secs(604_800));
    seat.post.cancel(mail, until, reason);
    Ok(())
}

pub(super) fn terminate(node: &Node, to: &str, why: &str) -> Result<(), Fault> {
    let seat = node.find(to).ok_or_else(|| nobody(to))?;
    seat.post.end(Error::terminated(why));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_writes_is_short_and_harmless_in_messages() {
        assert_eq!(shown("app:processes|x.1 ä"), "app:processes|x.1 ä");
        assert_eq!(shown("a\n\x1b[31m"), "a\\n\\u{1b}[31m");
        let long = shown(&"ä".repeat(1 << 20));
        assert_eq!((long.len(), long.ends_with("ä…")), (254 + '…'.len_utf8(), true));
    }
}
