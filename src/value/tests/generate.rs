//! Random types and values from a seed, and what must hold for all of them.

use crate::value::{
    Case, Field, List, Scalar, Type, TypeDef, TypeId, Types, Value, check, json, term, wave,
};
use std::sync::Arc;

/// SplitMix64: small, and the same everywhere.
pub struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub(crate) fn chance(&mut self) -> bool {
        self.next() & 1 == 1
    }
}

/// Labels, keywords of WAVE among them.
const LABELS: [&str; 12] = [
    "none",
    "a",
    "two-words",
    "ok",
    "HTTP3",
    "method-GET",
    "true",
    "x-1",
    "some",
    "err",
    "inf",
    "nan",
];

fn labels(random: &mut Random) -> Vec<Box<str>> {
    let start = random.below(LABELS.len());
    let count = 1 + random.below(4);
    LABELS.iter().cycle().skip(start).take(count).map(|label| (*label).into()).collect()
}

fn plain(random: &mut Random) -> TypeDef {
    match random.below(13) {
        0 => TypeDef::Bool,
        1 => TypeDef::S8,
        2 => TypeDef::U8,
        3 => TypeDef::S16,
        4 => TypeDef::U16,
        5 => TypeDef::S32,
        6 => TypeDef::U32,
        7 => TypeDef::S64,
        8 => TypeDef::U64,
        9 => TypeDef::F32,
        10 => TypeDef::F64,
        11 => TypeDef::Char,
        _ => TypeDef::String,
    }
}

fn any_type(random: &mut Random, types: &mut Types, depth: usize) -> TypeId {
    let def = if depth == 0 { plain(random) } else { compound(random, types, depth - 1) };
    types.intern(def)
}

fn compound(random: &mut Random, types: &mut Types, depth: usize) -> TypeDef {
    let maybe = |random: &mut Random, types: &mut Types| {
        random.chance().then(|| any_type(random, types, depth))
    };
    match random.below(12) {
        0 | 1 => TypeDef::List(any_type(random, types, depth)),
        2 => TypeDef::FixedList(any_type(random, types, depth), 1 + random.below(4) as u32),
        3 => {
            let key = loop {
                match plain(random) {
                    TypeDef::F32 | TypeDef::F64 => {}
                    key => break types.intern(key),
                }
            };
            TypeDef::Map(key, any_type(random, types, depth))
        }
        4 | 5 => {
            let names = labels(random);
            let field = |name| Field { name, ty: any_type(random, types, depth) };
            TypeDef::Record(names.into_iter().map(field).collect())
        }
        6 => {
            let count = 1 + random.below(3);
            TypeDef::Tuple((0..count).map(|_| any_type(random, types, depth)).collect())
        }
        7 => {
            let names = labels(random);
            let case = |name| Case { name, ty: maybe(random, types) };
            TypeDef::Variant(names.into_iter().map(case).collect())
        }
        8 => TypeDef::Enum(labels(random).into()),
        9 => TypeDef::Flags(labels(random).into()),
        10 => TypeDef::Option(any_type(random, types, depth)),
        _ => TypeDef::Result { ok: maybe(random, types), err: maybe(random, types) },
    }
}

fn any_char(random: &mut Random) -> char {
    const SPECIAL: [char; 12] =
        ['\'', '"', '\\', '\n', '\r', '\t', '\0', '\u{7f}', '\u{301}', '\u{200b}', '👋', '/'];
    match random.below(3) {
        0 => SPECIAL[random.below(SPECIAL.len())],
        1 => char::from(b' ' + random.below(95) as u8),
        _ => char::from_u32((random.next() % 0x11_0000) as u32).unwrap_or('\u{ffff}'),
    }
}

fn any_value(random: &mut Random, types: &Types, id: TypeId) -> Value {
    let bits = match random.below(4) {
        0 => 0,
        1 => u64::MAX,
        2 => random.next() & 0xff,
        _ => random.next(),
    };
    let count = random.below(5);
    let list = |random: &mut Random, element, count| {
        let values = (0..count).map(|_| any_value(random, types, element)).collect::<Vec<_>>();
        match Scalar::of(types.get(element)) {
            None => Value::List(List::Values(values)),
            Some(scalar) => {
                let mut bytes = Vec::new();
                assert!(values.iter().all(|value| scalar.write(value, &mut bytes)));
                Value::List(List::Scalars(scalar, bytes))
            }
        }
    };
    let maybe = |random: &mut Random, ty: Option<TypeId>| {
        ty.map(|ty| Box::new(any_value(random, types, ty)))
    };
    match types.get(id) {
        TypeDef::Bool => Value::Bool(random.chance()),
        TypeDef::S8 => Value::S8(bits as i8),
        TypeDef::U8 => Value::U8(bits as u8),
        TypeDef::S16 => Value::S16(bits as i16),
        TypeDef::U16 => Value::U16(bits as u16),
        TypeDef::S32 => Value::S32(bits as i32),
        TypeDef::U32 => Value::U32(bits as u32),
        TypeDef::S64 => Value::S64(bits as i64),
        TypeDef::U64 => Value::U64(bits),
        // A NaN differs from itself, and its bits are not kept: see the tables.
        TypeDef::F32 => match f32::from_bits(bits as u32) {
            value if value.is_nan() => Value::F32(f32::NEG_INFINITY),
            value => Value::F32(value),
        },
        TypeDef::F64 => match f64::from_bits(bits) {
            value if value.is_nan() => Value::F64(f64::INFINITY),
            value => Value::F64(value),
        },
        TypeDef::Char => Value::Char(any_char(random)),
        TypeDef::String => Value::String((0..count).map(|_| any_char(random)).collect()),
        TypeDef::List(ty) => list(random, *ty, count),
        TypeDef::FixedList(ty, len) => list(random, *ty, *len as usize),
        TypeDef::Map(k, v) => {
            let mut entries: Vec<(Value, Value)> = Vec::new();
            for _ in 0..count {
                let key = any_value(random, types, *k);
                if entries.iter().all(|(other, _)| *other != key) {
                    entries.push((key, any_value(random, types, *v)));
                }
            }
            Value::Map(entries)
        }
        TypeDef::Record(fields) => {
            Value::Record(fields.iter().map(|f| any_value(random, types, f.ty)).collect())
        }
        TypeDef::Tuple(ids) => {
            Value::Record(ids.iter().map(|id| any_value(random, types, *id)).collect())
        }
        TypeDef::Variant(cases) => {
            let case = random.below(cases.len());
            let payload = maybe(random, cases[case].ty);
            Value::Variant { case: case as u32, payload }
        }
        TypeDef::Enum(labels) => Value::case(random.below(labels.len()) as u32),
        TypeDef::Option(ty) => match random.chance() {
            true => Value::NONE,
            false => Value::some(any_value(random, types, *ty)),
        },
        TypeDef::Result { ok, err } => {
            let case = random.below(2);
            let payload = maybe(random, if case == 0 { *ok } else { *err });
            Value::Variant { case: case as u32, payload }
        }
        TypeDef::Flags(labels) => Value::Flags(bits as u32 & ((1 << labels.len()) - 1)),
        TypeDef::Own(_) | TypeDef::Borrow(_) | TypeDef::Async(_) => unreachable!(),
    }
}

fn for_each_seed(seeds: u64, mut test: impl FnMut(u64, &mut Random, &Type)) {
    for seed in 0..seeds {
        let mut random = Random(seed);
        let mut types = Types::default();
        let depth = random.below(5);
        let id = any_type(&mut random, &mut types, depth);
        test(seed, &mut random, &Type::new(Arc::new(types), id));
    }
}

#[test]
fn what_is_written_is_read_back() {
    for_each_seed(4000, |seed, random, ty| {
        let value = any_value(random, ty.types(), ty.id());
        assert_eq!(check(ty, &value), Ok(()), "seed {seed}");

        let text = wave::format(ty, &value).unwrap();
        let read = wave::parse(ty, &text).unwrap_or_else(|error| panic!("{seed}: {text}: {error}"));
        assert_eq!(read, value, "seed {seed}: {text}");

        let tree = json::to_json(ty, &value).unwrap();
        let text = tree.to_string();
        let read = json::from_json(ty, &tree);
        assert_eq!(read, Ok(value.clone()), "seed {seed}: {text}");
        let tree: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json::from_json(ty, &tree), Ok(value.clone()), "seed {seed}: {text}");

        let term = term::from_value(ty, &value).unwrap();
        assert_eq!(term::to_value(ty, &term), Ok(value.clone()), "seed {seed}: {term:?}");
        // Nor is anything lost on the way through JSON without types.
        let json = term::to_json(&term).unwrap();
        let term = term::from_json(&json).unwrap();
        assert_eq!(term::to_value(ty, &term), Ok(value), "seed {seed}: {term:?}");
    });
}

#[test]
fn every_example_is_right() {
    for_each_seed(2000, |seed, _, ty| {
        let example = wave::example(ty);
        if !example.ends_with('…') {
            let read = wave::parse(ty, &example);
            assert!(read.is_ok(), "seed {seed}: {ty}: {example}: {read:?}");
        }
    });
}

/// Parts of WAVE, and of no WAVE.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ":",
    ",",
    "\"",
    "'",
    "\\",
    "%",
    "//",
    "\n",
    "-",
    "1e999",
    "none",
    "some",
    "\"\"\"",
    "\\u{d800}",
    "é",
    "\0",
    "0",
    "a",
];

#[test]
fn no_heap_of_tokens_panics() {
    for_each_seed(20_000, |_, random, ty| {
        let count = random.below(8);
        let text: String = (0..count).map(|_| PIECES[random.below(PIECES.len())]).collect();
        if let Ok(value) = wave::parse(ty, &text) {
            assert_eq!(check(ty, &value), Ok(()), "{text}");
        }
    });
}

/// Damaged texts, and values of other types, are errors or values, never panics.
#[test]
fn whatever_comes_in_nothing_panics() {
    for_each_seed(3000, |_, random, ty| {
        let value = any_value(random, ty.types(), ty.id());
        let mut chars: Vec<char> = wave::format(ty, &value).unwrap().chars().collect();
        for _ in 0..1 + random.below(3) {
            let at = random.below(chars.len() + 1);
            match random.below(3) {
                0 => chars.truncate(at),
                1 => drop(chars.splice(at..at, PIECES[random.below(PIECES.len())].chars())),
                _ => drop(chars.splice(at..(at + 1).min(chars.len()), None)),
            }
        }
        let text: String = chars.into_iter().collect();
        if let Ok(value) = wave::parse(ty, &text) {
            assert_eq!(check(ty, &value), Ok(()), "{text}");
        }

        let mut types = Types::clone(ty.types());
        let other = any_type(random, &mut types, 2);
        let other = Type::new(Arc::new(types), other);
        let fits = check(&other, &value).is_ok();
        assert_eq!(wave::format(&other, &value).is_ok(), fits);
        assert_eq!(json::to_json(&other, &value).is_ok(), fits);
        if let Ok(value) = json::from_json(&other, &json::to_json(ty, &value).unwrap()) {
            assert_eq!(check(&other, &value), Ok(()));
        }
        if let Ok(value) = term::to_value(&other, &term::from_value(ty, &value).unwrap()) {
            assert_eq!(check(&other, &value), Ok(()));
        }
    });
}
