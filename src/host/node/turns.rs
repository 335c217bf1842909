//! Who has the next turn on a host.
//!
//! Tasks that can run stand in one of two queues, each first come, first served.
//! In the first are those that live: they have been woken, or their last turn was
//! cut short. In the second are those for whom a little later is as good: processes
//! that have been born and have not had a turn yet, and those that only have to end.
//! One can make very many of either in a moment, and a process that lives does not
//! wait for all of them: as long as there is somebody in the first queue, the second
//! has one turn of [`SHARE`]. So nobody waits for ever, in neither.

use async_task::Runnable;
use concurrent_queue::{ConcurrentQueue, PopError};

/// Of so many turns the second queue has one, if both have tasks.
const SHARE: u32 = 4;

/// In which queue a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host) enum Class {
    /// It lives.
    Prompt,
    /// It is to begin, or to end.
    Patient,
}

/// The tasks of one host that can run.
#[derive(Debug)]
pub(in crate::host) struct Turns {
    prompt: ConcurrentQueue<Runnable>,
    patient: ConcurrentQueue<Runnable>,
}

/// How many turns a thread has taken since the second queue had one.
#[derive(Debug, Default)]
pub(in crate::host) struct Taken(u32);

impl Turns {
    pub fn new() -> Turns {
        Turns { prompt: ConcurrentQueue::unbounded(), patient: ConcurrentQueue::unbounded() }
    }

    /// Adds a task.
    ///
    /// # Errors
    ///
    /// With the task, if there are no turns any more.
    pub fn push(&self, task: Runnable, class: Class) -> Result<(), Runnable> {
        let queue = match class {
            Class::Prompt => &self.prompt,
            Class::Patient => &self.patient,
        };
        queue.push(task).map_err(concurrent_queue::PushError::into_inner)
    }

    /// Takes the task whose turn it is.
    ///
    /// # Errors
    ///
    /// If there is none, or never will be.
    pub fn pop(&self, taken: &mut Taken) -> Result<Runnable, PopError> {
        taken.0 = taken.0.saturating_add(1);
        if taken.0 >= SHARE {
            taken.0 = 0;
            if let Ok(task) = self.patient.pop() {
                return Ok(task);
            }
        }
        self.prompt.pop().or_else(|_| self.patient.pop())
    }

    pub fn is_empty(&self) -> bool {
        self.prompt.is_empty() && self.patient.is_empty()
    }

    pub fn len(&self) -> usize {
        self.prompt.len().saturating_add(self.patient.len())
    }

    /// Takes no more tasks. Those that are there have their turns.
    pub fn close(&self) {
        self.prompt.close();
        // The last to say that it is closed, so that the first is not forgotten.
        self.patient.close();
    }

    pub fn is_closed(&self) -> bool {
        self.patient.is_closed()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Tasks that note their names when they have their turns, in this order.
    fn order(tasks: &[(&'static str, Class)]) -> String {
        let turns = Turns::new();
        let order = Arc::<Mutex<String>>::default();
        for &(name, class) in tasks {
            let noted = order.clone();
            let note = async move { noted.lock().unwrap().push_str(name) };
            let (task, handle) = async_task::spawn(note, |_| ());
            handle.detach();
            turns.push(task, class).unwrap();
        }
        assert_eq!(turns.len(), tasks.len());
        turns.close();
        let mut taken = Taken::default();
        loop {
            match turns.pop(&mut taken) {
                Ok(task) => drop(task.run()),
                Err(why) => {
                    assert_eq!(why, PopError::Closed);
                    return order.lock().unwrap().clone();
                }
            }
        }
    }

    #[test]
    fn who_lives_goes_before_who_is_born_or_dies_and_neither_waits_for_ever() {
        use Class::{Patient, Prompt};
        let newborn = ["1", "2", "3", "4", "5", "6"].map(|name| (name, Patient));
        let live = ["a", "b", "c", "d", "e", "f", "g"].map(|name| (name, Prompt));
        assert_eq!(order(&[newborn.as_slice(), live.as_slice()].concat()), "abc1def2g3456");
        assert_eq!(order(&newborn), "123456");
        assert_eq!(order(&live), "abcdefg");
    }
}
