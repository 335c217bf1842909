//! Services: processes that the runtime starts, and starts again.

pub(super) mod restart;
pub(super) mod service;
pub(super) mod states;
