//! A process that sleeps again and again, and notes by how much it is late.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use wippy::{
    command::{Clock, ClockCommand, Command, InlineDispatcher, Interests, Reply, Tag, Wait, Yield},
    host::NodeDispatcher,
    process::{Error, Event, Fuel, Process, Status, StepOutput},
    value::Value,
};

/// How long it sleeps.
pub const SLEEP: Duration = Duration::from_millis(5);

/// By how much it has been late.
#[derive(Clone, Default)]
pub struct Gaps(Arc<Mutex<Noted>>);

#[derive(Default)]
struct Noted {
    gaps: Vec<f64>,
    /// When it is to wake next.
    due: Option<Instant>,
}

impl Gaps {
    fn with<T>(&self, f: impl FnOnce(&mut Noted) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Forgets what has been noted.
    pub fn clear(&self) {
        self.with(|noted| noted.gaps.clear());
    }

    /// How often it has woken.
    pub fn len(&self) -> usize {
        self.with(|noted| noted.gaps.len())
    }

    /// All of them, in seconds, the smallest first; the one that lasts among them.
    pub fn sorted(&self) -> Vec<f64> {
        let mut gaps = self.with(|noted| {
            let late = noted.due.and_then(|due| Instant::now().checked_duration_since(due));
            let late = late.map(|late| late.as_secs_f64());
            noted.gaps.iter().copied().chain(late).collect::<Vec<_>>()
        });
        gaps.sort_by(f64::total_cmp);
        gaps
    }
}

pub struct Sleeper {
    pub answers: NodeDispatcher,
    pub gaps: Gaps,
}

impl Process for Sleeper {
    fn init(&mut self, _: &str, _: Vec<Value>) -> Result<(), Error> {
        Ok(())
    }

    fn step(&mut self, events: &mut Vec<Event>, _: Fuel, out: &mut StepOutput) {
        out.fuel_used = 1;
        for event in events.drain(..) {
            if !matches!(event, Event::Completion(_)) {
                out.status = Status::Done(Ok(None));
                return;
            }
        }
        let now = Instant::now();
        let Ok(Reply::Time(clock)) =
            self.answers.now(Command::Clock(ClockCommand::Now(Clock::Monotonic)))
        else {
            out.status = Status::Done(Ok(None));
            return;
        };
        self.gaps.with(|noted| {
            let late = noted.due.and_then(|due| now.checked_duration_since(due));
            noted.gaps.extend(late.map(|late| late.as_secs_f64()));
            noted.due = Some(now + SLEEP);
        });
        let until = Some(clock + SLEEP.as_nanos() as u64);
        let command = Command::Wait(Wait::new(Interests::NONE, until));
        out.yields.push(Yield { tag: Tag(clock), command });
        out.status = Status::Blocked;
    }

    fn close(&mut self) {}
}
