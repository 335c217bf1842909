//! How lines look: colours, heads, indentation.

use std::{io, sync::OnceLock};

use anstream::{AutoStream, ColorChoice};
use clap::builder::styling::{AnsiColor, Style};

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

pub(super) fn error_line(text: &str) -> String {
    block(&format!("{} ", styled(ERROR, "error:")), text)
}

/// `warning: ...`, as it is written.
pub(super) fn warning_line(text: &str) -> String {
    block(&format!("{} ", styled(WARNING, "warning:")), text)
}

/// The head of a line of the log.
pub(super) fn level(level: tracing::Level, word: &str) -> String {
    match level {
        tracing::Level::ERROR => styled(ERROR, word),
        tracing::Level::WARN => styled(WARNING, word),
        _ => word.to_owned(),
    }
}
