//! The core functions that the engine provides to guests.
//!
//! What can be done at once is done at once, inside the call, which is five
//! times cheaper than suspending. What needs another guest to run (another
//! component's function, a destructor) or the outside world must not be done
//! there, because it could not be suspended in the middle: the function leaves a
//! [`Request`] and fails with [`Halt::Suspend`], and the
//! [`Machine`](super::machine::Machine) takes over.

use std::fmt;

use wasmi::{Caller, Func, Val};

use super::{
    handles::Lends,
    host_call::{call_host, charge_result},
    realloc::Lowering,
    request::{Arguments, CallSite, Request},
    state::StoreData,
    transfer::{Destination, LiftLowerContext, Lifting},
};
use crate::{
    component::{
        abi::{CoreType, Encoding, MAX_FLAT_PARAMS},
        error::{Trap, TrapKind},
        link::{
            linker::{Answer, HostCx},
            plan::{
                CanonOptions, HostImport, Plan, ResourceDef, Signature, Trampoline, TrampolineKind,
            },
        },
        run::guard::leave,
    },
    value::ResourceId,
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

/// Makes the core function for a trampoline of the plan.
pub(crate) fn func(store: &mut wasmi::Store<StoreData>, index: u32) -> Result<Func, Trap> {
    let trampoline = trampoline(&store.data().plan, index)?;
    let ty = wasmi::FuncType::new(
        trampoline.params.iter().map(|ty| wasmi::ValType::from(*ty)),
        trampoline.results.iter().map(|ty| wasmi::ValType::from(*ty)),
    );
    let plan = store.data().plan.clone();
    Ok(Func::new(store, ty, move |mut caller, params, results| {
        match leave(&mut caller, |caller| call(&plan, caller, index, params, results)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(wasmi::Error::host(Halt::Suspend)),
            Err(trap) => Err(wasmi::Error::host(Halt::Trap(trap))),
        }
    }))
}

pub(crate) fn trampoline(plan: &Plan, index: u32) -> Result<&Trampoline, Trap> {
    plan.trampolines.get(index as usize).ok_or_else(|| Trap::internal("unknown trampoline"))
}

pub(crate) fn options(plan: &Plan, index: u32) -> Result<&CanonOptions, Trap> {
    plan.options.get(index as usize).ok_or_else(|| Trap::internal("unknown options"))
}

pub(crate) fn bits(value: &Val) -> u64 {
    match value {
        Val::I32(v) => u64::from(*v as u32),
        Val::I64(v) => *v as u64,
        Val::F32(v) => u64::from(v.to_bits()),
        Val::F64(v) => v.to_bits(),
        _ => 0,
    }
}

/// A core value of the given type with these bits.
pub(crate) fn core_value(bits: u64, ty: CoreType) -> Val {
    match ty {
        CoreType::I32 => Val::I32(bits as u32 as i32),
        CoreType::I64 => Val::I64(bits as i64),
        CoreType::F32 => Val::F32(wasmi::F32::from_bits(bits as u32)),
        CoreType::F64 => Val::F64(wasmi::F64::from_bits(bits)),
    }
}

/// Dispatcher a call; `false` if it has to be suspended.
fn call(
    plan: &Plan,
    caller: &mut Caller<'_, StoreData>,
    index: u32,
    params: &[Val],
    results: &mut [Val],
) -> Result<bool, Trap> {
    let trampoline = trampoline(plan, index)?;
    let state = caller.data_mut();
    let first = || params.first().map_or(0, bits);
    let mut answer = |bits: u64| {
        if let (Some(result), Some(ty)) = (results.first_mut(), trampoline.results.first()) {
            *result = core_value(bits, *ty);
        }
        Ok(true)
    };
    match &trampoline.kind {
        TrampolineKind::Guest { .. } => {
            state.check_leave(trampoline.instance)?;
            let args = params.iter().map(bits).collect();
            state.request = Some(Request::Guest { trampoline: index, args });
            Ok(false)
        }
        TrampolineKind::Host { host, signature, options: option } => {
            state.check_leave(trampoline.instance)?;
            let host = plan
                .hosts
                .get(*host as usize)
                .ok_or_else(|| Trap::internal("unknown host function"))?;
            let option = options(plan, *option)?;
            // See `shim`: who has been given the import early may call it too early.
            if option.memory.is_some_and(|memory| memory as usize >= state.memories.len()) {
                return Err(Trap::canonical(
                    "a start function called an import, which has no memory to work with yet",
                ));
            }
            let call = HostCall { plan, trampoline: index, signature, options: option };
            call.call(caller, host, params, |bits| {
                answer(bits)?;
                Ok(())
            })
        }
        TrampolineKind::ResourceNew(ty) => {
            state.check_leave(trampoline.instance)?;
            let index = state.add_handle(trampoline.instance, *ty, first() as u32, None)?;
            answer(u64::from(index))
        }
        TrampolineKind::ResourceRep(ty) => {
            let rep =
                state.instance(trampoline.instance)?.handles.resource(first() as u32, *ty)?.rep;
            answer(u64::from(rep))
        }
        TrampolineKind::ResourceDrop(ty) => {
            state.check_leave(trampoline.instance)?;
            drop_handle(state, plan, trampoline.instance, *ty, first() as u32)
        }
        TrampolineKind::ContextGet { slot, .. } => {
            answer(state.context.get(*slot as usize).copied().unwrap_or(0))
        }
        TrampolineKind::ContextSet { slot } => {
            if let Some(place) = state.context.get_mut(*slot as usize) {
                *place = first();
            }
            Ok(true)
        }
        TrampolineKind::Backpressure { more } => {
            let count = &mut state.instance(trampoline.instance)?.backpressure;
            let changed = if *more { count.checked_add(1) } else { count.checked_sub(1) };
            *count = changed.ok_or_else(|| {
                Trap::canonical("the backpressure counter went beyond its limits")
            })?;
            Ok(true)
        }
        TrampolineKind::Unsupported(what) => {
            state.check_leave(trampoline.instance)?;
            Err(Trap::new(
                TrapKind::Unsupported,
                format!("{what} was called; the asynchronous ABI is not supported"),
            ))
        }
    }
}

fn drop_handle(
    state: &mut StoreData,
    plan: &Plan,
    instance: u32,
    ty: ResourceId,
    index: u32,
) -> Result<bool, Trap> {
    let handle = state.instance(instance)?.handles.remove(index, ty)?;
    state.removed_handle();
    if let Some(scope) = handle.scope {
        if let Some(task) = state.tasks.get(scope) {
            task.num_borrows = task.num_borrows.saturating_sub(1);
        }
        return Ok(true);
    }
    match plan.resources.get(ty.0 as usize) {
        Some(ResourceDef::Guest { instance: owner, dtor: Some(func) }) => {
            let rep = handle.rep;
            let (func, owner) = (*func, *owner);
            state.request = Some(Request::Drop { func, instance: owner, caller: instance, rep });
            Ok(false)
        }
        Some(ResourceDef::Guest { instance: owner, dtor: None }) => {
            // Without a destructor too, dropping counts as a call.
            state.check_enter(plan, instance, *owner)?;
            Ok(true)
        }
        Some(ResourceDef::Host(Some(dtor))) => {
            if state.trace.is_none() {
                (dtor.0)(&mut HostCx { state: &mut state.host, memory: None }, handle.rep)?;
            }
            Ok(true)
        }
        Some(ResourceDef::Host(None) | ResourceDef::Absent) | None => Ok(true),
    }
}

/// A call of a host function from a guest.
struct HostCall<'a> {
    plan: &'a Plan,
    trampoline: u32,
    signature: &'a Signature,
    options: &'a CanonOptions,
}

impl HostCall<'_> {
    fn call(
        &self,
        caller: &mut Caller<'_, StoreData>,
        host: &HostImport,
        params: &[Val],
        mut answer: impl FnMut(u64) -> Result<(), Trap>,
    ) -> Result<bool, Trap> {
        let mut buffer = [0u64; MAX_FLAT_PARAMS + 1];
        let args = collect(params, &mut buffer);
        let (args, address) = split_address(args, self.signature);
        let site = CallSite { trampoline: self.trampoline, address };
        let mut lends = Lends::new();
        let cx = LiftLowerContext { plan: self.plan, options: self.options, host: true };
        let signature = self.signature;
        let (types, spilled) = (&signature.params, signature.spill_params);
        let lifting = cx.lift(caller, types, spilled, args, &mut lends)?;
        let memory = match host.sees_memory {
            true => caller.get_export("memory").and_then(wasmi::Extern::into_memory),
            false => None,
        };
        let (values, charge) = match lifting {
            Lifting::Done(values, charge) => (values, charge),
            Lifting::Cut(lift) => {
                let arguments = Arguments { site, lends, memory, lift };
                caller.data_mut().request = Some(Request::Lift(Box::new(arguments)));
                return Ok(false);
            }
        };
        let value = match call_host(caller, host, values, memory)? {
            Answer::Now(value) => value,
            answer => {
                let request = Request::Host { site, lends, memory, charge, answer };
                caller.data_mut().request = Some(request);
                return Ok(false);
            }
        };
        // The arguments are gone.
        drop(charge);
        let charge = charge_result(caller.data().limiter.account(), value.as_ref())?;
        caller.data_mut().recording.note(&value);
        let to = Destination { address, source: Encoding::Utf8 };
        let mut lower = cx.lower_result(caller, signature, value, to)?;
        let suspended = match cx.finish(caller, &mut lower)? {
            Lowering::Done => None,
            Lowering::Cut => Some(None),
            Lowering::Suspended(suspended) => Some(Some(suspended)),
        };
        if let Some(suspended) = suspended {
            let lower = Box::new(lower);
            let request = Request::Lower { site, lends, charge, lower, suspended };
            caller.data_mut().request = Some(request);
            return Ok(false);
        }
        caller.data_mut().unlend(lends);
        if let Some(bits) = lower.flat.first() {
            answer(*bits)?;
        }
        Ok(true)
    }
}

/// The bits of core values, in a buffer on the stack.
fn collect<'a>(values: &[Val], buffer: &'a mut [u64]) -> &'a [u64] {
    let len = values.len().min(buffer.len());
    for (to, from) in buffer.iter_mut().zip(values) {
        *to = bits(from);
    }
    buffer.get(..len).unwrap_or_default()
}

/// The arguments without the address for the result, and that address.
pub(crate) fn split_address<'a>(
    args: &'a [u64],
    signature: &Signature,
) -> (&'a [u64], Option<u64>) {
    match args.split_last() {
        Some((address, args)) if signature.spill_result => (args, Some(*address)),
        _ => (args, None),
    }
}
