//! A node behind the terminal: its hosts, the process in front, and signals.

use std::{
    fs::File,
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_signal::{Signal, Signals};
use futures_util::StreamExt;
use smol::Timer;

use super::{
    args::TraceArgs,
    exit::{Exit, Failure},
    log::Logs,
    output, system, table,
};
use crate::{
    command::ProcessError,
    host::{
        Ended, HostOptions, Node, ProjectPrograms, ServiceStatus, SpawnContext, Started,
        Supervisor, Trace,
    },
    registry::Project,
    world::{Input, Output, Streams},
};

/// The host of a process on the terminal, if no entry says another.
const TERMINAL: &str = "terminal";

/// How long processes have to end when the command does.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// A node with the hosts of a project.
pub(super) fn of_project(programs: ProjectPrograms) -> Result<Node, Failure> {
    let node = Node::new(programs.clone());
    for (id, options) in programs.hosts() {
        add(&node, &id, options)?;
    }
    Ok(node)
}

/// A node for a file without a project.
pub(super) fn of_file() -> Result<Front, Failure> {
    let node = Node::new(());
    add(&node, TERMINAL, HostOptions::for_one())?;
    Ok(Front { node, host: TERMINAL.to_owned(), services: None })
}

pub(super) fn add(node: &Node, id: &str, options: HostOptions) -> Result<(), Failure> {
    let what = format!("threads for {id}");
    let complain = |error: io::Error| system::lacks(&what, "ulimit -u", "ulimit -v", &error);
    node.add_host(id, options).map_err(complain)
}

/// The id of the project's terminal host.
pub(super) fn host_of(project: &Project) -> Result<String, Failure> {
    Ok(project.hosts()?.terminal.0.to_string())
}

/// Where a process in front runs, and what runs behind it.
pub(super) struct Front {
    pub node: Node,
    /// The id of the host.
    pub host: String,
    pub services: Option<Supervisor>,
}

/// Runs one process in front: it has the terminal's streams, and everything ends
/// with it. Services start before it and stop after it. The first signal asks it
/// to end, the second ends all processes.
pub(super) fn run(
    front: &Front,
    trace: &TraceArgs,
    entry: &str,
    start: impl FnOnce(SpawnContext) -> Result<Started, ProcessError>,
) -> Result<Arc<Ended>, Failure> {
    let Front { node, host, services } = front;
    let streams =
        Streams { stdin: Input::Inherit, stdout: Output::Inherit, stderr: Output::Inherit };
    let tracing = Tracing::start(node, trace)?;
    let mut interrupts = Interrupts::new(node, services.as_ref())?;
    let ended = smol::block_on(async {
        if let Some(services) = services {
            services.start();
            if interrupts.during(services.started()).await.is_none() {
                wind_down(node, Some(services), &mut interrupts).await;
                return Err(Failure::Silent(Exit::Interrupted));
            }
        }
        let handle = match node.launch(host, entry, Some(streams), start) {
            Ok(handle) => handle,
            Err(fault) => {
                wind_down(node, services.as_ref(), &mut interrupts).await;
                return Err(Failure::config(format!("{entry}: {}", fault.message)));
            }
        };
        let ended = match interrupts.during(handle.ended()).await {
            Some(ended) => ended,
            None => {
                // It may have ended by itself.
                drop(node.cancel(handle.pid().as_str(), "interrupted", PATIENCE));
                match interrupts.during(handle.ended()).await {
                    Some(ended) => ended,
                    None => {
                        node.terminate_all();
                        handle.ended().await
                    }
                }
            }
        };
        wind_down(node, services.as_ref(), &mut interrupts).await;
        ended.ok_or_else(|| Failure::config(format!("{entry}: the process was lost")))
    });
    tracing.finish();
    ended
}

/// Runs services until all have ended, which gives those that failed, or until a
/// signal stops them.
pub(super) fn serve(
    node: &Node,
    services: &Supervisor,
    logs: Logs,
) -> Result<Vec<ServiceStatus>, Failure> {
    let mut interrupts = Interrupts::new(node, Some(services))?;
    smol::block_on(async {
        logs.say(&match services.len() {
            1 => "starting 1 service; Ctrl-C stops it".to_owned(),
            n => format!("starting {n} services; Ctrl-C stops them"),
        });
        services.start();
        let ended = smol::future::or(services.ended(), table::print_on_lines(node, services));
        let failed = match interrupts.during(ended).await {
            Some(failed) => failed,
            None => {
                logs.say("stopping; Ctrl-C once more ends all processes at once");
                Vec::new()
            }
        };
        match wind_down(node, Some(services), &mut interrupts).await {
            true => Ok(failed),
            false => Err(Failure::Silent(Exit::Interrupted)),
        }
    })
}

/// Stops the services, then all other processes, unless the second signal comes
/// first: then there is nothing left to wait for. Whether it has not.
pub(super) async fn wind_down(
    node: &Node,
    services: Option<&Supervisor>,
    interrupts: &mut Interrupts<'_>,
) -> bool {
    let mut rest = pin!(async {
        if let Some(services) = services {
            services.stop().await;
        }
        node.shutdown("the command has ended", PATIENCE).await;
    });
    while interrupts.seen < 2 {
        if interrupts.during(&mut rest).await.is_some() {
            return true;
        }
    }
    node.terminate_all();
    // Not for ever: something may be started in this very moment.
    let patience = async {
        Timer::after(PATIENCE).await;
    };
    smol::future::or(rest, patience).await;
    false
}

/// SIGINT, SIGTERM and SIGHUP, which end the command, and SIGUSR1.
pub(super) struct Interrupts<'a> {
    node: &'a Node,
    services: Option<&'a Supervisor>,
    signals: Signals,
    /// How many there were.
    seen: usize,
    /// When the last was counted.
    last: Option<Instant>,
}

/// Signals do not end this program by themselves any more.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// True if signals do not end this program by themselves any more.
pub(super) fn takes_signals() -> bool {
    TAKEN.load(Ordering::Relaxed)
}

/// True if whoever started this program has it live on when its terminal is gone.
#[cfg(unix)]
fn hangup_is_ignored() -> bool {
    // Linux alone tells without a call that could change it. SIGHUP is the first bit.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 == 1)
}

/// A signal so soon after another is the same one: shells, `timeout` and package
/// runners send it to a process and to its group.
const ECHO: Duration = Duration::from_millis(50);

impl<'a> Interrupts<'a> {
    pub fn new(
        node: &'a Node,
        services: Option<&'a Supervisor>,
    ) -> Result<Interrupts<'a>, Failure> {
        let mut wanted = vec![Signal::Int, Signal::Term];
        #[cfg(unix)]
        {
            wanted.push(Signal::Usr1);
            // What `nohup` has started goes on without its terminal.
            if !hangup_is_ignored() {
                wanted.push(Signal::Hup);
            }
        }
        system::enough()?;
        // The first that needs the event queue.
        let signals = system::make(|| Signals::new(wanted)).map_err(|error| {
            system::lacks("threads and files to wait with", "ulimit -n", "ulimit -u", &error)
        })?;
        TAKEN.store(true, Ordering::Relaxed);
        Ok(Interrupts { node, services, signals, seen: 0, last: None })
    }

    /// The future's value, or nothing if there was a signal before. SIGUSR1 is
    /// none that ends anything: it prints the processes.
    pub async fn during<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        let Interrupts { node, services, signals, seen, last } = self;
        let signal = async {
            while let Some(Ok(signal)) = signals.next().await {
                #[cfg(unix)]
                if matches!(signal, Signal::Usr1) {
                    table::print(node, *services);
                    continue;
                }
                #[cfg(not(unix))]
                let _ = (&signal, &services);
                if last.is_none_or(|last| last.elapsed() >= ECHO) {
                    break;
                }
            }
            (*seen, *last) = (seen.saturating_add(1), Some(Instant::now()));
            None
        };
        smol::future::or(async { Some(future.await) }, signal).await
    }
}

/// Writes what the processes of a node do to a file, until this is finished.
pub(super) struct Tracing(Option<Arc<Trace>>);

impl Tracing {
    /// Begins, if a file is wanted.
    pub fn start(node: &Node, args: &TraceArgs) -> Result<Tracing, Failure> {
        let Some(file) = &args.trace else { return Ok(Tracing(None)) };
        let create = |file| Trace::with_size(file, args.trace_size);
        let trace = File::create(file).and_then(create).map_err(|why| {
            Failure::config(format!("--trace: `{}` cannot be written: {why}", file.display()))
        })?;
        let trace = Arc::new(trace);
        node.set_trace(trace.clone());
        Ok(Tracing(Some(trace)))
    }

    /// Writes the end.
    pub fn finish(self) {
        let Some(trace) = self.0 else { return };
        if let Err(error) = trace.finish() {
            output::warning(&format!("--trace: {error}"));
        }
        if trace.is_full() {
            let why = "the file has reached its size (--trace-size); what came later is not in it";
            output::warning(&format!("--trace: {why}"));
        }
    }
}
