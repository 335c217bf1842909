//! Calls of component functions: CanonicalABI.md, `canon_lift`.

use wasmi::Val;

use super::{Caller, Frame, Machine, value};
use crate::{
    account::Charge,
    component::{
        abi::{
            Encoding,
            lift::{LEND, Lift},
            lower::{Lower, Spill},
        },
        error::{Trap, TrapKind},
        link::plan::{CanonOptions, Lifted, Plan, Signature, TrampolineKind},
        run::{
            builtins::{bits, options, trampoline},
            realloc,
            state::Lends,
            transfer::{Destination, LiftLowerContext, Lifting},
        },
    },
    value::{TypeId, Value},
};

/// A call of a component function that a component lifted.
#[derive(Debug)]
pub(super) struct Call {
    pub lifted: u32,
    pub caller: Caller,
    pub phase: Phase,
    /// Its place in the stack of borrow scopes.
    pub scope: usize,
    /// Handles of the caller.
    pub lends: Lends,
    pub entered: Vec<u32>,
    /// What the core function returned, for the post-return function.
    pub results: Vec<Val>,
    /// For the values that are under way, and for what notes the handles lent.
    pub charge: Charge,
    pub context: [u64; 2],
}

pub(super) enum Phase {
    /// The arguments are lowered into the callee.
    Lower(Lower),
    /// The core function runs.
    Run,
    /// The result is lifted.
    Lift(Box<Lift>),
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
            Phase::Lift(_) => "Lift",
            Phase::Return(_) => "Return",
            Phase::PostReturn(_) => "PostReturn",
        })
    }
}

/// A lowering, the handles that it lends, the options of the guest, and whether the
/// value comes from the host.
pub(super) type Lowering<'a> = (&'a mut Lower, &'a mut Lends, &'a CanonOptions, bool);

impl Call {
    /// What `realloc` is called for.
    pub(super) fn lowering<'a>(&'a mut self, plan: &'a Plan) -> Result<Lowering<'a>, Trap> {
        let lends = &mut self.lends;
        match (&mut self.phase, &self.caller) {
            (Phase::Lower(lower), caller) => {
                let lifted = plan.lifted.get(self.lifted as usize);
                let lifted = lifted.ok_or_else(|| Trap::internal("unknown function"))?;
                let host = matches!(caller, Caller::Host);
                Ok((lower, lends, options(plan, lifted.options)?, host))
            }
            (Phase::Return(lower), Caller::Guest { trampoline, .. }) => {
                Ok((lower, lends, guest_side(plan, *trampoline)?.1, false))
            }
            (Phase::Run | Phase::Lift(_) | Phase::PostReturn(_), _)
            | (Phase::Return(_), Caller::Host) => Err(Trap::internal("memory for nothing")),
        }
    }
}

impl Machine {
    pub(super) fn check_enter(&mut self, lifted: u32, caller: u32) -> Result<(), Trap> {
        let plan = self.plan.clone();
        let callee = options(&plan, self.lifted(lifted)?.options)?.instance;
        self.store.data_mut().check_enter(&plan, caller, callee)
    }

    pub(super) fn lifted(&self, index: u32) -> Result<&Lifted, Trap> {
        self.plan.lifted.get(index as usize).ok_or_else(|| Trap::internal("unknown function"))
    }

    /// Begins a call of a lifted function.
    pub(super) fn begin(
        &mut self,
        index: u32,
        caller: Caller,
        caller_instance: u32,
        (args, charge): (Vec<Value>, Charge),
        mut lends: Lends,
    ) -> Result<Frame, Trap> {
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
        let scope = state.num_borrows.len();
        state.num_borrows.push(0);
        let context = std::mem::take(&mut state.context);
        let spill = if signature.spill_params { Spill::Allocate } else { Spill::No };
        let host = matches!(caller, Caller::Host);
        let cx = LiftLowerContext { plan: &plan, options: option, host };
        let lower = cx.with(&mut self.store, &mut lends, |target| {
            Lower::new(args.into_iter(), &signature.params, spill, source, target)
        })?;
        Ok(Frame::Call(Box::new(Call {
            lifted: index,
            caller,
            phase: Phase::Lower(lower),
            scope,
            lends,
            entered,
            results: Vec::new(),
            charge,
            context,
        })))
    }

    /// Takes the call at the top apart: it is put back unless it has ended.
    pub(super) fn pop_call(&mut self) -> Result<Box<Call>, Trap> {
        let Some(Frame::Call(call)) = self.stack.pop() else {
            return Err(Trap::internal("a call is lost"));
        };
        Ok(call)
    }

    /// Goes on with the call at the top.
    pub(super) fn run_call(&mut self) -> Result<(), Trap> {
        let plan = self.plan.clone();
        let mut call = self.pop_call()?;
        let lifted = self.lifted(call.lifted)?;
        let (callee, option) = (lifted.callee, lifted.options);
        let from_host = matches!(call.caller, Caller::Host);
        match &mut call.phase {
            Phase::Lower(lower) => {
                let option = options(&plan, option)?;
                let cx = LiftLowerContext { plan: &plan, options: option, host: from_host };
                match cx.finish(&mut self.store, lower, &mut call.lends)? {
                    realloc::Lowering::Done => {}
                    rest => return self.cut(call, rest),
                }
                let flat = std::mem::take(&mut lower.flat);
                // The arguments are in the guest now.
                call.charge.keep(LEND.saturating_mul(call.lends.len() as u64));
                let func = self.core_func(callee)?;
                let ty = func.ty(&self.store);
                let args = flat.iter().zip(ty.params()).map(|(bits, ty)| value(*bits, *ty));
                let args = args.collect();
                let results = ty.results().len();
                call.phase = Phase::Run;
                self.stack.push(Frame::Call(call));
                self.push_core(func, args, results)
            }
            Phase::Return(lower) => {
                let Caller::Guest { trampoline: index, .. } = call.caller else {
                    return Err(Trap::internal("a result for nobody"));
                };
                let option = guest_side(&plan, index)?.1;
                let cx = LiftLowerContext { plan: &plan, options: option, host: false };
                match cx.finish(&mut self.store, lower, &mut call.lends)? {
                    realloc::Lowering::Done => {}
                    rest => return self.cut(call, rest),
                }
                let flat = std::mem::take(&mut lower.flat);
                call.charge.keep(LEND.saturating_mul(call.lends.len() as u64));
                self.post_return(call, flat)
            }
            Phase::Lift(_) => {
                let Phase::Lift(lift) = std::mem::replace(&mut call.phase, Phase::Run) else {
                    return Ok(());
                };
                let option = options(&plan, option)?;
                let cx = LiftLowerContext { plan: &plan, options: option, host: from_host };
                let lifting = cx.lift_on(&mut self.store, lift, &mut Lends::new())?;
                self.lifted_results(call, lifting)
            }
            Phase::Run | Phase::PostReturn(_) => Err(Trap::internal("a call does not wait")),
        }
    }

    /// Puts a call back whose lowering goes on in a later slice.
    fn cut(&mut self, call: Box<Call>, rest: realloc::Lowering) -> Result<(), Trap> {
        self.stack.push(Frame::Call(call));
        if let realloc::Lowering::Suspended(suspended) = rest {
            self.stack.push(Frame::Realloc(suspended));
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
        let lifted = self.lifted(call.lifted)?;
        let option = options(&plan, lifted.options)?;
        let signature = lifted.signature.clone();
        let flat: Vec<u64> = results.iter().map(bits).collect();
        call.results = results;
        let types: &[TypeId] = signature.result.as_slice();
        let from_host = matches!(call.caller, Caller::Host);
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
                self.stack.push(Frame::Call(call));
                return Ok(());
            }
            Lifting::Done(values, charge) => {
                call.charge.merge(charge);
                values
            }
        };
        let value = value.pop();
        let plan = self.plan.clone();
        let lifted = self.lifted(call.lifted)?;
        let option = options(&plan, lifted.options)?;
        if self.store.data().num_borrows.get(call.scope).is_some_and(|borrows| *borrows > 0) {
            return Err(Trap::canonical("borrow handles still remain at the end of the call"));
        }
        match &call.caller {
            Caller::Host => {
                self.outcome = Some(value);
                self.post_return(call, Vec::new())
            }
            Caller::Guest { trampoline: index, address } => {
                let (signature, target) = guest_side(&plan, *index)?;
                let cx = LiftLowerContext { plan: &plan, options: target, host: false };
                let to = Destination { address: *address, source: option.encoding };
                let lends = &mut call.lends;
                let lower = cx.lower_result(&mut self.store, signature, value, to, lends)?;
                call.phase = Phase::Return(lower);
                self.stack.push(Frame::Call(call));
                Ok(())
            }
        }
    }

    /// The result has been delivered; `flat` are the core values for the caller.
    pub(super) fn post_return(&mut self, mut call: Box<Call>, flat: Vec<u64>) -> Result<(), Trap> {
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
        self.stack.push(Frame::Call(call));
        self.push_core(func, args, 0)
    }

    /// A call has ended.
    pub(super) fn end(&mut self, call: Box<Call>, flat: Vec<u64>) -> Result<(), Trap> {
        self.leave(&call.entered)?;
        let state = self.store.data_mut();
        state.num_borrows.pop();
        state.context = call.context;
        state.unlend(call.lends);
        match call.caller {
            Caller::Host => Ok(()),
            Caller::Guest { .. } => self.resume(&flat),
        }
    }
}

/// The signature and the options of a trampoline, as its caller sees them.
pub(super) fn guest_side(plan: &Plan, index: u32) -> Result<(&Signature, &CanonOptions), Trap> {
    match &trampoline(plan, index)?.kind {
        TrampolineKind::Guest { signature, options: option, .. }
        | TrampolineKind::Host { signature, options: option, .. } => {
            Ok((signature, options(plan, *option)?))
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
