//! Calls of component functions: CanonicalABI.md, `canon_lift`.

use wasmi::Val;

use super::Machine;
use crate::{
    account::Charge,
    component::{
        abi::{
            Encoding,
            lift::LEND,
            lower::{Lower, Spill},
        },
        error::{Trap, TrapKind},
        link::plan::{CanonOptions, Plan, Signature, TrampolineKind},
        run::{
            flat::{bits, core_values},
            handles::Lends,
            realloc,
            request::CallSite,
            task::{Call, Caller, Frame, Phase, Task},
            transfer::{Destination, LiftLowerContext, Lifting},
        },
    },
    value::{TypeId, Value},
};

/// A lowering, the options of the guest, and whether the value comes from the host.
pub(super) type Lowering<'a> = (&'a mut Lower, &'a CanonOptions, bool);

impl Call {
    /// The lowering that `realloc` is called for.
    pub(super) fn lowering<'a>(
        &'a mut self,
        caller: Caller,
        plan: &'a Plan,
    ) -> Result<Lowering<'a>, Trap> {
        match (&mut self.phase, caller) {
            (Phase::Lower(lower), caller) => {
                let lifted = plan.lifted(self.lifted)?;
                let host = matches!(caller, Caller::Host);
                Ok((lower, plan.canon_options(lifted.options)?, host))
            }
            (Phase::Return(lower), Caller::Sync(_, site)) => {
                Ok((lower, guest_side(plan, site.trampoline)?.1, false))
            }
            (Phase::Run | Phase::Lift(_) | Phase::PostReturn(_), _)
            | (Phase::Return(_), Caller::Host | Caller::Drop(_)) => {
                Err(Trap::internal("memory for nothing"))
            }
        }
    }
}

impl Machine {
    pub(super) fn check_enter(&mut self, lifted: u32, caller: u32) -> Result<(), Trap> {
        let plan = self.plan.clone();
        let callee = plan.canon_options(plan.lifted(lifted)?.options)?.instance;
        self.store.data_mut().check_enter(&plan, caller, callee)
    }

    /// Begins a call of a lifted function.
    pub(super) fn begin(
        &mut self,
        index: u32,
        caller: Caller,
        caller_instance: u32,
        (args, charge): (Vec<Value>, Charge),
        lends: Lends,
    ) -> Result<(), Trap> {
        let plan = self.plan.clone();
        let lifted = plan.lifted(index)?;
        if lifted.is_async {
            return Err(Trap::new(
                TrapKind::Unsupported,
                format!(
                    "`{}` is lifted with the asynchronous ABI, which is not supported",
                    lifted.name
                ),
            ));
        }
        let option = plan.canon_options(lifted.options)?;
        let entered = self.enter(caller_instance, option.instance)?;
        let source = match &caller {
            Caller::Host | Caller::Drop(_) => Encoding::Utf8,
            Caller::Sync(_, site) => guest_side(&plan, site.trampoline)?.1.encoding,
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
        let spill = if signature.spill_params { Spill::Allocate } else { Spill::No };
        let host = matches!(caller, Caller::Host);
        let cx = LiftLowerContext { plan: &plan, options: option, host };
        self.start(Task::new(caller, lends, entered))?;
        let lower = cx.with(&mut self.store, |target| {
            Lower::new(args.into_iter(), &signature.params, spill, source, target)
        })?;
        let phase = Phase::Lower(lower);
        let call = Call { lifted: index, phase, results: Vec::new(), charge };
        self.frames.push(Frame::Call(Box::new(call)));
        Ok(())
    }

    /// Takes the call at the top apart: it is put back unless it has ended.
    pub(super) fn pop_call(&mut self) -> Result<Box<Call>, Trap> {
        let Some(Frame::Call(call)) = self.frames.pop() else {
            return Err(Trap::internal("a call is lost"));
        };
        Ok(call)
    }

    /// Goes on with the call at the top.
    pub(super) fn run_call(&mut self) -> Result<(), Trap> {
        let plan = self.plan.clone();
        let mut call = self.pop_call()?;
        let lifted = plan.lifted(call.lifted)?;
        let (callee, option) = (lifted.callee, lifted.options);
        let task = self.current()?;
        let (caller, lent) = (task.caller, task.lends.len());
        let from_host = matches!(caller, Caller::Host);
        match &mut call.phase {
            Phase::Lower(lower) => {
                let option = plan.canon_options(option)?;
                let cx = LiftLowerContext { plan: &plan, options: option, host: from_host };
                match cx.finish(&mut self.store, lower)? {
                    realloc::Lowering::Done => {}
                    rest => return self.cut(call, rest),
                }
                let flat = std::mem::take(&mut lower.flat);
                // The arguments are in the guest now.
                call.charge.keep(LEND.saturating_mul(lent as u64));
                let func = self.core_func(callee)?;
                let ty = func.ty(&self.store);
                let args = core_values(&flat, ty.params());
                let results = ty.results().len();
                call.phase = Phase::Run;
                self.frames.push(Frame::Call(call));
                self.push_core(func, args, results)
            }
            Phase::Return(lower) => {
                let Caller::Sync(_, site) = caller else {
                    return Err(Trap::internal("a result for nobody"));
                };
                let option = guest_side(&plan, site.trampoline)?.1;
                let cx = LiftLowerContext { plan: &plan, options: option, host: false };
                match cx.finish(&mut self.store, lower)? {
                    realloc::Lowering::Done => {}
                    rest => return self.cut(call, rest),
                }
                let flat = std::mem::take(&mut lower.flat);
                call.charge.keep(LEND.saturating_mul(lent as u64));
                self.post_return(call, flat)
            }
            Phase::Lift(_) => {
                let Phase::Lift(lift) = std::mem::replace(&mut call.phase, Phase::Run) else {
                    return Ok(());
                };
                let option = plan.canon_options(option)?;
                let cx = LiftLowerContext { plan: &plan, options: option, host: from_host };
                let lifting = cx.lift_on(&mut self.store, lift, &mut Lends::new())?;
                self.lifted_results(call, lifting)
            }
            Phase::Run | Phase::PostReturn(_) => Err(Trap::internal("a call does not wait")),
        }
    }

    /// Puts a call back whose lowering goes on in a later slice.
    fn cut(&mut self, call: Box<Call>, rest: realloc::Lowering) -> Result<(), Trap> {
        self.frames.push(Frame::Call(call));
        if let realloc::Lowering::Suspended(suspended) = rest {
            self.frames.push(Frame::Realloc(suspended));
        }
        Ok(())
    }

    /// The core function of a call has returned.
    pub(super) fn lift_results(
        &mut self,
        mut call: Box<Call>,
        results: Vec<Val>,
    ) -> Result<(), Trap> {
        let plan = self.plan.clone();
        let lifted = plan.lifted(call.lifted)?;
        let option = plan.canon_options(lifted.options)?;
        let signature = lifted.signature.clone();
        let flat: Vec<u64> = results.iter().map(bits).collect();
        call.results = results;
        let types: &[TypeId] = signature.result.as_slice();
        let from_host = matches!(self.current()?.caller, Caller::Host);
        let mut none = Lends::new();
        let cx = LiftLowerContext { plan: &plan, options: option, host: from_host };
        let spilled = signature.spill_result;
        let lifting = cx.lift(&mut self.store, types, spilled, &flat, &mut none)?;
        self.lifted_results(call, lifting)
    }

    /// The result of a call has been lifted, or as much of it as the slice is worth.
    fn lifted_results(&mut self, mut call: Box<Call>, lifting: Lifting) -> Result<(), Trap> {
        let mut value = match lifting {
            Lifting::Cut(lift) => {
                call.phase = Phase::Lift(lift);
                self.frames.push(Frame::Call(call));
                return Ok(());
            }
            Lifting::Done(values, charge) => {
                call.charge.merge(charge);
                values
            }
        };
        let value = value.pop();
        let plan = self.plan.clone();
        let option = plan.canon_options(plan.lifted(call.lifted)?.options)?;
        let task = self.current()?;
        let caller = task.caller;
        if task.num_borrows > 0 {
            return Err(Trap::canonical("borrow handles still remain at the end of the call"));
        }
        match caller {
            Caller::Host => {
                self.outcome = Some(value);
                self.post_return(call, Vec::new())
            }
            Caller::Sync(_, CallSite { trampoline, address }) => {
                let (signature, target) = guest_side(&plan, trampoline)?;
                let cx = LiftLowerContext { plan: &plan, options: target, host: false };
                let to = Destination { address, source: option.encoding };
                let lower = cx.lower_result(&mut self.store, signature, value, to)?;
                call.phase = Phase::Return(lower);
                self.frames.push(Frame::Call(call));
                Ok(())
            }
            Caller::Drop(_) => Err(Trap::internal("a destructor with a result")),
        }
    }

    /// The result has been delivered; `flat` are the core values for the caller.
    pub(super) fn post_return(&mut self, mut call: Box<Call>, flat: Vec<u64>) -> Result<(), Trap> {
        let plan = self.plan.clone();
        let lifted = plan.lifted(call.lifted)?;
        let Some(func) = lifted.post_return else {
            return self.end(&flat);
        };
        let instance = plan.canon_options(lifted.options)?.instance;
        self.store.data_mut().instance(instance)?.may_leave = false;
        let func = self.core_func(func)?;
        let args = std::mem::take(&mut call.results);
        call.phase = Phase::PostReturn(flat);
        self.frames.push(Frame::Call(call));
        self.push_core(func, args, 0)
    }

    /// The call of the running task has ended; `flat` are the core values for the caller.
    pub(super) fn end(&mut self, flat: &[u64]) -> Result<(), Trap> {
        match self.finish_task()? {
            Caller::Host => Ok(()),
            Caller::Sync(..) | Caller::Drop(_) => self.resume(flat),
        }
    }
}

/// The signature and the options of a trampoline, as its caller sees them.
pub(super) fn guest_side(plan: &Plan, index: u32) -> Result<(&Signature, &CanonOptions), Trap> {
    match &plan.trampoline(index)?.kind {
        TrampolineKind::Guest { signature, options: option, .. }
        | TrampolineKind::Host { signature, options: option, .. } => {
            Ok((signature, plan.canon_options(*option)?))
        }
        TrampolineKind::ResourceNew(_)
        | TrampolineKind::ResourceRep(_)
        | TrampolineKind::ResourceDrop(_)
        | TrampolineKind::ContextGet { .. }
        | TrampolineKind::ContextSet { .. }
        | TrampolineKind::Backpressure { .. }
        | TrampolineKind::Unsupported(_) => Err(Trap::internal("not a lowered function")),
    }
}
