//! What a process asks of the outside world, and the answers.
//!
//! A step of a process hands out [`Yield`]s: a [`Command`] with a [`Tag`]. Some
//! time later the one who runs the process hands in a [`Completion`] with the
//! same tag. Nothing else from outside ever enters a process, which is what
//! makes a run repeatable: the list of completions is the journal.

use crate::value::Value;

/// Ties a [`Completion`] to its [`Yield`]. Unique within one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(pub u64);

/// Something that a process asks for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Command {
    /// A call of a host function that was declared with
    /// [`Linker::suspending`](crate::component::Linker::suspending). The reply
    /// is the function's result.
    Call {
        /// The interface, with its version if it has one: `demo:host/log@1.0.0`.
        interface: String,
        /// The function in it: `ask`.
        function: String,
        /// The arguments, in the order of the parameters.
        args: Vec<Value>,
    },
}

/// The outside world's answer to a [`Command`]: the value, if the command has
/// one, or why there will be none.
pub type Reply = Result<Option<Value>, String>;

/// A command that a step hands out.
#[derive(Clone, Debug, PartialEq)]
pub struct Yield {
    /// To be given back in the [`Completion`].
    pub tag: Tag,
    /// What is asked for.
    pub command: Command,
}

/// The answer to a [`Yield`].
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// The tag of the yield that is answered.
    pub tag: Tag,
    /// The answer. An `Err` ends the process with a trap that says it.
    pub reply: Reply,
}
