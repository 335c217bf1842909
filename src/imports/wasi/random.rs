//! `wasi:random`.

use super::{
    WasiState,
    call::{Args, Body, MAX_IO, ask, misuse, now},
};
use crate::{
    account::Charge,
    command::RandomCommand,
    component::{Answer, DeclareError, HostCx, Linker, Trap},
    value::Value,
};

/// The most bytes that a guest may ask for in one call.
const MAX_BYTES: u64 = 64 << 20;

pub(super) fn bind(linker: &mut Linker) -> Result<(), DeclareError> {
    super::call::bind(linker, "wasi:random/random", RANDOM)?;
    super::call::bind(linker, "wasi:random/insecure", INSECURE)?;
    super::call::bind(linker, "wasi:random/insecure-seed", SEED)
}

const RANDOM: &[(&str, Body)] = &[
    ("get-random-bytes", |cx, args| bytes(cx, args, false)),
    ("get-random-u64", |_, _| numbers(1, false, |numbers| numbers.into_iter().next())),
];

const INSECURE: &[(&str, Body)] = &[
    ("get-insecure-random-bytes", |cx, args| bytes(cx, args, true)),
    ("get-insecure-random-u64", |_, _| numbers(1, true, |numbers| numbers.into_iter().next())),
];

const SEED: &[(&str, Body)] = &[("insecure-seed", |cx, _| match cx.state::<WasiState>().seed {
    Some(seed) => now(pair(seed)),
    None => ask(RandomCommand::Bytes { len: 16, insecure: true }, |cx, reply| {
        let bytes = reply.bytes_exactly(16)?;
        let (numbers, _) = bytes.as_chunks::<8>();
        let mut numbers = numbers.iter().map(|bytes| u64::from_le_bytes(*bytes));
        let seed = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
        cx.state::<WasiState>().seed = Some(seed);
        now(pair(seed))
    }),
})];

/// The seed is for hash tables: one that changed would make them inconsistent.
fn pair((one, other): (u64, u64)) -> Value {
    Value::Record(vec![Value::U64(one), Value::U64(other)])
}

fn bytes(cx: &mut HostCx<'_>, args: &mut Args, insecure: bool) -> Result<Answer, Trap> {
    let len = args.u64()?;
    if len > MAX_BYTES {
        return Err(misuse(format!("{len} random bytes at once, where {MAX_BYTES} are allowed")));
    }
    // For what is there and for the next piece.
    let charge = cx.account().charge(len.saturating_add(len.min(MAX_IO)))?;
    let all = Vec::with_capacity(len as usize);
    more(all, len, insecure, charge)
}

/// Asks for `len` more bytes, in pieces.
fn more(mut all: Vec<u8>, len: u64, insecure: bool, charge: Charge) -> Result<Answer, Trap> {
    if len == 0 {
        drop(charge);
        return now(all);
    }
    let piece = len.min(MAX_IO);
    // A piece is at most a MiB.
    ask(RandomCommand::Bytes { len: piece as u32, insecure }, move |cx, reply| {
        let bytes = reply.bytes_exactly(piece)?;
        cx.charge(piece);
        all.extend(bytes);
        more(all, len.saturating_sub(piece), insecure, charge)
    })
}

/// Random `u64`s.
fn numbers(
    count: u32,
    insecure: bool,
    result: fn(Vec<Value>) -> Option<Value>,
) -> Result<Answer, Trap> {
    let len = count.saturating_mul(8);
    ask(RandomCommand::Bytes { len, insecure }, move |_, reply| {
        let bytes = reply.bytes_exactly(len.into())?;
        let (numbers, _) = bytes.as_chunks::<8>();
        let numbers = numbers.iter().map(|bytes| Value::U64(u64::from_le_bytes(*bytes)));
        Ok(Answer::Now(result(numbers.collect())))
    })
}
