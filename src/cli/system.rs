//! What the command needs of the system: looked at before it relies on it.
//!
//! The libraries beneath panic where the system refuses a thread or a file at the
//! wrong moment, and the thread that the system starts with may have next to no
//! stack. So the first is asked for beforehand, and what fails all the same becomes a
//! message and an exit code.

use std::{
    hint,
    io::{self, PipeReader, PipeWriter},
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use super::{
    exit::{Exit, Failure},
    output, stderr,
};

/// The stack that the command has at least. What reads files nests by it.
const STACK: usize = 8 << 20;

/// Pipes of which two ends are open at a time: what the event queue, the signals and
/// one more file take.
const PIPES: usize = 6;

/// Bytes of memory that are left at the start. More than 32 MiB, for the C library takes
/// the size of a block that is given back, up to that, as the one from which on blocks
/// come fresh from the system: the memories of guests have to.
const MEMORY: usize = 33 << 20;

/// A panic is expected, and told by who expects it.
static EXPECTED: AtomicBool = AtomicBool::new(false);

/// Runs the command, on another thread if this one has too small a stack.
pub(super) fn run(command: impl FnOnce() -> Exit + Send + 'static) -> Exit {
    panic::set_hook(Box::new(tell));
    if let Err(why) = has_memory() {
        return output::failure(&why);
    }
    let ended = match has_stack() {
        true => panic::catch_unwind(AssertUnwindSafe(command)),
        false => match thread::Builder::new().stack_size(STACK).spawn(command) {
            Ok(thread) => thread.join(),
            Err(error) => {
                return output::failure(&lacks("threads", "ulimit -u", "ulimit -v", &error));
            }
        },
    };
    ended.unwrap_or(Exit::Engine)
}

#[cfg(unix)]
fn has_stack() -> bool {
    use rustix::process::{Resource, getrlimit};
    let most = getrlimit(Resource::Stack).current;
    most.is_none_or(|most| usize::try_from(most).is_ok_and(|most| most >= STACK))
}

#[cfg(not(unix))]
fn has_stack() -> bool {
    false
}

/// Says that the command itself has failed.
fn tell(info: &PanicHookInfo<'_>) {
    if EXPECTED.load(Ordering::Relaxed) {
        return;
    }
    let what = info.payload_as_str().unwrap_or("no message");
    let place = info.location().map(|place| format!(" ({place})")).unwrap_or_default();
    let mut text = format!("wippy itself has failed, please report this: {what}{place}");
    if std::env::var_os("RUST_BACKTRACE").is_some_and(|wanted| wanted != "0") {
        text.push_str(&format!("\n{}", std::backtrace::Backtrace::force_capture()));
    }
    output::error(&text);
    // It may be the last that is heard.
    stderr::finish(Some(Duration::from_secs(1)));
}

/// Makes what panics if the system lacks something.
pub(super) fn make<T>(what: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    EXPECTED.store(true, Ordering::Relaxed);
    let made = panic::catch_unwind(AssertUnwindSafe(what));
    EXPECTED.store(false, Ordering::Relaxed);
    made.unwrap_or_else(|_| Err(io::Error::other("it has no more threads, files or memory")))
}

/// Fails if there is too little for anything to run.
pub(super) fn enough() -> Result<(), Failure> {
    let pipes: io::Result<Vec<(PipeReader, PipeWriter)>> = (0..PIPES).map(|_| io::pipe()).collect();
    if let Err(error) = pipes {
        return Err(lacks("open files", "ulimit -n", "lsof", &error));
    }
    has_memory()?;
    thread::Builder::new()
        .spawn(|| ())
        .map(drop)
        .map_err(|error| lacks("threads", "ulimit -u", "ulimit -v", &error))
}

fn has_memory() -> Result<(), Failure> {
    let mut memory = Vec::<u8>::new();
    hint::black_box(memory.try_reserve_exact(MEMORY)).map_err(|_| {
        let error = io::Error::from(io::ErrorKind::OutOfMemory);
        lacks("memory", "ulimit -v", "free", &error)
    })
}

/// The system gives too little of something; these commands show how much there is.
pub(super) fn lacks(what: &str, shows: &str, or: &str, error: &io::Error) -> Failure {
    Failure::Message(
        Exit::System,
        format!(
            "the system gives wippy no more {what}: {error}\n    fix:      raise the limit, \
             or end other programs; `{shows}` and `{or}` show how much there is"
        ),
    )
}
