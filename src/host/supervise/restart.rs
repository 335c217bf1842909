//! When a failed service is started again: the rules, without a clock and
//! without chance, which are handed in.
//!
//! The wait before restart number n is `initial_delay * backoff_factor^(n-1)`,
//! made shorter or longer by up to its part `jitter`, and never longer than
//! `max_delay`. No wait is shorter than [`SHORTEST`], and one of 0 grows from
//! there: whoever wants a restart at once gets one, but not a service that does
//! nothing but crash, on a processor of its own. Restarts are counted since the service has last run for
//! `stable_threshold`; after `max_attempts` of them it is given up.

use std::time::Duration;

use crate::{
    command::{ErrorKind, ProcessError},
    registry::Restart,
};

/// The shortest wait before a restart.
pub(in crate::host) const SHORTEST: Duration = Duration::from_millis(10);

/// The restarts of one service.
#[derive(Debug)]
pub(in crate::host) struct Policy {
    restart: Restart,
    stable: Duration,
    /// Restarts since it was last stable.
    attempts: u64,
    /// Since when it runs.
    runs: Option<Duration>,
}

impl Policy {
    pub fn new(restart: Restart, stable: Duration) -> Policy {
        Policy { restart, stable, attempts: 0, runs: None }
    }

    /// The service runs, as of now. Times count from any moment, always the same.
    pub fn started(&mut self, now: Duration) {
        self.runs = Some(now);
    }

    /// The service has failed, now: how long to wait before it is started again,
    /// or nothing if it has been tried often enough. `chance` is from 0 to 1.
    pub fn failed(&mut self, now: Duration, chance: f64) -> Option<Duration> {
        let Restart { backoff_factor, jitter, max_attempts, .. } = self.restart;
        let initial_delay = self.restart.initial_delay.max(SHORTEST);
        let max_delay = self.restart.max_delay.max(SHORTEST);
        if self.runs.take().is_some_and(|since| now.saturating_sub(since) >= self.stable) {
            self.attempts = 0;
        }
        if max_attempts > 0 && self.attempts >= max_attempts {
            return None;
        }
        let exponent = i32::try_from(self.attempts).unwrap_or(i32::MAX);
        self.attempts = self.attempts.saturating_add(1);
        // Bounded, as nothing times infinity is no number.
        let growth = backoff_factor.powi(exponent).min(1e12);
        let wait = initial_delay.as_secs_f64() * growth;
        let spread = 1.0 + jitter * (2.0 * chance - 1.0);
        let wait = (wait.min(max_delay.as_secs_f64()) * spread).max(0.0);
        let wait = Duration::try_from_secs_f64(wait).unwrap_or(max_delay);
        Some(wait.clamp(SHORTEST, max_delay))
    }
}

/// True if a service that has ended with this fault may do better next time.
///
/// A fault that says that trying again may help is believed. Of the others,
/// those whose kind says that the service cannot work as it is are not retried:
/// it, or the project, has to be changed first. All else, a trap above all, is
/// what services are kept alive for. The fault of another process, to which the
/// service was linked, says nothing about the service.
pub(in crate::host) fn may_help(fault: &ProcessError, linked: bool) -> bool {
    linked
        || fault.retryable
        || !matches!(
            fault.kind,
            ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::PermissionDenied
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn restart() -> Restart {
        Restart {
            initial_delay: ms(100),
            max_delay: ms(1000),
            backoff_factor: 2.0,
            jitter: 0.0,
            max_attempts: 0,
        }
    }

    /// Fails at once, again and again: the waits until it is given up, at most six.
    fn waits(restart: Restart, chance: f64) -> Vec<u64> {
        let mut policy = Policy::new(restart, ms(5000));
        let mut now = Duration::ZERO;
        let mut waits = Vec::new();
        while waits.len() < 6 {
            policy.started(now);
            now += ms(10);
            let Some(wait) = policy.failed(now, chance) else { break };
            now += wait;
            waits.push(wait.as_millis() as u64);
        }
        waits
    }

    #[test]
    fn waits_grow_up_to_the_longest() {
        let plain = restart();
        let cases = [
            (plain.clone(), 0.5, vec![100, 200, 400, 800, 1000, 1000]),
            (Restart { max_attempts: 3, ..plain.clone() }, 0.5, vec![100, 200, 400]),
            (Restart { backoff_factor: 1.0, ..plain.clone() }, 0.5, vec![100; 6]),
            (
                Restart { initial_delay: ms(0), ..plain.clone() },
                0.5,
                vec![10, 20, 40, 80, 160, 320],
            ),
            (Restart { max_delay: ms(0), ..plain.clone() }, 1.0, vec![10; 6]),
            (Restart { max_delay: ms(50), ..plain.clone() }, 0.5, vec![50; 6]),
            (Restart { jitter: 0.5, ..plain.clone() }, 0.0, vec![50, 100, 200, 400, 500, 500]),
            (Restart { jitter: 0.5, ..plain.clone() }, 1.0, vec![150, 300, 600, 1000, 1000, 1000]),
            (Restart { jitter: 1.0, max_attempts: 1, ..plain.clone() }, 0.0, vec![10]),
            (
                Restart { max_delay: Duration::MAX, backoff_factor: 1000.0, ..plain },
                0.5,
                vec![
                    100,
                    100_000,
                    100_000_000,
                    100_000_000_000,
                    100_000_000_000_000,
                    100_000_000_000_000,
                ],
            ),
        ];
        for (restart, chance, expected) in cases {
            let found = waits(restart.clone(), chance);
            assert_eq!(found, expected, "{restart:?} {chance}");
        }
    }

    #[test]
    fn nothing_overflows() {
        let most = Restart {
            initial_delay: Duration::MAX,
            max_delay: Duration::MAX,
            backoff_factor: 1000.0,
            jitter: 1.0,
            max_attempts: 0,
        };
        let mut policy = Policy::new(most, Duration::MAX);
        policy.attempts = u64::MAX - 1;
        for _ in 0..3 {
            policy.started(Duration::MAX);
            assert_eq!(policy.failed(Duration::MAX, 1.0), Some(Duration::MAX));
        }
    }

    #[test]
    fn who_was_stable_begins_anew() {
        let mut policy = Policy::new(Restart { max_attempts: 2, ..restart() }, ms(5000));
        let mut fail = |from, to| {
            policy.started(ms(from));
            policy.failed(ms(to), 0.5).map(|wait| wait.as_millis())
        };
        assert_eq!(fail(0, 1), Some(100));
        assert_eq!(fail(200, 5199), Some(200));
        assert_eq!(fail(6000, 11_000), Some(100));
        assert_eq!(fail(12_000, 12_001), Some(200));
        assert_eq!(fail(13_000, 13_001), None);
        // A failed start is no run.
        assert_eq!(policy.failed(ms(60_000), 0.5), None);
    }

    #[test]
    fn some_faults_stay() {
        let fault = |kind, retryable| ProcessError { retryable, ..ProcessError::new(kind, "") };
        let hopeless = [ErrorKind::Invalid, ErrorKind::NotFound, ErrorKind::PermissionDenied];
        for kind in ErrorKind::ALL {
            assert_eq!(may_help(&fault(kind, false), false), !hopeless.contains(&kind), "{kind}");
            assert!(may_help(&fault(kind, true), false), "{kind}");
            assert!(may_help(&fault(kind, false), true), "{kind}");
        }
    }
}
