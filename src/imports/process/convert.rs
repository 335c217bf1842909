//! The values of the WIT to terms, faults and mail, and back.
//!
//! What is made of several parts travels as JSON text on the guest's side of this
//! border, since WIT has no recursive types, and as a term on the other. A byte of
//! it is as much work as copying 64, and many bytes of the host's memory in the
//! worst case, and parsing cannot be interrupted. So there is a limit to what one
//! call may carry, and a lower one to the JSON in it.

use super::Failure;
use crate::{
    command::{Ending, ErrorKind, Mail, Message, Pid, ProcessError, SharedEnding},
    component::HostCx,
    imports::wasi::call::{Args, unexpected_argument},
    process::Inbox,
    value::{Term, Value, term},
};

/// Bytes that the values of one call may have.
const MAX_VALUES: usize = 16 << 20;

/// Bytes of JSON among them.
const MAX_JSON: usize = 1 << 20;

/// What a value counts for, besides its bytes.
const VALUE: usize = size_of::<Term>();

/// Bytes of work that a byte of JSON counts for.
const JSON_WORK: u64 = 64;

/// What the values of a call may still have.
struct Room {
    values: usize,
    json: usize,
}

impl Room {
    const ALL: Room = Room { values: MAX_VALUES, json: MAX_JSON };

    fn values(&mut self, bytes: usize) -> Result<(), ProcessError> {
        let fault = || ProcessError::new(ErrorKind::Invalid, "the values have more than 16 MiB");
        self.values = self.values.checked_sub(bytes).ok_or_else(fault)?;
        Ok(())
    }

    fn json(&mut self, bytes: usize) -> Result<(), ProcessError> {
        let fault =
            || ProcessError::new(ErrorKind::Invalid, "the values have more than 1 MiB of JSON");
        self.json = self.json.checked_sub(bytes).ok_or_else(fault)?;
        Ok(())
    }
}

/// The term that a `value` stands for.
fn term(cx: &mut HostCx<'_>, value: Value, room: &mut Room) -> Result<Term, Failure> {
    let Value::Variant { case, payload } = value else { return Err(unexpected_argument().into()) };
    room.values(VALUE)?;
    Ok(match (case, payload.map(|value| *value)) {
        (0, None) => Term::Nil,
        (1, Some(Value::Bool(value))) => Term::Bool(value),
        (2, Some(Value::S64(value))) => Term::Int(value),
        (3, Some(Value::U64(value))) => Term::uint(value),
        (4, Some(Value::F64(value))) => Term::Float(value),
        (5, Some(Value::String(text))) => {
            room.values(text.len())?;
            Term::from(text)
        }
        (6, Some(bytes)) => {
            let bytes = Args::new(vec![bytes]).bytes()?;
            room.values(bytes.len())?;
            Term::Bytes(bytes.into())
        }
        (7, Some(Value::String(text))) => {
            room.json(text.len())?;
            cx.charge((text.len() as u64).saturating_mul(JSON_WORK));
            json(&text)
                .map_err(|why| ProcessError::new(ErrorKind::Invalid, format!("no JSON: {why}")))?
        }
        _ => return Err(unexpected_argument().into()),
    })
}

fn json(text: &str) -> Result<Term, Box<dyn std::error::Error>> {
    Ok(term::from_json(&serde_json::from_str(text)?)?)
}

/// The terms of a `list<value>`.
pub(super) fn terms(cx: &mut HostCx<'_>, args: &mut Args) -> Result<Vec<Term>, Failure> {
    let values = args.list()?;
    let mut room = Room::ALL;
    let mut terms = Vec::with_capacity(values.len());
    for value in values {
        terms.push(term(cx, value, &mut room)?);
    }
    Ok(terms)
}

/// The names and terms of a `list<tuple<string, value>>`.
pub(super) fn named(cx: &mut HostCx<'_>, args: &mut Args) -> Result<Vec<(String, Term)>, Failure> {
    let pairs = args.list()?;
    let mut room = Room::ALL;
    let mut terms = Vec::with_capacity(pairs.len());
    for pair in pairs {
        let mut pair = Args::new(vec![pair]).record()?;
        let name = pair.string()?;
        room.values(name.len())?;
        terms.push((name, term(cx, pair.value()?, &mut room)?));
    }
    Ok(terms)
}

/// What a `result<value, error>` stands for.
pub(super) fn ending(cx: &mut HostCx<'_>, args: &mut Args) -> Result<Ending, Failure> {
    let (case, payload) = args.case()?;
    let mut payload = Args::new(payload.into_iter().collect());
    if case == 0 {
        return Ok(Ok(term(cx, payload.value()?, &mut { Room::ALL })?));
    }
    let mut fields = payload.record()?;
    let (kind, _) = fields.case()?;
    let kind = ErrorKind::ALL.get(kind as usize).copied().ok_or_else(unexpected_argument)?;
    let (message, retryable) = (fields.string()?, fields.bool()?);
    let mut room = Room::ALL;
    room.values(message.len())?;
    let details = term(cx, fields.value()?, &mut room)?;
    Ok(Err(ProcessError { kind, message, retryable, details }))
}

/// A term as a `value`.
pub(super) fn value(cx: &mut HostCx<'_>, term: Term) -> Result<Value, Failure> {
    let (case, payload) = match term {
        Term::Nil => return Ok(Value::case(0)),
        Term::Bool(value) => (1, Value::Bool(value)),
        Term::Int(value) => (2, Value::S64(value)),
        Term::Uint(value) => (3, Value::U64(value)),
        Term::Float(value) => (4, Value::F64(value)),
        Term::Text(text) => (5, Value::String(text.into())),
        Term::Bytes(bytes) => (6, Value::from(bytes.into_vec())),
        term @ (Term::List(_) | Term::Map(_)) => {
            let json = term::to_json(&term).map_err(|why| {
                ProcessError::new(ErrorKind::Invalid, format!("what has come is {why}"))
            })?;
            let text = json.to_string();
            cx.charge((text.len() as u64).saturating_mul(JSON_WORK));
            (7, Value::String(text))
        }
    };
    Ok(Value::Variant { case, payload: Some(Box::new(payload)) })
}

/// A fault as an `error`. Details that are nested too deep for JSON are left out:
/// what has gone wrong is more important.
pub(super) fn error(cx: &mut HostCx<'_>, fault: ProcessError) -> Value {
    let ProcessError { kind, message, retryable, details } = fault;
    let kind = (0u32..).zip(ErrorKind::ALL).find(|(_, known)| *known == kind);
    let kind = Value::case(kind.map_or(0, |(case, _)| case));
    let details = value(cx, details).unwrap_or(Value::case(0));
    Value::Record(vec![kind, message.into(), retryable.into(), details])
}

/// A `mail`.
pub(super) fn mail(cx: &mut HostCx<'_>, mail: Mail) -> Result<Value, Failure> {
    let maybe = |pid: Option<Pid>| Value::from(pid.map(|pid| Value::from(pid.as_str())));
    let (case, fields) = match mail {
        Mail::Message(message) => {
            let mut payload = Vec::with_capacity(message.payload.len());
            let Message { from, topic, payload: mut terms, .. } = message;
            for term in terms.drain(..) {
                payload.push(value(cx, term)?);
            }
            let sender = Value::from(from.as_ref().map(|pid| Value::from(pid.as_str())));
            cx.state::<Inbox>().spend(from, terms);
            (0, vec![sender, Value::String(topic), payload.into()])
        }
        Mail::Exit { from, result } => (1, vec![from.as_str().into(), outcome(cx, result)?]),
        Mail::LinkDown { from, result } => (2, vec![from.as_str().into(), outcome(cx, result)?]),
        Mail::Cancel { from, reason } => (3, vec![maybe(from), reason.into()]),
    };
    Ok(Value::Variant { case, payload: Some(Box::new(Value::Record(fields))) })
}

/// An ending as a `result<value, error>`.
fn outcome(cx: &mut HostCx<'_>, result: SharedEnding) -> Result<Value, Failure> {
    Ok(match result.into_inner() {
        Ok(term) => Value::ok(Some(value(cx, term)?)),
        Err(fault) => Value::err(Some(error(cx, fault))),
    })
}
