//! `wippy:runtime/funcs`: functions of the application, as the original runtime lets
//! programs call them. The typed way is `wippy:process/functions`.

use super::wasi::call::{Body, ask, bind, now};
use crate::{
    command::{ActorCommand, FunctionCall, ProcessError, Reply},
    component::{Answer, DeclareError, HostCx, Linker, Trap},
    process::Identity,
    value::{Term, Value, term},
};

/// The WIT packages, name and text.
pub const PACKAGES: [(&str, &str); 1] =
    [("wippy:runtime@0.1.0", include_str!("../../wit/wippy/runtime.wit"))];

/// The most bytes of an input.
const MAX_INPUT: usize = 16 << 20;

/// What it takes to make a process, as bytes that could be copied meanwhile.
const BIRTH: u64 = 5_000 * 64;

/// Declares `wippy:runtime` and binds its functions.
///
/// # Errors
///
/// If the linker already has other declarations of the package.
pub fn add_to_linker(linker: &mut Linker) -> Result<(), DeclareError> {
    for (_, package) in PACKAGES {
        linker.declare(package)?;
    }
    bind(linker, "wippy:runtime/funcs", FUNCS)
}

const FUNCS: &[(&str, Body)] = &[
    ("call-string", |cx, args| {
        let (target, input) = (args.string()?, args.string()?);
        let len = input.len();
        call(cx, target, Term::from(input), len, |term| match term {
            Term::Nil => Value::String(String::new()),
            Term::Text(text) => Value::String(text.into()),
            other => Value::String(json(&other)),
        })
    }),
    ("call-bytes", |cx, args| {
        let (target, input) = (args.string()?, args.bytes()?);
        let len = input.len();
        call(cx, target, Term::Bytes(input.into()), len, |term| match term {
            Term::Nil => Value::from(Vec::<u8>::new()),
            Term::Text(text) => Value::from(text.as_bytes().to_vec()),
            Term::Bytes(bytes) => Value::from(bytes.into_vec()),
            other => match bytes(&other) {
                Some(bytes) => Value::from(bytes),
                None => Value::from(json(&other).into_bytes()),
            },
        })
    }),
];

/// A list of bytes.
fn bytes(term: &Term) -> Option<Vec<u8>> {
    let Term::List(items) = term else { return None };
    let byte = |item: &Term| match item {
        Term::Int(byte) => u8::try_from(*byte).ok(),
        _ => None,
    };
    items.iter().map(byte).collect()
}

fn json(term: &Term) -> String {
    term::to_json(term).map_or_else(|why| why.to_string(), |json| json.to_string())
}

fn refused(why: impl Into<String>) -> Result<Answer, Trap> {
    now(Value::err(Some(Value::String(why.into()))))
}

fn call(
    cx: &mut HostCx<'_>,
    entry: String,
    input: Term,
    len: usize,
    value: fn(Term) -> Value,
) -> Result<Answer, Trap> {
    if cx.state::<Option<Identity>>().is_none() {
        return refused("the program runs by itself and not as a process of a host");
    }
    if len > MAX_INPUT {
        return refused(format!("the input has {len} bytes, and may have {MAX_INPUT}"));
    }
    cx.charge(BIRTH.saturating_add(len as u64));
    let call = FunctionCall { entry, args: vec![input], ..FunctionCall::default() };
    ask(ActorCommand::Call(Box::new(call)), move |cx, reply: Reply| {
        let ending = match reply.unless_process_error() {
            Ok(reply) => reply.ended()?.into_inner(),
            Err(fault) => Err(fault),
        };
        match ending {
            Ok(term) => {
                cx.charge(term.size() as u64);
                now(Value::ok(Some(value(term))))
            }
            Err(ProcessError { message, .. }) => refused(message),
        }
    })
}
