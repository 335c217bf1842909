//! Many seeds, on several threads.
//!
//! Each seed is a run of its own, so that what is found does not depend on how many
//! threads there are: it is put together in the order of the seeds.

use std::{
    collections::{BTreeMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    failure::{Checks, Failure},
    run::{Refused, Run, Simulation},
};
use crate::{host::node::panics, lock::lock};

/// How a search goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Seeds that have been run.
    pub seeds: u64,
    /// Seeds that failed.
    pub failed: u64,
    /// Pairs of a place in a program and a choice that was made there.
    pub covered: u64,
    /// How long it has taken.
    pub took: Duration,
}

/// The findings of a search.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// How it has gone.
    pub progress: Progress,
    /// The seeds that failed, and how.
    pub failures: BTreeMap<u64, Failure>,
    /// The claims of programs about themselves, in all runs.
    pub checks: Checks,
    /// The time on the clocks of all runs.
    pub time: Duration,
}

impl Found {
    /// The first seed of each failure that is like no other.
    pub fn different(&self) -> Vec<(u64, &Failure)> {
        let mut different: Vec<(u64, &Failure)> = Vec::new();
        for (seed, failure) in &self.failures {
            if !different.iter().any(|(_, other)| other.cause.is_like(&failure.cause)) {
                different.push((*seed, failure));
            }
        }
        different
    }
}

#[derive(Default)]
struct Shared {
    found: Found,
    covered: HashSet<u64>,
    refused: Option<Refused>,
}

/// Runs the seeds from 0 on, so many, on so many threads. `tell` is told how it goes
/// every now and then.
///
/// # Errors
///
/// If the runs cannot be made, or the system gives no thread.
pub fn search(
    simulation: &Simulation,
    seeds: u64,
    threads: usize,
    tell: &(dyn Fn(Progress) + Sync),
) -> Result<Found, Refused> {
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let shared = Mutex::new(Shared::default());
    let begin = Instant::now();
    let work = || {
        while !stop.load(Relaxed) {
            let seed = next.fetch_add(1, Relaxed);
            if seed >= seeds {
                return;
            }
            let run = AssertUnwindSafe(|| simulation.run(seed));
            let run = panics::catching(|| catch_unwind(run)).unwrap_or_else(|_| {
                Err(Refused(format!("seed {seed}: the engine has failed: {}", panics::said())))
            });
            let progress = {
                let shared = &mut *lock(&shared);
                match run {
                    Ok(run) => shared.add(run, begin.elapsed()),
                    Err(refused) => {
                        stop.store(true, Relaxed);
                        shared.refused.get_or_insert(refused);
                    }
                }
                shared.found.progress
            };
            tell(progress);
        }
    };
    let started = thread::scope(|scope| {
        for number in 0..threads.max(1) {
            let name = format!("simulate {number}");
            let thread = thread::Builder::new().name(name).spawn_scoped(scope, work);
            if let Err(error) = thread {
                // Those that there are do all.
                if number == 0 {
                    return Err(Refused(format!("there is no thread: {error}")));
                }
                break;
            }
        }
        Ok(())
    });
    started?;
    let shared = shared.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    match shared.refused {
        Some(refused) => Err(refused),
        None => Ok(shared.found),
    }
}

impl Shared {
    fn add(&mut self, run: Run, took: Duration) {
        self.covered.extend(&run.covered);
        let found = &mut self.found;
        found.progress.seeds = found.progress.seeds.saturating_add(1);
        if let Err(failure) = run.result {
            found.progress.failed = found.progress.failed.saturating_add(1);
            found.failures.insert(run.seed, failure);
        }
        found.checks.add(run.checks);
        found.time = found.time.saturating_add(run.time);
        found.progress.covered = self.covered.len() as u64;
        found.progress.took = took;
    }
}
