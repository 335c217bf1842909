//! Looking for processes that rest.
//!
//! A process that waits for a while gives back what memory it does not need. Nobody
//! sets a timer for it: a sweeper per host looks at those that have run, as long as
//! there are some.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use async_channel::Receiver;
use smol::Timer;

use super::{Inner, host::HostInner, pieces::Pieces, table::ProcessSlot};

/// Looks at the processes of a host as long as there are some that have run and
/// may rest now, so that they give memory back which they do not need.
pub(super) async fn sweep_when_asked(
    node: Weak<Inner>,
    host: Weak<HostInner>,
    asked: Receiver<()>,
) {
    const PERIOD: Duration = Duration::from_millis(100);
    while asked.recv().await.is_ok() {
        loop {
            Timer::after(PERIOD).await;
            let (Some(node), Some(host)) = (node.upgrade(), host.upgrade()) else { return };
            let (mut again, mut pieces) = (false, Pieces::of_at_least(1));
            let mine = |slot: &ProcessSlot| {
                Arc::ptr_eq(&slot.host, &host) && slot.mailbox.vitals.is_untrimmed()
            };
            for part in node.table.parts(mine) {
                // To look through a part is work too, though nobody in it may rest.
                pieces.next().await;
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
