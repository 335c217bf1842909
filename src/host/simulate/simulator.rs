//! One thread, one clock, one seed.
//!
//! A [`Simulator`] is the stage of a node. Tasks that can run stand in one row, and a
//! choice says which is next. The clock moves by the fuel that is burnt, a nanosecond a
//! unit, and when nobody can run it jumps to the next timer: so to sleep costs nothing.
//!
//! A run is a function of the programs and the choices. Nothing here may look at anything
//! else, nor at the order of a table that has none.

use std::{
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard},
    task::Waker,
    time::Duration,
};

use async_task::Runnable;

use super::{
    choices::{Choice, Choices},
    http::Servers,
    state::{Ready, State, name_of},
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

/// Fuel of the shorter turns.
const SLICES: [u64; 8] = [u64::MAX, 30_000, 10_000, 3_000, 1_000, 300, 100, 30];

/// The stage of one run. A clone is the same.
#[derive(Clone)]
pub(super) struct Simulator(Arc<Inner>);

struct Inner {
    seed: u64,
    state: Mutex<State>,
    /// Files, for all processes.
    disk: super::files::Disk,
    wire: Arc<Wire>,
    /// Who answers requests. It knows the node, which knows the stage.
    servers: Mutex<Option<Arc<Servers>>>,
}

impl Simulator {
    pub fn new(seed: u64, choices: Choices, disk: super::files::Disk, tells: bool) -> Simulator {
        let state = State::new(seed, choices, tells);
        let (wire, servers) = (Arc::default(), Mutex::default());
        Simulator(Arc::new(Inner { seed, state: Mutex::new(state), disk, wire, servers }))
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

    /// Who answers requests.
    pub fn servers(&self) -> Option<Arc<Servers>> {
        lock(&self.0.servers).clone()
    }

    /// From now on these do.
    pub fn set_servers(&self, servers: Servers) {
        *lock(&self.0.servers) = Some(Arc::new(servers));
    }

    /// True if somebody can run.
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
        let servers = lock(&self.0.servers).take();
        drop(servers);
    }
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
            | Command::Project(_)
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
