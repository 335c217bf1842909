//! Processes that live together on a node of two threads, for all measurements
//! of messages and lives. What they run is `actors.wat`.

use std::{sync::Arc, time::Duration};

use wippy::{
    artifact::Artifact,
    command::{ErrorKind, ProcessError},
    component::{DEFAULT_STACK, Engine, Linker},
    host::{
        Handle, HostOptions, Node, ProcessSpec, Program, Programs, Runtime, SpawnContext, Started,
    },
    imports::{process, wasi},
    process::{Event, Fuel, Grants, Process, StepOutput},
    value::Value,
    world::Streams,
};

use super::Result;

pub const WORKERS: usize = 2;

const HOST: &str = "bench";

/// The functions of the guest, each as an entry.
#[derive(Clone)]
pub struct Entries {
    specs: Arc<[Arc<ProcessSpec>]>,
}

impl Entries {
    pub fn new() -> Result<Entries> {
        let mut linker = Linker::default();
        wasi::add_to_linker(&mut linker)?;
        process::add_to_linker(&mut linker)?;
        let runtime = Runtime::new(Engine::default(), linker);
        let artifact = Artifact::from_bytes(include_bytes!("actors.wat").to_vec())?;
        let loaded = runtime.load(&artifact, Some(include_str!("actors.wit")), DEFAULT_STACK)?;
        let program = runtime.link(&loaded.component, &Grants::all())?;
        let names = ["idle", "nothing", "spin", "flood", "sink", "echo", "ping", "lives"];
        let spec =
            |name: &&str| Ok(Arc::new(ProcessSpec::new(name, &loaded, program.clone(), name)?));
        Ok(Entries { specs: names.iter().map(spec).collect::<Result<_>>()? })
    }

    fn spec(&self, name: &str) -> Option<&Arc<ProcessSpec>> {
        self.specs.iter().find(|spec| spec.name == name)
    }
}

impl Programs for Entries {
    fn ready(&self, entry: &str) -> Option<Arc<dyn Program>> {
        Some(self.spec(entry)?.clone())
    }

    fn load(&self, entry: &str) -> Result<Arc<dyn Program>, ProcessError> {
        Err(ProcessError::new(ErrorKind::NotFound, format!("there is no entry {entry}")))
    }
}

/// A node with one host.
pub struct Bench {
    pub node: Node,
    entries: Entries,
}

impl Bench {
    pub fn new() -> Result<Bench> {
        let entries = Entries::new()?;
        let node = Node::new(entries.clone());
        node.add_host(HOST, HostOptions { workers: Some(WORKERS), ..HostOptions::default() })?;
        Ok(Bench { node, entries })
    }

    pub fn start(&self, name: &str, args: Vec<Value>) -> Result<Handle> {
        let spec = self.entries.spec(name).ok_or("no such function")?;
        self.launch(name, |context| spec.start(args, context))
    }

    /// The same, for a process that is watched.
    pub fn start_watched(
        &self,
        name: &str,
        args: Vec<Value>,
        watch: impl Watch + 'static,
    ) -> Result<Handle> {
        let spec = self.entries.spec(name).ok_or("no such function")?;
        self.launch(name, |context| {
            let started = spec.start(args, context)?;
            let process = Box::new(Watched { process: started.process, watch });
            Ok(Started { process, ..started })
        })
    }

    /// Starts something that is not a guest.
    pub fn launch(
        &self,
        name: &str,
        start: impl FnOnce(SpawnContext) -> Result<Started, ProcessError>,
    ) -> Result<Handle> {
        Ok(self.node.launch(HOST, name, Some(Streams::default()), start)?)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        smol::block_on(self.node.shutdown("the measurement is over", Duration::ZERO));
    }
}

/// Waits for the good ends of all of them.
pub fn all_end(handles: Vec<Handle>) -> Result<()> {
    for handle in handles {
        let ended = smol::block_on(handle.ended()).ok_or("a process was lost")?;
        ended.outcome.clone()?;
    }
    Ok(())
}

pub fn pid(handle: &Handle) -> Value {
    handle.pid().as_str().into()
}

/// Is told what happens to a process.
pub trait Watch: Send {
    fn step_begins(&mut self, _: &[Event]) {}
    fn step_ends(&mut self) {}
    fn trimmed(&mut self, _: &[u8]) {}
    fn trim_ends(&mut self) {}
}

/// A process that is watched.
pub struct Watched<W> {
    pub process: Box<dyn Process>,
    pub watch: W,
}

impl<W: Watch> Process for Watched<W> {
    fn step(&mut self, events: &mut Vec<Event>, fuel: Fuel, out: &mut StepOutput) {
        self.watch.step_begins(events);
        self.process.step(events, fuel, out);
        self.watch.step_ends();
    }

    fn trim(&mut self, release: &mut dyn FnMut(&mut [u8])) {
        let watch = &mut self.watch;
        self.process.trim(&mut |memory| {
            release(memory);
            watch.trimmed(memory);
        });
        watch.trim_ends();
    }

    fn memory_used(&self) -> u64 {
        self.process.memory_used()
    }

    fn close(&mut self) {
        self.process.close();
    }
}
