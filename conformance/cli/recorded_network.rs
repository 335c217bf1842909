//! Runs with sockets and HTTP, recorded, and replayed when nobody is at the other end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test")]

mod scratch;

use std::{
    error::Error,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
};

use self::scratch::{Scratch, copy, wippy};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// The command with these words.
fn told(words: &[&str]) -> Command {
    let mut command = wippy();
    command.args(words).stdin(Stdio::null());
    command
}

/// The outputs of a run and of its replay.
fn both(run: &Output, replayed: &Output) -> [(Option<i32>, String, String); 2] {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    [run, replayed].map(|it| (it.status.code(), text(&it.stdout), text(&it.stderr)))
}

/// A server that gives each connection so much of a page and closes it.
fn pages(count: usize) -> Result<(String, thread::JoinHandle<()>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    let server = thread::spawn(move || {
        for stream in listener.incoming().take(count) {
            let mut stream = BufReader::new(stream.unwrap());
            let mut line = String::new();
            while line != "\r\n" {
                line.clear();
                stream.read_line(&mut line).unwrap();
            }
            let page = "a line of a page\n".repeat(5_000);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", page.len());
            stream.get_mut().write_all(head.as_bytes()).unwrap();
            stream.get_mut().write_all(page.as_bytes()).unwrap();
        }
    });
    Ok((address, server))
}

/// The words of a component that makes a request.
fn fetch(journal: &str, url: &str) -> Result<Output> {
    let worker = "conformance/guests/built/http_worker.wasm";
    let record = ["run", "--record", journal, "--network", "--invoke", "fetch"];
    Ok(told(&[&record[..], &[worker, url]].concat()).output()?)
}

#[test]
fn a_worker_is_replayed_when_its_server_is_gone() -> Result {
    let scratch = Scratch::new("worker")?;
    let journal = scratch.path("trip");
    let (address, server) = pages(1)?;
    let url = format!("http://{address}/hello");
    let run = fetch(&journal, &url)?;
    server.join().unwrap();
    let again = told(&["replay", &journal]).output()?;
    let [run, again] = both(&run, &again);
    assert!(run == again, "{:?} {:?}", run.2, again.2);
    assert_eq!((run.0, run.1.len()), (Some(0), 5_000 * 17 + 1));
    Ok(())
}

/// One that finds nobody is told the same again.
#[test]
fn what_failed_fails_once_more() -> Result {
    let scratch = Scratch::new("nobody")?;
    let journal = scratch.path("trip");
    let nobody = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let url = format!("http://{nobody}/");
    let run = fetch(&journal, &url)?;
    // Now somebody is there, and is not asked.
    let _somebody = TcpListener::bind(nobody)?;
    let again = told(&["replay", &journal]).output()?;
    let [run, again] = both(&run, &again);
    assert_eq!(run, again);
    assert_ne!(run.0, Some(0), "{run:?}");
    Ok(())
}

/// A guest that speaks over a socket of its own.
#[test]
fn a_connection_is_replayed_when_its_other_end_is_gone() -> Result {
    let scratch = Scratch::new("socket")?;
    let journal = scratch.path("trip");
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port().to_string();
    let other = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut word = [0; 6];
        stream.read_exact(&mut word).unwrap();
        assert_eq!(&word, b"hello\n");
        for piece in [1_usize, 999, 50_000] {
            stream.write_all(&vec![1; piece]).unwrap();
            thread::sleep(std::time::Duration::from_millis(20));
        }
    });
    let guest = ["--wit", "conformance/cli/socket-talk.wit", "--network", "--invoke", "talk"];
    let args = [&["run", "--record", &journal][..], &guest].concat();
    let args = [&args[..], &["conformance/cli/socket-talk.wat", &port]].concat();
    let run = told(&args).output()?;
    other.join().unwrap();
    let again = told(&["replay", &journal]).output()?;
    let [run, again] = both(&run, &again);
    assert_eq!(run, again);
    assert_eq!(run, (Some(0), "51000\n".to_owned(), String::new()));
    Ok(())
}

/// A command that runs until it is told to stop; what it says on stderr.
struct Running {
    child: Child,
    said: BufReader<std::process::ChildStderr>,
}

impl Running {
    fn new(args: &[&str]) -> Result<Running> {
        let mut command = told(args);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let said = BufReader::new(child.stderr.take().unwrap());
        Ok(Running { child, said })
    }

    /// The address that it says to be listening at.
    fn address(&mut self) -> Result<String> {
        let mut line = String::new();
        while self.said.read_line(&mut line)? > 0 {
            if let Some((_, rest)) = line.split_once("http://") {
                let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':');
                return Ok(rest[..end.unwrap_or(rest.len())].to_owned());
            }
            line.clear();
        }
        Err("it does not say where it listens".into())
    }

    fn stop(mut self, signal: &str) -> Result<Option<i32>> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status()?.success());
        // So that it can say what it has to say.
        let mut rest = String::new();
        self.said.read_to_string(&mut rest)?;
        Ok(self.child.wait()?.code())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The body of what comes back on a connection for this.
fn ask(address: &str, head: &str, body: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    let length = body.len();
    let head = format!("{head} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n");
    write!(stream, "{head}content-length: {length}\r\n\r\n{body}")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    drop(stream.shutdown(Shutdown::Both));
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    Ok(body.to_owned())
}

/// The processes of a journal, and what they have done, once more.
fn replayed(journal: &str) -> Result<(Option<i32>, u64, String)> {
    let plain = told(&["replay", journal]).output()?;
    let said = String::from_utf8(plain.stderr)?;
    let log = String::from_utf8(told(&["replay", "--json", journal]).output()?.stdout)?;
    let last = log.lines().last().unwrap_or_default();
    let (_, count) = last.split_once("\"processes\":").ok_or("it says no number")?;
    let count = count.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default().parse()?;
    assert_eq!(said, "", "{journal}");
    Ok((plain.status.code(), count, log))
}

#[cfg(unix)]
#[test]
fn a_file_that_was_served_answers_every_request_again() -> Result {
    let scratch = Scratch::new("serve")?;
    let (journal, file) = (scratch.path("trip"), scratch.path("greet.wasm"));
    fs::copy("conformance/guests/built/greet.wasm", &file)?;
    let serve = ["serve", "--record", &journal, "--embed", "--addr", "127.0.0.1:0", &file];
    let mut running = Running::new(&serve)?;
    let address = running.address()?;
    thread::scope(|scope| {
        for client in 0..4 {
            let address = &address;
            scope.spawn(move || {
                for number in 0..10 {
                    let name = format!("{client}-{number}");
                    let answer = ask(address, "POST /", &name).unwrap();
                    assert_eq!(answer, format!("Hello, {name}!"));
                }
            });
        }
    });
    assert_eq!(running.stop("-TERM")?, Some(0));
    fs::remove_file(&file)?;
    let (code, processes, _) = replayed(&journal)?;
    assert_eq!((code, processes), (Some(0), 40));
    Ok(())
}

/// Answers that come piece by piece, of a server that is killed while it answers.
#[cfg(unix)]
#[test]
fn a_server_that_is_killed_is_replayed_up_to_there() -> Result {
    let scratch = Scratch::new("killed")?;
    let journal = scratch.path("trip");
    let handler = "conformance/guests/built/http-handler.wasm";
    let serve = ["serve", "--record", &journal, "--addr", "127.0.0.1:0", handler];
    let mut running = Running::new(&serve)?;
    let address = running.address()?;
    for _ in 0..3 {
        ask(&address, "POST /echo", &"text ".repeat(50_000))?;
    }
    // What goes out ten times a second has gone out.
    thread::sleep(std::time::Duration::from_millis(300));
    running.stop("-KILL")?;
    let again = told(&["replay", &journal]).output()?;
    let said = String::from_utf8(again.stderr)?;
    assert_eq!(again.status.code(), Some(7), "{said}");
    assert!(said.contains("all is the same"), "{said}");
    let log = told(&["replay", "--log", &journal]).output()?;
    assert!(String::from_utf8(log.stdout)?.matches("text text").count() >= 3);
    Ok(())
}

/// An application with a server, its requests, and files that it serves itself.
#[cfg(unix)]
#[test]
fn an_application_that_serves_is_replayed() -> Result {
    let scratch = Scratch::new("app")?;
    let (journal, app) = (scratch.path("trip"), scratch.path("app"));
    // At a port that is free.
    copy(Path::new("conformance/apps/http"), Path::new(&app))?;
    let site = scratch.0.join("app/src/site/_index.yaml");
    let entries = fs::read_to_string(&site)?;
    fs::write(&site, entries.replace("${env:HTTP_ADDR|127.0.0.1:8085}", "127.0.0.1:0"))?;
    let run = ["-C", &app, "run", "-v", "--record", &journal, "--embed"];
    let mut running = Running::new(&run)?;
    let address = running.address()?;
    for number in 0..20 {
        let answer = ask(&address, "POST /api/greet", &format!("Ada {number}"))?;
        assert_eq!(answer, format!("Hello, Ada {number}!"));
    }
    assert!(ask(&address, "GET /", "")?.contains("html"));
    assert_eq!(running.stop("-TERM")?, Some(0));
    fs::remove_dir_all(&app)?;
    let (code, processes, _) = replayed(&journal)?;
    assert_eq!((code, processes), (Some(0), 20));
    Ok(())
}
