//! Requests: what is left to do when a core function of the engine's cannot return yet.

use std::fmt;

use wasmi::{ResumableCallOutOfFuel, TypedFunc, TypedResumableCallOutOfFuel, Val};

use super::handles::Lends;
use crate::{
    account::Charge,
    component::{
        abi::{lift::Lift, lower::Lower},
        error::Trap,
        link::host::Answer,
    },
};

/// Why a host function does not return.
#[derive(Debug)]
pub(crate) enum Halt {
    /// There is a [`Request`] in the state.
    Suspend,
    Trap(Trap),
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Halt::Suspend => f.write_str("suspended"),
            Halt::Trap(trap) => trap.fmt(f),
        }
    }
}

impl wasmi::errors::HostError for Halt {}

/// A call by a guest of a function that it imports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallSite {
    pub trampoline: u32,
    /// Where the result goes, if it does not fit into a core value.
    pub address: Option<u64>,
}

/// Something that a host function cannot do while the guest is on the stack.
#[derive(Debug)]
pub(crate) enum Request {
    /// Call a function of another component.
    Guest { trampoline: u32, args: Vec<u64> },
    /// Go on lifting the arguments of a call.
    Lift(Box<Arguments>),
    /// Wait for the answer of a host function.
    Host {
        site: CallSite,
        lends: Lends,
        memory: Option<wasmi::Memory>,
        /// For the arguments, which may be in the answer.
        charge: Charge,
        answer: Answer,
    },
    /// Finish a `realloc`, if there is one, and then the call of a host function
    /// whose result is lowered.
    Lower {
        site: CallSite,
        lends: Lends,
        /// For the result.
        charge: Charge,
        lower: Box<Lower>,
        suspended: Option<Box<Suspended>>,
    },
    /// Run a destructor.
    Drop { func: u32, instance: u32, caller: u32, rep: u32 },
}

/// Arguments that are being lifted.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub site: CallSite,
    pub lends: Lends,
    /// The memory of its caller, as far as a host function sees it.
    pub memory: Option<wasmi::Memory>,
    pub lift: Box<Lift>,
}

/// A `realloc` of a 32-bit memory. Its type is looked up once and not at every
/// call, which would take as long as the call.
pub(crate) type Narrow = TypedFunc<(i32, i32, i32, i32), i32>;

/// A `realloc` that has used up the slice. Until it returns the instance must not
/// be left.
#[derive(Debug)]
pub(crate) struct Suspended {
    pub call: Rest,
    /// The values that `context.get` gives after it: it runs in a thread of its own.
    pub context: [u64; 2],
    /// The top of the trace stack before it.
    pub top: Val,
}

/// The call of it, by the size of the memory's addresses.
#[derive(Debug)]
pub(crate) enum Rest {
    Narrow(TypedResumableCallOutOfFuel<i32>),
    Wide(ResumableCallOutOfFuel),
}

impl Suspended {
    /// The least fuel that going on takes.
    pub fn required_fuel(&self) -> u64 {
        match &self.call {
            Rest::Narrow(call) => call.required_fuel(),
            Rest::Wide(call) => call.required_fuel(),
        }
    }
}
