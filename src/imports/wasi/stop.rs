//! How a function goes no further: the guest is told of an error, or ends.

use super::call::now;
use crate::{
    command::Unexpected,
    component::{Answer, Trap},
    value::Value,
};

/// Why a function goes no further.
pub(super) enum Stop<E> {
    /// The guest is told.
    Told(E),
    /// The guest ends.
    Trap(Trap),
}

/// An error that a guest is told.
pub(super) trait Told {
    /// The result of the function that has failed so.
    fn result(self) -> Value;
}

impl<E: Told> From<E> for Stop<E> {
    fn from(error: E) -> Stop<E> {
        Stop::Told(error)
    }
}

impl<E> From<Trap> for Stop<E> {
    fn from(trap: Trap) -> Stop<E> {
        Stop::Trap(trap)
    }
}

impl<E> From<Unexpected> for Stop<E> {
    fn from(unexpected: Unexpected) -> Stop<E> {
        Stop::Trap(unexpected.into())
    }
}

/// The function's answer.
pub(super) fn answer<E: Told>(result: Result<Answer, Stop<E>>) -> Result<Answer, Trap> {
    match result {
        Ok(answer) => Ok(answer),
        Err(Stop::Told(error)) => now(error.result()),
        Err(Stop::Trap(trap)) => Err(trap),
    }
}

/// `ok` with a value.
pub(super) fn ok<E>(value: impl Into<Value>) -> Result<Answer, Stop<E>> {
    Ok(Answer::Now(Some(Value::ok(Some(value.into())))))
}

/// `ok` without a value.
pub(super) fn done<E>() -> Result<Answer, Stop<E>> {
    Ok(Answer::Now(Some(Value::ok(None))))
}
