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
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use wasm_encoder::{
    CodeSection, EntityType, ExportSection, Function, GlobalType, ImportSection, Instruction,
    MemArg, MemArgTarget, MemorySection, MemoryType, Module, SectionId, ValType,
    reencode::{self, Reencode},
};
use wasmparser::{Operator, Parser, Payload};

use super::{
    instrument::{Counts, TRACE, size_of_module},
    lines::Lines,
    trace::{places_of_names, readable},
};
use crate::component::{
    engine::core_watching,
    error::LoadError,
    link::plan::{Op, Plan},
    load::{
        module::CoreModule,
        rewrite::{Kept, Rewritten},
        source::Source,
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
    pub modules: Arc<[Watched]>,
    /// Bytes of the memory for notes of a module.
    pub memory: usize,
}

/// A module of it.
#[derive(Debug)]
pub(crate) struct Watched {
    /// The number of its first function, and how many are its own.
    base: u32,
    own: u32,
    source: Source,
    /// Where the name of each function is, in the module's own bytes.
    names: Box<[Range<u32>]>,
}

/// The plan with all its modules changed so that its processes are watched.
///
/// # Errors
///
/// If there is too much of it, or a module cannot be changed.
pub(crate) fn watched(plan: &Plan) -> Result<WatchedPlan, LoadError> {
    // Nothing is used of what has been made before a panic.
    let made = catch_unwind(AssertUnwindSafe(|| watched_or_panic(plan)));
    made.unwrap_or_else(|_| Err(LoadError::new("the interpreter failed on what was changed")))
}

fn watched_or_panic(plan: &Plan) -> Result<WatchedPlan, LoadError> {
    let mut known: HashMap<*const CoreModule, Arc<CoreModule>> = HashMap::new();
    let mut modules = Vec::new();
    let (mut next, mut room) = (0u32, MAX_WATCHED);
    let core = core_watching(plan.max_stack);
    let frames = plan.max_stack / FRAME;
    let pages = frames.saturating_mul(NOTE as usize).div_ceil(65_536).clamp(1, MAX_PAGES) as u32;
    let mut ops = Vec::with_capacity(plan.ops.len());
    for op in &plan.ops {
        ops.push(match op {
            Op::Instantiate { module, imports } => {
                let new = match known.get(&Arc::as_ptr(module)) {
                    Some(new) => new.clone(),
                    None => {
                        room = room
                            .checked_sub(size_of_module(module.source.get())?)
                            .ok_or_else(|| LoadError::new("too many bytes to change"))?;
                        let (new, watched) = watch(&core, module, next, pages)?;
                        next = next
                            .checked_add(watched.own)
                            .ok_or_else(|| LoadError::new("too many functions to watch"))?;
                        modules.push(watched);
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
    let memory = (pages as usize).saturating_mul(65_536);
    Ok(WatchedPlan { plan, modules: modules.into(), memory })
}

/// Changes a module. Its functions have the numbers from `base` on.
fn watch(
    core: &wasmi::Engine,
    module: &CoreModule,
    base: u32,
    pages: u32,
) -> Result<(CoreModule, Watched), LoadError> {
    let source = module.source.clone();
    let lines = Lines::of(source.get());
    let bodies = bodies(source.get())?;
    let own = Counts::of(source.get())?.all_funcs();
    let new = module.remade(core, |new: &Rewritten<'_>| {
        let mut watcher = Watcher {
            base,
            own,
            pages,
            counts: Counts::of(&new.bytes)?,
            imports_done: false,
            memory_done: false,
            exports_done: false,
            current: 0,
            local: 0,
            lines: lines.map(|lines| lines.begins().into_iter().collect()).unwrap_or_default(),
            bodies: &bodies,
            kept: &new.kept,
        };
        let mut watched = Module::new();
        watcher
            .parse_core_module(&mut watched, Parser::new(0), &new.bytes)
            .map_err(|error| LoadError::new(format!("a module cannot be watched: {error}")))?;
        Ok(watched.finish())
    })?;
    let names = places_of_names(source.get(), own);
    Ok((new, Watched { base, own, source, names }))
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
pub(crate) fn shown(modules: &[Watched], notes: &[Note]) -> Vec<String> {
    let mut lines: HashMap<u32, Option<Lines<'_>>> = HashMap::new();
    let mut shown = Vec::new();
    for (number, line) in notes {
        let Some(watched) = modules.iter().rev().find(|watched| watched.base <= *number) else {
            continue;
        };
        let (index, source) = (number.saturating_sub(watched.base), &watched.source);
        let name = watched.names.get(index as usize).and_then(|place| {
            let name = source.get().get(place.start as usize..place.end as usize);
            str::from_utf8(name?).ok().filter(|name| !name.is_empty())
        });
        let lines = lines.entry(watched.base).or_insert_with(|| Lines::of(source.get()));
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
            (None, None) => {
                format!("function {index} of the module at offset {:#x}", source.range.start)
            }
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

struct Watcher<'a> {
    base: u32,
    own: u32,
    pages: u32,
    counts: Counts,
    imports_done: bool,
    memory_done: bool,
    exports_done: bool,
    /// The defined function that is being read.
    current: u32,
    /// The local that holds where this function's note is.
    local: u32,
    /// Where lines begin, from the beginning of the source's code section.
    lines: HashSet<u32>,
    /// Where functions begin there.
    bodies: &'a [u32],
    kept: &'a HashMap<usize, Vec<Kept>>,
}

impl Watcher<'_> {
    fn add_imports(&mut self, imports: &mut ImportSection) {
        let global = |val_type| GlobalType { val_type, mutable: true, shared: false };
        imports.import(TRACE, "top", EntityType::Global(global(ValType::I32)));
        imports.import(TRACE, COUNT, EntityType::Global(global(ValType::I64)));
        self.imports_done = true;
    }

    fn add_memory(&mut self, memories: &mut MemorySection) {
        let (minimum, maximum) = (u64::from(self.pages), Some(u64::from(self.pages)));
        memories.memory(MemoryType {
            minimum,
            maximum,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        self.memory_done = true;
    }

    fn add_export(&mut self, exports: &mut ExportSection) {
        exports.export(NOTES, wasm_encoder::ExportKind::Memory, self.counts.memories);
        self.exports_done = true;
    }

    fn top(&self) -> u32 {
        self.counts.imported_globals
    }

    fn at(&self, offset: u64) -> MemArg {
        let target = MemArgTarget::Memory(self.counts.memories);
        MemArg { offset, align: 2, target, ordering: None }
    }

    /// Writes the note of a function that is entered.
    fn enter(&self, function: &mut Function) {
        let number = u64::from(self.base.saturating_add(self.counts.imported_funcs))
            .saturating_add(u64::from(self.current));
        let note = (u64::from(NO_LINE) << 32) | number;
        let count = self.top().saturating_add(1);
        function
            .instruction(&Instruction::GlobalGet(self.top()))
            .instruction(&Instruction::LocalTee(self.local))
            .instruction(&Instruction::I64Const(note.cast_signed()))
            .instruction(&Instruction::I64Store(self.at(0)))
            .instruction(&Instruction::GlobalGet(count))
            .instruction(&Instruction::I64Const(1))
            .instruction(&Instruction::I64Add)
            .instruction(&Instruction::GlobalSet(count))
            .instruction(&Instruction::LocalGet(self.local))
            .instruction(&Instruction::GlobalGet(count))
            .instruction(&Instruction::I64Store(self.at(8)));
        self.reset(function);
    }

    /// Sets the top to just above this function's note.
    fn reset(&self, function: &mut Function) {
        function
            .instruction(&Instruction::LocalGet(self.local))
            .instruction(&Instruction::I32Const(NOTE.cast_signed()))
            .instruction(&Instruction::I32Add)
            .instruction(&Instruction::GlobalSet(self.top()));
    }

    /// The address in the source of the code that is now so far from the beginning of the
    /// current function.
    fn address(&self, offset: u64) -> Option<u32> {
        let body = *self.bodies.get(self.current as usize)?;
        let offset = usize::try_from(offset).ok()?;
        let offset = match self.kept.get(&(self.current as usize)) {
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

impl Reencode for Watcher<'_> {
    type Error = std::convert::Infallible;

    fn global_index(&mut self, global: u32) -> Result<u32, reencode::Error> {
        let after = global >= self.counts.imported_globals;
        Ok(global.saturating_add(2 * u32::from(after)))
    }

    /// They are of no use to the interpreter.
    fn parse_custom_section(
        &mut self,
        _: &mut Module,
        _: wasmparser::CustomSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        reencode::utils::parse_import_section(self, imports, section)?;
        self.add_imports(imports);
        Ok(())
    }

    fn parse_memory_section(
        &mut self,
        memories: &mut MemorySection,
        section: wasmparser::MemorySectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        reencode::utils::parse_memory_section(self, memories, section)?;
        self.add_memory(memories);
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        reencode::utils::parse_export_section(self, exports, section)?;
        self.add_export(exports);
        Ok(())
    }

    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), reencode::Error> {
        use SectionId as S;
        if !self.imports_done && !matches!(before, Some(S::Type | S::Import)) {
            let mut imports = ImportSection::new();
            self.add_imports(&mut imports);
            module.section(&imports);
        }
        let early = matches!(before, Some(S::Type | S::Import | S::Function | S::Table));
        if !self.memory_done && !early && !matches!(before, Some(S::Memory)) {
            let mut memories = MemorySection::new();
            self.add_memory(&mut memories);
            module.section(&memories);
        }
        let early = early || matches!(before, Some(S::Memory | S::Tag | S::Global));
        if !self.exports_done && !early && !matches!(before, Some(S::Export)) {
            let mut exports = ExportSection::new();
            self.add_export(&mut exports);
            module.section(&exports);
        }
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: wasmparser::FunctionBody<'_>,
    ) -> Result<(), reencode::Error> {
        let mut locals = Vec::new();
        self.local = self.counts.params(self.current);
        for local in body.get_locals_reader()? {
            let (count, ty) = local?;
            self.local = self.local.saturating_add(count);
            locals.push((count, self.val_type(ty)?));
        }
        locals.push((1, ValType::I32));
        let mut function = Function::new(locals);
        // What the loader has added is nobody's function.
        let own = self.counts.imported_funcs.saturating_add(self.current) < self.own;
        if own {
            self.enter(&mut function);
        }
        let begin = body.range().start;
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let (operator, offset) = reader.read_with_offset()?;
            let line = match own && !self.lines.is_empty() {
                true => self.address(offset.saturating_sub(begin)),
                false => None,
            };
            if let Some(line) = line.filter(|line| self.lines.contains(line)) {
                function
                    .instruction(&Instruction::LocalGet(self.local))
                    .instruction(&Instruction::I32Const(line.cast_signed()))
                    .instruction(&Instruction::I32Store(self.at(4)));
            }
            if own
                && matches!(
                    operator,
                    Operator::ReturnCall { .. }
                        | Operator::ReturnCallIndirect { .. }
                        | Operator::ReturnCallRef { .. }
                )
            {
                // The callee takes this function's place.
                function
                    .instruction(&Instruction::LocalGet(self.local))
                    .instruction(&Instruction::GlobalSet(self.top()));
            }
            if costs_one(&operator) {
                function.instruction(&Instruction::Nop);
            }
            let call = matches!(
                operator,
                Operator::Call { .. } | Operator::CallIndirect { .. } | Operator::CallRef { .. }
            );
            // Here it would cost something.
            if !matches!(operator, Operator::Nop) {
                function.instruction(&self.instruction(operator)?);
            }
            if own && call {
                self.reset(&mut function);
            }
        }
        self.current = self.current.saturating_add(1);
        code.function(&function);
        Ok(())
    }
}
