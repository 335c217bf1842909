//! Writing: results to stdout, messages to stderr, colour only on a terminal.
//!
//! What a program returns is written as it is. Messages go through anstream,
//! which leaves colours out where nobody would see them. Nothing here panics
//! when a stream is closed, as the macros of the standard library do.

use std::io::{self, Write};

use clap::builder::styling::{AnsiColor, Style};

use super::exit::{Exit, Failure};
use crate::registry::{Problem, Problems, Severity};

pub(super) const ERROR: Style = AnsiColor::Red.on_default().bold();
pub(super) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const NOTE: Style = AnsiColor::Cyan.on_default().bold();
const BOLD: Style = Style::new().bold();

/// Writes to stdout, as it is. A reader that has gone away is no error.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    written(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// Writes to stdout with colours, if it is a terminal.
pub(super) fn print_styled(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    written(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::Silent(Exit::Ok)),
        Err(error) => {
            Err(Failure::Message(Exit::Output, format!("the output cannot be written: {error}")))
        }
        Ok(()) => Ok(()),
    }
}

/// Writes a message to stderr. When even that fails there is nobody to tell.
pub(super) fn message(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// A heading.
pub(super) fn bold(text: &str) -> String {
    format!("{BOLD}{text}{BOLD:#}")
}

/// A line that is no error: `warning: ...`.
pub(super) fn warning(text: &str) {
    message(&format!("{WARNING}warning:{WARNING:#} {text}"));
}

/// Says why a command failed, and gives its exit code.
pub(super) fn failure(failure: &Failure) -> Exit {
    match failure {
        Failure::Message(exit, text) => {
            message(&format!("{ERROR}error:{ERROR:#} {text}"));
            *exit
        }
        Failure::Returned { text, json: true } => {
            message(text);
            Exit::Err
        }
        Failure::Returned { text, json: false } => {
            message(&format!("{ERROR}error:{ERROR:#} {text}"));
            Exit::Err
        }
        Failure::Problem(problem) if &*problem.file == COMMAND_LINE => {
            message(&problem_text(problem));
            Exit::Usage
        }
        Failure::Problem(problem) => {
            message(&problem_text(problem));
            if problem.engine { Exit::Engine } else { Exit::Config }
        }
        Failure::Problems(all) => {
            problems(all);
            Exit::Config
        }
        Failure::Silent(exit) => *exit,
    }
}

/// Where a problem is that no file is to blame for.
const COMMAND_LINE: &str = "command line";

/// All problems and their sum, on stderr.
pub(super) fn problems(problems: &Problems) {
    for problem in problems {
        message(&problem_text(problem));
        message("");
    }
    let dropped = problems.dropped();
    if dropped > 0 {
        message(&format!("{dropped} more are not shown\n"));
    }
    let style = if problems.has_errors() { ERROR } else { WARNING };
    message(&format!("{style}{}{style:#}", problems.summary()));
}

/// A problem, with the place in bold and the word for its severity in colour.
fn problem_text(problem: &Problem) -> String {
    let (word, style) = match problem.severity {
        Severity::Error => ("error", ERROR),
        Severity::Warning => ("warning", WARNING),
        Severity::Note => ("note", NOTE),
    };
    let text = problem.to_string();
    if &*problem.file == COMMAND_LINE {
        let (_, rest) = text.split_once("found:").unwrap_or(("", &text));
        return format!("{style}{word}:{style:#} {}", rest.trim_start());
    }
    match text.split_once(&format!(": {word}")) {
        Some((place, rest)) => format!("{BOLD}{place}:{BOLD:#} {style}{word}{style:#}{rest}"),
        None => text,
    }
}

/// Prints what clap has to say: help, the version, or a usage error.
pub(super) fn clap(error: &clap::Error) -> Exit {
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Ok }
}
