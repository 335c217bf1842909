//! `wasi:clocks`.

use super::{
    call::{Body, ask_time, datetime, now},
    poll::{Pollable, add},
};
use crate::{
    command::{Clock, ClockCommand},
    component::{DeclareError, Linker},
};

pub(super) fn bind(linker: &mut Linker) -> Result<(), DeclareError> {
    super::call::bind(linker, "wasi:clocks/monotonic-clock", MONOTONIC)?;
    super::call::bind(linker, "wasi:clocks/wall-clock", WALL)
}

const MONOTONIC: &[(&str, Body)] = &[
    ("now", |_, _| ask_time(ClockCommand::Now(Clock::Monotonic), |_, time| now(time))),
    ("resolution", |_, _| {
        ask_time(ClockCommand::Resolution(Clock::Monotonic), |_, time| now(time))
    }),
    ("subscribe-instant", |cx, args| {
        let pollable = Pollable::At(args.u64()?);
        now(add(cx, pollable)?)
    }),
    ("subscribe-duration", |cx, args| {
        let duration = args.u64()?;
        if duration == 0 {
            return now(add(cx, Pollable::Ready)?);
        }
        ask_time(ClockCommand::Now(Clock::Monotonic), move |cx, time| {
            // The end of time is never reached.
            now(add(cx, Pollable::At(time.saturating_add(duration)))?)
        })
    }),
];

const WALL: &[(&str, Body)] = &[
    ("now", |_, _| ask_time(ClockCommand::Now(Clock::Wall), |_, time| now(datetime(time)))),
    ("resolution", |_, _| {
        ask_time(ClockCommand::Resolution(Clock::Wall), |_, time| now(datetime(time)))
    }),
];
