//! Processes in Lua on the node of the other measurements.

use wippy::{
    dispatch::{
        Fault,
        world::{Streams, World},
    },
    host::{Birth, Handle, Node, Started},
    lua::{LuaConfig, Program, Start},
    process::Process,
};

use super::{
    Result,
    actors::{Bench, Watch, Watched},
};

/// A program, compiled once for all its processes, as an entry's is.
pub struct LuaBench(Program);

impl LuaBench {
    /// A source that returns a table with `main`.
    pub fn new(source: &str) -> Result<LuaBench> {
        let config = LuaConfig {
            name: "bench:lua".to_owned(),
            source: source.to_owned(),
            method: "main".to_owned(),
            ..LuaConfig::default()
        };
        Ok(LuaBench(Program::new(&config)?))
    }

    pub fn start(&self, bench: &Bench) -> Result<Handle> {
        bench.launch("lua", |birth| self.started(birth, |process| process))
    }

    /// Starts it on another node.
    pub fn start_on(&self, node: &Node, host: &str) -> Result<Handle> {
        let streams = Some(Streams::default());
        Ok(node.launch(host, "lua", streams, |birth| self.started(birth, |process| process))?)
    }

    /// The same, for a process that is watched.
    pub fn start_watched(&self, bench: &Bench, watch: impl Watch + 'static) -> Result<Handle> {
        bench.launch("lua", |birth| {
            self.started(birth, |process| Box::new(Watched { process, watch }))
        })
    }

    fn started(
        &self,
        mut birth: Birth,
        wrap: impl FnOnce(Box<dyn Process>) -> Box<dyn Process>,
    ) -> Result<Started, Fault> {
        let world = World::new(std::mem::take(&mut birth.streams));
        let answers = birth.answers(world);
        let start = Start {
            account: Some(birth.account(self.0.max_memory())),
            identity: Some(birth.identity),
            immediate: Some(Box::new(answers.clone())),
            ..Start::default()
        };
        let mut process = self.0.process();
        process.start(self.0.method(), Vec::new(), start).map_err(|error| error.fault())?;
        Ok(Started { process: wrap(Box::new(process)), answers, result: None, max_execution: None })
    }
}
