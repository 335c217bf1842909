//! The driver: runs a component on wasmi's resumable calls, and on nothing else.
//!
//! What other engines keep on the native stack is here a list of
//! [`Activity`]s: a core function that is suspended, a component call in one of
//! its phases, a host function whose answer is awaited. Only the last one runs;
//! when it ends, its result goes to the one below. So the machine can stop
//! between any two instructions of the guest and between any two steps of the
//! canonical ABI, and several guest calls may be suspended over one store.
//!
//! Invariant: guest code is entered in one place, [`Machine::run_core`], with
//! the fuel that the store has at that time.

use std::sync::Arc;

use wasmi::{
    AsContextMut, Func, ResumableCall, ResumableCallHostTrap, ResumableCallOutOfFuel, Val,
};

use super::{
    abi::lower::{Lower, Realloc, Spill},
    error::{Trap, TrapKind},
    limits::Limiter,
    linker::{Answer, Continuation, HostState},
    plan::{CanonOptions, CoreRef, Encoding, HOST, Op, Plan, Signature, Target, TrampolineKind},
    state::{Lends, Request, State, Trace, charge},
    trace::{STACK_BYTES, Traced, names, stack_type, traced},
    trampoline::{
        self, Halt, bits, call_host, core_value, lift, lift_params, lower_result, options,
        reply_value, run_lower, settle, split_address, trampoline, with_host, with_target,
    },
};
use crate::{
    dispatch::{Command, Reply, Tag, Yield},
    value::{TypeId, Value},
};

/// Fuel for making one core instance, besides what its data segments cost.
const INSTANTIATE_FUEL_BYTES: u64 = 1024 * super::engine::BYTES_PER_FUEL;

/// Activities that may be suspended on top of each other. A component can call
/// its own exports, and each call that is suspended keeps its wasm stack, which
/// `max_memory` does not count.
const MAX_ACTIVITIES: usize = 500;

/// Why a machine has stopped.
#[derive(Debug)]
pub(crate) enum Pause {
    /// The fuel is used up; going on takes at least so much.
    OutOfFuel(u64),
    /// An answer is awaited.
    Blocked,
    /// Nothing is left to do. The result of the call, if one has ended.
    Finished(Option<Option<Value>>),
}

/// A component in execution.
#[derive(Debug)]
pub(crate) struct Machine {
    store: wasmi::Store<State>,
    plan: Arc<Plan>,
    stack: Vec<Activity>,
    /// Commands that have been asked for and not yet been handed out.
    pub yields: Vec<Yield>,
    next_tag: u64,
    /// While `realloc` runs: what `context.get` gives after it. It cannot be
    /// nested, because `realloc` cannot call out.
    outer_context: Option<[u64; 2]>,
    /// The call to begin once the component is instantiated.
    first: Option<(usize, Vec<Value>)>,
    outcome: Option<Option<Value>>,
}

#[derive(Debug)]
enum Activity {
    /// Instantiation, before the given operation.
    Init(usize),
    Core(Core),
    Call(Box<Call>),
    Host(Box<HostCall>),
    Drop(Drop),
}

/// A destructor runs.
#[derive(Debug)]
struct Drop {
    /// The instances that have been entered for it.
    entered: Vec<u32>,
    /// What `context.get` gives to who drops the handle.
    context: [u64; 2],
}

/// A core function that is being called.
#[derive(Debug)]
struct Core {
    state: CoreState,
    results: usize,
    /// The top of the trace stack before the call.
    top: Val,
}

#[derive(Debug)]
enum CoreState {
    Ready(Func, Vec<Val>),
    OutOfFuel(ResumableCallOutOfFuel),
    /// Waits for the results of the host function that it has called.
    Host(ResumableCallHostTrap),
    /// The host function has answered.
    Resume(ResumableCallHostTrap, Vec<Val>),
    /// The function itself is a host function, so that there is nothing to resume.
    Direct(Func),
    Taken,
}

/// A call of a component function that a component lifted.
#[derive(Debug)]
struct Call {
    lifted: u32,
    caller: Caller,
    phase: Phase,
    /// Its place in the stack of borrow scopes.
    scope: usize,
    /// Handles of the caller.
    lends: Lends,
    entered: Vec<u32>,
    /// What the core function returned, for the post-return function.
    results: Vec<Val>,
    context: [u64; 2],
}

#[derive(Debug)]
enum Caller {
    Host,
    Guest { trampoline: u32, address: Option<u64> },
}

enum Phase {
    /// The arguments are lowered into the callee.
    Lower(Lower),
    /// The core function runs.
    Run,
    /// The result is lowered into the caller.
    Return(Lower),
    /// The post-return function runs; then these core values are the result.
    PostReturn(Vec<u64>),
}

impl std::fmt::Debug for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Phase::Lower(_) => "Lower",
            Phase::Run => "Run",
            Phase::Return(_) => "Return",
            Phase::PostReturn(_) => "PostReturn",
        })
    }
}

/// A call of a host function that could not be answered at once.
struct HostCall {
    caller: Caller,
    lends: Lends,
    /// What the function sees of its caller's memory.
    memory: Option<wasmi::Memory>,
    phase: HostPhase,
}

enum HostPhase {
    Answer(Answer),
    Wait { tag: Tag, then: Option<Continuation>, reply: Option<Reply> },
    Return(Lower),
    Taken,
}

impl std::fmt::Debug for HostCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostCall").field("caller", &self.caller).finish_non_exhaustive()
    }
}

impl Machine {
    /// A machine that will first instantiate the component.
    pub fn new(plan: Arc<Plan>, max_memory: u64) -> Machine {
        let state = State::new(plan.clone(), Limiter::new(max_memory));
        let mut store = wasmi::Store::new(&plan.core, state);
        store.limiter(|state| &mut state.limiter);
        Machine {
            store,
            plan,
            stack: vec![Activity::Init(0)],
            yields: Vec::new(),
            next_tag: 0,
            outer_context: None,
            first: None,
            outcome: None,
        }
    }

    /// A machine that runs what this one ran, up to its trap, and leaves a
    /// trace. `None` if that cannot be done.
    pub fn again(&mut self, max_memory: u64) -> Option<Retrace> {
        let recording = std::mem::take(&mut self.store.data_mut().recording);
        let answers = recording.into_answers()?.into_iter();
        let (plan, modules) = traced(&self.plan).ok()?;
        let limit = max_memory.saturating_add(STACK_BYTES);
        let mut machine = Machine::new(Arc::new(plan), limit);
        let stack = wasmi::Memory::new(&mut machine.store, stack_type()).ok()?;
        let zero = Val::I32(0);
        let top = wasmi::Global::new(&mut machine.store, zero, wasmi::Mutability::Var);
        machine.store.data_mut().trace = Some(Trace { stack, top, answers });
        Some(Retrace { machine, modules })
    }

    /// What host functions keep for this process.
    pub fn host_state(&mut self) -> &mut HostState {
        &mut self.store.data_mut().host
    }

    /// Bytes of linear memory and tables.
    pub fn memory_used(&self) -> u64 {
        self.store.data().limiter.used()
    }

    /// Whether a call, or instantiation, is under way.
    pub fn busy(&self) -> bool {
        !self.stack.is_empty()
    }

    /// Sets the call that follows instantiation.
    pub fn call_when_ready(&mut self, export: usize, args: Vec<Value>) {
        self.first = Some((export, args));
    }

    /// Begins a call of an export. Nothing else may be under way.
    pub fn call(&mut self, export: usize, args: Vec<Value>) -> Result<(), Trap> {
        let plan = self.plan.clone();
        let export = plan.exports.get(export).ok_or_else(|| Trap::internal("unknown export"))?;
        let activity = match export.target {
            Target::Lifted(lifted) => self.begin(lifted, Caller::Host, HOST, args, Lends::new())?,
            Target::Host(host) => {
                let host = plan.hosts.get(host as usize);
                let host = host.ok_or_else(|| Trap::internal("unknown host function"))?;
                let answer = call_host(&mut self.store, host, args, None)?;
                let (caller, phase) = (Caller::Host, HostPhase::Answer(answer));
                let lends = Lends::new();
                Activity::Host(Box::new(HostCall { caller, lends, memory: None, phase }))
            }
        };
        self.stack.push(activity);
        Ok(())
    }

    /// Hands in the answer to a command; `false` if nothing waits for it.
    pub fn complete(&mut self, tag: Tag, answer: Reply) -> bool {
        for activity in &mut self.stack {
            if let Activity::Host(call) = activity {
                if let HostPhase::Wait { tag: waiting, reply, .. } = &mut call.phase {
                    if *waiting == tag {
                        *reply = Some(answer);
                        return true;
                    }
                }
            }
        }
        false
    }

    /// Sets the fuel to run on.
    pub fn set_fuel(&mut self, fuel: u64) {
        // Fails only if metering is off, which it never is.
        let _ = self.store.set_fuel(fuel);
    }

    /// The fuel that is left, and what host work has cost beyond it.
    pub fn take_fuel(&mut self) -> (u64, u64) {
        let left = self.store.get_fuel().unwrap_or(0);
        (left, std::mem::take(&mut self.store.data_mut().debt))
    }

    /// Runs until the fuel is used up or there is nothing to do.
    pub fn run(&mut self) -> Result<Pause, Trap> {
        let pause = self.run_on();
        self.post();
        pause
    }

    /// Hands out the commands that nobody waits for. Called before each command
    /// that is waited for, so that the order, and with it the tags, do not
    /// depend on where a slice ends.
    fn post(&mut self) {
        let commands = std::mem::take(&mut self.store.data_mut().host.outbox);
        for command in commands {
            self.ask(command);
        }
    }

    fn ask(&mut self, command: Command) -> Tag {
        let tag = Tag(self.next_tag);
        self.next_tag = self.next_tag.saturating_add(1);
        self.yields.push(Yield { tag, command });
        tag
    }

    fn run_on(&mut self) -> Result<Pause, Trap> {
        loop {
            // Host work has used up the slice.
            if self.store.data().debt > 0 {
                return Ok(Pause::OutOfFuel(1));
            }
            let pause = match self.stack.last_mut() {
                None => match self.first.take() {
                    Some((export, args)) => {
                        self.call(export, args)?;
                        None
                    }
                    None => return Ok(Pause::Finished(self.outcome.take())),
                },
                Some(Activity::Core(_)) => self.run_core()?,
                Some(Activity::Init(op)) => {
                    let op = *op;
                    self.init(op)?;
                    None
                }
                Some(Activity::Call(_)) => {
                    self.run_call()?;
                    None
                }
                Some(Activity::Host(_)) => self.run_host()?,
                Some(Activity::Drop(_)) => return Err(Trap::internal("a destructor is lost")),
            };
            if let Some(pause) = pause {
                return Ok(pause);
            }
        }
    }

    fn push_core(&mut self, func: Func, args: Vec<Val>, results: usize) -> Result<(), Trap> {
        if self.stack.len() >= MAX_ACTIVITIES {
            return Err(Trap::new(
                TrapKind::Limit,
                "call stack exhausted: too many calls between components",
            ));
        }
        let trace = self.store.data().trace.as_ref();
        let top = trace.map_or(Val::I32(0), |trace| trace.top.get(&self.store));
        let state = CoreState::Ready(func, args);
        self.stack.push(Activity::Core(Core { state, results, top }));
        Ok(())
    }

    fn core_func(&self, index: u32) -> Result<Func, Trap> {
        let func = self.store.data().funcs.get(index as usize);
        func.copied().ok_or_else(|| Trap::internal("unknown core function"))
    }

    /// Enters guest code.
    fn run_core(&mut self) -> Result<Option<Pause>, Trap> {
        let Some(Activity::Core(core)) = self.stack.last_mut() else {
            return Err(Trap::internal("no core function to run"));
        };
        let mut buffer = [Val::I32(0), Val::I32(0)];
        let Some(results) = buffer.get_mut(..core.results) else {
            return Err(Trap::internal("too many core results"));
        };
        let mut called = None;
        let outcome = match std::mem::replace(&mut core.state, CoreState::Taken) {
            CoreState::Ready(func, args) => {
                called = Some(func);
                func.call_resumable(&mut self.store, &args, results)
            }
            CoreState::OutOfFuel(call) => call.resume(&mut self.store, results),
            CoreState::Resume(call, values) => call.resume(&mut self.store, &values, results),
            CoreState::Host(_) | CoreState::Direct(_) | CoreState::Taken => {
                return Err(Trap::internal("a core function was not resumed"));
            }
        };
        match outcome {
            Ok(ResumableCall::Finished) => {
                let top = core.top.clone();
                self.stack.pop();
                if let Some(trace) = &self.store.data().trace {
                    let global = trace.top;
                    global.set(&mut self.store, top).map_err(|_| Trap::internal("trace"))?;
                }
                let results = results.to_vec();
                self.returned(results)?;
                Ok(None)
            }
            Ok(ResumableCall::OutOfFuel(call)) => {
                let required = call.required_fuel();
                core.state = CoreState::OutOfFuel(call);
                Ok(Some(Pause::OutOfFuel(required)))
            }
            Ok(ResumableCall::HostTrap(call)) => {
                if let Some(Halt::Trap(trap)) = call.host_error().downcast_ref::<Halt>() {
                    return Err(trap.clone());
                }
                core.state = CoreState::Host(call);
                self.request()?;
                Ok(None)
            }
            Err(error) => match error.downcast_ref::<Halt>() {
                Some(Halt::Trap(trap)) => Err(trap.clone()),
                Some(Halt::Suspend) => {
                    let func = called.ok_or_else(|| Trap::internal("nothing was called"))?;
                    core.state = CoreState::Direct(func);
                    self.request()?;
                    Ok(None)
                }
                None => Err(error.into()),
            },
        }
    }

    /// Begins what a host function has left to do.
    fn request(&mut self) -> Result<(), Trap> {
        let plan = self.plan.clone();
        let request = self.store.data_mut().request.take();
        let activity = match request.ok_or_else(|| Trap::internal("suspended for nothing"))? {
            Request::Guest { trampoline: index, args } => {
                let trampoline = trampoline(&plan, index)?;
                let TrampolineKind::Guest { lifted, signature, options: option } = &trampoline.kind
                else {
                    return Err(Trap::internal("not a guest function"));
                };
                let option = options(&plan, *option)?;
                let (args, address) = split_address(&args, signature);
                let mut lends = Lends::new();
                // The check comes before the arguments are lifted, like in any call.
                self.check_enter(*lifted, trampoline.instance)?;
                let values = lift_params(
                    &mut self.store,
                    &plan,
                    option,
                    signature,
                    args,
                    false,
                    &mut lends,
                )?;
                let caller = Caller::Guest { trampoline: index, address };
                self.begin(*lifted, caller, trampoline.instance, values, lends)?
            }
            Request::Host { trampoline, address, lends, memory, answer } => {
                let caller = Caller::Guest { trampoline, address };
                let phase = HostPhase::Answer(answer);
                Activity::Host(Box::new(HostCall { caller, lends, memory, phase }))
            }
            Request::Drop { func, instance, caller, rep } => {
                let entered = self.enter(caller, instance)?;
                let state = self.store.data_mut();
                state.scopes.push(0);
                let context = std::mem::take(&mut state.context);
                self.stack.push(Activity::Drop(Drop { entered, context }));
                let func = self.core_func(func)?;
                return self.push_core(func, vec![Val::I32(rep as i32)], 0);
            }
        };
        self.stack.push(activity);
        Ok(())
    }

    fn check_enter(&mut self, lifted: u32, caller: u32) -> Result<(), Trap> {
        let plan = self.plan.clone();
        let callee = options(&plan, self.lifted(lifted)?.options)?.instance;
        self.store.data_mut().check_enter(&plan, caller, callee)
    }

    fn enter(&mut self, caller: u32, callee: u32) -> Result<Vec<u32>, Trap> {
        let plan = self.plan.clone();
        let state = self.store.data_mut();
        state.check_enter(&plan, caller, callee)?;
        let entered: Vec<u32> = plan.entering(caller, callee).collect();
        for index in &entered {
            state.instance(*index)?.may_enter = false;
        }
        Ok(entered)
    }

    fn leave(&mut self, entered: &[u32]) -> Result<(), Trap> {
        for index in entered {
            self.store.data_mut().instance(*index)?.may_enter = true;
        }
        Ok(())
    }

    fn lifted(&self, index: u32) -> Result<&super::plan::Lifted, Trap> {
        self.plan.lifted.get(index as usize).ok_or_else(|| Trap::internal("unknown function"))
    }

    /// Begins a call of a lifted function.
    fn begin(
        &mut self,
        index: u32,
        caller: Caller,
        caller_instance: u32,
        args: Vec<Value>,
        mut lends: Lends,
    ) -> Result<Activity, Trap> {
        let plan = self.plan.clone();
        let lifted = plan.lifted.get(index as usize);
        let lifted = lifted.ok_or_else(|| Trap::internal("unknown function"))?;
        if lifted.is_async {
            return Err(Trap::new(
                TrapKind::Unsupported,
                format!(
                    "`{}` is lifted with the asynchronous ABI, which is not supported",
                    lifted.name
                ),
            ));
        }
        let option = options(&plan, lifted.options)?;
        let entered = self.enter(caller_instance, option.instance)?;
        let source = match &caller {
            Caller::Host => Encoding::Utf8,
            Caller::Guest { trampoline: index, .. } => guest_side(&plan, *index)?.1.encoding,
        };
        let signature = &lifted.signature;
        if args.len() != signature.params.len() {
            return Err(Trap::new(
                TrapKind::Host,
                format!(
                    "`{}` takes {} arguments, {} were given",
                    lifted.name,
                    signature.params.len(),
                    args.len()
                ),
            ));
        }
        let state = self.store.data_mut();
        let scope = state.scopes.len();
        state.scopes.push(0);
        let context = std::mem::take(&mut state.context);
        let spill = if signature.spill_params { Spill::Allocate } else { Spill::No };
        let host = matches!(caller, Caller::Host);
        let lower = with_target(&mut self.store, &plan, option, host, &mut lends, |target| {
            Lower::new(args, &signature.params, spill, source, target)
        })?;
        Ok(Activity::Call(Box::new(Call {
            lifted: index,
            caller,
            phase: Phase::Lower(lower),
            scope,
            lends,
            entered,
            results: Vec::new(),
            context,
        })))
    }

    /// Takes the call at the top apart: it is put back unless it has ended.
    fn pop_call(&mut self) -> Result<Box<Call>, Trap> {
        match self.stack.pop() {
            Some(Activity::Call(call)) => Ok(call),
            _ => Err(Trap::internal("a call is lost")),
        }
    }

    /// Goes on with the call at the top.
    fn run_call(&mut self) -> Result<(), Trap> {
        let plan = self.plan.clone();
        let mut call = self.pop_call()?;
        let lifted = self.lifted(call.lifted)?;
        let (callee, option) = (lifted.callee, lifted.options);
        let from_host = matches!(call.caller, Caller::Host);
        match &mut call.phase {
            Phase::Lower(lower) => {
                let option = options(&plan, option)?;
                let more =
                    run_lower(&mut self.store, &plan, option, lower, from_host, &mut call.lends)?;
                if let Some(realloc) = more {
                    self.stack.push(Activity::Call(call));
                    return self.realloc(option, realloc);
                }
                let flat = std::mem::take(&mut lower.flat);
                let func = self.core_func(callee)?;
                let ty = func.ty(&self.store);
                let args = flat.iter().zip(ty.params()).map(|(bits, ty)| value(*bits, *ty));
                let args = args.collect();
                let results = ty.results().len();
                call.phase = Phase::Run;
                self.stack.push(Activity::Call(call));
                self.push_core(func, args, results)
            }
            Phase::Return(lower) => {
                let Caller::Guest { trampoline: index, .. } = call.caller else {
                    return Err(Trap::internal("a result for nobody"));
                };
                let option = guest_side(&plan, index)?.1;
                let more =
                    run_lower(&mut self.store, &plan, option, lower, false, &mut call.lends)?;
                if let Some(realloc) = more {
                    self.stack.push(Activity::Call(call));
                    return self.realloc(option, realloc);
                }
                let flat = std::mem::take(&mut lower.flat);
                self.post_return(call, flat)
            }
            Phase::Run | Phase::PostReturn(_) => Err(Trap::internal("a call does not wait")),
        }
    }

    /// Calls the `realloc` of some options for the activity at the top.
    fn realloc(&mut self, option: &CanonOptions, realloc: Realloc) -> Result<(), Trap> {
        let index = option.realloc.ok_or_else(|| Trap::internal("no realloc"))?;
        let func = self.core_func(index)?;
        self.store.data_mut().instance(option.instance)?.may_leave = false;
        let value = |v: u64| if option.wide { Val::I64(v as i64) } else { Val::I32(v as i32) };
        let args = [realloc.old, realloc.old_size, u64::from(realloc.align), realloc.new_size];
        self.push_core(func, args.map(value).to_vec(), 1)?;
        // `realloc` runs in a thread of its own.
        self.outer_context = Some(std::mem::take(&mut self.store.data_mut().context));
        Ok(())
    }

    /// Gives the result of the core function that has ended to who called it.
    fn returned(&mut self, results: Vec<Val>) -> Result<(), Trap> {
        let plan = self.plan.clone();
        if let Some(context) = self.outer_context.take() {
            self.store.data_mut().context = context;
        }
        match self.stack.last_mut() {
            Some(Activity::Init(_)) => Ok(()),
            Some(Activity::Drop(_)) => {
                let Some(Activity::Drop(drop)) = self.stack.pop() else { return Ok(()) };
                self.leave(&drop.entered)?;
                let state = self.store.data_mut();
                state.scopes.pop();
                state.context = drop.context;
                self.resume(&[])
            }
            Some(Activity::Host(call)) => {
                let HostPhase::Return(lower) = &mut call.phase else {
                    return Err(Trap::internal("memory for nothing"));
                };
                let Caller::Guest { trampoline: index, .. } = call.caller else {
                    return Err(Trap::internal("memory for the host"));
                };
                let option = guest_side(&plan, index)?.1;
                let address = results.first().map_or(0, bits);
                self.store.data_mut().instance(option.instance)?.may_leave = true;
                with_target(&mut self.store, &plan, option, true, &mut call.lends, |target| {
                    lower.provide(address, target)
                })
            }
            Some(Activity::Call(call)) => {
                let lifted = plan.lifted.get(call.lifted as usize);
                let lifted = lifted.ok_or_else(|| Trap::internal("unknown function"))?;
                let (lower, option, host) = match (&mut call.phase, &call.caller) {
                    (Phase::Lower(lower), caller) => {
                        let host = matches!(caller, Caller::Host);
                        (lower, options(&plan, lifted.options)?, host)
                    }
                    (Phase::Return(lower), Caller::Guest { trampoline, .. }) => {
                        (lower, guest_side(&plan, *trampoline)?.1, false)
                    }
                    (Phase::Return(_), Caller::Host) => {
                        return Err(Trap::internal("memory for the host"));
                    }
                    (Phase::Run, _) => {
                        let call = self.pop_call()?;
                        return self.lift_results(call, results);
                    }
                    (Phase::PostReturn(_), _) => {
                        let instance = options(&plan, lifted.options)?.instance;
                        self.store.data_mut().instance(instance)?.may_leave = true;
                        let mut call = self.pop_call()?;
                        let flat = match &mut call.phase {
                            Phase::PostReturn(flat) => std::mem::take(flat),
                            _ => Vec::new(),
                        };
                        return self.end(call, flat);
                    }
                };
                let address = results.first().map_or(0, bits);
                self.store.data_mut().instance(option.instance)?.may_leave = true;
                with_target(&mut self.store, &plan, option, host, &mut call.lends, |target| {
                    lower.provide(address, target)
                })
            }
            Some(Activity::Core(_)) | None => Err(Trap::internal("a result for nobody")),
        }
    }

    /// The core function of a call has returned.
    fn lift_results(&mut self, mut call: Box<Call>, results: Vec<Val>) -> Result<(), Trap> {
        let plan = self.plan.clone();
        let lifted = self.lifted(call.lifted)?;
        let option = options(&plan, lifted.options)?;
        let signature = lifted.signature.clone();
        let flat: Vec<u64> = results.iter().map(bits).collect();
        call.results = results;
        let types: &[TypeId] = signature.result.as_slice();
        let from_host = matches!(call.caller, Caller::Host);
        let mut none = Lends::new();
        let value = lift(
            &mut self.store,
            &plan,
            option,
            types,
            signature.spill_result,
            &flat,
            from_host,
            &mut none,
        )?
        .pop();
        if self.store.data().scopes.get(call.scope).is_some_and(|borrows| *borrows > 0) {
            return Err(Trap::canonical("borrow handles still remain at the end of the call"));
        }
        match &call.caller {
            Caller::Host => {
                self.outcome = Some(value);
                self.post_return(call, Vec::new())
            }
            Caller::Guest { trampoline: index, address } => {
                let (signature, target) = guest_side(&plan, *index)?;
                let lower = lower_result(
                    &mut self.store,
                    &plan,
                    target,
                    signature,
                    value,
                    *address,
                    option.encoding,
                    &mut call.lends,
                )?;
                call.phase = Phase::Return(lower);
                self.stack.push(Activity::Call(call));
                Ok(())
            }
        }
    }

    /// The result has been delivered; `flat` are the core values for the caller.
    fn post_return(&mut self, mut call: Box<Call>, flat: Vec<u64>) -> Result<(), Trap> {
        let plan = self.plan.clone();
        let lifted = self.lifted(call.lifted)?;
        let Some(func) = lifted.post_return else {
            return self.end(call, flat);
        };
        let instance = options(&plan, lifted.options)?.instance;
        self.store.data_mut().instance(instance)?.may_leave = false;
        let func = self.core_func(func)?;
        let args = std::mem::take(&mut call.results);
        call.phase = Phase::PostReturn(flat);
        self.stack.push(Activity::Call(call));
        self.push_core(func, args, 0)
    }

    /// A call has ended.
    fn end(&mut self, call: Box<Call>, flat: Vec<u64>) -> Result<(), Trap> {
        self.leave(&call.entered)?;
        let state = self.store.data_mut();
        state.scopes.pop();
        state.context = call.context;
        state.unlend(call.lends);
        match call.caller {
            Caller::Host => Ok(()),
            Caller::Guest { .. } => self.resume(&flat),
        }
    }

    /// Gives the core function at the top the results of its host call.
    fn resume(&mut self, flat: &[u64]) -> Result<(), Trap> {
        let Some(Activity::Core(core)) = self.stack.last_mut() else {
            return Err(Trap::internal("nobody to resume"));
        };
        match std::mem::replace(&mut core.state, CoreState::Taken) {
            CoreState::Host(call) => {
                let ty = call.host_func().ty(&self.store);
                let values = flat.iter().zip(ty.results()).map(|(bits, ty)| value(*bits, *ty));
                core.state = CoreState::Resume(call, values.collect());
                Ok(())
            }
            CoreState::Direct(func) => {
                // It was the callee itself: what it returns is the result.
                self.stack.pop();
                let ty = func.ty(&self.store);
                let values = flat.iter().zip(ty.results()).map(|(bits, ty)| value(*bits, *ty));
                self.returned(values.collect())
            }
            _ => Err(Trap::internal("a core function did not wait")),
        }
    }

    /// Goes on with the host call at the top.
    fn run_host(&mut self) -> Result<Option<Pause>, Trap> {
        let plan = self.plan.clone();
        let Some(Activity::Host(call)) = self.stack.last_mut() else {
            return Err(Trap::internal("a host call is lost"));
        };
        match std::mem::replace(&mut call.phase, HostPhase::Taken) {
            HostPhase::Answer(Answer::Now(value)) => match call.caller {
                Caller::Host => {
                    self.stack.pop();
                    self.outcome = Some(value);
                }
                Caller::Guest { trampoline: index, address } => {
                    self.store.data_mut().recording.note(&value);
                    let (signature, option) = guest_side(&plan, index)?;
                    let lower = lower_result(
                        &mut self.store,
                        &plan,
                        option,
                        signature,
                        value,
                        address,
                        Encoding::Utf8,
                        &mut call.lends,
                    )?;
                    call.phase = HostPhase::Return(lower);
                }
            },
            HostPhase::Answer(Answer::Later(command)) => self.wait(command, None)?,
            HostPhase::Answer(Answer::Then(command, then)) => self.wait(command, Some(then))?,
            HostPhase::Wait { tag, then, reply: None } => {
                call.phase = HostPhase::Wait { tag, then, reply: None };
                return Ok(Some(Pause::Blocked));
            }
            HostPhase::Wait { then, reply: Some(reply), .. } => {
                let memory = call.memory;
                let answer = match then {
                    Some(then) => with_host(&mut self.store, memory, |cx| then(cx, reply))?,
                    None => Answer::Now(reply_value(reply)?),
                };
                let answer = settle(&mut self.store, answer, memory)?;
                let Some(Activity::Host(call)) = self.stack.last_mut() else {
                    return Err(Trap::internal("a host call is lost"));
                };
                call.phase = HostPhase::Answer(answer);
            }
            HostPhase::Return(mut lower) => {
                let Caller::Guest { trampoline: index, .. } = call.caller else {
                    return Err(Trap::internal("a result for nobody"));
                };
                let option = guest_side(&plan, index)?.1;
                let more =
                    run_lower(&mut self.store, &plan, option, &mut lower, true, &mut call.lends)?;
                if let Some(realloc) = more {
                    call.phase = HostPhase::Return(lower);
                    self.realloc(option, realloc)?;
                    return Ok(None);
                }
                let lends = std::mem::take(&mut call.lends);
                self.stack.pop();
                self.store.data_mut().unlend(lends);
                self.resume(&lower.flat)?;
            }
            HostPhase::Taken => return Err(Trap::internal("a host call has no phase")),
        }
        Ok(None)
    }

    fn wait(&mut self, command: Command, then: Option<Continuation>) -> Result<(), Trap> {
        self.post();
        let tag = self.ask(command);
        let Some(Activity::Host(call)) = self.stack.last_mut() else {
            return Err(Trap::internal("a host call is lost"));
        };
        call.phase = HostPhase::Wait { tag, then, reply: None };
        Ok(())
    }

    /// Does one operation of instantiation.
    fn init(&mut self, index: usize) -> Result<(), Trap> {
        let plan = self.plan.clone();
        let Some(op) = plan.ops.get(index) else {
            self.stack.pop();
            return Ok(());
        };
        if let Some(Activity::Init(next)) = self.stack.last_mut() {
            *next = index + 1;
        }
        match op {
            Op::Instantiate { module, imports } => {
                let mut externs = Vec::with_capacity(imports.len());
                for import in imports {
                    externs.push(self.resolve(import)?);
                }
                if let Some(trace) = &self.store.data().trace {
                    externs.push(trace.stack.into());
                    externs.push(trace.top.into());
                }
                let instance = wasmi::Instance::new(&mut self.store, &module.module, &externs)
                    .map_err(instantiation)?;
                self.store.data_mut().cores.push(instance);
                charge(self.store.as_context_mut(), INSTANTIATE_FUEL_BYTES);
                if let Some(name) = &module.start {
                    let func = instance.get_func(&self.store, name);
                    let func = func.ok_or_else(|| Trap::internal("no start function"))?;
                    self.push_core(func, Vec::new(), 0)?;
                }
            }
            Op::Memory(memory) => {
                let memory = self.resolve(memory)?.into_memory();
                let memory = memory.ok_or_else(|| Trap::internal("not a memory"))?;
                self.store.data_mut().memories.push(memory);
            }
            Op::Func(func) => {
                let func = self.resolve(func)?.into_func();
                let func = func.ok_or_else(|| Trap::internal("not a function"))?;
                self.store.data_mut().funcs.push(func);
            }
        }
        Ok(())
    }

    fn resolve(&mut self, item: &CoreRef) -> Result<wasmi::Extern, Trap> {
        match item {
            CoreRef::Trampoline(index) => {
                trampoline::func(&mut self.store, *index).map(wasmi::Extern::Func)
            }
            CoreRef::Export { instance, name } => {
                let instance = self.store.data().cores.get(*instance as usize);
                instance
                    .and_then(|instance| instance.get_export(&self.store, name))
                    .ok_or_else(|| Trap::internal("no such core export"))
            }
        }
    }
}

/// A second run, to find where the first one trapped.
#[derive(Debug)]
pub(crate) struct Retrace {
    pub machine: Machine,
    modules: Vec<Traced>,
}

impl Retrace {
    /// The names of the functions on the stack, the innermost first, at most
    /// `limit` of them, and how many there are.
    pub fn frames(&self, limit: usize) -> (Vec<String>, usize) {
        let store = &self.machine.store;
        let Some(trace) = &store.data().trace else { return (Vec::new(), 0) };
        let Val::I32(top) = trace.top.get(store) else { return (Vec::new(), 0) };
        let bytes = trace.stack.data(store).get(..top as u32 as usize).unwrap_or_default();
        let numbers: Vec<u32> = bytes
            .chunks_exact(4)
            .rev()
            .take(limit)
            .filter_map(|entry| Some(u32::from_le_bytes(entry.try_into().ok()?)))
            .collect();
        (names(&self.modules, &numbers), bytes.len() / 4)
    }
}

/// The signature and the options of a trampoline, as its caller sees them.
fn guest_side(plan: &Plan, index: u32) -> Result<(&Signature, &CanonOptions), Trap> {
    match &trampoline(plan, index)?.kind {
        TrampolineKind::Guest { signature, options: option, .. }
        | TrampolineKind::Host { signature, options: option, .. } => {
            Ok((signature, options(plan, *option)?))
        }
        _ => Err(Trap::internal("not a lowered function")),
    }
}

fn value(bits: u64, ty: wasmi::ValType) -> Val {
    use super::abi::CoreType;
    let ty = match ty {
        wasmi::ValType::I64 => CoreType::I64,
        wasmi::ValType::F32 => CoreType::F32,
        wasmi::ValType::F64 => CoreType::F64,
        _ => CoreType::I32,
    };
    core_value(bits, ty)
}

/// What instantiation of a core module fails with.
fn instantiation(error: wasmi::Error) -> Trap {
    use wasmi::errors::{ErrorKind, InstantiationError, MemoryError, TableError};
    let limit = "the memory that the component starts with is beyond `limits.max_memory`";
    match error.kind() {
        ErrorKind::Instantiation(InstantiationError::FailedToInstantiateMemory(
            MemoryError::ResourceLimiterDeniedAllocation,
        ))
        | ErrorKind::Instantiation(InstantiationError::FailedToInstantiateTable(
            TableError::ResourceLimiterDeniedAllocation,
        )) => Trap::new(TrapKind::Limit, limit),
        ErrorKind::Instantiation(InstantiationError::ElementSegmentDoesNotFit { .. }) => {
            Trap::new(TrapKind::Core, "out of bounds table access: an element segment does not fit")
        }
        ErrorKind::Memory(_) => {
            Trap::new(TrapKind::Core, "out of bounds memory access: a data segment does not fit")
        }
        _ => Trap::new(TrapKind::Invalid, error.to_string()),
    }
}
