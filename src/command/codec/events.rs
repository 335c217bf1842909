//! What a process is handed: events, mail, and the errors in them.

use super::{
    Coded, DecodeError, Problem, Reader, Writer, coded_as, coded_enum, coded_names, coded_struct,
};
#[cfg(test)]
use crate::{command::codec::tests::Random, value::Term};
use crate::{
    command::{
        Completion, Ending, ErrorKind, Mail, Message, Pid, ProcessError, SharedEnding, Tag, Yield,
    },
    process::Event,
};

coded_enum! { Event {
    0 = Completion(completion);
    1 = Mail(mail);
    2 = Cancel { reason };
    3 = Timeout { limit };
} }

coded_struct! { Completion { tag, reply } }

coded_struct! { Yield { tag, command } }

coded_as! { Tag as u64: |tag| tag.0, |number| Ok(Tag(number)) }

coded_enum! { Mail {
    0 = Message(message);
    1 = Exit { from, result };
    2 = LinkDown { from, result };
    3 = Cancel { from, reason };
} }

/// Its size is measured anew.
impl Coded for Message {
    fn put(&self, out: &mut Writer) {
        let Message { from, topic, payload, .. } = self;
        from.put(out);
        topic.put(out);
        payload.put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Message, DecodeError> {
        let (sender, topic) = (Coded::take(from)?, String::take(from)?);
        Ok(Message::new(sender, topic, Coded::take(from)?))
    }

    #[cfg(test)]
    fn samples(depth: u32) -> Vec<Message> {
        let payloads = Vec::<Term>::samples(depth).into_iter();
        payloads.map(|payload| Message::new(Some(Pid::new("app:host|1")), "t", payload)).collect()
    }

    #[cfg(test)]
    fn any(random: &mut Random, depth: u32) -> Message {
        let (sender, topic) = (Coded::any(random, depth), String::any(random, depth));
        Message::new(sender, topic, Coded::any(random, depth))
    }
}

impl Coded for Pid {
    fn put(&self, out: &mut Writer) {
        super::plain::put_text(self.as_str(), out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Pid, DecodeError> {
        Ok(Pid::new(super::plain::take_text(from)?))
    }

    #[cfg(test)]
    fn samples(_: u32) -> Vec<Pid> {
        vec![Pid::new("app:host|app:entry|1")]
    }

    #[cfg(test)]
    fn any(random: &mut Random, depth: u32) -> Pid {
        Pid::new(String::any(random, depth))
    }
}

/// Who else has it is not told.
impl Coded for SharedEnding {
    fn put(&self, out: &mut Writer) {
        Ending::put(self, out);
    }

    fn take(from: &mut Reader<'_>) -> Result<SharedEnding, DecodeError> {
        Ending::take(from).map(SharedEnding::from)
    }

    #[cfg(test)]
    fn samples(depth: u32) -> Vec<SharedEnding> {
        Ending::samples(depth).into_iter().map(SharedEnding::from).collect()
    }

    #[cfg(test)]
    fn any(random: &mut Random, depth: u32) -> SharedEnding {
        Ending::any(random, depth).into()
    }
}

coded_struct! { ProcessError { kind, message, retryable, details } }

coded_names! { ErrorKind {
    "NOT_FOUND" = NotFound;
    "ALREADY_EXISTS" = AlreadyExists;
    "INVALID" = Invalid;
    "PERMISSION_DENIED" = PermissionDenied;
    "UNAVAILABLE" = Unavailable;
    "INTERNAL" = Internal;
    "CANCELED" = Canceled;
    "CONFLICT" = Conflict;
    "TIMEOUT" = Timeout;
    "RATE_LIMITED" = RateLimited;
    "UNKNOWN" = Unknown;
} }
