//! Processes: what a host steps.
//!
//! A [`Process`] is made with a [`Start`], which is all that it begins with, and then
//! stepped. A [`step`](Process::step) is given events and an amount of fuel, does a bounded
//! amount of work, and says why it stopped and what it wants from outside. It
//! never blocks, never looks at a clock and never calls out: the same events in
//! the same order give the same steps, to the last unit of fuel.

mod error;
mod grants;
pub(crate) mod inbox;
#[doc = include_str!("limits.md")]
pub mod limits {}
mod start;
mod wasm;

#[cfg(test)]
mod tests;

pub use self::{
    error::{Cause, Error},
    grants::{Grants, group_of},
    inbox::{ExitRequest, Identity, Inbox, Received},
    start::{Args, Call, Limits, Start, StartData},
    wasm::WasmProcess,
};
pub use crate::command::ErrorKind;
use std::sync::Arc;

use crate::{
    command::{Command, Completion, Mail, Reply, Yield},
    component::Guard,
    value::{Term, Value},
};

/// Fuel that a step may burn. One unit is about one simple wasm instruction, or
/// 64 bytes that are copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fuel(pub u64);

/// The slice unless something else is configured.
pub const DEFAULT_SLICE: Fuel = Fuel(100_000);

/// Something that happens to a process.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A command has been answered.
    Completion(Completion),
    /// Something has arrived. [`Mail::Cancel`] ends a process that does not look
    /// at its mail, as [`Event::Cancel`] does.
    Mail(Mail),
    /// The process has to end: it does, with [`ErrorKind::Canceled`].
    Cancel {
        /// Why, for the error message.
        reason: String,
    },
    /// The process has used up its `max_execution_ms`: it ends, with
    /// [`ErrorKind::Timeout`].
    Timeout {
        /// The limit, in milliseconds.
        limit: u64,
    },
}

/// How a process ends: with the value that its method returns, if it returns
/// one, or with an error. Here a method that returns a WIT `result` has ended well
/// even if that is an `err`; its host makes a failure of that. A guest that ends itself with exit code 0 has ended
/// well and without a value, whatever its method returns; another exit code is
/// an error with [`Cause::Exit`].
pub type Outcome = Result<Option<Value>, Error>;

/// Why a step has stopped.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    /// The slice is used up; step again.
    Continue,
    /// Commands have to be answered first.
    Blocked,
    /// A message has to arrive first.
    Idle,
    /// The process has ended.
    Done(Outcome),
    /// The process has ended itself with a value that needs no type.
    Exited(Term),
}

/// All that a step gives back. Use one value for many steps, to keep its memory.
#[derive(Clone, Debug, PartialEq)]
pub struct StepOutput {
    /// Why the step has stopped.
    pub status: Status,
    /// Commands for the outside world. Those of the last step are carried out as all
    /// others are.
    pub yields: Vec<Yield>,
    /// Fuel that the step has used. More than it was given only where a single
    /// operation costs more than a slice; later steps pay for that.
    pub fuel_used: u64,
    /// Fuel that takes as long as the calls of the host within the step have, about. It
    /// has not been used, but the step was so much shorter, and whoever shares a thread
    /// out counts it too.
    pub host_time: u64,
    /// The mail that the program has taken in this step.
    pub received: Received,
}

impl Default for StepOutput {
    fn default() -> StepOutput {
        let (yields, received) = (Vec::new(), Received::default());
        StepOutput { status: Status::Continue, yields, fuel_used: 0, host_time: 0, received }
    }
}

/// The functions that a process is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stack {
    /// They, the innermost first, with file and line where these are known.
    pub frames: Vec<String>,
    /// How many there are that `frames` does not show.
    pub more: usize,
}

/// Something that can be run in bounded steps.
pub trait Process: Send {
    /// Takes all `events` and does at most one slice of work.
    fn step(&mut self, events: &mut Vec<Event>, fuel: Fuel, out: &mut StepOutput);

    /// Gives back what the process does not need while it waits, and hands each linear
    /// memory to `release`, for an outside that can do more about it. The bytes must be
    /// the same afterwards. With much memory this takes long, as `close` does.
    fn trim(&mut self, release: &mut dyn FnMut(&mut [u8])) {
        let _ = release;
    }

    /// How the process ends, if that is decided already, although it takes some
    /// more steps: it has failed, and looks for the place where. Who ends it before
    /// that has not ended it.
    fn decided(&self) -> Option<Outcome> {
        None
    }

    /// Bytes of memory that the program has at present.
    fn memory_used(&self) -> u64 {
        0
    }

    /// Hands out all that the process is, piece by piece, as far as it can be seen:
    /// whoever hashes the pieces knows that two processes are the same. For between steps.
    fn state(&mut self, to: &mut dyn FnMut(&[u8])) {
        let _ = to;
    }

    /// Hands each linear memory to `f`. For between steps.
    fn memories(&mut self, f: &mut dyn FnMut(&[u8])) {
        let _ = f;
    }

    /// The functions that it is in, if it knows them. For between steps.
    fn stack(&mut self) -> Option<Stack> {
        None
    }

    /// Tells whether a step is in code that cannot unwind. It is the same one from the
    /// beginning to the end.
    fn guard(&self) -> Option<Arc<Guard>> {
        None
    }

    /// Releases everything, of a process too that has ended: its last step does not.
    /// Nothing runs afterwards.
    fn close(&mut self);
}

/// Steps a process to its end and answers its commands with `answer`, on the
/// spot. For tests, tools and embedders without concurrency.
pub fn run(
    process: &mut dyn Process,
    slice: Fuel,
    mut answer: impl FnMut(Command) -> Reply,
) -> Outcome {
    let (mut events, mut out) = (Vec::new(), StepOutput::default());
    loop {
        process.step(&mut events, slice, &mut out);
        for Yield { tag, command } in out.yields.drain(..) {
            let reply = match command {
                Command::Chore(chore) => {
                    chore.run();
                    Reply::Done
                }
                command => answer(command),
            };
            events.push(Event::Completion(Completion { tag, reply }));
        }
        match std::mem::replace(&mut out.status, Status::Continue) {
            Status::Done(outcome) => return outcome,
            Status::Exited(_) => return Ok(None),
            Status::Blocked | Status::Idle if events.is_empty() => {
                return Err(Error::new(ErrorKind::Internal, "the process waits for nothing"));
            }
            Status::Continue | Status::Blocked | Status::Idle => {}
        }
    }
}
