//! Random bytes.
//!
//! All of them come from the operating system, also those that need not be
//! unpredictable: a second generator would be one more thing to be wrong.

use crate::command::{RandomCommand, Reply};

/// So many are at hand within a step; more take their time.
const AT_ONCE: u32 = 1 << 16;

/// The answer, or the command back if it takes its time.
pub(super) fn now(command: RandomCommand) -> Result<Reply, RandomCommand> {
    match command {
        RandomCommand::Bytes { len: len @ ..=AT_ONCE, .. } => Ok(bytes(len)),
        RandomCommand::Bytes { .. } => Err(command),
    }
}

/// The answer, which the blocking pool gives.
pub(super) async fn later(command: RandomCommand) -> Reply {
    match command {
        RandomCommand::Bytes { len, .. } => smol::unblock(move || bytes(len)).await,
    }
}

/// So many random bytes.
fn bytes(len: u32) -> Reply {
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
