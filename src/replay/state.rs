//! The hash of all that a process is: fuel, memory, tables, globals, unread mail.
//!
//! It is XXH3-64 over what [`Process::state`] hands out, and the same on every machine.
//! Of globals and tables the interpreter shows those that are exported; what another of
//! them holds is seen as soon as it changes anything else.

use xxhash_rust::xxh3::Xxh3Default;

use crate::process::Process;

/// Fuel after which a process is hashed at the latest, unless it has much memory.
const INTERVAL: u64 = 64 << 20;

/// Fuel for which a byte of memory is hashed: about a hundredth of what it takes to burn
/// that fuel.
const PER_BYTE: u64 = 4;

/// True if a process that has used so much fuel since it was hashed is to be hashed again.
pub(super) fn is_due(used: u64, process: &dyn Process) -> bool {
    used >= INTERVAL && used >= process.memory_used().saturating_mul(PER_BYTE)
}

/// The hash of a process between two steps.
pub(super) fn of(process: &mut dyn Process) -> u64 {
    let mut hash = Xxh3Default::new();
    process.state(&mut |part| hash.update(part));
    hash.digest()
}
