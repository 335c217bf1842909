//! The servers of a run: the services of kind `http.service` of its project.
//!
//! They stand as long as the run takes, and do what a server does between a head and a
//! process: they look for the entry, start a process of it and make a response of its end.
//! Pages of other origins and files of directories are not their affair here.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use super::{super::wire::Wire, Arrived, Asked, Fate, Order, RespondTo, body::Body};
use crate::{
    command::{
        ErrorKind, HttpError, Pid, ProcessError, Reply,
        http::{RequestHead, ResponseHead, Scheme},
    },
    host::{
        Handle, Node,
        node::{
            context::REQUEST,
            executor::Executor,
            program::{Answering, BodyParam, Request},
        },
        serve::{Found, Server, Site, parts_of, text},
    },
    lock::lock,
    network::{Known, Network},
    registry::{HttpLimits, Project, ServiceKind},
    value::Term,
};

/// How long each wait takes at most, if the process has not said.
const TIMEOUT: Duration = Duration::from_secs(600);

/// The servers of a run.
pub(in super::super) struct Servers {
    node: Node,
    executor: Executor,
    wire: Arc<Wire>,
    all: Vec<Arc<Place>>,
}

/// A server.
struct Place {
    host: Option<IpAddr>,
    port: u16,
    secure: bool,
    /// The host that its processes live on.
    processes: String,
    site: Site,
    limits: HttpLimits,
}

impl Servers {
    /// Those of a project that are started with it.
    pub fn new(node: Node, project: &Project, executor: Executor, wire: Arc<Wire>) -> Servers {
        let mut all = Vec::new();
        for service in project.services() {
            let ServiceKind::Http(http) = service.service else { continue };
            if !http.lifecycle.auto_start {
                continue;
            }
            let Some((host, port)) = http.addr.rsplit_once(':') else { continue };
            let Ok(port) = port.parse() else { continue };
            // Any address of the machine, where it is a name or all of them.
            let host = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
            let host = host.filter(|host| !host.is_unspecified());
            let server = Server::of_project(&node, project, service.id, http);
            all.push(Arc::new(Place {
                host,
                port,
                secure: http.tls.is_some(),
                processes: server.host().to_owned(),
                site: Site::of_project(project, service.id),
                limits: http.limits,
            }));
        }
        Servers { node, executor, wire, all }
    }

    /// Brings a request to whom it is for.
    pub fn send(self: &Arc<Self>, order: Order) {
        let servers = self.clone();
        self.executor.spawn("a request", async move {
            let (exchange, first_byte) = (order.exchange.clone(), order.timeouts.first_byte);
            let late = async {
                let wait = first_byte.map_or(TIMEOUT, Duration::from_nanos);
                servers.node.clock().after(wait).await;
                Some(Err(HttpError::ConnectionReadTimeout))
            };
            let closed = async {
                servers.until(|| lock(&exchange.0).closed.then_some(())).await;
                None
            };
            let answer = async { Some(servers.carry_out(order).await) };
            let result = smol::future::or(smol::future::or(closed, answer), late).await;
            if let Some(result) = result {
                lock(&exchange.0).result = Some(result);
                servers.wire.change();
            }
        });
    }

    /// Waits until there is something.
    async fn until<T>(&self, mut there: impl FnMut() -> Option<T>) -> T {
        loop {
            // Listened to before it is looked at, so that nothing is missed.
            let changed = self.wire.listen();
            if let Some(it) = there() {
                return it;
            }
            changed.await;
        }
    }

    async fn carry_out(&self, order: Order) -> Result<Arrived, HttpError> {
        let Order { head, body, network, fate, late, .. } = order;
        self.node.clock().after(late.0).await;
        let place = self.find(&head, &network)?;
        match fate {
            Some(Fate::Refused) => return Err(HttpError::ConnectionRefused),
            Some(Fate::Lost) => return Err(HttpError::ConnectionTerminated),
            Some(Fate::Unanswered | Fate::HalfClosed) | None => {}
        }
        let arrived = self.respond(&place, head, body).await;
        self.node.clock().after(late.1).await;
        let arrived = arrived?;
        match fate {
            Some(Fate::Unanswered) => {
                arrived.body.leave();
                self.wire.change();
                return Err(HttpError::ConnectionTerminated);
            }
            Some(Fate::HalfClosed) => arrived.body.lose_after(1),
            Some(Fate::Refused | Fate::Lost) | None => {}
        }
        Ok(arrived)
    }

    /// The server that a request is for.
    fn find(&self, head: &RequestHead, network: &Network) -> Result<Arc<Place>, HttpError> {
        let secure = !matches!(head.scheme, Some(Scheme::Http));
        let authority = head.authority.as_deref().unwrap_or_default();
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| HttpError::RequestUriInvalid)?)
            }
            Some(_) | None => (authority, if secure { 443 } else { 80 }),
        };
        let host = host.trim_matches(['[', ']']);
        let addresses: Vec<IpAddr> = match host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) if host.eq_ignore_ascii_case("localhost") => {
                vec![std::net::Ipv4Addr::LOCALHOST.into(), std::net::Ipv6Addr::LOCALHOST.into()]
            }
            Err(_) => return Err(HttpError::DnsError { rcode: None, info_code: None }),
        };
        let known = Known::default();
        let mut addresses = addresses.into_iter().filter(|address| {
            network.connect.allow_name(host, Some(port))
                || network.connect.allow(SocketAddr::new(*address, port), &known)
        });
        let Some(first) = addresses.next() else { return Err(HttpError::DestinationIpProhibited) };
        let fits = |place: &&Arc<Place>| {
            let mut all = std::iter::once(first).chain(addresses.clone());
            place.port == port
                && all.any(|address| match place.host {
                    Some(host) => host == address,
                    None => address.is_loopback(),
                })
        };
        let place = self.all.iter().find(fits).ok_or(HttpError::ConnectionRefused)?;
        match place.secure == secure {
            true => Ok(place.clone()),
            // It does not understand what the other begins with.
            false => Err(HttpError::ConnectionTerminated),
        }
    }

    /// The response of a server.
    async fn respond(
        &self,
        place: &Place,
        head: RequestHead,
        body: Option<Body>,
    ) -> Result<Arrived, HttpError> {
        let target = head.path_with_query.as_deref().unwrap_or("/");
        let path = target.split('?').next().unwrap_or_default().to_owned();
        let (func, params) = match place.site.find(head.method.as_str(), &path) {
            Found::Endpoint(endpoint) => (endpoint.func.clone(), endpoint.path.captures(&path)),
            Found::Others { .. } => return Ok(plain(405, "another method is allowed")),
            Found::Nothing => return Ok(plain(404, "there is nothing at this path")),
        };
        let program = match self.node.program(&func).await {
            Ok(program) => program,
            Err(fault) => return Ok(failed(&fault)),
        };
        match program.answering() {
            Answering::Not => Ok(plain(500, "the server cannot answer this")),
            Answering::Whole(param) => {
                let Ok(args) = self.args(place, param, body).await? else {
                    return Ok(plain(400, "the body is no UTF-8, or too large"));
                };
                let launched = self
                    .node
                    .launch(&place.processes, &func, None, |context| program.start(args, context));
                self.ended(launched, false).await
            }
            Answering::Described => {
                let Ok(mut args) = self.args(place, BodyParam::Bytes, body).await? else {
                    return Ok(plain(413, "the body is too large"));
                };
                let told = described(place, &head, &path, &params, args.pop());
                let context = vec![(REQUEST.to_owned(), told)];
                let start = |context| program.start(Vec::new(), context);
                let launched = self.node.launch_with(&place.processes, &func, context, start);
                self.ended(launched, true).await
            }
            Answering::Streaming => {
                let respond_to = RespondTo::new(self.wire.clone());
                let (answer, open) = (respond_to.answer.clone(), respond_to.open.clone());
                let asked = Asked { head: incoming(head, body.as_ref()), body, answer: respond_to };
                let launched = self.node.launch(&place.processes, &func, None, |mut context| {
                    context.request = Some(Request::Staged(Box::new(asked)));
                    program.start(Vec::new(), context)
                });
                let handle = match launched {
                    Ok(handle) => handle,
                    Err(fault) => return Ok(failed(&fault)),
                };
                let mut waits = Waits(self.node.clone(), Some(handle.pid().clone()));
                let there = || {
                    let answer = lock(&answer).take();
                    answer.map(Some).or_else(|| (!*lock(&open)).then_some(None))
                };
                let answered = self.until(there).await;
                match answered {
                    Some(Ok(arrived)) => {
                        self.watch(arrived.body.clone(), waits);
                        Ok(arrived)
                    }
                    Some(Err(_)) => {
                        waits.1 = None;
                        Ok(plain(500, "the answer is an error"))
                    }
                    None => {
                        waits.1 = None;
                        Ok(plain(500, "there was no answer"))
                    }
                }
            }
        }
    }

    /// The end of a process as a response.
    async fn ended(
        &self,
        launched: Result<Handle, ProcessError>,
        says: bool,
    ) -> Result<Arrived, HttpError> {
        let handle = match launched {
            Ok(handle) => handle,
            Err(fault) => return Ok(failed(&fault)),
        };
        let mut waits = Waits(self.node.clone(), Some(handle.pid().clone()));
        let ended = handle.ended().await;
        waits.1 = None;
        let Some(ended) = ended else { return Ok(plain(503, "the server stops")) };
        let (status, headers, body) = parts_of(ended, says);
        Ok(Arrived { head: ResponseHead { status, headers }, body: Body::whole(body) })
    }

    /// Ends the process if who reads its response goes before the end.
    fn watch(self: &Servers, body: Body, mut waits: Waits) {
        let wire = self.wire.clone();
        self.executor.spawn("a response", async move {
            loop {
                let changed = wire.listen();
                if body.is_written() {
                    // What it still does after its answer is its own affair.
                    waits.1 = None;
                    break;
                }
                if body.is_left() {
                    break;
                }
                changed.await;
            }
            drop(waits);
        });
    }

    /// The arguments that a body makes; an error in the text if it makes none.
    async fn args(
        &self,
        place: &Place,
        param: BodyParam,
        body: Option<Body>,
    ) -> Result<Result<Vec<Term>, ()>, HttpError> {
        let mut all = Vec::new();
        if let (Some(body), true) = (body, param != BodyParam::None) {
            loop {
                let part = self.until(|| body.is_readable().then(|| body.read(usize::MAX))).await;
                // There is room for more.
                self.wire.change();
                match part {
                    Reply::Bytes(part) if part.is_empty() => break,
                    Reply::Bytes(part) => all.extend(part),
                    // Who has sent it has broken off.
                    _ => return Err(HttpError::ConnectionTerminated),
                }
                if all.len() as u64 > place.limits.max_body {
                    body.leave();
                    return Ok(Err(()));
                }
            }
        }
        let text = |all| String::from_utf8(all).map(|text| vec![Term::from(text)]).map_err(drop);
        Ok(match param {
            BodyParam::None => Ok(Vec::new()),
            BodyParam::OptionalText if all.is_empty() => Ok(Vec::new()),
            BodyParam::Text | BodyParam::OptionalText => text(all),
            BodyParam::Bytes => Ok(vec![Term::Bytes(all.into())]),
        })
    }
}

/// Ends a process that nobody waits for any more.
struct Waits(Node, Option<Pid>);

impl Drop for Waits {
    fn drop(&mut self) {
        if let Some(pid) = &self.1 {
            // It may have ended by itself.
            drop(self.0.terminate(pid.as_str()));
        }
    }
}

/// A request as a program is told of it.
fn described(
    place: &Place,
    head: &RequestHead,
    path: &str,
    params: &[(&str, &str)],
    body: Option<Term>,
) -> Term {
    let target = head.path_with_query.as_deref().unwrap_or("/");
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let fields = incoming(head.clone(), None).headers.into_iter();
    let fields = fields.map(|(name, value)| Term::List(vec![name.as_str().into(), text(value)]));
    let params = params.iter().map(|(name, part)| (Term::from(*name), Term::from(*part)));
    let mut told = vec![
        ("method", head.method.as_str().into()),
        ("path", path.into()),
        ("query", query.into()),
        ("headers", Term::List(fields.collect())),
        ("params", Term::Map(params.collect())),
        ("secure", Term::Bool(place.secure)),
        ("remote", "127.0.0.1:0".into()),
    ];
    if let Some(Term::Bytes(body)) = body {
        told.push(("body", text(body.to_vec())));
    }
    Term::record(told)
}

/// The head of a request as a server gets it.
fn incoming(head: RequestHead, body: Option<&Body>) -> RequestHead {
    let mut head = head;
    if let Some(authority) = &head.authority {
        head.headers.insert(0, ("host".to_owned(), authority.clone().into_bytes()));
    }
    match body.map(Body::length) {
        Some(Some(length)) => {
            head.headers.push(("content-length".to_owned(), length.to_string().into_bytes()));
        }
        Some(None) => {
            head.headers.push(("transfer-encoding".to_owned(), b"chunked".to_vec()));
        }
        None => {}
    }
    head
}

/// A response of one line of text.
fn plain(status: u16, text: &str) -> Arrived {
    let kind = b"text/plain; charset=utf-8".to_vec();
    let headers = vec![("content-type".to_owned(), kind)];
    Arrived {
        head: ResponseHead { status, headers },
        body: Body::whole(format!("{text}\n").into()),
    }
}

/// The response when there is no process.
fn failed(fault: &ProcessError) -> Arrived {
    match fault.kind == ErrorKind::Unavailable {
        true => plain(503, "the server has no room for another request"),
        false => plain(500, "the server cannot answer this"),
    }
}
