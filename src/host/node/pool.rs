//! The pool of threads for calls of the system that may take long.
//!
//! It is that of the crate `blocking`, below smol, which has no threads at first. Where
//! the system gives no more of them, it asks for the first one again and again, for ever,
//! on the thread that has work for it; with one it waits for that one. So the first is
//! made together with the threads of a host, while a failure can still be told.

use std::{io, sync::Mutex, thread};

use crate::lock::lock;

/// The pool has a thread.
static BEGUN: Mutex<bool> = Mutex::new(false);

/// Gives the pool its first thread.
///
/// # Errors
///
/// If the system gives no more threads.
pub(super) fn begin() -> io::Result<()> {
    let mut begun = lock(&BEGUN);
    if !*begun {
        // There is one to be had.
        let probe = thread::Builder::new().name("probe".to_owned()).spawn(|| ())?;
        // It does not panic.
        drop(probe.join());
        smol::unblock(|| ()).detach();
        *begun = true;
    }
    Ok(())
}
