//! From bytes to definitions.
//!
//! | file | what |
//! | --- | --- |
//! | `decode`, `module` | what a component and its core modules define |
//! | `proposal`, `vet`, `guard` | what the interpreter cannot take, found out before it is entered; where a panic cannot pass |
//! | `rewrite` | what is changed in core modules |

pub(super) mod decode;
pub(super) mod guard;
pub(super) mod module;
pub(super) mod proposal;
pub(super) mod rewrite;
pub(super) mod vet;
