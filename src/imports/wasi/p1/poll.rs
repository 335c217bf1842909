//! `poll_oneoff`: waiting for clocks and descriptors at once.
//!
//! Everything becomes an [`Awaited`], as in 0.2: a time of the wall clock is
//! reckoned as one of the monotonic clock, files and output are always ready.

use super::{
    call::{
        Body, Face, Params, Record, Stop, answer, ask, ask_time, give_u32, read_aligned,
        write_aligned,
    },
    errno::Code,
    fds::Fd,
};
use crate::{
    command::{Clock, ClockCommand, FileId, FsCommand, Interest, Stdio},
    component::{Answer, HostCx},
    imports::wasi::{
        WasiState,
        call::misuse,
        poll::{Awaited, wait_for},
    },
};

pub(super) const BODIES: &[(&str, Body)] = &[("poll-oneoff", poll)];

/// Bytes of a `subscription` and of an `event`.
const SUBSCRIPTION: u32 = 48;
/// Bytes of a `subscription` of `wasi_unstable`, in which a clock has an identifier too.
const OLD_SUBSCRIPTION: usize = 56;
const EVENT: u32 = 32;

/// More cannot be waited for at once: the host keeps something for each.
const MAX_SUBSCRIPTIONS: u32 = 65_536;

/// Kinds of events.
const ON_CLOCK: u8 = 0;
const ON_READ: u8 = 1;
const ON_WRITE: u8 = 2;

/// What a guest waits for.
#[derive(Clone, Copy)]
struct Subscription {
    userdata: u64,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    /// Nanoseconds from now on.
    After(u64),
    /// The monotonic clock.
    At(u64),
    /// The wall clock.
    AtWall(u64),
    Stdin,
    /// Bytes from a position on.
    Read(FileId, u64),
    Write,
}

/// Where the results go to.
#[derive(Clone, Copy)]
struct To {
    events: u32,
    ready: u32,
}

/// What the clocks show.
#[derive(Clone, Copy, Default)]
struct Times {
    monotonic: u64,
    wall: u64,
}

fn poll(cx: &mut HostCx<'_>, params: &mut Params) -> Result<Answer, Stop> {
    let (from, events) = (params.u32()?, params.u32()?);
    let (count, ready) = (params.u32()?, params.u32()?);
    let to = To { events, ready };
    if count == 0 || count > MAX_SUBSCRIPTIONS {
        return Err(Code::INVAL.into());
    }
    let size = match params.face() {
        Face::Snapshot => SUBSCRIPTION,
        Face::Unstable => OLD_SUBSCRIPTION as u32,
    };
    let len = count.saturating_mul(size);
    cx.charge(len.into());
    let list = read_aligned(cx, from, len, 8)?.to_vec();
    let list = match params.face() {
        Face::Snapshot => list,
        Face::Unstable => list.as_chunks().0.iter().flat_map(renewed).collect(),
    };
    let (list, _) = list.as_chunks::<48>();
    let fds = &mut cx.state::<WasiState>().fds;
    let mut all = Vec::with_capacity(list.len());
    for bytes in list {
        let userdata = u64::from_le_bytes(field(bytes, 0));
        let what = match field::<1>(bytes, 8) {
            [ON_CLOCK] => clock(bytes)?,
            [tag @ (ON_READ | ON_WRITE)] => {
                match (tag, fds.get(u32::from_le_bytes(field(bytes, 16)))?) {
                    (ON_READ, Fd::Stream(Stdio::Stdin)) => What::Stdin,
                    (ON_READ, Fd::File(file)) => What::Read(*file.descriptor.file, file.position),
                    (ON_WRITE, Fd::Stream(Stdio::Stdout | Stdio::Stderr) | Fd::File(_)) => {
                        What::Write
                    }
                    _ => return Err(Code::BADF.into()),
                }
            }
            _ => return Err(Code::INVAL.into()),
        };
        all.push(Subscription { userdata, what });
    }
    let asks = |f: fn(&What) -> bool| all.iter().any(|subscription| f(&subscription.what));
    let wall = asks(|what| matches!(what, What::AtWall(_)));
    let monotonic = wall || asks(|what| matches!(what, What::After(1..)));
    match (wall, monotonic) {
        (true, _) => ask_time(ClockCommand::Now(Clock::Wall), move |_, wall| {
            ask_time(ClockCommand::Now(Clock::Monotonic), move |cx, monotonic| {
                wait(cx, all, Times { monotonic, wall }, to)
            })
        }),
        (false, true) => ask_time(ClockCommand::Now(Clock::Monotonic), move |cx, monotonic| {
            wait(cx, all, Times { monotonic, wall: 0 }, to)
        }),
        (false, false) => wait(cx, all, Times::default(), to),
    }
}

/// A subscription of `wasi_unstable` as one of today.
fn renewed(old: &[u8; OLD_SUBSCRIPTION]) -> [u8; 48] {
    let mut new = [0; 48];
    let skipped = if old.get(8) == Some(&ON_CLOCK) { 8 } else { 0 };
    for (i, byte) in new.iter_mut().enumerate() {
        let at = if i < 16 { i } else { i.saturating_add(skipped) };
        *byte = old.get(at).copied().unwrap_or_default();
    }
    new
}

/// Bytes of a subscription; the offsets are within it.
fn field<const N: usize>(bytes: &[u8; 48], offset: usize) -> [u8; N] {
    let field = bytes.get(offset..).and_then(|rest| rest.first_chunk::<N>());
    field.copied().unwrap_or([0; N])
}

fn clock(bytes: &[u8; 48]) -> Result<What, Code> {
    let id = u32::from_le_bytes(field(bytes, 16));
    let timeout = u64::from_le_bytes(field(bytes, 24));
    match (id, u16::from_le_bytes(field(bytes, 40))) {
        (0 | 1, 0) => Ok(What::After(timeout)),
        (0, 1) => Ok(What::AtWall(timeout)),
        (1, 1) => Ok(What::At(timeout)),
        _ => Err(Code::INVAL),
    }
}

fn wait(cx: &mut HostCx<'_>, all: Vec<Subscription>, now: Times, to: To) -> Result<Answer, Stop> {
    // The end of time is never reached.
    let after = |duration| now.monotonic.saturating_add(duration);
    let waits = all.iter().map(|subscription| match subscription.what {
        What::After(0) | What::Read(..) | What::Write => Awaited::Ready,
        What::After(duration) => Awaited::At(after(duration)),
        What::At(time) => Awaited::At(time),
        What::AtWall(time) => Awaited::At(after(time.saturating_sub(now.wall))),
        What::Stdin => Awaited::Outside(Interest::Stdin),
    });
    let waits = waits.collect();
    let answered = wait_for(cx, waits, true, move |cx, ready| {
        let ready = all.into_iter().zip(ready).filter(|(_, ready)| *ready);
        let ready = ready.map(|(subscription, _)| subscription).collect::<Vec<_>>();
        answer(give(cx, ready.into_iter(), to, 0))
    });
    Ok(answered?)
}

/// Gives the events, after `given` others.
fn give(
    cx: &mut HostCx<'_>,
    mut ready: std::vec::IntoIter<Subscription>,
    to: To,
    given: u32,
) -> Result<Answer, Stop> {
    let mut given = given;
    for Subscription { userdata, what } in ready.by_ref() {
        let (kind, bytes) = match what {
            What::After(_) | What::At(_) | What::AtWall(_) => (ON_CLOCK, 0),
            // How many there are, nobody knows.
            What::Stdin => (ON_READ, 1),
            What::Write => (ON_WRITE, 1),
            What::Read(file, position) => {
                return ask(FsCommand::Stat(file), move |cx, reply| {
                    let bytes = reply.stat()?.size.saturating_sub(position);
                    event(cx, to, given, userdata, ON_READ, bytes)?;
                    give(cx, ready, to, given.saturating_add(1))
                });
            }
        };
        event(cx, to, given, userdata, kind, bytes)?;
        given = given.saturating_add(1);
    }
    give_u32(cx, to.ready, given)
}

fn event(
    cx: &mut HostCx<'_>,
    to: To,
    index: u32,
    userdata: u64,
    kind: u8,
    bytes: u64,
) -> Result<(), Stop> {
    let at = index.checked_mul(EVENT).and_then(|offset| to.events.checked_add(offset));
    let at = at.ok_or_else(|| misuse("the events lead out of the memory"))?;
    let event = Record::<32>::new()
        .set(0, userdata.to_le_bytes())
        .set(10, [kind])
        .set(16, bytes.to_le_bytes());
    Ok(write_aligned(cx, at, event.bytes(), 8)?)
}
