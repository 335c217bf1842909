//! Lowering: component values to core values and guest memory.
//!
//! Lowering calls the guest's `realloc` in the middle, which can run out of its
//! slice like any other call. So it is a recursion that can be left: when memory
//! is needed, each level puts what it has still to do on a stack of [`Task`]s,
//! below what the levels inside have put there. Given the address, the machine
//! goes on with the stack. In the same way it is left when it has done as much work
//! as the slice is worth; what is done with many bytes is cut into parts.

mod list;
mod many;
mod target;

use self::many::{Busy, SMALL, Stored};
pub(crate) use self::target::Target;
use super::{
    Encoding, Layout, MAX_BYTE_LENGTH, MAX_FLAT_PARAMS, Place, discriminant_size,
    lift::unsupported,
    string::{Scan, Write},
};
use crate::{
    component::Trap,
    value::{List, TypeDef, TypeId, Types, Value},
};

/// A call of `realloc` that has to happen now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Realloc {
    pub old: u64,
    pub old_size: u64,
    pub align: u32,
    pub new_size: u64,
}

enum Task {
    Value {
        value: Value,
        ty: TypeId,
        place: Place,
    },
    /// The rest of a list's elements; the next goes to `at`, and then the list to its
    /// own place.
    Elements {
        rest: std::vec::IntoIter<Value>,
        ty: TypeId,
        at: u64,
        then: Option<Pair>,
    },
    Entries {
        rest: std::vec::IntoIter<(Value, Value)>,
        ty: (TypeId, TypeId),
        at: u64,
        then: Pair,
    },
    /// Fills the core values up to the width of a variant.
    Pad(usize),
}

/// A pointer and a length that are stored when what they point to is: a guest whose
/// memory is in two places at once can tell.
#[derive(Clone, Copy)]
struct Pair {
    place: Place,
    pointer: u64,
    len: u64,
}

/// Memory that has been asked for, and what it is for.
enum Pending {
    Spill {
        values: Vec<Value>,
        types: Box<[TypeId]>,
    },
    List {
        list: List,
        ty: TypeId,
        place: Place,
    },
    Map {
        entries: Vec<(Value, Value)>,
        ty: (TypeId, TypeId),
        place: Place,
    },
    /// A string whose bytes need no change.
    Text {
        text: String,
        place: Place,
    },
    /// Any other, of which some is written then.
    String {
        stored: Stored,
        write: Option<Write>,
    },
}

/// The next thing that a lowering needs.
pub(crate) enum Next {
    Done,
    /// Memory is needed.
    Memory(Realloc),
    /// It has done as much work as it may now.
    Cut,
}

/// A lowering in progress.
pub(crate) struct Lower {
    tasks: Vec<Task>,
    pending: Option<(Realloc, Pending)>,
    busy: Option<Busy>,
    /// The encoding of the place that strings come from.
    source: Encoding,
    /// The core values, as their bits.
    pub flat: Vec<u64>,
    /// Work that has not been charged for, as bytes.
    pub work: u64,
    /// At so much work it is cut.
    pub until: u64,
}

impl std::fmt::Debug for Lower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lower").field("flat", &self.flat).finish_non_exhaustive()
    }
}

impl Lower {
    /// Begins to lower `values`. With `spill`, they go through memory: to the given
    /// address, or to memory that is allocated, whose address becomes the one
    /// core value.
    pub fn new(
        values: impl Iterator<Item = Value>,
        types: &[TypeId],
        spill: Spill,
        source: Encoding,
        target: &mut Target<'_>,
    ) -> Result<Lower, Trap> {
        let mut lower = Lower {
            tasks: Vec::new(),
            pending: None,
            busy: None,
            source,
            flat: Vec::new(),
            work: 0,
            until: SMALL as u64,
        };
        match spill {
            Spill::No => {
                lower.product(values.zip(types.iter().copied()), Place::Flat, target)?;
            }
            Spill::To(address) => {
                let layout = |layout: &Layout| (u64::from(layout.size), layout.align);
                let (size, align) = match types {
                    [ty] => layout(target.layouts.get(*ty, target.ptr64)),
                    _ => layout(&target.layouts.tuple(types, target.ptr64)),
                };
                let at = target.check("result pointer", address, size, align)?;
                lower.product(values.zip(types.iter().copied()), Place::At(at), target)?;
            }
            Spill::Allocate => {
                let tuple = target.layouts.tuple(types, target.ptr64);
                lower.ask(
                    Realloc {
                        old: 0,
                        old_size: 0,
                        align: tuple.align,
                        new_size: u64::from(tuple.size),
                    },
                    Pending::Spill { values: values.collect(), types: types.into() },
                );
            }
        }
        Ok(lower)
    }

    fn ask(&mut self, realloc: Realloc, pending: Pending) {
        self.pending = Some((realloc, pending));
    }

    /// Puts members of a tuple, the first of which goes to `place` when that is
    /// aligned, on the stack: below the tasks from `base` on, which come before.
    fn rest(
        &mut self,
        base: usize,
        members: impl Iterator<Item = (Value, TypeId)>,
        mut place: Place,
        target: &Target<'_>,
    ) {
        let end = self.tasks.len();
        for (value, ty) in members {
            let place = place.next(ty, target.layouts, target.ptr64);
            self.tasks.push(Task::Value { value, ty, place });
        }
        if let Some(new) = self.tasks.get_mut(end..) {
            new.reverse();
            let count = new.len();
            if let Some(all) = self.tasks.get_mut(base..) {
                all.rotate_right(count);
            }
        }
    }

    /// True if something is left to do of what began with so many tasks.
    fn left(&self, base: usize) -> bool {
        self.pending.is_some() || self.busy.is_some() || self.tasks.len() > base
    }

    /// It has done as much work as the slice is worth.
    fn is_over(&self) -> bool {
        self.work >= self.until
    }

    /// Goes on until all is done, memory is needed, or there has been enough work.
    pub fn run(&mut self, target: &mut Target<'_>) -> Result<Next, Trap> {
        loop {
            if self.is_over()
                && (self.busy.is_some() || self.pending.is_none() && !self.tasks.is_empty())
            {
                return Ok(Next::Cut);
            }
            if let Some(busy) = self.busy.take() {
                self.go_on(busy, target)?;
                continue;
            }
            if let Some((realloc, _)) = &self.pending {
                return Ok(Next::Memory(*realloc));
            }
            let Some(task) = self.tasks.pop() else { return Ok(Next::Done) };
            let base = self.tasks.len();
            match task {
                Task::Value { value, ty, place } => self.value(value, ty, place, target)?,
                Task::Pad(width) => self.pad(width),
                Task::Elements { mut rest, ty, mut at, then } => {
                    let size = u64::from(target.layouts.get(ty, target.ptr64).size);
                    loop {
                        let Some(value) = rest.next() else {
                            if let Some(pair) = then {
                                self.pair(pair, target)?;
                            }
                            break;
                        };
                        self.value(value, ty, Place::At(at), target)?;
                        at = at.saturating_add(size);
                        if self.left(base) || self.is_over() {
                            self.tasks.insert(base, Task::Elements { rest, ty, at, then });
                            break;
                        }
                    }
                }
                Task::Entries { mut rest, ty, at, then } => match rest.next() {
                    Some((key, value)) => {
                        let size = target.layouts.tuple(&[ty.0, ty.1], target.ptr64).size;
                        let next = at.saturating_add(u64::from(size));
                        self.tasks.push(Task::Entries { rest, ty, at: next, then });
                        let entry = [(key, ty.0), (value, ty.1)];
                        self.product(entry.into_iter(), Place::At(at), target)?;
                    }
                    None => self.pair(then, target)?,
                },
            }
        }
    }

    /// Gives the address that `realloc` returned.
    pub fn provide(&mut self, address: u64, target: &mut Target<'_>) -> Result<(), Trap> {
        let Some((realloc, pending)) = self.pending.take() else {
            return Err(Trap::internal("memory that was not asked for"));
        };
        let what = match &pending {
            Pending::Spill { .. } => "parameters: realloc return",
            Pending::Text { .. } | Pending::String { .. } => "string: realloc return",
            Pending::List { .. } | Pending::Map { .. } => "list: realloc return",
        };
        let at = target.check(what, address, realloc.new_size, realloc.align)?;
        match pending {
            Pending::Spill { values, types } => {
                self.flat.push(address);
                let members = values.into_iter().zip(types.iter().copied());
                self.product(members, Place::At(at), target)?;
            }
            Pending::List { list, ty, place } => {
                let pair = Pair { place, pointer: address, len: list.len() as u64 };
                match list {
                    List::Scalars(scalar, bytes) => {
                        self.copy(at, bytes, Some(scalar), Some(pair), target)?;
                    }
                    List::Values(values) => {
                        let (rest, then) = (values.into_iter(), Some(pair));
                        self.tasks.push(Task::Elements { rest, ty, at, then });
                    }
                }
            }
            Pending::Map { entries, ty, place } => {
                let then = Pair { place, pointer: address, len: entries.len() as u64 };
                self.tasks.push(Task::Entries { rest: entries.into_iter(), ty, at, then });
            }
            Pending::Text { text, place } => {
                let len = text.len() as u64;
                let pair = Pair { place, pointer: address, len };
                self.copy(at, text.into_bytes(), None, Some(pair), target)?;
            }
            Pending::String { stored, write } => {
                let made = (address, realloc.new_size);
                match write {
                    Some(write) if write.from < write.end => {
                        self.busy = Some(Busy::Write { stored, write, made });
                    }
                    _ => self.step(stored, made, target)?,
                }
            }
        }
        Ok(())
    }

    /// Stores a pointer and a length.
    fn pair(&mut self, pair: Pair, target: &mut Target<'_>) -> Result<(), Trap> {
        let Pair { place, pointer, len } = pair;
        match place {
            Place::Flat => self.flat.extend([pointer, len]),
            Place::At(at) if target.ptr64 => {
                target.write(at, &pointer.to_le_bytes())?;
                target.write(at.saturating_add(8), &len.to_le_bytes())?;
            }
            Place::At(at) => {
                target.write(at, &(pointer as u32).to_le_bytes())?;
                target.write(at.saturating_add(4), &(len as u32).to_le_bytes())?;
            }
        }
        Ok(())
    }

    fn product(
        &mut self,
        mut members: impl Iterator<Item = (Value, TypeId)>,
        mut place: Place,
        target: &mut Target<'_>,
    ) -> Result<(), Trap> {
        let base = self.tasks.len();
        while let Some((value, ty)) = members.next() {
            let at = place.next(ty, target.layouts, target.ptr64);
            self.value(value, ty, at, target)?;
            if self.left(base) || self.is_over() {
                self.rest(base, members, place, target);
                break;
            }
        }
        Ok(())
    }

    /// Fills the core values up to the width of a variant.
    fn pad(&mut self, width: usize) {
        self.flat.resize(width.max(self.flat.len()), 0);
    }

    /// Stores one value, or as much of it as there is memory for. CanonicalABI.md,
    /// `store` and `lower_flat`.
    fn value(
        &mut self,
        value: Value,
        ty: TypeId,
        place: Place,
        target: &mut Target<'_>,
    ) -> Result<(), Trap> {
        self.work = self.work.saturating_add(place.work());
        let types = target.types;
        match (types.get(ty), value) {
            (TypeDef::String, Value::String(text)) => {
                // Longer than what Latin-1 of the greatest length becomes: the host's.
                if text.len() as u64 > 2 * MAX_BYTE_LENGTH {
                    return Err(Trap::canonical(format!("string too long: {} bytes", text.len())));
                }
                if (self.source, target.encoding) == (Encoding::Utf8, Encoding::Utf8) {
                    let new_size = text.len() as u64;
                    let realloc = Realloc { old: 0, old_size: 0, align: 1, new_size };
                    self.ask(realloc, Pending::Text { text, place });
                    return Ok(());
                }
                self.go_on(Busy::Scan { text, scan: Scan::default(), place }, target)?;
            }
            (TypeDef::List(element), Value::List(list)) => {
                self.list(list, *element, place, target)?;
            }
            (TypeDef::Map(key, value), Value::Map(entries)) => {
                self.map(entries, (*key, *value), place, target)?;
            }
            (TypeDef::FixedList(element, length), Value::List(list)) => {
                if list.len() != *length as usize {
                    return Err(mismatch(types, ty));
                }
                self.elements(list, *element, place, target)?;
            }
            (TypeDef::Record(fields), Value::Record(values)) => {
                if values.len() != fields.len() {
                    return Err(mismatch(types, ty));
                }
                let types = fields.iter().map(|field| field.ty);
                self.product(values.into_iter().zip(types), place, target)?;
            }
            (TypeDef::Tuple(ids), Value::Record(values)) => {
                if values.len() != ids.len() {
                    return Err(mismatch(types, ty));
                }
                self.product(values.into_iter().zip(ids.iter().copied()), place, target)?;
            }
            (TypeDef::Enum(labels), Value::Variant { case, payload: None }) => {
                if case as usize >= labels.len() {
                    return Err(mismatch(types, ty));
                }
                self.int(place, u64::from(case), discriminant_size(labels.len()), target)?;
            }
            (
                def @ (TypeDef::Variant(_) | TypeDef::Option(_) | TypeDef::Result { .. }),
                Value::Variant { case, payload },
            ) => {
                let cases = def.cases().ok_or_else(|| mismatch(types, ty))?;
                let (_, payload_type) = cases.get(case).ok_or_else(|| mismatch(types, ty))?;
                let layout = target.layouts.get(ty, target.ptr64);
                let payload_place = match place {
                    Place::Flat => Place::Flat,
                    Place::At(at) => Place::At(at.saturating_add(u64::from(layout.payload))),
                };
                let width = layout.flat.as_ref().map_or(MAX_FLAT_PARAMS, |flat| flat.len());
                let width = self.flat.len().saturating_add(width);
                let base = self.tasks.len();
                self.int(place, u64::from(case), discriminant_size(cases.len()), target)?;
                match (payload_type, payload) {
                    (Some(ty), Some(value)) => self.value(*value, ty, payload_place, target)?,
                    (None, None) => {}
                    _ => return Err(mismatch(types, ty)),
                }
                match place {
                    Place::At(_) => {}
                    Place::Flat if self.left(base) => self.tasks.insert(base, Task::Pad(width)),
                    Place::Flat => self.pad(width),
                }
            }
            (TypeDef::Flags(_), Value::Flags(bits)) => {
                let size = target.layouts.get(ty, target.ptr64).size;
                self.int(place, u64::from(bits), size, target)?;
            }
            (TypeDef::Bool, Value::Bool(v)) => self.int(place, u64::from(v), 1, target)?,
            (TypeDef::Char, Value::Char(v)) => self.int(place, u64::from(v), 4, target)?,
            (TypeDef::S8, Value::S8(v)) => {
                self.int(place, u64::from(v as i32 as u32), 1, target)?
            }
            (TypeDef::U8, Value::U8(v)) => self.int(place, u64::from(v), 1, target)?,
            (TypeDef::S16, Value::S16(v)) => {
                self.int(place, u64::from(v as i32 as u32), 2, target)?;
            }
            (TypeDef::U16, Value::U16(v)) => self.int(place, u64::from(v), 2, target)?,
            (TypeDef::S32, Value::S32(v)) => self.int(place, u64::from(v as u32), 4, target)?,
            (TypeDef::U32, Value::U32(v)) => self.int(place, u64::from(v), 4, target)?,
            (TypeDef::S64, Value::S64(v)) => self.int(place, v as u64, 8, target)?,
            (TypeDef::U64, Value::U64(v)) => self.int(place, v, 8, target)?,
            (TypeDef::F32, Value::F32(v)) => self.int(place, u64::from(nan32(v)), 4, target)?,
            (TypeDef::F64, Value::F64(v)) => self.int(place, nan64(v), 8, target)?,
            (TypeDef::Own(id), Value::Own(handle)) => {
                let index = target.handles.lower_own(*id, handle.rep)?;
                self.int(place, u64::from(index), 4, target)?;
            }
            (TypeDef::Borrow(id), Value::Borrow(handle)) => {
                let index = target.handles.lower_borrow(*id, handle.rep)?;
                self.int(place, u64::from(index), 4, target)?;
            }
            (TypeDef::Async(name), _) => return Err(unsupported(name)),
            _ => return Err(mismatch(types, ty)),
        }
        Ok(())
    }

    fn int(
        &mut self,
        place: Place,
        bits: u64,
        size: u32,
        target: &mut Target<'_>,
    ) -> Result<(), Trap> {
        match place {
            Place::Flat => self.flat.push(bits),
            Place::At(at) => {
                let bytes = bits.to_le_bytes();
                let bytes = bytes.get(..size as usize).unwrap_or(&bytes);
                target.write(at, bytes)?;
            }
        }
        Ok(())
    }
}

/// How values that do not fit into core values travel.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Spill {
    /// They fit.
    No,
    /// Through memory that is allocated for them.
    Allocate,
    /// Through memory at this address, which the caller has given.
    To(u64),
}

#[cold]
fn mismatch(types: &Types, ty: TypeId) -> Trap {
    Trap::new(
        crate::component::TrapKind::Host,
        format!("the host gave a value that is not a `{}`", types.display(ty)),
    )
}

fn nan32(value: f32) -> u32 {
    if value.is_nan() { 0x7fc0_0000 } else { value.to_bits() }
}

fn nan64(value: f64) -> u64 {
    if value.is_nan() { 0x7ff8_0000_0000_0000 } else { value.to_bits() }
}
