//! The commands of one process that have not been answered.
//!
//! Each waits as a future of its own, polled by whoever runs the process: no
//! task is spawned, and to drop the set is to stop waiting. What a thread of the
//! blocking pool has begun it ends, for the system knows no way to take it back;
//! its answer is dropped.

use super::SystemDispatcher;
use crate::command::{Command, Completion, Interest, Ready, Reply, Tag, Wait, Yield};
use futures_util::{
    future::{AbortHandle, Abortable},
    stream::{FuturesUnordered, StreamExt},
};
use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// Answers the commands of one process.
pub trait Dispatcher: Clone + Send + 'static {
    /// The answer, if it takes no time to speak of.
    ///
    /// # Errors
    ///
    /// With the command, unchanged.
    fn now(&self, command: Command) -> Result<Reply, Command>;

    /// The answer, as soon as there is one.
    fn later(&self, command: Command) -> impl Future<Output = Reply> + Send;
}

impl Dispatcher for SystemDispatcher {
    fn now(&self, command: Command) -> Result<Reply, Command> {
        SystemDispatcher::now(self, command)
    }

    async fn later(&self, command: Command) -> Reply {
        SystemDispatcher::later(self, command).await
    }
}

/// The answers to the [yields](Yield) of a process, in the order in which they come.
pub struct InFlight<A = SystemDispatcher> {
    answers: A,
    ready: VecDeque<Completion>,
    waiting: FuturesUnordered<Waiting>,
    /// Those that wait for mail, some of them for something else as well.
    mail: Vec<(Tag, Option<AbortHandle>)>,
    /// How many of those that wait nobody waits for.
    posted: usize,
}

type Waiting = Pin<Box<dyn Future<Output = Option<Completion>> + Send>>;

impl<A: Dispatcher> InFlight<A> {
    /// Nothing is asked yet.
    pub fn new(answers: A) -> InFlight<A> {
        let (ready, waiting) = (VecDeque::new(), FuturesUnordered::new());
        InFlight { answers, ready, waiting, mail: Vec::new(), posted: 0 }
    }

    /// Begins to answer.
    pub fn submit(&mut self, asked: Yield) {
        let Yield { tag, command } = asked;
        if matches!(&command, Command::Wait(wait) if wait.is_for_mail_only()) {
            self.mail.push((tag, None));
            return;
        }
        let command = match self.answers.now(command) {
            Ok(reply) => return self.ready.push_back(Completion { tag, reply }),
            Err(command) => command,
        };
        let for_mail =
            matches!(&command, Command::Wait(Wait { on, .. }) if on.contains(Interest::Mail));
        self.posted = self.posted.saturating_add(usize::from(tag.is_posted()));
        let answers = self.answers.clone();
        let answer = async move { Completion { tag, reply: answers.later(command).await } };
        self.waiting.push(match for_mail {
            true => {
                let (handle, registration) = AbortHandle::new_pair();
                self.mail.push((tag, Some(handle)));
                let answer = Abortable::new(answer, registration);
                Box::pin(async { answer.await.ok() })
            }
            false => Box::pin(async { Some(answer.await) }),
        });
    }

    /// Answers all that wait for mail.
    pub fn mail_arrived(&mut self, completions: &mut impl Extend<Completion>) {
        completions.extend(self.mail.drain(..).map(|(tag, handle)| {
            if let Some(handle) = handle {
                handle.abort();
            }
            Completion { tag, reply: Reply::Ready(Ready::of(Interest::Mail)) }
        }));
    }

    /// The next answer; ready without one if nothing is asked but for mail.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Completion>> {
        if let Some(completion) = self.ready.pop_front() {
            return Poll::Ready(Some(completion));
        }
        loop {
            match self.waiting.poll_next_unpin(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(None),
                // Mail came first.
                Poll::Ready(Some(None)) => {}
                Poll::Ready(Some(Some(completion))) => {
                    self.mail.retain(|(tag, _)| *tag != completion.tag);
                    let posted = usize::from(completion.tag.is_posted());
                    self.posted = self.posted.saturating_sub(posted);
                    return Poll::Ready(Some(completion));
                }
            }
        }
    }

    /// The next answer; `None` if nothing is asked but for mail. No answer is lost
    /// if this is dropped before it has one.
    pub async fn next(&mut self) -> Option<Completion> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// How many answers are to come, those for mail among them.
    pub fn len(&self) -> usize {
        let alone = self.mail.iter().filter(|(_, handle)| handle.is_none()).count();
        self.ready.len().saturating_add(self.waiting.len()).saturating_add(alone)
    }

    /// How many commands are being carried out whose replies nobody waits for.
    pub fn posted(&self) -> usize {
        self.posted
    }

    /// Nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.waiting.is_empty() && self.mail.is_empty()
    }

    /// True if there is nothing to wait for but mail, perhaps until some time.
    pub fn waits_for_mail_only(&self) -> bool {
        let others = self.mail.iter().filter(|(_, handle)| handle.is_some()).count();
        !self.mail.is_empty() && self.ready.is_empty() && self.waiting.len() == others
    }

    /// Stops waiting for all.
    pub fn clear(&mut self) {
        self.ready.clear();
        self.waiting.clear();
        self.mail.clear();
        self.posted = 0;
    }
}

impl<A: Dispatcher> fmt::Debug for InFlight<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InFlight").field("len", &self.len()).finish_non_exhaustive()
    }
}
