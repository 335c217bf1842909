//! Core modules that leave a trace.
//!
//! A function writes its number to the top of the trace stack when it is
//! entered, and after each call sets the top back to itself; so there is nothing
//! to do when it is left, by whatever way.

use wasm_encoder::{
    CodeSection, EntityType, Function, GlobalType, ImportSection, Instruction, MemArg,
    MemArgTarget, MemoryType, Module, SectionId, ValType,
    reencode::{self, Reencode},
};
use wasmparser::{Operator, Parser, Payload, TypeRef};

use crate::component::{error::LoadError, load::module::CoreModule, pieces::STEP_PAGES};

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

/// Where traced modules import the trace stack and its top from.
pub(crate) const TRACE: &str = "[trace]";

/// The name of the stack.
pub(crate) const STACK: &str = "stack";

/// Bytes of a module that count for [`MAX_TRACED`](super::trace).
pub(super) fn size_of_module(module: &[u8]) -> Result<usize, LoadError> {
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
pub(super) fn trace_module(
    engine: &wasmi::Engine,
    module: &CoreModule,
    base: u32,
) -> Result<(CoreModule, u32), LoadError> {
    let mut tracer = Tracer::new(module.source.get(), base)?;
    let mut traced = Module::new();
    tracer
        .parse_core_module(&mut traced, Parser::new(0), module.source.get())
        .map_err(|error| LoadError::new(format!("a module cannot be traced: {error}")))?;
    let count = tracer.counts.all_funcs();
    let bytes = traced.finish();
    Ok((module.rewritten(engine, &bytes)?, count))
}

/// How many there are of what in a module, as far as a change of it has to know.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// The number of parameters of each function type.
    types: Vec<u32>,
    /// The type of each defined function.
    func_types: Vec<u32>,
    pub funcs: u32,
    pub imported_funcs: u32,
    pub imported_memories: u32,
    pub imported_globals: u32,
    /// Memories, with those that are imported.
    pub memories: u32,
}

impl Counts {
    pub fn of(bytes: &[u8]) -> Result<Counts, LoadError> {
        let mut counts = Counts::default();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::TypeSection(section) => {
                    for ty in section.into_iter_err_on_gc_types() {
                        counts.types.push(u32::try_from(ty?.params().len()).unwrap_or(u32::MAX));
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let count = match import?.ty {
                            TypeRef::Func(_) | TypeRef::FuncExact(_) => &mut counts.imported_funcs,
                            TypeRef::Memory(_) => &mut counts.imported_memories,
                            TypeRef::Global(_) => &mut counts.imported_globals,
                            _ => continue,
                        };
                        *count = count.saturating_add(1);
                    }
                }
                Payload::FunctionSection(section) => {
                    counts.funcs = section.count();
                    for ty in section {
                        counts.func_types.push(ty?);
                    }
                }
                Payload::MemorySection(section) => counts.memories = section.count(),
                _ => {}
            }
        }
        counts.memories = counts.memories.saturating_add(counts.imported_memories);
        Ok(counts)
    }

    /// The parameters of a defined function.
    pub fn params(&self, func: u32) -> u32 {
        let ty = self.func_types.get(func as usize);
        ty.and_then(|ty| self.types.get(*ty as usize)).copied().unwrap_or(0)
    }

    /// The number of functions, with those that are imported.
    pub fn all_funcs(&self) -> u32 {
        self.imported_funcs.saturating_add(self.funcs)
    }
}

struct Tracer {
    base: u32,
    counts: Counts,
    imports_done: bool,
    /// The defined function that is being read.
    current: u32,
    /// The local that holds where this function's entry is.
    local: u32,
}

impl Tracer {
    fn new(bytes: &[u8], base: u32) -> Result<Tracer, LoadError> {
        let counts = Counts::of(bytes)?;
        Ok(Tracer { base, counts, imports_done: false, current: 0, local: 0 })
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
            .instruction(&Instruction::GlobalSet(self.counts.imported_globals));
    }
}

impl Reencode for Tracer {
    type Error = std::convert::Infallible;

    fn memory_index(&mut self, memory: u32) -> Result<u32, reencode::Error> {
        Ok(memory.saturating_add(u32::from(memory >= self.counts.imported_memories)))
    }

    fn global_index(&mut self, global: u32) -> Result<u32, reencode::Error> {
        Ok(global.saturating_add(u32::from(global >= self.counts.imported_globals)))
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
        let mut locals = Vec::new();
        self.local = self.counts.params(self.current);
        for local in body.get_locals_reader()? {
            let (count, ty) = local?;
            self.local = self.local.saturating_add(count);
            locals.push((count, self.val_type(ty)?));
        }
        locals.push((1, ValType::I32));
        let number =
            self.base.saturating_add(self.counts.imported_funcs).saturating_add(self.current);
        self.current = self.current.saturating_add(1);

        let target = MemArgTarget::Memory(self.counts.imported_memories);
        let stack = MemArg { offset: 0, align: 2, target, ordering: None };
        let mut function = Function::new(locals);
        function
            .instruction(&Instruction::GlobalGet(self.counts.imported_globals))
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
                    .instruction(&Instruction::GlobalSet(self.counts.imported_globals));
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
