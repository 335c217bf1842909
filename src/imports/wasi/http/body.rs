//! Bodies in both directions, and what comes after them.
//!
//! A body and its stream share one handle of the outside world, which is closed with the
//! last of them. The outside world counts what is written, and compares it with what
//! `content-length` has said.

use super::{
    Http, add, add_child, done_if,
    fields::FieldMap,
    fields::Fields,
    from_error, in_body_of, out_body_of,
    response::{given, pollable},
    take_fields, take_in_body, take_out_body, trailers_of,
};
use crate::{
    command::HttpCommand,
    component::{Answer, HostCx, Trap},
    imports::wasi::{
        call::{Args, Body, ask, now, under_way},
        input::Input,
        io::release,
        output::Output,
        table::{Entry, Held},
    },
    value::Value,
};

/// A body that is read.
#[derive(Debug)]
pub(in crate::imports::wasi) struct InBody {
    pub held: Held,
    /// Its stream has been given.
    streamed: bool,
}

/// A body that is written.
#[derive(Debug)]
pub(in crate::imports::wasi) struct OutBody {
    pub held: Held,
    /// Its stream has been given.
    streamed: bool,
}

pub(super) const FUNCTIONS: &[(&str, Body)] = &[
    ("[method]incoming-body.stream", |cx, args| {
        let index = args.handle()?;
        let body = in_body_of(cx, index)?;
        if std::mem::replace(&mut body.streamed, true) {
            return done_if(false);
        }
        let stream = Entry::Input(Input::stream(body.held.clone()));
        let stream = add_child(cx, stream, index)?;
        now(Value::ok(Some(stream)))
    }),
    ("[static]incoming-body.finish", |cx, args| {
        let InBody { held, .. } = take_in_body(cx, args.handle()?)?;
        cx.send(HttpCommand::PassOver(*held).into());
        now(add(cx, Http::Trailers(Some(held)))?)
    }),
    ("[method]future-trailers.subscribe", |cx, args| {
        let index = args.handle()?;
        let pollable = pollable(trailers_of(cx, index)?.as_ref());
        now(add_child(cx, pollable, index)?)
    }),
    ("[method]future-trailers.get", |cx, args| {
        let index = args.handle()?;
        match trailers_of(cx, index)?.as_deref().copied() {
            Some(body) => ask(HttpCommand::Trailers(body), move |cx, reply| {
                if reply.is_not_yet() {
                    return now(Value::NONE);
                }
                let trailers = match reply.unless_http_error() {
                    Ok(reply) => Ok(reply.trailers()?),
                    Err(error) => Err(error),
                };
                let held = trailers_of(cx, index)?.take();
                release(cx, held);
                now(given(match trailers {
                    Ok(Some(fields)) => {
                        let map = FieldMap::received(fields, cx.account())?;
                        let fields = add(cx, Http::Fields(Fields::Fixed(map.into())))?;
                        Value::ok(Some(Value::some(fields)))
                    }
                    Ok(None) => Value::ok(Some(Value::NONE)),
                    Err(error) => Value::err(Some(from_error(&error))),
                }))
            }),
            None => now(Value::some(Value::err(None))),
        }
    }),
    ("[method]outgoing-body.write", |cx, args| {
        let index = args.handle()?;
        let body = out_body_of(cx, index)?;
        if std::mem::replace(&mut body.streamed, true) {
            return done_if(false);
        }
        let stream = Entry::Output(Output::stream(body.held.clone()));
        let stream = add_child(cx, stream, index)?;
        now(Value::ok(Some(stream)))
    }),
    ("[static]outgoing-body.finish", |cx, args| {
        let (index, trailers) = (args.handle()?, args.option()?);
        let trailers = match trailers {
            Some(fields) => Some(take_fields(cx, Args::new(vec![fields]).handle()?)?.into_fixed()),
            None => None,
        };
        let OutBody { held, .. } = take_out_body(cx, index)?;
        let size = trailers.as_ref().map_or(0, |map| map.size());
        cx.charge(size);
        let under_way = under_way(cx, size);
        let trailers = trailers.map(|map| map.to_send()).unwrap_or_default();
        ask(HttpCommand::Finish { body: *held, trailers }, move |cx, reply| {
            drop(under_way);
            release(cx, Some(held));
            now(match reply.unless_http_error() {
                Ok(reply) => {
                    reply.done()?;
                    Value::ok(None)
                }
                Err(error) => Value::err(Some(from_error(&error))),
            })
        })
    }),
];

/// The result of `consume`.
pub(super) fn consumed(cx: &mut HostCx<'_>, held: Held) -> Result<Answer, Trap> {
    let body = add(cx, Http::InBody(InBody { held, streamed: false }))?;
    now(Value::ok(Some(body)))
}

/// Makes a body to be written, which `keep` ties to its head as well.
pub(super) fn new(
    length: Option<u64>,
    of_response: bool,
    keep: impl FnOnce(&mut HostCx<'_>, Held) -> Result<(), Trap> + Send + 'static,
) -> Result<Answer, Trap> {
    ask(HttpCommand::NewBody { length, of_response }, move |cx, reply| {
        let held = Held::http(reply.handle()?);
        keep(cx, held.clone())?;
        let body = add(cx, Http::OutBody(OutBody { held, streamed: false }))?;
        now(Value::ok(Some(body)))
    })
}
