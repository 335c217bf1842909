//! A node: all hosts of one runtime, and the processes that live on them.
//!
//! A [`Node`] starts processes, keeps the table that pids and names are looked up
//! in, and tells processes of each other's ends. What a process may ask of it is
//! in `dispatcher`, how a process is run in `run`.
//!
//! Pids look like `app:processes|4mz0k2v9.17`: the host, what tells this node
//! from all others, and the number of the process.

pub(super) mod actor;
mod arrows;
mod aside;
mod calls;
pub(super) mod chores;
pub(super) mod context;
pub(super) mod dispatcher;
pub(super) mod ended;
pub(super) mod executor;
mod farewell;
mod flight;
mod heap;
pub(super) mod host;
pub(super) mod large;
mod links;
pub(super) mod machine;
pub(super) mod mailbox;
pub(super) mod pages;
pub(super) mod panics;
mod pids;
mod pieces;
mod pool;
pub(super) mod program;
mod project;
pub(super) mod recorder;
pub(super) mod run;
pub(super) mod send;
pub(super) mod stage;
mod sweep;
pub(super) mod table;
pub(super) mod trace;
pub(super) mod turns;
pub(super) mod vitals;
pub(super) mod watch;
pub(super) mod workers;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    fmt, io,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, RwLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use self::{
    actor::Actor,
    calls::{Held, Pools},
    context::Handed,
    executor::Executor,
    farewell::run,
    host::{HostInner, Place},
    machine::memory_share,
    pids::{epoch, serial},
    program::{Handle, HostOptions, Info, Program, Programs, SpawnContext, Started},
    project::Variables,
    recorder::Recorder,
    send::shown,
    stage::{Clock, Stage},
    sweep::sweep_when_asked,
    table::{Closed, ProcessSlot, ProcessTable},
    trace::Trace,
    watch::{Watcher, watch},
    workers::Workers,
};
use crate::{
    account::Account,
    command::{ErrorKind, Pid, ProcessError},
    lock::{held, lock},
    process::{Error, Identity},
    registry::listed,
    value::Term,
    world::Streams,
};
use async_channel::{Receiver, Sender};

/// All hosts and processes of one runtime. A clone is the same node.
#[derive(Clone)]
pub struct Node(pub(super) Arc<Inner>);

pub(super) struct Inner {
    epoch: String,
    next: AtomicU64,
    hosts: RwLock<BTreeMap<String, Arc<HostInner>>>,
    pub table: ProcessTable,
    /// The account over all hosts that have no limit of their own.
    machine: Account,
    pub names: Mutex<HashMap<Arc<str>, Arc<ProcessSlot>>>,
    pub programs: Box<dyn Programs>,
    pools: Pools,
    variables: Variables,
    pub trace: OnceLock<Arc<Trace>>,
    pub recorder: OnceLock<Arc<Recorder>>,
    /// Takes the place of the machine, in a simulation.
    pub stage: Option<Arc<dyn Stage>>,
    /// No more processes are started. See the table, which is closed as well.
    closing: AtomicBool,
    /// Says that a process has ended, to whoever waits for the last.
    ended: (Sender<()>, Receiver<()>),
}

/// Links that are there before the first step.
#[derive(Debug, Default)]
pub(super) struct FirstLinks {
    pub monitor: Option<Arc<ProcessSlot>>,
    pub link: Option<Arc<ProcessSlot>>,
    pub watcher: Option<Watcher>,
    /// What it is handed on, beside its arguments.
    pub context: Handed,
    /// It is a call: a `result` that its function returns is a value.
    pub whole: bool,
    /// The turns of pools that are held until it ends.
    pub held: Held,
    /// Who starts it, if it is a process.
    pub parent: Option<Arc<ProcessSlot>>,
}

impl Node {
    /// A node without hosts.
    pub fn new(programs: impl Programs + 'static) -> Node {
        Node::with(programs, epoch(), memory_share(), None)
    }

    /// A node without hosts on a stage, whose processes may have so much memory.
    pub(super) fn staged(
        programs: impl Programs + 'static,
        memory: u64,
        stage: Arc<dyn Stage>,
    ) -> Node {
        // Pids are the same each time.
        Node::with(programs, "simulate".to_owned(), memory, Some(stage))
    }

    fn with(
        programs: impl Programs + 'static,
        epoch: String,
        memory: u64,
        stage: Option<Arc<dyn Stage>>,
    ) -> Node {
        Node(Arc::new(Inner {
            epoch,
            next: AtomicU64::new(1),
            hosts: RwLock::default(),
            table: ProcessTable::default(),
            machine: Account::of_host(memory),
            names: Mutex::default(),
            programs: Box::new(programs),
            pools: Pools::default(),
            variables: Variables::default(),
            trace: OnceLock::new(),
            recorder: OnceLock::new(),
            stage,
            closing: AtomicBool::new(false),
            ended: async_channel::bounded(1),
        }))
    }

    /// Adds a host and starts its threads.
    ///
    /// # Errors
    ///
    /// If there is a host with this id, or the system gives no threads.
    pub fn add_host(&self, id: &str, options: HostOptions) -> io::Result<()> {
        let mut hosts = held(self.0.hosts.write());
        if hosts.contains_key(id) {
            let why = format!("there is a host {id} already");
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
        }
        panics::install();
        let executor = match &self.0.stage {
            Some(stage) => Executor::Staged(stage.clone()),
            None => {
                let processors =
                    || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
                let workers = options.workers.unwrap_or_else(processors);
                let workers = Workers::start(id, workers)?;
                pool::begin()?;
                Executor::Threads(workers)
            }
        };
        let account = options.max_memory.map_or_else(|| self.0.machine.clone(), Account::of_host);
        let (sweep, asked) = async_channel::bounded(1);
        let host = Arc::new(HostInner {
            id: id.into(),
            options,
            account,
            executor,
            live: AtomicUsize::new(0),
            sweep,
        });
        // On a stage nothing is gained by giving memory back.
        if self.0.stage.is_none() {
            let sweep = sweep_when_asked(Arc::downgrade(&self.0), Arc::downgrade(&host), asked);
            host.executor.spawn("sweep", sweep);
        }
        hosts.insert(id.to_owned(), host);
        Ok(())
    }

    /// Writes what all processes do to a trace, from now on. There is one at most;
    /// the first stays.
    pub fn set_trace(&self, trace: Arc<Trace>) {
        // Who sets a second one has the first already.
        let _ = self.0.trace.set(trace);
    }

    /// Writes all processes that are started from now on to a journal. There is one at
    /// most; the first stays. A process of Lua is not started then.
    pub fn set_recorder(&self, recorder: Arc<Recorder>) {
        // Who sets a second one has the first already.
        let _ = self.0.recorder.set(recorder);
    }

    /// Bytes that the processes of a host hold, and that they may hold; nothing if
    /// there is no such host.
    pub fn memory(&self, host: &str) -> Option<(u64, u64)> {
        let account = &self.host(host).ok()?.account;
        Some((account.used(), account.limit()))
    }

    /// The ids of all hosts.
    pub fn hosts(&self) -> Vec<String> {
        held(self.0.hosts.read()).keys().cloned().collect()
    }

    /// Where a process of this host's spawns others if it names no host. A host for
    /// one process only is no place for more: then it is the first one that is.
    pub(super) fn default_host(&self, own: &Arc<HostInner>) -> Arc<HostInner> {
        if own.options.max_processes > 1 {
            return own.clone();
        }
        let hosts = held(self.0.hosts.read());
        hosts.values().find(|host| host.options.max_processes > 1).unwrap_or(own).clone()
    }

    pub(super) fn host(&self, id: &str) -> Result<Arc<HostInner>, ProcessError> {
        let hosts = held(self.0.hosts.read());
        hosts.get(id).cloned().ok_or_else(|| {
            let known: Vec<&String> = hosts.keys().collect();
            let known = listed(&known);
            ProcessError::new(
                ErrorKind::NotFound,
                format!("there is no host {}; there are {known}", shown(id)),
            )
        })
    }

    /// Starts a process of an entry on a host, with output that is logged.
    ///
    /// # Errors
    ///
    /// If there is no such entry or host, the arguments do not fit, or the host
    /// takes no more processes.
    pub async fn spawn(
        &self,
        host: &str,
        entry: &str,
        args: Vec<Term>,
    ) -> Result<Handle, ProcessError> {
        let program = self.program(entry).await?;
        self.launch(host, entry, None, |context| program.start(args, context))
    }

    /// Starts the process that `start` makes. Without streams its output is
    /// logged, with its pid.
    ///
    /// # Errors
    ///
    /// Those of `start`, and if there is no such host or it takes no more
    /// processes.
    pub fn launch(
        &self,
        host: &str,
        entry: &str,
        streams: Option<Streams>,
        start: impl FnOnce(SpawnContext) -> Result<Started, ProcessError>,
    ) -> Result<Handle, ProcessError> {
        let (watcher, watched) = watch();
        let first = FirstLinks { watcher: Some(watcher), ..FirstLinks::default() };
        let slot = self.slot(&self.host(host)?, entry, streams, first, start)?;
        Ok(Handle { pid: slot.pid.clone(), watched })
    }

    /// The same, of a process that finds these values in its context.
    pub(super) fn launch_with(
        &self,
        host: &str,
        entry: &str,
        context: Vec<(String, Term)>,
        start: impl FnOnce(SpawnContext) -> Result<Started, ProcessError>,
    ) -> Result<Handle, ProcessError> {
        let (watcher, watched) = watch();
        let context = Handed::of(context);
        let first = FirstLinks { watcher: Some(watcher), context, ..FirstLinks::default() };
        let slot = self.slot(&self.host(host)?, entry, None, first, start)?;
        Ok(Handle { pid: slot.pid.clone(), watched })
    }

    /// The program of an entry, if it can be had without waiting. On a stage nobody waits
    /// for it, so that it makes no difference who has used it before.
    pub(super) fn ready(&self, entry: &str) -> Option<Arc<dyn Program>> {
        let programs = &self.0.programs;
        let loaded = || self.0.stage.as_ref().and_then(|_| programs.load(entry).ok());
        programs.ready(entry).or_else(loaded)
    }

    /// Its time.
    pub(super) fn clock(&self) -> Clock {
        Clock::of(self.0.stage.clone())
    }

    /// The program of an entry.
    pub(super) async fn program(&self, entry: &str) -> Result<Arc<dyn Program>, ProcessError> {
        if let Some(program) = self.ready(entry) {
            return Ok(program);
        }
        if self.0.stage.is_some() {
            return self.0.programs.load(entry);
        }
        let (node, entry) = (self.clone(), entry.to_owned());
        smol::unblock(move || node.0.programs.load(&entry)).await
    }

    /// Starts a process with its first links and monitors.
    pub(super) fn slot(
        &self,
        host: &Arc<HostInner>,
        entry: &str,
        streams: Option<Streams>,
        mut first: FirstLinks,
        start: impl FnOnce(SpawnContext) -> Result<Started, ProcessError>,
    ) -> Result<Arc<ProcessSlot>, ProcessError> {
        let stops = || ProcessError::new(ErrorKind::Unavailable, "the runtime stops");
        // Only so that nothing is made in vain: what counts is the table.
        if self.0.closing.load(Ordering::Relaxed) {
            return Err(stops());
        }
        let place = Place::take(host)?;
        let serial = self.0.next.fetch_add(1, Ordering::Relaxed);
        let pid = Pid::new(format!("{}|{}.{serial}", host.id, self.0.epoch));
        let mut slot =
            ProcessSlot::new(pid.clone(), serial, entry.into(), host.clone(), self.clock().now());
        slot.context = std::mem::take(&mut first.context).held_by(&host.account)?;
        slot.whole = first.whole;
        slot.held = std::mem::take(&mut first.held);
        let slot = Arc::new(slot);
        let identity =
            Identity { pid: pid.clone(), host: host.id.to_string(), entry: entry.to_owned() };
        let actor = Actor { node: self.clone(), slot: slot.clone() };
        let streams = streams.unwrap_or_else(|| Streams::logged(pid.as_str(), &host.account));
        let started = start(SpawnContext { identity, streams, request: None, actor })?;
        {
            let mut links = slot.links();
            links.monitors.extend(first.monitor.as_ref().map(|slot| slot.serial));
            links.linked.extend(first.link.as_ref().map(|slot| slot.serial));
            links.watcher = first.watcher;
        }
        self.0.table.insert(slot.clone()).map_err(|Closed| stops())?;
        // These two are what asks, so that they cannot end meanwhile.
        if let Some(monitor) = first.monitor {
            monitor.links().monitored.insert(serial);
        }
        if let Some(link) = first.link {
            link.links().linked.insert(serial);
        }
        if let (Some(trace), Some(parent)) = (self.0.trace.get(), &first.parent) {
            trace.spawned(parent, &slot);
        }
        tracing::info!(%pid, entry, "started");
        let life = run(self.clone(), slot.clone(), started, place);
        host.executor.spawn_process(&slot, life);
        Ok(slot)
    }

    /// The process of a pid or a name.
    pub(super) fn find(&self, to: &str) -> Option<Arc<ProcessSlot>> {
        match serial(to) {
            Some(serial) => self.0.table.get(serial).filter(|slot| slot.pid.as_str() == to),
            None => self.names().get(to).cloned(),
        }
    }

    /// Nothing panics while it holds the lock.
    pub(super) fn names(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<ProcessSlot>>> {
        lock(&self.0.names)
    }

    /// Sends a message, from outside of all processes, to a pid or a name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`], or [`ErrorKind::Unavailable`] if its mailbox is full.
    pub fn send(&self, to: &str, topic: &str, payload: Vec<Term>) -> Result<(), ProcessError> {
        self::send::send(self, None, to, topic.into(), payload)
    }

    /// Asks a process, by pid or name, to end, and ends it if it does not in
    /// time.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`]
    pub fn cancel(&self, to: &str, reason: &str, patience: Duration) -> Result<(), ProcessError> {
        self::send::cancel(self, None, to, reason, patience)
    }

    /// Ends a process, by pid or name, at the end of its present slice.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`]
    pub fn terminate(&self, to: &str) -> Result<(), ProcessError> {
        self::send::terminate(self, to, "")
    }

    /// All live processes, the oldest first.
    pub fn processes(&self) -> Vec<Info> {
        let info = |slot: Arc<ProcessSlot>| Info {
            pid: slot.pid.clone(),
            entry: slot.entry.clone(),
            state: slot.mailbox.vitals.state(),
            fuel: slot.mailbox.vitals.fuel(),
            steps: slot.mailbox.vitals.steps(),
            memory: slot.mailbox.vitals.memory(),
            held: slot.mailbox.account.get().map_or(0, Account::used),
            mailbox: slot.mailbox.unread(),
            age: self.clock().since(slot.born),
        };
        self.0.table.all().into_iter().map(info).collect()
    }

    /// How many processes live.
    pub fn len(&self) -> usize {
        self.0.table.len()
    }

    /// No process lives.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Cancels all processes, waits, and terminates those that are left.
    pub async fn shutdown(&self, reason: &str, patience: Duration) {
        for slot in self.close() {
            // It may have ended by itself.
            drop(self.cancel(slot.pid.as_str(), reason, patience));
        }
        // Who does not end in time is ended by its host.
        while !self.is_empty() {
            let next = async { self.0.ended.1.recv().await.is_ok() };
            let look = async {
                self.clock().after(Duration::from_millis(100)).await;
                true
            };
            smol::future::or(next, look).await;
        }
    }

    /// Starts no more processes; those that live.
    fn close(&self) -> Vec<Arc<ProcessSlot>> {
        self.0.closing.store(true, Ordering::Relaxed);
        self.0.table.close()
    }

    /// Terminates all processes, without waiting for their ends, and starts no
    /// more.
    pub fn terminate_all(&self) {
        for slot in self.close() {
            slot.mailbox.end(Error::terminated(": the runtime stops"));
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("hosts", &self.hosts()).field("live", &self.len()).finish()
    }
}
