//! Where a process trapped: it is run once more, with its calls recorded.
//!
//! | file | what |
//! | --- | --- |
//! | `recording` | the answers of the host |
//! | `instrument` | a core module that notes where it is |
//! | `trace` | a program of such modules, and the names of functions |

pub(super) mod instrument;
pub(super) mod recording;
pub(super) mod trace;
