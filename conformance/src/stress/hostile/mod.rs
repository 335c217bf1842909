//! Programs that try to make the host hold more for them than they may have.
//!
//! Each *amplifier* is small and asks for what is large: values whose parts all lie
//! at one place, handles, lists of directories, random bytes, mail, processes,
//! endings that many are told of. They are generated, started again and again on a
//! small host of their own, and mostly end with a message that names a limit. Two
//! things are looked at meanwhile:
//!
//! - the memory of this program stays below what is on the accounts and a constant;
//! - programs that do nobody any harm, on the same host and on another one, go on.
//!
//! | file | what |
//! | --- | --- |
//! | `guests` | amplifiers in WebAssembly, as text |
//! | `native` | amplifiers that ask the host itself |
//! | `watch` | what is looked at |

mod guests;
mod native;
mod watch;

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use wippy::{
    artifact::Artifact,
    command::{ErrorKind, ProcessError},
    component::{DEFAULT_STACK, Engine, Linker},
    host::{HostOptions, Node, ProcessSpec, Program, Programs, Runtime, WasiDir, WasiSetup},
    imports::{process, wasi},
    process::Grants,
    world::{Directory, Streams},
};

use crate::random::Random;

/// Bytes that one amplifier may have.
const MEMORY: u64 = 24 << 20;

/// Bytes that all of them may have together.
const HOST: u64 = 256 << 20;

/// Amplifiers that live at a time, but for those that they start themselves.
const AT_A_TIME: usize = 24;

/// Runs for so long, and says what was done.
pub fn run(time: Duration, seed: u64) -> Result<String, String> {
    let folder = Folder::new(seed).map_err(|why| why.to_string())?;
    let specs = Jobs::new(&folder).map_err(|why| why.to_string())?;
    let node = Node::new(specs.clone());
    let options = |workers, memory| HostOptions {
        workers: Some(workers),
        queue_bytes: 8 << 20,
        max_processes: 2000,
        max_memory: Some(memory),
        ..HostOptions::default()
    };
    node.add_host("hostile", options(2, HOST)).map_err(|why| why.to_string())?;
    node.add_host("good", options(1, HOST)).map_err(|why| why.to_string())?;
    let good = ["hostile", "good"].map(|host| specs.start(&node, host, "good"));
    let good = good.into_iter().collect::<Result<Vec<_>, _>>().map_err(|fault| fault.message)?;
    let good: Vec<_> = good.iter().map(|handle| handle.pid().clone()).collect();

    let mut random = Random(seed);
    let mut watch = watch::Watch::new(&node, &good)?;
    let (begin, mut started, mut refused) = (Instant::now(), 0u64, 0u64);
    let mut living = Vec::new();
    while begin.elapsed() < time {
        living.retain(|handle| smol::block_on(watch::is_alive(handle)));
        while living.len() < AT_A_TIME {
            let began = match random.below(3) {
                0 => native::start(&node, &mut random),
                _ => specs.start_any(&node, &mut random),
            };
            match began {
                Ok(handle) => {
                    started += 1;
                    living.push(handle);
                }
                // There is no memory, or there are too many.
                Err(fault) if fault.kind == ErrorKind::Unavailable => {
                    refused += 1;
                    break;
                }
                Err(fault) => return Err(format!("not started: {}", fault.message)),
            }
        }
        // Those that would stay for ever, and those that they have started.
        for info in node.processes() {
            if !good.contains(&info.pid) && random.one_in(40) {
                // It may have ended by itself.
                drop(node.terminate(info.pid.as_str()));
            }
        }
        watch.look()?;
        thread::sleep(Duration::from_millis(20));
    }
    let seen = watch.end()?;
    drop(living);
    end(&node)?;
    match ["hostile", "good"].map(|host| node.memory(host).map_or(0, |(used, _)| used)) {
        [0, 0] => Ok(format!("{started} amplifiers, {refused} refused; {seen}")),
        left => Err(format!("{left:?} bytes are left on the accounts of the hosts")),
    }
}

/// How long it may take until all have ended.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ends all processes, those too that are started meanwhile.
fn end(node: &Node) -> Result<(), String> {
    let begin = Instant::now();
    while !node.is_empty() {
        if begin.elapsed() > PATIENCE {
            return Err(format!("{} processes have not ended", node.len()));
        }
        node.terminate_all();
        thread::sleep(Duration::from_millis(20));
    }
    smol::block_on(node.shutdown("the run is over", Duration::from_secs(5)));
    // A process leaves the table when it has given all back but its last words.
    thread::sleep(Duration::from_millis(100));
    Ok(())
}

/// A directory with many entries of long names.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(seed: u64) -> std::io::Result<Folder> {
        let name = format!("wippy-hostile-{}-{seed}", std::process::id());
        let folder = Folder(std::env::temp_dir().join(name));
        std::fs::create_dir_all(&folder.0)?;
        for i in 0..2000 {
            std::fs::write(folder.0.join(format!("{i:0>200}")), b"")?;
        }
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // It lies among others that nobody needs.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The programs that can be started.
#[derive(Clone)]
struct Jobs(Arc<Vec<ProcessSpec>>);

impl Jobs {
    fn new(folder: &Folder) -> Result<Jobs, Box<dyn std::error::Error>> {
        let mut linker = Linker::default();
        wasi::add_to_linker(&mut linker)?;
        process::add_to_linker(&mut linker)?;
        let runtime = Runtime::new(Engine::default(), linker);
        let dir = cap_std::fs::Dir::open_ambient_dir(&folder.0, cap_std::ambient_authority())?;
        let dir = Directory::from(dir);
        let mut specs = Vec::new();
        for guest in guests::all() {
            let artifact = Artifact::from_bytes(guest.text.into_bytes())
                .map_err(|error| format!("{}: {error}", guest.name))?;
            let loaded = runtime.load(&artifact, guest.wit, DEFAULT_STACK)?;
            let program = runtime.link(&loaded.component, &Grants::all())?;
            let mut spec = ProcessSpec::new(guest.name, &loaded, program, "run")?;
            spec.limits.max_memory = MEMORY;
            let dir = WasiDir { guest: "/".to_owned(), dir: dir.clone(), read_only: true };
            spec.given = WasiSetup { dirs: vec![dir], ..WasiSetup::default() };
            specs.push(spec);
        }
        Ok(Jobs(Arc::new(specs)))
    }

    fn start(
        &self,
        node: &Node,
        host: &str,
        name: &str,
    ) -> Result<wippy::host::Handle, ProcessError> {
        let spec = self.0.iter().find(|spec| spec.name == name);
        let spec = spec.ok_or_else(|| ProcessError::new(ErrorKind::NotFound, name))?;
        let streams = Some(Streams::default());
        node.launch(host, name, streams, |context| Program::start(spec, Vec::new(), context))
    }

    fn start_any(
        &self,
        node: &Node,
        random: &mut Random,
    ) -> Result<wippy::host::Handle, ProcessError> {
        let number = random.below(self.0.len() as u64) as usize;
        let name = self.0.get(number).map_or("good", |spec| spec.name.as_str());
        self.start(node, "hostile", if name == "good" { "idle" } else { name })
    }
}

impl Programs for Jobs {
    fn ready(&self, entry: &str) -> Option<Arc<dyn Program>> {
        let spec = self.0.iter().find(|spec| spec.name == entry)?;
        Some(Arc::new(spec.clone()))
    }

    fn load(&self, entry: &str) -> Result<Arc<dyn Program>, ProcessError> {
        Err(ProcessError::new(ErrorKind::NotFound, entry))
    }
}
