//! Those of the reference engine's test programs that answer requests, with the command
//! `wippy serve`. What each is asked, and has to answer, stands in its tests, and here.

use std::{
    io::{self, BufRead, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{
    Setting, Verdict, Wippy,
    peer::{self, LINES, Manner, Message},
};

/// A request, and what has to come of it.
struct Exchange {
    request: Vec<u8>,
    status: u16,
    /// A field of the response, and its value or its absence.
    field: Option<(&'static str, Option<&'static str>)>,
    body: Option<Vec<u8>>,
}

impl Exchange {
    /// A request without a body, and a response that may be any as long as it is good.
    fn get(path: &str, fields: &str) -> Exchange {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{CLOSE}{fields}\r\n");
        Exchange { request: request.into_bytes(), status: 200, field: None, body: None }
    }

    /// A request whose body comes back.
    fn echo(path: &str, fields: &str) -> Exchange {
        let body: Vec<u8> =
            (0..1_u32 << 20).map(|n| n.wrapping_mul(251).to_le_bytes()[0]).collect();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\n{CLOSE}content-length: {}\r\n\
             content-type: application/octet-stream\r\n{fields}\r\n",
            body.len()
        );
        let request = [head.as_bytes(), &body].concat();
        let field = Some(("content-type", Some("application/octet-stream")));
        Exchange { request, status: 200, field, body: Some(body) }
    }

    fn status(self, status: u16) -> Exchange {
        Exchange { status, ..self }
    }

    fn field(self, name: &'static str, value: Option<&'static str>) -> Exchange {
        Exchange { field: Some((name, value)), ..self }
    }

    fn body(self, body: impl Into<Vec<u8>>) -> Exchange {
        Exchange { body: Some(body.into()), ..self }
    }

    /// Why a response is not the one that is expected.
    fn judge(&self, response: &Message) -> Result<(), String> {
        let first = String::from_utf8_lossy(&self.request);
        let first = first.lines().next().unwrap_or_default();
        let wrong = |what: &str, expected: &str, found: &str| {
            Err(format!("{first}: {what}: expected {expected}, found {found}"))
        };
        if response.status() != Some(self.status) {
            return wrong("status", &self.status.to_string(), &response.first);
        }
        if let Some((name, expected)) = self.field
            && response.field(name) != expected
        {
            let found = format!("{:?}", response.field(name));
            return wrong(name, &format!("{expected:?}"), &found);
        }
        let Some(expected) = &self.body else { return Ok(()) };
        if *expected == response.body {
            return Ok(());
        }
        let show = |body: &[u8]| match body.len() {
            0..200 => format!("{:?}", String::from_utf8_lossy(body)),
            len => format!("{len} other bytes"),
        };
        wrong("body", &show(expected), &show(&response.body))
    }
}

const CLOSE: &str = "connection: close\r\n";

/// How a program is served and asked.
struct Plan {
    options: Vec<String>,
    exchanges: Vec<Exchange>,
    /// Stands in what the server says.
    said: Option<&'static str>,
}

/// SHA-256 of the lines of the poem.
const HASHES: [&str; 2] =
    ["0iXCPYm+cLe9Bgon1Oc2edDcA6GikSEQZgRBGkpK9yc", "DEoP53vaa0BWaPDuCfB1jOlY4ipxUsngpAkoptzDmWQ"];

impl Plan {
    fn of(program: &str) -> io::Result<Option<Plan>> {
        let mut plan = Plan { options: Vec::new(), exchanges: Vec::new(), said: None };
        let any = || Exchange::get("/", "");
        match program {
            "p2_cli_serve_hello_world" => plan.exchanges = vec![any().body("Hello, WASI!")],
            "p2_cli_serve_echo_env" => {
                plan.options = vec!["--env".into(), "FOO=bar".into()];
                plan.exchanges = vec![
                    Exchange::get("/", "env: FOO\r\n").field("env", Some("bar")),
                    Exchange::get("/", "env: BAR\r\n").field("env", None),
                ];
            }
            "p2_cli_serve_authority_and_scheme" => {
                let connect =
                    format!("CONNECT localhost HTTP/1.1\r\nhost: localhost\r\n{CLOSE}\r\n");
                plan.exchanges = vec![any(), Exchange { request: connect.into(), ..any() }];
            }
            "p2_cli_serve_with_print" => {
                plan.exchanges = vec![any(), any()];
                plan.said = Some("this is half a print to stderr");
            }
            "p2_cli_serve_return_before_set" | "p2_cli_serve_trap_before_set" => {
                plan.exchanges = vec![any().status(500), any().status(500)];
            }
            "p2_cli_serve_sleep" => {
                plan.options = vec!["--timeout".into(), "100ms".into()];
                plan.exchanges = vec![any().status(504), any().status(504)];
            }
            "p2_api_proxy" => {
                plan.exchanges = vec![
                    Exchange::get("/test-path", "").body("hello, world!"),
                    Exchange::get("/new_fields/50", ""),
                    // More than all fields may have.
                    Exchange::get("/new_fields/99990", "").status(500),
                    Exchange::get("/modify_fields/50", ""),
                    Exchange::get("/modify_fields/99990", "").status(500),
                ];
            }
            "p2_api_proxy_streaming" => {
                let addr = peer::serve(Manner::Echo)?;
                plan.options = vec!["--connect".into(), "loopback".into()];
                let url = format!("url: http://{addr}/echo\r\n");
                plan.exchanges =
                    vec![Exchange::echo("/echo", ""), Exchange::echo("/double-echo", &url)];
                for ((path, _), hash) in LINES.iter().zip(HASHES) {
                    let url = format!("http://{addr}{path}");
                    let body = format!("{url}: {hash}\n");
                    plan.exchanges
                        .push(Exchange::get("/hash-all", &format!("url: {url}\r\n")).body(body));
                }
            }
            _ => return Ok(None),
        }
        Ok(Some(plan))
    }
}

/// `wippy serve`, ended when this is dropped.
pub(crate) struct Served {
    child: Child,
    addr: SocketAddr,
    stderr: Option<thread::JoinHandle<String>>,
}

impl Served {
    /// Serves a file at a port of its own.
    ///
    /// # Errors
    ///
    /// If it ends instead.
    pub(crate) fn start(path: &Path, options: &[String], wippy: &Wippy) -> io::Result<Served> {
        let mut child = wippy
            .command()
            .args(["serve", "--addr", "127.0.0.1:0"])
            .args(options)
            .arg(path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let pipe = child.stderr.take().ok_or_else(|| io::Error::other("there is no stderr"))?;
        let mut reader = BufReader::new(pipe);
        let mut said = String::new();
        let addr = loop {
            let before = said.len();
            if reader.read_line(&mut said)? == 0 {
                drop(child.wait());
                return Err(io::Error::other(format!("it is not served: {}", said.trim())));
            }
            let line = said.get(before..).unwrap_or_default();
            let addr = line.split_once(" at http://").and_then(|(_, rest)| rest.split_once('/'));
            if let Some(Ok(addr)) = addr.map(|(addr, _)| addr.parse()) {
                break addr;
            }
        };
        let stderr = thread::spawn(move || {
            let mut rest = Vec::new();
            let _ = reader.read_to_end(&mut rest);
            format!("{said}{}", String::from_utf8_lossy(&rest))
        });
        Ok(Served { child, addr, stderr: Some(stderr) })
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it; what it has said.
    pub(crate) fn end(mut self) -> io::Result<String> {
        self.child.kill()?;
        self.child.wait()?;
        let said = self.stderr.take().and_then(|stderr| stderr.join().ok());
        Ok(said.unwrap_or_default())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves a program and asks it all; nothing if it is no program that answers.
pub(super) fn run(
    path: &Path,
    setting: &Setting,
    program: &str,
) -> io::Result<Option<(Verdict, Duration)>> {
    let Some(plan) = Plan::of(program)? else { return Ok(None) };
    let begin = Instant::now();
    let served = Served::start(path, &plan.options, &setting.wippy)?;
    let mut wrong = Vec::new();
    for exchange in &plan.exchanges {
        let judged = peer::ask(served.addr, &exchange.request)
            .map_err(|error| error.to_string())
            .and_then(|response| exchange.judge(&response));
        wrong.extend(judged.err());
    }
    let said = served.end()?;
    if let Some(expected) = plan.said
        && !said.contains(expected)
    {
        wrong.push(format!("it has not said: {expected}"));
    }
    let verdict = match wrong.is_empty() {
        true => Verdict::Pass,
        false => {
            wrong.extend(said.lines().take(12).map(str::to_owned));
            Verdict::Fail(wrong.join("\n"))
        }
    };
    Ok(Some((verdict, begin.elapsed())))
}
