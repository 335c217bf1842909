//! `memory.grow` and `table.grow`, by any number.
//!
//! The interpreter writes the zeros of new pages itself, in one go: a gigabyte
//! takes most of a second. So growth by [`STEP_PAGES`] or more, or [`STEP_ELEMENTS`] or
//! more, becomes a loop of growth by so many. That it succeeds as a whole or not at all
//! is seen to by the [`Limiter`](crate::component::run::limits): it is first told how much
//! it will be, charges all of it with the first piece, and permits the others for what
//! has been charged. It is told by an attempt to grow a table that is added for this. No
//! code of the guest runs in between, so nobody sees the sizes in between.
//!
//! `table.grow` has another fault: when it runs out of fuel, wasmi 2.0 forgets at
//! which instruction it was and resumes after the last call (or at the beginning)
//! of the function. So before each `table.grow` there is a call of a function that
//! does nothing.

use wasm_encoder::{BlockType, Function, Instruction as I, ValType};

use super::{
    ref_type,
    signature::{Signature, memory_index, table_index, unknown},
    spaces::Spaces,
};
use crate::component::{
    error::LoadError,
    pieces::{ASKING, MAX_ASKED, STEP_ELEMENTS, STEP_PAGES},
};

/// Pages that a memory with 32-bit addresses can have.
const MAX_PAGES: i32 = 65_536;

/// A memory or a table that grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grow {
    Memory(u32),
    Table(u32),
}

impl Grow {
    /// A function that does what the instruction does, in pieces. `nothing` is the
    /// function that does nothing.
    pub fn function(
        self,
        spaces: &Spaces<'_>,
        nothing: u32,
    ) -> Result<(Signature, Function), LoadError> {
        let (params, index, step) = match self {
            Grow::Memory(memory) => {
                let index = memory_index(spaces, memory)?;
                (vec![index], index, STEP_PAGES)
            }
            Grow::Table(table) => {
                let index = table_index(spaces, table)?;
                let ty = spaces.tables.get(table as usize).ok_or_else(unknown)?;
                let element = ValType::Ref(ref_type(ty.element_type)?);
                (vec![element, index], index, STEP_ELEMENTS)
            }
        };
        let (count, old) = match self {
            Grow::Memory(_) => (0, 1),
            Grow::Table(_) => (1, 2),
        };
        let wide = index == ValType::I64;
        let constant = |value: i32| match wide {
            true => I::I64Const(i64::from(value)),
            false => I::I32Const(value),
        };
        let failed = if wide { I::I64Eq } else { I::I32Eq };
        let step = constant(i32::try_from(step).unwrap_or(i32::MAX));
        let mut function = Function::new([(1, index)]);
        // Grows by what `by` gives; what it was before is on the stack.
        let grow = |function: &mut Function, by: &I<'_>| {
            match self {
                Grow::Memory(memory) => {
                    function.instruction(by).instruction(&I::MemoryGrow(memory))
                }
                Grow::Table(table) => function
                    .instruction(&I::Call(nothing))
                    .instruction(&I::LocalGet(0))
                    .instruction(by)
                    .instruction(&I::TableGrow(table)),
            };
        };
        let all = I::LocalGet(count);
        function.instruction(&all).instruction(&step);
        function.instruction(if wide { &I::I64LtU } else { &I::I32LtU });
        function.instruction(&I::If(BlockType::Empty));
        grow(&mut function, &all);
        function.instruction(&I::Return).instruction(&I::End);
        let size = match self {
            Grow::Memory(memory) => I::MemorySize(memory),
            Grow::Table(table) => I::TableSize(table),
        };
        // More than can be said, or than a memory can have.
        function.instruction(&all);
        match self {
            Grow::Memory(_) if !wide => function
                .instruction(&I::I32Const(MAX_PAGES))
                .instruction(&size)
                .instruction(&I::I32Sub)
                .instruction(&I::I32GtU),
            Grow::Memory(_) | Grow::Table(_) => function
                .instruction(&constant(MAX_ASKED.cast_signed()))
                .instruction(if wide { &I::I64GeU } else { &I::I32GeU }),
        };
        function
            .instruction(&I::If(BlockType::Empty))
            .instruction(&constant(-1))
            .instruction(&I::Return)
            .instruction(&I::End);
        // Says how much it will be. This never succeeds.
        let telling = u32::try_from(spaces.tables.len()).map_err(|_| unknown())?;
        function.instruction(&I::RefNull(wasm_encoder::HeapType::FUNC)).instruction(&all);
        if wide {
            function.instruction(&I::I32WrapI64);
        }
        function
            .instruction(&I::I32Const(ASKING.cast_signed()))
            .instruction(&I::I32Add)
            .instruction(&I::TableGrow(telling))
            .instruction(&I::Drop);
        function
            .instruction(&size)
            .instruction(&I::LocalSet(old))
            .instruction(&I::Loop(BlockType::Empty));
        let minus_one_if_failed = |function: &mut Function| {
            function
                .instruction(&constant(-1))
                .instruction(&failed)
                .instruction(&I::If(BlockType::Empty))
                .instruction(&constant(-1))
                .instruction(&I::Return)
                .instruction(&I::End);
        };
        grow(&mut function, &step);
        minus_one_if_failed(&mut function);
        function
            .instruction(&all)
            .instruction(&step)
            .instruction(if wide { &I::I64Sub } else { &I::I32Sub })
            .instruction(&I::LocalTee(count))
            .instruction(&step)
            .instruction(if wide { &I::I64GeU } else { &I::I32GeU })
            .instruction(&I::BrIf(0))
            .instruction(&I::End);
        grow(&mut function, &all);
        minus_one_if_failed(&mut function);
        function.instruction(&I::LocalGet(old)).instruction(&I::End);
        Ok((Signature { params, results: vec![index] }, function))
    }
}
