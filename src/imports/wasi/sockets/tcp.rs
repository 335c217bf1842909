//! TCP sockets.

use super::{
    Body, Socket, Stop, add, address, ask, ask_all, carry_out, done, family, family_value, network,
    ok, socket, subscribe,
};
use crate::{
    command::{FileId, Interest, IpFamily, NetCommand, NetError, SocketOption},
    component::{Answer, HostCx, Trap},
    imports::wasi::{
        call::{self, Args, now, own, unexpected_argument},
        input::Input,
        output::Output,
        table::{self, Entry, Held},
    },
    value::Value,
};

/// Connections that may wait, unless the guest says otherwise.
const BACKLOG: u32 = 128;

/// A TCP socket.
#[derive(Debug)]
pub(in crate::imports::wasi) struct Tcp {
    pub held: Held,
    family: IpFamily,
    state: State,
    /// What has been started and not finished.
    under_way: Option<UnderWay>,
    backlog: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New {
        bound: bool,
    },
    /// Perhaps it has failed already.
    Connecting(Option<NetError>),
    Connected,
    Listening,
    /// For good, with this error.
    Failed(NetError),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UnderWay {
    Bind,
    Connect,
    Listen,
}

impl Tcp {
    fn new(id: FileId, family: IpFamily, state: State) -> Tcp {
        let held = Held::socket(id);
        Tcp { held, family, state, under_way: None, backlog: BACKLOG }
    }

    /// What it has to wait for; nothing if it is ready.
    pub fn awaits(&self) -> Option<Interest> {
        match (self.state, self.under_way) {
            (State::Connecting(None), _) => Some(Interest::Writable(*self.held)),
            (State::Listening, None) => Some(Interest::Readable(*self.held)),
            (
                State::New { .. }
                | State::Connecting(Some(_))
                | State::Connected
                | State::Listening
                | State::Failed(_),
                _,
            ) => None,
        }
    }

    /// Fails if something is under way.
    fn is_free(&self) -> Result<(), NetError> {
        if self.under_way.is_some() { Err(NetError::ConcurrencyConflict) } else { Ok(()) }
    }

    /// Ends what is under way, if it is this.
    fn finish(&mut self, what: UnderWay) -> Result<(), NetError> {
        if self.under_way != Some(what) {
            return Err(NetError::NotInProgress);
        }
        self.under_way = None;
        Ok(())
    }

    /// The socket, if it has options.
    fn with_options(&self) -> Result<FileId, NetError> {
        match self.state {
            State::New { .. } | State::Connected | State::Listening => Ok(*self.held),
            State::Connecting(_) => Err(NetError::InvalidState),
            State::Failed(error) => Err(error),
        }
    }
}

/// The next argument, a `tcp-socket`, with its index.
fn tcp<'a>(cx: &'a mut HostCx<'_>, args: &mut Args) -> Result<(u32, &'a mut Tcp), Trap> {
    let index = args.handle()?;
    Ok((index, at(cx, index)?))
}

fn at<'a>(cx: &'a mut HostCx<'_>, index: u32) -> Result<&'a mut Tcp, Trap> {
    match socket(cx, index)? {
        Socket::Tcp(tcp) => Ok(tcp),
        Socket::Network
        | Socket::Udp(_)
        | Socket::Incoming(_)
        | Socket::Outgoing(_)
        | Socket::LookUp(_) => Err(unexpected_argument()),
    }
}

pub(super) const CREATE: &[(&str, Body)] = &[("create-tcp-socket", |_, args| {
    let family = family(args)?;
    ask(NetCommand::CreateTcp(family), move |cx, reply| {
        let tcp = Tcp::new(reply.handle()?, family, State::New { bound: false });
        ok(add(cx, Socket::Tcp(tcp))?)
    })
})];

pub(super) const BODIES: &[(&str, Body)] = &[
    ("[method]tcp-socket.start-bind", start_bind),
    ("[method]tcp-socket.finish-bind", |cx, args| {
        tcp(cx, args)?.1.finish(UnderWay::Bind)?;
        done()
    }),
    ("[method]tcp-socket.start-connect", start_connect),
    ("[method]tcp-socket.finish-connect", finish_connect),
    ("[method]tcp-socket.start-listen", start_listen),
    ("[method]tcp-socket.finish-listen", |cx, args| {
        tcp(cx, args)?.1.finish(UnderWay::Listen)?;
        done()
    }),
    ("[method]tcp-socket.accept", accept),
    ("[method]tcp-socket.local-address", |cx, args| {
        let (_, tcp) = tcp(cx, args)?;
        match tcp.state {
            State::New { bound: true } | State::Connected | State::Listening => {}
            State::New { bound: false } | State::Connecting(_) => {
                return Err(NetError::InvalidState.into());
            }
            State::Failed(error) => return Err(error.into()),
        }
        ask(NetCommand::LocalAddress(*tcp.held), |_, reply| ok(address::write(reply.address()?)))
    }),
    ("[method]tcp-socket.remote-address", |cx, args| {
        let (_, tcp) = tcp(cx, args)?;
        match tcp.state {
            State::Connected => {}
            State::New { .. } | State::Connecting(_) | State::Listening => {
                return Err(NetError::InvalidState.into());
            }
            State::Failed(error) => return Err(error.into()),
        }
        ask(NetCommand::RemoteAddress(*tcp.held), |_, reply| ok(address::write(reply.address()?)))
    }),
    ("[method]tcp-socket.set-listen-backlog-size", |cx, args| {
        let (_, tcp) = tcp(cx, args)?;
        let backlog = args.u64()?;
        if backlog == 0 {
            return Err(NetError::InvalidArgument.into());
        }
        let backlog = backlog.min(0x7fff_ffff) as u32;
        match tcp.state {
            State::New { .. } => {
                tcp.backlog = backlog;
                done()
            }
            State::Listening => {
                let socket = *tcp.held;
                ask_all(NetCommand::Listen { socket, backlog }, |_, result| match result {
                    Ok(reply) => {
                        reply.done()?;
                        done()
                    }
                    Err(_) => Err(NetError::NotSupported.into()),
                })
            }
            State::Connecting(_) | State::Connected => Err(NetError::InvalidState.into()),
            State::Failed(error) => Err(error.into()),
        }
    }),
    ("[method]tcp-socket.shutdown", |cx, args| {
        let (_, tcp) = tcp(cx, args)?;
        if tcp.state != State::Connected {
            return Err(NetError::InvalidState.into());
        }
        let socket = *tcp.held;
        let (receive, send) = match args.case()?.0 {
            0 => (true, false),
            1 => (false, true),
            2 => (true, true),
            _ => return Err(unexpected_argument().into()),
        };
        carry_out(NetCommand::Shutdown { socket, receive, send })
    }),
];

pub(super) const PLAIN: &[(&str, call::Body)] = &[
    ("[method]tcp-socket.is-listening", |cx, args| now(tcp(cx, args)?.1.state == State::Listening)),
    ("[method]tcp-socket.address-family", |cx, args| now(family_value(tcp(cx, args)?.1.family))),
    ("[method]tcp-socket.subscribe", subscribe),
];

pub(super) const OPTIONS: &[(&str, Body)] = &[
    ("[method]tcp-socket.keep-alive-enabled", |cx, args| {
        let socket = tcp(cx, args)?.1.with_options()?;
        let command = NetCommand::Option { socket, option: SocketOption::KeepAlive };
        ask(command, |_, reply| ok(reply.count()? != 0))
    }),
    ("[method]tcp-socket.set-keep-alive-enabled", |cx, args| {
        let socket = tcp(cx, args)?.1.with_options()?;
        let value = args.bool()?.into();
        carry_out(NetCommand::SetOption { socket, option: SocketOption::KeepAlive, value })
    }),
    ("[method]tcp-socket.keep-alive-idle-time", |cx, args| {
        get(cx, args, SocketOption::KeepAliveIdle)
    }),
    ("[method]tcp-socket.set-keep-alive-idle-time", |cx, args| {
        set(cx, args, SocketOption::KeepAliveIdle)
    }),
    ("[method]tcp-socket.keep-alive-interval", |cx, args| {
        get(cx, args, SocketOption::KeepAliveInterval)
    }),
    ("[method]tcp-socket.set-keep-alive-interval", |cx, args| {
        set(cx, args, SocketOption::KeepAliveInterval)
    }),
    ("[method]tcp-socket.keep-alive-count", |cx, args| {
        let socket = tcp(cx, args)?.1.with_options()?;
        let command = NetCommand::Option { socket, option: SocketOption::KeepAliveCount };
        ask(command, |_, reply| ok(Value::U32(u32::try_from(reply.count()?).unwrap_or(u32::MAX))))
    }),
    ("[method]tcp-socket.set-keep-alive-count", |cx, args| {
        set(cx, args, SocketOption::KeepAliveCount)
    }),
    ("[method]tcp-socket.hop-limit", |cx, args| {
        let socket = tcp(cx, args)?.1.with_options()?;
        hop_limit(socket)
    }),
    ("[method]tcp-socket.set-hop-limit", |cx, args| set(cx, args, SocketOption::HopLimit)),
    ("[method]tcp-socket.receive-buffer-size", |cx, args| {
        get(cx, args, SocketOption::ReceiveBuffer)
    }),
    ("[method]tcp-socket.set-receive-buffer-size", |cx, args| {
        set(cx, args, SocketOption::ReceiveBuffer)
    }),
    ("[method]tcp-socket.send-buffer-size", |cx, args| get(cx, args, SocketOption::SendBuffer)),
    ("[method]tcp-socket.set-send-buffer-size", |cx, args| set(cx, args, SocketOption::SendBuffer)),
];

/// A number of a socket.
pub(super) fn option(socket: FileId, option: SocketOption) -> Result<Answer, Stop> {
    ask(NetCommand::Option { socket, option }, |_, reply| ok(reply.count()?))
}

/// A number of a socket that is a byte.
pub(super) fn hop_limit(socket: FileId) -> Result<Answer, Stop> {
    let command = NetCommand::Option { socket, option: SocketOption::HopLimit };
    ask(command, |_, reply| match u8::try_from(reply.count()?) {
        Ok(hops) => ok(Value::U8(hops)),
        Err(_) => Err(NetError::NotSupported.into()),
    })
}

/// Sets a number of a socket, which is never 0.
pub(super) fn set_option(
    socket: FileId,
    option: SocketOption,
    args: &mut Args,
) -> Result<Answer, Stop> {
    let value = match args.value()? {
        Value::U8(value) => value.into(),
        Value::U32(value) => value.into(),
        Value::U64(value) => value,
        _ => return Err(unexpected_argument().into()),
    };
    if value == 0 {
        return Err(NetError::InvalidArgument.into());
    }
    carry_out(NetCommand::SetOption { socket, option, value })
}

fn get(cx: &mut HostCx<'_>, args: &mut Args, which: SocketOption) -> Result<Answer, Stop> {
    option(tcp(cx, args)?.1.with_options()?, which)
}

fn set(cx: &mut HostCx<'_>, args: &mut Args, which: SocketOption) -> Result<Answer, Stop> {
    set_option(tcp(cx, args)?.1.with_options()?, which, args)
}

fn start_bind(cx: &mut HostCx<'_>, args: &mut Args) -> Result<Answer, Stop> {
    let (index, _) = tcp(cx, args)?;
    network(cx, args)?;
    let address = address::read(args)?;
    let tcp = at(cx, index)?;
    tcp.is_free()?;
    if tcp.state != (State::New { bound: false }) {
        return Err(NetError::InvalidState.into());
    }
    if !address::is_unicast(address.ip()) || !tcp.family.has(address.ip()) {
        return Err(NetError::InvalidArgument.into());
    }
    ask(NetCommand::Bind { socket: *tcp.held, address }, move |cx, reply| {
        reply.done()?;
        let tcp = at(cx, index)?;
        (tcp.state, tcp.under_way) = (State::New { bound: true }, Some(UnderWay::Bind));
        done()
    })
}

fn start_connect(cx: &mut HostCx<'_>, args: &mut Args) -> Result<Answer, Stop> {
    let (index, _) = tcp(cx, args)?;
    network(cx, args)?;
    let address = address::read(args)?;
    let tcp = at(cx, index)?;
    tcp.is_free()?;
    if !matches!(tcp.state, State::New { .. }) {
        return Err(NetError::InvalidState.into());
    }
    if !address::is_unicast(address.ip())
        || !address::is_remote(address)
        || !tcp.family.has(address.ip())
    {
        return Err(NetError::InvalidArgument.into());
    }
    // That it has failed is told at the end, however early that is known.
    ask_all(NetCommand::Connect { socket: *tcp.held, address }, move |cx, result| {
        let failed = match result {
            Ok(reply) => {
                reply.done()?;
                None
            }
            Err(error) => Some(error),
        };
        let tcp = at(cx, index)?;
        (tcp.state, tcp.under_way) = (State::Connecting(failed), Some(UnderWay::Connect));
        done()
    })
}

fn finish_connect(cx: &mut HostCx<'_>, args: &mut Args) -> Result<Answer, Stop> {
    let (index, tcp) = tcp(cx, args)?;
    let State::Connecting(failed) = tcp.state else { return Err(NetError::NotInProgress.into()) };
    if let Some(error) = failed {
        (tcp.state, tcp.under_way) = (State::Failed(error), None);
        return Err(error.into());
    }
    ask_all(NetCommand::FinishConnect(*tcp.held), move |cx, result| {
        let tcp = at(cx, index)?;
        match result {
            Err(NetError::WouldBlock) => return Err(NetError::WouldBlock.into()),
            Err(error) => {
                (tcp.state, tcp.under_way) = (State::Failed(error), None);
                return Err(error.into());
            }
            Ok(reply) => reply.done()?,
        }
        (tcp.state, tcp.under_way) = (State::Connected, None);
        let held = tcp.held.clone();
        let (input, output) = streams(cx, index, held)?;
        ok(Value::Record(vec![input, output]))
    })
}

/// The two streams of a connection, to be dropped before it.
fn streams(cx: &mut HostCx<'_>, index: u32, held: Held) -> Result<(Value, Value), Trap> {
    let input = table::add_child(cx, Entry::Input(Input::stream(held.clone())), index)?;
    let output = table::add_child(cx, Entry::Output(Output::stream(held)), index)?;
    Ok((own(input), own(output)))
}

fn start_listen(cx: &mut HostCx<'_>, args: &mut Args) -> Result<Answer, Stop> {
    let (index, tcp) = tcp(cx, args)?;
    tcp.is_free()?;
    if tcp.state != (State::New { bound: true }) {
        return Err(NetError::InvalidState.into());
    }
    let command = NetCommand::Listen { socket: *tcp.held, backlog: tcp.backlog };
    ask_all(command, move |cx, result| {
        let tcp = at(cx, index)?;
        match result {
            Ok(reply) => reply.done()?,
            Err(error) => {
                tcp.state = State::Failed(NetError::Unknown);
                return Err(error.into());
            }
        }
        (tcp.state, tcp.under_way) = (State::Listening, Some(UnderWay::Listen));
        done()
    })
}

fn accept(cx: &mut HostCx<'_>, args: &mut Args) -> Result<Answer, Stop> {
    let (_, tcp) = tcp(cx, args)?;
    if tcp.state != State::Listening {
        return Err(NetError::InvalidState.into());
    }
    let family = tcp.family;
    ask(NetCommand::Accept(*tcp.held), move |cx, reply| {
        let id = reply.handle()?;
        let connection = Tcp::new(id, family, State::Connected);
        let held = connection.held.clone();
        let index = table::add(cx, Entry::Socket(Box::new(Socket::Tcp(connection))))?;
        let (input, output) = streams(cx, index, held)?;
        ok(Value::Record(vec![own(index), input, output]))
    })
}
