//! Lua programs as programs of a node.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    command::{ErrorKind, ProcessError},
    host::node::{
        program::{Program, SpawnContext, Started},
        recorder::Recordable,
    },
    imports::wasi::WasiConfig,
    lua::{self, LuaProcess},
    process::{Args, Call, Limits, Start, StartData},
    registry::{self, Id, Project},
    replay::journal::Code,
    value::Term,
    world::{Output, SystemDispatcher},
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
        let (recorder, serial) = (context.recorder(), context.serial());
        let front = matches!(context.streams.stdout, Output::Inherit);
        let world = SystemDispatcher::new(std::mem::take(&mut context.streams));
        let answers = context.answers(world);
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
        let max_execution = self.program.max_execution();
        let start = |data: StartData, inline, account| Start {
            account: Some(account),
            inline: Some(inline),
            ..data.into()
        };
        let Some(recorder) = recorder else {
            let process = LuaProcess::start(program, start(data, inline, account));
            let process = Box::new(process.map_err(|error| error.fault())?);
            return Ok(Started { process, answers, result: None, max_execution });
        };
        let tape = recorder.tape(serial, &account);
        let inline = tape.dispatcher(inline);
        let process = LuaProcess::pinned(program, start(data.clone(), inline, account));
        let process = Box::new(process.map_err(|error| error.fault())?);
        recorder.started(self, serial, front, data);
        let process = tape.process(process);
        Ok(Started { process, answers, result: None, max_execution })
    }
}

impl Recordable for LuaProgram {
    /// The texts of an entry are the same for as long as a project is loaded.
    fn key(&self) -> (String, String) {
        (self.program.name().to_owned(), String::new())
    }

    fn code(&self, _: bool) -> Code {
        Code::Lua(self.program.code())
    }
}
