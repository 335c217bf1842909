//! The table of all processes of a node, and what each is there.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasherDefault, Hasher},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use super::{
    calls::{Calls, Held},
    context::Handed,
    host::HostInner,
    links::Links,
    mailbox::{Capacity, Mailbox},
    program::HostOptions,
};
use crate::{command::Pid, lock::lock};

/// The number that a process has on its node.
pub(in crate::host) type Serial = u64;

/// A process that lives, or that has ended and is still being told of.
pub(in crate::host) struct ProcessSlot {
    pub pid: Pid,
    pub serial: Serial,
    /// The id of its entry.
    pub entry: Arc<str>,
    pub host: Arc<HostInner>,
    pub born: Instant,
    pub mailbox: Mailbox,
    links: Mutex<Links>,
    /// Processes that it has started in its present step.
    births: AtomicU32,
    /// What it hands on to those that it starts.
    pub context: Handed,
    /// It is a call: a `result` that its function returns is a value.
    pub whole: bool,
    /// Calls of functions that it has under way.
    pub calls: Calls,
    /// The turns of pools that are held until it ends.
    pub held: Held,
}

impl ProcessSlot {
    pub fn new(
        pid: Pid,
        serial: Serial,
        entry: Arc<str>,
        host: Arc<HostInner>,
        born: Instant,
    ) -> ProcessSlot {
        let HostOptions { queue_size: mails, queue_bytes: bytes, .. } = host.options;
        let mailbox = Mailbox::new(Capacity { mails, bytes }, &host.account);
        let links = Mutex::new(Links { charge: host.account.open(), ..Links::default() });
        let births = AtomicU32::new(0);
        let (context, calls) = (Handed::default(), Calls::default());
        ProcessSlot {
            pid,
            serial,
            entry,
            host,
            born,
            mailbox,
            links,
            births,
            context,
            whole: false,
            calls,
            held: Held::default(),
        }
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
    pub fn links(&self) -> MutexGuard<'_, Links> {
        lock(&self.links)
    }
}

impl fmt::Debug for ProcessSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProcessSlot({}, {})", self.pid, self.entry)
    }
}

/// All processes of a node, by number. In parts, so that threads seldom meet.
///
/// Invariant: nothing is added to a part that is closed. Both are done under its
/// lock, so that who has closed the table has seen everybody who ever will be in it.
#[derive(Debug)]
pub(in crate::host) struct ProcessTable {
    parts: [Mutex<Part>; PARTS],
}

#[derive(Debug, Default)]
struct Part {
    slots: HashMap<Serial, Arc<ProcessSlot>, BuildHasherDefault<Spread>>,
    closed: bool,
}

/// The table takes no more processes.
#[derive(Debug)]
pub(in crate::host) struct Closed;

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

/// So many that one is looked through in a fraction of a slice with 100 000 processes.
const PARTS: usize = 64;

impl Default for ProcessTable {
    fn default() -> ProcessTable {
        ProcessTable { parts: std::array::from_fn(|_| Mutex::default()) }
    }
}

impl ProcessTable {
    fn part(&self, serial: Serial) -> MutexGuard<'_, Part> {
        let [first, ..] = &self.parts;
        // The remainder is less than the number of parts.
        let part = self.parts.get(serial as usize % PARTS).unwrap_or(first);
        lock(part)
    }

    /// Adds a process, unless the table has been closed.
    pub fn insert(&self, slot: Arc<ProcessSlot>) -> Result<(), Closed> {
        let mut part = self.part(slot.serial);
        if part.closed {
            return Err(Closed);
        }
        part.slots.insert(slot.serial, slot);
        Ok(())
    }

    /// Takes no more processes. Those that are there stay, and are returned.
    pub fn close(&self) -> Vec<Arc<ProcessSlot>> {
        for i in 0..PARTS as u64 {
            self.part(i).closed = true;
        }
        self.all()
    }

    pub fn get(&self, serial: Serial) -> Option<Arc<ProcessSlot>> {
        self.part(serial).slots.get(&serial).cloned()
    }

    pub fn remove(&self, serial: Serial) {
        let mut part = self.part(serial);
        part.slots.remove(&serial);
        // What many processes have needed is given back when they are gone.
        if part.slots.len() < part.slots.capacity() / 8 {
            part.slots.shrink_to_fit();
        }
    }

    pub fn all(&self) -> Vec<Arc<ProcessSlot>> {
        let mut all: Vec<_> = self.parts(|_| true).flatten().collect();
        all.sort_by_key(|slot| slot.serial);
        all
    }

    /// Those that `wanted` wants, part by part. It must not look anything up here.
    pub fn parts(
        &self,
        wanted: impl Fn(&ProcessSlot) -> bool,
    ) -> impl Iterator<Item = Vec<Arc<ProcessSlot>>> {
        (0..PARTS as u64).map(move |i| {
            self.part(i).slots.values().filter(|slot| wanted(slot)).cloned().collect()
        })
    }

    pub fn len(&self) -> usize {
        (0..PARTS as u64).map(|i| self.part(i).slots.len()).sum()
    }
}
