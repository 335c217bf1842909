//! Lua programs as programs of a node.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    command::{ErrorKind, InlineDispatcher, ProcessError},
    host::node::{
        dispatcher::World,
        program::{Answering, Program, SpawnContext, Started},
        recorder::Recordable,
    },
    imports::wasi::WasiConfig,
    lua::{self, LuaProcess},
    network::Network,
    process::{Args, Call, Limits, Process, Start, StartData},
    registry::{self, Id, Pool, Project, Retry},
    replay::journal::Code,
    value::Term,
    world::{Output, SystemDispatcher},
};

/// A `process.lua` entry, compiled.
pub(in crate::host) struct LuaProgram {
    program: lua::LuaProgram,
    /// The variables of the project by their public names, for `env.get`.
    env: Arc<[(String, String)]>,
    calls: Option<(Pool, Option<Retry>)>,
    default_host: Option<String>,
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
        let entry = project.entry(id);
        Ok(Arc::new(LuaProgram {
            program,
            env: env.into_iter().collect(),
            calls: entry.and_then(|entry| entry.kind.calls()),
            default_host: entry.and_then(|entry| entry.default_host()),
        }))
    }
}

impl Program for LuaProgram {
    fn start(&self, args: Vec<Term>, mut context: SpawnContext) -> Result<Started, ProcessError> {
        let (recorder, serial, staged) = (context.recorder(), context.serial(), context.staged());
        // What is recorded, or simulated, has to be the same once more.
        let pinned = recorder.is_some() || staged.is_some();
        let front = matches!(context.streams.stdout, Output::Inherit);
        let streams = std::mem::take(&mut context.streams);
        let answers = context.answers_of(match staged {
            Some(world) => World::Staged(world),
            None => {
                let world = SystemDispatcher::new(streams);
                if self.program.names("http_client") {
                    world.set_network(Network::ALL.into());
                }
                World::System(world)
            }
        });
        let text = |term: &Term| {
            let Term::Text(text) = term else { return None };
            Some(text.to_string())
        };
        let program = &self.program;
        let account = context.account(program.max_memory());
        let handed = context.context();
        let mut argv = vec![context.identity.entry.clone()];
        argv.extend(args.iter().filter_map(text));
        let data = StartData {
            call: Some(Call { method: program.method().to_owned(), args: Args::Terms(args) }),
            identity: Some(context.identity),
            wasi: Some(WasiConfig { args: argv, env: self.env.clone(), ..WasiConfig::default() }),
            request: None,
            limits: Limits { max_memory: program.max_memory(), ..Limits::default() },
            context: handed,
        };
        let mut inline: Box<dyn InlineDispatcher> = Box::new(answers.clone());
        let tape = recorder.map(|recorder| {
            let tape = recorder.tape(serial, &account);
            (recorder, tape, data.clone())
        });
        if let Some((_, tape, _)) = &tape {
            inline = tape.dispatcher(inline);
        }
        let start = Start { account: Some(account), inline: Some(inline), ..data.into() };
        let process = match pinned {
            true => LuaProcess::pinned(program, start),
            false => LuaProcess::start(program, start),
        };
        let mut process: Box<dyn Process> = Box::new(process.map_err(|error| error.fault())?);
        if let Some((recorder, tape, data)) = tape {
            recorder.started(self, serial, front, data);
            process = tape.process(process);
        }
        let max_execution = self.program.max_execution();
        Ok(Started { process, answers, result: None, max_execution })
    }

    fn answering(&self) -> Answering {
        Answering::Described
    }

    fn calls(&self) -> Option<(Pool, Option<Retry>)> {
        self.calls
    }

    fn default_host(&self) -> Option<String> {
        self.default_host.clone()
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
