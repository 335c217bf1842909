//! The threads of a host, and the queue that they take turns from.
//!
//! A process is one task, and a task that can run stands in a queue of its host,
//! first come, first served; see `turns` for births and ends. A turn is one slice,
//! after which the task goes to the end. So no process waits for more than one slice
//! of each of the others, however busy they are. Executors with a queue per thread are quicker by some
//! nanoseconds, but look at what others have queued only now and then, and
//! meanwhile a process would wait for a great many slices of a single other one.
//!
//! To wake a thread takes the system longer than most turns last. So a thread that
//! finds the queue empty looks at it for a moment before it sleeps, and as long as
//! one does, none is woken. Nor is one woken for the only turn in the queue if a thread
//! of the host adds it: a task that wakes another, a server's request its process or a
//! caller who it calls, mostly has nothing more to do until that has had its turn, and
//! the same thread takes it next. If the present turn goes on instead, the other waits
//! for the rest of a slice, and for the watchman if that is a long one.
//!
//! Invariant: there is no turn in the queue while all threads sleep. Who adds one looks
//! for a searcher after that, and a searcher looks at the queue once more after it has
//! given up.
//!
//! A thread that is held in one turn is relieved: see [`relief`].

mod relief;

use crate::lock::{held, lock};
use std::{
    cell::Cell,
    future::Future,
    hint, io,
    num::NonZero,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use async_task::Runnable;
use concurrent_queue::PopError;

use super::turns::{Class, Taken, Turns};

use self::relief::{Place, Relief};
use super::panics;

/// About what it takes to wake a thread.
const SEARCH: Duration = Duration::from_micros(20);

thread_local! {
    /// The turn that this thread is in.
    static PRESENT: Cell<Present> = const { Cell::new(Present::None) };
}

/// The turn that a thread is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Present {
    None,
    /// One of the queue at this address.
    Of(usize),
    /// The same, and it has added one that nobody was woken for.
    Owing,
}

/// Threads that run tasks. They end when this is dropped, after those that stand
/// in the queue then.
#[derive(Debug)]
pub(in crate::host) struct Workers {
    queue: Arc<Queue>,
    name: String,
}

#[derive(Debug)]
struct Queue {
    turns: Turns,
    /// A thread is looking for turns.
    searching: AtomicBool,
    /// Threads that sleep, or are about to.
    sleeping: AtomicUsize,
    /// How long a thread looks for turns before it sleeps. With a single processor
    /// nobody else could add one meanwhile.
    patience: Duration,
    /// Held from the last look at the queue to the sleep, and to wake.
    bed: Mutex<()>,
    alarm: Condvar,
    relief: Relief,
}

impl Workers {
    /// Starts so many threads; at least one.
    ///
    /// # Errors
    ///
    /// If the system gives no more threads.
    pub fn start(name: &str, count: usize) -> io::Result<Workers> {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let queue = Arc::new(Queue {
            turns: Turns::new(),
            searching: AtomicBool::new(false),
            sleeping: AtomicUsize::new(0),
            patience: if processors > 1 { SEARCH } else { Duration::ZERO },
            bed: Mutex::default(),
            alarm: Condvar::new(),
            relief: Relief::default(),
        });
        // Made first, so that the threads end if one of them cannot be started.
        let workers = Workers { queue, name: name.to_owned() };
        for _ in 0..count.max(1) {
            workers.add_thread()?;
        }
        let (queue, name) = (workers.queue.clone(), name.to_owned());
        let watchman = thread::Builder::new().name(format!("{name} watch"));
        watchman.spawn(move || relief::watch(&queue, &name))?;
        Ok(workers)
    }

    /// Starts one more thread, in the place of one that never comes back.
    ///
    /// # Errors
    ///
    /// If the system gives no more threads.
    pub fn add_thread(&self) -> io::Result<()> {
        relief::lose();
        let queue = self.queue.clone();
        thread::Builder::new().name(self.name.clone()).spawn(move || queue.work(None))?;
        Ok(())
    }

    /// Runs a future to its end.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.spawn_as(|| Class::Prompt, future);
    }

    /// The same, for one that is asked each time when it can run in which queue it is
    /// to stand.
    pub fn spawn_as(
        &self,
        class: impl Fn() -> Class + Send + Sync + 'static,
        future: impl Future<Output = ()> + Send + 'static,
    ) {
        let queue = self.queue.clone();
        let (runnable, task) = async_task::spawn(future, move |runnable| {
            // Without a queue the task is dropped, and its future with it. Not here:
            // whoever wakes a task may hold a lock that the future wants to take.
            if let Err(closed) = queue.add(runnable, class()) {
                smol::unblock(move || drop(closed)).detach();
            }
        });
        runnable.schedule();
        task.detach();
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.queue.turns.close();
        let _bed = lock(&self.queue.bed);
        self.queue.alarm.notify_all();
        self.queue.relief.ring();
    }
}

impl Queue {
    fn add(&self, turn: Runnable, class: Class) -> Result<(), Runnable> {
        self.turns.push(turn, class)?;
        self.wake_for_new();
        Ok(())
    }

    /// Wakes a thread for what has just been added, if there has to be one.
    fn wake_for_new(&self) {
        // In this order, as most turns are added while no thread sleeps, and how many
        // there are is asked by all threads.
        if !self.searching.load(SeqCst)
            && self.sleeping.load(SeqCst) > 0
            && !self.is_left_to_this_thread()
        {
            self.wake_one();
        }
    }

    /// True if this thread takes what it has just added after its present turn.
    fn is_left_to_this_thread(&self) -> bool {
        let here = PRESENT.get() == Present::Of(self.address()) && self.turns.len() == 1;
        if here {
            PRESENT.set(Present::Owing);
        }
        here
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn wake_one(&self) {
        if self.sleeping.load(SeqCst) > 0 {
            let _bed = lock(&self.bed);
            self.alarm.notify_one();
        }
    }

    /// Runs turns: until the queue is closed, or until the one whose place it has taken
    /// is back.
    fn work(&self, place: Option<&Place>) {
        let own = self.relief.enter();
        let mut taken = Taken::default();
        loop {
            if place.is_some_and(Place::is_over) {
                // It may have been woken for a turn that another has to run now.
                if !self.turns.is_empty() {
                    self.wake_one();
                }
                return;
            }
            match self.turns.pop(&mut taken) {
                // A task that panics is dropped, and none but it. What runs processes
                // catches their panics itself, so that this is for all other tasks.
                Ok(turn) => {
                    self.relief.begin(&own);
                    PRESENT.set(Present::Of(self.address()));
                    let run = AssertUnwindSafe(|| turn.run());
                    if panics::catching(|| catch_unwind(run)).is_err() {
                        tracing::error!("a task has failed: {}; please report it", panics::said());
                    }
                    own.end();
                    // One of them is for this thread.
                    if PRESENT.replace(Present::None) == Present::Owing && self.turns.len() > 1 {
                        self.wake_one();
                    }
                }
                Err(PopError::Closed) => return,
                Err(PopError::Empty) => {
                    self.search();
                    // Others have relied on this thread.
                    if self.turns.is_empty() {
                        self.sleep();
                    }
                    if self.turns.len() > 1 {
                        self.wake_one();
                    }
                }
            }
        }
    }

    /// Waits a moment for turns, unless another thread does.
    fn search(&self) {
        if self.searching.swap(true, SeqCst) {
            return;
        }
        let begin = Instant::now();
        while self.turns.is_empty() && begin.elapsed() < self.patience {
            for _ in 0..16 {
                hint::spin_loop();
            }
        }
        self.searching.store(false, SeqCst);
    }

    /// Sleeps until there may be turns.
    fn sleep(&self) {
        let bed = lock(&self.bed);
        self.sleeping.fetch_add(1, SeqCst);
        if self.turns.is_empty() && !self.turns.is_closed() {
            drop(held(self.alarm.wait(bed)));
        }
        self.sleeping.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_that_goes_on_does_not_keep_what_it_has_added() {
        let workers = Arc::new(Workers::start("test", 2).unwrap());
        let (tell, told) = async_channel::bounded(1);
        let others = Arc::downgrade(&workers);
        workers.spawn(async move {
            let (go, went) = std::sync::mpsc::channel();
            others.upgrade().unwrap().spawn(async move { go.send(()).unwrap() });
            // It holds its thread until the other has had its turn.
            tell.send(went.recv_timeout(Duration::from_secs(60))).await.unwrap();
        });
        assert_eq!(smol::block_on(told.recv()), Ok(Ok(())));
    }

    #[test]
    fn a_task_that_panics_takes_no_thread_along() {
        let workers = Workers::start("test", 1).unwrap();
        workers.spawn(async { panic!("a task that panics, for the test") });
        let (tell, told) = async_channel::bounded(1);
        workers.spawn(async move { tell.send("still here").await.unwrap() });
        assert_eq!(smol::block_on(told.recv()), Ok("still here"));
    }
}
