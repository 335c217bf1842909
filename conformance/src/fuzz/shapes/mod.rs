//! Core modules, function by function: those of a public generator, and shapes that
//! compilers make and it does not.
//!
//! | file | |
//! | --- | --- |
//! | `code` | functions with such shapes |
//! | `module` | the module around them |
//! | `wrap` | a module so changed that all it does can be seen |
//! | `ours` | what is seen, by us, in slices of several lengths |
//! | `peer` | the same by the reference engine |

mod code;
mod module;
mod ours;
#[cfg(feature = "peers")]
pub mod peer;
mod wrap;

use arbitrary::Unstructured;

pub use self::wrap::Wrapped;
use super::translate;

/// The results of the functions of a module, one after the other, and after each one that
/// comes back the state: or how it ended.
pub type Seen = Vec<String>;

/// Functions of a module that are called.
const CALLS: usize = 16;

/// A module with our own shapes.
pub fn shaped(data: &[u8]) -> Option<Wrapped> {
    let mut bytes = Unstructured::new(data);
    let module = module::module(&mut bytes);
    let mut choose = || bytes.arbitrary().unwrap_or(0);
    match wrap::wrap(&module, &mut choose) {
        Ok(wrapped) => Some(wrapped),
        Err(why) => panic!("a module cannot be wrapped: {why}"),
    }
}

/// A module of the public generator, which ends.
pub fn public(data: &[u8]) -> Option<Wrapped> {
    let module = translate::ending(data)?;
    let mut bytes = Unstructured::new(data);
    let mut choose = || bytes.arbitrary().unwrap_or(0);
    wrap::wrap(&module, &mut choose).ok()
}

impl Wrapped {
    /// What is seen, by us; nothing if the interpreter cannot take it, and says so.
    ///
    /// # Errors
    ///
    /// If it is refused, or not the same in all slices.
    pub fn ours(&self) -> Result<Option<Seen>, String> {
        ours::run(self)
    }
}

/// Modules of both, by us: the same in any slices.
pub fn run(data: &[u8]) {
    for wrapped in [shaped(data), public(data)].into_iter().flatten() {
        if let Err(why) = wrapped.ours() {
            panic!("{why}");
        }
    }
}
