//! One process among others: who watches it, whom it watches, its names.
//!
//! What happens at the end of a process happens in this order: its memory is
//! freed, it leaves the table and loses its names, and then those that monitor it
//! or are linked to it are told, each once. So whoever is told may start another
//! one in its place. They may be very many, so they are told in pieces, between
//! which those that have been told have their turns.
//!
//! The ties of two processes are changed one lock after the other, never both at
//! once; that is enough, because a process that has ended says so under its own
//! lock.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    hash::{BuildHasherDefault, Hasher},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
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
    dispatch::{Fault, Kind, Pid},
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
    /// Processes that it has started in its present step.
    births: AtomicU32,
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
        let births = AtomicU32::new(0);
        Seat { pid, serial, entry, host, born: Instant::now(), post, ties, births }
    }

    /// It has started another.
    pub fn gave_birth(&self) {
        self.births.fetch_add(1, Ordering::Relaxed);
    }

    /// How many it has started in its present step.
    pub fn births(&self) -> u32 {
        self.births.load(Ordering::Relaxed)
    }

    /// The same, and the step is over.
    pub fn take_births(&self) -> u32 {
        match self.births() {
            0 => 0,
            _ => self.births.swap(0, Ordering::Relaxed),
        }
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
pub(super) fn gone(pid: &Pid) -> Fault {
    Fault::new(Kind::NotFound, format!("there is no process {}", shown(pid.as_str())))
}

/// All processes of a node, by number. In parts, so that threads seldom meet.
///
/// Invariant: nothing is added to a part that is closed. Both are done under its
/// lock, so that who has closed the table has seen everybody who ever will be in it.
#[derive(Debug)]
pub(super) struct Table {
    parts: [Mutex<Part>; PARTS],
}

#[derive(Debug, Default)]
struct Part {
    seats: HashMap<Serial, Arc<Seat>, BuildHasherDefault<Spread>>,
    closed: bool,
}

/// The table takes no more processes.
#[derive(Debug)]
pub(super) struct Closed;

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

    /// Adds a process, unless the table has been closed.
    pub fn insert(&self, seat: Arc<Seat>) -> Result<(), Closed> {
        let mut part = self.part(seat.serial);
        if part.closed {
            return Err(Closed);
        }
        part.seats.insert(seat.serial, seat);
        Ok(())
    }

    /// Takes no more processes. Those that are there stay, and are returned.
    pub fn close(&self) -> Vec<Arc<Seat>> {
        for i in 0..PARTS as u64 {
            self.part(i).closed = true;
        }
        self.all()
    }

    pub fn get(&self, serial: Serial) -> Option<Arc<Seat>> {
        self.part(serial).seats.get(&serial).cloned()
    }

    pub fn remove(&self, serial: Serial) {
        let mut part = self.part(serial);
        part.seats.remove(&serial);
        // What many processes have needed is given back when they are gone.
        if part.seats.len() < part.seats.capacity() / 8 {
            part.seats.shrink_to_fit();
        }
    }

    pub fn all(&self) -> Vec<Arc<Seat>> {
        let mut all: Vec<_> = self.parts(|_| true).flatten().collect();
        all.sort_by_key(|seat| seat.serial);
        all
    }

    /// Those that `wanted` wants, part by part. It must not look anything up here.
    pub fn parts(&self, wanted: impl Fn(&Seat) -> bool) -> impl Iterator<Item = Vec<Arc<Seat>>> {
        (0..PARTS as u64).map(move |i| {
            self.part(i).seats.values().filter(|seat| wanted(seat)).cloned().collect()
        })
    }

    pub fn len(&self) -> usize {
        (0..PARTS as u64).map(|i| self.part(i).seats.len()).sum()
    }
}
