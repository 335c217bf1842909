//! Programs whose processes can tell at any time which functions they are in.
//!
//! The interpreter does not walk its stack. So where a replay is to show one, its
//! programs are changed: each function notes itself on a stack in a memory that is added
//! to its module, and, in a module with DWARF, each line that it begins. Other than the
//! modules of `instrument`, which run after a trap and to its end, these take the same
//! fuel as the program that was recorded, unit for unit, so that they can be stopped where
//! that was, and compared with the journal like it:
//!
//! - the changes come after those that all modules get ([`rewrite`]), so that these are the
//!   same;
//! - the few operators that notes are made with cost nothing in the engine of the changed
//!   modules, and where the program itself has one, a `nop` stands in front of it, which
//!   costs there what the operator costs elsewhere. Nothing is added that begins a block.
//!
//! A note is made by three operators or four and is never undone: a function writes over
//! what was noted above it, as in `instrument`. As each module has a memory of its own,
//! where no index of a memory changes, and all count on the same top, a note has a number
//! that says which of two at the same place is the newer one.
//!
//! [`rewrite`]: crate::component::load::rewrite

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use wasm_encoder::{
    EntityType, Function, GlobalType, ImportSection, Instruction, MemArg, MemArgTarget, MemoryType,
    ValType,
};
use wasmparser::{Operator, Parser, Payload};

use super::{
    functions::{Changed, Functions, changed, readable},
    instrument::{At, Counts, Notes, TOP, TRACE, instrument},
    lines::Lines,
};
use crate::component::{
    engine::core_watching,
    error::LoadError,
    link::plan::Plan,
    load::{
        module::CoreModule,
        rewrite::{Kept, Rewritten},
    },
};

/// Bytes of the modules that are changed for one program, as in `trace`. A replay has time.
const MAX_WATCHED: usize = 64 << 20;

/// Bytes of a note: which function, the last line that it has begun, and its number.
pub(crate) const NOTE: u32 = 16;

/// Bytes of wasm stack that a function takes at least.
const FRAME: usize = 32;

/// Pages that notes may take in a module.
const MAX_PAGES: usize = 1024;

/// The export of the memory that notes are in.
pub(crate) const NOTES: &str = "[trace]";

/// The import of the number of the last note.
pub(crate) const COUNT: &str = "count";

/// No line is known.
const NO_LINE: u32 = u32::MAX;

/// A program whose processes are watched.
#[derive(Clone, Debug)]
pub(crate) struct WatchedPlan {
    pub plan: Arc<Plan>,
    pub modules: Arc<[Functions]>,
    /// Bytes of the memory for notes of a module.
    pub memory: usize,
}

/// The plan with all its modules changed so that its processes are watched.
///
/// # Errors
///
/// If there is too much of it, or a module cannot be changed.
pub(crate) fn watched(plan: &Plan) -> Result<WatchedPlan, LoadError> {
    let frames = plan.max_stack / FRAME;
    let pages = frames.saturating_mul(NOTE as usize).div_ceil(65_536).clamp(1, MAX_PAGES) as u32;
    let core = core_watching(plan.max_stack);
    let Changed { plan, modules } =
        changed(plan, core, MAX_WATCHED, |core, module, base, counts| {
            watch(core, module, base, counts.all_funcs(), pages)
        })?;
    let memory = (pages as usize).saturating_mul(65_536);
    Ok(WatchedPlan { plan, modules, memory })
}

/// Changes a module with so many functions of its own, which have the numbers from `base` on.
fn watch(
    core: &wasmi::Engine,
    module: &CoreModule,
    base: u32,
    own: u32,
    pages: u32,
) -> Result<CoreModule, LoadError> {
    let source = module.source.get();
    let lines = Lines::of(source);
    let bodies = bodies(source)?;
    module.remade(core, |new: &Rewritten<'_>| {
        let lines = lines.map(|lines| lines.begins().into_iter().collect()).unwrap_or_default();
        let watch = Watch { base, own, pages, lines, bodies: &bodies, kept: &new.kept };
        instrument(&new.bytes, Counts::of(&new.bytes)?, watch)
    })
}

/// Where the bodies of a module's functions begin, from the beginning of its code section.
fn bodies(module: &[u8]) -> Result<Vec<u32>, LoadError> {
    let (mut section, mut bodies) = (0, Vec::new());
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::CodeSectionStart { unchecked_range, .. } => section = unchecked_range.start,
            Payload::CodeSectionEntry(body) => {
                let start = body.range().start.saturating_sub(section);
                bodies.push(u32::try_from(start).unwrap_or(u32::MAX));
            }
            _ => {}
        }
    }
    Ok(bodies)
}

/// A note: the number of a function, and the last line that it has begun.
pub(crate) type Note = (u32, u32);

/// The functions that notes name, as people read them. More than one for a note if its
/// place is in a function that was put into another.
pub(crate) fn shown(modules: &[Functions], notes: &[Note]) -> Vec<String> {
    let mut lines: HashMap<u32, Option<Lines<'_>>> = HashMap::new();
    let mut shown = Vec::new();
    for (number, line) in notes {
        let Some((module, index)) = Functions::find(modules, *number) else { continue };
        let name = module.name(index);
        let lines = lines.entry(module.base).or_insert_with(|| Lines::of(module.source.get()));
        let mut places = match (lines, line) {
            (None, _) | (_, &NO_LINE) => Vec::new(),
            (Some(lines), line) => lines.at(*line),
        };
        // The last is the function itself, whose name is in the module.
        let last = places.pop();
        for place in places {
            let name = place.name.as_deref().map_or("?".to_owned(), readable);
            shown.push(with_line(name, place.line));
        }
        let name = match (name, last.as_ref().and_then(|place| place.name.as_deref())) {
            (Some(name), _) | (None, Some(name)) => readable(name),
            (None, None) => module.nameless(index),
        };
        shown.push(with_line(name, last.and_then(|place| place.line)));
    }
    shown
}

fn with_line(name: String, line: Option<String>) -> String {
    match line {
        Some(line) => format!("{name} ({line})"),
        None => name,
    }
}

/// The costs of operators in the engine of changed modules.
pub(in crate::component) fn costs(costs: wasmi::OperatorCost) -> wasmi::OperatorCost {
    wasmi::OperatorCost {
        nop: 1,
        local_get: 0,
        local_tee: 0,
        global_get: 0,
        global_set: 0,
        i32_const: 0,
        i64_const: 0,
        i32_add: 0,
        i64_add: 0,
        i32_store: 0,
        i64_store: 0,
        ..costs
    }
}

/// The operators that cost nothing in the engine of changed modules, and one elsewhere.
fn costs_one(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::LocalGet { .. }
            | Operator::LocalTee { .. }
            | Operator::GlobalGet { .. }
            | Operator::GlobalSet { .. }
            | Operator::I32Const { .. }
            | Operator::I64Const { .. }
            | Operator::I32Add
            | Operator::I64Add
            | Operator::I32Store { .. }
            | Operator::I64Store { .. }
    )
}

/// Notes in a memory that is added to each module.
struct Watch<'a> {
    base: u32,
    /// Functions of the module as it was: what the loader has added is nobody's.
    own: u32,
    pages: u32,
    /// Where lines begin, from the beginning of the source's code section.
    lines: HashSet<u32>,
    /// Where functions begin there.
    bodies: &'a [u32],
    kept: &'a HashMap<usize, Vec<Kept>>,
}

impl Watch<'_> {
    fn place(at: &At, offset: u64) -> MemArg {
        let target = MemArgTarget::Memory(at.counts.memories);
        MemArg { offset, align: 2, target, ordering: None }
    }

    /// The address in the source of the code that is now so far from the beginning of the
    /// current function.
    fn address(&self, at: &At, offset: u64) -> Option<u32> {
        let function = at.defined as usize;
        let body = *self.bodies.get(function)?;
        let offset = usize::try_from(offset).ok()?;
        let offset = match self.kept.get(&function) {
            None => offset,
            Some(kept) => {
                let after = kept.partition_point(|kept| kept.new <= offset);
                let kept = kept.get(after.checked_sub(1)?)?;
                let within = offset.checked_sub(kept.new).filter(|within| *within < kept.len)?;
                kept.old.checked_add(within)?
            }
        };
        body.checked_add(u32::try_from(offset).ok()?)
    }
}

impl Notes for Watch<'_> {
    const SIZE: i32 = NOTE.cast_signed();
    const IMPORTS: (u32, u32) = (0, 2);

    fn import(&self, imports: &mut ImportSection) {
        let global = |val_type| GlobalType { val_type, mutable: true, shared: false };
        imports.import(TRACE, TOP, EntityType::Global(global(ValType::I32)));
        imports.import(TRACE, COUNT, EntityType::Global(global(ValType::I64)));
    }

    fn memory(&self) -> Option<(MemoryType, &'static str)> {
        let (minimum, maximum) = (u64::from(self.pages), Some(u64::from(self.pages)));
        let memory =
            MemoryType { minimum, maximum, memory64: false, shared: false, page_size_log2: None };
        Some((memory, NOTES))
    }

    fn is_noted(&self, index: u32) -> bool {
        index < self.own
    }

    fn enter(&self, at: &At, code: &mut Function) {
        let number = u64::from(self.base.saturating_add(at.index()));
        let note = (u64::from(NO_LINE) << 32) | number;
        let count = at.top().saturating_add(1);
        code.instruction(&Instruction::I64Const(note.cast_signed()))
            .instruction(&Instruction::I64Store(Watch::place(at, 0)))
            .instruction(&Instruction::GlobalGet(count))
            .instruction(&Instruction::I64Const(1))
            .instruction(&Instruction::I64Add)
            .instruction(&Instruction::GlobalSet(count))
            .instruction(&Instruction::LocalGet(at.local))
            .instruction(&Instruction::GlobalGet(count))
            .instruction(&Instruction::I64Store(Watch::place(at, 8)));
    }

    fn before(&self, at: &At, operator: &Operator<'_>, offset: u64, code: &mut Function) {
        let line = match self.is_noted(at.index()) && !self.lines.is_empty() {
            true => self.address(at, offset),
            false => None,
        };
        if let Some(line) = line.filter(|line| self.lines.contains(line)) {
            code.instruction(&Instruction::LocalGet(at.local))
                .instruction(&Instruction::I32Const(line.cast_signed()))
                .instruction(&Instruction::I32Store(Watch::place(at, 4)));
        }
        if costs_one(operator) {
            code.instruction(&Instruction::Nop);
        }
    }

    /// Here a `nop` would cost something.
    fn keeps(&self, operator: &Operator<'_>) -> bool {
        !matches!(operator, Operator::Nop)
    }
}
