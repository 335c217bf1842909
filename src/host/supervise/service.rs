//! Services: processes, and servers, that are started with the runtime, and again when they
//! fail.
//!
//! A [`Supervisor`] starts the services of a project that have `auto_start`, and
//! those that they need. Each is kept by a task of its own, which takes its turns
//! on the threads of the service's host:
//!
//! ```text
//! unknown ─► starting ─► running ─► exited            it ended without an error
//!    ▲           │          │ ├───► failed ──┐        it ended with one
//!    waits for   └──────────┼─┴──────────────┤
//!    what it needs          │    starting ◄──┴─ after a while, if that may help
//!                           └─► stopping ─► stopped
//! ```
//!
//! - A service is started when all that it needs run, or have ended without an
//!   error: something that prepares the ground is a service as well. If one of
//!   them has failed for good, so has the service.
//! - A process that ends without an error has done what it was there for, and is
//!   not started again. What a service must do for ever it does in a loop.
//! - A process that ends with an error is started again, by the rules of the
//!   entry's `lifecycle.restart`, see `restart`; so is one that was terminated by
//!   somebody else, and one that could not be started in `start_timeout`. Errors
//!   that would only come again are not retried.
//! - To stop is to cancel the process, wait for `stop_timeout`, and end it. Those
//!   that need a service are stopped before it.
//! - Once a service runs, nothing is done about those that need it when it fails:
//!   they can link to it or monitor it, and know better what to do.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_channel::{Receiver, Sender};
use futures_util::{FutureExt, future::join_all};
use smol::{Timer, future::or};

use super::{
    restart::{Policy, may_help},
    states::{Board, ServiceState, ServiceStatus, States},
};
use crate::{
    command::{Ending, ErrorKind, ProcessError},
    host::{
        Handle, Node,
        serve::{Listening, Server},
    },
    lock::lock,
    process::Cause,
    registry::{Id, Lifecycle, ProcessService, Project, ServiceKind},
};

/// Keeps the services of a project alive, on a node that has the hosts of the
/// project. A clone is the same.
#[derive(Clone, Debug)]
pub struct Supervisor(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    node: Node,
    board: Arc<Board>,
    /// Those that are started, each after those that it needs.
    services: Vec<Arc<Service>>,
    phase: Mutex<Phase>,
    closing: Arc<AtomicBool>,
}

/// The orders that a supervisor has been given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    New,
    /// The services have been started.
    Begun,
    /// They have been stopped, perhaps before there was anything to stop: nothing
    /// is started any more.
    Stopped,
}

/// One service.
#[derive(Debug)]
struct Service {
    id: Id,
    work: Work,
    needs: BTreeSet<Id>,
    /// Closed when the service is to stop.
    stop: (Sender<()>, Receiver<()>),
}

/// What a service keeps alive.
#[derive(Debug)]
enum Work {
    Process(ProcessService),
    Http(Server),
}

/// What lives at present.
enum Living {
    Process(Handle),
    Http(Listening),
}

impl Work {
    fn lifecycle(&self) -> &Lifecycle {
        match self {
            Work::Process(service) => &service.lifecycle,
            Work::Http(server) => server.lifecycle(),
        }
    }

    /// The id of the host whose threads it uses.
    fn host(&self) -> String {
        match self {
            Work::Process(service) => service.host.to_string(),
            Work::Http(server) => server.host().to_owned(),
        }
    }
}

impl Supervisor {
    /// Starts nothing yet.
    pub fn new(node: Node, project: &Project) -> Supervisor {
        let all = project.services();
        let board = Board::new(all.iter().map(|service| service.id.clone()));
        let mut wanted: BTreeSet<&Id> = BTreeSet::new();
        // From the end, as those that are needed stand before.
        for service in all.iter().rev() {
            if service.service.lifecycle().auto_start || wanted.contains(service.id) {
                wanted.insert(service.id);
                wanted.extend(&service.needs);
            }
        }
        let kept = all.iter().filter(|service| wanted.contains(service.id));
        // On a stage nobody is served outside: to those that need it, it is as if it ran.
        let (kept, left_out): (Vec<_>, Vec<_>) = kept.partition(|service| {
            node.0.stage.is_none() || !matches!(service.service, ServiceKind::Http(_))
        });
        for service in left_out {
            board.change(service.id, ServiceState::Exited, |_| ());
        }
        let kept = kept.into_iter().map(|service| {
            Arc::new(Service {
                id: service.id.clone(),
                work: match service.service {
                    ServiceKind::Process(process) => Work::Process(process.clone()),
                    ServiceKind::Http(http) => {
                        Work::Http(Server::of_project(&node, project, service.id, http))
                    }
                },
                needs: service.needs.iter().map(|id| (*id).clone()).collect(),
                stop: async_channel::bounded(1),
            })
        });
        let services = kept.collect();
        let (phase, closing) = (Mutex::new(Phase::New), Arc::default());
        Supervisor(Arc::new(Inner { node, board: Arc::new(board), services, phase, closing }))
    }

    /// Those that it starts.
    fn ids(&self) -> impl Iterator<Item = &Id> {
        self.0.services.iter().map(|service| &service.id)
    }

    /// How many services it starts.
    pub fn len(&self) -> usize {
        self.0.services.len()
    }

    /// There is nothing to start.
    pub fn is_empty(&self) -> bool {
        self.0.services.is_empty()
    }

    /// Sets the phase; what it was.
    fn enter(&self, next: Phase) -> Phase {
        let mut phase = lock(&self.0.phase);
        match (*phase, next) {
            // Once stopped, it stays so.
            (Phase::Stopped, _) => Phase::Stopped,
            (Phase::New | Phase::Begun, next) => std::mem::replace(&mut *phase, next),
        }
    }

    /// Begins to start the services, once, unless they have been stopped before.
    pub fn start(&self) {
        let Inner { node, board, services, closing, .. } = &*self.0;
        match self.enter(Phase::Begun) {
            Phase::New => {}
            Phase::Begun | Phase::Stopped => return,
        }
        for service in services {
            let keeper = Keeper {
                node: node.clone(),
                board: board.clone(),
                service: service.clone(),
                closing: closing.clone(),
            };
            match node.host(&service.work.host()) {
                Ok(host) => host.executor.spawn(&service.id.to_string(), keeper.keep()),
                Err(fault) => keeper.failed(fault, None),
            }
        }
    }

    /// Waits until each service runs, has ended, or has failed to start and so
    /// waits, itself or those that it needs.
    pub async fn started(&self) {
        let settled = |states: &States| {
            let mut stuck: BTreeSet<&Id> = BTreeSet::new();
            for Service { id, needs, .. } in self.0.services.iter().map(|service| &**service) {
                match states.get(id).map(|status| status.state) {
                    Some(ServiceState::Starting) => return None,
                    Some(ServiceState::Failed) => drop(stuck.insert(id)),
                    Some(ServiceState::Unknown) => {
                        match needs.iter().any(|id| stuck.contains(id)) {
                            true => drop(stuck.insert(id)),
                            false => return None,
                        }
                    }
                    Some(
                        ServiceState::Running
                        | ServiceState::Stopping
                        | ServiceState::Stopped
                        | ServiceState::Exited,
                    )
                    | None => {}
                }
            }
            Some(())
        };
        self.0.board.until(self.ids(), settled).await;
    }

    /// Waits until all services have ended for good; returns those that failed.
    pub async fn ended(&self) -> Vec<ServiceStatus> {
        let over = |states: &States| {
            let all = self.0.services.iter().map(|service| states.get(&service.id));
            let all: Option<Vec<_>> = all.map(|status| status.filter(|s| s.is_over())).collect();
            let failed = all?.into_iter().filter(|status| status.state == ServiceState::Failed);
            Some(failed.cloned().collect())
        };
        self.0.board.until(self.ids(), over).await
    }

    /// Stops all services, those that are needed last, and waits for their ends.
    pub async fn stop(&self) {
        let Inner { board, services, closing, .. } = &*self.0;
        closing.store(true, Ordering::Relaxed);
        if self.enter(Phase::Stopped) == Phase::New {
            for service in services {
                board.change(&service.id, ServiceState::Stopped, |_| ());
            }
        }
        let mut users: BTreeMap<&Id, Vec<&Id>> = BTreeMap::new();
        for service in services {
            for need in &service.needs {
                users.entry(need).or_default().push(&service.id);
            }
        }
        let over = |states: &States, id: &Id| states.get(id).is_none_or(|status| status.is_over());
        let stops = services.iter().map(|service| {
            let users = users.remove(&service.id).unwrap_or_default();
            async move {
                let free = |states: &States| users.iter().all(|id| over(states, id)).then_some(());
                board.until(users.iter().copied(), free).await;
                service.stop.0.close();
                let ended = |states: &States| over(states, &service.id).then_some(());
                board.until([&service.id], ended).await;
            }
        });
        join_all(stops).await;
    }

    /// All services by id, those that are not started among them.
    pub fn states(&self) -> Vec<ServiceStatus> {
        self.0.board.all()
    }

    /// The changes from now on. Who is late by more than a thousand changes
    /// misses the oldest.
    pub fn changes(&self) -> Receiver<ServiceStatus> {
        self.0.board.changes()
    }
}

/// Keeps one service.
struct Keeper {
    node: Node,
    board: Arc<Board>,
    service: Arc<Service>,
    closing: Arc<AtomicBool>,
}

/// The outcome of a wait.
enum Turn<T> {
    Done(T),
    Stop,
}

impl Keeper {
    /// Keeps the service until it is over. If this panics, so is the service: it
    /// has failed, and its process does not live on without anybody who knows.
    async fn keep(self) {
        if AssertUnwindSafe(self.lives()).catch_unwind().await.is_ok() {
            return;
        }
        if let Some(pid) = self.board.pid(&self.service.id) {
            // It may have ended by itself.
            drop(self.node.terminate(pid.as_str()));
        }
        let why = "the engine failed while it kept this service; please report it";
        self.failed(ProcessError::new(ErrorKind::Internal, why), None);
    }

    async fn lives(&self) {
        match self.or_stop(self.needs()).await {
            Turn::Stop => return self.set(ServiceState::Stopped),
            Turn::Done(Err(fault)) => return self.failed(fault, None),
            Turn::Done(Ok(())) => {}
        }
        let Lifecycle { restart, stable_threshold, .. } = self.service.work.lifecycle();
        let mut policy = Policy::new(restart.clone(), *stable_threshold);
        let clock = self.node.clock();
        let begin = clock.now();
        self.set(ServiceState::Starting);
        while let Some((fault, linked)) = self.one_life(&mut policy, begin).await {
            let again =
                may_help(&fault, linked).then(|| policy.failed(clock.since(begin), self.chance()));
            let wait = again.flatten();
            self.failed(fault, wait);
            let Some(wait) = wait else { return };
            if let Turn::Stop = self.or_stop(clock.after(wait)).await {
                return self.set(ServiceState::Stopped);
            }
            self.board.change(&self.service.id, ServiceState::Starting, |status| {
                status.restarts = status.restarts.saturating_add(1);
            });
        }
    }

    /// Waits for what the service needs.
    async fn needs(&self) -> Result<(), ProcessError> {
        let ready = |states: &States| {
            let mut all = true;
            for need in &self.service.needs {
                match states.get(need).map(|status| (status.state, status.is_over())) {
                    Some((ServiceState::Running | ServiceState::Exited, _)) => {}
                    Some((ServiceState::Failed, true)) => {
                        let why = format!("{need}, which it needs, has failed");
                        return Some(Err(ProcessError::new(ErrorKind::Unavailable, why)));
                    }
                    Some((
                        ServiceState::Unknown
                        | ServiceState::Starting
                        | ServiceState::Stopping
                        | ServiceState::Stopped
                        | ServiceState::Failed,
                        _,
                    ))
                    | None => all = false,
                }
            }
            all.then_some(Ok(()))
        };
        self.board.until(&self.service.needs, ready).await
    }

    /// From a start to an end; the fault if it has ended with one, and whether that
    /// was the fault of a linked process.
    async fn one_life(&self, policy: &mut Policy, begin: Instant) -> Option<(ProcessError, bool)> {
        let living = match self.or_stop(self.start()).await {
            Turn::Done(Ok(living)) => living,
            Turn::Done(Err(fault)) if !self.is_closing() => return Some((fault, false)),
            Turn::Done(Err(_)) | Turn::Stop => {
                self.set(ServiceState::Stopped);
                return None;
            }
        };
        policy.started(self.node.clock().since(begin));
        let pid = match &living {
            Living::Process(handle) => Some(handle.pid().clone()),
            Living::Http(_) => None,
        };
        self.board.change(&self.service.id, ServiceState::Running, |s| s.pid = pid);
        let ended = async {
            match &living {
                Living::Process(handle) => end_of(handle).await,
                Living::Http(listening) => (Err(listening.failed().await), false),
            }
        };
        let (ending, linked) = match self.or_stop(ended).await {
            Turn::Done(ended) => ended,
            Turn::Stop => {
                self.stop(&living).await;
                return None;
            }
        };
        match ending {
            Ok(_) => self.set(ServiceState::Exited),
            // All processes have been ended, rather than this one.
            Err(_) if self.is_closing() => self.set(ServiceState::Stopped),
            Err(fault) => return Some((fault, linked)),
        }
        None
    }

    async fn start(&self) -> Result<Living, ProcessError> {
        let limit = self.service.work.lifecycle().start_timeout;
        let started = async {
            match &self.service.work {
                Work::Process(ProcessService { process, host, input, .. }) => {
                    let (host, process) = (host.to_string(), process.to_string());
                    self.node.spawn(&host, &process, input.clone()).await.map(Living::Process)
                }
                Work::Http(server) => server.listen().await.map(Living::Http),
            }
        };
        let late = async {
            self.node.clock().after(limit).await;
            let why = format!("it did not start within {limit:?}");
            Err(ProcessError::new(ErrorKind::Timeout, why))
        };
        or(started, late).await
    }

    async fn stop(&self, living: &Living) {
        let limit = self.service.work.lifecycle().stop_timeout;
        self.set(ServiceState::Stopping);
        let clock = self.node.clock();
        let (begin, service) = (clock.now(), &self.service.id);
        match living {
            Living::Process(handle) => {
                // It may have ended by itself; if it does not in time, its host ends it.
                drop(self.node.cancel(handle.pid().as_str(), "the service stops", limit));
                handle.ended().await;
                // Who gives no time wants it so.
                if clock.since(begin) >= limit && !limit.is_zero() {
                    let pid = handle.pid();
                    tracing::warn!(%service, %pid, "did not end within {limit:?}, and was terminated");
                }
            }
            Living::Http(listening) => {
                let open = listening.stop(limit).await;
                if open > 0 && !limit.is_zero() {
                    tracing::warn!(%service, "{open} connections did not end within {limit:?}");
                }
            }
        }
        self.set(ServiceState::Stopped);
    }

    /// Waits for something, or until the service is to stop.
    async fn or_stop<T>(&self, done: impl Future<Output = T>) -> Turn<T> {
        let stop = async {
            // Nothing is ever sent: this is the end of the channel.
            let _ = self.service.stop.1.recv().await;
            Turn::Stop
        };
        or(stop, async { Turn::Done(done.await) }).await
    }

    /// A number from 0 to 1.
    fn chance(&self) -> f64 {
        self.node.0.stage.as_ref().map_or_else(chance, |stage| stage.chance())
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    fn set(&self, state: ServiceState) {
        self.board.change(&self.service.id, state, |_| ());
    }

    fn failed(&self, fault: ProcessError, retry: Option<Duration>) {
        self.board.change(&self.service.id, ServiceState::Failed, |status| {
            (status.fault, status.retry) = (Some(fault), retry);
        });
    }
}

/// How a process has ended, and whether that was the fault of a linked one.
async fn end_of(handle: &Handle) -> (Ending, bool) {
    match handle.ended().await {
        Some(ended) => {
            let cause = ended.outcome.as_ref().err().map(|error| error.cause());
            (ended.ending.clone().into_inner(), cause == Some(Cause::Link))
        }
        None => {
            (Err(ProcessError::new(ErrorKind::Canceled, "its host dropped the process")), false)
        }
    }
}

/// A wait that no clock is too short for.
pub(in crate::host) async fn after(wait: Duration) {
    match Instant::now().checked_add(wait) {
        Some(at) => {
            Timer::at(at).await;
        }
        None => std::future::pending().await,
    }
}

/// A random number from 0 to 1; without random numbers the middle.
fn chance() -> f64 {
    let mut bytes = [0_u8; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}
