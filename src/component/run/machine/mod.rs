//! The driver: runs a component on wasmi's resumable calls, and on nothing else.
//!
//! What other engines keep on the native stack is here a list of
//! [`Frame`]s: a core function that is suspended, a component call in one of
//! its phases, a host function whose answer is awaited. Only the last one runs;
//! when it ends, its result goes to the one below. So the machine can stop
//! between any two instructions of the guest and between any two steps of the
//! canonical ABI, and several guest calls may be suspended over one store.
//!
//! Invariant: guest code is entered in two places, [`Machine::run_core`] and, for
//! `realloc`, [`LiftLowerContext::finish`], with the fuel that the store has at that time.

mod call;
mod host;
mod init;
mod retrace;

use std::{collections::HashMap, sync::Arc};

use wasmi::{Func, ResumableCall, ResumableCallHostTrap, ResumableCallOutOfFuel, Val};

pub(crate) use self::retrace::{Again, BacktraceRun};
use self::{
    call::{Call, Phase},
    host::{HostCall, HostPhase},
};
use super::{
    builtins::{Halt, core_value, options, split_address, trampoline},
    host_call::call_host,
    realloc::Suspended,
    state::{Arguments, Lends, OwnPlan, Request, StoreData},
    transfer::{LiftLowerContext, Lifting},
};
use crate::{
    account::{Charge, Exceeded},
    command::Yield,
    component::{
        abi::CoreType,
        error::{Trap, TrapKind},
        link::{
            linker::HostState,
            plan::{HOST, Plan, Target, TrampolineKind},
        },
        run::guard::{Guard, enter},
    },
    value::Value,
};

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
    store: wasmi::Store<StoreData>,
    plan: OwnPlan,
    stack: Vec<Frame>,
    /// Commands that have been asked for and not yet been handed out.
    pub yields: Vec<Yield>,
    next_tag: u64,
    /// During instantiation: the functions that have been made of trampolines.
    made: HashMap<u32, Func>,
    /// The call to begin once the component is instantiated.
    first: Option<(usize, (Vec<Value>, Charge))>,
    outcome: Option<Option<Value>>,
}

#[derive(Debug)]
enum Frame {
    /// Instantiation, before the given operation.
    Init(usize),
    Core(Box<Core>),
    /// The arguments of a call are lifted.
    Lift(Box<Arguments>),
    Call(Box<Call>),
    Host(Box<HostCall>),
    /// A `realloc` for what is lowered by the frame below.
    Realloc(Box<Suspended>),
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

#[derive(Debug)]
enum Caller {
    Host,
    Guest { trampoline: u32, address: Option<u64> },
}

impl Machine {
    /// A machine that will first instantiate the component.
    pub fn new(plan: Arc<Plan>, host: HostState) -> Machine {
        let plan = Arc::new(plan);
        let guard = Arc::new(Guard::new(plan.condemned.clone()));
        let state = StoreData::new(plan.clone(), host, guard);
        let mut store = wasmi::Store::new(&plan.core, state);
        store.limiter(|state| &mut state.limiter);
        Machine {
            store,
            plan,
            stack: vec![Frame::Init(0)],
            yields: Vec::new(),
            next_tag: 0,
            made: HashMap::new(),
            first: None,
            outcome: None,
        }
    }

    /// Tells when the machine is in code that cannot unwind.
    pub fn guard(&self) -> &Arc<Guard> {
        &self.store.data().guard
    }

    /// What host functions keep for this process.
    pub fn host_state(&mut self) -> &mut HostState {
        &mut self.store.data_mut().host
    }

    /// Bytes of linear memory and tables.
    pub fn memory_used(&self) -> u64 {
        self.store.data().limiter.used()
    }

    /// Hands each linear memory that a core module exports to `f`, once.
    pub fn each_memory(&mut self, f: &mut dyn FnMut(&mut [u8])) {
        let mut memories = Vec::new();
        for instance in &self.store.data().cores {
            memories.extend(instance.exports(&self.store).filter_map(wasmi::Export::into_memory));
        }
        let mut seen = Vec::new();
        for memory in memories {
            let address = memory.data_ptr(&self.store);
            if !seen.contains(&address) {
                seen.push(address);
                f(memory.data_mut(&mut self.store));
            }
        }
    }

    /// Whether a call, or instantiation, is under way.
    pub fn busy(&self) -> bool {
        !self.stack.is_empty()
    }

    /// Sets the call that follows instantiation.
    pub fn call_when_ready(&mut self, export: usize, args: Vec<Value>) -> Result<(), Trap> {
        let charge = self.charge_for(&args)?;
        self.first = Some((export, (args, charge)));
        Ok(())
    }

    fn charge_for(&self, args: &[Value]) -> Result<Charge, Exceeded> {
        self.store.data().limiter.account().charge(Value::held_by_all(args))
    }

    /// Begins a call of an export. Nothing else may be under way.
    pub fn call(&mut self, export: usize, args: Vec<Value>) -> Result<(), Trap> {
        let charge = self.charge_for(&args)?;
        self.call_export(export, (args, charge))
    }

    fn call_export(&mut self, export: usize, args: (Vec<Value>, Charge)) -> Result<(), Trap> {
        let plan = self.plan.clone();
        let export = plan.exports.get(export).ok_or_else(|| Trap::internal("unknown export"))?;
        let frame = match export.target {
            Target::Lifted(lifted) => self.begin(lifted, Caller::Host, HOST, args, Lends::new())?,
            Target::Host(host) => {
                let host = plan.hosts.get(host as usize);
                let host = host.ok_or_else(|| Trap::internal("unknown host function"))?;
                let (args, charge) = args;
                let answer = call_host(&mut self.store, host, args, None)?;
                let (caller, phase) = (Caller::Host, HostPhase::Answer(answer));
                let lends = Lends::new();
                Frame::Host(Box::new(HostCall { caller, lends, memory: None, charge, phase }))
            }
        };
        self.stack.push(frame);
        Ok(())
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

    fn run_on(&mut self) -> Result<Pause, Trap> {
        loop {
            self.store.data().guard.check()?;
            // Host work has used up the slice.
            if self.store.data().debt > 0 {
                return Ok(Pause::OutOfFuel(1));
            }
            let pause = match self.stack.last_mut() {
                None => match self.first.take() {
                    Some((export, args)) => {
                        self.call_export(export, args)?;
                        None
                    }
                    None => return Ok(Pause::Finished(self.outcome.take())),
                },
                Some(Frame::Core(_)) => self.run_core()?,
                Some(Frame::Init(op)) => {
                    let op = *op;
                    self.init(op)?;
                    None
                }
                Some(Frame::Lift(_)) => {
                    self.run_lift()?;
                    None
                }
                Some(Frame::Call(_)) => {
                    self.run_call()?;
                    None
                }
                Some(Frame::Host(_)) => self.run_host()?,
                Some(Frame::Realloc(_)) => self.run_realloc()?,
                Some(Frame::Drop(_)) => return Err(Trap::internal("a destructor is lost")),
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
        self.stack.push(Frame::Core(Box::new(Core { state, results, top })));
        Ok(())
    }

    /// Goes on with a `realloc` that has been suspended.
    fn run_realloc(&mut self) -> Result<Option<Pause>, Trap> {
        let plan = self.plan.clone();
        let Some(Frame::Realloc(suspended)) = self.stack.pop() else {
            return Err(Trap::internal("a realloc is lost"));
        };
        let (lower, lends, options, host) = match self.stack.last_mut() {
            Some(Frame::Host(call)) => call.lowering(&plan)?,
            Some(Frame::Call(call)) => call.lowering(&plan)?,
            Some(
                Frame::Init(_)
                | Frame::Core(_)
                | Frame::Lift(_)
                | Frame::Realloc(_)
                | Frame::Drop(_),
            )
            | None => return Err(Trap::internal("memory for nothing")),
        };
        let cx = LiftLowerContext { plan: &plan, options, host };
        match cx.resume(&mut self.store, *suspended)? {
            Ok(address) => {
                cx.provide(&mut self.store, lower, address, lends)?;
                Ok(None)
            }
            Err(suspended) => {
                let required = suspended.required_fuel();
                self.stack.push(Frame::Realloc(Box::new(suspended)));
                Ok(Some(Pause::OutOfFuel(required)))
            }
        }
    }

    fn core_func(&self, index: u32) -> Result<Func, Trap> {
        let func = self.store.data().funcs.get(index as usize);
        func.copied().ok_or_else(|| Trap::internal("unknown core function"))
    }

    /// Enters guest code.
    fn run_core(&mut self) -> Result<Option<Pause>, Trap> {
        let Some(Frame::Core(core)) = self.stack.last_mut() else {
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
                enter(&mut self.store, |store| func.call_resumable(store, &args, results))
            }
            CoreState::OutOfFuel(call) => {
                enter(&mut self.store, |store| call.resume(store, results))
            }
            CoreState::Resume(call, values) => {
                enter(&mut self.store, |store| call.resume(store, &values, results))
            }
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
                None => Err((&error).into()),
            },
        }
    }

    /// Begins what a host function has left to do.
    fn request(&mut self) -> Result<(), Trap> {
        let plan = self.plan.clone();
        let request = self.store.data_mut().request.take();
        let frame = match request.ok_or_else(|| Trap::internal("suspended for nothing"))? {
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
                let cx = LiftLowerContext { plan: &plan, options: option, host: false };
                let (types, spilled) = (&signature.params, signature.spill_params);
                match cx.lift(&mut self.store, types, spilled, args, &mut lends)? {
                    Lifting::Done(values, charge) => {
                        let caller = Caller::Guest { trampoline: index, address };
                        let args = (values, charge);
                        self.begin(*lifted, caller, trampoline.instance, args, lends)?
                    }
                    Lifting::Cut(lift) => {
                        let (trampoline, memory) = (index, None);
                        let arguments = Arguments { trampoline, address, lends, memory, lift };
                        Frame::Lift(Box::new(arguments))
                    }
                }
            }
            Request::Lift(arguments) => Frame::Lift(arguments),
            Request::Host { trampoline, address, lends, memory, charge, answer } => {
                let caller = Caller::Guest { trampoline, address };
                let phase = HostPhase::Answer(answer);
                Frame::Host(Box::new(HostCall { caller, lends, memory, charge, phase }))
            }
            Request::Lower { trampoline, lends, charge, lower, suspended } => {
                let caller = Caller::Guest { trampoline, address: None };
                let phase = HostPhase::Return(lower);
                let call = HostCall { caller, lends, memory: None, charge, phase };
                let call = Frame::Host(Box::new(call));
                match suspended {
                    None => call,
                    Some(suspended) => {
                        self.stack.push(call);
                        Frame::Realloc(suspended)
                    }
                }
            }
            Request::Drop { func, instance, caller, rep } => {
                let entered = self.enter(caller, instance)?;
                let state = self.store.data_mut();
                state.num_borrows.push(0);
                let context = std::mem::take(&mut state.context);
                self.stack.push(Frame::Drop(Drop { entered, context }));
                let func = self.core_func(func)?;
                return self.push_core(func, vec![Val::I32(rep as i32)], 0);
            }
        };
        self.stack.push(frame);
        Ok(())
    }

    /// Goes on lifting the arguments of a call, and begins the call after that.
    fn run_lift(&mut self) -> Result<(), Trap> {
        let plan = self.plan.clone();
        let Some(Frame::Lift(arguments)) = self.stack.pop() else {
            return Err(Trap::internal("arguments are lost"));
        };
        let Arguments { trampoline: index, address, mut lends, memory, lift } = *arguments;
        let callee = trampoline(&plan, index)?;
        let (option, host) = match &callee.kind {
            TrampolineKind::Guest { options, .. } => (*options, false),
            TrampolineKind::Host { options, .. } => (*options, true),
            _ => return Err(Trap::internal("not a lowered function")),
        };
        let cx = LiftLowerContext { plan: &plan, options: options(&plan, option)?, host };
        let frame = match cx.lift_on(&mut self.store, lift, &mut lends)? {
            Lifting::Cut(lift) => {
                let arguments = Arguments { trampoline: index, address, lends, memory, lift };
                Frame::Lift(Box::new(arguments))
            }
            Lifting::Done(values, charge) => {
                let caller = Caller::Guest { trampoline: index, address };
                match &callee.kind {
                    TrampolineKind::Guest { lifted, .. } => {
                        self.begin(*lifted, caller, callee.instance, (values, charge), lends)?
                    }
                    TrampolineKind::Host { host, .. } => {
                        let host = plan.hosts.get(*host as usize);
                        let host = host.ok_or_else(|| Trap::internal("unknown host function"))?;
                        let answer = call_host(&mut self.store, host, values, memory)?;
                        let phase = HostPhase::Answer(answer);
                        Frame::Host(Box::new(HostCall { caller, lends, memory, charge, phase }))
                    }
                    _ => return Err(Trap::internal("not a lowered function")),
                }
            }
        };
        self.stack.push(frame);
        Ok(())
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

    /// Gives the result of the core function that has ended to who called it.
    fn returned(&mut self, results: Vec<Val>) -> Result<(), Trap> {
        let plan = self.plan.clone();
        match self.stack.last_mut() {
            Some(Frame::Init(_)) => Ok(()),
            Some(Frame::Drop(_)) => {
                let Some(Frame::Drop(drop)) = self.stack.pop() else { return Ok(()) };
                self.leave(&drop.entered)?;
                let state = self.store.data_mut();
                state.num_borrows.pop();
                state.context = drop.context;
                self.resume(&[])
            }
            Some(Frame::Call(call)) => match &call.phase {
                Phase::Run => {
                    let call = self.pop_call()?;
                    self.lift_results(call, results)
                }
                Phase::PostReturn(_) => {
                    let lifted = plan.lifted.get(call.lifted as usize);
                    let lifted = lifted.ok_or_else(|| Trap::internal("unknown function"))?;
                    let instance = options(&plan, lifted.options)?.instance;
                    self.store.data_mut().instance(instance)?.may_leave = true;
                    let mut call = self.pop_call()?;
                    let flat = match &mut call.phase {
                        Phase::PostReturn(flat) => std::mem::take(flat),
                        Phase::Lower(_) | Phase::Run | Phase::Lift(_) | Phase::Return(_) => {
                            Vec::new()
                        }
                    };
                    self.end(call, flat)
                }
                Phase::Lower(_) | Phase::Lift(_) | Phase::Return(_) => {
                    Err(Trap::internal("a result in the middle of a lowering"))
                }
            },
            Some(Frame::Host(_) | Frame::Realloc(_) | Frame::Core(_) | Frame::Lift(_)) | None => {
                Err(Trap::internal("a result for nobody"))
            }
        }
    }

    /// Gives the core function at the top the results of its host call.
    fn resume(&mut self, flat: &[u64]) -> Result<(), Trap> {
        let Some(Frame::Core(core)) = self.stack.last_mut() else {
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
            CoreState::Ready(..)
            | CoreState::OutOfFuel(_)
            | CoreState::Resume(..)
            | CoreState::Taken => Err(Trap::internal("a core function did not wait")),
        }
    }
}

fn value(bits: u64, ty: wasmi::ValType) -> Val {
    let ty = match ty {
        wasmi::ValType::I64 => CoreType::I64,
        wasmi::ValType::F32 => CoreType::F32,
        wasmi::ValType::F64 => CoreType::F64,
        _ => CoreType::I32,
    };
    core_value(bits, ty)
}
