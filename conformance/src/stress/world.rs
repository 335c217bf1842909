//! The node of a run, and what can be started there.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::Ordering::{Relaxed, SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use wippy::{
    artifact::Artifact,
    command::{ErrorKind, Pid, ProcessError},
    component::{DEFAULT_STACK, Engine, Linker},
    host::{
        Handle, HostOptions, Node, ProcessSpec, Program, Programs, Runtime, SpawnContext, Started,
    },
    imports::{process, wasi},
    process::Grants,
    value::Term,
    world::Streams,
};

use crate::random::Random;

use super::{
    agent::{Agent, NAMES},
    ledger::Ledger,
};

pub const ROOTS: u64 = 8;

/// How long anything may take that must come to an end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A node full of processes.
pub struct World {
    node: Node,
    ledger: Arc<Ledger>,
    roots: Vec<Handle>,
    seed: u64,
    threads: usize,
}

impl World {
    pub fn new(seed: u64) -> Result<World, String> {
        let threads = threads()?;
        let ledger = Arc::new(Ledger::default());
        let node = Node::new(Entries::new(ledger.clone()).map_err(|why| why.to_string())?);
        let small = |workers, max_processes| HostOptions {
            workers: Some(workers),
            queue_size: 64,
            max_processes,
            ..HostOptions::default()
        };
        for (host, options) in [("a", small(2, 160)), ("b", small(1, 80))] {
            node.add_host(host, options).map_err(|why| why.to_string())?;
        }
        let mut world = World { node, ledger, roots: Vec::new(), seed, threads };
        for number in 0..ROOTS {
            let seed = Random(seed ^ (number << 32)).next();
            let root = world.agent(["a", "b"][number as usize % 2], seed, true)?;
            world.ledger.add_root(root.pid().clone());
            world.roots.push(root);
        }
        Ok(world)
    }

    fn agent(&self, host: &str, seed: u64, root: bool) -> Result<Handle, String> {
        let ledger = self.ledger.clone();
        let start = |context: SpawnContext| Ok(agent(seed, root, ledger, context));
        let streams = Some(Streams::default());
        self.node.launch(host, "agent", streams, start).map_err(|fault| fault.message)
    }

    /// Lets them live for so long. Some mortals are started from here, and told of,
    /// and some of all mortals are terminated, for not everyone dies by himself.
    pub fn live(&self, time: Duration) -> Result<(), String> {
        let (start, mut random) = (Instant::now(), Random(self.seed));
        let mut living: Vec<Handle> = Vec::new();
        while start.elapsed() < time {
            if let Ok(handle) = self.agent("a", random.next(), false) {
                self.ledger.meet(handle.pid().clone(), &mut random);
                living.push(handle);
            }
            self.terminate(|| random.one_in(16));
            thread::sleep(Duration::from_millis(5));
        }
        self.ledger.stop.store(true, SeqCst);
        wait("mortals do not end", || self.terminate(|| true) == 0)?;
        if self.node.len() != self.roots.len() {
            return Err("a root has ended".to_owned());
        }
        // Everyone who was watched from outside has been told of.
        for handle in living {
            let ended = || smol::block_on(smol::future::poll_once(handle.ended())).is_some();
            wait("an end was not told outside", ended)?;
        }
        let ledger = &self.ledger;
        wait("a root was not told of an end", || ledger.owed.load(Relaxed) == 0)?;
        wait("a message to a root was lost or doubled", || ledger.all_arrived())
    }

    /// Terminates those mortals that are chosen; how many mortals there were.
    fn terminate(&self, mut chosen: impl FnMut() -> bool) -> usize {
        let all = self.node.processes().into_iter().map(|info| info.pid);
        let mortals: Vec<Pid> = all.filter(|pid| !self.ledger.is_root(pid)).collect();
        for pid in mortals.iter().filter(|_| chosen()) {
            // It may have ended by itself.
            drop(self.node.terminate(pid.as_str()));
        }
        mortals.len()
    }

    /// How many processes there have been.
    pub fn spawned(&self) -> u64 {
        self.ledger.spawned.load(Relaxed)
    }

    /// Ends everything; nothing may be left. What was done.
    pub fn end(self) -> Result<String, String> {
        let World { node, ledger, roots, threads: before, .. } = self;
        smol::block_on(node.shutdown("the run is over", Duration::from_secs(5)));
        if !node.is_empty() {
            return Err("processes are left".to_owned());
        }
        for name in NAMES {
            let free =
                || node.send(name, "x", Vec::new()).is_err_and(|f| f.kind == ErrorKind::NotFound);
            wait(&format!("the name {name} is left"), free)?;
        }
        drop((node, roots));
        // Each process holds the ledger, and so does the node.
        wait("a task is left", || Arc::strong_count(&ledger) == 1)?;
        wait("a thread is left", || threads().is_ok_and(|now| now <= before))?;
        match ledger.all_wrong().as_slice() {
            [] => Ok(ledger.to_string()),
            wrong => Err(wrong.join("\n")),
        }
    }
}

/// Waits for what must come, however busy the machine.
fn wait(or: &str, mut done: impl FnMut() -> bool) -> Result<(), String> {
    let start = Instant::now();
    while !done() {
        if start.elapsed() > PATIENCE {
            return Err(or.to_owned());
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Threads of hosts.
fn threads() -> Result<usize, String> {
    let mut count = 0;
    for task in fs::read_dir("/proc/self/task").map_err(|why| why.to_string())?.flatten() {
        let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        count += usize::from(["a", "b", "a watch", "b watch"].contains(&name.trim()));
    }
    Ok(count)
}

fn agent(seed: u64, root: bool, ledger: Arc<Ledger>, mut context: SpawnContext) -> Started {
    let process = Box::new(Agent::new(seed, root, ledger));
    Started { process, answers: context.own_answers(), result: None, max_execution: None }
}

/// `agent`, and the guests `child` and `echo`.
#[derive(Clone)]
pub struct Entries {
    pub ledger: Arc<Ledger>,
    pub specs: Vec<Arc<ProcessSpec>>,
}

impl Entries {
    pub fn new(ledger: Arc<Ledger>) -> Result<Entries, Box<dyn std::error::Error>> {
        let mut linker = Linker::default();
        wasi::add_to_linker(&mut linker)?;
        process::add_to_linker(&mut linker)?;
        let runtime = Runtime::new(Engine::default(), linker);
        let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/built/actor.wasm");
        let artifact = Artifact::from_bytes(fs::read(guest)?)?;
        let loaded = runtime.load(&artifact, None, DEFAULT_STACK)?;
        let program = runtime.link(&loaded.component, &Grants::all())?;
        let spec =
            |name: &str| Ok(Arc::new(ProcessSpec::new(name, &loaded, program.clone(), name)?));
        let specs = ["child", "echo"].into_iter().map(spec).collect::<Result<_, _>>();
        Ok(Entries { ledger, specs: specs.map_err(|why: wippy::host::PrepareError| why)? })
    }
}

/// An agent, whose argument is its seed, a root or not.
struct Seeded(Arc<Ledger>, bool);

impl Program for Seeded {
    fn start(&self, args: Vec<Term>, context: SpawnContext) -> Result<Started, ProcessError> {
        match args[..] {
            [Term::Int(seed)] => Ok(agent(seed as u64, self.1, self.0.clone(), context)),
            _ => Err(ProcessError::new(ErrorKind::Invalid, "an agent has a seed")),
        }
    }
}

impl Programs for Entries {
    fn ready(&self, entry: &str) -> Option<Arc<dyn Program>> {
        match entry {
            "agent" | "root" => Some(Arc::new(Seeded(self.ledger.clone(), entry == "root"))),
            _ => Some(self.specs.iter().find(|spec| spec.name == entry)?.clone()),
        }
    }

    /// Some are not there at once, so that the other way is taken as well.
    fn load(&self, entry: &str) -> Result<Arc<dyn Program>, ProcessError> {
        let entry = entry.strip_prefix("late-").unwrap_or(entry);
        self.ready(entry)
            .ok_or_else(|| ProcessError::new(ErrorKind::NotFound, "there is no such entry"))
    }
}
