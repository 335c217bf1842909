//! The memory of a process: its limit, the longest string, and the collector's pace.
//!
//! # One operation
//!
//! A single instruction can copy, compare or hash a whole string, and nothing can
//! interrupt it. So a string has a limit of its own, [`MAX_STRING`]: who allocates a
//! longer one is told that there is not enough memory. The worst operation on strings
//! of that length, `a < b` where both are nothing but zeros, takes 60 ms; all others
//! take less than 10.
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

use std::{
    ffi::c_void,
    ops::Deref,
    ptr,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use mlua::{
    Lua, Result, ffi,
    state::{GcIncParams, GcMode},
};

/// The longest string.
pub(super) const MAX_STRING: usize = 16 << 20;
/// What Lua adds to the bytes of a string.
const HEAD: usize = 32;
/// The pace of the collector where memory is plenty: a collection begins when so much
/// is used as a part of what the last one has left, in percent.
const PAUSE: u64 = 150;
/// The multiplier is set in steps of 4; what is below counts as 1.
const SLOW: u64 = 1;
/// The deepest calls that are counted as such when memory is short.
const DEEP: usize = 10_000;
/// What a call takes, at least.
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

/// A Lua state with limits.
pub(super) struct Limited(Lua);

/// What the library allocates with; one function for all states.
static INNER: OnceLock<ffi::lua_Alloc> = OnceLock::new();

impl Limited {
    /// Sets the limits of a new state.
    pub fn new(lua: Lua, limit: usize) -> Result<Limited> {
        lua.set_memory_limit(limit)?;
        let slow = GcIncParams::default().step_multiplier(1).pause(150);
        lua.gc_set_mode(GcMode::Incremental(slow));
        let set = |state: *mut ffi::lua_State| {
            let mut data = ptr::null_mut();
            // SAFETY: `state` is the live state that `exec_raw` hands in. `data` is what
            // its allocator was made with, and stays; `allocate` hands it on to the very
            // same allocator.
            unsafe {
                let inner = *INNER.get_or_init(|| ffi::lua_getallocf(state, &mut data));
                if ptr::fn_addr_eq(inner, ffi::lua_getallocf(state, &mut data)) {
                    ffi::lua_setallocf(state, allocate, data);
                }
            }
        };
        // SAFETY: the closure leaves the stack as it is and raises no error.
        unsafe { lua.exec_raw::<()>((), set)? };
        Ok(Limited(lua))
    }
}

impl Deref for Limited {
    type Target = Lua;

    fn deref(&self) -> &Lua {
        &self.0
    }
}

impl Drop for Limited {
    /// The library knows its own allocator when it closes a state, and frees what
    /// belongs to it.
    fn drop(&mut self) {
        let Some(inner) = INNER.get() else { return };
        let set = |state: *mut ffi::lua_State| {
            let mut data = ptr::null_mut();
            // SAFETY: as above; the state gets back the allocator that it was made with.
            unsafe {
                ffi::lua_getallocf(state, &mut data);
                ffi::lua_setallocf(state, *inner, data);
            }
        };
        // SAFETY: the closure leaves the stack as it is and raises no error.
        if let Err(error) = unsafe { self.0.exec_raw::<()>((), set) } {
            tracing::debug!(%error, "the allocator of a Lua state stays");
        }
    }
}

/// Refuses strings that are too long, and leaves everything else to the library. For a
/// new block, `old` is the type of what it is for.
unsafe extern "C" fn allocate(
    data: *mut c_void,
    block: *mut c_void,
    old: usize,
    new: usize,
) -> *mut c_void {
    let is_string = block.is_null() && i32::try_from(old) == Ok(ffi::LUA_TSTRING);
    if is_string && new > MAX_STRING.saturating_add(HEAD) {
        return ptr::null_mut();
    }
    match INNER.get() {
        // SAFETY: Lua calls this as it would call the library's own allocator, whose
        // `data` this is.
        Some(inner) => unsafe { inner(data, block, old, new) },
        None => ptr::null_mut(),
    }
}

/// Looks at the memory of a process from time to time.
#[derive(Debug, Default)]
pub(super) struct Watch {
    limit: AtomicU64,
    /// The pace that is set: pause and multiplier.
    pace: AtomicU64,
    looks: AtomicU64,
    deep: AtomicBool,
}

impl Watch {
    pub fn set_limit(&self, limit: usize) {
        self.limit.store(u64::try_from(limit).unwrap_or(u64::MAX), Relaxed);
    }

    /// Sets the pace of the collector, and looks whether calls are nested deep.
    pub fn look(&self, lua: &Lua) {
        let limit = self.limit.load(Relaxed);
        let used = u64::try_from(lua.used_memory()).unwrap_or(u64::MAX);
        if used <= limit / 8 {
            return;
        }
        let looks = self.looks.fetch_add(1, Relaxed);
        if looks % 4 == 0 {
            let share = usize::try_from(limit / 8).unwrap_or(usize::MAX);
            let deep = lua.inspect_stack((share / CALL).min(DEEP), |_| ()).is_some();
            self.deep.store(deep, Relaxed);
        }
        let (pause, factor) = pace(used, limit);
        let pace = pause << 32 | factor;
        if self.pace.swap(pace, Relaxed) != pace {
            let number = |n: u64| i32::try_from(n).unwrap_or(i32::MAX);
            let params = GcIncParams::default();
            let params = params.pause(number(pause)).step_multiplier(number(factor));
            lua.gc_set_mode(GcMode::Incremental(params));
        }
    }

    /// What an error for lack of memory says.
    pub fn explain(&self) -> String {
        let bytes = usize::try_from(self.limit.load(Relaxed)).unwrap_or(usize::MAX);
        let limit = limit(bytes);
        if self.deep.load(Relaxed) {
            return format!("stack overflow: calls nested so deep do not fit into {limit}");
        }
        let string = MAX_STRING >> 20;
        format!("not enough memory: the process may have {limit}, and a string {string} MiB")
    }
}

/// The pace of the collector: pause and multiplier. In the upper half of the memory a
/// collection begins after a third of the room that is left, and ends within another
/// third.
fn pace(used: u64, limit: u64) -> (u64, u64) {
    if used <= limit / 2 {
        return (PAUSE, SLOW);
    }
    let used = used.max(1);
    let room = limit.saturating_sub(used).max(1);
    let pause = (room.saturating_mul(100) / 3 / used).saturating_add(100);
    let factor = used.saturating_mul(2) / room;
    // In steps of 4, so that they are not set anew all the time.
    (pause.clamp(104, PAUSE) & !3, if factor < 4 { SLOW } else { factor.min(100) & !3 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lua::sandbox;

    #[test]
    fn the_pace_rises_towards_the_limit() {
        let mut before = (u64::MAX, 0);
        for used in 0..64 {
            let (pause, factor) = pace(used << 20, 64 << 20);
            assert!(pause <= before.0 && factor >= before.1, "{used}");
            before = (pause, factor);
        }
        assert_eq!(pace(20 << 20, 64 << 20), (PAUSE, SLOW));
        assert_eq!(before, (104, 100));
        assert_eq!(pace(u64::MAX, 0), (104, 100));
    }

    #[test]
    fn a_string_has_a_limit_and_other_things_have_that_of_the_process() {
        let lua = Limited::new(sandbox::bare().unwrap(), 100 << 20).unwrap();
        let run = |code: &str| lua.load(code).exec().map_err(|error| error.to_string());
        assert!(run("local s = ('x'):rep(1 << 20) for _ = 1, 4 do s = s .. s end").is_ok());
        let error = run("local s = ('x'):rep(1 << 20) for _ = 1, 5 do s = s .. s end");
        assert!(error.unwrap_err().contains("not enough memory"));
        assert!(run("t = {} for i = 1, 1 << 21 do t[i] = i end").is_ok());
        assert!(lua.used_memory() > 32 << 20);
    }
}
