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

use std::sync::{Arc, OnceLock};

use wasm_encoder::{
    EntityType, Function, GlobalType, ImportSection, Instruction, MemArg, MemArgTarget, MemoryType,
    ValType,
};

use super::{
    functions::{Changed, Functions, changed, readable},
    instrument::{At, Notes, TOP, TRACE, instrument},
};
use crate::{
    command::Task,
    component::{
        engine::{Translation, core_like},
        error::LoadError,
        link::plan::Plan,
        pieces::STEP_PAGES,
    },
};

/// Bytes of the modules that are changed for one program, together: their sections, with
/// the names of functions but without other custom ones.
const MAX_TRACED: usize = 4 << 20;

/// Pages of the trace stack: half a million entries, and as much as is made in one
/// step. Where a guest with an unusually large stack has more frames, the second run
/// ends a little early.
const PAGES: u32 = STEP_PAGES;

/// The type of the trace stack.
pub(crate) fn stack_type() -> wasmi::MemoryType {
    wasmi::MemoryType::new(PAGES, Some(PAGES))
}

/// Bytes of the trace stack.
pub(crate) const STACK_BYTES: u64 = PAGES as u64 * 65_536;

/// The name of the trace stack.
pub(crate) const STACK: &str = "stack";

/// A program as it is run again, made once, after the first trap of one of its processes.
#[derive(Debug)]
pub(crate) struct Tracing {
    plan: Arc<Plan>,
    /// `None` if it cannot be made.
    traced: OnceLock<Option<Changed>>,
}

impl Tracing {
    pub fn new(plan: Arc<Plan>) -> Tracing {
        Tracing { plan, traced: OnceLock::new() }
    }

    /// The changed plan, if it has been made and could be.
    pub fn traced(&self) -> Option<&Changed> {
        self.traced.get()?.as_ref()
    }
}

impl Task for Tracing {
    fn is_done(&self) -> bool {
        self.traced.get().is_some()
    }

    fn run(&self) {
        self.traced.get_or_init(|| traced(&self.plan).ok());
    }
}

/// The plan with all its modules changed to leave a trace.
fn traced(plan: &Plan) -> Result<Changed, LoadError> {
    let core = core_like(&plan.core, Translation::Early);
    changed(plan, core, MAX_TRACED, |core, module, base, counts| {
        module.rewritten(core, &instrument(module.source.get(), counts, Trace { base })?)
    })
}

/// The names of the functions with these numbers.
pub(crate) fn names(modules: &[Functions], functions: &[u32]) -> Vec<String> {
    let name = |number: &u32| {
        let (module, index) = Functions::find(modules, *number)?;
        Some(module.name(index).map_or_else(|| module.nameless(index), readable))
    };
    functions.iter().filter_map(name).collect()
}

/// Notes of four bytes, the number of a function, in a memory that all modules import.
struct Trace {
    /// The number of the module's first function.
    base: u32,
}

impl Notes for Trace {
    const SIZE: i32 = 4;
    const IMPORTS: (u32, u32) = (1, 1);

    fn import(&self, imports: &mut ImportSection) {
        let (minimum, maximum) = (u64::from(PAGES), Some(u64::from(PAGES)));
        let memory =
            MemoryType { minimum, maximum, memory64: false, shared: false, page_size_log2: None };
        let top = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
        imports.import(TRACE, STACK, EntityType::Memory(memory));
        imports.import(TRACE, TOP, EntityType::Global(top));
    }

    fn enter(&self, at: &At, code: &mut Function) {
        let target = MemArgTarget::Memory(at.counts.imported_memories);
        let stack = MemArg { offset: 0, align: 2, target, ordering: None };
        let number = self.base.saturating_add(at.index());
        code.instruction(&Instruction::I32Const(number.cast_signed()))
            .instruction(&Instruction::I32Store(stack));
    }
}
