//! `wippy:process/functions`: calls of functions, with values and not with texts.

use super::{Failure, convert, life::BIRTH, request};
use crate::{
    command::{ActorCommand, FunctionCall},
    component::{DeclareError, HostCx, Linker},
    imports::wasi::call::{Args, Body, bind as bind_all},
};

/// Nanoseconds of a millisecond.
const MILLISECOND: u64 = 1_000_000;

pub(super) fn bind(linker: &mut Linker) -> Result<(), DeclareError> {
    bind_all(linker, "wippy:process/functions", FUNCTIONS)
}

const FUNCTIONS: &[(&str, Body)] = &[("call", |cx, args| {
    let command = call(cx, args).map(|call| ActorCommand::Call(Box::new(call)));
    request(cx, command, |cx, reply| Ok(Some(convert::value(cx, reply.ended()?.into_inner()?)?)))
})];

/// A `request`.
fn call(cx: &mut HostCx<'_>, args: &mut Args) -> Result<FunctionCall, Failure> {
    cx.charge(BIRTH);
    let mut fields = args.record()?;
    let entry = fields.string()?;
    let args = convert::terms(cx, &mut fields)?;
    let context = convert::named(cx, &mut fields)?;
    let timeout = match fields.option()? {
        Some(value) => Some(Args::new(vec![value]).u64()?.div_ceil(MILLISECOND)),
        None => None,
    };
    Ok(FunctionCall { entry, args, context, timeout, ..FunctionCall::default() })
}
