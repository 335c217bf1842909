//! Sockets of this machine, on its loopback interface only.

use super::super::{Streams, SystemDispatcher};
use crate::{
    account::Account,
    command::{
        Command, Errno, FileId, Interest, IpFamily, NetCommand as C, NetError, Reply, SocketOption,
        StreamCommand, Wait,
    },
    network::{Network, Rules},
};
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::Arc,
};

fn only(rules: &[&str]) -> Rules {
    Rules::Only(rules.iter().map(|rule| rule.parse().unwrap()).collect())
}

fn world_with(connect: Rules, listen: Rules) -> SystemDispatcher {
    let world = SystemDispatcher::new(Streams::default());
    world.set_network(Arc::new(Network { connect, listen }));
    world
}

fn world() -> SystemDispatcher {
    world_with(Rules::All, Rules::All)
}

fn ask(world: &SystemDispatcher, command: impl Into<Command>) -> Reply {
    smol::block_on(world.later(command.into()))
}

fn handle(world: &SystemDispatcher, command: C) -> FileId {
    ask(world, command).handle().unwrap()
}

fn done(world: &SystemDispatcher, command: C) {
    assert_eq!(ask(world, command), Reply::Done);
}

fn fails(world: &SystemDispatcher, command: C, error: NetError) {
    assert_eq!(ask(world, command), Reply::NetError(error));
}

fn wait(world: &SystemDispatcher, interest: Interest) {
    let ready = ask(world, Wait::new(interest, None)).ready().unwrap();
    assert!(ready.on.contains(interest));
}

fn address(world: &SystemDispatcher, command: C) -> SocketAddr {
    ask(world, command).address().unwrap()
}

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A socket that listens, and its address.
fn listener(world: &SystemDispatcher) -> (FileId, SocketAddr) {
    let socket = handle(world, C::CreateTcp(IpFamily::V4));
    done(world, C::Bind { socket, address: LOOPBACK });
    done(world, C::Listen { socket, backlog: 8 });
    (socket, address(world, C::LocalAddress(socket)))
}

/// A connection to an address.
fn connection(world: &SystemDispatcher, address: SocketAddr) -> FileId {
    let socket = handle(world, C::CreateTcp(IpFamily::V4));
    done(world, C::Connect { socket, address });
    wait(world, Interest::Writable(socket));
    done(world, C::FinishConnect(socket));
    socket
}

fn read(world: &SystemDispatcher, stream: FileId) -> Vec<u8> {
    wait(world, Interest::Readable(stream));
    ask(world, StreamCommand::Read { stream, len: 1 << 20 }).bytes().unwrap()
}

fn write(world: &SystemDispatcher, stream: FileId, bytes: &[u8]) -> Reply {
    ask(world, StreamCommand::Write { stream, bytes: bytes.to_vec() })
}

#[test]
fn a_connection_carries_bytes_both_ways_and_ends_one_way_at_a_time() {
    let world = world();
    let (server, to) = listener(&world);
    fails(&world, C::Accept(server), NetError::WouldBlock);
    let client = connection(&world, to);
    wait(&world, Interest::Readable(server));
    let accepted = handle(&world, C::Accept(server));
    assert_eq!(
        address(&world, C::LocalAddress(client)),
        address(&world, C::RemoteAddress(accepted))
    );
    let none = ask(&world, StreamCommand::Read { stream: client, len: 9 });
    assert_eq!(none, Reply::Failed(Errno::WouldBlock));
    assert_eq!(ask(&world, StreamCommand::Room(client)), Reply::Count(65_536));
    assert_eq!(write(&world, client, b"hello"), Reply::Count(5));
    assert_eq!(read(&world, accepted), b"hello");

    done(&world, C::Shutdown { socket: client, receive: false, send: true });
    assert_eq!(write(&world, client, b"more"), Reply::Failed(Errno::Pipe));
    assert_eq!(ask(&world, StreamCommand::Room(client)), Reply::Failed(Errno::Pipe));
    assert_eq!(read(&world, accepted), b"");
    assert_eq!(write(&world, accepted, b"answer"), Reply::Count(6));
    assert_eq!(read(&world, client), b"answer");
    done(&world, C::Close(accepted));
    assert_eq!(read(&world, client), b"");
}

#[test]
fn what_is_written_before_the_end_arrives_however_slowly_it_is_read() {
    let world = world();
    let account = Account::new(1 << 20);
    world.set_account(account.clone());
    let server = TcpListener::bind(LOOPBACK).unwrap();
    let socket = connection(&world, server.local_addr().unwrap());
    let (mut peer, _) = server.accept().unwrap();
    done(&world, C::SetOption { socket, option: SocketOption::SendBuffer, value: 1024 });
    let mut sent = 0;
    // Until no more is taken, neither by the system nor here.
    while let Reply::Count(room @ 1..) = ask(&world, StreamCommand::Room(socket)) {
        assert_eq!(room, 65_536);
        assert_eq!(write(&world, socket, &[7; 65_536]), Reply::Count(65_536));
        sent += 65_536;
    }
    // At any time there is as much here as one write may have, and no more.
    assert!(account.used() <= 65_536);
    done(&world, C::Shutdown { socket, receive: false, send: true });
    done(&world, C::Close(socket));
    let mut received = Vec::new();
    peer.read_to_end(&mut received).unwrap();
    assert_eq!(received.len(), sent);
    drop(world);
    // The peer has read the end, which comes after the last byte.
    let mut tries = 0;
    while account.used() > 0 {
        assert!(tries < 10_000, "{} bytes are still held", account.used());
        tries += 1;
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

#[test]
fn who_is_refused_or_cut_off_is_told() {
    let world = world();
    let nobody = TcpListener::bind(LOOPBACK).unwrap().local_addr().unwrap();
    let socket = handle(&world, C::CreateTcp(IpFamily::V4));
    done(&world, C::Connect { socket, address: nobody });
    wait(&world, Interest::Writable(socket));
    fails(&world, C::FinishConnect(socket), NetError::ConnectionRefused);

    let server = TcpListener::bind(LOOPBACK).unwrap();
    let socket = connection(&world, server.local_addr().unwrap());
    let (peer, _) = server.accept().unwrap();
    // To leave bytes unread is to reset.
    assert_eq!(write(&world, socket, b"unread"), Reply::Count(6));
    while peer.peek(&mut [0; 6]).unwrap() < 6 {}
    drop(peer);
    wait(&world, Interest::Readable(socket));
    let reply = ask(&world, StreamCommand::Read { stream: socket, len: 9 });
    assert_eq!(reply, Reply::NetError(NetError::ConnectionReset));
}

#[test]
fn datagrams_go_to_whom_they_are_for() {
    let world = world();
    let bound = || {
        let socket = handle(&world, C::CreateUdp(IpFamily::V4));
        done(&world, C::Bind { socket, address: LOOPBACK });
        (socket, address(&world, C::LocalAddress(socket)))
    };
    let ((one, from), (two, to), (three, _)) = (bound(), bound(), bound());
    let send = |socket, data: &[u8], to| {
        ask(&world, C::Send { socket, datagrams: vec![(data.to_vec(), to)] })
    };
    assert_eq!(send(one, b"a", None), Reply::NetError(NetError::InvalidArgument));
    assert_eq!(send(one, b"a", Some(to)), Reply::Count(1));
    assert_eq!(send(three, b"b", Some(to)), Reply::Count(1));
    let long = vec![0; 65_536];
    assert_eq!(send(one, &long, Some(to)), Reply::NetError(NetError::DatagramTooLarge));
    wait(&world, Interest::Readable(two));
    // What came from others before is passed over.
    done(&world, C::Associate { socket: two, remote: Some(from) });
    let got = ask(&world, C::Receive { socket: two, max: 9 }).datagrams().unwrap();
    assert_eq!(
        got.iter().map(|got| (&*got.data, got.from)).collect::<Vec<_>>(),
        [(&b"a"[..], from)]
    );
    assert_eq!(send(two, b"c", None), Reply::Count(1));
    let other = Some(LOOPBACK);
    assert_eq!(send(two, b"c", other), Reply::NetError(NetError::InvalidArgument));
    done(&world, C::Associate { socket: two, remote: None });
    fails(&world, C::RemoteAddress(two), NetError::InvalidState);
    let none = ask(&world, C::Receive { socket: two, max: 9 });
    assert_eq!(none, Reply::Datagrams(Vec::new()));
}

#[test]
fn rules_are_asked_for_each_thing_that_is_done() {
    let open = UdpSocket::bind(LOOPBACK).unwrap();
    let closed = UdpSocket::bind(LOOPBACK).unwrap();
    let (open, closed) = (open.local_addr().unwrap(), closed.local_addr().unwrap());
    let world = world_with(only(&[&open.to_string()]), only(&["127.0.0.1:1-1023"]));

    let socket = handle(&world, C::CreateTcp(IpFamily::V4));
    fails(&world, C::Connect { socket, address: closed }, NetError::AccessDenied);
    fails(&world, C::Bind { socket, address: closed }, NetError::AccessDenied);
    // Any port can be had, and is none of those where the process may listen.
    done(&world, C::Bind { socket, address: LOOPBACK });
    fails(&world, C::Listen { socket, backlog: 1 }, NetError::AccessDenied);

    let socket = handle(&world, C::CreateUdp(IpFamily::V4));
    done(&world, C::Bind { socket, address: LOOPBACK });
    let own = address(&world, C::LocalAddress(socket));
    let to = |to| C::Send { socket, datagrams: vec![(b"x".to_vec(), Some(to))] };
    fails(&world, to(closed), NetError::AccessDenied);
    assert_eq!(ask(&world, to(open)), Reply::Count(1));
    // Nobody is heard who may not be sent to.
    UdpSocket::bind(LOOPBACK).unwrap().send_to(b"x", own).unwrap();
    wait(&world, Interest::Readable(socket));
    let none = ask(&world, C::Receive { socket, max: 9 });
    assert_eq!(none, Reply::Datagrams(Vec::new()));
    // To be tied to an end is asked for by itself.
    fails(&world, C::Associate { socket, remote: Some(closed) }, NetError::AccessDenied);
    done(&world, C::Associate { socket, remote: Some(open) });
    done(&world, C::Associate { socket, remote: None });
    let world = world_with(only(&[]), only(&["loopback"]));
    let socket = handle(&world, C::CreateUdp(IpFamily::V4));
    done(&world, C::Bind { socket, address: LOOPBACK });
    let own = address(&world, C::LocalAddress(socket));
    let peer = UdpSocket::bind(LOOPBACK).unwrap();
    let answer = || {
        let to = Some(peer.local_addr().unwrap());
        ask(&world, C::Send { socket, datagrams: vec![(b"y".to_vec(), to)] })
    };
    assert_eq!(answer(), Reply::NetError(NetError::AccessDenied));
    // Who listens may answer those whom it has heard.
    peer.send_to(b"x", own).unwrap();
    wait(&world, Interest::Readable(socket));
    assert_eq!(ask(&world, C::Receive { socket, max: 9 }).datagrams().unwrap().len(), 1);
    assert_eq!(answer(), Reply::Count(1));
}

#[test]
fn without_a_network_there_is_nothing() {
    let world = SystemDispatcher::new(Streams::default());
    fails(&world, C::CreateTcp(IpFamily::V4), NetError::AccessDenied);
    fails(&world, C::CreateUdp(IpFamily::V6), NetError::AccessDenied);
    fails(&world, C::Resolve("localhost".into()), NetError::PermanentResolverFailure);
    fails(&world, C::Accept(FileId(7)), NetError::InvalidState);
    let reply = ask(&world, StreamCommand::Room(FileId(7)));
    assert_eq!(reply, Reply::Failed(Errno::BadDescriptor));
}

#[test]
fn names_are_looked_up_where_a_rule_names_them() {
    let look_up = |world: &SystemDispatcher, name: &str| {
        let id = handle(world, C::Resolve(name.into()));
        wait(world, Interest::Readable(id));
        let addresses = ask(world, C::Resolved(id)).addresses().unwrap();
        done(world, C::Close(id));
        addresses
    };
    let server = TcpListener::bind(LOOPBACK).unwrap();
    let to = server.local_addr().unwrap();
    let rules = only(&[&format!("localhost:{}", to.port())]);
    let world = world_with(rules, only(&[]));
    let socket = handle(&world, C::CreateTcp(IpFamily::V4));
    fails(&world, C::Connect { socket, address: to }, NetError::AccessDenied);
    fails(&world, C::Resolve("other.test".into()), NetError::PermanentResolverFailure);
    fails(&world, C::Resolve("a b".into()), NetError::InvalidArgument);
    assert_eq!(look_up(&world, "192.0.2.1"), [Ipv4Addr::new(192, 0, 2, 1)]);
    let found = look_up(&world, "LocalHost");
    assert!(found.iter().all(|address| address.is_loopback()) && !found.is_empty());
    if found.contains(&to.ip()) {
        connection(&world, to);
    }
}

#[test]
fn a_process_has_its_share_and_all_is_closed_at_its_end() {
    let world = world();
    world.set_max_open(3);
    let (server, to) = listener(&world);
    let mut peers: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(to).unwrap()).collect();
    for _ in 0..2 {
        wait(&world, Interest::Readable(server));
        handle(&world, C::Accept(server));
    }
    fails(&world, C::Accept(server), NetError::NewSocketLimit);
    fails(&world, C::CreateUdp(IpFamily::V4), NetError::NewSocketLimit);
    fails(&world, C::Resolve("127.0.0.1".into()), NetError::NewSocketLimit);
    done(&world, C::Close(server));
    let socket = handle(&world, C::CreateTcp(IpFamily::V4));
    done(&world, C::Close(socket));
    world.close();
    for peer in peers.iter_mut().take(2) {
        assert_eq!(peer.read(&mut [0]).unwrap(), 0);
    }
    // The third has never been accepted.
    assert!(peers.last_mut().unwrap().write_all(b"x").is_err() || peers.len() == 3);
    handle(&world, C::CreateUdp(IpFamily::V4));
}

#[test]
fn options_are_set_to_the_nearest_that_there_is() {
    use SocketOption as O;
    let world = world();
    for family in [IpFamily::V4, IpFamily::V6] {
        let Reply::Handle(socket) = ask(&world, C::CreateTcp(family)) else { continue };
        let second = 1_000_000_000;
        for (option, value, gives) in [
            (O::KeepAlive, 1, 1),
            (O::KeepAlive, 0, 0),
            (O::KeepAliveIdle, 1, second),
            (O::KeepAliveIdle, u64::MAX, 32_767 * second),
            (O::KeepAliveInterval, 5 * second, 5 * second),
            (O::KeepAliveCount, 1_000_000, 127),
            (O::HopLimit, 42, 42),
            (O::ReceiveBuffer, 16_000, 16_000),
            (O::SendBuffer, 16_000, 16_000),
        ] {
            done(&world, C::SetOption { socket, option, value });
            let reply = ask(&world, C::Option { socket, option });
            assert_eq!(reply, Reply::Count(gives), "{option:?} {value}");
        }
        done(&world, C::SetOption { socket, option: O::ReceiveBuffer, value: u64::MAX });
    }
}
