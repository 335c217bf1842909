//! Answers what a process asks: of its node, in `actor`, or of the world.
//!
//! Nothing here waits for a lock that is held for long.

use std::sync::Arc;

use super::{
    actor::{Actor, MAX_BIRTHS},
    chores,
    run::HostDispatcher,
    stage::{Clock, Stage, StagedWorld},
    table::ProcessSlot,
    trace::Probe,
};
use crate::{
    command::{ActorCommand, Command, InlineDispatcher, Interest, ProjectCommand, Reply, Wait},
    world::{Dispatcher, SystemDispatcher},
};

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
            // It may have to be opened.
            Command::Project(ProjectCommand::Directory(_)) => Err(command),
            Command::Project(command) => Ok(self.ask_project(command)),
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
            Command::Project(command) if self.stage().is_some() => self.ask_project(command),
            Command::Project(command) => {
                let own = self.clone();
                smol::unblock(move || own.ask_project(command)).await
            }
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
    fn ask_project(&self, command: ProjectCommand) -> Reply {
        self.actor.ask_project(command, |directory| match &self.world {
            World::System(world) => world.add_dir(directory, false),
            World::Staged(world) => world.add_dir(&directory, false),
        })
    }

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
