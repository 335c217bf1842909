//! Many requests at once that processes make, to a server that takes a second for each
//! answer.

use std::{
    io::{Read, Write},
    net::TcpListener,
    num::NonZero,
    path::Path,
    time::{Duration, Instant},
};

use wippy::{
    component::{Engine, Linker},
    host::{HostOptions, Node, Programs, ProjectPrograms, Runtime},
    imports::wasi,
    registry::Project,
    value::Term,
};

use super::super::{
    Result, measure,
    report::{Figure, Report, Target},
};

/// Requests, each of a process of its own.
const REQUESTS: usize = 1000;

/// How long the server takes.
const DELAY: Duration = Duration::from_secs(1);

/// Seconds that all of them may take together.
const LIMIT: Target = Target::AtMost(2.0);

pub fn measure(report: &mut Report) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    // The standard library has the system keep no more than 128 that wait.
    // SAFETY: the descriptor is that of a socket of ours, which listens already.
    if unsafe { libc::listen(std::os::fd::AsRawFd::as_raw_fd(&listener), 4096) } != 0 {
        return Err(std::io::Error::last_os_error().into());
    }
    let url = format!("http://{}/", listener.local_addr()?);
    std::thread::spawn(move || serve(&listener));
    let usage = measure::child(&["http-out", &url])?;
    let figures: Vec<f64> =
        usage.stdout.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [seconds, before, during, after] = figures[..] else {
        return Err("four figures expected".into());
    };
    let what = format!("{REQUESTS} requests out, answered after {} s", DELAY.as_secs());
    let note = LIMIT.note(seconds, Figure::Seconds);
    report.figure("http", &what, "all together", Figure::Seconds(seconds), None, &note);
    let each = (during - before) / REQUESTS as f64;
    report.figure("http", &what, "memory of each", Figure::Bytes(each), None, "");
    report.figure("http", &what, "left afterwards", Figure::Bytes(after - before), None, "");
    Ok(())
}

/// Answers everybody after the delay.
fn serve(listener: &TcpListener) {
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { return };
        let answer = move || {
            // What is asked for does not matter, and fits into one piece.
            let _ = stream.read(&mut [0; 4096]);
            std::thread::sleep(DELAY);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
            let _ = stream.read(&mut [0; 1]);
        };
        // Small stacks: there are a thousand of them.
        let spawned = std::thread::Builder::new().stack_size(64 << 10).spawn(answer);
        drop(spawned);
    }
}

/// Makes the requests; prints the seconds until all are answered, and the memory before,
/// while they wait, and afterwards.
pub fn child(args: &[String]) -> Result<()> {
    let [url] = args else { return Err("usage: http-out URL".into()) };
    let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("apps/http");
    let project = Project::load(app).into_result()?;
    let mut linker = Linker::default();
    wasi::add_to_linker(&mut linker)?;
    let programs = ProjectPrograms::new(project, Runtime::new(Engine::default(), linker));
    let program = programs.load("myns:fetch")?;
    let node = Node::new(programs);
    let workers = NonZero::new(2).map(Into::into);
    node.add_host("bench:out", HostOptions { workers, ..HostOptions::default() })?;
    let start = |url: &str| {
        let args = vec![Term::from(url.to_owned())];
        node.launch("bench:out", "myns:fetch", None, |context| program.start(args, context))
    };
    let before = measure::resident()?;
    let begin = Instant::now();
    let handles = (0..REQUESTS).map(|_| start(url)).collect::<Result<Vec<_>, _>>()?;
    std::thread::sleep(DELAY / 2);
    let during = measure::resident()?;
    smol::block_on(async {
        for handle in handles {
            let ended = handle.ended().await.ok_or("the node stops")?;
            match &*ended.ending {
                Ok(Term::Text(text)) if &**text == "ok" => {}
                other => return Err(format!("another answer: {other:?}").into()),
            }
        }
        Ok::<_, Box<dyn std::error::Error>>(())
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    std::thread::sleep(Duration::from_secs(1));
    println!("{seconds} {before} {during} {}", measure::resident()?);
    Ok(())
}
