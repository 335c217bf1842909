//! What is logged, on stderr: without an option the lines that processes on hosts
//! write and what goes wrong, with `-v` what the runtime does, with `-s` nothing.

use std::{fmt, io};

use anstream::{AutoStream, ColorChoice};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer, time::uptime},
    layer::SubscriberExt,
    registry::LookupSpan,
};

use super::output::{self, ERROR, WARNING};

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
            1 => LevelFilter::INFO,
            2 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        };
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(io::stderr)
            .with_timer(uptime())
            .with_target(false)
            .with_ansi(coloured())
            // Would panic, as the macros do, when nobody reads stderr any more.
            .log_internal_errors(false)
            .finish();
        set(subscriber);
    }

    /// Without `-v`, once it is known that the terminal need not be kept clear.
    pub(super) fn show(self) {
        if self.verbose > 0 || self.silent {
            return;
        }
        let shown = Targets::new().with_default(Level::WARN).with_target(OUTPUT, Level::INFO);
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(io::stderr)
            .with_ansi(coloured())
            .event_format(Short);
        set(tracing_subscriber::registry().with(layer.with_filter(shown)));
    }

    /// A line of the command's own.
    pub(super) fn say(self, text: &str) {
        if !self.silent {
            output::message(text);
        }
    }
}

fn coloured() -> bool {
    AutoStream::choice(&io::stderr()) != ColorChoice::Never
}

fn set(subscriber: impl Subscriber + Send + Sync) {
    // It only fails if an embedder has set another one before, which then stays.
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        tracing::debug!("there is another subscriber already");
    }
}

/// `pid stream | line` for the lines of processes; `warning: who: what` for the
/// rest.
struct Short;

impl<S, N> FormatEvent<S, N> for Short
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut found = Found::default();
        event.record(&mut found);
        let Found { message, process, service, pid, stream, more } = found;
        if event.metadata().target() == OUTPUT {
            return writeln!(writer, "{process} {stream} | {message}");
        }
        let (word, style) = match *event.metadata().level() {
            Level::ERROR => ("error", ERROR),
            _ => ("warning", WARNING),
        };
        match writer.has_ansi_escapes() {
            true => write!(writer, "{style}{word}:{style:#} ")?,
            false => write!(writer, "{word}: ")?,
        }
        let who = [service, pid, process].into_iter().find(|who| !who.is_empty());
        if let Some(who) = who {
            write!(writer, "{who}: ")?;
        }
        writeln!(writer, "{message}{more}")
    }
}

/// The fields of an event. What they say may be a guest's, so that nothing but
/// line feeds and tabs moves the cursor.
#[derive(Default)]
struct Found {
    message: String,
    process: String,
    service: String,
    pid: String,
    stream: String,
    more: String,
}

impl Visit for Found {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record(field, &format!("{value:?}"));
    }
}

impl Found {
    fn record(&mut self, field: &Field, value: &str) {
        let value = readable(value);
        match field.name() {
            "message" => self.message = value,
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

fn readable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() && c != '\t' && c != '\n' {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown
}
