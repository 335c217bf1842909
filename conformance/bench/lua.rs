//! Processes in Lua on the node of the other measurements.

use wippy::{
    command::ProcessError,
    host::{Handle, Node, SpawnContext, Started},
    lua::{LuaConfig, LuaProcess, LuaProgram},
    process::{Call, Process, Start, StartData},
    world::{Streams, SystemDispatcher},
};

use super::{
    Result,
    actors::{Bench, Watch, Watched},
};

/// A program, compiled once for all its processes, as an entry's is.
pub struct LuaBench(LuaProgram);

impl LuaBench {
    /// A source that returns a table with `main`.
    pub fn new(source: &str) -> Result<LuaBench> {
        let config = LuaConfig {
            name: "bench:lua".to_owned(),
            source: source.to_owned(),
            method: "main".to_owned(),
            ..LuaConfig::default()
        };
        Ok(LuaBench(LuaProgram::new(&config)?))
    }

    pub fn start(&self, bench: &Bench) -> Result<Handle> {
        bench.launch("lua", |context| self.started(context, |process| process))
    }

    /// Starts it on another node.
    pub fn start_on(&self, node: &Node, host: &str) -> Result<Handle> {
        let streams = Some(Streams::default());
        Ok(node.launch(host, "lua", streams, |context| self.started(context, |process| process))?)
    }

    /// The same, for a process that is watched.
    pub fn start_watched(&self, bench: &Bench, watch: impl Watch + 'static) -> Result<Handle> {
        bench.launch("lua", |context| {
            self.started(context, |process| Box::new(Watched { process, watch }))
        })
    }

    fn started(
        &self,
        mut context: SpawnContext,
        wrap: impl FnOnce(Box<dyn Process>) -> Box<dyn Process>,
    ) -> Result<Started, ProcessError> {
        let world = SystemDispatcher::new(std::mem::take(&mut context.streams));
        let answers = context.answers(world);
        let data = StartData {
            call: Some(Call::new(self.0.method(), Vec::new())),
            identity: Some(context.identity.clone()),
            ..StartData::default()
        };
        let start = Start {
            account: Some(context.account(self.0.max_memory())),
            inline: Some(Box::new(answers.clone())),
            ..data.into()
        };
        let process = LuaProcess::start(&self.0, start).map_err(|error| error.fault())?;
        Ok(Started { process: wrap(Box::new(process)), answers, result: None, max_execution: None })
    }
}
