//! All that is decided before a process starts.
//!
//! | file | what |
//! | --- | --- |
//! | `host`, `provided` | functions, interfaces and resources of the host; components and modules that it gives |
//! | `linker`, `declare` | all that the host offers, and the WIT that declares it |
//! | `typing` | component types to [`Types`](crate::value::Types) |
//! | `inline`, `elide`, `budget` | which function meets which import; adapters that are linked away; how large that may become |
//! | `plan` | the result: what a process runs by |

pub(super) mod budget;
pub(super) mod declare;
pub(super) mod elide;
pub(super) mod host;
pub(super) mod inline;
pub(super) mod linker;
pub(super) mod plan;
pub(super) mod provided;
pub(super) mod typing;
pub(super) mod version;
