//! Waiting for several things at once.
//!
//! Four kinds of things are waited for: a time, mail, what the outside world has to
//! say of (stdin, connections, bodies), and things that are always ready, such as files. The world is asked once for all of them,
//! and the time once more if several times are waited for, because all that is
//! ready has to be reported. Mail that comes may not be the mail that is waited
//! for; then the world is asked again.

use std::{cell::Cell, sync::Arc};

use super::{
    WasiState,
    call::{ask, ask_time, misuse, own},
    table::{self, Entry},
};
use crate::{
    command::{Clock, ClockCommand, Interest, Interests, Mail, Wait},
    component::{Answer, HostCx, Trap},
    process::Inbox,
    value::Value,
};

/// Something to wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pollable {
    /// Always ready.
    Ready,
    /// The monotonic clock shows this time.
    At(u64),
    /// An input stream has bytes or has ended.
    Input(u32),
    /// An output stream takes bytes or never will again.
    Output(u32),
    /// Something that the outside world holds is ready.
    Handle(Interest),
    /// A socket is ready for what comes next.
    Socket(u32),
    /// There is mail.
    Mail(Filter),
}

/// The same, with what streams wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    /// Always ready.
    Ready,
    /// The monotonic clock shows this time.
    At(u64),
    /// The outside world says that this holds.
    Outside(Interest),
    /// There is mail.
    Mail(Filter),
}

/// Which mail is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    All,
    Messages,
    Topic(Arc<str>),
    /// All that is no message.
    Notices,
}

/// Without an interest, it is ready.
impl From<Option<Interest>> for Awaited {
    fn from(interest: Option<Interest>) -> Awaited {
        interest.map_or(Awaited::Ready, Awaited::Outside)
    }
}

impl Pollable {
    /// Bytes that it has besides itself.
    pub fn held(&self) -> u64 {
        match self {
            Pollable::Mail(Filter::Topic(topic)) => (topic.len() as u64).saturating_add(32),
            Pollable::Ready
            | Pollable::At(_)
            | Pollable::Input(_)
            | Pollable::Output(_)
            | Pollable::Handle(_)
            | Pollable::Socket(_)
            | Pollable::Mail(_) => 0,
        }
    }
}

impl Filter {
    pub fn fits(&self, mail: &Mail) -> bool {
        match (self, mail) {
            (Filter::All, _) | (Filter::Messages, Mail::Message(_)) => true,
            (Filter::Topic(topic), Mail::Message(message)) => **topic == *message.topic,
            (Filter::Notices, Mail::Message(_)) => false,
            (Filter::Notices, Mail::Exit { .. } | Mail::LinkDown { .. } | Mail::Cancel { .. }) => {
                true
            }
            (
                Filter::Messages | Filter::Topic(_),
                Mail::Exit { .. } | Mail::LinkDown { .. } | Mail::Cancel { .. },
            ) => false,
        }
    }
}

/// A pollable for the guest to own.
pub(crate) fn add(cx: &mut HostCx<'_>, pollable: Pollable) -> Result<Value, Trap> {
    Ok(own(table::add(cx, Entry::Pollable(pollable))?))
}

/// What is ready, by the order of what was asked about.
pub(super) type Ready = Vec<bool>;

/// Waits until at least one of the things is ready, or with `wait` off finds
/// out at once which are.
pub(super) fn poll(
    cx: &mut HostCx<'_>,
    pollables: &[u32],
    wait: bool,
    then: impl FnOnce(&mut HostCx<'_>, Ready) -> Result<Answer, Trap> + Send + 'static,
) -> Result<Answer, Trap> {
    // For this list, its copy in the table's words, and what is ready of it.
    let each = 2 * size_of::<Awaited>() + size_of::<u32>() + 1;
    let charge = cx.account().charge((pollables.len() as u64).saturating_mul(each as u64))?;
    let table = &mut cx.state::<WasiState>().table;
    let mut waits = Vec::with_capacity(pollables.len());
    for pollable in pollables {
        waits.push(match table.pollable(*pollable)? {
            Pollable::Ready => Awaited::Ready,
            Pollable::At(time) => Awaited::At(time),
            Pollable::Input(stream) => table.input(stream)?.awaits().into(),
            Pollable::Output(stream) => table.output(stream)?.awaits().into(),
            Pollable::Handle(interest) => Awaited::Outside(interest),
            Pollable::Socket(socket) => table.socket(socket)?.awaits().into(),
            Pollable::Mail(filter) => Awaited::Mail(filter),
        });
    }
    wait_for(cx, waits, wait, move |cx, ready| {
        let answer = then(cx, ready);
        drop(charge);
        answer
    })
}

/// The same for what streams wait for.
pub(super) fn wait_for(
    cx: &mut HostCx<'_>,
    waits: Vec<Awaited>,
    wait: bool,
    then: impl FnOnce(&mut HostCx<'_>, Ready) -> Result<Answer, Trap> + Send + 'static,
) -> Result<Answer, Trap> {
    let mail = waits.iter().any(|wait| matches!(wait, Awaited::Mail(_)));
    let here = mail && has_mail(cx, &waits).contains(&true);
    let ready = here || waits.contains(&Awaited::Ready);
    let outside = waits.iter().filter_map(|wait| match wait {
        Awaited::Outside(interest) => Some(*interest),
        Awaited::Ready | Awaited::At(_) | Awaited::Mail(_) => None,
    });
    let outside: Interests = outside.collect();
    // More may have come since the step began.
    let mail = mail && !here;
    let first =
        waits.iter().filter_map(|wait| if let Awaited::At(t) = wait { Some(*t) } else { None });
    let (first, last) = (first.clone().min(), first.max());
    match (ready || !wait, !outside.is_empty() || mail) {
        (true, false) => match first {
            None => {
                let ready = ready_of(cx, &waits, &outside, 0);
                then(cx, ready)
            }
            Some(_) => ask_time(ClockCommand::Now(Clock::Monotonic), move |cx, now| {
                let ready = ready_of(cx, &waits, &outside, now);
                then(cx, ready)
            }),
        },
        (at_once, _) => {
            let until = if at_once { Some(0) } else { first };
            let on = outside.with(Interest::Mail, mail);
            ask(Wait::new(on.clone(), until), move |cx, reply| {
                let ready = reply.ready_of(&on, until.is_some())?;
                if ready.on.contains(Interest::Mail) {
                    return wait_for(cx, waits, wait, then);
                }
                let (on, time) = (ready.on, ready.time && first.is_some());
                match first {
                    // One time, and it has or has not come.
                    Some(first) if !at_once && (!time || Some(first) == last) => {
                        let now = if time { first } else { 0 };
                        let ready = ready_of_waited(cx, &waits, &on, time, now);
                        finish(cx, ready, then)
                    }
                    Some(_) => ask_time(ClockCommand::Now(Clock::Monotonic), move |cx, now| {
                        let ready = ready_of(cx, &waits, &on, now);
                        then(cx, ready)
                    }),
                    None => {
                        let ready = ready_of(cx, &waits, &on, 0);
                        if at_once { then(cx, ready) } else { finish(cx, ready, then) }
                    }
                }
            })
        }
    }
}

fn ready_of(cx: &mut HostCx<'_>, waits: &[Awaited], on: &Interests, now: u64) -> Ready {
    ready_of_waited(cx, waits, on, true, now)
}

fn ready_of_waited(
    cx: &mut HostCx<'_>,
    waits: &[Awaited],
    on: &Interests,
    time: bool,
    now: u64,
) -> Ready {
    let mut ready = has_mail(cx, waits);
    for (ready, wait) in ready.iter_mut().zip(waits) {
        match wait {
            Awaited::Ready => *ready = true,
            Awaited::At(at) => *ready = time && *at <= now,
            Awaited::Outside(interest) => *ready = on.contains(*interest),
            Awaited::Mail(_) => {}
        }
    }
    ready
}

/// For which of the things that are mail there is some.
fn has_mail(cx: &mut HostCx<'_>, waits: &[Awaited]) -> Ready {
    let found = waits.iter().map(|wait| match wait {
        Awaited::Mail(filter) => look(cx, |inbox, fits| inbox.has(fits), filter),
        Awaited::Ready | Awaited::At(_) | Awaited::Outside(_) => false,
    });
    found.collect()
}

/// Takes the first mail that is meant.
pub(crate) fn take_mail(cx: &mut HostCx<'_>, filter: &Filter) -> Option<Mail> {
    look(cx, |inbox, fits| inbox.take(fits), filter)
}

/// Looks through the mail. Each that is passed over is work.
fn look<T>(
    cx: &mut HostCx<'_>,
    how: impl FnOnce(&mut Inbox, &dyn Fn(&Mail) -> bool) -> T,
    filter: &Filter,
) -> T {
    let seen = Cell::new(0u64);
    let found = how(cx.state(), &|mail| {
        seen.set(seen.get().saturating_add(1));
        filter.fits(mail)
    });
    cx.charge(seen.get().saturating_mul(LOOK));
    found
}

/// Bytes of work that looking at one piece of mail counts as.
const LOOK: u64 = 64;

/// After waiting, something must be ready.
fn finish(
    cx: &mut HostCx<'_>,
    ready: Ready,
    then: impl FnOnce(&mut HostCx<'_>, Ready) -> Result<Answer, Trap>,
) -> Result<Answer, Trap> {
    match ready.contains(&true) {
        true => then(cx, ready),
        false => Err(misuse("waiting has ended although nothing is ready")),
    }
}
