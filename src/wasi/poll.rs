//! Waiting for several things at once.
//!
//! Three kinds of things are waited for: a time, input on stdin, and things that
//! are always ready, such as files. The world is asked once for all of them, and
//! the time once more if several times are waited for, because all that is ready
//! has to be reported.

use super::{
    WasiState,
    call::{ask, ask_time, misuse, unexpected_reply},
};
use crate::{
    component::{Answer, HostCx, Trap},
    dispatch::{Clock, Command, Reply},
};

/// Something to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pollable {
    /// Always ready.
    Ready,
    /// The monotonic clock shows this time.
    At(u64),
    /// An input stream has bytes or has ended.
    Input(u32),
}

/// The same, with what streams wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Always ready.
    Ready,
    /// The monotonic clock shows this time.
    At(u64),
    /// Stdin has bytes or has ended.
    Stdin,
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
    let table = &mut cx.state::<WasiState>().table;
    let mut waits = Vec::with_capacity(pollables.len());
    for pollable in pollables {
        waits.push(match table.pollable(*pollable)? {
            Pollable::Ready => Wait::Ready,
            Pollable::At(time) => Wait::At(time),
            Pollable::Input(stream) if table.input(stream)?.may_wait() => Wait::Stdin,
            Pollable::Input(_) => Wait::Ready,
        });
    }
    wait_for(cx, waits, wait, then)
}

/// The same for what streams wait for.
pub(super) fn wait_for(
    cx: &mut HostCx<'_>,
    waits: Vec<Wait>,
    wait: bool,
    then: impl FnOnce(&mut HostCx<'_>, Ready) -> Result<Answer, Trap> + Send + 'static,
) -> Result<Answer, Trap> {
    let ready = waits.contains(&Wait::Ready);
    let stdin = waits.contains(&Wait::Stdin);
    let first =
        waits.iter().filter_map(|wait| if let Wait::At(t) = wait { Some(*t) } else { None });
    let (first, last) = (first.clone().min(), first.max());
    match (ready || !wait, stdin) {
        (true, false) => match first {
            None => then(cx, ready_of(&waits, false, 0)),
            Some(_) => ask_time(Command::Now(Clock::Monotonic), move |cx, now| {
                then(cx, ready_of(&waits, false, now))
            }),
        },
        (at_once, _) => {
            let until = if at_once { Some(0) } else { first };
            ask(Command::Poll { stdin, until }, move |cx, reply| {
                let Reply::Ready { stdin, time } = reply else {
                    return Err(unexpected_reply(&reply));
                };
                let time = time && first.is_some();
                match first {
                    // One time, and it has or has not come.
                    Some(first) if !at_once && (!time || Some(first) == last) => {
                        let now = if time { first } else { 0 };
                        finish(cx, ready_of_waited(&waits, stdin, time, now), then)
                    }
                    Some(_) => ask_time(Command::Now(Clock::Monotonic), move |cx, now| {
                        then(cx, ready_of(&waits, stdin, now))
                    }),
                    None if at_once => then(cx, ready_of(&waits, stdin, 0)),
                    None => finish(cx, ready_of(&waits, stdin, 0), then),
                }
            })
        }
    }
}

fn ready_of(waits: &[Wait], stdin: bool, now: u64) -> Ready {
    ready_of_waited(waits, stdin, true, now)
}

fn ready_of_waited(waits: &[Wait], stdin: bool, time: bool, now: u64) -> Ready {
    waits
        .iter()
        .map(|wait| match wait {
            Wait::Ready => true,
            Wait::At(at) => time && *at <= now,
            Wait::Stdin => stdin,
        })
        .collect()
}

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
