//! Calling host functions, and what can be answered inside the step.

use super::state::{Context, charge};
use crate::{
    account::{Account, Charge},
    command::{Command, HostCall, Reply},
    component::{
        error::{Trap, TrapKind},
        link::{
            host::{Answer, Body, GuestMemory, HostCx},
            plan::{HostBody, HostImport},
        },
    },
    value::Value,
};

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
            Some(Body::Suspending { interface, function }) => {
                Answer::Later(Command::Call(HostCall {
                    interface: interface.clone(),
                    function: function.clone(),
                    args,
                }))
            }
            None => {
                return Err(Trap::new(TrapKind::Unsupported, "the host has no such function"));
            }
        },
    };
    settle(context, answer, memory)
}

/// Dispatcher commands as long as that takes no time.
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

/// Results up to this size are not charged: what any process takes up besides what it
/// does, which its host has counted, is enough for one.
const TINY: u64 = 4 << 10;

/// Results up to this size are charged beyond the limit if need be. So large is the
/// least that a read brings, and a guest that has grown until nothing was left has to
/// go on with what it has.
const SMALL: u64 = 64 << 10;

/// Charges for a result until it is in the guest, whose `realloc` can take as long as
/// it likes. Not only if it does: whether there is room must not depend on where a
/// slice ends.
///
/// # Errors
///
/// If there is no room.
pub(crate) fn charge_result(account: &Account, value: Option<&Value>) -> Result<Charge, Trap> {
    match value.map_or(0, Value::held) {
        ..=TINY => Ok(Charge::default()),
        bytes if bytes <= SMALL => {
            let mut charge = account.open();
            charge.add_anyway(bytes);
            Ok(charge)
        }
        bytes => Ok(account.charge(bytes)?),
    }
}

/// The reply to a command whose reply is the function's result.
pub(crate) fn reply_value(reply: Reply) -> Result<Option<Value>, Trap> {
    Ok(reply.value()?)
}

/// Calls `f` with a host function's view of the process.
pub(crate) fn with_host<C: Context, R>(
    context: &mut C,
    memory: Option<wasmi::Memory>,
    f: impl FnOnce(&mut HostCx<'_>) -> R,
) -> R {
    let Some(memory) = memory else {
        let result = f(&mut HostCx { state: &mut context.state().host, memory: None });
        let work = std::mem::take(&mut context.state().host.work);
        charge(context.as_context_mut(), work);
        return result;
    };
    let (bytes, state) = memory.data_and_store_mut(context.as_context_mut());
    let memory = Some(GuestMemory { bytes, writes: Vec::new() });
    let mut cx = HostCx { state: &mut state.host, memory };
    let result = f(&mut cx);
    let writes = cx.memory.take().map(|memory| memory.writes).unwrap_or_default();
    let touched: u64 = writes.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    let work = std::mem::take(&mut state.host.work);
    state.recording.note_writes(writes);
    charge(context.as_context_mut(), touched.saturating_add(work));
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
