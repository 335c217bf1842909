//! Clients in other languages than Rust, each with what its language has for HTTP, against
//! servers of every temper. `guests/http-client/client.wit` says what each function does.
//! Nothing leaves this machine.
//!
//! The one in C is in the repository. Those in JavaScript and Python are too large for it:
//! `guests/http-client/build.sh` makes them, and they are left out, with a line that says
//! so, where that has not been done.

mod server;

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
};

use self::server::{head, server};

/// A client, and its own words for what can go wrong.
struct Client {
    file: &'static str,
    refused: &'static str,
    /// The connection ends before the head.
    ended: &'static str,
    /// The answer is no HTTP.
    nonsense: &'static str,
    /// The body ends before its end.
    incomplete: &'static str,
    /// TLS is answered with something else.
    no_tls: &'static str,
    /// The certificate is of an authority that nobody knows.
    certificate: &'static str,
}

const C: Client = Client {
    file: "conformance/guests/built/http-client.wasm",
    refused: "error: connection-refused",
    ended: "error: connection-terminated",
    nonsense: "error: HTTP-protocol-error",
    incomplete: "error: HTTP-response-incomplete",
    no_tls: "error: TLS-protocol-error",
    certificate: "error: TLS-certificate-error",
};

/// Its `fetch` has one word for all that goes wrong.
const JAVASCRIPT: Client = Client {
    file: "target/guests/http-client-js.wasm",
    refused: JS_ERROR,
    ended: JS_ERROR,
    nonsense: JS_ERROR,
    incomplete: "error: TypeError",
    no_tls: JS_ERROR,
    certificate: JS_ERROR,
};

const JS_ERROR: &str = "error: ";

const PYTHON: Client = Client {
    file: "target/guests/http-client-python.wasm",
    refused: "error: ErrorCode_ConnectionRefused",
    ended: "error: ErrorCode_ConnectionTerminated",
    nonsense: "error: ErrorCode_HttpProtocolError",
    incomplete: "error: ErrorCode_HttpResponseIncomplete",
    no_tls: "error: ErrorCode_TlsProtocolError",
    certificate: "error: ErrorCode_TlsCertificateError",
};

impl Client {
    /// The file, if it has been built.
    fn found(&self) -> Option<PathBuf> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let file = root.join(self.file);
        if file.exists() {
            return Some(file);
        }
        println!("left out: there is no {}; guests/http-client/build.sh makes it", self.file);
        None
    }

    /// The result of a function, as the terminal shows it.
    fn call(&self, options: &[&str], function: &str, args: &[&str]) -> String {
        let file = self.found().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_conformance"));
        command.env(conformance::wasi::AS_WIPPY, "1").env_remove("RUST_BACKTRACE");
        command.args(["run", "--connect", "loopback"]).args(options);
        // A core module says nothing of its types itself.
        if self.file.ends_with("/http-client.wasm") {
            let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/http-client/client.wit");
            command.arg("--wit").arg(wit);
        }
        command.args(["--invoke", function]).arg(file).args(args);
        let output = command.output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        let out = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{function} {args:?}: {out}{err}");
        out.trim_end().to_owned()
    }
}

/// A server that says this to every request, and closes.
fn says(answer: &'static str) -> String {
    server(move |stream| {
        head(stream);
        let _ = stream.write_all(answer.as_bytes());
    })
}

/// Reads a body, with its length or in chunks, and answers with its length and whether
/// each byte is what it has to be.
fn count(stream: &mut TcpStream) {
    let Some(head) = head(stream) else { return };
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = Vec::new();
    if let Some(length) = length {
        let mut body_of = stream.try_clone().unwrap().take(length.parse().unwrap());
        body_of.read_to_end(&mut body).unwrap();
    } else {
        let mut stream = std::io::BufReader::new(stream.try_clone().unwrap());
        loop {
            let mut line = String::new();
            std::io::BufRead::read_line(&mut stream, &mut line).unwrap();
            let size = u64::from_str_radix(line.trim_end(), 16).unwrap();
            (&mut stream).take(size).read_to_end(&mut body).unwrap();
            stream.read_exact(&mut [0; 2]).unwrap();
            if size == 0 {
                break;
            }
        }
    }
    let same = body.iter().enumerate().all(|(n, byte)| usize::from(*byte) == n % 251);
    let told = format!("{} {same}", body.len());
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{told}", told.len());
    stream.write_all(answer.as_bytes()).unwrap();
}

/// All that a client is asked, and all that servers do to it.
fn all_is_well(client: &Client) {
    if client.found().is_none() {
        return;
    }
    let get = |url: &str| client.call(&[], "get", &[url]);

    // Bodies, whole, piece by piece, and large.
    let hello = says("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
    assert_eq!(get(&hello), "200 hello");
    assert_eq!(get(&says("HTTP/1.1 404 No\r\ncontent-length: 2\r\n\r\nno")), "404 no");
    let pieces = server(|stream| {
        head(stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
        for _ in 0..20 {
            stream.write_all(b"2710\r\n").unwrap();
            stream.write_all(&[b'x'; 10_000]).unwrap();
            stream.write_all(b"\r\n").unwrap();
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
    });
    assert_eq!(client.call(&[], "pieces", &[&pieces]), "200 200000 more");
    let counting = server(count);
    let bytes = 10 << 20;
    let told = client.call(&[], "post", &[&counting, &bytes.to_string()]);
    assert_eq!(told, format!("200 {bytes} true"));

    // Redirects, which the guest follows by itself.
    let here = server(|stream| {
        while let Some(head) = head(stream) {
            let answer = match head.split(' ').nth(1).unwrap() {
                "/end" => "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nend",
                "/middle" => "HTTP/1.1 307 So\r\nlocation: /end\r\ncontent-length: 2\r\n\r\nso",
                _ => "HTTP/1.1 302 So\r\nlocation: /middle\r\ncontent-length: 0\r\n\r\n",
            };
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    assert_eq!(get(&format!("{here}/begin")), "200 end");
    let round = says("HTTP/1.1 302 So\r\nlocation: /\r\ncontent-length: 0\r\n\r\n");
    assert!(get(&round).contains("too many redirects"));

    // Servers that fail.
    let wrong = |told: String, expected: &str| {
        assert!(told.starts_with(expected), "{}: {told}, not {expected}", client.file);
    };
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    wrong(get(&format!("http://{nobody}/")), client.refused);
    wrong(get(&says("")), client.ended);
    // With something unread, to close is to reset.
    wrong(get(&server(|stream| drop(stream.read(&mut [0; 1])))), client.ended);
    wrong(get(&says("nonsense\r\n\r\n")), client.nonsense);
    let short = "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nnot all of it";
    wrong(get(&says(short)), client.incomplete);
    let silent = server(|stream| while head(stream).is_some() {});
    wrong(client.call(&[], "hurry", &[&silent, "100"]), "error: ");
    assert_eq!(client.call(&[], "hurry", &[&hello, "60000"]), "200 hello");
    // It says its last word and still listens.
    let half = server(|stream| {
        head(stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nall of it").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        while head(stream).is_some() {}
    });
    assert_eq!(get(&half), "200 all of it");
    // It breaks off in the middle, and still listens.
    let half = server(move |stream| {
        head(stream);
        stream.write_all(short.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        while head(stream).is_some() {}
    });
    wrong(get(&half), client.incomplete);

    // TLS: broken, unknown, and well.
    let plain = server(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 So\r\n\r\n");
        let _ = stream.read(&mut [0; 4096]);
    });
    wrong(get(&plain.replace("http:", "https:")), client.no_tls);
    let (secure, authority) = secure();
    wrong(get(&secure.url), client.certificate);
    assert_eq!(
        client.call(&["--ca", authority.to_str().unwrap()], "get", &[&secure.url]),
        "200 yes"
    );
}

/// A server with TLS, of ours.
struct Secure {
    url: String,
    _listening: wippy::host::Listening,
    _node: wippy::host::Node,
}

/// A server with a certificate for `localhost`, and the file of its authority.
fn secure() -> (Secure, PathBuf) {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use wippy::{
        component::{Engine, Linker},
        host::{HostOptions, Node, ProjectPrograms, Runtime, Server},
        registry::{EntryKind, Project},
    };
    static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("clients-{count}"));
    std::fs::create_dir_all(dir.join("src")).unwrap();
    std::fs::create_dir_all(dir.join("public")).unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = own.signed_by(&key, &authority).unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).unwrap();
    write("ca.pem", &authority.pem());
    write("cert.pem", &certificate.pem());
    write("key.pem", &key.serialize_pem());
    write("public/index.html", "yes");
    write("wippy.lock", "directories:\n  src: ./src\n");
    write(
        "src/_index.yaml",
        "version: '1.0'\nnamespace: app\nentries:\n\
         - {name: processes, kind: process.host}\n\
         - {name: public, kind: fs.directory, directory: ./public}\n\
         - name: server\n  kind: http.service\n  addr: 127.0.0.1:0\n  \
           tls: {mode: manual, cert: cert.pem, key: key.pem}\n\
         - {name: files, kind: http.static, server: server, path: /, fs: public}\n",
    );
    let project = Project::load(&dir).into_result().unwrap();
    let runtime = Runtime::new(Engine::default(), Linker::default());
    let programs = ProjectPrograms::new(project, runtime);
    let node = Node::new(programs.clone());
    node.add_host("app:processes", HostOptions::default()).unwrap();
    let id = "app:server".parse().unwrap();
    let EntryKind::HttpService(entry) = &programs.project().entry(&id).unwrap().kind else {
        panic!()
    };
    let server = Server::of_project(&node, programs.project(), &id, entry);
    let listening = smol::block_on(server.listen()).unwrap();
    let url = format!("https://localhost:{}/", listening.addr().port());
    (Secure { url, _listening: listening, _node: node }, dir.join("ca.pem"))
}

#[test]
fn a_client_in_c() {
    all_is_well(&C);
}

#[test]
fn a_client_in_javascript() {
    all_is_well(&JAVASCRIPT);
}

#[test]
fn a_client_in_python() {
    all_is_well(&PYTHON);
}
