//! Why a simulated run has failed, and what it has said of itself.

use std::{collections::BTreeMap, fmt, time::Duration};

/// Why a run has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The scenario has ended with an error, of this kind and with these words.
    Outcome {
        /// The kind of the error.
        kind: String,
        /// Its words.
        message: String,
    },
    /// Something that was said to hold always did not.
    Always {
        /// The name of the assertion.
        name: String,
    },
    /// Everything waits, and no timer runs.
    Deadlock {
        /// The processes that wait.
        waiting: Vec<String>,
    },
    /// The processes have worked more than they may, and the scenario has not ended.
    Livelock {
        /// Units of fuel that they may have used.
        limit: u64,
    },
    /// The scenario has not ended in its time, although nothing went wrong any more.
    Unsettled {
        /// The time that it had.
        limit: Duration,
    },
}

impl Cause {
    /// True if this is the same failure as another: numbers in words are left aside, as
    /// those of processes are others in other runs.
    pub fn is_like(&self, other: &Cause) -> bool {
        match (self, other) {
            (
                Cause::Outcome { kind, message },
                Cause::Outcome { kind: other_kind, message: other },
            ) => kind == other_kind && without_numbers(message) == without_numbers(other),
            (Cause::Always { name }, Cause::Always { name: other }) => name == other,
            (Cause::Deadlock { .. }, Cause::Deadlock { .. })
            | (Cause::Livelock { .. }, Cause::Livelock { .. })
            | (Cause::Unsettled { .. }, Cause::Unsettled { .. }) => true,
            (
                Cause::Outcome { .. }
                | Cause::Always { .. }
                | Cause::Deadlock { .. }
                | Cause::Livelock { .. }
                | Cause::Unsettled { .. },
                _,
            ) => false,
        }
    }
}

/// Processes that a message names.
const SHOWN: usize = 6;

fn without_numbers(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_digit()).collect()
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Outcome { message, .. } => write!(f, "{message}"),
            Cause::Always { name } => write!(f, "always \"{name}\" did not hold"),
            Cause::Deadlock { waiting } => {
                let some: Vec<&str> = waiting.iter().take(SHOWN).map(String::as_str).collect();
                write!(f, "deadlock: everything waits and no timer runs: {}", some.join(", "))?;
                match waiting.len().saturating_sub(SHOWN) {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
            Cause::Livelock { limit } => {
                write!(f, "livelock: it has not ended after {limit} units of work")
            }
            Cause::Unsettled { limit } => {
                write!(f, "it has not ended after {limit:?}, long after the last fault")
            }
        }
    }
}

/// The failure of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Why.
    pub cause: Cause,
    /// The process that it was noticed in: its entry and pid.
    pub process: String,
    /// The time on the clock of the simulation.
    pub time: Duration,
    /// Fuel that this process had used, up to its present step.
    pub fuel: u64,
    /// How many steps all processes had made.
    pub step: u64,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.cause)
    }
}

/// The claims that programs have made with `wippy:sim`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// How often each `always` held.
    pub always: BTreeMap<String, u64>,
    /// How often each `sometimes` held; it was asked even if that is 0.
    pub sometimes: BTreeMap<String, u64>,
    /// How often each `reachable` was reached.
    pub reachable: BTreeMap<String, u64>,
}

/// Different names that a run may use; more are not kept.
const MOST_NAMES: usize = 10_000;

impl Checks {
    pub(super) fn count(counts: &mut BTreeMap<String, u64>, name: String, more: u64) {
        if counts.len() < MOST_NAMES || counts.contains_key(&name) {
            let count = counts.entry(name).or_default();
            *count = count.saturating_add(more);
        }
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: Checks) {
        let Checks { always, sometimes, reachable } = other;
        let pairs = [
            (&mut self.always, always),
            (&mut self.sometimes, sometimes),
            (&mut self.reachable, reachable),
        ];
        for (counts, more) in pairs {
            for (name, count) in more {
                Checks::count(counts, name, count);
            }
        }
    }

    /// The names of those `sometimes` that never held.
    pub fn never(&self) -> impl Iterator<Item = &str> {
        let never = self.sometimes.iter().filter(|(_, count)| **count == 0);
        never.map(|(name, _)| name.as_str())
    }
}
