//! The programs of a project's entries, made ready when first used.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    Runtime,
    actor::shown,
    program::{Program, Programs},
};
use crate::{
    dispatch::{Fault, Kind},
    registry::{self, Id, Problem, Project},
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

    /// The runtime.
    pub fn runtime(&self) -> &Runtime {
        &self.0.runtime
    }

    /// Nothing panics while it holds the lock.
    fn cache(&self) -> MutexGuard<'_, HashMap<String, Arc<dyn Program>>> {
        self.0.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Programs for ProjectPrograms {
    fn ready(&self, entry: &str) -> Option<Arc<dyn Program>> {
        self.cache().get(entry).cloned()
    }

    fn load(&self, entry: &str) -> Result<Arc<dyn Program>, Fault> {
        let id: Id = entry.parse().map_err(|why| {
            Fault::new(Kind::Invalid, format!("`{}` is no id: {why}", shown(entry)))
        })?;
        let Inner { project, runtime, .. } = &*self.0;
        let program: Arc<dyn Program> = match project.entry(&id).map(|entry| &entry.kind) {
            None => {
                return Err(Fault::new(
                    Kind::NotFound,
                    format!("there is no entry {}", shown(&id.to_string())),
                ));
            }
            #[cfg(feature = "lua")]
            Some(registry::Kind::ProcessLua(_)) => super::lua::LuaProgram::load(project, &id)?,
            Some(_) => {
                let fault = |problem: Box<Problem>| {
                    let kind = match (problem.engine, problem.may_pass) {
                        (true, _) => Kind::Internal,
                        (false, true) => Kind::Unavailable,
                        (false, false) => Kind::Invalid,
                    };
                    let retryable = problem.engine || problem.may_pass;
                    Fault { retryable, ..Fault::new(kind, problem.to_string()) }
                };
                Arc::new(runtime.job(project, &id).map_err(fault)?)
            }
        };
        Ok(self.cache().entry(entry.to_owned()).or_insert(program).clone())
    }
}
