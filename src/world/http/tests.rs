//! Exchanges with a server on this machine, which does what each test says.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use super::{super::Streams, Client, EXCHANGE};
use crate::{
    account::Account,
    command::{
        Command, Errno, FileId, HttpCommand, HttpError, Interest, Reply, StreamCommand, Wait,
        http::{Fields, IncomingResponse, Method, OutgoingRequest, RequestHead, Scheme, Timeouts},
    },
    network::{Network, Rules},
    world::SystemDispatcher,
};

/// A server that does this with each connection; where it is, and how many there were.
fn server(
    each: impl Fn(&mut TcpStream, usize) + Send + Sync + 'static,
) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (count, each) = (Arc::new(AtomicUsize::new(0)), Arc::new(each));
    let counted = Arc::clone(&count);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (at, each) = (counted.fetch_add(1, SeqCst), Arc::clone(&each));
            thread::spawn(move || each(&mut stream.unwrap(), at));
        }
    });
    (address, count)
}

/// Reads a head; nothing at the end of the connection.
fn head(stream: &mut TcpStream) -> Option<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

/// Answers each request with the same.
fn answers(answer: &'static str) -> (String, Arc<AtomicUsize>) {
    server(move |stream, _| {
        while head(stream).is_some() {
            stream.write_all(answer.as_bytes()).unwrap();
        }
    })
}

struct Guest(SystemDispatcher);

impl Guest {
    /// With a client of its own.
    fn new() -> Guest {
        let world = SystemDispatcher::new(Streams::default());
        world.set_http(Arc::new(Client::default()));
        world.set_network(Arc::new(Network::ALL));
        Guest(world)
    }

    fn ask(&self, command: impl Into<Command>) -> Reply {
        self.0.now(command.into()).unwrap()
    }

    fn wait(&self, on: Interest) {
        let reply = smol::block_on(self.0.later(Wait::new(on, None).into()));
        assert!(matches!(reply, Reply::Ready(_)), "{reply:?}");
    }

    fn begin(&self, request: OutgoingRequest) -> Reply {
        self.ask(HttpCommand::Send(Box::new(request)))
    }

    fn response(&self, request: OutgoingRequest) -> Result<IncomingResponse, HttpError> {
        let exchange = match self.begin(request) {
            Reply::Handle(exchange) => exchange,
            Reply::HttpError(error) => return Err(*error),
            other => panic!("{other:?}"),
        };
        self.wait(Interest::Readable(exchange));
        let reply = self.ask(HttpCommand::Response(exchange));
        assert_eq!(self.ask(HttpCommand::Close(exchange)), Reply::Done);
        match reply {
            Reply::Response(response) => Ok(*response),
            Reply::HttpError(error) => Err(*error),
            other => panic!("{other:?}"),
        }
    }

    /// The whole body, and what comes after it.
    fn rest(&self, body: FileId) -> Result<(Vec<u8>, Option<Fields>), HttpError> {
        let mut all = Vec::new();
        loop {
            match self.ask(StreamCommand::Read { stream: body, len: 1000 }) {
                Reply::Bytes(bytes) if bytes.is_empty() => break,
                Reply::Bytes(bytes) => all.extend(bytes),
                Reply::Failed(Errno::WouldBlock) => self.wait(Interest::Readable(body)),
                Reply::HttpError(error) => return Err(*error),
                other => panic!("{other:?}"),
            }
        }
        self.ask(HttpCommand::PassOver(body));
        self.wait(Interest::Readable(body));
        let trailers = self.ask(HttpCommand::Trailers(body));
        self.ask(HttpCommand::Close(body));
        match trailers {
            Reply::Trailers(trailers) => Ok((all, trailers)),
            other => panic!("{other:?}"),
        }
    }

    fn fetch(&self, request: OutgoingRequest) -> Result<(u16, Vec<u8>), HttpError> {
        let IncomingResponse { head, body } = self.response(request)?;
        Ok((head.status, self.rest(body)?.0))
    }
}

fn request(scheme: Scheme, authority: &str) -> OutgoingRequest {
    let head = RequestHead {
        method: Method::Get,
        scheme: Some(scheme),
        authority: Some(authority.to_owned()),
        path_with_query: Some("/a?b".to_owned()),
        headers: vec![("x-a".to_owned(), b"1".to_vec()), ("x-a".to_owned(), b"\xff".to_vec())],
    };
    OutgoingRequest { head, body: None, timeouts: Timeouts::default() }
}

fn get(authority: &str) -> OutgoingRequest {
    request(Scheme::Http, authority)
}

#[test]
fn a_response_comes_with_fields_body_and_trailers() {
    let (at, _) = answers(
        "HTTP/1.1 299 So\r\nB: 1\r\na: 2\r\nb: \x7e3\r\ntransfer-encoding: chunked\r\n\r\n\
         3\r\nabc\r\n2\r\nde\r\n0\r\nx-after: all\r\n\r\n",
    );
    let guest = Guest::new();
    let response = guest.response(get(&at)).unwrap();
    assert_eq!(response.head.status, 299);
    let of = |name: &str| {
        let fields = response.head.headers.iter().filter(|(other, _)| other == name);
        fields.map(|(_, value)| value.as_slice()).collect::<Vec<_>>()
    };
    assert_eq!((of("b"), of("a")), (vec![&b"1"[..], b"~3"], vec![&b"2"[..]]));
    let (body, trailers) = guest.rest(response.body).unwrap();
    assert_eq!(body, b"abcde");
    assert_eq!(trailers, Some(vec![("x-after".to_owned(), b"all".to_vec())]));
}

#[test]
fn a_request_says_where_it_goes_and_nothing_else() {
    let (send, heads) = std::sync::mpsc::channel();
    let send = std::sync::Mutex::new(send);
    let (at, _) = server(move |stream, _| {
        let mut head = [0; 1000];
        let read = stream.read(&mut head).unwrap();
        send.lock().unwrap().send(head[..read].to_vec()).unwrap();
        stream.write_all(b"HTTP/1.1 204 No\r\nconnection: close\r\n\r\n").unwrap();
    });
    let guest = Guest::new();
    assert_eq!(guest.fetch(get(&at)), Ok((204, Vec::new())));
    let expected = format!("GET /a?b HTTP/1.1\r\nhost: {at}\r\nx-a: 1\r\nx-a: ");
    let expected = [expected.as_bytes(), b"\xff\r\n\r\n"].concat();
    assert_eq!(heads.recv().unwrap(), expected);
    // Two slashes are no host.
    let mut other = get(&at);
    other.head.path_with_query = Some("//elsewhere/".to_owned());
    guest.fetch(other).unwrap();
    assert!(heads.recv().unwrap().starts_with(b"GET //elsewhere/ HTTP/1.1\r\n"));
    let mut absolute = get(&at);
    absolute.head.path_with_query = Some("http://elsewhere/".to_owned());
    assert_eq!(guest.fetch(absolute), Err(HttpError::RequestUriInvalid));
    // A body that is none is left out.
    let mut empty = get(&at);
    let Reply::Handle(body) = guest.ask(HttpCommand::NewBody { length: None, of_response: false })
    else {
        panic!()
    };
    empty.body = Some(body);
    guest.ask(HttpCommand::Finish { body, trailers: Vec::new() });
    guest.fetch(empty).unwrap();
    let head = heads.recv().unwrap();
    assert!(!head.windows(9).any(|word| word == b"encoding:"), "{}", head.escape_ascii());
}

#[test]
fn a_connection_serves_one_exchange_after_another() {
    let (at, count) = answers("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    let client = Arc::new(Client::default());
    for _ in 0..5 {
        // Each is a process of its own.
        let world = SystemDispatcher::new(Streams::default());
        world.set_http(Arc::clone(&client));
        world.set_network(Arc::new(Network::ALL));
        assert_eq!(Guest(world).fetch(get(&at)), Ok((200, b"ok".to_vec())));
    }
    assert_eq!(count.load(SeqCst), 1);
}

#[test]
fn a_connection_that_was_closed_meanwhile_is_made_anew() {
    let (at, count) = server(|stream, _| {
        // It says nothing of closing.
        head(stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
        head(stream);
    });
    let guest = Guest::new();
    for _ in 0..3 {
        assert_eq!(guest.fetch(get(&at)), Ok((200, b"ok".to_vec())));
    }
    assert_eq!(count.load(SeqCst), 3);
}

#[test]
fn a_body_that_is_not_read_to_its_end_costs_the_connection() {
    let (at, count) = answers("HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\nok");
    let guest = Guest::new();
    for _ in 0..2 {
        let response = guest.response(get(&at)).unwrap();
        guest.ask(HttpCommand::Close(response.body));
    }
    assert_eq!(count.load(SeqCst), 2);
}

#[test]
fn each_failure_has_its_name() {
    let guest = Guest::new();
    let of = |answer: &'static str| {
        let (at, _) = server(move |stream, _| {
            head(stream);
            stream.write_all(answer.as_bytes()).unwrap();
        });
        guest.fetch(get(&at)).unwrap_err()
    };
    assert_eq!(of(""), HttpError::ConnectionTerminated);
    assert_eq!(of("HTTP/1.1 200"), HttpError::ConnectionTerminated);
    assert_eq!(of("SSH-2.0\r\n\r\n"), HttpError::ProtocolError);
    assert_eq!(of("HTTP/1.1 101 So\r\nupgrade: x\r\n\r\n"), HttpError::UpgradeFailed);
    let short = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc";
    assert_eq!(of(short), HttpError::ResponseIncomplete);
    let short = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc";
    assert_eq!(of(short), HttpError::ResponseIncomplete);
    let two = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd";
    assert_eq!(of(two), HttpError::ProtocolError);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    assert_eq!(guest.fetch(get(&nobody)), Err(HttpError::ConnectionRefused));
    let dns = guest.fetch(get("nowhere.invalid")).unwrap_err();
    assert!(matches!(dns, HttpError::DnsError { .. }), "{dns:?}");
}

#[test]
fn heads_that_are_too_large_are_errors() {
    let guest = Guest::new();
    let of = |fields: String| {
        let (at, _) = server(move |stream, _| {
            head(stream);
            // Whoever has seen enough closes.
            let _ = write!(stream, "HTTP/1.1 200 OK\r\n{fields}\r\n");
        });
        guest.fetch(get(&at)).unwrap_err()
    };
    let many = of("a: 1\r\n".repeat(40_000));
    assert!(matches!(many, HttpError::ResponseHeaderSectionSize(_)), "{many:?}");
    let large = of(format!("a: {}\r\n", "x".repeat(140 << 10)));
    assert!(matches!(large, HttpError::ResponseHeaderSectionSize(_)), "{large:?}");
}

#[test]
fn waiting_has_an_end() {
    let (silent, _) = server(|stream, _| while head(stream).is_some() {});
    let (slow, _) = server(|stream, _| {
        head(stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab").unwrap();
        head(stream);
    });
    let guest = Guest::new();
    let timed = |at: &str, timeouts| OutgoingRequest { timeouts, ..get(at) };
    for time in [0, 1_000_000] {
        let first_byte = Timeouts { first_byte: Some(time), ..Timeouts::default() };
        let fetched = guest.fetch(timed(&silent, first_byte));
        assert_eq!(fetched, Err(HttpError::ConnectionReadTimeout));
        let between_bytes = Timeouts { between_bytes: Some(time), ..Timeouts::default() };
        let fetched = guest.fetch(timed(&slow, between_bytes));
        assert_eq!(fetched, Err(HttpError::ConnectionReadTimeout));
    }
    let connect = Timeouts { connect: Some(0), ..Timeouts::default() };
    let fetched = guest.fetch(timed("localhost:1", connect)).unwrap_err();
    assert!(matches!(fetched, HttpError::DnsTimeout | HttpError::ConnectionTimeout));
    let (at, _) = answers("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    let most = Some(u64::MAX);
    let timeouts = Timeouts { connect: most, first_byte: most, between_bytes: most };
    assert_eq!(guest.fetch(timed(&at, timeouts)), Ok((200, b"ok".to_vec())));
}

fn post(guest: &Guest, at: &str, length: Option<u64>) -> (OutgoingRequest, FileId) {
    let Reply::Handle(body) = guest.ask(HttpCommand::NewBody { length, of_response: false }) else {
        panic!()
    };
    let mut request = OutgoingRequest { body: Some(body), ..get(at) };
    request.head.method = Method::Post;
    (request, body)
}

/// What comes of a body: all bytes of the connection until it ends.
fn receiver() -> (String, std::sync::mpsc::Receiver<String>) {
    let (send, received) = std::sync::mpsc::channel();
    let send = std::sync::Mutex::new(send);
    let (at, _) = server(move |stream, _| {
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
        let all = String::from_utf8_lossy(&all).into_owned();
        let body = all.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        send.lock().unwrap().send(body.to_owned()).unwrap();
    });
    (at, received)
}

#[test]
fn a_body_without_an_end_is_cut_off() {
    let (at, received) = receiver();
    let guest = Guest::new();
    let (request, body) = post(&guest, &at, None);
    let Reply::Handle(exchange) = guest.begin(request) else { panic!() };
    guest.ask(StreamCommand::Write { stream: body, bytes: b"abc".to_vec() });
    guest.wait(Interest::Writable(body));
    guest.ask(HttpCommand::Close(body));
    guest.wait(Interest::Readable(exchange));
    assert!(matches!(guest.ask(HttpCommand::Response(exchange)), Reply::HttpError(_)));
    let all = received.recv().unwrap();
    // Either way it does not look whole.
    assert!(!all.ends_with("0\r\n\r\n"), "{all:?}");
}

#[test]
fn who_does_not_read_holds_up_who_writes() {
    let (at, count) = server(|stream, _| {
        head(stream);
        thread::park();
        drop(stream.shutdown(std::net::Shutdown::Both));
    });
    let guest = Guest::new();
    let account = Account::default();
    guest.0.set_account(account.clone());
    let (request, body) = post(&guest, &at, None);
    let Reply::Handle(exchange) = guest.begin(request) else { panic!() };
    assert!(account.used() >= EXCHANGE);
    // What the system's buffers take has an end.
    let mut written = 0u64;
    let full = loop {
        match guest.ask(StreamCommand::Write { stream: body, bytes: vec![0; 1 << 20] }) {
            Reply::Count(count) => written += count,
            Reply::Failed(Errno::WouldBlock) => {
                let soon = crate::world::clock::show(crate::command::Clock::Monotonic);
                let wait = Wait::new(Interest::Writable(body), Some(soon + 300_000_000));
                let reply = smol::block_on(guest.0.later(wait.into()));
                let Reply::Ready(ready) = reply else { panic!("{reply:?}") };
                if ready.on.is_empty() {
                    break true;
                }
            }
            other => panic!("{other:?}"),
        }
        if written > 1 << 30 {
            break false;
        }
    };
    assert!(full);
    assert!(account.used() < EXCHANGE + (1 << 20), "{}", account.used());
    // To give it up is seen at both ends.
    guest.ask(HttpCommand::Close(exchange));
    guest.wait(Interest::Writable(body));
    let write = StreamCommand::Write { stream: body, bytes: vec![0] };
    assert_eq!(guest.ask(write), Reply::Failed(Errno::Pipe));
    assert_eq!(count.load(SeqCst), 1);
    guest.0.close();
    // The task of the exchange is dropped by whoever runs it.
    while account.used() > 0 {
        thread::yield_now();
    }
}

#[test]
fn a_process_that_ends_drops_its_exchanges() {
    let (at, received) = receiver();
    let guest = Guest::new();
    let (request, body) = post(&guest, &at, Some(100));
    guest.begin(request);
    guest.ask(StreamCommand::Write { stream: body, bytes: b"abc".to_vec() });
    guest.wait(Interest::Writable(body));
    // As soon as the server has something, it is there.
    while guest.0.0.http.account().used() > EXCHANGE {
        thread::yield_now();
    }
    guest.0.close();
    assert!(received.recv().unwrap().len() < 100);
}

#[test]
fn more_than_there_is_memory_for_is_refused() {
    let guest = Guest::new();
    guest.0.set_account(Account::new(EXCHANGE + 10));
    let (at, _) = answers("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    let Reply::Handle(_) = guest.begin(get(&at)) else { panic!() };
    let Reply::Refused(why) = guest.begin(get(&at)) else { panic!() };
    assert!(why.contains("`limits.max_memory`"), "{why}");
}

/// A server with a certificate for `localhost`, and the authority that has signed it.
fn tls_server() -> (String, String) {
    use futures_rustls::{
        TlsAcceptor,
        rustls::{ServerConfig, pki_types::PrivateKeyDer},
    };
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let authority = rcgen::CertifiedIssuer::self_signed(params, key).unwrap();
    let own = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = own.signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (at, _) = server(move |stream, _| {
        let stream = smol::Async::new(stream.try_clone().unwrap()).unwrap();
        let acceptor = acceptor.clone();
        smol::block_on(async move {
            use smol::io::{AsyncReadExt, AsyncWriteExt};
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let mut head = [0; 1000];
            while stream.read(&mut head).await.unwrap_or(0) > 0 {
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret";
                stream.write_all(answer).await.unwrap();
                stream.flush().await.unwrap();
            }
        });
    });
    (at.replace("127.0.0.1", "localhost"), authority.pem())
}

#[test]
fn a_server_has_to_be_who_it_says() {
    let (at, authority) = tls_server();
    let guest = Guest(SystemDispatcher::new(Streams::default()));
    guest.0.set_network(Arc::new(Network::ALL));
    guest.0.set_http(Arc::new(Client::with_authorities(authority.as_bytes()).unwrap()));
    for _ in 0..2 {
        let fetched = guest.fetch(request(Scheme::Https, &at));
        assert_eq!(fetched, Ok((200, b"secret".to_vec())));
    }
    // By another name.
    let other = at.replace("localhost", "127.0.0.1");
    let fetched = guest.fetch(request(Scheme::Https, &other));
    assert_eq!(fetched, Err(HttpError::TlsCertificateError));
    // Of an authority that is not known.
    let fetched = Guest::new().fetch(request(Scheme::Https, &at));
    assert_eq!(fetched, Err(HttpError::TlsCertificateError));
    // Without TLS.
    let (plain, _) = server(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 400 So\r\n\r\n");
        while stream.read(&mut [0; 100]).unwrap_or(0) > 0 {}
    });
    let fetched = guest.fetch(request(Scheme::Https, &plain));
    assert_eq!(fetched, Err(HttpError::TlsProtocolError));
}

#[test]
fn a_process_reaches_only_whom_it_may() {
    let (at, count) = answers("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    let client = Arc::new(Client::default());
    let guest = |connect| {
        let world = SystemDispatcher::new(Streams::default());
        world.set_http(Arc::clone(&client));
        world.set_network(Arc::new(Network { connect, listen: Rules::Only(Vec::new()) }));
        Guest(world)
    };
    let only = |rule: &str| Rules::Only(vec![rule.parse().unwrap()]);
    assert_eq!(guest(only(&at)).fetch(get(&at)), Ok((200, b"ok".to_vec())));
    // Not even by a connection that another one has made.
    let denied = Err(HttpError::DestinationIpProhibited);
    assert_eq!(guest(only("10.0.0.0/8:80")).fetch(get(&at)), denied);
    assert_eq!(guest(Rules::Only(Vec::new())).fetch(get(&at)), denied);
    assert_eq!(count.load(SeqCst), 1);
}
