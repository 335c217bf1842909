//! The time.
//!
//! The monotonic clock counts from the moment this program first looked at it,
//! and so tells a guest nothing about the machine; all processes see the same
//! one. A wait is given as a time of that clock, not as a duration, so that a
//! repeated wait does not drift.

use crate::command::{Clock, ClockCommand, Reply};
use smol::Timer;
use std::{
    sync::OnceLock,
    time::{Duration, Instant, SystemTime},
};

/// When the monotonic clock began.
fn base() -> Instant {
    static BASE: OnceLock<Instant> = OnceLock::new();
    *BASE.get_or_init(Instant::now)
}

/// The answer, which is always at hand.
pub(super) fn now(command: ClockCommand) -> Reply {
    Reply::Time(match command {
        ClockCommand::Now(clock) => show(clock),
        ClockCommand::Resolution(clock) => resolution(clock),
    })
}

/// The time that a clock shows, in nanoseconds.
pub(super) fn show(clock: Clock) -> u64 {
    nanoseconds(match clock {
        Clock::Wall => SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default(),
        Clock::Monotonic => base().elapsed(),
    })
}

/// Nanoseconds, as far as they fit: 584 years.
pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The smallest step of a clock, in nanoseconds; at least 1.
fn resolution(clock: Clock) -> u64 {
    #[cfg(unix)]
    {
        use rustix::time::{ClockId, clock_getres};
        let step = clock_getres(match clock {
            Clock::Wall => ClockId::Realtime,
            Clock::Monotonic => ClockId::Monotonic,
        });
        let seconds = u64::try_from(step.tv_sec).unwrap_or(0);
        let rest = u64::try_from(step.tv_nsec).unwrap_or(0);
        seconds.saturating_mul(1_000_000_000).saturating_add(rest).max(1)
    }
    #[cfg(not(unix))]
    {
        let _ = clock;
        100
    }
}

/// Comes to its end when the monotonic clock shows `until`.
pub(super) async fn sleep_until(until: u64) {
    match base().checked_add(Duration::from_nanos(until)) {
        Some(instant) => Timer::at(instant).await,
        None => Timer::never().await,
    };
}
