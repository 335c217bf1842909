//! The resources of one process.
//!
//! A guest's handle is an index into its own handle table, which the canonical
//! ABI keeps; what it stands for is an index into this one. An index stays the
//! same as long as its resource lives. A resource that is made out of another (a
//! pollable out of a stream) is its child, and a parent that is dropped before
//! its children traps, as the specification demands.
//!
//! Each entry is a place and bytes on the account of the process. Of files and
//! directories there are fewer.

use std::{ops::Deref, sync::Arc};

use super::{
    WasiState,
    call::misuse,
    descriptor::{Descriptor, Listing},
    http::Http,
    input::Input,
    output::Output,
    poll::Pollable,
    sockets::Socket,
};
use crate::{
    account::{Account, Charge},
    command::{
        Command, Errno, FileId, FsCommand, HttpCommand, HttpError, NetCommand, NetError, Reply,
    },
    component::{HostCx, Trap, TrapKind},
};

/// Open files and directories of a process, and listings of directories.
pub(super) const MAX_DESCRIPTORS: usize = 4096;

/// Other resources of a process.
const MAX_OTHERS: usize = 65_536;

/// Something that is open outside. What shares it (a descriptor and its streams, a
/// body and its stream) closes it together.
#[derive(Clone, Debug)]
pub(super) struct Held(Arc<Open>);

#[derive(Debug)]
struct Open {
    id: FileId,
    /// What is written is taken first, and has to be sent then.
    sent_later: bool,
    /// Closes it.
    close: fn(FileId) -> Command,
}

impl Held {
    /// A file, a directory or a listing.
    pub fn file(id: FileId) -> Held {
        Held(Arc::new(Open { id, sent_later: false, close: |id| FsCommand::Close(id).into() }))
    }

    /// An exchange, a body, or the right to answer.
    pub fn http(id: FileId) -> Held {
        Held(Arc::new(Open { id, sent_later: false, close: |id| HttpCommand::Close(id).into() }))
    }

    /// A socket or a look-up.
    pub fn socket(id: FileId) -> Held {
        Held(Arc::new(Open { id, sent_later: true, close: |id| NetCommand::Close(id).into() }))
    }

    /// Tells whether what is written is taken first, and has to be sent then.
    pub fn is_sent_later(&self) -> bool {
        self.0.sent_later
    }

    /// The command that closes it, if nobody else holds it.
    pub fn into_close(self) -> Option<Command> {
        Arc::into_inner(self.0).map(|open| (open.close)(open.id))
    }
}

impl Deref for Held {
    type Target = FileId;

    fn deref(&self) -> &FileId {
        &self.0.id
    }
}

/// A resource.
#[derive(Debug)]
pub(super) enum Entry {
    Descriptor(Descriptor),
    Listing(Listing),
    Input(Input),
    Output(Output),
    Error(StreamError),
    Pollable(Pollable),
    /// A side of a terminal.
    Terminal,
    Http(Box<Http>),
    Socket(Box<Socket>),
}

/// What went wrong with a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StreamError {
    pub errno: Errno,
    /// It was a file.
    pub file: bool,
    /// It was a body, and HTTP has a name for it.
    pub http: Option<Box<HttpError>>,
    /// It was a connection, and WASI has a name for it.
    pub net: Option<NetError>,
}

impl StreamError {
    pub fn new(errno: Errno, file: bool) -> StreamError {
        StreamError { errno, file, http: None, net: None }
    }

    /// The reply, unless it is an error, of whatever family.
    pub fn check(reply: Reply, file: bool) -> Result<Reply, StreamError> {
        let reply = reply.unless_http_error().map_err(StreamError::of_http)?;
        let reply = reply.unless_net_error().map_err(StreamError::of_net)?;
        reply.unless_failed().map_err(|errno| StreamError::new(errno, file))
    }

    /// Tells whether trying again may help, and nothing has been lost.
    pub fn is_not_yet(&self) -> bool {
        matches!(self.errno, Errno::WouldBlock | Errno::Interrupted)
    }

    /// What went wrong with a body.
    pub fn of_http(error: Box<HttpError>) -> StreamError {
        StreamError { errno: Errno::Io, file: false, http: Some(error), net: None }
    }

    /// What went wrong with a connection.
    pub fn of_net(error: NetError) -> StreamError {
        StreamError { errno: Errno::Io, file: false, http: None, net: Some(error) }
    }
}

#[derive(Debug)]
struct Slot {
    entry: Entry,
    parent: Option<u32>,
    children: u32,
}

/// The table.
#[derive(Debug, Default)]
pub(super) struct Table {
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    descriptors: usize,
    others: usize,
    /// Nothing before the first entry.
    account: Option<Account>,
    charge: Charge,
}

/// A place, which the table keeps: the entry and its number among the free ones, both
/// with the room that lists keep to grow.
const PLACE: u64 = 2 * (size_of::<Option<Slot>>() + size_of::<u32>()) as u64;

/// Adds a resource to the table of the calling process; its index.
pub(super) fn add(cx: &mut HostCx<'_>, entry: Entry) -> Result<u32, Trap> {
    table(cx).add(entry)
}

/// Adds a resource that must be dropped before `parent`.
pub(super) fn add_child(cx: &mut HostCx<'_>, entry: Entry, parent: u32) -> Result<u32, Trap> {
    table(cx).add_child(entry, parent)
}

/// The table, with its account.
pub(super) fn table<'a>(cx: &'a mut HostCx<'_>) -> &'a mut Table {
    if cx.state::<WasiState>().table.account.is_none() {
        let account = cx.account().clone();
        let table = &mut cx.state::<WasiState>().table;
        table.charge = account.open();
        table.account = Some(account);
    }
    &mut cx.state::<WasiState>().table
}

impl Entry {
    fn counts_as_descriptor(&self) -> bool {
        matches!(self, Entry::Descriptor(_) | Entry::Listing(_))
    }

    /// The file that it keeps open.
    pub fn into_held(self) -> Option<Held> {
        match self {
            Entry::Descriptor(descriptor) => Some(descriptor.file),
            Entry::Input(input) => input.into_held(),
            Entry::Output(output) => output.into_held(),
            Entry::Listing(listing) => listing.into_held(),
            Entry::Http(http) => http.into_held(),
            Entry::Socket(socket) => socket.into_held(),
            Entry::Error(_) | Entry::Pollable(_) | Entry::Terminal => None,
        }
    }

    /// Bytes that it has besides its place; the same as long as it is in the table.
    fn held(&self) -> u64 {
        // What is open is counted outside as well.
        const FILE: u64 = 64;
        // Its fields and texts are counted apart.
        const HTTP: u64 = size_of::<Http>() as u64 + 8 * FILE;
        // The world has a lock and an entry of the reactor besides.
        const SOCKET: u64 = size_of::<Socket>() as u64 + 512;
        match self {
            Entry::Descriptor(descriptor) => {
                let path = descriptor.guest.as_ref().map_or(0, |guest| guest.len() as u64);
                path.saturating_add(FILE)
            }
            Entry::Listing(_) => FILE,
            Entry::Pollable(pollable) => pollable.held(),
            Entry::Http(_) => HTTP,
            Entry::Socket(_) => SOCKET,
            Entry::Input(_) | Entry::Output(_) | Entry::Error(_) | Entry::Terminal => 0,
        }
    }
}

impl Table {
    /// Whether a descriptor or a listing may be added.
    pub fn has_room(&self) -> bool {
        self.descriptors < MAX_DESCRIPTORS
    }

    /// Adds a resource; its index.
    pub fn add(&mut self, entry: Entry) -> Result<u32, Trap> {
        let (count, max, what) = match entry.counts_as_descriptor() {
            true => (&mut self.descriptors, MAX_DESCRIPTORS, "open files and directories"),
            false => (&mut self.others, MAX_OTHERS, "streams, pollables and errors"),
        };
        if *count >= max {
            let most = format!("the process has more than {max} {what}");
            return Err(Trap::new(TrapKind::Limit, most));
        }
        let index = self.free.last().copied();
        if let Some(account) = &self.account {
            account.take_places(1).map_err(|most| {
                Trap::new(TrapKind::Limit, format!("more than {most} handles and resources"))
            })?;
            let place = if index.is_some() { 0 } else { PLACE };
            if let Err(exceeded) = self.charge.add(place.saturating_add(entry.held())) {
                account.give_places(1);
                return Err(exceeded.into());
            }
        }
        *count = count.saturating_add(1);
        let slot = Slot { entry, parent: None, children: 0 };
        if let Some(index) = self.free.pop()
            && let Some(place) = self.slots.get_mut(index as usize)
        {
            *place = Some(slot);
            return Ok(index);
        }
        // Bounded by the places of an account, far below 2^32.
        let index = self.slots.len() as u32;
        self.slots.push(Some(slot));
        Ok(index)
    }

    /// Adds a resource that must be dropped before `parent`.
    fn add_child(&mut self, entry: Entry, parent: u32) -> Result<u32, Trap> {
        self.slot(parent)?;
        let index = self.add(entry)?;
        self.slot(index)?.parent = Some(parent);
        let parent = self.slot(parent)?;
        parent.children = parent.children.saturating_add(1);
        Ok(index)
    }

    /// Takes a resource out.
    pub fn remove(&mut self, index: u32) -> Result<Entry, Trap> {
        let slot = self.slot(index)?;
        if slot.children > 0 {
            return Err(misuse(match slot.entry {
                Entry::Http(_) => {
                    "a resource of `wasi:http` has been dropped or given away before those made from it"
                }
                Entry::Socket(_) => {
                    "a resource of `wasi:sockets` has been dropped before those made from it"
                }
                Entry::Descriptor(_)
                | Entry::Listing(_)
                | Entry::Input(_)
                | Entry::Output(_)
                | Entry::Error(_)
                | Entry::Pollable(_)
                | Entry::Terminal => "a stream has been dropped before the pollables made from it",
            }));
        }
        let slot = self.slots.get_mut(index as usize).and_then(Option::take);
        let slot = slot.ok_or_else(unknown)?;
        self.free.push(index);
        let count = match slot.entry.counts_as_descriptor() {
            true => &mut self.descriptors,
            false => &mut self.others,
        };
        *count = count.saturating_sub(1);
        if let Some(account) = &self.account {
            account.give_places(1);
            self.charge.sub(slot.entry.held());
        }
        if let Some(parent) = slot.parent {
            let parent = self.slot(parent)?;
            parent.children = parent.children.saturating_sub(1);
        }
        Ok(slot.entry)
    }

    fn slot(&mut self, index: u32) -> Result<&mut Slot, Trap> {
        self.slots.get_mut(index as usize).and_then(Option::as_mut).ok_or_else(unknown)
    }

    fn entry(&self, index: u32) -> Option<&Entry> {
        Some(&self.slots.get(index as usize)?.as_ref()?.entry)
    }

    pub fn descriptor(&self, index: u32) -> Result<&Descriptor, Trap> {
        let Some(Entry::Descriptor(descriptor)) = self.entry(index) else { return Err(unknown()) };
        Ok(descriptor)
    }

    pub fn listing(&mut self, index: u32) -> Result<&mut Listing, Trap> {
        let Entry::Listing(listing) = &mut self.slot(index)?.entry else { return Err(unknown()) };
        Ok(listing)
    }

    pub fn input(&mut self, index: u32) -> Result<&mut Input, Trap> {
        let Entry::Input(input) = &mut self.slot(index)?.entry else { return Err(unknown()) };
        Ok(input)
    }

    pub fn output(&mut self, index: u32) -> Result<&mut Output, Trap> {
        let Entry::Output(output) = &mut self.slot(index)?.entry else { return Err(unknown()) };
        Ok(output)
    }

    pub fn pollable(&self, index: u32) -> Result<Pollable, Trap> {
        let Some(Entry::Pollable(pollable)) = self.entry(index) else { return Err(unknown()) };
        Ok(pollable.clone())
    }

    pub fn error(&self, index: u32) -> Result<&StreamError, Trap> {
        let Some(Entry::Error(error)) = self.entry(index) else { return Err(unknown()) };
        Ok(error)
    }

    pub fn http(&mut self, index: u32) -> Result<&mut Http, Trap> {
        let Entry::Http(http) = &mut self.slot(index)?.entry else { return Err(unknown()) };
        Ok(http)
    }

    pub fn socket(&mut self, index: u32) -> Result<&mut Socket, Trap> {
        let Entry::Socket(socket) = &mut self.slot(index)?.entry else { return Err(unknown()) };
        Ok(socket)
    }

    /// Adds one of the resources that a process begins with.
    pub fn add_first(&mut self, entry: Entry, account: &Account) -> Result<u32, Trap> {
        if self.account.is_none() {
            self.charge = account.open();
            self.account = Some(account.clone());
        }
        self.add(entry)
    }
}

/// The canonical ABI lets no such index through.
#[cold]
fn unknown() -> Trap {
    misuse("a handle stands for no resource of its type")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imports::wasi::poll::Filter;

    #[test]
    fn an_index_is_free_again_after_its_resource() {
        let mut table = Table::default();
        let a = table.add(Entry::Terminal).unwrap();
        let b = table.add(Entry::Terminal).unwrap();
        table.remove(a).unwrap();
        assert!(table.remove(a).is_err());
        assert_eq!(table.add(Entry::Terminal).unwrap(), a);
        assert_ne!(a, b);
    }

    #[test]
    fn parents_outlive_children() {
        let mut table = Table::default();
        let parent = table.add(Entry::Terminal).unwrap();
        let child = table.add_child(Entry::Terminal, parent).unwrap();
        assert!(table.remove(parent).unwrap_err().message.contains("before the pollables"));
        table.remove(child).unwrap();
        table.remove(parent).unwrap();
        assert!(table.add_child(Entry::Terminal, parent).is_err());
    }

    #[test]
    fn entries_are_on_the_account() {
        let account = Account::new(100 * PLACE + 100);
        let (charge, account) = (account.open(), Some(account));
        let mut table = Table { account: account.clone(), charge, ..Table::default() };
        for _ in 0..100 {
            table.add(Entry::Terminal).unwrap();
        }
        let trap = table.add(Entry::Terminal).unwrap_err();
        assert!(trap.message.contains("`limits.max_memory`"), "{trap}");
        table.remove(7).unwrap();
        let topic =
            |len: usize| Entry::Pollable(Pollable::Mail(Filter::Topic("x".repeat(len).into())));
        assert!(table.add(topic(101)).is_err());
        assert_eq!(table.add(topic(60)).unwrap(), 7);
        table.remove(7).unwrap();
        let account = account.unwrap();
        assert_eq!((account.used(), account.places()), (100 * PLACE, 99));
    }
}
