//! Messages and orders, to a pid or a name.

use std::time::Duration;

use super::{Node, mailbox::Undelivered, program::HostOptions, table::ProcessSlot};
use crate::{
    account::Exceeded,
    command::{ErrorKind, Mail, Message, ProcessError},
    process::{Error, Received},
    value::Term,
    visible,
};

/// The longest topic, and the longest reason to cancel, in bytes. What is long
/// belongs into a payload.
const MAX_WORDS: usize = 64 << 10;

/// The host has no memory for it.
pub(super) fn crowded(exceeded: Exceeded) -> ProcessError {
    ProcessError::new(ErrorKind::Unavailable, exceeded.to_string())
}

pub(super) fn nobody(to: &str) -> ProcessError {
    let to = shown(to);
    let why = match to.contains('|') {
        true => format!("process {to} not found"),
        false => format!("no process has the name {to}"),
    };
    ProcessError::new(ErrorKind::NotFound, why)
}

/// The longest text of somebody else that a message repeats, in bytes.
const SHOWN: usize = 255;

/// A text of a program's own, for a message: not too long, and without anything
/// that a terminal would obey.
pub(in crate::host) fn shown(text: &str) -> String {
    let mut end = text.len().min(SHOWN);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    let (head, rest) = text.split_at(end);
    let mut shown = visible::name(head).into_owned();
    if !rest.is_empty() {
        shown.push('…');
    }
    shown
}

pub(super) fn short(what: &str, text: &str) -> Result<(), ProcessError> {
    match text.len() {
        0..=MAX_WORDS => Ok(()),
        len => {
            let why = format!("a {what} of {len} bytes; it may have {MAX_WORDS}");
            Err(ProcessError::new(ErrorKind::Invalid, why))
        }
    }
}

/// Sends a message to a pid or a name.
pub(in crate::host) fn send(
    node: &Node,
    from: Option<&ProcessSlot>,
    to: &str,
    topic: String,
    payload: Vec<Term>,
) -> Result<(), ProcessError> {
    if topic.starts_with('@') {
        let topic = shown(&topic);
        let why = format!("the topic \"{topic}\" is reserved, as are all that begin with @");
        return Err(ProcessError::new(ErrorKind::Invalid, why));
    }
    short("topic", &topic)?;
    let slot = node.find(to).ok_or_else(|| nobody(to))?;
    let message = Message::new(from.map(|slot| slot.pid.clone()), topic, payload);
    let traced = node.0.trace.get().zip(from);
    let traced = traced.map(|(trace, from)| (trace, from, trace.sends(from, &slot)));
    let delivered = match &node.0.stage {
        Some(stage) => stage.deliver(from, &slot, message),
        None => slot.mailbox.message(message),
    };
    if let Some((trace, from, number)) = traced {
        trace.sent((from, &slot), number, node.clock().now(), delivered.is_ok());
    }
    delivered.map_err(|why| undelivered(to, &slot.host.options, why))
}

/// Why a message has not been delivered: which bound is reached, and how much is
/// unread.
fn undelivered(to: &str, options: &HostOptions, why: Undelivered) -> ProcessError {
    let HostOptions { queue_size, queue_bytes, .. } = options;
    let why = match why {
        Undelivered::Gone => return nobody(to),
        Undelivered::Crowded(exceeded) => return crowded(exceeded),
        Undelivered::Many(Received { mails, .. }) => {
            format!("it has not taken {mails} mails, of at most {queue_size}")
        }
        Undelivered::Large(Received { mails, bytes, .. }, more) => format!(
            "it has not taken {mails} mails of {bytes} bytes; this one has {more}, and all may \
             have {queue_bytes}"
        ),
    };
    ProcessError::new(
        ErrorKind::Unavailable,
        format!("the mailbox of {} is full: {why}", shown(to)),
    )
}

pub(in crate::host) fn cancel(
    node: &Node,
    from: Option<&ProcessSlot>,
    to: &str,
    reason: &str,
    patience: Duration,
) -> Result<(), ProcessError> {
    short("reason", reason)?;
    let slot = node.find(to).ok_or_else(|| nobody(to))?;
    let mail = Mail::Cancel { from: from.map(|slot| slot.pid.clone()), reason: reason.to_owned() };
    let now = node.clock().now();
    if let (Some(stage), Some(from)) = (&node.0.stage, from) {
        stage.hurry(from.serial);
    }
    // A time that no clock reaches is a week.
    let until = now.checked_add(patience).unwrap_or(now + Duration::from_secs(604_800));
    slot.mailbox.cancel(mail, until, reason);
    Ok(())
}

pub(in crate::host) fn terminate(node: &Node, to: &str, why: &str) -> Result<(), ProcessError> {
    let slot = node.find(to).ok_or_else(|| nobody(to))?;
    slot.mailbox.end(Error::terminated(why));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_writes_is_short_and_harmless_in_messages() {
        assert_eq!(shown("app:processes|x.1 ä"), "app:processes|x.1 ä");
        assert_eq!(shown("a\n\x1b[31m"), "a\\n\\u{1b}[31m");
        let long = shown(&"ä".repeat(1 << 20));
        assert_eq!((long.len(), long.ends_with("ä…")), (254 + '…'.len_utf8(), true));
    }
}
