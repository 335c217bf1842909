//! The standard streams.
//!
//! Within a step: input that has been read ahead, and output that cannot block. The
//! rest waits, input without a thread and output on the blocking pool.

mod input;
mod lines;
mod output;

#[cfg(all(test, unix))]
pub(super) use self::output::takes_at_once;
#[cfg(feature = "cli")]
pub(crate) use self::output::write_stderr;
pub use self::{
    input::Input,
    output::{Callback, MAX_BUFFER, Output},
};
use self::{input::Source, output::Sink};
use super::{Inner, Streams};
use crate::command::{Errno, Reply, Stdio, StdioCommand};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// The standard streams of one process, in use.
pub(super) struct Open {
    stdin: Source,
    stdout: Sink,
    stderr: Sink,
    /// Nobody reads what goes to stdout any more.
    unread: AtomicBool,
}

impl From<Streams> for Open {
    fn from(streams: Streams) -> Open {
        Open {
            stdin: streams.stdin.into(),
            stdout: Sink::new(streams.stdout, Stdio::Stdout),
            stderr: Sink::new(streams.stderr, Stdio::Stderr),
            unread: AtomicBool::new(false),
        }
    }
}

/// The answer, or the command back if it may have to wait.
pub(super) fn now(world: &Inner, command: StdioCommand) -> Result<Reply, StdioCommand> {
    let streams = &world.streams;
    let reply = match &command {
        StdioCommand::IsTerminal(stream) => Some(Reply::Bool(streams.is_terminal(*stream))),
        StdioCommand::Read { len } => streams.stdin.read_now(*len),
        StdioCommand::Write { to, bytes } => {
            let reply = streams.sink(*to).write_now(bytes);
            // So that a process can be ended before it is told.
            reply.filter(|reply| !streams.written(*to, reply))
        }
        StdioCommand::Flush(_) => Some(Reply::Done),
    };
    reply.ok_or(command)
}

/// The answer, as soon as the stream has it.
pub(super) async fn later(world: Arc<Inner>, command: StdioCommand) -> Reply {
    match command {
        StdioCommand::IsTerminal(stream) => Reply::Bool(world.streams.is_terminal(stream)),
        StdioCommand::Read { len } => world.streams.stdin.read(len).await,
        StdioCommand::Write { to, bytes } => {
            let reply = smol::unblock(move || {
                let streams = &world.streams;
                let reply = streams.sink(to).write(&bytes);
                streams.written(to, &reply);
                reply
            });
            reply.await
        }
        StdioCommand::Flush(_) => Reply::Done,
    }
}

impl Open {
    /// Tells whether there is input, or its end.
    pub(super) fn has_input(&self) -> bool {
        self.stdin.ready_now()
    }

    /// Waits for input, or its end.
    pub(super) async fn input(&self) {
        self.stdin.ready().await;
    }

    /// See [`SystemDispatcher::is_unread`](super::SystemDispatcher::is_unread).
    pub(super) fn is_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

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
            Stdio::Stdout | Stdio::Stderr => self.sink(stream).is_terminal(),
        }
    }
}
