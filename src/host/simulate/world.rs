//! The world of a simulated process: a clock that is set, random numbers from the seed,
//! files in memory, and what it says with `wippy:sim`.
//!
//! What it does not have is refused by name, and the process that asks for it ends.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{
    choices::{Choice, Random},
    failure::{Cause, Checks},
    files::Open,
    http::{Body, Exchange, Fate, Http, Order},
    simulator::Simulator,
    sockets::{Mishap, Sockets},
    state::name_of,
    what::{Length, What},
};
use crate::{
    command::{
        Clock, ClockCommand, Command, Errno, FileId, FsCommand, HostCall, HttpCommand, Interest,
        Interests, NetCommand, RandomCommand, Ready, Reply, Stdio, StdioCommand, StreamCommand,
        Wait,
        http::{IncomingRequest, OutgoingRequest},
    },
    host::node::{
        stage::{self, StagedWorld},
        table::ProcessSlot,
    },
    imports::sim::Check,
    lock::lock,
    network::Network,
    world::Directory,
};

/// The wall clock when the simulation begins: the first second of 2025, in nanoseconds.
const EPOCH: u64 = 1_735_689_600_000_000_000;

/// Jumps of the wall clock, in nanoseconds.
const JUMPS: [i64; 6] =
    [0, 1_000_000, -1_000_000, 60_000_000_000, -60_000_000_000, 86_400_000_000_000];

/// How long something with a file takes, in nanoseconds.
const SLOW: [u64; 5] = [0, 100_000, 5_000_000, 100_000_000, 1_000_000_000];

/// Bytes of the scenario's output that are kept.
const MOST_OUTPUT: usize = 1 << 20;

/// The most random bytes at once.
const MOST_RANDOM: u32 = 1 << 26;

/// The world of one process.
pub(super) struct SimulatedWorld {
    simulator: Simulator,
    slot: Arc<ProcessSlot>,
    random: Mutex<Random>,
    open: Mutex<Open>,
    sockets: Mutex<Sockets>,
    http: Mutex<Http>,
    clock: stage::Clock,
}

impl SimulatedWorld {
    pub fn new(simulator: Simulator, slot: Arc<ProcessSlot>) -> SimulatedWorld {
        let random = Random::new(simulator.seed(), slot.serial.saturating_add(1000));
        let clock = stage::Clock::of(Some(simulator.stage()));
        let open = Mutex::new(Open::new(simulator.disk()));
        let sockets = Mutex::new(Sockets::new(simulator.wire().clone()));
        let http = Mutex::new(Http::new(simulator.wire().clone()));
        SimulatedWorld { simulator, slot, random: Mutex::new(random), open, sockets, http, clock }
    }

    fn clock(&self, command: ClockCommand) -> Reply {
        Reply::Time(match command {
            ClockCommand::Resolution(_) => 1,
            ClockCommand::Now(Clock::Monotonic) => self.simulator.state().now,
            ClockCommand::Now(Clock::Wall) => {
                let mut state = self.simulator.state();
                let option = state.pick(&self.slot, Choice::Jump, "wall clock", JUMPS.len() as u32);
                let jump = JUMPS.get(option as usize).copied().unwrap_or_default();
                if jump != 0 {
                    let sign = if jump < 0 { "back" } else { "on" };
                    let by = Duration::from_nanos(jump.unsigned_abs());
                    state.tell(Some(Choice::Jump), || {
                        format!("the wall clock jumps {sign} by {by:?}")
                    });
                }
                state.skew = state.skew.saturating_add(jump);
                EPOCH.saturating_add(state.now).saturating_add_signed(state.skew)
            }
        })
    }

    fn random(&self, command: RandomCommand) -> Reply {
        let RandomCommand::Bytes { len, .. } = command;
        if len > MOST_RANDOM {
            return Reply::Refused(format!("there are no {len} random bytes at once"));
        }
        let mut random = lock(&self.random);
        let mut bytes = Vec::with_capacity(len as usize);
        while bytes.len() < len as usize {
            bytes.extend_from_slice(&random.next().to_le_bytes());
        }
        bytes.truncate(len as usize);
        Reply::Bytes(bytes)
    }

    /// There is no input. Output is kept of the scenario, and told of all.
    fn stdio(&self, command: StdioCommand) -> Reply {
        match command {
            StdioCommand::IsTerminal(_) => Reply::Bool(false),
            StdioCommand::Read { .. } => Reply::Bytes(Vec::new()),
            StdioCommand::Flush(_) => Reply::Done,
            StdioCommand::Write { to: Stdio::Stdin, .. } => Reply::Failed(Errno::BadDescriptor),
            StdioCommand::Write { to: Stdio::Stdout | Stdio::Stderr, bytes } => {
                let mut state = self.simulator.state();
                state.tell(None, || {
                    let text = String::from_utf8_lossy(&bytes);
                    format!("{}: {}", name_of(&self.slot), text.trim_end())
                });
                if self.slot.serial == state.scenario {
                    let room = MOST_OUTPUT.saturating_sub(state.output.len()).min(bytes.len());
                    state.output.extend(bytes.get(..room).unwrap_or_default());
                }
                Reply::Done
            }
        }
    }

    fn call(&self, call: &HostCall) -> Reply {
        let Some(check) = Check::of(call) else {
            let HostCall { interface, function, .. } = call;
            return Reply::Refused(format!("nobody answers calls of {interface}#{function}"));
        };
        let mut state = self.simulator.state();
        match check {
            Check::Always { name, holds } => {
                Checks::count(&mut state.checks.always, name.clone(), holds.into());
                if !holds {
                    state.fail(&self.slot, Cause::Always { name });
                }
            }
            Check::Sometimes { name, holds } => {
                Checks::count(&mut state.checks.sometimes, name, holds.into());
            }
            Check::Reachable { name } => Checks::count(&mut state.checks.reachable, name, 1),
        }
        Check::answer()
    }

    /// Answers a wait, if something of it holds.
    fn wait(&self, wait: &Wait) -> Option<Reply> {
        let time = wait.until.is_some_and(|until| self.simulator.state().now >= until);
        // There is no input, and that is known at once.
        let sockets = lock(&self.sockets);
        let http = lock(&self.http);
        let holds = |interest: &Interest| match interest {
            Interest::Readable(id) | Interest::Writable(id) if Http::has(*id) => {
                http.holds(*interest)
            }
            _ => sockets.holds(*interest),
        };
        let on: Interests = wait.on.handles().filter(holds).collect();
        let on = on.with(Interest::Stdin, wait.on.contains(Interest::Stdin));
        let ready = time || !on.is_empty();
        ready.then_some(Reply::Ready(Ready { on, time }))
    }

    /// The misfortune that befalls a connection, if one does.
    fn mishap(&self, doing: &str) -> Option<Mishap> {
        let mut state = self.simulator.state();
        let (mishap, how) = match state.pick(&self.slot, Choice::Net, doing, 3) {
            0 => return None,
            1 => (Mishap::Cut, "is cut or lost"),
            _ => (Mishap::HalfClosed, "is half closed, or lost"),
        };
        state.tell(Some(Choice::Net), || {
            format!("what {} does with {doing} {how}", name_of(&self.slot))
        });
        Some(mishap)
    }

    fn net(&self, command: NetCommand) -> Reply {
        let mishap = match &command {
            NetCommand::Connect { .. } | NetCommand::Send { .. } => self.mishap(command.name()),
            NetCommand::CreateTcp(_)
            | NetCommand::CreateUdp(_)
            | NetCommand::Close(_)
            | NetCommand::Bind { .. }
            | NetCommand::FinishConnect(_)
            | NetCommand::Listen { .. }
            | NetCommand::Accept(_)
            | NetCommand::LocalAddress(_)
            | NetCommand::RemoteAddress(_)
            | NetCommand::Option { .. }
            | NetCommand::SetOption { .. }
            | NetCommand::Shutdown { .. }
            | NetCommand::Associate { .. }
            | NetCommand::Receive { .. }
            | NetCommand::Resolve(_)
            | NetCommand::Resolved(_) => None,
        };
        lock(&self.sockets).answer(command, mishap)
    }

    fn stream(&self, mut command: StreamCommand) -> Reply {
        let mishap = match &mut command {
            StreamCommand::Write { stream, bytes } => {
                // What befalls a body has been chosen with its request.
                let of_http = Http::has(*stream);
                let mishap = if of_http { None } else { self.mishap("write-stream") };
                if bytes.len() > 1 {
                    let mut state = self.simulator.state();
                    if state.pick(&self.slot, Choice::Short, "write-stream", 2) > 0 {
                        let (name, len) = (name_of(&self.slot), bytes.len());
                        state.tell(Some(Choice::Short), || {
                            format!("a write of {name} to a connection does 1 of {len} bytes")
                        });
                        bytes.truncate(1);
                    }
                }
                mishap
            }
            StreamCommand::Read { len, .. } => {
                let mut state = self.simulator.state();
                if *len > 1 && state.pick(&self.slot, Choice::Short, "read-stream", 2) > 0 {
                    let name = name_of(&self.slot);
                    state.tell(Some(Choice::Short), || {
                        format!("a read of {name} from a connection does 1 byte")
                    });
                    *len = 1;
                }
                None
            }
            StreamCommand::Room(_) | StreamCommand::Flush(_) => None,
        };
        match Http::has(stream_of(&command)) {
            true => lock(&self.http).stream(command),
            false => lock(&self.sockets).stream(command, mishap),
        }
    }

    fn http(&self, command: HttpCommand) -> Reply {
        let simulator = &self.simulator;
        lock(&self.http).answer(command, |request, body, network| {
            let order = self.order(request, body, network);
            let exchange = order.exchange.clone();
            if let Some(servers) = simulator.servers() {
                servers.send(order);
            }
            exchange
        })
    }

    /// A request, with what befalls it.
    fn order(&self, request: OutgoingRequest, body: Option<Body>, network: Arc<Network>) -> Order {
        let OutgoingRequest { head, timeouts, body: _ } = request;
        let mut state = self.simulator.state();
        let fates = (Fate::ALL.len() as u32).saturating_add(1);
        let fate = state.pick(&self.slot, Choice::Net, "http-send", fates) as usize;
        let fate = fate.checked_sub(1).and_then(|at| Fate::ALL.get(at)).copied();
        let mut slow = || {
            let option = state.pick(&self.slot, Choice::Slow, "http-send", SLOW.len() as u32);
            SLOW.get(option as usize).copied().map(Duration::from_nanos).unwrap_or_default()
        };
        let late = (slow(), slow());
        let asked = || {
            let path = head.path_with_query.as_deref().unwrap_or_default();
            let authority = head.authority.as_deref().unwrap_or_default();
            let from = name_of(&self.slot);
            format!("{} {authority}{path} of {from}", head.method.as_str())
        };
        if let Some(fate) = fate {
            state.tell(Some(Choice::Net), || format!("{} {}", asked(), fate.name()));
        }
        if late.0.max(late.1) > Duration::ZERO {
            state.tell(Some(Choice::Slow), || {
                format!("{} arrives after {:?}, its answer after {:?}", asked(), late.0, late.1)
            });
        }
        drop(state);
        Order { head, body, timeouts, network, fate, late, exchange: Exchange::default() }
    }

    /// Does something with a file, or lets it fail.
    fn file(&self, mut command: FsCommand) -> Reply {
        let what = What::of(&command);
        let mut state = self.simulator.state();
        let errors = what.errors();
        let option = state.pick(
            &self.slot,
            Choice::Fail,
            what.name(),
            u32::try_from(errors.len()).unwrap_or(0).saturating_add(1),
        );
        if let Some(errno) = (option as usize).checked_sub(1).and_then(|at| errors.get(at)) {
            state.tell(Some(Choice::Fail), || {
                format!("{} of {} fails with {errno:?}", what.name(), name_of(&self.slot))
            });
            return Reply::Failed(*errno);
        }
        if what == What::Write {
            if state.pick(&self.slot, Choice::Disk, what.name(), 2) > 0 {
                state.full = !state.full;
                let how = if state.full { "is full" } else { "has room again" };
                state.tell(Some(Choice::Disk), || format!("the disk {how}"));
            }
            if state.full && !state.is_calm() {
                return Reply::Failed(Errno::InsufficientSpace);
            }
        }
        if let Some(len) = Length::of(&mut command)
            && len.bytes() > 1
        {
            let option = state.pick(&self.slot, Choice::Short, what.name(), 3);
            if option > 0 {
                let short = if option == 1 { 1 } else { len.bytes() / 2 };
                state.tell(Some(Choice::Short), || {
                    let (name, len) = (name_of(&self.slot), len.bytes());
                    format!("{} of {name} does {short} of {len} bytes", what.name())
                });
                len.cut(short);
            }
        }
        let now = EPOCH.saturating_add(state.now).saturating_add_signed(state.skew);
        drop(state);
        let reply = lock(&self.open).answer(command, now);
        reply.unwrap_or_else(Reply::Failed)
    }
}

/// What a command about a stream is about.
fn stream_of(command: &StreamCommand) -> FileId {
    match command {
        StreamCommand::Read { stream: id, .. }
        | StreamCommand::Room(id)
        | StreamCommand::Write { stream: id, .. }
        | StreamCommand::Flush(id) => *id,
    }
}

/// The rest of a message about a family that is not there.
fn missing(what: &str, name: &str) -> Reply {
    Reply::Refused(format!("the simulation has no {what}, and cannot answer `{name}`"))
}

impl StagedWorld for SimulatedWorld {
    fn now(&self, command: Command) -> Result<Reply, Command> {
        Ok(match command {
            Command::Clock(command) => self.clock(command),
            Command::Random(command) => self.random(command),
            Command::Stdio(command) => self.stdio(command),
            Command::Call(call) => self.call(&call),
            Command::Wait(wait) => self.wait(&wait).ok_or(Command::Wait(wait))?,
            Command::Fs(command) => self.file(command),
            Command::Stream(command) => self.stream(command),
            Command::Http(command) => self.http(command),
            Command::Net(command) => self.net(command),
            Command::Actor(command) => missing("host here", command.name()),
            Command::Project(command) => missing("project here", command.name()),
            Command::Chore(chore) => {
                chore.run();
                Reply::Done
            }
        })
    }

    fn later(self: Arc<Self>, command: Command) -> Pin<Box<dyn Future<Output = Reply> + Send>> {
        Box::pin(async move {
            match command {
                Command::Wait(wait) => loop {
                    if let Some(reply) = self.wait(&wait) {
                        return reply;
                    }
                    // Listened to before it is looked at once more, so that nothing is
                    // missed.
                    let changed = self.simulator.wire().listen();
                    if let Some(reply) = self.wait(&wait) {
                        return reply;
                    }
                    let time = async {
                        match wait.until {
                            Some(until) => {
                                let now = self.simulator.state().now;
                                let left = Duration::from_nanos(until.saturating_sub(now));
                                self.clock.after(left).await;
                            }
                            None => std::future::pending().await,
                        }
                    };
                    match wait.on.handles().next() {
                        Some(_) => smol::future::or(time, changed).await,
                        None => time.await,
                    }
                },
                other => self.now(other).unwrap_or_else(|command| {
                    Reply::Refused(format!("nobody answers `{}`", command.name()))
                }),
            }
        })
    }

    fn slow(&self, command: &Command) -> Duration {
        let Command::Fs(command) = command else { return Duration::ZERO };
        let what = What::of(command);
        let mut state = self.simulator.state();
        let option = state.pick(&self.slot, Choice::Slow, what.name(), SLOW.len() as u32);
        let time = SLOW.get(option as usize).copied().map(Duration::from_nanos);
        let time = time.unwrap_or_default();
        if option > 0 {
            state.tell(Some(Choice::Slow), || {
                format!("{} of {} takes {time:?}", what.name(), name_of(&self.slot))
            });
        }
        time
    }

    fn add_request(&self, request: Box<dyn std::any::Any + Send>) -> Option<IncomingRequest> {
        let asked = request.downcast().ok()?;
        Some(lock(&self.http).take_request(*asked))
    }

    fn set_network(&self, network: Arc<Network>) {
        lock(&self.http).set_network(network.clone());
        lock(&self.sockets).set_network(network);
    }

    fn add_dir(&self, dir: &Directory, read_only: bool) -> FileId {
        match lock(&self.open).add_dir(dir, read_only) {
            Ok(id) => id,
            Err(why) => {
                self.simulator.refuse(why);
                // Nothing is done with it: the run ends here.
                FileId(0)
            }
        }
    }
}

impl fmt::Debug for SimulatedWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedWorld").field("slot", &self.slot).finish_non_exhaustive()
    }
}
