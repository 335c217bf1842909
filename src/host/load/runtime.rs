//! Entries and files to programs that are ready to start.

use std::{
    collections::HashMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, Instant},
};

use super::{
    answering::answering,
    complete::{Completed, complete},
    crew::Threads,
    error::PrepareError,
    vetted::{self, Vetted},
    wasi_setup::WasiSetup,
};
use crate::{
    adapter::{AdaptOptions, Adapted, LeftOut, WitPackage, adapt},
    artifact::{Artifact, ArtifactKind, Hash},
    component::{
        Component, DEFAULT_STACK, Engine, Function, LinkedComponent, Linker, LoadOptions,
        MAX_STACK, MIN_STACK, Vetting,
    },
    host::node::{panics, program::Answering},
    imports::{funcs, process, sim, wasi},
    lock::lock,
    process::{Grants, Limits},
    registry::{Entry, EntryKind, Id, Pool, Problem, Project, Retry, Transport, WasmSource},
};

/// Turns artifacts into programs, and shares what can be shared.
pub struct Runtime {
    engine: Engine,
    linker: Linker,
    loaded: Mutex<HashMap<Key, Arc<Slot>>>,
    vetted: Vetted,
    shares_threads: bool,
    keeps_files: bool,
}

/// The key of a translated component: two with the same key are the same.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    hash: Hash,
    /// A core module becomes another component with another WIT text.
    wit: Option<Box<str>>,
    stack: usize,
}

/// Filled by the first who asks, while the others wait. A failure is kept as
/// well: the same bytes would fail again.
type Slot = OnceLock<Result<Loaded, PrepareError>>;

/// An artifact, translated.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The component.
    pub component: Component,
    /// How a core module was made into it; its bytes are gone.
    pub adapted: Option<Arc<Adapted>>,
    /// A core module that carries its world was made into it.
    pub completed: bool,
    /// Of what it was made.
    pub source: Arc<ProgramSource>,
}

/// That of which a component was made.
#[derive(Clone, Debug)]
pub struct ProgramSource {
    /// The hash of the file.
    pub hash: Hash,
    /// The WIT text of a core module.
    pub wit: Option<Box<str>>,
    /// Bytes of the wasm stack.
    pub stack: usize,
    /// The file, if the runtime keeps it.
    pub bytes: Option<Arc<[u8]>>,
}

impl Runtime {
    /// A runtime whose processes may import what `linker` has, as far as they
    /// are granted it.
    pub fn new(engine: Engine, linker: Linker) -> Runtime {
        Runtime {
            engine,
            linker,
            loaded: Mutex::default(),
            vetted: Vetted::default(),
            shares_threads: true,
            keeps_files: false,
        }
    }

    /// The same runtime, which remembers in the user's cache folder which artifacts
    /// the interpreter can take, see [`Vetting`]. Without such a folder, or one that
    /// can be written, it only remembers as long as it lives.
    pub fn with_cache(mut self) -> Runtime {
        self.vetted = vetted::folder().map_or_else(Vetted::default, Vetted::in_folder);
        self
    }

    /// The same runtime, for one process at a time: no others wait while a very long
    /// function is translated, so that such a program starts sooner.
    pub fn for_one_process(self) -> Runtime {
        Runtime { shares_threads: false, ..self }
    }

    /// The same runtime, which keeps the bytes of what it loads, for a
    /// [`Recorder`](crate::host::Recorder) that embeds them.
    pub fn keeping_files(self) -> Runtime {
        Runtime { keeps_files: true, ..self }
    }

    /// The interpreter.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// All that processes may import.
    pub fn linker(&self) -> &Linker {
        &self.linker
    }

    /// The component of an artifact, translated if this is the first use of
    /// this artifact with this WIT text and stack limit. The WIT text is for
    /// core modules.
    ///
    /// # Errors
    ///
    /// If the artifact is not valid, or a core module does not fit its WIT.
    pub fn load(
        &self,
        artifact: &Artifact,
        wit: Option<&str>,
        stack: usize,
    ) -> Result<Loaded, PrepareError> {
        // A component has its own types: WIT text makes no other of it.
        let wit = wit.filter(|_| artifact.kind != ArtifactKind::Component);
        let key = Key { hash: artifact.hash, wit: wit.map(Into::into), stack };
        let slot = {
            // A panic while holding the lock cannot leave the map half changed.
            let mut loaded = lock(&self.loaded);
            loaded.entry(key).or_default().clone()
        };
        slot.get_or_init(|| {
            let start = Instant::now();
            // Nothing of what could not be loaded is used.
            let translate = AssertUnwindSafe(|| self.translate(artifact, wit, stack));
            let loaded = panics::catching(|| catch_unwind(translate))
                .unwrap_or_else(|_| Err(PrepareError::Engine(panics::said())));
            let elapsed = start.elapsed();
            let (hash, bytes) = (artifact.hash, artifact.bytes.len());
            match &loaded {
                Ok(_) => {
                    tracing::info!(%hash, kind = ?artifact.kind, bytes, ?elapsed, "loaded");
                }
                Err(error) => tracing::info!(%hash, %error, "not loaded"),
            }
            loaded
        })
        .clone()
    }

    fn translate(
        &self,
        artifact: &Artifact,
        wit: Option<&str>,
        stack: usize,
    ) -> Result<Loaded, PrepareError> {
        let assembled;
        let (bytes, kind) = match artifact.kind {
            ArtifactKind::Text => {
                assembled = assemble(&artifact.bytes)?;
                (&*assembled.bytes, assembled.kind)
            }
            kind @ (ArtifactKind::Core | ArtifactKind::Component) => (&*artifact.bytes, kind),
        };
        let source = Arc::new(ProgramSource {
            hash: artifact.hash,
            wit: wit.map(Into::into),
            stack,
            // A text may be in no file of its own.
            bytes: (self.keeps_files || artifact.kind == ArtifactKind::Text)
                .then(|| artifact.bytes.clone()),
        });
        let crew = Threads::new();
        let known = self.vetted.contains(&artifact.hash, wit);
        let vetting = if known { Vetting::Done } else { Vetting::With(&crew) };
        let options = LoadOptions { stack, vetting, shares_threads: self.shares_threads };
        let component = |bytes: &[u8]| {
            let component = Component::load(&self.engine, bytes, options);
            if component.is_ok() && !known {
                self.vetted.insert(&artifact.hash, wit);
            }
            component.map_err(PrepareError::Load)
        };
        if kind != ArtifactKind::Core {
            let component = component(bytes)?;
            return Ok(Loaded { component, adapted: None, completed: false, source });
        }
        // Whoever writes WIT for a module that has its own has a reason.
        let completed = match wit {
            None => complete(bytes).map_err(PrepareError::World)?,
            Some(_) => None,
        };
        let mut world = None;
        match completed {
            None => {}
            Some(Completed::Wit(text)) => world = Some(text),
            Some(Completed::Component(made)) => {
                tracing::debug!(bytes = made.len(), "core module made a component by its world");
                let component = component(&made)?;
                return Ok(Loaded { component, adapted: None, completed: true, source });
            }
        }
        let completed = world.is_some();
        let mut packages = packages();
        if completed {
            // Its text has all that it needs.
            packages.clear();
        }
        let wit = world.as_deref().or(wit);
        let mut adapted = adapt(bytes, &AdaptOptions { wit, packages: &packages })
            .map_err(PrepareError::Adapt)?;
        let made = std::mem::take(&mut adapted.component);
        tracing::debug!(bytes = made.len(), "core module made into a component");
        let component = component(&made).map_err(|error| {
            let PrepareError::Load(error) = error else { return error };
            // What counts is where it is in the file that was given.
            PrepareError::Load(error.in_file(memchr::memmem::find(&made, bytes)))
        })?;
        Ok(Loaded { component, adapted: Some(Arc::new(adapted)), completed, source })
    }

    /// Links a component with what `grants` lets it have.
    ///
    /// # Errors
    ///
    /// If an import has another type than here, or cannot be a stub.
    pub fn link(
        &self,
        component: &Component,
        grants: &Grants,
    ) -> Result<LinkedComponent, PrepareError> {
        let start = Instant::now();
        let program = component
            .link_with(&self.linker, &|import| {
                let reason = grants.deny(&self.linker, import)?;
                tracing::debug!(import, reason, "linked as a stub");
                Some(reason)
            })
            .map_err(PrepareError::Link)?;
        tracing::info!(%grants, elapsed = ?start.elapsed(), "linked");
        Ok(program)
    }

    /// The runnable form of an entry in WebAssembly.
    ///
    /// # Errors
    ///
    /// A problem with the entry's file, line and field.
    pub fn spec(&self, project: &Project, id: &Id) -> Result<ProcessSpec, Box<Problem>> {
        let process = project.process_wasm(id)?;
        let Some(entry) = project.entry(id) else {
            return Err(Box::new(Problem::error("", format!("{id}, which is no entry"), "", "")));
        };
        let artifact = Artifact::of_process(project, id)?;
        let complain = |error: PrepareError| Box::new(problem(entry, &error));
        let limits = &process.limits;
        let stack = stack_bytes(limits.max_stack);
        let loaded = self.load(&artifact, process.wit.as_deref(), stack).map_err(complain)?;
        let grants = Grants::new(id.to_string(), &process.imports);
        let program = self.link(&loaded.component, &grants).map_err(complain)?;
        let mut spec = ProcessSpec::new(&id.to_string(), &loaded, program, &process.method)
            .map_err(complain)?;
        spec.limits.max_memory = limits.max_memory.unwrap_or(spec.limits.max_memory);
        spec.limits.max_fuel = limits.max_fuel;
        spec.max_execution = limits.max_execution;
        spec.given = WasiSetup::of_entry(project, entry, &process.wasi)?;
        spec.grants = grants;
        let directory = process.fs().and_then(|fs| project.entry(fs)).map(|entry| &entry.kind);
        if let Some(EntryKind::FsDirectory(directory)) = directory {
            spec.path = Some(directory.path.join(process.path().trim_start_matches('/')));
        } else if let WasmSource::Text { file: Some(file), .. } = &process.source {
            spec.path = Some(project.dir().join(file));
        }
        if process.transport == Transport::WasiHttp {
            spec.answering = answering(&spec.function).map_err(|unfit| unfit.problem(entry))?;
        }
        spec.program_name = process.path().rsplit('/').next().unwrap_or_default().to_owned();
        spec.calls = entry.kind.calls();
        spec.default_host = entry.default_host();
        Ok(spec)
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("linker", &self.linker).finish_non_exhaustive()
    }
}

/// A function of a program with the limits that it runs under: all that it
/// takes to start a process, any number of times.
#[derive(Clone, Debug)]
pub struct ProcessSpec {
    /// Its name in messages: the entry's id, or a file.
    pub name: String,
    /// The program.
    pub program: LinkedComponent,
    /// The function to call.
    pub function: Function,
    /// The limits of a process of it.
    pub limits: Limits,
    /// How long it may run.
    pub max_execution: Option<Duration>,
    /// The part of the world that it sees.
    pub given: WasiSetup,
    /// Its first argument: the name that it is told to have.
    pub program_name: String,
    /// It reads its arguments itself, like a program of an operating system;
    /// the function has no parameters.
    pub raw_arguments: bool,
    /// Of what the program was made.
    pub source: Arc<ProgramSource>,
    /// What the program may import. Only told: it has been linked with it.
    pub grants: Grants,
    /// Where its file is.
    pub path: Option<PathBuf>,
    /// How it answers requests from outside.
    pub answering: Answering,
    /// How calls of it are made, if it is a function.
    pub calls: Option<(Pool, Option<Retry>)>,
    /// The host that it runs on when it is called.
    pub default_host: Option<String>,
}

impl ProcessSpec {
    /// A process spec with the default limits. `program` is linked from `loaded`.
    ///
    /// # Errors
    ///
    /// If the program has no such function, or several.
    pub fn new(
        name: &str,
        loaded: &Loaded,
        program: LinkedComponent,
        method: &str,
    ) -> Result<ProcessSpec, PrepareError> {
        let function = program.function(method).map_err(|why| {
            let mut left_out = loaded.adapted.iter().flat_map(|adapted| &adapted.left_out);
            match left_out.find(|export| export.core == method) {
                Some(LeftOut { core, reason }) => {
                    PrepareError::Untyped { function: core.clone(), reason: reason.clone() }
                }
                None => PrepareError::method(&program, method, why),
            }
        })?;
        let interface = function.interface().unwrap_or_default();
        let is_command = interface == "wasi:cli/run" || interface.starts_with("wasi:cli/run@");
        // The adapter makes `run` of the `_start` of a core module.
        let is_start = loaded.adapted.is_some() && interface.is_empty() && function.name() == "run";
        Ok(ProcessSpec {
            name: name.to_owned(),
            program,
            raw_arguments: is_command || (is_start && function.ty().params.is_empty()),
            function,
            limits: Limits::default(),
            max_execution: None,
            given: WasiSetup::default(),
            program_name: name.to_owned(),
            source: loaded.source.clone(),
            grants: Grants::all(),
            path: None,
            answering: Answering::Not,
            calls: None,
            default_host: None,
        })
    }
}

impl ProcessSpec {
    /// The same, whose processes answer requests from outside.
    ///
    /// # Errors
    ///
    /// With what its function is, if it can answer none.
    pub fn that_answers(mut self) -> Result<ProcessSpec, String> {
        self.answering = answering(&self.function).map_err(|no| no.found)?;
        Ok(self)
    }
}

/// The WIT packages that a module's own may use.
pub(crate) fn packages() -> Vec<WitPackage<'static>> {
    let all = wasi::PACKAGES.iter().chain(&process::PACKAGES);
    let all = all.chain(&sim::PACKAGES).chain(&funcs::PACKAGES);
    all.map(|&(name, text)| WitPackage { name, text }).collect()
}

/// The binary form of WebAssembly text.
fn assemble(text: &[u8]) -> Result<Artifact, PrepareError> {
    // The library's word for a text without a file name is no help.
    let say = |error: wat::Error| PrepareError::Text(error.to_string().replace("<anon>:", "line "));
    let bytes = wat::parse_bytes(text).map_err(say)?;
    Artifact::from_bytes(bytes.into_owned()).map_err(|error| PrepareError::Text(error.to_string()))
}

/// An entry's `max_stack` in bytes, brought into the engine's range.
pub(in crate::host) fn stack_bytes(max_stack: Option<u64>) -> usize {
    let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(MAX_STACK);
    max_stack.map_or(DEFAULT_STACK, bytes).clamp(MIN_STACK, MAX_STACK)
}

/// The failure of an entry's artifact as a problem of the entry.
pub(in crate::host) fn problem(entry: &Entry, error: &PrepareError) -> Problem {
    let mut found = error.found();
    let process = entry.kind.wasm_program();
    let source = match process.map(|process| &process.source) {
        Some(WasmSource::Text { .. }) => "source",
        Some(WasmSource::File { .. }) | None => "path",
    };
    // The field may be absent, and then it is the file that does not fit.
    let absent = process.is_some_and(|process| match error.field() {
        "wit" => process.wit.is_none(),
        "imports" => process.imports.is_empty(),
        _ => false,
    });
    let field = match error.field() {
        "path" => source,
        _ if absent => source,
        field => field,
    };
    if let (Some(process), "path") = (process, field) {
        found = format!("{}: {found}", process.path());
    }
    let problem = entry.problem(field, found, error.expected(), error.fix());
    problem.of_engine(error.is_of_engine())
}
