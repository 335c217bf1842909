//! Standard output and standard error.
//!
//! Bytes go out as they come, and are out when the answer is given: nothing is
//! kept back, so the two streams keep their order and a process that is killed
//! loses nothing. Only a log waits for the end of a line.
//!
//! The real streams may be pipes that nobody empties. A write happens within the
//! step only if it cannot block: to a regular file, or of no more than a pipe
//! takes at once when the system says that there is room. All others are left to
//! the blocking pool. A reader that has gone away is [`Errno::Pipe`].

use super::{super::locked, lines::Lines};
use crate::{
    account::Account,
    command::{Errno, Reply, Stdio},
};
use std::{
    fmt,
    io::{IsTerminal, Write},
    sync::{Arc, Mutex, TryLockError},
};

/// The most that is collected in an [`Output::Buffer`]: 64 MiB. A process that
/// writes more is told [`Errno::InsufficientSpace`].
pub const MAX_BUFFER: usize = 64 << 20;

/// The function that an [`Output::Callback`] calls.
pub type Callback = dyn Fn(&[u8]) + Send + Sync;

/// Where a process's standard output or standard error goes.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Output {
    /// Nowhere.
    #[default]
    Null,
    /// To that of this program.
    Inherit,
    /// Each line becomes an event of `tracing`, on the level INFO and with the
    /// target `wippy::output`.
    Log {
        /// The name of the `process` in the event.
        id: String,
        /// The account of a line that has no end yet.
        account: Account,
    },
    /// Into memory.
    Buffer(Arc<Mutex<Vec<u8>>>),
    /// It is called with all that is written, within a step: it should be quick.
    Callback(Arc<Callback>),
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Output::Null => f.write_str("Null"),
            Output::Inherit => f.write_str("Inherit"),
            Output::Log { id, .. } => f.debug_struct("Log").field("id", id).finish_non_exhaustive(),
            Output::Buffer(_) => f.write_str("Buffer(..)"),
            Output::Callback(_) => f.write_str("Callback(..)"),
        }
    }
}

/// An [`Output`] in use.
pub(super) enum Sink {
    Null,
    Real(Real),
    Log(Mutex<Lines>),
    Buffer(Arc<Mutex<Vec<u8>>>),
    Callback(Arc<Callback>),
}

impl Sink {
    pub(super) fn new(output: Output, stream: Stdio) -> Sink {
        match output {
            Output::Null => Sink::Null,
            Output::Inherit => Sink::Real(match stream {
                Stdio::Stderr => Real::Stderr,
                Stdio::Stdin | Stdio::Stdout => Real::Stdout,
            }),
            Output::Log { id, account } => Sink::Log(Mutex::new(Lines::new(id, stream, &account))),
            Output::Buffer(buffer) => Sink::Buffer(buffer),
            Output::Callback(callback) => Sink::Callback(callback),
        }
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.real().is_some_and(Real::is_terminal)
    }

    /// Writes all, if that cannot block.
    pub(super) fn write_now(&self, bytes: &[u8]) -> Option<Reply> {
        match self {
            Sink::Real(real) => {
                let _turn = match real.turn().try_lock() {
                    Ok(turn) => turn,
                    Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                    Err(TryLockError::WouldBlock) => return None,
                };
                real.takes_at_once(bytes.len()).then(|| real.put(bytes))
            }
            Sink::Null => Some(Reply::Done),
            Sink::Log(lines) => {
                locked(lines).write(bytes);
                Some(Reply::Done)
            }
            Sink::Buffer(buffer) => {
                let mut buffer = locked(buffer);
                if buffer.len().saturating_add(bytes.len()) > MAX_BUFFER {
                    return Some(Reply::Failed(Errno::InsufficientSpace));
                }
                buffer.extend_from_slice(bytes);
                Some(Reply::Done)
            }
            Sink::Callback(callback) => {
                callback(bytes);
                Some(Reply::Done)
            }
        }
    }

    /// Writes all, however long that takes.
    pub(super) fn write(&self, bytes: &[u8]) -> Reply {
        match self.real() {
            Some(real) => {
                let _turn = locked(real.turn());
                real.put(bytes)
            }
            None => self.write_now(bytes).unwrap_or(Reply::Done),
        }
    }

    /// The stream of this program, if it goes there.
    fn real(&self) -> Option<Real> {
        match self {
            Sink::Real(real) => Some(*real),
            Sink::Null | Sink::Log(_) | Sink::Buffer(_) | Sink::Callback(_) => None,
        }
    }
}

/// The output streams of this program.
#[derive(Clone, Copy)]
pub(super) enum Real {
    Stdout,
    Stderr,
}

impl Real {
    /// One write at a time, and the one in the pool before the next.
    fn turn(self) -> &'static Mutex<()> {
        static STDOUT: Mutex<()> = Mutex::new(());
        static STDERR: Mutex<()> = Mutex::new(());
        match self {
            Real::Stdout => &STDOUT,
            Real::Stderr => &STDERR,
        }
    }

    fn is_terminal(self) -> bool {
        match self {
            Real::Stdout => std::io::stdout().is_terminal(),
            Real::Stderr => std::io::stderr().is_terminal(),
        }
    }

    fn put(self, bytes: &[u8]) -> Reply {
        let written = match self {
            Real::Stdout => {
                let mut stdout = std::io::stdout().lock();
                stdout.write_all(bytes).and_then(|()| stdout.flush())
            }
            Real::Stderr => std::io::stderr().lock().write_all(bytes),
        };
        match written {
            Ok(()) => Reply::Done,
            Err(error) => Reply::Failed(error.into()),
        }
    }

    #[cfg(unix)]
    fn takes_at_once(self, len: usize) -> bool {
        match self {
            Real::Stdout => takes_at_once(&std::io::stdout(), len),
            Real::Stderr => takes_at_once(&std::io::stderr(), len),
        }
    }

    #[cfg(not(unix))]
    fn takes_at_once(self, _: usize) -> bool {
        false
    }
}

/// Writes to the standard error of this program, however long that takes, and in turn
/// with the processes that have it: none of them waits within a step meanwhile.
#[cfg(feature = "cli")]
pub(crate) fn write_stderr(mut bytes: &[u8]) -> std::io::Result<()> {
    use std::io::{Error, ErrorKind};
    let _turn = locked(Real::Stderr.turn());
    let mut stderr = std::io::stderr().lock();
    while !bytes.is_empty() {
        match stderr.write(bytes) {
            Ok(0) => return Err(Error::from(ErrorKind::WriteZero)),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Somebody who shares it has made it so.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// True if a write of `len` bytes cannot block.
#[cfg(unix)]
pub(in crate::world) fn takes_at_once(file: &impl std::os::fd::AsFd, len: usize) -> bool {
    use rustix::{
        event::{PollFd, PollFlags, Timespec, poll},
        fs::{FileType, fstat},
    };
    /// A pipe that has any room has room for so many.
    const PIPE: usize =
        if cfg!(any(target_os = "linux", target_os = "android")) { 4096 } else { 512 };
    if len > PIPE {
        return fstat(file)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile);
    }
    let mut asked = [PollFd::new(file, PollFlags::OUT)];
    matches!(poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(1..))
}
