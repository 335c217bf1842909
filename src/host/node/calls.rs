//! Calls of functions.
//!
//! A call is a process of its own, started like any other and waited for. Beside that it
//! has what a start has not: a pool, which lets only so many calls of a function run at a
//! time while others wait for their turn; a limit of time that covers the wait as well;
//! further attempts after an error that says that trying again may help; and a number by
//! which whoever has called may give it up.
//!
//! A call has its turn until it ends, also while it waits for what it calls. So a call
//! whose own callers have all the turns of a pool would wait for ever, and is refused.

use std::{
    collections::{BTreeMap, HashMap},
    convert::Infallible,
    future::pending,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use async_channel::Sender;
use smol::{
    future::or,
    lock::{Semaphore, SemaphoreGuardArc},
};

use super::{FirstLinks, actor::Actor, program::Program, send::shown};
use crate::{
    command::{Attempts, ErrorKind, FunctionCall, ProcessError, SharedEnding, Spawn},
    lock::lock,
    registry::{Pool, Retry},
    value::Term,
};

/// Calls that one process may have under way by number.
const MAX_CALLS: usize = 4096;

/// The longest wait between two attempts, in milliseconds.
const MAX_WAIT: f64 = 3_600_000.0;

/// The pools of a node's functions, by the ids of their entries.
#[derive(Default)]
pub(super) struct Pools {
    turns: Mutex<HashMap<String, Arc<Turns>>>,
    /// Of functions that are being loaded: calls wait for that one after the other.
    loads: Mutex<HashMap<String, Arc<smol::lock::Mutex<()>>>>,
}

/// The turns of one pool.
#[derive(Debug)]
pub(in crate::host) struct Turns {
    free: Arc<Semaphore>,
    /// Calls that wait for one.
    waiting: AtomicU64,
}

/// The turns that a call and those who wait for it have, by their pools.
#[derive(Clone, Debug, Default)]
pub(in crate::host) struct Held(Vec<(Arc<Turns>, u64)>);

impl Held {
    fn of(&self, turns: &Arc<Turns>) -> u64 {
        let own = self.0.iter().find(|(other, _)| Arc::ptr_eq(other, turns));
        own.map_or(0, |(_, held)| *held)
    }

    /// These and one more.
    fn and(&self, turns: &Arc<Turns>) -> Held {
        let mut all = self.clone();
        match all.0.iter_mut().find(|(other, _)| Arc::ptr_eq(other, turns)) {
            Some((_, held)) => *held = held.saturating_add(1),
            None => all.0.push((turns.clone(), 1)),
        }
        all
    }
}

/// A turn that a call has, if its pool has only so many, and all that are held with it.
type Turn = (Option<SemaphoreGuardArc>, Held);

/// Calls that are under way, by number. Who drops one ends its wait.
#[derive(Default)]
pub(in crate::host) struct Calls(Mutex<BTreeMap<u64, Sender<Infallible>>>);

impl Calls {
    fn all(&self) -> MutexGuard<'_, BTreeMap<u64, Sender<Infallible>>> {
        lock(&self.0)
    }

    /// Gives one up; true if it was under way.
    pub fn give_up(&self, number: u64) -> bool {
        self.all().remove(&number).is_some()
    }
}

/// Forgets a call when it is over.
struct Known<'a>(&'a Calls, u64);

impl Drop for Known<'_> {
    fn drop(&mut self) {
        self.0.all().remove(&self.1);
    }
}

/// Counts a call among those that wait.
struct Waiting<'a>(&'a AtomicU64);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Pools {
    /// A turn to call this function, waited for if all are taken.
    async fn turn(&self, entry: &str, pool: &Pool, held: &Held) -> Result<Turn, ProcessError> {
        let Some(workers) = pool.workers else { return Ok((None, held.clone())) };
        let turns = {
            let mut pools = lock(&self.turns);
            let turns = pools.entry(entry.to_owned()).or_insert_with(|| {
                let most = usize::try_from(workers).unwrap_or(usize::MAX);
                let free = Arc::new(Semaphore::new(most));
                Arc::new(Turns { free, waiting: AtomicU64::new(0) })
            });
            turns.clone()
        };
        if let Some(turn) = turns.free.try_acquire_arc() {
            return Ok((Some(turn), held.and(&turns)));
        }
        if held.of(&turns) >= workers {
            let entry = shown(entry);
            let why = format!(
                "{entry} would wait for itself: calls that wait for this one have all {workers} \
                 turns of its pool"
            );
            let fault = ProcessError::new(ErrorKind::Unavailable, why);
            return Err(ProcessError { retryable: false, ..fault });
        }
        let before = turns.waiting.fetch_add(1, Relaxed);
        let waiting = Waiting(&turns.waiting);
        if before >= pool.buffer {
            let entry = shown(entry);
            let why = format!(
                "the pool of {entry} is full: {workers} calls run, and {before} wait already"
            );
            return Err(ProcessError::new(ErrorKind::Unavailable, why));
        }
        let turn = turns.free.acquire_arc().await;
        drop(waiting);
        Ok((Some(turn), held.and(&turns)))
    }
}

/// A function that is being loaded, which is forgotten with the last call that waits.
struct Loading<'a> {
    loads: &'a Mutex<HashMap<String, Arc<smol::lock::Mutex<()>>>>,
    entry: &'a str,
    order: Arc<smol::lock::Mutex<()>>,
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        let mut loads = lock(self.loads);
        // One is in the map, and one here.
        if Arc::strong_count(&self.order) <= 2 {
            loads.remove(self.entry);
        }
    }
}

impl Pools {
    /// Has calls of a function that has to be loaded go on in the order in which they
    /// were made: loads end in any order.
    async fn in_order<T>(&self, entry: &str, load: impl Future<Output = T>) -> T {
        let order = lock(&self.loads).entry(entry.to_owned()).or_default().clone();
        let loading = Loading { loads: &self.loads, entry, order };
        let first = loading.order.lock().await;
        let loaded = load.await;
        drop(first);
        drop(loading);
        loaded
    }
}

impl From<Retry> for Attempts {
    fn from(retry: Retry) -> Attempts {
        Attempts {
            most: retry.max_attempts,
            delay: u64::try_from(retry.initial_delay.as_millis()).unwrap_or(u64::MAX),
            factor: retry.backoff_factor,
        }
    }
}

impl Actor {
    /// Calls a function and waits for what it returns.
    pub(super) async fn call(&self, call: FunctionCall) -> Result<SharedEnding, ProcessError> {
        let FunctionCall { entry, args, context, timeout, attempts, number } = call;
        let (known, given_up) = async_channel::bounded::<Infallible>(1);
        let _known = self.remember(number, known)?;
        let clock = self.node.clock();
        let given_up = async {
            match (number, given_up.recv().await) {
                (0, _) => pending().await,
                (_, Ok(never)) => match never {},
                (_, Err(_)) => {
                    Err(ProcessError::new(ErrorKind::Canceled, "the call has been given up"))
                }
            }
        };
        let late = async {
            let Some(ms) = timeout else { return pending().await };
            clock.after(Duration::from_millis(ms)).await;
            let why = format!("{} has not returned within {ms} ms", shown(&entry));
            Err(ProcessError::new(ErrorKind::Timeout, why))
        };
        let work = self.attempts(&entry, args, context, attempts);
        or(work, or(given_up, late)).await
    }

    /// Notes a call under its number.
    fn remember(&self, number: u64, call: Sender<Infallible>) -> Result<Known<'_>, ProcessError> {
        let calls = &self.slot.calls;
        if number != 0 {
            let mut all = calls.all();
            if all.len() >= MAX_CALLS {
                let why = format!("a process has at most {MAX_CALLS} calls under way");
                return Err(ProcessError::new(ErrorKind::Unavailable, why));
            }
            all.insert(number, call);
        }
        Ok(Known(calls, number))
    }

    async fn attempts(
        &self,
        entry: &str,
        mut args: Vec<Term>,
        context: Vec<(String, Term)>,
        own: Option<Attempts>,
    ) -> Result<SharedEnding, ProcessError> {
        let program = match self.node.ready(entry) {
            Some(program) => program,
            None => self.node.0.pools.in_order(entry, self.node.program(entry)).await?,
        };
        let (pool, retry) = program.calls().unzip();
        let once = Attempts { most: 1, delay: 0, factor: 1.0 };
        let attempts = own.or(retry.flatten().map(Attempts::from)).unwrap_or(once);
        let (mut wait, mut done) = (attempts.delay as f64, 1);
        loop {
            let last = done >= attempts.most;
            let args = if last { std::mem::take(&mut args) } else { args.clone() };
            let spawn = Spawn {
                entry: entry.to_owned(),
                host: program.default_host(),
                args,
                context: context.clone(),
                ..Spawn::default()
            };
            let ended = self.attempt(spawn, &*program, pool.as_ref()).await;
            let retryable = match &ended {
                Ok(ending) => ending.as_ref().is_err_and(|fault| fault.retryable),
                Err(fault) => fault.retryable,
            };
            if last || !retryable {
                return ended;
            }
            // The cast saturates.
            self.node.clock().after(Duration::from_millis(wait as u64)).await;
            wait = (wait * attempts.factor).clamp(0.0, MAX_WAIT);
            done = done.saturating_add(1);
        }
    }

    async fn attempt(
        &self,
        spawn: Spawn,
        program: &dyn Program,
        pool: Option<&Pool>,
    ) -> Result<SharedEnding, ProcessError> {
        let held = &self.slot.held;
        let (_turn, held) = match pool {
            Some(pool) => self.node.0.pools.turn(&spawn.entry, pool, held).await?,
            None => (None, held.clone()),
        };
        let first = FirstLinks { whole: pool.is_some(), held, ..FirstLinks::default() };
        self.run(spawn, program, first).await
    }
}
