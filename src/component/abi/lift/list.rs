//! Lists, maps and texts, which are as long as the guest likes: each element and each
//! piece may be the last of a slice.

use super::{BLOCK, Level, Lift, Maybe, Source, canonical_f32, canonical_f64};
use crate::{
    component::{
        Trap,
        abi::{MAX_BYTE_LENGTH, Place, VALUE_WORK, align_address, string},
    },
    value::{List, Scalar, TypeId, Types, Value},
};

impl Lift {
    /// The elements of a list in memory.
    pub(super) fn list(
        &mut self,
        ty: TypeId,
        at: u64,
        len: u64,
        source: &mut Source<'_>,
    ) -> Maybe<Value> {
        if let Some(scalar) = Scalar::of(source.types.get(ty)) {
            let bytes = len.saturating_mul(scalar.size() as u64);
            self.spend(bytes.saturating_add(BLOCK), source)?;
            let out = Vec::with_capacity(bytes as usize);
            return Ok(self.scalars(scalar, at, bytes, out, source)?.map(Value::List));
        }
        self.spend_values(len, source)?;
        let out = Vec::with_capacity(len as usize);
        self.list_of(ty, Place::At(at), len, out, source)
    }

    /// The same, one by one, after those that are there.
    pub(super) fn list_of(
        &mut self,
        ty: TypeId,
        mut place: Place,
        mut left: u64,
        mut out: Vec<Value>,
        source: &mut Source<'_>,
    ) -> Maybe<Value> {
        while left > 0 {
            if self.is_over() {
                self.leaving.push(Level::Elements { ty, place, left, out });
                return Ok(None);
            }
            self.work = self.work.saturating_add(VALUE_WORK);
            left = left.saturating_sub(1);
            let at = place.next(ty, source.layouts, source.ptr64);
            match self.value(ty, at, source)? {
                Some(value) => out.push(value),
                None => {
                    self.leaving.push(Level::Elements { ty, place, left, out });
                    return Ok(None);
                }
            }
        }
        Ok(Some(Value::List(pack(source.types, ty, out))))
    }

    /// The entries of a map, after those that are there and a key.
    pub(super) fn entries(
        &mut self,
        ty: (TypeId, TypeId),
        mut at: u64,
        mut left: u64,
        mut out: Vec<(Value, Value)>,
        mut key: Option<Value>,
        source: &mut Source<'_>,
    ) -> Maybe<Vec<(Value, Value)>> {
        let entry = source.layouts.tuple(&[ty.0, ty.1], source.ptr64);
        let size = u64::from(source.layouts.get(ty.0, source.ptr64).size);
        let second = align_address(size, source.layouts.get(ty.1, source.ptr64).align);
        while left > 0 {
            if self.is_over() {
                self.leaving.push(Level::Entries { ty, at, left, out, key });
                return Ok(None);
            }
            let first = match key.take() {
                // Its entry has been counted.
                Some(key) => Some(key),
                None => {
                    self.work = self.work.saturating_add(2 * VALUE_WORK);
                    self.value(ty.0, Place::At(at), source)?
                }
            };
            let Some(first) = first else {
                self.leaving.push(Level::Entries { ty, at, left, out, key: None });
                return Ok(None);
            };
            let value_at = at.saturating_add(second);
            let value = self.value(ty.1, Place::At(value_at), source)?;
            at = at.saturating_add(u64::from(entry.size));
            left = left.saturating_sub(1);
            match value {
                Some(value) => out.push((first, value)),
                None => {
                    self.leaving.push(Level::Entries { ty, at, left, out, key: Some(first) });
                    return Ok(None);
                }
            }
        }
        Ok(Some(out))
    }

    /// How many of so many bytes may be copied now: at least a few, so that there is
    /// an end, and whole numbers.
    fn piece(&self, left: u64) -> u64 {
        left.min(self.until.saturating_sub(self.work).max(4096) & !7)
    }

    /// The numbers of a list, after those that are there.
    pub(super) fn scalars(
        &mut self,
        scalar: Scalar,
        mut at: u64,
        mut left: u64,
        mut out: Vec<u8>,
        source: &Source<'_>,
    ) -> Maybe<List> {
        while left > 0 {
            if self.is_over() {
                self.leaving.push(Level::Scalars { scalar, at, left, out });
                return Ok(None);
            }
            let piece = self.piece(left);
            let before = out.len();
            out.extend_from_slice(source.bytes(at, piece as usize)?);
            canonicalize(scalar, out.get_mut(before..).unwrap_or_default());
            self.work = self.work.saturating_add(piece);
            at = at.saturating_add(piece);
            left = left.saturating_sub(piece);
        }
        Ok(Some(List::Scalars(scalar, out)))
    }

    pub(super) fn string(&mut self, ptr: u64, units: u64, source: &Source<'_>) -> Maybe<String> {
        let string::Source { simple, bytes, align } =
            string::source(source.encoding, units, source.ptr64);
        if bytes > MAX_BYTE_LENGTH {
            return Err(Trap::canonical(format!("string too long: {bytes} bytes")));
        }
        let at = source.check(ptr, bytes, align, "string")?;
        // One in another encoding grows while it is written.
        let most = if simple == string::Simple::Utf8 { bytes } else { bytes.saturating_mul(2) };
        self.spend(most.saturating_add(BLOCK), source)?;
        let out = String::with_capacity(match simple {
            string::Simple::Utf16 => bytes / 2,
            string::Simple::Utf8 | string::Simple::Latin1 => bytes,
        } as usize);
        self.text(simple, at, bytes, out, source)
    }

    /// The rest of a text, after what is there.
    pub(super) fn text(
        &mut self,
        simple: string::Simple,
        mut at: u64,
        mut left: u64,
        mut out: String,
        source: &Source<'_>,
    ) -> Maybe<String> {
        while left > 0 {
            if self.is_over() {
                self.leaving.push(Level::Text { simple, at, left, out });
                return Ok(None);
            }
            let piece = self.piece(left);
            let bytes = source.bytes(at, piece as usize)?;
            let read = string::decode(simple, bytes, piece == left, &mut out)? as u64;
            // Not the piece: a character at its end is read again, where it is cut.
            self.work = self.work.saturating_add(read);
            at = at.saturating_add(read);
            left = left.saturating_sub(read);
        }
        Ok(Some(out))
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

/// Makes the NaNs among numbers the one that there is.
pub(in crate::component::abi) fn canonicalize(scalar: Scalar, bytes: &mut [u8]) {
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
        Scalar::S8
        | Scalar::U8
        | Scalar::S16
        | Scalar::U16
        | Scalar::S32
        | Scalar::U32
        | Scalar::S64
        | Scalar::U64 => {}
    }
}
