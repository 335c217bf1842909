//! Calls of host functions that could not be answered at once.

use super::{
    Caller, Frame, Machine, Pause,
    call::{Lowering, guest_side},
};
use crate::{
    account::Charge,
    command::{Command, Reply, Tag, Yield},
    component::{
        abi::{Encoding, lower::Lower},
        error::Trap,
        link::{
            linker::{Answer, Continuation},
            plan::Plan,
        },
        run::{
            host_call::{charge_result, reply_value, settle, with_host},
            realloc,
            state::Lends,
            transfer::{Destination, LiftLowerContext},
        },
    },
};

/// A call of a host function that could not be answered at once.
pub(super) struct HostCall {
    pub caller: Caller,
    pub lends: Lends,
    /// What the function sees of its caller's memory.
    pub memory: Option<wasmi::Memory>,
    /// For its arguments, which may be in what is asked for, and then for its result.
    pub charge: Charge,
    pub phase: HostPhase,
}

pub(super) enum HostPhase {
    Answer(Answer),
    Wait { tag: Tag, then: Option<Continuation>, reply: Option<Reply> },
    Return(Box<Lower>),
    Taken,
}

impl std::fmt::Debug for HostCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostCall").field("caller", &self.caller).finish_non_exhaustive()
    }
}

impl HostCall {
    /// What `realloc` is called for: the lowering, the handles lent, the options of
    /// the guest, and that the value comes from the host.
    pub(super) fn lowering<'a>(&'a mut self, plan: &'a Plan) -> Result<Lowering<'a>, Trap> {
        match (&mut self.phase, &self.caller) {
            (HostPhase::Return(lower), Caller::Guest { trampoline, .. }) => {
                Ok((lower.as_mut(), &mut self.lends, guest_side(plan, *trampoline)?.1, true))
            }
            (HostPhase::Return(_), Caller::Host)
            | (HostPhase::Answer(_) | HostPhase::Wait { .. } | HostPhase::Taken, _) => {
                Err(Trap::internal("memory for nothing"))
            }
        }
    }
}

impl Machine {
    /// Hands in the answer to a command; `false` if nothing waits for it.
    pub fn complete(&mut self, tag: Tag, answer: Reply) -> bool {
        for frame in &mut self.stack {
            if let Frame::Host(call) = frame
                && let HostPhase::Wait { tag: waiting, reply, .. } = &mut call.phase
                && *waiting == tag
            {
                *reply = Some(answer);
                return true;
            }
        }
        false
    }

    /// Goes on with the host call at the top.
    pub(super) fn run_host(&mut self) -> Result<Option<Pause>, Trap> {
        let plan = self.plan.clone();
        let Some(Frame::Host(call)) = self.stack.last_mut() else {
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
                    let cx = LiftLowerContext { plan: &plan, options: option, host: true };
                    let to = Destination { address, source: Encoding::Utf8 };
                    // Not both at once.
                    call.charge = Charge::default();
                    let account = self.store.data().limiter.account();
                    call.charge = charge_result(account, value.as_ref())?;
                    let lends = &mut call.lends;
                    let lower = cx.lower_result(&mut self.store, signature, value, to, lends)?;
                    call.phase = HostPhase::Return(Box::new(lower));
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
                let Some(Frame::Host(call)) = self.stack.last_mut() else {
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
                let Caller::Guest { trampoline: index, .. } = call.caller else {
                    return Err(Trap::internal("a result for nobody"));
                };
                let option = guest_side(&plan, index)?.1;
                let cx = LiftLowerContext { plan: &plan, options: option, host: true };
                match cx.finish(&mut self.store, &mut lower, &mut call.lends)? {
                    realloc::Lowering::Done => {}
                    realloc::Lowering::Cut => {
                        call.phase = HostPhase::Return(lower);
                        return Ok(None);
                    }
                    realloc::Lowering::Suspended(suspended) => {
                        call.phase = HostPhase::Return(lower);
                        self.stack.push(Frame::Realloc(suspended));
                        return Ok(None);
                    }
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
        let Some(Frame::Host(call)) = self.stack.last_mut() else {
            return Err(Trap::internal("a host call is lost"));
        };
        call.phase = HostPhase::Wait { tag, then, reply: None };
        Ok(())
    }
}
