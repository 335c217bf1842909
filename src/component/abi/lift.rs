//! Lifting: core values and guest memory to component values.
//!
//! Lifting runs no guest code, but a list of a million pointers to one string is
//! small in the guest and huge outside. So whatever a value takes outside is
//! charged to the account of the process before it is allocated, and each value
//! and each byte is work. When there has been as much work as the slice is worth,
//! the recursion is left: each level puts where it is into a [`Level`], the
//! innermost first, and a later slice goes on with these. No guest code runs in
//! between, so that the memory is the same then.

mod list;
mod source;

pub(super) use self::list::canonicalize;
pub(crate) use self::source::Source;
use super::{MAX_FLAT_PARAMS, Place, discriminant_size, string};
use crate::{
    account::Charge,
    component::Trap,
    value::{Cases, Field, Resource, Scalar, TypeDef, TypeId, Value},
};

/// Host bytes that each lifting may have without a charge: those of a few numbers
/// or a short text. So many calls never touch the account.
const FREE: u64 = 512;

/// Bytes charged beyond what is needed, so that not each small value is a charge.
const AHEAD: u64 = 4 << 10;

/// Bytes that an allocation takes besides its own.
const BLOCK: u64 = 16;

const VALUE: u64 = size_of::<Value>() as u64;

/// Core values, as their bits.
#[derive(Clone, Copy)]
struct Flat {
    bits: [u64; MAX_FLAT_PARAMS],
    len: usize,
    next: usize,
}

impl Flat {
    fn next(&mut self) -> Result<u64, Trap> {
        let bits = self.bits.get(..self.len).and_then(|bits| bits.get(self.next).copied());
        self.next = self.next.saturating_add(1);
        bits.ok_or_else(|| Trap::internal("too few core values"))
    }
}

/// Where a level of the recursion is.
enum Level {
    /// Before the next element of a list, or in it.
    Elements { ty: TypeId, place: Place, left: u64, out: Vec<Value> },
    /// The same with the entries of a map. Of the present one, the key may be there.
    Entries {
        ty: (TypeId, TypeId),
        at: u64,
        left: u64,
        out: Vec<(Value, Value)>,
        key: Option<Value>,
    },
    /// In a member of a record or tuple; the next one is given.
    Product { of: Of, next: usize, place: Place, out: Vec<Value> },
    /// In the payload of a case; then the core values up to this one are left out.
    Variant { case: u32, end: Option<usize> },
    /// In the bytes of a list of numbers.
    Scalars { scalar: Scalar, at: u64, left: u64, out: Vec<u8> },
    /// In a text.
    Text { simple: string::Simple, at: u64, left: u64, out: String },
}

/// Whose members a product has.
enum Of {
    Type(TypeId),
    Values(Box<[TypeId]>),
}

/// The types of the members of a product.
#[derive(Clone, Copy)]
enum Members<'a> {
    Ids(&'a [TypeId]),
    Fields(&'a [Field]),
}

impl Members<'_> {
    fn len(&self) -> usize {
        match self {
            Members::Ids(ids) => ids.len(),
            Members::Fields(fields) => fields.len(),
        }
    }

    fn get(&self, index: usize) -> Option<TypeId> {
        match self {
            Members::Ids(ids) => ids.get(index).copied(),
            Members::Fields(fields) => fields.get(index).map(|field| field.ty),
        }
    }
}

/// A lifting in progress.
pub(crate) struct Lift {
    flat: Flat,
    /// The levels that have been left, the innermost last.
    frames: Vec<Level>,
    /// Those that are being left, the innermost first.
    leaving: Vec<Level>,
    /// Work since this was set to zero, as bytes.
    pub work: u64,
    /// At so much work the recursion is left.
    pub until: u64,
    /// Bytes that are charged, or free, and not used.
    credit: u64,
    pub charge: Charge,
}

impl std::fmt::Debug for Lift {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lift").field("charge", &self.charge).finish_non_exhaustive()
    }
}

/// The value, or nothing if the recursion has been left.
type Maybe<T> = Result<Option<T>, Trap>;

impl Lift {
    /// A lifting of these core values, with so much work at first.
    pub fn new(flat: &[u64], until: u64) -> Lift {
        let mut bits = [0; MAX_FLAT_PARAMS];
        let len = flat.len().min(bits.len());
        for (to, from) in bits.iter_mut().zip(flat) {
            *to = *from;
        }
        Lift {
            flat: Flat { bits, len, next: 0 },
            frames: Vec::new(),
            leaving: Vec::new(),
            work: 0,
            until,
            credit: FREE,
            charge: Charge::default(),
        }
    }

    /// Lifts several values that came flat, or through memory at the pointer
    /// that is the one core value. Without a result it is to be
    /// [resumed](Lift::resume).
    pub fn values(
        &mut self,
        types: &[TypeId],
        spilled: bool,
        source: &mut Source<'_>,
    ) -> Maybe<Vec<Value>> {
        let place = match spilled {
            false => Place::Flat,
            true => {
                let tuple = source.layouts.tuple(types, source.ptr64);
                let ptr = self.pointer(Place::Flat, source)?;
                source.check(ptr, u64::from(tuple.size), tuple.align, "values in memory:")?;
                Place::At(ptr)
            }
        };
        let members = Members::Ids(types);
        // As many as the function has parameters: the program's memory, not the call's.
        let out = Vec::with_capacity(members.len());
        let of = || Of::Values(types.into());
        let values = self.product(members, of, 0, place, out, source)?;
        if values.is_none() {
            self.frames.extend(self.leaving.drain(..).rev());
        }
        Ok(values)
    }

    /// Goes on.
    pub fn resume(&mut self, source: &mut Source<'_>) -> Maybe<Vec<Value>> {
        let mut inner = None;
        loop {
            let Some(frame) = self.frames.pop() else {
                return Err(Trap::internal("nothing is left to lift"));
            };
            let is_last = self.frames.is_empty();
            match self.go_on(frame, inner.take(), source)? {
                Some(Value::Record(values)) if is_last => return Ok(Some(values)),
                Some(value) => inner = Some(value),
                None => {
                    self.frames.extend(self.leaving.drain(..).rev());
                    return Ok(None);
                }
            }
        }
    }

    /// Goes on with a level, given the value of what was in it.
    fn go_on(
        &mut self,
        frame: Level,
        inner: Option<Value>,
        source: &mut Source<'_>,
    ) -> Maybe<Value> {
        Ok(match frame {
            Level::Elements { ty, place, left, mut out } => {
                out.extend(inner);
                return self.list_of(ty, place, left, out, source);
            }
            Level::Entries { ty, at, left, mut out, mut key } => {
                match (key.take(), inner) {
                    (Some(key), Some(value)) => out.push((key, value)),
                    (known, inner) => key = known.or(inner),
                }
                self.entries(ty, at, left, out, key, source)?.map(Value::Map)
            }
            Level::Product { of, next, place, mut out } => {
                out.extend(inner);
                let types = source.types;
                match of {
                    Of::Type(id) => {
                        let members = members(types.get(id))?;
                        let of = || Of::Type(id);
                        self.product(members, of, next, place, out, source)?
                    }
                    Of::Values(ids) => {
                        let members = Members::Ids(&ids);
                        let of = || Of::Values(ids.clone());
                        self.product(members, of, next, place, out, source)?
                    }
                }
                .map(Value::Record)
            }
            Level::Variant { case, end } => {
                self.skip_to(end)?;
                Some(Value::Variant { case, payload: inner.map(Box::new) })
            }
            Level::Scalars { scalar, at, left, out } => {
                self.scalars(scalar, at, left, out, source)?.map(Value::List)
            }
            Level::Text { simple, at, left, out } => {
                self.text(simple, at, left, out, source)?.map(Value::String)
            }
        })
    }

    /// True if the recursion is to be left.
    fn is_over(&self) -> bool {
        self.work >= self.until
    }

    /// Before something is allocated.
    fn spend(&mut self, bytes: u64, source: &Source<'_>) -> Result<(), Trap> {
        match self.credit.checked_sub(bytes) {
            Some(rest) => self.credit = rest,
            None => {
                let more = bytes.saturating_sub(self.credit);
                if self.charge.is_nobodys() {
                    self.charge = source.handles.account().open();
                }
                let ahead = more.saturating_add(AHEAD);
                self.credit = match self.charge.add(ahead) {
                    Ok(()) => AHEAD,
                    // Near the limit, nothing is to spare.
                    Err(_) => self.charge.add(more).map(|()| 0)?,
                };
            }
        }
        Ok(())
    }

    fn spend_values(&mut self, count: u64, source: &Source<'_>) -> Result<(), Trap> {
        self.spend(count.saturating_mul(VALUE).saturating_add(BLOCK), source)
    }

    fn pointer(&mut self, place: Place, source: &Source<'_>) -> Result<u64, Trap> {
        self.int(place, if source.ptr64 { 8 } else { 4 }, source).map(|bits| match source.ptr64 {
            true => bits,
            false => u64::from(bits as u32),
        })
    }

    /// The pointer and the length of a string or list.
    fn pair(&mut self, place: Place, source: &Source<'_>) -> Result<(u64, u64), Trap> {
        let second = match place {
            Place::Flat => Place::Flat,
            Place::At(at) => Place::At(at.saturating_add(if source.ptr64 { 8 } else { 4 })),
        };
        Ok((self.pointer(place, source)?, self.pointer(second, source)?))
    }

    /// A number. Of one that came flat the upper bits may mean nothing: a variant
    /// may carry an `i32` in an `i64`.
    fn int(&mut self, place: Place, size: u32, source: &Source<'_>) -> Result<u64, Trap> {
        match place {
            Place::Flat => self.flat.next(),
            Place::At(at) => source.int(at, size),
        }
    }

    /// One value: CanonicalABI.md, `load` and `lift_flat`. Bounds and alignment of
    /// the whole value have been checked, and a value's parts lie inside it.
    fn value(&mut self, id: TypeId, place: Place, source: &mut Source<'_>) -> Maybe<Value> {
        let types = source.types;
        let def = types.get(id);
        Ok(Some(match def {
            TypeDef::Bool => Value::Bool(self.int(place, 1, source)? as u32 != 0),
            TypeDef::S8 => Value::S8(self.int(place, 1, source)? as i8),
            TypeDef::U8 => Value::U8(self.int(place, 1, source)? as u8),
            TypeDef::S16 => Value::S16(self.int(place, 2, source)? as i16),
            TypeDef::U16 => Value::U16(self.int(place, 2, source)? as u16),
            TypeDef::S32 => Value::S32(self.int(place, 4, source)? as i32),
            TypeDef::U32 => Value::U32(self.int(place, 4, source)? as u32),
            TypeDef::S64 => Value::S64(self.int(place, 8, source)? as i64),
            TypeDef::U64 => Value::U64(self.int(place, 8, source)?),
            TypeDef::F32 => Value::F32(canonical_f32(self.int(place, 4, source)? as u32)),
            TypeDef::F64 => Value::F64(canonical_f64(self.int(place, 8, source)?)),
            TypeDef::Char => Value::Char(char_of(self.int(place, 4, source)? as u32)?),
            TypeDef::String => {
                let (ptr, len) = self.pair(place, source)?;
                return Ok(self.string(ptr, len, source)?.map(Value::String));
            }
            TypeDef::List(element) => {
                let (ptr, len) = self.pair(place, source)?;
                let layout = source.layouts.get(*element, source.ptr64);
                let at = source.range(ptr, len, layout.size, layout.align)?;
                return self.list(*element, at, len, source);
            }
            TypeDef::Map(key, value) => {
                let (ptr, len) = self.pair(place, source)?;
                let entry = source.layouts.tuple(&[*key, *value], source.ptr64);
                let at = source.range(ptr, len, entry.size, entry.align)?;
                self.spend_values(len.saturating_mul(2), source)?;
                let out = Vec::with_capacity(len as usize);
                let entries = self.entries((*key, *value), at, len, out, None, source)?;
                return Ok(entries.map(Value::Map));
            }
            TypeDef::FixedList(element, length) => match place {
                Place::At(at) => return self.list(*element, at, u64::from(*length), source),
                Place::Flat => {
                    self.spend_values(u64::from(*length), source)?;
                    let out = Vec::with_capacity(*length as usize);
                    return self.list_of(*element, place, u64::from(*length), out, source);
                }
            },
            TypeDef::Record(_) | TypeDef::Tuple(_) => {
                let members = members(def)?;
                self.spend_values(members.len() as u64, source)?;
                let out = Vec::with_capacity(members.len());
                let of = || Of::Type(id);
                let values = self.product(members, of, 0, place, out, source)?;
                return Ok(values.map(Value::Record));
            }
            TypeDef::Flags(labels) => {
                let size = source.layouts.get(id, source.ptr64).size;
                Value::Flags(self.int(place, size, source)? as u32 & mask(labels.len()))
            }
            TypeDef::Enum(labels) => {
                let case = self.int(place, discriminant_size(labels.len()), source)? as u32;
                if case as usize >= labels.len() {
                    return Err(no_such_case(case, labels.len()));
                }
                Value::case(case)
            }
            TypeDef::Own(ty) => {
                let index = self.int(place, 4, source)? as u32;
                let rep = source.handles.lift_own(*ty, index)?;
                Value::Own(Resource { ty: *ty, rep })
            }
            TypeDef::Borrow(ty) => {
                let index = self.int(place, 4, source)? as u32;
                // Noted until the call returns.
                self.spend(LEND, source)?;
                let rep = source.handles.lift_borrow(*ty, index)?;
                Value::Borrow(Resource { ty: *ty, rep })
            }
            TypeDef::Variant(_) | TypeDef::Option(_) | TypeDef::Result { .. } => {
                let cases = def.cases().ok_or_else(|| Trap::internal("not a variant"))?;
                return self.variant(id, cases, place, source);
            }
            TypeDef::Async(name) => return Err(unsupported(name)),
        }))
    }

    fn variant(
        &mut self,
        id: TypeId,
        cases: Cases<'_>,
        place: Place,
        source: &mut Source<'_>,
    ) -> Maybe<Value> {
        let layout = source.layouts.get(id, source.ptr64);
        let (payload_place, end) = match (place, &layout.flat) {
            (Place::At(at), _) => (Place::At(at.saturating_add(u64::from(layout.payload))), None),
            // The other cases may be wider.
            (Place::Flat, Some(flat)) => {
                (Place::Flat, Some(self.flat.next.saturating_add(flat.len())))
            }
            (Place::Flat, None) => return Err(Trap::internal("flat variant is too wide")),
        };
        let case = self.int(place, discriminant_size(cases.len()), source)? as u32;
        let payload = match cases.get(case) {
            None => return Err(no_such_case(case, cases.len())),
            Some((_, None)) => None,
            Some((_, Some(ty))) => {
                self.work = self.work.saturating_add(place.work());
                self.spend(VALUE + BLOCK, source)?;
                match self.value(ty, payload_place, source)? {
                    Some(value) => Some(Box::new(value)),
                    None => {
                        self.leaving.push(Level::Variant { case, end });
                        return Ok(None);
                    }
                }
            }
        };
        self.skip_to(end)?;
        Ok(Some(Value::Variant { case, payload }))
    }

    fn skip_to(&mut self, end: Option<usize>) -> Result<(), Trap> {
        if let Some(end) = end {
            if end > self.flat.len {
                return Err(Trap::internal("too few core values"));
            }
            self.flat.next = end;
        }
        Ok(())
    }

    fn product(
        &mut self,
        members: Members<'_>,
        of: impl FnOnce() -> Of,
        first: usize,
        mut place: Place,
        mut out: Vec<Value>,
        source: &mut Source<'_>,
    ) -> Maybe<Vec<Value>> {
        let mut next = first;
        while let Some(ty) = members.get(next) {
            self.work = self.work.saturating_add(place.work());
            let at = place.next(ty, source.layouts, source.ptr64);
            next = next.saturating_add(1);
            match self.value(ty, at, source)? {
                Some(value) => out.push(value),
                None => {
                    self.leaving.push(Level::Product { of: of(), next, place, out });
                    return Ok(None);
                }
            }
        }
        Ok(Some(out))
    }
}

/// Bytes that a handle takes up that is lent, until it is given back.
pub(crate) const LEND: u64 = 16;

fn members(def: &TypeDef) -> Result<Members<'_>, Trap> {
    if let TypeDef::Record(fields) = def {
        return Ok(Members::Fields(fields));
    }
    if let TypeDef::Tuple(ids) = def {
        return Ok(Members::Ids(ids));
    }
    Err(Trap::internal("not a record"))
}

#[cold]
fn no_such_case(case: u32, cases: usize) -> Trap {
    Trap::canonical(format!("invalid variant discriminant: {case}, of {cases} cases"))
}

fn mask(labels: usize) -> u32 {
    if labels >= 32 { u32::MAX } else { (1 << labels) - 1 }
}

pub(super) fn unsupported(name: &str) -> Trap {
    Trap::new(
        crate::component::TrapKind::Unsupported,
        format!("values of type `{name}` (asynchronous ABI) are not supported"),
    )
}

fn char_of(bits: u32) -> Result<char, Trap> {
    char::from_u32(bits)
        .ok_or_else(|| Trap::canonical(format!("invalid `char` bit pattern: {bits:#x}")))
}

/// There is one NaN: anything else would differ from CPU to CPU.
fn canonical_f32(bits: u32) -> f32 {
    let value = f32::from_bits(bits);
    if value.is_nan() { f32::from_bits(0x7fc0_0000) } else { value }
}

fn canonical_f64(bits: u64) -> f64 {
    let value = f64::from_bits(bits);
    if value.is_nan() { f64::from_bits(0x7ff8_0000_0000_0000) } else { value }
}
