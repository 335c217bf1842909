//! What a process keeps of its life among others: who it is, the mail that its
//! program has not taken, and its last words.

use std::collections::VecDeque;

use crate::{
    command::{Mail, Pid, ProcessError, codec},
    value::Term,
};

/// The mail of one process, in the order in which it came.
///
/// It does not grow without bound: its host counts what it has handed in and
/// what [`Inbox::take_received`] has said was taken, and takes no more messages
/// for the process when there is too much in between.
#[derive(Debug, Default)]
pub struct Inbox {
    mail: VecDeque<Mail>,
    received: Received,
    listens: bool,
    /// See [`Inbox::spend`].
    spent: Vec<(Option<Pid>, Vec<Term>)>,
}

impl Inbox {
    /// Keeps what is left of a message until the end of the step. Its sender's thread
    /// works with the same memory; to drop one after the other while it does makes
    /// the two wait for each other at each message.
    pub(crate) fn spend(&mut self, from: Option<Pid>, payload: Vec<Term>) {
        self.spent.push((from, payload));
    }

    /// Adds what has arrived.
    pub fn push(&mut self, mail: Mail) {
        self.mail.push_back(mail);
    }

    /// Keeps no room for what may come.
    pub fn shrink(&mut self) {
        self.mail.shrink_to_fit();
        self.spent.shrink_to_fit();
    }

    /// Takes the first mail that fits.
    pub fn take(&mut self, fits: impl Fn(&Mail) -> bool) -> Option<Mail> {
        let at = self.mail.iter().position(fits)?;
        let mail = self.mail.remove(at)?;
        self.received.add(&mail);
        Some(mail)
    }

    /// True if there is mail that fits.
    pub fn has(&self, fits: impl Fn(&Mail) -> bool) -> bool {
        self.mail.iter().any(fits)
    }

    /// The program looks at its mail, so it can be asked to end instead of being
    /// ended.
    pub fn listen(&mut self) {
        self.listens = true;
    }

    /// True if the program looks at its mail.
    pub fn listens(&self) -> bool {
        self.listens
    }

    /// Hands out the mail that has not been taken.
    pub(crate) fn state(&self, to: &mut dyn FnMut(&[u8])) {
        for mail in &self.mail {
            // It has come in by its form, or could.
            if let Ok(form) = codec::encode(mail) {
                to(&form);
            }
        }
    }

    /// The mail that the program has taken since this was asked last.
    pub fn take_received(&mut self) -> Received {
        self.spent.clear();
        std::mem::take(&mut self.received)
    }
}

/// How much mail there is, or has been taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// How many.
    pub mails: usize,
    /// Their bytes, see [`Mail::size`].
    pub bytes: usize,
    /// Those of the bytes that are charged for already.
    pub(crate) shared: usize,
}

impl Received {
    /// The bytes that are not charged for already.
    #[cfg(feature = "host")]
    pub(crate) fn own(&self) -> usize {
        self.bytes.saturating_sub(self.shared)
    }

    /// Counts one more.
    pub fn add(&mut self, mail: &Mail) {
        self.mails = self.mails.saturating_add(1);
        self.bytes = self.bytes.saturating_add(mail.size());
        self.shared = self.shared.saturating_add(mail.shared());
    }

    /// Takes away what is counted there.
    pub fn subtract(&mut self, other: Received) {
        self.mails = self.mails.saturating_sub(other.mails);
        self.bytes = self.bytes.saturating_sub(other.bytes);
        self.shared = self.shared.saturating_sub(other.shared);
    }
}

/// Who a process is. Set before its first step, if it lives on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The process.
    pub pid: Pid,
    /// The id of its host.
    pub host: String,
    /// The id of its entry.
    pub entry: String,
}

/// With what a program has asked to end. A host function leaves it behind and
/// returns [`Trap::exit(0)`](crate::component::Trap::exit), so that nothing of the
/// guest runs afterwards.
#[derive(Debug, Default)]
pub struct ExitRequest(pub Option<Result<Term, ProcessError>>);
