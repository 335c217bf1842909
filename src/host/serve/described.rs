//! Requests that are answered by a program which is told of them: it finds the request in
//! its context, and returns what it has to say.
//!
//! A program in Lua does so by its module `http`. One that does not use that is answered
//! for by what it returns, like a function of `wasi-http`.

use std::sync::Arc;

use hyper::{
    HeaderMap, Method, Request, StatusCode,
    body::{Body, Bytes, Incoming},
    header::{self, HeaderName, HeaderValue},
};

use super::{
    answer::{Answer, Answerer, plain},
    body::{Content, Exchange},
    call::{failed, noted},
    site::Endpoint,
};
use crate::{
    host::{
        Ended,
        node::{context::REQUEST, program::Program},
    },
    value::Term,
};

/// The key of a result that says all of an answer.
const RESPONSE: &str = "@response";

/// Fields of an answer that are the server's own.
const OWN: [HeaderName; 4] =
    [header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH, header::UPGRADE];

impl Answerer {
    /// The answer of a program that is told of the request.
    pub(super) async fn described(
        &self,
        endpoint: &Endpoint,
        program: &dyn Program,
        request: Request<Incoming>,
        exchange: &mut Exchange,
        secure: bool,
    ) -> Answer {
        let func = &*endpoint.func;
        let mut charge = match self.reception() {
            Ok(charge) => charge,
            Err(fault) => return failed(func, &fault, exchange),
        };
        let is_head = *request.method() == Method::HEAD;
        let mut fields = head(endpoint, &request, secure);
        fields.push(("remote", exchange.peer.as_ref().into()));
        if !request.body().is_end_stream() {
            match self.body(request, &mut charge).await {
                Ok(body) => fields.push(("body", text(body))),
                Err(refused) => return refused,
            }
        }
        let context = vec![(REQUEST.to_owned(), Term::record(fields))];
        let start = |context| program.start(Vec::new(), context);
        let handle = self.node.launch_with(&self.host, func, context, start);
        // From here on, it is on the account of the process.
        drop(charge);
        let ended = match self.end_of(func, handle, exchange).await {
            Ok(ended) => ended,
            Err(refused) => return refused,
        };
        match said(&ended, is_head) {
            Some((answer, error)) => {
                exchange.error = error.or(exchange.error.take());
                answer
            }
            None => noted(ended, exchange),
        }
    }
}

/// Bytes as a program in Lua takes them.
pub(in crate::host) fn text(bytes: Vec<u8>) -> Term {
    match String::from_utf8(bytes) {
        Ok(text) => Term::from(text),
        Err(error) => Term::Bytes(error.into_bytes().into()),
    }
}

/// All of a request but its body.
fn head(
    endpoint: &Endpoint,
    request: &Request<Incoming>,
    secure: bool,
) -> Vec<(&'static str, Term)> {
    let uri = request.uri();
    let field = |(name, value): (&HeaderName, &HeaderValue)| {
        Term::List(vec![name.as_str().into(), text(value.as_bytes().to_vec())])
    };
    let mut params = endpoint.path.captures(uri.path());
    params.sort_unstable_by_key(|(name, _)| *name);
    let params = params.into_iter().map(|(name, part)| (Term::from(name), Term::from(part)));
    let params: Vec<(Term, Term)> = params.collect();
    vec![
        ("method", request.method().as_str().into()),
        ("path", uri.path().into()),
        ("query", uri.query().unwrap_or_default().into()),
        ("headers", Term::List(request.headers().iter().map(field).collect())),
        ("params", Term::Map(params)),
        ("secure", Term::Bool(secure)),
    ]
}

/// The answer, if the program has said it, and why it is another.
pub(super) fn said(ended: &Arc<Ended>, is_head: bool) -> Option<(Answer, Option<String>)> {
    let Ok(Term::Map(pairs)) = &*ended.ending else { return None };
    let get = |name: &str| {
        let found = pairs.iter().find(|(key, _)| *key == Term::from(name));
        found.map(|(_, value)| value)
    };
    get(RESPONSE)?;
    let refuse = |why: String| {
        let answer = plain(StatusCode::INTERNAL_SERVER_ERROR, "the answer cannot be sent");
        Some((answer, Some(why)))
    };
    let status = match get("status") {
        Some(Term::Int(status)) => u16::try_from(*status).ok(),
        _ => None,
    };
    let status = status.and_then(|status| StatusCode::from_u16(status).ok());
    let Some(status) = status.filter(|status| !status.is_informational()) else {
        return refuse("the answer has no status from 200 to 999".to_owned());
    };
    let mut headers = HeaderMap::new();
    let list = match get("headers") {
        Some(Term::List(list)) => list.as_slice(),
        _ => &[],
    };
    for pair in list {
        let Term::List(pair) = pair else { continue };
        let [name, value] = pair.as_slice() else { continue };
        let name = bytes(name).and_then(|name| HeaderName::from_bytes(name).ok());
        let value = bytes(value).and_then(|value| HeaderValue::from_bytes(value).ok());
        match (name, value) {
            (Some(name), Some(value)) if !OWN.contains(&name) => drop(headers.append(name, value)),
            (Some(_), Some(_)) => {}
            _ => return refuse("a field of the answer cannot be sent".to_owned()),
        }
    }
    let empty = is_head || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let content = match get("body").and_then(bytes) {
        Some(body) if !empty && !body.is_empty() => {
            Content::of(Bytes::from_owner(Said(ended.clone())))
        }
        _ => Content::EMPTY,
    };
    let mut answer = Answer::new(content);
    (*answer.status_mut(), *answer.headers_mut()) = (status, headers);
    Some((answer, None))
}

fn bytes(term: &Term) -> Option<&[u8]> {
    match term {
        Term::Text(text) => Some(text.as_bytes()),
        Term::Bytes(bytes) => Some(bytes),
        Term::Nil
        | Term::Bool(_)
        | Term::Int(_)
        | Term::Uint(_)
        | Term::Float(_)
        | Term::List(_)
        | Term::Map(_) => None,
    }
}

/// The body of an answer, which stays on its account until it has been sent.
struct Said(Arc<Ended>);

impl AsRef<[u8]> for Said {
    fn as_ref(&self) -> &[u8] {
        let Ok(Term::Map(pairs)) = &*self.0.ending else { return &[] };
        let body = pairs.iter().find(|(key, _)| *key == Term::from("body"));
        body.and_then(|(_, body)| bytes(body)).unwrap_or_default()
    }
}
