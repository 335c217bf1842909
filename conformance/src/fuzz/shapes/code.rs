//! Functions with the shapes that compilers make: a local that is set and used at once, and
//! again; addresses with large offsets; tables of many branches; very many locals; bodies
//! that go on for long; calls in tail position; vectors.

use arbitrary::Unstructured;
use wasm_encoder::{BlockType, Function, Instruction as I, MemArg, MemArgTarget, ValType};

use super::module::{Around, one_of};

/// A function in the making.
pub struct Code<'a, 'b> {
    bytes: &'a mut Unstructured<'b>,
    around: &'a Around,
    locals: Vec<ValType>,
    results: &'a [ValType],
    f: Function,
    /// Instructions that may still be made.
    left: u32,
    /// Blocks around the place, without results; a branch may leave any of them.
    blocks: u32,
}

/// Levels of an expression.
const DEPTH: u32 = 4;

/// Offsets of loads and stores.
const OFFSETS: [u64; 9] = [0, 1, 3, 8, 65_520, 65_535, 65_536, 0x7fff_fff0, 0xffff_fff8];

impl<'a, 'b> Code<'a, 'b> {
    /// The function at this place.
    pub fn function(bytes: &'a mut Unstructured<'b>, around: &'a Around, at: usize) -> Function {
        let (params, results) = &around.signatures[at];
        let mut locals = params.clone();
        let mut groups = Vec::new();
        let many = bytes.ratio(1, 12).unwrap_or(false);
        for _ in 0..bytes.int_in_range(0..=4).unwrap_or(0) {
            let count = match many {
                true => bytes.int_in_range(1..=9_000).unwrap_or(1),
                false => bytes.int_in_range(1..=3).unwrap_or(1),
            };
            let ty = one_of(bytes);
            groups.push((count, ty));
            locals.extend((0..count).map(|_| ty));
        }
        let long = bytes.ratio(1, 20).unwrap_or(false);
        let mut code = Code {
            bytes,
            around,
            locals,
            results,
            f: Function::new(groups),
            left: if long { 12_000 } else { 220 },
            blocks: 0,
        };
        code.spend();
        let statements = if long { 600 } else { code.below(9) };
        for _ in 0..statements {
            code.statement(0);
        }
        code.end();
        code.put(I::End);
        code.f
    }

    fn below(&mut self, most: u32) -> u32 {
        self.bytes.int_in_range(0..=most).unwrap_or(0)
    }

    fn put(&mut self, instruction: I<'_>) {
        self.left = self.left.saturating_sub(1);
        self.f.instruction(&instruction);
    }

    /// Counts down, and ends the module where there is nothing left.
    fn spend(&mut self) {
        for instruction in [
            I::GlobalGet(0),
            I::I32Eqz,
            I::If(BlockType::Empty),
            I::Unreachable,
            I::End,
            I::GlobalGet(0),
            I::I32Const(1),
            I::I32Sub,
            I::GlobalSet(0),
        ] {
            self.f.instruction(&instruction);
        }
    }

    /// A local of this type.
    fn local(&mut self, ty: ValType) -> Option<u32> {
        let all: Vec<u32> =
            (0..self.locals.len() as u32).filter(|at| self.locals[*at as usize] == ty).collect();
        // The first, the last, or one in between.
        match self.below(3) {
            0 => all.first().copied(),
            1 => all.last().copied(),
            _ => self.bytes.choose(&all).ok().copied(),
        }
    }

    fn global(&mut self, ty: ValType) -> Option<u32> {
        let all: Vec<u32> = (1..self.around.globals.len() as u32)
            .filter(|at| self.around.globals[*at as usize] == ty)
            .collect();
        self.bytes.choose(&all).ok().copied()
    }

    fn constant(&mut self, ty: ValType) {
        const ODD: [u64; 10] = [
            0,
            1,
            7,
            0x8000_0000,
            0x7fff_ffff,
            0xffff_ffff,
            1 << 63,
            u64::MAX,
            0x3ff0_0000_3f80_0000,
            0xc7ef_ffff_4f00_0000,
        ];
        let bits = match self.below(2) {
            0 => *self.bytes.choose(&ODD).unwrap_or(&0),
            1 => u64::from(self.below(255)),
            _ => self.bytes.arbitrary().unwrap_or(0),
        };
        let other: u64 = self.bytes.arbitrary().unwrap_or(0);
        self.put(match ty {
            ValType::I32 => I::I32Const(bits as i32),
            ValType::I64 => I::I64Const(bits as i64),
            ValType::F32 => {
                let float = f32::from_bits(bits as u32);
                I::F32Const(if float.is_nan() { 2.5.into() } else { float.into() })
            }
            ValType::F64 => {
                let float = f64::from_bits(bits);
                I::F64Const(if float.is_nan() { 2.5.into() } else { float.into() })
            }
            ValType::V128 | ValType::Ref(_) => {
                I::V128Const(i128::from(bits) << 64 | i128::from(other))
            }
        });
    }

    /// Instructions that leave a value of this type.
    fn value(&mut self, ty: ValType, depth: u32) {
        if depth >= DEPTH || self.left == 0 {
            return self.leaf(ty);
        }
        let inner = depth + 1;
        match self.below(15) {
            0 | 1 => self.leaf(ty),
            // Set and used at once, and again.
            2 | 3 => match self.local(ty) {
                Some(local) => {
                    self.value(ty, inner);
                    self.put(I::LocalTee(local));
                    match self.below(2) {
                        0 => self.put(I::LocalGet(local)),
                        1 => {
                            self.value(ty, inner);
                            self.put(I::LocalTee(local));
                        }
                        _ => self.value(ty, inner),
                    }
                    let two = self.two(ty);
                    self.put(two);
                }
                None => self.leaf(ty),
            },
            4 => {
                self.value(ty, inner);
                self.value(ty, inner);
                self.value(ValType::I32, inner);
                self.put(if ty == ValType::V128 {
                    I::TypedSelect(ValType::V128)
                } else {
                    I::Select
                });
            }
            5 => {
                self.value(ValType::I32, inner);
                self.put(I::If(BlockType::Result(ty)));
                self.value(ty, inner);
                self.put(I::Else);
                self.value(ty, inner);
                self.put(I::End);
            }
            6 => self.load(ty, inner),
            7 => {
                let fits = |(_, results): &(Vec<ValType>, Vec<ValType>)| *results == [ty];
                let all: Vec<usize> = (0..self.around.signatures.len())
                    .filter(|at| fits(&self.around.signatures[*at]))
                    .collect();
                match self.bytes.choose(&all).ok().copied() {
                    Some(at) if self.below(2) == 0 => self.call(at, inner, false),
                    _ => self.one(ty, inner),
                }
            }
            8..=10 => self.one(ty, inner),
            _ => {
                self.value(ty, inner);
                self.value(ty, inner);
                let two = self.two(ty);
                self.put(two);
            }
        }
    }

    fn leaf(&mut self, ty: ValType) {
        let local = self.local(ty);
        let global = self.global(ty);
        match (self.below(3), local, global) {
            (0 | 1, Some(local), _) => self.put(I::LocalGet(local)),
            (2, _, Some(global)) => self.put(I::GlobalGet(global)),
            _ => self.constant(ty),
        }
    }

    /// Of two of a type, one.
    fn two(&mut self, ty: ValType) -> I<'static> {
        const I32: [I<'static>; 25] = [
            I::I32Add,
            I::I32Sub,
            I::I32Mul,
            I::I32DivS,
            I::I32DivU,
            I::I32RemS,
            I::I32RemU,
            I::I32And,
            I::I32Or,
            I::I32Xor,
            I::I32Shl,
            I::I32ShrS,
            I::I32ShrU,
            I::I32Rotl,
            I::I32Rotr,
            I::I32Eq,
            I::I32Ne,
            I::I32LtS,
            I::I32LtU,
            I::I32GtS,
            I::I32GtU,
            I::I32LeS,
            I::I32LeU,
            I::I32GeS,
            I::I32GeU,
        ];
        const I64: [I<'static>; 15] = [
            I::I64Add,
            I::I64Sub,
            I::I64Mul,
            I::I64DivS,
            I::I64DivU,
            I::I64RemS,
            I::I64RemU,
            I::I64And,
            I::I64Or,
            I::I64Xor,
            I::I64Shl,
            I::I64ShrS,
            I::I64ShrU,
            I::I64Rotl,
            I::I64Rotr,
        ];
        const F32: [I<'static>; 7] =
            [I::F32Add, I::F32Sub, I::F32Mul, I::F32Div, I::F32Min, I::F32Max, I::F32Copysign];
        const F64: [I<'static>; 7] =
            [I::F64Add, I::F64Sub, I::F64Mul, I::F64Div, I::F64Min, I::F64Max, I::F64Copysign];
        const V128: [I<'static>; 40] = [
            I::I8x16Add,
            I::I8x16Sub,
            I::I8x16AddSatS,
            I::I8x16AddSatU,
            I::I8x16SubSatU,
            I::I8x16MinS,
            I::I8x16MaxU,
            I::I8x16AvgrU,
            I::I8x16Swizzle,
            I::I8x16NarrowI16x8S,
            I::I16x8Add,
            I::I16x8Mul,
            I::I16x8Q15MulrSatS,
            I::I16x8ExtMulLowI8x16S,
            I::I16x8NarrowI32x4U,
            I::I16x8MinU,
            I::I32x4Add,
            I::I32x4Mul,
            I::I32x4DotI16x8S,
            I::I32x4ExtMulHighI16x8U,
            I::I32x4MaxS,
            I::I64x2Add,
            I::I64x2Sub,
            I::I64x2Mul,
            I::I64x2ExtMulLowI32x4U,
            I::V128And,
            I::V128Or,
            I::V128Xor,
            I::V128AndNot,
            I::I8x16Eq,
            I::I16x8LtS,
            I::I32x4GtU,
            I::I64x2GeS,
            I::F32x4Add,
            I::F32x4Mul,
            I::F32x4PMin,
            I::F64x2Sub,
            I::F64x2Max,
            I::F32x4Lt,
            I::F64x2Ne,
        ];
        let chosen = match ty {
            ValType::I32 => self.bytes.choose(&I32),
            ValType::I64 => self.bytes.choose(&I64),
            ValType::F32 => self.bytes.choose(&F32),
            ValType::F64 => self.bytes.choose(&F64),
            ValType::V128 | ValType::Ref(_) => self.bytes.choose(&V128),
        };
        chosen.cloned().unwrap_or(I::I32Add)
    }

    /// A value out of those of other types.
    fn one(&mut self, ty: ValType, depth: u32) {
        type Row = (ValType, &'static [I<'static>]);
        use ValType::{F32, F64, I32, I64, V128};
        const TO_I32: [Row; 9] = [
            (I32, &[I::I32Clz]),
            (I32, &[I::I32Ctz]),
            (I32, &[I::I32Popcnt]),
            (I32, &[I::I32Eqz]),
            (I32, &[I::I32Extend8S]),
            (I64, &[I::I32WrapI64]),
            (I64, &[I::I64Eqz]),
            (F32, &[I::I32TruncSatF32S]),
            (F64, &[I::I32TruncF64U]),
        ];
        const MORE_I32: [Row; 9] = [
            (F32, &[I::I32ReinterpretF32]),
            (V128, &[I::V128AnyTrue]),
            (V128, &[I::I8x16AllTrue]),
            (V128, &[I::I8x16Bitmask]),
            (V128, &[I::I32x4ExtractLane(3)]),
            (V128, &[I::I8x16ExtractLaneS(15)]),
            (V128, &[I::I16x8Bitmask]),
            (I32, &[I::I32Extend16S]),
            (F64, &[I::I32TruncSatF64U]),
        ];
        const TO_I64: [Row; 10] = [
            (I64, &[I::I64Clz]),
            (I64, &[I::I64Popcnt]),
            (I32, &[I::I64ExtendI32S]),
            (I32, &[I::I64ExtendI32U]),
            (F64, &[I::I64ReinterpretF64]),
            (F32, &[I::I64TruncSatF32U]),
            (F64, &[I::I64TruncF64S]),
            (V128, &[I::I64x2ExtractLane(1)]),
            (I64, &[I::I64Extend32S]),
            (I64, &[I::I64Ctz]),
        ];
        // The sum with -0 makes a NaN the one that there is.
        const TO_F32: [Row; 8] = [
            (F32, &[I::F32Neg]),
            (F32, &[I::F32Abs]),
            (F32, &[I::F32Sqrt]),
            (F32, &[I::F32Nearest]),
            (I32, &[I::F32ConvertI32U]),
            (I64, &[I::F32ConvertI64S]),
            (I64, &[I::F32ConvertI64U]),
            (F32, &[I::F32Floor]),
        ];
        const TO_F64: [Row; 8] = [
            (F64, &[I::F64Neg]),
            (F64, &[I::F64Ceil]),
            (F64, &[I::F64Sqrt]),
            (F64, &[I::F64Trunc]),
            (I32, &[I::F64ConvertI32S]),
            (I64, &[I::F64ConvertI64U]),
            (I64, &[I::F64ConvertI64S]),
            (F64, &[I::F64Abs]),
        ];
        const TO_V128: [Row; 16] = [
            (I32, &[I::I8x16Splat]),
            (I32, &[I::I32x4Splat]),
            (I64, &[I::I64x2Splat]),
            (F32, &[I::F32x4Splat]),
            (F64, &[I::F64x2Splat]),
            (V128, &[I::V128Not]),
            (V128, &[I::I8x16Abs]),
            (V128, &[I::I8x16Popcnt]),
            (V128, &[I::I16x8Neg]),
            (V128, &[I::I16x8ExtAddPairwiseI8x16U]),
            (V128, &[I::I32x4ExtendHighI16x8S]),
            (V128, &[I::I64x2ExtendLowI32x4U]),
            (V128, &[I::I32x4TruncSatF32x4S]),
            (V128, &[I::F32x4ConvertI32x4U]),
            (V128, &[I::F64x2ConvertLowI32x4S]),
            (V128, &[I::I32x4TruncSatF64x2UZero]),
        ];
        if ty == V128 && self.below(4) == 0 {
            return self.vector(depth);
        }
        let row = match (ty, self.below(1)) {
            (I32, 0) => self.bytes.choose(&TO_I32),
            (I32, _) => self.bytes.choose(&MORE_I32),
            (I64, _) => self.bytes.choose(&TO_I64),
            (F32, _) => self.bytes.choose(&TO_F32),
            (F64, _) => self.bytes.choose(&TO_F64),
            (V128 | ValType::Ref(_), _) => self.bytes.choose(&TO_V128),
        };
        let Ok((from, instructions)) = row.cloned() else { return self.constant(ty) };
        self.value(from, depth);
        instructions.iter().for_each(|instruction| self.put(instruction.clone()));
    }

    /// Vectors by more than one operand of another type.
    fn vector(&mut self, depth: u32) {
        self.value(ValType::V128, depth);
        match self.below(4) {
            0 => {
                self.value(ValType::I32, depth);
                let shifts = [I::I8x16Shl, I::I16x8ShrS, I::I32x4ShrU, I::I64x2ShrS];
                let shift = self.bytes.choose(&shifts).cloned().unwrap_or(I::I8x16Shl);
                self.put(shift);
            }
            1 => {
                self.value(ValType::I64, depth);
                self.put(I::I64x2ReplaceLane(1));
            }
            2 => {
                self.value(ValType::F32, depth);
                self.put(I::F32x4ReplaceLane(2));
            }
            3 => {
                self.value(ValType::V128, depth);
                self.value(ValType::V128, depth);
                self.put(I::V128Bitselect);
            }
            _ => {
                self.value(ValType::V128, depth);
                let mut lanes = [0u8; 16];
                lanes.iter_mut().for_each(|lane| *lane = self.below(31) as u8);
                self.put(I::I8x16Shuffle(lanes));
            }
        }
    }

    /// A memory, an address in it, and an offset.
    fn address(&mut self, align: u32, depth: u32) -> MemArg {
        let index = self.below(self.around.memories.len() as u32 - 1);
        let wide = self.around.memories[index as usize];
        let ty = if wide { ValType::I64 } else { ValType::I32 };
        self.value(ty, depth);
        // Mostly within the memory.
        if self.below(9) != 0 {
            self.put(if wide { I::I64Const(0xfff) } else { I::I32Const(0xfff) });
            self.put(if wide { I::I64And } else { I::I32And });
        }
        let offset = match self.below(3) {
            0 => *self.bytes.choose(&OFFSETS).unwrap_or(&0),
            _ => u64::from(self.below(300)),
        };
        let align = self.below(align);
        MemArg { offset, align, target: MemArgTarget::Memory(index), ordering: None }
    }

    fn load(&mut self, ty: ValType, depth: u32) {
        let at = |code: &mut Self, align| code.address(align, depth);
        let instruction = match (ty, self.below(3)) {
            (ValType::I32, 0) => I::I32Load8S(at(self, 0)),
            (ValType::I32, 1) => I::I32Load16U(at(self, 1)),
            (ValType::I32, _) => I::I32Load(at(self, 2)),
            (ValType::I64, 0) => I::I64Load8U(at(self, 0)),
            (ValType::I64, 1) => I::I64Load32S(at(self, 2)),
            (ValType::I64, _) => I::I64Load(at(self, 3)),
            // What is in memory may be any NaN, which these take as it is.
            (ValType::F32, _) => {
                let at = at(self, 2);
                self.put(I::I32Load(at));
                I::F32ConvertI32S
            }
            (ValType::F64, _) => {
                let at = at(self, 3);
                self.put(I::I64Load(at));
                I::F64ConvertI64S
            }
            (ValType::V128 | ValType::Ref(_), 0) => I::V128Load8x8S(at(self, 3)),
            (ValType::V128 | ValType::Ref(_), 1) => I::V128Load32Splat(at(self, 2)),
            (ValType::V128 | ValType::Ref(_), 2) => I::V128Load64Zero(at(self, 3)),
            (ValType::V128 | ValType::Ref(_), _) => I::V128Load(at(self, 4)),
        };
        self.put(instruction);
    }

    fn store(&mut self) {
        let ty = one_of(self.bytes);
        let which = self.below(2);
        let align = match (ty, which) {
            (ValType::I32 | ValType::I64, 0) => 0,
            (ValType::I64, 1) => 1,
            (ValType::I32 | ValType::F32, _) => 2,
            (ValType::I64 | ValType::F64, _) => 3,
            (ValType::V128 | ValType::Ref(_), _) => 4,
        };
        let to = self.address(align, 1);
        self.value(ty, 1);
        self.put(match (ty, which) {
            (ValType::I32, 0) => I::I32Store8(to),
            (ValType::I32, _) => I::I32Store(to),
            (ValType::I64, 0) => I::I64Store8(to),
            (ValType::I64, 1) => I::I64Store16(to),
            (ValType::I64, _) => I::I64Store(to),
            (ValType::F32, _) => I::F32Store(to),
            (ValType::F64, _) => I::F64Store(to),
            (ValType::V128 | ValType::Ref(_), _) => I::V128Store(to),
        });
    }

    fn call(&mut self, at: usize, depth: u32, tail: bool) {
        let around = self.around;
        for param in &around.signatures[at].0 {
            self.value(*param, depth);
        }
        if self.below(2) == 0 {
            // Through the table: mostly where it is.
            match self.below(5) {
                0 => self.value(ValType::I32, depth),
                _ => self.put(I::I32Const(1 + at as i32)),
            }
            let (type_index, table_index) = (at as u32, 0);
            self.put(match tail {
                true => I::ReturnCallIndirect { type_index, table_index },
                false => I::CallIndirect { type_index, table_index },
            });
        } else {
            self.put(if tail { I::ReturnCall(at as u32) } else { I::Call(at as u32) });
        }
    }

    fn statement(&mut self, depth: u32) {
        if self.left == 0 {
            return;
        }
        match self.below(17) {
            0..=3 => {
                let ty = one_of(self.bytes);
                self.value(ty, 0);
                match (self.local(ty), self.global(ty)) {
                    (_, Some(global)) if self.below(2) == 0 => self.put(I::GlobalSet(global)),
                    (Some(local), _) => self.put(I::LocalSet(local)),
                    (None, _) => self.put(I::Drop),
                }
            }
            4..=6 => self.store(),
            7 => {
                self.value(ValType::I32, 1);
                self.put(I::If(BlockType::Empty));
                self.inside(depth);
                if self.below(1) == 0 {
                    self.put(I::Else);
                    self.inside(depth);
                }
                self.put(I::End);
            }
            8 => {
                self.put(I::Block(BlockType::Empty));
                self.inside(depth);
                self.value(ValType::I32, 1);
                self.put(I::BrIf(0));
                self.inside(depth);
                self.put(I::End);
            }
            9 => self.table_of_branches(depth),
            10 => {
                self.put(I::Loop(BlockType::Empty));
                self.spend();
                self.inside(depth);
                // Few rounds: each costs some of what the module has.
                self.put(I::GlobalGet(0));
                self.put(I::I32Const(7));
                self.put(I::I32And);
                self.put(I::BrIf(0));
                self.put(I::End);
            }
            11 => self.bulk(),
            12 => {
                let index = self.below(self.around.memories.len() as u32 - 1);
                let wide = self.around.memories[index as usize];
                let pages = self.below(3);
                self.put(if wide { I::I64Const(pages.into()) } else { I::I32Const(pages as i32) });
                self.put(I::MemoryGrow(index));
                self.put(I::Drop);
            }
            13 => {
                let at = self.below(self.around.signatures.len() as u32 - 1) as usize;
                self.call(at, 1, false);
                for _ in 0..self.around.signatures[at].1.len() {
                    self.put(I::Drop);
                }
            }
            14 => self.table(),
            15 if self.below(5) == 0 => {
                self.value(ValType::I32, 1);
                self.put(I::If(BlockType::Empty));
                self.put(I::Unreachable);
                self.put(I::End);
            }
            _ => {
                let ty = one_of(self.bytes);
                self.value(ty, 0);
                self.put(I::Drop);
            }
        }
    }

    /// Statements in a block.
    fn inside(&mut self, depth: u32) {
        if depth >= 3 {
            return;
        }
        self.blocks += 1;
        for _ in 0..self.below(2) {
            self.statement(depth + 1);
        }
        self.blocks -= 1;
    }

    /// Blocks in each other, and a branch out of any of them: to a few or to thousands of
    /// places.
    fn table_of_branches(&mut self, depth: u32) {
        let blocks = 1 + self.below(6);
        let targets = match self.below(9) {
            0 => 1_000 + self.below(4_000),
            _ => self.below(20),
        };
        for _ in 0..blocks {
            self.put(I::Block(BlockType::Empty));
        }
        self.value(ValType::I32, 1);
        if self.below(1) == 0 {
            self.put(I::I32Const(31));
            self.put(I::I32And);
        }
        let step = 1 + self.below(6);
        let table: Vec<u32> = (0..targets).map(|at| at * step % blocks).collect();
        let other = self.below(blocks - 1);
        self.put(I::BrTable(table.into(), other));
        for _ in 0..blocks {
            self.put(I::End);
            self.inside(depth + 1);
        }
    }

    fn bulk(&mut self) {
        let memories = self.around.memories.len() as u32 - 1;
        let (to, from) = (self.below(memories), self.below(memories));
        let wide = |code: &Self, at: u32| code.around.memories[at as usize];
        let both = wide(self, to) && wide(self, from);
        let number = |code: &mut Self, wide: bool, most: u32| {
            let number = match code.below(12) {
                0 => 0xffff_fff0,
                _ => code.below(most),
            };
            code.put(if wide { I::I64Const(number.into()) } else { I::I32Const(number as i32) });
        };
        let (to_wide, from_wide) = (wide(self, to), wide(self, from));
        match self.below(2) {
            0 => {
                number(self, to_wide, 66_000);
                self.value(ValType::I32, 2);
                number(self, to_wide, 3_000);
                self.put(I::MemoryFill(to));
            }
            1 => {
                number(self, to_wide, 66_000);
                number(self, from_wide, 66_000);
                number(self, both, 3_000);
                self.put(I::MemoryCopy { src_mem: from, dst_mem: to });
            }
            _ => {
                let data_index = self.below(self.around.data - 1);
                number(self, to_wide, 4_000);
                number(self, false, 40);
                number(self, false, 40);
                self.put(I::MemoryInit { mem: to, data_index });
                if self.below(5) == 0 {
                    self.put(I::DataDrop(data_index));
                }
            }
        }
    }

    fn table(&mut self) {
        let at = self.below(self.around.signatures.len() as u32 - 1);
        let place = self.below(self.around.elements) as i32;
        match self.below(4) {
            0 => {
                self.put(I::I32Const(place));
                self.put(I::RefFunc(at));
                self.put(I::TableSet(0));
            }
            1 => {
                self.put(I::RefFunc(at));
                self.put(I::I32Const(place % 5));
                self.put(I::TableGrow(0));
                self.put(I::Drop);
            }
            2 => {
                self.put(I::I32Const(place));
                self.put(I::TableGet(0));
                self.put(I::RefIsNull);
                self.put(I::Drop);
            }
            3 => {
                self.put(I::I32Const(place));
                self.put(I::I32Const(1));
                self.put(I::I32Const(place % 4));
                self.put(I::TableCopy { src_table: 0, dst_table: 0 });
            }
            _ => {
                self.put(I::I32Const(place));
                self.put(I::RefFunc(at));
                self.put(I::I32Const(place % 3));
                self.put(I::TableFill(0));
            }
        }
    }

    /// The results, or a call that takes the place of this one.
    fn end(&mut self) {
        let (results, around) = (self.results, self.around);
        let alike: Vec<usize> =
            (0..around.signatures.len()).filter(|at| around.signatures[*at].1 == results).collect();
        let callee = self.bytes.choose(&alike).ok().copied();
        if let (Some(at), 0) = (callee, self.below(2)) {
            return self.call(at, 1, true);
        }
        for result in results {
            self.value(*result, 0);
        }
    }
}
