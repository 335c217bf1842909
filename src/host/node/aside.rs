//! What is done with a process between its steps, and may take long.
//!
//! To close a process gives its memory back to the system, and to trim it looks at all
//! of that memory: with a gigabyte, tenths of a second. So a process with much memory is
//! lent to the blocking pool for it. Nobody misses it there, for it has no step
//! meanwhile; what arrives for it waits in its mailbox.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::panics;
use crate::process::{Error, ErrorKind, Event, Fuel, Process, Status, StepOutput};

/// Bytes from which on a process is lent: to unmap so many takes a fraction of a
/// millisecond, as long as a few slices.
const LARGE: u64 = 4 << 20;

/// Does some work with a process, where that holds up nobody if it may be lent.
///
/// # Errors
///
/// With what a panic has said. The process can only be closed then.
pub(super) async fn aside(
    process: &mut Box<dyn Process>,
    lends: bool,
    mut work: impl FnMut(&mut dyn Process) + Send + 'static,
) -> Result<(), String> {
    let mut work = move |process: &mut dyn Process| {
        let caught = panics::catching(|| catch_unwind(AssertUnwindSafe(|| work(process))));
        caught.map_err(|_| panics::said())
    };
    if !lends || process.memory_used() < LARGE {
        return work(&mut **process);
    }
    let mut lent = mem::replace(process, Box::new(Lent));
    let back = smol::unblock(move || {
        let done = work(&mut *lent);
        (lent, done)
    });
    let (lent, done) = back.await;
    *process = lent;
    done
}

/// Stands where a process was that is lent. It is never stepped.
struct Lent;

impl Process for Lent {
    fn step(&mut self, events: &mut Vec<Event>, _: Fuel, out: &mut StepOutput) {
        events.clear();
        let error = Error::new(ErrorKind::Internal, "the process is elsewhere");
        *out = StepOutput { status: Status::Done(Err(error)), ..StepOutput::default() };
    }

    fn close(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::mpsc::{Sender, channel},
        thread::{self, ThreadId},
    };

    /// Tells where it is closed.
    struct Big(u64, Sender<ThreadId>);

    impl Process for Big {
        fn step(&mut self, _: &mut Vec<Event>, _: Fuel, _: &mut StepOutput) {}

        fn memory_used(&self) -> u64 {
            self.0
        }

        fn close(&mut self) {
            assert!(self.0 > 0, "nothing to close");
            self.1.send(thread::current().id()).unwrap();
        }
    }

    #[test]
    fn only_who_has_much_memory_is_lent() {
        let (tell, told) = channel();
        for (bytes, here) in [(1, true), (LARGE - 1, true), (LARGE, false)] {
            let mut process: Box<dyn Process> = Box::new(Big(bytes, tell.clone()));
            assert_eq!(
                smol::block_on(aside(&mut process, true, |process| process.close())),
                Ok(())
            );
            assert_eq!(told.recv().unwrap() == thread::current().id(), here);
            // It has come back.
            assert_eq!(process.memory_used(), bytes);
        }
    }

    #[test]
    fn a_panic_is_told() {
        let mut process: Box<dyn Process> = Box::new(Big(0, channel().0));
        let said = smol::block_on(aside(&mut process, true, |process| process.close()));
        assert!(said.unwrap_err().starts_with("nothing to close"));
    }
}
