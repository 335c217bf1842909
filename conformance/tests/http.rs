//! Requests to a server and its answers, byte for byte.
//!
//! Each file `http/*.txt` is a page of a manual: a connection begins with a line
//! `== what is shown`; lines with `> ` are sent, each with a line end of HTTP (`>. ` lines
//! without one), and those with `< ` have to come back before the connection is closed.
//! In what is sent `{N*TEXT}` is a text N times, and `\r`, `\n`, `\0`, `\xNN` are bytes. Of
//! the answers `date`, `etag` and `last-modified` are left out, for they are never the same
//! twice. `BLESS=1` writes the answers anew: read the difference before you keep it.

use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    time::Duration,
};

use wippy::{
    component::{Engine, Linker},
    host::{HostOptions, Listening, Node, ProjectPrograms, Runtime, Server},
    imports::wasi,
    registry::{EntryKind, Project},
};

/// The server of the project of this folder that most requests go to.
fn serve() -> (Node, Listening) {
    serve_as("server")
}

/// A server of the project of this folder, on a port of its own.
fn serve_as(name: &str) -> (Node, Listening) {
    let project = Project::load(folder().join("project")).into_result().unwrap();
    let mut linker = Linker::default();
    wasi::add_to_linker(&mut linker).unwrap();
    let programs = ProjectPrograms::new(project, Runtime::new(Engine::default(), linker));
    let node = Node::new(programs.clone());
    let options = HostOptions {
        workers: std::num::NonZero::new(2).map(Into::into),
        ..HostOptions::default()
    };
    node.add_host("app:processes", options).unwrap();
    node.add_host("app:single", HostOptions { max_processes: 1, ..options }).unwrap();
    let id = format!("app:{name}").parse().unwrap();
    let EntryKind::HttpService(entry) = &programs.project().entry(&id).unwrap().kind else {
        panic!()
    };
    let server = Server::of_project(&node, programs.project(), &id, entry);
    let listening = smol::block_on(server.listen()).unwrap();
    (node, listening)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("http")
}

/// All that comes back on a connection on which this is sent.
fn talk(addr: SocketAddr, sent: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(addr).unwrap();
    // Only so that nothing hangs for ever.
    stream.set_read_timeout(Some(Duration::from_secs(300))).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let bytes = sent.to_vec();
    // The server may have answered, and closed, before all has been sent.
    let writer = std::thread::spawn(move || drop(writer.write_all(&bytes)));
    let (mut received, mut piece) = (Vec::new(), [0; 65536]);
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        received.extend_from_slice(&piece[..count]);
    }
    drop(stream.shutdown(Shutdown::Both));
    writer.join().unwrap();
    received
}

/// The bytes that a line of a page stands for.
fn bytes_of(line: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find(['{', '\\']) {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at..];
        let repeated = rest.strip_prefix('{').and_then(|r| r.split_once('}'));
        let repeated = repeated.and_then(|(inner, after)| {
            let (count, text) = inner.split_once('*')?;
            Some((count.parse::<usize>().ok()?, text, after))
        });
        if let Some((count, text, after)) = repeated {
            out.extend(bytes_of(text).repeat(count));
            rest = after;
        } else if rest.starts_with('{') {
            out.push(b'{');
            rest = &rest[1..];
        } else {
            let (byte, len) = match rest.as_bytes()[1] {
                b'r' => (b'\r', 2),
                b'n' => (b'\n', 2),
                b'0' => (0, 2),
                b'x' => (u8::from_str_radix(&rest[2..4], 16).unwrap(), 4),
                other => (other, 2),
            };
            out.push(byte);
            rest = &rest[len..];
        }
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

/// Answers as they are written down.
fn shown(received: &[u8]) -> String {
    let mut out = String::new();
    for line in String::from_utf8_lossy(received).split_inclusive('\n') {
        let plain = line.trim_end_matches(['\r', '\n']);
        let field = |name: &str| plain.starts_with(name) && line.ends_with("\r\n");
        if ["date: ", "etag: ", "last-modified: "].into_iter().any(field) {
            continue;
        }
        let mut plain = plain.to_owned();
        if plain.len() > 200 {
            plain = format!("{}... ({} bytes)", &plain[..60], plain.len());
        }
        let plain: String = plain.chars().map(visible).collect();
        out.push_str(format!("< {plain}").trim_end());
        out.push('\n');
    }
    out
}

/// Answers whose bodies come as they are, for those of which chance decides whether their
/// length is known in time. A body whose last chunk is missing ends with a mark.
fn without_lengths(received: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), received);
    let find = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|w| w == what);
    while let Some(end) = find(rest, b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = &rest[end + 4..];
        let (mut length, mut chunked) = (None, false);
        for line in head.split("\r\n") {
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse::<usize>().ok();
            } else if line == "transfer-encoding: chunked" {
                chunked = true;
            } else {
                out.extend(format!("{line}\r\n").bytes());
            }
        }
        out.extend(b"\r\n");
        if !chunked {
            let (body, after) = rest.split_at(length.unwrap_or(rest.len()).min(rest.len()));
            out.extend_from_slice(body);
            rest = after;
            continue;
        }
        loop {
            let Some(end) = find(rest, b"\r\n") else {
                out.extend(b"[cut off]");
                break;
            };
            let size = usize::from_str_radix(&String::from_utf8_lossy(&rest[..end]), 16).unwrap();
            let (chunk, after) = rest[end + 2..].split_at(size);
            out.extend_from_slice(chunk);
            rest = &after[2..];
            if size == 0 {
                break;
            }
        }
    }
    out
}

/// A character that can be seen.
fn visible(c: char) -> String {
    if c.is_control() { c.escape_default().to_string() } else { c.to_string() }
}

/// A page with the answers that come now.
fn told(page: &str, addr: SocketAddr) -> String {
    let (mut out, mut sent) = (String::new(), Vec::new());
    let answer = |sent: &mut Vec<u8>, out: &mut String| {
        if !sent.is_empty() {
            let received = talk(addr, sent);
            out.push_str(&match page.contains("lengths are left out") {
                true => shown(&without_lengths(&received)),
                false => shown(&received),
            });
            sent.clear();
        }
    };
    for line in page.lines() {
        if line.starts_with('<') {
            continue;
        }
        let sends = line.strip_prefix("> ").or((line == ">").then_some(""));
        if let Some(text) = sends {
            sent.extend(bytes_of(text));
            sent.extend(b"\r\n");
        } else if let Some(text) = line.strip_prefix(">. ") {
            sent.extend(bytes_of(text));
        } else {
            answer(&mut sent, &mut out);
        }
        out.push_str(line);
        out.push('\n');
    }
    answer(&mut sent, &mut out);
    out
}

#[test]
fn every_request_is_answered_as_it_stands_in_the_manual() {
    let (_node, listening) = serve();
    let mut pages: Vec<_> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.retain(|path| path.extension().is_some_and(|end| end == "txt"));
    pages.sort();
    assert!(!pages.is_empty());
    let mut wrong = Vec::new();
    for path in pages {
        let page = fs::read_to_string(&path).unwrap();
        let found = told(&page, listening.addr());
        if found == page {
            continue;
        }
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, found).unwrap();
        } else {
            wrong.push(format!("{}\n{found}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "these have changed:\n\n{}", wrong.join("\n\n"));
}

/// Sends this and reads the status of the answer, if there is one.
fn status(addr: SocketAddr, request: &str) -> Option<String> {
    let answer = String::from_utf8_lossy(&talk(addr, request.as_bytes())).into_owned();
    Some(answer.split_whitespace().nth(1)?.to_owned())
}

/// Waits for something that has to come about.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    // Only so that nothing hangs for ever.
    for _ in 0..30_000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it has not come about that {what}");
}

const GOOD: &str = "GET /number HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n";

/// What breaks off anywhere, or is no HTTP at all, leaves no process behind, and good
/// requests beside it are answered.
#[test]
fn broken_connections_leave_nothing_behind() {
    let (node, listening) = serve();
    let addr = listening.addr();
    let whole = "POST /stream HTTP/1.1\r\nhost: here\r\ncontent-length: 40000\r\n\r\n".to_owned()
        + &"x".repeat(40_000);
    let mut seed = 1_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    for round in 0..100 {
        let mut stream = TcpStream::connect(addr).unwrap();
        let sent: Vec<u8> = match round % 3 {
            0 => (0..random(3000)).map(|_| random(256) as u8).collect(),
            1 => whole.as_bytes()[..random(whole.len())].to_vec(),
            // Whoever does not read the answer is gone as well.
            _ => whole.clone().into_bytes(),
        };
        drop(stream.write_all(&sent));
        drop(stream);
        assert_eq!(status(addr, GOOD).as_deref(), Some("200"));
    }
    until("no process is left", || node.is_empty());
    assert_eq!(status(addr, GOOD).as_deref(), Some("200"));
}

/// A client that goes away takes the process with it.
#[test]
fn a_client_that_goes_away_ends_its_process() {
    let (node, listening) = serve();
    let mut stream = TcpStream::connect(listening.addr()).unwrap();
    let request = "POST /stream HTTP/1.1\r\nhost: here\r\ncontent-length: 5\r\n\r\nab";
    stream.write_all(request.as_bytes()).unwrap();
    until("there is a process", || node.len() == 1);
    drop(stream);
    until("there is none", || node.is_empty());
}

/// A server that is to stop answers what has been asked, and then takes nothing more.
#[test]
fn a_server_that_stops_answers_what_has_been_asked() {
    let (node, listening) = serve();
    let addr = listening.addr();
    let mut stream = TcpStream::connect(addr).unwrap();
    let request = "POST /stream HTTP/1.1\r\nhost: here\r\ncontent-length: 5\r\n\r\nab";
    stream.write_all(request.as_bytes()).unwrap();
    until("there is a process", || node.len() == 1);
    let stopped =
        std::thread::spawn(move || smol::block_on(listening.stop(Duration::from_secs(300))));
    until("nobody is let in", || TcpStream::connect(addr).is_err());
    stream.write_all(b"cde").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("you have said"), "{answer}");
    assert_eq!(stopped.join().unwrap(), 0);
    until("no process is left", || node.is_empty());
}

/// A connection on which this has been sent.
fn connected(addr: SocketAddr, sent: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(addr).unwrap();
    // Only so that nothing hangs for ever.
    stream.set_read_timeout(Some(Duration::from_secs(300))).unwrap();
    stream.write_all(sent).unwrap();
    stream
}

/// All that still comes on a connection.
fn rest(stream: &mut TcpStream) -> String {
    let (mut received, mut piece) = (Vec::new(), [0; 65536]);
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        received.extend_from_slice(&piece[..count]);
    }
    String::from_utf8_lossy(&received).into_owned()
}

/// A request whose body is still to come.
fn begun(path: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: here\r\ncontent-length: 1000000\r\n\r\n")
}

/// Whoever comes when there is no room is told so before it has sent its body.
#[test]
fn without_room_a_request_is_refused_before_its_body() {
    for (server, path, why) in [
        ("narrow", "/echo", "as many requests as it can at a time"),
        ("narrow", "/stream", "as many requests as it can at a time"),
        ("crowded", "/echo", "no room for another request"),
        ("crowded", "/stream", "no room for another request"),
    ] {
        let (node, listening) = serve_as(server);
        let addr = listening.addr();
        let mut first = connected(addr, begun("/stream").as_bytes());
        until("there is a process", || node.len() == 1);
        let answer = rest(&mut connected(addr, begun(path).as_bytes()));
        assert!(answer.starts_with("HTTP/1.1 503 "), "{server} {path}: {answer}");
        assert!(answer.contains("\r\nretry-after: 1\r\n") && answer.contains(why), "{answer}");
        // The first one is answered all the same.
        first.write_all(&[b'x'; 1_000_000]).unwrap();
        let mut said = [0; 15];
        first.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"HTTP/1.1 200 OK");
    }
}

/// So is whoever connects when there are as many connections as there may be, and when
/// one of those has gone there is room again.
#[test]
fn without_room_a_connection_is_told_so_and_closed() {
    let (_node, listening) = serve_as("narrow");
    let addr = listening.addr();
    let open: Vec<_> = (0..3).map(|_| connected(addr, b"GET")).collect();
    let refused = || rest(&mut connected(addr, b"")).starts_with("HTTP/1.1 503 ");
    until("there is no room", refused);
    drop(open);
    until("there is room", || !refused_with(addr, GOOD));
}

fn refused_with(addr: SocketAddr, request: &str) -> bool {
    status(addr, request).as_deref() == Some("503")
}

/// A connection on which nothing is asked any more is closed, and nothing is said.
#[test]
fn a_connection_that_is_kept_open_for_nothing_is_closed() {
    let (_node, listening) = serve_as("hasty");
    let request = "GET /number HTTP/1.1\r\nhost: here\r\n\r\n";
    let answer = rest(&mut connected(listening.addr(), request.as_bytes()));
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("\r\n\r\n42"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1").count(), 1);
    // Nor if nothing has ever been asked.
    assert_eq!(rest(&mut connected(listening.addr(), b"")), "");
}

/// A client that does not read is given up, with the process that answers it.
#[test]
fn a_client_that_does_not_read_is_given_up() {
    let (node, listening) = serve_as("hasty");
    let addr = listening.addr();
    let events = "GET /events HTTP/1.1\r\nhost: here\r\n\r\n";
    let mut stream = connected(addr, events.as_bytes());
    until("there is a process", || node.len() == 1);
    until("there is none", || node.is_empty());
    // What had been sent is there, and no end that could be taken for the whole.
    let answer = rest(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 200 OK") && !answer.ends_with("\r\n0\r\n\r\n"));
    // The same with an answer that is there as a whole: more than the system keeps.
    let size = 48 << 20;
    let head = format!("POST /echo HTTP/1.1\r\nhost: here\r\ncontent-length: {size}\r\n\r\n");
    let mut stream = connected(addr, head.as_bytes());
    stream.write_all(&vec![b'x'; size]).unwrap();
    // The next one would be answered only after this.
    drop(stream.write_all(b"GET /number HTTP/1.1\r\nhost: here\r\n\r\n"));
    until("the connection is closed", || {
        stream.write_all(b" ").is_err() || stream.take_error().unwrap().is_some()
    });
}

/// A client that reads all, however often it waits for more, is not.
#[test]
fn a_client_that_reads_is_not_given_up() {
    let (node, listening) = serve_as("hasty");
    let events = "GET /events HTTP/1.1\r\nhost: here\r\n\r\n";
    let mut stream = connected(listening.addr(), events.as_bytes());
    let mut piece = vec![0; 1 << 20];
    for _ in 0..20 {
        stream.read_exact(&mut piece).unwrap();
        // Longer in all than a client may keep the server waiting.
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(node.len(), 1);
    drop(stream);
    until("there is none", || node.is_empty());
}

/// A body that comes byte by byte, each in time, holds nobody up for ever.
#[test]
fn a_body_that_trickles_has_an_end() {
    let (node, listening) = serve_as("hasty");
    let mut stream = connected(listening.addr(), begun("/echo").as_bytes());
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let (mut answer, mut piece) = (Vec::new(), [0; 1000]);
    for _ in 0..6000 {
        // Before the server has closed, and after.
        drop(stream.write_all(b"x"));
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout"), "{answer}");
    assert!(answer.contains("the body takes too long"), "{answer}");
    assert!(node.is_empty());
}

/// Events without end have one when nobody listens any more.
#[test]
fn a_client_of_events_that_goes_away_ends_its_process() {
    let (node, listening) = serve();
    let events = "GET /events HTTP/1.1\r\nhost: here\r\n\r\n";
    let mut streams: Vec<_> = (0..10)
        .map(|_| {
            let mut stream = connected(listening.addr(), events.as_bytes());
            stream.read_exact(&mut [0; 1000]).unwrap();
            stream
        })
        .collect();
    assert_eq!(node.len(), 10);
    // Closing its side is going away as well.
    streams[0].shutdown(Shutdown::Write).unwrap();
    drop(streams.split_off(1));
    until("there is none", || node.is_empty());
}
