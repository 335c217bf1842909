//! A component that makes requests, run as a user runs it, against servers that do what
//! each test says. Nothing leaves this machine.

mod server;

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::Path,
    process::Command,
};

use self::server::{head, server};

/// What a command prints, with its exit code.
fn wippy(words: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_conformance"));
    command.env(conformance::wasi::AS_WIPPY, "1").env_remove("RUST_BACKTRACE");
    let output = command.args(words).envs(env.iter().copied()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn app(words: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("apps/http");
    wippy(&[&["-C", app.to_str().unwrap(), "run"], words].concat(), env)
}

/// What a function of the worker returns, on the terminal.
fn worker(function: &str, args: &[&str]) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/built/http_worker.wasm");
    let words = ["run", "--network", "--invoke", function, file.to_str().unwrap()];
    let (code, out, err) = wippy(&[&words[..], args].concat(), &[]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{function} {args:?}: {out}");
    out.trim_end().to_owned()
}

fn say(stream: &mut TcpStream, answer: &str) {
    let _ = stream.write_all(answer.as_bytes());
}

fn answers(answer: &'static str) -> String {
    server(move |stream| {
        while head(stream).is_some() {
            say(stream, answer);
        }
    })
}

#[test]
fn the_worker_of_the_manual_fetches_and_prints() {
    let at = answers("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nHello!");
    let url = format!("{at}/hello");
    // The application has a server as well, whose address may be taken.
    let printed = |words: &[&str], env: &[(&str, &str)]| {
        let (code, out, _) = app(words, env);
        (code, out)
    };
    let expected = (Some(0), "Hello!\n".to_owned());
    assert_eq!(printed(&["fetch", &url], &[]), expected);
    let env = [("API_URL", url.as_str())];
    assert_eq!(printed(&["--exec", "myns:http_worker"], &env), expected);
}

#[test]
fn redirects_are_followed_by_the_guest_itself() {
    let at = server(|stream| {
        while let Some(head) = head(stream) {
            let path = head.split(' ').nth(1).unwrap();
            let answer = match path {
                "/end" => "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nend",
                _ => "HTTP/1.1 302 So\r\nlocation: /end\r\ncontent-length: 0\r\n\r\n",
            };
            say(stream, answer);
        }
    });
    assert_eq!(app(&["fetch", &format!("{at}/begin")], &[]).1, "end\n");
    let round = answers("HTTP/1.1 302 So\r\nlocation: /\r\ncontent-length: 0\r\n\r\n");
    let (code, _, err) = app(&["fetch", &round], &[]);
    assert_eq!(code, Some(1));
    assert!(err.contains("too many redirects"), "{err}");
}

#[test]
fn each_failure_has_its_name() {
    let probe = |url: &str| worker("probe", &["GET", url, "none", "none", "none"]);
    let of = |answer: &'static str| {
        let at = server(move |stream| {
            head(stream);
            say(stream, answer);
        });
        probe(&at)
    };
    assert!(of("").contains("ConnectionTerminated"));
    assert!(of("nonsense\r\n\r\n").contains("HttpProtocolError"));
    let short = of("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc");
    assert!(short.contains("HttpResponseIncomplete"), "{short}");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(probe(&format!("http://{nobody}/")).contains("ConnectionRefused"));
    // TLS is answered with something else.
    let plain = server(|stream| say(stream, "HTTP/1.1 400 So\r\n\r\n"));
    let tls = probe(&plain.replace("http:", "https:"));
    assert!(tls.contains("TlsProtocolError"), "{tls}");
    // The server says its last word and still listens.
    let half = server(|stream| {
        head(stream);
        say(stream, "HTTP/1.1 200 OK\r\n\r\nall of it");
        stream.shutdown(Shutdown::Write).unwrap();
        while head(stream).is_some() {}
    });
    assert!(probe(&half).contains("200, 9 bytes"));
    let trailers = of("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
        2\r\nab\r\n0\r\nx-after: all\r\n\r\n");
    assert!(trailers.contains("200, 2 bytes, x-after: all"), "{trailers}");
    let silent = server(|stream| while head(stream).is_some() {});
    let slow = worker("probe", &["GET", &silent, "none", "some(1000000)", "none"]);
    assert!(slow.contains("ConnectionReadTimeout"), "{slow}");
}

/// Sends back what comes, as it comes.
fn echo(stream: &mut TcpStream) {
    let Some(head) = head(stream) else { return };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let Some(length) = length.map(|length| length.parse::<u64>().unwrap()) else {
        // As it is, in its pieces.
        say(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        let mut reader = stream.try_clone().unwrap();
        let (mut piece, mut last) = ([0; 65536], Vec::new());
        while let Ok(count @ 1..) = reader.read(&mut piece) {
            stream.write_all(&piece[..count]).unwrap();
            last.extend_from_slice(&piece[..count]);
            last.drain(..last.len().saturating_sub(5));
            if last == b"0\r\n\r\n" {
                return;
            }
        }
        return;
    };
    say(stream, &format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n"));
    let mut reader = stream.try_clone().unwrap().take(length);
    let _ = std::io::copy(&mut reader, stream);
}

#[test]
fn ten_megabytes_go_there_and_back() {
    let at = server(echo);
    let bytes = (10 << 20).to_string();
    for length in ["true", "false"] {
        let told = worker("post", &[&at, &bytes, length]);
        assert!(told.contains("200, 10485760 of 10485760"), "{told}");
    }
}

#[test]
fn exchanges_that_are_given_up_cost_nothing() {
    let at = answers("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    let told = worker("give-up", &[&at, "50"]);
    assert!(told.contains("200, 2 bytes"), "{told}");
}

#[test]
fn without_its_group_a_request_is_refused() {
    let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("apps/http/src/worker/_index.yaml");
    let text = std::fs::read_to_string(app).unwrap();
    assert!(text.contains("- wasi:http"));
    let folder = std::env::temp_dir().join(format!("wippy-requests-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("src")).unwrap();
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("apps/http");
    std::fs::create_dir_all(folder.join("wasm")).unwrap();
    let copy = |file: &str| std::fs::copy(here.join(file), folder.join(file)).unwrap();
    copy("wippy.lock");
    copy("wasm/http_worker.wasm");
    let denied = text.replace("    - wasi:http\n", "");
    let hosts = "  - name: terminal\n    kind: terminal.host\n  \
        - name: processes\n    kind: process.host\n";
    std::fs::write(folder.join("src/_index.yaml"), format!("{denied}{hosts}")).unwrap();
    let words = ["-C", folder.to_str().unwrap(), "run", "fetch", "http://127.0.0.1:1/"];
    let (code, _, err) = wippy(&words, &[]);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(code, Some(6), "{err}");
    assert!(err.contains("add `- wasi:http` to its `imports`"), "{err}");
}
