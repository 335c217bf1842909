//! The heap, when very many processes end.
//!
//! glibc keeps small pieces of memory that have been given back in lists, and goes through
//! all of them at once when a large piece is given back. What one thread has made and
//! another gives back is gone through seldom, so that after the ends of 100 000 processes
//! there are a million pieces, and some thread stands still for 40 ms. So now and then,
//! after some ends, the lists are gone through while they are short. Without them messages
//! would be half as quick.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Ends after which it is done: it takes a tenth of a millisecond then.
const ENDS: u32 = 256;

static ENDED: AtomicU32 = AtomicU32::new(0);

/// A process has ended, and its memory has been given back.
pub(super) fn ended() {
    if ENDED.fetch_add(1, Relaxed) % ENDS == ENDS - 1 {
        consolidate();
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn consolidate() {
    use std::ffi::c_int;

    /// The setting of the largest of the small pieces; and its value, in bytes, unless
    /// somebody changes it.
    const M_MXFAST: c_int = 1;
    const DEFAULT: c_int = 64 * size_of::<usize>() as c_int / 4;

    #[expect(unsafe_code, reason = "the C library has no other call for this")]
    // SAFETY: the signature is that of malloc.h. The manual has reservations about threads,
    // as others read the setting while it is written: but what is written is what is there,
    // a single word, and the lists are gone through under the lock of the heap.
    unsafe {
        unsafe extern "C" {
            fn mallopt(param: c_int, value: c_int) -> c_int;
        }
        mallopt(M_MXFAST, DEFAULT);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn consolidate() {}
