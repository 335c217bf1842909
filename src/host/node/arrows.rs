//! The arrows of a trace: which message that a process is handed is which that another
//! has sent.
//!
//! Messages have no numbers. But those of one process to another arrive in their order,
//! so that a queue for each two of them is enough: the sender adds to its end before the
//! message is delivered, and the receiver takes from its front.

use std::collections::{HashMap, HashSet, VecDeque};

use super::table::Serial;
use crate::command::Pid;

/// Messages under way that are remembered; beyond that there are no more arrows.
const MOST: usize = 65_536;

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct Arrows {
    next: u64,
    under_way: usize,
    /// By who is to receive it, and who has sent it.
    messages: HashMap<Serial, HashMap<Pid, VecDeque<u64>>>,
    /// Processes that another has started, and that have not run.
    births: HashSet<Serial>,
}

impl Arrows {
    /// A message is about to be delivered: the number of its arrow.
    pub fn sends(&mut self, from: &Pid, to: Serial) -> Option<u64> {
        if self.under_way >= MOST {
            return None;
        }
        self.under_way = self.under_way.saturating_add(1);
        self.next = self.next.wrapping_add(1);
        let queues = self.messages.entry(to).or_default();
        queues.entry(from.clone()).or_default().push_back(self.next);
        Some(self.next)
    }

    /// It could not be delivered.
    pub fn takes_back(&mut self, from: &Pid, to: Serial) {
        self.take(from, to, VecDeque::pop_back);
    }

    /// A process is handed a message.
    pub fn arrives(&mut self, from: &Pid, to: Serial) -> Option<u64> {
        self.take(from, to, VecDeque::pop_front)
    }

    fn take(
        &mut self,
        from: &Pid,
        to: Serial,
        pop: fn(&mut VecDeque<u64>) -> Option<u64>,
    ) -> Option<u64> {
        let queues = self.messages.get_mut(&to)?;
        let queue = queues.get_mut(from)?;
        let number = pop(queue)?;
        if queue.is_empty() {
            queues.remove(from);
        }
        if queues.is_empty() {
            self.messages.remove(&to);
        }
        self.under_way = self.under_way.saturating_sub(1);
        Some(number)
    }

    /// A process has been started by another.
    pub fn is_born(&mut self, child: Serial) -> bool {
        self.births.len() < MOST && self.births.insert(child)
    }

    /// True, once, if a process has been started by another.
    pub fn begins(&mut self, child: Serial) -> bool {
        self.births.remove(&child)
    }

    /// A process has ended, and receives nothing any more.
    pub fn ends(&mut self, serial: Serial) {
        self.births.remove(&serial);
        let queues = self.messages.remove(&serial).unwrap_or_default();
        let lost = queues.values().map(VecDeque::len).sum();
        self.under_way = self.under_way.saturating_sub(lost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_one_process_arrive_in_their_order_and_nothing_is_left_behind() {
        let (a, b) = (Pid::new("h|x.1"), Pid::new("h|x.2"));
        let mut arrows = Arrows::default();
        let sent: Vec<_> = [&a, &b, &a].map(|from| arrows.sends(from, 3)).into();
        arrows.sends(&a, 3);
        arrows.takes_back(&a, 3);
        assert_eq!(arrows.arrives(&a, 3), sent[0]);
        assert_eq!(arrows.arrives(&a, 3), sent[2]);
        assert_eq!(arrows.arrives(&a, 3), None);
        arrows.ends(3);
        assert_eq!(arrows.arrives(&b, 3), None);
        assert!(arrows.is_born(4) && arrows.begins(4) && !arrows.begins(4));
        assert_eq!((arrows.under_way, arrows.messages.len(), arrows.births.len()), (0, 0, 0));
        // Whoever is never read has no more than so many.
        let found = (0..MOST * 2).filter(|_| arrows.sends(&a, 5).is_some()).count();
        assert_eq!(found, MOST);
        arrows.ends(5);
        assert!(arrows.sends(&a, 5).is_some());
    }
}
