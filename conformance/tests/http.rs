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

/// A server of the project of this folder, on a port of its own.
fn serve() -> (Node, Listening) {
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
    let id = "app:server".parse().unwrap();
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
