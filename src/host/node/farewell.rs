//! The life of a process on its host, and how others hear of its end.
//!
//! What happens at the end of a process happens in this order: its memory is
//! freed, it leaves the table and loses its names, and then those that monitor it
//! or are linked to it are told, each once. So whoever is told may start another
//! one in its place. They may be very many, so they are told in pieces, between
//! which those that have been told have their turns.

use std::sync::{Arc, atomic::Ordering};

use super::{
    Node,
    ended::Ended,
    heap,
    host::Place,
    links::Links,
    panics::Undertaker,
    pieces::Pieces,
    program::Started,
    run::{RunOptions, live},
    table::ProcessSlot,
    trace::Probe,
};
use crate::{
    command::{Mail, SharedEnding},
    process::{Cause, Error},
};

/// The whole life of one process.
pub(super) async fn run(node: Node, slot: Arc<ProcessSlot>, started: Started, place: Place) {
    let Started { mut process, answers, result, max_execution } = started;
    let (slice, whole) = (slot.host.options.slice, slot.whole);
    let options = RunOptions { slice, max_execution, whole };
    let probe = node.0.trace.get().map(|trace| Probe { trace, slot: &slot, clock: node.clock() });
    if let Some(probe) = &probe {
        probe.trace.started(&slot);
    }
    let last = LastResort { node: &node, slot: &slot };
    let (mailbox, probe) = (&slot.mailbox, probe.as_ref());
    let ended =
        live(&mut process, answers, mailbox, &options, result.as_ref(), probe, Some(&last)).await;
    drop(process);
    heap::ended();
    drop(place);
    if let Some(recorder) = node.0.recorder.get() {
        recorder.ended(slot.serial, ended.fuel_used, ended.outcome.as_ref().err().cloned());
    }
    node.ended(&slot, ended).await;
}

impl Node {
    /// A process has left its host.
    async fn ended(&self, slot: &ProcessSlot, ended: Ended) {
        log_end(slot, &ended);
        if let Some(stage) = &self.0.stage {
            stage.ended(slot, ended.outcome.as_ref().err().map(ToString::to_string));
        }
        let ended = ended.kept_by(&slot.host.account, slot.links().watcher.is_some());
        self.farewell(slot, ended).await;
    }
}

/// Who ends tells so many others at once, so that those few whom most processes have
/// hear of it in the same order on a busy machine.
pub(super) const TOLD_AT_ONCE: u32 = 8;

/// Ends a process whose thread cannot be used any more, nor anything that it holds.
struct LastResort<'a> {
    node: &'a Node,
    slot: &'a Arc<ProcessSlot>,
}

impl Undertaker for LastResort<'_> {
    fn give_up(&self, why: &str) -> bool {
        let (node, slot) = (self.node.clone(), self.slot.clone());
        let host = slot.host.clone();
        if let Err(error) = host.executor.add_thread() {
            // The others go on, if there are others.
            tracing::error!(host = &*host.id, %error, "a thread is lost and cannot be replaced");
        }
        let error = Error::engine(why);
        host.executor.spawn("last resort", async move {
            let ending = Err(error.fault());
            if let Some(trace) = node.0.trace.get() {
                Probe { trace, slot: &slot, clock: node.clock() }.ended(&ending);
            }
            slot.host.live.fetch_sub(1, Ordering::Relaxed);
            if let Some(recorder) = node.0.recorder.get() {
                recorder.ended(slot.serial, slot.mailbox.vitals.fuel(), Some(error.clone()));
            }
            let ended =
                Ended::after(&slot.mailbox, Err(error), ending, node.clock().since(slot.born));
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

impl Node {
    /// Tells all who want to know that a process has ended.
    pub(super) async fn farewell(&self, slot: &ProcessSlot, ended: Ended) {
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
        let mut pieces = match self.0.stage {
            Some(_) => Pieces::of_exactly(TOLD_AT_ONCE),
            None => Pieces::of_at_least(TOLD_AT_ONCE),
        };
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
}
