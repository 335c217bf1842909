//! Strings in their three encodings, and the calls of `realloc` that storing
//! one takes: CanonicalABI.md, `load_string` and `store_string`.
//!
//! Which calls are made follows from the source's encoding and length and from
//! the text, which is all here when a store begins. So the calls are planned
//! first, as a [`Script`], and then played; each call may be suspended.

use super::super::Trap;
use crate::component::plan::Encoding;

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
fn utf16_tag(wide: bool) -> u64 {
    if wide { 1 << 63 } else { 1 << 31 }
}

/// Reads the tagged length of a string.
pub(super) fn source(encoding: Encoding, units: u64, wide: bool) -> Source {
    let tag = utf16_tag(wide);
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

pub(super) fn decode(simple: Simple, bytes: &[u8]) -> Result<String, Trap> {
    match simple {
        Simple::Utf8 => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) if error.error_len().is_none() => {
                Err(Trap::canonical("incomplete utf-8 byte sequence at the end of a string"))
            }
            Err(error) => Err(Trap::canonical(format!("invalid utf-8: {error}"))),
        },
        Simple::Utf16 => {
            let units = bytes.chunks_exact(2).map(|pair| match pair {
                [low, high] => u16::from_le_bytes([*low, *high]),
                _ => 0,
            });
            char::decode_utf16(units)
                .collect::<Result<_, _>>()
                .map_err(|_| Trap::canonical("invalid utf-16: unpaired surrogate"))
        }
        Simple::Latin1 => Ok(bytes.iter().map(|byte| char::from(*byte)).collect()),
    }
}

/// One call of `realloc` and what is then written to the start of the memory.
pub(super) struct Step {
    pub align: u32,
    pub size: u64,
    pub write: Vec<u8>,
}

/// The steps of storing one string, and the length to store with it.
pub(super) struct Script {
    pub steps: std::vec::IntoIter<Step>,
    pub tagged_units: u64,
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn latin1(text: &str) -> Vec<u8> {
    // Only called for texts of which every character is below 256.
    text.chars().map(|c| c as u8).collect()
}

/// Plans the store of `text`, which comes from a place with encoding `source`.
pub(super) fn script(text: String, source: Encoding, target: Encoding, wide: bool) -> Script {
    let narrow = text.chars().all(|c| (c as u32) < 0x100);
    let simple = match source {
        Encoding::Utf8 => Simple::Utf8,
        Encoding::Utf16 => Simple::Utf16,
        // The tag itself is not kept; a source that tagged a narrow string as
        // UTF-16 sees the allocation pattern of a Latin-1 string.
        Encoding::Compact if narrow => Simple::Latin1,
        Encoding::Compact => Simple::Utf16,
    };
    let units = match simple {
        Simple::Utf8 => text.len() as u64,
        Simple::Utf16 => text.encode_utf16().count() as u64,
        Simple::Latin1 => text.chars().count() as u64,
    };
    let step = |align, size, write| Step { align, size, write };
    let (steps, tagged_units) = match (target, simple) {
        (Encoding::Utf8, Simple::Utf8) => (vec![step(1, units, text.into_bytes())], units),
        (Encoding::Utf8, _) => {
            let prefix = text.bytes().take_while(u8::is_ascii).count();
            let len = text.len() as u64;
            let worst = units * if simple == Simple::Utf16 { 3 } else { 2 };
            let bytes = text.into_bytes();
            if prefix == bytes.len() {
                (vec![step(1, units, bytes)], units)
            } else {
                let head = bytes.iter().take(prefix).copied().collect();
                let mut steps = vec![step(1, units, head), step(1, worst, bytes)];
                if worst > len {
                    steps.push(step(1, len, Vec::new()));
                }
                (steps, len)
            }
        }
        (Encoding::Utf16, Simple::Utf8) => {
            let bytes = utf16(&text);
            let len = bytes.len() as u64;
            let mut steps = vec![step(2, 2 * units, bytes)];
            if len < 2 * units {
                steps.push(step(2, len, Vec::new()));
            }
            (steps, len / 2)
        }
        (Encoding::Utf16, _) => (vec![step(2, 2 * units, utf16(&text))], units),
        (Encoding::Compact, Simple::Latin1) => (vec![step(2, units, latin1(&text))], units),
        (Encoding::Compact, Simple::Utf16) if source == Encoding::Compact => {
            (vec![step(2, 2 * units, utf16(&text))], units | utf16_tag(wide))
        }
        (Encoding::Compact, _) if narrow => {
            let bytes = latin1(&text);
            let len = bytes.len() as u64;
            let mut steps = vec![step(2, units, bytes)];
            if len < units {
                steps.push(step(2, len, Vec::new()));
            }
            (steps, len)
        }
        (Encoding::Compact, _) => {
            let prefix: String = text.chars().take_while(|c| (*c as u32) < 0x100).collect();
            let bytes = utf16(&text);
            let len = bytes.len() as u64;
            let mut steps = vec![step(2, units, latin1(&prefix)), step(2, 2 * units, bytes)];
            if len < 2 * units {
                steps.push(step(2, len, Vec::new()));
            }
            (steps, (len / 2) | utf16_tag(wide))
        }
    };
    Script { steps: steps.into_iter(), tagged_units }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(text: &str, source: Encoding, target: Encoding) -> (Vec<u64>, u64) {
        let script = script(text.to_owned(), source, target, false);
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

    #[test]
    fn lone_surrogates_do_not_pass() {
        assert!(decode(Simple::Utf16, &[0x00, 0xd8]).is_err());
        assert_eq!(decode(Simple::Latin1, &[0xe9]).as_deref(), Ok("é"));
    }
}
