//! Lua programs as programs of a node.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    command::{ErrorKind, ProcessError},
    host::node::{
        dispatcher::World,
        program::{Program, SpawnContext, Started},
        recorder::Recorder,
    },
    imports::wasi::WasiConfig,
    lua::{self, LuaProcess},
    process::{Args, Call, Limits, Start, StartData},
    registry::{self, Id, Project},
    value::Term,
    world::SystemDispatcher,
};

/// A `process.lua` entry, compiled.
pub(in crate::host) struct LuaProgram {
    program: lua::LuaProgram,
    /// The variables of the project by their public names, for `env.get`.
    env: Arc<[(String, String)]>,
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
        Ok(Arc::new(LuaProgram { program, env: env.into_iter().collect() }))
    }
}

impl Program for LuaProgram {
    fn start(&self, args: Vec<Term>, mut context: SpawnContext) -> Result<Started, ProcessError> {
        if context.recorder().is_some() {
            return Err(Recorder::refuse(&context.identity.entry));
        }
        let streams = std::mem::take(&mut context.streams);
        let answers = context.answers_of(match context.staged() {
            Some(world) => World::Staged(world),
            None => World::System(SystemDispatcher::new(streams)),
        });
        let text = |term: &Term| {
            let Term::Text(text) = term else { return None };
            Some(text.to_string())
        };
        let program = &self.program;
        let account = context.account(program.max_memory());
        let mut argv = vec![context.identity.entry.clone()];
        argv.extend(args.iter().filter_map(text));
        let data = StartData {
            call: Some(Call { method: program.method().to_owned(), args: Args::Terms(args) }),
            identity: Some(context.identity),
            wasi: Some(WasiConfig { args: argv, env: self.env.clone(), ..WasiConfig::default() }),
            request: None,
            limits: Limits { max_memory: program.max_memory(), ..Limits::default() },
        };
        let inline = Box::new(answers.clone());
        let start = Start { account: Some(account), inline: Some(inline), ..data.into() };
        let process = LuaProcess::start(program, start).map_err(|error| error.fault())?;
        let max_execution = self.program.max_execution();
        Ok(Started { process: Box::new(process), answers, result: None, max_execution })
    }
}
