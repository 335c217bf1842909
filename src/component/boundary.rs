//! Values on their way into a guest or out of it.

use super::{
    abi::{
        lift::{Flat, LIFT_BUDGET, Lift},
        lower::{Lower, Realloc, Spill, Target},
    },
    error::{Trap, TrapKind},
    plan::{CanonOptions, Encoding, Plan, Signature},
    state::{Context, GuestHandles, Lends, charge, memory_and_state},
};
use crate::value::{TypeId, Value};

/// The guest at one end of a call: its memory, its `realloc`, its handles.
#[derive(Clone, Copy)]
pub(crate) struct Side<'a> {
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

impl Side<'_> {
    /// Lifts values out of the guest, and charges for it.
    pub fn lift<C: Context>(
        &self,
        context: &mut C,
        types: &[TypeId],
        spilled: bool,
        flat: &[u64],
        lends: &mut Lends,
    ) -> Result<Vec<Value>, Trap> {
        let (memory, state) = memory_and_state(context, self.options);
        let mut handles =
            GuestHandles { state, instance: self.options.instance, host: self.host, lends };
        let mut lift = Lift {
            types: &self.plan.types,
            layouts: &self.plan.layouts,
            memory,
            encoding: self.options.encoding,
            wide: self.options.wide,
            handles: &mut handles,
            budget: LIFT_BUDGET,
        };
        let values = lift.values(types, spilled, &mut Flat(flat.iter()))?;
        let used = LIFT_BUDGET - lift.budget;
        charge(context.as_context_mut(), used);
        Ok(values)
    }

    /// Begins to lower a function's result into the guest that called it.
    pub fn lower_result<C: Context>(
        &self,
        context: &mut C,
        signature: &Signature,
        value: Option<Value>,
        destination: Destination,
        lends: &mut Lends,
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
        self.with(context, lends, |target| {
            Lower::new(value.into_iter(), types, spill, destination.source, target)
        })
    }

    /// Runs a lowering until it needs memory, and charges for it. First it is given
    /// the address of what it has asked for last.
    pub fn run<C: Context>(
        &self,
        context: &mut C,
        lower: &mut Lower,
        address: Option<u64>,
        lends: &mut Lends,
    ) -> Result<Option<Realloc>, Trap> {
        let more = self.with(context, lends, |target| {
            if let Some(address) = address {
                lower.provide(address, target)?;
            }
            lower.run(target)
        })?;
        charge(context.as_context_mut(), std::mem::take(&mut lower.work));
        Ok(more)
    }

    /// Calls `f` with what values are lowered into.
    pub fn with<C: Context, R>(
        &self,
        context: &mut C,
        lends: &mut Lends,
        f: impl FnOnce(&mut Target<'_>) -> R,
    ) -> R {
        let (memory, state) = memory_and_state(context, self.options);
        let mut handles =
            GuestHandles { state, instance: self.options.instance, host: self.host, lends };
        f(&mut Target {
            types: &self.plan.types,
            layouts: &self.plan.layouts,
            memory,
            encoding: self.options.encoding,
            wide: self.options.wide,
            handles: &mut handles,
        })
    }
}
