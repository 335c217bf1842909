//! `wasi:sockets`: TCP, UDP and names.
//!
//! A resource here knows in which state its socket is, because WASI prescribes what may
//! follow what, and refuses what may not before the outside world hears of it. What
//! WASI splits into a start and a finish (binding, listening) is done at the start, but
//! for connecting, which takes its time.
//!
//! | file | what |
//! | --- | --- |
//! | `address` | addresses as values |
//! | `tcp` | TCP sockets; their bytes go by the streams of `wasi:io` |
//! | `udp` | UDP sockets and datagrams |
//! | `look_up` | the addresses of names |

mod address;
mod look_up;
mod tcp;
mod udp;

use self::{
    look_up::LookUp,
    tcp::Tcp,
    udp::{Datagrams, Udp},
};
use super::{
    WasiState,
    call::{Args, now, own, unexpected_argument},
    stop::{self, Told, answer, done, ok},
    table::{self, Entry, Held},
};
use crate::{
    command::{Interest, IpFamily, NetCommand, NetError, Reply},
    component::{Answer, DeclareError, HostCx, Linker, Trap},
    value::Value,
};

const TCP: &str = "wasi:sockets/tcp";
const UDP: &str = "wasi:sockets/udp";
const NAMES: &str = "wasi:sockets/ip-name-lookup";
const NETWORK: &str = "wasi:sockets/network";

pub(super) fn bind(linker: &mut Linker) -> Result<(), DeclareError> {
    for (interface, bodies) in [
        (TCP, tcp::BODIES),
        (TCP, tcp::OPTIONS),
        ("wasi:sockets/tcp-create-socket", tcp::CREATE),
        (UDP, udp::SOCKET),
        (UDP, udp::DATAGRAMS),
        ("wasi:sockets/udp-create-socket", udp::CREATE),
        (NAMES, look_up::BODIES),
    ] {
        for (function, body) in bodies {
            let body = *body;
            linker.func(interface, function, move |cx, args| {
                answer(body(cx, &mut Args::new(args)))
            })?;
        }
    }
    super::call::bind(linker, TCP, tcp::PLAIN)?;
    super::call::bind(linker, UDP, udp::PLAIN)?;
    super::call::bind(linker, NAMES, look_up::PLAIN)?;
    super::call::bind(
        linker,
        "wasi:sockets/instance-network",
        &[("instance-network", |cx, _| now(add(cx, Socket::Network)?))],
    )?;
    super::call::bind(
        linker,
        NETWORK,
        &[("network-error-code", |cx, args| {
            let error = cx.state::<WasiState>().table.error(args.handle()?)?;
            let code = error.net.map(error_code);
            now(code)
        })],
    )?;
    linker.resource_dtor(NETWORK, "network", super::io::discard)?;
    linker.resource_dtor(TCP, "tcp-socket", super::io::discard)?;
    linker.resource_dtor(UDP, "udp-socket", super::io::discard)?;
    linker.resource_dtor(UDP, "incoming-datagram-stream", udp::discard)?;
    linker.resource_dtor(UDP, "outgoing-datagram-stream", udp::discard)?;
    linker.resource_dtor(NAMES, "resolve-address-stream", super::io::discard)
}

/// A resource of `wasi:sockets`.
#[derive(Debug)]
pub(super) enum Socket {
    /// The right to use the network. What it is worth is decided outside.
    Network,
    Tcp(Tcp),
    Udp(Udp),
    /// Datagrams that come.
    Incoming(Datagrams),
    /// Datagrams that go.
    Outgoing(Datagrams),
    LookUp(LookUp),
}

impl Socket {
    /// What it keeps open outside.
    pub fn into_held(self) -> Option<Held> {
        match self {
            Socket::Network => None,
            Socket::Tcp(tcp) => Some(tcp.held),
            Socket::Udp(udp) => Some(udp.held),
            Socket::Incoming(datagrams) | Socket::Outgoing(datagrams) => Some(datagrams.held),
            Socket::LookUp(look_up) => look_up.held,
        }
    }

    /// What it has to wait for; nothing if it is ready.
    pub fn awaits(&self) -> Option<Interest> {
        match self {
            Socket::Network | Socket::Udp(_) => None,
            Socket::Tcp(tcp) => tcp.awaits(),
            Socket::Incoming(datagrams) => Some(Interest::Readable(*datagrams.held)),
            Socket::Outgoing(datagrams) => Some(Interest::Writable(*datagrams.held)),
            Socket::LookUp(look_up) => look_up.awaits(),
        }
    }
}

type Stop = stop::Stop<NetError>;

impl Told for NetError {
    fn result(self) -> Value {
        Value::err(Some(error_code(self)))
    }
}

/// A function whose failures are `error-code`s.
type Body = fn(&mut HostCx<'_>, &mut Args) -> Result<Answer, Stop>;

/// As `error-code`: [`NetError`] has the same cases in the same order.
fn error_code(error: NetError) -> Value {
    Value::case(error as u32)
}

/// Goes on with the reply, or with the error.
fn ask_all(
    command: NetCommand,
    then: impl FnOnce(&mut HostCx<'_>, Result<Reply, NetError>) -> Result<Answer, Stop> + Send + 'static,
) -> Result<Answer, Stop> {
    let then = move |cx: &mut HostCx<'_>, reply: Reply| {
        let result = match reply {
            Reply::NetError(error) => Err(error),
            reply => Ok(reply),
        };
        answer(then(cx, result))
    };
    Ok(Answer::Then(command.into(), Box::new(then)))
}

/// Goes on with the reply, unless the command has failed.
fn ask(
    command: NetCommand,
    then: impl FnOnce(&mut HostCx<'_>, Reply) -> Result<Answer, Stop> + Send + 'static,
) -> Result<Answer, Stop> {
    ask_all(command, |cx, result| then(cx, result?))
}

/// The function's result is that the command has been carried out.
fn carry_out(command: NetCommand) -> Result<Answer, Stop> {
    ask(command, |_, reply| {
        reply.done()?;
        done()
    })
}

/// A new resource for the guest to own.
fn add(cx: &mut HostCx<'_>, socket: Socket) -> Result<Value, Trap> {
    Ok(own(table::add(cx, Entry::Socket(Box::new(socket)))?))
}

/// The resource at this index.
fn socket<'a>(cx: &'a mut HostCx<'_>, index: u32) -> Result<&'a mut Socket, Trap> {
    cx.state::<WasiState>().table.socket(index)
}

/// A pollable that is ready when the resource is.
fn subscribe(cx: &mut HostCx<'_>, args: &mut Args) -> Result<Answer, Trap> {
    let index = args.handle()?;
    let pollable = Entry::Pollable(super::poll::Pollable::Socket(index));
    now(own(table::add_child(cx, pollable, index)?))
}

/// The next argument, `ip-address-family`.
fn family(args: &mut Args) -> Result<IpFamily, Trap> {
    match args.case()?.0 {
        0 => Ok(IpFamily::V4),
        1 => Ok(IpFamily::V6),
        _ => Err(unexpected_argument()),
    }
}

fn family_value(family: IpFamily) -> Value {
    Value::case(match family {
        IpFamily::V4 => 0,
        IpFamily::V6 => 1,
    })
}

/// The next argument, a borrowed `network`, which serves only to have one.
fn network(cx: &mut HostCx<'_>, args: &mut Args) -> Result<(), Trap> {
    socket(cx, args.handle()?).map(drop)
}
