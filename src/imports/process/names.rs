//! `wippy:process/names`: names that processes can be found by.

use super::{request, request_done, request_pid};
use crate::{
    command::ActorCommand,
    component::{DeclareError, Linker},
    imports::wasi::call::{Body, bind as bind_all},
};

pub(super) fn bind(linker: &mut Linker) -> Result<(), DeclareError> {
    bind_all(linker, "wippy:process/names", NAMES)
}

const NAMES: &[(&str, Body)] = &[
    ("register", |cx, args| {
        let name = args.string()?;
        request_done(cx, Ok(ActorCommand::Register(name)))
    }),
    ("unregister", |cx, args| {
        let name = args.string()?;
        request(cx, Ok(ActorCommand::Unregister(name)), |_, reply| Ok(Some(reply.truth()?.into())))
    }),
    ("lookup", |cx, args| {
        let name = args.string()?;
        request_pid(cx, Ok(ActorCommand::Lookup(name)))
    }),
];
