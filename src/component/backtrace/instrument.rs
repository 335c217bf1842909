//! Core modules whose functions note where they are.
//!
//! A function writes a note to the top of a stack when it is entered, and after each call
//! sets the top back to itself; so there is nothing to do when it is left, by whatever way.
//! What a note is, and where the stack is, is said by [`Notes`].

use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, ImportSection, Instruction, MemorySection,
    MemoryType, Module, SectionId, ValType,
    reencode::{self, Reencode},
};
use wasmparser::{Operator, Parser, Payload, TypeRef};

use crate::component::error::LoadError;

/// Where changed modules import the top of the stack from, and what else they need.
pub(crate) const TRACE: &str = "[trace]";

/// The name of the top.
pub(super) const TOP: &str = "top";

/// What functions note.
pub(super) trait Notes {
    /// Bytes of a note.
    const SIZE: i32;

    /// How many memories and globals are imported, behind those of the module. The first of
    /// the globals is the top.
    const IMPORTS: (u32, u32);

    /// Imports them.
    fn import(&self, imports: &mut ImportSection);

    /// A memory that comes behind those of the module, and the name that it is exported by.
    fn memory(&self) -> Option<(MemoryType, &'static str)> {
        None
    }

    /// True if a function of this index notes itself.
    fn is_noted(&self, _index: u32) -> bool {
        true
    }

    /// Writes the note of a function that is entered. The top is in its local.
    fn enter(&self, at: &At, code: &mut Function);

    /// Writes what comes before an operator that is so far from the beginning of the body.
    fn before(&self, _at: &At, _operator: &Operator<'_>, _offset: u64, _code: &mut Function) {}

    /// False if an operator is left out.
    fn keeps(&self, _operator: &Operator<'_>) -> bool {
        true
    }
}

/// The function that is being changed.
#[derive(Debug)]
pub(super) struct At {
    /// Of the module as it was.
    pub counts: Counts,
    /// Its number among those that are defined.
    pub defined: u32,
    /// The local that holds where its note is.
    pub local: u32,
}

impl At {
    /// Its index.
    pub fn index(&self) -> u32 {
        self.counts.imported_funcs.saturating_add(self.defined)
    }

    /// The global that holds the top.
    pub fn top(&self) -> u32 {
        self.counts.imported_globals
    }
}

/// The module with functions that note where they are.
pub(super) fn instrument(
    module: &[u8],
    counts: Counts,
    notes: impl Notes,
) -> Result<Vec<u8>, LoadError> {
    let has_none = notes.memory().is_none();
    let mut change = Change {
        notes,
        at: At { counts, defined: 0, local: 0 },
        imports_done: false,
        memory_done: has_none,
        export_done: has_none,
    };
    let mut changed = Module::new();
    change
        .parse_core_module(&mut changed, Parser::new(0), module)
        .map_err(|error| LoadError::new(format!("a module cannot be changed: {error}")))?;
    Ok(changed.finish())
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

struct Change<N> {
    notes: N,
    at: At,
    imports_done: bool,
    memory_done: bool,
    export_done: bool,
}

impl<N: Notes> Change<N> {
    fn import(&mut self, imports: &mut ImportSection) {
        self.notes.import(imports);
        self.imports_done = true;
    }

    fn add_memory(&mut self, memories: &mut MemorySection) {
        if let Some((memory, _)) = self.notes.memory() {
            memories.memory(memory);
        }
        self.memory_done = true;
    }

    fn add_export(&mut self, exports: &mut ExportSection) {
        if let Some((_, name)) = self.notes.memory() {
            exports.export(name, ExportKind::Memory, self.at.counts.memories);
        }
        self.export_done = true;
    }

    /// Sets the top to just above this function's note.
    fn reset(&self, code: &mut Function) {
        code.instruction(&Instruction::LocalGet(self.at.local))
            .instruction(&Instruction::I32Const(N::SIZE))
            .instruction(&Instruction::I32Add)
            .instruction(&Instruction::GlobalSet(self.at.top()));
    }
}

impl<N: Notes> Reencode for Change<N> {
    type Error = std::convert::Infallible;

    fn memory_index(&mut self, memory: u32) -> Result<u32, reencode::Error> {
        let is_behind = memory >= self.at.counts.imported_memories;
        Ok(memory.saturating_add(if is_behind { N::IMPORTS.0 } else { 0 }))
    }

    fn global_index(&mut self, global: u32) -> Result<u32, reencode::Error> {
        let is_behind = global >= self.at.counts.imported_globals;
        Ok(global.saturating_add(if is_behind { N::IMPORTS.1 } else { 0 }))
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
        self.import(imports);
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
            self.import(&mut imports);
            module.section(&imports);
        }
        let early = matches!(before, Some(S::Type | S::Import | S::Function | S::Table));
        if !self.memory_done && !early && !matches!(before, Some(S::Memory)) {
            let mut memories = MemorySection::new();
            self.add_memory(&mut memories);
            module.section(&memories);
        }
        let early = early || matches!(before, Some(S::Memory | S::Tag | S::Global));
        if !self.export_done && !early && !matches!(before, Some(S::Export)) {
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
        self.at.local = self.at.counts.params(self.at.defined);
        for local in body.get_locals_reader()? {
            let (count, ty) = local?;
            self.at.local = self.at.local.saturating_add(count);
            locals.push((count, self.val_type(ty)?));
        }
        locals.push((1, ValType::I32));
        let mut function = Function::new(locals);
        let noted = self.notes.is_noted(self.at.index());
        if noted {
            function
                .instruction(&Instruction::GlobalGet(self.at.top()))
                .instruction(&Instruction::LocalTee(self.at.local));
            self.notes.enter(&self.at, &mut function);
            self.reset(&mut function);
        }
        let begin = body.range().start;
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let (operator, offset) = reader.read_with_offset()?;
            let offset = offset.saturating_sub(begin);
            self.notes.before(&self.at, &operator, offset, &mut function);
            let (mut calls, mut leaves) = (false, false);
            match operator {
                Operator::Call { .. }
                | Operator::CallIndirect { .. }
                | Operator::CallRef { .. } => {
                    calls = true;
                }
                Operator::ReturnCall { .. }
                | Operator::ReturnCallIndirect { .. }
                | Operator::ReturnCallRef { .. } => leaves = true,
                _ => {}
            }
            if noted && leaves {
                // The callee takes this function's place.
                function
                    .instruction(&Instruction::LocalGet(self.at.local))
                    .instruction(&Instruction::GlobalSet(self.at.top()));
            }
            if self.notes.keeps(&operator) {
                function.instruction(&self.instruction(operator)?);
            }
            if noted && calls {
                self.reset(&mut function);
            }
        }
        self.at.defined = self.at.defined.saturating_add(1);
        code.function(&function);
        Ok(())
    }
}
