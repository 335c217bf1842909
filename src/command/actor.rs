//! What processes ask of each other's hosts: lives, names, messages.

use std::{fmt, sync::Arc};

use super::SharedEnding;
use crate::value::Term;

/// The id of a process: a text that names the host and the process, and is never
/// used again.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pid(Arc<str>);

impl Pid {
    /// The id that this text stands for, whether or not there is such a process.
    pub fn new(text: impl Into<Arc<str>>) -> Pid {
        Pid(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pid({})", self.0)
    }
}

/// A message.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Who has sent it; nobody if it comes from outside all processes.
    pub from: Option<Pid>,
    /// Its subject. Topics that begin with `@` are reserved.
    pub topic: String,
    /// Its contents.
    pub payload: Vec<Term>,
    /// See [`Mail::size`].
    size: usize,
}

impl Message {
    /// A message. It is measured here, once: who sends it pays for that.
    pub fn new(from: Option<Pid>, topic: impl Into<String>, payload: Vec<Term>) -> Message {
        let topic = topic.into();
        let size = Term::size_of_all(&payload).saturating_add(topic.len());
        Message { from, topic, payload, size }
    }
}

/// Something that arrives at a process.
#[derive(Clone, Debug, PartialEq)]
pub enum Mail {
    /// A message.
    Message(Message),
    /// A process that is monitored has ended.
    Exit {
        /// Which one.
        from: Pid,
        /// How.
        result: SharedEnding,
    },
    /// A process that is linked has ended with an error, and this one traps
    /// links.
    LinkDown {
        /// Which one.
        from: Pid,
        /// How.
        result: SharedEnding,
    },
    /// The process is asked to end, and is ended if it does not in time.
    Cancel {
        /// Who asks; nobody if it is the runtime.
        from: Option<Pid>,
        /// Why.
        reason: String,
    },
}

impl Mail {
    /// Bytes that it takes in a mailbox: the same when it is put there and when it
    /// is taken.
    pub fn size(&self) -> usize {
        let more = match self {
            Mail::Message(message) => message.size,
            Mail::Exit { result, .. } | Mail::LinkDown { result, .. } => result.size(),
            Mail::Cancel { reason, .. } => reason.len(),
        };
        more.saturating_add(size_of::<Mail>())
    }

    /// Those of these bytes that are charged for already, because others have them too.
    pub(crate) fn shared(&self) -> usize {
        match self {
            Mail::Exit { result, .. } | Mail::LinkDown { result, .. } => result.charged(),
            Mail::Message(_) | Mail::Cancel { .. } => 0,
        }
    }
}

/// Values that a process begins with beside its arguments, and hands on to those that it
/// starts and calls.
pub type Context = Arc<[(String, Term)]>;

/// A process to be spawned.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spawn {
    /// The id of a process entry.
    pub entry: String,
    /// The id of a host; the caller's own if none is given.
    pub host: Option<String>,
    /// The arguments.
    pub args: Vec<Term>,
    /// The caller is told when it ends.
    pub monitor: bool,
    /// The two end together.
    pub link: bool,
    /// What is added to the caller's own context, and takes the place of what has the
    /// same name there.
    pub context: Vec<(String, Term)>,
}

/// A function to be called.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FunctionCall {
    /// The id of a function entry, or of a process entry.
    pub entry: String,
    /// The arguments.
    pub args: Vec<Term>,
    /// As that of a [`Spawn`].
    pub context: Vec<(String, Term)>,
    /// Milliseconds that all of it may take.
    pub timeout: Option<u64>,
    /// How often it is tried, if not as the entry says.
    pub attempts: Option<Attempts>,
    /// The number by which [`ActorCommand::GiveUp`] knows it; 0 if it is not to be known.
    pub number: u64,
}

/// How a call that has failed is made again. Only an error that says that it is
/// retryable is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attempts {
    /// Calls altogether.
    pub most: u64,
    /// Milliseconds before the second.
    pub delay: u64,
    /// How many times longer each further wait is.
    pub factor: f64,
}

/// Something that a process asks of its host. Whoever answers knows who asks. Each may fail with
/// [`Reply::ProcessError`](super::Reply::ProcessError).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ActorCommand {
    /// Starts a process. [`Reply::Pid`](super::Reply::Pid)
    Spawn(Spawn),
    /// Starts a process and waits for its end.
    /// [`Reply::Ended`](super::Reply::Ended); `monitor` and `link` mean nothing.
    Exec(Spawn),
    /// Calls a function: starts a process, as many as its pool lets run, and waits for the
    /// end. [`Reply::Ended`](super::Reply::Ended)
    Call(Box<FunctionCall>),
    /// Gives up a call of the caller's: it is answered with an error, and its process
    /// ends. [`Reply::Bool`](super::Reply::Bool), whether it was under way
    GiveUp(u64),
    /// Sends a message to a pid or a name. [`Reply::Done`](super::Reply::Done)
    Send {
        /// The pid or the name.
        to: String,
        /// The topic.
        topic: String,
        /// Its contents.
        payload: Vec<Term>,
    },
    /// Asks to be told of the end of a process, once, however often it is asked.
    /// Of a process that has ended already, or that never was, it is told at
    /// once. [`Reply::Done`](super::Reply::Done)
    Monitor(Pid),
    /// Takes that back. [`Reply::Done`](super::Reply::Done)
    Unmonitor(Pid),
    /// Ties two processes together. [`Reply::Done`](super::Reply::Done)
    Link(Pid),
    /// Unties them. [`Reply::Done`](super::Reply::Done)
    Unlink(Pid),
    /// Sets whether links that break are mail, and not the end.
    /// [`Reply::Done`](super::Reply::Done)
    TrapLinks(bool),
    /// Asks a process to end. [`Reply::Done`](super::Reply::Done)
    Cancel {
        /// The pid or the name.
        to: Arc<str>,
        /// Why.
        reason: String,
        /// Milliseconds that it has; what its host gives if there are none.
        patience: Option<u64>,
    },
    /// Ends a process at the end of its present slice.
    /// [`Reply::Done`](super::Reply::Done)
    Terminate {
        /// The pid or the name.
        to: Arc<str>,
    },
    /// Gives the caller a name, until it ends. [`Reply::Done`](super::Reply::Done)
    Register(String),
    /// Takes one of the caller's names back. [`Reply::Bool`](super::Reply::Bool),
    /// whether it had it
    Unregister(String),
    /// Who has this name. [`Reply::Pid`](super::Reply::Pid)
    Lookup(String),
    /// All processes, the oldest first: a list of maps with `pid`, `entry`, `state`, `fuel`,
    /// `memory`, `mailbox`, and `age` in milliseconds.
    /// [`Reply::Ended`](super::Reply::Ended), with the list
    Processes {
        /// At most so many.
        most: u64,
    },
    /// Lets every other process that can run have a turn.
    /// [`Reply::Done`](super::Reply::Done)
    Pause,
}

impl ActorCommand {
    /// The name in traces and messages.
    pub fn name(&self) -> &'static str {
        match self {
            ActorCommand::Spawn(_) => "spawn",
            ActorCommand::Exec(_) => "exec",
            ActorCommand::Call(_) => "call-function",
            ActorCommand::GiveUp(_) => "give-up",
            ActorCommand::Send { .. } => "send",
            ActorCommand::Monitor(_) => "monitor",
            ActorCommand::Unmonitor(_) => "unmonitor",
            ActorCommand::Link(_) => "link",
            ActorCommand::Unlink(_) => "unlink",
            ActorCommand::TrapLinks(_) => "trap-links",
            ActorCommand::Cancel { .. } => "cancel",
            ActorCommand::Terminate { .. } => "terminate",
            ActorCommand::Register(_) => "register",
            ActorCommand::Unregister(_) => "unregister",
            ActorCommand::Lookup(_) => "lookup",
            ActorCommand::Processes { .. } => "processes",
            ActorCommand::Pause => "pause",
        }
    }
}
