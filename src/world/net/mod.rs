//! Sockets and names.
//!
//! A socket is one of the system, without waiting, and smol's reactor says when it is
//! ready. Everything is answered within the step. What a process may do is decided
//! here, by its [`Network`]: before the system is asked anything.

mod error;
mod look_up;
mod socket;
mod tcp;
mod udp;

#[cfg(test)]
mod tests;

pub(super) use self::{look_up::LookUp, tcp::Tcp, udp::Udp};
use self::{
    look_up::{MAX_OF_PROCESS, Name},
    socket::Socket,
};
use super::{
    Inner, locked,
    stream::{Held, Stream},
};
use crate::{
    command::{Errno, FileId, NetCommand, NetError, Reply},
    network::{Known, Network},
};
use smol::lock::Semaphore;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

/// Bytes that one socket holds, or one command takes from it.
const MAX_HELD: usize = 64 << 10;

/// What a process may do with the network, and what it has been told.
pub(super) struct Allowed {
    network: Mutex<Arc<Network>>,
    known: Arc<Mutex<Known>>,
    turns: Arc<Semaphore>,
}

impl Default for Allowed {
    fn default() -> Allowed {
        Allowed {
            network: Mutex::new(Arc::new(Network::NONE)),
            known: Arc::default(),
            turns: Arc::new(Semaphore::new(MAX_OF_PROCESS)),
        }
    }
}

impl Allowed {
    /// What counts from now on.
    pub(super) fn set(&self, network: Arc<Network>) {
        *locked(&self.network) = network;
    }

    pub(super) fn network(&self) -> Arc<Network> {
        Arc::clone(&locked(&self.network))
    }

    fn may_connect(&self, address: SocketAddr) -> bool {
        self.network().connect.allow(address, &locked(&self.known))
    }

    fn may_listen(&self, address: SocketAddr) -> bool {
        self.network().listen.allow(address, &locked(&self.known))
    }

    /// Any port is nobody's in particular: what may be done there is asked later.
    fn may_bind(&self, address: SocketAddr) -> bool {
        address.port() == 0 || self.may_listen(address)
    }

    /// A look-up, if this name is allowed.
    fn look_up(&self, text: &str) -> Result<LookUp, NetError> {
        let network = self.network();
        if network.is_none() {
            return Err(NetError::PermanentResolverFailure);
        }
        let name = Name::read(text)?;
        if let Name::Domain(domain) = &name
            && !network.connect.allow_name(domain, None)
        {
            return Err(NetError::PermanentResolverFailure);
        }
        let (known, looked_up) = (Arc::clone(&self.known), name.clone());
        Ok(LookUp::new(name, Arc::clone(&self.turns), move |found| {
            if let Name::Domain(domain) = looked_up {
                locked(&known).note(&network.connect, &domain, found);
            }
        }))
    }
}

/// The answer.
pub(super) fn now(world: &Inner, command: NetCommand) -> Reply {
    answer(world, command).unwrap_or_else(Reply::NetError)
}

fn answer(world: &Inner, command: NetCommand) -> Result<Reply, NetError> {
    use NetCommand as C;
    let (allowed, account) = (&world.allowed, world.http.account());
    let done = |()| Reply::Done;
    match command {
        C::CreateTcp(family) => {
            create(world, |permit| Ok(Held::Tcp(Arc::new(Tcp::new(family, account, permit)?))))
        }
        C::CreateUdp(family) => {
            create(world, |permit| Ok(Held::Udp(Arc::new(Udp::new(family, permit)?))))
        }
        C::Close(id) => {
            // Bytes that it has taken are sent all the same, as the system does with its own.
            if let Some(Held::Tcp(tcp)) = world.handles.remove(id)
                && let Some(sent) = Stream::flush(tcp)
            {
                smol::spawn(sent).detach();
            }
            Ok(Reply::Done)
        }
        C::Bind { socket, address } => {
            if !allowed.may_bind(address) {
                return Err(NetError::AccessDenied);
            }
            match any(world, socket)? {
                Any::Tcp(tcp) => tcp.bind(address),
                Any::Udp(udp) => udp.bind(address, allowed),
            }
            .map(done)
        }
        C::Connect { socket, address } => {
            if !allowed.may_connect(address) {
                return Err(NetError::AccessDenied);
            }
            tcp(world, socket)?.connect(address).map(done)
        }
        C::FinishConnect(socket) => tcp(world, socket)?.finish_connect().map(done),
        C::Listen { socket, backlog } => {
            let tcp = tcp(world, socket)?;
            if !allowed.may_listen(tcp.socket().local_address()?) {
                return Err(NetError::AccessDenied);
            }
            tcp.listen(backlog).map(done)
        }
        C::Accept(socket) => {
            let tcp = tcp(world, socket)?;
            open(world, |permit| Ok(Held::Tcp(Arc::new(tcp.accept(account, permit)?))))
        }
        C::LocalAddress(socket) => any(world, socket)?.socket().local_address().map(Reply::Address),
        C::RemoteAddress(socket) => {
            any(world, socket)?.socket().remote_address().map(Reply::Address)
        }
        C::Option { socket, option } => {
            any(world, socket)?.socket().option(option).map(Reply::Count)
        }
        C::SetOption { socket, option, value } => {
            any(world, socket)?.socket().set_option(option, value).map(done)
        }
        C::Shutdown { socket, receive, send } => {
            tcp(world, socket)?.shutdown(receive, send).map(done)
        }
        C::Associate { socket, remote } => udp(world, socket)?.associate(remote, allowed).map(done),
        C::Receive { socket, max } => {
            udp(world, socket)?.receive(max, allowed).map(Reply::Datagrams)
        }
        C::Send { socket, datagrams } => {
            udp(world, socket)?.send(datagrams, allowed).map(Reply::Count)
        }
        C::Resolve(name) => {
            let look_up = allowed.look_up(&name)?;
            open(world, |permit| Ok(Held::LookUp(Arc::new(look_up.with(permit)))))
        }
        C::Resolved(id) => match world.handles.get(id) {
            Some(Held::LookUp(look_up)) => look_up.found().map(Reply::Addresses),
            Some(Held::Tcp(_) | Held::Udp(_) | Held::Stream(_) | Held::Source(_)) | None => {
                Err(NetError::InvalidState)
            }
        },
    }
}

/// Makes a socket, if the process may have any.
fn create(
    world: &Inner,
    make: impl FnOnce(super::fs::OpenPermit) -> Result<Held, NetError>,
) -> Result<Reply, NetError> {
    if world.allowed.network().is_none() {
        return Err(NetError::AccessDenied);
    }
    open(world, make)
}

/// Puts something new into the table, if the process may have one more.
fn open(
    world: &Inner,
    make: impl FnOnce(super::fs::OpenPermit) -> Result<Held, NetError>,
) -> Result<Reply, NetError> {
    let permit = world.files.permit().map_err(|_: Errno| NetError::NewSocketLimit)?;
    let held = make(permit)?;
    let id = world.files.next_id();
    world.handles.insert(id, held);
    Ok(Reply::Handle(id))
}

enum Any {
    Tcp(Arc<Tcp>),
    Udp(Arc<Udp>),
}

impl Any {
    fn socket(&self) -> &Socket {
        match self {
            Any::Tcp(tcp) => tcp.socket(),
            Any::Udp(udp) => udp.socket(),
        }
    }
}

fn any(world: &Inner, id: FileId) -> Result<Any, NetError> {
    match world.handles.get(id) {
        Some(Held::Tcp(tcp)) => Ok(Any::Tcp(tcp)),
        Some(Held::Udp(udp)) => Ok(Any::Udp(udp)),
        Some(Held::LookUp(_) | Held::Stream(_) | Held::Source(_)) | None => {
            Err(NetError::InvalidState)
        }
    }
}

fn tcp(world: &Inner, id: FileId) -> Result<Arc<Tcp>, NetError> {
    match any(world, id)? {
        Any::Tcp(tcp) => Ok(tcp),
        Any::Udp(_) => Err(NetError::InvalidState),
    }
}

fn udp(world: &Inner, id: FileId) -> Result<Arc<Udp>, NetError> {
    match any(world, id)? {
        Any::Udp(udp) => Ok(udp),
        Any::Tcp(_) => Err(NetError::InvalidState),
    }
}
