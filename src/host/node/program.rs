//! What a node is made of, as its users see it: options of hosts, programs, what
//! a new process is given, what is known of a live one.

use std::{any::Any, fmt, sync::Arc, time::Duration};

use super::{
    actor::Actor,
    dispatcher::{NodeDispatcher, World},
    ended::Ended,
    recorder::Recorder,
    stage::StagedWorld,
    vitals::ProcessState,
    watch::Watched,
};
use crate::{
    account::Account,
    command::{Context, ErrorKind, Pid, ProcessError},
    process::{DEFAULT_SLICE, Fuel, Identity, Process},
    registry::{Pool, ProcessHost, Project, Retry},
    value::{Term, Type},
    world::{Incoming, Streams, SystemDispatcher},
};

/// The time that a process has to end after a cancel, unless who cancels says
/// otherwise.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How a host runs its processes.
#[derive(Clone, Copy, Debug)]
pub struct HostOptions {
    /// Threads; one for each processor of the machine if there is no number.
    pub workers: Option<usize>,
    /// Mails that a process may leave unread before senders are refused.
    pub queue_size: usize,
    /// Bytes that these may have together. One mail alone may have more.
    pub queue_bytes: usize,
    /// Processes that live at a time.
    pub max_processes: usize,
    /// Bytes that all its processes may hold together, with what the host holds for
    /// them. If there is no number, the host shares three quarters of the machine's
    /// memory with all others that have none.
    pub max_memory: Option<u64>,
    /// Fuel that a step may burn.
    pub slice: Fuel,
}

impl HostOptions {
    /// Those of a host that runs exactly one process.
    pub fn for_one() -> HostOptions {
        HostOptions { workers: Some(1), max_processes: 1, ..HostOptions::default() }
    }
}

impl From<&ProcessHost> for HostOptions {
    /// The options of an entry, and otherwise the defaults.
    fn from(host: &ProcessHost) -> HostOptions {
        let default = HostOptions::default();
        let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        HostOptions {
            workers: host.workers.map(size),
            queue_size: size(host.queue_size),
            queue_bytes: host.queue_bytes.map_or(default.queue_bytes, size),
            max_processes: host.max_processes.map_or(default.max_processes, size),
            max_memory: host.max_memory,
            ..default
        }
    }
}

impl Default for HostOptions {
    /// 1024 mails of 64 MiB, and 2^18 processes.
    fn default() -> HostOptions {
        HostOptions {
            workers: None,
            queue_size: 1024,
            queue_bytes: 64 << 20,
            max_processes: 1 << 18,
            max_memory: None,
            slice: DEFAULT_SLICE,
        }
    }
}

/// Where the programs of processes come from.
pub trait Programs: Send + Sync {
    /// The program of an entry, if it can be had without waiting.
    fn ready(&self, entry: &str) -> Option<Arc<dyn Program>>;

    /// The program of an entry. May read files and take its time.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if there is no such entry, and others if it cannot be
    /// run.
    fn load(&self, entry: &str) -> Result<Arc<dyn Program>, ProcessError>;

    /// The project that they belong to, if they do.
    fn project(&self) -> Option<&Project> {
        None
    }
}

/// No programs: nothing can be spawned by its entry.
impl Programs for () {
    fn ready(&self, _: &str) -> Option<Arc<dyn Program>> {
        None
    }

    fn load(&self, entry: &str) -> Result<Arc<dyn Program>, ProcessError> {
        Err(ProcessError::new(ErrorKind::NotFound, format!("there is no entry {entry}")))
    }
}

/// Makes processes.
pub trait Program: Send + Sync {
    /// A process, initialized with these arguments.
    ///
    /// # Errors
    ///
    /// If the arguments do not fit, or the process cannot be given what it is to
    /// have.
    fn start(&self, args: Vec<Term>, context: SpawnContext) -> Result<Started, ProcessError>;

    /// How it answers requests from outside.
    fn answering(&self) -> Answering {
        Answering::Not
    }

    /// How calls of it are made, if it is a function.
    fn calls(&self) -> Option<(Pool, Option<Retry>)> {
        None
    }

    /// The host that it runs on when it is called.
    fn default_host(&self) -> Option<String> {
        None
    }
}

/// How a program answers requests from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answering {
    /// It does not.
    #[default]
    Not,
    /// By a function that is given the whole body and returns the whole answer.
    Whole(BodyParam),
    /// By `wasi:http/incoming-handler`, piece by piece.
    Streaming,
    /// By a program that finds the request in its context, and returns the answer.
    Described,
}

/// What a function that answers requests takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyParam {
    /// Nothing: a body is passed over.
    None,
    /// The body as text; empty if there is no body.
    Text,
    /// The body as text, if there is one.
    OptionalText,
    /// The body as bytes.
    Bytes,
}

/// A request for the process that answers it piece by piece.
pub(in crate::host) enum Request {
    /// From outside.
    Received(Incoming),
    /// On a stage, which knows what it is.
    Staged(Box<dyn Any + Send>),
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Request::Received(received) => f.debug_tuple("Request").field(&received.head).finish(),
            Request::Staged(_) => f.write_str("Request"),
        }
    }
}

/// All that a new process is given by its host.
#[derive(Debug)]
pub struct SpawnContext {
    /// Who it is.
    pub identity: Identity,
    /// Its standard streams.
    pub streams: Streams,
    /// Who answers for it.
    pub(in crate::host) actor: Actor,
    /// The request that it is started for.
    pub(in crate::host) request: Option<Request>,
}

impl SpawnContext {
    /// The account of the process, with this limit, under that of its host. To be
    /// asked for once; all that is held for the process goes on it.
    pub fn account(&self, max_memory: u64) -> Account {
        let host = &self.actor.slot.host;
        self.actor.slot.mailbox.account.get_or_init(|| host.account.process(max_memory)).clone()
    }

    /// Who writes down what the process does, if somebody does.
    pub(in crate::host) fn recorder(&self) -> Option<Arc<Recorder>> {
        self.actor.node.0.recorder.get().cloned()
    }

    /// What it is handed on, beside its arguments.
    pub fn context(&self) -> Context {
        self.actor.slot.context.values()
    }

    /// The number of the process on its node.
    pub(in crate::host) fn serial(&self) -> u64 {
        self.actor.slot.serial
    }

    /// Its host runs no other process beside it.
    pub fn is_alone(&self) -> bool {
        self.actor.slot.host.options.max_processes == 1
    }

    /// The dispatcher that answers the commands of the process, those to its host among them.
    pub fn answers(&self, world: SystemDispatcher) -> NodeDispatcher {
        self.answers_of(World::System(world))
    }

    /// The dispatcher of a process that was made in Rust: with its streams on the machine, or
    /// of a simulation, where the process is.
    pub fn own_answers(&mut self) -> NodeDispatcher {
        match self.staged() {
            Some(world) => self.answers_of(World::Staged(world)),
            None => {
                let streams = std::mem::take(&mut self.streams);
                self.answers(SystemDispatcher::new(streams))
            }
        }
    }

    pub(in crate::host) fn answers_of(&self, world: World) -> NodeDispatcher {
        NodeDispatcher::new(world, self.actor.clone())
    }

    /// The world of the process, if it is not the machine's.
    pub(in crate::host) fn staged(&self) -> Option<Arc<dyn StagedWorld>> {
        Some(self.actor.node.0.stage.as_ref()?.world(&self.actor.slot))
    }
}

/// A process that can be stepped.
pub struct Started {
    /// The process.
    pub process: Box<dyn Process>,
    /// Answers its commands.
    pub answers: NodeDispatcher,
    /// The type of the value that it ends with.
    pub result: Option<Type>,
    /// How long it may run.
    pub max_execution: Option<Duration>,
}

/// A process that somebody outside has started.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(in crate::host) pid: Pid,
    pub(in crate::host) watched: Watched,
}

impl Handle {
    /// Its pid.
    pub fn pid(&self) -> &Pid {
        &self.pid
    }

    /// Waits for its end. Nothing if its host has been dropped before.
    pub async fn ended(&self) -> Option<Arc<Ended>> {
        self.watched.ended().await
    }
}

/// A live process, as others see it.
#[derive(Clone, Debug)]
pub struct Info {
    /// Its pid.
    pub pid: Pid,
    /// The id of its entry.
    pub entry: Arc<str>,
    /// Its state.
    pub state: ProcessState,
    /// Fuel that it has used.
    pub fuel: u64,
    /// Steps that it has made.
    pub steps: u64,
    /// Bytes of its memory.
    pub memory: u64,
    /// Bytes that are held for it, its memory among them.
    pub held: u64,
    /// Mails that it has not taken.
    pub mailbox: usize,
    /// Time since it was started.
    pub age: Duration,
}
