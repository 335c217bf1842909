//! Requests and responses: what a process asks of them, answered by a client.
//!
//! | file | what |
//! | --- | --- |
//! | `client` | connections to servers, and those that wait for a next exchange |
//! | `exchange` | one request and its response |
//! | `pipe` | bodies that a process writes |
//! | `incoming` | bodies that a process reads |
//! | `head` | heads, to the HTTP library and back |
//! | `error` | what goes wrong |

mod client;
mod error;
mod exchange;
mod head;
mod incoming;
mod pipe;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use async_channel::Sender;

pub use self::client::Client;
use self::{
    client::Target,
    exchange::{Arrived, Exchange, Order},
    incoming::InBody,
    pipe::Writer,
};
pub(crate) use self::{
    head::{add_fields, fields},
    pipe::OutgoingBody,
};
use super::{Inner, locked, stream::Held};
use crate::{
    account::{Account, Exceeded},
    command::{
        Errno, FileId, HttpCommand, HttpError, Reply,
        http::{
            IncomingRequest, IncomingResponse, OutgoingRequest, OutgoingResponse, RequestHead,
            ResponseHead, Scheme,
        },
    },
    network::Known,
};

/// The bytes of an exchange or a request on the account besides its bodies: buffers of the
/// connection, the head.
const EXCHANGE: u64 = 32 << 10;

/// A request that a server has received, for the process that answers it.
pub(crate) struct Incoming {
    /// All but the body.
    pub head: RequestHead,
    /// The body.
    pub body: Option<hyper::body::Incoming>,
    /// How long to wait for more of it.
    pub between_bytes: Duration,
    /// Takes the answer. It is dropped without if there will be none.
    pub answer: Sender<Result<Answer, HttpError>>,
}

/// The answer of a process.
pub(crate) struct Answer {
    /// All but the body.
    pub head: ResponseHead,
    /// The body, which the process may go on writing.
    pub body: Option<OutgoingBody>,
}

/// Everything that a process has of HTTP.
#[derive(Default)]
pub(super) struct Http {
    nodes: Mutex<HashMap<FileId, Node>>,
    client: OnceLock<Arc<Client>>,
    account: OnceLock<Account>,
}

enum Node {
    Exchange(Arc<Exchange>),
    InBody(Arc<InBody>),
    OutBody(Writer),
    RespondTo(Sender<Result<Answer, HttpError>>),
}

impl Http {
    /// The client that makes its connections.
    pub fn set_client(&self, client: Arc<Client>) {
        // The first one stays.
        let _ = self.client.set(client);
    }

    /// The account that all of it is on.
    pub fn set_account(&self, account: Account) {
        let _ = self.account.set(account);
    }

    pub fn account(&self) -> &Account {
        self.account.get_or_init(Account::default)
    }

    /// Closes all.
    pub fn clear(&self) {
        let all = std::mem::take(&mut *locked(&self.nodes));
        // Not under the lock: closing may take a while.
        drop(all);
    }

    /// How many exchanges and bodies there are.
    fn len(&self) -> usize {
        locked(&self.nodes).len()
    }
}

fn add(world: &Inner, node: Node) -> FileId {
    let id = world.files.next_id();
    let held = match &node {
        Node::Exchange(exchange) => Some(Held::Source(Arc::clone(exchange) as _)),
        Node::InBody(body) => Some(Held::Stream(Arc::clone(body) as _)),
        Node::OutBody(writer) => Some(Held::Stream(writer.stream())),
        Node::RespondTo(_) => None,
    };
    if let Some(held) = held {
        world.handles.insert(id, held);
    }
    locked(&world.http.nodes).insert(id, node);
    id
}

/// Gives a process the request that it answers.
///
/// # Errors
///
/// If its account has no room.
pub(super) fn add_request(world: &Inner, request: Incoming) -> Result<IncomingRequest, Exceeded> {
    let Incoming { head, body, between_bytes, answer } = request;
    let charge = world.http.account().charge(EXCHANGE)?;
    let body = body.map(|body| InBody::of_request(body, between_bytes, charge));
    let body = body.map(|body| add(world, Node::InBody(Arc::new(body))));
    Ok(IncomingRequest { head, body, respond_to: add(world, Node::RespondTo(answer)) })
}

/// The answer: none of these commands waits.
pub(super) fn now(world: &Inner, command: HttpCommand) -> Reply {
    let http = &world.http;
    let bad = Reply::Failed(Errno::BadDescriptor);
    match command {
        HttpCommand::NewBody { length, of_response } => {
            let writer = Writer::new(length, of_response, http.account());
            Reply::Handle(add(world, Node::OutBody(writer)))
        }
        HttpCommand::Send(request) => send(world, *request),
        HttpCommand::Response(id) => {
            let exchange = match locked(&http.nodes).get(&id) {
                Some(Node::Exchange(exchange)) => Arc::clone(exchange),
                Some(Node::InBody(_) | Node::OutBody(_) | Node::RespondTo(_)) | None => return bad,
            };
            match exchange.take() {
                None => Reply::Failed(Errno::WouldBlock),
                Some(Ok(Arrived { head, body })) => {
                    let body = add(world, Node::InBody(Arc::new(body)));
                    Reply::Response(Box::new(IncomingResponse { head, body }))
                }
                Some(Err(error)) => Reply::HttpError(Box::new(error)),
            }
        }
        HttpCommand::Finish { body, trailers } => match locked(&http.nodes).get(&body) {
            Some(Node::OutBody(writer)) => {
                let finished = head::trailers(trailers).and_then(|map| writer.finish(map));
                finished.map_or_else(|error| Reply::HttpError(Box::new(error)), |()| Reply::Done)
            }
            Some(Node::InBody(_) | Node::Exchange(_) | Node::RespondTo(_)) | None => bad,
        },
        HttpCommand::Cut(body) => match locked(&http.nodes).get(&body) {
            Some(Node::OutBody(writer)) => {
                writer.cut();
                Reply::Done
            }
            Some(Node::InBody(_) | Node::Exchange(_) | Node::RespondTo(_)) | None => bad,
        },
        HttpCommand::PassOver(body) => match in_body(world, body) {
            Some(body) => {
                body.pass_over();
                Reply::Done
            }
            None => bad,
        },
        HttpCommand::Trailers(body) => in_body(world, body).map_or(bad, |body| body.trailers()),
        HttpCommand::Respond { to, response } => respond(world, to, response),
        HttpCommand::Close(id) => {
            let held = world.handles.remove(id);
            let node = locked(&http.nodes).remove(&id);
            drop(held);
            node.map_or(bad, |_| Reply::Done)
        }
    }
}

fn in_body(world: &Inner, id: FileId) -> Option<Arc<InBody>> {
    match locked(&world.http.nodes).get(&id)? {
        Node::InBody(body) => Some(Arc::clone(body)),
        Node::OutBody(_) | Node::Exchange(_) | Node::RespondTo(_) => None,
    }
}

/// The side of a body that the HTTP library reads.
fn reader(world: &Inner, body: Option<FileId>) -> Result<OutgoingBody, Errno> {
    let Some(body) = body else { return Ok(OutgoingBody::empty()) };
    match locked(&world.http.nodes).get(&body) {
        Some(Node::OutBody(writer)) => Ok(writer.reader()),
        Some(Node::InBody(_) | Node::Exchange(_) | Node::RespondTo(_)) | None => {
            Err(Errno::BadDescriptor)
        }
    }
}

fn send(world: &Inner, request: OutgoingRequest) -> Reply {
    let OutgoingRequest { head, body, timeouts } = request;
    let body = match reader(world, body) {
        Ok(body) => body,
        Err(errno) => return Reply::Failed(errno),
    };
    let tls = !matches!(head.scheme, Some(Scheme::Http));
    let target = head.authority.as_deref().and_then(|authority| Target::new(authority, tls));
    let Some(target) = target else {
        return Reply::HttpError(Box::new(HttpError::RequestUriInvalid));
    };
    let network = world.allowed.network();
    if network.is_none() {
        return Reply::HttpError(Box::new(HttpError::DestinationIpProhibited));
    }
    // A rule for the name is one for whatever it stands for; all others are asked about
    // what is connected to.
    let (host, port) = (target.host.clone(), target.port);
    let allowed = move |address: SocketAddr| {
        network.connect.allow_name(&host, Some(port))
            || network.connect.allow(address, &Known::default())
    };
    let request = match head::request(head, body) {
        Ok(request) => request,
        Err(error) => return Reply::HttpError(Box::new(error)),
    };
    let charge = match world.http.account().charge(EXCHANGE) {
        Ok(charge) => charge,
        Err(exceeded) => return Reply::Refused(exceeded.to_string()),
    };
    let client = world.http.client.get_or_init(Client::shared);
    let exchange = Exchange::begin(Order {
        client: Arc::clone(client),
        target,
        request,
        timeouts,
        own: world.http.len(),
        allowed: Arc::new(allowed),
        charge,
    });
    Reply::Handle(add(world, Node::Exchange(Arc::new(exchange))))
}

fn respond(world: &Inner, to: FileId, response: Result<OutgoingResponse, HttpError>) -> Reply {
    let response = match response {
        Ok(OutgoingResponse { head, body }) => match body.map(|body| reader(world, Some(body))) {
            None => Ok(Answer { head, body: None }),
            Some(Ok(body)) => Ok(Answer { head, body: Some(body) }),
            Some(Err(errno)) => return Reply::Failed(errno),
        },
        Err(error) => Err(error),
    };
    match locked(&world.http.nodes).remove(&to) {
        Some(Node::RespondTo(answer)) => {
            // If nobody waits for it, whoever has asked has gone.
            let _ = answer.try_send(response);
            Reply::Done
        }
        Some(Node::InBody(_) | Node::OutBody(_) | Node::Exchange(_)) | None => {
            Reply::Failed(Errno::BadDescriptor)
        }
    }
}
