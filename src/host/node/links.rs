//! Who is told of whose end.
//!
//! The links of two processes are changed one lock after the other, never both at
//! once; that is enough, because a process that has ended says so under its own
//! lock.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Node,
    send::shown,
    table::{ProcessSlot, Serial},
    watch::Watcher,
};
use crate::{
    account::{Charge, Exceeded},
    command::{ErrorKind, Mail, Pid, ProcessError},
    process::Error,
};

/// The processes that a process is linked to, monitors, or is monitored by.
#[derive(Default)]
pub(in crate::host) struct Links {
    /// Those that are told when it ends.
    pub monitors: BTreeSet<Serial>,
    /// Those that it is told of.
    pub monitored: BTreeSet<Serial>,
    /// Those that end with it.
    pub linked: BTreeSet<Serial>,
    /// Links that break are mail.
    pub traps: bool,
    pub names: BTreeSet<Arc<str>>,
    /// Is told of its end outside of all processes.
    pub watcher: Option<Watcher>,
    pub ended: bool,
    /// For all of them, at both ends.
    pub charge: Charge,
}

/// Bytes of a tie, in the sets of both processes.
const TIE: usize = 128;

/// Bytes of a name, at most as long as it may be.
const NAME: usize = 640;

impl Links {
    /// Before one more is made. Whoever asks for it pays for both ends.
    pub fn room(&mut self) -> Result<(), Exceeded> {
        let links = self.monitored.len().saturating_add(self.linked.len()).saturating_add(1);
        let names = self.names.len().saturating_mul(NAME);
        let bytes = links.saturating_mul(TIE).saturating_add(names);
        self.charge.cover(bytes as u64)
    }
}

impl Node {
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

/// The end of a process that is not there.
pub(in crate::host) fn gone(pid: &Pid) -> ProcessError {
    ProcessError::new(ErrorKind::NotFound, format!("process {} not found", shown(pid.as_str())))
}
