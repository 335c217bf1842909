//! UDP sockets, and the two streams of datagrams that each has.

use super::{
    Body, Socket, Stop, add, address, ask, done, family, family_value, network, ok, socket,
    subscribe, tcp,
};
use crate::{
    command::{Datagram, Interest, Interests, IpFamily, NetCommand, NetError, SocketOption, Wait},
    component::{Answer, HostCx, Trap},
    imports::wasi::{
        WasiState,
        call::{self, Args, misuse, now, own, under_way, unexpected_argument},
        table::{self, Entry, Held},
    },
    value::Value,
};

/// Datagrams of one call, in either direction.
const MAX_DATAGRAMS: u64 = 16;

/// What the datagrams of one call may have in bytes, about.
const MAX_BYTES: u64 = 128 << 10;

/// A UDP socket.
#[derive(Debug)]
pub(in crate::imports::wasi) struct Udp {
    pub held: Held,
    family: IpFamily,
    bound: bool,
    /// Binding has been started and not finished.
    binding: bool,
    /// It is tied to another end.
    tied: bool,
    /// How many of its streams live.
    streams: u32,
}

/// A stream of datagrams.
#[derive(Debug)]
pub(in crate::imports::wasi) struct Datagrams {
    pub held: Held,
    /// The index of its socket.
    socket: u32,
    /// How many may be sent, by the last `check-send`.
    allowed: u64,
}

/// The next argument, a `udp-socket`, with its index.
fn udp<'a>(cx: &'a mut HostCx<'_>, args: &mut Args) -> Result<(u32, &'a mut Udp), Trap> {
    let index = args.handle()?;
    Ok((index, at(cx, index)?))
}

fn at<'a>(cx: &'a mut HostCx<'_>, index: u32) -> Result<&'a mut Udp, Trap> {
    match socket(cx, index)? {
        Socket::Udp(udp) => Ok(udp),
        Socket::Network
        | Socket::Tcp(_)
        | Socket::Incoming(_)
        | Socket::Outgoing(_)
        | Socket::LookUp(_) => Err(unexpected_argument()),
    }
}

/// The next argument, a stream of datagrams, with its index.
fn datagrams<'a>(
    cx: &'a mut HostCx<'_>,
    args: &mut Args,
) -> Result<(u32, &'a mut Datagrams), Trap> {
    let index = args.handle()?;
    match socket(cx, index)? {
        Socket::Incoming(datagrams) | Socket::Outgoing(datagrams) => Ok((index, datagrams)),
        Socket::Network | Socket::Tcp(_) | Socket::Udp(_) | Socket::LookUp(_) => {
            Err(unexpected_argument())
        }
    }
}

pub(super) const CREATE: &[(&str, Body)] = &[("create-udp-socket", |_, args| {
    let family = family(args)?;
    ask(NetCommand::CreateUdp(family), move |cx, reply| {
        let held = Held::socket(reply.handle()?);
        let (bound, binding, tied, streams) = (false, false, false, 0);
        ok(add(cx, Socket::Udp(Udp { held, family, bound, binding, tied, streams }))?)
    })
})];

pub(super) const SOCKET: &[(&str, Body)] = &[
    ("[method]udp-socket.start-bind", |cx, args| {
        let (index, _) = udp(cx, args)?;
        network(cx, args)?;
        let address = address::read(args)?;
        let udp = at(cx, index)?;
        if udp.binding {
            return Err(NetError::ConcurrencyConflict.into());
        }
        if udp.bound || udp.streams > 0 {
            return Err(NetError::InvalidState.into());
        }
        if !udp.family.has(address.ip()) {
            return Err(NetError::InvalidArgument.into());
        }
        ask(NetCommand::Bind { socket: *udp.held, address }, move |cx, reply| {
            reply.done()?;
            let udp = at(cx, index)?;
            (udp.bound, udp.binding) = (true, true);
            done()
        })
    }),
    ("[method]udp-socket.finish-bind", |cx, args| {
        let (_, udp) = udp(cx, args)?;
        match std::mem::take(&mut udp.binding) {
            true => done(),
            false => Err(NetError::NotInProgress.into()),
        }
    }),
    ("[method]udp-socket.stream", |cx, args| {
        let (index, _) = udp(cx, args)?;
        let remote = address::read_option(args)?;
        let udp = at(cx, index)?;
        if udp.streams > 0 {
            let why = "`stream` of a `udp-socket` whose earlier streams have not been dropped";
            return Err(misuse(why).into());
        }
        if !udp.bound {
            return Err(NetError::InvalidState.into());
        }
        if remote.is_some_and(|remote| !udp.family.has(remote.ip()) || !address::is_remote(remote))
        {
            return Err(NetError::InvalidArgument.into());
        }
        if remote.is_none() && !udp.tied {
            return streams(cx, index);
        }
        let command = NetCommand::Associate { socket: *udp.held, remote };
        super::ask_all(command, move |cx, result| {
            let udp = at(cx, index)?;
            // One that could not be tied anew may have been untied.
            udp.tied = match &result {
                Ok(_) => remote.is_some(),
                Err(_) => udp.tied,
            };
            result?.done()?;
            streams(cx, index)
        })
    }),
    ("[method]udp-socket.local-address", |cx, args| {
        let (_, udp) = udp(cx, args)?;
        if !udp.bound {
            return Err(NetError::InvalidState.into());
        }
        ask(NetCommand::LocalAddress(*udp.held), |_, reply| ok(address::write(reply.address()?)))
    }),
    ("[method]udp-socket.remote-address", |cx, args| {
        let (_, udp) = udp(cx, args)?;
        if !udp.tied {
            return Err(NetError::InvalidState.into());
        }
        ask(NetCommand::RemoteAddress(*udp.held), |_, reply| ok(address::write(reply.address()?)))
    }),
    ("[method]udp-socket.unicast-hop-limit", |cx, args| tcp::hop_limit(*udp(cx, args)?.1.held)),
    ("[method]udp-socket.set-unicast-hop-limit", |cx, args| set(cx, args, SocketOption::HopLimit)),
    ("[method]udp-socket.receive-buffer-size", |cx, args| {
        tcp::option(*udp(cx, args)?.1.held, SocketOption::ReceiveBuffer)
    }),
    ("[method]udp-socket.set-receive-buffer-size", |cx, args| {
        set(cx, args, SocketOption::ReceiveBuffer)
    }),
    ("[method]udp-socket.send-buffer-size", |cx, args| {
        tcp::option(*udp(cx, args)?.1.held, SocketOption::SendBuffer)
    }),
    ("[method]udp-socket.set-send-buffer-size", |cx, args| set(cx, args, SocketOption::SendBuffer)),
];

fn set(cx: &mut HostCx<'_>, args: &mut Args, option: SocketOption) -> Result<Answer, Stop> {
    tcp::set_option(*udp(cx, args)?.1.held, option, args)
}

/// The two streams of a socket, to be dropped before it.
fn streams(cx: &mut HostCx<'_>, index: u32) -> Result<Answer, Stop> {
    let udp = at(cx, index)?;
    let held = udp.held.clone();
    let of = |kind: fn(Datagrams) -> Socket| {
        let datagrams = Datagrams { held: held.clone(), socket: index, allowed: 0 };
        Entry::Socket(Box::new(kind(datagrams)))
    };
    let (incoming, outgoing) = (of(Socket::Incoming), of(Socket::Outgoing));
    let incoming = table::add_child(cx, incoming, index)?;
    let outgoing = table::add_child(cx, outgoing, index)?;
    at(cx, index)?.streams = 2;
    ok(Value::Record(vec![own(incoming), own(outgoing)]))
}

/// What happens when a guest drops a stream of datagrams.
pub(super) fn discard(cx: &mut HostCx<'_>, index: u32) -> Result<(), Trap> {
    let parent = match socket(cx, index)? {
        Socket::Incoming(datagrams) | Socket::Outgoing(datagrams) => Some(datagrams.socket),
        Socket::Network | Socket::Tcp(_) | Socket::Udp(_) | Socket::LookUp(_) => None,
    };
    crate::imports::wasi::io::discard(cx, index)?;
    if let Some(parent) = parent {
        let udp = at(cx, parent)?;
        udp.streams = udp.streams.saturating_sub(1);
    }
    Ok(())
}

pub(super) const PLAIN: &[(&str, call::Body)] = &[
    ("[method]udp-socket.address-family", |cx, args| now(family_value(udp(cx, args)?.1.family))),
    ("[method]udp-socket.subscribe", subscribe),
    ("[method]incoming-datagram-stream.subscribe", subscribe),
    ("[method]outgoing-datagram-stream.subscribe", subscribe),
];

pub(super) const DATAGRAMS: &[(&str, Body)] = &[
    ("[method]incoming-datagram-stream.receive", |cx, args| {
        let (_, datagrams) = datagrams(cx, args)?;
        let socket = *datagrams.held;
        let max = args.u64()?.min(MAX_DATAGRAMS) as u32;
        if max == 0 {
            return ok(Vec::<Value>::new());
        }
        let charge = under_way(cx, MAX_BYTES);
        ask(NetCommand::Receive { socket, max }, move |_, reply| {
            let datagrams = reply.datagrams()?;
            drop(charge);
            let value = |Datagram { data, from }| {
                Value::Record(vec![Value::from(data), address::write(from)])
            };
            ok(datagrams.into_iter().map(value).collect::<Vec<Value>>())
        })
    }),
    ("[method]outgoing-datagram-stream.check-send", |cx, args| {
        let (index, datagrams) = datagrams(cx, args)?;
        let on = Interests::of(Interest::Writable(*datagrams.held));
        // A time that has passed: the answer comes at once.
        let wait = Wait::new(on.clone(), Some(0));
        let then = move |cx: &mut HostCx<'_>, reply: crate::command::Reply| {
            let ready = !reply.ready_of(&on, true)?.on.is_empty();
            let allowed = if ready { MAX_DATAGRAMS } else { 0 };
            if let Socket::Outgoing(datagrams) = socket(cx, index)? {
                datagrams.allowed = allowed;
            }
            now(Value::ok(Some(Value::U64(allowed))))
        };
        Ok(Answer::Then(wait.into(), Box::new(then)))
    }),
    ("[method]outgoing-datagram-stream.send", |cx, args| {
        let (index, _) = datagrams(cx, args)?;
        let mut list = Vec::new();
        for datagram in args.list()? {
            let Value::Record(fields) = datagram else { return Err(unexpected_argument().into()) };
            let mut fields = Args::new(fields);
            list.push((fields.bytes()?, address::read_option(&mut fields)?));
        }
        let Socket::Outgoing(datagrams) = cx.state::<WasiState>().table.socket(index)? else {
            return Err(unexpected_argument().into());
        };
        let count = list.len() as u64;
        if count == 0 {
            return ok(0u64);
        }
        if count > datagrams.allowed {
            let why = format!(
                "`send` of {count} datagrams, where `check-send` allows {}",
                datagrams.allowed
            );
            return Err(misuse(why).into());
        }
        datagrams.allowed = 0;
        let socket = *datagrams.held;
        ask(NetCommand::Send { socket, datagrams: list }, move |_, reply| {
            ok(reply.count_up_to(count)?)
        })
    }),
];
