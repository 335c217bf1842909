//! The real world: answers commands from the system that this program runs on.
//!
//! A [`SystemDispatcher`] belongs to one process and holds what that process has open. It
//! answers in two ways. What takes no time to speak of is answered within the
//! step, by [`InlineDispatcher`]; all else by [`SystemDispatcher::answer`], which waits without
//! holding a thread or does the work on the blocking pool, so that a slow disk,
//! pipe or terminal holds up nobody but the process that asked.
//!
//! Within the step: clocks, up to 64 KiB of random numbers, input that has been
//! read ahead, output that cannot block, and what is done with files that are in
//! memory (see `files`). Directories are listed and changed on the pool.

mod clock;
mod disk;
mod errno;
mod file;
mod files;
mod in_flight;
mod input;
mod lines;
mod name;
mod open;
mod output;
mod path;
mod permits;
mod random;
mod stat;
mod table;

#[cfg(test)]
mod tests;

#[cfg(feature = "cli")]
pub(crate) use self::output::write_stderr;
pub use self::{
    disk::Directory,
    in_flight::{Dispatcher, InFlight},
    input::Input,
    output::{Callback, MAX_BUFFER, Output},
    table::MAX_OPEN,
};
use self::{
    input::Source,
    output::Sink,
    table::{Folder, Node, Table},
};
use crate::{
    account::Account,
    command::{Clock, Command, Errno, FileId, InlineDispatcher, Reply, Stdio},
};
use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// The standard streams of a process. By default there is no input, and output
/// goes nowhere.
#[derive(Debug, Default)]
pub struct Streams {
    /// Standard input.
    pub stdin: Input,
    /// Standard output.
    pub stdout: Output,
    /// Standard error.
    pub stderr: Output,
}

impl Streams {
    /// No input, and output that becomes lines of the log, under this id. What has no
    /// end yet is on the account.
    pub fn logged(id: &str, account: &Account) -> Streams {
        let log = || Output::Log { id: id.to_owned(), account: account.clone() };
        Streams { stdin: Input::Empty, stdout: log(), stderr: log() }
    }
}

/// Dispatcher the commands of one process. A clone is the same world; when the last
/// is dropped, everything is closed.
///
/// ```
/// use cap_std::{ambient_authority, fs::Dir};
/// use wippy::{command::{Command, FileCommand, OpenFlags, Reply}, world::{Streams, SystemDispatcher}};
///
/// let world = SystemDispatcher::new(Streams::default());
/// let directory = Dir::open_ambient_dir(".", ambient_authority())?;
/// let dir = world.add_dir(directory, true);
/// let open = |path: &str| {
///     let flags = OpenFlags { read: true, ..OpenFlags::default() };
///     let path = path.to_owned();
///     let open = FileCommand::Open { dir, path, follow: true, flags };
///     smol::block_on(world.answer(Command::File(open)))
/// };
/// assert!(matches!(open("Cargo.toml"), Reply::File { .. }));
/// assert!(matches!(open("../secret"), Reply::Failed(_)));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct SystemDispatcher(Arc<Inner>);

struct Inner {
    stdin: Source,
    stdout: Sink,
    stderr: Sink,
    table: Mutex<Table>,
    /// Nobody reads what goes to stdout any more.
    unread: AtomicBool,
    /// See [`SystemDispatcher::set_alone`].
    alone: AtomicBool,
}

/// A panic elsewhere has left nothing half done behind any of these locks.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SystemDispatcher {
    /// A world without files.
    pub fn new(streams: Streams) -> SystemDispatcher {
        SystemDispatcher(Arc::new(Inner {
            stdin: streams.stdin.into(),
            stdout: Sink::new(streams.stdout, Stdio::Stdout),
            stderr: Sink::new(streams.stderr, Stdio::Stderr),
            table: Mutex::default(),
            unread: AtomicBool::new(false),
            alone: AtomicBool::new(false),
        }))
    }

    /// Gives the process a directory. If it is `read_only`, whatever would change
    /// something below it fails with [`Errno::ReadOnly`].
    pub fn add_dir(&self, dir: impl Into<Directory>, read_only: bool) -> FileId {
        let dir = dir.into();
        locked(&self.0.table).insert(Node::Dir(Arc::new(Folder { dir, read_only, _permit: None })))
    }

    /// Whether the process has written to a stdout whose reader has gone. Then
    /// there is no point in letting it go on: programs of an operating system are
    /// ended by a signal here.
    pub fn is_unread(&self) -> bool {
        self.0.unread.load(Ordering::Relaxed)
    }

    /// The thread that steps the process has nobody else to step. So it may wait
    /// for a disk of this machine, which is less work than to let the pool do it.
    pub fn set_alone(&self) {
        self.0.alone.store(true, Ordering::Relaxed);
    }

    /// From now on, no file is opened while so many are open.
    pub fn set_max_open(&self, max: usize) {
        locked(&self.0.table).max = max;
    }

    /// Closes all files and directories.
    pub fn close(&self) {
        locked(&self.0.table).clear();
    }

    /// The answer, if it takes no time; the same as [`InlineDispatcher::now`].
    ///
    /// # Errors
    ///
    /// With the command, unchanged.
    pub fn try_answer(&self, command: Command) -> Result<Reply, Command> {
        let inner = &*self.0;
        let reply = match &command {
            Command::Now(clock) => Some(Reply::Time(clock::now(*clock))),
            Command::Resolution(clock) => Some(Reply::Time(clock::resolution(*clock))),
            Command::Random { len, .. } => (*len <= random::AT_ONCE).then(|| random::bytes(*len)),
            Command::IsTerminal(stream) => Some(Reply::Bool(inner.is_terminal(*stream))),
            Command::ReadStdin { len } => inner.stdin.read_now(*len),
            Command::WriteStdio { to, bytes } => {
                let reply = inner.sink(*to).write_now(bytes);
                // So that a process can be ended before it is told.
                reply.filter(|reply| !inner.written(*to, reply))
            }
            Command::FlushStdio(_) => Some(Reply::Done),
            Command::Poll { stdin, until } => inner.poll_now(*stdin, *until),
            // Without mail there is something to wait for all the same.
            Command::AwaitMail { stdin, until } if *stdin || until.is_some() => {
                inner.poll_now(*stdin, *until)
            }
            Command::AwaitMail { .. } | Command::Pause => None,
            Command::File(command) => inner.file_now(command),
            Command::Actor(command) => {
                Some(Reply::Refused(format!("no host answers `{}` here", command.name())))
            }
            Command::Call { interface, function, .. } => {
                Some(Reply::Refused(format!("nobody answers calls of {interface}#{function}")))
            }
            // Whoever runs the process has threads for that, or has not.
            Command::Chore(_) => Some(Reply::Refused("nobody does chores here".to_owned())),
        };
        reply.ok_or(command)
    }

    /// The answer, as soon as there is one. To drop the future is to stop
    /// waiting; nothing is lost by it, except that a change that has begun is
    /// made all the same.
    pub async fn answer(&self, command: Command) -> Reply {
        let command = match self.try_answer(command) {
            Ok(reply) => return reply,
            Err(command) => command,
        };
        let inner = Arc::clone(&self.0);
        match command {
            Command::Random { len, .. } => smol::unblock(move || random::bytes(len)).await,
            Command::ReadStdin { len } => inner.stdin.read(len).await,
            Command::WriteStdio { to, bytes } => {
                let reply = smol::unblock(move || {
                    let reply = inner.sink(to).write(&bytes);
                    inner.written(to, &reply);
                    reply
                });
                reply.await
            }
            Command::Poll { stdin, until } | Command::AwaitMail { stdin, until } => {
                inner.poll(stdin, until).await
            }
            Command::Pause => Reply::Done,
            Command::File(command) => files::later(inner, command).await,
            // All others have been answered at once.
            _ => Reply::Refused("nobody answers this command".to_owned()),
        }
    }
}

impl InlineDispatcher for SystemDispatcher {
    fn now(&mut self, command: Command) -> Result<Reply, Command> {
        self.try_answer(command)
    }
}

impl fmt::Debug for SystemDispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemDispatcher").finish_non_exhaustive()
    }
}

/// Streams and clocks.
impl Inner {
    fn sink(&self, stream: Stdio) -> &Sink {
        match stream {
            Stdio::Stdout => &self.stdout,
            Stdio::Stderr => &self.stderr,
            Stdio::Stdin => &Sink::Null,
        }
    }

    /// Notes, and tells, when the reader of stdout has gone.
    fn written(&self, to: Stdio, reply: &Reply) -> bool {
        let unread = to == Stdio::Stdout && *reply == Reply::Failed(Errno::Pipe);
        if unread {
            self.unread.store(true, Ordering::Relaxed);
        }
        unread
    }

    fn is_terminal(&self, stream: Stdio) -> bool {
        match stream {
            Stdio::Stdin => self.stdin.is_terminal(),
            stream => self.sink(stream).is_terminal(),
        }
    }

    fn poll_now(&self, stdin: bool, until: Option<u64>) -> Option<Reply> {
        if !stdin && until.is_none() {
            return Some(Reply::Refused("it would wait for nothing".to_owned()));
        }
        let stdin = stdin && self.stdin.ready_now();
        let time = until.is_some_and(|until| until <= clock::now(Clock::Monotonic));
        (stdin || time).then_some(Reply::Ready { stdin, time })
    }

    async fn poll(&self, stdin: bool, until: Option<u64>) -> Reply {
        let input = async {
            match stdin {
                true => self.stdin.ready().await,
                false => std::future::pending().await,
            }
        };
        let time = async {
            match until {
                Some(until) => clock::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        let first = async {
            input.await;
            Reply::Ready { stdin: true, time: false }
        };
        let second = async {
            time.await;
            Reply::Ready { stdin: false, time: true }
        };
        let one = smol::future::or(first, second).await;
        // Both may hold by now.
        self.poll_now(stdin, until).unwrap_or(one)
    }
}
