//! Comparisons with nothing right before a `select`.
//!
//! wasmi 2.0 makes one instruction of `i32.eqz` (and of `i32.eq` and `i32.ne` with 0) and
//! the `select` that takes its result. It leaves the comparison out, and lets `select` look
//! at the register in which the number would be that was compared. But that may have been
//! a local variable or the result of a call, which is in no register: then `select` looks
//! at whatever is there, and takes the wrong one of its two values without a word.
//!
//! So these comparisons are written in another way, which the translator leaves alone:
//! `x == 0` as `x < 1`, `a == b` as `(a ^ b) < 1`, `a != b` as `a ^ b`. All numbers are
//! without a sign there. Where it is plain that nothing is compared with 0, all stays as
//! it is.
//!
//! `ref.is_null` is an `i32.eqz` to the translator. And it makes nothing of some
//! instructions: of `nop`, of the end of a loop, of `x | 0`, of a branch on a constant. Then
//! the comparison before them is still the last that it has made. So a condition that such
//! an instruction may have passed on, and that of `ref.is_null`, goes through a variable.

use wasm_encoder::Instruction as I;
use wasmparser::Operator;

/// How a `select` is changed.
#[derive(Debug)]
pub(super) enum Change {
    /// The comparison that begins here is replaced.
    Comparison(usize, &'static [I<'static>]),
    /// The condition goes through a variable.
    Copy,
}

/// An instruction, as far as it matters for a comparison behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Operand {
    /// A constant other than 0.
    Constant,
    /// A local variable.
    Local,
    /// A number out of memory, which is in a register.
    Loaded,
    #[default]
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Zero,
    Equal,
    NotEqual,
    Null,
}

/// The last comparison, if nothing may have been made since.
#[derive(Clone, Copy, Debug)]
struct Comparison {
    kind: Kind,
    at: usize,
    /// It is the last instruction.
    is_last: bool,
    /// The last instruction may have passed its result on.
    is_passed: bool,
}

/// What has been read of a function, for the next `select`.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    comparison: Option<Comparison>,
    /// The last two instructions, the last one first.
    operands: [Operand; 2],
}

impl Conditions {
    /// Notes an instruction that begins at `at`.
    pub fn push(&mut self, operator: &Operator<'_>, at: usize) {
        use Operator as O;
        let compares = |kind| Some(Comparison { kind, at, is_last: true, is_passed: false });
        self.comparison = match operator {
            O::I32Eqz => compares(Kind::Zero),
            O::RefIsNull => compares(Kind::Null),
            O::I32Eq if self.may_be_zero() => compares(Kind::Equal),
            O::I32Ne if self.may_be_zero() => compares(Kind::NotEqual),
            _ => self.comparison.filter(|known| !is_made(operator, known.is_last)).map(|known| {
                Comparison { is_last: false, is_passed: passes_on(operator), ..known }
            }),
        };
        let operand = match operator {
            O::I32Const { value } if *value != 0 => Operand::Constant,
            O::LocalGet { .. } => Operand::Local,
            O::I32Load { .. }
            | O::I32Load8S { .. }
            | O::I32Load8U { .. }
            | O::I32Load16S { .. }
            | O::I32Load16U { .. } => Operand::Loaded,
            _ => Operand::Any,
        };
        self.operands = [operand, self.operands[0]];
    }

    /// One of the operands of a comparison that follows may be 0, and the other in no
    /// register.
    fn may_be_zero(&self) -> bool {
        match self.operands {
            [Operand::Constant | Operand::Loaded, _] => false,
            [Operand::Local, Operand::Local | Operand::Loaded | Operand::Constant] => false,
            [Operand::Local | Operand::Any, _] => true,
        }
    }

    /// What has to be changed if the next instruction is this one.
    pub fn select_to_change(&self, operator: &Operator<'_>) -> Option<Change> {
        const ZERO: &[I<'static>] = &[I::I32Const(1), I::I32LtU];
        const EQUAL: &[I<'static>] = &[I::I32Xor, I::I32Const(1), I::I32LtU];
        const NOT_EQUAL: &[I<'static>] = &[I::I32Xor];
        if !matches!(operator, Operator::Select | Operator::TypedSelect { .. }) {
            return None;
        }
        let known = self.comparison?;
        let code = match known.kind {
            Kind::Zero => ZERO,
            Kind::Equal => EQUAL,
            Kind::NotEqual => NOT_EQUAL,
            Kind::Null => return (known.is_last || known.is_passed).then_some(Change::Copy),
        };
        if known.is_last {
            return Some(Change::Comparison(known.at, code));
        }
        known.is_passed.then_some(Change::Copy)
    }
}

/// True if the translator surely makes something of an instruction; `takes` it the result of
/// a comparison.
fn is_made(operator: &Operator<'_>, takes: bool) -> bool {
    use Operator as O;
    match operator {
        // Of these not if they take a constant, or a variable that is the same.
        O::If { .. } | O::BrIf { .. } | O::LocalSet { .. } | O::LocalTee { .. } => takes,
        O::Drop
        | O::Loop { .. }
        | O::Call { .. }
        | O::CallIndirect { .. }
        | O::GlobalSet { .. }
        | O::I32Load { .. }
        | O::I32Load8S { .. }
        | O::I32Load8U { .. }
        | O::I32Load16S { .. }
        | O::I32Load16U { .. }
        | O::I64Load { .. }
        | O::F32Load { .. }
        | O::F64Load { .. }
        | O::I32Store { .. }
        | O::I32Store8 { .. }
        | O::I32Store16 { .. }
        | O::I64Store { .. }
        | O::F32Store { .. }
        | O::F64Store { .. } => true,
        _ => false,
    }
}

/// True if what is a condition behind an instruction may be what was there before it.
fn passes_on(operator: &Operator<'_>) -> bool {
    use Operator as O;
    matches!(
        operator,
        O::Nop
            | O::Block { .. }
            | O::If { .. }
            | O::Else
            | O::End
            | O::BrIf { .. }
            | O::LocalSet { .. }
            | O::Select
            | O::TypedSelect { .. }
            | O::I32Add
            | O::I32Sub
            | O::I32Mul
            | O::I32DivS
            | O::I32DivU
            | O::I32RemS
            | O::I32RemU
            | O::I32And
            | O::I32Or
            | O::I32Xor
            | O::I32Shl
            | O::I32ShrS
            | O::I32ShrU
            | O::I32Rotl
            | O::I32Rotr
            | O::I32WrapI64
            | O::I32ReinterpretF32
            | O::I32Extend8S
            | O::I32Extend16S
    )
}
