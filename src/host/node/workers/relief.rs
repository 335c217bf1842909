//! Relief for a thread that one turn holds.
//!
//! A turn is one slice, and a slice is short. What is known to take longer is cut
//! where it happens; but there are calls that cannot be cut, such as an instruction of
//! Lua on a large string or a collection of its garbage, and a host must not hang on
//! there being no others that nobody has thought of. So a watchman looks every few
//! milliseconds for threads that are still in the turn of the last look while other
//! turns wait. He wakes one that sleeps, or else another thread takes the place of such
//! a one until it comes back. Its process gains nothing by that: it is in its one turn
//! all the while.
//!
//! The threads tell the watchman nothing but a number that counts beginnings and ends
//! of turns, each in a place of its own. Where no turn has been run for a while he
//! sleeps until the next one begins.

use crate::lock::{held, lock};
use std::{
    cell::RefCell,
    sync::{
        Arc, Condvar, Mutex, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use super::Queue;

/// The time between two looks.
const TICK: Duration = Duration::from_millis(3);
/// Looks that find no thread in a turn before the watchman sleeps.
const QUIET: u32 = 100;
/// The most threads that take the place of others at a time.
const MAX_RELIEF: usize = 16;

/// The turns of one thread: odd in a turn, even between two. No two of them lie so
/// close together that threads wait for each other's writing.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Turns {
    number: AtomicU64,
    /// The turn in which another thread has taken its place.
    relieved: AtomicU64,
    /// It never comes back, and somebody else has started another.
    lost: AtomicBool,
}

thread_local! {
    /// The turns of this thread.
    static OWN: RefCell<Option<Arc<Turns>>> = const { RefCell::new(None) };
}

/// The present thread never comes back, and needs no relief.
pub(super) fn lose() {
    OWN.with_borrow(|own| {
        if let Some(own) = own {
            own.lost.store(true, SeqCst);
        }
    });
}

impl Turns {
    fn number(&self) -> u64 {
        self.number.load(SeqCst)
    }

    /// The turn is over.
    pub fn end(&self) {
        self.number.store(self.number().wrapping_add(1), SeqCst);
    }
}

/// Whose place a thread has taken, and in which turn.
#[derive(Debug)]
pub(super) struct Place {
    turns: Arc<Turns>,
    number: u64,
}

impl Place {
    /// True once that one has come back.
    pub fn is_over(&self) -> bool {
        self.turns.number() != self.number
    }
}

/// The signs that the watchman looks at.
#[derive(Debug, Default)]
pub(super) struct Relief {
    threads: Mutex<Vec<Weak<Turns>>>,
    /// The watchman sleeps.
    sleeps: AtomicBool,
    bed: Mutex<()>,
    bell: Condvar,
}

impl Relief {
    /// The turns of a new thread.
    pub fn enter(&self) -> Arc<Turns> {
        let turns = Arc::new(Turns::default());
        let mut threads = lock(&self.threads);
        threads.retain(|thread| thread.strong_count() > 0);
        threads.push(Arc::downgrade(&turns));
        OWN.set(Some(turns.clone()));
        turns
    }

    /// A turn begins.
    pub fn begin(&self, turns: &Turns) {
        turns.number.swap(turns.number().wrapping_add(1), SeqCst);
        if self.sleeps.load(SeqCst) {
            self.ring();
        }
    }

    /// Wakes the watchman.
    pub fn ring(&self) {
        let _bed = lock(&self.bed);
        self.bell.notify_all();
    }

    /// All threads, and where they are.
    fn threads(&self) -> Vec<(Arc<Turns>, u64)> {
        let threads = lock(&self.threads);
        let number = |turns: Arc<Turns>| (turns.clone(), turns.number());
        threads.iter().filter_map(Weak::upgrade).map(number).collect()
    }

    /// Waits for the next look, or until the queue is closed: who closes it rings
    /// after that, and here it is looked at with the bell in sight.
    fn wait(&self, quiet: bool, is_closed: impl Fn() -> bool) {
        let bed = lock(&self.bed);
        if !quiet {
            drop(held(self.bell.wait_timeout(bed, TICK)));
            return;
        }
        self.sleeps.store(true, SeqCst);
        // Who begins a turn later than this look sees that the watchman sleeps.
        if !is_closed() && !self.threads().iter().any(|(_, number)| number % 2 == 1) {
            drop(held(self.bell.wait(bed)));
        }
        self.sleeps.store(false, SeqCst);
    }
}

/// Watches the threads of a queue until it is closed.
pub(super) fn watch(queue: &Arc<Queue>, name: &str) {
    // A thread that has ended is not to be kept in the list by this.
    let (mut before, mut quiet): (Vec<(Weak<Turns>, u64)>, u32) = (Vec::new(), 0);
    let mut at_work: Vec<thread::JoinHandle<()>> = Vec::new();
    while !queue.turns.is_closed() {
        queue.relief.wait(quiet > QUIET, || queue.turns.is_closed());
        let now = queue.relief.threads();
        at_work.retain(|thread| !thread.is_finished());
        for (turns, number) in now.iter().filter(|(_, number)| number % 2 == 1) {
            let same = |(other, then): &(Weak<Turns>, u64)| {
                other.as_ptr() == Arc::as_ptr(turns) && then == number
            };
            let held = before.iter().any(same) && turns.relieved.load(SeqCst) != *number;
            if !held
                || turns.lost.load(SeqCst)
                || queue.turns.is_empty()
                || at_work.len() >= MAX_RELIEF
            {
                continue;
            }
            // Nobody may have been woken for what the present turn has added.
            if queue.sleeping.load(SeqCst) > 0 {
                queue.wake_one();
                continue;
            }
            turns.relieved.store(*number, SeqCst);
            let place = Place { turns: turns.clone(), number: *number };
            let queue = queue.clone();
            let thread = thread::Builder::new().name(name.to_owned());
            match thread.spawn(move || queue.work(Some(&place))) {
                Ok(thread) => at_work.push(thread),
                Err(error) => tracing::warn!(%error, "a thread is held and cannot be relieved"),
            }
        }
        let busy = now.iter().any(|(_, number)| number % 2 == 1);
        quiet = if busy { 0 } else { quiet.saturating_add(1) };
        before = now.iter().map(|(turns, number)| (Arc::downgrade(turns), *number)).collect();
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Instant};

    use super::*;
    use crate::host::node::workers::Workers;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_held_thread_is_relieved_until_it_comes_back() {
        let workers = Workers::start("test", 1).unwrap();
        let count = || workers.queue.relief.threads().len();
        let (go, held) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let tell_too = tell.clone();
        // The first waits for the second, which is behind it in the queue.
        workers.spawn(async move { tell.send(held.recv_timeout(LONG).is_ok()).unwrap() });
        workers.spawn(async move { go.send(()).unwrap() });
        assert_eq!(told.recv_timeout(LONG), Ok(true));
        // Whoever runs a turn next, one of the two threads leaves, and the list.
        let start = Instant::now();
        while count() != 1 {
            assert!(start.elapsed() < LONG);
            let tell = tell_too.clone();
            workers.spawn(async move { tell.send(true).unwrap() });
            assert_eq!(told.recv_timeout(LONG), Ok(true));
        }
    }
}
