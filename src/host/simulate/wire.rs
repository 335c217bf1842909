//! The network of a run: all its processes are on one machine, and nobody else is.
//!
//! A connection is two pipes. What can go wrong with one is chosen by who uses it: see
//! `sockets`.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard},
};

use event_listener::{Event, EventListener};

use crate::{
    command::{Datagram, Errno, IpFamily, NetError, Reply},
    lock::lock,
};

/// Bytes that a pipe holds.
pub(super) const PIPE: usize = 64 << 10;

/// Datagrams that wait for a socket; more are lost.
const DATAGRAMS: usize = 64;

/// The first port that is given to who wants any.
const FIRST_PORT: u16 = 49_152;

/// TCP or UDP: their ports have nothing to do with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Protocol {
    Tcp,
    Udp,
}

/// The network of a run.
#[derive(Default)]
pub(super) struct Wire {
    net: Mutex<Net>,
    changed: Event,
}

/// Everything that is on it.
#[derive(Default)]
pub(super) struct Net {
    bound: BTreeSet<(Protocol, SocketAddr)>,
    /// Connections that wait to be taken, and how many may.
    listeners: BTreeMap<SocketAddr, (VecDeque<End>, usize)>,
    inboxes: BTreeMap<SocketAddr, VecDeque<Datagram>>,
    next_port: u16,
}

/// One direction of a connection.
#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    /// Nothing more comes.
    ended: bool,
    /// Nobody reads any more.
    unread: bool,
    reset: bool,
}

/// One end of a connection.
#[derive(Clone)]
pub(super) struct End {
    from: Arc<Mutex<Pipe>>,
    to: Arc<Mutex<Pipe>>,
    pub local: SocketAddr,
    pub remote: SocketAddr,
}

impl Wire {
    pub fn net(&self) -> MutexGuard<'_, Net> {
        lock(&self.net)
    }

    /// Somebody who waits may go on.
    pub fn change(&self) {
        self.changed.notify(usize::MAX);
    }

    /// Told of the next change.
    pub fn listen(&self) -> EventListener {
        self.changed.listen()
    }
}

/// The address of this machine, in a family.
pub(super) fn loopback(family: IpFamily) -> IpAddr {
    match family {
        IpFamily::V4 => Ipv4Addr::LOCALHOST.into(),
        IpFamily::V6 => Ipv6Addr::LOCALHOST.into(),
    }
}

impl Net {
    /// Takes an address, of which port 0 is any.
    pub fn bind(&mut self, protocol: Protocol, to: SocketAddr) -> Result<SocketAddr, NetError> {
        if to.port() != 0 {
            return match self.is_free(protocol, to) {
                true => {
                    self.bound.insert((protocol, to));
                    Ok(to)
                }
                false => Err(NetError::AddressInUse),
            };
        }
        for _ in FIRST_PORT..=u16::MAX {
            self.next_port = self.next_port.checked_add(1).unwrap_or(FIRST_PORT).max(FIRST_PORT);
            let to = SocketAddr::new(to.ip(), self.next_port);
            if self.is_free(protocol, to) {
                self.bound.insert((protocol, to));
                return Ok(to);
            }
        }
        Err(NetError::AddressInUse)
    }

    fn is_free(&self, protocol: Protocol, to: SocketAddr) -> bool {
        let meets = |other: &SocketAddr| {
            other.port() == to.port()
                && other.is_ipv4() == to.is_ipv4()
                && (other.ip() == to.ip()
                    || other.ip().is_unspecified()
                    || to.ip().is_unspecified())
        };
        !self.bound.iter().any(|(other, address)| *other == protocol && meets(address))
    }

    pub fn release(&mut self, protocol: Protocol, address: SocketAddr) {
        self.bound.remove(&(protocol, address));
    }

    /// The sockets at an address, or at all addresses.
    fn place<T>(places: &BTreeMap<SocketAddr, T>, at: SocketAddr) -> Option<SocketAddr> {
        let any: IpAddr = match at {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let all = SocketAddr::new(any, at.port());
        [at, all].into_iter().find(|place| places.contains_key(place))
    }

    pub fn listen(&mut self, at: SocketAddr, backlog: u32) {
        let most = usize::try_from(backlog).unwrap_or(usize::MAX).clamp(1, 4096);
        self.listeners.entry(at).or_default().1 = most;
    }

    /// Takes no more connections; those that wait are cut.
    pub fn close_listener(&mut self, at: SocketAddr) {
        for end in self.listeners.remove(&at).into_iter().flat_map(|(ends, _)| ends) {
            end.reset();
        }
    }

    /// A connection that waits.
    pub fn accept(&mut self, at: SocketAddr) -> Option<End> {
        self.listeners.get_mut(&at)?.0.pop_front()
    }

    pub fn has_waiting(&self, at: SocketAddr) -> bool {
        self.listeners.get(&at).is_none_or(|(ends, _)| !ends.is_empty())
    }

    /// Connects to who listens there.
    pub fn connect(&mut self, local: SocketAddr, remote: SocketAddr) -> Result<End, NetError> {
        let place = Net::place(&self.listeners, remote).ok_or(NetError::ConnectionRefused)?;
        let (waiting, most) = self.listeners.entry(place).or_default();
        if waiting.len() >= *most {
            return Err(NetError::ConnectionRefused);
        }
        let (there, back) = (Arc::<Mutex<Pipe>>::default(), Arc::<Mutex<Pipe>>::default());
        let end = End { from: back.clone(), to: there.clone(), local, remote };
        waiting.push_back(End { from: there, to: back, local: remote, remote: local });
        Ok(end)
    }

    pub fn open_inbox(&mut self, at: SocketAddr) {
        self.inboxes.entry(at).or_default();
    }

    pub fn close_inbox(&mut self, at: SocketAddr) {
        self.inboxes.remove(&at);
    }

    /// Brings a datagram, if somebody is there and has room.
    pub fn send(&mut self, from: SocketAddr, to: SocketAddr, data: Vec<u8>) {
        if let Some(place) = Net::place(&self.inboxes, to)
            && let Some(inbox) = self.inboxes.get_mut(&place)
            && inbox.len() < DATAGRAMS
        {
            inbox.push_back(Datagram { data, from });
        }
    }

    pub fn receive(&mut self, at: SocketAddr) -> Option<Datagram> {
        self.inboxes.get_mut(&at)?.pop_front()
    }

    pub fn has_come(&self, at: SocketAddr) -> bool {
        self.inboxes.get(&at).is_some_and(|inbox| !inbox.is_empty())
    }
}

impl End {
    /// Reads what is there.
    pub fn read(&self, len: usize) -> Reply {
        let pipe = &mut *lock(&self.from);
        if pipe.bytes.is_empty() {
            return match (pipe.reset, pipe.ended) {
                (true, _) => Reply::NetError(NetError::ConnectionReset),
                (false, true) => Reply::Bytes(Vec::new()),
                (false, false) => Reply::Failed(Errno::WouldBlock),
            };
        }
        let len = pipe.bytes.len().min(len);
        Reply::Bytes(pipe.bytes.drain(..len).collect())
    }

    pub fn is_readable(&self) -> bool {
        let pipe = &*lock(&self.from);
        !pipe.bytes.is_empty() || pipe.ended || pipe.reset || pipe.unread
    }

    /// How many bytes it takes now.
    ///
    /// # Errors
    ///
    /// If it takes none any more.
    pub fn room(&self) -> Result<usize, Reply> {
        let pipe = &*lock(&self.to);
        match (pipe.reset, pipe.ended || pipe.unread) {
            (true, _) => Err(Reply::NetError(NetError::ConnectionReset)),
            (false, true) => Err(Reply::Failed(Errno::Pipe)),
            (false, false) => Ok(PIPE.saturating_sub(pipe.bytes.len())),
        }
    }

    /// Writes as much as it takes.
    pub fn write(&self, bytes: &[u8]) -> Reply {
        match self.room() {
            Err(reply) => reply,
            Ok(0) => Reply::Failed(Errno::WouldBlock),
            Ok(room) => {
                let some = bytes.get(..bytes.len().min(room)).unwrap_or_default();
                lock(&self.to).bytes.extend(some);
                Reply::Count(some.len() as u64)
            }
        }
    }

    /// Nothing more is written: the other end is told after all that was.
    pub fn end_writing(&self) {
        lock(&self.to).ended = true;
    }

    /// Nothing more is read.
    pub fn end_reading(&self) {
        let pipe = &mut *lock(&self.from);
        pipe.unread = true;
        pipe.ended = true;
        pipe.bytes.clear();
    }

    /// The connection is cut, and what was under way is lost.
    pub fn reset(&self) {
        for pipe in [&self.from, &self.to] {
            let pipe = &mut *lock(pipe);
            pipe.reset = true;
            pipe.bytes.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn bytes_go_both_ways_and_an_end_comes_after_them() {
        let mut net = Net::default();
        net.listen(at("0.0.0.0:80"), 1);
        let (here, there) = (at("127.0.0.1:5000"), at("127.0.0.1:80"));
        let client = net.connect(here, there).unwrap();
        assert_eq!(net.connect(here, there).err(), Some(NetError::ConnectionRefused), "a backlog");
        let server = net.accept(at("0.0.0.0:80")).unwrap();
        assert_eq!((server.local, server.remote), (there, here));
        assert_eq!(server.read(10), Reply::Failed(Errno::WouldBlock));
        assert_eq!(client.write(b"hello"), Reply::Count(5));
        client.end_writing();
        assert_eq!(client.write(b"more"), Reply::Failed(Errno::Pipe));
        assert_eq!(server.read(4), Reply::Bytes(b"hell".to_vec()));
        assert_eq!(server.read(4), Reply::Bytes(b"o".to_vec()));
        assert_eq!(server.read(4), Reply::Bytes(Vec::new()));
        assert_eq!(server.write(&vec![7; PIPE + 1]), Reply::Count(PIPE as u64));
        assert_eq!(server.write(&[7]), Reply::Failed(Errno::WouldBlock));
        server.reset();
        assert_eq!(client.read(4), Reply::NetError(NetError::ConnectionReset));
        assert_eq!(net.connect(here, at("127.0.0.1:81")).err(), Some(NetError::ConnectionRefused));
    }

    #[test]
    fn an_address_is_given_once() {
        let mut net = Net::default();
        let tcp = |net: &mut Net, to: &str| net.bind(Protocol::Tcp, at(to));
        assert_eq!(tcp(&mut net, "127.0.0.1:80"), Ok(at("127.0.0.1:80")));
        assert_eq!(tcp(&mut net, "127.0.0.1:80"), Err(NetError::AddressInUse));
        assert_eq!(tcp(&mut net, "0.0.0.0:80"), Err(NetError::AddressInUse));
        assert_eq!(tcp(&mut net, "[::1]:80"), Ok(at("[::1]:80")));
        assert_eq!(net.bind(Protocol::Udp, at("127.0.0.1:80")), Ok(at("127.0.0.1:80")));
        let (one, other) = (tcp(&mut net, "127.0.0.1:0"), tcp(&mut net, "127.0.0.1:0"));
        assert!(one.is_ok() && other.is_ok() && one != other);
        net.release(Protocol::Tcp, at("127.0.0.1:80"));
        assert_eq!(tcp(&mut net, "127.0.0.1:80"), Ok(at("127.0.0.1:80")));
    }

    #[test]
    fn a_datagram_arrives_where_somebody_is() {
        let mut net = Net::default();
        net.open_inbox(at("0.0.0.0:53"));
        net.send(at("127.0.0.1:1"), at("127.0.0.1:53"), b"q".to_vec());
        net.send(at("127.0.0.1:1"), at("127.0.0.1:54"), b"lost".to_vec());
        assert!(net.has_come(at("0.0.0.0:53")));
        let datagram = net.receive(at("0.0.0.0:53")).unwrap();
        assert_eq!((&*datagram.data, datagram.from), (&b"q"[..], at("127.0.0.1:1")));
        assert_eq!(net.receive(at("0.0.0.0:53")), None);
    }
}
