//! HTTP in a simulated run: what a process has of it.
//!
//! A request goes to a server of the same project, an `http.service`, or to nobody. There is
//! no text of a protocol between the two: a request is handed over as it is, and so is the
//! response, so that what can go wrong is what a process can see of it. It is chosen when
//! the request is made: it is refused, or lost before it arrives, or it is answered and the
//! answer is lost, as a whole or from some byte on; either way may be slow.
//!
//! | file | what |
//! | --- | --- |
//! | `body` | bodies |
//! | `servers` | who answers |

mod body;
mod servers;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

pub(super) use self::{body::Body, servers::Servers};
use super::wire::Wire;
use crate::{
    command::{
        Errno, FileId, HttpCommand, HttpError, Interest, Reply, StreamCommand,
        http::{
            IncomingRequest, IncomingResponse, OutgoingRequest, OutgoingResponse, RequestHead,
            ResponseHead, Timeouts,
        },
    },
    lock::lock,
    network::Network,
};

/// The first number of what is here: sockets have those before.
const FIRST: u64 = 1 << 33;

/// Exchanges and bodies that a process may have.
const MOST: usize = 4096;

/// The misfortunes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nobody takes the connection.
    Refused,
    /// It is cut before the request has arrived.
    Lost,
    /// It is cut after the request has been answered.
    Unanswered,
    /// It is cut in the middle of the response.
    HalfClosed,
}

impl Fate {
    /// The options of a choice, after the one that nothing happens.
    pub const ALL: [Fate; 4] = [Fate::Refused, Fate::Lost, Fate::Unanswered, Fate::HalfClosed];

    /// What becomes of the request, in words.
    pub fn name(self) -> &'static str {
        match self {
            Fate::Refused => "is refused",
            Fate::Lost => "is lost",
            Fate::Unanswered => "is answered, and the answer is lost",
            Fate::HalfClosed => "is answered, and the answer is cut",
        }
    }
}

/// A request that is under way. A clone is the same.
#[derive(Clone, Default)]
pub(super) struct Exchange(Arc<Mutex<Under>>);

#[derive(Default)]
struct Under {
    result: Option<Result<Arrived, HttpError>>,
    /// Nobody waits for it any more.
    closed: bool,
}

/// A response.
pub(super) struct Arrived {
    head: ResponseHead,
    body: Body,
}

/// A request on its way to a server.
pub(super) struct Order {
    pub head: RequestHead,
    pub body: Option<Body>,
    pub timeouts: Timeouts,
    pub network: Arc<Network>,
    /// What befalls it, and how late request and response are.
    pub fate: Option<Fate>,
    pub late: (Duration, Duration),
    pub exchange: Exchange,
}

/// Where a response goes, or why there is none; nothing if it was given up.
type Answer = Arc<Mutex<Option<Result<Arrived, HttpError>>>>;

/// A request for a process that answers it piece by piece.
pub(super) struct Asked {
    head: RequestHead,
    body: Option<Body>,
    answer: RespondTo,
}

/// The place for an answer. When it goes without one, there will be none.
struct RespondTo {
    answer: Answer,
    open: Arc<Mutex<bool>>,
    wire: Arc<Wire>,
}

impl RespondTo {
    fn new(wire: Arc<Wire>) -> RespondTo {
        RespondTo { answer: Answer::default(), open: Arc::new(Mutex::new(true)), wire }
    }
}

impl Drop for RespondTo {
    fn drop(&mut self) {
        *lock(&self.open) = false;
        self.wire.change();
    }
}

enum Node {
    Exchange(Exchange),
    In(Body),
    Out(Body),
    RespondTo(RespondTo),
}

/// All that a process has of HTTP.
pub(super) struct Http {
    wire: Arc<Wire>,
    network: Arc<Network>,
    open: BTreeMap<FileId, Node>,
    next: u64,
}

impl Http {
    pub fn new(wire: Arc<Wire>) -> Http {
        let (network, open) = (Arc::new(Network::NONE), BTreeMap::new());
        Http { wire, network, open, next: FIRST }
    }

    /// Whom the process may talk to.
    pub fn set_network(&mut self, network: Arc<Network>) {
        self.network = network;
    }

    /// True if something of this number is, or was, here.
    pub fn has(id: FileId) -> bool {
        id.0 >= FIRST
    }

    fn add(&mut self, node: Node) -> FileId {
        let id = FileId(self.next);
        self.next = self.next.saturating_add(1);
        self.open.insert(id, node);
        id
    }

    /// Gives the process the request that it answers.
    pub fn take_request(&mut self, asked: Asked) -> IncomingRequest {
        let Asked { head, body, answer } = asked;
        let body = body.map(|body| self.add(Node::In(body)));
        IncomingRequest { head, body, respond_to: self.add(Node::RespondTo(answer)) }
    }

    /// Answers a command; a request is sent by `send`.
    pub fn answer(
        &mut self,
        command: HttpCommand,
        send: impl FnOnce(OutgoingRequest, Option<Body>, Arc<Network>) -> Exchange,
    ) -> Reply {
        let reply = self.try_answer(command, send);
        self.wire.change();
        reply.unwrap_or(Reply::Failed(Errno::BadDescriptor))
    }

    fn try_answer(
        &mut self,
        command: HttpCommand,
        send: impl FnOnce(OutgoingRequest, Option<Body>, Arc<Network>) -> Exchange,
    ) -> Option<Reply> {
        let failed = |error| Reply::HttpError(Box::new(error));
        Some(match command {
            HttpCommand::NewBody { .. } | HttpCommand::Send(_) if self.open.len() >= MOST => {
                Reply::Refused(format!("a process has at most {MOST} requests and bodies"))
            }
            HttpCommand::NewBody { of_response, length } => {
                Reply::Handle(self.add(Node::Out(Body::new(length, of_response))))
            }
            HttpCommand::Send(request) => {
                if self.network.is_none() {
                    return Some(failed(HttpError::DestinationIpProhibited));
                }
                let body = match request.body {
                    Some(id) => Some(self.out(id)?),
                    None => None,
                };
                let exchange = send(*request, body, self.network.clone());
                Reply::Handle(self.add(Node::Exchange(exchange)))
            }
            HttpCommand::Response(id) => {
                let Node::Exchange(exchange) = self.open.get(&id)? else { return None };
                let result = lock(&exchange.0).result.take();
                match result {
                    None => Reply::Failed(Errno::WouldBlock),
                    Some(Ok(Arrived { head, body })) => {
                        let body = self.add(Node::In(body));
                        Reply::Response(Box::new(IncomingResponse { head, body }))
                    }
                    Some(Err(error)) => failed(error),
                }
            }
            HttpCommand::Finish { body, trailers } => {
                self.out(body)?.finish(trailers).map_or_else(failed, |()| Reply::Done)
            }
            HttpCommand::Cut(body) => {
                self.out(body)?.cut();
                Reply::Done
            }
            HttpCommand::PassOver(body) => {
                self.inner(body)?.pass_over();
                Reply::Done
            }
            HttpCommand::Trailers(body) => self.inner(body)?.trailers(),
            HttpCommand::Respond { to, response } => {
                let response = match response {
                    Ok(OutgoingResponse { head, body }) => {
                        let body = match body {
                            Some(id) => self.out(id)?,
                            None => Body::whole(Vec::new()),
                        };
                        Ok(Arrived { head, body })
                    }
                    Err(error) => Err(error),
                };
                let Some(Node::RespondTo(place)) = self.open.get(&to) else { return None };
                *lock(&place.answer) = Some(response);
                self.open.remove(&to);
                Reply::Done
            }
            HttpCommand::Close(id) => {
                self.open.remove(&id)?.close();
                Reply::Done
            }
        })
    }

    fn out(&self, id: FileId) -> Option<Body> {
        match self.open.get(&id)? {
            Node::Out(body) => Some(body.clone()),
            Node::Exchange(_) | Node::In(_) | Node::RespondTo(_) => None,
        }
    }

    fn inner(&self, id: FileId) -> Option<Body> {
        match self.open.get(&id)? {
            Node::In(body) => Some(body.clone()),
            Node::Exchange(_) | Node::Out(_) | Node::RespondTo(_) => None,
        }
    }

    /// Answers a command about a body.
    pub fn stream(&mut self, command: StreamCommand) -> Reply {
        let bad = Reply::Failed(Errno::BadDescriptor);
        let reply = match command {
            StreamCommand::Read { stream, len } => {
                self.inner(stream).map_or(bad, |body| body.read(len as usize))
            }
            StreamCommand::Room(id) => self.out(id).map_or(bad, |body| body.room()),
            StreamCommand::Write { stream, bytes } => {
                self.out(stream).map_or(bad, |body| body.write(&bytes))
            }
            StreamCommand::Flush(_) => Reply::Done,
        };
        self.wire.change();
        reply
    }

    /// True if a wait for this is over.
    pub fn holds(&self, interest: Interest) -> bool {
        let (id, reads) = match interest {
            Interest::Readable(id) => (id, true),
            Interest::Writable(id) => (id, false),
            Interest::Stdin | Interest::Mail => return false,
        };
        match self.open.get(&id) {
            Some(Node::Exchange(exchange)) => !reads || lock(&exchange.0).result.is_some(),
            Some(Node::In(body)) => !reads || body.is_readable(),
            Some(Node::Out(body)) => reads || body.is_writable(),
            Some(Node::RespondTo(_)) | None => true,
        }
    }
}

impl Node {
    fn close(&self) {
        match self {
            Node::Exchange(exchange) => lock(&exchange.0).closed = true,
            Node::In(body) => body.leave(),
            Node::Out(body) => body.cut(),
            Node::RespondTo(_) => {}
        }
    }
}

/// The process has ended.
impl Drop for Http {
    fn drop(&mut self) {
        self.open.values().for_each(Node::close);
        self.open.clear();
        self.wire.change();
    }
}
