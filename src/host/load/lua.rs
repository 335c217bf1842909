//! Lua programs as programs of a node.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    command::{ErrorKind, ProcessError},
    host::node::program::{Program, SpawnContext, Started},
    lua,
    registry::{self, Id, Project},
    value::Term,
    world::SystemDispatcher,
};

/// A `process.lua` entry, compiled.
pub(in crate::host) struct LuaProgram {
    program: lua::LuaProgram,
    /// What `env.get` finds: the variables of the project, by their public names.
    env: Arc<BTreeMap<String, String>>,
}

impl LuaProgram {
    /// The program of an entry.
    pub fn load(project: &Project, id: &Id) -> Result<Arc<dyn Program>, ProcessError> {
        let invalid = |why: String| ProcessError::new(ErrorKind::Invalid, why);
        let program = lua::LuaProgram::compile(project, id)
            .map_err(|problem| invalid(problem.to_string()))?;
        let mut env = BTreeMap::new();
        for entry in project.entries() {
            let registry::EntryKind::EnvVariable(variable) = &entry.kind else { continue };
            let Some(name) = &variable.variable else { continue };
            // One that cannot be read has no value.
            if let Ok(Some(value)) = project.environment().lookup(&entry.id) {
                env.insert(name.clone(), value);
            }
        }
        Ok(Arc::new(LuaProgram { program, env: Arc::new(env) }))
    }
}

impl Program for LuaProgram {
    fn start(&self, args: Vec<Term>, mut context: SpawnContext) -> Result<Started, ProcessError> {
        let world = SystemDispatcher::new(std::mem::take(&mut context.streams));
        let answers = context.answers(world);
        let text = |term: &Term| {
            let Term::Text(text) = term else { return None };
            Some(text.to_string())
        };
        let start = lua::Start {
            account: Some(context.account(self.program.max_memory())),
            identity: Some(context.identity),
            env: self.env.clone(),
            argv: args.iter().filter_map(text).collect(),
            immediate: Some(Box::new(answers.clone())),
        };
        let mut process = self.program.process();
        process.start(self.program.method(), args, start).map_err(|error| error.fault())?;
        let max_execution = self.program.max_execution();
        Ok(Started { process: Box::new(process), answers, result: None, max_execution })
    }
}
