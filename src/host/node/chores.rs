//! The engine's own work, see [`Command::Chore`](crate::command::Command::Chore).
//!
//! It is done on a thread of its own, one chore after the other: whatever guests do that
//! makes work, it takes one processor at most, and no thread of a host. Not on the pool
//! for files: that waits for ever where the system has no more threads.

use std::thread;

use smol::lock::Mutex;

use super::panics;
use crate::command::{Chore, Reply};

/// Held while a chore is done.
static BUSY: Mutex<()> = Mutex::new(());

/// Does a chore, or waits until it is done.
pub(in crate::host) async fn later(chore: Chore) -> Reply {
    let turn = BUSY.lock().await;
    if chore.is_done() {
        return Reply::Done;
    }
    let (tell, told) = async_channel::bounded::<()>(1);
    let own = chore.clone();
    // It is done to its end, even if nobody waits any more.
    let work = move || {
        panics::catching(|| own.run());
        drop(turn);
        // Closed, if it has panicked.
        drop(tell);
    };
    match thread::Builder::new().name("chore".to_owned()).spawn(work) {
        Ok(_) => drop(told.recv().await),
        // Slow, but there is no other thread.
        Err(_) => panics::catching(|| chore.run()),
    }
    Reply::Done
}

/// The answer, if the chore has been done.
pub(in crate::host) fn now(chore: Chore) -> Result<Reply, Chore> {
    match chore.is_done() {
        true => Ok(Reply::Done),
        false => Err(chore),
    }
}
