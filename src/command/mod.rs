//! What a process asks of the outside world, and the answers.
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

mod actor;
mod chore;
mod ended;
pub(crate) mod error;
pub(crate) mod fs;

pub(crate) use self::chore::Task;
#[cfg(feature = "host")]
pub(crate) use self::ended::SMALL_ENDING;
pub use self::{
    actor::{ActorCommand, Mail, Message, Pid, Spawn},
    chore::Chore,
    ended::{Ending, SharedEnding},
    error::{ErrorKind, ProcessError},
    fs::{Advice, DirEntry, Errno, FileCommand, FileId, FileKind, NewTime, OpenFlags, Stat},
};
pub use crate::process::inbox::{ExitRequest, Identity, Inbox, Received};
use crate::value::Value;

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

    /// Whether nobody waits for the reply. Such a command is carried out even if the
    /// process that has asked for it ends meanwhile by itself.
    pub fn is_posted(self) -> bool {
        self.0 & Tag::POSTED != 0
    }
}

/// Something that a process asks for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Command {
    /// A call of a host function that was declared with
    /// [`Linker::suspending`](crate::component::Linker::suspending). Answered
    /// with [`Reply::Value`], the function's result.
    Call {
        /// The interface, with its version if it has one: `demo:host/log@1.0.0`.
        interface: String,
        /// The function in it: `ask`.
        function: String,
        /// The arguments, in the order of the parameters.
        args: Vec<Value>,
    },
    /// The time of a clock. [`Reply::Time`]
    Now(Clock),
    /// The resolution of a clock. [`Reply::Time`]
    Resolution(Clock),
    /// So many random bytes. [`Reply::Bytes`]
    Random {
        /// How many.
        len: u32,
        /// They need not be unpredictable.
        insecure: bool,
    },
    /// Whether a standard stream is a terminal. [`Reply::Bool`]
    IsTerminal(Stdio),
    /// Waits for input and reads some. [`Reply::Bytes`]; none mean the end.
    ReadStdin {
        /// At most so many bytes; never 0.
        len: u32,
    },
    /// Writes all bytes to stdout or stderr. [`Reply::Done`]
    WriteStdio {
        /// Where to; never stdin.
        to: Stdio,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Waits until what was written to stdout or stderr is out. [`Reply::Done`]
    FlushStdio(Stdio),
    /// Waits until one of the given things holds. [`Reply::Ready`]
    Poll {
        /// Input can be read, or has ended.
        stdin: bool,
        /// The monotonic clock shows this time.
        until: Option<u64>,
    },
    /// Waits until mail has been handed in, or for what [`Command::Poll`] waits
    /// for. [`Reply::Mail`] or [`Reply::Ready`]
    AwaitMail {
        /// Input can be read, or has ended.
        stdin: bool,
        /// The monotonic clock shows this time.
        until: Option<u64>,
    },
    /// Lets every other process that can run have a turn. [`Reply::Done`]
    Pause,
    /// Something with a file or a directory.
    File(FileCommand),
    /// Something with other processes, all of which may be answered with
    /// [`Reply::ProcessError`].
    Actor(ActorCommand),
    /// Work of the engine's own, to be done where it holds up nobody: it tells nothing
    /// from outside. [`Reply::Done`]; any other reply says that it will not be done,
    /// and the process goes on without.
    Chore(Chore),
}

impl Command {
    /// What traces call it.
    pub fn name(&self) -> &'static str {
        match self {
            Command::Call { .. } => "call",
            Command::Now(_) | Command::Resolution(_) => "clock",
            Command::Random { .. } => "random",
            Command::IsTerminal(_) => "is-terminal",
            Command::ReadStdin { .. } => "read-stdin",
            Command::WriteStdio { .. } => "write-stdio",
            Command::FlushStdio(_) => "flush-stdio",
            Command::Poll { .. } => "poll",
            Command::AwaitMail { .. } => "await-mail",
            Command::Pause => "pause",
            Command::File(_) => "file",
            Command::Actor(command) => command.name(),
            Command::Chore(_) => "chore",
        }
    }
}

/// The clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Clock {
    /// Nanoseconds since 1970-01-01T00:00:00Z, at least 0.
    Wall,
    /// Nanoseconds since some time before the process started; never goes back.
    Monotonic,
}

/// The standard streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Stdio {
    Stdin,
    Stdout,
    Stderr,
}

/// The outside world's answer to a [`Command`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reply {
    /// The result of a host function.
    Value(Option<Value>),
    /// It has been done.
    Done,
    /// A time or a duration, in nanoseconds.
    Time(u64),
    /// Bytes that were read.
    Bytes(Vec<u8>),
    /// How many bytes were written.
    Count(u64),
    /// Yes or no.
    Bool(bool),
    /// A path.
    Text(String),
    /// What has come to hold.
    Ready {
        /// Input can be read, or has ended.
        stdin: bool,
        /// The time has come.
        time: bool,
    },
    /// Mail has been handed in.
    Mail,
    /// An open file or directory.
    File {
        /// To be used in further commands, and closed at the end.
        id: FileId,
        /// What it is.
        kind: FileKind,
    },
    /// What is known of a file.
    Stat(Stat),
    /// Entries of a directory, without `.` and `..`.
    Entries(Vec<DirEntry>),
    /// A process.
    Pid(Pid),
    /// How a process has ended.
    Ended(SharedEnding),
    /// The outside world could not do it, for a reason that guests understand.
    Failed(Errno),
    /// The host could not do it, or would not.
    ProcessError(ProcessError),
    /// There will be no answer; the process ends with a trap that says this.
    Refused(String),
}

/// A command that a step hands out.
#[derive(Clone, Debug, PartialEq)]
pub struct Yield {
    /// To be given back in the [`Completion`].
    pub tag: Tag,
    /// What is asked for.
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

/// Dispatcher commands inside a step, if that takes no time to speak of.
pub trait InlineDispatcher: Send {
    /// The answer, or the command back if it may have to wait.
    ///
    /// # Errors
    ///
    /// With the command, unchanged.
    fn now(&mut self, command: Command) -> Result<Reply, Command>;
}
