//! The sockets of one simulated process.
//!
//! They do what those of a machine do, with the same rules about whom the process may
//! talk to, but reach only processes of the same run. Of names there is `localhost`.

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use super::wire::{End, Protocol, Wire, loopback};
use crate::{
    command::{
        Datagram, Errno, FileId, Interest, IpFamily, NetCommand, NetError, Reply, SocketOption,
        StreamCommand,
    },
    network::{Known, Network},
    world::MAX_OPEN,
};

/// The first number of a socket: files have those before.
const FIRST: u64 = 1 << 32;

/// Datagrams of one command.
const MOST_DATAGRAMS: usize = 16;

/// Bytes of a datagram.
const MOST_DATAGRAM: usize = u16::MAX as usize;

/// The misfortunes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mishap {
    /// Nobody takes it, or it is cut and what was under way is lost.
    Cut,
    /// This direction ends.
    HalfClosed,
}

/// The sockets of one process.
pub(super) struct Sockets {
    wire: Arc<Wire>,
    network: Arc<Network>,
    known: Known,
    open: BTreeMap<FileId, Socket>,
    next: u64,
}

struct Socket {
    family: IpFamily,
    state: State,
    options: BTreeMap<u8, u64>,
}

enum State {
    Tcp { local: Option<SocketAddr> },
    Connecting { local: SocketAddr, result: Result<End, NetError> },
    Connected { end: End, is_own: bool, read_ended: bool },
    Listening(SocketAddr),
    Udp { local: Option<SocketAddr>, remote: Option<SocketAddr>, listens: bool },
    LookUp(Result<Vec<IpAddr>, NetError>),
}

type Answer = Result<Reply, NetError>;

impl Sockets {
    pub fn new(wire: Arc<Wire>) -> Sockets {
        let (network, known, open) = (Arc::new(Network::NONE), Known::default(), BTreeMap::new());
        Sockets { wire, network, known, open, next: FIRST }
    }

    /// Whom the process may talk to.
    pub fn set_network(&mut self, network: Arc<Network>) {
        self.network = network;
    }

    fn add(&mut self, family: IpFamily, state: State) -> Answer {
        if self.open.len() >= MAX_OPEN {
            return Err(NetError::NewSocketLimit);
        }
        let id = FileId(self.next);
        self.next = self.next.saturating_add(1);
        self.open.insert(id, Socket { family, state, options: BTreeMap::new() });
        Ok(Reply::Handle(id))
    }

    fn get(&mut self, id: FileId) -> Result<&mut Socket, NetError> {
        self.open.get_mut(&id).ok_or(NetError::InvalidState)
    }

    fn create(&mut self, family: IpFamily, state: State) -> Answer {
        if self.network.is_none() {
            return Err(NetError::AccessDenied);
        }
        self.add(family, state)
    }

    fn may_connect(&self, address: SocketAddr) -> bool {
        self.network.connect.allow(address, &self.known)
    }

    fn may_listen(&self, address: SocketAddr) -> bool {
        self.network.listen.allow(address, &self.known)
    }

    /// Answers a command, which something befalls.
    pub fn answer(&mut self, command: NetCommand, mishap: Option<Mishap>) -> Reply {
        let reply = self.try_answer(command, mishap);
        self.wire.change();
        reply.unwrap_or_else(Reply::NetError)
    }

    fn try_answer(&mut self, command: NetCommand, mishap: Option<Mishap>) -> Answer {
        use NetCommand as C;
        match command {
            C::CreateTcp(family) => self.create(family, State::Tcp { local: None }),
            C::CreateUdp(family) => {
                self.create(family, State::Udp { local: None, remote: None, listens: false })
            }
            C::Close(id) => {
                if let Some(socket) = self.open.remove(&id) {
                    socket.close(&self.wire);
                }
                Ok(Reply::Done)
            }
            C::Bind { socket, address } => self.bind(socket, address),
            C::Connect { socket, address } => self.connect(socket, address, mishap),
            C::FinishConnect(id) => {
                let socket = self.get(id)?;
                match &socket.state {
                    State::Connecting { result: Err(error), .. } => Err(*error),
                    State::Connecting { result: Ok(end), .. } => {
                        let end = end.clone();
                        socket.state = State::Connected { end, is_own: true, read_ended: false };
                        Ok(Reply::Done)
                    }
                    State::Connected { .. } => Ok(Reply::Done),
                    State::Tcp { .. }
                    | State::Listening(_)
                    | State::Udp { .. }
                    | State::LookUp(_) => Err(NetError::InvalidState),
                }
            }
            C::Listen { socket, backlog } => self.listen(socket, backlog),
            C::Accept(id) => {
                let (wire, socket) = (self.wire.clone(), self.get(id)?);
                let State::Listening(at) = socket.state else { return Err(NetError::InvalidState) };
                let family = socket.family;
                let end = wire.net().accept(at).ok_or(NetError::WouldBlock)?;
                self.add(family, State::Connected { end, is_own: false, read_ended: false })
            }
            C::LocalAddress(id) => {
                self.get(id)?.local().map(Reply::Address).ok_or(NetError::InvalidState)
            }
            C::RemoteAddress(id) => {
                self.get(id)?.remote().map(Reply::Address).ok_or(NetError::InvalidState)
            }
            C::Option { socket, option } => {
                let socket = self.get(socket)?;
                let (key, default) = option_of(option);
                Ok(Reply::Count(socket.options.get(&key).copied().unwrap_or(default)))
            }
            C::SetOption { socket, option, value } => {
                self.get(socket)?.options.insert(option_of(option).0, value);
                Ok(Reply::Done)
            }
            C::Shutdown { socket, receive, send } => {
                let State::Connected { end, read_ended, .. } = &mut self.get(socket)?.state else {
                    return Err(NetError::InvalidState);
                };
                if receive {
                    *read_ended = true;
                    end.end_reading();
                }
                if send {
                    end.end_writing();
                }
                Ok(Reply::Done)
            }
            C::Associate { socket, remote } => self.associate(socket, remote),
            C::Receive { socket, max } => self.receive(socket, max).map(Reply::Datagrams),
            C::Send { socket, datagrams } => self.send(socket, datagrams, mishap),
            C::Resolve(name) => {
                if self.network.is_none() {
                    return Err(NetError::PermanentResolverFailure);
                }
                let found = match name.trim_end_matches('.').parse::<IpAddr>() {
                    Ok(address) => Ok(vec![address]),
                    Err(_) if name == "localhost" => {
                        let all = vec![loopback(IpFamily::V4), loopback(IpFamily::V6)];
                        self.known.note(&self.network.connect, &name, &all);
                        Ok(all)
                    }
                    Err(_) => Err(NetError::NameUnresolvable),
                };
                self.add(IpFamily::V4, State::LookUp(found))
            }
            C::Resolved(id) => match &self.get(id)?.state {
                State::LookUp(found) => found.clone().map(Reply::Addresses),
                State::Tcp { .. }
                | State::Connecting { .. }
                | State::Connected { .. }
                | State::Listening(_)
                | State::Udp { .. } => Err(NetError::InvalidState),
            },
        }
    }

    fn bind(&mut self, id: FileId, address: SocketAddr) -> Answer {
        // Any port is nobody's in particular: what may be done there is asked later.
        if address.port() != 0 && !self.may_listen(address) {
            return Err(NetError::AccessDenied);
        }
        let wire = self.wire.clone();
        let (network, known) = (self.network.clone(), self.known.clone());
        let socket = self.get(id)?;
        if !socket.family.has(address.ip()) {
            return Err(NetError::InvalidArgument);
        }
        match &mut socket.state {
            State::Tcp { local: local @ None } => {
                *local = Some(wire.net().bind(Protocol::Tcp, address)?);
                Ok(Reply::Done)
            }
            State::Udp { local: local @ None, listens, .. } => {
                let mut net = wire.net();
                let bound = net.bind(Protocol::Udp, address)?;
                net.open_inbox(bound);
                *local = Some(bound);
                *listens = network.listen.allow(bound, &known);
                Ok(Reply::Done)
            }
            State::Tcp { local: Some(_) }
            | State::Udp { local: Some(_), .. }
            | State::Connecting { .. }
            | State::Connected { .. }
            | State::Listening(_)
            | State::LookUp(_) => Err(NetError::InvalidState),
        }
    }

    fn connect(&mut self, id: FileId, to: SocketAddr, mishap: Option<Mishap>) -> Answer {
        if !self.may_connect(to) {
            return Err(NetError::AccessDenied);
        }
        let wire = self.wire.clone();
        let socket = self.get(id)?;
        let State::Tcp { local } = socket.state else { return Err(NetError::InvalidState) };
        if !socket.family.has(to.ip()) || to.port() == 0 || to.ip().is_unspecified() {
            return Err(NetError::InvalidArgument);
        }
        let mut net = wire.net();
        let local = match local {
            Some(local) => local,
            None => net.bind(Protocol::Tcp, SocketAddr::new(loopback(socket.family), 0))?,
        };
        let result = match mishap {
            Some(_) => Err(NetError::ConnectionRefused),
            None => net.connect(local, to),
        };
        socket.state = State::Connecting { local, result };
        Ok(Reply::Done)
    }

    fn listen(&mut self, id: FileId, backlog: u32) -> Answer {
        let wire = self.wire.clone();
        let local = match self.get(id)?.state {
            State::Tcp { local: Some(local) } | State::Listening(local) => local,
            State::Tcp { local: None }
            | State::Connecting { .. }
            | State::Connected { .. }
            | State::Udp { .. }
            | State::LookUp(_) => return Err(NetError::InvalidState),
        };
        if !self.may_listen(local) {
            return Err(NetError::AccessDenied);
        }
        wire.net().listen(local, backlog);
        self.get(id)?.state = State::Listening(local);
        Ok(Reply::Done)
    }

    fn associate(&mut self, id: FileId, to: Option<SocketAddr>) -> Answer {
        let may = to.is_none_or(|to| self.may_connect(to));
        let State::Udp { remote, listens, .. } = &mut self.get(id)?.state else {
            return Err(NetError::InvalidState);
        };
        if !may && !*listens {
            return Err(NetError::AccessDenied);
        }
        *remote = to;
        Ok(Reply::Done)
    }

    fn receive(&mut self, id: FileId, max: u32) -> Result<Vec<Datagram>, NetError> {
        let wire = self.wire.clone();
        let State::Udp { local, remote, listens } = self.get(id)?.state else {
            return Err(NetError::InvalidState);
        };
        let max = usize::try_from(max).unwrap_or(usize::MAX).min(MOST_DATAGRAMS);
        let (Some(local), mut all) = (local, Vec::new()) else { return Ok(Vec::new()) };
        while all.len() < max {
            let Some(datagram) = wire.net().receive(local) else { break };
            let is_other = remote.is_some_and(|remote| remote != datagram.from);
            if !is_other && (listens || self.may_connect(datagram.from)) {
                all.push(datagram);
            }
        }
        Ok(all)
    }

    fn send(
        &mut self,
        id: FileId,
        datagrams: Vec<(Vec<u8>, Option<SocketAddr>)>,
        mishap: Option<Mishap>,
    ) -> Answer {
        let (wire, network, known) = (self.wire.clone(), self.network.clone(), self.known.clone());
        let socket = self.get(id)?;
        let family = socket.family;
        let State::Udp { local, remote, listens } = &mut socket.state else {
            return Err(NetError::InvalidState);
        };
        let mut net = wire.net();
        let from = match local {
            Some(local) => *local,
            None => {
                let bound = net.bind(Protocol::Udp, SocketAddr::new(loopback(family), 0))?;
                net.open_inbox(bound);
                *local = Some(bound);
                bound
            }
        };
        let mut count = 0_u64;
        for (data, to) in datagrams.into_iter().take(MOST_DATAGRAMS) {
            let to = match (to, *remote) {
                (Some(to), None) if family.has(to.ip()) && to.port() != 0 => Ok(to),
                (Some(to), Some(remote)) if to == remote => Ok(to),
                (None, Some(remote)) => Ok(remote),
                (Some(_), _) | (None, None) => Err(NetError::InvalidArgument),
            };
            let may = |to: SocketAddr| *listens || network.connect.allow(to, &known);
            let checked = to.and_then(|to| match (data.len() > MOST_DATAGRAM, may(to)) {
                (true, _) => Err(NetError::DatagramTooLarge),
                (false, false) => Err(NetError::AccessDenied),
                (false, true) => Ok(to),
            });
            match checked {
                // Nobody is told of one that is lost.
                Ok(_) if mishap.is_some() => {}
                Ok(to) => net.send(from, to, data),
                Err(_) if count > 0 => break,
                Err(error) => return Err(error),
            }
            count = count.saturating_add(1);
        }
        Ok(Reply::Count(count))
    }

    /// Answers a command about the bytes of a connection, which something befalls.
    pub fn stream(&mut self, command: StreamCommand, mishap: Option<Mishap>) -> Reply {
        let (StreamCommand::Read { stream: id, .. }
        | StreamCommand::Room(id)
        | StreamCommand::Write { stream: id, .. }
        | StreamCommand::Flush(id)) = command;
        let Some(Socket { state: State::Connected { end, read_ended, .. }, .. }) =
            self.open.get(&id)
        else {
            return Reply::Failed(Errno::BadDescriptor);
        };
        match mishap {
            Some(Mishap::Cut) => end.reset(),
            Some(Mishap::HalfClosed) => end.end_writing(),
            None => {}
        }
        let reply = match command {
            StreamCommand::Read { .. } if *read_ended => Reply::Bytes(Vec::new()),
            StreamCommand::Read { len, .. } => end.read(len as usize),
            StreamCommand::Room(_) => match end.room() {
                Ok(room) => Reply::Count(room as u64),
                Err(reply) => reply,
            },
            StreamCommand::Write { bytes, .. } => end.write(&bytes),
            StreamCommand::Flush(_) => Reply::Done,
        };
        self.wire.change();
        reply
    }

    /// True if something that is waited for holds. Of what is not there, whoever uses it
    /// is told.
    pub fn holds(&self, interest: Interest) -> bool {
        let (id, reads) = match interest {
            Interest::Readable(id) => (id, true),
            Interest::Writable(id) => (id, false),
            Interest::Stdin | Interest::Mail => return false,
        };
        match self.open.get(&id).map(|socket| &socket.state) {
            Some(State::Connected { end, .. }) if reads => end.is_readable(),
            Some(State::Connected { end, .. }) => end.room() != Ok(0),
            Some(State::Listening(at)) => self.wire.net().has_waiting(*at),
            Some(State::Udp { local, .. }) if reads => {
                local.is_some_and(|local| self.wire.net().has_come(local))
            }
            Some(
                State::Udp { .. } | State::Tcp { .. } | State::Connecting { .. } | State::LookUp(_),
            )
            | None => true,
        }
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        for socket in std::mem::take(&mut self.open).into_values() {
            socket.close(&self.wire);
        }
        self.wire.change();
    }
}

impl Socket {
    fn local(&self) -> Option<SocketAddr> {
        match &self.state {
            State::Tcp { local } | State::Udp { local, .. } => *local,
            State::Connecting { local, .. } => Some(*local),
            State::Connected { end, .. } => Some(end.local),
            State::Listening(at) => Some(*at),
            State::LookUp(_) => None,
        }
    }

    fn remote(&self) -> Option<SocketAddr> {
        match &self.state {
            State::Connected { end, .. } => Some(end.remote),
            State::Udp { remote, .. } => *remote,
            State::Tcp { .. }
            | State::Connecting { .. }
            | State::Listening(_)
            | State::LookUp(_) => None,
        }
    }

    /// Gives back what it has on the network.
    fn close(self, wire: &Wire) {
        let mut net = wire.net();
        match self.state {
            State::Tcp { local: Some(local) } => net.release(Protocol::Tcp, local),
            State::Connecting { local, result } => {
                net.release(Protocol::Tcp, local);
                if let Ok(end) = result {
                    end.end_writing();
                    end.end_reading();
                }
            }
            State::Connected { end, is_own, .. } => {
                if is_own {
                    net.release(Protocol::Tcp, end.local);
                }
                end.end_writing();
                end.end_reading();
            }
            State::Listening(at) => {
                net.close_listener(at);
                net.release(Protocol::Tcp, at);
            }
            State::Udp { local: Some(local), .. } => {
                net.close_inbox(local);
                net.release(Protocol::Udp, local);
            }
            State::Tcp { local: None } | State::Udp { local: None, .. } | State::LookUp(_) => {}
        }
    }
}

/// A number for an option, and its value if nobody has set it.
fn option_of(option: SocketOption) -> (u8, u64) {
    const SECOND: u64 = 1_000_000_000;
    match option {
        SocketOption::KeepAlive => (0, 0),
        SocketOption::KeepAliveIdle => (1, 7200 * SECOND),
        SocketOption::KeepAliveInterval => (2, 75 * SECOND),
        SocketOption::KeepAliveCount => (3, 9),
        SocketOption::HopLimit => (4, 64),
        SocketOption::ReceiveBuffer => (5, 64 << 10),
        SocketOption::SendBuffer => (6, 64 << 10),
    }
}
