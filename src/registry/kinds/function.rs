//! `function.wasm`, `function.wat` and `function.lua`: programs that are called, not
//! started.
//!
//! A function has the fields of a process of its language, and a pool: how many calls
//! there may be at a time, and how many may wait.

use super::{ProcessLua, ProcessWasm, Reading, lua, wasm};
use crate::registry::fields::{At, Fields};
use std::time::Duration;

/// The fields of a `function.wasm` or `function.wat` entry.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionWasm {
    /// The program.
    pub program: ProcessWasm,
    /// How many calls there may be.
    pub pool: Pool,
    /// How calls are made again.
    pub retry: Option<Retry>,
}

/// The fields of a `function.lua` entry.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionLua {
    /// The program.
    pub program: ProcessLua,
    /// How many calls there may be.
    pub pool: Pool,
    /// How calls are made again.
    pub retry: Option<Retry>,
}

/// How many calls of a function there may be at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Calls at a time; any number if there is none.
    pub workers: Option<u64>,
    /// Calls that may wait for their turn.
    pub buffer: u64,
}

/// The types of pools. They say which fields bound the calls and what holds without them,
/// and nothing of instances: each call has one of its own.
#[derive(Clone, Copy)]
enum PoolKind {
    /// Any number of calls.
    Inline,
    /// At most `max_size` calls, or `size`.
    Lazy,
    /// `workers` calls, or `size`.
    Static,
    /// As `Lazy`.
    Adaptive,
}

/// How a call that has failed is made again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// Calls altogether.
    pub max_attempts: u64,
    /// The wait before the second.
    pub initial_delay: Duration,
    /// How much longer each further wait is.
    pub backoff_factor: f64,
}

/// Calls at a time where a pool names its type and nothing else.
const NAMED: u64 = 16;
/// Calls at a time where it says nothing.
const PLAIN: u64 = 100;
/// Calls at a time of a static pool that says nothing.
const STATIC: u64 = 8;
/// Calls that wait, for each that runs.
const WAITING: u64 = 64;

impl Default for Pool {
    /// A hundred calls at a time.
    fn default() -> Pool {
        Pool { workers: Some(PLAIN), buffer: PLAIN * WAITING }
    }
}

pub(super) fn of_wasm(reading: &mut Reading<'_>) -> Option<FunctionWasm> {
    let (pool, retry) = (pool(&reading.fields), retry(&reading.fields));
    Some(FunctionWasm { program: wasm::process(reading)?, pool: pool?, retry })
}

pub(super) fn of_wat(reading: &mut Reading<'_>) -> Option<FunctionWasm> {
    let (pool, retry) = (pool(&reading.fields), retry(&reading.fields));
    Some(FunctionWasm { program: wasm::text(reading)?, pool: pool?, retry })
}

pub(super) fn of_lua(reading: &mut Reading<'_>) -> Option<FunctionLua> {
    let (pool, retry) = (pool(&reading.fields), retry(&reading.fields));
    Some(FunctionLua { program: lua::process(reading)?, pool: pool?, retry })
}

fn pool(fields: &Fields<'_, '_>) -> Option<Pool> {
    let Some(fields) = fields.fields("pool", "pool:\n  type: static\n  size: 4") else {
        return Some(Pool::default());
    };
    let number = |name| fields.count(name, u64::from(u32::MAX), "8");
    let (size, workers) = (number("size").unwrap_or(0), number("workers").unwrap_or(0));
    let (buffer, max_size) = (number("buffer"), number("max_size").unwrap_or(0));
    fields.flag("warm_start");
    let class = fields.text("worker_class");
    let named = class.or_else(|| fields.text("type"));
    let kind = match &named {
        Some(named) => Some(kind_of(&fields, named)?),
        None => None,
    };
    if workers > 0 && size == 0 {
        fields.report().error(
            fields.line_of("workers"),
            &fields.path("workers"),
            format!("{workers}, and no size"),
            "workers beside a size",
            format!("add a line like this: size: {workers}"),
        );
        return None;
    }
    let kind_of_none = match (workers, size, max_size) {
        (0, 0, _) | (0, _, 1..) => PoolKind::Lazy,
        (0, ..) => PoolKind::Inline,
        _ => PoolKind::Static,
    };
    let chosen = kind.unwrap_or(kind_of_none);
    let some = |n: u64| (n > 0).then_some(n);
    let default = if kind.is_some() { NAMED } else { PLAIN };
    let workers = match chosen {
        PoolKind::Inline => None,
        PoolKind::Static => Some(some(workers).or(some(size)).unwrap_or(STATIC)),
        PoolKind::Lazy | PoolKind::Adaptive => {
            Some(some(max_size).or(some(size)).unwrap_or(default))
        }
    };
    let buffer = buffer.filter(|n| *n > 0);
    let buffer = buffer.unwrap_or_else(|| workers.unwrap_or(0).saturating_mul(WAITING));
    fields.finish();
    Some(Pool { workers, buffer })
}

fn kind_of(fields: &Fields<'_, '_>, text: &At<&str>) -> Option<PoolKind> {
    const KINDS: [(&str, PoolKind); 4] = [
        ("inline", PoolKind::Inline),
        ("lazy", PoolKind::Lazy),
        ("static", PoolKind::Static),
        ("adaptive", PoolKind::Adaptive),
    ];
    if let Some((_, kind)) = KINDS.iter().find(|(name, _)| *name == text.value) {
        return Some(*kind);
    }
    let report = fields.report();
    let fix = match report.nearest(text.value, KINDS.map(|(name, _)| name)) {
        Some(word) => format!("did you mean {word}?"),
        None => "write it like this: type: lazy".to_owned(),
    };
    let expected = "inline, lazy, static or adaptive";
    report.error(text.line, &text.field, text.found.clone(), expected, fix);
    None
}

/// The `meta.options.retry` of an entry. Elsewhere in `meta` anything may stand.
fn retry(fields: &Fields<'_, '_>) -> Option<Retry> {
    let options = fields.nested("meta")?.nested("options")?;
    let retry = options.fields("retry", "retry:\n  max_attempts: 3")?;
    let max_attempts = retry.count("max_attempts", 1000, "3").unwrap_or(1).max(1);
    let delay = retry.count("initial_delay", 86_400_000, "100").unwrap_or(0);
    let factor = retry.number("backoff_factor", 1.0, 1000.0, "2").unwrap_or(1.0);
    Some(Retry {
        max_attempts,
        initial_delay: Duration::from_millis(delay),
        backoff_factor: factor,
    })
}
