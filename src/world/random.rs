//! Random bytes.
//!
//! All of them come from the operating system, also those that need not be
//! unpredictable: a second generator would be one more thing to be wrong.

use crate::command::Reply;

/// So many are at hand within a step; more take their time.
pub(super) const AT_ONCE: u32 = 1 << 16;

/// So many random bytes.
pub(super) fn bytes(len: u32) -> Reply {
    let mut bytes = Vec::new();
    let wanted = usize::try_from(len).unwrap_or(usize::MAX);
    if bytes.try_reserve_exact(wanted).is_err() {
        return Reply::Refused(format!("there is no memory for {len} random bytes"));
    }
    bytes.resize(wanted, 0);
    match getrandom::fill(&mut bytes) {
        Ok(()) => Reply::Bytes(bytes),
        Err(error) => Reply::Refused(format!("there are no random bytes: {error}")),
    }
}
