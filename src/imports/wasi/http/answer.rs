//! Requests that have come in, and the answers to them.
//!
//! The process has been started with its request, see
//! [`StartData::request`](crate::process::StartData::request). It may answer when it
//! likes, once, and writes the body afterwards.

use std::sync::Arc;

use super::{
    Http, add, asked_of, convert, done_if, fields::FieldMap, headers, reply_of, some_or_none,
    take_fields, take_reply, take_respond_to,
};
use crate::{
    account::{Account, Charge},
    command::{
        HttpCommand,
        http::{IncomingRequest, OutgoingResponse, RequestHead, ResponseHead},
    },
    component::{Answer, Trap},
    imports::wasi::{
        WasiState,
        call::{Args, Body, ask, now, own, under_way, unexpected_argument},
        io::release,
        table::{Entry, Held},
    },
    value::Value,
};

/// A request that has come in.
#[derive(Debug)]
pub(in crate::imports::wasi) struct Asked {
    /// Without its fields.
    head: RequestHead,
    headers: Arc<FieldMap>,
    pub body: Option<Held>,
    _charge: Charge,
}

/// An answer that is put together.
#[derive(Debug)]
pub(in crate::imports::wasi) struct Reply {
    status: u16,
    headers: Arc<FieldMap>,
    pub body: Option<Held>,
}

pub(super) const FUNCTIONS: &[(&str, Body)] = &[
    ("[method]incoming-request.method", |cx, args| {
        now(convert::from_method(&asked_of(cx, args.handle()?)?.head.method))
    }),
    ("[method]incoming-request.path-with-query", |cx, args| {
        now(some_or_none(asked_of(cx, args.handle()?)?.head.path_with_query.as_deref()))
    }),
    ("[method]incoming-request.scheme", |cx, args| {
        let scheme = asked_of(cx, args.handle()?)?.head.scheme.as_ref();
        now(some_or_none(scheme.map(convert::from_scheme)))
    }),
    ("[method]incoming-request.authority", |cx, args| {
        now(some_or_none(asked_of(cx, args.handle()?)?.head.authority.as_deref()))
    }),
    ("[method]incoming-request.headers", |cx, args| {
        let index = args.handle()?;
        let map = asked_of(cx, index)?.headers.clone();
        headers(cx, map, index)
    }),
    ("[method]incoming-request.consume", |cx, args| {
        match asked_of(cx, args.handle()?)?.body.take() {
            Some(held) => super::body::consumed(cx, held),
            None => done_if(false),
        }
    }),
    ("[static]response-outparam.set", |cx, args| {
        let (param, response) = (args.handle()?, args.case()?);
        let (response, body, size) = match response {
            (0, Some(response)) => {
                let index = Args::new(vec![response]).handle()?;
                let Reply { status, headers, body } = take_reply(cx, index)?;
                let head = ResponseHead { status, headers: headers.to_send() };
                let id = body.as_deref().copied();
                (Ok(OutgoingResponse { head, body: id }), body, headers.size())
            }
            (_, Some(error)) => (Err(convert::to_error(error)?), None, 0),
            (_, None) => return Err(unexpected_argument()),
        };
        let to = take_respond_to(cx, param)?;
        cx.charge(size);
        let under_way = under_way(cx, size);
        ask(HttpCommand::Respond { to: *to, response }, move |cx, reply| {
            drop(under_way);
            // The answer has the body now; the guest goes on writing it.
            release(cx, body);
            reply.done()?;
            Ok(Answer::Now(None))
        })
    }),
    ("[constructor]outgoing-response", |cx, args| {
        let headers = take_fields(cx, args.handle()?)?.into_fixed();
        now(add(cx, Http::Reply(Reply { status: 200, headers, body: None }))?)
    }),
    ("[method]outgoing-response.status-code", |cx, args| now(reply_of(cx, args.handle()?)?.status)),
    ("[method]outgoing-response.set-status-code", |cx, args| {
        let (index, status) = (args.handle()?, args.value()?);
        let Value::U16(status) = status else { return Err(unexpected_argument()) };
        let fits = (100..1000).contains(&status);
        if fits {
            reply_of(cx, index)?.status = status;
        }
        done_if(fits)
    }),
    ("[method]outgoing-response.headers", |cx, args| {
        let index = args.handle()?;
        let map = reply_of(cx, index)?.headers.clone();
        headers(cx, map, index)
    }),
    ("[method]outgoing-response.body", |cx, args| {
        let index = args.handle()?;
        let reply = reply_of(cx, index)?;
        if reply.body.is_some() {
            return done_if(false);
        }
        let length = reply.headers.content_length();
        super::body::new(length, true, move |cx, held| {
            reply_of(cx, index)?.body = Some(held);
            Ok(())
        })
    }),
];

/// The arguments of `handle`: the request, and the right to answer it.
///
/// # Errors
///
/// If the account has no room for the request.
pub(in crate::imports::wasi) fn give_request(
    state: &mut WasiState,
    request: IncomingRequest,
    account: &Account,
) -> Result<Vec<Value>, Trap> {
    let IncomingRequest { mut head, body, respond_to } = request;
    let fields = std::mem::take(&mut head.headers);
    let headers = Arc::new(FieldMap::received(fields, account)?);
    let len = |text: &Option<String>| text.as_ref().map_or(0, |text| text.len() as u64);
    let texts = len(&head.path_with_query).saturating_add(len(&head.authority));
    let charge = account.charge(texts)?;
    let body = body.map(Held::http);
    let mut add = |http| state.table.add_first(Entry::Http(Box::new(http)), account).map(own);
    Ok(vec![
        add(Http::Asked(Asked { head, headers, body, _charge: charge }))?,
        add(Http::RespondTo(Held::http(respond_to)))?,
    ])
}
