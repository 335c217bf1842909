//! Requests that are answered and made, each by a process of its own.
//!
//! Each server is a process of the system, asked over the loopback interface by this one,
//! which shares the processors with it: all contenders meet that alike, and are asked in
//! turns. Ours are `wippy serve`, without its log, with a component that streams and with
//! a function that returns the answer; the others are wasmtime's own library for HTTP
//! with the same component and a fresh instance for each request, pooled, on tokio.
//!
//! | file | what |
//! | --- | --- |
//! | `load` | clients: many connections, each with one request at a time |
//! | `server` | a server as a process of the system, and what it takes up |
//! | `out` | many requests that processes make at once |
//! | `peer` | wasmtime's library as a server, with the feature `peers` |

mod load;
mod out;
#[cfg(feature = "peers")]
mod peer;
mod server;

pub use self::out::child as out_child;
#[cfg(feature = "peers")]
pub use self::peer::child as peer_child;

use std::time::Duration;

use self::{load::Load, server::Server};
use super::{
    Result, guest, measure,
    report::{Figure, OURS, Ratio, Report, Target},
};

/// Connections at a time.
const CONNECTIONS: [usize; 3] = [1, 64, 1000];

/// How long each server is asked in each round.
const TURN: Duration = Duration::from_secs(2);

/// Requests that wait for the rest of their body.
const IN_FLIGHT: usize = 1000;

/// A body that goes there and back.
const ECHO: u64 = 1 << 30;

/// Bytes that the largest of a server's memory may grow by, while that body passes.
const FLAT: f64 = 16.0 * 1024.0 * 1024.0;

/// The forms of server, ours first.
fn servers() -> Result<Vec<Server>> {
    let handler = guest::path("http-handler.wasm");
    let hello = guest::path("hello.wasm");
    #[allow(unused_mut, reason = "others are added with the feature")]
    let mut all = vec![
        Server::wippy("process, streaming", "/hello", &[&handler])?,
        Server::wippy("process, whole", "/", &["--invoke", "hello", &hello])?,
    ];
    #[cfg(feature = "peers")]
    for (name, task) in peer::CONTENDERS {
        all.push(Server::child(name, "/hello", &["http-serve", task, &handler])?);
    }
    // Asked once, so that nothing is loaded while it is measured.
    for server in &all {
        load::ask(server, 1, Duration::from_millis(200))?;
    }
    Ok(all)
}

pub fn measure(rounds: u32, report: &mut Report) -> Result<()> {
    let all = servers()?;
    for connections in CONNECTIONS {
        let mut loads: Vec<Vec<Load>> = all.iter().map(|_| Vec::new()).collect();
        for _ in 0..rounds.min(5) {
            for (server, loads) in all.iter().zip(&mut loads) {
                loads.push(load::ask(server, connections, TURN)?);
            }
        }
        hello(connections, &all, &loads, report);
    }
    drop(all);
    in_flight(report)?;
    echo(report)?;
    out::measure(report)
}

fn hello(connections: usize, all: &[Server], loads: &[Vec<Load>], report: &mut Report) {
    let Some((ours, _)) = loads.split_first() else { return };
    let plural = if connections == 1 { "" } else { "s" };
    let what = format!("hello, {connections} connection{plural}");
    let over = |f: &dyn Fn(&Load, &Load) -> f64, theirs: &[Load]| {
        measure::median(ours.iter().zip(theirs).map(|(a, b)| f(a, b)))
    };
    for (server, loads) in all.iter().zip(loads) {
        let rate = measure::median(loads.iter().map(|load| load.per_second));
        // Which targets there are: see above.
        let target = match (server.is_peer, server.name.contains("JIT"), connections) {
            (true, true, 1 | 64) | (true, false, _) => Some(Target::AtLeast(1.0)),
            _ => None,
        };
        let of = over(&|a, b| a.per_second / b.per_second, loads);
        let ratio = server.is_peer.then_some(Ratio { of, kind: OURS, target });
        report.figure("http", &what, server.name, Figure::PerSecond(rate), ratio, "");
    }
    let what = format!("{what}, 99.9 %");
    for (server, loads) in all.iter().zip(loads) {
        let late = measure::median(loads.iter().map(|load| load.late));
        let of = over(&|a, b| a.late / b.late, loads);
        let ratio = server.is_peer.then_some(Ratio { of, kind: OURS, target: None });
        report.figure("http", &what, server.name, Figure::Seconds(late), ratio, "");
    }
}

/// The memory of requests whose bodies are not there yet.
fn in_flight(report: &mut Report) -> Result<()> {
    let what = format!("memory of a request in flight, of {IN_FLIGHT}");
    let mut ours = None;
    for server in servers()?.into_iter().filter(|server| server.path == "/hello") {
        let before = server.memory()?;
        let held = load::hold(&server, "/echo", IN_FLIGHT)?;
        // Until each of them has an instance, and nothing changes any more.
        let mut bytes = server.memory()?;
        for _ in 0..50 {
            std::thread::sleep(Duration::from_millis(200));
            let now = server.memory()?;
            if now.abs_diff(bytes) < 64 << 10 {
                break;
            }
            bytes = now;
        }
        drop(held);
        let each = bytes.saturating_sub(before) as f64 / IN_FLIGHT as f64;
        let ours = *ours.get_or_insert(each);
        let target = Some(Target::AtMost(0.5));
        let ratio = server.is_peer.then_some(Ratio { of: ours / each, kind: OURS, target });
        report.figure("http", &what, server.name, Figure::Bytes(each), ratio, "");
    }
    Ok(())
}

/// The memory while a large body goes there and back.
fn echo(report: &mut Report) -> Result<()> {
    for server in servers()?.into_iter().filter(|server| server.path == "/hello") {
        load::echo(&server, "/echo", 4 << 20)?;
        let before = server.largest()?;
        let time = load::echo(&server, "/echo", ECHO)?;
        let grown = server.largest()?.saturating_sub(before) as f64;
        let note = match server.is_peer {
            true => String::new(),
            false => Target::AtMost(FLAT).note(grown, Figure::Bytes),
        };
        let what = format!("{} MiB echoed", ECHO >> 20);
        report.figure("http", &what, server.name, Figure::Seconds(time.as_secs_f64()), None, "");
        let what = format!("{what}, memory grown");
        report.figure("http", &what, server.name, Figure::Bytes(grown), None, &note);
    }
    Ok(())
}
