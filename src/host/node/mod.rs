//! A node: all hosts of one runtime, and the processes that live on them.
//!
//! A [`Node`] starts processes, keeps the table that pids and names are looked up
//! in, and tells processes of each other's ends. What a process may ask of it is
//! in `dispatcher`, how a process is run in `run`.
//!
//! Pids look like `app:processes|4mz0k2v9.17`: the host, what tells this node
//! from all others, and the number of the process.

mod aside;
pub(super) mod chores;
pub(super) mod dispatcher;
pub(super) mod large;
pub(super) mod machine;
pub(super) mod mailbox;
pub(super) mod pages;
pub(super) mod panics;
pub(super) mod program;
pub(super) mod run;
pub(super) mod table;
pub(super) mod trace;
pub(super) mod turns;
pub(super) mod watch;
pub(super) mod workers;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    fmt, io,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, RwLock, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use async_channel::{Receiver, Sender};
use smol::Timer;

use self::{
    dispatcher::{Actor, shown},
    machine::memory_share,
    panics::Undertaker,
    program::{Handle, HostOptions, Info, Program, Programs, SpawnContext, Started},
    run::{Ended, RunOptions, live},
    table::{Closed, Links, ProcessSlot, ProcessTable, Serial, gone},
    trace::{Probe, Trace},
    watch::{Watcher, watch},
    workers::Workers,
};
use crate::{
    account::{Account, Charge},
    command::{ErrorKind, Mail, Pid, ProcessError, SharedEnding},
    lock::{held, lock},
    process::{Cause, Error, Identity},
    value::Term,
    world::Streams,
};

/// All hosts and processes of one runtime. A clone is the same node.
#[derive(Clone)]
pub struct Node(pub(super) Arc<Inner>);

pub(super) struct Inner {
    epoch: String,
    next: AtomicU64,
    hosts: RwLock<BTreeMap<String, Arc<HostInner>>>,
    pub table: ProcessTable,
    /// What the processes of all hosts hold that have no limit of their own.
    machine: Account,
    pub names: Mutex<HashMap<Arc<str>, Arc<ProcessSlot>>>,
    pub programs: Box<dyn Programs>,
    pub trace: OnceLock<Arc<Trace>>,
    /// No more processes are started. See the table, which is closed as well.
    closing: AtomicBool,
    /// Says that a process has ended, to whoever waits for the last.
    ended: (Sender<()>, Receiver<()>),
}

/// A host of a node.
pub(super) struct HostInner {
    pub id: Arc<str>,
    pub options: HostOptions,
    /// What all its processes hold.
    pub account: Account,
    live: AtomicUsize,
    /// Asks the sweeper to look at the processes. Dropped before the workers, who
    /// run the sweeper's last turn.
    sweep: Sender<()>,
    pub workers: Workers,
}

impl fmt::Debug for HostInner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({})", self.id)
    }
}

/// Links that are there before the first step.
#[derive(Debug, Default)]
pub(super) struct FirstLinks {
    pub monitor: Option<Arc<ProcessSlot>>,
    pub link: Option<Arc<ProcessSlot>>,
    pub watcher: Option<Watcher>,
}

impl Node {
    /// A node without hosts.
    pub fn new(programs: impl Programs + 'static) -> Node {
        Node(Arc::new(Inner {
            epoch: epoch(),
            next: AtomicU64::new(1),
            hosts: RwLock::default(),
            table: ProcessTable::default(),
            machine: Account::of_host(memory_share()),
            names: Mutex::default(),
            programs: Box::new(programs),
            trace: OnceLock::new(),
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
        let processors = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let count = options.workers.unwrap_or_else(processors);
        let account = options.max_memory.map_or_else(|| self.0.machine.clone(), Account::of_host);
        let (sweep, asked) = async_channel::bounded(1);
        let host = Arc::new(HostInner {
            id: id.into(),
            options,
            account,
            workers: Workers::start(id, count)?,
            live: AtomicUsize::new(0),
            sweep,
        });
        host.workers.spawn(sweep_when_asked(Arc::downgrade(&self.0), Arc::downgrade(&host), asked));
        hosts.insert(id.to_owned(), host);
        Ok(())
    }

    /// Writes what all processes do to a trace, from now on. There is one at most;
    /// the first stays.
    pub fn set_trace(&self, trace: Arc<Trace>) {
        // Who sets a second one has the first already.
        let _ = self.0.trace.set(trace);
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
            let known: Vec<&str> = hosts.keys().map(String::as_str).collect();
            let known = known.join(", ");
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

    /// The program of an entry.
    pub(super) async fn program(&self, entry: &str) -> Result<Arc<dyn Program>, ProcessError> {
        if let Some(program) = self.0.programs.ready(entry) {
            return Ok(program);
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
        first: FirstLinks,
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
        let slot = Arc::new(ProcessSlot::new(pid.clone(), serial, entry.into(), host.clone()));
        let identity =
            Identity { pid: pid.clone(), host: host.id.to_string(), entry: entry.to_owned() };
        let actor = Actor { node: self.clone(), slot: slot.clone() };
        let streams = streams.unwrap_or_else(|| Streams::logged(pid.as_str(), &host.account));
        let started = start(SpawnContext { identity, streams, actor })?;
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
        tracing::info!(%pid, entry, "started");
        let life = run(self.clone(), slot.clone(), started, place);
        host.workers.spawn_as(slot.mailbox.class(), life);
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
        self::dispatcher::send(self, None, to, topic.into(), payload)
    }

    /// Asks a process, by pid or name, to end, and ends it if it does not in
    /// time.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`]
    pub fn cancel(&self, to: &str, reason: &str, patience: Duration) -> Result<(), ProcessError> {
        self::dispatcher::cancel(self, None, to, reason, patience)
    }

    /// Ends a process, by pid or name, at the end of its present slice.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`]
    pub fn terminate(&self, to: &str) -> Result<(), ProcessError> {
        self::dispatcher::terminate(self, to, "")
    }

    /// All live processes, the oldest first.
    pub fn processes(&self) -> Vec<Info> {
        let info = |slot: Arc<ProcessSlot>| Info {
            pid: slot.pid.clone(),
            entry: slot.entry.clone(),
            state: slot.mailbox.state(),
            fuel: slot.mailbox.fuel.load(Ordering::Relaxed),
            steps: slot.mailbox.steps.load(Ordering::Relaxed),
            memory: slot.mailbox.memory.load(Ordering::Relaxed),
            held: slot.mailbox.account.get().map_or(0, Account::used),
            mailbox: slot.mailbox.unread(),
            age: slot.born.elapsed(),
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
                Timer::after(Duration::from_millis(100)).await;
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

    /// Tells all who want to know that a process has ended.
    async fn farewell(&self, slot: &ProcessSlot, ended: Ended) {
        self.0.table.remove(slot.serial);
        slot.mailbox.close();
        slot.mailbox.begins();
        let links =
            std::mem::replace(&mut *slot.links(), Links { ended: true, ..Links::default() });
        {
            let mut names = self.names();
            for name in &links.names {
                names.remove(name);
            }
        }
        let (pid, serial, ending) = (&slot.pid, slot.serial, &ended.ending);
        let mut pieces = Pieces::of_at_least(TOLD_AT_ONCE);
        for other in links.monitored {
            if let Some(other) = self.0.table.get(other) {
                other.links().monitors.remove(&serial);
            }
            pieces.next().await;
        }
        for other in links.linked {
            if let Some(other) = self.0.table.get(other) {
                self.break_link(&other, slot, ending);
            }
            pieces.next().await;
        }
        for other in links.monitors {
            if let Some(other) = self.0.table.get(other) {
                other.links().monitored.remove(&serial);
                other.mailbox.notice(Mail::Exit { from: pid.clone(), result: ending.clone() });
            }
            pieces.next().await;
        }
        let ended = Arc::new(ended);
        if let Some(watcher) = links.watcher {
            watcher.tell(ended.clone());
        }
        let _ = self.0.ended.0.try_send(());
    }

    /// Tells a process that one which it is linked to has ended. An end without
    /// error only unties them.
    fn break_link(&self, other: &ProcessSlot, slot: &ProcessSlot, ending: &SharedEnding) {
        let traps = {
            let mut links = other.links();
            if !links.linked.remove(&slot.serial) {
                return;
            }
            links.traps
        };
        let Err(fault) = &**ending else { return };
        match traps {
            true => {
                let (from, result) = (slot.pid.clone(), ending.clone());
                other.mailbox.notice(Mail::LinkDown { from, result });
            }
            false => other.mailbox.end(Error::linked(&slot.pid, fault)),
        }
    }

    /// The caller asks to be told of an end.
    pub(super) fn monitor(&self, me: &ProcessSlot, pid: &Pid) {
        if let Some(other) = self.find(pid.as_str()) {
            me.links().monitored.insert(other.serial);
            let mut links = other.links();
            if !links.ended {
                links.monitors.insert(me.serial);
                return;
            }
            drop(links);
            me.links().monitored.remove(&other.serial);
        }
        me.mailbox.notice(Mail::Exit { from: pid.clone(), result: Err(gone(pid)).into() });
    }

    pub(super) fn unmonitor(&self, me: &ProcessSlot, pid: &Pid) {
        if let Some(other) = self.find(pid.as_str()) {
            other.links().monitors.remove(&me.serial);
            me.links().monitored.remove(&other.serial);
        }
    }

    /// The caller links itself to another. One that is not there has ended.
    pub(super) fn link(&self, me: &ProcessSlot, pid: &Pid) {
        if let Some(other) = self.find(pid.as_str()) {
            me.links().linked.insert(other.serial);
            let mut links = other.links();
            if !links.ended {
                links.linked.insert(me.serial);
                return;
            }
            drop(links);
            me.links().linked.remove(&other.serial);
        }
        let (fault, traps) = (gone(pid), me.links().traps);
        match traps {
            false => me.mailbox.end(Error::linked(pid, &fault)),
            true => {
                let (from, result) = (pid.clone(), Err(fault).into());
                me.mailbox.notice(Mail::LinkDown { from, result });
            }
        }
    }

    pub(super) fn unlink(&self, me: &ProcessSlot, pid: &Pid) {
        if let Some(other) = self.find(pid.as_str()) {
            other.links().linked.remove(&me.serial);
            me.links().linked.remove(&other.serial);
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("hosts", &self.hosts()).field("live", &self.len()).finish()
    }
}

/// A place on a host, for as long as a process lives there, and what any process
/// takes up.
struct Place(Arc<HostInner>, Charge);

/// Bytes that a process takes up besides what it does: its store, its tables, its
/// mailbox, its task.
const PROCESS: u64 = 12 << 10;

impl Place {
    fn take(host: &Arc<HostInner>) -> Result<Place, ProcessError> {
        let before = host.live.fetch_add(1, Ordering::Relaxed);
        // Made first, so that it is given back.
        let mut place = Place(host.clone(), host.account.open());
        let max = host.options.max_processes;
        if before >= max {
            let why = format!("{} takes no more than {max} processes at a time", host.id);
            return Err(ProcessError::new(ErrorKind::Unavailable, why));
        }
        place.1.add(PROCESS).map_err(|exceeded| {
            let why = format!("{} has no memory for another process: {exceeded}", host.id);
            ProcessError::new(ErrorKind::Unavailable, why)
        })?;
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The whole life of one process.
async fn run(node: Node, slot: Arc<ProcessSlot>, started: Started, place: Place) {
    let Started { mut process, answers, result, max_execution } = started;
    let options = RunOptions { slice: slot.host.options.slice, max_execution };
    let probe = node.0.trace.get().map(|trace| Probe { trace, slot: &slot });
    if let Some(probe) = &probe {
        probe.trace.started(&slot);
    }
    let last = LastResort { node: &node, slot: &slot };
    let (mailbox, probe) = (&slot.mailbox, probe.as_ref());
    let ended =
        live(&mut process, answers, mailbox, &options, result.as_ref(), probe, Some(&last)).await;
    drop(process);
    drop(place);
    node.ended(&slot, ended).await;
}

impl Node {
    /// A process has left its host.
    async fn ended(&self, slot: &ProcessSlot, ended: Ended) {
        log_end(slot, &ended);
        let ended = ended.kept_by(&slot.host.account, slot.links().watcher.is_some());
        self.farewell(slot, ended).await;
    }
}

/// Ends a process whose thread cannot be used any more, nor anything that it holds.
struct LastResort<'a> {
    node: &'a Node,
    slot: &'a Arc<ProcessSlot>,
}

impl Undertaker for LastResort<'_> {
    fn give_up(&self, why: &str) -> bool {
        let (node, slot) = (self.node.clone(), self.slot.clone());
        let host = slot.host.clone();
        if let Err(error) = host.workers.add_thread() {
            // The others go on, if there are others.
            tracing::error!(host = &*host.id, %error, "a thread is lost and cannot be replaced");
        }
        let error = Error::engine(why);
        host.workers.spawn(async move {
            let ending = Err(error.fault());
            if let Some(trace) = node.0.trace.get() {
                Probe { trace, slot: &slot }.ended(&ending);
            }
            slot.host.live.fetch_sub(1, Ordering::Relaxed);
            let ended = Ended::after(&slot.mailbox, Err(error), ending, slot.born);
            node.ended(&slot, ended).await;
        });
        true
    }
}

fn log_end(slot: &ProcessSlot, ended: &Ended) {
    let (pid, fuel, steps) = (&slot.pid, ended.fuel_used, ended.steps);
    match &*ended.ending {
        Ok(_) => tracing::info!(%pid, fuel, steps, elapsed = ?ended.elapsed, "ended"),
        Err(fault) => {
            let (kind, error) = (fault.kind, &fault.message);
            tracing::info!(%pid, fuel, steps, elapsed = ?ended.elapsed, %kind, error, "ended");
        }
    }
    // Who runs one process tells of its end in another way.
    if let Err(error) = &ended.outcome
        && error.cause() == Cause::Engine
        && slot.host.options.max_processes > 1
    {
        tracing::error!(%pid, "{error}");
    }
}

/// Something long that is done in pieces: after each, others have turns, those that
/// have been woken by it before all.
struct Pieces {
    begun: Instant,
    parts: u32,
    /// A piece has so many parts, however long they take.
    least: u32,
}

/// Parts of a piece, at most, and how long it may take.
const PARTS: u32 = 64;
const PIECE: Duration = Duration::from_micros(100);

/// Who ends tells so many others at once, so that those few whom most processes have
/// hear of it in the same order on a busy machine.
const TOLD_AT_ONCE: u32 = 8;

impl Pieces {
    fn of_at_least(least: u32) -> Pieces {
        Pieces { begun: Instant::now(), parts: 0, least }
    }

    /// A part has been done.
    async fn next(&mut self) {
        self.parts = self.parts.saturating_add(1);
        let is_over = self.parts >= self.least && self.begun.elapsed() >= PIECE;
        if self.parts >= PARTS || is_over {
            smol::future::yield_now().await;
            *self = Pieces::of_at_least(self.least);
        }
    }
}

/// Looks at the processes of a host as long as there are some that have run and
/// may rest now, so that they give memory back which they do not need.
async fn sweep_when_asked(node: Weak<Inner>, host: Weak<HostInner>, asked: Receiver<()>) {
    const PERIOD: Duration = Duration::from_millis(100);
    while asked.recv().await.is_ok() {
        loop {
            Timer::after(PERIOD).await;
            let (Some(node), Some(host)) = (node.upgrade(), host.upgrade()) else { return };
            let (mut again, mut pieces) = (false, Pieces::of_at_least(1));
            let mine =
                |slot: &ProcessSlot| Arc::ptr_eq(&slot.host, &host) && slot.mailbox.is_untrimmed();
            for part in node.table.parts(mine) {
                for slot in part {
                    again |= slot.mailbox.rests();
                    pieces.next().await;
                }
            }
            if !again {
                break;
            }
        }
    }
}

impl HostInner {
    /// Asks for the processes to be looked at.
    pub(super) fn ask_to_sweep(&self) {
        // Asked already is as good.
        let _ = self.sweep.try_send(());
    }
}

/// The number at the end of a text that looks like a pid. Zero, which no process has,
/// if there is none.
fn serial(text: &str) -> Option<Serial> {
    memchr::memchr(b'|', text.as_bytes())?;
    let number = text.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    Some(text.get(number..).and_then(|number| number.parse().ok()).unwrap_or(0))
}

/// Eight letters and digits that no other node has.
fn epoch() -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut bytes = [0_u8; 8];
    if getrandom::fill(&mut bytes).is_err() {
        // Without random numbers the time has to do.
        let time = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
        bytes = (time as u64).to_le_bytes();
    }
    bytes
        .iter()
        .filter_map(|byte| DIGITS.get(usize::from(byte % 32)))
        .map(|d| char::from(*d))
        .collect()
}
