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
//! it is. A condition that has something without effect behind it goes through a variable.

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
}

/// The last comparison, if nothing has been done since.
#[derive(Clone, Copy, Debug)]
struct Comparison {
    kind: Kind,
    at: usize,
    /// It is the last instruction.
    is_last: bool,
    /// So is one without effect, behind it.
    is_hidden: bool,
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
        let compares = |kind| Some(Comparison { kind, at, is_last: true, is_hidden: false });
        let behind = |is_hidden: bool| {
            self.comparison.map(|known| Comparison { is_last: false, is_hidden, ..known })
        };
        self.comparison = match operator {
            O::I32Eqz => compares(Kind::Zero),
            O::I32Eq if self.may_be_zero() => compares(Kind::Equal),
            O::I32Ne if self.may_be_zero() => compares(Kind::NotEqual),
            // These are translated to nothing.
            O::Nop | O::Drop => behind(true),
            // And these, but then they are the condition themselves.
            O::LocalGet { .. }
            | O::I32Const { .. }
            | O::I64Const { .. }
            | O::F32Const { .. }
            | O::F64Const { .. } => behind(false),
            _ => None,
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
        };
        if known.is_last {
            return Some(Change::Comparison(known.at, code));
        }
        known.is_hidden.then_some(Change::Copy)
    }
}
