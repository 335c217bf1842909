//! A plan with all its modules changed, and the functions of those by their numbers.
//!
//! Functions are counted through all modules, and those that a module imports are among its
//! own. What is told of them is in the module as it was.

use std::{
    collections::HashMap,
    fmt::{self, Write as _},
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use wasmparser::{Parser, Payload};

use super::instrument::Counts;
use crate::component::{
    error::LoadError,
    link::plan::{Op, Plan},
    load::{module::CoreModule, names::each_name, source::Source},
};

/// Bytes of a function's name that are told.
const MAX_NAME: usize = 4 << 10;

/// The functions of a module.
#[derive(Debug)]
pub(crate) struct Functions {
    /// The number of the first.
    pub base: u32,
    pub source: Source,
    /// Where the name of each is, in the module's own bytes.
    names: Box<[Range<u32>]>,
}

impl Functions {
    /// The name of a function of the module, if it has one.
    pub fn name(&self, index: u32) -> Option<&str> {
        let place = self.names.get(index as usize)?;
        let name = self.source.get().get(place.start as usize..place.end as usize)?;
        str::from_utf8(name).ok().filter(|name| !name.is_empty())
    }

    /// What is told of one without a name.
    pub fn nameless(&self, index: u32) -> String {
        format!("function {index} of the module at offset {:#x}", self.source.range.start)
    }

    /// The module with the function of this number, and its index there.
    pub fn find(modules: &[Functions], number: u32) -> Option<(&Functions, u32)> {
        let module = modules.iter().rev().find(|module| module.base <= number)?;
        Some((module, number.saturating_sub(module.base)))
    }
}

/// A plan with all its modules changed.
#[derive(Clone, Debug)]
pub(crate) struct Changed {
    pub plan: Arc<Plan>,
    pub modules: Arc<[Functions]>,
}

/// Changes each module of a plan once, for an engine, by `change`: it is given the number of
/// the module's first function, and how many there are of what in it. At most so many bytes
/// of modules are changed together.
///
/// # Errors
///
/// If there is more, or a module cannot be changed.
pub(super) fn changed(
    plan: &Plan,
    core: wasmi::Engine,
    most: usize,
    change: impl Fn(&wasmi::Engine, &CoreModule, u32, Counts) -> Result<CoreModule, LoadError>,
) -> Result<Changed, LoadError> {
    // Nothing is used of what has been made before a panic.
    let made = catch_unwind(AssertUnwindSafe(|| changed_or_panic(plan, core, most, change)));
    made.unwrap_or_else(|_| Err(LoadError::new("the interpreter failed on what was changed")))
}

fn changed_or_panic(
    plan: &Plan,
    core: wasmi::Engine,
    most: usize,
    change: impl Fn(&wasmi::Engine, &CoreModule, u32, Counts) -> Result<CoreModule, LoadError>,
) -> Result<Changed, LoadError> {
    let mut known: HashMap<*const CoreModule, Arc<CoreModule>> = HashMap::new();
    let mut modules = Vec::new();
    let (mut next, mut room) = (0u32, most);
    let mut ops = Vec::with_capacity(plan.ops.len());
    for op in &plan.ops {
        ops.push(match op {
            Op::Instantiate { module, imports } => {
                let new = match known.get(&Arc::as_ptr(module)) {
                    Some(new) => new.clone(),
                    None => {
                        let source = module.source.clone();
                        room = room
                            .checked_sub(size_of_module(source.get())?)
                            .ok_or_else(|| LoadError::new("too many bytes to change"))?;
                        let counts = Counts::of(source.get())?;
                        let (base, count) = (next, counts.all_funcs());
                        let new = Arc::new(change(&core, module, base, counts)?);
                        let names = places_of_names(source.get(), count);
                        modules.push(Functions { base, source, names });
                        next = next
                            .checked_add(count)
                            .ok_or_else(|| LoadError::new("too many functions to number"))?;
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
    Ok(Changed { plan, modules: modules.into() })
}

/// Bytes of a module that count: its sections, with the names of functions but without other
/// custom ones.
fn size_of_module(module: &[u8]) -> Result<usize, LoadError> {
    let mut size = 0usize;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        let counts = match &payload {
            Payload::CodeSectionEntry(_) => false,
            Payload::CustomSection(section) => section.name() == "name",
            _ => true,
        };
        if let (true, Some((_, range))) = (counts, payload.as_section()) {
            let len = range.end.saturating_sub(range.start);
            size = size.saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
        }
    }
    Ok(size)
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
fn places_of_names(module: &[u8], functions: u32) -> Box<[Range<u32>]> {
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
