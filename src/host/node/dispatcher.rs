//! Answers what processes ask of their node.
//!
//! All but the loading of a program and the wait for another's end is done within
//! the step that asks. Nothing here waits for a lock that is held for long.

use std::{sync::Arc, time::Duration};

use super::{
    FirstLinks, Node, chores,
    mailbox::Undelivered,
    program::{HostOptions, Info, PATIENCE, Program},
    run::HostDispatcher,
    stage::{Clock, Stage, StagedWorld},
    table::ProcessSlot,
    trace::Probe,
    watch::watch,
};
use crate::{
    account::Exceeded,
    command::{
        ActorCommand, Command, ErrorKind, InlineDispatcher, Interest, Mail, Message, ProcessError,
        Reply, SharedEnding, Spawn, Wait,
    },
    process::{Error, Received},
    value::Term,
    visible,
    world::{Dispatcher, SystemDispatcher},
};

/// Processes that one can start in a step. Each makes the turn shorter, by about
/// what it takes, see `life`.
const MAX_BIRTHS: u32 = 8;

/// Names that a process can have at a time.
const MAX_NAMES: usize = 1024;

/// Processes that one is told of at a time.
const MAX_CENSUS: usize = 1000;

/// The longest name, in bytes.
const MAX_NAME: usize = 255;

/// The longest topic, and the longest reason to cancel, in bytes. What is long
/// belongs into a payload.
const MAX_WORDS: usize = 64 << 10;

/// A process on its node.
#[derive(Clone, Debug)]
pub(in crate::host) struct Actor {
    pub node: Node,
    pub slot: Arc<ProcessSlot>,
}

/// Answers everything that a process on a host asks: of the world, and of its
/// node.
#[derive(Clone, Debug)]
pub struct NodeDispatcher {
    world: World,
    actor: Actor,
}

/// Who answers all that is not about other processes.
#[derive(Clone, Debug)]
pub(in crate::host) enum World {
    System(SystemDispatcher),
    Staged(Arc<dyn StagedWorld>),
}

impl From<SystemDispatcher> for World {
    fn from(world: SystemDispatcher) -> World {
        World::System(world)
    }
}

impl NodeDispatcher {
    pub(in crate::host) fn new(world: World, actor: Actor) -> NodeDispatcher {
        NodeDispatcher { world, actor }
    }
}

impl Dispatcher for NodeDispatcher {
    fn now(&self, command: Command) -> Result<Reply, Command> {
        match command {
            Command::Actor(command) => self.actor.now(command).map_err(Command::Actor),
            // At once, so that it makes no difference whether it has been done.
            Command::Chore(chore) if self.stage().is_some() => {
                chore.run();
                Ok(Reply::Done)
            }
            Command::Chore(chore) => chores::now(chore).map_err(Command::Chore),
            Command::Clock(_)
            | Command::Random(_)
            | Command::Stdio(_)
            | Command::Fs(_)
            | Command::Stream(_)
            | Command::Http(_)
            | Command::Net(_)
            | Command::Wait(_)
            | Command::Call(_) => match &self.world {
                World::System(world) => world.now(command),
                World::Staged(world) => match command {
                    // It may take its time, which is seen later.
                    Command::Fs(_) => Err(command),
                    command => world.now(command),
                },
            },
        }
    }

    async fn later(&self, command: Command) -> Reply {
        match command {
            Command::Actor(command) => self.actor.later(command).await,
            Command::Chore(chore) => chores::later(chore).await,
            Command::Clock(_)
            | Command::Random(_)
            | Command::Stdio(_)
            | Command::Fs(_)
            | Command::Stream(_)
            | Command::Http(_)
            | Command::Net(_)
            | Command::Wait(_)
            | Command::Call(_) => match &self.world {
                World::System(world) => world.later(command).await,
                World::Staged(world) => {
                    let time = world.slow(&command);
                    if !time.is_zero() {
                        self.actor.node.clock().after(time).await;
                    }
                    world.clone().later(command).await
                }
            },
        }
    }
}

impl InlineDispatcher for NodeDispatcher {
    fn now(&mut self, command: Command) -> Result<Reply, Command> {
        if self.is_for_between_steps(&command) {
            return Err(command);
        }
        if let Some((stage, slot)) = self.stage()
            && stage.interrupts(slot, &command)
        {
            return Err(command);
        }
        let Some(trace) = self.actor.node.0.trace.get() else {
            return Dispatcher::now(self, command);
        };
        // What is not answered here is asked again by the loop, which notes it.
        let asked = command.clone();
        let reply = Dispatcher::now(self, command)?;
        Probe { trace, slot: &self.actor.slot, clock: self.clock() }.command(&asked);
        Ok(reply)
    }
}

impl NodeDispatcher {
    /// Tells whether the step has to end first.
    fn is_for_between_steps(&self, command: &Command) -> bool {
        let slot = &self.actor.slot;
        // Births take time, so that many of them are not for one step.
        let crowds = matches!(command, Command::Actor(ActorCommand::Spawn(_)))
            && slot.births() >= MAX_BIRTHS;
        // Mail that is there is handed in between steps, so that is when to answer.
        let has_mail = matches!(command, Command::Wait(Wait { on, .. }) if on.contains(Interest::Mail))
            && slot.mailbox.has_mail();
        crowds || has_mail
    }
}

impl HostDispatcher for NodeDispatcher {
    fn is_unread(&self) -> bool {
        match &self.world {
            World::System(world) => world.is_unread(),
            World::Staged(_) => false,
        }
    }

    fn has_mail(&self) -> bool {
        true
    }

    fn waits(&self) {
        self.actor.slot.host.ask_to_sweep();
    }

    fn take_births(&self) -> u32 {
        self.actor.slot.take_births()
    }

    fn clock(&self) -> Clock {
        self.actor.node.clock()
    }

    fn stage(&self) -> Option<(&Arc<dyn Stage>, &Arc<ProcessSlot>)> {
        Some((self.actor.node.0.stage.as_ref()?, &self.actor.slot))
    }
}

/// An actor command that takes time.
enum Slow {
    Spawn(Spawn),
    Exec(Spawn),
    Pause,
}

impl From<Slow> for ActorCommand {
    fn from(slow: Slow) -> ActorCommand {
        match slow {
            Slow::Spawn(spawn) => ActorCommand::Spawn(spawn),
            Slow::Exec(spawn) => ActorCommand::Exec(spawn),
            Slow::Pause => ActorCommand::Pause,
        }
    }
}

fn done(result: Result<(), ProcessError>) -> Reply {
    result.map_or_else(Reply::ProcessError, |()| Reply::Done)
}

impl Actor {
    /// The answer, or the command back if it takes time.
    fn now(&self, command: ActorCommand) -> Result<Reply, ActorCommand> {
        self.at_once(command).map_err(ActorCommand::from)
    }

    /// The answer, as soon as there is one.
    async fn later(&self, command: ActorCommand) -> Reply {
        match self.at_once(command) {
            Ok(reply) => reply,
            // Whoever steps the process has seen it, and has given others a turn.
            Err(Slow::Pause) => Reply::Done,
            Err(Slow::Spawn(spawn)) => match self.node.program(&spawn.entry).await {
                Ok(program) => self.spawn(spawn, &*program),
                Err(fault) => Reply::ProcessError(fault),
            },
            Err(Slow::Exec(spawn)) => {
                let ended = async {
                    let program = self.node.program(&spawn.entry).await?;
                    self.exec(spawn, &*program).await
                };
                ended.await.map_or_else(Reply::ProcessError, Reply::Ended)
            }
        }
    }

    fn at_once(&self, command: ActorCommand) -> Result<Reply, Slow> {
        let Actor { node, slot } = self;
        Ok(match command {
            ActorCommand::Spawn(spawn) => match node.ready(&spawn.entry) {
                Some(program) => self.spawn(spawn, &*program),
                None => return Err(Slow::Spawn(spawn)),
            },
            ActorCommand::Exec(spawn) => return Err(Slow::Exec(spawn)),
            ActorCommand::Pause => return Err(Slow::Pause),
            ActorCommand::Send { to, topic, payload } => {
                done(send(node, Some(slot), &to, topic, payload))
            }
            ActorCommand::Monitor(pid) => done(self.room().map(|()| node.monitor(slot, &pid))),
            ActorCommand::Unmonitor(pid) => {
                node.unmonitor(slot, &pid);
                Reply::Done
            }
            ActorCommand::Link(pid) => done(self.room().map(|()| node.link(slot, &pid))),
            ActorCommand::Unlink(pid) => {
                node.unlink(slot, &pid);
                Reply::Done
            }
            ActorCommand::TrapLinks(traps) => {
                slot.links().traps = traps;
                Reply::Done
            }
            ActorCommand::Cancel { to, reason, patience } => {
                let patience = patience.map_or(PATIENCE, Duration::from_millis);
                done(cancel(node, Some(slot), &to, &reason, patience))
            }
            ActorCommand::Terminate { to } => {
                done(terminate(node, &to, &format!(" by {}", slot.pid)))
            }
            ActorCommand::Processes { most } => Reply::Ended(Ok(self.census(most)).into()),
            ActorCommand::Register(name) => done(self.register(&name)),
            ActorCommand::Unregister(name) => Reply::Bool(self.unregister(&name)),
            ActorCommand::Lookup(name) => match node.names().get(name.as_str()) {
                Some(slot) => Reply::Pid(slot.pid.clone()),
                None => Reply::ProcessError(ProcessError::new(
                    ErrorKind::NotFound,
                    format!("no process has the name \"{}\"", shown(&name)),
                )),
            },
        })
    }

    /// An error, if the caller's mailbox has no room for the notices that it asks for.
    fn room(&self) -> Result<(), ProcessError> {
        if !self.slot.mailbox.has_room() {
            let why = "the caller's own mailbox is full; it has to receive first";
            return Err(ProcessError::new(ErrorKind::Unavailable, why));
        }
        self.slot.links().room().map_err(crowded)
    }

    fn spawn(&self, spawn: Spawn, program: &dyn Program) -> Reply {
        let first = FirstLinks {
            monitor: spawn.monitor.then(|| self.slot.clone()),
            link: spawn.link.then(|| self.slot.clone()),
            watcher: None,
        };
        match self.start(spawn, program, first) {
            Ok(slot) => Reply::Pid(slot.pid.clone()),
            Err(fault) => Reply::ProcessError(fault),
        }
    }

    fn start(
        &self,
        spawn: Spawn,
        program: &dyn Program,
        first: FirstLinks,
    ) -> Result<Arc<ProcessSlot>, ProcessError> {
        let Spawn { entry, host, args, monitor, link } = spawn;
        if monitor || link {
            self.room()?;
        }
        let host = match host {
            Some(host) => self.node.host(&host)?,
            None => self.node.default_host(&self.slot.host),
        };
        let slot =
            self.node.slot(&host, &entry, None, first, |context| program.start(args, context));
        self.slot.gave_birth();
        slot
    }

    /// Starts a process and waits for its end. It ends with the one that waits.
    async fn exec(
        &self,
        spawn: Spawn,
        program: &dyn Program,
    ) -> Result<SharedEnding, ProcessError> {
        struct Guard(Arc<ProcessSlot>);
        impl Drop for Guard {
            fn drop(&mut self) {
                self.0.mailbox.end(Error::terminated(": nobody waits for it any more"));
            }
        }
        let (watcher, watched) = watch();
        let first = FirstLinks { watcher: Some(watcher), ..FirstLinks::default() };
        let spawn = Spawn { monitor: false, link: false, ..spawn };
        let guard = Guard(self.start(spawn, program, first)?);
        let ended = watched.ended().await;
        drop(guard);
        let ending = ended.map(|ended| ended.ending.clone());
        ending.ok_or_else(|| {
            ProcessError::new(ErrorKind::Canceled, "the process was dropped by its host")
        })
    }

    /// What is known of the processes, the oldest first.
    fn census(&self, most: u64) -> Term {
        let most = usize::try_from(most).unwrap_or(MAX_CENSUS).min(MAX_CENSUS);
        let one = |info: Info| {
            let number = |n: u64| Term::uint(n);
            let age = u64::try_from(info.age.as_millis()).unwrap_or(u64::MAX);
            Term::record([
                ("pid", info.pid.as_str().into()),
                ("entry", (&*info.entry).into()),
                ("state", info.state.name().into()),
                ("fuel", number(info.fuel)),
                ("memory", number(info.memory)),
                ("mailbox", number(info.mailbox as u64)),
                ("age", number(age)),
            ])
        };
        Term::List(self.node.processes().into_iter().take(most).map(one).collect())
    }

    fn register(&self, name: &str) -> Result<(), ProcessError> {
        let wrong = match name {
            "" => Some("is empty"),
            name if name.len() > MAX_NAME => Some("is longer than 255 bytes"),
            name if name.contains('|') => Some("looks like a pid"),
            name if visible::has_hidden(name) => Some("contains a character that cannot be seen"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            return Err(ProcessError::new(
                ErrorKind::Invalid,
                format!("the name \"{}\" {wrong}", shown(name)),
            ));
        }
        let mut names = self.node.names();
        match names.get(name) {
            Some(slot) if slot.serial == self.slot.serial => return Ok(()),
            Some(slot) => {
                let why = format!("{} has the name \"{name}\"", slot.pid);
                return Err(ProcessError::new(ErrorKind::AlreadyExists, why));
            }
            None => {}
        }
        let mut links = self.slot.links();
        links.room().map_err(crowded)?;
        if links.names.len() >= MAX_NAMES {
            let why = format!("a process has at most {MAX_NAMES} names");
            return Err(ProcessError::new(ErrorKind::Unavailable, why));
        }
        let name: Arc<str> = name.into();
        links.names.insert(name.clone());
        names.insert(name, self.slot.clone());
        Ok(())
    }

    fn unregister(&self, name: &str) -> bool {
        let mut names = self.node.names();
        let own = self.slot.links().names.remove(name);
        if own {
            names.remove(name);
        }
        own
    }
}

/// The host has no memory for it.
fn crowded(exceeded: Exceeded) -> ProcessError {
    ProcessError::new(ErrorKind::Unavailable, exceeded.to_string())
}

fn nobody(to: &str) -> ProcessError {
    let what = if to.contains('|') { "there is no process" } else { "no process has the name" };
    ProcessError::new(ErrorKind::NotFound, format!("{what} {}", shown(to)))
}

/// The longest text of somebody else that a message repeats, in bytes.
const SHOWN: usize = 255;

/// A text of a program's own, for a message: not too long, and without anything
/// that a terminal would obey.
pub(in crate::host) fn shown(text: &str) -> String {
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

fn short(what: &str, text: &str) -> Result<(), ProcessError> {
    match text.len() {
        0..=MAX_WORDS => Ok(()),
        len => {
            let why = format!("a {what} of {len} bytes; it may have {MAX_WORDS}");
            Err(ProcessError::new(ErrorKind::Invalid, why))
        }
    }
}

/// Sends a message to a pid or a name.
pub(in crate::host) fn send(
    node: &Node,
    from: Option<&ProcessSlot>,
    to: &str,
    topic: String,
    payload: Vec<Term>,
) -> Result<(), ProcessError> {
    if topic.starts_with('@') {
        let topic = shown(&topic);
        let why = format!("the topic \"{topic}\" is reserved, as are all that begin with @");
        return Err(ProcessError::new(ErrorKind::Invalid, why));
    }
    short("topic", &topic)?;
    let slot = node.find(to).ok_or_else(|| nobody(to))?;
    let message = Message::new(from.map(|slot| slot.pid.clone()), topic, payload);
    let delivered = match &node.0.stage {
        Some(stage) => stage.deliver(from, &slot, message),
        None => slot.mailbox.message(message),
    };
    delivered.map_err(|why| undelivered(to, &slot.host.options, why))
}

/// Why a message has not been delivered: which bound is reached, and how much is
/// unread.
fn undelivered(to: &str, options: &HostOptions, why: Undelivered) -> ProcessError {
    let HostOptions { queue_size, queue_bytes, .. } = options;
    let why = match why {
        Undelivered::Gone => return nobody(to),
        Undelivered::Crowded(exceeded) => return crowded(exceeded),
        Undelivered::Many(Received { mails, .. }) => {
            format!("it has not taken {mails} mails, of at most {queue_size}")
        }
        Undelivered::Large(Received { mails, bytes, .. }, more) => format!(
            "it has not taken {mails} mails of {bytes} bytes; this one has {more}, and all may \
             have {queue_bytes}"
        ),
    };
    ProcessError::new(
        ErrorKind::Unavailable,
        format!("the mailbox of {} is full: {why}", shown(to)),
    )
}

pub(in crate::host) fn cancel(
    node: &Node,
    from: Option<&ProcessSlot>,
    to: &str,
    reason: &str,
    patience: Duration,
) -> Result<(), ProcessError> {
    short("reason", reason)?;
    let slot = node.find(to).ok_or_else(|| nobody(to))?;
    let mail = Mail::Cancel { from: from.map(|slot| slot.pid.clone()), reason: reason.to_owned() };
    let now = node.clock().now();
    if let (Some(stage), Some(from)) = (&node.0.stage, from) {
        stage.hurry(from.serial);
    }
    // A time that no clock reaches is a week.
    let until = now.checked_add(patience).unwrap_or(now + Duration::from_secs(604_800));
    slot.mailbox.cancel(mail, until, reason);
    Ok(())
}

pub(in crate::host) fn terminate(node: &Node, to: &str, why: &str) -> Result<(), ProcessError> {
    let slot = node.find(to).ok_or_else(|| nobody(to))?;
    slot.mailbox.end(Error::terminated(why));
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
