//! Everything that can be known about a project without running it.
//!
//! The registry has read the files; this looks at what they name: the artifact
//! is read and hashed, translated with every function body validated, its
//! imports compared with the entry's `imports`, its method resolved, and the
//! `input` of services compared with the method's parameters; certificates, keys and
//! directories of servers are opened.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    answering::answering,
    error::PrepareError,
    input::Unfit,
    runtime::{Loaded, ProcessSpec, Runtime, problem, stack_bytes},
};
use crate::{
    artifact::Artifact,
    component::{MAX_STACK, MIN_STACK},
    host::serve,
    process::{Grants, group_of},
    registry::{
        self, Entry, EntryKind, Problem, Problems, ProcessService, ProcessWasm, Project, Severity,
        Transport,
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
    for entry in project.entries() {
        if let Some(process) = entry.kind.wasm_program() {
            processes = processes.saturating_add(1);
            let mut checking = Checking { runtime, entry, process, problems: &mut problems };
            specs.extend(checking.artifact(&project).map(|spec| (&entry.id, spec)));
            checking.fields();
        }
        if let EntryKind::HttpService(service) = &entry.kind {
            problems.extend(serve::check_service(entry, service));
        }
        if let EntryKind::HttpStatic(files) = &entry.kind {
            problems.extend(serve::check_static(&project, entry, files));
        }
        #[cfg(feature = "lua")]
        if entry.kind.lua().is_some() {
            processes = processes.saturating_add(usize::from(entry.kind.lua_program().is_some()));
            problems.extend(crate::lua::LuaProgram::check(entry).err().map(|problem| *problem));
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
    problems: &'a mut Problems,
}

impl Checking<'_> {
    /// The program of the entry, if it can be run.
    fn artifact(&mut self, project: &Project) -> Option<ProcessSpec> {
        let artifact = match Artifact::of_process(project, &self.entry.id) {
            Ok(artifact) => artifact,
            Err(problem) => {
                self.problems.push(*problem);
                return None;
            }
        };
        let stack = stack_bytes(self.process.limits.max_stack);
        let loaded = match self.runtime.load(&artifact, self.process.wit.as_deref(), stack) {
            Ok(loaded) => loaded,
            Err(error) => return self.fail(&error),
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

    fn function(&mut self, spec: &ProcessSpec) {
        if self.process.transport == Transport::WasiHttp
            && let Err(unfit) = answering(&spec.function)
        {
            self.problems.push(*unfit.problem(self.entry));
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
        let denied = imports.iter().filter(|import| !grants.allows(import));
        let groups: BTreeSet<String> = denied.map(|import| group_of(import)).collect();
        if !groups.is_empty() {
            let listed: Vec<&str> = groups.iter().map(String::as_str).collect();
            let lines: String = groups.iter().map(|group| format!("\n  - {group}")).collect();
            let (that, them) =
                if groups.len() == 1 { ("which is", "it") } else { ("which are", "them") };
            self.warn(
                Severity::Warning,
                "imports",
                format!(
                    "the program imports {}, {that} not enabled: a call traps",
                    listed.join(", ")
                ),
                "each group that the program calls",
                format!("if the program calls {them}, add\nimports:{lines}"),
            );
        }
        let lacking = imports
            .iter()
            .filter(|import| grants.allows(import) && !self.runtime.linker().provides(import));
        let lacking: Vec<&str> = lacking.map(String::as_str).collect();
        if !lacking.is_empty() {
            self.warn(
                Severity::Warning,
                "imports",
                format!("{}, enabled and imported: a call traps", lacking.join(", ")),
                "imports that this version of wippy provides",
                "",
            );
        }
        let unused: Vec<&str> = grants.unused(&imports).collect();
        if !unused.is_empty() {
            self.warn(
                Severity::Note,
                "imports",
                format!("{}, which the program does not import", unused.join(", ")),
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
