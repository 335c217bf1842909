//! The index spaces of a core module, as far as rewriting needs them.

use wasmparser::{CompositeInnerType, MemoryType, Parser, Payload, SubType, TableType, TypeRef};

use crate::component::error::LoadError;

/// The index spaces of a module, the imported items first, and the places of its sections.
#[derive(Default)]
pub(super) struct Spaces<'a> {
    /// The numbers of parameters and results of each type; of types that are not
    /// functions, none.
    pub types: Vec<(u32, u32)>,
    /// The type of each function.
    pub funcs: Vec<u32>,
    pub imported_funcs: usize,
    pub memories: Vec<MemoryType>,
    pub imported_memories: usize,
    pub tables: Vec<TableType>,
    pub imported_tables: usize,
    /// Which globals can change.
    pub globals: Vec<bool>,
    pub imported_globals: usize,
    pub start: Option<u32>,
    pub exports: Vec<&'a str>,
    pub datas: u32,
    /// All sections, with their numbers and contents.
    pub sections: Vec<(u8, &'a [u8])>,
}

impl<'a> Spaces<'a> {
    pub fn new(bytes: &'a [u8]) -> Result<Spaces<'a>, LoadError> {
        let mut spaces = Spaces::default();
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            if let Some((id, range)) = payload.as_section() {
                let section = usize::try_from(range.start)
                    .ok()
                    .zip(usize::try_from(range.end).ok())
                    .and_then(|(start, end)| bytes.get(start..end))
                    .ok_or_else(|| LoadError::new("a section lies outside of its module"))?;
                spaces.sections.push((id, section));
            }
            spaces.note(payload)?;
        }
        Ok(spaces)
    }

    fn note(&mut self, payload: Payload<'a>) -> Result<(), LoadError> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    self.types.extend(group?.types().map(arity));
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    match import?.ty {
                        TypeRef::Func(ty) | TypeRef::FuncExact(ty) => self.funcs.push(ty),
                        TypeRef::Memory(ty) => self.memories.push(ty),
                        TypeRef::Table(ty) => self.tables.push(ty),
                        TypeRef::Global(ty) => self.globals.push(ty.mutable),
                        TypeRef::Tag(_) => {}
                    }
                }
                self.imported_funcs = self.funcs.len();
                self.imported_memories = self.memories.len();
                self.imported_tables = self.tables.len();
                self.imported_globals = self.globals.len();
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.funcs.push(ty?);
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    self.tables.push(table?.ty);
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    self.memories.push(memory?);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    self.globals.push(global?.ty.mutable);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    self.exports.push(export?.name);
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::DataSection(section) => self.datas = section.count(),
            _ => {}
        }
        Ok(())
    }

    /// The number of parameters of a function.
    pub fn params(&self, func: usize) -> u32 {
        self.arity_of(func).0
    }

    /// The number of results of a function.
    pub fn results(&self, func: u32) -> u32 {
        self.arity_of(func as usize).1
    }

    fn arity_of(&self, func: usize) -> (u32, u32) {
        let ty = self.funcs.get(func).copied();
        ty.and_then(|ty| self.types.get(ty as usize)).copied().unwrap_or((0, 0))
    }
}

fn arity(ty: &SubType) -> (u32, u32) {
    match &ty.composite_type.inner {
        CompositeInnerType::Func(ty) => {
            let count = |types: &[wasmparser::ValType]| u32::try_from(types.len()).unwrap_or(0);
            (count(ty.params()), count(ty.results()))
        }
        CompositeInnerType::Array(_)
        | CompositeInnerType::Struct(_)
        | CompositeInnerType::Cont(_) => (0, 0),
    }
}
