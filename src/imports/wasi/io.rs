//! `wasi:io`: errors, pollables and streams.

use super::{
    WasiState,
    call::{Args, Body, misuse, now, own},
    input::{self, Failure},
    output::{self, BUDGET},
    poll::{self, Pollable, poll},
    table::{self, Entry, Held},
};
use crate::{
    component::{Answer, DeclareError, HostCx, Linker, Trap},
    value::Value,
};

/// Bytes that `blocking-write-and-flush` may have.
const MAX_BLOCKING_WRITE: u64 = 4096;

pub(super) fn bind(linker: &mut Linker) -> Result<(), DeclareError> {
    super::call::bind(linker, "wasi:io/error", ERROR)?;
    super::call::bind(linker, "wasi:io/poll", POLL)?;
    super::call::bind(linker, "wasi:io/streams", STREAMS)?;
    linker.resource_dtor("wasi:io/error", "error", discard)?;
    linker.resource_dtor("wasi:io/poll", "pollable", discard)?;
    linker.resource_dtor("wasi:io/streams", "input-stream", discard)?;
    linker.resource_dtor("wasi:io/streams", "output-stream", discard)
}

const ERROR: &[(&str, Body)] = &[("[method]error.to-debug-string", |cx, args| {
    let error = cx.state::<WasiState>().table.error(args.handle()?)?;
    now(match (&error.http, &error.net) {
        (Some(error), _) => format!("{error:?}"),
        (None, Some(error)) => format!("{error:?}"),
        (None, None) => format!("{:?}", error.errno),
    })
})];

const POLL: &[(&str, Body)] = &[
    ("[method]pollable.ready", |cx, args| {
        poll(cx, &[args.handle()?], false, |_, ready| now(ready.contains(&true)))
    }),
    ("[method]pollable.block", |cx, args| {
        poll(cx, &[args.handle()?], true, |_, _| Ok(Answer::Now(None)))
    }),
    ("poll", |cx, args| {
        let pollables = args.handles()?;
        if pollables.is_empty() {
            return Err(misuse("`poll` of an empty list"));
        }
        poll(cx, &pollables, true, |_, ready| {
            // The list came out of a memory of 32 bits.
            let indices = (0u32..).zip(ready).filter(|(_, ready)| *ready);
            now(u32s(indices.map(|(index, _)| index)))
        })
    }),
];

const STREAMS: &[(&str, Body)] = &[
    ("[method]input-stream.read", |cx, args| read(cx, args, false)),
    ("[method]input-stream.blocking-read", |cx, args| read(cx, args, true)),
    ("[method]input-stream.skip", |cx, args| skip(cx, args, false)),
    ("[method]input-stream.blocking-skip", |cx, args| skip(cx, args, true)),
    ("[method]input-stream.subscribe", |cx, args| {
        let stream = args.handle()?;
        let pollable = Entry::Pollable(Pollable::Input(stream));
        now(own(table::add_child(cx, pollable, stream)?))
    }),
    ("[method]output-stream.check-write", |cx, args| {
        output::budget(cx, args.handle()?, |cx, budget| {
            finish(cx, budget.map(|budget| Some(Value::U64(budget))))
        })
    }),
    ("[method]output-stream.write", |cx, args| {
        let (stream, bytes) = (args.handle()?, args.bytes()?);
        output::write(cx, stream, bytes, |cx, result| finish(cx, result.map(|()| None)))
    }),
    ("[method]output-stream.blocking-write-and-flush", |cx, args| {
        let (stream, bytes) = (args.handle()?, args.bytes()?);
        write_and_flush(cx, stream, bytes)
    }),
    ("[method]output-stream.flush", flush),
    ("[method]output-stream.blocking-flush", flush),
    ("[method]output-stream.subscribe", |cx, args| {
        let stream = args.handle()?;
        let pollable = Entry::Pollable(Pollable::Output(stream));
        now(own(table::add_child(cx, pollable, stream)?))
    }),
    ("[method]output-stream.write-zeroes", |cx, args| {
        let (stream, len) = (args.handle()?, args.u64()?);
        let zeros = zeros(cx, len, BUDGET, "write-zeroes")?;
        output::write(cx, stream, zeros, |cx, result| finish(cx, result.map(|()| None)))
    }),
    ("[method]output-stream.blocking-write-zeroes-and-flush", |cx, args| {
        let (stream, len) = (args.handle()?, args.u64()?);
        let zeros = zeros(cx, len, MAX_BLOCKING_WRITE, "blocking-write-zeroes-and-flush")?;
        write_and_flush(cx, stream, zeros)
    }),
    ("[method]output-stream.splice", |cx, args| {
        let (to, from, len) = (args.handle()?, args.handle()?, args.u64()?);
        splice(cx, to, from, len, false)
    }),
    ("[method]output-stream.blocking-splice", |cx, args| {
        let (to, from, len) = (args.handle()?, args.handle()?, args.u64()?);
        splice(cx, to, from, len, true)
    }),
];

fn read(cx: &mut HostCx<'_>, args: &mut Args, wait: bool) -> Result<Answer, Trap> {
    let (stream, len) = (args.handle()?, args.u64()?);
    input::read(cx, stream, len, wait, |cx, result| {
        finish(cx, result.map(|bytes| Some(Value::from(bytes))))
    })
}

fn skip(cx: &mut HostCx<'_>, args: &mut Args, wait: bool) -> Result<Answer, Trap> {
    let (stream, len) = (args.handle()?, args.u64()?);
    input::read(cx, stream, len, wait, |cx, result| {
        let result = result.map(|bytes| bytes.len() as u64);
        cx.charge(*result.as_ref().unwrap_or(&0));
        finish(cx, result.map(|len| Some(Value::U64(len))))
    })
}

fn flush(cx: &mut HostCx<'_>, args: &mut Args) -> Result<Answer, Trap> {
    output::flush(cx, args.handle()?, |cx, result| finish(cx, result.map(|()| None)))
}

fn write_and_flush(cx: &mut HostCx<'_>, stream: u32, bytes: Vec<u8>) -> Result<Answer, Trap> {
    if bytes.len() as u64 > MAX_BLOCKING_WRITE {
        return Err(misuse(format!(
            "`blocking-write-and-flush` of {} bytes, where {MAX_BLOCKING_WRITE} are allowed",
            bytes.len()
        )));
    }
    output::write_all(cx, stream, bytes, move |cx, result| match result {
        Ok(()) => output::flush(cx, stream, |cx, result| finish(cx, result.map(|()| None))),
        Err(failure) => finish(cx, Err(failure)),
    })
}

fn zeros(cx: &mut HostCx<'_>, len: u64, max: u64, function: &str) -> Result<Vec<u8>, Trap> {
    if len > max {
        return Err(misuse(format!("`{function}` of {len} bytes, where {max} are allowed")));
    }
    cx.charge(len);
    // At most a MiB.
    Ok(vec![0; len as usize])
}

fn splice(cx: &mut HostCx<'_>, to: u32, from: u32, len: u64, wait: bool) -> Result<Answer, Trap> {
    // What is read must not get lost, so the other end is looked at first.
    output::budget(cx, to, move |cx, budget| match budget {
        Ok(0) if wait && len > 0 => {
            let awaited = cx.state::<WasiState>().table.output(to)?.awaits();
            poll::wait_for(cx, vec![awaited.into()], true, move |cx, _| {
                splice(cx, to, from, len, wait)
            })
        }
        Ok(budget) => input::read(cx, from, len.min(budget), wait, move |cx, result| {
            let bytes = match result {
                Ok(bytes) => bytes,
                Err(failure) => return finish(cx, Err(failure)),
            };
            let len = bytes.len() as u64;
            cx.charge(len);
            output::write(cx, to, bytes, move |cx, result| {
                finish(cx, result.map(|()| Some(Value::U64(len))))
            })
        }),
        Err(failure) => finish(cx, Err(failure)),
    })
}

/// The result of a stream's function. A failure becomes a `stream-error`.
fn finish(cx: &mut HostCx<'_>, result: Result<Option<Value>, Failure>) -> Result<Answer, Trap> {
    now(match result {
        Ok(value) => Value::ok(value),
        Err(Failure::Closed) => Value::err(Some(Value::case(1))),
        Err(Failure::Failed(error)) => {
            let error = table::add(cx, Entry::Error(error))?;
            let payload = Some(Box::new(own(error)));
            Value::err(Some(Value::Variant { case: 0, payload }))
        }
    })
}

fn u32s(values: impl Iterator<Item = u32>) -> Value {
    use crate::value::{List, Scalar};
    Value::List(List::Scalars(Scalar::U32, values.flat_map(u32::to_le_bytes).collect()))
}

/// What happens when a guest drops a resource, of whatever type.
pub(super) fn discard(cx: &mut HostCx<'_>, index: u32) -> Result<(), Trap> {
    let entry = cx.state::<WasiState>().table.remove(index)?;
    if let Entry::Http(http) = &entry
        && let Some(cut) = http.cut()
    {
        cx.send(cut.into());
    }
    release(cx, entry.into_held());
    Ok(())
}

/// Closes what nothing holds any more.
pub(super) fn release(cx: &mut HostCx<'_>, held: Option<Held>) {
    if let Some(close) = held.and_then(Held::into_close) {
        cx.send(close);
    }
}
