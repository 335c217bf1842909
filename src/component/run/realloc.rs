//! Lowering into a guest, whose `realloc` runs meanwhile.
//!
//! `realloc` is short, and a value can need many calls of it. So it is called on
//! the spot, also from within a host function: wasmi gives such a call a wasm
//! stack of its own. Only when it uses up the slice is it left as it is, for the
//! [`Machine`](super::machine::Machine) to resume, which costs ten times as much.
//! There are no more native frames for that than one call has: `realloc` cannot
//! call out.

use wasmi::{Func, ResumableCall, TypedResumableCall, Val};

use super::{
    flat::bits,
    request::{Halt, Narrow, Rest, Suspended},
    state::{Context, StoreData},
    transfer::LiftLowerContext,
};
use crate::component::{
    abi::lower::{Lower, Next, Realloc},
    error::Trap,
    run::guard::enter,
};

/// How far a lowering has come.
pub(crate) enum Lowering {
    Done,
    /// There has been enough work for this slice.
    Cut,
    /// In a `realloc`.
    Suspended(Box<Suspended>),
}

impl LiftLowerContext<'_> {
    /// Goes on with a lowering, to its end unless it or `realloc` uses up the slice.
    pub fn finish<C: Context>(&self, context: &mut C, lower: &mut Lower) -> Result<Lowering, Trap> {
        let mut next = self.run(context, lower, None)?;
        loop {
            match next {
                Next::Done => return Ok(Lowering::Done),
                Next::Cut => return Ok(Lowering::Cut),
                Next::Memory(realloc) => match self.realloc(context, realloc)? {
                    Ok(address) => next = self.run(context, lower, Some(address))?,
                    Err(suspended) => return Ok(Lowering::Suspended(Box::new(suspended))),
                },
            }
        }
    }

    /// Gives a lowering the memory that it has asked for.
    pub fn provide<C: Context>(
        &self,
        context: &mut C,
        lower: &mut Lower,
        address: u64,
    ) -> Result<(), Trap> {
        self.with(context, |target| lower.provide(address, target))
    }

    fn realloc<C: Context>(
        &self,
        context: &mut C,
        realloc: Realloc,
    ) -> Result<Result<u64, Suspended>, Trap> {
        let index = self.options.realloc.ok_or_else(|| Trap::internal("no realloc"))?;
        let state = context.state();
        let func = state.funcs.get(index as usize).copied();
        let func = func.ok_or_else(|| Trap::internal("no realloc"))?;
        state.instance(self.options.instance)?.may_leave = false;
        let outer = std::mem::take(&mut state.context);
        let top = match state.top() {
            Some(top) => top.get(context.as_context_mut()),
            None => Val::I32(0),
        };
        let Realloc { old, old_size, align, new_size } = realloc;
        let args = [old, old_size, u64::from(align), new_size];
        let outcome = match self.options.ptr64 {
            false => {
                let [old, old_size, align, new_size] = args.map(|arg| arg as i32);
                let func = ptr32(context, index, func)?;
                let args = (old, old_size, align, new_size);
                outcome(enter(context, |context| {
                    func.call_resumable(context.as_context_mut(), args)
                }))
            }
            true => {
                let args = args.map(|arg| Val::I64(arg as i64));
                let mut result = [Val::I64(0)];
                let call = enter(context, |context| {
                    func.call_resumable(context.as_context_mut(), &args, &mut result)
                });
                wide_outcome(call, &result)
            }
        };
        self.returned(context, outcome?, outer, top)
    }

    /// Goes on with a suspended `realloc`: the address that it returns, unless the
    /// slice is used up again.
    pub fn resume<C: Context>(
        &self,
        context: &mut C,
        suspended: Suspended,
    ) -> Result<Result<u64, Suspended>, Trap> {
        let Suspended { call, context: outer, top } = suspended;
        let outcome = match call {
            Rest::Narrow(call) => {
                outcome(enter(context, |context| call.resume(context.as_context_mut())))
            }
            Rest::Wide(call) => {
                let mut result = [Val::I64(0)];
                let call =
                    enter(context, |context| call.resume(context.as_context_mut(), &mut result));
                wide_outcome(call, &result)
            }
        };
        self.returned(context, outcome?, outer, top)
    }

    fn returned<C: Context>(
        &self,
        context: &mut C,
        outcome: Result<u64, Rest>,
        outer: [u64; 2],
        top: Val,
    ) -> Result<Result<u64, Suspended>, Trap> {
        let address = match outcome {
            Ok(address) => address,
            Err(call) => return Ok(Err(Suspended { call, context: outer, top })),
        };
        if let Some(global) = context.state().top() {
            let set = global.set(context.as_context_mut(), top);
            set.map_err(|_| Trap::internal("the trace stack is lost"))?;
        }
        let state = context.state();
        state.context = outer;
        state.instance(self.options.instance)?.may_leave = true;
        Ok(Ok(address))
    }
}

/// The `realloc` with its type, which the validator has seen to.
fn ptr32<C: Context>(context: &mut C, index: u32, func: Func) -> Result<Narrow, Trap> {
    let StoreData { reallocs, .. } = context.state();
    if let Some((_, known)) = reallocs.iter().find(|(known, _)| *known == index) {
        return Ok(*known);
    }
    let typed = func.typed(context.as_context_mut());
    let typed = typed.map_err(|_| Trap::internal("`realloc` has another type"))?;
    context.state().reallocs.push((index, typed));
    Ok(typed)
}

fn outcome(call: Result<TypedResumableCall<i32>, wasmi::Error>) -> Result<Result<u64, Rest>, Trap> {
    match call {
        Ok(TypedResumableCall::Finished(address)) => Ok(Ok(u64::from(address as u32))),
        Ok(TypedResumableCall::OutOfFuel(call)) => Ok(Err(Rest::Narrow(call))),
        Ok(TypedResumableCall::HostTrap(call)) => Err(trap(call.host_error())),
        Err(error) => Err(trap(&error)),
    }
}

fn wide_outcome(
    call: Result<ResumableCall, wasmi::Error>,
    result: &[Val; 1],
) -> Result<Result<u64, Rest>, Trap> {
    match call {
        Ok(ResumableCall::Finished) => Ok(Ok(bits(&result[0]))),
        Ok(ResumableCall::OutOfFuel(call)) => Ok(Err(Rest::Wide(call))),
        Ok(ResumableCall::HostTrap(call)) => Err(trap(call.host_error())),
        Err(error) => Err(trap(&error)),
    }
}

/// Why a call has ended early. It cannot be for another guest's sake, as the
/// instance must not be left.
fn trap(error: &wasmi::Error) -> Trap {
    match error.downcast_ref::<Halt>() {
        Some(Halt::Trap(trap)) => trap.clone(),
        Some(Halt::Suspend) => Trap::internal("`realloc` has left its instance"),
        None => error.into(),
    }
}
