//! How lines look: colours, heads, indentation.

use std::{
    io,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use anstream::{AutoStream, ColorChoice};
use clap::builder::styling::{AnsiColor, Style};
use serde_json::json;

use super::args::LogFormat;

use crate::visible;

pub(super) const ERROR: Style = AnsiColor::Red.on_default().bold();
pub(super) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub(super) const NOTE: Style = AnsiColor::Cyan.on_default().bold();
pub(super) const BOLD: Style = Style::new().bold();

/// True if stderr shows colours.
pub(super) fn coloured() -> bool {
    static COLOURED: OnceLock<bool> = OnceLock::new();
    *COLOURED.get_or_init(|| AutoStream::choice(&io::stderr()) != ColorChoice::Never)
}

pub(super) fn styled(style: Style, text: &str) -> String {
    match coloured() {
        true => format!("{style}{text}{style:#}"),
        false => text.to_owned(),
    }
}

/// A message as it is written. What follows its first line is indented, so that no
/// text in it passes for a message of its own.
pub(super) fn block(head: &str, text: &str) -> String {
    let mut out = head.to_owned();
    for (i, line) in visible::lines(text).lines().enumerate() {
        if i > 0 {
            out.push('\n');
            if !line.is_empty() && !line.starts_with([' ', '\t']) {
                out.push_str("    ");
            }
        }
        out.push_str(line);
    }
    out.push('\n');
    out
}

/// What is written to stderr is JSON, an object a line.
static JSON: AtomicBool = AtomicBool::new(false);

/// Sets the form of all that is written to stderr.
pub(super) fn set_format(format: LogFormat) {
    JSON.store(format == LogFormat::Json, Relaxed);
}

/// True if all that is written to stderr is JSON.
pub(super) fn is_json() -> bool {
    JSON.load(Relaxed)
}

/// A message of the command's own, as it is written.
fn told(level: &str, style: Style, text: &str) -> String {
    match is_json() {
        true => json_line(level, text),
        false => block(&format!("{} ", styled(style, &format!("{level}:"))), text),
    }
}

/// The same as JSON.
pub(super) fn json_line(level: &str, text: &str) -> String {
    let line = json!({"time": wall_time(), "level": level, "message": text});
    format!("{}\n", visible::json(&line.to_string()))
}

pub(super) fn error_line(text: &str) -> String {
    told("error", ERROR, text)
}

/// `warning: ...`, as it is written.
pub(super) fn warning_line(text: &str) -> String {
    told("warning", WARNING, text)
}

/// `note: ...`, as it is written.
pub(super) fn note_line(text: &str) -> String {
    told("note", NOTE, text)
}

/// The time by the wall clock, as RFC 3339 has it, to the microsecond.
pub(super) fn wall_time() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    timestamp(since.as_secs(), since.subsec_micros())
}

fn timestamp(seconds: u64, micros: u32) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// The date of a day since 1970: months are counted from March, so that the day that not
/// every year has is the last of one.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days.saturating_add(719_468);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = day.saturating_sub(day / 1460).saturating_add(day / 36_524);
    let year = year.saturating_sub(day / 146_096) / 365;
    let first = year.saturating_mul(365).saturating_add(year / 4).saturating_sub(year / 100);
    let day = day.saturating_sub(first);
    let month = day.saturating_mul(5).saturating_add(2) / 153;
    let before = month.saturating_mul(153).saturating_add(2) / 5;
    let day = day.saturating_sub(before).saturating_add(1);
    let year = era.saturating_mul(400).saturating_add(year);
    match month {
        0..10 => (year, month.saturating_add(3), day),
        _ => (year.saturating_add(1), month.saturating_sub(9), day),
    }
}

/// The head of a line of the log.
pub(super) fn level(level: tracing::Level, word: &str) -> String {
    match level {
        tracing::Level::ERROR => styled(ERROR, word),
        tracing::Level::WARN => styled(WARNING, word),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::timestamp;

    #[test]
    fn a_time_is_that_of_the_calendar() {
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00"),
            (951_782_399, "2000-02-28T23:59:59"),
            (951_782_400, "2000-02-29T00:00:00"),
            (951_868_800, "2000-03-01T00:00:00"),
            (1_798_761_599, "2026-12-31T23:59:59"),
            (4_107_542_400, "2100-03-01T00:00:00"),
        ] {
            assert_eq!(timestamp(seconds, 7), format!("{date}.000007Z"));
        }
    }
}
