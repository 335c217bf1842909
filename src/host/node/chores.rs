//! The engine's own work, see [`Command::Chore`](crate::command::Command::Chore).
//!
//! It is done on a thread of the blocking pool, one chore after the other: whatever
//! guests do that makes work, it takes one processor at most, and no thread of a
//! host.

use smol::lock::Mutex;

use super::panics;
use crate::command::{Chore, Reply};

/// Held while a chore is done.
static BUSY: Mutex<()> = Mutex::new(());

/// Does a chore, or waits until it is done.
pub(in crate::host) async fn later(chore: Chore) -> Reply {
    let turn = BUSY.lock().await;
    if !chore.is_done() {
        // It is done to its end, even if nobody waits any more.
        let work = move || {
            panics::catching(|| chore.run());
            drop(turn);
        };
        smol::unblock(work).await;
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
