//! Commands about sockets and names.
//!
//! None of them waits: what cannot be done yet is [`NetError::WouldBlock`], and a
//! [`Wait`](super::Wait) is how to wait for it. A socket is
//! [readable](super::Interest::Readable) when something has come for it (of one that
//! listens, a connection), and [writable](super::Interest::Writable) when it takes
//! something (of one that connects, when that is decided). The bytes of a connection go
//! by [`StreamCommand`](super::StreamCommand), with the connection's own id.
//!
//! Who asks keeps the order that WASI prescribes (bound, then listening); who answers
//! knows to whom the process may talk.

use core::net::{IpAddr, SocketAddr};

use super::FileId;

/// Does something with sockets or names. Each may fail with
/// [`Reply::NetError`](super::Reply::NetError).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum NetCommand {
    /// Makes a TCP socket. [`Reply::Handle`](super::Reply::Handle)
    CreateTcp(IpFamily),
    /// Makes a UDP socket. [`Reply::Handle`](super::Reply::Handle)
    CreateUdp(IpFamily),
    /// Closes a socket or a look-up; what has been written to it is sent all the same.
    /// [`Reply::Done`](super::Reply::Done)
    Close(FileId),
    /// Gives a socket its local address. [`Reply::Done`](super::Reply::Done)
    Bind {
        /// The socket.
        socket: FileId,
        /// The address; port 0 is any.
        address: SocketAddr,
    },
    /// Begins to connect a TCP socket. [`Reply::Done`](super::Reply::Done)
    Connect {
        /// The socket.
        socket: FileId,
        /// The other end.
        address: SocketAddr,
    },
    /// Asks what connecting has come to. [`Reply::Done`](super::Reply::Done)
    FinishConnect(FileId),
    /// Lets a TCP socket take connections, or changes how many may wait.
    /// [`Reply::Done`](super::Reply::Done)
    Listen {
        /// The socket.
        socket: FileId,
        /// How many connections may wait.
        backlog: u32,
    },
    /// Takes a connection. [`Reply::Handle`](super::Reply::Handle)
    Accept(FileId),
    /// The local address. [`Reply::Address`](super::Reply::Address)
    LocalAddress(FileId),
    /// The address of the other end. [`Reply::Address`](super::Reply::Address)
    RemoteAddress(FileId),
    /// Reads an option. [`Reply::Count`](super::Reply::Count)
    Option {
        /// The socket.
        socket: FileId,
        /// Which.
        option: SocketOption,
    },
    /// Sets an option. [`Reply::Done`](super::Reply::Done)
    SetOption {
        /// The socket.
        socket: FileId,
        /// Which.
        option: SocketOption,
        /// Never 0, but for what can be off.
        value: u64,
    },
    /// Ends one or both directions of a connection. What has been written is sent before.
    /// [`Reply::Done`](super::Reply::Done)
    Shutdown {
        /// The connection.
        socket: FileId,
        /// Nothing is read any more.
        receive: bool,
        /// Nothing is written any more.
        send: bool,
    },
    /// Ties a UDP socket to one other end, or to none.
    /// [`Reply::Done`](super::Reply::Done)
    Associate {
        /// The socket.
        socket: FileId,
        /// The other end.
        remote: Option<SocketAddr>,
    },
    /// Takes datagrams that have come. [`Reply::Datagrams`](super::Reply::Datagrams);
    /// none if none has.
    Receive {
        /// A UDP socket.
        socket: FileId,
        /// At most so many.
        max: u32,
    },
    /// Sends datagrams until one cannot be sent now. [`Reply::Count`](super::Reply::Count)
    Send {
        /// A UDP socket.
        socket: FileId,
        /// What, and where to, unless the socket is tied to an end.
        datagrams: Vec<(Vec<u8>, Option<SocketAddr>)>,
    },
    /// Begins to look up a name; what is opened is the look-up, which is readable when
    /// it is done. [`Reply::Handle`](super::Reply::Handle)
    Resolve(String),
    /// What a look-up has found. [`Reply::Addresses`](super::Reply::Addresses)
    Resolved(FileId),
}

impl NetCommand {
    /// The name in traces.
    pub fn name(&self) -> &'static str {
        match self {
            NetCommand::CreateTcp(_) => "create-tcp",
            NetCommand::CreateUdp(_) => "create-udp",
            NetCommand::Close(_) => "close-socket",
            NetCommand::Bind { .. } => "bind",
            NetCommand::Connect { .. } => "connect",
            NetCommand::FinishConnect(_) => "finish-connect",
            NetCommand::Listen { .. } => "listen",
            NetCommand::Accept(_) => "accept",
            NetCommand::LocalAddress(_) => "local-address",
            NetCommand::RemoteAddress(_) => "remote-address",
            NetCommand::Option { .. } => "socket-option",
            NetCommand::SetOption { .. } => "set-socket-option",
            NetCommand::Shutdown { .. } => "shutdown",
            NetCommand::Associate { .. } => "associate",
            NetCommand::Receive { .. } => "receive",
            NetCommand::Send { .. } => "send-datagrams",
            NetCommand::Resolve(_) => "resolve",
            NetCommand::Resolved(_) => "resolved",
        }
    }
}

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum IpFamily {
    V4,
    V6,
}

impl IpFamily {
    /// Tells whether an address is one of this family. IPv4 addresses in the forms of
    /// IPv6 are of neither.
    pub fn has(self, address: IpAddr) -> bool {
        match (self, address) {
            (IpFamily::V4, IpAddr::V4(_)) => true,
            (IpFamily::V6, IpAddr::V6(address)) => {
                let compatible = matches!(address.segments(), [0, 0, 0, 0, 0, 0, _, _])
                    && !address.is_unspecified()
                    && !address.is_loopback();
                !compatible && address.to_ipv4_mapped().is_none()
            }
            (IpFamily::V4, IpAddr::V6(_)) | (IpFamily::V6, IpAddr::V4(_)) => false,
        }
    }
}

/// Something of a socket that can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SocketOption {
    /// A connection without traffic is probed: 1, or 0.
    KeepAlive,
    /// Nanoseconds without traffic before the first probe.
    KeepAliveIdle,
    /// Nanoseconds between probes.
    KeepAliveInterval,
    /// How many probes go unanswered before the connection has failed.
    KeepAliveCount,
    /// How many hops a packet may take.
    HopLimit,
    /// Bytes that wait to be read.
    ReceiveBuffer,
    /// Bytes that wait to be sent.
    SendBuffer,
}

/// A datagram that has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Its bytes.
    pub data: Vec<u8>,
    /// Who has sent it.
    pub from: SocketAddr,
}

/// Why something with a socket or a name failed: the names of `error-code` in
/// `wasi:sockets/network`, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum NetError {
    Unknown,
    AccessDenied,
    NotSupported,
    InvalidArgument,
    OutOfMemory,
    Timeout,
    ConcurrencyConflict,
    NotInProgress,
    WouldBlock,
    InvalidState,
    NewSocketLimit,
    AddressNotBindable,
    AddressInUse,
    RemoteUnreachable,
    ConnectionRefused,
    ConnectionReset,
    ConnectionAborted,
    DatagramTooLarge,
    NameUnresolvable,
    TemporaryResolverFailure,
    PermanentResolverFailure,
}
