//! The loop that runs one process to its end.
//!
//! Before each step it collects what has come from outside: answers, mail, the
//! order to end, the end of its time. A step is short, so looking there is
//! enough, whatever the guest does. When the steps of a turn have used up the
//! slice, others have their turns first. Between steps that wait nothing runs and
//! nothing is polled: the process is woken by an answer, by mail, or by a timer.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    mem,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use super::{
    aside::aside,
    ended::{Ended, ending},
    mailbox::{Mailbox, News},
    panics::{self, Undertaker},
    stage::{Clock, Sleep, Stage},
    table::ProcessSlot,
    trace::Probe,
    vitals::ProcessState,
};
use crate::{
    account::Account,
    command::{ActorCommand, Command, ErrorKind, Mail},
    host::release_zeros,
    process::{DEFAULT_SLICE, Error, Event, Fuel, Outcome, Process, Status, StepOutput},
    value::{Term, Type},
    world::{Dispatcher, InFlight},
};
use futures_util::FutureExt;

/// The exit code of a program that writes to a pipe which nobody reads: 128 and
/// the number of SIGPIPE.
const UNREAD: u8 = 141;

/// Fuel that a step counts for in its turn, besides what it burns: asking and
/// being answered takes time too.
const STEP: u64 = 1_000;

/// Fuel that a turn is shorter by for each process that is started in it: about the
/// time that it takes to make one.
const BIRTH: u64 = 12_500;

/// How a process is run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Fuel that a step may burn.
    pub slice: Fuel,
    /// How long the process may run, from its first step: the making of its
    /// instances counts, the loading of its program before that does not.
    pub max_execution: Option<Duration>,
    /// A `result` that the function returns is a value for other processes, and does not
    /// say whether it has failed.
    pub whole: bool,
}

impl Default for RunOptions {
    fn default() -> RunOptions {
        RunOptions { slice: DEFAULT_SLICE, max_execution: None, whole: false }
    }
}

/// Those who answer, and tell the loop a few things more.
pub(in crate::host) trait HostDispatcher: Dispatcher {
    /// Nobody reads the process's output any more.
    fn is_unread(&self) -> bool;
    /// Mail may still arrive.
    fn has_mail(&self) -> bool;
    /// The process begins to wait.
    fn waits(&self);
    /// How many processes it has started since this was asked last.
    fn take_births(&self) -> u32;

    /// The time that it runs in.
    fn clock(&self) -> Clock {
        Clock::default()
    }

    /// The stage that it is on, and what it is there.
    fn stage(&self) -> Option<(&Arc<dyn Stage>, &Arc<ProcessSlot>)> {
        None
    }
}

/// Fuel of a turn.
fn turn(outside: &impl HostDispatcher, options: &RunOptions) -> u64 {
    let most = options.slice.0;
    outside.stage().map_or(most, |(stage, slot)| stage.turn(slot, most))
}

/// Steps a process that has been initialized until it is done, and closes it. A
/// panic is an error of the engine, and the end of this process only. Where it
/// cannot be caught, `undertaker` is told.
pub(in crate::host) async fn live(
    process: &mut Box<dyn Process>,
    outside: impl HostDispatcher,
    mailbox: &Mailbox,
    options: &RunOptions,
    result: Option<&Type>,
    probe: Option<&Probe<'_>>,
    undertaker: Option<&dyn Undertaker>,
) -> Ended {
    let (clock, lends) = (outside.clock(), outside.stage().is_none());
    let start = clock.now();
    // Nothing of the process is used again after a panic, but that it is closed.
    let runner =
        AssertUnwindSafe(steps(process, outside, mailbox, options, probe, undertaker, start));
    let (outcome, exited) =
        runner.catch_unwind().await.unwrap_or_else(|_| (Err(Error::engine(&panics::said())), None));
    if let Err(why) = aside(process, lends, |process| process.close()).await {
        tracing::error!(why, "a process could not be closed; please report it");
    }
    let ending = ending(&outcome, exited, result, options.whole);
    if let Some(probe) = probe {
        probe.ended(&ending);
    }
    Ended::after(mailbox, outcome, ending, clock.since(start))
}

async fn steps(
    process: &mut Box<dyn Process>,
    outside: impl HostDispatcher,
    mailbox: &Mailbox,
    options: &RunOptions,
    probe: Option<&Probe<'_>>,
    undertaker: Option<&dyn Undertaker>,
    start: Instant,
) -> (Outcome, Option<Term>) {
    mailbox.begins();
    let limit = options.max_execution.and_then(|limit| start.checked_add(limit));
    let pending = InFlight::new(outside.clone());
    let lends = outside.stage().is_none();
    let mut runner = Runner {
        mailbox,
        clock: outside.clock(),
        pending,
        limit,
        deadline: None,
        timer: None,
        events: Vec::new(),
        spare: VecDeque::new(),
        turn: turn(&outside, options),
    };
    let mut out = StepOutput::default();
    let guard = process.guard();
    let mut exited = None;
    // Its memory has been sent away and called back since it was last looked through.
    let (account, mut back) = (mailbox.account.get(), false);
    let outcome = loop {
        let News { mail, end, deadline } = mailbox.collect(&mut runner.spare, &mut runner.events);
        if let Some(error) = end {
            break process.decided().unwrap_or(Err(error));
        }
        if mail {
            runner.mail_arrived();
        }
        // Once there is one, it stays.
        runner.deadline = deadline.or(runner.deadline);
        if let Some(late) = runner.time_is_up(options) {
            runner.events.push(late.event());
        }
        if outside.is_unread() {
            let unread = || Err(Error::exited(UNREAD, "nobody reads the output any more"));
            break process.decided().unwrap_or_else(unread);
        }
        mailbox.vitals.set_state(ProcessState::Running);
        back |= account.is_some_and(Account::call_back);
        let began = probe.map(|probe| {
            let began = runner.clock.now();
            probe.begins(began, &runner.events);
            began
        });
        panics::stepping(guard.as_deref(), undertaker, || {
            process.step(&mut runner.events, Fuel(runner.turn), &mut out);
        });
        mailbox.taken(mem::take(&mut out.received));
        mailbox.vitals.stepped(out.fuel_used, process.memory_used());
        if let Some((stage, slot)) = outside.stage() {
            stage.stepped(slot, &out);
        }
        if let (Some(probe), Some(began)) = (probe, began) {
            probe.step(began, out.fuel_used);
            out.yields.iter().for_each(|asked| probe.command(&asked.command));
        }
        let time = out.fuel_used.saturating_add(out.host_time).saturating_add(STEP);
        runner.turn = runner.turn.saturating_sub(time);
        let mut chore = false;
        for asked in out.yields.drain(..) {
            chore |= matches!(asked.command, Command::Chore(_));
            // On a stage every step that asks is followed by the turns of others.
            if !lends || asked.command == Command::Actor(ActorCommand::Pause) {
                runner.turn = 0;
            }
            runner.pending.submit(asked);
        }
        let births = u64::from(outside.take_births());
        runner.turn = runner.turn.saturating_sub(births.saturating_mul(BIRTH));
        if chore && let Err(why) = aside(process, lends, trim(false, None)).await {
            // It has trapped, and needs no memory until it is run again.
            break Err(Error::engine(&why));
        }
        match mem::replace(&mut out.status, Status::Continue) {
            Status::Done(outcome) => {
                let outcome = runner.in_time(outcome, options);
                runner.deliver().await;
                break outcome;
            }
            Status::Exited(term) => {
                let outcome = runner.in_time(Ok(None), options);
                exited = outcome.is_ok().then_some(term);
                runner.deliver().await;
                break outcome;
            }
            Status::Continue => {
                mailbox.vitals.set_state(ProcessState::Ready);
                runner.pause().await;
                runner.turn = turn(&outside, options);
            }
            status @ (Status::Blocked | Status::Idle) => {
                if runner.pending.is_empty() && !(outside.has_mail() && status == Status::Idle) {
                    let why = "the process waits for something that nobody will send";
                    break Err(Error::new(ErrorKind::Internal, why));
                }
                let began = probe.map(|_| runner.clock.now());
                let idle = status == Status::Idle || runner.pending.waits_for_mail_only();
                mailbox.vitals.set_state(if idle {
                    ProcessState::Idle
                } else {
                    ProcessState::Blocked
                });
                outside.waits();
                loop {
                    match runner.wait().await {
                        Woken::AtOnce => break,
                        Woken::ToStep => break runner.turn = turn(&outside, options),
                        Woken::ToTrim => {
                            // Zeros come with new memory; and what has been used again
                            // is worth another look when there is not much left.
                            let pressed = account.is_some_and(Account::is_pressed);
                            let zeros =
                                mailbox.vitals.take_grown() || mem::take(&mut back) && pressed;
                            let account = account.filter(|_| zeros).cloned();
                            if let Err(why) = aside(process, lends, trim(zeros, account)).await {
                                return (Err(Error::engine(&why)), None);
                            }
                            out.yields = Vec::new();
                            runner.shrink();
                        }
                    }
                }
                if let (Some(probe), Some(began)) = (probe, began) {
                    probe.wait(began, mailbox.vitals.state());
                }
            }
        }
    };
    (outcome, exited)
}

/// Gives memory back that a waiting process does not need: the pages too that are all
/// zero, if `zeros`.
fn trim(zeros: bool, account: Option<Account>) -> impl FnMut(&mut dyn Process) + Send + 'static {
    move |process| {
        let mut away = 0u64;
        process.trim(&mut |memory| {
            away = away.saturating_add(if zeros { release_zeros(memory) } else { 0 });
        });
        if let Some(account) = &account {
            account.send_away(away);
        }
    }
}

struct Runner<'a, A> {
    mailbox: &'a Mailbox,
    clock: Clock,
    pending: InFlight<A>,
    /// The end of `max_execution`.
    limit: Option<Instant>,
    /// The end of the time after a cancel.
    deadline: Option<Instant>,
    timer: Option<(Instant, Sleep)>,
    events: Vec<Event>,
    spare: VecDeque<Mail>,
    /// Fuel that is left of this turn.
    turn: u64,
}

/// A time that is over.
enum Late {
    /// The time to end after a cancel, for this reason.
    Cancelled(String),
    /// `max_execution`, of so many milliseconds.
    Limit(u64),
}

impl Late {
    /// The event that tells the process.
    fn event(self) -> Event {
        match self {
            Late::Cancelled(reason) => Event::Cancel { reason },
            Late::Limit(limit) => Event::Timeout { limit },
        }
    }

    /// How it ends.
    fn error(self) -> Error {
        match self {
            Late::Cancelled(reason) => Error::cancelled(&reason),
            Late::Limit(limit) => Error::timeout(limit),
        }
    }
}

/// Why a wait has ended.
#[derive(PartialEq, Eq)]
enum Woken {
    /// There was nothing to wait for, and it is still the process's turn.
    AtOnce,
    ToStep,
    ToTrim,
}

impl<A: Dispatcher> Runner<'_, A> {
    /// Keeps no room for what may come.
    fn shrink(&mut self) {
        self.events.shrink_to_fit();
        self.spare = VecDeque::new();
        self.mailbox.shrink();
    }

    fn mail_arrived(&mut self) {
        let mut completions = Vec::new();
        self.pending.mail_arrived(&mut completions);
        self.events.extend(completions.into_iter().map(Event::Completion));
    }

    /// Why a process must not go on, if it must not.
    fn time_is_up(&self, options: &RunOptions) -> Option<Late> {
        let first = self.limit.into_iter().chain(self.deadline).min()?;
        let now = self.clock.now();
        if now < first {
            return None;
        }
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            return Some(Late::Cancelled(self.mailbox.cancel_reason()));
        }
        let limit = options.max_execution.unwrap_or_default().as_millis();
        Some(Late::Limit(u64::try_from(limit).unwrap_or(u64::MAX)))
    }

    /// The outcome of a process that has ended just now. What comes after the end of
    /// its time is no success, however short the last step was to be.
    fn in_time(&self, outcome: Outcome, options: &RunOptions) -> Outcome {
        match (outcome, self.time_is_up(options)) {
            (Ok(_), Some(late)) => Err(late.error()),
            (outcome, _) => outcome,
        }
    }

    /// Lets what the process has asked for without waiting be carried out, unless it
    /// is ended before that.
    async fn deliver(&mut self) {
        if self.pending.posted() == 0 {
            return;
        }
        self.mailbox.vitals.set_state(ProcessState::Blocked);
        poll_fn(|cx| {
            loop {
                while let Poll::Ready(Some(_)) = self.pending.poll_next(cx) {}
                let News { end, deadline, .. } =
                    self.mailbox.collect(&mut self.spare, &mut self.events);
                self.events.clear();
                self.deadline = deadline.or(self.deadline);
                if self.pending.posted() == 0 || end.is_some() || self.poll_timer(cx) {
                    return Poll::Ready(());
                }
                if !self.mailbox.poll(cx.waker()) {
                    return Poll::Pending;
                }
            }
        })
        .await;
    }

    /// Lets others have a turn.
    async fn pause(&mut self) {
        let mut paused = false;
        poll_fn(|cx| {
            self.answers(cx);
            if mem::replace(&mut paused, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// Waits for something that is a reason for a step, or until there is time to
    /// trim the memory.
    async fn wait(&mut self) -> Woken {
        let (mut reason, mut waited) = (false, false);
        poll_fn(|cx| {
            // All three, so that each of them knows the waker.
            reason |= self.answers(cx);
            reason |= self.mailbox.poll(cx.waker());
            reason |= self.poll_timer(cx);
            let waited = mem::replace(&mut waited, true);
            match reason {
                true if waited => Poll::Ready(Woken::ToStep),
                true if self.turn > 0 => Poll::Ready(Woken::AtOnce),
                true => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                false if self.mailbox.vitals.take_trim() => Poll::Ready(Woken::ToTrim),
                false => Poll::Pending,
            }
        })
        .await
    }

    /// Takes the answers that there are.
    fn answers(&mut self, cx: &mut Context<'_>) -> bool {
        let before = self.events.len();
        while let Poll::Ready(Some(completion)) = self.pending.poll_next(cx) {
            self.events.push(Event::Completion(completion));
        }
        self.events.len() > before
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(first) = self.limit.into_iter().chain(self.deadline).min() else { return false };
        let timer = match &mut self.timer {
            Some((at, timer)) if *at == first => timer,
            other => &mut other.insert((first, self.clock.at(first))).1,
        };
        Pin::new(timer).poll(cx).is_ready()
    }
}
