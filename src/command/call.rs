//! Calls of host functions that the embedder answers.

use crate::value::Value;

/// A call of a host function that was declared with
/// [`Linker::suspending`](crate::component::Linker::suspending). Answered with
/// [`Reply::Value`](super::Reply::Value), the function's result.
#[derive(Clone, Debug, PartialEq)]
pub struct HostCall {
    /// The interface, with its version if it has one: `demo:host/log@1.0.0`.
    pub interface: String,
    /// The function in it: `ask`.
    pub function: String,
    /// The arguments, in the order of the parameters.
    pub args: Vec<Value>,
}
