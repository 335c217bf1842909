//! Commands about the standard streams.
//!
//! To wait for input without reading it is a [`Wait`](super::Wait) on
//! [`Interest::Stdin`](super::Interest::Stdin).

/// The standard streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Stdio {
    Stdin,
    Stdout,
    Stderr,
}

/// Asks something of a standard stream. Reading, writing and flushing may fail with
/// [`Reply::Failed`](super::Reply::Failed).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StdioCommand {
    /// Tells whether a stream is a terminal. [`Reply::Bool`](super::Reply::Bool)
    IsTerminal(Stdio),
    /// Waits for input and reads some. [`Reply::Bytes`](super::Reply::Bytes); none mean
    /// the end.
    Read {
        /// At most so many bytes; never 0.
        len: u32,
    },
    /// Writes all bytes to stdout or stderr. [`Reply::Done`](super::Reply::Done)
    Write {
        /// Where to; never stdin.
        to: Stdio,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Waits until what was written to stdout or stderr is out.
    /// [`Reply::Done`](super::Reply::Done)
    Flush(Stdio),
}

impl StdioCommand {
    /// The name in traces.
    pub fn name(&self) -> &'static str {
        match self {
            StdioCommand::IsTerminal(_) => "is-terminal",
            StdioCommand::Read { .. } => "read-stdin",
            StdioCommand::Write { .. } => "write-stdio",
            StdioCommand::Flush(_) => "flush-stdio",
        }
    }
}
