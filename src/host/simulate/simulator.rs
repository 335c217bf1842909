//! One thread, one clock, one seed.
//!
//! A [`Simulator`] is the stage of a node. Tasks that can run stand in one row, and a
//! choice says which is next. The clock moves by the fuel that is burnt, a nanosecond a
//! unit, and when nobody can run it jumps to the next timer: so to sleep costs nothing.
//!
//! A run is a function of the programs and the choices. Nothing here may look at anything
//! else, nor at the order of a table that has none.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard},
    task::Waker,
    time::Duration,
};

use async_task::Runnable;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::{
    choices::{Choice, Choices, Deviation, Random},
    failure::{Cause, Checks, Failure},
    post::Post,
    wire::Wire,
    world::SimulatedWorld,
};
use crate::{
    command::{Command, Message},
    host::node::{
        mailbox::Undelivered,
        stage::{Actor, Stage, StagedWorld, TaskId},
        table::{ProcessSlot, Serial},
    },
    lock::lock,
    process::{Received, StepOutput},
};

/// Work that a step counts for besides its fuel: who only asks must end as well.
const STEP: u64 = 1_000;

/// Work that it takes to start a process.
const BIRTH: u64 = 20_000;

/// The longest that the machine stands still.
const STALL: u64 = 1_000_000_000;

/// Fuel of the shorter turns.
const SLICES: [u64; 8] = [u64::MAX, 30_000, 10_000, 3_000, 1_000, 300, 100, 30];

/// Turns of others after which it is the turn of who has waited longest, whatever is
/// chosen: no machine lets a process wait for ever.
const FAIR: u64 = 64;

/// Lines of a schedule that are kept.
const MOST_LINES: usize = 10_000;

/// The stage of one run. A clone is the same.
#[derive(Clone)]
pub(super) struct Simulator(Arc<Inner>);

struct Inner {
    seed: u64,
    state: Mutex<State>,
    /// Files, for all processes.
    disk: super::files::Disk,
    wire: Arc<Wire>,
}

/// A task that can run.
struct Ready {
    task: TaskId,
    turn: Runnable,
    /// How many turns there had been.
    since: u64,
}

/// Something that happened which might not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub time: Duration,
    /// What.
    pub what: String,
    /// The choice that made it happen; nothing if it followed from others.
    pub choice: Option<Choice>,
}

/// What there is of a run.
pub(super) struct State {
    /// Nanoseconds.
    pub now: u64,
    timers: BTreeMap<(u64, u64), Waker>,
    next_timer: u64,
    /// In the order in which they could run.
    ready: VecDeque<Ready>,
    /// How many turns there were.
    turns: u64,
    tasks: HashMap<TaskId, Arc<str>>,
    next_task: TaskId,
    pub choices: Choices,
    post: Post,
    /// Fuel of all processes, and something for each step.
    pub work: u64,
    pub fuel: u64,
    pub steps: u64,
    hash: Xxh3,
    pub checks: Checks,
    pub failure: Option<Failure>,
    /// The disk is full.
    pub full: bool,
    /// How far the wall clock is wrong.
    pub skew: i64,
    chance: Random,
    /// What happened, if somebody wants to know.
    lines: Option<Vec<Line>>,
    /// Where something was chosen.
    covered: HashSet<u64>,
    /// The process that is not killed.
    pub scenario: Serial,
    /// What the scenario has written.
    pub output: Vec<u8>,
    pub over: bool,
    /// Why the run cannot be made.
    pub refused: Option<String>,
}

impl Simulator {
    pub fn new(seed: u64, choices: Choices, disk: super::files::Disk, tells: bool) -> Simulator {
        let state = State {
            now: 0,
            timers: BTreeMap::new(),
            next_timer: 0,
            ready: VecDeque::new(),
            turns: 0,
            tasks: HashMap::new(),
            next_task: 0,
            choices,
            post: Post::default(),
            work: 0,
            fuel: 0,
            steps: 0,
            hash: Xxh3::new(),
            checks: Checks::default(),
            failure: None,
            full: false,
            skew: 0,
            chance: Random::new(seed, 2),
            lines: tells.then(Vec::new),
            covered: HashSet::new(),
            scenario: 0,
            output: Vec::new(),
            over: false,
            refused: None,
        };
        let wire = Arc::default();
        Simulator(Arc::new(Inner { seed, state: Mutex::new(state), disk, wire }))
    }

    pub fn stage(&self) -> Arc<dyn Stage> {
        Arc::new(self.clone())
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }

    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    pub fn disk(&self) -> &super::files::Disk {
        &self.0.disk
    }

    pub fn wire(&self) -> &Arc<Wire> {
        &self.0.wire
    }

    /// Whether somebody can run.
    pub fn is_busy(&self) -> bool {
        !self.state().ready.is_empty()
    }

    /// Gives the next task its turn. False if nobody can run and no timer runs.
    pub fn turn(&self) -> bool {
        let Some(stall) = self.state().look() else {
            let next = self.state().next_event();
            return match next {
                Some(at) => {
                    self.advance(at);
                    true
                }
                None => false,
            };
        };
        match stall {
            Some(at) => self.advance(at),
            None => self.advance(0),
        }
        // What has become due may have come before.
        let next = self.state().take();
        if let Some(turn) = next {
            turn.run();
        }
        true
    }

    /// Sets the clock on to this time, if it is later, and does what is due then.
    fn advance(&self, to: u64) {
        let (wakers, parcels) = {
            let mut state = self.state();
            state.now = state.now.max(to);
            state.due()
        };
        // Whoever is woken takes the lock.
        wakers.into_iter().for_each(Waker::wake);
        for parcel in parcels {
            parcel.deliver();
        }
    }

    /// The run cannot be made, for this reason.
    pub fn refuse(&self, why: String) {
        self.state().refused.get_or_insert(why);
    }

    /// Gives back all that waits, when the run is over.
    pub fn clear(&self) {
        let (timers, ready) = {
            let mut state = self.state();
            (mem::take(&mut state.timers), mem::take(&mut state.ready))
        };
        drop((timers, ready));
    }
}

impl State {
    /// Whether somebody can run, and if so until when the machine stands still first.
    fn look(&mut self) -> Option<Option<u64>> {
        if self.ready.is_empty() {
            return None;
        }
        let near = self.next_event().filter(|at| {
            let wait = at.saturating_sub(self.now);
            wait > 0 && wait <= STALL
        });
        let Some(at) = near else { return Some(None) };
        if self.choices.pick(Choice::Stall, 2) == 0 {
            return Some(None);
        }
        let wait = Duration::from_nanos(at.saturating_sub(self.now));
        self.tell(Some(Choice::Stall), || format!("the machine stands still for {wait:?}"));
        Some(Some(at))
    }

    /// When the next timer ends or the next message arrives.
    fn next_event(&self) -> Option<u64> {
        let timer = self.timers.keys().next().map(|(at, _)| *at);
        timer.into_iter().chain(self.post.next()).min()
    }

    /// What is due.
    fn due(&mut self) -> (Vec<Waker>, Vec<super::post::Parcel>) {
        let later = self.timers.split_off(&(self.now.saturating_add(1), 0));
        let due = mem::replace(&mut self.timers, later);
        (due.into_values().collect(), self.post.due(self.now))
    }

    /// The task whose turn it is.
    fn take(&mut self) -> Option<Runnable> {
        self.turns = self.turns.saturating_add(1);
        let waits = self.ready.front().map_or(0, |first| self.turns.saturating_sub(first.since));
        let place = match waits {
            FAIR.. => 0,
            _ => self.choices.turn(self.ready.iter().map(|ready| ready.task)),
        };
        if place > 0 && self.lines.is_some() {
            let name = |place: usize| {
                let task = self.ready.get(place).and_then(|ready| self.tasks.get(&ready.task));
                task.cloned().unwrap_or_default()
            };
            let (one, other) = (name(place), name(0));
            self.tell(Some(Choice::Turn), || format!("{one} goes before {other}"));
        }
        let Ready { task, turn, .. } = self.ready.remove(place)?;
        self.cover(Choice::Turn, task);
        Some(turn)
    }

    /// Notes something that happened.
    pub fn tell(&mut self, choice: Option<Choice>, what: impl FnOnce() -> String) {
        if self.over {
            return;
        }
        let time = Duration::from_nanos(self.now);
        if let Some(lines) = &mut self.lines
            && lines.len() < MOST_LINES
        {
            lines.push(Line { time, what: what(), choice });
        }
    }

    /// What happened.
    pub fn take_lines(&mut self) -> Vec<Line> {
        self.lines.take().unwrap_or_default()
    }

    /// A choice was made at this place.
    fn cover(&mut self, choice: Choice, place: u64) {
        let pair = (choice as u64) << 56 ^ place;
        if self.covered.len() < 1 << 16 {
            self.covered.insert(pair);
        }
    }

    pub fn take_covered(&mut self) -> HashSet<u64> {
        mem::take(&mut self.covered)
    }

    /// The hash of all that has happened: each step with its fuel and time, what was asked
    /// between steps, what was chosen, and what was written.
    pub fn digest(&self) -> u64 {
        let mut hash = self.hash.clone();
        for Deviation { choice, at, option } in &self.choices.taken {
            for number in [*choice as u64, *at, u64::from(*option)] {
                hash.update(&number.to_le_bytes());
            }
        }
        hash.update(&self.output);
        hash.digest()
    }

    /// Picks one of some options in a process, doing something.
    pub fn pick(&mut self, slot: &ProcessSlot, choice: Choice, doing: &str, options: u32) -> u32 {
        let option = self.choices.pick(choice, options);
        if option > 0 {
            self.cover(choice, xxh3_64(format!("{} {doing}", slot.entry).as_bytes()) >> 8);
        }
        option
    }

    /// Nothing goes wrong any more.
    pub fn is_calm(&self) -> bool {
        self.choices.is_calm()
    }

    /// Notes the failure, if it is the first.
    pub fn fail(&mut self, slot: &ProcessSlot, cause: Cause) {
        if self.failure.is_none() && !self.over {
            self.failure = Some(Failure {
                cause,
                process: name_of(slot),
                time: Duration::from_nanos(self.now),
                fuel: slot.mailbox.vitals.fuel(),
                step: self.steps,
            });
        }
    }
}

/// A process, for people: its entry and the number in its pid.
pub(super) fn name_of(slot: &ProcessSlot) -> String {
    format!("{} #{}", slot.entry, slot.serial)
}

impl Stage for Simulator {
    fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.state().now)
    }

    fn wake_at(&self, at: Duration, waker: Waker) -> u64 {
        let mut state = self.state();
        let number = state.next_timer;
        state.next_timer = number.saturating_add(1);
        state.timers.insert((nanoseconds(at), number), waker);
        number
    }

    fn forget(&self, at: Duration, timer: u64) {
        let forgotten = self.state().timers.remove(&(nanoseconds(at), timer));
        drop(forgotten);
    }

    fn task(&self, of: Actor<'_>) -> TaskId {
        let mut state = self.state();
        let task = state.next_task;
        state.next_task = task.saturating_add(1);
        if let Actor::Process(_) = of {
            state.work = state.work.saturating_add(BIRTH);
        }
        if state.lines.is_some() {
            let name = match of {
                Actor::Process(slot) => name_of(slot),
                Actor::Keeper(what) => format!("the keeper of {what}"),
            };
            state.tasks.insert(task, name.into());
        }
        task
    }

    fn schedule(&self, task: TaskId, turn: Runnable) {
        let mut state = self.state();
        let since = state.turns;
        state.ready.push_back(Ready { task, turn, since });
    }

    fn chance(&self) -> f64 {
        let number = self.state().chance.below(1 << 32);
        number as f64 / f64::from(u32::MAX)
    }

    fn turn(&self, slot: &ProcessSlot, most: u64) -> u64 {
        let mut state = self.state();
        let option = state.pick(slot, Choice::Slice, "step", SLICES.len() as u32);
        let slice = SLICES.get(option as usize).copied().unwrap_or(u64::MAX).min(most);
        if option > 0 {
            state.tell(Some(Choice::Slice), || {
                format!("{} is given {slice} units of fuel", name_of(slot))
            });
        }
        slice
    }

    fn interrupts(&self, slot: &ProcessSlot, command: &Command) -> bool {
        let can = match command {
            // Always between steps, where it may take its time.
            Command::Fs(_) => return true,
            Command::Actor(_) | Command::Stream(_) | Command::Http(_) | Command::Net(_) => true,
            Command::Call(_)
            | Command::Clock(_)
            | Command::Random(_)
            | Command::Stdio(_)
            | Command::Wait(_)
            | Command::Chore(_) => false,
        };
        let mut state = self.state();
        if !can || state.pick(slot, Choice::Break, command.name(), 2) == 0 {
            return false;
        }
        state.tell(Some(Choice::Break), || {
            format!("{} lets others go on after its {}", name_of(slot), command.name())
        });
        true
    }

    fn stepped(&self, slot: &Arc<ProcessSlot>, out: &StepOutput) {
        let killed = {
            let mut state = self.state();
            let fuel = out.fuel_used;
            state.now = state.now.saturating_add(fuel);
            state.fuel = state.fuel.saturating_add(fuel);
            state.work = state.work.saturating_add(fuel).saturating_add(STEP);
            state.steps = state.steps.saturating_add(1);
            let now = state.now;
            for number in [slot.serial, fuel, now, out.yields.len() as u64] {
                state.hash.update(&number.to_le_bytes());
            }
            for asked in &out.yields {
                state.hash.update(asked.command.name().as_bytes());
            }
            let may = slot.serial != state.scenario && is_cared_for(slot);
            may && state.pick(slot, Choice::Kill, "step", 2) > 0
        };
        if killed {
            self.state().tell(Some(Choice::Kill), || format!("{} is killed", name_of(slot)));
            slot.mailbox.end(crate::process::Error::terminated(" by the simulation"));
        }
    }

    fn ended(&self, slot: &ProcessSlot, why: Option<String>) {
        self.hurry(slot.serial);
        let mut state = self.state();
        state.hash.update(&slot.serial.to_le_bytes());
        state.hash.update(why.as_deref().unwrap_or("ended").as_bytes());
        state.tell(None, || match why {
            Some(why) => format!("{} fails: {why}", name_of(slot)),
            None => format!("{} ends", name_of(slot)),
        });
    }

    fn deliver(
        &self,
        from: Option<&ProcessSlot>,
        to: &Arc<ProcessSlot>,
        message: Message,
    ) -> Result<(), Undelivered> {
        let Some(from) = from else { return to.mailbox.message(message) };
        let mut state = self.state();
        let unread = to.mailbox.unread();
        let pair = (from.serial, to.serial);
        if unread > 0 && state.pick(from, Choice::Full, "send", 2) > 0 {
            let what = || format!("the mailbox of {} is full for {}", name_of(to), name_of(from));
            state.tell(Some(Choice::Full), what);
            return Err(Undelivered::Many(Received { mails: unread, ..Received::default() }));
        }
        let late = state.pick(from, Choice::Delay, "send", DELAYS.len() as u32);
        let delay = DELAYS.get(late as usize).copied().unwrap_or_default();
        if late > 0 {
            let delay = Duration::from_nanos(delay);
            let (topic, to, from) = (&message.topic, name_of(to), name_of(from));
            let what = || format!("\"{topic}\" from {from} to {to} takes {delay:?}");
            state.tell(Some(Choice::Delay), what);
        }
        let now = state.now;
        if delay == 0 && !state.post.is_under_way(pair) {
            drop(state);
            return to.mailbox.message(message);
        }
        if !to.mailbox.has_room() {
            drop(state);
            // It says why.
            return to.mailbox.message(message);
        }
        state.post.add(pair, now.saturating_add(delay), to.clone(), message);
        Ok(())
    }

    fn hurry(&self, from: Serial) {
        let parcels = self.state().post.all_of(from);
        for parcel in parcels {
            parcel.deliver();
        }
    }

    fn world(&self, slot: &Arc<ProcessSlot>) -> Arc<dyn StagedWorld> {
        Arc::new(SimulatedWorld::new(self.clone(), slot.clone()))
    }
}

/// How long messages may be under way, in nanoseconds.
const DELAYS: [u64; 7] =
    [0, 100_000, 1_000_000, 10_000_000, 50_000_000, 200_000_000, 1_000_000_000];

/// Somebody would be told of the end of this process: a service is started again, and who
/// monitors it or is linked to it has to know what to do.
fn is_cared_for(slot: &ProcessSlot) -> bool {
    let links = slot.links();
    links.watcher.is_some() || !links.monitors.is_empty() || !links.linked.is_empty()
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator").field("seed", &self.0.seed).finish_non_exhaustive()
    }
}
