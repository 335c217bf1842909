//! What a simulation has in the place of the machine.
//!
//! A node takes from the machine its time, its threads and its chance, and each process
//! its world. All of it goes by here: a node with a [`Stage`] takes it from the stage and
//! from nothing else, so that who is on the stage decides whose turn it is, how late it
//! is, and what goes wrong. Nothing else of a node knows of it: mailboxes, links, names,
//! restarts are the same code on a stage and off it.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use async_task::Runnable;
use smol::Timer;

use super::{
    mailbox::Undelivered,
    table::{ProcessSlot, Serial},
};
use crate::{
    command::{Command, Message, Reply},
    process::StepOutput,
};

/// The number of a task on a stage.
pub(in crate::host) type TaskId = u64;

/// A task, as the stage is told of it.
pub(in crate::host) enum Actor<'a> {
    /// The life of a process.
    Process(&'a ProcessSlot),
    /// Something of the node's own.
    Keeper(&'a str),
}

/// Time, turns and chance that are not the machine's.
pub(in crate::host) trait Stage: Send + Sync + fmt::Debug {
    /// The time since the beginning.
    fn elapsed(&self) -> Duration;

    /// Wakes somebody at this time, unless it is forgotten before; its number.
    fn wake_at(&self, at: Duration, waker: Waker) -> u64;

    /// Nobody waits any more.
    fn forget(&self, at: Duration, timer: u64);

    /// A new task.
    fn task(&self, of: Actor<'_>) -> TaskId;

    /// A task can run.
    fn schedule(&self, task: TaskId, turn: Runnable);

    /// A number from 0 to 1.
    fn chance(&self) -> f64;

    /// Fuel of a process's turn, at most so much.
    fn turn(&self, slot: &ProcessSlot, most: u64) -> u64;

    /// True if a step ends after this command, so that others have their turns.
    fn interrupts(&self, slot: &ProcessSlot, command: &Command) -> bool;

    /// A process has made a step.
    fn stepped(&self, slot: &Arc<ProcessSlot>, out: &StepOutput);

    /// A process has ended, and is about to be told of.
    fn ended(&self, slot: &ProcessSlot, why: Option<String>);

    /// Brings a message to a process, now or later.
    fn deliver(
        &self,
        from: Option<&ProcessSlot>,
        to: &Arc<ProcessSlot>,
        message: Message,
    ) -> Result<(), Undelivered>;

    /// Brings all that this process has sent and that is still under way.
    fn hurry(&self, from: Serial);

    /// The world of a process.
    fn world(&self, slot: &Arc<ProcessSlot>) -> Arc<dyn StagedWorld>;
}

/// Answers the commands of one process on a stage that are not about other processes.
pub(in crate::host) trait StagedWorld: Send + Sync + fmt::Debug {
    /// The answer, or the command back if it takes time.
    fn now(&self, command: Command) -> Result<Reply, Command>;

    /// The answer, as soon as there is one.
    fn later(self: Arc<Self>, command: Command) -> Pin<Box<dyn Future<Output = Reply> + Send>>;

    /// How long this command is to take, besides.
    fn slow(&self, command: &Command) -> Duration;

    /// To whom the process may talk.
    fn set_network(&self, network: Arc<crate::network::Network>);

    /// Gives the process a request of this stage.
    fn add_request(
        &self,
        request: Box<dyn std::any::Any + Send>,
    ) -> Option<crate::command::http::IncomingRequest>;

    /// Gives the process a copy of a directory.
    fn add_dir(&self, dir: &crate::world::Directory, read_only: bool) -> crate::command::FileId;
}

/// The time of a node: the machine's, or that of a stage.
#[derive(Clone, Debug, Default)]
pub(in crate::host) struct Clock(Option<Arc<dyn Stage>>);

/// The instant that times on a stage count from: instants cannot be made, only moved.
fn base() -> Instant {
    static BASE: OnceLock<Instant> = OnceLock::new();
    *BASE.get_or_init(Instant::now)
}

impl Clock {
    /// The clock of a stage.
    pub fn of(stage: Option<Arc<dyn Stage>>) -> Clock {
        Clock(stage)
    }

    /// The time that it is.
    pub fn now(&self) -> Instant {
        match &self.0 {
            None => Instant::now(),
            Some(stage) => base().checked_add(stage.elapsed()).unwrap_or_else(base),
        }
    }

    /// The time since then.
    pub fn since(&self, then: Instant) -> Duration {
        self.now().saturating_duration_since(then)
    }

    /// Comes to its end at this time.
    pub fn at(&self, at: Instant) -> Sleep {
        match &self.0 {
            None => Sleep::System(Timer::at(at)),
            Some(stage) => Sleep::Staged {
                stage: stage.clone(),
                at: at.saturating_duration_since(base()),
                timer: None,
            },
        }
    }

    /// Comes to its end after this time; never, if no clock reaches it.
    pub async fn after(&self, wait: Duration) {
        match self.now().checked_add(wait) {
            Some(at) => self.at(at).await,
            None => std::future::pending().await,
        }
    }
}

/// A wait for a time.
#[derive(Debug)]
pub(in crate::host) enum Sleep {
    System(Timer),
    Staged { stage: Arc<dyn Stage>, at: Duration, timer: Option<u64> },
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut *self {
            Sleep::System(timer) => Pin::new(timer).poll(cx).map(|_| ()),
            Sleep::Staged { stage, at, timer } => {
                if let Some(timer) = timer.take() {
                    stage.forget(*at, timer);
                }
                if stage.elapsed() >= *at {
                    return Poll::Ready(());
                }
                *timer = Some(stage.wake_at(*at, cx.waker().clone()));
                Poll::Pending
            }
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Sleep::Staged { stage, at, timer: Some(timer) } = self {
            stage.forget(*at, *timer);
        }
    }
}
