//! Memories and tables that are large from the beginning.
//!
//! The interpreter makes them inside instantiation, in one go. So a large one is
//! declared small, and grown by a function that runs before anything else of the
//! module does, in slices like all code of the guest. What the module wants written
//! into it at the beginning is written by the same function, and then the module's
//! own start function is called.
//!
//! Nobody can tell: until the function has ended nothing of the module can be
//! called, and nothing is linked to its memory.

use wasm_encoder::{
    BlockType, DataSection, ElementSection, Elements, Function, Instruction as I, MemorySection,
    TableSection, ValType,
    reencode::{Reencode, RoundtripReencoder},
};
use wasmparser::{
    BinaryReader, DataKind, DataSectionReader, ElementItems, ElementKind, ElementSectionReader,
    MemorySectionReader, Operator, TableInit, TableSectionReader,
};

use super::{
    bulk::Bulk,
    grow::Grow,
    helpers::{Helper, Helpers},
    malformed,
    signature::{Signature, memory_index, table_index},
    spaces::Spaces,
};
use crate::component::{
    error::LoadError,
    pieces::{ELEMENT, STEP_ELEMENTS, STEP_PAGES},
};

const PAGE: u64 = 65_536;

/// The most pages that a memory may say it may have. The interpreter panics where
/// the bytes of that many do not fit 64 bits, which no memory can have.
const MAX_PAGES: u64 = 1 << 47;

/// The work to be done first.
#[derive(Default)]
pub(super) struct First {
    /// The memories and tables that begin small, by their index, and their size.
    memories: Vec<(u32, u64)>,
    tables: Vec<(u32, u64)>,
}

impl First {
    pub fn new(spaces: &Spaces<'_>) -> First {
        let mut first = First::default();
        let memories = (0u32..).zip(&spaces.memories).skip(spaces.imported_memories);
        for (index, ty) in memories {
            if ty.initial > u64::from(STEP_PAGES) {
                first.memories.push((index, ty.initial));
            }
        }
        for (index, ty) in (0u32..).zip(&spaces.tables).skip(spaces.imported_tables) {
            if ty.initial > u64::from(STEP_ELEMENTS) {
                first.tables.push((index, ty.initial));
            }
        }
        first
    }

    pub fn is_empty(&self) -> bool {
        self.memories.is_empty() && self.tables.is_empty()
    }

    /// Bytes that are grown.
    pub fn bytes(&self) -> u64 {
        let memories = self.memories.iter().map(|(_, pages)| pages.saturating_mul(PAGE));
        let tables = self.tables.iter().map(|(_, count)| count.saturating_mul(ELEMENT as u64));
        memories.chain(tables).fold(0, u64::saturating_add)
    }

    /// The function that does it.
    pub fn function(&self, spaces: &Spaces<'_>, helpers: &mut Helpers) -> Result<u32, LoadError> {
        let mut function = Function::new([]);
        for (memory, pages) in &self.memories {
            let grow = helpers.index(spaces, Helper::Grow(Grow::Memory(*memory)))?;
            grown(&mut function, grow, memory_index(spaces, *memory)?, *pages);
        }
        for (table, count) in &self.tables {
            let grow = helpers.index(spaces, Helper::Grow(Grow::Table(*table)))?;
            let ty = spaces.tables.get(*table as usize);
            let ty = ty.ok_or_else(|| LoadError::new("unknown table"))?;
            let element = RoundtripReencoder.ref_type(ty.element_type).map_err(malformed)?;
            function.instruction(&I::RefNull(element.heap_type));
            grown(&mut function, grow, table_index(spaces, *table)?, *count);
        }
        // In this order, as instantiation has it.
        for wanted in [ELEMENT_SECTION, DATA_SECTION] {
            let sections = spaces.sections.iter().filter(|(id, _)| *id == wanted);
            for (_, section) in sections {
                let reader = BinaryReader::new(section, 0);
                match wanted {
                    ELEMENT_SECTION => {
                        self.place_elements(&mut function, spaces, helpers, reader)?
                    }
                    _ => self.place_data(&mut function, spaces, helpers, reader)?,
                }
            }
        }
        if let Some(start) = spaces.start {
            function.instruction(&I::Call(start));
        }
        function.instruction(&I::End);
        helpers.add(Signature { params: Vec::new(), results: Vec::new() }, function)
    }

    fn place_elements(
        &self,
        function: &mut Function,
        spaces: &Spaces<'_>,
        helpers: &mut Helpers,
        reader: BinaryReader<'_>,
    ) -> Result<(), LoadError> {
        for (elem, segment) in (0u32..).zip(ElementSectionReader::new(reader)?) {
            let segment = segment?;
            let ElementKind::Active { table_index, offset_expr } = segment.kind else { continue };
            let table = table_index.unwrap_or(0);
            if !self.is_late_table(table) {
                continue;
            }
            let count = match &segment.items {
                ElementItems::Functions(items) => items.count(),
                ElementItems::Expressions(_, items) => items.count(),
            };
            offset(function, &offset_expr)?;
            let bulk = Bulk::TableInit { table, elem };
            place(function, spaces, helpers, bulk, count)?;
            function.instruction(&I::ElemDrop(elem));
        }
        Ok(())
    }

    fn place_data(
        &self,
        function: &mut Function,
        spaces: &Spaces<'_>,
        helpers: &mut Helpers,
        reader: BinaryReader<'_>,
    ) -> Result<(), LoadError> {
        for (data, segment) in (0u32..).zip(DataSectionReader::new(reader)?) {
            let segment = segment?;
            let DataKind::Active { memory_index: memory, offset_expr } = segment.kind else {
                continue;
            };
            if !self.is_late_memory(memory) {
                continue;
            }
            let count = u32::try_from(segment.data.len())
                .map_err(|_| LoadError::new("a data segment is too long"))?;
            offset(function, &offset_expr)?;
            let bulk = Bulk::Init { memory, data };
            place(function, spaces, helpers, bulk, count)?;
            function.instruction(&I::DataDrop(data));
        }
        Ok(())
    }

    fn is_late_memory(&self, memory: u32) -> bool {
        self.memories.iter().any(|(index, _)| *index == memory)
    }

    fn is_late_table(&self, table: u32) -> bool {
        self.tables.iter().any(|(index, _)| *index == table)
    }

    /// The table section with the large tables small.
    pub fn table_section(&self, spaces: &Spaces<'_>, old: &[u8]) -> Result<Vec<u8>, LoadError> {
        let mut section = TableSection::new();
        let reader = TableSectionReader::new(BinaryReader::new(old, 0))?;
        for (index, table) in (spaces.imported_tables..).zip(reader) {
            let table = table?;
            let mut ty = RoundtripReencoder.table_type(table.ty).map_err(malformed)?;
            let late = u32::try_from(index).is_ok_and(|index| self.is_late_table(index));
            match table.init {
                TableInit::RefNull => {
                    if late {
                        ty.minimum = 0;
                    }
                    section.table(ty);
                }
                TableInit::Expr(expr) => {
                    let expr = RoundtripReencoder.const_expr(expr).map_err(malformed)?;
                    section.table_with_init(ty, &expr);
                }
            }
        }
        Ok(contents(&section))
    }

    /// The element section with the segments of these tables passive.
    pub fn element_section(&self, old: &[u8]) -> Result<Vec<u8>, LoadError> {
        let mut section = ElementSection::new();
        let reader = ElementSectionReader::new(BinaryReader::new(old, 0))?;
        for segment in reader {
            let segment = segment?;
            match segment.kind {
                ElementKind::Active { table_index, .. }
                    if self.is_late_table(table_index.unwrap_or(0)) =>
                {
                    let items = RoundtripReencoder.element_items(segment.items);
                    let items: Elements<'_> = items.map_err(malformed)?;
                    section.passive(items);
                }
                ElementKind::Active { .. } | ElementKind::Passive | ElementKind::Declared => {
                    RoundtripReencoder.parse_element(&mut section, segment).map_err(malformed)?;
                }
            }
        }
        Ok(contents(&section))
    }

    /// The memory section with the large memories small, and none too large.
    pub fn memory_section(&self, spaces: &Spaces<'_>, old: &[u8]) -> Result<Vec<u8>, LoadError> {
        let mut section = MemorySection::new();
        let reader = MemorySectionReader::new(BinaryReader::new(old, 0))?;
        for (index, memory) in (spaces.imported_memories..).zip(reader) {
            let mut ty = RoundtripReencoder.memory_type(memory?).map_err(malformed)?;
            ty.maximum = ty.maximum.map(|maximum| maximum.min(MAX_PAGES));
            if u32::try_from(index).is_ok_and(|index| self.is_late_memory(index)) {
                ty.minimum = 0;
            }
            section.memory(ty);
        }
        Ok(contents(&section))
    }

    /// The data section with the segments of these memories passive.
    pub fn data_section(&self, old: &[u8]) -> Result<Vec<u8>, LoadError> {
        let mut section = DataSection::new();
        for segment in DataSectionReader::new(BinaryReader::new(old, 0))? {
            let segment = segment?;
            match segment.kind {
                DataKind::Active { memory_index, .. } if self.is_late_memory(memory_index) => {
                    section.passive(segment.data.iter().copied());
                }
                DataKind::Active { .. } | DataKind::Passive => {
                    RoundtripReencoder.parse_data(&mut section, segment).map_err(malformed)?;
                }
            }
        }
        Ok(contents(&section))
    }
}

pub(super) const DATA_SECTION: u8 = 11;
pub(super) const ELEMENT_SECTION: u8 = 9;

/// The memory section has to be written anew, if only for the sake of a maximum.
pub(super) fn beyond_all(spaces: &Spaces<'_>) -> bool {
    let mut own = spaces.memories.iter().skip(spaces.imported_memories);
    own.any(|ty| ty.maximum.is_some_and(|maximum| maximum > MAX_PAGES))
}

/// Grows by `count`, or traps. There was room: that has been looked at before.
fn grown(function: &mut Function, grow: u32, index: ValType, count: u64) {
    let wide = index == ValType::I64;
    let constant = |value: u64| match wide {
        true => I::I64Const(value.cast_signed()),
        false => I::I32Const((value as u32).cast_signed()),
    };
    function
        .instruction(&constant(count))
        .instruction(&I::Call(grow))
        .instruction(&constant(u64::MAX))
        .instruction(if wide { &I::I64Eq } else { &I::I32Eq })
        .instruction(&I::If(BlockType::Empty))
        .instruction(&I::Unreachable)
        .instruction(&I::End);
}

/// Writes a segment to where the offset on the stack says.
fn place(
    function: &mut Function,
    spaces: &Spaces<'_>,
    helpers: &mut Helpers,
    bulk: Bulk,
    count: u32,
) -> Result<(), LoadError> {
    function.instruction(&I::I32Const(0)).instruction(&I::I32Const(count.cast_signed()));
    match count > bulk.piece() {
        true => function.instruction(&I::Call(helpers.index(spaces, Helper::Bulk(bulk))?)),
        false => function.instruction(&bulk.instruction()),
    };
    Ok(())
}

/// A constant expression as code.
fn offset(function: &mut Function, expr: &wasmparser::ConstExpr<'_>) -> Result<(), LoadError> {
    for operator in expr.get_operators_reader() {
        let operator = operator?;
        if let Operator::End = operator {
            break;
        }
        function.instruction(&RoundtripReencoder.instruction(operator).map_err(malformed)?);
    }
    Ok(())
}

/// The contents of a section, without its number and length.
fn contents(section: &impl wasm_encoder::Section) -> Vec<u8> {
    let mut bytes = Vec::new();
    section.append_to(&mut bytes);
    let mut reader = BinaryReader::new(bytes.get(1..).unwrap_or_default(), 0);
    let length = reader.read_var_u32().ok();
    length.and_then(|length| reader.read_bytes(length as usize).ok()).unwrap_or_default().to_vec()
}
