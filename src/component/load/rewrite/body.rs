//! One function body: which of its instructions are replaced, and by what.
//!
//! All bytes between them stay what they are. Local variables that are needed are
//! added behind the body's own.

use wasm_encoder::{Encode, Instruction as I, ValType};
use wasmparser::{FunctionBody, Operator};

use super::{
    bulk::Bulk,
    grow::Grow,
    helpers::{Helper, Helpers},
    selects::{Change, Conditions},
    spaces::Spaces,
    stores::{Note, Recent},
};
use crate::component::{error::LoadError, pieces::STEP_PAGES};

/// Code that is as it was, at another place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::component) struct Kept {
    /// Where it is and where it was, from the beginning of the body.
    pub new: usize,
    pub old: usize,
    /// Its bytes.
    pub len: usize,
}

/// A body that is changed, and what is the same in it.
pub(super) type Changed = (Vec<u8>, Vec<Kept>);

/// The body with all that has to be replaced, and where what is left has come to; `None`
/// if there is nothing. `func` is the function's index.
pub(super) fn rewrite(
    spaces: &Spaces<'_>,
    helpers: &mut Helpers,
    body: &FunctionBody<'_>,
    func: usize,
) -> Result<Option<Changed>, LoadError> {
    let mut edit = Edit {
        spaces,
        helpers,
        bytes: body.as_bytes(),
        out: Vec::new(),
        copied: 0,
        kept: Vec::new(),
        locals: spaces.params(func),
        added: Vec::new(),
    };
    // A body that cannot be read is left to the interpreter, which says so when it
    // is called.
    let Some(code) = edit.count_locals(body) else { return Ok(None) };
    let begin = body.range().start;
    let Ok(mut reader) = body.get_operators_reader() else { return Ok(None) };
    let (mut recent, mut conditions) = (Recent::default(), Conditions::default());
    while !reader.eof() {
        let Ok((operator, offset)) = reader.read_with_offset() else { return Ok(None) };
        let place =
            |offset: u64| usize::try_from(offset.saturating_sub(begin)).unwrap_or(usize::MAX);
        let (at, end) = (place(offset), place(reader.original_position()));
        match conditions.select_to_change(&operator) {
            Some(change) => edit.select(&change, at),
            None => edit.operator(&recent, &operator, at, end)?,
        }
        recent.push(spaces, &operator, at);
        conditions.push(&operator, at);
    }
    Ok(edit.finish(code))
}

struct Edit<'a, 'b> {
    spaces: &'a Spaces<'b>,
    helpers: &'a mut Helpers,
    bytes: &'a [u8],
    /// The code so far, and up to where it has been copied.
    out: Vec<u8>,
    copied: usize,
    /// What was copied, with its place in `out`.
    kept: Vec<Kept>,
    /// Parameters and local variables of the function.
    locals: u32,
    /// The types of those that are added.
    added: Vec<ValType>,
}

impl Edit<'_, '_> {
    /// Where the code begins, behind the declarations of local variables.
    fn count_locals(&mut self, body: &FunctionBody<'_>) -> Option<usize> {
        let mut reader = body.get_locals_reader().ok()?;
        for _ in 0..reader.get_count() {
            let (count, _) = reader.read().ok()?;
            self.locals = self.locals.checked_add(count)?;
        }
        let code =
            usize::try_from(reader.original_position().checked_sub(body.range().start)?).ok()?;
        self.copied = code;
        Some(code)
    }

    fn operator(
        &mut self,
        recent: &Recent,
        operator: &Operator<'_>,
        at: usize,
        end: usize,
    ) -> Result<(), LoadError> {
        if let Some(ty) = recent.store_to_change(operator) {
            let [local] = self.locals([ty]);
            self.replace(at, at, &[I::LocalSet(local), I::LocalGet(local)]);
        } else if let Some(bulk) = Bulk::new(operator) {
            self.bulk(recent, bulk, at, end)?;
        } else if let Operator::MemoryGrow { mem } = operator {
            if !small(recent.back(1), STEP_PAGES) {
                self.call(Helper::Grow(Grow::Memory(*mem)), at, end)?;
            }
        } else if let Operator::TableGrow { table } = operator {
            self.call(Helper::Grow(Grow::Table(*table)), at, end)?;
        }
        Ok(())
    }

    /// Changes the condition of the `select` at this place.
    fn select(&mut self, change: &Change, at: usize) {
        match change {
            Change::Comparison(begin, code) => self.replace(*begin, at, code),
            Change::Copy => {
                let [local] = self.locals([ValType::I32]);
                self.replace(at, at, &[I::LocalSet(local), I::LocalGet(local)]);
            }
        }
    }

    fn call(&mut self, helper: Helper, at: usize, end: usize) -> Result<(), LoadError> {
        let helper = self.helpers.index(self.spaces, helper)?;
        self.replace(at, end, &[I::Call(helper)]);
        Ok(())
    }

    /// Does a bulk instruction at once if it is short, and else calls the helper.
    fn bulk(
        &mut self,
        recent: &Recent,
        bulk: Bulk,
        at: usize,
        end: usize,
    ) -> Result<(), LoadError> {
        if small(recent.back(1), bulk.piece().saturating_add(1)) {
            return Ok(());
        }
        let helper = self.helpers.index(self.spaces, Helper::Bulk(bulk))?;
        let types = bulk.params(self.spaces)?;
        // Operands that are local variables or constants are taken from where they
        // were, and the others put into variables, from the last to the first.
        let fresh = self.locals(types);
        let mut operands = fresh.map(I::LocalGet);
        let mut begin = at;
        let mut code = Vec::new();
        let mut plain = true;
        for (by, (operand, local)) in operands.iter_mut().rev().zip(fresh.iter().rev()).enumerate()
        {
            match recent.back(by.saturating_add(1)) {
                Some((note, at)) if plain && again(note).is_some() => {
                    if let Some(again) = again(note) {
                        *operand = again;
                    }
                    begin = at;
                }
                _ => {
                    plain = false;
                    code.push(I::LocalSet(*local));
                }
            }
        }
        let [to, from, len] = operands;
        let piece = bulk.piece();
        let (piece, short) = match types {
            [_, _, ValType::I64] => (I::I64Const(i64::from(piece)), I::I64LeU),
            _ => (I::I32Const(piece.cast_signed()), I::I32LeU),
        };
        let block = || I::Block(wasm_encoder::BlockType::Empty);
        code.extend([block(), block(), len.clone(), piece, short, I::BrIf(0)]);
        code.extend([to.clone(), from.clone(), len.clone(), I::Call(helper), I::Br(1), I::End]);
        code.extend([to, from, len, bulk.instruction(), I::End]);
        self.replace(begin, end, &code);
        Ok(())
    }

    /// Local variables of these types, which may be used between two instructions.
    fn locals<const N: usize>(&mut self, types: [ValType; N]) -> [u32; N] {
        let mut taken = vec![false; self.added.len()];
        types.map(|ty| {
            let free = self.added.iter().zip(&taken).position(|(t, taken)| *t == ty && !taken);
            let index = free.unwrap_or_else(|| {
                self.added.push(ty);
                taken.push(false);
                self.added.len() - 1
            });
            if let Some(taken) = taken.get_mut(index) {
                *taken = true;
            }
            self.locals.saturating_add(u32::try_from(index).unwrap_or(u32::MAX))
        })
    }

    /// Puts other code where the bytes from `at` to `end` are.
    fn replace(&mut self, at: usize, end: usize, code: &[I<'_>]) {
        self.copy(at);
        for instruction in code {
            instruction.encode(&mut self.out);
        }
        self.copied = end;
    }

    /// Copies the code up to here.
    fn copy(&mut self, end: usize) {
        let bytes = self.bytes.get(self.copied..end).unwrap_or_default();
        self.kept.push(Kept { new: self.out.len(), old: self.copied, len: bytes.len() });
        self.out.extend_from_slice(bytes);
    }

    fn finish(mut self, code: usize) -> Option<Changed> {
        if self.out.is_empty() {
            return None;
        }
        self.copy(self.bytes.len());
        let locals = self.bytes.get(..code).unwrap_or_default();
        let mut body = super::helpers::append(Some(locals), self.added.len(), |bytes| {
            for ty in &self.added {
                1u32.encode(bytes);
                ty.encode(bytes);
            }
        })
        .ok()?;
        for kept in &mut self.kept {
            kept.new = kept.new.saturating_add(body.len());
        }
        body.append(&mut self.out);
        Some((body, self.kept))
    }
}

/// The instruction that gives this once more.
fn again(note: Note) -> Option<I<'static>> {
    match note {
        Note::Get(local) => Some(I::LocalGet(local)),
        Note::I32(value) => Some(I::I32Const(value)),
        Note::I64(value) => Some(I::I64Const(value)),
        Note::Tee(_) | Note::Value | Note::Global | Note::Cast | Note::Unknown => None,
    }
}

/// A constant below the limit.
fn small(last: Option<(Note, usize)>, limit: u32) -> bool {
    match last {
        Some((Note::I32(value), _)) => value.cast_unsigned() < limit,
        Some((Note::I64(value), _)) => value.cast_unsigned() < u64::from(limit),
        _ => false,
    }
}
