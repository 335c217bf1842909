//! Writing: results to stdout, messages to stderr, colour only on a terminal.
//!
//! Here is the border to the operator: what a guest, a file or a name says passes
//! [`visible`] before it is written, so that a terminal obeys none of it and no line
//! is another's:
//!
//! | what | how it is written |
//! | --- | --- |
//! | messages, logs, tables, help, what is shown of a file | harmless always, for it may be read from a log file later; lines after the first are indented |
//! | results, texts made to be kept | harmless on a terminal; as they are in a file or a pipe |
//! | JSON | harmless always, by escapes of JSON, so that it means the same |
//! | what the process that has the terminal writes | as it is: the terminal is its own |
//!
//! Nothing here panics when a stream is closed, as the macros of the standard
//! library do.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    time::Duration,
};

use super::{
    exit::{COMMAND_LINE, Exit, Failure},
    stderr,
    style::{
        BOLD, ERROR, NOTE, WARNING, block, error_line, is_json, json_line, note_line, styled,
        warning_line,
    },
};
use crate::{
    registry::{Problem, Problems, Severity},
    visible,
};

/// Writes a result to stdout: as it is, but on a terminal.
pub(super) fn result(text: &str) -> Result<(), Failure> {
    match io::stdout().is_terminal() {
        true => print(&visible::lines(text)),
        false => print(text),
    }
}

/// Writes JSON to stdout.
pub(super) fn json(text: &str) -> Result<(), Failure> {
    print(&visible::json(text))
}

/// Writes lines of our own to stdout, with what others say in them.
pub(super) fn show(text: &str) -> Result<(), Failure> {
    print(&visible::lines(text))
}

/// Writes a page to stdout, with its headings if it is a terminal.
pub(super) fn show_page(page: &Page) -> Result<(), Failure> {
    print_styled(&page.0)
}

/// Writes our own help to stdout, with colours if it is a terminal.
pub(super) fn print_styled(text: &str) -> Result<(), Failure> {
    settle();
    let mut stdout = anstream::stdout().lock();
    written(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// A reader that has gone away is no error.
fn print(text: &str) -> Result<(), Failure> {
    settle();
    let mut stdout = io::stdout().lock();
    written(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// Keeps the order where both streams go to one terminal.
fn settle() {
    stderr::finish(Some(Duration::from_secs(1)));
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

/// Text for stdout that has headings. What is written into it is harmless.
#[derive(Default)]
pub(super) struct Page(String);

impl Page {
    /// Adds a heading, on a line of its own.
    pub(super) fn heading(&mut self, text: &str) {
        let text = visible::name(text);
        self.0.push_str(&format!("{BOLD}{text}{BOLD:#}\n"));
    }
}

impl fmt::Write for Page {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.push_str(&visible::lines(text));
        Ok(())
    }
}

/// Writes lines of our own to stderr.
pub(super) fn message(text: &str) {
    stderr::say(match is_json() {
        true => json_line("info", text),
        false => format!("{}\n", visible::lines(text)),
    });
}

/// Writes a line over the one that was written so last; an empty one takes it away.
pub(super) fn progress(text: &str) {
    stderr::say(format!("\r{}\x1b[K", visible::lines(text)));
}

/// A line that is no error: `warning: ...`.
pub(super) fn warning(text: &str) {
    stderr::say(warning_line(text));
}

/// Something that is good to know: `note: ...`.
pub(super) fn note(text: &str) {
    stderr::say(note_line(text));
}

/// A line that says why the command fails: `error: ...`.
pub(super) fn error(text: &str) {
    stderr::say(error_line(text));
}

/// Says why a command failed, and gives its exit code.
pub(super) fn failure(failure: &Failure) -> Exit {
    match failure {
        Failure::Message(_, text) | Failure::Returned { text, json: false } => error(text),
        Failure::Returned { text, json: true } => {
            stderr::say(format!("{}\n", visible::json(text)));
        }
        Failure::Problem(problem) => stderr::say(problem_text(problem)),
        Failure::Problems(all) => problems(all),
        Failure::Silent(_) => {}
    }
    failure.exit()
}

/// One problem, on stderr.
pub(super) fn problem(problem: &Problem) {
    stderr::say(problem_text(problem));
}

/// All problems and their sum, on stderr.
pub(super) fn problems(problems: &Problems) {
    for problem in problems {
        stderr::say(problem_text(problem));
        if !is_json() {
            message("");
        }
    }
    let dropped = problems.dropped();
    if dropped > 0 {
        message(&format!("{dropped} more are not shown\n"));
    }
    let style = if problems.has_errors() { ERROR } else { WARNING };
    if is_json() {
        return message(&problems.summary());
    }
    stderr::say(format!("{}\n", styled(style, &problems.summary())));
}

/// A problem, with the place in bold and the word for its severity in colour.
fn problem_text(problem: &Problem) -> String {
    let (word, style) = match problem.severity {
        Severity::Error => ("error", ERROR),
        Severity::Warning => ("warning", WARNING),
        Severity::Note => ("note", NOTE),
    };
    let text = problem.to_string();
    let text = match &*problem.file == COMMAND_LINE {
        true => text.split_once("found:").map_or(&*text, |(_, rest)| rest.trim_start()),
        false => &text,
    };
    if is_json() {
        return json_line(word, text);
    }
    if &*problem.file == COMMAND_LINE {
        return block(&format!("{} ", styled(style, &format!("{word}:"))), text);
    }
    match text.split_once(&format!(": {word}")) {
        Some((place, rest)) => {
            let place = styled(BOLD, &format!("{}:", visible::name(place)));
            block(&format!("{place} {}", styled(style, word)), rest)
        }
        None => block("", text),
    }
}

/// Prints what clap has to say: help, the version, or a usage error.
pub(super) fn clap(error: &clap::Error) -> Exit {
    if !error.use_stderr() {
        return match print_styled(&error.render().ansi().to_string()) {
            Ok(()) => Exit::Ok,
            Err(why) => failure(&why),
        };
    }
    let text = error.render().to_string();
    let text = text.trim_end();
    let (head, text) = match text.strip_prefix("error: ") {
        Some(rest) => (format!("{} ", styled(ERROR, "error:")), rest),
        None => (String::new(), text),
    };
    // Its lines are its own, but for a word of the command line that has several.
    let lines = std::env::args_os().any(|word| word.as_encoded_bytes().contains(&b'\n'));
    stderr::say(match lines {
        true => block(&head, text),
        false => format!("{head}{}\n", visible::lines(text)),
    });
    Exit::Usage
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_block() {
        let text = "a\r\u{1b}[2Jb\nerror: forged\n  more\n\nend";
        assert_eq!(
            block("error: ", text),
            "error: a\\r\\u{1b}[2Jb\n    error: forged\n  more\n\n    end\n"
        );
        assert_eq!(block("warning: ", ""), "warning: \n");
    }

    #[test]
    fn a_page_has_no_marks_but_its_own() {
        use std::fmt::Write;
        let mut page = Page::default();
        page.heading("a\nb");
        writeln!(page, "c \u{1b}[1m\u{202e}d").unwrap();
        assert_eq!(page.0, format!("{BOLD}a\\nb{BOLD:#}\nc \\u{{1b}}[1m\\u{{202e}}d\n"));
    }
}
