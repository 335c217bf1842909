//! From a request to a process and back.
//!
//! A function that is given the whole body returns the whole answer:
//!
//! | it returns | status | content type |
//! | --- | --- | --- |
//! | nothing, `none` | 204 | |
//! | a text | 200 | `text/plain; charset=utf-8` |
//! | a `list<u8>` | 200 | `application/octet-stream` |
//! | anything else | 200 | `application/json` |
//! | an `err` | 500, with the message | `text/plain; charset=utf-8` |
//!
//! A component that exports `wasi:http/incoming-handler` answers piece by piece, while it
//! reads the request piece by piece: nothing is read or written ahead of it but for the
//! small buffers of its bodies. It may go on when it has answered; if it fails before the
//! end of its answer, the connection is cut, so that nobody takes a part for the whole.
//!
//! A trap, the end of its fuel or memory: 500, without the reason, which goes to the
//! log. The end of its time: 504. A host without room: 503.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    time::Instant,
};

use hyper::{
    HeaderMap, Method, Request, StatusCode,
    body::{Body, Bytes, Incoming},
    header::{self, HeaderValue},
    http::request::Parts,
};
use smol::Timer;

use super::{
    answer::{Answer, Answerer, busy, closing, empty, plain, typed},
    body::{Content, Exchange},
    described,
    site::Endpoint,
};
use crate::{
    account::Charge,
    command::{
        ErrorKind, Pid, ProcessError,
        http::{Fields, RequestHead, Scheme},
    },
    host::{
        Ended, Node,
        node::program::{self, Answering, BodyParam, Handle, Program},
    },
    value::{Term, term},
    world,
};

/// Ends a process that nobody waits for any more, when this is dropped.
pub(super) struct Waits {
    node: Node,
    pid: Option<Pid>,
}

impl Waits {
    pub fn on(node: &Node, pid: &Pid) -> Waits {
        Waits { node: node.clone(), pid: Some(pid.clone()) }
    }

    /// It may go on by itself, or has ended.
    pub fn no_more(&mut self) {
        self.pid = None;
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        if let Some(pid) = &self.pid {
            // It may have ended by itself.
            drop(self.node.terminate(pid.as_str()));
        }
    }
}

impl Answerer {
    /// The answer of a process of an entry.
    pub async fn call(
        &self,
        endpoint: &Endpoint,
        request: Request<Incoming>,
        exchange: &mut Exchange,
        secure: bool,
    ) -> Answer {
        let func = &*endpoint.func;
        let program = match self.node.program(func).await {
            Ok(program) => program,
            Err(fault) => return failed(func, &fault, exchange),
        };
        match program.answering() {
            Answering::Whole(param) => self.whole(func, &*program, param, request, exchange).await,
            Answering::Streaming => self.streamed(func, &*program, request, exchange, secure).await,
            Answering::Described => {
                self.described(endpoint, &*program, request, exchange, secure).await
            }
            Answering::Not => {
                let why = format!("{func} does not answer requests");
                failed(func, &ProcessError::new(ErrorKind::Invalid, why), exchange)
            }
        }
    }

    async fn whole(
        &self,
        func: &str,
        program: &dyn Program,
        param: BodyParam,
        request: Request<Incoming>,
        exchange: &mut Exchange,
    ) -> Answer {
        let mut charge = match self.reception() {
            Ok(charge) => charge,
            Err(fault) => return failed(func, &fault, exchange),
        };
        let body = match param {
            BodyParam::None => Vec::new(),
            BodyParam::Text | BodyParam::OptionalText | BodyParam::Bytes => {
                match self.body(request, &mut charge).await {
                    Ok(body) => body,
                    Err(refused) => return refused,
                }
            }
        };
        let text = |body: Vec<u8>| String::from_utf8(body).map(|text| vec![Term::from(text)]);
        let args = match param {
            BodyParam::None => Ok(Vec::new()),
            BodyParam::OptionalText if body.is_empty() => Ok(Vec::new()),
            BodyParam::Text | BodyParam::OptionalText => text(body),
            BodyParam::Bytes => Ok(vec![Term::Bytes(body.into())]),
        };
        let Ok(args) = args else {
            return plain(
                StatusCode::BAD_REQUEST,
                "the body is no UTF-8, and the answer is made from text",
            );
        };
        let handle =
            self.node.launch(&self.host, func, None, |context| program.start(args, context));
        // From here on, the arguments are on the account of the process.
        drop(charge);
        match self.end_of(func, handle, exchange).await {
            Ok(ended) => noted(ended, exchange),
            Err(refused) => refused,
        }
    }

    /// An account for what is read before there is a process, on a host that has room for
    /// one. It is told before the body has been sent for nothing.
    pub(super) fn reception(&self) -> Result<Charge, ProcessError> {
        let host = self.node.host(&self.host)?;
        if host.has_room() {
            return Ok(host.account.open());
        }
        let why = format!("{} has no room for another process", host.id);
        Err(ProcessError::new(ErrorKind::Unavailable, why))
    }

    /// The end of the process that answers, or the answer when there is none.
    pub(super) async fn end_of(
        &self,
        func: &str,
        started: Result<Handle, ProcessError>,
        exchange: &mut Exchange,
    ) -> Result<Arc<Ended>, Answer> {
        let handle = started.map_err(|fault| failed(func, &fault, exchange))?;
        exchange.pid = Some(handle.pid().clone());
        let mut waits = Waits::on(&self.node, handle.pid());
        let ended = handle.ended().await;
        waits.no_more();
        ended.ok_or_else(|| busy("the server stops"))
    }

    /// An answer that comes piece by piece, while the request does.
    async fn streamed(
        &self,
        func: &str,
        program: &dyn Program,
        request: Request<Incoming>,
        exchange: &mut Exchange,
        secure: bool,
    ) -> Answer {
        let has_body = *request.method() != Method::HEAD;
        let (parts, body) = request.into_parts();
        let Ok(head) = head_of(parts, secure) else {
            let why = "the fields of the head have too many bytes";
            return plain(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, why);
        };
        let (answer, answered) = async_channel::bounded(1);
        let between_bytes = self.timeouts.read;
        let asked = world::Incoming { head, body: Some(body), between_bytes, answer };
        let handle = self.node.launch(&self.host, func, None, |mut context| {
            context.request = Some(program::Request::Received(asked));
            program.start(Vec::new(), context)
        });
        let handle = match handle {
            Ok(handle) => handle,
            Err(fault) => return failed(func, &fault, exchange),
        };
        exchange.pid = Some(handle.pid().clone());
        let mut waits = Waits::on(&self.node, handle.pid());
        let (head, body) = match answered.recv().await {
            Ok(Ok(world::Answer { head, body })) => (head, body),
            Ok(Err(error)) => {
                // It has said what it had to say.
                waits.no_more();
                exchange.error = Some(format!("the process answers with an error: {error:?}"));
                return plain(StatusCode::INTERNAL_SERVER_ERROR, "the answer is an error");
            }
            Err(_) => {
                let ended = handle.ended().await;
                waits.no_more();
                return match ended {
                    Some(ended) if ended.outcome.is_err() => noted(ended, exchange),
                    Some(_) => {
                        exchange.error = Some("the process has ended without an answer".to_owned());
                        plain(StatusCode::INTERNAL_SERVER_ERROR, "there was no answer")
                    }
                    None => busy("the server stops"),
                };
            }
        };
        let status = StatusCode::from_u16(head.status).ok().filter(|s| !s.is_informational());
        let mut headers = HeaderMap::new();
        let (Some(status), Ok(())) = (status, world::add_fields(&mut headers, head.headers)) else {
            exchange.error =
                Some(format!("an answer that cannot be sent, with status {}", head.status));
            return plain(StatusCode::INTERNAL_SERVER_ERROR, "the answer cannot be sent");
        };
        let empty = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let content = match body {
            Some(body) if has_body && !empty => Content::Stream(body, Some(waits)),
            // Nobody will read it, which is no reason to end the process.
            Some(_) | None => {
                waits.no_more();
                Content::EMPTY
            }
        };
        let mut answer = Answer::new(content);
        (*answer.status_mut(), *answer.headers_mut()) = (status, headers);
        answer
    }

    /// The whole body.
    pub(super) async fn body(
        &self,
        request: Request<Incoming>,
        charge: &mut Charge,
    ) -> Result<Vec<u8>, Answer> {
        let most = self.limits.max_body;
        let large = || {
            let why = format!("the body has more than {most} bytes");
            // What is left of the body is not read.
            closing(StatusCode::PAYLOAD_TOO_LARGE, &why)
        };
        let mut incoming = request.into_body();
        let announced = incoming.size_hint().exact();
        if announced.is_some_and(|len| len > most) {
            return Err(large());
        }
        let (begun, mut body) = (Instant::now(), Vec::new());
        while let Some(frame) = self.frame(&mut incoming, begun, body.len() as u64).await? {
            let len = body.len().saturating_add(frame.len());
            if len as u64 > most {
                return Err(large());
            }
            if charge.add(frame.len() as u64).is_err() {
                return Err(busy("the server has no memory for the body"));
            }
            body.extend_from_slice(&frame);
        }
        Ok(body)
    }

    /// The next piece of a body, if the client sends one in time. What comes after the
    /// body is passed over.
    async fn frame(
        &self,
        incoming: &mut Incoming,
        begun: Instant,
        received: u64,
    ) -> Result<Option<Bytes>, Answer> {
        let mut timer: Option<Timer> = None;
        let frame = poll_fn(|cx| {
            if let std::task::Poll::Ready(frame) = Pin::new(&mut *incoming).poll_frame(cx) {
                return std::task::Poll::Ready(Some(frame));
            }
            let timer = timer.get_or_insert_with(|| {
                let read = self.timeouts.read;
                let next = Instant::now().checked_add(read);
                // What has come has earned the rest some time.
                let all = self.limits.earned(received);
                let all = all.and_then(|earned| begun.checked_add(read)?.checked_add(earned));
                next.into_iter().chain(all).min().map_or_else(Timer::never, Timer::at)
            });
            pin!(timer).poll(cx).map(|_| None)
        });
        match frame.await {
            Some(None) => Ok(None),
            Some(Some(Ok(frame))) => Ok(Some(frame.into_data().unwrap_or_default())),
            // The client has broken off, or broken the protocol.
            Some(Some(Err(_))) => Err(closing(StatusCode::BAD_REQUEST, "the body is broken")),
            None => Err(closing(StatusCode::REQUEST_TIMEOUT, "the body takes too long")),
        }
    }
}

/// The head of a request, in the words of commands.
fn head_of(parts: Parts, secure: bool) -> Result<RequestHead, u32> {
    let Parts { method, uri, headers, .. } = parts;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = uri.authority().map(|authority| authority.as_str()).or(host);
    Ok(RequestHead {
        method: method.as_str().into(),
        scheme: Some(if secure { Scheme::Https } else { Scheme::Http }),
        authority: authority.map(str::to_owned),
        path_with_query: uri.path_and_query().map(|path| path.as_str().to_owned()),
        headers: world::fields(&headers)?,
    })
}

/// The answer when there is no process.
pub(super) fn failed(func: &str, fault: &ProcessError, exchange: &mut Exchange) -> Answer {
    exchange.error = Some(fault.message.lines().next().unwrap_or_default().to_owned());
    if fault.kind == ErrorKind::Unavailable {
        return busy("the server has no room for another request");
    }
    tracing::warn!(process = func, "{}", fault.message);
    plain(StatusCode::INTERNAL_SERVER_ERROR, "the server cannot answer this")
}

/// The end of a process as an answer, with what is not told noted.
pub(super) fn noted(ended: Arc<Ended>, exchange: &mut Exchange) -> Answer {
    let (answer, error) = answer_of(ended, exchange.pid.as_ref());
    exchange.error = error.or(exchange.error.take());
    answer
}

/// The end of a process as an answer, and what the client is not told.
fn answer_of(ended: Arc<Ended>, pid: Option<&Pid>) -> (Answer, Option<String>) {
    if let Err(error) = &ended.outcome {
        let why = error.to_string();
        let (pid, kind) = (pid.map(tracing::field::display), error.fault().kind);
        let first = Some(why.lines().next().unwrap_or_default().to_owned());
        if kind == ErrorKind::Timeout {
            let why = "the process that was to answer took too long";
            return (plain(StatusCode::GATEWAY_TIMEOUT, why), first);
        }
        if kind == ErrorKind::Canceled {
            return (busy("the process that was to answer was stopped"), first);
        }
        tracing::warn!(pid, "{why}");
        let why = "the process that was to answer has failed";
        return (plain(StatusCode::INTERNAL_SERVER_ERROR, why), first);
    }
    let ok = StatusCode::OK;
    let answer = match &*ended.ending {
        Err(fault) => plain(StatusCode::INTERNAL_SERVER_ERROR, &*fault.message),
        Ok(Term::Nil) => empty(StatusCode::NO_CONTENT),
        Ok(Term::Text(_)) => {
            let kind = HeaderValue::from_static("text/plain; charset=utf-8");
            typed(ok, kind, Content::of(Bytes::from_owner(Value(ended))))
        }
        Ok(Term::Bytes(_)) => {
            let kind = HeaderValue::from_static("application/octet-stream");
            typed(ok, kind, Content::of(Bytes::from_owner(Value(ended))))
        }
        Ok(
            term @ (Term::Bool(_)
            | Term::Int(_)
            | Term::Uint(_)
            | Term::Float(_)
            | Term::List(_)
            | Term::Map(_)),
        ) => match term::to_json(term) {
            Ok(json) => {
                let kind = HeaderValue::from_static("application/json");
                typed(ok, kind, Content::of(json.to_string()))
            }
            Err(why) => {
                let error = format!("its result cannot be JSON: {why}");
                let why = "the answer cannot be written as JSON";
                return (plain(StatusCode::INTERNAL_SERVER_ERROR, why), Some(error));
            }
        },
    };
    (answer, None)
}

/// Status, fields and body of the answer that the end of a process is, or says if it may.
pub(in crate::host) fn parts_of(ended: Arc<Ended>, says: bool) -> (u16, Fields, Vec<u8>) {
    let answer = if says { described::said(&ended, false) } else { None };
    let (answer, _) = answer.unwrap_or_else(|| answer_of(ended, None));
    let (parts, content) = answer.into_parts();
    let bytes = match content {
        Content::Whole(bytes) => bytes.unwrap_or_default(),
        Content::File(_) | Content::Stream(..) => Bytes::new(),
    };
    let fields = world::fields(&parts.headers).unwrap_or_default();
    (parts.status.as_u16(), fields, bytes.to_vec())
}

/// The text or bytes that a process has ended with, which stay on their account until
/// they have been sent.
struct Value(Arc<Ended>);

impl AsRef<[u8]> for Value {
    fn as_ref(&self) -> &[u8] {
        match &*self.0.ending {
            Ok(Term::Text(text)) => text.as_bytes(),
            Ok(Term::Bytes(bytes)) => bytes,
            Ok(
                Term::Nil
                | Term::Bool(_)
                | Term::Int(_)
                | Term::Uint(_)
                | Term::Float(_)
                | Term::List(_)
                | Term::Map(_),
            )
            | Err(_) => &[],
        }
    }
}
