//! Work of the engine's own that takes longer than a step may.

use std::{fmt, sync::Arc};

/// Something to be done once for all processes of a program.
pub(crate) trait Task: Send + Sync {
    /// It has been done.
    fn is_done(&self) -> bool;
    /// Does it. Whoever comes meanwhile waits, and does nothing. It does not panic.
    fn run(&self);
}

/// A piece of work that a process waits for, see [`Command::Chore`](super::Command::Chore).
/// Any thread may do it, and best one that holds up nobody.
#[derive(Clone)]
pub struct Chore(Arc<dyn Task>);

impl Chore {
    pub(crate) fn new(task: Arc<dyn Task>) -> Chore {
        Chore(task)
    }

    /// One that has been done: what is left of a chore that somebody else has done, or
    /// that was written to a journal.
    pub fn done() -> Chore {
        Chore(Arc::new(Done))
    }

    /// It has been done, perhaps for another process: the answer is at hand.
    pub fn is_done(&self) -> bool {
        self.0.is_done()
    }

    /// Does it, unless it has been done. This takes up to seconds, and does not panic.
    pub fn run(&self) {
        self.0.run();
    }
}

struct Done;

impl Task for Done {
    fn is_done(&self) -> bool {
        true
    }

    fn run(&self) {}
}

impl fmt::Debug for Chore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chore").field("is_done", &self.is_done()).finish_non_exhaustive()
    }
}

impl PartialEq for Chore {
    fn eq(&self, other: &Chore) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
