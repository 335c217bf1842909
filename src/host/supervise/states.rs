//! What is known of services: for those who ask, those who wait, and the log.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use async_channel::{Receiver, Sender};
use tracing::field::display;

use crate::{
    command::{Pid, ProcessError},
    lock::lock,
    registry::Id,
};

/// The state of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServiceState {
    /// It has not been started, or waits for others to run.
    Unknown,
    /// Its program is loaded, its process made.
    Starting,
    /// Its process lives.
    Running,
    /// Its process has been asked to end.
    Stopping,
    /// It has been stopped.
    Stopped,
    /// Its process has ended by itself, without an error.
    Exited,
    /// Its process has ended with an error, or could not be started.
    Failed,
}

impl fmt::Display for ServiceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ServiceState::Unknown => "unknown",
            ServiceState::Starting => "starting",
            ServiceState::Running => "running",
            ServiceState::Stopping => "stopping",
            ServiceState::Stopped => "stopped",
            ServiceState::Exited => "exited",
            ServiceState::Failed => "failed",
        })
    }
}

/// A service, as others see it.
#[derive(Clone, Debug)]
pub struct ServiceStatus {
    /// The id of its entry.
    pub id: Id,
    /// Its state.
    pub state: ServiceState,
    /// Its process, or the last one.
    pub pid: Option<Pid>,
    /// Why it has last failed.
    pub fault: Option<ProcessError>,
    /// It has failed, and is started again after this wait.
    pub retry: Option<Duration>,
    /// How often it has been started again.
    pub restarts: u64,
}

impl ServiceStatus {
    fn new(id: Id) -> ServiceStatus {
        let (pid, fault, retry) = (None, None, None);
        ServiceStatus { id, state: ServiceState::Unknown, pid, fault, retry, restarts: 0 }
    }

    /// It has ended, and is not started again.
    pub fn is_over(&self) -> bool {
        match self.state {
            ServiceState::Stopped | ServiceState::Exited => true,
            ServiceState::Failed => self.retry.is_none(),
            ServiceState::Unknown
            | ServiceState::Starting
            | ServiceState::Running
            | ServiceState::Stopping => false,
        }
    }

    /// A line for the log. What is wrong is a warning, what stays so an error.
    fn log(&self) {
        let ServiceStatus { id, state, pid, fault, retry, restarts } = self;
        // The last process has nothing to do with a new start.
        let starts = matches!(state, ServiceState::Unknown | ServiceState::Starting);
        let pid = pid.as_ref().filter(|_| !starts).map(display);
        match (state, fault, retry) {
            (ServiceState::Failed, Some(ProcessError { kind, message, .. }), Some(retry)) => {
                tracing::warn!(
                    service = %id, pid, restarts,
                    "failed ({kind}), and is started again in {retry:.1?}: {message}"
                );
            }
            (ServiceState::Failed, Some(ProcessError { kind, message, .. }), None) => {
                tracing::error!(
                    service = %id, pid, restarts,
                    "failed ({kind}), and is not started again: {message}"
                );
            }
            (
                ServiceState::Failed
                | ServiceState::Unknown
                | ServiceState::Starting
                | ServiceState::Running
                | ServiceState::Stopping
                | ServiceState::Stopped
                | ServiceState::Exited,
                ..,
            ) => tracing::info!(service = %id, pid, restarts, "{state}"),
        }
    }
}

/// The states of all services.
#[derive(Debug, Default)]
pub(in crate::host) struct Board(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    all: States,
    watchers: Vec<Sender<ServiceStatus>>,
    /// Those that wait for a change of one service: woken by no other, since there
    /// may be as many of them as there are services.
    waiting: BTreeMap<Id, Vec<Sender<()>>>,
}

pub(in crate::host) type States = BTreeMap<Id, ServiceStatus>;

/// Changes that an observer may be late.
const LATE: usize = 1024;

impl Board {
    pub fn new(services: impl Iterator<Item = Id>) -> Board {
        let all = services.map(|id| (id.clone(), ServiceStatus::new(id))).collect();
        Board(Mutex::new(Inner { all, ..Inner::default() }))
    }

    /// Nothing panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.0)
    }

    /// Changes what is known of a service, and tells it; each is changed by one
    /// task only. Logged first: whoever is told may be waiting to end everything.
    pub fn change(&self, id: &Id, state: ServiceState, change: impl FnOnce(&mut ServiceStatus)) {
        let Some(mut status) = self.lock().all.get(id).cloned() else { return };
        (status.state, status.retry) = (state, None);
        change(&mut status);
        status.log();
        let mut inner = self.lock();
        // Who does not look for long misses the oldest changes.
        inner.watchers.retain(|watcher| watcher.force_send(status.clone()).is_ok());
        inner.all.insert(id.clone(), status);
        for waiting in inner.waiting.get(id).into_iter().flatten() {
            // Who has not looked since the last change looks at both.
            let _ = waiting.try_send(());
        }
    }

    /// The process of a service, or its last one.
    pub fn pid(&self, id: &Id) -> Option<Pid> {
        self.lock().all.get(id)?.pid.clone()
    }

    pub fn all(&self) -> Vec<ServiceStatus> {
        self.lock().all.values().cloned().collect()
    }

    /// Every change from now on.
    pub fn changes(&self) -> Receiver<ServiceStatus> {
        let (watcher, changes) = async_channel::bounded(LATE);
        self.lock().watchers.push(watcher);
        changes
    }

    /// Waits until the states of these services are such that `f` has something to
    /// say.
    pub async fn until<'a, T>(
        &'a self,
        services: impl IntoIterator<Item = &'a Id>,
        mut f: impl FnMut(&States) -> Option<T>,
    ) -> T {
        let (waiting, changed) = async_channel::bounded(1);
        let mut wait = Wait { board: self, services: Vec::new(), waiting };
        for id in services {
            let mut inner = self.lock();
            inner.waiting.entry(id.clone()).or_default().push(wait.waiting.clone());
            wait.services.push(id);
        }
        loop {
            if let Some(found) = f(&self.lock().all) {
                return found;
            }
            // This is a sender itself, so there is always one.
            let _ = changed.recv().await;
        }
    }
}

/// Somebody waits. Nothing of that is left when the wait is over, or given up.
struct Wait<'a> {
    board: &'a Board,
    services: Vec<&'a Id>,
    waiting: Sender<()>,
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let mut inner = self.board.lock();
        for id in &self.services {
            let Some(waiting) = inner.waiting.get_mut(*id) else { continue };
            waiting.retain(|other| !other.same_channel(&self.waiting));
            if waiting.is_empty() {
                inner.waiting.remove(*id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use smol::future::{block_on, poll_once};

    use super::*;

    #[test]
    fn who_waits_for_one_service_is_woken_by_that_one() {
        let [a, b] = ["t:a", "t:b"].map(|id| id.parse::<Id>().unwrap());
        let board = Board::new([a.clone(), b.clone()].into_iter());
        let state = |states: &States, id: &Id| states.get(id).map(|status| status.state);
        let mut looks = 0;
        {
            let mut waits = pin!(board.until([&b], |states| {
                looks += 1;
                (state(states, &b) == Some(ServiceState::Running)).then_some(())
            }));
            block_on(async {
                assert_eq!(poll_once(&mut waits).await, None);
                for _ in 0..10 {
                    board.change(&a, ServiceState::Running, |_| ());
                    assert_eq!(poll_once(&mut waits).await, None);
                }
                board.change(&b, ServiceState::Starting, |_| ());
                board.change(&b, ServiceState::Running, |_| ());
                assert_eq!(poll_once(&mut waits).await, Some(()));
            });
        }
        assert_eq!(looks, 2);
        assert_eq!(board.lock().waiting.len(), 0);
        // Who gives up leaves nothing behind.
        for _ in 0..10 {
            let waits = board.until([&a, &b], |_| None::<()>);
            assert_eq!(block_on(poll_once(waits)), None);
        }
        assert_eq!(board.lock().waiting.len(), 0);
        // What has come to pass before is seen at once.
        let done = board.until([&a, &b], |states| state(states, &a));
        assert_eq!(block_on(poll_once(done)), Some(ServiceState::Running));
    }
}
