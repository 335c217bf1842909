//! Good and bad clients at once, for a while, against `wippy serve`.
//!
//! Two servers run, one for each form of guest: a component that streams, and a function
//! that is handed the whole body. The good clients check each answer byte for byte. Beside
//! them others break off in the middle of a request or an answer, read a few bytes at a
//! time, or send what is no HTTP. In the end every good request has been answered, no
//! server has said that it panicked, and each has about the memory, and as many open
//! files and threads, as after a warm-up of the same kind.

use std::{
    fmt::Write as _,
    fs, io,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use crate::wasi::{Served, Wippy};

/// Lets good and bad clients ask servers, and looks whether all is well.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// How long, after a warm-up of a third of this.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Another seed is another run.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The command to test, in place of the one that this program has in itself
    #[arg(long, value_name = "FILE")]
    wippy: Option<PathBuf>,
}

/// Clients of each kind, for each server.
const GOOD: u64 = 4;
const OTHERS: u64 = 2;

/// Bytes that the memory may have grown by: what the allocator's pieces make of chance.
const SLACK: u64 = 24 << 20;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the `soak` command.
pub fn main(args: &Args) -> ExitCode {
    crate::end(soak(args))
}

/// A form of guest, and how it is asked.
struct Form {
    name: &'static str,
    file: &'static str,
    options: &'static [&'static str],
    /// Where bodies come back.
    echo: &'static str,
}

const FORMS: [Form; 2] = [
    Form { name: "streaming", file: "guests/built/http-handler.wasm", options: &[], echo: "/echo" },
    Form {
        name: "whole",
        file: "http/project/wasm/answers.wat",
        options: &["--invoke", "bytes", "--wit", "bytes: func(body: list<u8>) -> list<u8>;"],
        echo: "/",
    },
];

fn soak(args: &Args) -> io::Result<(String, bool)> {
    let wippy = match &args.wippy {
        Some(path) => Wippy::Program(path.canonicalize()?),
        None => Wippy::Within(std::env::current_exe()?),
    };
    let mut servers = Vec::new();
    for form in &FORMS {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(form.file);
        let options: Vec<String> = form.options.iter().map(|word| (*word).to_owned()).collect();
        servers.push((form, Served::start(&file, &options, &wippy)?));
    }
    let counts: Vec<Counts> = FORMS.iter().map(|_| Counts::default()).collect();
    let mut found = Vec::new();
    for (round, seconds) in [(0, args.seconds / 3), (1, args.seconds)] {
        let end = AtomicBool::new(false);
        thread::scope(|scope| {
            for ((form, served), counts) in servers.iter().zip(&counts) {
                let run = Run { addr: served.addr(), echo: form.echo, counts, end: &end };
                for client in 0..GOOD + 3 * OTHERS {
                    let seed = args.seed ^ (client + 1) << 32 ^ round << 48;
                    scope.spawn(move || run.client(client, Chance(seed)));
                }
            }
            thread::sleep(Duration::from_secs(seconds.max(1)));
            end.store(true, Relaxed);
        });
        // The last connections that nobody has closed in order.
        thread::sleep(Duration::from_secs(3));
        let state = servers.iter().map(|(_, served)| State::of(served.id()));
        found.push(state.collect::<io::Result<Vec<_>>>()?);
    }
    let (mut text, mut wrong) = (String::new(), false);
    let [before, after] = &found[..] else { return Err(io::Error::other("two rounds")) };
    for (i, (form, served)) in servers.into_iter().enumerate() {
        let (counts, before, after) = (&counts[i], before[i], after[i]);
        let said = served.end()?;
        let mut bad: Vec<String> =
            counts.failures.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(line) = said.lines().find(|line| line.contains("panic")) {
            bad.push(line.to_owned());
        }
        if after.memory > before.memory + SLACK {
            bad.push("the memory has grown".to_owned());
        }
        if after.files > before.files || after.threads > before.threads + 8 {
            bad.push("files are open, or threads run, that were not there before".to_owned());
        }
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let _ = writeln!(
            text,
            "{}: {} good requests answered, {} broken off, {} read slowly, {} of garbage; \
             memory {:.1} -> {:.1} MiB, open files {} -> {}, threads {} -> {}",
            form.name,
            counts.good.load(Relaxed),
            counts.broken.load(Relaxed),
            counts.slow.load(Relaxed),
            counts.garbage.load(Relaxed),
            mib(before.memory),
            mib(after.memory),
            before.files,
            after.files,
            before.threads,
            after.threads,
        );
        wrong |= !bad.is_empty();
        for line in bad.iter().take(10) {
            let _ = writeln!(text, "  WRONG: {line}");
        }
    }
    Ok((text, wrong))
}

#[derive(Default)]
struct Counts {
    good: AtomicU64,
    broken: AtomicU64,
    slow: AtomicU64,
    garbage: AtomicU64,
    failures: Mutex<Vec<String>>,
}

/// The memory, files and threads of a server.
#[derive(Clone, Copy, Debug)]
struct State {
    /// Resident bytes that no file backs.
    memory: u64,
    files: usize,
    threads: usize,
}

impl State {
    fn of(id: u32) -> io::Result<State> {
        let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup"))?;
        let kib = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:"));
        let kib = kib.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        let count =
            |dir: &str| Ok::<_, io::Error>(fs::read_dir(format!("/proc/{id}/{dir}"))?.count());
        let memory = kib.ok_or_else(|| io::Error::other("no such field"))? << 10;
        Ok(State { memory, files: count("fd")?, threads: count("task")? })
    }
}

#[derive(Clone, Copy)]
struct Run<'a> {
    addr: SocketAddr,
    echo: &'static str,
    counts: &'a Counts,
    end: &'a AtomicBool,
}

/// Numbers that look like chance.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % limit.max(1)
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.below(256).to_le_bytes()[0]).collect()
    }
}

impl Run<'_> {
    fn client(&self, client: u64, mut chance: Chance) {
        while !self.end.load(Relaxed) {
            let (what, count) = match client {
                0..GOOD => (self.good(&mut chance), None),
                n if n < GOOD + OTHERS => (self.breaks_off(&mut chance), Some(&self.counts.broken)),
                n if n < GOOD + 2 * OTHERS => (self.slow(&mut chance), Some(&self.counts.slow)),
                _ => (self.garbage(&mut chance), Some(&self.counts.garbage)),
            };
            match (what, count) {
                (Ok(()), None) => {}
                // Whoever breaks off, or sends garbage, has no claim to anything.
                (_, Some(count)) => {
                    count.fetch_add(1, Relaxed);
                }
                (Err(why), None) => self.fail(&why),
            }
        }
    }

    fn fail(&self, why: &io::Error) {
        let mut failures = self.counts.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.push(why.to_string());
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.addr)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    fn request(&self, body: &[u8]) -> Vec<u8> {
        let (echo, len) = (self.echo, body.len());
        let head = format!("POST {echo} HTTP/1.1\r\nhost: here\r\ncontent-length: {len}\r\n\r\n");
        [head.as_bytes(), body].concat()
    }

    /// Some requests on one connection, each of which is answered with its own body.
    fn good(&self, chance: &mut Chance) -> io::Result<()> {
        let mut stream = self.connect()?;
        for _ in 0..=chance.below(8) {
            let len = chance.below(40_000) + 1;
            let body = chance.bytes(len);
            stream.write_all(&self.request(&body))?;
            let answer = answer(&mut stream, |_| Ok(()))?;
            if answer != body {
                let (sent, found) = (body.len(), answer.len());
                return Err(io::Error::other(format!("{sent} bytes sent, {found} others back")));
            }
            self.counts.good.fetch_add(1, Relaxed);
        }
        Ok(())
    }

    /// Goes away somewhere in the middle.
    fn breaks_off(&self, chance: &mut Chance) -> io::Result<()> {
        let mut stream = self.connect()?;
        let body = vec![b'x'; chance.below(200_000)];
        let request = self.request(&body);
        let sent = match chance.below(2) {
            0 => request.len(),
            _ => chance.below(request.len()),
        };
        stream.write_all(&request[..sent])?;
        if chance.below(2) == 0 && sent == request.len() {
            stream.read_exact(&mut vec![0; chance.below(body.len())])?;
        }
        Ok(())
    }

    /// Takes the answer in small pieces, all of it or not; what it takes is right.
    fn slow(&self, chance: &mut Chance) -> io::Result<()> {
        let mut stream = self.connect()?;
        let len = chance.below(300_000) + 1;
        let body = chance.bytes(len);
        let request = self.request(&body);
        thread::scope(|scope| {
            let mut writer = stream.try_clone()?;
            let writer = scope.spawn(move || drop(writer.write_all(&request)));
            let mut left = chance.below(200);
            let read = answer(&mut stream, |_| {
                left = left.saturating_sub(1);
                thread::sleep(Duration::from_millis(5));
                match self.end.load(Relaxed) || left == 0 {
                    true => Err(io::Error::other("enough")),
                    false => Ok(()),
                }
            });
            drop(stream);
            drop(writer.join());
            if let Ok(read) = read
                && read != body
            {
                self.fail(&io::Error::other("a slow reader was given other bytes"));
            }
            Ok(())
        })
    }

    fn garbage(&self, chance: &mut Chance) -> io::Result<()> {
        let mut stream = self.connect()?;
        let len = chance.below(5000);
        let mut bytes = chance.bytes(len);
        // So that it goes beyond the first line now and then.
        if chance.below(2) == 0 {
            let body = chance.bytes(100);
            let mut request = self.request(&body);
            for _ in 0..=chance.below(5) {
                let at = chance.below(request.len());
                request[at] = chance.below(256).to_le_bytes()[0];
            }
            bytes = request;
        }
        stream.write_all(&bytes)?;
        stream.shutdown(std::net::Shutdown::Write)?;
        let deadline = Instant::now() + PATIENCE;
        while stream.read(&mut [0; 4096])? > 0 {
            if Instant::now() > deadline {
                self.fail(&io::Error::other("garbage is answered without an end"));
                break;
            }
        }
        Ok(())
    }
}

/// The body of an answer, in chunks or with a length; `piece` is called for each piece.
fn answer(
    stream: &mut TcpStream,
    mut piece: impl FnMut(usize) -> io::Result<()>,
) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    let mut head = None;
    loop {
        if head.is_none() {
            head = all.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
        }
        if let Some(begin) = head {
            let text = String::from_utf8_lossy(&all[..begin]).to_ascii_lowercase();
            if !text.starts_with("http/1.1 200 ") {
                let first = text.lines().next().unwrap_or_default();
                return Err(io::Error::other(format!("answered with {first}")));
            }
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
            match length.and_then(|length| length.parse::<usize>().ok()) {
                Some(length) if all.len() >= begin + length => return Ok(all.split_off(begin)),
                Some(_) => {}
                None => {
                    if let Some(body) = whole_chunks(&all[begin..])? {
                        return Ok(body);
                    }
                }
            }
        }
        match stream.read(&mut buffer)? {
            0 => return Err(io::Error::other(format!("it ends after {} bytes", all.len()))),
            count => {
                all.extend_from_slice(&buffer[..count]);
                piece(count)?;
            }
        }
    }
}

/// A body in chunks, if all of it is there.
fn whole_chunks(mut rest: &[u8]) -> io::Result<Option<Vec<u8>>> {
    if !rest.ends_with(b"0\r\n\r\n") {
        return Ok(None);
    }
    let mut body = Vec::new();
    while let Some(at) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = String::from_utf8_lossy(&rest[..at]).into_owned();
        let size = usize::from_str_radix(&size, 16).map_err(io::Error::other)?;
        let begin = at + 2;
        let Some(chunk) = rest.get(begin..begin + size) else { return Ok(None) };
        body.extend_from_slice(chunk);
        if size == 0 {
            return Ok(Some(body));
        }
        rest = rest.get(begin + size + 2..).unwrap_or_default();
    }
    Ok(None)
}
