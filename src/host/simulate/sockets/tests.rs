use super::*;

fn sockets(wire: &Arc<Wire>, network: Network) -> Sockets {
    let mut sockets = Sockets::new(wire.clone());
    sockets.set_network(Arc::new(network));
    sockets
}

fn handle(reply: Reply) -> FileId {
    let Reply::Handle(id) = reply else { panic!("{reply:?}") };
    id
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A connection between two processes: its ends.
fn connected(server: &mut Sockets, client: &mut Sockets) -> (FileId, FileId) {
    use NetCommand as C;
    let listener = handle(server.answer(C::CreateTcp(IpFamily::V4), None));
    let bind = C::Bind { socket: listener, address: at("127.0.0.1:80") };
    assert_eq!(server.answer(bind, None), Reply::Done);
    assert_eq!(server.answer(C::Listen { socket: listener, backlog: 9 }, None), Reply::Done);
    assert!(!server.holds(Interest::Readable(listener)));
    let would_block = Reply::NetError(NetError::WouldBlock);
    assert_eq!(server.answer(C::Accept(listener), None), would_block);
    let own = handle(client.answer(C::CreateTcp(IpFamily::V4), None));
    let connect = C::Connect { socket: own, address: at("127.0.0.1:80") };
    assert_eq!(client.answer(connect, None), Reply::Done);
    assert!(client.holds(Interest::Writable(own)) && server.holds(Interest::Readable(listener)));
    assert_eq!(client.answer(C::FinishConnect(own), None), Reply::Done);
    (handle(server.answer(C::Accept(listener), None)), own)
}

fn write(stream: FileId, bytes: &[u8]) -> StreamCommand {
    StreamCommand::Write { stream, bytes: bytes.to_vec() }
}

fn read(stream: FileId) -> StreamCommand {
    StreamCommand::Read { stream, len: 100 }
}

#[test]
fn processes_of_a_run_talk_to_each_other() {
    let wire = Arc::<Wire>::default();
    let (mut server, mut client) = (sockets(&wire, Network::ALL), sockets(&wire, Network::ALL));
    let (there, own) = connected(&mut server, &mut client);
    assert_eq!(client.stream(write(own, b"hello"), None), Reply::Count(5));
    assert!(server.holds(Interest::Readable(there)));
    assert_eq!(server.stream(read(there), None), Reply::Bytes(b"hello".to_vec()));
    // Who ends has closed what it had.
    drop(client);
    assert_eq!(server.stream(read(there), None), Reply::Bytes(Vec::new()));
    assert_eq!(server.stream(write(there, b"?"), None), Reply::Failed(Errno::Pipe));
}

#[test]
fn a_connection_is_refused_cut_or_half_closed() {
    use NetCommand as C;
    let wire = Arc::<Wire>::default();
    let (mut server, mut client) = (sockets(&wire, Network::ALL), sockets(&wire, Network::ALL));
    let (there, own) = connected(&mut server, &mut client);
    client.stream(write(own, b"a"), None);
    assert_eq!(
        client.stream(write(own, b"b"), Some(Mishap::HalfClosed)),
        Reply::Failed(Errno::Pipe)
    );
    assert_eq!(server.stream(read(there), None), Reply::Bytes(b"a".to_vec()));
    assert_eq!(server.stream(read(there), None), Reply::Bytes(Vec::new()));
    let reset = Reply::NetError(NetError::ConnectionReset);
    assert_eq!(server.stream(write(there, b"c"), Some(Mishap::Cut)), reset);
    assert_eq!(client.stream(read(own), None), reset);
    let own = handle(client.answer(C::CreateTcp(IpFamily::V4), None));
    let connect = C::Connect { socket: own, address: at("127.0.0.1:80") };
    assert_eq!(client.answer(connect, Some(Mishap::Cut)), Reply::Done);
    let refused = Reply::NetError(NetError::ConnectionRefused);
    assert_eq!(client.answer(C::FinishConnect(own), None), refused);
}

#[test]
fn who_may_talk_to_nobody_does_not() {
    use NetCommand as C;
    let wire = Arc::<Wire>::default();
    let denied = Reply::NetError(NetError::AccessDenied);
    let mut nobody = sockets(&wire, Network::NONE);
    assert_eq!(nobody.answer(C::CreateTcp(IpFamily::V4), None), denied);
    let only = Network { listen: Network::NONE.listen, ..Network::ALL };
    let mut client = sockets(&wire, only);
    let own = handle(client.answer(C::CreateTcp(IpFamily::V4), None));
    let bind = C::Bind { socket: own, address: at("127.0.0.1:80") };
    assert_eq!(client.answer(bind, None), denied);
}

#[test]
fn datagrams_go_and_are_lost() {
    use NetCommand as C;
    let wire = Arc::<Wire>::default();
    let mut both = sockets(&wire, Network::ALL);
    let here = handle(both.answer(C::CreateUdp(IpFamily::V4), None));
    let there = handle(both.answer(C::CreateUdp(IpFamily::V4), None));
    let bind = C::Bind { socket: there, address: at("127.0.0.1:53") };
    assert_eq!(both.answer(bind, None), Reply::Done);
    let send = |text: &[u8]| C::Send {
        socket: here,
        datagrams: vec![(text.to_vec(), Some(at("127.0.0.1:53")))],
    };
    assert_eq!(both.answer(send(b"lost"), Some(Mishap::Cut)), Reply::Count(1));
    assert_eq!(both.answer(send(b"come"), None), Reply::Count(1));
    let Reply::Datagrams(all) = both.answer(C::Receive { socket: there, max: 9 }, None) else {
        panic!("no datagrams")
    };
    assert_eq!(all.iter().map(|one| &*one.data).collect::<Vec<_>>(), [b"come"]);
}

#[test]
fn the_name_of_this_machine_is_known_and_no_other() {
    let wire = Arc::<Wire>::default();
    let mut sockets = sockets(&wire, Network::ALL);
    let mut resolve = |name: &str| {
        let id = handle(sockets.answer(NetCommand::Resolve(name.to_owned()), None));
        sockets.answer(NetCommand::Resolved(id), None)
    };
    let Reply::Addresses(found) = resolve("localhost") else { panic!("nothing") };
    assert!(found.iter().all(IpAddr::is_loopback) && found.len() == 2);
    let unknown = Reply::NetError(NetError::NameUnresolvable);
    assert_eq!(resolve("example.com"), unknown);
}
