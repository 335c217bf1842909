//! TLS between two of ours: an `http.service` with certificates made on the spot, and
//! components that fetch from it, run as a user runs them.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair, date_time_ymd};
use wippy::{
    component::{Engine, Linker},
    host::{HostOptions, Listening, Node, ProjectPrograms, Runtime, Server},
    imports::wasi,
    registry::{EntryKind, Id, Project},
};

/// A project in a directory of its own, with servers.
struct Site {
    dir: PathBuf,
    node: Node,
    programs: ProjectPrograms,
}

const ENTRIES: &str = r#"version: "1.0"
namespace: app
entries:
  - {name: wasm, kind: fs.directory, directory: ./wasm}
  - {name: certs, kind: fs.directory, directory: ./certs}
  - {name: processes, kind: process.host}
  - {name: terminal, kind: terminal.host}
  - name: good
    kind: http.service
    addr: 127.0.0.1:0
    tls: {mode: manual, cert: certs/good.pem, key: certs/good-key.pem}
  - name: other
    kind: http.service
    addr: 127.0.0.1:0
    tls: {mode: manual, cert: certs/other.pem, key: certs/other-key.pem}
  - name: expired
    kind: http.service
    addr: 127.0.0.1:0
    tls: {mode: manual, cert: certs/expired.pem, key: certs/expired-key.pem}
  - {name: good-files, kind: http.static, server: good, path: /, fs: certs}
  - {name: other-files, kind: http.static, server: other, path: /, fs: certs}
  - {name: expired-files, kind: http.static, server: expired, path: /, fs: certs}
  - name: trusting
    kind: process.wasm
    meta: {command: {name: trusting, short: Fetches}}
    fs: wasm
    path: /http_worker.wasm
    hash: HASH
    method: fetch
    imports: [wasi:http, wasi:io, wasi:cli, wasi:clocks]
    wasi:
      ca: {fs: certs, path: /ca.pem}
  - name: doubting
    kind: process.wasm
    meta: {command: {name: doubting, short: Fetches}}
    fs: wasm
    path: /http_worker.wasm
    hash: HASH
    method: fetch
    imports: [wasi:http, wasi:io, wasi:cli, wasi:clocks]
"#;

impl Site {
    fn new(name: &str) -> Site {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tls-{name}"));
        drop(fs::remove_dir_all(&dir));
        for part in ["src", "wasm", "certs"] {
            fs::create_dir_all(dir.join(part)).unwrap();
        }
        certificates(&dir.join("certs"));
        let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/built");
        fs::copy(built.join("http_worker.wasm"), dir.join("wasm/http_worker.wasm")).unwrap();
        let sums = fs::read_to_string(built.join("SHA256SUMS")).unwrap();
        let sum = sums.lines().find(|line| line.ends_with(" http_worker.wasm")).unwrap();
        let hash = format!("sha256:{}", sum.split(' ').next().unwrap());
        let entries = ENTRIES.replace("HASH", &hash);
        fs::write(dir.join("src/_index.yaml"), entries).unwrap();
        fs::write(dir.join("wippy.lock"), "directories:\n  src: ./src\n").unwrap();
        let project = Project::load(&dir).into_result().unwrap();
        let mut linker = Linker::default();
        wasi::add_to_linker(&mut linker).unwrap();
        let programs = ProjectPrograms::new(project, Runtime::new(Engine::default(), linker));
        let node = Node::new(programs.clone());
        node.add_host("app:processes", HostOptions::default()).unwrap();
        Site { dir, node, programs }
    }

    /// A server of the project.
    fn serve(&self, name: &str) -> Listening {
        let id: Id = format!("app:{name}").parse().unwrap();
        let project = self.programs.project();
        let EntryKind::HttpService(entry) = &project.entry(&id).unwrap().kind else { panic!() };
        let server = Server::of_project(&self.node, project, &id, entry);
        smol::block_on(server.listen()).unwrap()
    }

    /// The output of a command of the project, with its exit code.
    fn run(&self, command: &str, url: &str) -> (Option<i32>, String, String) {
        wippy(&["-C", self.dir.to_str().unwrap(), "run", command, url])
    }

    /// The end of a request for a file.
    fn probe(&self, options: &[&str], url: &str) -> String {
        let file = self.dir.join("wasm/http_worker.wasm");
        let words = ["--invoke", "probe", file.to_str().unwrap(), "GET", url];
        let words = [&["run", "--network"], options, &words, &["none"; 3]].concat();
        let (code, out, err) = wippy(&words);
        assert_eq!((code, &*err), (Some(0), ""), "{url}: {out}");
        out
    }
}

/// An authority, and three servers that it vouches for: `localhost`, another host, and
/// `localhost` long ago. Each is a file with the certificate and one with its key.
fn certificates(dir: &Path) {
    let mut params = CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    fs::write(dir.join("ca.pem"), authority.pem()).unwrap();
    for (name, host) in [("good", "localhost"), ("other", "other.test"), ("expired", "localhost")] {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        if name == "expired" {
            params.not_before = date_time_ymd(2001, 1, 1);
            params.not_after = date_time_ymd(2002, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        fs::write(dir.join(format!("{name}.pem")), certificate.pem()).unwrap();
        fs::write(dir.join(format!("{name}-key.pem")), key.serialize_pem()).unwrap();
    }
}

fn wippy(words: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_conformance"));
    command.env(conformance::wasi::AS_WIPPY, "1").env_remove("RUST_BACKTRACE");
    let output = command.args(words).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn https(addr: SocketAddr) -> String {
    format!("https://localhost:{}/ca.pem", addr.port())
}

#[test]
fn a_server_whose_authority_is_known_is_believed() {
    let site = Site::new("good");
    let server = site.serve("good");
    assert_eq!(server.url(), format!("https://127.0.0.1:{}/", server.addr().port()));
    let url = https(server.addr());
    let served = fs::read_to_string(site.dir.join("certs/ca.pem")).unwrap();
    // `wasi.ca` of the entry; a text that is printed ends with one line end.
    let (code, out, err) = site.run("trusting", &url);
    assert_eq!((code, out.trim_end()), (Some(0), served.trim_end()), "{err}");
    // `--ca` of a file.
    let authority = site.dir.join("certs/ca.pem");
    let probed = site.probe(&["--ca", authority.to_str().unwrap()], &url);
    assert_eq!(probed.trim_end(), format!("200, {} bytes", served.len()));
}

#[test]
fn a_server_that_is_not_to_be_believed_is_a_certificate_error() {
    let site = Site::new("bad");
    let (good, other, expired) = (site.serve("good"), site.serve("other"), site.serve("expired"));
    let authority = site.dir.join("certs/ca.pem");
    let trusts = ["--ca", authority.to_str().unwrap()];
    let failed = "ErrorCode::TlsCertificateError";
    for (options, server) in [(&trusts[..], &other), (&trusts, &expired), (&[], &good)] {
        let probed = site.probe(options, &https(server.addr()));
        assert_eq!(probed.trim_end(), failed);
    }
    // The certificate names a host, not its address.
    let probed = site.probe(&trusts, &good.url());
    assert_eq!(probed.trim_end(), failed);
    for (command, server) in [("trusting", &other), ("trusting", &expired), ("doubting", &good)] {
        let (code, _, err) = site.run(command, &https(server.addr()));
        assert_eq!(code, Some(1), "{command}");
        assert!(err.contains(failed), "{err}");
    }
}

#[test]
fn tls_and_no_tls_do_not_meet() {
    let site = Site::new("plain");
    let server = site.serve("good");
    // A client that speaks HTTP to a server with TLS.
    let mut stream = TcpStream::connect(server.addr()).unwrap();
    // Only so that nothing hangs for ever.
    stream.set_read_timeout(Some(Duration::from_secs(300))).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    assert!(!answer.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&answer));
    let probed = site.probe(&[], &format!("http://{}/", server.addr()));
    assert!(probed.contains("ErrorCode::HttpProtocolError"), "{probed}");
    // A client that says nothing is given up after a while, and others are served.
    let silent = TcpStream::connect(server.addr()).unwrap();
    let authority = site.dir.join("certs/ca.pem");
    let probed = site.probe(&["--ca", authority.to_str().unwrap()], &https(server.addr()));
    assert!(probed.starts_with("200, "), "{probed}");
    drop(silent);
}

#[test]
fn a_server_does_not_start_without_its_certificate() {
    let site = Site::new("check");
    let check = || {
        let (code, out, err) = wippy(&["-C", site.dir.to_str().unwrap(), "check"]);
        let certs = site.dir.join("certs");
        (code, out, err.replace(&*certs.to_string_lossy(), "CERTS"))
    };
    let (code, out, err) = check();
    assert_eq!((code, &*out), (Some(0), "ok: 12 entries, 2 processes\n"), "{err}");
    let certs = site.dir.join("certs");
    fs::copy(certs.join("other-key.pem"), certs.join("good-key.pem")).unwrap();
    fs::remove_file(certs.join("other.pem")).unwrap();
    fs::write(certs.join("expired.pem"), "no certificate").unwrap();
    fs::write(certs.join("expired-key.pem"), "no key").unwrap();
    let (code, _, err) = check();
    assert_eq!(code, Some(1));
    for said in [
        "app:good, field tls.key\n    found:    `CERTS/good-key.pem`: it does not fit",
        "app:other, field tls.cert\n    found:    `CERTS/other.pem`: No such file or directory",
        "app:expired, field tls.cert\n    found:    `CERTS/expired.pem`: it has no `BEGIN CERTIFICATE`",
        "app:expired, field tls.key\n    found:    `CERTS/expired-key.pem`: no private key in PEM",
        "    expected: a file with the private key of the certificate, in PEM",
        "    fix:      name the file of the certificate; paths begin at the directory of wippy.lock",
    ] {
        assert!(err.contains(said), "{said}\n\n{err}");
    }
    // What is served begins in the same way.
    let id: Id = "app:other".parse().unwrap();
    let project = site.programs.project();
    let EntryKind::HttpService(entry) = &project.entry(&id).unwrap().kind else { panic!() };
    let server = Server::of_project(&site.node, project, &id, entry);
    let refused = smol::block_on(server.listen()).unwrap_err();
    assert!(refused.message.starts_with("tls.cert"), "{refused}");
}
