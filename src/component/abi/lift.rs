//! Lifting: core values and guest memory to component values.
//!
//! Lifting runs no guest code, so it needs no suspension. It must be bounded
//! nevertheless: a list of a million pointers to one string is small in the
//! guest and huge outside. So it works against a budget of host bytes.

use super::{
    super::Trap, Handles, Layouts, MAX_BYTE_LENGTH, align_address, discriminant_size, string,
};
use crate::{
    component::plan::Encoding,
    value::{List, Resource, Scalar, TypeDef, TypeId, Types, Value},
};

/// The host memory that the values of one call may take up.
pub(crate) const LIFT_BUDGET: u64 = 256 << 20;

/// What is lifted from, and how.
pub(crate) struct Lift<'a> {
    pub types: &'a Types,
    pub layouts: &'a Layouts,
    pub memory: &'a [u8],
    pub encoding: Encoding,
    /// Pointers have 64 bits.
    pub wide: bool,
    pub handles: &'a mut dyn Handles,
    /// Host bytes that may still be used.
    pub budget: u64,
}

/// Core values, as their bits.
pub(crate) struct Flat<'a>(pub std::slice::Iter<'a, u64>);

impl Flat<'_> {
    fn next(&mut self) -> Result<u64, Trap> {
        self.0.next().copied().ok_or_else(|| Trap::internal("too few core values"))
    }

    fn next_u32(&mut self) -> Result<u32, Trap> {
        // A variant may carry an `i32` in an `i64`: the upper half is dropped.
        Ok(self.next()? as u32)
    }
}

impl Lift<'_> {
    /// Lifts several values that came flat, or through memory at the pointer
    /// that is the one core value.
    pub fn values(
        &mut self,
        types: &[TypeId],
        spilled: bool,
        flat: &mut Flat<'_>,
    ) -> Result<Vec<Value>, Trap> {
        if !spilled {
            let mut values = Vec::with_capacity(types.len());
            for id in types {
                values.push(self.flat(*id, flat)?);
            }
            return Ok(values);
        }
        let tuple = self.layouts.tuple(types, self.wide);
        let ptr = self.pointer(flat)?;
        self.check(ptr, u64::from(tuple.size), tuple.align, "values in memory:")?;
        let mut at = ptr;
        let mut values = Vec::with_capacity(types.len());
        for id in types {
            let layout = self.layouts.get(*id, self.wide);
            at = align_address(at, layout.align);
            values.push(self.load(*id, at)?);
            at = at.saturating_add(u64::from(layout.size));
        }
        Ok(values)
    }

    fn pointer(&self, flat: &mut Flat<'_>) -> Result<u64, Trap> {
        let bits = flat.next()?;
        Ok(if self.wide { bits } else { u64::from(bits as u32) })
    }

    /// Bounds and alignment of `len` bytes at `ptr`.
    fn check(&self, ptr: u64, len: u64, align: u32, what: &str) -> Result<u64, Trap> {
        if ptr & u64::from(align - 1) != 0 {
            return Err(Trap::canonical(format!("unaligned pointer: {what} at {ptr:#x}")));
        }
        match ptr.checked_add(len) {
            Some(end) if end <= self.memory.len() as u64 => Ok(ptr),
            _ => Err(Trap::canonical(format!(
                "{what} content out-of-bounds: {len} bytes at {ptr:#x}, memory has {:#x}",
                self.memory.len()
            ))),
        }
    }

    fn spend(&mut self, bytes: u64) -> Result<(), Trap> {
        match self.budget.checked_sub(bytes) {
            Some(rest) => {
                self.budget = rest;
                Ok(())
            }
            None => Err(Trap::canonical(format!(
                "the values of one call are larger than {} MiB",
                LIFT_BUDGET >> 20
            ))),
        }
    }

    /// CanonicalABI.md, `lift_flat`.
    fn flat(&mut self, id: TypeId, flat: &mut Flat<'_>) -> Result<Value, Trap> {
        let types = self.types;
        Ok(match types.get(id) {
            TypeDef::Bool => Value::Bool(flat.next_u32()? != 0),
            TypeDef::S8 => Value::S8(flat.next()? as i8),
            TypeDef::U8 => Value::U8(flat.next()? as u8),
            TypeDef::S16 => Value::S16(flat.next()? as i16),
            TypeDef::U16 => Value::U16(flat.next()? as u16),
            TypeDef::S32 => Value::S32(flat.next()? as i32),
            TypeDef::U32 => Value::U32(flat.next_u32()?),
            TypeDef::S64 => Value::S64(flat.next()? as i64),
            TypeDef::U64 => Value::U64(flat.next()?),
            TypeDef::F32 => Value::F32(canonical_f32(flat.next_u32()?)),
            TypeDef::F64 => Value::F64(canonical_f64(flat.next()?)),
            TypeDef::Char => Value::Char(char_of(flat.next_u32()?)?),
            TypeDef::String => {
                let ptr = self.pointer(flat)?;
                let len = self.pointer(flat)?;
                self.string(ptr, len)?
            }
            TypeDef::List(element) => {
                let ptr = self.pointer(flat)?;
                let len = self.pointer(flat)?;
                self.list(*element, ptr, len)?
            }
            TypeDef::Map(key, value) => {
                let ptr = self.pointer(flat)?;
                let len = self.pointer(flat)?;
                self.map(*key, *value, ptr, len)?
            }
            TypeDef::FixedList(element, length) => {
                self.spend(u64::from(*length) * size_of::<Value>() as u64)?;
                let values = (0..*length).map(|_| self.flat(*element, flat));
                Value::List(pack(types, *element, values.collect::<Result<_, _>>()?))
            }
            TypeDef::Record(fields) => {
                let values = fields.iter().map(|field| self.flat(field.ty, flat));
                Value::Record(values.collect::<Result<_, _>>()?)
            }
            TypeDef::Tuple(ids) => {
                let values = ids.iter().map(|id| self.flat(*id, flat));
                Value::Record(values.collect::<Result<_, _>>()?)
            }
            TypeDef::Flags(labels) => Value::Flags(flat.next_u32()? & mask(labels.len())),
            TypeDef::Enum(labels) => {
                let case = flat.next_u32()?;
                self.case(case, labels.len())?;
                Value::case(case)
            }
            TypeDef::Own(ty) => {
                let index = flat.next_u32()?;
                let rep = self.handles.lift_own(*ty, index)?;
                Value::Own(Resource { ty: *ty, rep })
            }
            TypeDef::Borrow(ty) => {
                let index = flat.next_u32()?;
                let rep = self.handles.lift_borrow(*ty, index)?;
                Value::Borrow(Resource { ty: *ty, rep })
            }
            TypeDef::Async(name) => return Err(unsupported(name)),
            def @ (TypeDef::Variant(_) | TypeDef::Option(_) | TypeDef::Result { .. }) => {
                let width = match &self.layouts.get(id, self.wide).flat {
                    Some(flat) => flat.len(),
                    None => return Err(Trap::internal("flat variant is too wide")),
                };
                let before = flat.0.len();
                let case = flat.next_u32()?;
                let payload = self
                    .payload_type(def, case)?
                    .map(|ty| self.flat(ty, flat).map(Box::new))
                    .transpose()?;
                // The other cases may be wider.
                while before - flat.0.len() < width {
                    flat.next()?;
                }
                Value::Variant { case, payload }
            }
        })
    }

    /// CanonicalABI.md, `load`. Bounds and alignment of the whole value have
    /// been checked, and a value's parts lie inside it.
    fn load(&mut self, id: TypeId, at: u64) -> Result<Value, Trap> {
        let types = self.types;
        let def = types.get(id);
        if let Some(scalar) = Scalar::of(def) {
            let value = scalar.read(self.bytes(at, scalar.size())?);
            return match value {
                Some(Value::F32(v)) => Ok(Value::F32(canonical_f32(v.to_bits()))),
                Some(Value::F64(v)) => Ok(Value::F64(canonical_f64(v.to_bits()))),
                Some(value) => Ok(value),
                None => Err(Trap::internal("scalar of another size")),
            };
        }
        Ok(match def {
            TypeDef::Bool => Value::Bool(self.int(at, 1)? != 0),
            TypeDef::Char => Value::Char(char_of(self.int(at, 4)? as u32)?),
            TypeDef::String => {
                let (ptr, len) = self.pair(at)?;
                self.string(ptr, len)?
            }
            TypeDef::List(element) => {
                let (ptr, len) = self.pair(at)?;
                self.list(*element, ptr, len)?
            }
            TypeDef::Map(key, value) => {
                let (ptr, len) = self.pair(at)?;
                self.map(*key, *value, ptr, len)?
            }
            TypeDef::FixedList(element, length) => {
                self.elements(*element, at, u64::from(*length)).map(Value::List)?
            }
            TypeDef::Record(fields) => self.product(at, fields.iter().map(|field| field.ty))?,
            TypeDef::Tuple(ids) => self.product(at, ids.iter().copied())?,
            TypeDef::Flags(labels) => {
                let size = self.layouts.get(id, self.wide).size;
                Value::Flags(self.int(at, size)? as u32 & mask(labels.len()))
            }
            TypeDef::Enum(labels) => {
                let case = self.int(at, discriminant_size(labels.len()))? as u32;
                self.case(case, labels.len())?;
                Value::case(case)
            }
            TypeDef::Own(ty) => {
                let index = self.int(at, 4)? as u32;
                let rep = self.handles.lift_own(*ty, index)?;
                Value::Own(Resource { ty: *ty, rep })
            }
            TypeDef::Borrow(ty) => {
                let index = self.int(at, 4)? as u32;
                let rep = self.handles.lift_borrow(*ty, index)?;
                Value::Borrow(Resource { ty: *ty, rep })
            }
            TypeDef::Variant(_) | TypeDef::Option(_) | TypeDef::Result { .. } => {
                let cases = if let TypeDef::Variant(cases) = def { cases.len() } else { 2 };
                let case = self.int(at, discriminant_size(cases))? as u32;
                let payload_at =
                    at.saturating_add(u64::from(self.layouts.get(id, self.wide).payload));
                let payload = self
                    .payload_type(def, case)?
                    .map(|ty| self.load(ty, payload_at).map(Box::new))
                    .transpose()?;
                Value::Variant { case, payload }
            }
            TypeDef::Async(name) => return Err(unsupported(name)),
            _ => return Err(Trap::internal("a scalar was not recognised")),
        })
    }

    fn product(
        &mut self,
        mut at: u64,
        ids: impl ExactSizeIterator<Item = TypeId>,
    ) -> Result<Value, Trap> {
        let mut values = Vec::with_capacity(ids.len());
        for id in ids {
            let layout = self.layouts.get(id, self.wide);
            at = align_address(at, layout.align);
            values.push(self.load(id, at)?);
            at = at.saturating_add(u64::from(layout.size));
        }
        Ok(Value::Record(values))
    }

    fn case(&self, case: u32, cases: usize) -> Result<(), Trap> {
        if (case as usize) < cases {
            return Ok(());
        }
        Err(Trap::canonical(format!("invalid variant discriminant: {case}, of {cases} cases")))
    }

    fn payload_type(&self, def: &TypeDef, case: u32) -> Result<Option<TypeId>, Trap> {
        match def {
            TypeDef::Variant(cases) => {
                self.case(case, cases.len())?;
                Ok(cases.get(case as usize).and_then(|case| case.ty))
            }
            TypeDef::Option(ty) => {
                self.case(case, 2)?;
                Ok((case == 1).then_some(*ty))
            }
            TypeDef::Result { ok, err } => {
                self.case(case, 2)?;
                Ok(if case == 0 { *ok } else { *err })
            }
            _ => Err(Trap::internal("not a variant")),
        }
    }

    fn bytes(&self, at: u64, len: usize) -> Result<&[u8], Trap> {
        usize::try_from(at)
            .ok()
            .and_then(|at| self.memory.get(at..at.checked_add(len)?))
            .ok_or_else(|| Trap::canonical("out of bounds memory access"))
    }

    fn int(&self, at: u64, size: u32) -> Result<u64, Trap> {
        let mut bytes = [0; 8];
        let source = self.bytes(at, size as usize)?;
        for (to, from) in bytes.iter_mut().zip(source) {
            *to = *from;
        }
        Ok(u64::from_le_bytes(bytes))
    }

    /// The pointer and the length of a string or list in memory.
    fn pair(&self, at: u64) -> Result<(u64, u64), Trap> {
        let size = if self.wide { 8 } else { 4 };
        Ok((self.int(at, size)?, self.int(at.saturating_add(u64::from(size)), size)?))
    }

    fn string(&mut self, ptr: u64, units: u64) -> Result<Value, Trap> {
        let source = string::source(self.encoding, units, self.wide);
        if source.bytes > MAX_BYTE_LENGTH {
            return Err(Trap::canonical(format!("string too long: {} bytes", source.bytes)));
        }
        let at = self.check(ptr, source.bytes, source.align, "string")?;
        self.spend(source.bytes.saturating_mul(2))?;
        let bytes = self.bytes(at, source.bytes as usize)?;
        string::decode(source.simple, bytes).map(Value::String)
    }

    fn list(&mut self, element: TypeId, ptr: u64, len: u64) -> Result<Value, Trap> {
        let layout = self.layouts.get(element, self.wide);
        let at = self.range(ptr, len, layout.size, layout.align)?;
        self.elements(element, at, len).map(Value::List)
    }

    /// Checks the memory of a list and gives its address.
    fn range(&mut self, ptr: u64, len: u64, size: u32, align: u32) -> Result<u64, Trap> {
        let bytes = len
            .checked_mul(u64::from(size))
            .filter(|bytes| *bytes <= MAX_BYTE_LENGTH)
            .ok_or_else(|| Trap::canonical(format!("list too long: {len} elements")))?;
        self.check(ptr, bytes, align, "list")
    }

    fn elements(&mut self, element: TypeId, at: u64, len: u64) -> Result<List, Trap> {
        let layout = self.layouts.get(element, self.wide);
        let size = layout.size;
        if let Some(scalar) = Scalar::of(self.types.get(element)) {
            let total = len.saturating_mul(u64::from(size));
            self.spend(total)?;
            let mut bytes = self.bytes(at, total as usize)?.to_vec();
            canonicalize(scalar, &mut bytes);
            return Ok(List::Scalars(scalar, bytes));
        }
        self.spend(len.saturating_mul(size_of::<Value>() as u64))?;
        let mut values = Vec::with_capacity(len as usize);
        let mut at = at;
        for _ in 0..len {
            values.push(self.load(element, at)?);
            at = at.saturating_add(u64::from(size));
        }
        Ok(List::Values(values))
    }

    fn map(&mut self, key: TypeId, value: TypeId, ptr: u64, len: u64) -> Result<Value, Trap> {
        let entry = self.layouts.tuple(&[key, value], self.wide);
        let second = u64::from(self.layouts.get(key, self.wide).size);
        let second = align_address(second, self.layouts.get(value, self.wide).align);
        let mut at = self.range(ptr, len, entry.size, entry.align)?;
        self.spend(len.saturating_mul(2 * size_of::<Value>() as u64))?;
        let mut entries = Vec::with_capacity(len as usize);
        for _ in 0..len {
            let key = self.load(key, at)?;
            entries.push((key, self.load(value, at.saturating_add(second))?));
            at = at.saturating_add(u64::from(entry.size));
        }
        Ok(Value::Map(entries))
    }
}

/// Elements that were lifted one by one, in the form that lists of their type have.
fn pack(types: &Types, element: TypeId, values: Vec<Value>) -> List {
    match Scalar::of(types.get(element)) {
        Some(scalar) => {
            let mut bytes = Vec::with_capacity(values.len() * scalar.size());
            for value in &values {
                scalar.write(value, &mut bytes);
            }
            List::Scalars(scalar, bytes)
        }
        None => List::Values(values),
    }
}

fn mask(labels: usize) -> u32 {
    if labels >= 32 { u32::MAX } else { (1 << labels) - 1 }
}

pub(super) fn unsupported(name: &str) -> Trap {
    Trap::new(
        super::super::TrapKind::Unsupported,
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

pub(super) fn canonicalize(scalar: Scalar, bytes: &mut [u8]) {
    match scalar {
        Scalar::F32 => {
            for chunk in bytes.chunks_exact_mut(4) {
                if let Some(Value::F32(v)) = scalar.read(chunk) {
                    chunk.copy_from_slice(&canonical_f32(v.to_bits()).to_le_bytes());
                }
            }
        }
        Scalar::F64 => {
            for chunk in bytes.chunks_exact_mut(8) {
                if let Some(Value::F64(v)) = scalar.read(chunk) {
                    chunk.copy_from_slice(&canonical_f64(v.to_bits()).to_le_bytes());
                }
            }
        }
        _ => {}
    }
}
