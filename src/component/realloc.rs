//! Lowering into a guest, whose `realloc` runs meanwhile.
//!
//! `realloc` is short, and a value can need many calls of it. So it is called on
//! the spot, also from within a host function: wasmi gives such a call a wasm
//! stack of its own. Only when it uses up the slice is it left as it is, for the
//! [`Machine`](super::machine::Machine) to resume, which costs ten times as much.
//! There are no more native frames for that than one call has: `realloc` cannot
//! call out.

use wasmi::{ResumableCall, ResumableCallOutOfFuel, Val};

use super::{
    abi::lower::{Lower, Realloc},
    boundary::Side,
    error::Trap,
    state::{Context, Lends},
    trampoline::{Halt, bits},
};

/// A `realloc` that has used up the slice. Until it returns the instance must not
/// be left, and what it returns is to be [provided](Side::provide).
#[derive(Debug)]
pub(crate) struct Suspended {
    pub call: ResumableCallOutOfFuel,
    /// What `context.get` gives after it: it runs in a thread of its own.
    pub context: [u64; 2],
    /// The top of the trace stack before it.
    pub top: Val,
}

impl Side<'_> {
    /// Goes on with a lowering, to its end unless `realloc` uses up the slice.
    pub fn finish<C: Context>(
        &self,
        context: &mut C,
        lower: &mut Lower,
        lends: &mut Lends,
    ) -> Result<Option<Suspended>, Trap> {
        while let Some(realloc) = self.run(context, lower, lends)? {
            match self.realloc(context, realloc)? {
                Ok(address) => self.provide(context, lower, address, lends)?,
                Err(suspended) => return Ok(Some(suspended)),
            }
        }
        Ok(None)
    }

    /// Gives a lowering the memory that it has asked for.
    pub fn provide<C: Context>(
        &self,
        context: &mut C,
        lower: &mut Lower,
        address: u64,
        lends: &mut Lends,
    ) -> Result<(), Trap> {
        self.with(context, lends, |target| lower.provide(address, target))
    }

    fn realloc<C: Context>(
        &self,
        context: &mut C,
        realloc: Realloc,
    ) -> Result<Result<u64, Suspended>, Trap> {
        let state = context.state();
        let func = self.options.realloc.and_then(|index| state.funcs.get(index as usize).copied());
        let func = func.ok_or_else(|| Trap::internal("no realloc"))?;
        state.instance(self.options.instance)?.may_leave = false;
        let outer = std::mem::take(&mut state.context);
        let global = state.trace.as_ref().map(|trace| trace.top);
        let top = global.map_or(Val::I32(0), |top| top.get(context.as_context_mut()));

        let wide = self.options.wide;
        let value = |v: u64| if wide { Val::I64(v as i64) } else { Val::I32(v as i32) };
        let Realloc { old, old_size, align, new_size } = realloc;
        let args = [old, old_size, u64::from(align), new_size].map(value);
        let mut result = [Val::I32(0)];
        match func.call_resumable(context.as_context_mut(), &args, &mut result) {
            Ok(ResumableCall::Finished) => {}
            Ok(ResumableCall::OutOfFuel(call)) => {
                return Ok(Err(Suspended { call, context: outer, top }));
            }
            Ok(ResumableCall::HostTrap(call)) => return Err(trap(call.into_host_error())),
            Err(error) => return Err(trap(error)),
        }
        if let Some(global) = global {
            let set = global.set(context.as_context_mut(), top);
            set.map_err(|_| Trap::internal("the trace stack is lost"))?;
        }
        let state = context.state();
        state.context = outer;
        state.instance(self.options.instance)?.may_leave = true;
        let [address] = &result;
        Ok(Ok(bits(address)))
    }
}

/// Why a call has ended early. It cannot be for another guest's sake, as the
/// instance must not be left.
fn trap(error: wasmi::Error) -> Trap {
    match error.downcast_ref::<Halt>() {
        Some(Halt::Trap(trap)) => trap.clone(),
        Some(Halt::Suspend) => Trap::internal("`realloc` has left its instance"),
        None => error.into(),
    }
}
