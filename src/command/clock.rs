//! Commands about the time. Each is answered with a
//! [`Reply::Time`](super::Reply::Time).

/// The clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Clock {
    /// Nanoseconds since 1970-01-01T00:00:00Z, at least 0.
    Wall,
    /// Nanoseconds since some time before the process started; never goes back.
    Monotonic,
}

/// Asks a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClockCommand {
    /// The time that it shows.
    Now(Clock),
    /// Its smallest step.
    Resolution(Clock),
}

impl ClockCommand {
    /// The name in traces.
    pub fn name(&self) -> &'static str {
        match self {
            ClockCommand::Now(_) | ClockCommand::Resolution(_) => "clock",
        }
    }
}
