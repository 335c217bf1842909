//! The books that all processes of a run share.

use std::{
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use wippy::command::Pid;

use crate::random::Random;

/// Pids that can be met at a time.
const KNOWN: usize = 256;

/// The part that is shared.
#[derive(Default)]
pub struct Ledger {
    /// Roots do nothing more but take their mail.
    pub stop: AtomicBool,
    /// Mortal processes that others may do something to, some of them dead.
    known: Mutex<Vec<Pid>>,
    roots: Mutex<Vec<Pid>>,
    wrong: Mutex<Vec<String>>,
    /// Notices that roots have to get and have not got yet. A root that monitors
    /// counts before it asks, so that this is never too low.
    pub owed: AtomicU64,
    /// Messages to roots: attempted, accepted as far as the sender has lived to
    /// see it, refused, and arrived.
    pub attempted: AtomicU64,
    pub accepted: AtomicU64,
    pub refused: AtomicU64,
    pub arrived: AtomicU64,
    pub spawned: AtomicU64,
    pub exits: AtomicU64,
    pub link_downs: AtomicU64,
    pub messages: AtomicU64,
    pub pongs: AtomicU64,
    pub faults: AtomicU64,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

impl Ledger {
    /// Something is not as it should be.
    pub fn wrong(&self, what: impl Into<String>) {
        let mut wrong = locked(&self.wrong);
        // The first ones tell most.
        if wrong.len() < 20 {
            wrong.push(what.into());
        }
    }

    pub fn all_wrong(&self) -> Vec<String> {
        locked(&self.wrong).clone()
    }

    /// Makes a process known to the others.
    pub fn meet(&self, pid: Pid, random: &mut Random) {
        let mut known = locked(&self.known);
        match known.len() < KNOWN {
            true => known.push(pid),
            false => {
                let at = random.below(KNOWN as u64) as usize;
                known[at] = pid;
            }
        }
    }

    /// Some mortal process.
    pub fn mortal(&self, random: &mut Random) -> Option<Pid> {
        random.pick(&locked(&self.known)).cloned()
    }

    pub fn add_root(&self, pid: Pid) {
        locked(&self.roots).push(pid);
    }

    pub fn root(&self, random: &mut Random) -> Option<Pid> {
        random.pick(&locked(&self.roots)).cloned()
    }

    pub fn is_root(&self, pid: &Pid) -> bool {
        locked(&self.roots).contains(pid)
    }

    pub fn stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// True if all that has been accepted for roots, and no more than that, has
    /// arrived. Who dies after a message was sent does not see what has become of
    /// it.
    pub fn all_arrived(&self) -> bool {
        let arrived = self.arrived.load(Relaxed);
        let most = self.attempted.load(Relaxed) - self.refused.load(Relaxed);
        (self.accepted.load(Relaxed)..=most).contains(&arrived)
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |counter: &AtomicU64| counter.load(Relaxed);
        writeln!(f, "spawned {}, told of {} ends", of(&self.spawned), of(&self.exits))?;
        writeln!(f, "links broken {}, calls refused {}", of(&self.link_downs), of(&self.faults))?;
        write!(
            f,
            "messages taken {} ({} by roots), answers of guests {}",
            of(&self.messages),
            of(&self.arrived),
            of(&self.pongs)
        )
    }
}
