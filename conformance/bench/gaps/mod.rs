//! How long one process holds up another on the same thread.
//!
//! On a host with one worker a process sleeps for 5 ms again and again, beside
//! one that does what may hold a thread: a large bulk instruction, a result of
//! many values, a crowd that is born or dies. What is told is by how much the
//! sleeper was late at worst, and how that compares with a plain endless loop
//! beside it. Of a few rounds the median counts, so that what else the machine
//! does counts little. The offences that take a stderr that nobody reads are those
//! of the command, in `pipe`.

mod crowd;
mod offenders;
mod pipe;
mod sleeper;

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use wippy::{
    artifact::Artifact,
    command::{ErrorKind, ProcessError},
    component::{DEFAULT_STACK, Engine, Linker},
    host::{Handle, HostOptions, Node, ProcessSpec, Program, Programs, Runtime, Started},
    imports::{process, wasi},
    process::Grants,
    value::Value,
    world::{Streams, SystemDispatcher},
};

use self::sleeper::{Gaps, Sleeper};
use super::{
    Result,
    lua::LuaBench,
    measure,
    report::{Figure, Ratio, Report, Target},
};

const HOST: &str = "bench";

/// About five slices, and 10 ms.
const LIMIT: Target = Target::AtMost(0.0105);

/// Rounds of one row, at most: some take long.
const ROUNDS: u32 = 3;

/// How long an offence is looked at, unless it ends before.
const LOOK: Duration = Duration::from_secs(2);

/// When an offence is given up.
const PATIENCE: Duration = Duration::from_secs(120);

/// Something that may hold a thread.
pub struct Offence<'a> {
    name: &'static str,
    run: Box<Run<'a>>,
}

type Run<'a> = dyn Fn(&Bench) -> Result<()> + 'a;

pub fn measure(rounds: u32, only: Option<&str>, wippy: &Path, report: &mut Report) -> Result<()> {
    let offences = offences();
    let mut plain = f64::NAN;
    for (at, Offence { name, run }) in offences.iter().enumerate() {
        // All others are compared with the first.
        if at > 0 && only.is_some_and(|only| !name.contains(only)) {
            continue;
        }
        eprintln!("  {name} ...");
        let round = |_| -> Result<(f64, f64)> {
            let bench = Bench::new()?;
            run(&bench)?;
            Ok(bench.worst())
        };
        match (0..rounds.min(ROUNDS)).map(round).collect::<Result<Vec<_>>>() {
            Ok(rounds) => {
                let worst = measure::median(rounds.iter().map(|(worst, _)| *worst));
                let most = measure::median(rounds.iter().map(|(_, most)| *most));
                if at == 0 {
                    plain = worst;
                }
                row(report, name, worst, most, plain);
            }
            Err(why) => report.skip("gaps", name, &why.to_string()),
        }
    }
    if only.is_none_or(|only| pipe::NAME.contains(only)) {
        match pipe::measure(wippy) {
            Ok((worst, most)) => row(report, pipe::NAME, worst, most, plain),
            Err(why) => report.skip("gaps", pipe::NAME, &why.to_string()),
        }
    }
    Ok(())
}

fn row(report: &mut Report, name: &str, worst: f64, most: f64, plain: f64) {
    let ratio = Some(Ratio { of: worst / plain, kind: "of the loop's", target: None });
    let note = LIMIT.note(worst, Figure::Seconds);
    report.figure("gaps", name, "worst", Figure::Seconds(worst), ratio, &note);
    report.figure("gaps", name, "99.9 %", Figure::Seconds(most), None, "");
}

fn offences() -> Vec<Offence<'static>> {
    let text = |name, text: String, memory| guest(name, text.into_bytes(), "run: func();", memory);
    let typed =
        |name, (text, wit): (String, &'static str)| guest(name, text.into_bytes(), wit, GIB);
    let made = |name, bytes| guest(name, bytes, "run: func();", GIB);
    let mut offences = vec![
        text("an endless loop", offenders::LOOP.to_owned(), GIB),
        text("memory.fill of 500 MB", offenders::fill(), GIB),
        text("memory.copy of 500 MB", offenders::copy(), GIB),
        made("memory.init of 64 MB", offenders::init()),
        text("memory.grow by 16 000 pages", offenders::grow(16_000), GIB),
        text("a first memory of 16 000 pages", offenders::first_memory(16_000), 2 * GIB),
        text("table.grow and table.fill of 10^7", offenders::table(offenders::TABLE_FILL), GIB),
        text("table.copy of 10^7", offenders::table(offenders::TABLE_COPY), GIB),
        lua("Lua: a < b", offenders::LUA_COMPARE),
        lua("Lua: long keys", offenders::LUA_KEYS),
        typed("256 MiB of numbers returned", offenders::numbers()),
        typed("10^6 texts returned", offenders::texts()),
        made("a trap in 3 MB of code", offenders::large_module(3_000)),
        made("a trap in 12 MB of code", offenders::large_module(12_000)),
        made("a first call of 6 MB of code", offenders::large_function()),
        load("12 MB of code loaded", offenders::large_module(12_000)),
    ];
    if measure::available().is_ok_and(|bytes| bytes > 12 * GIB) {
        offences.push(text("memory.grow to 4 GiB", offenders::grow(65_535), 8 * GIB));
        offences.push(text("a first memory of 4 GiB", offenders::first_memory(65_536), 8 * GIB));
    }
    offences.extend(crowd::offences());
    offences
}

const GIB: u64 = 1 << 30;

/// A guest, a core module or its text, whose function `run` is called once.
fn guest(name: &'static str, bytes: Vec<u8>, wit: &'static str, memory: u64) -> Offence<'static> {
    let run = move |bench: &Bench| {
        // So that linking, too, is done for each round, and nothing is translated.
        let spec = bench.add(name, &bytes, wit, memory)?;
        bench.look(vec![bench.start(&spec, Vec::new())?])
    };
    Offence { name, run: Box::new(run) }
}

fn lua(name: &'static str, source: &'static str) -> Offence<'static> {
    let run = move |bench: &Bench| {
        let program = LuaBench::new(source)?;
        bench.look(vec![program.start_on(&bench.node, HOST)?])
    };
    Offence { name, run: Box::new(run) }
}

/// A process is spawned by its entry, which has to be loaded before.
fn load(name: &'static str, bytes: Vec<u8>) -> Offence<'static> {
    let run = move |bench: &Bench| {
        bench.entries.unread(name, bytes.clone());
        let spawned = smol::block_on(bench.node.spawn(HOST, name, Vec::new()))?;
        bench.look(vec![spawned])
    };
    Offence { name, run: Box::new(run) }
}

/// The programs that can be spawned.
#[derive(Clone)]
struct Entries(Arc<Inner>);

struct Inner {
    runtime: Runtime,
    specs: Mutex<HashMap<String, Arc<ProcessSpec>>>,
    /// Those that have not been loaded yet.
    unread: Mutex<HashMap<String, Vec<u8>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Entries {
    fn new() -> Result<Entries> {
        let mut linker = Linker::default();
        wasi::add_to_linker(&mut linker)?;
        process::add_to_linker(&mut linker)?;
        let runtime = Runtime::new(Engine::default(), linker);
        Ok(Entries(Arc::new(Inner { runtime, specs: Mutex::default(), unread: Mutex::default() })))
    }

    fn unread(&self, name: &str, bytes: Vec<u8>) {
        locked(&self.0.unread).insert(name.to_owned(), bytes);
    }

    fn add(&self, name: &str, bytes: &[u8], wit: &str, method: &str) -> Result<ProcessSpec> {
        let artifact = Artifact::from_bytes(bytes.to_vec())?;
        let loaded = self.0.runtime.load(&artifact, Some(wit), DEFAULT_STACK)?;
        let program = self.0.runtime.link(&loaded.component, &Grants::all())?;
        Ok(ProcessSpec::new(name, &loaded, program, method)?)
    }

    fn keep(&self, spec: ProcessSpec) -> Arc<ProcessSpec> {
        let spec = Arc::new(spec);
        locked(&self.0.specs).insert(spec.name.clone(), spec.clone());
        spec
    }
}

impl Programs for Entries {
    fn ready(&self, entry: &str) -> Option<Arc<dyn Program>> {
        Some(locked(&self.0.specs).get(entry)?.clone())
    }

    fn load(&self, entry: &str) -> Result<Arc<dyn Program>, ProcessError> {
        let none = || ProcessError::new(ErrorKind::NotFound, format!("there is no entry {entry}"));
        let bytes = locked(&self.0.unread).remove(entry).ok_or_else(none)?;
        let spec = self.add(entry, &bytes, "run: func();", "run");
        Ok(self.keep(spec.map_err(|why| ProcessError::new(ErrorKind::Invalid, why.to_string()))?))
    }
}

/// A node with a host of one thread, and the sleeper on it.
pub struct Bench {
    node: Node,
    entries: Entries,
    gaps: Gaps,
}

impl Bench {
    fn new() -> Result<Bench> {
        let entries = Entries::new()?;
        let node = Node::new(entries.clone());
        node.add_host(HOST, HostOptions { workers: Some(1), ..HostOptions::default() })?;
        let gaps = Gaps::default();
        node.launch(HOST, "sleeper", Some(Streams::default()), |context| {
            let answers = context.answers(SystemDispatcher::new(Streams::default()));
            let process = Box::new(Sleeper { answers: answers.clone(), gaps: gaps.clone() });
            Ok(Started { process, answers, result: None, max_execution: None })
        })?;
        let bench = Bench { node, entries, gaps };
        bench.awaken(10)?;
        bench.gaps.clear();
        Ok(bench)
    }

    fn add(&self, name: &str, bytes: &[u8], wit: &str, memory: u64) -> Result<Arc<ProcessSpec>> {
        let mut spec = self.entries.add(name, bytes, wit, "run")?;
        spec.limits.max_memory = memory;
        Ok(self.entries.keep(spec))
    }

    fn start(&self, spec: &Arc<ProcessSpec>, args: Vec<Value>) -> Result<Handle> {
        let streams = Some(Streams::default());
        Ok(self.node.launch(HOST, &spec.name, streams, |context| spec.start(args, context))?)
    }

    /// Waits until the sleeper has woken so many times more.
    fn awaken(&self, times: usize) -> Result<()> {
        let (begin, before) = (Instant::now(), self.gaps.len());
        while self.gaps.len() < before + times {
            if begin.elapsed() > PATIENCE {
                return Err("the sleeper did not wake".into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Waits for the ends of all, of whatever kind they are, or for long enough, and
    /// then until the sleeper has woken once more.
    fn look(&self, handles: Vec<Handle>) -> Result<()> {
        let ends = async {
            for handle in handles {
                handle.ended().await;
            }
        };
        let enough = async {
            smol::Timer::after(LOOK).await;
        };
        smol::block_on(smol::future::or(ends, enough));
        self.awaken(2)
    }

    /// The worst gap, and the one that all but a thousandth are below.
    fn worst(&self) -> (f64, f64) {
        let gaps = self.gaps.sorted();
        let at = |part: f64| gaps.get(((gaps.len().max(1) - 1) as f64 * part) as usize).copied();
        (at(1.0).unwrap_or(f64::NAN), at(0.999).unwrap_or(f64::NAN))
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        smol::block_on(self.node.shutdown("the measurement is over", Duration::ZERO));
    }
}
