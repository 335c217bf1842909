//! The memory of a process: its limit, the longest string, and the collector's pace.
//!
//! # One operation
//!
//! A single instruction can copy, compare or hash a whole string, and nothing can
//! interrupt it. So a string has a limit of its own, [`MAX_STRING`]: who allocates a
//! longer one is told that there is not enough memory. The worst operation on strings
//! of that length, `a < b` where both are nothing but zeros, takes 60 ms; all others
//! take less than 10. After a string is made that is [long](super::long), its process is
//! looked at.
//!
//! # Collecting
//!
//! Lua collects in steps, and a step is as long as what was allocated since the last
//! one, times a factor. With Lua's own factor a new string of 16 MiB is followed by a
//! whole collection in one step. Ours is the smallest; as there are never more than
//! 0.7 units of work for 8 bytes, a collection still ends before the memory has
//! doubled.
//!
//! Who is out of memory has everything collected at once, in one instruction, which
//! takes some 100 ms where 64 MiB are full of small tables. The nearer a process is to
//! its limit, the earlier and the faster it is collected, so that this is rare.

use crate::lock::lock;
use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use mlua::{
    Lua,
    state::{GcIncParams, GcMode},
};

use super::long::Strings;
use crate::account::{Charge, Exceeded};

/// The longest string.
pub(super) const MAX_STRING: usize = 16 << 20;
/// The pace of the collector where memory is plenty: a collection begins when so much
/// is used as a part of what the last one has left, in percent.
pub(super) const PAUSE: i32 = 150;
/// The multiplier is set in steps of 4; what is below counts as 1.
pub(super) const SLOW: i32 = 1;
/// Bytes that the host holds for each process beside its Lua state.
pub(super) const PROCESS: u64 = 20 << 10;
/// The deepest calls that are counted as such when memory is short.
const DEEP: usize = 10_000;
/// So many looks after deep calls have been seen, they are the reason why memory is
/// short.
const RECENT: u64 = 32;
/// The least that a call takes.
const CALL: usize = 100;

/// A limit in words.
pub(super) fn limit(bytes: usize) -> String {
    let (count, unit) = match bytes {
        bytes if bytes >= 1 << 20 && bytes % (1 << 20) == 0 => (bytes >> 20, "MiB"),
        bytes if bytes >= 1 << 10 && bytes % (1 << 10) == 0 => (bytes >> 10, "KiB"),
        bytes => (bytes, "bytes"),
    };
    format!("{count} {unit} (limits.max_memory)")
}

/// Looks at the memory of a process from time to time.
#[derive(Debug, Default)]
pub(super) struct Watch {
    pub strings: Strings,
    limit: u64,
    /// The bytes that Lua uses, and the process besides.
    held: Mutex<Charge>,
    /// The pace that is set: pause and multiplier.
    pace: AtomicU64,
    looks: AtomicU64,
    /// The look that has last seen calls nested deep, counted from 1.
    deep: AtomicU64,
}

impl Watch {
    /// A watch that keeps what is used charged.
    pub fn new(limit: usize, held: Charge) -> Watch {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        Watch { limit, held: Mutex::new(held), ..Watch::default() }
    }

    fn held(&self) -> MutexGuard<'_, Charge> {
        lock(&self.held)
    }

    /// Charges what is used.
    pub fn cover(&self, lua: &Lua) -> Result<(), Exceeded> {
        self.held().cover(used(lua).saturating_add(PROCESS))
    }

    /// Charges what is used, as it is there.
    pub fn cover_anyway(&self, lua: &Lua) {
        let used = used(lua).saturating_add(PROCESS);
        let mut held = self.held();
        if held.cover(used).is_err() {
            let more = used.saturating_sub(held.bytes());
            held.add_anyway(more);
        }
    }

    /// Charges what is used, sets the pace of the collector, and looks whether calls are
    /// nested deep.
    ///
    /// # Errors
    ///
    /// The bytes that are missing, where there is no room for it on the account.
    pub fn look(&self, lua: &Lua) -> Result<(), Exceeded> {
        let limit = self.limit;
        let used = used(lua);
        let charged = self.held().cover(used.saturating_add(PROCESS));
        if charged.is_err() {
            // Once, as what is there is charged then.
            let collected = lua.gc_collect();
            let charged = self.cover(lua);
            self.cover_anyway(lua);
            if collected.is_err() || charged.is_err() {
                return charged;
            }
        }
        if used <= limit / 8 {
            return Ok(());
        }
        let looks = self.looks.fetch_add(1, Relaxed);
        if looks.is_multiple_of(4) {
            let share = usize::try_from(limit / 8).unwrap_or(usize::MAX);
            if lua.inspect_stack((share / CALL).min(DEEP), |_| ()).is_some() {
                self.deep.store(looks.saturating_add(1), Relaxed);
            }
        }
        let (pause, factor) = pace(used, limit);
        let both = (u64::from(pause.unsigned_abs()) << 32) | u64::from(factor.unsigned_abs());
        if self.pace.swap(both, Relaxed) != both {
            let params = GcIncParams::default().pause(pause).step_multiplier(factor);
            lua.gc_set_mode(GcMode::Incremental(params));
        }
        Ok(())
    }

    /// The text of an error for lack of memory.
    pub fn explain(&self) -> String {
        let bytes = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let limit = limit(bytes);
        // There may have been looks since the calls that were too many are gone.
        let deep = self.deep.load(Relaxed);
        if deep > 0 && self.looks.load(Relaxed).saturating_sub(deep) <= RECENT {
            return format!("stack overflow: calls nested so deep do not fit into {limit}");
        }
        let string = MAX_STRING >> 20;
        format!("not enough memory: the process may have {limit}, and a string {string} MiB")
    }
}

/// Bytes that Lua uses.
fn used(lua: &Lua) -> u64 {
    u64::try_from(lua.used_memory()).unwrap_or(u64::MAX)
}

/// The pace of the collector: pause and multiplier. In the upper half of the memory a
/// collection begins after a third of the room that is left, and ends within another
/// third.
fn pace(used: u64, limit: u64) -> (i32, i32) {
    if used <= limit / 2 {
        return (PAUSE, SLOW);
    }
    let used = used.max(1);
    let room = limit.saturating_sub(used).max(1);
    let number = |n: u64| i32::try_from(n).unwrap_or(i32::MAX);
    let pause = number((room.saturating_mul(100) / 3 / used).saturating_add(100));
    let factor = number(used.saturating_mul(2) / room);
    // In steps of 4, so that they are not set anew all the time.
    (pause.clamp(104, PAUSE) & !3, if factor < 4 { SLOW } else { factor.min(100) & !3 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_rises_towards_the_limit() {
        let mut before = (i32::MAX, 0);
        for used in 0..64 {
            let (pause, factor) = pace(used << 20, 64 << 20);
            assert!(pause <= before.0 && factor >= before.1, "{used}");
            before = (pause, factor);
        }
        assert_eq!(pace(20 << 20, 64 << 20), (PAUSE, SLOW));
        assert_eq!(before, (104, 100));
        assert_eq!(pace(u64::MAX, 0), (104, 100));
    }
}
