//! `wippy:process/life`: beginnings and ends.

use super::{Failure, alone, convert, identity, request, request_done, request_pid};
use crate::{
    command::{ActorCommand, Pid, Spawn},
    component::{Answer, DeclareError, HostCx, Linker, Trap},
    imports::wasi::call::{Args, Body, ask, bind as bind_all, now},
    process::ExitRequest,
    value::Value,
};

pub(super) fn bind(linker: &mut Linker) -> Result<(), DeclareError> {
    bind_all(linker, "wippy:process/life", LIFE)
}

const LIFE: &[(&str, Body)] = &[
    ("get-self", |cx, _| {
        now(identity(cx).map(|who| {
            Value::Record(vec![who.pid.as_str().into(), who.host.into(), who.entry.into()])
        }))
    }),
    ("spawn", |cx, args| {
        let command = start(cx, args).and_then(|start| {
            let ties = args.flags()?;
            let (monitor, link) = (ties & 1 != 0, ties & 2 != 0);
            Ok(ActorCommand::Spawn(Spawn { monitor, link, ..start }))
        });
        request_pid(cx, command)
    }),
    ("exec", |cx, args| {
        let command = start(cx, args).map(ActorCommand::Exec);
        request(cx, command, |cx, reply| {
            Ok(Some(convert::value(cx, reply.ended()?.into_inner()?)?))
        })
    }),
    ("monitor", |cx, args| with_pid(cx, args, ActorCommand::Monitor)),
    ("unmonitor", |cx, args| with_pid(cx, args, ActorCommand::Unmonitor)),
    ("link", |cx, args| with_pid(cx, args, ActorCommand::Link)),
    ("unlink", |cx, args| with_pid(cx, args, ActorCommand::Unlink)),
    ("trap-links", |cx, args| {
        let on = args.bool()?;
        request_done(cx, Ok(ActorCommand::TrapLinks(on)))
    }),
    ("cancel", |cx, args| {
        let (to, reason) = (args.string()?.into(), args.string()?);
        let patience = match args.option()? {
            Some(value) => Some(Args::new(vec![value]).u64()?.div_ceil(MILLISECOND)),
            None => None,
        };
        request_done(cx, Ok(ActorCommand::Cancel { to, reason, patience }))
    }),
    ("terminate", |cx, args| {
        let to = args.string()?.into();
        request_done(cx, Ok(ActorCommand::Terminate { to }))
    }),
    ("exit", |cx, args| {
        let ending = match convert::ending(cx, args) {
            Ok(ending) => ending,
            // The guest has said that it ends, and has no way to hear of this.
            Err(Failure::ProcessError(fault)) => Err(fault),
            Err(Failure::Trap(trap)) => return Err(trap),
        };
        cx.state::<ExitRequest>().0 = Some(ending);
        Err(Trap::exit(0))
    }),
    ("yield-now", |cx, _| match alone(cx) {
        Some(_) => Ok(Answer::Now(None)),
        None => ask(ActorCommand::Pause, |_, reply| {
            reply.done()?;
            Ok(Answer::Now(None))
        }),
    }),
];

/// Nanoseconds of a millisecond.
const MILLISECOND: u64 = 1_000_000;

/// What it takes to make a process, as bytes that could be copied meanwhile.
pub(super) const BIRTH: u64 = 5_000 * 64;

/// A `start`, without links.
fn start(cx: &mut HostCx<'_>, args: &mut Args) -> Result<Spawn, Failure> {
    cx.charge(BIRTH);
    let mut fields = args.record()?;
    let entry = fields.string()?;
    let host = match fields.option()? {
        Some(value) => Some(Args::new(vec![value]).string()?),
        None => None,
    };
    let args = convert::terms(cx, &mut fields)?;
    Ok(Spawn { entry, host, args, ..Spawn::default() })
}

fn with_pid(
    cx: &mut HostCx<'_>,
    args: &mut Args,
    command: fn(Pid) -> ActorCommand,
) -> Result<Answer, Trap> {
    let pid = Pid::new(args.string()?);
    request_done(cx, Ok(command(pid)))
}
