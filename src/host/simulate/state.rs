//! A run at one moment: its clock, who can run, what is under way, and what has been noted.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    mem,
    sync::Arc,
    task::Waker,
    time::Duration,
};

use async_task::Runnable;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::{
    choices::{Choice, Choices, Deviation, Random},
    failure::{Cause, Checks, Failure},
    post::{Parcel, Post},
};
use crate::host::node::{
    stage::TaskId,
    table::{ProcessSlot, Serial},
};

/// The longest that the machine stands still.
const STALL: u64 = 1_000_000_000;

/// Turns of others after which it is the turn of who has waited longest, whatever is
/// chosen: no machine lets a process wait for ever.
const FAIR: u64 = 64;

/// Lines of a schedule that are kept.
const MOST_LINES: usize = 10_000;

/// A task that can run.
pub(super) struct Ready {
    pub task: TaskId,
    pub turn: Runnable,
    /// How many turns there had been.
    pub since: u64,
}

/// Something that happened which might not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Since the beginning of the run, in its own time.
    pub time: Duration,
    /// In words.
    pub what: String,
    /// The choice that made it happen; nothing if it followed from others.
    pub choice: Option<Choice>,
}

/// All that a run is at one moment.
pub(super) struct State {
    /// Nanoseconds.
    pub now: u64,
    pub timers: BTreeMap<(u64, u64), Waker>,
    pub next_timer: u64,
    /// In the order in which they could run.
    pub ready: VecDeque<Ready>,
    /// How many turns there were.
    pub turns: u64,
    pub tasks: HashMap<TaskId, Arc<str>>,
    pub next_task: TaskId,
    pub choices: Choices,
    pub post: Post,
    /// Fuel of all processes, and something for each step.
    pub work: u64,
    pub fuel: u64,
    pub steps: u64,
    pub hash: Xxh3,
    pub checks: Checks,
    pub failure: Option<Failure>,
    /// The disk is full.
    pub full: bool,
    /// How far the wall clock is wrong.
    pub skew: i64,
    pub chance: Random,
    /// The events so far, if somebody wants to know.
    pub lines: Option<Vec<Line>>,
    /// Where something was chosen.
    pub covered: HashSet<u64>,
    /// The process that is not killed.
    pub scenario: Serial,
    /// The output of the scenario.
    pub output: Vec<u8>,
    pub over: bool,
    /// Why the run cannot be made.
    pub refused: Option<String>,
}

impl State {
    pub fn new(seed: u64, choices: Choices, tells: bool) -> State {
        State {
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
        }
    }

    /// Nothing if nobody can run; else until when the machine stands still first.
    pub fn look(&mut self) -> Option<Option<u64>> {
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
    pub fn next_event(&self) -> Option<u64> {
        let timer = self.timers.keys().next().map(|(at, _)| *at);
        timer.into_iter().chain(self.post.next()).min()
    }

    /// The timers and messages that are due.
    pub fn due(&mut self) -> (Vec<Waker>, Vec<Parcel>) {
        let later = self.timers.split_off(&(self.now.saturating_add(1), 0));
        let due = mem::replace(&mut self.timers, later);
        (due.into_values().collect(), self.post.due(self.now))
    }

    /// The task whose turn it is.
    pub fn take(&mut self) -> Option<Runnable> {
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

    /// The events so far.
    pub fn take_lines(&mut self) -> Vec<Line> {
        self.lines.take().unwrap_or_default()
    }

    /// A choice was made at this place.
    pub fn cover(&mut self, choice: Choice, place: u64) {
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
