//! Where a process trapped: it is run once more, with its calls recorded. And where one is
//! that is replayed.
//!
//! | file | what |
//! | --- | --- |
//! | `recording` | the answers of the host |
//! | `functions` | a program with all its modules changed, and the names of functions |
//! | `instrument` | core modules whose functions note where they are |
//! | `trace` | a program that is run once more, to where it trapped |
//! | `watch` | a program whose processes know at any time where they are, for replays |
//! | `lines` | files and lines, from DWARF |

pub(super) mod functions;
pub(super) mod instrument;
mod lines;
pub(super) mod recording;
pub(super) mod trace;
pub(super) mod watch;
