//! Which process may open how many files.
//!
//! The operating system gives this program a table of so many open files, and all
//! processes share it. So each open file of a process is a [`Permit`] out of a number
//! that is known beforehand: what the system gives (its soft limit, raised to the
//! hard one) without a reserve, which is for loading programs and for the runtime's
//! own sake. Nobody may have more than are left: one process alone gets half of all,
//! two get a third each, and whoever comes next finds some.

use crate::command::Errno;
use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// A number of permits that are shared.
#[derive(Debug)]
pub(crate) struct Permits {
    total: usize,
    used: AtomicUsize,
}

/// The right to have a file open, until this is dropped.
#[derive(Debug)]
pub(crate) struct Permit(&'static Permits);

impl Permits {
    /// Those of this program.
    pub(crate) fn of_system() -> &'static Permits {
        static SYSTEM: OnceLock<Permits> = OnceLock::new();
        SYSTEM.get_or_init(|| Permits::new(limit()))
    }

    /// Permits below a limit of the system.
    pub(super) const fn new(limit: usize) -> Permits {
        let reserve = limit / 8;
        let reserve = match reserve {
            0..16 => 16,
            16..256 => reserve,
            _ => 256,
        };
        Permits { total: limit.saturating_sub(reserve), used: AtomicUsize::new(0) }
    }

    /// A permit for who has so many.
    pub(crate) fn take(&'static self, own: usize) -> Result<Permit, Errno> {
        let one_more = |used: usize| {
            let left = self.total.checked_sub(used)?;
            (own < left).then(|| used.saturating_add(1))
        };
        let taken = self.used.fetch_update(Relaxed, Relaxed, one_more);
        taken.map(|_| Permit(self)).map_err(|_| Errno::TooManyOpen)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.used.fetch_sub(1, Relaxed);
    }
}

/// How many files the system lets this program open, which is asked for as many as
/// there can be.
#[cfg(unix)]
fn limit() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    /// Where there is no limit.
    const MANY: u64 = 1 << 20;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.unwrap_or(MANY).max(current.unwrap_or(MANY));
    let raised = Rlimit { current: Some(wanted), maximum };
    let limit = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => wanted,
        Err(_) => current.unwrap_or(MANY),
    };
    usize::try_from(limit.min(MANY)).unwrap_or(usize::MAX)
}

/// As many as make no trouble.
#[cfg(not(unix))]
fn limit() -> usize {
    8192
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gets_all_and_whoever_comes_next_finds_some() {
        static PERMITS: Permits = Permits::new(116);
        let all_for = |have: &mut Vec<Permit>| {
            while let Ok(permit) = PERMITS.take(have.len()) {
                have.push(permit);
            }
        };
        let (mut one, mut two, mut three) = (Vec::new(), Vec::new(), Vec::new());
        all_for(&mut one);
        assert_eq!(one.len(), 50);
        all_for(&mut two);
        assert_eq!(two.len(), 25);
        assert!(PERMITS.take(one.len()).is_err_and(|errno| errno == Errno::TooManyOpen));
        drop(one);
        all_for(&mut two);
        assert_eq!(two.len(), 50);
        all_for(&mut three);
        assert_eq!(three.len(), 25);
        drop((two, three));
        assert_eq!(PERMITS.used.load(Relaxed), 0);
    }

    #[test]
    fn where_there_are_few_none_are_for_processes() {
        static FEW: Permits = Permits::new(16);
        assert!(FEW.take(0).is_err());
    }
}
