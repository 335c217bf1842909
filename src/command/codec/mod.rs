//! One binary form of all that passes between a process and the outside world:
//! commands, replies, events, mail, and the terms and values in them. It is what a
//! journal holds.
//!
//! - It has a version, the first byte. What [`VERSION`] writes, every later one reads.
//! - There is one form of each value and no other: what [`decode`] takes, [`encode`]
//!   gives back byte for byte. So two runs can be compared by their bytes.
//! - A case has the number that its table in `commands`, `events` or `values` says, so
//!   that the order of a declaration means nothing. Errors go by name, because people
//!   look for them in files. The tables are complete, or they do not compile.
//! - Reading is safe whatever the bytes are: it does not panic, it takes no more memory
//!   than the bytes times a small number, because a count is no reason to reserve
//!   anything, and it nests no deeper than [`MAX_DEPTH`].
//!
//! Whole numbers are LEB128, signed ones with the sign in the lowest bit; floating point
//! numbers are their bits, little-endian; texts, bytes and lists begin with their length.
//!
//! | file | what |
//! | --- | --- |
//! | `plain` | numbers, texts, lists, options |
//! | `commands` | commands and replies, by family |
//! | `http` | the commands and replies of HTTP |
//! | `net` | the commands and replies of sockets |
//! | `events` | events, mail, errors |
//! | `values` | terms and values |

mod commands;
mod events;
mod http;
mod net;
mod plain;
#[cfg(test)]
mod tests;
mod values;

use std::fmt;

#[cfg(test)]
use self::tests::Random;

/// The version that is written, and the only one that is read so far.
pub const VERSION: u8 = 1;

/// How deep values may be nested: more than any type of a component can be, and any
/// JSON text that is read.
pub const MAX_DEPTH: u32 = 256;

/// Something that has a binary form.
pub trait Coded: Sized {
    /// Writes it.
    #[doc(hidden)]
    fn put(&self, out: &mut Writer);

    /// Reads it.
    #[doc(hidden)]
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Writes several, without their number.
    #[doc(hidden)]
    fn put_all(items: &[Self], out: &mut Writer) {
        items.iter().for_each(|item| item.put(out));
    }

    /// Reads so many.
    #[doc(hidden)]
    fn take_all(count: usize, from: &mut Reader<'_>) -> Result<Vec<Self>, DecodeError> {
        // It grows with what is there, and not with what is said to come.
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(Self::take(from)?);
        }
        Ok(items)
    }

    /// Some lists of it.
    #[cfg(test)]
    fn lists(depth: u32) -> Vec<Vec<Self>> {
        let mut lists = vec![Vec::new()];
        if depth > 0 {
            let mut all = Self::samples(depth);
            let last = all.pop().unwrap();
            let first = if all.is_empty() { None } else { Some(all.swap_remove(0)) };
            lists.push(first.into_iter().chain([last]).collect());
        }
        lists
    }

    /// One for each of its cases, with parts that nest so deep at most.
    #[cfg(test)]
    fn samples(depth: u32) -> Vec<Self>;

    /// Any one.
    #[cfg(test)]
    fn any(random: &mut Random, depth: u32) -> Self;
}

/// The binary form of a value.
///
/// ```
/// use wippy::command::{Clock, ClockCommand, Command, codec};
///
/// let command = Command::from(ClockCommand::Now(Clock::Monotonic));
/// let bytes = codec::encode(&command)?;
/// assert_eq!(codec::decode::<Command>(&bytes)?, command);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// If it is nested too deep to be read again.
pub fn encode<T: Coded>(value: &T) -> Result<Vec<u8>, TooDeep> {
    let mut out = Writer { bytes: vec![VERSION], depth: 0, too_deep: false };
    value.put(&mut out);
    if out.too_deep { Err(TooDeep) } else { Ok(out.bytes) }
}

/// The value that has this binary form.
///
/// # Errors
///
/// If they are no such form, with the place and what is wrong there.
pub fn decode<T: Coded>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut from = Reader { bytes, at: 0, depth: 0 };
    match from.byte()? {
        VERSION => {}
        version => return Err(from.wrong(0, Problem::Version(version))),
    }
    let value = T::take(&mut from)?;
    match from.left() {
        0 => Ok(value),
        left => Err(from.wrong(from.at, Problem::More(left))),
    }
}

/// A value is nested deeper than [`MAX_DEPTH`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooDeep;

impl fmt::Display for TooDeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value is nested deeper than {MAX_DEPTH} levels")
    }
}

impl std::error::Error for TooDeep {}

/// Bytes are no binary form of what was to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// The place of the byte.
    at: usize,
    problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    Version(u8),
    Ended,
    Longer { len: u64, left: usize },
    Number,
    Case { of: &'static str, number: u8 },
    Name { of: &'static str },
    NotUtf8,
    NoChar(u32),
    Unfit(&'static str),
    Deep,
    More(usize),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: ", self.at)?;
        match &self.problem {
            Problem::Version(version) => {
                write!(f, "version {version}, where {VERSION} is known")
            }
            Problem::Ended => f.write_str("the bytes end in the middle of a value"),
            Problem::Longer { len, left } => {
                write!(f, "a length of {len}, where {left} bytes are left")
            }
            Problem::Number => {
                f.write_str("a number that is too large, or longer than it needs to be")
            }
            Problem::Case { of, number } => write!(f, "`{of}` has no case {number}"),
            Problem::Name { of } => write!(f, "`{of}` has no such name"),
            Problem::NotUtf8 => f.write_str("a text that is not UTF-8"),
            Problem::NoChar(number) => write!(f, "{number:#x} is no character"),
            Problem::Unfit(why) => f.write_str(why),
            Problem::Deep => write!(f, "nested deeper than {MAX_DEPTH} levels"),
            Problem::More(left) => write!(f, "{left} bytes more than the value has"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Takes the bytes of a value that is written.
#[derive(Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    depth: u32,
    too_deep: bool,
}

impl Writer {
    fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    fn all(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// A level deeper. What is too deep is left out: nobody will see the rest.
    fn nested(&mut self, put: impl FnOnce(&mut Writer)) {
        if self.depth >= MAX_DEPTH {
            self.too_deep = true;
            return;
        }
        self.depth = self.depth.saturating_add(1);
        put(self);
        self.depth = self.depth.saturating_sub(1);
    }
}

/// Gives the bytes of a value that is read.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: u32,
}

impl<'a> Reader<'a> {
    #[cold]
    fn wrong(&self, at: usize, problem: Problem) -> DecodeError {
        DecodeError { at, problem }
    }

    fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        let byte = self.bytes.get(self.at).copied();
        let byte = byte.ok_or_else(|| self.wrong(self.at, Problem::Ended))?;
        self.at = self.at.saturating_add(1);
        Ok(byte)
    }

    fn all(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let all = rest.get(..len).ok_or_else(|| self.wrong(self.at, Problem::Ended))?;
        self.at = self.at.saturating_add(len);
        Ok(all)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let at = self.at;
        let array = self.all(N)?.first_chunk::<N>().copied();
        array.ok_or_else(|| self.wrong(at, Problem::Ended))
    }

    /// A level deeper.
    fn nested<T>(
        &mut self,
        take: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        if self.depth >= MAX_DEPTH {
            return Err(self.wrong(self.at, Problem::Deep));
        }
        self.depth = self.depth.saturating_add(1);
        let value = take(self)?;
        self.depth = self.depth.saturating_sub(1);
        Ok(value)
    }
}

/// The form of an enum: each case's number, and after it the parts in this order.
macro_rules! coded_enum {
    ($type:ident { $(
        $number:literal = $case:ident $(($($item:ident),*))? $({$($field:ident),*})?;
    )* } $(check $check:expr)?) => {
        impl Coded for $type {
            fn put(&self, out: &mut Writer) {
                out.nested(|out| match self { $(
                    $type::$case $(($($item),*))? $({$($field),*})? => {
                        out.byte($number);
                        $($($item.put(out);)*)?
                        $($($field.put(out);)*)?
                    }
                )* });
            }

            fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
                let at = from.at;
                let taken = from.nested(|from| Ok(match from.byte()? {
                    $($number => {
                        $($(let $item = Coded::take(from)?;)*)?
                        $($(let $field = Coded::take(from)?;)*)?
                        $type::$case $(($($item),*))? $({$($field),*})?
                    })*
                    number => {
                        let of = stringify!($type);
                        return Err(from.wrong(at, Problem::Case { of, number }));
                    }
                }))?;
                $(
                    let check: fn(&$type) -> Result<(), &'static str> = $check;
                    check(&taken).map_err(|why| from.wrong(at, Problem::Unfit(why)))?;
                )?
                Ok(taken)
            }

            #[cfg(test)]
            fn samples(depth: u32) -> Vec<Self> {
                let mut samples = Vec::new();
                $({
                    let (mut at, mut most) = (0, 1);
                    while at < most {
                        let _pick = &mut crate::command::codec::tests::Pick { at, most: &mut most, depth };
                        $($(let $item = _pick.one();)*)?
                        $($(let $field = _pick.one();)*)?
                        samples.push($type::$case $(($($item),*))? $({$($field),*})?);
                        at += 1;
                    }
                    if depth == 0 {
                        return samples;
                    }
                })*
                $(
                    let check: fn(&$type) -> Result<(), &'static str> = $check;
                    samples.retain(|sample| check(sample).is_ok());
                )?
                samples
            }

            #[cfg(test)]
            fn any(random: &mut Random, depth: u32) -> Self {
                let cases: &[fn(&mut Random, u32) -> $type] = &[$(
                    |_random, _depth| {
                        $($(let $item = Coded::any(_random, _depth);)*)?
                        $($(let $field = Coded::any(_random, _depth);)*)?
                        $type::$case $(($($item),*))? $({$($field),*})?
                    }
                ),*];
                loop {
                    let case = if depth == 0 { 0 } else { random.below(cases.len()) };
                    let any = cases[case](random, depth.saturating_sub(1));
                    $(
                        let check: fn(&$type) -> Result<(), &'static str> = $check;
                        if check(&any).is_err() {
                            continue;
                        }
                    )?
                    return any;
                }
            }
        }
    };
}

/// The form of a struct: its parts in this order.
macro_rules! coded_struct {
    ($type:ident { $($field:ident),* }) => {
        impl Coded for $type {
            fn put(&self, out: &mut Writer) {
                let $type { $($field),* } = self;
                $($field.put(out);)*
            }

            fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
                $(let $field = Coded::take(from)?;)*
                Ok($type { $($field),* })
            }

            #[cfg(test)]
            fn samples(depth: u32) -> Vec<Self> {
                let (mut samples, mut at, mut most) = (Vec::new(), 0, 1);
                while at < most {
                    let pick = &mut crate::command::codec::tests::Pick { at, most: &mut most, depth: depth + 1 };
                    $(let $field = pick.one();)*
                    samples.push($type { $($field),* });
                    at += 1;
                }
                samples
            }

            #[cfg(test)]
            fn any(random: &mut Random, depth: u32) -> Self {
                $(let $field = Coded::any(random, depth);)*
                $type { $($field),* }
            }
        }
    };
}

/// The form of something that becomes something else that has one, and is made of it.
macro_rules! coded_as {
    ($type:ty as $form:ty: $to:expr, $from:expr) => {
        impl Coded for $type {
            fn put(&self, out: &mut Writer) {
                let to: fn(&$type) -> $form = $to;
                to(self).put(out);
            }

            fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
                let at = from.at;
                let made: fn($form) -> Result<$type, Problem> = $from;
                made(<$form>::take(from)?).map_err(|problem| from.wrong(at, problem))
            }

            #[cfg(test)]
            fn samples(depth: u32) -> Vec<Self> {
                let made: fn($form) -> Result<$type, Problem> = $from;
                <$form>::samples(depth).into_iter().filter_map(|form| made(form).ok()).collect()
            }

            #[cfg(test)]
            fn any(random: &mut Random, depth: u32) -> Self {
                let made: fn($form) -> Result<$type, Problem> = $from;
                loop {
                    if let Ok(made) = made(<$form>::any(random, depth)) {
                        return made;
                    }
                }
            }
        }
    };
}

/// The form of an enum whose cases go by name.
macro_rules! coded_names {
    ($type:ident { $($name:literal = $case:ident;)* }) => {
        impl Coded for $type {
            fn put(&self, out: &mut Writer) {
                let name = match self { $($type::$case => $name,)* };
                (name.len() as u64).put(out);
                out.all(name.as_bytes());
            }

            fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
                let at = from.at;
                let len = crate::command::codec::plain::len(from)?;
                match from.all(len)? {
                    $(name if name == $name.as_bytes() => Ok($type::$case),)*
                    _ => Err(from.wrong(at, Problem::Name { of: stringify!($type) })),
                }
            }

            #[cfg(test)]
            fn samples(_: u32) -> Vec<Self> {
                vec![$($type::$case),*]
            }

            #[cfg(test)]
            fn any(random: &mut Random, depth: u32) -> Self {
                let mut all = Self::samples(depth);
                all.swap_remove(random.below(all.len()))
            }
        }
    };
}

use {coded_as, coded_enum, coded_names, coded_struct};
