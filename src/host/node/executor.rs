//! Who gives the tasks of a host their turns: threads, or a stage.

use std::{future::Future, io, sync::Arc};

use super::{
    stage::{Actor, Stage},
    table::ProcessSlot,
    workers::Workers,
};

/// Gives tasks their turns.
#[derive(Debug)]
pub(in crate::host) enum Executor {
    Threads(Workers),
    Staged(Arc<dyn Stage>),
}

impl Executor {
    /// Runs a future to its end. `what` it is, for those who look at a stage.
    pub fn spawn(&self, what: &str, future: impl Future<Output = ()> + Send + 'static) {
        match self {
            Executor::Threads(workers) => workers.spawn(future),
            Executor::Staged(stage) => staged(stage, Actor::Keeper(what), future),
        }
    }

    /// Runs the life of a process.
    pub fn spawn_process(
        &self,
        slot: &ProcessSlot,
        life: impl Future<Output = ()> + Send + 'static,
    ) {
        match self {
            Executor::Threads(workers) => workers.spawn_as(slot.mailbox.class(), life),
            Executor::Staged(stage) => staged(stage, Actor::Process(slot), life),
        }
    }

    /// Adds a thread in the place of one that is lost.
    ///
    /// # Errors
    ///
    /// If the system gives no more threads.
    pub fn add_thread(&self) -> io::Result<()> {
        match self {
            Executor::Threads(workers) => workers.add_thread(),
            // There is one, and it cannot be replaced.
            Executor::Staged(_) => Ok(()),
        }
    }
}

fn staged(
    stage: &Arc<dyn Stage>,
    actor: Actor<'_>,
    future: impl Future<Output = ()> + Send + 'static,
) {
    let task = stage.task(actor);
    let stage = stage.clone();
    let (turn, handle) = async_task::spawn(future, move |turn| stage.schedule(task, turn));
    turn.schedule();
    handle.detach();
}
