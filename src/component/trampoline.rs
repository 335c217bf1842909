//! The core functions that the engine provides to guests.
//!
//! What can be done at once is done at once, inside the call, which is five
//! times cheaper than suspending. What needs guest code to run (another
//! component's function, `realloc`, a destructor) or the outside world must not
//! be done there, because it could not be suspended in the middle: the function
//! leaves a [`Request`] and fails with [`Halt::Suspend`], and the
//! [`Machine`](super::machine::Machine) takes over.

use std::fmt;

use wasmi::{Caller, Func, Val};

use super::{
    abi::{
        lift::{Flat, LIFT_BUDGET, Lift},
        lower::{Lower, Spill, Target},
    },
    error::{Trap, TrapKind},
    linker::{Answer, Body, GuestMemory, HostCx},
    plan::{
        CanonOptions, Encoding, HostBody, HostImport, Plan, ResourceDef, Signature, Trampoline,
        TrampolineKind,
    },
    state::{Context, GuestHandles, Lends, Request, State, charge, memory_and_state},
};
use crate::{
    dispatch::{Command, Reply},
    value::{ResourceId, TypeId, Value},
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
pub(crate) fn func(store: &mut wasmi::Store<State>, index: u32) -> Result<Func, Trap> {
    let trampoline = trampoline(&store.data().plan, index)?;
    let ty = wasmi::FuncType::new(
        trampoline.params.iter().map(|ty| wasmi::ValType::from(*ty)),
        trampoline.results.iter().map(|ty| wasmi::ValType::from(*ty)),
    );
    Ok(Func::new(store, ty, move |mut caller, params, results| {
        match call(&mut caller, index, params, results) {
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
pub(crate) fn core_value(bits: u64, ty: super::abi::CoreType) -> Val {
    use super::abi::CoreType;
    match ty {
        CoreType::I32 => Val::I32(bits as u32 as i32),
        CoreType::I64 => Val::I64(bits as i64),
        CoreType::F32 => Val::F32(wasmi::F32::from_bits(bits as u32)),
        CoreType::F64 => Val::F64(wasmi::F64::from_bits(bits)),
    }
}

/// Answers a call; `false` if it has to be suspended.
fn call(
    caller: &mut Caller<'_, State>,
    index: u32,
    params: &[Val],
    results: &mut [Val],
) -> Result<bool, Trap> {
    let plan = caller.data().plan.clone();
    let trampoline = trampoline(&plan, index)?;
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
            let option = options(&plan, *option)?;
            let call = HostCall { plan: &plan, trampoline: index, signature, options: option };
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
            let rep = state.instance(trampoline.instance)?.handles.get(first() as u32, *ty)?.rep;
            answer(u64::from(rep))
        }
        TrampolineKind::ResourceDrop(ty) => {
            state.check_leave(trampoline.instance)?;
            drop_handle(state, &plan, trampoline.instance, *ty, first() as u32)
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
    state: &mut State,
    plan: &Plan,
    instance: u32,
    ty: ResourceId,
    index: u32,
) -> Result<bool, Trap> {
    let handle = state.instance(instance)?.handles.remove(index, ty)?;
    if let Some(scope) = handle.borrowed {
        if let Some(count) = state.scopes.get_mut(scope as usize) {
            *count = count.saturating_sub(1);
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
        _ => Ok(true),
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
        caller: &mut Caller<'_, State>,
        host: &HostImport,
        params: &[Val],
        mut answer: impl FnMut(u64) -> Result<(), Trap>,
    ) -> Result<bool, Trap> {
        let mut buffer = [0u64; super::abi::MAX_FLAT_PARAMS + 1];
        let args = collect(params, &mut buffer);
        let (args, address) = split_address(args, self.signature);
        let mut lends = Lends::new();
        let values =
            lift_params(caller, self.plan, self.options, self.signature, args, true, &mut lends)?;
        let memory = match host.sees_memory {
            true => caller.get_export("memory").and_then(wasmi::Extern::into_memory),
            false => None,
        };
        match call_host(caller, host, values, memory)? {
            Answer::Now(value) if !self.signature.result_has_pointers => {
                caller.data_mut().recording.note(&value);
                let mut lower = lower_result(
                    caller,
                    self.plan,
                    self.options,
                    self.signature,
                    value,
                    address,
                    Encoding::Utf8,
                    &mut lends,
                )?;
                let more =
                    run_lower(caller, self.plan, self.options, &mut lower, true, &mut lends)?;
                if more.is_some() {
                    return Err(Trap::internal("a plain result asked for memory"));
                }
                caller.data_mut().unlend(lends);
                if let Some(bits) = lower.flat.first() {
                    answer(*bits)?;
                }
                Ok(true)
            }
            later => {
                let trampoline = self.trampoline;
                let request = Request::Host { trampoline, address, lends, memory, answer: later };
                caller.data_mut().request = Some(request);
                Ok(false)
            }
        }
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

/// Runs a host function's body, and what can be answered at once after it.
pub(crate) fn call_host<C: Context>(
    context: &mut C,
    host: &HostImport,
    args: Vec<Value>,
    memory: Option<wasmi::Memory>,
) -> Result<Answer, Trap> {
    let answer = match &host.body {
        HostBody::Denied(why) => return Err(Trap::new(TrapKind::Denied, why.clone())),
        HostBody::Func(_) if context.state().trace.is_some() => return replay(context, memory),
        HostBody::Func(func) => match &func.body {
            Some(Body::Closure(closure)) => with_host(context, memory, |cx| closure(cx, args))?,
            Some(Body::Suspending { interface, function }) => Answer::Later(Command::Call {
                interface: interface.clone(),
                function: function.clone(),
                args,
            }),
            None => {
                return Err(Trap::new(TrapKind::Unsupported, "the host has no such function"));
            }
        },
    };
    settle(context, answer, memory)
}

/// Answers commands as long as that takes no time.
pub(crate) fn settle<C: Context>(
    context: &mut C,
    mut answer: Answer,
    memory: Option<wasmi::Memory>,
) -> Result<Answer, Trap> {
    loop {
        let host = &mut context.state().host;
        let Some(immediate) = &mut host.immediate else { return Ok(answer) };
        for command in std::mem::take(&mut host.outbox) {
            if let Err(command) = immediate.now(command) {
                host.outbox.push(command);
            }
        }
        answer = match answer {
            Answer::Now(value) => return Ok(Answer::Now(value)),
            Answer::Later(command) => match immediate.now(command) {
                Ok(reply) => Answer::Now(reply_value(reply)?),
                Err(command) => return Ok(Answer::Later(command)),
            },
            Answer::Then(command, then) => match immediate.now(command) {
                Ok(reply) => with_host(context, memory, |cx| then(cx, reply))?,
                Err(command) => return Ok(Answer::Then(command, then)),
            },
        };
    }
}

/// The reply to a command whose reply is the function's result.
pub(crate) fn reply_value(reply: Reply) -> Result<Option<Value>, Trap> {
    match reply {
        Reply::Value(value) => Ok(value),
        Reply::Refused(why) => Err(Trap::new(TrapKind::Host, why)),
        _ => Err(Trap::internal("a reply of another kind")),
    }
}

/// Calls `f` with a host function's view of the process.
pub(crate) fn with_host<C: Context, R>(
    context: &mut C,
    memory: Option<wasmi::Memory>,
    f: impl FnOnce(&mut HostCx<'_>) -> R,
) -> R {
    let Some(memory) = memory else {
        return f(&mut HostCx { state: &mut context.state().host, memory: None });
    };
    let (bytes, state) = memory.data_and_store_mut(context.as_context_mut());
    let memory = Some(GuestMemory { bytes, writes: Vec::new() });
    let mut cx = HostCx { state: &mut state.host, memory };
    let result = f(&mut cx);
    let writes = cx.memory.take().map(|memory| memory.writes).unwrap_or_default();
    let touched = writes.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    state.recording.note_writes(writes);
    charge(context.as_context_mut(), touched);
    result
}

/// The answer that the host gave in the first run.
fn replay<C: Context>(context: &mut C, memory: Option<wasmi::Memory>) -> Result<Answer, Trap> {
    let recorded = context.state().trace.as_mut().and_then(|trace| trace.answers.next());
    // The first run ended in this call.
    let recorded = recorded.ok_or_else(|| Trap::new(TrapKind::Host, "no more answers"))?;
    if let Some(memory) = memory {
        for (address, bytes) in &recorded.writes {
            let written = memory.write(context.as_context_mut(), *address as usize, bytes);
            written.map_err(|_| Trap::internal("a write does not fit the second time"))?;
        }
    }
    Ok(Answer::Now(recorded.value))
}

/// Lifts the arguments of a lowered function out of its caller.
pub(crate) fn lift_params<C: Context>(
    context: &mut C,
    plan: &Plan,
    options: &CanonOptions,
    signature: &Signature,
    args: &[u64],
    host: bool,
    lends: &mut Lends,
) -> Result<Vec<Value>, Trap> {
    lift(context, plan, options, &signature.params, signature.spill_params, args, host, lends)
}

/// Lifts values out of a guest, and charges for it.
#[allow(clippy::too_many_arguments)]
pub(crate) fn lift<C: Context>(
    context: &mut C,
    plan: &Plan,
    options: &CanonOptions,
    types: &[TypeId],
    spilled: bool,
    flat: &[u64],
    host: bool,
    lends: &mut Lends,
) -> Result<Vec<Value>, Trap> {
    let (memory, state) = memory_and_state(context, options);
    let mut handles = GuestHandles { state, instance: options.instance, host, lends };
    let mut lift = Lift {
        types: &plan.types,
        layouts: &plan.layouts,
        memory,
        encoding: options.encoding,
        wide: options.wide,
        handles: &mut handles,
        budget: LIFT_BUDGET,
    };
    let values = lift.values(types, spilled, &mut Flat(flat.iter()))?;
    let used = LIFT_BUDGET - lift.budget;
    charge(context.as_context_mut(), used);
    Ok(values)
}

/// Begins to lower a function's result into its caller.
#[allow(clippy::too_many_arguments)]
pub(crate) fn lower_result<C: Context>(
    context: &mut C,
    plan: &Plan,
    options: &CanonOptions,
    signature: &Signature,
    value: Option<Value>,
    address: Option<u64>,
    source: Encoding,
    lends: &mut Lends,
) -> Result<Lower, Trap> {
    let types: &[TypeId] = signature.result.as_slice();
    let values: Vec<Value> = value.into_iter().collect();
    if types.len() != values.len() {
        return Err(Trap::new(
            TrapKind::Host,
            match types.len() {
                0 => "the host gave a value for a function without a result",
                _ => "the host gave no value for a function with a result",
            },
        ));
    }
    let spill = address.map_or(Spill::No, Spill::To);
    with_target(context, plan, options, false, lends, |target| {
        Lower::new(values, types, spill, source, target)
    })
}

/// Runs a lowering as far as it gets, and charges for it.
pub(crate) fn run_lower<C: Context>(
    context: &mut C,
    plan: &Plan,
    options: &CanonOptions,
    lower: &mut Lower,
    host: bool,
    lends: &mut Lends,
) -> Result<Option<super::abi::lower::Realloc>, Trap> {
    let more = with_target(context, plan, options, host, lends, |target| lower.run(target))?;
    charge(context.as_context_mut(), std::mem::take(&mut lower.work));
    Ok(more)
}

/// Calls `f` with what values are lowered into.
pub(crate) fn with_target<C: Context, R>(
    context: &mut C,
    plan: &Plan,
    options: &CanonOptions,
    host: bool,
    lends: &mut Lends,
    f: impl FnOnce(&mut Target<'_>) -> R,
) -> R {
    let (memory, state) = memory_and_state(context, options);
    let mut handles = GuestHandles { state, instance: options.instance, host, lends };
    f(&mut Target {
        types: &plan.types,
        layouts: &plan.layouts,
        memory,
        encoding: options.encoding,
        wide: options.wide,
        handles: &mut handles,
    })
}
