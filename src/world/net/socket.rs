//! What sockets of both sorts have in common: making them, addresses, options, and when
//! they are ready.

use crate::command::{IpFamily, NetError, SocketOption};
use crate::world::{fs::OpenPermit, stream::Waiting};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::{AsFd, BorrowedFd, OwnedFd},
    io::Errno as Os,
    net::{AddressFamily, SocketAddrAny, SocketFlags, SocketType, sockopt},
};
use smol::Async;
use std::{net::SocketAddr, sync::Arc, time::Duration};

/// A socket of the system.
pub(super) struct Socket {
    io: Arc<Async<OwnedFd>>,
    family: IpFamily,
    _permit: OpenPermit,
}

impl Socket {
    /// Makes one.
    pub(super) fn new(
        family: IpFamily,
        kind: SocketType,
        permit: OpenPermit,
    ) -> Result<Socket, NetError> {
        let inet = match family {
            IpFamily::V4 => AddressFamily::INET,
            IpFamily::V6 => AddressFamily::INET6,
        };
        let fd = open(inet, kind)?;
        if family == IpFamily::V6 {
            sockopt::set_ipv6_v6only(&fd, true)?;
        }
        Socket::of_fd(fd, family, permit)
    }

    /// One that the system has made.
    pub(super) fn of_fd(
        fd: OwnedFd,
        family: IpFamily,
        permit: OpenPermit,
    ) -> Result<Socket, NetError> {
        let io = Arc::new(Async::new_nonblocking(fd)?);
        Ok(Socket { io, family, _permit: permit })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.io.get_ref().as_fd()
    }

    pub(super) fn family(&self) -> IpFamily {
        self.family
    }

    pub(super) fn bind(&self, address: SocketAddr) -> Result<(), NetError> {
        rustix::net::bind(self.fd(), &address).map_err(|errno| match errno {
            Os::AFNOSUPPORT => NetError::InvalidArgument,
            errno => errno.into(),
        })
    }

    pub(super) fn local_address(&self) -> Result<SocketAddr, NetError> {
        address(Some(rustix::net::getsockname(self.fd())?))
    }

    pub(super) fn remote_address(&self) -> Result<SocketAddr, NetError> {
        address(rustix::net::getpeername(self.fd())?)
    }

    /// Tells whether bytes, a datagram, a connection or an error have come.
    pub(super) fn has_come(&self) -> bool {
        self.is_now(PollFlags::IN)
    }

    /// Tells whether the system takes something.
    pub(super) fn takes(&self) -> bool {
        self.is_now(PollFlags::OUT)
    }

    /// Errors and ends count too. If the system does not say, trying will.
    fn is_now(&self, what: PollFlags) -> bool {
        let mut fds = [PollFd::new(self.io.get_ref(), what)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut fds, Some(&now)) != Ok(0)
    }

    pub(super) fn coming(&self) -> Waiting {
        let readable = Arc::clone(&self.io).readable_owned();
        Box::pin(async { drop(readable.await) })
    }

    pub(super) fn taking(&self) -> Waiting {
        let writable = Arc::clone(&self.io).writable_owned();
        Box::pin(async { drop(writable.await) })
    }

    pub(super) fn option(&self, option: SocketOption) -> Result<u64, NetError> {
        let fd = self.fd();
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Ok(match option {
            SocketOption::KeepAlive => sockopt::socket_keepalive(fd)?.into(),
            SocketOption::KeepAliveIdle => nanos(sockopt::tcp_keepidle(fd)?),
            SocketOption::KeepAliveInterval => nanos(sockopt::tcp_keepintvl(fd)?),
            SocketOption::KeepAliveCount => sockopt::tcp_keepcnt(fd)?.into(),
            SocketOption::HopLimit => match self.family {
                IpFamily::V4 => sockopt::ip_ttl(fd)?.into(),
                IpFamily::V6 => sockopt::ipv6_unicast_hops(fd)?.into(),
            },
            SocketOption::ReceiveBuffer => size(sockopt::socket_recv_buffer_size(fd)?),
            SocketOption::SendBuffer => size(sockopt::socket_send_buffer_size(fd)?),
        })
    }

    /// Sets an option, to the nearest value that every system takes.
    pub(super) fn set_option(&self, option: SocketOption, value: u64) -> Result<(), NetError> {
        let fd = self.fd();
        let time = |value: u64| {
            Duration::from_nanos(value).clamp(Duration::from_secs(1), Duration::from_secs(32_767))
        };
        let bytes = usize::try_from(value.clamp(1, 0x7fff_ffff)).unwrap_or(1);
        let result = match option {
            SocketOption::KeepAlive => sockopt::set_socket_keepalive(fd, value != 0),
            SocketOption::KeepAliveIdle => sockopt::set_tcp_keepidle(fd, time(value)),
            SocketOption::KeepAliveInterval => sockopt::set_tcp_keepintvl(fd, time(value)),
            SocketOption::KeepAliveCount => {
                sockopt::set_tcp_keepcnt(fd, value.clamp(1, 127) as u32)
            }
            SocketOption::HopLimit => {
                let hops = value.clamp(1, 255) as u8;
                match self.family {
                    IpFamily::V4 => sockopt::set_ip_ttl(fd, hops.into()),
                    IpFamily::V6 => sockopt::set_ipv6_unicast_hops(fd, Some(hops)),
                }
            }
            SocketOption::ReceiveBuffer => a_hint(sockopt::set_socket_recv_buffer_size(fd, bytes)),
            SocketOption::SendBuffer => a_hint(sockopt::set_socket_send_buffer_size(fd, bytes)),
        };
        Ok(result?)
    }
}

/// A size that is refused as too large is a hint that was not taken.
fn a_hint(result: Result<(), Os>) -> Result<(), Os> {
    if result == Err(Os::NOBUFS) { Ok(()) } else { result }
}

/// Linux doubles what it is told, for its own needs, and tells that.
fn size(bytes: usize) -> u64 {
    (if cfg!(target_os = "linux") { bytes / 2 } else { bytes }) as u64
}

fn address(address: Option<SocketAddrAny>) -> Result<SocketAddr, NetError> {
    let address = address.ok_or(NetError::InvalidState)?;
    SocketAddr::try_from(address).map_err(|_| NetError::Unknown)
}

/// Not to be inherited, and never to be waited in.
#[cfg(not(any(target_vendor = "apple", target_os = "aix", target_os = "haiku")))]
fn open(family: AddressFamily, kind: SocketType) -> Result<OwnedFd, Os> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    rustix::net::socket_with(family, kind, flags, None)
}

#[cfg(any(target_vendor = "apple", target_os = "aix", target_os = "haiku"))]
fn open(family: AddressFamily, kind: SocketType) -> Result<OwnedFd, Os> {
    let fd = rustix::net::socket_with(family, kind, SocketFlags::empty(), None)?;
    private(&fd)?;
    Ok(fd)
}

/// The next connection that waits.
#[cfg(not(any(target_vendor = "apple", target_os = "aix", target_os = "haiku")))]
pub(super) fn accept(fd: BorrowedFd<'_>) -> Result<OwnedFd, Os> {
    rustix::net::accept_with(fd, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)
}

#[cfg(any(target_vendor = "apple", target_os = "aix", target_os = "haiku"))]
pub(super) fn accept(fd: BorrowedFd<'_>) -> Result<OwnedFd, Os> {
    let fd = rustix::net::accept(fd)?;
    private(&fd)?;
    Ok(fd)
}

#[cfg(any(target_vendor = "apple", target_os = "aix", target_os = "haiku"))]
fn private(fd: &OwnedFd) -> Result<(), Os> {
    rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(fd, true)
}
