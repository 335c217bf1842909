//! The programs of a project's entries, made ready when first used.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use crate::{
    command::{ErrorKind, ProcessError},
    host::{
        Runtime,
        node::{
            program::{HostOptions, Program, Programs},
            send::shown,
        },
    },
    lock::lock,
    registry::{Entry, EntryKind, Id, Problem, Project},
};

/// A project and the runtime of its programs. A clone is the same.
#[derive(Clone)]
pub struct ProjectPrograms(Arc<Inner>);

struct Inner {
    project: Project,
    runtime: Runtime,
    ready: Mutex<HashMap<String, Arc<dyn Program>>>,
}

impl ProjectPrograms {
    /// Nothing is loaded yet.
    pub fn new(project: Project, runtime: Runtime) -> ProjectPrograms {
        ProjectPrograms(Arc::new(Inner { project, runtime, ready: Mutex::default() }))
    }

    /// The project.
    pub fn project(&self) -> &Project {
        &self.0.project
    }

    /// The hosts of the project, by id.
    pub fn hosts(&self) -> Vec<(String, HostOptions)> {
        let host = |entry: &Entry| match &entry.kind {
            EntryKind::ProcessHost(host) => Some((entry.id.to_string(), host.into())),
            EntryKind::TerminalHost(_) => Some((entry.id.to_string(), HostOptions::for_one())),
            EntryKind::FsDirectory(_)
            | EntryKind::EnvStorage
            | EntryKind::EnvVariable(_)
            | EntryKind::ProcessService(_)
            | EntryKind::ProcessWasm(_)
            | EntryKind::ProcessLua(_)
            | EntryKind::LibraryLua(_)
            | EntryKind::FunctionLua(_)
            | EntryKind::FunctionWasm(_)
            | EntryKind::HttpService(_)
            | EntryKind::HttpRouter(_)
            | EntryKind::HttpEndpoint(_)
            | EntryKind::HttpStatic(_)
            | EntryKind::Other => None,
        };
        self.project().entries().filter_map(host).collect()
    }

    /// The runtime.
    pub fn runtime(&self) -> &Runtime {
        &self.0.runtime
    }

    /// Nothing panics while it holds the lock.
    fn cache(&self) -> MutexGuard<'_, HashMap<String, Arc<dyn Program>>> {
        lock(&self.0.ready)
    }
}

impl Programs for ProjectPrograms {
    fn project(&self) -> Option<&Project> {
        Some(&self.0.project)
    }

    fn ready(&self, entry: &str) -> Option<Arc<dyn Program>> {
        self.cache().get(entry).cloned()
    }

    fn load(&self, entry: &str) -> Result<Arc<dyn Program>, ProcessError> {
        let id: Id = entry.parse().map_err(|why| {
            ProcessError::new(ErrorKind::Invalid, format!("`{}` is no id: {why}", shown(entry)))
        })?;
        let Inner { project, runtime, .. } = &*self.0;
        let program: Arc<dyn Program> = match project.entry(&id).map(|entry| &entry.kind) {
            None => {
                return Err(ProcessError::new(
                    ErrorKind::NotFound,
                    format!("there is no entry {}", shown(&id.to_string())),
                ));
            }
            #[cfg(feature = "lua")]
            Some(kind) if kind.lua_program().is_some() => {
                super::lua::LuaProgram::load(project, &id)?
            }
            Some(_) => {
                let fault = |problem: Box<Problem>| {
                    let kind = match (problem.engine, problem.may_pass) {
                        (true, _) => ErrorKind::Internal,
                        (false, true) => ErrorKind::Unavailable,
                        (false, false) => ErrorKind::Invalid,
                    };
                    let retryable = problem.engine || problem.may_pass;
                    ProcessError { retryable, ..ProcessError::new(kind, problem.to_string()) }
                };
                Arc::new(runtime.spec(project, &id).map_err(fault)?)
            }
        };
        Ok(self.cache().entry(entry.to_owned()).or_insert(program).clone())
    }
}
