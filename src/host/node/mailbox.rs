//! What reaches a process from outside while it lives: mail, and its end.
//!
//! Anybody may write to a [`Mailbox`]; the loop that runs the process collects what
//! is there before each step. It holds a bounded number of mails, and of their
//! bytes: those that wait here and those that the program has been given and has
//! not taken.

use std::{
    collections::VecDeque,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock,
        atomic::{
            AtomicBool,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::Instant,
};

use futures_util::task::AtomicWaker;

use super::{
    turns::Class,
    vitals::{ProcessState, Vitals},
};
use crate::{
    account::{Account, Charge, Exceeded},
    command::{Mail, Message, SMALL_ENDING as SMALL},
    lock::lock,
    process::{Error, Event, Received},
};

/// The mailbox of one process.
#[derive(Debug)]
pub(in crate::host) struct Mailbox {
    contents: Mutex<Contents>,
    /// The account of the process, once its limit is known.
    pub account: OnceLock<Account>,
    /// There is something to collect. So that who looks for it, again and again, does
    /// not hold the lock against those who bring it. Written under the lock.
    news: AtomicBool,
    waker: AtomicWaker,
    capacity: Capacity,
    /// How the process does.
    pub vitals: Vitals,
    /// See [`Mailbox::class`].
    patient: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Contents {
    queue: VecDeque<Mail>,
    /// Mail that is in the queue, or with the program and not taken.
    unread: Received,
    /// For the bytes of that, on the account of the host: who writes to a process does
    /// not take from what it may have. Not for those that many have, see
    /// [`SharedEnding`](crate::command::SharedEnding).
    charge: Charge,
    /// The process is to end, with this.
    end: Option<Error>,
    /// The process has been asked to end, and has until then.
    deadline: Option<(Instant, String)>,
    closed: bool,
}

/// The limits of what is unread.
#[derive(Clone, Copy, Debug)]
pub(in crate::host) struct Capacity {
    /// So many mails; at least one.
    pub mails: usize,
    /// Bytes of all of them, unless there is only one.
    pub bytes: usize,
}

/// Why a message cannot be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host) enum Undelivered {
    /// There are too many that have not been taken.
    Many(Received),
    /// Those have too many bytes for one of so many more.
    Large(Received, usize),
    /// The host has no memory for it.
    Crowded(Exceeded),
    /// The process has ended.
    Gone,
}

/// News for the loop, beside the events.
#[derive(Debug, Default)]
pub(in crate::host) struct News {
    /// There was mail.
    pub mail: bool,
    /// The process ends now.
    pub end: Option<Error>,
    /// When it ends if it does not end by itself, and why.
    pub deadline: Option<Instant>,
}

impl Mailbox {
    /// A mailbox for so much mail.
    pub fn new(capacity: Capacity, host: &Account) -> Mailbox {
        Mailbox {
            contents: Mutex::new(Contents { charge: host.open(), ..Contents::default() }),
            account: OnceLock::new(),
            news: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            capacity,
            vitals: Vitals::default(),
            patient: Arc::new(AtomicBool::new(true)),
        }
    }

    /// In which queue the process stands when it can run: it is patient before its
    /// first step, and from when it is asked to end until it has been told.
    /// Whoever asks keeps nothing else of the mailbox: the mailbox keeps the waker of its
    /// process, and that keeps who asks.
    pub fn class(&self) -> impl Fn() -> Class + Send + Sync + 'static {
        let patient = self.patient.clone();
        move || match patient.load(Relaxed) {
            true => Class::Patient,
            false => Class::Prompt,
        }
    }

    /// The process has its first turn, or begins to tell others of its end: whom it tells
    /// is woken, and if it had turns of its own kind it would wake more than have turns.
    pub fn begins(&self) {
        self.patient.store(false, Relaxed);
    }

    /// Nothing panics while it holds the lock.
    fn contents(&self) -> MutexGuard<'_, Contents> {
        lock(&self.contents)
    }

    /// Delivers a message.
    pub fn message(&self, message: Message) -> Result<(), Undelivered> {
        let mut contents = self.contents();
        if contents.closed {
            return Err(Undelivered::Gone);
        }
        let (unread, mail) = (contents.unread, Mail::Message(message));
        // One alone is welcome, whatever it has.
        if unread.mails > 0 {
            if unread.mails >= self.capacity.mails {
                return Err(Undelivered::Many(unread));
            }
            let size = mail.size();
            if unread.bytes.saturating_add(size) > self.capacity.bytes {
                return Err(Undelivered::Large(unread, size));
            }
        }
        let first = contents.queue.is_empty();
        contents.room(mail.size()).map_err(Undelivered::Crowded)?;
        contents.push(mail);
        self.news.store(true, SeqCst);
        drop(contents);
        // Who has not collected what came before is awake, or about to look.
        if first {
            self.waker.wake();
        }
        Ok(())
    }

    /// Delivers what the process has asked for. There are no more of these than
    /// there are processes: each is told of once, and who has a full mailbox cannot
    /// ask for more, see [`Mailbox::has_room`].
    ///
    /// A long value or message that has no room is left out: many may be told of the
    /// same end.
    pub fn notice(&self, mut mail: Mail) {
        let mut contents = self.contents();
        if contents.closed {
            return;
        }
        let size = mail.size();
        let own = size.saturating_sub(mail.shared());
        let all = contents.unread.bytes.saturating_add(size);
        if size > SMALL && (all > self.capacity.bytes || contents.room(own).is_err()) {
            mail = without_result(mail);
        }
        contents.push(mail);
        self.news.store(true, SeqCst);
        drop(contents);
        self.waker.wake();
    }

    /// True if there is mail that the loop has not collected.
    pub fn has_mail(&self) -> bool {
        !self.contents().queue.is_empty()
    }

    /// True if the process may ask for more notices.
    pub fn has_room(&self) -> bool {
        let unread = self.contents().unread;
        unread.mails == 0
            || unread.mails < self.capacity.mails && unread.bytes < self.capacity.bytes
    }

    /// Asks the process to end in time. It is told once, however often it is
    /// asked, and the earliest time counts.
    pub fn cancel(&self, mail: Mail, until: Instant, reason: &str) {
        let mut contents = self.contents();
        if contents.closed {
            return;
        }
        match &mut contents.deadline {
            Some((deadline, _)) => {
                *deadline = until.min(*deadline);
            }
            None => {
                // For both, unless there is no room for so many words.
                let words = match contents.room(mail.size().saturating_add(reason.len())) {
                    Ok(()) => reason,
                    Err(_) => "",
                };
                contents.deadline = Some((until, words.to_owned()));
                contents.push(match mail {
                    Mail::Cancel { from, .. } => Mail::Cancel { from, reason: words.to_owned() },
                    mail @ (Mail::Message(_) | Mail::Exit { .. } | Mail::LinkDown { .. }) => mail,
                });
            }
        }
        self.patient.store(true, Relaxed);
        self.news.store(true, SeqCst);
        drop(contents);
        self.waker.wake();
    }

    /// Ends the process after its present step. The first reason counts.
    pub fn end(&self, error: Error) {
        let mut contents = self.contents();
        if contents.closed {
            return;
        }
        contents.end.get_or_insert(error);
        self.patient.store(true, Relaxed);
        self.news.store(true, SeqCst);
        drop(contents);
        self.waker.wake();
    }

    /// No more mail.
    pub fn close(&self) {
        let mut contents = self.contents();
        contents.closed = true;
        contents.queue = VecDeque::new();
        contents.charge = Charge::default();
        drop(contents);
        self.vitals.set_state(ProcessState::Ended);
    }

    /// The program has taken so much mail.
    pub fn taken(&self, received: Received) {
        if received.mails > 0 {
            let mut contents = self.contents();
            contents.unread.subtract(received);
            // To charge less never fails.
            let _ = contents.room(0);
        }
    }

    /// Moves the mail to `events`. The queue changes places with `spare`, which is
    /// empty before and after, so that the lock is not held for long.
    pub fn collect(&self, spare: &mut VecDeque<Mail>, events: &mut Vec<Event>) -> News {
        if !self.news.load(SeqCst) {
            return News::default();
        }
        let mut contents = self.contents();
        self.news.store(false, SeqCst);
        mem::swap(&mut contents.queue, spare);
        let end = contents.end.take();
        let deadline = contents.deadline.as_ref().map(|(deadline, _)| *deadline);
        // Who is to end now goes on being patient: its end may take several turns.
        if end.is_none() {
            self.patient.store(false, Relaxed);
        }
        drop(contents);
        let mail = !spare.is_empty();
        events.extend(spare.drain(..).map(Event::Mail));
        News { mail, end, deadline }
    }

    /// Keeps no more room than is needed.
    pub fn shrink(&self) {
        let mut contents = self.contents();
        contents.queue.shrink_to_fit();
        let bytes = contents.unread.own() as u64;
        contents.charge.keep(bytes);
    }

    /// Why the process has been asked to end.
    pub fn cancel_reason(&self) -> String {
        self.contents().deadline.as_ref().map(|(_, why)| why.clone()).unwrap_or_default()
    }

    /// How many mails the program has not taken.
    pub fn unread(&self) -> usize {
        self.contents().unread.mails
    }

    /// Waits, in a future's `poll`: whether there is something for the loop to
    /// do. If not, the waker is called when there is.
    pub fn poll(&self, waker: &std::task::Waker) -> bool {
        // In this order, so that nothing arrives in between.
        self.waker.register(waker);
        self.news.load(SeqCst)
    }

    /// Called every now and then, see [`Vitals::rests`].
    pub fn rests(&self) -> bool {
        self.vitals.rests(|| self.waker.wake())
    }
}

/// The rest of a notice whose result has no room.
fn without_result(mail: Mail) -> Mail {
    match mail {
        Mail::Exit { from, result } => Mail::Exit { from, result: result.without_value() },
        Mail::LinkDown { from, result } => Mail::LinkDown { from, result: result.without_value() },
        mail @ (Mail::Message(_) | Mail::Cancel { .. }) => mail,
    }
}

impl Contents {
    /// Sees to it that all that is here, and so many bytes more, is charged.
    fn room(&mut self, more: usize) -> Result<(), Exceeded> {
        self.charge.cover(self.unread.own().saturating_add(more) as u64)
    }

    /// Whoever calls has asked for room, unless the mail has to be told in any case.
    fn push(&mut self, mail: Mail) {
        self.unread.add(&mail);
        let missing = (self.unread.own() as u64).saturating_sub(self.charge.bytes());
        if missing > 0 {
            self.charge.add_anyway(missing);
        }
        self.queue.push_back(mail);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        command::{ErrorKind, Pid, ProcessError},
        value::Term,
    };

    fn mailbox(capacity: Capacity) -> Mailbox {
        Mailbox::new(capacity, &Account::default())
    }

    fn text(len: usize) -> Message {
        Message::new(None, "t", vec!["x".repeat(len).into()])
    }

    /// A program that takes so many of the mails that it has been given.
    fn take(mailbox: &Mailbox, inbox: &mut Vec<Event>, count: usize) {
        mailbox.collect(&mut VecDeque::new(), inbox);
        let mut received = Received::default();
        for event in inbox.drain(..count) {
            let Event::Mail(mail) = event else { continue };
            received.add(&mail);
        }
        mailbox.taken(received);
    }

    #[test]
    fn what_is_unread_is_bounded_by_number_and_bytes() {
        let each = Mail::Message(text(300)).size();
        let mailbox = mailbox(Capacity { mails: 4, bytes: 3 * each - 1 });
        let mut inbox = Vec::new();
        assert_eq!(mailbox.message(text(300)), Ok(()));
        assert_eq!(mailbox.message(text(300)), Ok(()));
        let unread = Received { mails: 2, bytes: 2 * each, shared: 0 };
        assert_eq!(mailbox.message(text(300)), Err(Undelivered::Large(unread, each)));
        assert!(mailbox.has_room());
        assert_eq!(mailbox.message(text(0)), Ok(()));
        assert_eq!(mailbox.message(text(0)), Ok(()));
        let small = Mail::Message(text(0)).size();
        let unread = Received { mails: 4, bytes: 2 * (each + small), shared: 0 };
        assert_eq!(mailbox.message(text(0)), Err(Undelivered::Many(unread)));
        assert!(!mailbox.has_room());
        // WasiSetup to the program is not taken.
        take(&mailbox, &mut inbox, 0);
        assert_eq!(mailbox.message(text(0)), Err(Undelivered::Many(unread)));
        take(&mailbox, &mut inbox, 1);
        assert_eq!(mailbox.message(text(300)), Ok(()));
        assert_eq!(mailbox.unread(), 4);
    }

    #[test]
    fn one_alone_is_welcome_and_every_byte_is_given_back() {
        let mailbox = mailbox(Capacity { mails: 2, bytes: 1000 });
        let mut inbox = Vec::new();
        let fault =
            ProcessError { details: "why".into(), ..ProcessError::new(ErrorKind::Unknown, "so") };
        for i in 0..100 {
            assert_eq!(mailbox.message(text(1_000_000)), Ok(()));
            assert!(matches!(mailbox.message(text(0)), Err(Undelivered::Large(..))));
            assert!(!mailbox.has_room());
            // What has to be told is told, and counts.
            let tree = Term::record([("n", Term::Int(i)), ("list", Term::List(vec![Term::Nil]))]);
            mailbox.notice(Mail::Exit { from: Pid::new("a|b.1"), result: Ok(tree).into() });
            mailbox.notice(Mail::LinkDown {
                from: Pid::new("a|b.1"),
                result: Err(fault.clone()).into(),
            });
            mailbox.notice(Mail::Cancel { from: None, reason: "enough".to_owned() });
            take(&mailbox, &mut inbox, 4);
            assert_eq!(mailbox.contents().unread, Received::default());
        }
    }

    #[test]
    fn mail_is_there_until_it_is_collected() {
        let mailbox = mailbox(Capacity { mails: 1, bytes: 1 });
        assert!(!mailbox.has_mail());
        mailbox.notice(Mail::Cancel { from: None, reason: String::new() });
        assert!(mailbox.has_mail());
        mailbox.collect(&mut VecDeque::new(), &mut Vec::new());
        assert!(!mailbox.has_mail());
    }

    #[test]
    fn mail_is_on_the_account_of_the_host() {
        let host = Account::of_host(100_000);
        let mailbox = Mailbox::new(Capacity { mails: 100, bytes: usize::MAX }, &host);
        let (mut inbox, mut sent) = (Vec::new(), 0);
        while mailbox.message(text(20_000)).is_ok() {
            sent += 1;
        }
        assert_eq!(sent, 4);
        assert!(matches!(mailbox.message(text(20_000)), Err(Undelivered::Crowded(_))));
        // What has to be told is told, without what has no room.
        let result = Ok(Term::from("x".repeat(50_000))).into();
        mailbox.notice(Mail::Exit { from: Pid::new("a|b.1"), result });
        let reason = "y".repeat(50_000);
        let mail = Mail::Cancel { from: None, reason: reason.clone() };
        mailbox.cancel(mail, Instant::now(), &reason);
        assert!(host.used() < 110_000, "{}", host.used());
        take(&mailbox, &mut inbox, 4);
        let [Event::Mail(Mail::Exit { result, .. }), Event::Mail(cancel)] = &inbox[..] else {
            panic!("{inbox:?}");
        };
        assert_eq!(result.as_ref().unwrap_err().kind, ErrorKind::Unavailable);
        assert_eq!(*cancel, Mail::Cancel { from: None, reason: String::new() });
        assert!(host.used() < 10_000, "{}", host.used());
        take(&mailbox, &mut inbox, 2);
        mailbox.close();
        assert_eq!(host.used(), 0);
    }
}
