//! The loop that runs one process to its end.
//!
//! Between two steps the process can be stopped: by its deadline, or by a flag
//! that a signal handler sets. A step is short, so looking there is enough,
//! whatever the guest does. The loop gives way to other tasks of the executor
//! after each step.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::{Job, release_zeros};
use crate::{
    dispatch::world::{Pending, Streams, World},
    process::{DEFAULT_SLICE, Error, Event, Fuel, Kind, Outcome, Process, Status, StepOutput},
    value::Value,
};

/// The exit code of a program that writes to a pipe which nobody reads: 128 and
/// the number of SIGPIPE.
const UNREAD: u8 = 141;

/// How a process is run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// What a step may burn.
    pub slice: Fuel,
    /// How long the process may run, from its first step.
    pub max_execution: Option<Duration>,
    /// The process is cancelled soon after somebody sets this.
    pub interrupted: Option<Arc<AtomicBool>>,
}

impl Default for RunOptions {
    fn default() -> RunOptions {
        RunOptions { slice: DEFAULT_SLICE, max_execution: None, interrupted: None }
    }
}

/// A process that has ended, and what it took.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The value or the error.
    pub outcome: Outcome,
    /// Fuel of all steps.
    pub fuel_used: u64,
    /// How many steps there were.
    pub steps: u64,
    /// Time since the first step.
    pub elapsed: Duration,
}

impl Job {
    /// Starts a process of this job and runs it to its end, with these standard
    /// streams. The job's own limit of time takes the place of the one in
    /// `options`.
    pub async fn run(&self, input: Vec<Value>, streams: Streams, options: &RunOptions) -> Ended {
        let mut options = options.clone();
        options.max_execution = self.max_execution.or(options.max_execution);
        let mut process = self.process();
        let method = self.function.full_name();
        let not_started = |error: Error| {
            tracing::info!(name = self.name, method, %error, "not started");
            let (fuel_used, steps, elapsed) = (0, 0, Duration::ZERO);
            Ended { outcome: Err(error), fuel_used, steps, elapsed }
        };
        if let Err(error) = process.init(&method, input) {
            return not_started(error);
        }
        let world = match self.given.to(&self.program_name, streams, &mut process) {
            Ok(world) => world,
            Err(error) => return not_started(Error::new(Kind::Invalid, error.to_string())),
        };
        let (name, limits) = (&self.name, self.limits);
        tracing::info!(name, method, ?limits, slice = options.slice.0, "started");
        run_to_end(&mut process, world, &options).await
    }
}

/// Steps a process that has been initialized until it is done, with answers from
/// `world`, and closes it.
pub async fn run_to_end(process: &mut dyn Process, world: World, options: &RunOptions) -> Ended {
    let start = Instant::now();
    let (mut fuel_used, mut steps) = (0_u64, 0_u64);
    let (mut events, mut out) = (Vec::new(), StepOutput::default());
    let mut pending = Pending::new(world.clone());
    let mut waits = false;
    let outcome = loop {
        events.extend(stop(options, start));
        if world.is_unread() {
            break Err(Error::exited(UNREAD, "nobody reads the output any more"));
        }
        process.step(&mut events, options.slice, &mut out);
        steps = steps.saturating_add(1);
        fuel_used = fuel_used.saturating_add(out.fuel_used);
        tracing::trace!(steps, fuel = out.fuel_used, status = ?out.status, "stepped");
        for asked in out.yields.drain(..) {
            pending.submit(asked);
        }
        match mem::replace(&mut out.status, Status::Continue) {
            Status::Done(outcome) => break outcome,
            Status::Exited(_) => break Ok(None),
            Status::Blocked | Status::Idle if pending.is_empty() => {
                let why = "the process waits for something that nobody will send";
                break Err(Error::new(Kind::Internal, why));
            }
            Status::Blocked | Status::Idle => {
                let answer = pending.next();
                let give_up = async {
                    smol::Timer::after(patience(options, start)).await;
                    None
                };
                match smol::future::or(answer, give_up).await {
                    Some(completion) => {
                        events.push(Event::Completion(completion));
                        waits = false;
                    }
                    // It waits for something that takes its time.
                    None if !waits => {
                        process.trim(&mut release_zeros);
                        waits = true;
                    }
                    None => {}
                }
            }
            Status::Continue => smol::future::yield_now().await,
        }
    };
    process.close();
    let elapsed = start.elapsed();
    match &outcome {
        Ok(_) => tracing::info!(fuel = fuel_used, steps, ?elapsed, "ended"),
        Err(error) => tracing::info!(fuel = fuel_used, steps, ?elapsed, %error, "ended"),
    }
    Ended { outcome, fuel_used, steps, elapsed }
}

/// The event that ends a process which must not go on.
fn stop(options: &RunOptions, start: Instant) -> Option<Event> {
    let interrupted = options.interrupted.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed));
    if interrupted {
        return Some(Event::Cancel { reason: "interrupted".to_owned() });
    }
    let limit = options.max_execution.filter(|limit| start.elapsed() >= *limit)?;
    Some(Event::Timeout { limit: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX) })
}

/// How long to wait for an answer before looking whether to stop.
fn patience(options: &RunOptions, start: Instant) -> Duration {
    /// A signal handler only sets a flag.
    const LOOK: Duration = Duration::from_millis(50);
    match options.max_execution {
        Some(limit) => limit.saturating_sub(start.elapsed()).min(LOOK),
        None => LOOK,
    }
}
