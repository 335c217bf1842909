//! Long strings, and the state that tells of them.
//!
//! Between two looks at the budget lie some hundred instructions, and with long strings
//! each of them can take long: to compare, to hash or to copy 16 MiB takes milliseconds.
//! So the state's allocator tells when a long string is made, and the instruction after
//! that is followed by a look; and as long as there are very long ones, looks are nearer
//! to each other. Lua compares strings zero by zero, which is a hundred times slower than
//! byte by byte, so it is counted how many zeros they have.
//!
//! The allocator also refuses strings beyond [`MAX_STRING`].
#![expect(
    unsafe_code,
    reason = "Lua's allocator and raw strings are only to be had through its C interface"
)]

use crate::lock::lock;
use std::{
    cell::Cell,
    collections::HashMap,
    ffi::c_void,
    ops::Deref,
    ptr, slice,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock,
        atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering::Relaxed},
    },
};

use mlua::{
    Lua, Result, Thread, ffi,
    state::{GcIncParams, GcMode},
};

use super::{
    arena::Arena,
    budget::QUANTUM,
    memory::{MAX_STRING, PAUSE, PROCESS, SLOW, Watch},
    pinned::{self, Pinned},
};
use crate::account::Charge;

/// Bytes that Lua adds to those of a string: it is never more.
const HEAD: usize = 32;
/// A long string.
const LONG: usize = 64 << 10;
/// Zeros, and bytes, that the instructions between two looks may have to do with.
const ZEROS: usize = 20_000_000;
const BYTES: usize = 1_000_000_000;
/// Instructions between two looks where instructions have turned out to be slow.
const SLOW_QUANTUM: u32 = 31;

/// A Lua state with limits.
pub(super) struct Limited {
    lua: Lua,
    watch: Arc<Watch>,
    /// The state, if the library does not close it.
    pinned: Option<Pinned>,
}

/// The library's allocator; one function for all states.
static INNER: OnceLock<ffi::lua_Alloc> = OnceLock::new();

impl Limited {
    /// Sets the limits of a new state: `limit` bytes for the process, of which it keeps
    /// charged what it uses.
    pub fn new(lua: Lua, limit: usize, held: Charge) -> Result<Limited> {
        lua.set_memory_limit(for_lua(limit))?;
        let slow = GcIncParams::default().step_multiplier(SLOW).pause(PAUSE);
        lua.gc_set_mode(GcMode::Incremental(slow));
        let watch = Arc::new(Watch::new(limit, held));
        let set = |state: *mut ffi::lua_State| {
            let mut data = ptr::null_mut();
            // SAFETY: `state` is the live state that `exec_raw` hands in. `allocate` hands
            // on to the very allocator that the state was made with, with the data that it
            // was made with. The watch outlives its use: `drop` ends that.
            unsafe {
                let inner = *INNER.get_or_init(|| ffi::lua_getallocf(state, &mut data));
                if ptr::fn_addr_eq(inner, ffi::lua_getallocf(state, &mut data)) {
                    watch.strings.data.store(data, Relaxed);
                    ffi::lua_setallocf(state, allocate, Arc::as_ptr(&watch).cast_mut().cast());
                }
            }
        };
        // SAFETY: the closure leaves the stack as it is and raises no error.
        unsafe { lua.exec_raw::<()>((), set)? };
        Ok(Limited { lua, watch, pinned: None })
    }

    /// A new state with these limits, which does the same in each run: see
    /// [`pinned`](super::pinned).
    pub fn pinned(limit: usize, held: Charge) -> Result<Limited> {
        let arena = Arena::new().map_err(mlua::Error::RuntimeError)?;
        let mut watch = Watch::new(limit, held);
        watch.strings.arena = Some(Mutex::new(arena));
        let watch = Arc::new(watch);
        // SAFETY: the allocator is that of an arena, and the watch outlives the state, which
        // `drop` closes.
        let (pinned, lua) =
            unsafe { Pinned::new(allocate, Arc::as_ptr(&watch).cast_mut().cast())? };
        if let Some(mut arena) = watch.strings.arena() {
            arena.set_limit(for_lua(limit));
        }
        let slow = GcIncParams::default().step_multiplier(SLOW).pause(PAUSE);
        lua.gc_set_mode(GcMode::Incremental(slow));
        Ok(Limited { lua, watch, pinned: Some(pinned) })
    }

    pub fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }
}

impl Deref for Limited {
    type Target = Lua;

    fn deref(&self) -> &Lua {
        &self.lua
    }
}

impl Drop for Limited {
    /// The library knows its own allocator when it closes a state, and frees what
    /// belongs to it.
    fn drop(&mut self) {
        if let Some(pinned) = self.pinned.take() {
            // SAFETY: nobody uses the state any more.
            return unsafe { pinned.close() };
        }
        let data = self.watch.strings.data.load(Relaxed);
        let (Some(inner), false) = (INNER.get(), data.is_null()) else { return };
        // SAFETY: the state gets back the allocator and the data that it was made with.
        let set = |state: *mut ffi::lua_State| unsafe { ffi::lua_setallocf(state, *inner, data) };
        // SAFETY: the closure leaves the stack as it is and raises no error.
        let given_back = unsafe { self.lua.exec_raw::<()>((), set) };
        if let Err(error) = given_back {
            // Then the state must not outlive the watch.
            tracing::debug!(%error, "the allocator of a Lua state stays");
            std::mem::forget(self.watch.clone());
        }
    }
}

/// The part of a process's memory that is left for Lua.
fn for_lua(limit: usize) -> usize {
    limit.saturating_sub(usize::try_from(PROCESS).unwrap_or_default()).max(1)
}

/// Tells of long strings, refuses those that are too long, and leaves everything else to
/// the library. For a new block, `old` is the type of what it is for.
unsafe extern "C" fn allocate(
    data: *mut c_void,
    block: *mut c_void,
    old: usize,
    new: usize,
) -> *mut c_void {
    // SAFETY: the data of this allocator is always a watch that outlives it.
    let watch = unsafe { &*data.cast_const().cast::<Watch>() };
    let is_string = block.is_null() && new >= LONG && i32::try_from(old) == Ok(ffi::LUA_TSTRING);
    if is_string && new > MAX_STRING.saturating_add(HEAD) {
        return ptr::null_mut();
    }
    if new == 0 && old >= LONG && !block.is_null() {
        watch.strings.freed(block);
    }
    let made = match (watch.strings.arena(), INNER.get()) {
        // SAFETY: all blocks of the state are of its arena, and Lua knows their sizes.
        (Some(mut arena), _) => unsafe {
            if arena.made() == 1 && block.is_null() {
                pinned::seed(arena.first(), allocate, data);
            }
            arena.resize(block.cast(), old, new).cast()
        },
        // SAFETY: Lua calls this as it would call the library's own allocator, with which the
        // state was made, and these are its data.
        (None, Some(inner)) => unsafe { inner(watch.strings.data.load(Relaxed), block, old, new) },
        (None, None) => return ptr::null_mut(),
    };
    if is_string && !made.is_null() {
        watch.strings.born(made, new);
    }
    made
}

thread_local! {
    /// The coroutine that this thread runs.
    static RUNS: Cell<*mut ffi::lua_State> = const { Cell::new(ptr::null_mut()) };
}

/// The long strings of a state.
#[derive(Debug, Default)]
pub(super) struct Strings {
    /// The data of the library's allocator.
    data: AtomicPtr<c_void>,
    /// The memory of a state that does the same in each run.
    arena: Option<Mutex<Arena>>,
    long: Mutex<HashMap<usize, Long>>,
    changed: AtomicBool,
    /// A look has been asked for.
    early: AtomicBool,
    /// Instructions between two looks, beside the usual number.
    less: AtomicU32,
    /// Instructions are slow for another reason.
    slow: AtomicBool,
}

/// A long string: its block, and its zeros once they have been counted.
#[derive(Debug)]
struct Long {
    size: usize,
    zeros: Option<usize>,
}

impl Strings {
    /// The arena that all lies in, if it does.
    pub fn arena(&self) -> Option<MutexGuard<'_, Arena>> {
        self.arena.as_ref().map(lock)
    }

    /// True if the state does the same in each run.
    pub fn is_pinned(&self) -> bool {
        self.arena.is_some()
    }

    fn long(&self) -> MutexGuard<'_, HashMap<usize, Long>> {
        lock(&self.long)
    }

    fn born(&self, block: *mut c_void, size: usize) {
        self.long().insert(block.expose_provenance(), Long { size, zeros: None });
        self.changed.store(true, Relaxed);
        self.early.store(true, Relaxed);
        set_quantum(1);
    }

    fn freed(&self, block: *mut c_void) {
        if self.long().remove(&block.addr()).is_some() {
            self.changed.store(true, Relaxed);
        }
    }

    /// Instructions until the next look.
    pub fn quantum(&self) -> u32 {
        if self.changed.swap(false, Relaxed) {
            let (mut zeros, mut bytes) = (1, 1);
            for (block, long) in self.long().iter_mut() {
                let counted = *long.zeros.get_or_insert_with(|| {
                    let text = ptr::with_exposed_provenance::<u8>(block.saturating_add(HEAD));
                    // SAFETY: a block of `size` bytes that has not been freed. A string is
                    // filled in the instruction that makes it, and never changes; what is
                    // read here lies behind its head.
                    let text =
                        unsafe { slice::from_raw_parts(text, long.size.saturating_sub(HEAD)) };
                    memchr::memchr_iter(0, text).count()
                });
                zeros = zeros.max(counted);
                bytes = bytes.max(long.size);
            }
            let quantum = (ZEROS / zeros).min(BYTES / bytes);
            let quantum = u32::try_from(quantum).unwrap_or(QUANTUM).clamp(1, QUANTUM);
            self.less.store(QUANTUM.saturating_sub(quantum), Relaxed);
        }
        let quantum = QUANTUM.saturating_sub(self.less.load(Relaxed)).max(1);
        if self.slow.load(Relaxed) { quantum.min(SLOW_QUANTUM) } else { quantum }
    }

    /// Tells it whether instructions have turned out to be slow.
    pub fn set_slow(&self, slow: bool) {
        self.slow.store(slow, Relaxed);
    }

    /// A look, in the coroutine that runs: how many instructions there have been since
    /// the last one, or with them what it takes to make a long string.
    pub fn look(&self) -> u32 {
        let was = match self.early.swap(false, Relaxed) {
            true => QUANTUM,
            false => quantum().unwrap_or(QUANTUM),
        };
        set_quantum(self.quantum());
        was
    }

    /// Runs a coroutine.
    pub fn run<T>(&self, thread: &Thread, run: impl FnOnce() -> T) -> T {
        let _runs = Runs(RUNS.replace(thread.state()));
        set_quantum(self.quantum());
        run()
    }
}

/// Puts back what ran before, whatever happens.
struct Runs(*mut ffi::lua_State);

impl Drop for Runs {
    fn drop(&mut self) {
        RUNS.set(self.0);
    }
}

/// Instructions between two looks at the coroutine that runs.
fn quantum() -> Option<u32> {
    let state = RUNS.get();
    if state.is_null() {
        return None;
    }
    // SAFETY: the coroutine that this thread runs at the moment, and so is alive.
    u32::try_from(unsafe { ffi::lua_gethookcount(state) }).ok()
}

/// Sets how many instructions lie before the next look, and between later ones.
fn set_quantum(quantum: u32) {
    let state = RUNS.get();
    let (false, Ok(quantum)) = (state.is_null(), i32::try_from(quantum)) else { return };
    // SAFETY: the coroutine that this thread runs at the moment, and so is alive. Lua
    // promises that a hook can be set at any moment, even by a signal.
    unsafe {
        if ffi::lua_gethookcount(state) != quantum {
            let hook = ffi::lua_gethook(state);
            ffi::lua_sethook(state, hook, ffi::lua_gethookmask(state), quantum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lua::sandbox;

    #[test]
    fn a_string_has_a_limit_and_other_things_have_that_of_the_process() {
        let lua = Limited::new(sandbox::bare().unwrap(), 100 << 20, Charge::default()).unwrap();
        let run = |code: &str| lua.load(code).exec().map_err(|error| error.to_string());
        assert!(run("local s = ('x'):rep(1 << 20) for _ = 1, 4 do s = s .. s end").is_ok());
        let error = run("local s = ('x'):rep(1 << 20) for _ = 1, 5 do s = s .. s end");
        assert!(error.unwrap_err().contains("not enough memory"));
        assert!(run("t = {} for i = 1, 1 << 21 do t[i] = i end").is_ok());
        assert!(lua.used_memory() > 32 << 20);
    }

    #[test]
    fn long_strings_bring_looks_nearer_and_zeros_bring_them_much_nearer() {
        let lua = Limited::new(sandbox::bare().unwrap(), 100 << 20, Charge::default()).unwrap();
        let quantum = |code: &str| {
            lua.load(code).exec().unwrap();
            lua.gc_collect().unwrap();
            lua.watch().strings.quantum()
        };
        assert_eq!(quantum("s = ('x'):rep(1 << 10)"), QUANTUM);
        assert_eq!(quantum("s = ('x'):rep(900000)"), QUANTUM);
        assert_eq!(quantum("s = ('x'):rep(10 << 20)"), 95);
        assert_eq!(quantum("s = ('\\0'):rep(1 << 20)"), 19);
        assert_eq!(quantum("s = ('\\0'):rep(16 << 20)"), 1);
        assert_eq!(quantum("s = nil"), QUANTUM);
    }
}
