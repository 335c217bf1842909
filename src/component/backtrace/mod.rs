//! Where a process trapped: it is run once more, with its calls recorded.

pub(super) mod trace;
