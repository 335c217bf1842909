//! The guest's code: core functions, and `realloc` where it has been suspended.

use wasmi::{Func, ResumableCall, Val};

use super::{Machine, Pause};
use crate::{
    account::Charge,
    component::{
        error::{Trap, TrapKind},
        run::{
            flat::core_values,
            guard::enter,
            request::Halt,
            task::{Core, CoreState, Frame, Phase},
            transfer::LiftLowerContext,
        },
    },
};

/// Frames that may be suspended on top of each other, in tasks that wait for each other.
/// A component can call its own exports.
const MAX_FRAMES: usize = 500;

/// Each call that is suspended keeps its wasm stack, and the interpreter does not say how
/// large that is. The stacks of the first calls, of two frames each, are to `max_stack`
/// what they are to other engines; each further one counts as if it were as large as it
/// can be, or else a chain of components had hundreds of them on no account.
const FREE_FRAMES: usize = 8;

impl Machine {
    pub(super) fn push_core(
        &mut self,
        func: Func,
        args: Vec<Val>,
        results: usize,
    ) -> Result<(), Trap> {
        let below = self.current()?.below.saturating_add(self.frames.len());
        if below >= MAX_FRAMES {
            return Err(Trap::new(
                TrapKind::Limit,
                "call stack exhausted: too many calls between components",
            ));
        }
        let stack = match below {
            ..FREE_FRAMES => Charge::default(),
            // The interpreter doubles it as it grows.
            FREE_FRAMES.. => {
                let most = (self.plan.max_stack as u64).saturating_mul(2);
                self.store.data().limiter.account().charge(most)?
            }
        };
        let top = self.store.data().top();
        let top = top.map_or(Val::I32(0), |top| top.get(&self.store));
        let state = CoreState::Ready(func, args);
        self.frames.push(Frame::Core(Box::new(Core { state, results, top, _charge: stack })));
        Ok(())
    }

    /// Goes on with a `realloc` that has been suspended.
    pub(super) fn run_realloc(&mut self) -> Result<Option<Pause>, Trap> {
        let plan = self.plan.clone();
        let Some(Frame::Realloc(suspended)) = self.frames.pop() else {
            return Err(Trap::internal("a realloc is lost"));
        };
        let caller = self.current()?.caller;
        let (lower, options, host) = match self.frames.last_mut() {
            Some(Frame::Host(call)) => call.lowering(&plan)?,
            Some(Frame::Call(call)) => call.lowering(caller, &plan)?,
            Some(
                Frame::Init(_) | Frame::Core(_) | Frame::Lift(_) | Frame::Realloc(_) | Frame::Drop,
            )
            | None => return Err(Trap::internal("memory for nothing")),
        };
        let cx = LiftLowerContext { plan: &plan, options, host };
        match cx.resume(&mut self.store, *suspended)? {
            Ok(address) => {
                cx.provide(&mut self.store, lower, address)?;
                Ok(None)
            }
            Err(suspended) => {
                let required = suspended.required_fuel();
                self.frames.push(Frame::Realloc(Box::new(suspended)));
                Ok(Some(Pause::OutOfFuel(required)))
            }
        }
    }

    pub(super) fn core_func(&self, index: u32) -> Result<Func, Trap> {
        let func = self.store.data().funcs.get(index as usize);
        func.copied().ok_or_else(|| Trap::internal("unknown core function"))
    }

    /// Enters guest code.
    pub(super) fn run_core(&mut self) -> Result<Option<Pause>, Trap> {
        let Some(Frame::Core(core)) = self.frames.last_mut() else {
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
                self.frames.pop();
                if let Some(global) = self.store.data().top() {
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

    /// Gives the result of the core function that has ended to who called it.
    pub(super) fn returned(&mut self, results: Vec<Val>) -> Result<(), Trap> {
        let plan = self.plan.clone();
        match self.frames.last_mut() {
            Some(Frame::Init(_)) => Ok(()),
            Some(Frame::Drop) => {
                self.frames.pop();
                self.finish_task()?;
                self.resume(&[])
            }
            Some(Frame::Call(call)) => match &call.phase {
                Phase::Run => {
                    let call = self.pop_call()?;
                    self.lift_results(call, results)
                }
                Phase::PostReturn(_) => {
                    let lifted = plan.lifted(call.lifted)?;
                    let instance = plan.canon_options(lifted.options)?.instance;
                    self.store.data_mut().instance(instance)?.may_leave = true;
                    let mut call = self.pop_call()?;
                    let flat = match &mut call.phase {
                        Phase::PostReturn(flat) => std::mem::take(flat),
                        Phase::Lower(_) | Phase::Run | Phase::Lift(_) | Phase::Return(_) => {
                            Vec::new()
                        }
                    };
                    self.end(&flat)
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
    pub(super) fn resume(&mut self, flat: &[u64]) -> Result<(), Trap> {
        let Some(Frame::Core(core)) = self.frames.last_mut() else {
            return Err(Trap::internal("nobody to resume"));
        };
        match std::mem::replace(&mut core.state, CoreState::Taken) {
            CoreState::Host(call) => {
                let ty = call.host_func().ty(&self.store);
                core.state = CoreState::Resume(call, core_values(flat, ty.results()));
                Ok(())
            }
            CoreState::Direct(func) => {
                // It was the callee itself: what it returns is the result.
                self.frames.pop();
                let ty = func.ty(&self.store);
                self.returned(core_values(flat, ty.results()))
            }
            CoreState::Ready(..)
            | CoreState::OutOfFuel(_)
            | CoreState::Resume(..)
            | CoreState::Taken => Err(Trap::internal("a core function did not wait")),
        }
    }
}
