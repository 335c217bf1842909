//! Values on their way into a guest or out of it.

use super::{
    handles::Lends,
    state::{Context, GuestHandles, charge, memory_and_state},
};
use crate::{
    account::Charge,
    component::{
        abi::{
            Encoding,
            lift::{Lift, Source},
            lower::{Lower, Next, Spill, Target},
        },
        engine::BYTES_PER_FUEL,
        error::{Trap, TrapKind},
        link::plan::{CanonOptions, Plan, Signature},
    },
    value::{TypeId, Value},
};

/// The guest at one end of a call: its memory, its `realloc`, its handles.
#[derive(Clone, Copy)]
pub(crate) struct LiftLowerContext<'a> {
    pub plan: &'a Plan,
    pub options: &'a CanonOptions,
    /// The other end is the host.
    pub host: bool,
}

/// Where a result goes, and how the strings in it were encoded.
#[derive(Clone, Copy)]
pub(crate) struct Destination {
    /// The address that the caller has given, if the result does not fit into a
    /// core value.
    pub address: Option<u64>,
    pub source: Encoding,
}

/// Values that have been lifted, or a lifting that has been cut.
pub(crate) enum Lifting {
    /// The values, and what they take up.
    Done(Vec<Value>, Charge),
    Cut(Box<Lift>),
}

/// Work that a lifting or lowering may do beyond the slice, as bytes: so that small
/// values are never cut.
const SLACK: u64 = 16 << 10;

/// The work that is left in the slice, as bytes.
fn budget<C: Context>(context: &mut C) -> u64 {
    let fuel = context.as_context_mut().get_fuel().unwrap_or(0);
    fuel.saturating_mul(BYTES_PER_FUEL).saturating_add(SLACK)
}

/// Charges for work. What is less than a unit of fuel is left, so that the sum does
/// not depend on the cuts.
fn settle<C: Context>(context: &mut C, work: &mut u64) {
    charge(context.as_context_mut(), *work);
    *work %= BYTES_PER_FUEL;
}

impl LiftLowerContext<'_> {
    /// Lifts values out of the guest, and charges for it. If it is cut, the fuel is
    /// used up.
    pub fn lift<C: Context>(
        &self,
        context: &mut C,
        types: &[TypeId],
        spilled: bool,
        flat: &[u64],
        lends: &mut Lends,
    ) -> Result<Lifting, Trap> {
        let mut lift = Lift::new(flat, budget(context));
        let values = self.with_source(context, lends, |source| lift.values(types, spilled, source));
        // Also if it traps, for a part before a cut has been charged for then.
        settle(context, &mut lift.work);
        Ok(match values? {
            Some(values) => Lifting::Done(values, lift.charge),
            None => Lifting::Cut(Box::new(lift)),
        })
    }

    /// Goes on with a lifting that has been cut.
    pub fn lift_on<C: Context>(
        &self,
        context: &mut C,
        mut lift: Box<Lift>,
        lends: &mut Lends,
    ) -> Result<Lifting, Trap> {
        lift.until = budget(context);
        let values = self.with_source(context, lends, |source| lift.resume(source));
        settle(context, &mut lift.work);
        Ok(match values? {
            Some(values) => Lifting::Done(values, lift.charge),
            None => Lifting::Cut(lift),
        })
    }

    /// Calls `f` with what values are lifted from.
    fn with_source<C: Context, R>(
        &self,
        context: &mut C,
        lends: &mut Lends,
        f: impl FnOnce(&mut Source<'_>) -> R,
    ) -> R {
        let (memory, state) = memory_and_state(context, self.options);
        let mut handles =
            GuestHandles { state, instance: self.options.instance, host: self.host, lends };
        f(&mut Source {
            types: &self.plan.types,
            layouts: &self.plan.layouts,
            memory,
            encoding: self.options.encoding,
            ptr64: self.options.ptr64,
            handles: &mut handles,
        })
    }

    /// Begins to lower a function's result into the guest that called it.
    pub fn lower_result<C: Context>(
        &self,
        context: &mut C,
        signature: &Signature,
        value: Option<Value>,
        destination: Destination,
    ) -> Result<Lower, Trap> {
        let types: &[TypeId] = signature.result.as_slice();
        if types.len() != usize::from(value.is_some()) {
            return Err(Trap::new(
                TrapKind::Host,
                match types.len() {
                    0 => "the host gave a value for a function without a result",
                    _ => "the host gave no value for a function with a result",
                },
            ));
        }
        let spill = destination.address.map_or(Spill::No, Spill::To);
        self.with(context, |target| {
            Lower::new(value.into_iter(), types, spill, destination.source, target)
        })
    }

    /// Runs a lowering until it needs memory or is cut, and charges for it. First it
    /// is given the address of what it has asked for last.
    pub fn run<C: Context>(
        &self,
        context: &mut C,
        lower: &mut Lower,
        address: Option<u64>,
    ) -> Result<Next, Trap> {
        lower.until = budget(context);
        let next = self.with(context, |target| {
            if let Some(address) = address {
                lower.provide(address, target)?;
            }
            lower.run(target)
        });
        settle(context, &mut lower.work);
        next
    }

    /// Calls `f` with what values are lowered into.
    pub fn with<C: Context, R>(&self, context: &mut C, f: impl FnOnce(&mut Target<'_>) -> R) -> R {
        let (memory, state) = memory_and_state(context, self.options);
        // Nothing is lent by lowering.
        let (lends, instance) = (&mut Lends::new(), self.options.instance);
        let mut handles = GuestHandles { state, instance, host: self.host, lends };
        f(&mut Target {
            types: &self.plan.types,
            layouts: &self.plan.layouts,
            memory,
            encoding: self.options.encoding,
            ptr64: self.options.ptr64,
            handles: &mut handles,
        })
    }
}
