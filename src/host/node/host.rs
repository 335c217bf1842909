//! One host of a node, and the places that it has for processes.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_channel::Sender;

use super::{executor::Executor, program::HostOptions};
use crate::{
    account::{Account, Charge},
    command::{ErrorKind, ProcessError},
};

/// A host of a node.
pub(in crate::host) struct HostInner {
    pub id: Arc<str>,
    pub options: HostOptions,
    /// For all that its processes hold.
    pub account: Account,
    pub live: AtomicUsize,
    /// Asks the sweeper to look at the processes. Dropped before the executor, who
    /// runs the sweeper's last turn.
    pub sweep: Sender<()>,
    pub executor: Executor,
}

impl fmt::Debug for HostInner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({})", self.id)
    }
}

impl HostInner {
    /// True if another process could live here, at this moment.
    pub fn has_room(&self) -> bool {
        self.live.load(Ordering::Relaxed) < self.options.max_processes
    }
}

/// A place on a host, for as long as a process lives there, and what any process
/// takes up.
pub(super) struct Place(Arc<HostInner>, Charge);

/// Bytes that a process takes up besides what it does: its store, its tables, its
/// mailbox, its task.
const PROCESS: u64 = 12 << 10;

impl Place {
    pub fn take(host: &Arc<HostInner>) -> Result<Place, ProcessError> {
        let before = host.live.fetch_add(1, Ordering::Relaxed);
        // Made first, so that it is given back.
        let mut place = Place(host.clone(), host.account.open());
        let max = host.options.max_processes;
        if before >= max {
            let why = format!("{} runs at most {max} at a time", host.id);
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
