//! Commands: what a process asks of the outside world, and the answers.
//!
//! A step of a process hands out [`Yield`]s: a [`Command`] with a [`Tag`]. Some
//! time later the one who runs the process hands in a [`Completion`] with the
//! same tag. Nothing else from outside ever enters a process, which is what
//! makes a run repeatable: the list of replies is the journal.
//!
//! Most commands can be answered at once: the time, a random number, a piece of
//! a file that is in memory anyway. For these a process may be given an
//! [`InlineDispatcher`], which is asked inside the step. It is the same command and the
//! same reply, only without the way out and back.
//!
//! Commands come in families, and each family is a file here and a handler outside:
//!
//! | family | asks about | answered in |
//! | --- | --- | --- |
//! | `clock` | the time | `world/clock` |
//! | `random` | random numbers | `world/random` |
//! | `stdio` | the standard streams | `world/stdio` |
//! | `fs` | files and directories | `world/fs` |
//! | `stream` | byte streams that are connections or bodies | `world/stream` |
//! | `http` | requests and responses | `world/http` |
//! | `net` | sockets and names | `world/net` |
//! | `wait` | several things at once, and which of them hold | `world/wait` |
//! | `actor` | other processes | `host/node/dispatcher` |
//! | `project` | variables and entries | `host/node/project` |
//! | `call` | functions of the embedder, and checks of `wippy:sim` | by the embedder |
//! | `chore` | work of the engine's own | `host/node/chores` |
//!
//! No match over these enums has an arm for "all others", so that the compiler names
//! every place which a new command has to be added to.

mod actor;
mod call;
mod chore;
mod clock;
pub mod codec;
mod ended;
pub(crate) mod error;
pub(crate) mod fs;
pub mod http;
mod net;
mod project;
mod random;
mod reply;
mod stdio;
mod stream;
mod wait;

#[cfg(feature = "host")]
pub(crate) use self::ended::SMALL_ENDING;
pub use self::{
    actor::{ActorCommand, Attempts, Context, FunctionCall, Mail, Message, Pid, Spawn},
    call::HostCall,
    chore::Chore,
    clock::{Clock, ClockCommand},
    ended::{Ending, SharedEnding},
    error::{ErrorKind, ProcessError},
    fs::{Advice, DirEntry, Errno, FileId, FileKind, FsCommand, NewTime, OpenFlags, Stat},
    http::{HttpCommand, HttpError},
    net::{Datagram, IpFamily, NetCommand, NetError, SocketOption},
    project::ProjectCommand,
    random::RandomCommand,
    reply::Reply,
    stdio::{Stdio, StdioCommand},
    stream::StreamCommand,
    wait::{Interest, Interests, Ready, Wait},
};
pub(crate) use self::{chore::Task, reply::Unexpected};
pub use crate::process::inbox::{ExitRequest, Identity, Inbox, Received};

/// Ties a [`Completion`] to its [`Yield`]. Unique within one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(pub u64);

impl Tag {
    /// The bit that tells a command which nobody waits for.
    const POSTED: u64 = 1 << 63;

    /// The tag of a command whose reply nobody waits for.
    pub fn posted(number: u64) -> Tag {
        Tag(number | Tag::POSTED)
    }

    /// True if nobody waits for the reply. Such a command is carried out even if the
    /// process that has asked for it ends meanwhile by itself.
    pub fn is_posted(self) -> bool {
        self.0 & Tag::POSTED != 0
    }
}

/// Something that a process asks for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Command {
    /// A call of a function of the embedder.
    Call(HostCall),
    /// Something about the time.
    Clock(ClockCommand),
    /// Random numbers.
    Random(RandomCommand),
    /// Something with a standard stream.
    Stdio(StdioCommand),
    /// Something with a file or a directory.
    Fs(FsCommand),
    /// Something with a byte stream.
    Stream(StreamCommand),
    /// Something with requests and responses.
    Http(HttpCommand),
    /// Something with sockets and names.
    Net(NetCommand),
    /// Something with other processes.
    Actor(ActorCommand),
    /// Something about the project.
    Project(ProjectCommand),
    /// To be told when something holds.
    Wait(Wait),
    /// Work of the engine's own, to be done where it holds up nobody: it tells nothing
    /// from outside. [`Reply::Done`]; any other reply says that it will not be done,
    /// and the process goes on without.
    Chore(Chore),
}

impl Command {
    /// The name in traces.
    pub fn name(&self) -> &'static str {
        match self {
            Command::Call(_) => "call",
            Command::Clock(command) => command.name(),
            Command::Random(command) => command.name(),
            Command::Stdio(command) => command.name(),
            Command::Fs(_) => "file",
            Command::Stream(command) => command.name(),
            Command::Http(command) => command.name(),
            Command::Net(command) => command.name(),
            Command::Actor(command) => command.name(),
            Command::Project(command) => command.name(),
            Command::Wait(wait) => wait.name(),
            Command::Chore(_) => "chore",
        }
    }
}

/// Makes the command of a family a command.
macro_rules! families {
    ($($family:ident: $command:ident,)*) => {$(
        impl From<$command> for Command {
            fn from(command: $command) -> Command {
                Command::$family(command)
            }
        }
    )*};
}

families! {
    Call: HostCall,
    Clock: ClockCommand,
    Random: RandomCommand,
    Stdio: StdioCommand,
    Fs: FsCommand,
    Stream: StreamCommand,
    Http: HttpCommand,
    Net: NetCommand,
    Actor: ActorCommand,
    Project: ProjectCommand,
    Wait: Wait,
}

/// A command that a step hands out.
#[derive(Clone, Debug, PartialEq)]
pub struct Yield {
    /// To be given back in the [`Completion`].
    pub tag: Tag,
    /// The thing that is asked for.
    pub command: Command,
}

/// The answer to a [`Yield`].
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// The tag of the yield that is answered.
    pub tag: Tag,
    /// The answer.
    pub reply: Reply,
}

/// Answers commands inside a step, where that takes no time to speak of.
pub trait InlineDispatcher: Send {
    /// The answer, or the command back if it may have to wait.
    ///
    /// # Errors
    ///
    /// With the command, unchanged.
    fn now(&mut self, command: Command) -> Result<Reply, Command>;
}
