//! Finding out in which functions a guest trapped.
//!
//! The interpreter does not say where it was. But a process can be run again
//! exactly, so after a trap it is: with its core modules changed so that each
//! function notes its number on a stack in a memory of its own, and with the
//! answers of the host repeated from a [`Recording`](super::recording::Recording) instead of asked for. The
//! first run pays nothing for this except the recording.
//!
//! To change and translate the modules takes far longer than a step may. So a process
//! that has trapped asks for it, as a [`Chore`](crate::command::Chore), and waits. It
//! is done once for all processes of a program: the changed modules are kept, in an
//! engine of their own, and all of their functions are translated at once, where a
//! panic of the translator is caught. So that this takes neither too long nor too much
//! memory, there is a limit: where the modules of a program have more than
//! [`MAX_TRACED`] bytes together, or cannot be changed, there is no second run, and the
//! error of the first one is told without the names of functions.

use std::{
    collections::HashMap,
    fmt::{self, Write as _},
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
};

use super::instrument::{size_of_module, trace_module};
use crate::{
    command::Task,
    component::{
        engine::{Translation, core_like},
        error::LoadError,
        link::plan::{Op, Plan},
        load::{module::CoreModule, names::each_name, source::Source},
    },
};

/// Bytes of the modules that are changed for one program, together: their sections, with
/// the names of functions but without other custom ones.
const MAX_TRACED: usize = 4 << 20;

/// Bytes of a function's name that are told.
const MAX_NAME: usize = 4 << 10;

/// A traced module, as far as messages need it.
#[derive(Debug)]
pub(crate) struct Traced {
    /// The number of its first function.
    base: u32,
    source: Source,
    /// Where the name of each function is, in the module's own bytes.
    names: Box<[Range<u32>]>,
}

/// A plan whose modules leave a trace.
#[derive(Clone, Debug)]
pub(crate) struct TracedPlan {
    pub plan: Arc<Plan>,
    pub modules: Arc<[Traced]>,
}

/// A program as it is run again, made once, after the first trap of one of its processes.
#[derive(Debug)]
pub(crate) struct Tracing {
    plan: Arc<Plan>,
    /// `None` if it cannot be made.
    traced: OnceLock<Option<TracedPlan>>,
}

impl Tracing {
    pub fn new(plan: Arc<Plan>) -> Tracing {
        Tracing { plan, traced: OnceLock::new() }
    }

    /// The changed plan, if it has been made and could be.
    pub fn traced(&self) -> Option<&TracedPlan> {
        self.traced.get()?.as_ref()
    }
}

impl Task for Tracing {
    fn is_done(&self) -> bool {
        self.traced.get().is_some()
    }

    fn run(&self) {
        self.traced.get_or_init(|| {
            // Nothing is used of what has been made before a panic.
            let traced = catch_unwind(AssertUnwindSafe(|| traced(&self.plan)));
            traced.ok()?.ok()
        });
    }
}

/// The plan with all its modules changed to leave a trace.
fn traced(plan: &Plan) -> Result<TracedPlan, LoadError> {
    let mut known: HashMap<*const CoreModule, Arc<CoreModule>> = HashMap::new();
    let mut modules = Vec::new();
    let (mut next, mut room) = (0u32, MAX_TRACED);
    let core = core_like(&plan.core, Translation::Early);
    let mut ops = Vec::with_capacity(plan.ops.len());
    for op in &plan.ops {
        ops.push(match op {
            Op::Instantiate { module, imports } => {
                let new = match known.get(&Arc::as_ptr(module)) {
                    Some(new) => new.clone(),
                    None => {
                        room = room
                            .checked_sub(size_of_module(module.source.get())?)
                            .ok_or_else(|| LoadError::new("too many bytes to trace"))?;
                        let (new, count) = trace_module(&core, module, next)?;
                        let source = module.source.clone();
                        let names = places_of_names(source.get(), count);
                        modules.push(Traced { base: next, source, names });
                        next = next
                            .checked_add(count)
                            .ok_or_else(|| LoadError::new("too many functions to trace"))?;
                        let new = Arc::new(new);
                        known.insert(Arc::as_ptr(module), new.clone());
                        new
                    }
                };
                Op::Instantiate { module: new, imports: imports.clone() }
            }
            other @ (Op::Memory(_) | Op::Func(_)) => other.clone(),
        });
    }
    let plan = Arc::new(Plan { core, ops, ..plan.clone() });
    Ok(TracedPlan { plan, modules: modules.into() })
}

/// The names of the functions with these numbers.
pub(crate) fn names(modules: &[Traced], functions: &[u32]) -> Vec<String> {
    let name = |number: &u32| {
        let traced = modules.iter().rev().find(|traced| traced.base <= *number)?;
        let (index, source) = (number - traced.base, &traced.source);
        let name = traced.names.get(index as usize).and_then(|place| {
            let place = place.start as usize..place.end as usize;
            source.get().get(place).filter(|name| !name.is_empty())
        });
        Some(match name.map(str::from_utf8) {
            Some(Ok(name)) => readable(name),
            _ => {
                let start = source.range.start;
                format!("function {index} of the module at offset {start:#x}")
            }
        })
    };
    functions.iter().filter_map(name).collect()
}

/// A name without what compilers add to it, and not longer than anybody reads.
pub(super) fn readable(name: &str) -> String {
    struct Short(String);
    impl fmt::Write for Short {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let room = MAX_NAME.saturating_sub(self.0.len());
            let end = text.floor_char_boundary(room);
            self.0.push_str(text.get(..end).unwrap_or_default());
            if end < text.len() { Err(fmt::Error) } else { Ok(()) }
        }
    }
    let mut short = Short(String::new());
    let whole = match name.len() {
        ..=MAX_NAME => write!(short, "{:#}", rustc_demangle::demangle(name)),
        _ => short.write_str(name),
    };
    if whole.is_err() {
        short.0.push('…');
    }
    short.0
}

/// Where the names of a module's functions are in its bytes.
pub(super) fn places_of_names(module: &[u8], functions: u32) -> Box<[Range<u32>]> {
    let mut places = vec![0..0; functions as usize];
    let begin = module.as_ptr().addr();
    each_name(module, |index, name| {
        let start = name.as_ptr().addr().checked_sub(begin).map(u32::try_from);
        if let (Some(place), Some(Ok(start)), Ok(len)) =
            (places.get_mut(index as usize), start, u32::try_from(name.len()))
        {
            *place = start..start.saturating_add(len);
        }
    });
    places.into()
}
