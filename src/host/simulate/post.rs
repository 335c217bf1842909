//! Messages that are under way.
//!
//! Those from one process to another arrive in the order in which they were sent, and
//! none is lost: whether there was room for it was seen when it was sent.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::{
    command::{Mail, Message},
    host::node::table::{ProcessSlot, Serial},
};

/// From whom to whom.
pub(super) type Pair = (Serial, Serial);

/// Messages that are under way.
#[derive(Default)]
pub(super) struct Post {
    /// By the time of their arrival, in nanoseconds, and their number.
    parcels: BTreeMap<(u64, u64), (Pair, Parcel)>,
    /// When the last of a pair arrives, and how many there are.
    last: HashMap<Pair, (u64, usize)>,
    next: u64,
}

/// A message for a process.
pub(super) struct Parcel {
    to: Arc<ProcessSlot>,
    message: Message,
}

impl Parcel {
    /// Puts it into the mailbox.
    pub fn deliver(self) {
        // Others may have come meanwhile; there was room when it was sent.
        self.to.mailbox.notice(Mail::Message(self.message));
    }
}

impl Post {
    /// True if a message of this pair has not arrived.
    pub fn is_under_way(&self, pair: Pair) -> bool {
        self.last.contains_key(&pair)
    }

    /// Sends a message that is to arrive at this time, or with those before it.
    pub fn add(&mut self, pair: Pair, at: u64, to: Arc<ProcessSlot>, message: Message) {
        let (last, count) = self.last.entry(pair).or_insert((at, 0));
        *last = at.max(*last);
        *count = count.saturating_add(1);
        self.parcels.insert((*last, self.next), (pair, Parcel { to, message }));
        self.next = self.next.saturating_add(1);
    }

    /// When the next one arrives.
    pub fn next(&self) -> Option<u64> {
        self.parcels.keys().next().map(|(at, _)| *at)
    }

    /// Takes those that have arrived.
    pub fn due(&mut self, now: u64) -> Vec<Parcel> {
        let later = self.parcels.split_off(&(now.saturating_add(1), 0));
        let due = std::mem::replace(&mut self.parcels, later);
        due.into_values().map(|(pair, parcel)| self.arrived(pair, parcel)).collect()
    }

    /// Takes all of one sender, in their order.
    pub fn all_of(&mut self, from: Serial) -> Vec<Parcel> {
        if self.parcels.is_empty() {
            return Vec::new();
        }
        let own = |((_, number), (pair, _)): (&(u64, u64), &(Pair, Parcel))| {
            (pair.0 == from).then_some(*number)
        };
        let mut numbers: Vec<u64> = self.parcels.iter().filter_map(own).collect();
        numbers.sort_unstable();
        let mut all = BTreeMap::new();
        self.parcels = std::mem::take(&mut self.parcels)
            .into_iter()
            .filter_map(|(key, parcel)| match numbers.binary_search(&key.1) {
                Ok(_) => {
                    all.insert(key.1, parcel);
                    None
                }
                Err(_) => Some((key, parcel)),
            })
            .collect();
        all.into_values().map(|(pair, parcel)| self.arrived(pair, parcel)).collect()
    }

    fn arrived(&mut self, pair: Pair, parcel: Parcel) -> Parcel {
        if let Some((_, count)) = self.last.get_mut(&pair) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.last.remove(&pair);
            }
        }
        parcel
    }
}
