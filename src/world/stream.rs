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

use super::{
    Inner, locked,
    net::{LookUp, Tcp, Udp},
};
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

    /// Sends what it has taken, unless that happens by itself.
    fn flush(self: Arc<Self>) -> Option<Waiting> {
        None
    }
}

/// Something that is open.
#[derive(Clone)]
pub(super) enum Held {
    Stream(Arc<dyn Stream>),
    Source(Arc<dyn Source>),
    Tcp(Arc<Tcp>),
    Udp(Arc<Udp>),
    LookUp(Arc<LookUp>),
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
            Some(Held::Tcp(tcp)) => Ok(Arc::clone(tcp) as Arc<dyn Stream>),
            Some(Held::Source(_) | Held::Udp(_) | Held::LookUp(_)) | None => {
                Err(Errno::BadDescriptor)
            }
        }
    }

    pub fn get(&self, id: FileId) -> Option<Held> {
        locked(&self.0).get(&id).cloned()
    }

    /// Whatever it is, to be waited for.
    pub fn source(&self, id: FileId) -> Option<Arc<dyn Source>> {
        match locked(&self.0).get(&id)? {
            Held::Stream(stream) => Some(Arc::clone(stream) as Arc<dyn Source>),
            Held::Source(source) => Some(Arc::clone(source)),
            Held::Tcp(tcp) => Some(Arc::clone(tcp) as Arc<dyn Source>),
            Held::Udp(udp) => Some(Arc::clone(udp) as Arc<dyn Source>),
            Held::LookUp(look_up) => Some(Arc::clone(look_up) as Arc<dyn Source>),
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

/// The answer, or the command back if what was taken has to be sent first.
pub(super) fn now(world: &Inner, command: StreamCommand) -> Result<Reply, StreamCommand> {
    let stream = |id| world.handles.stream(id);
    let answer = match command {
        StreamCommand::Read { stream: id, len } => stream(id).map(|it| it.read(len as usize)),
        StreamCommand::Room(id) => stream(id).map(|it| it.room()),
        StreamCommand::Write { stream: id, bytes } => stream(id).map(|it| it.write(bytes)),
        StreamCommand::Flush(id) => match stream(id).map(Stream::flush) {
            Ok(Some(_)) => return Err(command),
            Ok(None) => Ok(Reply::Done),
            Err(errno) => Err(errno),
        },
    };
    Ok(answer.unwrap_or_else(Reply::Failed))
}

/// The answer, as soon as what was taken has been sent.
pub(super) async fn later(world: Arc<Inner>, command: StreamCommand) -> Reply {
    if let StreamCommand::Flush(id) = command
        && let Some(sent) = world.handles.stream(id).ok().and_then(Stream::flush)
    {
        drop(world);
        sent.await;
        return Reply::Done;
    }
    now(&world, command).unwrap_or(Reply::Done)
}
