//! The commands of one process that have not been answered.
//!
//! Each waits as a future of its own, polled by whoever runs the process: no
//! task is spawned, and to drop the set is to stop waiting. What a thread of the
//! blocking pool has begun it ends, for the system knows no way to take it back;
//! its answer is dropped.

use super::{
    super::{Completion, Yield},
    World,
};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::{collections::VecDeque, fmt, future::Future, pin::Pin};

/// Answers to the [yields](Yield) of a process, in the order in which they come.
pub struct Pending {
    world: World,
    ready: VecDeque<Completion>,
    waiting: FuturesUnordered<Pin<Box<dyn Future<Output = Completion> + Send>>>,
}

impl Pending {
    /// Nothing is asked yet.
    pub fn new(world: World) -> Pending {
        Pending { world, ready: VecDeque::new(), waiting: FuturesUnordered::new() }
    }

    /// Begins to answer.
    pub fn submit(&mut self, asked: Yield) {
        let Yield { tag, command } = asked;
        match self.world.try_answer(command) {
            Ok(reply) => self.ready.push_back(Completion { tag, reply }),
            Err(command) => {
                let world = self.world.clone();
                self.waiting.push(Box::pin(async move {
                    Completion { tag, reply: world.answer(command).await }
                }));
            }
        }
    }

    /// The next answer; `None` if nothing is asked. No answer is lost if this is
    /// dropped before it has one.
    pub async fn next(&mut self) -> Option<Completion> {
        match self.ready.pop_front() {
            Some(completion) => Some(completion),
            None => self.waiting.next().await,
        }
    }

    /// How many answers are to come.
    pub fn len(&self) -> usize {
        self.ready.len().saturating_add(self.waiting.len())
    }

    /// Nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Stops waiting for all.
    pub fn clear(&mut self) {
        self.ready.clear();
        self.waiting.clear();
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("len", &self.len()).finish_non_exhaustive()
    }
}
