//! What is logged, on stderr: without an option the lines that processes on hosts
//! write and what goes wrong, with `-v` what the runtime does, with `-s` nothing.
//!
//! An event becomes text in the thread that it happens in, and is left to the writer
//! of `stderr`.

use std::{
    fmt::{self, Write},
    sync::OnceLock,
    time::Instant,
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
};

use super::{output, stderr, style};

/// The lines of processes.
const OUTPUT: &str = "wippy::output";

/// How much the user wants to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Logs {
    pub verbose: u8,
    pub silent: bool,
}

impl Logs {
    /// For `-v`, from the start: the life-cycle of processes for one, details of
    /// linking for two, each step for three.
    pub(super) fn start(self) {
        let level = match self.verbose {
            0 => return,
            1 => Level::INFO,
            2 => Level::DEBUG,
            _ => Level::TRACE,
        };
        set(Log { least: level, verbose: true });
    }

    /// Without `-v`, once it is known that the terminal need not be kept clear.
    pub(super) fn show(self) {
        if self.verbose == 0 && !self.silent {
            set(Log { least: Level::WARN, verbose: false });
        }
    }

    /// A line of the command's own.
    pub(super) fn say(self, text: &str) {
        if !self.silent {
            output::message(text);
        }
    }

    /// A warning of the command's own.
    pub(super) fn warn(self, text: &str) {
        if !self.silent {
            output::warning(text);
        }
    }
}

fn set(log: Log) {
    began();
    // It only fails if an embedder has set another one before, which then stays.
    if tracing::subscriber::set_global_default(log).is_err() {
        tracing::debug!("there is another subscriber already");
    }
}

/// When logging began.
fn began() -> Instant {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    *BEGAN.get_or_init(Instant::now)
}

/// Takes events. There are no spans.
struct Log {
    /// The level of events that are shown, whatever they are.
    least: Level,
    /// With the time, the level and all fields.
    verbose: bool,
}

impl Log {
    fn line(&self, event: &Event<'_>) -> Result<String, fmt::Error> {
        let mut found = Found { verbose: self.verbose, ..Found::default() };
        event.record(&mut found);
        let Found { message, process, service, pid, stream, more, .. } = found;
        let level = *event.metadata().level();
        let mut head = String::new();
        if self.verbose {
            let seconds = began().elapsed().as_secs_f64();
            let word = style::level(level, &format!("{level:>5}"));
            write!(head, "{seconds:>12.6}s {word} ")?;
            return Ok(style::block(&head, &format!("{message}{more}")));
        }
        if event.metadata().target() == OUTPUT {
            return Ok(style::block("", &format!("{process} {stream} | {message}")));
        }
        let word = if level == Level::ERROR { "error:" } else { "warning:" };
        write!(head, "{} ", style::level(level, word))?;
        let who = [service, pid, process].into_iter().find(|who| !who.is_empty());
        let who = who.map(|who| format!("{who}: ")).unwrap_or_default();
        Ok(style::block(&head, &format!("{who}{message}{more}")))
    }
}

impl Subscriber for Log {
    fn enabled(&self, event: &Metadata<'_>) -> bool {
        *event.level() <= self.least || (event.target() == OUTPUT && *event.level() <= Level::INFO)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // The lines of processes are of this level.
        Some(LevelFilter::from_level(self.least.max(Level::INFO)))
    }

    fn event(&self, event: &Event<'_>) {
        if let Ok(line) = self.line(event) {
            stderr::log(line);
        }
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// The fields of an event.
#[derive(Default)]
struct Found {
    verbose: bool,
    message: String,
    process: String,
    service: String,
    pid: String,
    stream: String,
    more: String,
}

impl Visit for Found {
    fn record_str(&mut self, field: &Field, value: &str) {
        match self.verbose && field.name() != "message" {
            true => self.record(field, format!("{value:?}")),
            false => self.record(field, value.to_owned()),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record(field, format!("{value:?}"));
    }
}

impl Found {
    fn record(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => self.message = value,
            name if self.verbose => self.more.push_str(&format!(" {name}={value}")),
            "process" => self.process = value,
            "service" => self.service = value,
            "pid" => self.pid = value,
            "stream" => self.stream = value,
            // It stands in the message, as far as it is of interest.
            "restarts" => {}
            name => self.more.push_str(&format!(" ({name} {value})")),
        }
    }
}
