//! Calls of host functions that could not be answered at once.

use super::{
    Machine,
    call::{Lowering, guest_side},
};
use crate::{
    account::Charge,
    command::{Command, Tag, Yield},
    component::{
        abi::Encoding,
        error::Trap,
        link::{
            host::{Answer, Continuation},
            plan::Plan,
        },
        run::{
            host_call::{charge_result, reply_value, settle, with_host},
            realloc,
            request::CallSite,
            task::{Frame, HostCall, HostPhase},
            transfer::{Destination, LiftLowerContext},
        },
    },
};

impl HostCall {
    /// The lowering that `realloc` is called for.
    pub(super) fn lowering<'a>(&'a mut self, plan: &'a Plan) -> Result<Lowering<'a>, Trap> {
        match (&mut self.phase, self.site) {
            (HostPhase::Return(lower), Some(site)) => {
                Ok((lower.as_mut(), guest_side(plan, site.trampoline)?.1, true))
            }
            (HostPhase::Return(_), None)
            | (
                HostPhase::Answer(_) | HostPhase::Wait(_) | HostPhase::Reply(..) | HostPhase::Taken,
                _,
            ) => Err(Trap::internal("memory for nothing")),
        }
    }
}

impl Machine {
    /// Goes on with the host call at the top.
    pub(super) fn run_host(&mut self) -> Result<(), Trap> {
        let plan = self.plan.clone();
        let Some(Frame::Host(call)) = self.frames.last_mut() else {
            return Err(Trap::internal("a host call is lost"));
        };
        match std::mem::replace(&mut call.phase, HostPhase::Taken) {
            HostPhase::Answer(Answer::Now(value)) => match call.site {
                None => {
                    self.frames.pop();
                    self.outcome = Some(value);
                    self.finish_task()?;
                }
                Some(CallSite { trampoline, address }) => {
                    self.store.data_mut().recording.note(&value);
                    let (signature, option) = guest_side(&plan, trampoline)?;
                    let cx = LiftLowerContext { plan: &plan, options: option, host: true };
                    let to = Destination { address, source: Encoding::Utf8 };
                    // Not both at once.
                    call.charge = Charge::default();
                    let account = self.store.data().limiter.account();
                    call.charge = charge_result(account, value.as_ref())?;
                    let lower = cx.lower_result(&mut self.store, signature, value, to)?;
                    call.phase = HostPhase::Return(Box::new(lower));
                }
            },
            HostPhase::Answer(Answer::Later(command)) => self.wait(command, None)?,
            HostPhase::Answer(Answer::Then(command, then)) => self.wait(command, Some(then))?,
            HostPhase::Reply(then, reply) => {
                let memory = call.memory;
                let answer = match then {
                    Some(then) => with_host(&mut self.store, memory, |cx| then(cx, reply))?,
                    None => Answer::Now(reply_value(reply)?),
                };
                let answer = settle(&mut self.store, answer, memory)?;
                let Some(Frame::Host(call)) = self.frames.last_mut() else {
                    return Err(Trap::internal("a host call is lost"));
                };
                if let Answer::Now(value) = &answer {
                    // It may have to wait for fuel before it is lowered.
                    call.charge = Charge::default();
                    let account = self.store.data().limiter.account();
                    call.charge = charge_result(account, value.as_ref())?;
                }
                call.phase = HostPhase::Answer(answer);
            }
            HostPhase::Return(mut lower) => {
                let site = call.site.ok_or_else(|| Trap::internal("a result for nobody"))?;
                let option = guest_side(&plan, site.trampoline)?.1;
                let cx = LiftLowerContext { plan: &plan, options: option, host: true };
                match cx.finish(&mut self.store, &mut lower)? {
                    realloc::Lowering::Done => {}
                    realloc::Lowering::Cut => {
                        call.phase = HostPhase::Return(lower);
                        return Ok(());
                    }
                    realloc::Lowering::Suspended(suspended) => {
                        call.phase = HostPhase::Return(lower);
                        self.frames.push(Frame::Realloc(suspended));
                        return Ok(());
                    }
                }
                let lends = std::mem::take(&mut call.lends);
                self.frames.pop();
                self.store.data_mut().unlend(lends);
                self.resume(&lower.flat)?;
            }
            HostPhase::Wait(_) | HostPhase::Taken => {
                return Err(Trap::internal("a host call that waits runs"));
            }
        }
        Ok(())
    }

    /// Hands out the commands that nobody waits for. Called before each command
    /// that is waited for, so that the order, and with it the tags, do not
    /// depend on where a slice ends.
    pub(super) fn post(&mut self) {
        let commands = std::mem::take(&mut self.store.data_mut().host.outbox);
        for command in commands {
            self.ask(command, Tag::posted);
        }
    }

    pub(super) fn ask(&mut self, command: Command, tag: fn(u64) -> Tag) -> Tag {
        let tag = tag(self.next_tag);
        self.next_tag = self.next_tag.saturating_add(1);
        self.yields.push(Yield { tag, command });
        tag
    }

    pub(super) fn wait(
        &mut self,
        command: Command,
        then: Option<Continuation>,
    ) -> Result<(), Trap> {
        self.post();
        let tag = self.ask(command, Tag);
        let Some(Frame::Host(call)) = self.frames.last_mut() else {
            return Err(Trap::internal("a host call is lost"));
        };
        call.phase = HostPhase::Wait(then);
        self.wait_for(tag)
    }
}
