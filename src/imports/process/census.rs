//! `wippy:process/census`: what lives on the hosts of the runtime.

use super::{convert, request};
use crate::{
    command::ActorCommand,
    component::{DeclareError, Linker},
    imports::wasi::call::{Body, bind as bind_all},
};

pub(super) fn bind(linker: &mut Linker) -> Result<(), DeclareError> {
    bind_all(linker, "wippy:process/census", CENSUS)
}

const CENSUS: &[(&str, Body)] = &[("processes", |cx, args| {
    let most = args.u32()?.into();
    request(cx, Ok(ActorCommand::Processes { most }), |cx, reply| {
        Ok(Some(convert::value(cx, reply.ended()?.into_inner()?)?))
    })
})];
