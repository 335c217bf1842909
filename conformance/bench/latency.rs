//! The time until an idle process gets a message while guests spin on all
//! threads.
//!
//! Who sends is a process of the same host, and takes turns like the others: so
//! no thread of ours competes with the host's own for a processor, and what is
//! measured is the host and not the scheduler of the system. The time of a slice
//! is that of the steps of those that spin, in the same run.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use wippy::{
    command::{ActorCommand, Command, Pid, Tag, Yield},
    host::Started,
    process::{Event, Fuel, Process, Status, StepOutput},
    value::Term,
    world::SystemDispatcher,
};

use super::{
    Result,
    actors::{Bench, WORKERS, Watch, all_end},
    measure,
    report::{Figure, Ratio, Report, Target},
};

const MESSAGES: usize = 10_000;

/// So that there is one more on each thread that waits for its turn.
const SPINNING: usize = 2 * WORKERS;

/// In slices' time.
const LIMIT: Target = Target::AtMost(5.0);

pub fn measure(report: &mut Report) -> Result<()> {
    let bench = Bench::new()?;
    let clocks = Arc::new(Clocks::default());
    for _ in 0..SPINNING {
        bench.start_watched("spin", Vec::new(), Slices { clocks: clocks.clone(), begun: None })?;
    }
    let args = vec![(MESSAGES as u64).into()];
    let receiver = bench.start_watched("sink", args, Arrivals(clocks.clone()))?;
    let to = receiver.pid().clone();
    bench.launch("sender", |context| {
        let process = Box::new(Sender { to, sent: 0, clocks: clocks.clone() });
        let answers = context.answers(SystemDispatcher::new(Default::default()));
        Ok(Started { process, answers, result: None, max_execution: None })
    })?;
    all_end(vec![receiver])?;

    let slices = std::mem::take(&mut *locked(&clocks.slices));
    let slice = measure::median(slices.iter().map(Duration::as_secs_f64));
    let mut times: Vec<f64> = locked(&clocks.latencies).iter().map(Duration::as_secs_f64).collect();
    times.sort_by(f64::total_cmp);
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    let what = format!("a message while {SPINNING} spin on {WORKERS} threads");
    report.figure("latency", &what, "a slice", Figure::Seconds(slice), None, "");
    let mut row = |who: &str, time: f64, target: Option<Target>| {
        let ratio = Some(Ratio { of: time / slice, kind: "slices", target });
        report.figure("latency", &what, who, Figure::Seconds(time), ratio, "");
    };
    row("median", at(0.5), None);
    row("99.9 %", at(0.999), Some(LIMIT));
    Ok(())
}

#[derive(Default)]
struct Clocks {
    /// When the message that is under way was sent.
    sent: Mutex<Option<Instant>>,
    latencies: Mutex<Vec<Duration>>,
    slices: Mutex<Vec<Duration>>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the times of slices.
struct Slices {
    clocks: Arc<Clocks>,
    begun: Option<Instant>,
}

impl Watch for Slices {
    fn step_begins(&mut self, _: &[Event]) {
        self.begun = Some(Instant::now());
    }

    fn step_ends(&mut self) {
        let time = self.begun.map(|begun| begun.elapsed());
        locked(&self.clocks.slices).extend(time);
    }
}

/// Takes the times that messages have needed.
struct Arrivals(Arc<Clocks>);

impl Watch for Arrivals {
    fn step_begins(&mut self, events: &[Event]) {
        if events.iter().any(|event| matches!(event, Event::Mail(_))) {
            let sent = locked(&self.0.sent).take();
            locked(&self.0.latencies).extend(sent.map(|sent| sent.elapsed()));
        }
    }
}

/// Sends a number whenever the last one has arrived.
struct Sender {
    to: Pid,
    sent: usize,
    clocks: Arc<Clocks>,
}

impl Process for Sender {
    fn step(&mut self, events: &mut Vec<Event>, _: Fuel, out: &mut StepOutput) {
        events.clear();
        out.fuel_used = 1;
        out.status = Status::Continue;
        let mut under_way = locked(&self.clocks.sent);
        if under_way.is_some() {
            return;
        }
        if self.sent == MESSAGES {
            out.status = Status::Done(Ok(None));
            return;
        }
        let (to, topic) = (self.to.as_str().into(), "m".into());
        let payload = vec![Term::Int(self.sent as i64)];
        let command = Command::Actor(ActorCommand::Send { to, topic, payload });
        out.yields.push(Yield { tag: Tag(self.sent as u64), command });
        self.sent += 1;
        *under_way = Some(Instant::now());
    }

    fn close(&mut self) {}
}
