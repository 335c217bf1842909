//! Everything that can be known about a project without running it.
//!
//! The registry has read the files; this looks at what they name: the artifact
//! is read and hashed, translated with every function body validated, its
//! imports compared with the entry's `imports`, its method resolved, and the
//! `input` of services compared with the method's parameters; certificates, keys and
//! directories of servers are opened.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::ErrorKind,
};

use super::{
    answering::answering,
    error::PrepareError,
    input::Unfit,
    offered::{is_of_toolchain, offered},
    runtime::{Loaded, ProcessSpec, Runtime, packages, problem, stack_bytes},
};
use crate::{
    adapter::check_wit,
    artifact::Artifact,
    component::{Function, MAX_STACK, MIN_STACK},
    host::serve,
    process::{Grants, group_of},
    registry::{
        self, Entry, EntryKind, Id, Problem, Problems, ProcessService, ProcessWasm, Project,
        Severity, Transport, describe_io, listed, name_one_of, quoted,
    },
};

/// The result of checking a project.
#[derive(Debug)]
pub struct Checked {
    /// The project's entries that are well-formed.
    pub project: Project,
    /// All problems, the registry's own among them.
    pub problems: Problems,
    /// How many processes were looked at.
    pub processes: usize,
}

/// Checks a loaded project.
pub fn check(runtime: &Runtime, loaded: registry::Loaded) -> Checked {
    let registry::Loaded { project, mut problems } = loaded;
    let mut processes = 0_usize;
    let mut specs = BTreeMap::new();
    let broken = check_directories(&project, &mut problems);
    for entry in project.entries() {
        if let Some(process) = entry.kind.wasm_program() {
            processes = processes.saturating_add(1);
            let broken = &broken;
            let mut checking =
                Checking { runtime, entry, process, broken, problems: &mut problems };
            specs.extend(checking.artifact(&project).map(|spec| (&entry.id, spec)));
            checking.fields();
        }
        if let EntryKind::HttpService(service) = &entry.kind {
            problems.extend(serve::check_service(entry, service));
        }
        if let EntryKind::HttpStatic(files) = &entry.kind
            && !broken.contains(&files.fs)
        {
            problems.extend(serve::check_static(&project, entry, files));
        }
        #[cfg(feature = "lua")]
        if entry.kind.lua().is_some() {
            processes = processes.saturating_add(usize::from(entry.kind.lua_program().is_some()));
            problems.extend(crate::lua::LuaProgram::check(entry));
        }
    }
    for entry in project.entries() {
        if let EntryKind::ProcessService(service) = &entry.kind
            && let Some(spec) = specs.get(&service.process)
        {
            problems.extend(check_input(entry, service, spec));
        }
    }
    // Without well-formed entries, a missing host may be one with an error.
    if project.commands().next().is_some()
        && !problems.has_errors()
        && let Err(missing) = project.hosts()
    {
        problems.push(*missing);
    }
    problems.sort();
    Checked { project, problems, processes }
}

/// Directories that others use and that are not there, or are none.
fn check_directories(project: &Project, problems: &mut Problems) -> BTreeSet<Id> {
    let mut used = BTreeSet::new();
    for entry in project.entries() {
        if let Some(process) = entry.kind.wasm_program() {
            let wasi = &process.wasi;
            used.extend(process.fs());
            used.extend(wasi.mounts.iter().map(|mount| &mount.fs));
            used.extend(wasi.ca.iter().map(|ca| &ca.fs));
        }
        if let EntryKind::HttpStatic(files) = &entry.kind {
            used.insert(&files.fs);
        }
    }
    let mut broken = BTreeSet::new();
    for entry in used.into_iter().filter_map(|id| project.entry(id)) {
        let EntryKind::FsDirectory(directory) = &entry.kind else { continue };
        let (why, fix) = match std::fs::metadata(&directory.path) {
            Ok(found) if found.is_dir() => continue,
            Ok(_) => ("it is not a directory".to_owned(), "name a directory"),
            // It is made when it is first needed.
            Err(error) if error.kind() == ErrorKind::NotFound && directory.auto_init => continue,
            Err(error) => (
                describe_io(&error),
                "create it, or run the build that does, or add to the entry: auto_init: true",
            ),
        };
        let path = quoted(&directory.path.to_string_lossy());
        let found = format!("the directory {path}: {why}");
        problems.push(entry.problem("directory", found, "a directory that can be read", fix));
        broken.insert(entry.id.clone());
    }
    broken
}

/// Compares a service's input with the parameters of the method.
fn check_input(entry: &Entry, service: &ProcessService, spec: &ProcessSpec) -> Vec<Problem> {
    let unfit = spec.check_input(&service.input).into_iter();
    let problem = |unfit: Unfit| {
        let field = unfit.at.map_or("input".to_owned(), |at| format!("input[{at}]"));
        let fix = format!("give {} the arguments of its method, in their order", service.process);
        entry.problem(&field, unfit.found, unfit.expected, fix)
    };
    unfit.map(problem).collect()
}

struct Checking<'a> {
    runtime: &'a Runtime,
    entry: &'a Entry,
    process: &'a ProcessWasm,
    /// Directories that cannot be opened.
    broken: &'a BTreeSet<Id>,
    problems: &'a mut Problems,
}

impl Checking<'_> {
    /// The program of the entry, if it can be run.
    fn artifact(&mut self, project: &Project) -> Option<ProcessSpec> {
        let artifact = match Artifact::of_process(project, &self.entry.id) {
            Ok(artifact) => artifact,
            Err(problem) => {
                // What is wrong with the directory is told where it is named.
                if !self.process.fs().is_some_and(|fs| self.broken.contains(fs)) {
                    self.problems.push(*problem);
                }
                self.wit();
                return None;
            }
        };
        let stack = stack_bytes(self.process.limits.max_stack);
        let loaded = match self.runtime.load(&artifact, self.process.wit.as_deref(), stack) {
            Ok(loaded) => loaded,
            Err(error) => {
                if !matches!(error, PrepareError::Adapt(_)) {
                    self.wit();
                }
                return self.fail(&error);
            }
        };
        let grants = Grants::new(self.entry.id.to_string(), &self.process.imports);
        self.imports(&loaded, &grants);
        if self.process.wit.is_some() && loaded.adapted.is_none() {
            self.warn(
                Severity::Warning,
                "wit",
                "WIT text for a component, which has its own types",
                "wit only beside core modules",
                "remove the field",
            );
        }
        let program = match self.runtime.link(&loaded.component, &grants) {
            Ok(program) => program,
            Err(error) => return self.fail(&error),
        };
        let (name, method) = (self.entry.id.to_string(), &self.process.method);
        let spec = match ProcessSpec::new(&name, &loaded, program, method) {
            Ok(spec) => spec,
            Err(error) => return self.fail(&error),
        };
        self.function(&spec);
        Some(spec)
    }

    /// Looks at the WIT text of an entry whose module cannot be looked at.
    fn wit(&mut self) {
        let Some(wit) = self.process.wit.as_deref().filter(|wit| !wit.trim().is_empty()) else {
            return;
        };
        if let Err(error) = check_wit(wit, &packages()) {
            self.problems.push(problem(self.entry, &PrepareError::Adapt(error)));
        }
    }

    fn function(&mut self, spec: &ProcessSpec) {
        if self.process.transport == Transport::WasiHttp
            && let Err(unfit) = answering(&spec.function)
        {
            self.problems.push(*unfit.problem(self.entry));
        }
        if is_of_toolchain(&spec.function) {
            let others: Vec<String> =
                offered(&spec.program).iter().map(Function::full_name).collect();
            let fix = match others.as_slice() {
                [] => String::new(),
                [one] => format!("write it like this: method: {one}"),
                several => name_one_of(several),
            };
            self.warn(
                Severity::Warning,
                "method",
                format!(
                    "{}, by which the toolchain has put the program in",
                    spec.function.full_name()
                ),
                "a function of the program",
                fix,
            );
        }
        if spec.function.ty().is_async {
            self.warn(
                Severity::Warning,
                "method",
                format!(
                    "{}, an async function, which traps when it is called",
                    spec.function.full_name()
                ),
                "a synchronous function; this version of wippy runs no others",
                "build the component with synchronous exports",
            );
        }
    }

    /// Compares the component's imports with those that the entry enables.
    fn imports(&mut self, loaded: &Loaded, grants: &Grants) {
        let imports = loaded.component.imports();
        let provided = |import: &&String| self.runtime.linker().provides(import);
        // To enable what nobody provides would change nothing.
        let denied = imports.iter().filter(|import| !grants.allows(import)).filter(provided);
        let groups: BTreeSet<String> = denied.map(|import| group_of(import)).collect();
        if !groups.is_empty() {
            let missing: Vec<String> = groups.iter().cloned().collect();
            let lines: String = groups.iter().map(|group| format!("\n  - {group}")).collect();
            let (that, them) =
                if groups.len() == 1 { ("which is", "it") } else { ("which are", "them") };
            self.warn(
                Severity::Warning,
                "imports",
                format!(
                    "the program imports {}, {that} not enabled: a call traps",
                    listed(&missing)
                ),
                "each group that the program calls",
                format!("if the program calls {them}, add\nimports:{lines}"),
            );
        }
        let lacking: Vec<String> =
            imports.iter().filter(|import| !provided(import)).cloned().collect();
        if !lacking.is_empty() {
            self.warn(
                Severity::Warning,
                "imports",
                format!("the program imports {}: a call traps", listed(&lacking)),
                "imports that this version of wippy provides",
                "",
            );
        }
        let unused: Vec<&str> = grants.unused(&imports).collect();
        if !unused.is_empty() {
            self.warn(
                Severity::Note,
                "imports",
                format!("{}, which the program does not import", listed(&unused)),
                "",
                "remove what is not needed",
            );
        }
    }

    fn fields(&mut self) {
        if let Some(stack) = self.process.limits.max_stack
            && !(MIN_STACK as u64..=MAX_STACK as u64).contains(&stack)
        {
            let nearest = stack.clamp(MIN_STACK as u64, MAX_STACK as u64);
            self.warn(
                Severity::Warning,
                "limits.max_stack",
                format!("{stack} bytes; {nearest} are used instead"),
                format!("{MIN_STACK} to {MAX_STACK} bytes"),
                format!("write it like this: max_stack: {nearest}"),
            );
        }
    }

    fn fail<T>(&mut self, error: &PrepareError) -> Option<T> {
        self.problems.push(problem(self.entry, error));
        None
    }

    fn warn(
        &mut self,
        severity: Severity,
        field: &str,
        found: impl Into<String>,
        expected: impl Into<String>,
        fix: impl Into<String>,
    ) {
        let problem: Problem = self.entry.problem(field, found, expected, fix);
        self.problems.push(problem.with_severity(severity));
    }
}
