//! Requests: what a guest's call of an import leaves to do is begun here.

use wasmi::Val;

use super::Machine;
use crate::component::{
    error::Trap,
    link::plan::TrampolineKind,
    run::{
        flat::split_address,
        handles::Lends,
        host_call::call_host,
        request::{Arguments, CallSite, Request},
        task::{Caller, Frame, HostCall, HostPhase, Task},
        transfer::{LiftLowerContext, Lifting},
    },
};

impl Machine {
    /// Begins what a host function has left to do.
    pub(super) fn request(&mut self) -> Result<(), Trap> {
        let plan = self.plan.clone();
        let request = self.store.data_mut().request.take();
        let frame = match request.ok_or_else(|| Trap::internal("suspended for nothing"))? {
            Request::Guest { trampoline: index, args } => {
                let trampoline = plan.trampoline(index)?;
                let TrampolineKind::Guest { lifted, signature, options: option } = &trampoline.kind
                else {
                    return Err(Trap::internal("not a guest function"));
                };
                let option = plan.canon_options(*option)?;
                let (args, address) = split_address(&args, signature);
                let site = CallSite { trampoline: index, address };
                let mut lends = Lends::new();
                // The check comes before the arguments are lifted, like in any call.
                self.check_enter(*lifted, trampoline.instance)?;
                let cx = LiftLowerContext { plan: &plan, options: option, host: false };
                let (types, spilled) = (&signature.params, signature.spill_params);
                match cx.lift(&mut self.store, types, spilled, args, &mut lends)? {
                    Lifting::Done(values, charge) => {
                        let caller = Caller::Sync(self.running()?, site);
                        let args = (values, charge);
                        return self.begin(*lifted, caller, trampoline.instance, args, lends);
                    }
                    Lifting::Cut(lift) => {
                        let arguments = Arguments { site, lends, memory: None, lift };
                        Frame::Lift(Box::new(arguments))
                    }
                }
            }
            Request::Lift(arguments) => Frame::Lift(arguments),
            Request::Host { site, lends, memory, charge, answer } => {
                let (site, phase) = (Some(site), HostPhase::Answer(answer));
                Frame::Host(Box::new(HostCall { site, lends, memory, charge, phase }))
            }
            Request::Lower { site, lends, charge, lower, suspended } => {
                let (site, phase) = (Some(site), HostPhase::Return(lower));
                let call = HostCall { site, lends, memory: None, charge, phase };
                let call = Frame::Host(Box::new(call));
                match suspended {
                    None => call,
                    Some(suspended) => {
                        self.frames.push(call);
                        Frame::Realloc(suspended)
                    }
                }
            }
            Request::Drop { func, instance, caller, rep } => {
                let entered = self.enter(caller, instance)?;
                let caller = Caller::Drop(self.running()?);
                self.start(Task::new(caller, Lends::new(), entered))?;
                self.frames.push(Frame::Drop);
                let func = self.core_func(func)?;
                return self.push_core(func, vec![Val::I32(rep as i32)], 0);
            }
        };
        self.frames.push(frame);
        Ok(())
    }

    /// Goes on lifting the arguments of a call, and begins the call after that.
    pub(super) fn run_lift(&mut self) -> Result<(), Trap> {
        let plan = self.plan.clone();
        let Some(Frame::Lift(arguments)) = self.frames.pop() else {
            return Err(Trap::internal("arguments are lost"));
        };
        let Arguments { site, mut lends, memory, lift } = *arguments;
        let callee = plan.trampoline(site.trampoline)?;
        let (option, host) = match &callee.kind {
            TrampolineKind::Guest { options, .. } => (*options, false),
            TrampolineKind::Host { options, .. } => (*options, true),
            _ => return Err(Trap::internal("not a lowered function")),
        };
        let cx = LiftLowerContext { plan: &plan, options: plan.canon_options(option)?, host };
        let frame = match cx.lift_on(&mut self.store, lift, &mut lends)? {
            Lifting::Cut(lift) => Frame::Lift(Box::new(Arguments { site, lends, memory, lift })),
            Lifting::Done(values, charge) => match &callee.kind {
                TrampolineKind::Guest { lifted, .. } => {
                    let caller = Caller::Sync(self.running()?, site);
                    let args = (values, charge);
                    return self.begin(*lifted, caller, callee.instance, args, lends);
                }
                TrampolineKind::Host { host, .. } => {
                    let host = plan.host(*host)?;
                    let answer = call_host(&mut self.store, host, values, memory)?;
                    let (site, phase) = (Some(site), HostPhase::Answer(answer));
                    Frame::Host(Box::new(HostCall { site, lends, memory, charge, phase }))
                }
                _ => return Err(Trap::internal("not a lowered function")),
            },
        };
        self.frames.push(frame);
        Ok(())
    }

    pub(super) fn enter(&mut self, caller: u32, callee: u32) -> Result<Vec<u32>, Trap> {
        let plan = self.plan.clone();
        let state = self.store.data_mut();
        state.check_enter(&plan, caller, callee)?;
        let entered: Vec<u32> = plan.entering(caller, callee).collect();
        for index in &entered {
            state.instance(*index)?.may_enter = false;
        }
        Ok(entered)
    }
}
