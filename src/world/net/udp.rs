//! UDP sockets.
//!
//! Whom a datagram may go to is a rule of its own, and so is whom it may come from: a
//! process hears those whom it may send to, and, where it may listen, everybody; and to
//! whom it has heard there it may answer.

use super::{Allowed, MAX_HELD, socket::Socket};
use crate::{
    command::{Datagram, IpFamily, NetError},
    world::{
        fs::OpenPermit,
        locked,
        stream::{Source, Waiting},
    },
};
use rustix::{
    io::Errno as Os,
    net::{RecvFlags, SendFlags, SocketType},
};
use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

/// Datagrams of one command, in either direction.
pub(super) const MAX_DATAGRAMS: usize = 16;

/// Datagrams of others that one command passes over.
const MAX_PASSED: usize = 64;

/// Bytes that a datagram can have.
const MAX_DATAGRAM: usize = u16::MAX as usize;

/// Those who were heard last, and may be answered.
const MAX_PEERS: usize = 64;

/// A UDP socket.
pub(in crate::world) struct Udp {
    socket: Socket,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    remote: Option<SocketAddr>,
    /// The local address is one where the process may listen.
    listens: bool,
    /// Nobody else is heard, so nobody else has to be kept.
    peers: VecDeque<SocketAddr>,
}

impl Udp {
    pub(super) fn new(family: IpFamily, permit: OpenPermit) -> Result<Udp, NetError> {
        let socket = Socket::new(family, SocketType::DGRAM, permit)?;
        Ok(Udp { socket, state: Mutex::default() })
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(super) fn bind(&self, address: SocketAddr, allowed: &Allowed) -> Result<(), NetError> {
        self.socket.bind(address)?;
        let local = self.socket.local_address()?;
        locked(&self.state).listens = allowed.may_listen(local);
        Ok(())
    }

    /// Ties it to another end, or to none.
    pub(super) fn associate(
        &self,
        remote: Option<SocketAddr>,
        allowed: &Allowed,
    ) -> Result<(), NetError> {
        let mut state = locked(&self.state);
        let Some(remote) = remote else {
            let had = state.remote.take();
            return if had.is_some() { disconnect(&self.socket) } else { Ok(()) };
        };
        if !allowed.may_connect(remote) && !state.listens {
            return Err(NetError::AccessDenied);
        }
        match rustix::net::connect(self.socket.fd(), &remote) {
            // Another way than the last one: Linux wants to forget that first.
            Err(Os::INVAL) => {
                state.remote = None;
                disconnect(&self.socket)?;
                rustix::net::connect(self.socket.fd(), &remote)?;
            }
            Err(Os::AFNOSUPPORT) => return Err(NetError::InvalidArgument),
            result => result?,
        }
        state.remote = Some(remote);
        Ok(())
    }

    /// Takes datagrams that have come.
    pub(super) fn receive(&self, max: u32, allowed: &Allowed) -> Result<Vec<Datagram>, NetError> {
        let max = usize::try_from(max).unwrap_or(usize::MAX).min(MAX_DATAGRAMS);
        let (mut datagrams, mut sum) = (Vec::new(), 0usize);
        let mut buffer = Vec::with_capacity(MAX_DATAGRAM);
        for _ in 0..MAX_PASSED {
            if datagrams.len() >= max || sum >= MAX_HELD {
                break;
            }
            buffer.clear();
            let space = rustix::buffer::spare_capacity(&mut buffer);
            match rustix::net::recvfrom(self.socket.fd(), space, RecvFlags::empty()) {
                Ok((_, _, from)) => {
                    let from = from.and_then(|from| SocketAddr::try_from(from).ok());
                    if let Some(from) = from.filter(|from| self.hears(*from, allowed)) {
                        sum = sum.saturating_add(buffer.len()).saturating_add(1);
                        datagrams.push(Datagram { data: buffer.clone(), from });
                    }
                }
                Err(errno) => match NetError::from(errno) {
                    NetError::WouldBlock => break,
                    _ if !datagrams.is_empty() => break,
                    error => return Err(error),
                },
            }
        }
        Ok(datagrams)
    }

    /// What came before the socket was tied to one end may be of another.
    fn hears(&self, from: SocketAddr, allowed: &Allowed) -> bool {
        let mut state = locked(&self.state);
        if state.remote.is_some_and(|remote| remote != from) {
            return false;
        }
        if state.listens && !state.peers.contains(&from) {
            if state.peers.len() >= MAX_PEERS {
                state.peers.pop_front();
            }
            state.peers.push_back(from);
        }
        state.listens || allowed.may_connect(from)
    }

    /// Sends datagrams; how many have gone. Of errors only one of the first is told.
    pub(super) fn send(
        &self,
        datagrams: Vec<(Vec<u8>, Option<SocketAddr>)>,
        allowed: &Allowed,
    ) -> Result<u64, NetError> {
        let mut count = 0u64;
        for (data, to) in datagrams.into_iter().take(MAX_DATAGRAMS) {
            match self.send_one(&data, to, allowed) {
                Ok(()) => count = count.saturating_add(1),
                Err(NetError::WouldBlock) => break,
                Err(_) if count > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }

    fn send_one(
        &self,
        data: &[u8],
        to: Option<SocketAddr>,
        allowed: &Allowed,
    ) -> Result<(), NetError> {
        if data.len() > MAX_DATAGRAM {
            return Err(NetError::DatagramTooLarge);
        }
        let state = locked(&self.state);
        let fits = |to: SocketAddr| {
            self.socket.family().has(to.ip()) && !to.ip().is_unspecified() && to.port() != 0
        };
        let to = match (to, state.remote) {
            (Some(to), None) if fits(to) => to,
            (Some(to), Some(remote)) if to == remote => remote,
            (None, Some(remote)) => remote,
            (Some(_), _) | (None, None) => return Err(NetError::InvalidArgument),
        };
        let is_answer = state.listens && state.peers.contains(&to);
        if !is_answer && !allowed.may_connect(to) {
            return Err(NetError::AccessDenied);
        }
        let (fd, flags) = (self.socket.fd(), SendFlags::NOSIGNAL);
        match state.remote {
            Some(_) => rustix::net::send(fd, data, flags)?,
            None => rustix::net::sendto(fd, data, flags, &to)?,
        };
        Ok(())
    }
}

fn disconnect(socket: &Socket) -> Result<(), NetError> {
    match rustix::net::connect_unspec(socket.fd()) {
        // Some systems have done it when they say this.
        Err(Os::INVAL | Os::AFNOSUPPORT) if cfg!(not(target_os = "linux")) => Ok(()),
        result => Ok(result?),
    }
}

impl Source for Udp {
    fn is_readable(&self) -> bool {
        self.socket.has_come()
    }

    fn is_writable(&self) -> bool {
        self.socket.takes()
    }

    fn readable(self: Arc<Self>) -> Waiting {
        self.socket.coming()
    }

    fn writable(self: Arc<Self>) -> Waiting {
        self.socket.taking()
    }
}
