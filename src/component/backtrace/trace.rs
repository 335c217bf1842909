//! Finding out in which functions a guest trapped.
//!
//! The interpreter does not say where it was. But a process can be run again
//! exactly, so after a trap it is: with its core modules changed so that each
//! function notes its number on a stack in a memory of its own, and with the
//! answers of the host repeated from a [`Recording`] instead of asked for. The
//! first run pays nothing for this except the recording.
//!
//! A function writes its number to the top of the trace stack when it is
//! entered, and after each call sets the top back to itself; so there is nothing
//! to do when it is left, by whatever way.
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

use wasm_encoder::{
    CodeSection, EntityType, Function, GlobalType, ImportSection, Instruction, MemArg,
    MemArgTarget, MemoryType, Module, SectionId, ValType,
    reencode::{self, Reencode},
};
use wasmparser::{Operator, Parser, Payload, TypeRef};

use crate::{
    command::Task,
    component::{
        engine::{Translation, core_like},
        error::LoadError,
        link::plan::{Op, Plan},
        load::{module::CoreModule, names::each_name, source::Source},
        pieces::STEP_PAGES,
    },
    value::Value,
};

/// Pages of the trace stack: half a million entries, and as much as is made in one
/// step. Where a guest with an unusually large stack has more frames, the second run
/// ends a little early.
const PAGES: u32 = STEP_PAGES;

/// Bytes of the modules that are changed for one program, together: their sections, with
/// the names of functions but without other custom ones.
const MAX_TRACED: usize = 4 << 20;

/// Bytes of a function's name that are told.
const MAX_NAME: usize = 4 << 10;

/// Where traced modules import the trace stack and its top from.
pub(crate) const TRACE: &str = "[trace]";

/// The name of the stack.
pub(crate) const STACK: &str = "stack";

/// Host values that are kept for a second run, in bytes.
const MAX_RECORDING: usize = 64 << 10;

/// The answers that the host has given to a process so far.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    answers: Vec<Recorded>,
    writes: Vec<(u32, Vec<u8>)>,
    bytes: usize,
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub value: Option<Value>,
    /// What the host function wrote into the memory of its caller.
    pub writes: Vec<(u32, Vec<u8>)>,
}

impl Recording {
    /// Notes what a host function that has not answered yet has written.
    pub fn note_writes(&mut self, mut writes: Vec<(u32, Vec<u8>)>) {
        for (_, bytes) in &writes {
            self.bytes = self.bytes.saturating_add(bytes.len()).saturating_add(32);
        }
        if self.bytes <= MAX_RECORDING {
            self.writes.append(&mut writes);
        }
    }

    /// Notes an answer. When there is too much, the recording is given up.
    pub fn note(&mut self, value: &Option<Value>) {
        if self.bytes > MAX_RECORDING {
            return;
        }
        self.bytes = self.bytes.saturating_add(value.as_ref().map_or(32, size));
        let writes = std::mem::take(&mut self.writes);
        if self.bytes <= MAX_RECORDING {
            self.answers.push(Recorded { value: value.clone(), writes });
        } else {
            self.answers = Vec::new();
        }
    }

    /// The answers in order, if none is missing.
    pub fn into_answers(self) -> Option<Vec<Recorded>> {
        (self.bytes <= MAX_RECORDING).then_some(self.answers)
    }
}

/// Whether values are few enough to be kept for a second run.
pub(crate) fn small(values: &[Value]) -> bool {
    values.iter().map(size).fold(0, usize::saturating_add) <= MAX_RECORDING
}

/// Roughly the bytes of a value; it is not looked at beyond the limit.
fn size(value: &Value) -> usize {
    use crate::value::List;
    let all = |values: &[Value]| {
        let mut sum = 0usize;
        for value in values {
            sum = sum.saturating_add(size(value));
            if sum > MAX_RECORDING {
                break;
            }
        }
        sum
    };
    size_of::<Value>().saturating_add(match value {
        Value::String(text) => text.len(),
        Value::List(List::Scalars(_, bytes)) => bytes.len(),
        Value::List(List::Values(values)) | Value::Record(values) => all(values),
        Value::Map(entries) => entries.len().saturating_mul(MAX_RECORDING / 8),
        Value::Variant { payload: Some(payload), .. } => size(payload),
        Value::Bool(_)
        | Value::S8(_)
        | Value::U8(_)
        | Value::S16(_)
        | Value::U16(_)
        | Value::S32(_)
        | Value::U32(_)
        | Value::S64(_)
        | Value::U64(_)
        | Value::F32(_)
        | Value::F64(_)
        | Value::Char(_)
        | Value::Variant { .. }
        | Value::Flags(_)
        | Value::Own(_)
        | Value::Borrow(_) => 0,
    })
}

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

impl Task for Plan {
    fn is_done(&self) -> bool {
        self.traced.get().is_some()
    }

    fn run(&self) {
        self.traced.get_or_init(|| {
            // Nothing is used of what has been made before a panic.
            let traced = catch_unwind(AssertUnwindSafe(|| traced(self)));
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
    let plan = Arc::new(Plan { core, ops, traced: OnceLock::new(), ..plan.clone() });
    Ok(TracedPlan { plan, modules: modules.into() })
}

/// The type of the trace stack.
pub(crate) fn stack_type() -> wasmi::MemoryType {
    wasmi::MemoryType::new(PAGES, Some(PAGES))
}

/// Bytes of the trace stack.
pub(crate) const STACK_BYTES: u64 = PAGES as u64 * 65_536;

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
fn readable(name: &str) -> String {
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

/// Bytes of a module that count for [`MAX_TRACED`].
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

/// Translates a module anew, with a trace. Also gives its number of functions.
fn trace_module(
    engine: &wasmi::Engine,
    module: &CoreModule,
    base: u32,
) -> Result<(CoreModule, u32), LoadError> {
    let mut tracer = Tracer::new(module.source.get(), base)?;
    let mut traced = Module::new();
    tracer
        .parse_core_module(&mut traced, Parser::new(0), module.source.get())
        .map_err(|error| LoadError::new(format!("a module cannot be traced: {error}")))?;
    let count = tracer.imported_funcs.saturating_add(tracer.funcs);
    let bytes = traced.finish();
    Ok((module.rewritten(engine, &bytes)?, count))
}

struct Tracer {
    base: u32,
    /// The number of parameters of each function type.
    types: Vec<u32>,
    /// The type of each defined function.
    func_types: Vec<u32>,
    funcs: u32,
    imported_funcs: u32,
    imported_memories: u32,
    imported_globals: u32,
    imports_done: bool,
    /// The defined function that is being read.
    current: u32,
    /// The local that holds where this function's entry is.
    local: u32,
}

impl Tracer {
    fn new(bytes: &[u8], base: u32) -> Result<Tracer, LoadError> {
        let mut tracer = Tracer {
            base,
            types: Vec::new(),
            func_types: Vec::new(),
            funcs: 0,
            imported_funcs: 0,
            imported_memories: 0,
            imported_globals: 0,
            imports_done: false,
            current: 0,
            local: 0,
        };
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::TypeSection(section) => {
                    for ty in section.into_iter_err_on_gc_types() {
                        tracer.types.push(u32::try_from(ty?.params().len()).unwrap_or(u32::MAX));
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let count = match import?.ty {
                            TypeRef::Func(_) | TypeRef::FuncExact(_) => &mut tracer.imported_funcs,
                            TypeRef::Memory(_) => &mut tracer.imported_memories,
                            TypeRef::Global(_) => &mut tracer.imported_globals,
                            _ => continue,
                        };
                        *count = count.saturating_add(1);
                    }
                }
                Payload::FunctionSection(section) => {
                    tracer.funcs = section.count();
                    for ty in section {
                        tracer.func_types.push(ty?);
                    }
                }
                _ => {}
            }
        }
        Ok(tracer)
    }

    fn add_imports(&mut self, imports: &mut ImportSection) {
        let (minimum, maximum) = (u64::from(PAGES), Some(u64::from(PAGES)));
        let memory =
            MemoryType { minimum, maximum, memory64: false, shared: false, page_size_log2: None };
        let top = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
        imports.import(TRACE, STACK, EntityType::Memory(memory));
        imports.import(TRACE, "top", EntityType::Global(top));
        self.imports_done = true;
    }

    /// Sets the top to just above this function's entry.
    fn reset(&self, function: &mut Function) {
        function
            .instruction(&Instruction::LocalGet(self.local))
            .instruction(&Instruction::I32Const(4))
            .instruction(&Instruction::I32Add)
            .instruction(&Instruction::GlobalSet(self.imported_globals));
    }
}

impl Reencode for Tracer {
    type Error = std::convert::Infallible;

    fn memory_index(&mut self, memory: u32) -> Result<u32, reencode::Error> {
        Ok(memory.saturating_add(u32::from(memory >= self.imported_memories)))
    }

    fn global_index(&mut self, global: u32) -> Result<u32, reencode::Error> {
        Ok(global.saturating_add(u32::from(global >= self.imported_globals)))
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

    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), reencode::Error> {
        if !self.imports_done && !matches!(before, Some(SectionId::Type | SectionId::Import)) {
            let mut imports = ImportSection::new();
            self.add_imports(&mut imports);
            module.section(&imports);
        }
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: wasmparser::FunctionBody<'_>,
    ) -> Result<(), reencode::Error> {
        let params = self
            .func_types
            .get(self.current as usize)
            .and_then(|ty| self.types.get(*ty as usize))
            .copied()
            .unwrap_or(0);
        let mut locals = Vec::new();
        self.local = params;
        for local in body.get_locals_reader()? {
            let (count, ty) = local?;
            self.local = self.local.saturating_add(count);
            locals.push((count, self.val_type(ty)?));
        }
        locals.push((1, ValType::I32));
        let number = self.base.saturating_add(self.imported_funcs).saturating_add(self.current);
        self.current = self.current.saturating_add(1);

        let target = MemArgTarget::Memory(self.imported_memories);
        let stack = MemArg { offset: 0, align: 2, target, ordering: None };
        let mut function = Function::new(locals);
        function
            .instruction(&Instruction::GlobalGet(self.imported_globals))
            .instruction(&Instruction::LocalTee(self.local))
            .instruction(&Instruction::I32Const(number as i32))
            .instruction(&Instruction::I32Store(stack));
        self.reset(&mut function);
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let operator = reader.read()?;
            if matches!(operator, Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. })
            {
                // The callee takes this function's place.
                function
                    .instruction(&Instruction::LocalGet(self.local))
                    .instruction(&Instruction::GlobalSet(self.imported_globals));
            }
            let call = matches!(operator, Operator::Call { .. } | Operator::CallIndirect { .. });
            function.instruction(&self.instruction(operator)?);
            if call {
                self.reset(&mut function);
            }
        }
        code.function(&function);
        Ok(())
    }
}
