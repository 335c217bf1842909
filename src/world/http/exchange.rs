//! One request and its response.
//!
//! An exchange is a task that makes a connection, or takes one that waits, sends the
//! request and receives the head of the response. It is given up when the exchange is
//! closed.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use event_listener::Event;
use hyper::{Method, Request, Response, StatusCode, body::Incoming};
use smol::{Task, Timer};

use super::{
    super::{
        locked,
        stream::{Source, Waiting},
    },
    client::{Client, Connection, Target, resolve},
    error::{Part, of_hyper},
    head,
    incoming::InBody,
    pipe::OutgoingBody,
};
use crate::{
    account::Charge,
    command::{
        HttpError,
        http::{ResponseHead, Timeouts},
    },
};

/// How long each wait takes at most, if the process has not said.
const TIMEOUT: Duration = Duration::from_secs(600);

/// A response that has come.
pub(super) struct Arrived {
    pub head: ResponseHead,
    pub body: InBody,
}

/// A request that is under way, or its response.
pub(super) struct Exchange {
    state: Arc<State>,
    _task: Task<()>,
}

#[derive(Default)]
struct State {
    result: Mutex<Option<Result<Arrived, HttpError>>>,
    come: Event,
}

/// All that an exchange needs.
pub(super) struct Order {
    pub client: Arc<Client>,
    pub target: Target,
    pub request: Request<OutgoingBody>,
    pub timeouts: Timeouts,
    /// How many exchanges the process has.
    pub own: usize,
    /// Where the process may connect to.
    pub allowed: Arc<dyn Fn(SocketAddr) -> bool + Send + Sync>,
    pub charge: Charge,
}

impl Exchange {
    pub fn begin(order: Order) -> Exchange {
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let task = smol::spawn(async move {
            let result = order.carry_out().await;
            *locked(&shared.result) = Some(result);
            shared.come.notify(usize::MAX);
        });
        Exchange { state, _task: task }
    }

    /// The response or the error, once; nothing if it has not come.
    pub fn take(&self) -> Option<Result<Arrived, HttpError>> {
        locked(&self.state.result).take()
    }
}

impl Source for Exchange {
    fn is_readable(&self) -> bool {
        locked(&self.state.result).is_some()
    }

    fn is_writable(&self) -> bool {
        true
    }

    fn readable(self: Arc<Self>) -> Waiting {
        Box::pin(async move {
            let listener = self.state.come.listen();
            if !self.is_readable() {
                listener.await;
            }
        })
    }

    fn writable(self: Arc<Self>) -> Waiting {
        Box::pin(std::future::ready(()))
    }
}

/// The result, unless the time is over first.
async fn within<T>(
    time: Option<u64>,
    over: HttpError,
    result: impl Future<Output = Result<T, HttpError>>,
) -> Result<T, HttpError> {
    let time = time.map_or(TIMEOUT, Duration::from_nanos);
    let timer = async {
        Timer::after(time).await;
        Err(over)
    };
    smol::future::or(result, timer).await
}

impl Order {
    async fn carry_out(mut self) -> Result<Arrived, HttpError> {
        // The HTTP library leaves out a body of unknown length where it expects none.
        let unusual = matches!(*self.request.method(), Method::GET | Method::HEAD);
        if unusual && hyper::body::Body::size_hint(self.request.body()).exact().is_none() {
            match self.request.body().has_any().await {
                true => head::set_chunked(&mut self.request),
                false => *self.request.body_mut() = OutgoingBody::empty(),
            }
        }
        let mut request = self.request;
        if let Some(connection) = self.client.take_idle(&self.target, &*self.allowed) {
            // The server may close it at this very moment: then it is tried anew, if the
            // server has not seen it, or if to see it twice makes no difference.
            let again = repeatable(&request);
            match send(connection, request, self.timeouts.first_byte).await {
                Ok((response, connection)) => {
                    let rest = (self.client, self.timeouts, self.charge);
                    return arrived(response, connection, rest);
                }
                Err((error, unsent)) => match (unsent, again) {
                    (Some(unsent), _) => request = *unsent,
                    (None, Some(again)) if error == HttpError::ConnectionTerminated => {
                        request = again;
                    }
                    (None, _) => return Err(error),
                },
            }
        }
        let Target { host, port, .. } = self.target.clone();
        let resolving = std::sync::atomic::AtomicBool::new(true);
        let connect = async {
            let mut addresses = resolve(&host, port).await?;
            resolving.store(false, std::sync::atomic::Ordering::Relaxed);
            addresses.retain(|address| (self.allowed)(*address));
            if addresses.is_empty() {
                return Err(HttpError::DestinationIpProhibited);
            }
            self.client.connect(self.target, self.own, addresses).await
        };
        let connected = within(self.timeouts.connect, HttpError::ConnectionTimeout, connect).await;
        let connection = connected.map_err(|error| {
            let in_dns = resolving.load(std::sync::atomic::Ordering::Relaxed);
            if in_dns && error == HttpError::ConnectionTimeout {
                HttpError::DnsTimeout
            } else {
                error
            }
        })?;
        match send(connection, request, self.timeouts.first_byte).await {
            Ok((response, connection)) => {
                arrived(response, connection, (self.client, self.timeouts, self.charge))
            }
            Err((error, _)) => Err(error),
        }
    }
}

/// The same request, if it may be sent twice.
fn repeatable(request: &Request<OutgoingBody>) -> Option<Request<OutgoingBody>> {
    let idempotent = request.method().is_idempotent() && request.body().is_none();
    idempotent.then(|| {
        let mut again = Request::new(OutgoingBody::empty());
        *again.method_mut() = request.method().clone();
        *again.uri_mut() = request.uri().clone();
        *again.headers_mut() = request.headers().clone();
        again
    })
}

type Unsent = Option<Box<Request<OutgoingBody>>>;

/// Sends a request and waits for the head of the response. If the request has not left,
/// it comes back.
async fn send(
    mut connection: Connection,
    request: Request<OutgoingBody>,
    first_byte: Option<u64>,
) -> Result<(Response<Incoming>, Connection), (HttpError, Unsent)> {
    let mut unsent = None;
    let sent = connection.sender.try_send_request(request);
    let response = async {
        sent.await.map_err(|mut error| {
            unsent = error.take_message().map(Box::new);
            of_hyper(error.error(), Part::Head)
        })
    };
    let response = within(first_byte, HttpError::ConnectionReadTimeout, response).await;
    match response {
        Ok(response) => Ok((response, connection)),
        Err(error) => Err((error, unsent)),
    }
}

fn arrived(
    response: Response<Incoming>,
    connection: Connection,
    (client, timeouts, charge): (Arc<Client>, Timeouts, Charge),
) -> Result<Arrived, HttpError> {
    let (parts, body) = response.into_parts();
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(HttpError::UpgradeFailed);
    }
    let headers = head::fields(&parts.headers)
        .map_err(|size| HttpError::ResponseHeaderSectionSize(Some(size)))?;
    let head = ResponseHead { status: parts.status.as_u16(), headers };
    let between_bytes = timeouts.between_bytes.map_or(TIMEOUT, Duration::from_nanos);
    let body = InBody::of_response(body, between_bytes, (client, connection), charge);
    Ok(Arrived { head, body })
}
