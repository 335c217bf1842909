//! The responses to requests that were made.

use std::sync::Arc;

use super::{
    Http, add, add_child, done_if, fields::FieldMap, from_error, headers, received_of, response_of,
};
use crate::{
    command::{HttpCommand, Interest, http::IncomingResponse},
    component::{HostCx, Trap},
    imports::wasi::{
        call::{Body, ask, now},
        io::release,
        poll::Pollable,
        table::{Entry, Held},
    },
    value::Value,
};

/// A response that has come.
#[derive(Debug)]
pub(in crate::imports::wasi) struct Received {
    status: u16,
    headers: Arc<FieldMap>,
    pub body: Option<Held>,
}

pub(super) const FUNCTIONS: &[(&str, Body)] = &[
    ("[method]future-incoming-response.subscribe", |cx, args| {
        let index = args.handle()?;
        let pollable = pollable(response_of(cx, index)?.as_ref());
        now(add_child(cx, pollable, index)?)
    }),
    ("[method]future-incoming-response.get", |cx, args| {
        let index = args.handle()?;
        match response_of(cx, index)?.as_deref().copied() {
            Some(exchange) => ask(HttpCommand::Response(exchange), move |cx, reply| {
                if reply.is_not_yet() {
                    return now(Value::NONE);
                }
                let response = match reply.unless_http_error() {
                    Ok(reply) => Ok(reply.response()?),
                    Err(error) => Err(error),
                };
                let held = response_of(cx, index)?.take();
                release(cx, held);
                now(given(match response {
                    Ok(response) => Value::ok(Some(received(cx, *response)?)),
                    Err(error) => Value::err(Some(from_error(&error))),
                }))
            }),
            None => now(Value::some(Value::err(None))),
        }
    }),
    ("[method]incoming-response.status", |cx, args| now(received_of(cx, args.handle()?)?.status)),
    ("[method]incoming-response.headers", |cx, args| {
        let index = args.handle()?;
        let map = received_of(cx, index)?.headers.clone();
        headers(cx, map, index)
    }),
    ("[method]incoming-response.consume", |cx, args| {
        match received_of(cx, args.handle()?)?.body.take() {
            Some(held) => super::body::consumed(cx, held),
            None => done_if(false),
        }
    }),
];

/// The form of a result that comes once, when it has come.
pub(super) fn given(result: Value) -> Value {
    Value::some(Value::ok(Some(result)))
}

/// To wait until a handle is readable; what has been taken is ready.
pub(super) fn pollable(held: Option<&Held>) -> Entry {
    Entry::Pollable(match held {
        Some(held) => Pollable::Handle(Interest::Readable(**held)),
        None => Pollable::Ready,
    })
}

fn received(cx: &mut HostCx<'_>, response: IncomingResponse) -> Result<Value, Trap> {
    let IncomingResponse { head, body } = response;
    let body = Held::http(body);
    match FieldMap::received(head.headers, cx.account()) {
        Ok(map) => {
            let (status, headers) = (head.status, Arc::new(map));
            add(cx, Http::Received(Received { status, headers, body: Some(body) }))
        }
        Err(exceeded) => {
            release(cx, Some(body));
            Err(exceeded.into())
        }
    }
}
