//! The core functions that the engine provides to guests.
//!
//! What can be done at once is done at once, inside the call, which is five
//! times cheaper than suspending. What needs another guest to run (another
//! component's function, a destructor) or the outside world must not be done
//! there, because it could not be suspended in the middle: the function leaves a
//! [`Request`] and fails with [`Halt::Suspend`], and the
//! [`Machine`](super::machine::Machine) takes over.

use wasmi::{Caller, Func, Val};

use super::{
    flat::{bits, collect, core_value, split_address},
    handles::Lends,
    host_call::{call_host, charge_result},
    realloc::Lowering,
    request::{Arguments, CallSite, Halt, Request},
    state::{StoreData, spend_time},
    transfer::{Destination, LiftLowerContext, Lifting},
};
use crate::{
    component::{
        abi::{Encoding, MAX_FLAT_PARAMS},
        error::{Trap, TrapKind},
        link::{
            host::{Answer, HostCx},
            plan::{CanonOptions, HostImport, Plan, ResourceDef, Signature, TrampolineKind},
        },
        run::guard::leave,
    },
    value::ResourceId,
};

/// Makes the core function for a trampoline of the plan.
pub(crate) fn func(store: &mut wasmi::Store<StoreData>, index: u32) -> Result<Func, Trap> {
    let trampoline = store.data().plan.trampoline(index)?;
    let ty = wasmi::FuncType::new(
        trampoline.params.iter().map(|ty| wasmi::ValType::from(*ty)),
        trampoline.results.iter().map(|ty| wasmi::ValType::from(*ty)),
    );
    let plan = store.data().plan.clone();
    let time = time(&trampoline.kind);
    Ok(Func::new(store, ty, move |mut caller, params, results| {
        spend_time(&mut caller, time);
        match leave(&mut caller, |caller| call(&plan, caller, index, params, results)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(wasmi::Error::host(Halt::Suspend)),
            Err(trap) => Err(wasmi::Error::host(Halt::Trap(trap))),
        }
    }))
}

/// How long a call takes, in fuel that takes as long: about a microsecond where values
/// are lifted and lowered, whatever they are.
fn time(kind: &TrampolineKind) -> u64 {
    match kind {
        TrampolineKind::Host { .. } | TrampolineKind::Guest { .. } => 1_000,
        TrampolineKind::ResourceNew(_)
        | TrampolineKind::ResourceRep(_)
        | TrampolineKind::ResourceDrop(_)
        | TrampolineKind::ContextGet { .. }
        | TrampolineKind::ContextSet { .. }
        | TrampolineKind::Backpressure { .. }
        | TrampolineKind::Unsupported(_) => 100,
    }
}

/// Answers a call; `false` if it has to be suspended.
fn call(
    plan: &Plan,
    caller: &mut Caller<'_, StoreData>,
    index: u32,
    params: &[Val],
    results: &mut [Val],
) -> Result<bool, Trap> {
    let trampoline = plan.trampoline(index)?;
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
            let host = plan.host(*host)?;
            let option = plan.canon_options(*option)?;
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
