//! Numbers, texts, bytes, lists, options.

use std::sync::Arc;

use super::{Coded, DecodeError, Problem, Reader, Writer, coded_as};
#[cfg(test)]
use crate::command::codec::tests::{Pick, Random};

/// A length that the bytes which are left can hold, at a byte for each.
pub(super) fn len(from: &mut Reader<'_>) -> Result<usize, DecodeError> {
    let at = from.at;
    let len = u64::take(from)?;
    let left = from.left();
    match usize::try_from(len) {
        Ok(len) if len <= left => Ok(len),
        Ok(_) | Err(_) => Err(from.wrong(at, Problem::Longer { len, left })),
    }
}

impl Coded for u64 {
    fn put(&self, out: &mut Writer) {
        let mut rest = *self;
        while rest > 0x7f {
            out.byte(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.byte(rest as u8);
    }

    fn take(from: &mut Reader<'_>) -> Result<u64, DecodeError> {
        let at = from.at;
        let mut number = 0u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = from.byte()?;
            let part = u64::from(byte & 0x7f);
            let shifted = part << shift;
            // A last byte of zero, or bits that do not fit.
            if shifted >> shift != part || (byte == 0 && shift > 0) {
                break;
            }
            number |= shifted;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(from.wrong(at, Problem::Number))
    }

    #[cfg(test)]
    fn samples(_: u32) -> Vec<u64> {
        vec![0, 300, u64::MAX]
    }

    #[cfg(test)]
    fn any(random: &mut Random, _: u32) -> u64 {
        random.next() >> random.below(64)
    }
}

coded_as! { u32 as u64: |number| u64::from(*number), |number| {
    u32::try_from(number).map_err(|_| Problem::Number)
} }

// A count that has the same range on every machine; what is more is told as the most.
coded_as! { usize as u32: |number| u32::try_from(*number).unwrap_or(u32::MAX), |number| {
    usize::try_from(number).map_err(|_| Problem::Number)
} }

coded_as! { i64 as u64: |number| ((number << 1) ^ (number >> 63)).cast_unsigned(), |number| {
    Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
} }

coded_as! { char as u32: |one| u32::from(*one), |number| {
    char::from_u32(number).ok_or(Problem::NoChar(number))
} }

impl Coded for bool {
    fn put(&self, out: &mut Writer) {
        out.byte(u8::from(*self));
    }

    fn take(from: &mut Reader<'_>) -> Result<bool, DecodeError> {
        let at = from.at;
        match from.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            number => Err(from.wrong(at, Problem::Case { of: "bool", number })),
        }
    }

    #[cfg(test)]
    fn samples(_: u32) -> Vec<bool> {
        vec![false, true]
    }

    #[cfg(test)]
    fn any(random: &mut Random, _: u32) -> bool {
        random.chance()
    }
}

/// Floating point numbers, bit by bit, and the small numbers of values.
macro_rules! bytes_of {
    ($($type:ty: $sample:expr;)*) => {$(
        impl Coded for $type {
            fn put(&self, out: &mut Writer) {
                out.all(&self.to_le_bytes());
            }

            fn take(from: &mut Reader<'_>) -> Result<$type, DecodeError> {
                Ok(<$type>::from_le_bytes(from.array()?))
            }

            #[cfg(test)]
            fn samples(_: u32) -> Vec<$type> {
                vec![$sample]
            }

            #[cfg(test)]
            fn any(random: &mut Random, _: u32) -> $type {
                let bytes = random.next().to_le_bytes();
                <$type>::from_le_bytes(*bytes.first_chunk().unwrap())
            }
        }
    )*};
}

bytes_of! { f32: -1.5; f64: 0.1; i8: -1; i16: -2; u16: 300; i32: -3; }

/// Bytes go as they are.
impl Coded for u8 {
    fn put(&self, out: &mut Writer) {
        out.byte(*self);
    }

    fn take(from: &mut Reader<'_>) -> Result<u8, DecodeError> {
        from.byte()
    }

    fn put_all(items: &[u8], out: &mut Writer) {
        out.all(items);
    }

    fn take_all(count: usize, from: &mut Reader<'_>) -> Result<Vec<u8>, DecodeError> {
        Ok(from.all(count)?.to_vec())
    }

    #[cfg(test)]
    fn samples(_: u32) -> Vec<u8> {
        vec![0xfe]
    }

    #[cfg(test)]
    fn lists(_: u32) -> Vec<Vec<u8>> {
        vec![b"\0\xff234567".to_vec()]
    }

    #[cfg(test)]
    fn any(random: &mut Random, _: u32) -> u8 {
        random.next() as u8
    }
}

/// A text without a copy of its own.
pub(super) fn put_text(text: &str, out: &mut Writer) {
    (text.len() as u64).put(out);
    out.all(text.as_bytes());
}

pub(super) fn take_text<'a>(from: &mut Reader<'a>) -> Result<&'a str, DecodeError> {
    let len = len(from)?;
    let at = from.at;
    let bytes = from.all(len)?;
    std::str::from_utf8(bytes)
        .map_err(|error| from.wrong(at.saturating_add(error.valid_up_to()), Problem::NotUtf8))
}

macro_rules! texts {
    ($($type:ty),*) => {$(
        impl Coded for $type {
            fn put(&self, out: &mut Writer) {
                put_text(self, out);
            }

            fn take(from: &mut Reader<'_>) -> Result<$type, DecodeError> {
                Ok(take_text(from)?.into())
            }

            #[cfg(test)]
            fn samples(_: u32) -> Vec<$type> {
                vec!["text ä".into()]
            }

            #[cfg(test)]
            fn any(random: &mut Random, _: u32) -> $type {
                const ALL: [&str; 5] = ["a", "", "ä", "\0", "\u{10ffff}"];
                (0..random.below(4)).map(|_| ALL[random.below(5)]).collect::<String>().into()
            }
        }
    )*};
}

texts!(String, Box<str>, Arc<str>);

/// The items of a list, after their number.
fn put_items<T: Coded>(items: &[T], out: &mut Writer) {
    (items.len() as u64).put(out);
    T::put_all(items, out);
}

macro_rules! lists {
    ($($type:ty),*) => {$(
        impl<T: Coded> Coded for $type {
            fn put(&self, out: &mut Writer) {
                put_items(self, out);
            }

            fn take(from: &mut Reader<'_>) -> Result<$type, DecodeError> {
                let count = len(from)?;
                Ok(T::take_all(count, from)?.into())
            }

            #[cfg(test)]
            fn samples(depth: u32) -> Vec<$type> {
                T::lists(depth).into_iter().map(Into::into).collect()
            }

            #[cfg(test)]
            fn any(random: &mut Random, depth: u32) -> $type {
                let count = if depth == 0 { 0 } else { random.below(4) };
                (0..count).map(|_| T::any(random, depth)).collect()
            }
        }
    )*};
}

lists!(Vec<T>, Box<[T]>, Arc<[T]>);

impl<T: Coded> Coded for Option<T> {
    fn put(&self, out: &mut Writer) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Option<T>, DecodeError> {
        if bool::take(from)? { T::take(from).map(Some) } else { Ok(None) }
    }

    #[cfg(test)]
    fn samples(depth: u32) -> Vec<Option<T>> {
        let some = if depth > 0 { T::samples(depth) } else { Vec::new() };
        [None].into_iter().chain(some.into_iter().take(1).map(Some)).collect()
    }

    #[cfg(test)]
    fn any(random: &mut Random, depth: u32) -> Option<T> {
        (depth > 0 && random.chance()).then(|| T::any(random, depth))
    }
}

impl<T: Coded> Coded for Box<T> {
    fn put(&self, out: &mut Writer) {
        T::put(self, out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Box<T>, DecodeError> {
        T::take(from).map(Box::new)
    }

    #[cfg(test)]
    fn samples(depth: u32) -> Vec<Box<T>> {
        T::samples(depth).into_iter().map(Box::new).collect()
    }

    #[cfg(test)]
    fn any(random: &mut Random, depth: u32) -> Box<T> {
        Box::new(T::any(random, depth))
    }
}

impl<A: Coded, B: Coded> Coded for (A, B) {
    fn put(&self, out: &mut Writer) {
        self.0.put(out);
        self.1.put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<(A, B), DecodeError> {
        Ok((A::take(from)?, B::take(from)?))
    }

    #[cfg(test)]
    fn samples(depth: u32) -> Vec<(A, B)> {
        let mut most = 1;
        let pick = &mut Pick { at: 0, most: &mut most, depth: depth + 1 };
        vec![(pick.one(), pick.one())]
    }

    #[cfg(test)]
    fn any(random: &mut Random, depth: u32) -> (A, B) {
        (A::any(random, depth), B::any(random, depth))
    }
}

/// An error has the number 1.
impl<A: Coded, B: Coded> Coded for Result<A, B> {
    fn put(&self, out: &mut Writer) {
        self.is_err().put(out);
        match self {
            Ok(value) => value.put(out),
            Err(error) => error.put(out),
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Result<A, B>, DecodeError> {
        Ok(if bool::take(from)? { Err(B::take(from)?) } else { Ok(A::take(from)?) })
    }

    #[cfg(test)]
    fn samples(depth: u32) -> Vec<Result<A, B>> {
        let ok = A::samples(depth).into_iter().take(1).map(Ok);
        ok.chain(B::samples(depth).into_iter().take(1).map(Err)).collect()
    }

    #[cfg(test)]
    fn any(random: &mut Random, depth: u32) -> Result<A, B> {
        if random.chance() { Ok(A::any(random, depth)) } else { Err(B::any(random, depth)) }
    }
}
