//! What is not about files: arguments, variables, clocks, random numbers, the
//! end.

use super::{
    call::{
        Body, Params, Stop, ask, ask_time, give_u32, give_u64, read, success, write, write_u32,
    },
    errno::Code,
};
use crate::{
    command::{Clock, ClockCommand, RandomCommand},
    component::{Answer, HostCx, Trap},
    imports::wasi::{
        WasiState,
        call::{MAX_IO, misuse},
    },
};

pub(super) const BODIES: &[(&str, Body)] = &[
    ("args-get", |cx, params| give_texts(cx, params, args)),
    ("args-sizes-get", |cx, params| give_sizes(cx, params, args)),
    ("environ-get", |cx, params| give_texts(cx, params, environ)),
    ("environ-sizes-get", |cx, params| give_sizes(cx, params, environ)),
    ("clock-res-get", |_, params| {
        let (clock, to) = (clock(params)?, params.u32()?);
        ask_time(ClockCommand::Resolution(clock), move |cx, time| give_u64(cx, to, time))
    }),
    ("clock-time-get", |_, params| {
        let (clock, _precision, to) = (clock(params)?, params.u64()?, params.u32()?);
        ask_time(ClockCommand::Now(clock), move |cx, time| give_u64(cx, to, time))
    }),
    ("random-get", |cx, params| {
        let (to, len) = (params.u32()?, params.u32()?);
        read(cx, to, len)?;
        random(to, len)
    }),
    ("sched-yield", |_, _| success()),
    ("proc-exit", |_, params| Err(exit(params.u32()?).into())),
    ("proc-raise", |_, params| {
        params.case(SIGNALS, "signal")?;
        Err(Code::NOTSUP.into())
    }),
];

/// The number of signals.
const SIGNALS: u32 = 31;

/// Codes from here on are not a program's own: a shell says with them that it
/// could not start one, or that a signal has ended it.
const RESERVED: u32 = 126;

fn exit(code: u32) -> Trap {
    match u8::try_from(code) {
        Ok(code) if u32::from(code) < RESERVED => Trap::exit(code),
        _ => misuse(format!("`proc_exit` with {code}, where less than {RESERVED} is allowed")),
    }
}

/// One of the clocks that tell the time. The two that would tell how long the
/// processor has been at work are none here.
fn clock(params: &mut Params) -> Result<Clock, Stop> {
    match params.case(4, "clock")? {
        0 => Ok(Clock::Wall),
        1 => Ok(Clock::Monotonic),
        _ => Err(Code::BADF.into()),
    }
}

/// Fills a part of the memory that has been found to be there.
fn random(to: u32, len: u32) -> Result<Answer, Stop> {
    if len == 0 {
        return success();
    }
    // A piece is at most a MiB.
    let piece = len.min(MAX_IO as u32);
    ask(RandomCommand::Bytes { len: piece, insecure: false }, move |cx, reply| {
        let bytes = reply.bytes_exactly(piece.into())?;
        write(cx, to, &bytes)?;
        random(to.saturating_add(piece), len.saturating_sub(piece))
    })
}

/// Texts, each with the NUL that ends it.
type Texts = fn(&WasiState) -> Vec<Vec<u8>>;

fn args(state: &WasiState) -> Vec<Vec<u8>> {
    state.args.iter().map(|arg| [arg.as_bytes(), b"\0"].concat()).collect()
}

fn environ(state: &WasiState) -> Vec<Vec<u8>> {
    let text = |(name, value): &(String, String)| {
        [name.as_bytes(), b"=", value.as_bytes(), b"\0"].concat()
    };
    state.env.iter().map(text).collect()
}

fn give_texts(cx: &mut HostCx<'_>, params: &mut Params, texts: Texts) -> Result<Answer, Stop> {
    let (mut pointers, mut to) = (params.u32()?, params.u32()?);
    let texts = texts(cx.state());
    cx.charge(texts.iter().map(|text| text.len() as u64 + 8).fold(0, u64::saturating_add));
    for text in texts {
        write_u32(cx, pointers, to)?;
        write(cx, to, &text)?;
        // What was written was in the memory, so the sums are too, or are its end.
        pointers = pointers.saturating_add(4);
        to = to.saturating_add(u32::try_from(text.len()).unwrap_or(u32::MAX));
    }
    success()
}

fn give_sizes(cx: &mut HostCx<'_>, params: &mut Params, texts: Texts) -> Result<Answer, Stop> {
    let (count, size) = (params.u32()?, params.u32()?);
    let texts = texts(cx.state());
    let bytes: usize = texts.iter().map(Vec::len).sum();
    let number = |number: usize| u32::try_from(number).map_err(|_| Code::OVERFLOW);
    write_u32(cx, count, number(texts.len())?)?;
    give_u32(cx, size, number(bytes)?)
}
