//! Requests that are made.

use std::sync::Arc;

use super::{
    Http, add, convert, done_if, fields::FieldMap, from_error, headers, options_of, request_of,
    some_or_none, take_fields, take_options, take_request, uri,
};
use crate::{
    account::Charge,
    command::{
        HttpCommand,
        http::{HttpError, Method, OutgoingRequest, RequestHead, Scheme, Timeouts},
    },
    component::{Answer, HostCx, Trap},
    imports::wasi::{
        call::{Args, Body, ask, now, under_way},
        io::release,
        table::Held,
    },
    value::Value,
};

/// A request that is put together.
#[derive(Debug)]
pub(in crate::imports::wasi) struct Request {
    method: Method,
    scheme: Option<Scheme>,
    authority: Option<String>,
    path: Option<String>,
    headers: Arc<FieldMap>,
    pub body: Option<Held>,
    /// For the texts.
    charge: Charge,
}

pub(super) const FUNCTIONS: &[(&str, Body)] = &[
    ("[constructor]outgoing-request", |cx, args| {
        let headers = take_fields(cx, args.handle()?)?.into_fixed();
        let charge = cx.account().open();
        let (method, scheme, authority, path) = (Method::Get, None, None, None);
        let request = Request { method, scheme, authority, path, headers, body: None, charge };
        now(add(cx, Http::Request(request))?)
    }),
    ("[method]outgoing-request.body", |cx, args| {
        let index = args.handle()?;
        let request = request_of(cx, index)?;
        if request.body.is_some() {
            return done_if(false);
        }
        let length = request.headers.content_length();
        super::body::new(length, false, move |cx, held| {
            request_of(cx, index)?.body = Some(held);
            Ok(())
        })
    }),
    ("[method]outgoing-request.method", |cx, args| {
        now(convert::from_method(&request_of(cx, args.handle()?)?.method))
    }),
    ("[method]outgoing-request.set-method", |cx, args| {
        let (index, method) = (args.handle()?, convert::to_method(args)?);
        // A name that is none of the others, or one of them.
        let method = match method {
            Method::Other(name) if !uri::is_method(&name) => return done_if(false),
            Method::Other(name) => Method::from(name.as_str()),
            method => method,
        };
        let request = request_of(cx, index)?;
        request.method = method;
        request.count()
    }),
    ("[method]outgoing-request.path-with-query", |cx, args| {
        now(some_or_none(request_of(cx, args.handle()?)?.path.as_deref()))
    }),
    ("[method]outgoing-request.set-path-with-query", |cx, args| {
        let (index, path) = (args.handle()?, text(args)?);
        if path.as_ref().is_some_and(|path| !uri::is_path(path)) {
            return done_if(false);
        }
        let request = request_of(cx, index)?;
        request.path = path;
        request.count()
    }),
    ("[method]outgoing-request.scheme", |cx, args| {
        let scheme = request_of(cx, args.handle()?)?.scheme.as_ref();
        now(some_or_none(scheme.map(convert::from_scheme)))
    }),
    ("[method]outgoing-request.set-scheme", |cx, args| {
        let (index, scheme) = (args.handle()?, args.option()?);
        let scheme = scheme.map(convert::to_scheme).transpose()?;
        if matches!(&scheme, Some(Scheme::Other(name)) if !uri::is_scheme(name)) {
            return done_if(false);
        }
        let request = request_of(cx, index)?;
        request.scheme = scheme;
        request.count()
    }),
    ("[method]outgoing-request.authority", |cx, args| {
        now(some_or_none(request_of(cx, args.handle()?)?.authority.as_deref()))
    }),
    ("[method]outgoing-request.set-authority", |cx, args| {
        let (index, authority) = (args.handle()?, text(args)?);
        if authority.as_ref().is_some_and(|authority| !uri::is_authority(authority)) {
            return done_if(false);
        }
        let request = request_of(cx, index)?;
        request.authority = authority;
        request.count()
    }),
    ("[method]outgoing-request.headers", |cx, args| {
        let index = args.handle()?;
        let map = request_of(cx, index)?.headers.clone();
        headers(cx, map, index)
    }),
    ("[constructor]request-options", |cx, _| now(add(cx, Http::Options(Timeouts::default()))?)),
    ("[method]request-options.connect-timeout", |cx, args| {
        now(some_or_none(options_of(cx, args.handle()?)?.connect))
    }),
    ("[method]request-options.first-byte-timeout", |cx, args| {
        now(some_or_none(options_of(cx, args.handle()?)?.first_byte))
    }),
    ("[method]request-options.between-bytes-timeout", |cx, args| {
        now(some_or_none(options_of(cx, args.handle()?)?.between_bytes))
    }),
    ("[method]request-options.set-connect-timeout", |cx, args| {
        set_timeout(cx, args, |options| &mut options.connect)
    }),
    ("[method]request-options.set-first-byte-timeout", |cx, args| {
        set_timeout(cx, args, |options| &mut options.first_byte)
    }),
    ("[method]request-options.set-between-bytes-timeout", |cx, args| {
        set_timeout(cx, args, |options| &mut options.between_bytes)
    }),
];

pub(super) const HANDLER: &[(&str, Body)] = &[("handle", |cx, args| {
    let (request, options) = (args.handle()?, args.option()?);
    let options = match options {
        Some(options) => take_options(cx, Args::new(vec![options]).handle()?)?,
        None => Timeouts::default(),
    };
    let request = take_request(cx, request)?;
    send(cx, request, options)
})];

/// An optional text.
fn text(args: &mut Args) -> Result<Option<String>, Trap> {
    args.option()?.map(|text| Args::new(vec![text]).string()).transpose()
}

fn set_timeout(
    cx: &mut HostCx<'_>,
    args: &mut Args,
    which: fn(&mut Timeouts) -> &mut Option<u64>,
) -> Result<Answer, Trap> {
    let (index, time) = (args.handle()?, args.option()?);
    let time = time.map(|time| Args::new(vec![time]).u64()).transpose()?;
    *which(options_of(cx, index)?) = time;
    done_if(true)
}

impl Request {
    /// Charges for the texts as they are now.
    fn count(&mut self) -> Result<Answer, Trap> {
        let len = |text: &Option<String>| text.as_ref().map_or(0, |text| text.len() as u64);
        let method = if let Method::Other(name) = &self.method { name.len() as u64 } else { 0 };
        let scheme = match &self.scheme {
            Some(Scheme::Other(name)) => name.len() as u64,
            Some(Scheme::Http | Scheme::Https) | None => 0,
        };
        let texts = [len(&self.path), len(&self.authority), method, scheme];
        let sum = texts.into_iter().fold(0, u64::saturating_add);
        match sum.checked_sub(self.charge.bytes()) {
            Some(more) => self.charge.add(more)?,
            None => self.charge.sub(self.charge.bytes().saturating_sub(sum)),
        }
        done_if(true)
    }

    /// The head as it is sent, or why it cannot be.
    fn head(&self) -> Result<RequestHead, HttpError> {
        match (&self.method, self.path.as_deref()) {
            // A tunnel is no exchange.
            (Method::Connect, _) => return Err(HttpError::ProtocolError),
            (Method::Options, Some("*")) => {}
            (_, None | Some("*")) => return Err(HttpError::RequestUriInvalid),
            (_, Some(path)) if path.len() > uri::MAX_PATH => {
                return Err(HttpError::RequestUriTooLong);
            }
            (_, Some(_)) => {}
        }
        if let Some(Scheme::Other(_)) = &self.scheme {
            return Err(HttpError::ProtocolError);
        }
        if self.authority.is_none() {
            return Err(HttpError::RequestUriInvalid);
        }
        if self.body.is_none() && self.headers.content_length().is_some_and(|length| length > 0) {
            return Err(HttpError::RequestBodySize(Some(0)));
        }
        Ok(RequestHead {
            method: self.method.clone(),
            scheme: self.scheme.clone(),
            authority: self.authority.clone(),
            path_with_query: self.path.as_deref().map(uri::path_to_send),
            headers: self.headers.to_send(),
        })
    }
}

fn send(cx: &mut HostCx<'_>, request: Request, timeouts: Timeouts) -> Result<Answer, Trap> {
    let Request { headers, body, charge, .. } = &request;
    let size = headers.size().saturating_add(charge.bytes());
    cx.charge(size);
    let under_way = under_way(cx, size);
    let head = match request.head() {
        Ok(head) => head,
        Err(error) => {
            release(cx, request.body);
            return now(Value::err(Some(from_error(&error))));
        }
    };
    let body = body.as_deref().copied();
    let command = HttpCommand::Send(Box::new(OutgoingRequest { head, body, timeouts }));
    ask(command, move |cx, reply| {
        drop(under_way);
        // The exchange has the body now; the guest goes on writing it.
        release(cx, request.body);
        now(match reply.unless_http_error() {
            Ok(reply) => {
                let exchange = Http::Response(Some(Held::http(reply.handle()?)));
                Value::ok(Some(add(cx, exchange)?))
            }
            Err(error) => Value::err(Some(from_error(&error))),
        })
    })
}
