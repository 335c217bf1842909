//! The real world: answers commands from the system that this program runs on.
//!
//! A [`SystemDispatcher`] belongs to one process and holds what that process has open.
//! Each family of commands has a handler of its own, with two words: `now` gives the
//! answer within the step, or the command back, and `later` is a future that has the
//! answer some time, without holding a thread or with the work done on the blocking
//! pool. So a slow disk, pipe or terminal holds up nobody but the process that asked.
//! Here commands are only routed to their handler.
//!
//! Within the step: clocks, up to 64 KiB of random numbers, input that has been
//! read ahead, output that cannot block, and what is done with files that are in
//! memory (see `fs`). Directories are listed and changed on the pool.

mod clock;
mod errno;
mod fs;
mod http;
mod in_flight;
#[cfg_attr(not(unix), path = "net/none.rs")]
mod net;
mod random;
mod stdio;
mod stream;
pub(crate) mod transport;
mod wait;

#[cfg(test)]
mod tests;

pub(crate) use self::fs::{Permit, Permits};
pub(crate) use self::http::{Answer, Incoming, OutgoingBody, add_fields, fields};
#[cfg(feature = "cli")]
pub(crate) use self::stdio::write_stderr;
pub use self::{
    fs::{Directory, MAX_OPEN},
    http::Client as HttpClient,
    in_flight::{Dispatcher, InFlight},
    stdio::{Callback, Input, MAX_BUFFER, Output},
};
use crate::{
    account::{Account, Exceeded},
    command::{
        ActorCommand, Command, ErrorKind, FileId, HostCall, InlineDispatcher, ProcessError,
        ProjectCommand, Reply, http::IncomingRequest,
    },
    imports::sim::Check,
    network::Network,
};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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

/// Answers the commands of one process. A clone is the same world; when the last
/// is dropped, everything is closed.
///
/// ```
/// use cap_std::{ambient_authority, fs::Dir};
/// use wippy::{command::{FsCommand, OpenFlags, Reply}, world::{Streams, SystemDispatcher}};
///
/// let world = SystemDispatcher::new(Streams::default());
/// let directory = Dir::open_ambient_dir(".", ambient_authority())?;
/// let dir = world.add_dir(directory, true);
/// let open = |path: &str| {
///     let flags = OpenFlags { read: true, ..OpenFlags::default() };
///     let path = path.to_owned();
///     let open = FsCommand::Open { dir, path, follow: true, flags };
///     smol::block_on(world.later(open.into()))
/// };
/// assert!(matches!(open("Cargo.toml"), Reply::File { .. }));
/// assert!(matches!(open("../secret"), Reply::Failed(_)));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct SystemDispatcher(Arc<Inner>);

struct Inner {
    streams: stdio::Open,
    files: fs::Files,
    /// All else that is open.
    handles: stream::Handles,
    http: http::Http,
    allowed: net::Allowed,
}

/// A panic elsewhere has left nothing half done behind any of these locks.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SystemDispatcher {
    /// A world without files.
    pub fn new(streams: Streams) -> SystemDispatcher {
        let (files, handles) = (fs::Files::default(), stream::Handles::default());
        let (http, allowed) = (http::Http::default(), net::Allowed::default());
        let streams = streams.into();
        SystemDispatcher(Arc::new(Inner { streams, files, handles, http, allowed }))
    }

    /// Gives the process a directory. If it is `read_only`, whatever would change
    /// something below it fails with [`Errno::ReadOnly`](crate::command::Errno::ReadOnly).
    pub fn add_dir(&self, dir: impl Into<Directory>, read_only: bool) -> FileId {
        self.0.files.add_dir(dir.into(), read_only)
    }

    /// True if the process has written to a stdout whose reader has gone. Then
    /// there is no point in letting it go on: programs of an operating system are
    /// ended by a signal here.
    pub fn is_unread(&self) -> bool {
        self.0.streams.is_unread()
    }

    /// From now on the process may do this with the network. Before, it may do nothing.
    pub fn set_network(&self, network: Arc<Network>) {
        self.0.allowed.set(network);
    }

    /// The thread that steps the process has nobody else to step. So it may wait
    /// for a disk of this machine, which is less work than to let the pool do it.
    pub fn set_alone(&self) {
        self.0.files.set_alone();
    }

    /// What the process has open is on this account.
    pub fn set_account(&self, account: Account) {
        self.0.http.set_account(account);
    }

    /// The client that makes its requests, instead of the one that all share.
    pub fn set_http(&self, client: Arc<HttpClient>) {
        self.0.http.set_client(client);
    }

    /// Gives the process the request that it answers.
    ///
    /// # Errors
    ///
    /// If the account has no room for it.
    pub(crate) fn add_request(&self, request: http::Incoming) -> Result<IncomingRequest, Exceeded> {
        http::add_request(&self.0, request)
    }

    /// From now on, no file is opened while so many are open.
    pub fn set_max_open(&self, max: usize) {
        self.0.files.set_max_open(max);
    }

    /// Closes all that the process has open.
    pub fn close(&self) {
        self.0.http.clear();
        self.0.handles.clear();
        self.0.files.close_all();
    }

    /// The answer, if it takes no time; the same as [`InlineDispatcher::now`].
    ///
    /// # Errors
    ///
    /// With the command, unchanged.
    pub fn now(&self, command: Command) -> Result<Reply, Command> {
        let world = &*self.0;
        match command {
            Command::Clock(command) => Ok(clock::now(command)),
            Command::Random(command) => random::now(command).map_err(Command::Random),
            Command::Stdio(command) => stdio::now(world, command).map_err(Command::Stdio),
            Command::Fs(command) => fs::now(world, command).map_err(Command::Fs),
            Command::Stream(command) => stream::now(world, command).map_err(Command::Stream),
            Command::Http(command) => Ok(http::now(world, command)),
            Command::Net(command) => Ok(net::now(world, command)),
            Command::Wait(wait) => wait::now(world, wait).map_err(Command::Wait),
            Command::Actor(command) => Ok(no_host(&command)),
            Command::Project(command) => Ok(no_project(&command)),
            Command::Call(call) => Ok(no_embedder(&call)),
            Command::Chore(_) => Ok(no_chores()),
        }
    }

    /// The answer, as soon as there is one. To drop the future is to stop
    /// waiting; nothing is lost by it, except that a change that has begun is
    /// made all the same.
    pub async fn later(&self, command: Command) -> Reply {
        let command = match self.now(command) {
            Ok(reply) => return reply,
            Err(command) => command,
        };
        let world = Arc::clone(&self.0);
        match command {
            Command::Clock(command) => clock::now(command),
            Command::Random(command) => random::later(command).await,
            Command::Stdio(command) => stdio::later(world, command).await,
            Command::Fs(command) => fs::later(world, command).await,
            Command::Stream(command) => stream::later(world, command).await,
            Command::Http(command) => http::now(&world, command),
            Command::Net(command) => net::now(&world, command),
            Command::Wait(wait) => wait::later(world, wait).await,
            Command::Actor(command) => no_host(&command),
            Command::Project(command) => no_project(&command),
            Command::Call(call) => no_embedder(&call),
            Command::Chore(_) => no_chores(),
        }
    }
}

fn no_host(command: &ActorCommand) -> Reply {
    Reply::Refused(format!("no host answers `{}` here", command.name()))
}

fn no_project(command: &ProjectCommand) -> Reply {
    let why = format!("the process belongs to no project that could answer `{}`", command.name());
    Reply::ProcessError(ProcessError::new(ErrorKind::Unavailable, why))
}

/// Checks are for a simulation, and nothing is done about them here.
fn no_embedder(call: &HostCall) -> Reply {
    if Check::of(call).is_some() {
        return Check::answer();
    }
    let HostCall { interface, function, .. } = call;
    Reply::Refused(format!("nobody answers calls of {interface}#{function}"))
}

/// Whoever runs the process has threads for that, or has not.
fn no_chores() -> Reply {
    Reply::Refused("nobody does chores here".to_owned())
}

impl InlineDispatcher for SystemDispatcher {
    fn now(&mut self, command: Command) -> Result<Reply, Command> {
        SystemDispatcher::now(self, command)
    }
}

impl fmt::Debug for SystemDispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemDispatcher").finish_non_exhaustive()
    }
}
