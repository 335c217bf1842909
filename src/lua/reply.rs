//! Replies and errors, as programs see them.

use mlua::{Error, Lua, LuaString, MultiValue, Result, Value};

use super::{
    exchange, files,
    primitives::Primitives,
    values::{Giver, from_term},
};
use crate::{
    command::{Errno, ErrorKind, ProcessError, Reply, Unexpected},
    value::Term,
};

/// The values of an answer: one, or nil and an error.
pub(super) fn values(lua: &Lua, primitives: &Primitives, reply: &Reply) -> Result<MultiValue> {
    let value = match reply {
        Reply::Time(time) => Value::Integer(i64::try_from(*time).unwrap_or(i64::MAX)),
        Reply::Bytes(bytes) => Value::String(lua.create_string(bytes)?),
        Reply::Count(count) => Value::Integer(i64::try_from(*count).unwrap_or(i64::MAX)),
        Reply::Bool(value) => Value::Boolean(*value),
        Reply::Text(text) => Value::String(lua.create_string(text)?),
        Reply::Pid(pid) => Value::String(lua.create_string(pid.as_str())?),
        Reply::Ready(ready) => Value::Boolean(!ready.on.is_empty()),
        Reply::Done | Reply::Value(None) => Value::Boolean(true),
        Reply::Stat(stat) => Value::Table(files::stat(lua, stat)?),
        Reply::Entries(entries) => Value::Table(files::entries(lua, entries)?),
        Reply::File { id, .. } | Reply::Handle(id) => {
            Value::Integer(i64::try_from(id.0).unwrap_or(i64::MAX))
        }
        Reply::Response(response) => Value::Table(exchange::response(lua, response)?),
        Reply::HttpError(error) => return refused(lua, primitives, &exchange::fault(error)),
        // It has to be waited for.
        Reply::Failed(Errno::WouldBlock) => Value::Boolean(false),
        Reply::Ended(ending) => {
            return match &**ending {
                Ok(term) => result(lua, primitives, term),
                Err(fault) => refused(lua, primitives, fault),
            };
        }
        Reply::ProcessError(fault) => return refused(lua, primitives, fault),
        Reply::Failed(errno) => {
            let fault = ProcessError::new(kind(*errno), format!("{errno:?}"));
            return refused(lua, primitives, &fault);
        }
        Reply::Refused(why) => {
            let fault = ProcessError::new(ErrorKind::Unavailable, why.as_str());
            return refused(lua, primitives, &fault);
        }
        // No command of a program is answered so.
        Reply::Value(Some(_))
        | Reply::Trailers(_)
        | Reply::Address(_)
        | Reply::Addresses(_)
        | Reply::Datagrams(_)
        | Reply::NetError(_) => {
            let Unexpected(why) = reply.clone().instead_of("a value");
            return refused(lua, primitives, &ProcessError::new(ErrorKind::Internal, why));
        }
    };
    Ok([value].into_iter().collect())
}

fn kind(errno: Errno) -> ErrorKind {
    match errno {
        Errno::Access | Errno::NotPermitted | Errno::ReadOnly => ErrorKind::PermissionDenied,
        Errno::NoEntry => ErrorKind::NotFound,
        Errno::Exist => ErrorKind::AlreadyExists,
        Errno::Invalid
        | Errno::IsDirectory
        | Errno::NotDirectory
        | Errno::NotEmpty
        | Errno::NameTooLong => ErrorKind::Invalid,
        Errno::WouldBlock
        | Errno::Already
        | Errno::BadDescriptor
        | Errno::Busy
        | Errno::Deadlock
        | Errno::Quota
        | Errno::FileTooLarge
        | Errno::IllegalByteSequence
        | Errno::InProgress
        | Errno::Interrupted
        | Errno::Io
        | Errno::Loop
        | Errno::TooManyLinks
        | Errno::MessageSize
        | Errno::NoDevice
        | Errno::NoLock
        | Errno::InsufficientMemory
        | Errno::InsufficientSpace
        | Errno::NotRecoverable
        | Errno::Unsupported
        | Errno::NoTty
        | Errno::NoSuchDevice
        | Errno::Overflow
        | Errno::Pipe
        | Errno::InvalidSeek
        | Errno::TextFileBusy
        | Errno::CrossDevice
        | Errno::TooManyOpen => ErrorKind::Internal,
    }
}

/// The name of a kind, as the original's programs know it: `NotFound`, and nothing for an
/// unknown one.
pub(super) fn kind_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "NotFound",
        ErrorKind::AlreadyExists => "AlreadyExists",
        ErrorKind::Invalid => "Invalid",
        ErrorKind::PermissionDenied => "PermissionDenied",
        ErrorKind::Unavailable => "Unavailable",
        ErrorKind::Internal => "Internal",
        ErrorKind::Canceled => "Canceled",
        ErrorKind::Conflict => "Conflict",
        ErrorKind::Timeout => "Timeout",
        ErrorKind::RateLimited => "RateLimited",
        ErrorKind::Unknown => "",
    }
}

/// A term as one value, or nil and the reason why it cannot be one.
pub(super) fn result(lua: &Lua, primitives: &Primitives, term: &Term) -> Result<MultiValue> {
    match from_term(lua, term) {
        Ok(value) => Ok([value].into_iter().collect()),
        Err(why) => refused(lua, primitives, &ProcessError::new(ErrorKind::Invalid, why)),
    }
}

/// Nil and an error.
pub(super) fn refused(
    lua: &Lua,
    primitives: &Primitives,
    fault: &ProcessError,
) -> Result<MultiValue> {
    Ok([Value::Nil, primitives.error(lua, fault)?].into_iter().collect())
}

/// The text that Lua gives when memory is short.
const NO_MEMORY: &[u8] = b"not enough memory";

/// The longest text of an error or a line of the log; Lua strings may be larger.
const MAX_MESSAGE: usize = 64 << 10;

/// A text that others are told, cut to a length that everybody can bear.
pub(super) fn short(text: &[u8]) -> String {
    let part = text.get(..MAX_MESSAGE).unwrap_or(text);
    let mut short = String::from_utf8_lossy(part).into_owned();
    if part.len() < text.len() {
        short.push('…');
    }
    short
}

/// An error as a program may see it: a value of its own, or a text.
pub(super) fn plain(lua: &Lua, primitives: &Primitives, error: Value) -> Result<Value> {
    Ok(match error {
        Value::Error(error) if is_memory(&error) => {
            Value::String(lua.create_string(primitives.budget.memory.explain())?)
        }
        Value::String(text) if text.as_bytes() == NO_MEMORY => {
            // There may be no memory for the explanation.
            let explained = lua.create_string(primitives.budget.memory.explain());
            Value::String(explained.unwrap_or(text))
        }
        Value::Error(error) => Value::String(lua.create_string(root(&error))?),
        Value::String(text) => {
            // Where in the prelude is nobody's concern.
            let bytes = text.as_bytes();
            match bytes.strip_prefix(b"?:-1: ") {
                Some(rest) => Value::String(lua.create_string(rest)?),
                None => Value::String(text.clone()),
            }
        }
        other => other,
    })
}

/// True if memory was short.
fn is_memory(error: &Error) -> bool {
    match error {
        Error::CallbackError { cause, .. } => is_memory(cause),
        other => matches!(other, Error::MemoryError(_)),
    }
}

/// The message at the bottom of an error of the library.
pub(super) fn root(error: &Error) -> String {
    match error {
        Error::CallbackError { cause, .. } | Error::BadArgument { cause, .. } => root(cause),
        Error::RuntimeError(message) | Error::MemoryError(message) => message.clone(),
        Error::FromLuaConversionError { from, to, .. } => {
            let to = if to == "i64" || to == "u64" { "integer" } else { to };
            format!("{to} expected, got {from}")
        }
        other => other.to_string(),
    }
}

/// An error value of a program as a fault.
pub(super) fn fault(
    lua: &Lua,
    primitives: &Primitives,
    error: &Value,
    kind: ErrorKind,
) -> ProcessError {
    let table = match error {
        Value::Table(table) => table,
        Value::String(text) if text.as_bytes() == NO_MEMORY => {
            return ProcessError::new(kind, primitives.budget.memory.explain());
        }
        Value::String(text) => return ProcessError::new(kind, short(&text.as_bytes())),
        Value::Nil => return ProcessError::new(kind, "nil"),
        // The library's text of such a value is an address.
        Value::Function(_) | Value::Thread(_) | Value::UserData(_) => {
            return ProcessError::new(kind, format!("the error is a {}", error.type_name()));
        }
        other => {
            let text = other.to_string().unwrap_or_else(|_| other.type_name().to_owned());
            return ProcessError::new(kind, text);
        }
    };
    let mut giver = Giver::new(lua, primitives);
    let field = |value: Option<LuaString>| value.map(|text| short(&text.as_bytes()));
    if !table.metatable().is_some_and(|meta| meta == primitives.errors) {
        let message = field(table.raw_get("message").ok().flatten());
        let message = message.unwrap_or_else(|| shown(&mut giver, error));
        return ProcessError {
            details: giver.term(error, "").unwrap_or(Term::Nil),
            ..ProcessError::new(kind, message)
        };
    }
    let text = |at: i64| field(table.raw_get(at).ok().flatten()).unwrap_or_default();
    let details: Value = table.raw_get(4).unwrap_or(Value::Nil);
    let name = text(1);
    let kind = ErrorKind::ALL.into_iter().find(|kind| kind_name(*kind) == name).unwrap_or(kind);
    let message = match field(table.raw_get(5).ok().flatten()) {
        Some(context) => format!("{context}: {}", text(2)),
        None => text(2),
    };
    ProcessError {
        kind,
        message,
        retryable: table.raw_get::<Option<bool>>(3).ok().flatten().unwrap_or(kind.retryable()),
        details: giver.term(&details, "details").unwrap_or(Term::Nil),
    }
}

/// A table that is an error, as text.
fn shown(giver: &mut Giver<'_>, error: &Value) -> String {
    const SHOWN: usize = 200;
    let text = giver.term(error, "").ok().and_then(|term| crate::value::term::to_json(&term).ok());
    let Some(text) = text.map(|json| json.to_string()) else {
        return "the error is a table".to_owned();
    };
    let (head, whole) = crate::visible::head(&text, SHOWN);
    format!("the error is a table: {head}{}", if whole { "" } else { "…" })
}

/// A Lua traceback as the lines below an error's message.
pub(super) fn frames(trace: &str) -> String {
    let mut frames = String::new();
    for line in trace.lines().skip(1).map(str::trim) {
        // Functions in C and in the prelude are nobody's concern.
        let places = ["[C]", "?:", "(...tail calls...)"];
        if places.iter().any(|place| line.starts_with(place)) {
            continue;
        }
        match line.rsplit_once(": in ") {
            // A function that the prelude has called.
            Some((place, what)) if what.ends_with(" '?'") => {
                frames.push_str(&format!("\n    in a function at {place}"));
            }
            Some((place, what)) => frames.push_str(&format!("\n    in {what} at {place}")),
            None => frames.push_str(&format!("\n    {line}")),
        }
    }
    frames
}
