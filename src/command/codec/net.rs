//! Commands and replies about sockets.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::{
    Coded, DecodeError, Problem, Reader, Writer, coded_as, coded_enum, coded_names, coded_struct,
};
#[cfg(test)]
use crate::command::codec::tests::Random;
use crate::command::{Datagram, IpFamily, NetCommand, NetError, SocketOption};

coded_enum! { NetCommand {
    0 = CreateTcp(family);
    1 = CreateUdp(family);
    2 = Close(socket);
    3 = Bind { socket, address };
    4 = Connect { socket, address };
    5 = FinishConnect(socket);
    6 = Listen { socket, backlog };
    7 = Accept(socket);
    8 = LocalAddress(socket);
    9 = RemoteAddress(socket);
    10 = Option { socket, option };
    11 = SetOption { socket, option, value };
    12 = Shutdown { socket, receive, send };
    13 = Associate { socket, remote };
    14 = Receive { socket, max };
    15 = Send { socket, datagrams };
    16 = Resolve(name);
    17 = Resolved(look_up);
} }

coded_enum! { IpFamily {
    0 = V4;
    1 = V6;
} }

coded_enum! { SocketOption {
    0 = KeepAlive;
    1 = KeepAliveIdle;
    2 = KeepAliveInterval;
    3 = KeepAliveCount;
    4 = HopLimit;
    5 = ReceiveBuffer;
    6 = SendBuffer;
} }

coded_struct! { Datagram { data, from } }

coded_enum! { IpAddr {
    0 = V4(address);
    1 = V6(address);
} }

coded_enum! { SocketAddr {
    0 = V4(address);
    1 = V6(address);
} }

coded_as! { Ipv4Addr as u32: |address| address.to_bits(), |bits| Ok(Ipv4Addr::from_bits(bits)) }

coded_as! { Ipv6Addr as (u64, u64): |address| {
    let bits = address.to_bits();
    ((bits >> 64) as u64, bits as u64)
}, |(high, low)| Ok(Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low))) }

coded_as! { SocketAddrV4 as (Ipv4Addr, u16): |address| (*address.ip(), address.port()),
|(ip, port)| Ok(SocketAddrV4::new(ip, port)) }

coded_as! { SocketAddrV6 as ((Ipv6Addr, u16), (u32, u32)): |address| {
    ((*address.ip(), address.port()), (address.flowinfo(), address.scope_id()))
}, |((ip, port), (flow, scope))| Ok(SocketAddrV6::new(ip, port, flow, scope)) }

coded_names! { NetError {
    "unknown" = Unknown;
    "access-denied" = AccessDenied;
    "not-supported" = NotSupported;
    "invalid-argument" = InvalidArgument;
    "out-of-memory" = OutOfMemory;
    "timeout" = Timeout;
    "concurrency-conflict" = ConcurrencyConflict;
    "not-in-progress" = NotInProgress;
    "would-block" = WouldBlock;
    "invalid-state" = InvalidState;
    "new-socket-limit" = NewSocketLimit;
    "address-not-bindable" = AddressNotBindable;
    "address-in-use" = AddressInUse;
    "remote-unreachable" = RemoteUnreachable;
    "connection-refused" = ConnectionRefused;
    "connection-reset" = ConnectionReset;
    "connection-aborted" = ConnectionAborted;
    "datagram-too-large" = DatagramTooLarge;
    "name-unresolvable" = NameUnresolvable;
    "temporary-resolver-failure" = TemporaryResolverFailure;
    "permanent-resolver-failure" = PermanentResolverFailure;
} }
