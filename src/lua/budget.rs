//! What a step may do: instructions are counted, and so is the work of functions
//! that grows with their data.
//!
//! Lua calls a hook every [`QUANTUM`] instructions of a coroutine. Once the slice
//! is used up, the hook makes the coroutine yield. That is impossible while a C
//! function is in the middle of a call of a Lua function; so it is tried again
//! after each further quantum, and after [`MAX_LATE`] slices the process ends.
//!
//! A single instruction can take long as well: a comparison of two long strings, a
//! `next` in a large table that has been emptied. A slice that has taken much more
//! time than its instructions should is over. Only time on the processor counts,
//! so a busy machine cuts nobody's slices short. Of a [pinned](super::pinned) state time
//! cuts nothing.
//!
//! The parts of the prelude that keep several tables in step, such as channels,
//! are not interrupted either. They are told by having no source, and lines that
//! say so: see [`super::sandbox::prelude`].

use crate::lock::lock;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use mlua::{Error, Lua, Result, VmState, debug::Debug};

use super::{memory::Watch, sandbox::OPEN_LINE};

/// Instructions between two looks. A prime, so that no loop is always met at the
/// same place.
pub(super) const QUANTUM: u32 = 997;
/// The source of functions that have none.
const NO_SOURCE: &str = "=?";
/// The cost of a turn of a coroutine beside its instructions: as much as can
/// happen without a look, on average.
const TURN: i64 = 200;
/// The time of a slice, at least; and of one unit of a slice.
const MIN_TIME: Duration = Duration::from_millis(5);
const UNIT_TIME: u64 = 50;
/// Slices that a C function may take with a Lua function that does not return.
const MAX_LATE: i64 = 100;

/// The cost of a whole collection.
pub(super) const COLLECTION: i64 = 1 << 20;

/// The time that one operation may hold the thread. No other than the collection
/// of tables with weak keys comes near it.
const MAX_HOLD: Duration = Duration::from_secs(1);

/// The rest of a slice.
#[derive(Debug, Default)]
pub(super) struct Budget {
    left: AtomicI64,
    slice: AtomicI64,
    late: AtomicI64,
    killed: AtomicBool,
    held: AtomicBool,
    /// The slice has been cut short because of its time.
    cut: AtomicBool,
    pub memory: Arc<Watch>,
    /// When the slice has begun, by the clock and on the processor.
    begun: Mutex<Option<(Instant, Duration)>>,
}

impl Budget {
    /// The budget of a state whose memory is watched.
    pub fn new(memory: Arc<Watch>) -> Budget {
        Budget { memory, ..Budget::default() }
    }

    /// Begins a slice, with the debt of the one before. The fuel that this gives. After
    /// one that was cut short looks are nearer to each other.
    pub fn begin(&self, fuel: u64) {
        self.memory.strings.set_slow(self.cut.swap(false, Relaxed));
        let fuel = i64::try_from(fuel).unwrap_or(i64::MAX >> 1);
        let debt = self.left.load(Relaxed).min(0);
        self.slice.store(fuel, Relaxed);
        self.left.store(debt.saturating_add(fuel), Relaxed);
        // Time would cut a slice at another place in each run.
        if !self.memory.strings.is_pinned() {
            *lock(&self.begun) = Some((Instant::now(), processor_time()));
        }
    }

    /// The time that a slice may take.
    fn time(&self) -> Duration {
        let units = u64::try_from(self.slice.load(Relaxed)).unwrap_or_default();
        MIN_TIME.max(Duration::from_nanos(units.saturating_mul(UNIT_TIME)))
    }

    /// True if the slice has taken more time than this.
    fn has_taken(&self, limit: Duration) -> bool {
        let begun = *lock(&self.begun);
        let Some((clock, processor)) = begun else { return false };
        clock.elapsed() > limit && processor_time().saturating_sub(processor) > limit
    }

    /// The slice has been cut short before, as soon as an operation was over. So
    /// what has taken that much longer was one alone, and nothing keeps it from
    /// being done again.
    fn end_if_held(&self, most: Duration) {
        if self.has_taken(self.time().saturating_add(most)) {
            self.held.store(true, Relaxed);
            self.killed.store(true, Relaxed);
        }
    }

    /// True if one operation took so long that the process ends.
    pub fn is_held(&self) -> bool {
        self.held.load(Relaxed)
    }

    /// The rest; below 0 if more has been used.
    pub fn left(&self) -> i64 {
        self.left.load(Relaxed)
    }

    pub fn is_spent(&self) -> bool {
        self.left() <= 0
    }

    /// A coroutine is about to run.
    pub fn turn(&self) {
        self.late.store(0, Relaxed);
        self.charge(TURN);
    }

    pub fn charge(&self, units: i64) {
        self.left.store(self.left().saturating_sub(units), Relaxed);
    }

    /// True if the program could not be interrupted for too long.
    pub fn is_killed(&self) -> bool {
        self.killed.load(Relaxed)
    }

    fn look(&self, lua: &Lua, debug: &Debug<'_>) -> Result<VmState> {
        let quantum = i64::from(self.memory.strings.look());
        self.charge(quantum);
        if let Err(exceeded) = self.memory.look(lua) {
            self.charge(COLLECTION);
            return Err(Error::RuntimeError(format!("not enough memory: {exceeded}")));
        }
        if self.has_taken(self.time()) {
            self.end_if_held(MAX_HOLD);
            self.cut.store(true, Relaxed);
            self.left.store(self.left().min(0), Relaxed);
        }
        if !self.is_spent() {
            return Ok(VmState::Continue);
        }
        let late = self.late.load(Relaxed).saturating_add(quantum);
        self.late.store(late, Relaxed);
        if late > self.slice.load(Relaxed).max(i64::from(QUANTUM)).saturating_mul(MAX_LATE) {
            self.killed.store(true, Relaxed);
        }
        if self.is_killed() {
            return Err(Error::RuntimeError("the process is ended".to_owned()));
        }
        let source = debug.source();
        let is_open = source.line_defined.is_some_and(|line| line > OPEN_LINE);
        match source.source.as_deref() {
            Some(NO_SOURCE) if !is_open => Ok(VmState::Continue),
            _ => Ok(VmState::Yield),
        }
    }

    /// Has `lua` count, in all coroutines.
    pub fn watch(self: &Arc<Budget>, lua: &Lua) -> Result<()> {
        let budget = self.clone();
        let triggers = mlua::HookTriggers::new().every_nth_instruction(QUANTUM);
        lua.set_global_hook(triggers, move |lua, debug| budget.look(lua, debug))
    }
}

/// How long this thread has been on the processor.
#[cfg(unix)]
pub(super) fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Not known: a slice that seems to take long is left alone.
#[cfg(not(unix))]
pub(super) fn processor_time() -> Duration {
    Duration::ZERO
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_that_holds_its_thread_ends_the_process() {
        let budget = Budget::default();
        budget.begin(1000);
        budget.end_if_held(Duration::from_millis(100));
        assert!(!budget.is_held() && !budget.is_killed());
        let begun = Instant::now();
        while !budget.has_taken(Duration::from_millis(200)) {
            assert!(begun.elapsed() < Duration::from_secs(60));
        }
        budget.end_if_held(Duration::from_millis(100));
        assert!(budget.is_held() && budget.is_killed());
    }
}
