//! TCP sockets: those that connect or listen, and connections.
//!
//! Bytes that the system does not take at once are held here, up to 64 KiB, and are sent
//! when it takes more; meanwhile nothing more is taken from the process. Who writes asks
//! for that to be seen to, by [`StreamCommand::Flush`](crate::command::StreamCommand),
//! which goes on when the process has ended by itself. An end of writing waits for them.

use super::socket::{self, Socket};
use crate::{
    account::{Account, Charge},
    command::{Errno, IpFamily, NetError, Reply},
    world::{
        fs::OpenPermit,
        locked,
        net::MAX_HELD,
        stream::{Source, Stream, Waiting},
    },
};
use rustix::{
    io::Errno as Os,
    net::{RecvFlags, SendFlags, Shutdown, SocketType, sockopt},
};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

/// How long an end that takes nothing is waited for when nobody else waits for it: a
/// process that has ended would never be gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// A TCP socket.
pub(in crate::world) struct Tcp {
    socket: Socket,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The process reads no more.
    read_ended: bool,
    /// The process writes no more.
    write_ended: bool,
    /// Bytes that the system has not taken, from this place on.
    held: Vec<u8>,
    at: usize,
    charge: Charge,
    /// Why nothing can be sent any more.
    failed: Option<Unsent>,
}

#[derive(Clone, Copy)]
enum Unsent {
    /// The other end does not read any more.
    Ended,
    Failed(NetError),
}

impl From<Unsent> for Reply {
    fn from(unsent: Unsent) -> Reply {
        match unsent {
            Unsent::Ended => Reply::Failed(Errno::Pipe),
            Unsent::Failed(error) => Reply::NetError(error),
        }
    }
}

impl Tcp {
    pub(super) fn new(
        family: IpFamily,
        account: &Account,
        permit: OpenPermit,
    ) -> Result<Tcp, NetError> {
        Ok(Tcp::of(Socket::new(family, SocketType::STREAM, permit)?, account))
    }

    fn of(socket: Socket, account: &Account) -> Tcp {
        let state = State { charge: account.open(), ..State::default() };
        Tcp { socket, state: Mutex::new(state) }
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(super) fn bind(&self, address: SocketAddr) -> Result<(), NetError> {
        // Connections that have just ended do not keep their port.
        if !cfg!(windows) {
            sockopt::set_socket_reuseaddr(self.socket.fd(), true)?;
        }
        self.socket.bind(address)
    }

    pub(super) fn connect(&self, address: SocketAddr) -> Result<(), NetError> {
        match rustix::net::connect(self.socket.fd(), &address) {
            Ok(()) | Err(Os::INPROGRESS) => Ok(()),
            Err(Os::AFNOSUPPORT) => Err(NetError::InvalidArgument),
            Err(errno) => Err(errno.into()),
        }
    }

    pub(super) fn finish_connect(&self) -> Result<(), NetError> {
        if !self.socket.takes() {
            return Err(NetError::WouldBlock);
        }
        sockopt::socket_error(self.socket.fd())??;
        // One that nobody has told to connect is ready, and connected to nobody.
        self.socket.remote_address().map(drop)
    }

    pub(super) fn listen(&self, backlog: u32) -> Result<(), NetError> {
        let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
        Ok(rustix::net::listen(self.socket.fd(), backlog)?)
    }

    /// The next connection that waits.
    pub(super) fn accept(&self, account: &Account, permit: OpenPermit) -> Result<Tcp, NetError> {
        let fd = socket::accept(self.socket.fd()).map_err(|errno| match errno {
            // What has happened to the connection, and not to this socket.
            Os::CONNRESET
            | Os::NETRESET
            | Os::HOSTUNREACH
            | Os::HOSTDOWN
            | Os::NETDOWN
            | Os::NETUNREACH
            | Os::PROTO
            | Os::NOPROTOOPT
            | Os::OPNOTSUPP => NetError::ConnectionAborted,
            errno => errno.into(),
        })?;
        Ok(Tcp::of(Socket::of_fd(fd, self.socket.family(), permit)?, account))
    }

    pub(super) fn shutdown(&self, receive: bool, send: bool) -> Result<(), NetError> {
        let mut state = locked(&self.state);
        if receive && !state.read_ended {
            state.read_ended = true;
            ended(rustix::net::shutdown(self.socket.fd(), Shutdown::Read))?;
        }
        if send && !state.write_ended {
            state.write_ended = true;
            self.send(&mut state);
        }
        Ok(())
    }

    /// Sends what is held, as much as the system takes.
    fn send(&self, state: &mut State) {
        while state.failed.is_none() && state.at < state.held.len() {
            let bytes = state.held.get(state.at..).unwrap_or_default();
            match rustix::net::send(self.socket.fd(), bytes, SendFlags::NOSIGNAL) {
                Ok(count) => state.at = state.at.saturating_add(count),
                Err(Os::INTR) => {}
                Err(errno) if NetError::from(errno) == NetError::WouldBlock => return,
                Err(Os::PIPE) => state.failed = Some(Unsent::Ended),
                Err(errno) => state.failed = Some(Unsent::Failed(errno.into())),
            }
        }
        (state.held, state.at) = (Vec::new(), 0);
        let held = state.charge.bytes();
        state.charge.sub(held);
        if state.write_ended {
            // One that has failed has no end to tell.
            let _ = ended(rustix::net::shutdown(self.socket.fd(), Shutdown::Write));
        }
    }

    fn is_held(&self) -> bool {
        let mut state = locked(&self.state);
        if !state.held.is_empty() {
            self.send(&mut state);
        }
        !state.held.is_empty()
    }
}

/// A connection that has ended already is no error.
fn ended(result: Result<(), Os>) -> Result<(), NetError> {
    match result {
        Ok(()) | Err(Os::NOTCONN) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

impl Source for Tcp {
    fn is_readable(&self) -> bool {
        locked(&self.state).read_ended || self.socket.has_come()
    }

    fn is_writable(&self) -> bool {
        if self.is_held() {
            return false;
        }
        let state = locked(&self.state);
        let over = state.write_ended || state.failed.is_some();
        drop(state);
        over || self.socket.takes()
    }

    fn readable(self: Arc<Self>) -> Waiting {
        self.socket.coming()
    }

    fn writable(self: Arc<Self>) -> Waiting {
        self.socket.taking()
    }
}

impl Stream for Tcp {
    fn read(&self, len: usize) -> Reply {
        if locked(&self.state).read_ended {
            return Reply::Bytes(Vec::new());
        }
        let mut bytes = Vec::with_capacity(len.clamp(1, MAX_HELD));
        let buffer = rustix::buffer::spare_capacity(&mut bytes);
        match rustix::net::recv(self.socket.fd(), buffer, RecvFlags::empty()) {
            Ok(_) => {
                bytes.shrink_to_fit();
                Reply::Bytes(bytes)
            }
            Err(errno) => match NetError::from(errno) {
                NetError::WouldBlock => Reply::Failed(Errno::WouldBlock),
                error => Reply::NetError(error),
            },
        }
    }

    fn room(&self) -> Reply {
        let held = self.is_held();
        let state = locked(&self.state);
        match state.failed {
            Some(unsent) => unsent.into(),
            None if state.write_ended => Reply::Failed(Errno::Pipe),
            None if held || !self.socket.takes() => Reply::Count(0),
            None => Reply::Count(MAX_HELD as u64),
        }
    }

    fn write(&self, mut bytes: Vec<u8>) -> Reply {
        if self.is_held() {
            return Reply::Failed(Errno::WouldBlock);
        }
        let mut state = locked(&self.state);
        if let Some(unsent) = state.failed {
            return unsent.into();
        }
        if state.write_ended {
            return Reply::Failed(Errno::Pipe);
        }
        bytes.truncate(MAX_HELD);
        let len = bytes.len() as u64;
        state.held = bytes;
        // It has been on its way to here anyway.
        state.charge.add_anyway(len);
        self.send(&mut state);
        state.failed.map_or(Reply::Count(len), Reply::from)
    }

    fn flush(self: Arc<Self>) -> Option<Waiting> {
        if !self.is_held() {
            return None;
        }
        Some(Box::pin(async move {
            let given_up = || async {
                smol::Timer::after(PATIENCE).await;
                true
            };
            let taking = || async {
                self.socket.taking().await;
                false
            };
            while self.is_held() && !smol::future::or(taking(), given_up()).await {}
        }))
    }
}
