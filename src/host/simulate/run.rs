//! A scenario, and one run of it.

use std::{
    collections::{BTreeSet, HashSet},
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use super::{
    choices::{Choice, Choices, Deviation},
    copy::Copies,
    failure::{Cause, Checks, Failure},
    files::Disk,
    http::Servers,
    simulator::Simulator,
    state::{Line, State},
};
use crate::{
    command::{ErrorKind, ProcessError},
    host::{
        Ended, HostOptions, Info, Node, Programs, ProjectPrograms, Recorder, SpawnContext, Started,
        Supervisor, Trace,
        node::{executor::Executor, program::Program},
    },
    registry::{EntryKind, Id, Project},
    value::Term,
    world::Streams,
};

/// The host of the scenario, if the project has no terminal.
const HOST: &str = "simulate";

/// Bytes of memory that all processes of a run may have together.
const MEMORY: u64 = 512 << 20;

/// Turns that processes have to end in when a run is over.
const LAST_TURNS: u32 = 1 << 20;

/// How a scenario is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The choices that may go wrong.
    pub faults: BTreeSet<Choice>,
    /// Work after which a run has failed: fuel, 1000 more for each step, and 20 000 for
    /// each process. When half of it is done, nothing goes wrong any more.
    pub work: u64,
    /// The time after which a run has failed, on its own clock. After a tenth of it
    /// nothing goes wrong any more.
    pub time: Duration,
}

impl Default for Options {
    /// All faults, 100 million units of work, and one hour.
    fn default() -> Options {
        Options { faults: Choice::faults(), work: 100_000_000, time: Duration::from_secs(3600) }
    }
}

/// Starts the process of the scenario.
type Start = dyn Fn(SpawnContext) -> Result<Started, ProcessError> + Send + Sync;

/// A scenario: a process entry of a project, and the services that run beside it.
#[derive(Clone)]
pub struct Simulation {
    programs: ProjectPrograms,
    scenario: String,
    start: Arc<Start>,
    copies: Arc<Copies>,
    /// Programs and hosts that the project does not have.
    more: Option<Arc<More>>,
    /// How it is run.
    pub options: Options,
}

/// The programs of a project, and others.
struct More {
    own: ProjectPrograms,
    programs: Box<dyn Programs>,
    hosts: Vec<(String, HostOptions)>,
}

impl Programs for Arc<More> {
    fn ready(&self, entry: &str) -> Option<Arc<dyn Program>> {
        self.own.ready(entry).or_else(|| self.programs.ready(entry))
    }

    fn load(&self, entry: &str) -> Result<Arc<dyn Program>, ProcessError> {
        self.programs.load(entry).or_else(|_| self.own.load(entry))
    }
}

/// How a run has gone.
#[derive(Clone, Debug)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// The value of the scenario, or why the run has failed.
    pub result: Result<Term, Failure>,
    /// The output of the scenario.
    pub output: String,
    /// The claims of programs about themselves.
    pub checks: Checks,
    /// The time that it took, on its own clock.
    pub time: Duration,
    /// Fuel of all processes.
    pub fuel: u64,
    /// Steps of all processes.
    pub steps: u64,
    /// The deviations from the plain run.
    pub deviations: Vec<Deviation>,
    /// A hash of all that happened: two runs with the same one were the same.
    pub hash: u64,
    /// The events of the run, if somebody wanted to know.
    pub lines: Vec<Line>,
    pub(super) covered: HashSet<u64>,
    files: Files,
}

/// The files that a run has left.
#[derive(Clone)]
struct Files(Disk);

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Files")
    }
}

/// The parts of a run that are written down.
#[derive(Default)]
pub struct Written {
    /// A journal for `wippy replay`.
    pub recorder: Option<Arc<Recorder>>,
    /// A trace.
    pub trace: Option<Arc<Trace>>,
    /// The events, as lines.
    pub lines: bool,
}

/// Why a run could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl Simulation {
    /// The scenario of a process entry, with these arguments.
    ///
    /// # Errors
    ///
    /// If there is no such process, or its program cannot be loaded.
    pub fn new(
        programs: ProjectPrograms,
        scenario: &Id,
        args: Vec<Term>,
    ) -> Result<Simulation, ProcessError> {
        let program = program(&programs, scenario)?;
        let start = move |context: SpawnContext| program.start(args.clone(), context);
        Ok(Simulation::of(programs, scenario, start))
    }

    /// The scenario that a process of this entry makes, started in this way.
    pub fn of(
        programs: ProjectPrograms,
        scenario: &Id,
        start: impl Fn(SpawnContext) -> Result<Started, ProcessError> + Send + Sync + 'static,
    ) -> Simulation {
        Simulation {
            programs,
            scenario: scenario.to_string(),
            start: Arc::new(start),
            copies: Arc::default(),
            more: None,
            options: Options::default(),
        }
    }

    /// The same, with programs and hosts that the project does not have.
    pub fn with(
        self,
        programs: impl Programs + 'static,
        hosts: Vec<(String, HostOptions)>,
    ) -> Simulation {
        let own = self.programs.clone();
        let more = Some(Arc::new(More { own, programs: Box::new(programs), hosts }));
        Simulation { more, ..self }
    }

    /// The project.
    pub fn project(&self) -> &Project {
        self.programs.project()
    }

    /// Entries whose files are not served in a simulation.
    pub fn left_out(&self) -> Vec<Id> {
        let all = self.project().entries();
        let files = all.filter(|entry| matches!(entry.kind, EntryKind::HttpStatic(_)));
        files.map(|entry| entry.id.clone()).collect()
    }

    /// Runs a seed.
    ///
    /// # Errors
    ///
    /// If the run cannot be made at all, whatever the seed.
    pub fn run(&self, seed: u64) -> Result<Run, Refused> {
        self.play(seed, Choices::of_seed(seed, &self.options.faults), Written::default())
    }

    /// Runs a seed, and writes it down.
    ///
    /// # Errors
    ///
    /// As for [`Simulation::run`].
    pub fn run_and_write(&self, seed: u64, written: Written) -> Result<Run, Refused> {
        self.play(seed, Choices::of_seed(seed, &self.options.faults), written)
    }

    /// Runs what differs from the plain run in these only. `seed` is for random numbers.
    ///
    /// # Errors
    ///
    /// As for [`Simulation::run`].
    pub fn run_script(
        &self,
        seed: u64,
        script: &[Deviation],
        written: Written,
    ) -> Result<Run, Refused> {
        self.play(seed, Choices::of_script(script), written)
    }

    fn play(&self, seed: u64, choices: Choices, written: Written) -> Result<Run, Refused> {
        let disk = Disk::new(self.copies.clone());
        let simulator = Simulator::new(seed, choices, disk.clone(), written.lines);
        let stage = simulator.stage();
        let node = match &self.more {
            None => Node::staged(self.programs.clone(), MEMORY, stage),
            Some(more) => Node::staged(more.clone(), MEMORY, stage),
        };
        let result = self.play_on(&node, &simulator, written);
        // What is left of the processes refers to the simulator, and it to them.
        simulator.clear();
        let ending = result?;
        let state = &mut *simulator.state();
        if let Some(why) = state.refused.take() {
            return Err(Refused(why));
        }
        Ok(Run {
            seed,
            result: match (state.failure.take(), ending) {
                (Some(failure), _) | (None, Err(failure)) => Err(failure),
                (None, Ok(value)) => Ok(value),
            },
            output: String::from_utf8_lossy(&state.output).into_owned(),
            checks: std::mem::take(&mut state.checks),
            time: Duration::from_nanos(state.now),
            fuel: state.fuel,
            steps: state.steps,
            deviations: std::mem::take(&mut state.choices.taken),
            hash: state.digest(),
            lines: state.take_lines(),
            covered: state.take_covered(),
            files: Files(disk),
        })
    }

    fn play_on(
        &self,
        node: &Node,
        simulator: &Simulator,
        written: Written,
    ) -> Result<Result<Term, Failure>, Refused> {
        let mut hosts = self.programs.hosts();
        if let Some(more) = &self.more {
            hosts.extend(more.hosts.iter().cloned());
        }
        let terminal = self.project().hosts().ok().map(|hosts| hosts.terminal.0.to_string());
        let host = terminal.unwrap_or_else(|| {
            hosts.push((HOST.to_owned(), HostOptions::for_one()));
            HOST.to_owned()
        });
        for (id, options) in hosts {
            let max_memory = Some(options.max_memory.unwrap_or(MEMORY).min(MEMORY));
            let options = HostOptions { max_memory, ..options };
            node.add_host(&id, options).map_err(|error| Refused(error.to_string()))?;
        }
        if let Some(recorder) = written.recorder {
            node.set_recorder(recorder);
        }
        if let Some(trace) = written.trace {
            node.set_trace(trace);
        }
        let supervisor = Supervisor::new(node.clone(), self.project());
        let servers = Executor::Staged(simulator.stage());
        let servers = Servers::new(node.clone(), self.project(), servers, simulator.wire().clone());
        simulator.set_servers(servers);
        let ended = Arc::<OnceLock<Result<Arc<Ended>, ProcessError>>>::default();
        let executor = Executor::Staged(simulator.stage());
        {
            let (this, node, simulator) = (self.clone(), node.clone(), simulator.clone());
            let (supervisor, ended) = (supervisor.clone(), ended.clone());
            executor.spawn("the scenario", async move {
                supervisor.start();
                supervisor.started().await;
                let _ = ended.set(this.front(&node, &simulator, &host).await);
            });
        }
        let stopped = self.drive(simulator, || ended.get().is_some());
        let ending = match (ended.get(), stopped) {
            (Some(Err(fault)), _) => Err(Refused(format!("{}: {}", self.scenario, fault.message))),
            (Some(Ok(ended)), _) => Ok(self.judge(simulator, ended)),
            (None, stopped) => Ok(Err(self.stuck(node, simulator, stopped))),
        };
        wind_down(node, simulator, &executor, supervisor);
        ending
    }

    /// Starts the process of the scenario, and waits for its end.
    async fn front(
        &self,
        node: &Node,
        simulator: &Simulator,
        host: &str,
    ) -> Result<Arc<Ended>, ProcessError> {
        let handle = node.launch(host, &self.scenario, Some(Streams::default()), |context| {
            simulator.state().scenario = context.serial();
            (self.start)(context)
        })?;
        let lost = || ProcessError::new(ErrorKind::Internal, "the process was lost");
        handle.ended().await.ok_or_else(lost)
    }

    /// Gives turns until it is done, or cannot go on.
    fn drive(&self, simulator: &Simulator, done: impl Fn() -> bool) -> Stopped {
        let time = u64::try_from(self.options.time.as_nanos()).unwrap_or(u64::MAX);
        loop {
            if done() {
                return Stopped::Done;
            }
            {
                let mut state = simulator.state();
                if state.failure.is_some() || state.refused.is_some() {
                    return Stopped::Failed;
                }
                if state.work > self.options.work {
                    return Stopped::Work;
                }
                if state.now > time {
                    return Stopped::Time;
                }
                if !state.is_calm() && (state.work > self.options.work / 2 || state.now > time / 10)
                {
                    state.choices.calm();
                    state.tell(None, || "from here on nothing goes wrong".to_owned());
                }
            }
            if !simulator.turn() {
                return Stopped::Stuck;
            }
        }
    }

    /// The failure that the end of the scenario is, if it is one.
    fn judge(&self, simulator: &Simulator, ended: &Ended) -> Result<Term, Failure> {
        let state = simulator.state();
        if let Some(failure) = &state.failure {
            return Err(failure.clone());
        }
        let fault = match &*ended.ending {
            Ok(value) => return Ok(value.clone()),
            Err(fault) => fault,
        };
        Err(Failure {
            cause: Cause::Outcome {
                kind: fault.kind.name().to_owned(),
                message: fault.message.clone(),
            },
            process: self.name(&state),
            time: Duration::from_nanos(state.now),
            fuel: ended.fuel_used,
            step: state.steps,
        })
    }

    /// Why a scenario that has not ended has failed.
    fn stuck(&self, node: &Node, simulator: &Simulator, stopped: Stopped) -> Failure {
        let processes = node.processes();
        let state = simulator.state();
        if let Some(failure) = &state.failure {
            return failure.clone();
        }
        let own = format!("{} #{}", self.scenario, state.scenario);
        let number = |info: &Info| info.pid.as_str().rsplit('.').next().map(str::to_owned);
        let name = |info: &Info| format!("{} #{}", info.entry, number(info).unwrap_or_default());
        let fuel = processes.iter().find(|info| name(info) == own).map_or(0, |info| info.fuel);
        Failure {
            cause: match stopped {
                Stopped::Work => Cause::Livelock { limit: self.options.work },
                Stopped::Time => Cause::Unsettled { limit: self.options.time },
                Stopped::Done | Stopped::Failed | Stopped::Stuck => {
                    Cause::Deadlock { waiting: processes.iter().map(name).collect() }
                }
            },
            process: self.name(&state),
            time: Duration::from_nanos(state.now),
            fuel,
            step: state.steps,
        }
    }

    /// The process of the scenario, for people.
    fn name(&self, state: &State) -> String {
        format!("{} #{}", self.scenario, state.scenario)
    }
}

/// Why no more turns are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopped {
    Done,
    Failed,
    Stuck,
    Work,
    Time,
}

/// Ends all that is left, which is not part of the run any more.
fn wind_down(node: &Node, simulator: &Simulator, executor: &Executor, supervisor: Supervisor) {
    {
        let mut state = simulator.state();
        state.over = true;
        state.choices.over();
    }
    let stopped = Arc::<OnceLock<()>>::default();
    let tell = stopped.clone();
    executor.spawn("the end", async move {
        supervisor.stop().await;
        let _ = tell.set(());
    });
    node.terminate_all();
    for _ in 0..LAST_TURNS {
        let over = node.is_empty() && stopped.get().is_some();
        if !simulator.turn() || over && !simulator.is_busy() {
            return;
        }
    }
}

/// The program of a process entry.
fn program(programs: &ProjectPrograms, id: &Id) -> Result<Arc<dyn Program>, ProcessError> {
    let entry = id.to_string();
    programs.ready(&entry).map_or_else(|| programs.load(&entry), Ok)
}

impl Run {
    /// Why it has failed, if it has.
    pub fn failure(&self) -> Option<&Failure> {
        self.result.as_ref().err()
    }

    /// The contents of a file below a directory that a process was given, as the run has
    /// left them. `simulation` is the one that was run.
    pub fn file(&self, simulation: &Simulation, fs: &Id, path: &str) -> Option<Vec<u8>> {
        let directory = simulation.project().directory(fs)?.ok()?;
        self.files.0.contents(&directory, path)
    }
}
