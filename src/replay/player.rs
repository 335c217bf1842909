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
        CommandLine, Finished, FlightHeader, Header, JournalError, JournalReader, ProgramRecord,
        Record, StartRecord,
    },
};
use crate::{
    command::Stdio,
    component::{FUEL_VERSION, LinkedComponent},
    process::{Error, Outcome, Process, Start, Status, WasmProcess},
    value::Term,
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

    /// The most fuel that a step of it can be given.
    fn max_slice(&self) -> u64 {
        u64::MAX
    }
}

impl Role for LinkedComponent {
    fn start(&self, start: Start) -> Result<Box<dyn Process>, Error> {
        Ok(Box::new(WasmProcess::start(self, start)?))
    }

    fn max_slice(&self) -> u64 {
        LinkedComponent::max_slice(self)
    }
}

/// Where a replay is to stop.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stop {
    /// When all processes together have used so much fuel.
    pub until: Option<u64>,
    /// Tell every command.
    pub log: bool,
}

/// How a replay has ended.
#[derive(Debug)]
pub struct Stopped {
    /// Fuel of all processes.
    pub fuel: u64,
    /// How many processes there were.
    pub processes: u64,
    /// How many steps they made.
    pub steps: u64,
    /// The process whose result is the command's.
    pub front: Option<Front>,
    /// The end of the run; nothing if the journal ends before.
    pub finished: Option<Finished>,
    /// Variables whose values were left out of the journal.
    pub redacted: Vec<String>,
    /// The contents of a flight recorder, if it is one's.
    pub flight: Option<FlightHeader>,
    /// The processes as they are where the replay was to stop.
    pub at: Option<Vec<Still>>,
}

/// The end of the process in front.
#[derive(Debug)]
pub struct Front {
    /// The number of its program.
    pub program: u64,
    /// The name of its program.
    pub name: String,
    /// The function that was called.
    pub method: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What it ended itself with.
    pub exited: Option<Term>,
}

/// A process where a replay was to stop.
#[derive(Clone, Debug)]
pub struct Still {
    /// Its pid, or the name of its program.
    pub process: String,
    /// Fuel that it has used.
    pub fuel: u64,
    /// The hash of all that it is.
    pub hash: u64,
    /// Bytes of its memory.
    pub memory: u64,
    /// Mail that it has not taken.
    pub unread: usize,
    /// What it waits for.
    pub pending: Vec<String>,
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
            front: None,
            finished: None,
            redacted: header.redacted.clone(),
            flight: header.flight,
            at: None,
        };
        let (programs, actors) = (HashMap::new(), BTreeMap::new());
        Ok(Player { journal, stage, stop, header, programs, actors, stopped })
    }

    /// Plays to the end, or to where it is to stop, and gives the stage back.
    ///
    /// # Errors
    ///
    /// If the journal cannot be read on, a program cannot be had, or a process does
    /// something else.
    pub fn play(mut self) -> (S, Result<Stopped, PlayerError>) {
        let played = self.records();
        for actor in self.actors.values_mut() {
            if actor.front && self.stopped.front.is_none() {
                self.stopped.front = front(actor);
            }
        }
        (self.stage, played.map(|()| self.stopped))
    }

    fn records(&mut self) -> Result<(), PlayerError> {
        while let Some(record) = self.journal.next()? {
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
                    let left = match self.stop.until {
                        Some(until) => until.saturating_sub(self.stopped.fuel),
                        None => u64::MAX,
                    };
                    let (log, process) = (self.stop.log, step.process);
                    let max_slice = self.header.max_slice;
                    let actor = self.actor(process)?;
                    let before = actor.fuel;
                    let done = if step.fuel_used > left {
                        actor.part(*step, left.max(1), max_slice).map(|()| true)
                    } else {
                        actor.step(*step, max_slice).map(|()| left == 0)
                    };
                    let used = actor.fuel.saturating_sub(before);
                    self.stopped.fuel = self.stopped.fuel.saturating_add(used);
                    self.stopped.steps = self.stopped.steps.saturating_add(1);
                    self.tell(process, log);
                    if done? {
                        self.look();
                        return Ok(());
                    }
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
        }
        if self.stop.until.is_some() {
            self.look();
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

    /// Notes the processes as they are.
    fn look(&mut self) {
        let still = |actor: &mut Actor| Still {
            process: actor.name.clone(),
            fuel: actor.fuel,
            hash: actor.hash(),
            memory: actor.memory(),
            unread: actor.unread(),
            pending: actor.pending(),
        };
        self.stopped.at = Some(self.actors.values_mut().map(still).collect());
    }
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
