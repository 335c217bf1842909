//! `wippy serve`: HTTP requests, answered by a file without a project.

use std::sync::Arc;

use super::{
    args::ServeArgs,
    exit::{Exit, Failure},
    invoke,
    log::Logs,
    project::linker,
    recording::{self, Recording},
    run::spec_of_file,
    terminal::{self, Interrupts, PATIENCE},
};
use crate::{
    command::{ErrorKind, ProcessError},
    host::{HostOptions, Node, ProcessSpec, Program, Programs, Runtime, Server, Site},
    registry::HttpService,
    replay::journal::CommandLine,
};

/// The host of the processes, and the name of the server in its log.
const HOST: &str = "serve";

/// The interface of components that are made for this.
const HANDLER: &str = "wasi:http/incoming-handler";

/// Answers until a signal.
pub(super) fn serve(args: &ServeArgs, logs: Logs) -> Result<Exit, Failure> {
    if let Some((name, Some(_))) = args.given.invoke.as_deref().map(invoke::split) {
        return Err(Failure::usage(format!(
            "--invoke takes a name here: what is called is given the body of each request\n    \
             fix:      write it like this: --invoke {name}"
        )));
    }
    let mut runtime = Runtime::new(recording::engine(&args.record), linker()?).with_cache();
    if args.record.embed {
        runtime = runtime.keeping_files();
    }
    let spec = spec_of_file(&runtime, &args.file, &args.given, logs, Some(HANDLER))?;
    let name = spec.name.clone();
    let mut spec = spec.that_answers().map_err(|found| {
        Failure::usage(format!(
            "{name}: {found} cannot answer requests: that takes a function of nothing, a string, \
             an option<string> or a list<u8>, or {HANDLER}"
        ))
    })?;
    args.limits.apply(&mut spec);
    let max_slice = spec.program.max_slice();
    let node = Node::new(One(Arc::new(spec)));
    terminal::add(&node, HOST, HostOptions::default())?;
    logs.show();
    let line = CommandLine { logs: recording::shows(logs, false), ..CommandLine::default() };
    let recording = Recording::start(&node, &args.record, max_slice, line)?;
    let entry = HttpService::at(&args.addr);
    let server = Server::new(&node, HOST, HOST, entry, Site::of_one(&name));
    let mut interrupts = Interrupts::new(&node, None)?;
    let ended = smol::block_on(async {
        let listening = server
            .listen()
            .await
            .map_err(|fault| Failure::config(format!("--addr: {}", fault.message)))?;
        logs.say(&format!("serving {name} at {}; Ctrl-C stops it", listening.url()));
        if interrupts.during(std::future::pending::<()>()).await.is_none() {
            logs.say("stopping; Ctrl-C once more ends all requests at once");
        }
        // A second signal is the end of all of them.
        let stopped = interrupts.during(listening.stop(PATIENCE)).await.is_some();
        drop(listening);
        match stopped && terminal::wind_down(&node, None, &mut interrupts).await {
            true => Ok(Exit::Ok),
            false => {
                node.terminate_all();
                Err(Failure::Silent(Exit::Interrupted))
            }
        }
    });
    recording.finish(ended)
}

/// One program, whatever is asked for.
struct One(Arc<ProcessSpec>);

impl Programs for One {
    fn ready(&self, entry: &str) -> Option<Arc<dyn Program>> {
        (entry == self.0.name).then(|| self.0.clone() as Arc<dyn Program>)
    }

    fn load(&self, entry: &str) -> Result<Arc<dyn Program>, ProcessError> {
        self.ready(entry).ok_or_else(|| {
            ProcessError::new(ErrorKind::NotFound, format!("there is no entry {entry}"))
        })
    }
}
