//! One process among others: who watches it, whom it watches, its names.
//!
//! What happens at the end of a process happens in this order: its memory is
//! freed, it leaves the table and loses its names, and then those that monitor it
//! or are linked to it are told, each once. So whoever is told may start another
//! one in its place.
//!
//! The ties of two processes are changed one lock after the other, never both at
//! once; that is enough, because a process that has ended says so under its own
//! lock.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    hash::{BuildHasherDefault, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::{
    actor::shown,
    node::HostInner,
    post::{Capacity, Post},
    program::HostOptions,
    watch::Watcher,
};
use crate::{
    account::{Charge, Exceeded},
    dispatch::{Ending, Fault, Kind, Pid},
};

/// The number that a process has on its node.
pub(super) type Serial = u64;

/// A process that lives, or that has ended and is still being told of.
pub(super) struct Seat {
    pub pid: Pid,
    pub serial: Serial,
    /// The id of its entry.
    pub entry: Arc<str>,
    pub host: Arc<HostInner>,
    pub born: Instant,
    pub post: Post,
    ties: Mutex<Ties>,
}

/// What ties a process to others.
#[derive(Default)]
pub(super) struct Ties {
    /// Those that are told when it ends.
    pub monitors: BTreeSet<Serial>,
    /// Those that it is told of.
    pub monitored: BTreeSet<Serial>,
    /// Those that end with it.
    pub links: BTreeSet<Serial>,
    /// Links that break are mail.
    pub traps: bool,
    pub names: BTreeSet<Arc<str>>,
    /// Is told of its end outside of all processes.
    pub watcher: Option<Watcher>,
    pub ended: bool,
    /// For all of them, at both ends.
    pub charge: Charge,
}

/// Bytes of a tie, in the sets of both processes.
const TIE: usize = 128;

/// Bytes of a name, at most as long as it may be.
const NAME: usize = 640;

impl Ties {
    /// Before one more is made. Whoever asks for it pays for both ends.
    pub fn room(&mut self) -> Result<(), Exceeded> {
        let ties = self.monitored.len().saturating_add(self.links.len()).saturating_add(1);
        let names = self.names.len().saturating_mul(NAME);
        let bytes = ties.saturating_mul(TIE).saturating_add(names);
        self.charge.cover(bytes as u64)
    }
}

impl Seat {
    pub fn new(pid: Pid, serial: Serial, entry: Arc<str>, host: Arc<HostInner>) -> Seat {
        let HostOptions { queue_size: mails, queue_bytes: bytes, .. } = host.options;
        let post = Post::new(Capacity { mails, bytes }, &host.account);
        let ties = Mutex::new(Ties { charge: host.account.open(), ..Ties::default() });
        Seat { pid, serial, entry, host, born: Instant::now(), post, ties }
    }

    /// Nothing panics while it holds the lock.
    pub fn ties(&self) -> MutexGuard<'_, Ties> {
        self.ties.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seat({}, {})", self.pid, self.entry)
    }
}

/// The end of a process that is not there.
pub(super) fn gone(pid: &Pid) -> Ending {
    Err(Fault::new(Kind::NotFound, format!("there is no process {}", shown(pid.as_str()))))
}

/// All processes of a node, by number. In parts, so that threads seldom meet.
#[derive(Debug)]
pub(super) struct Table {
    parts: [Mutex<Part>; PARTS],
}

type Part = HashMap<Serial, Arc<Seat>, BuildHasherDefault<Spread>>;

/// A hash for numbers that are given one after the other, which nobody can choose.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn write_u64(&mut self, number: u64) {
        // The golden ratio; the upper half is spread best.
        self.0 = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0 ^ u64::from(*byte));
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

const PARTS: usize = 16;

impl Default for Table {
    fn default() -> Table {
        Table { parts: std::array::from_fn(|_| Mutex::default()) }
    }
}

impl Table {
    fn part(&self, serial: Serial) -> MutexGuard<'_, Part> {
        let [first, ..] = &self.parts;
        // The remainder is less than the number of parts.
        let part = self.parts.get(serial as usize % PARTS).unwrap_or(first);
        part.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn insert(&self, seat: Arc<Seat>) {
        self.part(seat.serial).insert(seat.serial, seat);
    }

    pub fn get(&self, serial: Serial) -> Option<Arc<Seat>> {
        self.part(serial).get(&serial).cloned()
    }

    pub fn remove(&self, serial: Serial) {
        let mut part = self.part(serial);
        part.remove(&serial);
        // What many processes have needed is given back when they are gone.
        if part.len() < part.capacity() / 8 {
            part.shrink_to_fit();
        }
    }

    pub fn all(&self) -> Vec<Arc<Seat>> {
        let mut all: Vec<_> = (0..PARTS as u64)
            .flat_map(|i| self.part(i).values().cloned().collect::<Vec<_>>())
            .collect();
        all.sort_by_key(|seat| seat.serial);
        all
    }

    /// Calls `f` with each process. It must not look anything up here.
    pub fn each(&self, mut f: impl FnMut(&Seat)) {
        for i in 0..PARTS as u64 {
            self.part(i).values().for_each(|seat| f(seat));
        }
    }

    pub fn len(&self) -> usize {
        (0..PARTS as u64).map(|i| self.part(i).len()).sum()
    }
}
