//! Commands about byte streams that the outside world holds: connections, bodies.
//!
//! None of them waits: what cannot be done now is
//! [`Errno::WouldBlock`](super::Errno::WouldBlock), and a [`Wait`](super::Wait) on
//! [`Interest::Readable`](super::Interest::Readable) or
//! [`Interest::Writable`](super::Interest::Writable) is how to wait for it. What the world
//! holds of a stream is bounded in each direction.

use super::FileId;

/// Does something with a stream. Each may fail with
/// [`Reply::Failed`](super::Reply::Failed), or with the error of the family that the
/// stream belongs to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum StreamCommand {
    /// Reads what is there. [`Reply::Bytes`](super::Reply::Bytes); none mean the end.
    Read {
        /// The stream.
        stream: FileId,
        /// At most so many bytes; never 0.
        len: u32,
    },
    /// How many bytes it takes now. [`Reply::Count`](super::Reply::Count); none mean
    /// that it has to be waited for. [`Errno::Pipe`](super::Errno::Pipe): it takes none
    /// any more.
    Room(FileId),
    /// Writes as much as it takes. [`Reply::Count`](super::Reply::Count)
    Write {
        /// The stream.
        stream: FileId,
        /// What.
        bytes: Vec<u8>,
    },
    /// Sends what the outside world has taken and not been able to pass on. It is asked
    /// for and not waited for, after each write: so it goes on when the process ends.
    /// [`Reply::Done`](super::Reply::Done), also if it has failed, which whoever writes
    /// next is told.
    Flush(FileId),
}

impl StreamCommand {
    /// The name in traces.
    pub fn name(&self) -> &'static str {
        match self {
            StreamCommand::Read { .. } => "read-stream",
            StreamCommand::Room(_) => "stream-room",
            StreamCommand::Write { .. } => "write-stream",
            StreamCommand::Flush(_) => "flush-stream",
        }
    }
}
