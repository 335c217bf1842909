//! From bytes to definitions.
//!
//! | file | what |
//! | --- | --- |
//! | `decode`, `module`, `source`, `shape`, `names` | what a component and its core modules define; modules that only pass calls on; the names of functions |
//! | `proposal`, `vet` | what the interpreter cannot take, found out before it is entered |
//! | `rewrite` | what is changed in core modules |

pub(super) mod decode;
pub(super) mod module;
pub(super) mod names;
pub(super) mod proposal;
pub(super) mod rewrite;
pub(super) mod shape;
pub(super) mod source;
pub(super) mod vet;
