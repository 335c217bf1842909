//! Stores of a value at the address that is the same value.
//!
//! wasmi 2.0 keeps what was last computed in a register. Where both operands of
//! an integer store are that register, and the store is one of the less common
//! kind (an offset of 65 536 or more, or a memory other than the first), its
//! translator panics. Both operands are in the register only if both are the
//! same local variable, as it is set or got or with its type changed, so that
//! these stores, and nearly no others, get their value through a variable of its
//! own.
//!
//! What lies on the stack is known from the last few instructions; where these do
//! not tell, as after the end of a block, the store is changed as well. That
//! costs a copy and does no harm.

use std::collections::VecDeque;

use wasm_encoder::ValType;
use wasmparser::{MemArg, MemArgTarget, Operator};

use super::spaces::Spaces;

/// Instructions that are looked back upon.
const WINDOW: usize = 24;

/// The value that an instruction leaves at the top of the stack, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// A local variable.
    Get(u32),
    /// The value that a local variable has just been set to.
    Tee(u32),
    I32(i32),
    I64(i64),
    /// A value of which nothing is known, but that it is no local variable.
    Value,
    /// The same, or a constant.
    Global,
    /// The value that was there before, as another type.
    Cast,
    /// Anything.
    Unknown,
}

/// The last instructions of the function that is being read, with their offsets.
#[derive(Default)]
pub(super) struct Recent {
    notes: VecDeque<(Note, usize)>,
}

impl Recent {
    /// Notes an instruction that begins at `at`.
    pub fn push(&mut self, spaces: &Spaces<'_>, operator: &Operator<'_>, at: usize) {
        let note = self.note(spaces, operator);
        if self.notes.len() == WINDOW {
            self.notes.pop_front();
        }
        self.notes.push_back((note, at));
    }

    /// The instruction that is so many before the next.
    pub fn back(&self, by: usize) -> Option<(Note, usize)> {
        let index = self.notes.len().checked_sub(by)?;
        self.notes.get(index).copied()
    }

    fn note(&self, spaces: &Spaces<'_>, operator: &Operator<'_>) -> Note {
        use Operator as O;
        match operator {
            O::LocalGet { local_index } => Note::Get(*local_index),
            O::LocalTee { local_index } => Note::Tee(*local_index),
            O::I32Const { value } => Note::I32(*value),
            O::I64Const { value } => Note::I64(*value),
            O::GlobalGet { .. } => Note::Global,
            O::I64ExtendI32U
            | O::I32WrapI64
            | O::I32ReinterpretF32
            | O::I64ReinterpretF64
            | O::F32ReinterpretI32
            | O::F64ReinterpretI64 => Note::Cast,
            O::Call { function_index } if spaces.results(*function_index) > 0 => Note::Value,
            O::F32Const { .. }
            | O::F64Const { .. }
            | O::MemorySize { .. }
            | O::MemoryGrow { .. }
            | O::I32Load { .. }
            | O::I64Load { .. }
            | O::I32Load8S { .. }
            | O::I32Load8U { .. }
            | O::I32Load16S { .. }
            | O::I32Load16U { .. }
            | O::I64Load8S { .. }
            | O::I64Load8U { .. }
            | O::I64Load16S { .. }
            | O::I64Load16U { .. }
            | O::I64Load32S { .. }
            | O::I64Load32U { .. }
            | O::I32Add
            | O::I64Add
            | O::I32Mul
            | O::I64Mul
            | O::I32And
            | O::I64And
            | O::I32Or
            | O::I64Or
            | O::I32Xor
            | O::I64Xor
            | O::I32Eqz
            | O::I64Eqz
            | O::I32Extend8S
            | O::I32Extend16S
            | O::I64ExtendI32S => Note::Value,
            // These are left out where their second operand changes nothing.
            O::I32Sub
            | O::I64Sub
            | O::I32Shl
            | O::I64Shl
            | O::I32ShrS
            | O::I64ShrS
            | O::I32ShrU
            | O::I64ShrU => match self.back(1) {
                Some((Note::I32(by), _)) if by % 32 != 0 => Note::Value,
                Some((Note::I64(by), _)) if by % 64 != 0 => Note::Value,
                Some((Note::Get(_) | Note::Value, _)) => Note::Value,
                _ => Note::Unknown,
            },
            _ => Note::Unknown,
        }
    }

    /// The next instruction, a store, may find the same local variable in both of
    /// its operands.
    fn same_twice(&self) -> bool {
        let mut by = 1;
        let skip_casts = |by: &mut usize| {
            while let Some((Note::Cast, _)) = self.back(*by) {
                *by += 1;
            }
            self.back(*by).map(|(note, _)| note)
        };
        let value = loop {
            match skip_casts(&mut by) {
                Some(Note::Get(local)) => break local,
                Some(Note::Tee(local)) => {
                    by += 1;
                    // An address that is this variable has been copied, unless the
                    // variable was set to itself.
                    match skip_casts(&mut by) {
                        Some(Note::Get(from) | Note::Tee(from)) if from == local => {}
                        Some(Note::Unknown) | None => return true,
                        Some(_) => return false,
                    }
                }
                Some(Note::Unknown) | None => return true,
                Some(_) => return false,
            }
        };
        by += 1;
        match skip_casts(&mut by) {
            Some(Note::Get(local) | Note::Tee(local)) => local == value,
            Some(Note::Unknown) | None => true,
            Some(_) => false,
        }
    }

    /// The type of the value, if the next instruction is a store that has to be
    /// changed.
    pub fn store_to_change(&self, operator: &Operator<'_>) -> Option<ValType> {
        let (memarg, ty) = integer_store(operator)?;
        let common =
            memarg.target == MemArgTarget::Memory(0) && memarg.offset <= u64::from(u16::MAX);
        (!common && self.same_twice()).then_some(ty)
    }
}

fn integer_store(operator: &Operator<'_>) -> Option<(MemArg, ValType)> {
    use Operator as O;
    match operator {
        O::I32Store { memarg } | O::I32Store8 { memarg } | O::I32Store16 { memarg } => {
            Some((*memarg, ValType::I32))
        }
        O::I64Store { memarg }
        | O::I64Store8 { memarg }
        | O::I64Store16 { memarg }
        | O::I64Store32 { memarg } => Some((*memarg, ValType::I64)),
        _ => None,
    }
}
