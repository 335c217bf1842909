//! A process on its node, and what it asks of that: to start others, to find them and to
//! be told of their ends.
//!
//! All but the loading of a program and the wait for another's end is done at once.

use std::{sync::Arc, time::Duration};

use super::{
    FirstLinks, Node,
    program::{Info, PATIENCE, Program},
    send::{cancel, crowded, send, shown, terminate},
    table::ProcessSlot,
    watch::watch,
};
use crate::{
    account::Account,
    command::{
        ActorCommand, ErrorKind, FileId, FunctionCall, ProcessError, ProjectCommand, Reply,
        SharedEnding, Spawn,
    },
    process::Error,
    value::Term,
    visible,
    world::Directory,
};

/// Processes that one can start in a step. Each makes the turn shorter, by about
/// what it takes, see `life`.
pub(super) const MAX_BIRTHS: u32 = 8;

/// Names that a process can have at a time.
const MAX_NAMES: usize = 1024;

/// Processes that one is told of at a time.
const MAX_CENSUS: usize = 1000;

/// The longest name, in bytes.
const MAX_NAME: usize = 255;

/// A process on its node.
#[derive(Clone, Debug)]
pub(in crate::host) struct Actor {
    pub node: Node,
    pub slot: Arc<ProcessSlot>,
}

/// An actor command that takes time.
enum Slow {
    Spawn(Spawn),
    Exec(Spawn),
    Call(Box<FunctionCall>),
    Pause,
}

impl From<Slow> for ActorCommand {
    fn from(slow: Slow) -> ActorCommand {
        match slow {
            Slow::Spawn(spawn) => ActorCommand::Spawn(spawn),
            Slow::Exec(spawn) => ActorCommand::Exec(spawn),
            Slow::Call(call) => ActorCommand::Call(call),
            Slow::Pause => ActorCommand::Pause,
        }
    }
}

fn done(result: Result<(), ProcessError>) -> Reply {
    result.map_or_else(Reply::ProcessError, |()| Reply::Done)
}

impl Actor {
    /// The answer, or the command back if it takes time.
    pub(super) fn now(&self, command: ActorCommand) -> Result<Reply, ActorCommand> {
        self.at_once(command).map_err(ActorCommand::from)
    }

    /// The answer, as soon as there is one.
    pub(super) async fn later(&self, command: ActorCommand) -> Reply {
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
                    let held = self.slot.held.clone();
                    let first = FirstLinks { held, ..FirstLinks::default() };
                    self.run(spawn, &*program, first).await
                };
                ended.await.map_or_else(Reply::ProcessError, Reply::Ended)
            }
            Err(Slow::Call(call)) => {
                self.call(*call).await.map_or_else(Reply::ProcessError, Reply::Ended)
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
            ActorCommand::Call(call) => return Err(Slow::Call(call)),
            ActorCommand::GiveUp(number) => Reply::Bool(slot.calls.give_up(number)),
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

    /// Answers a command about the project; `open` gives a directory to the process.
    pub(super) fn ask_project(
        &self,
        command: ProjectCommand,
        open: impl FnOnce(Directory) -> FileId,
    ) -> Reply {
        let room = self.slot.mailbox.account.get().map_or(u64::MAX, Account::room);
        self.node.ask_project(command, room, open)
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
            parent: None,
            monitor: spawn.monitor.then(|| self.slot.clone()),
            link: spawn.link.then(|| self.slot.clone()),
            ..FirstLinks::default()
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
        mut first: FirstLinks,
    ) -> Result<Arc<ProcessSlot>, ProcessError> {
        let Spawn { entry, host, args, monitor, link, context } = spawn;
        first.context = self.slot.context.handed_on(context)?;
        if monitor || link {
            self.room()?;
        }
        let host = match host {
            Some(host) => self.node.host(&host)?,
            None => self.node.default_host(&self.slot.host),
        };
        let first = FirstLinks { parent: Some(self.slot.clone()), ..first };
        let slot =
            self.node.slot(&host, &entry, None, first, |context| program.start(args, context));
        self.slot.gave_birth();
        slot
    }

    /// Starts a process and waits for its end. It ends with the one that waits.
    pub(super) async fn run(
        &self,
        spawn: Spawn,
        program: &dyn Program,
        first: FirstLinks,
    ) -> Result<SharedEnding, ProcessError> {
        struct Guard(Arc<ProcessSlot>);
        impl Drop for Guard {
            fn drop(&mut self) {
                self.0.mailbox.end(Error::terminated(": nobody waits for it any more"));
            }
        }
        let (watcher, watched) = watch();
        let first = FirstLinks { watcher: Some(watcher), ..first };
        let spawn = Spawn { monitor: false, link: false, ..spawn };
        let guard = Guard(self.start(spawn, program, first)?);
        let ended = watched.ended().await;
        drop(guard);
        let ending = ended.map(|ended| ended.ending.clone());
        ending.ok_or_else(|| {
            ProcessError::new(ErrorKind::Canceled, "the process was dropped by its host")
        })
    }

    /// All that is known of the processes, the oldest first.
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
