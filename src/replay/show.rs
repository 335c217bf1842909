//! Commands and answers as people read them, on one line each.

use super::journal::{Asked, Ending, Noted};
use crate::{
    command::{Command, FsCommand, Reply, Stdio, StdioCommand, codec},
    process::{Event, Outcome, Status},
    value::Term,
    visible,
};

/// The longest line, in bytes.
const MOST: usize = 240;

/// A command.
pub fn command(command: &Command) -> String {
    match command {
        Command::Stdio(StdioCommand::Write { to, bytes }) => {
            let to = match to {
                Stdio::Stdin => "stdin",
                Stdio::Stdout => "stdout",
                Stdio::Stderr => "stderr",
            };
            short(&format!("write {to} {}", text(bytes)))
        }
        Command::Fs(FsCommand::Write { file, offset, bytes }) => {
            let at = offset.map_or("its end".to_owned(), |offset| offset.to_string());
            short(&format!("write file {} at {at} {}", file.0, text(bytes)))
        }
        other => short(&format!("{other:?}")),
    }
}

/// An answer.
pub fn reply(reply: &Reply) -> String {
    match reply {
        Reply::Bytes(bytes) => short(&text(bytes)),
        other => short(&format!("{other:?}")),
    }
}

pub(super) fn event(event: &Event) -> String {
    match event {
        Event::Completion(completion) => reply(&completion.reply),
        other => short(&format!("{other:?}")),
    }
}

/// A command of which there is a note.
pub(super) fn noted(noted: &Noted) -> String {
    match noted {
        Noted::Whole(bytes) => match codec::next::<Command>(bytes) {
            Ok((whole, _)) => command(&whole),
            Err(error) => format!("something unreadable: {error}"),
        },
        Noted::Hashed { .. } => format!("{noted:?}"),
    }
}

pub(super) fn asked(asked: &Asked) -> String {
    match asked {
        Asked::Deferred => "something that is not answered at once".to_owned(),
        Asked::Answered(command, _) => noted(command),
    }
}

/// Why a step has stopped, as the journal has it.
pub(super) fn ending(ending: &Ending) -> String {
    match ending {
        Ending::Continue => "its fuel is used up".to_owned(),
        Ending::Blocked => "it waits for an answer".to_owned(),
        Ending::Idle => "it waits for mail".to_owned(),
        Ending::Done(noted) => match noted {
            Noted::Whole(bytes) => match codec::next::<Outcome>(bytes) {
                Ok((whole, _)) => outcome(&whole),
                Err(error) => format!("it ends unreadably: {error}"),
            },
            Noted::Hashed { .. } => format!("it ends with {noted:?}"),
        },
        Ending::Exited(noted) => match noted {
            Noted::Whole(bytes) => match codec::next::<Term>(bytes) {
                Ok((term, _)) => short(&format!("it ends itself with {term:?}")),
                Err(error) => format!("it ends unreadably: {error}"),
            },
            Noted::Hashed { .. } => format!("it ends itself with {noted:?}"),
        },
    }
}

/// Why a step has stopped.
pub(super) fn status(status: &Status) -> String {
    match status {
        Status::Continue => ending(&Ending::Continue),
        Status::Blocked => ending(&Ending::Blocked),
        Status::Idle => ending(&Ending::Idle),
        Status::Done(done) => outcome(done),
        Status::Exited(term) => short(&format!("it ends itself with {term:?}")),
    }
}

pub(super) fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Ok(None) => "it ends well".to_owned(),
        Ok(Some(value)) => short(&format!("it returns {value:?}")),
        Err(error) => short(&format!("it fails: {error}")),
    }
}

/// Bytes that are mostly text.
fn text(bytes: &[u8]) -> String {
    let head = bytes.get(..bytes.len().min(MOST)).unwrap_or_default();
    format!("{:?} ({} bytes)", String::from_utf8_lossy(head), bytes.len())
}

fn short(text: &str) -> String {
    let mut end = text.len().min(MOST);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    let mut shown = visible::name(text.get(..end).unwrap_or_default()).into_owned();
    if end < text.len() {
        shown.push('…');
    }
    shown
}
