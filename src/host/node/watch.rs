//! Waiting for the end of a process from outside of all processes.

use std::sync::{Arc, OnceLock};

use event_listener::Event;

use super::ended::Ended;

/// The two ends of a wait.
pub(in crate::host) fn watch() -> (Watcher, Watched) {
    let told = Arc::<Told>::default();
    (Watcher(told.clone()), Watched(told))
}

/// How the process has ended, once it has; nothing if that is never told.
#[derive(Debug, Default)]
struct Told {
    ended: OnceLock<Option<Arc<Ended>>>,
    event: Event,
}

impl Told {
    fn set(&self, ended: Option<Arc<Ended>>) {
        // The first counts.
        if self.ended.set(ended).is_ok() {
            self.event.notify(usize::MAX);
        }
    }
}

/// Tells of the end. To drop it is to tell that nothing will be told.
#[derive(Debug)]
pub(in crate::host) struct Watcher(Arc<Told>);

impl Watcher {
    pub fn tell(self, ended: Arc<Ended>) {
        self.0.set(Some(ended));
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.set(None);
    }
}

/// Is told of the end, as is each of its clones.
#[derive(Clone, Debug)]
pub(in crate::host) struct Watched(Arc<Told>);

impl Watched {
    /// Waits for the end. Nothing if it is never told.
    pub async fn ended(&self) -> Option<Arc<Ended>> {
        let Told { ended, event } = &*self.0;
        loop {
            let listener = event.listen();
            // Looked at after that, so that nothing is missed in between.
            if let Some(ended) = ended.get() {
                return ended.clone();
            }
            listener.await;
        }
    }
}
