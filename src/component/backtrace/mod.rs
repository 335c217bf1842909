//! Where a process trapped: it is run once more, with its calls recorded. And where one is
//! that is replayed.
//!
//! | file | what |
//! | --- | --- |
//! | `recording` | the answers of the host |
//! | `instrument` | a core module that notes where it is |
//! | `trace` | a program of such modules, and the names of functions |
//! | `watch` | a program whose processes know at any time where they are, for replays |
//! | `lines` | files and lines, from DWARF |

pub(super) mod instrument;
mod lines;
pub(super) mod recording;
pub(super) mod trace;
pub(super) mod watch;
