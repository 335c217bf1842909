//! All processes of a journal, run again in the order in which they ran.
//!
//! There is no node, no file and no clock: a step is made when its record is read. What
//! the journal does not hold, the programs, comes from a [`Stage`], which is told what the
//! processes write.

use std::{
    collections::{BTreeMap, HashMap},
    fmt, io, mem,
};

use super::{
    actor::Actor,
    difference::Difference,
    journal::{
        Asked, CommandLine, Header, JournalError, JournalReader, ProgramRecord, Record,
        StartRecord, Step,
    },
    place::{Advanced, Front, Goal, Still, Stop, Stopped},
};
use crate::{
    command::Stdio,
    component::{FUEL_VERSION, LinkedComponent},
    process::{Error, Process, Start, Status, WasmProcess},
};

/// What a journal is played on.
pub trait Stage {
    /// A program as it was; and true if it is another than it was.
    ///
    /// # Errors
    ///
    /// With why it cannot be had.
    fn program(&mut self, program: &ProgramRecord) -> Result<(Box<dyn Role>, bool), String>;

    /// The value of a variable that was left out of the journal.
    fn variable(&mut self, name: &str) -> Option<String>;

    /// How the command was called.
    fn called(&mut self, line: &CommandLine);

    /// A process begins.
    fn started(&mut self, start: &StartRecord);

    /// A process has written something to stdout or stderr.
    fn wrote(&mut self, process: u64, to: Stdio, bytes: Vec<u8>);

    /// A process has asked something and has been answered, or has been handed something.
    /// Not told unless every command is to be told.
    fn asked(&mut self, process: &str, fuel: u64, asked: &str, answer: &str);
}

/// A program, as it is played.
pub trait Role {
    /// A process of it, which does the same as the recorded one where it is given the same.
    ///
    /// # Errors
    ///
    /// If what it begins with does not fit.
    fn start(&self, start: Start) -> Result<Box<dyn Process>, Error>;

    /// The same program, of which processes know the functions that they are in.
    ///
    /// # Errors
    ///
    /// With why there is none.
    fn watched(&self) -> Result<Box<dyn Role>, String> {
        Err("what it is in is not known of it".to_owned())
    }

    /// The most fuel that a step of it can be given.
    fn max_slice(&self) -> u64 {
        u64::MAX
    }
}

impl Role for LinkedComponent {
    fn start(&self, start: Start) -> Result<Box<dyn Process>, Error> {
        Ok(Box::new(WasmProcess::start(self, start)?))
    }

    fn watched(&self) -> Result<Box<dyn Role>, String> {
        match LinkedComponent::watched(self) {
            Ok(watched) => Ok(Box::new(watched)),
            Err(error) => Err(error.to_string()),
        }
    }

    fn max_slice(&self) -> u64 {
        LinkedComponent::max_slice(self)
    }
}

/// Why a replay cannot go on.
#[derive(Debug)]
pub enum PlayerError {
    /// The journal cannot be read.
    Journal(JournalError),
    /// It can be read, and this build cannot play it.
    Unfit(String),
    /// A program cannot be had.
    Program(String),
    /// A process does something else than it did.
    Differs(Box<Difference>),
}

impl fmt::Display for PlayerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlayerError::Journal(error) => write!(f, "{error}"),
            PlayerError::Unfit(why) | PlayerError::Program(why) => f.write_str(why),
            PlayerError::Differs(difference) => write!(f, "{difference}"),
        }
    }
}

impl std::error::Error for PlayerError {}

impl From<JournalError> for PlayerError {
    fn from(error: JournalError) -> PlayerError {
        PlayerError::Journal(error)
    }
}

impl From<Box<Difference>> for PlayerError {
    fn from(difference: Box<Difference>) -> PlayerError {
        PlayerError::Differs(difference)
    }
}

/// Plays a journal.
pub struct Player<R, S> {
    journal: JournalReader<R>,
    stage: S,
    stop: Stop,
    header: Header,
    programs: HashMap<u64, (String, Box<dyn Role>, bool)>,
    actors: BTreeMap<u64, Actor>,
    stopped: Stopped,
    /// A record that has been read and not played.
    next: Option<Record>,
    /// It is in the middle of a step.
    entered: bool,
    /// The process that has made the last step.
    last: Option<u64>,
}

impl<R: io::Read, S: Stage> Player<R, S> {
    /// Plays the journal that begins here.
    ///
    /// # Errors
    ///
    /// If it is none, or one of a build with another engine.
    pub fn new(from: R, stage: S, stop: Stop) -> Result<Player<R, S>, PlayerError> {
        let mut journal = JournalReader::new(from)?;
        let header = match journal.next()? {
            Some(Record::Header(header)) => header,
            Some(_) => return Err(unfit("its first record says nothing of who wrote it")),
            None => return Err(unfit("it holds nothing: the run was killed before it began")),
        };
        let known = FUEL_VERSION;
        if header.fuel_version != known {
            let (product, version) = (&header.product, header.fuel_version);
            return Err(PlayerError::Unfit(format!(
                "wippy {product} has written it, whose fuel is of version {version}; this one has \
                 {known}, so that the same work takes another amount"
            )));
        }
        let stopped = Stopped {
            fuel: 0,
            processes: 0,
            steps: 0,
            commands: 0,
            front: None,
            finished: None,
            redacted: header.redacted.clone(),
            flight: header.flight,
            at: None,
        };
        let (programs, actors) = (HashMap::new(), BTreeMap::new());
        let (next, last) = (None, None);
        Ok(Player {
            journal,
            stage,
            stop,
            header,
            programs,
            actors,
            stopped,
            next,
            entered: false,
            last,
        })
    }

    /// Plays to the end, or to where it is to stop, and gives the stage back.
    ///
    /// # Errors
    ///
    /// If the journal cannot be read on, a program cannot be had, or a process does
    /// something else.
    pub fn play(mut self) -> (S, Result<Stopped, PlayerError>) {
        let played = self.play_on();
        for actor in self.actors.values_mut() {
            if actor.front && self.stopped.front.is_none() {
                self.stopped.front = front(actor);
            }
        }
        (self.stage, played.map(|()| self.stopped))
    }

    fn play_on(&mut self) -> Result<(), PlayerError> {
        let goal = self.stop.until.map_or(Goal::End, Goal::Fuel);
        loop {
            match self.advance(goal)? {
                Advanced::Played => {}
                Advanced::Within => {
                    self.enter(goal)?;
                    break;
                }
                Advanced::There => break,
                Advanced::Ended if self.stop.until.is_some() => break,
                Advanced::Ended => return Ok(()),
            }
        }
        self.stopped.at = Some(self.look());
        Ok(())
    }

    /// Plays one record on, unless the goal is reached, or lies within the step that is
    /// next.
    ///
    /// # Errors
    ///
    /// As for [`Player::play`].
    pub fn advance(&mut self, goal: Goal) -> Result<Advanced, PlayerError> {
        let (fuel, commands) = (self.stopped.fuel, self.stopped.commands);
        let is_there = match goal {
            Goal::Fuel(goal) | Goal::Before(goal) => fuel >= goal,
            Goal::Commands(goal) => commands >= goal,
            Goal::End => false,
        };
        if is_there {
            return Ok(Advanced::There);
        }
        let Some(record) = self.peek()? else { return Ok(Advanced::Ended) };
        let (asked, within) = match record {
            Record::Step(step) => {
                let asked = asked(step);
                let within = match goal {
                    Goal::Fuel(goal) | Goal::Before(goal) => {
                        step.fuel_used > goal.saturating_sub(fuel)
                    }
                    Goal::Commands(goal) => goal.saturating_sub(commands) <= asked.within,
                    Goal::End => false,
                };
                (asked, within)
            }
            Record::Header(_)
            | Record::Command(_)
            | Record::Program(_)
            | Record::Start(_)
            | Record::State(_)
            | Record::End(_)
            | Record::Finished(_) => (Asks::default(), false),
        };
        if within {
            return Ok(Advanced::Within);
        }
        let Some(record) = self.next.take() else { return Ok(Advanced::Ended) };
        self.record(record)?;
        let all = asked.within.saturating_add(asked.at_end);
        self.stopped.commands = self.stopped.commands.saturating_add(all);
        Ok(Advanced::Played)
    }

    /// Goes into the step that is next, up to a goal that lies within. What the process
    /// does from here on is not what it did: nothing can be played afterwards.
    ///
    /// # Errors
    ///
    /// As for [`Player::play`].
    pub fn enter(&mut self, goal: Goal) -> Result<(), PlayerError> {
        self.peek()?;
        let Some(Record::Step(step)) = self.next.take() else {
            return Err(unfit("what is next is no step"));
        };
        self.entered = true;
        let (log, process, max_slice) = (self.stop.log, step.process, self.header.max_slice);
        let (fuel, commands) = (self.stopped.fuel, self.stopped.commands);
        let actor = self.actor(process)?;
        let before = actor.fuel;
        let done = match goal {
            Goal::Fuel(until) => {
                let left = until.saturating_sub(fuel).max(1);
                actor.part(*step, left, max_slice, true)
            }
            Goal::Before(until) => {
                actor.part(*step, until.saturating_sub(fuel).max(1), max_slice, false)
            }
            Goal::Commands(count) => {
                let count = count.saturating_sub(commands);
                actor.up_to(*step, count, max_slice)
            }
            Goal::End => actor.step(*step, max_slice),
        };
        let (used, asked) = (actor.fuel.saturating_sub(before), actor.asked());
        self.stopped.fuel = fuel.saturating_add(used);
        self.stopped.commands = commands.saturating_add(asked);
        self.stopped.steps = self.stopped.steps.saturating_add(1);
        self.last = Some(process);
        self.tell(process, log);
        Ok(done?)
    }

    /// The next record, which stays the next.
    fn peek(&mut self) -> Result<Option<&Record>, PlayerError> {
        if self.entered {
            return Err(unfit("it is in the middle of a step, and cannot be played on"));
        }
        if self.next.is_none() {
            self.next = self.journal.next()?;
        }
        Ok(self.next.as_ref())
    }

    /// Fuel that all processes have used so far.
    pub fn fuel(&self) -> u64 {
        self.stopped.fuel
    }

    /// Commands that all processes have asked so far.
    pub fn commands(&self) -> u64 {
        self.stopped.commands
    }

    /// Steps that all processes have made so far.
    pub fn steps(&self) -> u64 {
        self.stopped.steps
    }

    /// The process that has made the last step, if it lives.
    pub fn last(&self) -> Option<&str> {
        Some(&self.actors.get(&self.last?)?.name)
    }

    /// The last command of a process, in words.
    pub fn last_command(&self, process: &str) -> Option<String> {
        self.actors.values().find(|actor| actor.name == process)?.last_command()
    }

    /// Hands each linear memory of a process to `f`; false if there is no such process.
    pub fn memories(&mut self, process: &str, f: &mut dyn FnMut(&[u8])) -> bool {
        let actor = self.actors.values_mut().find(|actor| actor.name == process);
        actor.map(|actor| actor.memories(f)).is_some()
    }

    /// Plays a record.
    fn record(&mut self, record: Record) -> Result<(), PlayerError> {
        if self.stopped.finished.is_some() {
            return Err(unfit("it goes on after its end"));
        }
        match record {
            Record::Header(_) => return Err(unfit("it says twice who wrote it")),
            Record::Command(line) => self.stage.called(&line),
            Record::Program(program) => {
                let got = self.stage.program(&program).map_err(PlayerError::Program)?;
                let (role, changed) = got;
                if role.max_slice() < self.header.max_slice {
                    let (here, there) = (role.max_slice(), self.header.max_slice);
                    return Err(PlayerError::Unfit(format!(
                        "its steps have up to {there} units of fuel, and in this build a step \
                         can have {here}: the interpreter has been built with checks"
                    )));
                }
                self.programs.insert(program.id, (program.name, role, changed));
            }
            Record::Start(start) => self.start(*start)?,
            Record::Step(step) => {
                let (log, process) = (self.stop.log, step.process);
                let max_slice = self.header.max_slice;
                let actor = self.actor(process)?;
                let before = actor.fuel;
                let done = actor.step(*step, max_slice);
                let used = actor.fuel.saturating_sub(before);
                self.stopped.fuel = self.stopped.fuel.saturating_add(used);
                self.stopped.steps = self.stopped.steps.saturating_add(1);
                self.last = Some(process);
                self.tell(process, log);
                done?;
            }
            Record::State(state) => {
                self.actor(state.process)?.compare_state(state.hash)?;
            }
            Record::End(end) => {
                let (log, process) = (self.stop.log, end.process);
                let actor = self.actor(process)?;
                let ended = actor.end(end.fuel, end.error);
                self.tell(process, log);
                ended?;
                if let Some(mut actor) = self.actors.remove(&process)
                    && actor.front
                {
                    self.stopped.front = front(&mut actor);
                }
            }
            Record::Finished(finished) => self.stopped.finished = Some(finished),
        }
        Ok(())
    }

    fn start(&mut self, mut start: StartRecord) -> Result<(), PlayerError> {
        let Some((name, program, changed)) = self.programs.get(&start.program) else {
            return Err(unfit("a process has a program that is not there"));
        };
        if self.actors.contains_key(&start.process) {
            return Err(unfit("a process begins twice"));
        }
        let mut hint = None;
        if let (false, Some(wasi)) = (self.header.redacted.is_empty(), &mut start.data.wasi) {
            let mut missing = Vec::new();
            let mut variables = wasi.env.to_vec();
            for (name, value) in &mut variables {
                if self.header.redacted.contains(name) {
                    match self.stage.variable(name) {
                        Some(given) => *value = given,
                        None => missing.push(name.clone()),
                    }
                }
            }
            wasi.env = variables.into();
            if !missing.is_empty() {
                let missing = missing.join(", ");
                hint = Some(format!("the journal was written without the value of {missing}"));
            }
        }
        self.stage.started(&start);
        let (number, log) = (start.process, self.stop.log);
        let actor = Actor::start(&**program, start, name.clone(), *changed, log, hint);
        let actor = actor.map_err(|error| {
            PlayerError::Program(format!("{name}: it cannot begin as it did: {error}"))
        })?;
        self.actors.insert(number, actor);
        self.stopped.processes = self.stopped.processes.saturating_add(1);
        Ok(())
    }

    fn actor(&mut self, process: u64) -> Result<&mut Actor, PlayerError> {
        let actor = self.actors.get_mut(&process);
        actor.ok_or_else(|| unfit("something is said of a process that is not there"))
    }

    /// Tells the stage what a process has said.
    fn tell(&mut self, process: u64, log: bool) {
        let Some(actor) = self.actors.get_mut(&process) else { return };
        let heard = mem::take(&mut actor.heard);
        for (to, bytes) in heard.written {
            self.stage.wrote(process, to, bytes);
        }
        if log {
            for (asked, answer) in heard.lines {
                self.stage.asked(&actor.name, actor.fuel, &asked, &answer);
            }
        }
    }

    /// The processes as they are.
    pub fn look(&mut self) -> Vec<Still> {
        let still = |actor: &mut Actor| Still {
            process: actor.name.clone(),
            fuel: actor.fuel,
            hash: actor.hash(),
            memory: actor.memory(),
            unread: actor.unread(),
            pending: actor.pending(),
            stack: actor.stack(),
        };
        self.actors.values_mut().map(still).collect()
    }
}

/// How many commands a step asks.
#[derive(Clone, Copy, Debug, Default)]
struct Asks {
    /// Those that are answered within.
    within: u64,
    at_end: u64,
}

fn asked(step: &Step) -> Asks {
    let within = step.inline.iter().filter(|asked| matches!(asked, Asked::Answered(..))).count();
    Asks { within: within as u64, at_end: step.yields.len() as u64 }
}

/// The end of the process in front, if it has ended.
fn front(actor: &mut Actor) -> Option<Front> {
    let (outcome, exited) = match actor.ended.take()? {
        Status::Done(outcome) => (outcome, None),
        Status::Exited(term) => (Ok(None), Some(term)),
        Status::Continue | Status::Blocked | Status::Idle => return None,
    };
    let method = mem::take(&mut actor.method);
    let name = mem::take(&mut actor.role);
    Some(Front { program: actor.program, name, method, outcome, exited })
}

fn unfit(why: &str) -> PlayerError {
    PlayerError::Unfit(why.to_owned())
}
