//! What the world holds for a process besides files: connections, exchanges, bodies.
//!
//! All of them are in one table, whatever family they are of, so that a wait asks in one
//! place. None of them makes a command wait: what cannot be done now fails, and the
//! process waits until the handle is ready.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
};

use super::{Inner, locked};
use crate::command::{Errno, FileId, Reply, StreamCommand};

/// Something to wait for. It may end too early, and is then asked for again; never too
/// late.
pub(super) type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Something that is ready or will be, in one direction or both. To drop it is to close
/// it.
pub(super) trait Source: Send + Sync {
    /// There is something to be taken, be it an error. This never waits.
    fn is_readable(&self) -> bool;

    /// It takes something, or never will again. This never waits.
    fn is_writable(&self) -> bool;

    /// Waits until it is readable.
    fn readable(self: Arc<Self>) -> Waiting;

    /// Waits until it is writable.
    fn writable(self: Arc<Self>) -> Waiting;
}

/// A stream of bytes.
pub(super) trait Stream: Source {
    /// Reads what is there, at most so many bytes.
    fn read(&self, len: usize) -> Reply;

    /// How many bytes it takes now.
    fn room(&self) -> Reply;

    /// Writes as much as it takes.
    fn write(&self, bytes: Vec<u8>) -> Reply;
}

/// Something that is open.
#[derive(Clone)]
pub(super) enum Held {
    Stream(Arc<dyn Stream>),
    Source(Arc<dyn Source>),
}

/// Everything that a process has open besides files.
#[derive(Default)]
pub(super) struct Handles(Mutex<HashMap<FileId, Held>>);

impl Handles {
    pub fn insert(&self, id: FileId, held: Held) {
        locked(&self.0).insert(id, held);
    }

    /// The stream, if it is one.
    pub fn stream(&self, id: FileId) -> Result<Arc<dyn Stream>, Errno> {
        match locked(&self.0).get(&id) {
            Some(Held::Stream(stream)) => Ok(Arc::clone(stream)),
            Some(Held::Source(_)) | None => Err(Errno::BadDescriptor),
        }
    }

    /// Whatever it is, to be waited for.
    pub fn source(&self, id: FileId) -> Option<Arc<dyn Source>> {
        match locked(&self.0).get(&id)? {
            Held::Stream(stream) => Some(Arc::clone(stream) as Arc<dyn Source>),
            Held::Source(source) => Some(Arc::clone(source)),
        }
    }

    /// Takes it out. It is closed when the last who has it lets go.
    pub fn remove(&self, id: FileId) -> Option<Held> {
        locked(&self.0).remove(&id)
    }

    /// Closes all.
    pub fn clear(&self) {
        let all = std::mem::take(&mut *locked(&self.0));
        // Not under the lock: closing may take a while.
        drop(all);
    }
}

/// The answer: none of these commands waits.
pub(super) fn now(world: &Inner, command: StreamCommand) -> Reply {
    let stream = |id| world.handles.stream(id);
    let answer = match command {
        StreamCommand::Read { stream: id, len } => stream(id).map(|it| it.read(len as usize)),
        StreamCommand::Room(id) => stream(id).map(|it| it.room()),
        StreamCommand::Write { stream: id, bytes } => stream(id).map(|it| it.write(bytes)),
    };
    answer.unwrap_or_else(Reply::Failed)
}
