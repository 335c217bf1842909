//! The addresses of names.

use std::{net::IpAddr, vec};

use super::{Body, Socket, add, address, ask, network, ok, socket, subscribe};
use crate::{
    command::{Interest, NetCommand, NetError},
    component::{HostCx, Trap},
    imports::wasi::{
        call::{self, unexpected_argument},
        io,
        table::Held,
    },
};

/// Bytes that a name may have, with room for names that shrink when they are read.
const MAX_NAME: usize = 4096;

/// A look-up, and then what is left of its addresses.
#[derive(Debug)]
pub(in crate::imports::wasi) struct LookUp {
    /// Until it is done.
    pub held: Option<Held>,
    found: Result<vec::IntoIter<IpAddr>, NetError>,
}

impl LookUp {
    /// What it has to wait for; nothing if it is ready.
    pub fn awaits(&self) -> Option<Interest> {
        self.held.as_ref().map(|held| Interest::Readable(**held))
    }
}

fn at<'a>(cx: &'a mut HostCx<'_>, index: u32) -> Result<&'a mut LookUp, Trap> {
    match socket(cx, index)? {
        Socket::LookUp(look_up) => Ok(look_up),
        Socket::Network
        | Socket::Tcp(_)
        | Socket::Udp(_)
        | Socket::Incoming(_)
        | Socket::Outgoing(_) => Err(unexpected_argument()),
    }
}

pub(super) const BODIES: &[(&str, Body)] = &[
    ("resolve-addresses", |cx, args| {
        network(cx, args)?;
        let name = args.string()?;
        if name.len() > MAX_NAME {
            return Err(NetError::InvalidArgument.into());
        }
        ask(NetCommand::Resolve(name), |cx, reply| {
            let held = Some(Held::socket(reply.handle()?));
            let found = Err(NetError::WouldBlock);
            ok(add(cx, Socket::LookUp(LookUp { held, found }))?)
        })
    }),
    ("[method]resolve-address-stream.resolve-next-address", |cx, args| {
        let index = args.handle()?;
        let look_up = at(cx, index)?;
        let Some(held) = &look_up.held else { return next(look_up) };
        super::ask_all(NetCommand::Resolved(**held), move |cx, result| {
            let found = match result {
                Err(NetError::WouldBlock) => return Err(NetError::WouldBlock.into()),
                Err(error) => Err(error),
                Ok(reply) => Ok(reply.addresses()?.into_iter()),
            };
            let look_up = at(cx, index)?;
            look_up.found = found;
            let held = look_up.held.take();
            io::release(cx, held);
            next(at(cx, index)?)
        })
    }),
];

/// The next address.
fn next(look_up: &mut LookUp) -> Result<crate::component::Answer, super::Stop> {
    let found = look_up.found.as_mut().map_err(|error| *error)?;
    ok(found.next().map(address::ip))
}

pub(super) const PLAIN: &[(&str, call::Body)] =
    &[("[method]resolve-address-stream.subscribe", subscribe)];
