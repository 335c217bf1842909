//! Starting processes of a spec: on a node, or alone.

use std::{convert::Infallible, thread, time::Instant};

use async_channel::Sender;

use super::input::Unfit;
use crate::{
    account::Account,
    command::{Command, ErrorKind, InlineDispatcher, ProcessError, Reply},
    host::{
        ProcessSpec,
        node::{
            chores,
            dispatcher::World,
            ended::Ended,
            mailbox::{Capacity, Mailbox},
            panics::{self, Undertaker},
            program::{Answering, Program, Request, SpawnContext, Started},
            run::{HostDispatcher, RunOptions, live},
        },
    },
    imports::wasi::WasiConfig,
    process::{Call, Error, Identity, Process, Start, StartData, WasmProcess},
    registry::{Pool, Retry},
    value::{Term, Value},
    world::{Dispatcher, Output, Streams, SystemDispatcher},
};

impl ProcessSpec {
    /// A process on a node, with values of the function's types.
    ///
    /// # Errors
    ///
    /// If the input does not fit the function, or the process cannot be given its
    /// world.
    pub fn start(&self, input: Vec<Value>, context: SpawnContext) -> Result<Started, ProcessError> {
        self.start_with(input, Vec::new(), context)
    }

    /// The same, with arguments for a program that reads them itself.
    fn start_with(
        &self,
        input: Vec<Value>,
        words: Vec<String>,
        mut context: SpawnContext,
    ) -> Result<Started, ProcessError> {
        let account = context.account(self.limits.max_memory);
        let streams = std::mem::take(&mut context.streams);
        let (recorder, serial) = (context.recorder(), context.serial());
        let front = matches!(streams.stdout, Output::Inherit);
        let (world, wasi) = match context.staged() {
            Some(world) => {
                let wasi = self.given.to_staged(&self.program_name, words, &*world);
                (World::Staged(world), wasi)
            }
            None => {
                let (world, wasi) = self.given.to(&self.program_name, words, streams);
                world.set_account(account.clone());
                if context.is_alone() {
                    world.set_alone();
                }
                (World::System(world), wasi)
            }
        };
        let request = context.request.take().and_then(|request| match (request, &world) {
            (Request::Received(request), World::System(world)) => Some(world.add_request(request)),
            (Request::Staged(request), World::Staged(world)) => world.add_request(request).map(Ok),
            // Who serves is where the process is.
            (Request::Received(_), World::Staged(_)) | (Request::Staged(_), World::System(_)) => {
                None
            }
        });
        let request = request.transpose().map_err(|exceeded| {
            let why = format!("{} has no memory for a request: {exceeded}", self.name);
            ProcessError::new(ErrorKind::Unavailable, why)
        })?;
        let answers = context.answers_of(world);
        let pid = context.identity.pid.clone();
        let handed = context.context();
        let mut data = self.start_data(input, wasi, Some(context.identity));
        data.context = handed;
        data.request = request;
        let tape = recorder.map(|recorder| {
            let tape = recorder.tape(serial, &account);
            (recorder, tape, data.clone())
        });
        let mut inline: Box<dyn InlineDispatcher> = Box::new(answers.clone());
        if let Some((_, tape, _)) = &tape {
            inline = tape.dispatcher(inline);
        }
        let start = Start { account: Some(account), inline: Some(inline), ..data.into() };
        let process = WasmProcess::start(&self.program, start).map_err(|error| error.fault())?;
        let mut process: Box<dyn Process> = Box::new(process);
        if let Some((recorder, tape, data)) = tape {
            recorder.started(self, serial, front, data);
            process = tape.process(process);
        }
        let (method, limits) = (self.function.full_name(), self.limits);
        tracing::debug!(%pid, method, ?limits, ?self.max_execution, "initialized");
        Ok(Started {
            process,
            answers,
            result: self.function.result(),
            max_execution: self.max_execution,
        })
    }

    fn start_data(
        &self,
        input: Vec<Value>,
        wasi: WasiConfig,
        identity: Option<Identity>,
    ) -> StartData {
        let call = Some(Call::new(self.function.full_name(), input));
        let limits = self.limits;
        StartData { call, identity, wasi: Some(wasi), limits, ..StartData::default() }
    }

    /// Runs a process alone, without a node: there is nobody that it could talk
    /// to. Its own limit of time takes the place of the one in `options`.
    ///
    /// The process has a thread of its own, which is given up if the interpreter fails in
    /// it where a panic cannot pass: that ends the process, as on a node, and not the
    /// program. To drop the future ends the process after its present slice.
    pub async fn run(&self, input: Vec<Value>, streams: Streams, options: &RunOptions) -> Ended {
        let mut options = options.clone();
        options.max_execution = self.max_execution.or(options.max_execution);
        let (world, wasi) = self.given.to(&self.program_name, Vec::new(), streams);
        let data = self.start_data(input, wasi, None);
        let account = Account::new(self.limits.max_memory);
        world.set_account(account.clone());
        let inline = Some(Box::new(world.clone()) as Box<dyn InlineDispatcher>);
        let start = Start { account: Some(account), inline, ..data.into() };
        let mut process: Box<dyn Process> = match WasmProcess::start(&self.program, start) {
            Ok(process) => Box::new(process),
            Err(error) => return Ended::without_life(error),
        };
        let result = self.function.result();
        let (tell, told) = async_channel::bounded(1);
        // Closed when nobody waits any more.
        let (_wanted, unwanted) = async_channel::bounded::<Infallible>(1);
        let life = move || {
            let post = Mailbox::new(Capacity { mails: 1, bytes: 0 }, &Account::default());
            let last = LastWords { post: &post, tell: tell.clone(), start: Instant::now() };
            let (result, last) = (result.as_ref(), Some(&last as &dyn Undertaker));
            let life = live(&mut process, Alone(world), &post, &options, result, None, last);
            let ended = async { Some(life.await) };
            let dropped = async { unwanted.recv().await.ok().map(|never| match never {}) };
            if let Some(ended) = smol::block_on(smol::future::or(dropped, ended)) {
                // Somebody may have ceased to wait just now.
                drop(tell.try_send(ended));
            }
        };
        panics::install();
        let thread = thread::Builder::new().name(self.name.clone()).spawn(life);
        let error = match thread {
            Err(error) => {
                Error::new(ErrorKind::Unavailable, format!("there is no thread: {error}"))
            }
            Ok(_) => match told.recv().await {
                Ok(ended) => return ended,
                Err(_) => Error::engine("the thread of the process has ended"),
            },
        };
        Ended::without_life(error)
    }
}

impl Program for ProcessSpec {
    fn start(&self, args: Vec<Term>, context: SpawnContext) -> Result<Started, ProcessError> {
        let invalid = |unfit: Unfit| {
            ProcessError::new(ErrorKind::Invalid, format!("{}: {}", self.name, unfit.why))
        };
        match self.raw_arguments {
            // Its arguments are made of the request.
            _ if context.request.is_some() => self.start_with(Vec::new(), Vec::new(), context),
            true => {
                self.start_with(Vec::new(), ProcessSpec::words(&args).map_err(invalid)?, context)
            }
            false => self.start_with(self.input(&args).map_err(invalid)?, Vec::new(), context),
        }
    }

    fn answering(&self) -> Answering {
        self.answering
    }

    fn calls(&self) -> Option<(Pool, Option<Retry>)> {
        self.calls
    }

    fn default_host(&self) -> Option<String> {
        self.default_host.clone()
    }
}

/// Tells of the end of a process that lives alone and whose thread is given up.
struct LastWords<'a> {
    post: &'a Mailbox,
    tell: Sender<Ended>,
    start: Instant,
}

impl Undertaker for LastWords<'_> {
    fn give_up(&self, why: &str) -> bool {
        let error = Error::engine(why);
        let ending = Err(error.fault());
        let ended = Ended::after(self.post, Err(error), ending, self.start.elapsed());
        // Who does not wait any more does not mind.
        drop(self.tell.try_send(ended));
        true
    }
}

/// The world of a process that lives alone.
#[derive(Clone)]
struct Alone(SystemDispatcher);

impl Dispatcher for Alone {
    fn now(&self, command: Command) -> Result<Reply, Command> {
        match command {
            Command::Chore(chore) => chores::now(chore).map_err(Command::Chore),
            Command::Clock(_)
            | Command::Random(_)
            | Command::Stdio(_)
            | Command::Fs(_)
            | Command::Stream(_)
            | Command::Http(_)
            | Command::Net(_)
            | Command::Wait(_)
            | Command::Actor(_)
            | Command::Project(_)
            | Command::Call(_) => self.0.now(command),
        }
    }

    async fn later(&self, command: Command) -> Reply {
        match command {
            Command::Chore(chore) => chores::later(chore).await,
            Command::Clock(_)
            | Command::Random(_)
            | Command::Stdio(_)
            | Command::Fs(_)
            | Command::Stream(_)
            | Command::Http(_)
            | Command::Net(_)
            | Command::Wait(_)
            | Command::Actor(_)
            | Command::Project(_)
            | Command::Call(_) => self.0.later(command).await,
        }
    }
}

impl HostDispatcher for Alone {
    fn is_unread(&self) -> bool {
        self.0.is_unread()
    }

    fn has_mail(&self) -> bool {
        false
    }

    fn waits(&self) {}

    fn take_births(&self) -> u32 {
        0
    }
}
