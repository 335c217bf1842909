//! The same processes in a simulation: each seed is an order of turns, and faults.
//!
//! What the world does in a run on threads a process does here, the *director*, which is the
//! scenario: it starts the roots and some of the mortals, ends some of all, and looks at
//! the books when all mortals are dead. The simulation kills nobody by itself, for the
//! roots must live.

use std::{
    fmt,
    ops::Range,
    path::Path,
    process::ExitCode,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed, Ordering::SeqCst},
    },
    thread,
    time::Instant,
};

use wippy::{
    command::{
        ActorCommand, Clock, ClockCommand, Command, ErrorKind, Interests, Pid, ProcessError, Reply,
        Spawn, Tag, Wait, Yield,
    },
    component::{Engine, Linker},
    host::{
        HostOptions, ProjectPrograms, Runtime, SpawnContext, Started,
        simulate::{Choice, Run, Simulation},
    },
    process::{Error, Event, Fuel, Process, Received, Status, StepOutput},
    registry::Project,
    value::Term,
};

use super::{
    ledger::Ledger,
    world::{Entries, ROOTS},
};
use crate::random::Random;

/// Rounds in which the director starts and ends mortals.
const ROUNDS: u64 = 8;

/// Turns of everybody else between two of them.
const TURNS: u64 = 4;

/// The time between two looks when all comes to its end, in nanoseconds.
const LOOK: u64 = 5_000_000;

/// Rounds in which everything must have come to its end.
const PATIENCE: u64 = 2_000;

/// Work that a run may do: roots are never at rest.
const WORK: u64 = 20_000_000_000;

/// The director.
struct Director {
    ledger: Arc<Ledger>,
    random: Random,
    tags: u64,
    asked: Option<Asked>,
    round: u64,
    turns: u64,
    waited: u64,
    now: u64,
    roots: u64,
    /// Mortals that are to be ended.
    doomed: Vec<Pid>,
    alive: usize,
    next: Next,
}

/// The question to which a reply is awaited.
enum Asked {
    Root,
    Mortal,
    Processes,
    Time,
    Else,
}

/// The next thing to do.
#[derive(Clone, Copy)]
enum Next {
    Roots,
    Mortal,
    Look,
    End,
    Time,
    Sleep,
}

impl Director {
    fn new(seed: u64, ledger: Arc<Ledger>) -> Director {
        Director {
            ledger,
            random: Random(seed),
            tags: 0,
            asked: None,
            round: 0,
            turns: 0,
            waited: 0,
            now: 0,
            roots: 0,
            doomed: Vec::new(),
            alive: 0,
            next: Next::Roots,
        }
    }

    fn answered(&mut self, reply: Reply) {
        match (self.asked.take(), reply) {
            (Some(Asked::Root), Reply::Pid(pid)) => {
                self.roots += 1;
                self.ledger.add_root(pid);
            }
            (Some(Asked::Root), other) => self.ledger.wrong(format!("no root: {other:?}")),
            (Some(Asked::Mortal), Reply::Pid(pid)) => self.ledger.meet(pid, &mut self.random),
            (Some(Asked::Processes), Reply::Ended(list)) => self.look(&list),
            (Some(Asked::Time), Reply::Time(now)) => self.now = now,
            (Some(Asked::Processes | Asked::Time), other) => {
                self.ledger.wrong(format!("the director is told {other:?}"));
            }
            (Some(Asked::Mortal | Asked::Else), _) => {}
            (None, reply) => self.ledger.wrong(format!("unasked: {reply:?}")),
        }
    }

    /// Chooses among those that live.
    fn look(&mut self, list: &wippy::command::Ending) {
        let Ok(Term::List(all)) = list else { return self.ledger.wrong("no list of processes") };
        self.alive = 0;
        for info in all.iter() {
            let Term::Map(info) = info else { continue };
            let of = |key: &str| {
                let found = info.iter().find(|(name, _)| *name == Term::from(key));
                match found.map(|(_, value)| value) {
                    Some(Term::Text(text)) => text.to_string(),
                    _ => String::new(),
                }
            };
            let (pid, entry) = (Pid::new(of("pid")), of("entry"));
            if entry == "root" || entry == SCENARIO {
                continue;
            }
            self.alive += 1;
            if self.ledger.stopped() || self.random.one_in(16) {
                self.doomed.push(pid);
            }
        }
    }

    /// The next question; nothing at the end.
    fn act(&mut self) -> Option<(Asked, Command)> {
        loop {
            match self.next {
                Next::Roots if self.roots < ROOTS => {
                    let seed = self.random.next() as i64;
                    let host = ["a", "b"][self.roots as usize % 2];
                    return Some((Asked::Root, spawn("root", host, seed)));
                }
                Next::Roots => self.next = Next::Mortal,
                Next::Mortal => {
                    self.next = Next::Look;
                    if !self.ledger.stopped() {
                        let seed = self.random.next() as i64;
                        return Some((Asked::Mortal, spawn("agent", "a", seed)));
                    }
                }
                Next::Look => {
                    self.next = Next::End;
                    let processes = ActorCommand::Processes { most: 10_000 };
                    return Some((Asked::Processes, Command::Actor(processes)));
                }
                Next::End => match self.doomed.pop() {
                    Some(pid) => {
                        let to = pid.as_str().into();
                        return Some((Asked::Else, Command::Actor(ActorCommand::Terminate { to })));
                    }
                    None => self.next = Next::Time,
                },
                Next::Time if !self.ledger.stopped() => {
                    self.turns += 1;
                    if self.turns.is_multiple_of(TURNS) {
                        self.next = Next::Mortal;
                        self.round += 1;
                    }
                    if self.round == ROUNDS {
                        self.ledger.stop.store(true, SeqCst);
                    }
                    return Some((Asked::Else, Command::Actor(ActorCommand::Pause)));
                }
                Next::Time => {
                    self.next = Next::Sleep;
                    if self.is_over() {
                        return None;
                    }
                    let clock = ClockCommand::Now(Clock::Monotonic);
                    return Some((Asked::Time, Command::Clock(clock)));
                }
                Next::Sleep => {
                    self.next = Next::Mortal;
                    let until = Some(self.now + LOOK);
                    return Some((
                        Asked::Else,
                        Command::Wait(Wait::new(Interests::default(), until)),
                    ));
                }
            }
        }
    }

    /// True once everything has come to its end, or will not.
    fn is_over(&mut self) -> bool {
        if !self.ledger.stopped() {
            return false;
        }
        let owed = self.ledger.owed.load(Relaxed);
        let arrived = self.ledger.all_arrived();
        if self.alive == 0 && owed == 0 && arrived {
            return true;
        }
        self.waited += 1;
        if self.waited > PATIENCE {
            let alive = self.alive;
            self.ledger.wrong(format!(
                "{alive} mortals live, {owed} ends are owed, all messages have arrived: {arrived}"
            ));
            return true;
        }
        false
    }
}

fn spawn(entry: &str, host: &str, seed: i64) -> Command {
    Command::Actor(ActorCommand::Spawn(Spawn {
        entry: entry.to_owned(),
        host: Some(host.to_owned()),
        args: vec![Term::Int(seed)],
        context: Default::default(),
        monitor: false,
        link: false,
    }))
}

impl Process for Director {
    fn step(&mut self, events: &mut Vec<Event>, _: Fuel, out: &mut StepOutput) {
        (out.fuel_used, out.received) = (1, Received::default());
        for event in events.drain(..) {
            // Nobody knows it who would send it mail.
            if let Event::Completion(done) = event {
                self.answered(done.reply);
            }
        }
        if self.asked.is_some() {
            out.status = Status::Blocked;
            return;
        }
        if let Some((asked, command)) = self.act() {
            self.asked = Some(asked);
            self.tags += 1;
            out.yields.push(Yield { tag: Tag(self.tags), command });
            out.status = Status::Blocked;
            return;
        }
        out.status = match self.ledger.all_wrong().as_slice() {
            [] => Status::Done(Ok(None)),
            wrong => {
                let fault = ProcessError::new(ErrorKind::Conflict, wrong.join("; "));
                Status::Done(Err(Error::program(fault)))
            }
        };
    }

    fn close(&mut self) {}
}

const SCENARIO: &str = "stress:director";

/// All that the runs share.
#[derive(Clone)]
pub struct Stress {
    base: ProjectPrograms,
    entries: Entries,
}

impl fmt::Debug for Stress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stress")
    }
}

impl Stress {
    pub fn new() -> Result<Stress, String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("apps/stress");
        let project = Project::load(path).into_result().map_err(|why| why.to_string())?;
        let base =
            ProjectPrograms::new(project, Runtime::new(Engine::default(), Linker::default()));
        let entries = Entries::new(Arc::default()).map_err(|why| why.to_string())?;
        Ok(Stress { base, entries })
    }

    /// One run.
    pub fn run(&self, seed: u64) -> Result<Run, String> {
        let entries = Entries { ledger: Arc::default(), ..self.entries.clone() };
        let ledger = entries.ledger.clone();
        let id = SCENARIO.parse().map_err(|why| format!("{why:?}"))?;
        let start = move |mut context: SpawnContext| {
            let process = Box::new(Director::new(seed, ledger.clone()));
            let answers = context.own_answers();
            Ok(Started { process, answers, result: None, max_execution: None })
        };
        let small = |max_processes| HostOptions {
            workers: Some(1),
            queue_size: 64,
            max_processes,
            ..HostOptions::default()
        };
        let hosts = vec![("a".to_owned(), small(30)), ("b".to_owned(), small(16))];
        let mut simulation = Simulation::of(self.base.clone(), &id, start).with(entries, hosts);
        simulation.options.faults.remove(&Choice::Kill);
        simulation.options.work = WORK;
        simulation.run(seed).map_err(|why| why.to_string())
    }
}

/// Runs seeds on all processors, and tells of those that fail.
pub fn main(seeds: Range<u64>) -> ExitCode {
    let stress = match Stress::new() {
        Ok(stress) => stress,
        Err(why) => {
            eprintln!("error: {why}");
            return ExitCode::FAILURE;
        }
    };
    let (begun, next) = (Instant::now(), AtomicU64::new(seeds.start));
    let failed = Mutex::new(Vec::new());
    let (steps, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Relaxed);
            if seed >= seeds.end {
                return;
            }
            let why = match stress.run(seed) {
                Ok(run) => {
                    steps.fetch_add(run.steps, Relaxed);
                    run.result.err().map(|failure| failure.cause.to_string())
                }
                Err(why) => Some(why),
            };
            done.fetch_add(1, Relaxed);
            if let Some(why) = why {
                eprintln!("seed {seed}: {why}");
                failed.lock().unwrap_or_else(|broken| broken.into_inner()).push(seed);
            }
        }
    };
    thread::scope(|scope| {
        let count = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        (0..count).for_each(|_| drop(scope.spawn(work)));
    });
    let failed = failed.into_inner().unwrap_or_else(|broken| broken.into_inner()).len();
    let (done, steps) = (done.load(Relaxed), steps.load(Relaxed));
    println!("{done} seeds, {failed} failed, {steps} steps, {:.1?}", begun.elapsed());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
