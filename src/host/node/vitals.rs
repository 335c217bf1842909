//! How a process does: its state, what it has used, and whether it could give memory
//! back. Written by the loop that runs it, read by anybody.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};

/// The state of a process, as others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ProcessState {
    Ready,
    Running,
    Blocked,
    Idle,
    Ended,
}

impl ProcessState {
    const ALL: [ProcessState; 5] = [
        ProcessState::Ready,
        ProcessState::Running,
        ProcessState::Blocked,
        ProcessState::Idle,
        ProcessState::Ended,
    ];

    /// The name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            ProcessState::Ready => "ready",
            ProcessState::Running => "running",
            ProcessState::Blocked => "blocked",
            ProcessState::Idle => "idle",
            ProcessState::Ended => "ended",
        }
    }
}

/// The vital signs of one process.
#[derive(Debug, Default)]
pub(in crate::host) struct Vitals {
    state: AtomicU8,
    fuel: AtomicU64,
    steps: AtomicU64,
    memory: AtomicU64,
    /// The steps when it was last looked at, see [`Vitals::rests`].
    seen: AtomicU64,
    /// It has run since it was trimmed.
    untrimmed: AtomicBool,
    /// Its memory has become larger since it was trimmed.
    grown: AtomicBool,
    trim: AtomicBool,
}

impl Vitals {
    pub fn set_state(&self, state: ProcessState) {
        self.state.store(state as u8, Relaxed);
    }

    pub fn state(&self) -> ProcessState {
        ProcessState::ALL
            .get(usize::from(self.state.load(Relaxed)))
            .copied()
            .unwrap_or(ProcessState::Ended)
    }

    /// Fuel of all steps.
    pub fn fuel(&self) -> u64 {
        self.fuel.load(Relaxed)
    }

    /// How many steps there were.
    pub fn steps(&self) -> u64 {
        self.steps.load(Relaxed)
    }

    /// Bytes of the guest's memory.
    pub fn memory(&self) -> u64 {
        self.memory.load(Relaxed)
    }

    /// Counts a step.
    pub fn stepped(&self, fuel: u64, memory: u64) {
        self.fuel.fetch_add(fuel, Relaxed);
        self.steps.fetch_add(1, Relaxed);
        if self.memory.swap(memory, Relaxed) != memory {
            self.grown.store(true, Relaxed);
        }
        self.untrimmed.store(true, Relaxed);
    }

    /// Called every now and then: a process that has not run since the last call,
    /// and not been trimmed since it ran, is told to trim its memory, and woken. Tells
    /// whether it has still to be looked at.
    pub fn rests(&self, wake: impl FnOnce()) -> bool {
        if !self.untrimmed.load(Relaxed) {
            return false;
        }
        let steps = self.steps.load(Relaxed);
        if self.seen.swap(steps, Relaxed) == steps
            && matches!(self.state(), ProcessState::Blocked | ProcessState::Idle)
        {
            self.untrimmed.store(false, Relaxed);
            self.trim.store(true, Relaxed);
            wake();
            return false;
        }
        true
    }

    /// True if it has run since it was trimmed, see [`Vitals::rests`].
    pub fn is_untrimmed(&self) -> bool {
        self.untrimmed.load(Relaxed)
    }

    /// True, once, if the guest has memory that has not been looked through.
    /// Zeros come with new memory; to look for them whenever a process rests would
    /// cost far more than it could bring.
    pub fn take_grown(&self) -> bool {
        self.grown.swap(false, Relaxed)
    }

    /// True, once, if the process is to trim its memory.
    pub fn take_trim(&self) -> bool {
        self.trim.load(Relaxed) && self.trim.swap(false, Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_looked_through_when_it_is_new_and_not_whenever_the_process_rests() {
        let vitals = Vitals::default();
        for (memory, grown) in [(65_536, true), (65_536, false), (131_072, true)] {
            vitals.stepped(1, memory);
            vitals.set_state(ProcessState::Idle);
            // Looked at twice.
            assert!(vitals.rests(|| {}) && !vitals.rests(|| {}) && vitals.take_trim());
            assert_eq!(vitals.take_grown(), grown);
        }
    }
}
