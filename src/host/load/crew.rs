//! Threads that vet a component while it is loaded.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
};

use concurrent_queue::ConcurrentQueue;

use crate::{
    component::{Crew, Work},
    host::node::panics,
    lock::lock,
};

/// As many threads as there are processors, the loading one among them. They are
/// started when there is work, and end when there is none.
pub(in crate::host) struct Threads {
    width: usize,
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    work: ConcurrentQueue<Work>,
    /// Threads besides the loading one.
    busy: AtomicUsize,
}

impl Threads {
    pub fn new() -> Threads {
        let width = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let shared = Shared { work: ConcurrentQueue::unbounded(), busy: AtomicUsize::new(0) };
        Threads { width, shared: Arc::new(shared), threads: Mutex::default() }
    }

    /// A failed start of a thread while this is held changes nothing.
    fn threads(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        lock(&self.threads)
    }
}

impl Shared {
    fn work(&self) {
        while let Ok(work) = self.work.pop() {
            panics::catching(work);
        }
    }
}

impl Crew for Threads {
    fn width(&self) -> usize {
        self.width
    }

    fn add(&self, work: Work) {
        // The queue is never closed.
        if let Err(error) = self.shared.work.push(work) {
            return error.into_inner()();
        }
        if self.shared.busy.load(Relaxed).saturating_add(1) >= self.width {
            return;
        }
        self.shared.busy.fetch_add(1, Relaxed);
        let shared = self.shared.clone();
        let thread = thread::Builder::new().name("vet".to_owned()).spawn(move || {
            shared.work();
            shared.busy.fetch_sub(1, Relaxed);
        });
        // Without it the loading thread has the more to do.
        if let Ok(thread) = thread {
            self.threads().push(thread);
        }
    }

    fn finish(&self) {
        self.shared.work();
        for thread in self.threads().drain(..) {
            // Work does not panic; if it did, it would have found nothing.
            drop(thread.join());
        }
    }
}

impl Drop for Threads {
    /// Where loading has failed before its end, what is left need not be done.
    fn drop(&mut self) {
        while self.shared.work.pop().is_ok() {}
        for thread in self.threads().drain(..) {
            drop(thread.join());
        }
    }
}
