//! `wasi:http`: requests that are made and requests that are answered.
//!
//! A resource here is a head that is being put together, or a handle to something that
//! the outside world holds: an exchange, a body. What can be checked without the world
//! is checked here, so that a head which cannot be sent is never asked for.
//!
//! | file | what |
//! | --- | --- |
//! | `fields` | the fields of a head, with their rules |
//! | `uri` | what may be a method, a scheme, an authority, a path |
//! | `convert` | values of the WIT |
//! | `request` | requests that are made, `outgoing-handler` |
//! | `response` | their responses |
//! | `answer` | requests that have come in, and the answers to them |
//! | `body` | bodies in both directions, trailers |

mod answer;
mod body;
mod convert;
mod fields;
mod request;
mod response;
#[cfg(test)]
mod tests;
mod uri;

use std::sync::Arc;

pub(in crate::imports::wasi) use self::answer::give_request;
use self::{
    answer::{Asked, Reply},
    body::{InBody, OutBody},
    convert::{from_error, from_fields, to_fields},
    fields::{FieldError, FieldMap, Fields},
    request::Request,
    response::Received,
};
use super::{
    WasiState,
    call::{Args, Body, misuse, now, own},
    table::{self, Entry, Held},
};
use crate::{
    command::{HttpCommand, http::Timeouts},
    component::{Answer, DeclareError, HostCx, Linker, Trap, TrapKind},
    value::Value,
};

pub(super) fn bind(linker: &mut Linker) -> Result<(), DeclareError> {
    const TYPES: &str = "wasi:http/types";
    for functions in [FIELDS, request::FUNCTIONS, response::FUNCTIONS, answer::FUNCTIONS] {
        super::call::bind(linker, TYPES, functions)?;
    }
    super::call::bind(linker, TYPES, body::FUNCTIONS)?;
    super::call::bind(linker, "wasi:http/outgoing-handler", request::HANDLER)?;
    for resource in [
        "fields",
        "incoming-request",
        "outgoing-request",
        "request-options",
        "response-outparam",
        "incoming-response",
        "incoming-body",
        "future-trailers",
        "outgoing-response",
        "outgoing-body",
        "future-incoming-response",
    ] {
        linker.resource_dtor(TYPES, resource, super::io::discard)?;
    }
    Ok(())
}

/// A resource of `wasi:http`.
#[derive(Debug)]
pub(in crate::imports::wasi) enum Http {
    Fields(Fields),
    /// A request that is made.
    Request(Request),
    Options(Timeouts),
    /// The response to it, as soon as there is one; nothing when it has been given.
    Response(Option<Held>),
    /// A response that has come.
    Received(Received),
    /// A body that is read.
    InBody(InBody),
    /// The trailers of such a body, as soon as they are there; nothing when they have been
    /// given.
    Trailers(Option<Held>),
    /// A body that is written.
    OutBody(OutBody),
    /// A request that has come in.
    Asked(Asked),
    /// The right to answer it.
    RespondTo(Held),
    /// An answer that is made.
    Reply(Reply),
}

impl Http {
    /// The handle that it keeps open outside.
    pub fn into_held(self) -> Option<Held> {
        match self {
            Http::Fields(_) | Http::Options(_) => None,
            Http::Request(request) => request.body,
            Http::Response(held) | Http::Trailers(held) => held,
            Http::Received(received) => received.body,
            Http::InBody(body) => Some(body.held),
            Http::OutBody(body) => Some(body.held),
            Http::Asked(asked) => asked.body,
            Http::RespondTo(held) => Some(held),
            Http::Reply(reply) => reply.body,
        }
    }

    /// A command for what the guest drops, before it is closed: a body that has no end
    /// is cut off, whoever else has it.
    pub fn cut(&self) -> Option<HttpCommand> {
        if let Http::OutBody(body) = self { Some(HttpCommand::Cut(*body.held)) } else { None }
    }
}

/// Takes one kind of resource out of the table, or looks at it.
macro_rules! kinds {
    ($($case:ident: $type:ty, $take:ident, $get:ident;)*) => {$(
        #[allow(dead_code)]
        fn $take(cx: &mut HostCx<'_>, index: u32) -> Result<$type, Trap> {
            match cx.state::<WasiState>().table.remove(index)? {
                Entry::Http(http) => match *http {
                    Http::$case(value) => Ok(value),
                    _ => Err(unknown()),
                },
                _ => Err(unknown()),
            }
        }

        #[allow(dead_code)]
        fn $get<'a>(cx: &'a mut HostCx<'_>, index: u32) -> Result<&'a mut $type, Trap> {
            match cx.state::<WasiState>().table.http(index)? {
                Http::$case(value) => Ok(value),
                _ => Err(unknown()),
            }
        }
    )*};
}

kinds! {
    Fields: Fields, take_fields, fields_of;
    Request: Request, take_request, request_of;
    Options: Timeouts, take_options, options_of;
    Response: Option<Held>, take_response, response_of;
    Received: Received, take_received, received_of;
    InBody: InBody, take_in_body, in_body_of;
    Trailers: Option<Held>, take_trailers, trailers_of;
    OutBody: OutBody, take_out_body, out_body_of;
    Asked: Asked, take_asked, asked_of;
    RespondTo: Held, take_respond_to, respond_to_of;
    Reply: Reply, take_reply, reply_of;
}

/// The canonical ABI lets no such index through.
#[cold]
fn unknown() -> Trap {
    misuse("a handle stands for no resource of its type")
}

fn add(cx: &mut HostCx<'_>, http: Http) -> Result<Value, Trap> {
    Ok(own(table::add(cx, Entry::Http(Box::new(http)))?))
}

/// Adds what must be dropped before `parent`.
fn add_child(cx: &mut HostCx<'_>, entry: Entry, parent: u32) -> Result<Value, Trap> {
    Ok(own(table::add_child(cx, entry, parent)?))
}

/// The fields of a head, which must be dropped before it.
fn headers(cx: &mut HostCx<'_>, map: Arc<FieldMap>, parent: u32) -> Result<Answer, Trap> {
    let fields = Entry::Http(Box::new(Http::Fields(Fields::Fixed(map))));
    now(add_child(cx, fields, parent)?)
}

fn some_or_none<T: Into<Value>>(value: Option<T>) -> Value {
    value.map_or(Value::NONE, Value::some)
}

/// A result without values.
fn done_if(good: bool) -> Result<Answer, Trap> {
    now(if good { Value::ok(None) } else { Value::err(None) })
}

const FIELDS: &[(&str, Body)] = &[
    ("http-error-code", |cx, args| {
        let error = cx.state::<WasiState>().table.error(args.handle()?)?;
        now(some_or_none(error.http.as_deref().map(from_error)))
    }),
    ("[constructor]fields", |cx, _| {
        let map = FieldMap::new(cx.account());
        now(add(cx, Http::Fields(Fields::Own(map)))?)
    }),
    ("[static]fields.from-list", |cx, args| {
        let list = to_fields(args)?;
        let mut map = FieldMap::new(cx.account());
        let made = list.into_iter().try_for_each(|(name, value)| map.append(&name, value));
        match made {
            Ok(()) => {
                let fields = add(cx, Http::Fields(Fields::Own(map)))?;
                now(Value::ok(Some(fields)))
            }
            Err(error) => changed(Err(error)),
        }
    }),
    ("[method]fields.get", |cx, args| {
        let map = looked_at(cx, args)?;
        let name = args.string()?;
        now(map.map().get(&name).map(|value| Value::from(value.to_vec())).collect::<Vec<_>>())
    }),
    ("[method]fields.has", |cx, args| {
        let map = looked_at(cx, args)?;
        let name = args.string()?;
        now(map.map().get(&name).next().is_some())
    }),
    ("[method]fields.set", |cx, args| {
        let fields = looked_at(cx, args)?;
        let name = args.string()?;
        let bytes = |value| Args::new(vec![value]).bytes();
        let values = args.list()?.into_iter().map(bytes).collect::<Result<_, _>>()?;
        changed(fields.map_mut().and_then(|map| map.set(&name, values)))
    }),
    ("[method]fields.delete", |cx, args| {
        let fields = looked_at(cx, args)?;
        let name = args.string()?;
        changed(fields.map_mut().and_then(|map| map.delete(&name)))
    }),
    ("[method]fields.append", |cx, args| {
        let fields = looked_at(cx, args)?;
        let (name, value) = (args.string()?, args.bytes()?);
        changed(fields.map_mut().and_then(|map| map.append(&name, value)))
    }),
    ("[method]fields.entries", |cx, args| {
        let fields = looked_at(cx, args)?;
        now(from_fields(fields.map().iter()))
    }),
    ("[method]fields.clone", |cx, args| {
        let account = cx.account().clone();
        let map = looked_at(cx, args)?.map().copied(&account)?;
        now(add(cx, Http::Fields(Fields::Own(map)))?)
    }),
];

/// The fields that a method is called on. To look through them is work.
fn looked_at<'a>(cx: &'a mut HostCx<'_>, args: &mut Args) -> Result<&'a mut Fields, Trap> {
    let index = args.handle()?;
    let size = fields_of(cx, index)?.map().size();
    cx.charge(size);
    fields_of(cx, index)
}

/// The result of a change.
fn changed(result: Result<(), FieldError>) -> Result<Answer, Trap> {
    now(match result {
        Ok(()) => Value::ok(None),
        Err(FieldError::Syntax) => Value::err(Some(Value::case(0))),
        Err(FieldError::Forbidden) => Value::err(Some(Value::case(1))),
        Err(FieldError::Immutable) => Value::err(Some(Value::case(2))),
        Err(FieldError::TooLarge) => {
            let why = format!("more than {} bytes of fields in one head", fields::MAX_FIELDS);
            return Err(Trap::new(TrapKind::Limit, why));
        }
        Err(FieldError::Exceeded(exceeded)) => return Err(exceeded.into()),
    })
}
