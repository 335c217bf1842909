//! Strings in their three encodings, and the calls of `realloc` that storing
//! one takes: CanonicalABI.md, `load_string` and `store_string`.
//!
//! Which calls are made follows from the source's encoding and length and from
//! the text, which is all here when a store begins. So the text is looked at first,
//! the calls are planned, as a [`Script`], and then played. A text can be long, so
//! it is read, looked at and written in parts, and each call may be suspended.

use crate::component::{Trap, abi::Encoding};

/// How the bytes of a particular string are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Simple {
    Utf8,
    Utf16,
    Latin1,
}

/// Where the bytes of a string are said to be.
pub(super) struct Source {
    pub simple: Simple,
    pub bytes: u64,
    pub align: u32,
}

/// The bit of a length that says that a `latin1+utf16` string is UTF-16.
fn utf16_tag(ptr64: bool) -> u64 {
    if ptr64 { 1 << 63 } else { 1 << 31 }
}

/// Reads the tagged length of a string.
pub(super) fn source(encoding: Encoding, units: u64, ptr64: bool) -> Source {
    let tag = utf16_tag(ptr64);
    match encoding {
        Encoding::Utf8 => Source { simple: Simple::Utf8, bytes: units, align: 1 },
        Encoding::Utf16 => {
            Source { simple: Simple::Utf16, bytes: units.saturating_mul(2), align: 2 }
        }
        Encoding::Compact if units & tag != 0 => {
            Source { simple: Simple::Utf16, bytes: (units ^ tag).saturating_mul(2), align: 2 }
        }
        Encoding::Compact => Source { simple: Simple::Latin1, bytes: units, align: 2 },
    }
}

/// Reads a piece of a string, and says how many bytes of it: a character that goes
/// on in the next piece is left to that, unless this is the `last` one.
pub(super) fn decode(
    simple: Simple,
    bytes: &[u8],
    last: bool,
    out: &mut String,
) -> Result<usize, Trap> {
    match simple {
        Simple::Utf8 => match std::str::from_utf8(bytes) {
            Ok(text) => {
                out.push_str(text);
                Ok(bytes.len())
            }
            Err(error) if error.error_len().is_none() && !last => {
                let whole = bytes.get(..error.valid_up_to()).unwrap_or_default();
                out.push_str(std::str::from_utf8(whole).unwrap_or_default());
                Ok(whole.len())
            }
            Err(error) if error.error_len().is_none() => {
                Err(Trap::canonical("incomplete utf-8 byte sequence at the end of a string"))
            }
            Err(error) => Err(Trap::canonical(format!("invalid utf-8: {error}"))),
        },
        Simple::Utf16 => {
            let (pairs, _) = bytes.as_chunks::<2>();
            let pairs = match pairs.split_last() {
                Some(([_, 0xd8..=0xdb], rest)) if !last => rest,
                _ => pairs,
            };
            for c in char::decode_utf16(pairs.iter().map(|pair| u16::from_le_bytes(*pair))) {
                let unpaired = |_| Trap::canonical("invalid utf-16: unpaired surrogate");
                out.push(c.map_err(unpaired)?);
            }
            Ok(pairs.len().saturating_mul(2))
        }
        Simple::Latin1 => {
            out.extend(bytes.iter().map(|byte| char::from(*byte)));
            Ok(bytes.len())
        }
    }
}

/// A part of a text in another encoding. For Latin-1 all its characters are below
/// 256.
pub(super) fn encode(simple: Simple, text: &str) -> Vec<u8> {
    match simple {
        Simple::Utf8 => text.as_bytes().to_vec(),
        Simple::Utf16 => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Simple::Latin1 => text.chars().map(|c| c as u8).collect(),
    }
}

/// The longest part of a text from here on that has at most so many bytes, or one
/// character.
pub(super) fn part(text: &str, from: usize, most: usize) -> &str {
    let rest = text.get(from..).unwrap_or_default();
    let mut end = most.max(4).min(rest.len());
    while !rest.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    rest.get(..end).unwrap_or_default()
}

/// The properties of a text that storing it depends on besides the encodings, found out
/// part by part.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scan {
    /// So many bytes have been looked at.
    pub seen: usize,
    /// The bytes before the first character that is not ASCII.
    ascii: usize,
    /// The bytes before the first character that is not Latin-1, and the characters there.
    latin1: usize,
    narrow: usize,
    characters: u64,
    /// Units of UTF-16.
    units: u64,
}

impl Scan {
    /// Looks at the next part.
    pub fn look(&mut self, part: &str) {
        for c in part.chars() {
            let here = self.seen;
            self.seen = here.saturating_add(c.len_utf8());
            if self.ascii == here && c.is_ascii() {
                self.ascii = self.seen;
            }
            if self.latin1 == here && (c as u32) < 0x100 {
                self.latin1 = self.seen;
                self.narrow = self.narrow.saturating_add(1);
            }
            self.characters = self.characters.saturating_add(1);
            self.units = self.units.saturating_add(c.len_utf16() as u64);
        }
    }
}

/// One call of `realloc`, and what is then written to the memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub align: u32,
    pub size: u64,
    pub write: Option<Write>,
}

/// A part of the text, written in an encoding to a place in the memory. What is before that
/// place is what `realloc` has kept of the step before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Write {
    pub how: Simple,
    pub from: usize,
    pub end: usize,
    pub at: u64,
    /// So many characters at the beginning of the memory are made UTF-16 of Latin-1 first.
    pub widen: usize,
}

impl Write {
    /// The text up to here.
    fn to(how: Simple, end: usize) -> Option<Write> {
        Some(Write { how, from: 0, end, at: 0, widen: 0 })
    }
}

/// The steps of storing one string, and the length to store with it.
#[derive(Debug)]
pub(super) struct Script {
    pub steps: std::vec::IntoIter<Step>,
    pub tagged_units: u64,
}

/// Plans the store of a text that has been looked at, which comes from a place with
/// encoding `source`.
pub(super) fn script(scan: &Scan, source: Encoding, target: Encoding, ptr64: bool) -> Script {
    let len = scan.seen;
    let ptr32 = scan.latin1 == len;
    let simple = match source {
        Encoding::Utf8 => Simple::Utf8,
        Encoding::Utf16 => Simple::Utf16,
        // The tag itself is not kept; a source that tagged a narrow string as
        // UTF-16 sees the allocation pattern of a Latin-1 string.
        Encoding::Compact if ptr32 => Simple::Latin1,
        Encoding::Compact => Simple::Utf16,
    };
    let units = match simple {
        Simple::Utf8 => len as u64,
        Simple::Utf16 => scan.units,
        Simple::Latin1 => scan.characters,
    };
    let twice = units.saturating_mul(2);
    let step = |align, size, write| Step { align, size, write };
    let (utf8, utf16) = (Write::to(Simple::Utf8, len), Write::to(Simple::Utf16, len));
    let utf16_bytes = scan.units.saturating_mul(2);
    let (steps, tagged_units) = match (target, simple) {
        (Encoding::Utf8, Simple::Utf8) => (vec![step(1, units, utf8)], units),
        (Encoding::Utf8, _) if scan.ascii == len => (vec![step(1, units, utf8)], units),
        (Encoding::Utf8, _) => {
            let bytes = len as u64;
            let worst = units.saturating_mul(if simple == Simple::Utf16 { 3 } else { 2 });
            let (from, at) = (scan.ascii, scan.ascii as u64);
            let rest = utf8.map(|whole| Write { from, at, ..whole });
            let head = Write::to(Simple::Utf8, from);
            let mut steps = vec![step(1, units, head), step(1, worst, rest)];
            if worst > bytes {
                steps.push(step(1, bytes, None));
            }
            (steps, bytes)
        }
        (Encoding::Utf16, Simple::Utf8) => {
            let mut steps = vec![step(2, twice, utf16)];
            if utf16_bytes < twice {
                steps.push(step(2, utf16_bytes, None));
            }
            (steps, scan.units)
        }
        (Encoding::Utf16, _) => (vec![step(2, twice, utf16)], units),
        (Encoding::Compact, Simple::Latin1) => {
            (vec![step(2, units, Write::to(Simple::Latin1, len))], units)
        }
        (Encoding::Compact, Simple::Utf16) if source == Encoding::Compact => {
            (vec![step(2, twice, utf16)], units | utf16_tag(ptr64))
        }
        (Encoding::Compact, _) if ptr32 => {
            let mut steps = vec![step(2, units, Write::to(Simple::Latin1, len))];
            if scan.characters < units {
                steps.push(step(2, scan.characters, None));
            }
            (steps, scan.characters)
        }
        (Encoding::Compact, _) => {
            let (from, widen) = (scan.latin1, scan.narrow);
            let at = (widen as u64).saturating_mul(2);
            let rest = utf16.map(|whole| Write { from, at, widen, ..whole });
            let head = Write::to(Simple::Latin1, from);
            let mut steps = vec![step(2, units, head), step(2, twice, rest)];
            if utf16_bytes < twice {
                steps.push(step(2, utf16_bytes, None));
            }
            (steps, scan.units | utf16_tag(ptr64))
        }
    };
    Script { steps: steps.into_iter(), tagged_units }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(text: &str, source: Encoding, target: Encoding) -> (Vec<u64>, u64) {
        let mut scan = Scan::default();
        // In parts as small as there are.
        while scan.seen < text.len() {
            scan.look(part(text, scan.seen, 1));
        }
        let script = script(&scan, source, target, false);
        (script.steps.map(|step| step.size).collect(), script.tagged_units)
    }

    #[test]
    fn one_call_when_the_size_is_known() {
        assert_eq!(sizes("abc", Encoding::Utf8, Encoding::Utf8), (vec![3], 3));
        assert_eq!(sizes("abc", Encoding::Utf16, Encoding::Utf16), (vec![6], 3));
    }

    #[test]
    fn a_guess_that_was_too_small_grows_then_shrinks() {
        assert_eq!(sizes("aé", Encoding::Utf16, Encoding::Utf8), (vec![2, 6, 3], 3));
        assert_eq!(sizes("é", Encoding::Utf8, Encoding::Utf16), (vec![4, 2], 1));
        assert_eq!(sizes("aż", Encoding::Utf8, Encoding::Compact), (vec![3, 6, 4], 2 | 1 << 31));
    }

    /// In pieces of so many bytes.
    fn read(simple: Simple, bytes: &[u8], piece: usize) -> Result<String, Trap> {
        let (mut out, mut at) = (String::new(), 0);
        while at < bytes.len() {
            let end = bytes.len().min(at + piece);
            at += decode(simple, &bytes[at..end], end == bytes.len(), &mut out)?;
        }
        Ok(out)
    }

    #[test]
    fn lone_surrogates_do_not_pass() {
        assert!(read(Simple::Utf16, &[0x00, 0xd8], 8).is_err());
        assert_eq!(read(Simple::Latin1, &[0xe9], 8).as_deref(), Ok("é"));
    }

    #[test]
    fn a_string_is_the_same_in_whatever_pieces_it_is_read() {
        let text = "aé€😀 and 😀€éa";
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for piece in 4..24 {
            assert_eq!(read(Simple::Utf8, text.as_bytes(), piece).as_deref(), Ok(text));
            assert_eq!(read(Simple::Utf16, &utf16, piece & !1).as_deref(), Ok(text));
            let cut = &text.as_bytes()[..text.len() - 3];
            assert!(read(Simple::Utf8, &[cut, &[0xf0, 0x9f]].concat(), piece).is_err());
            assert!(read(Simple::Utf8, b"abcdefgh\xffijklmnop", piece).is_err());
            assert!(read(Simple::Utf16, &utf16[..8], piece & !1).is_err());
        }
    }

    #[test]
    fn a_part_ends_between_characters() {
        assert_eq!(part("a😀b", 0, 4), "a");
        assert_eq!(part("a😀b", 1, 1), "😀");
        assert_eq!(part("a😀b", 5, 100), "b");
        assert_eq!(part("a😀b", 6, 100), "");
        assert_eq!(encode(Simple::Utf16, "é"), [0xe9, 0]);
    }
}
