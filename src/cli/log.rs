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

use serde_json::{Map, Value as Json};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
};

use super::{output, stderr, style};
use crate::{registry::Problem, visible};

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

    /// Something of the command's own that is good to know.
    pub(super) fn note(self, text: &str) {
        if !self.silent {
            output::note(text);
        }
    }

    /// Something of the project that is not as it should be.
    pub(super) fn problem(self, problem: &Problem) {
        if !self.silent {
            output::problem(problem);
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
    /// A line of JSON, but for its beginning, the time.
    fn object(event: &Event<'_>) -> String {
        let mut object = Object::default();
        event.record(&mut object);
        let Object { message, mut fields } = object;
        let is_output = event.metadata().target() == OUTPUT;
        let level = if is_output { "output" } else { level_name(*event.metadata().level()) };
        let mut line = Map::from_iter([
            ("level".to_owned(), Json::from(level)),
            ("message".to_owned(), Json::from(message)),
        ]);
        line.append(&mut fields);
        let line = Json::Object(line).to_string();
        let line = visible::json(&line);
        format!("{}\n", line.strip_prefix('{').unwrap_or(&line))
    }

    /// The line, but for the time.
    fn line(&self, event: &Event<'_>) -> Result<String, fmt::Error> {
        let mut found = Found { verbose: self.verbose, ..Found::default() };
        event.record(&mut found);
        let Found { message, process, service, pid, stream, more, .. } = found;
        let level = *event.metadata().level();
        let mut head = String::new();
        if self.verbose {
            let word = style::level(level, &format!("{level:>5}"));
            write!(head, " {word} ")?;
            return Ok(style::block(&head, &one_line(&format!("{message}{more}"))));
        }
        if event.metadata().target() == OUTPUT {
            return Ok(style::block("", &format!("{process} {stream} | {message}")));
        }
        let word = if level == Level::ERROR { "error:" } else { "warning:" };
        write!(head, "{} ", style::level(level, word))?;
        let who = [service, pid, process].into_iter().find(|who| !who.is_empty());
        let who = who.map(|who| format!("{who}: ")).unwrap_or_default();
        Ok(style::block(&head, &one_line(&format!("{who}{message}{more}"))))
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
        if style::is_json() {
            let time = || format!("{{\"time\":\"{}\",", style::wall_time());
            return stderr::log_after(time, Log::object(event));
        }
        let Ok(line) = self.line(event) else { return };
        match self.verbose {
            true => {
                stderr::log_after(|| format!("{:>12.6}s", began().elapsed().as_secs_f64()), line)
            }
            false => stderr::log(line),
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

/// A message of several lines as one: whoever looks for lines finds it whole.
fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("; ")
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        _ => "trace",
    }
}

/// The fields of an event as JSON.
#[derive(Default)]
struct Object {
    message: String,
    fields: Map<String, Json>,
}

impl Object {
    fn put(&mut self, field: &Field, value: Json) {
        match (field.name(), value) {
            ("message", Json::String(message)) => self.message = message,
            (name, value) => drop(self.fields.insert(name.to_owned(), value)),
        }
    }
}

impl Visit for Object {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }
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
