//! `memory.fill`, `memory.copy`, `memory.init` and the same for tables, of any
//! length.
//!
//! The interpreter carries out such an instruction in one go, and a guest can ask
//! for gigabytes. So where the length is not a small constant it is looked at
//! first: up to [`PIECE`] bytes the instruction stays what it is, and more are
//! moved by a function that loops over pieces and can be stopped between them.
//!
//! What can be seen is the same as before: the whole range is checked before the
//! first byte is written, by the instruction itself, which traps; and pieces go
//! backwards where the destination lies above the source, so that an overlap is
//! right. Memories and tables of different numbers may be the same one.

use wasm_encoder::{BlockType, Function, Instruction as I, ValType};
use wasmparser::Operator;

use super::{
    ref_type,
    signature::{Signature, memory_index, table_index, unknown},
    spaces::Spaces,
};
use crate::component::error::LoadError;

/// Bytes that are moved at once.
const PIECE: u32 = 64 << 10;

/// Elements that are moved at once: as many bytes, or half.
const PIECE_ELEMENTS: u32 = 8 << 10;

/// A bulk instruction, with its indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bulk {
    Fill { memory: u32 },
    Copy { to: u32, from: u32 },
    Init { memory: u32, data: u32 },
    TableFill { table: u32 },
    TableCopy { to: u32, from: u32 },
    TableInit { table: u32, elem: u32 },
}

impl Bulk {
    pub fn new(operator: &Operator<'_>) -> Option<Bulk> {
        Some(match *operator {
            Operator::MemoryFill { mem } => Bulk::Fill { memory: mem },
            Operator::MemoryCopy { dst_mem, src_mem } => Bulk::Copy { to: dst_mem, from: src_mem },
            Operator::MemoryInit { data_index, mem } => {
                Bulk::Init { memory: mem, data: data_index }
            }
            Operator::TableFill { table } => Bulk::TableFill { table },
            Operator::TableCopy { dst_table, src_table } => {
                Bulk::TableCopy { to: dst_table, from: src_table }
            }
            Operator::TableInit { elem_index, table } => {
                Bulk::TableInit { table, elem: elem_index }
            }
            _ => return None,
        })
    }

    pub fn instruction(self) -> I<'static> {
        match self {
            Bulk::Fill { memory } => I::MemoryFill(memory),
            Bulk::Copy { to, from } => I::MemoryCopy { src_mem: from, dst_mem: to },
            Bulk::Init { memory, data } => I::MemoryInit { mem: memory, data_index: data },
            Bulk::TableFill { table } => I::TableFill(table),
            Bulk::TableCopy { to, from } => I::TableCopy { src_table: from, dst_table: to },
            Bulk::TableInit { table, elem } => I::TableInit { elem_index: elem, table },
        }
    }

    /// The most bytes or elements for one instruction.
    pub fn piece(self) -> u32 {
        match self {
            Bulk::Fill { .. } | Bulk::Copy { .. } | Bulk::Init { .. } => PIECE,
            Bulk::TableFill { .. } | Bulk::TableCopy { .. } | Bulk::TableInit { .. } => {
                PIECE_ELEMENTS
            }
        }
    }

    /// The types of its operands: destination, source or value, length.
    pub fn params(self, spaces: &Spaces<'_>) -> Result<[ValType; 3], LoadError> {
        let narrower = |a, b| match (a, b) {
            (ValType::I64, ValType::I64) => ValType::I64,
            _ => ValType::I32,
        };
        Ok(match self {
            Bulk::Fill { memory } => {
                let index = memory_index(spaces, memory)?;
                [index, ValType::I32, index]
            }
            Bulk::Copy { to, from } => {
                let (to, from) = (memory_index(spaces, to)?, memory_index(spaces, from)?);
                [to, from, narrower(to, from)]
            }
            Bulk::Init { memory, .. } => {
                [memory_index(spaces, memory)?, ValType::I32, ValType::I32]
            }
            Bulk::TableFill { table } => {
                let ty = spaces.tables.get(table as usize).ok_or_else(unknown)?;
                let index = table_index(spaces, table)?;
                [index, ValType::Ref(ref_type(ty.element_type)?), index]
            }
            Bulk::TableCopy { to, from } => {
                let (to, from) = (table_index(spaces, to)?, table_index(spaces, from)?);
                [to, from, narrower(to, from)]
            }
            Bulk::TableInit { table, .. } => {
                [table_index(spaces, table)?, ValType::I32, ValType::I32]
            }
        })
    }

    /// The instructions that give the size of the memory or table that is written, and of
    /// the one that is read, where that is no segment.
    fn sizes(self) -> (I<'static>, Option<I<'static>>) {
        match self {
            Bulk::Fill { memory } | Bulk::Init { memory, .. } => (I::MemorySize(memory), None),
            Bulk::Copy { to, from } => (I::MemorySize(to), Some(I::MemorySize(from))),
            Bulk::TableFill { table } | Bulk::TableInit { table, .. } => {
                (I::TableSize(table), None)
            }
            Bulk::TableCopy { to, from } => (I::TableSize(to), Some(I::TableSize(from))),
        }
    }

    /// A function that does what the instruction does, in pieces.
    pub fn function(self, spaces: &Spaces<'_>) -> Result<(Signature, Function), LoadError> {
        let params = self.params(spaces)?;
        let [to_type, from_type, len_type] = params;
        let mut code = Code { function: Function::new([]), bulk: self, params };
        let (written, read) = self.sizes();
        code.unless_within(written, 0);
        if let Some(read) = read {
            code.unless_within(read, 1);
        }
        let (moves, copies) = match self {
            Bulk::Fill { .. } | Bulk::TableFill { .. } => (false, false),
            Bulk::Init { .. } | Bulk::TableInit { .. } => (true, false),
            Bulk::Copy { .. } | Bulk::TableCopy { .. } => (true, true),
        };
        if moves && !copies {
            code.unless_within_segment();
        }
        if copies {
            // Backwards, unless the destination lies below the source.
            code.get(0, to_type, true).get(1, from_type, true);
            code.function.instruction(&I::I64GtU).instruction(&I::If(BlockType::Empty));
            code.begin_loop();
            code.shorten();
            code.moved(0, to_type).moved(1, from_type).piece(len_type);
            code.function.instruction(&self.instruction());
            code.again_if_long();
            code.rest();
            code.function.instruction(&I::Return).instruction(&I::End);
        }
        code.begin_loop();
        code.function.instruction(&I::LocalGet(0)).instruction(&I::LocalGet(1));
        code.piece(len_type);
        code.function.instruction(&self.instruction());
        code.advance(0, to_type);
        if moves {
            code.advance(1, from_type);
        }
        code.shorten();
        code.again_if_long();
        code.rest();
        code.function.instruction(&I::End);
        let signature = Signature { params: params.to_vec(), results: Vec::new() };
        Ok((signature, code.function))
    }
}

/// The function that is written. Its parameters are destination, source or value,
/// and length, which is more than a piece.
struct Code {
    function: Function,
    bulk: Bulk,
    params: [ValType; 3],
}

impl Code {
    /// A parameter, as an `i64` if `wide`.
    fn get(&mut self, local: u32, ty: ValType, wide: bool) -> &mut Code {
        self.function.instruction(&I::LocalGet(local));
        self.widen(ty, wide)
    }

    fn widen(&mut self, ty: ValType, wide: bool) -> &mut Code {
        if wide && ty == ValType::I32 {
            self.function.instruction(&I::I64ExtendI32U);
        }
        self
    }

    /// The instruction as it was, which traps.
    fn trap(&mut self) {
        self.rest();
        self.function.instruction(&I::Return).instruction(&I::End);
    }

    fn rest(&mut self) {
        for local in 0..3 {
            self.function.instruction(&I::LocalGet(local));
        }
        self.function.instruction(&self.bulk.instruction());
    }

    /// Traps unless the range from `local` on lies within what has this size.
    fn unless_within(&mut self, size: I<'_>, local: u32) {
        let [to, from, len] = self.params;
        let ty = if local == 0 { to } else { from };
        let (is_memory, index) = match (self.bulk, local) {
            (Bulk::Fill { .. } | Bulk::Init { .. } | Bulk::Copy { .. }, _) => (true, ty),
            (Bulk::TableFill { .. } | Bulk::TableInit { .. } | Bulk::TableCopy { .. }, _) => {
                (false, ty)
            }
        };
        let size_in_bytes = |code: &mut Code| {
            code.function.instruction(&size);
            code.widen(index, true);
            if is_memory {
                code.function.instruction(&I::I64Const(16)).instruction(&I::I64Shl);
            }
        };
        // Longer than all, or beginning beyond what is left of it.
        self.get(2, len, true);
        size_in_bytes(self);
        self.function.instruction(&I::I64GtU);
        self.get(local, ty, true);
        size_in_bytes(self);
        self.get(2, len, true);
        self.function
            .instruction(&I::I64Sub)
            .instruction(&I::I64GtU)
            .instruction(&I::I32Or)
            .instruction(&I::If(BlockType::Empty));
        self.trap();
    }

    /// Traps unless the range lies within the segment: an instruction of no length
    /// at its end does.
    fn unless_within_segment(&mut self) {
        let [to, ..] = self.params;
        // The end, beyond 32 bits.
        self.get(1, ValType::I32, true).get(2, ValType::I32, true);
        self.function
            .instruction(&I::I64Add)
            .instruction(&I::I64Const(i64::from(u32::MAX)))
            .instruction(&I::I64GtU)
            .instruction(&I::If(BlockType::Empty));
        self.trap();
        self.function.instruction(&match to {
            ValType::I64 => I::I64Const(0),
            _ => I::I32Const(0),
        });
        self.function
            .instruction(&I::LocalGet(1))
            .instruction(&I::LocalGet(2))
            .instruction(&I::I32Add)
            .instruction(&I::I32Const(0))
            .instruction(&self.bulk.instruction());
    }

    fn begin_loop(&mut self) {
        self.function.instruction(&I::Loop(BlockType::Empty));
    }

    /// The length of a piece.
    fn piece(&mut self, ty: ValType) {
        let piece = self.bulk.piece();
        self.function.instruction(&match ty {
            ValType::I64 => I::I64Const(i64::from(piece)),
            _ => I::I32Const(piece.cast_signed()),
        });
    }

    /// Takes a piece off the length.
    fn shorten(&mut self) {
        let [.., len] = self.params;
        self.function.instruction(&I::LocalGet(2));
        self.piece(len);
        let sub = if len == ValType::I64 { I::I64Sub } else { I::I32Sub };
        self.function.instruction(&sub).instruction(&I::LocalSet(2));
    }

    fn advance(&mut self, local: u32, ty: ValType) {
        self.function.instruction(&I::LocalGet(local));
        self.piece(ty);
        let add = if ty == ValType::I64 { I::I64Add } else { I::I32Add };
        self.function.instruction(&add).instruction(&I::LocalSet(local));
    }

    /// A parameter, as many further as the length that is left.
    fn moved(&mut self, local: u32, ty: ValType) -> &mut Code {
        let [.., len] = self.params;
        let wide = ty == ValType::I64;
        self.get(local, ty, wide).get(2, len, wide);
        self.function.instruction(if wide { &I::I64Add } else { &I::I32Add });
        self
    }

    fn again_if_long(&mut self) {
        let [.., len] = self.params;
        self.function.instruction(&I::LocalGet(2));
        self.piece(len);
        let longer = if len == ValType::I64 { I::I64GtU } else { I::I32GtU };
        self.function.instruction(&longer).instruction(&I::BrIf(0)).instruction(&I::End);
    }
}
