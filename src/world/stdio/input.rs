//! Standard input.
//!
//! Nobody can ask a pipe, a terminal and a file in the same way whether there is
//! input. So a thread of the blocking pool reads ahead, into a small pipe in
//! memory, and a buffer behind that holds what has been seen but not been taken.
//! Waiting means waiting for that buffer; a process that stops waiting leaves
//! everything in it. Nothing is read before the first one asks.
//!
//! There is one standard input, so all processes that are given it share one
//! buffer.

use crate::command::{Errno, Reply};
use smol::{Unblock, io::AsyncReadExt, lock};
use std::{
    collections::VecDeque,
    fmt,
    io::{IsTerminal, Read},
    ops::Range,
    sync::{Arc, Mutex, OnceLock},
};

/// So many bytes are read ahead, twice at most.
const AHEAD: usize = 1 << 16;

/// Where a process's standard input comes from.
#[derive(Default)]
#[non_exhaustive]
pub enum Input {
    /// There is none.
    #[default]
    Empty,
    /// The standard input of this program.
    Inherit,
    /// These bytes.
    Bytes(Vec<u8>),
    /// The bytes that this yields. It may block; a thread of its own reads it, and reads
    /// ahead.
    Reader(Box<dyn Read + Send>),
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Input::Empty => "Empty",
            Input::Inherit => "Inherit",
            Input::Bytes(_) => "Bytes(..)",
            Input::Reader(_) => "Reader(..)",
        })
    }
}

/// An [`Input`] in use.
pub(super) enum Source {
    Bytes(Mutex<VecDeque<u8>>),
    Stream { ahead: Arc<lock::Mutex<Ahead>>, terminal: bool },
}

impl From<Input> for Source {
    fn from(input: Input) -> Source {
        match input {
            Input::Empty => Source::Bytes(Mutex::default()),
            Input::Bytes(bytes) => Source::Bytes(Mutex::new(bytes.into())),
            Input::Inherit => {
                static STDIN: OnceLock<Arc<lock::Mutex<Ahead>>> = OnceLock::new();
                let ahead = STDIN.get_or_init(|| Ahead::new(Box::new(std::io::stdin())));
                Source::Stream {
                    ahead: Arc::clone(ahead),
                    terminal: std::io::stdin().is_terminal(),
                }
            }
            Input::Reader(reader) => Source::Stream { ahead: Ahead::new(reader), terminal: false },
        }
    }
}

impl Source {
    pub(super) fn is_terminal(&self) -> bool {
        matches!(self, Source::Stream { terminal: true, .. })
    }

    /// Input that is at hand, or the end.
    pub(super) fn read_now(&self, len: u32) -> Option<Reply> {
        match self {
            Source::Bytes(bytes) => {
                let mut bytes = super::super::locked(bytes);
                let len = usize::try_from(len).map_or(bytes.len(), |len| len.min(bytes.len()));
                Some(Reply::Bytes(bytes.drain(..len).collect()))
            }
            Source::Stream { ahead, .. } => ahead.try_lock()?.take(len),
        }
    }

    /// True if [`read_now`](Source::read_now) would give anything.
    pub(super) fn ready_now(&self) -> bool {
        match self {
            Source::Bytes(_) => true,
            Source::Stream { ahead, .. } => ahead.try_lock().is_some_and(|ahead| ahead.ready()),
        }
    }

    /// Waits for input, or the end, and takes some.
    pub(super) async fn read(&self, len: u32) -> Reply {
        loop {
            if let Source::Stream { ahead, .. } = self {
                let mut ahead = ahead.lock().await;
                ahead.fill().await;
                if let Some(reply) = ahead.take(len) {
                    return reply;
                }
            } else if let Some(reply) = self.read_now(len) {
                return reply;
            }
        }
    }

    /// Waits for input, or the end.
    pub(super) async fn ready(&self) {
        if let Source::Stream { ahead, .. } = self {
            ahead.lock().await.fill().await;
        }
    }
}

/// Bytes that have been read and not been taken.
pub(super) struct Ahead {
    reader: Unblock<Box<dyn Read + Send>>,
    buffer: Vec<u8>,
    /// Which part of the buffer has not been taken.
    seen: Range<usize>,
    /// A terminal can go on after its end, a standard input cannot.
    ended: bool,
    failed: Option<Errno>,
}

impl Ahead {
    fn new(reader: Box<dyn Read + Send>) -> Arc<lock::Mutex<Ahead>> {
        Arc::new(lock::Mutex::new(Ahead {
            reader: Unblock::with_capacity(AHEAD, reader),
            buffer: Vec::new(),
            seen: 0..0,
            ended: false,
            failed: None,
        }))
    }

    fn ready(&self) -> bool {
        self.ended || self.failed.is_some() || !self.seen.is_empty()
    }

    /// Until there is something to take. May be dropped at any point: bytes get
    /// into the buffer in the same moment in which this ends.
    async fn fill(&mut self) {
        if self.ready() {
            return;
        }
        self.buffer.resize(AHEAD, 0);
        match self.reader.read(&mut self.buffer).await {
            Ok(0) => self.ended = true,
            Ok(count) => self.seen = 0..count,
            Err(error) => self.failed = Some(error.into()),
        }
    }

    fn take(&mut self, len: u32) -> Option<Reply> {
        if let Some(errno) = self.failed.take() {
            return Some(Reply::Failed(errno));
        }
        if self.seen.is_empty() {
            return self.ended.then(|| Reply::Bytes(Vec::new()));
        }
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let taken = self.seen.start..self.seen.start.saturating_add(len).min(self.seen.end);
        self.seen.start = taken.end;
        Some(Reply::Bytes(self.buffer.get(taken).unwrap_or_default().to_vec()))
    }
}
