//! `process.host` and `terminal.host`: where processes run; and `lifecycle`.

use super::{Reading, Want};
use crate::registry::{Id, Severity, fields::read_id};
use std::time::Duration;

/// Runs processes.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessHost {
    /// Threads; the host chooses if none are given.
    pub workers: Option<u64>,
    /// Messages and starts that wait for the host, at most.
    pub queue_size: u64,
    /// Bytes of the messages that wait for one process, at most; the host chooses
    /// if none are given.
    pub queue_bytes: Option<u64>,
    /// Those that wait for one worker, at most.
    pub local_queue_size: u64,
    /// Processes alive, at most; no limit if none is given.
    pub max_processes: Option<u64>,
    /// Bytes that all its processes may hold together; a share of the machine's
    /// memory if none are given.
    pub max_memory: Option<u64>,
    /// When it starts and stops.
    pub lifecycle: Lifecycle,
}

/// Runs one process, which has stdin, stdout, stderr and arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct TerminalHost {
    /// True if the runtime's own log lines are kept off the terminal.
    pub hide_logs: bool,
    /// When it starts and stops.
    pub lifecycle: Lifecycle,
}

/// When a service starts and stops, and what happens if it fails.
#[derive(Clone, Debug, PartialEq)]
pub struct Lifecycle {
    /// True if it starts with the runtime.
    pub auto_start: bool,
    /// How long a start may take.
    pub start_timeout: Duration,
    /// How long a stop may take.
    pub stop_timeout: Duration,
    /// How long it has to run until earlier failures are forgotten.
    pub stable_threshold: Duration,
    /// The services and hosts that have to run before it.
    pub requires: Vec<Id>,
    /// How it is started again.
    pub restart: Restart,
}

/// How a failed service is started again.
#[derive(Clone, Debug, PartialEq)]
pub struct Restart {
    /// The wait before the first restart.
    pub initial_delay: Duration,
    /// The longest wait.
    pub max_delay: Duration,
    /// The factor by which each wait is longer than the one before.
    pub backoff_factor: f64,
    /// The part of a wait that is left to chance, from 0 to 1.
    pub jitter: f64,
    /// How often it is tried; 0 for no end.
    pub max_attempts: u64,
}

impl Default for Lifecycle {
    fn default() -> Lifecycle {
        Lifecycle {
            auto_start: false,
            start_timeout: Duration::from_secs(10),
            stop_timeout: Duration::from_secs(10),
            stable_threshold: Duration::from_secs(5),
            requires: Vec::new(),
            restart: Restart::default(),
        }
    }
}

impl Default for Restart {
    fn default() -> Restart {
        Restart {
            initial_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(90),
            backoff_factor: 2.0,
            jitter: 0.1,
            max_attempts: 0,
        }
    }
}

impl Default for ProcessHost {
    fn default() -> ProcessHost {
        ProcessHost {
            workers: None,
            queue_size: 1024,
            queue_bytes: None,
            local_queue_size: 256,
            max_processes: None,
            max_memory: None,
            lifecycle: Lifecycle::default(),
        }
    }
}

pub(super) fn process(reading: &mut Reading<'_>) -> Option<ProcessHost> {
    let mut host = ProcessHost::default();
    if let Some(fields) = reading.fields.fields("host", "host:\n  workers: 4") {
        // A zero asks for the default, as a field left out does.
        let size = |name, default| match fields.count(name, 1_000_000, "1024") {
            None | Some(0) => default,
            Some(size) => size,
        };
        host.workers = fields.count("workers", 1024, "4").filter(|n| *n > 0);
        host.queue_size = size("queue_size", host.queue_size);
        host.queue_bytes = fields.size("queue_bytes").filter(|n| *n > 0);
        host.local_queue_size = size("local_queue_size", host.local_queue_size);
        host.max_processes = fields.count("max_processes", u64::MAX, "10000").filter(|n| *n > 0);
        host.max_memory = fields.size("max_memory").filter(|n| *n > 0);
        fields.finish_strictly();
    }
    host.lifecycle = lifecycle(reading);
    Some(host)
}

pub(super) fn terminal(reading: &mut Reading<'_>) -> Option<TerminalHost> {
    let hide_logs = reading.fields.flag("hide_logs").unwrap_or(false);
    Some(TerminalHost { hide_logs, lifecycle: lifecycle(reading) })
}

/// The `lifecycle` field of a service.
pub(super) fn lifecycle(reading: &mut Reading<'_>) -> Lifecycle {
    let mut cycle = Lifecycle::default();
    let example = "lifecycle:\n  auto_start: true";
    let Some(fields) = reading.fields.fields("lifecycle", example) else { return cycle };
    cycle.auto_start = fields.flag("auto_start").unwrap_or(cycle.auto_start);
    cycle.start_timeout = fields.some_duration("start_timeout").unwrap_or(cycle.start_timeout);
    cycle.stop_timeout = fields.duration("stop_timeout").unwrap_or(cycle.stop_timeout);
    cycle.stable_threshold = fields.duration("stable_threshold").unwrap_or(cycle.stable_threshold);
    for item in fields.texts("requires", "requires:\n  - app:processes") {
        let target = read_id(fields.report(), item, reading.id.namespace());
        cycle.requires.extend(reading.refer(target, Want::Any));
    }
    if let Some(restart) = fields.fields("restart", "restart:\n  max_attempts: 5") {
        let to = &mut cycle.restart;
        to.initial_delay = restart.duration("initial_delay").unwrap_or(to.initial_delay);
        to.max_delay = restart.duration("max_delay").unwrap_or(to.max_delay);
        to.backoff_factor =
            restart.number("backoff_factor", 1.0, 1000.0, "2.0").unwrap_or(to.backoff_factor);
        to.jitter = restart.number("jitter", 0.0, 1.0, "0.1").unwrap_or(to.jitter);
        to.max_attempts = restart.count("max_attempts", u64::MAX, "5").unwrap_or(to.max_attempts);
        if to.initial_delay > to.max_delay {
            restart.report().push(
                Severity::Warning,
                restart.line_of("initial_delay"),
                &restart.path("initial_delay"),
                format!("{:?}, longer than max_delay, {:?}", to.initial_delay, to.max_delay),
                "a duration that is not longer than max_delay, which each wait is then",
                format!("write it like this: max_delay: {:?}", to.initial_delay),
            );
        }
        restart.finish_strictly();
    }
    fields.finish_strictly();
    cycle
}
