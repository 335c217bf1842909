//! The threads of a host, and the queue that they take turns from.
//!
//! A process is one task, and a task that can run stands in the one queue of its
//! host: first come, first served. A turn is one slice, after which the task goes
//! to the end. So no process waits for more than one slice of each of the others,
//! however busy they are. Executors with a queue per thread are quicker by some
//! nanoseconds, but look at what others have queued only now and then, and
//! meanwhile a process would wait for a great many slices of a single other one.

use std::{future::Future, io, thread};

use async_channel::{Receiver, Sender, TryRecvError};
use async_task::Runnable;

/// Threads that run tasks. They end when this is dropped, and drop the tasks that
/// stand in the queue then.
#[derive(Debug)]
pub(super) struct Workers {
    queue: Sender<Runnable>,
}

impl Workers {
    /// Starts so many threads; at least one.
    ///
    /// # Errors
    ///
    /// If the system gives no more threads.
    pub fn start(name: &str, count: usize) -> io::Result<Workers> {
        let (queue, turns) = async_channel::unbounded();
        // Made first, so that the threads end if one of them cannot be started.
        let workers = Workers { queue };
        for _ in 0..count.max(1) {
            let turns = turns.clone();
            thread::Builder::new().name(name.to_owned()).spawn(move || work(&turns))?;
        }
        Ok(workers)
    }

    /// Runs a future to its end.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        let queue = self.queue.clone();
        let (runnable, task) = async_task::spawn(future, move |runnable| {
            // Without a queue the task is dropped, and its future with it. Not here:
            // whoever wakes a task may hold a lock that the future wants to take.
            if let Err(closed) = queue.try_send(runnable) {
                smol::unblock(move || drop(closed)).detach();
            }
        });
        runnable.schedule();
        task.detach();
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // Tasks that wait for something hold clones of the sender.
        self.queue.close();
    }
}

fn work(turns: &Receiver<Runnable>) {
    // smol's `block_on` also waits for timers and files when there is no turn.
    smol::block_on(async {
        loop {
            let next = match turns.try_recv() {
                Ok(next) => Ok(next),
                Err(TryRecvError::Closed) => break,
                Err(TryRecvError::Empty) => turns.recv().await,
            };
            match next {
                Ok(runnable) => drop(runnable.run()),
                Err(_) => break,
            }
        }
    });
}
