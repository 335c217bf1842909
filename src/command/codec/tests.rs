//! What must hold for the binary form: of generated values, of a table of fixed bytes,
//! and of bytes that somebody has made to do harm.

use std::fmt::{Debug, Write};

use super::{Coded, DecodeError, MAX_DEPTH, TooDeep, decode, encode};
use crate::{
    command::{Command, Completion, Mail, Reply, Yield},
    process::{Error, Event, StartData},
    value::{Term, Value},
};

pub(crate) use crate::value::tests::generate::Random;

/// Picks a sample for each part of a case: the first of each, then the second, until
/// each part has shown all.
pub(crate) struct Pick<'a> {
    pub at: usize,
    pub most: &'a mut usize,
    pub depth: u32,
}

impl Pick<'_> {
    pub fn one<T: Coded>(&mut self) -> T {
        let mut all = T::samples(self.depth.saturating_sub(1));
        *self.most = all.len().max(*self.most);
        all.swap_remove(self.at % all.len())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn lines<T: Coded + Debug>(name: &str, depth: u32, lines: &mut String) {
    for sample in T::samples(depth) {
        let bytes = encode(&sample).unwrap();
        writeln!(lines, "{name} {} {sample:?}", hex(&bytes)).unwrap();
    }
}

/// The table is what files of version 1 hold. If it differs, the form has changed, and
/// there must be a new version that reads the old one as well.
#[test]
fn version_1_does_not_change() {
    let mut table = String::new();
    lines::<Term>("term", 2, &mut table);
    lines::<Value>("value", 3, &mut table);
    lines::<Command>("command", 5, &mut table);
    lines::<Reply>("reply", 3, &mut table);
    lines::<Mail>("mail", 3, &mut table);
    lines::<Event>("event", 2, &mut table);
    lines::<Yield>("yield", 2, &mut table);
    lines::<StartData>("start", 4, &mut table);
    lines::<Error>("error", 2, &mut table);
    let fixed = include_str!("version1.txt");
    for (at, (line, fixed)) in table.lines().zip(fixed.lines()).enumerate() {
        assert_eq!(line, fixed, "line {}", at + 1);
    }
    let more: Vec<&str> = table.lines().skip(fixed.lines().count()).collect();
    assert!(more.is_empty(), "lines that are new:\n{}", more.join("\n"));
    assert_eq!(table.lines().count(), fixed.lines().count());
}

fn comes_back<T: Coded + Debug>(seed: u64, random: &mut Random) -> Vec<u8> {
    let value = T::any(random, 6);
    let bytes = encode(&value).unwrap();
    let read = decode::<T>(&bytes).unwrap_or_else(|error| panic!("{seed}: {value:?}: {error}"));
    assert_eq!(format!("{read:?}"), format!("{value:?}"), "seed {seed}");
    assert_eq!(encode(&read).unwrap(), bytes, "seed {seed}: {value:?}");
    bytes
}

/// A value that is read of any bytes is written as the same bytes.
fn has_one_form<T: Coded>(seed: u64, bytes: &[u8]) {
    if let Ok(read) = decode::<T>(bytes) {
        assert_eq!(encode(&read).unwrap(), bytes, "seed {seed}");
    }
}

pub(crate) fn is_harmless<T: Coded + Debug>(seeds: u64) {
    for seed in 0..seeds {
        let mut random = Random(seed);
        let bytes = comes_back::<T>(seed, &mut random);
        for _ in 0..20 {
            let mut bytes = bytes.clone();
            let at = random.below(bytes.len());
            match random.below(4) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, random.next() as u8),
                2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
                _ => bytes[at] = random.next() as u8,
            }
            has_one_form::<T>(seed, &bytes);
        }
        let noise: Vec<u8> = (0..random.below(40)).map(|_| random.next() as u8 & 0x1f).collect();
        has_one_form::<T>(seed, &[&[1], noise.as_slice()].concat());
    }
}

#[test]
fn what_is_written_is_read_back_and_other_bytes_do_no_harm() {
    is_harmless::<Command>(600);
    is_harmless::<Reply>(600);
    is_harmless::<Event>(600);
    is_harmless::<Completion>(200);
    is_harmless::<Yield>(200);
    is_harmless::<Mail>(300);
    is_harmless::<Term>(300);
    is_harmless::<Value>(600);
    is_harmless::<StartData>(300);
    is_harmless::<Error>(200);
}

fn fails<T: Coded + Debug>(bytes: &[u8]) -> String {
    decode::<T>(bytes).unwrap_err().to_string()
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (bytes, why) in [
        (&[][..], "byte 0: the bytes end in the middle of a value"),
        (&[2, 0], "byte 0: version 2, where 1 is known"),
        (&[1], "byte 1: the bytes end in the middle of a value"),
        (&[1, 9], "byte 1: `Term` has no case 9"),
        (&[1, 0, 0], "byte 2: 1 bytes more than the value has"),
        (&[1, 1, 2], "byte 2: `bool` has no case 2"),
        (&[1, 2, 0x80, 0], "byte 2: a number that is too large, or longer than it needs to be"),
        (&[1, 3, 5], "byte 1: a large integer that is not large"),
        (&[1, 5, 3, b'a', 0xff, b'b'], "byte 4: a text that is not UTF-8"),
        (&[1, 5, 9, b'a'], "byte 2: a length of 9, where 1 bytes are left"),
        (&[1, 4, 0, 0], "byte 2: the bytes end in the middle of a value"),
    ] {
        assert_eq!(fails::<Term>(bytes), why, "{bytes:?}");
    }
    assert_eq!(
        fails::<Term>(&[1, 2, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2]),
        "byte 2: a number that is too large, or longer than it needs to be"
    );
    assert_eq!(fails::<Value>(&[1, 11, 0x80, 0xb0, 3]), "byte 2: 0xd800 is no character");
    assert_eq!(
        fails::<Value>(&[1, 13, 0, 4, 3, 1, 2, 3]),
        "byte 2: a list of numbers that ends in the middle of one"
    );
    assert_eq!(fails::<Reply>(&[1, 13, 2, b'i', b'x']), "byte 2: `Errno` has no such name");
    let twice = "byte 2: interests that are twice or not in order";
    assert_eq!(fails::<Command>(&[1, 6, 2, 0, 0, 0]), twice);
    assert_eq!(fails::<Command>(&[1, 6, 2, 1, 0, 0]), twice);
}

/// A count says nothing of what is there: nothing is reserved for it.
#[test]
fn a_count_reserves_nothing() {
    // 2^56 - 1 items, of which none is there.
    let many = [255, 255, 255, 255, 255, 255, 255, 127];
    for case in [5, 6, 7, 8] {
        let bytes = [&[1, case], &many[..]].concat();
        assert!(fails::<Term>(&bytes).contains("a length of 72057594037927935"));
    }
    // As many as there are bytes, at each of many levels.
    let mut bytes = vec![1];
    for left in (0..200u8).rev() {
        bytes.extend([7, left.min(100)]);
    }
    bytes.extend([0; 100]);
    decode::<Term>(&bytes).unwrap_err();
    let Term::List(items) = decode(&[1, 7, 5, 0, 0, 0, 0, 0]).unwrap() else { panic!() };
    assert!(items.capacity() <= 8);
}

#[test]
fn depth_has_an_end_for_both() {
    let nested = |depth| (0..depth).fold(Term::Nil, |inner, _| Term::List(vec![inner]));
    let bytes = encode(&nested(MAX_DEPTH - 1)).unwrap();
    assert_eq!(decode(&bytes), Ok(nested(MAX_DEPTH - 1)));
    assert_eq!(encode(&nested(MAX_DEPTH)), Err(TooDeep));
    let deep = [&[1][..], &[7, 1].repeat(100_000)].concat();
    let why: DecodeError = decode::<Term>(&deep).unwrap_err();
    assert_eq!(why.to_string(), "byte 513: nested deeper than 256 levels");
    let deep = [&[1][..], &[16, 0, 1].repeat(100_000)].concat();
    decode::<Value>(&deep).unwrap_err();
}

/// Guests tell one NaN from another by its bits.
#[test]
fn every_bit_of_a_number_is_kept() {
    for bits in [0x7ff0_0000_0000_0001, u64::MAX, 1 << 63, 0] {
        let bytes = encode(&Value::F64(f64::from_bits(bits))).unwrap();
        let Value::F64(read) = decode(&bytes).unwrap() else { panic!() };
        assert_eq!(read.to_bits(), bits);
    }
}
