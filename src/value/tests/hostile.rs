//! Texts and types that are made to do harm.

use super::World;
use crate::value::{Type, TypeDef, Types, Value, check, json, wave};
use std::sync::Arc;

#[test]
fn hostile_texts_end() {
    let mut world = World::new();
    let strings = world.list(TypeDef::String);
    let u32_ = world.id(TypeDef::U32);
    let option = world.option(u32_);
    let fields: Vec<String> = (0..1000).map(|i| format!("f{i}")).collect();
    let fields: Vec<_> = fields.iter().map(|name| (name.as_str(), option)).collect();
    let record = world.record(&fields);
    let records = world.id(TypeDef::List(record));

    let note = |id, text: &str| wave::parse(&world.ty(id), text).unwrap_err().note;
    let deep = |open: &str| note(strings, &open.repeat(100_000));
    for open in ["[", "(", "{a:", "some(", "ok(", "a(", "{1:"] {
        assert_eq!(deep(open).as_deref(), Some("nested more than 100 deep"), "{open}");
    }
    let mib = 10 << 20;
    let long = |piece: &str| piece.repeat(mib / piece.len());
    for piece in
        [" ", "// a\n", "//", "\"", "\"\",", "a-", "%", "9", "\\", "'", "\"\"\"\n", "é", "[],"]
    {
        assert!(wave::parse(&world.ty(strings), &long(piece)).is_err(), "{piece}");
    }
    let text = format!("[{}]", long("\"a\","));
    assert!(wave::parse(&world.ty(strings), &text).is_ok());
    let text = format!("[\"{}\"]", long("\\n"));
    assert!(wave::parse(&world.ty(strings), &text).is_ok());
    assert_eq!(
        note(strings, &" ".repeat(wave::MAX_TEXT + 1)).as_deref(),
        Some("longer than 16 MiB")
    );
    // Each `{:}` is a thousand values.
    let text = format!("[{}]", "{:},".repeat(100_000));
    assert_eq!(note(records, &text).as_deref(), Some("too many fields are left out"));
}

#[test]
fn huge_types_have_short_messages() {
    let mut types = Types::default();
    let mut pair = types.intern(TypeDef::U8);
    for _ in 0..64 {
        pair = types.intern(TypeDef::Tuple([pair, pair].into()));
    }
    let fixed = types.intern(TypeDef::FixedList(pair, u32::MAX));
    let mut deep = fixed;
    for _ in 0..1000 {
        deep = types.intern(TypeDef::Option(deep));
    }
    let types = Arc::new(types);
    for ty in [pair, fixed] {
        let error = wave::parse(&Type::new(types.clone(), ty), "x").unwrap_err();
        assert!(error.expected.ends_with('…') && error.example.ends_with('…'));
        assert!(error.to_string().len() < 600);
    }
    let ty = Type::new(types, deep);
    let error = wave::parse(&ty, "none").unwrap_err();
    assert_eq!(error.note.as_deref(), Some("the type is nested more than 100 deep"));
    assert!(wave::format(&ty, &Value::NONE).is_err());
}

/// The deepest type that there may be, on the small stack of a thread.
#[test]
fn the_deepest_values() {
    let mut world = World::new();
    let mut ty = world.id(TypeDef::U8);
    for i in 1..Types::MAX_DEPTH {
        ty = match i % 4 {
            0 => world.option(ty),
            1 => world.record(&[("x", ty)]),
            2 => world.variant(&[("a", None), ("b", Some(ty))]),
            _ => world.id(TypeDef::List(ty)),
        };
    }
    let one_more = world.option(ty);
    let (ty, one_more) = (world.ty(ty), world.ty(one_more));
    let mut text = "1".to_owned();
    for i in 1..Types::MAX_DEPTH {
        text = match i % 4 {
            0 => format!("some({text})"),
            1 => format!("{{x: {text}}}"),
            2 => format!("b({text})"),
            _ => format!("[{text}]"),
        };
    }
    let value = wave::parse(&ty, &text).unwrap();
    assert_eq!(wave::format(&ty, &value), Ok(text));
    let tree = json::to_json(&ty, &value).unwrap();
    assert_eq!(json::from_json(&ty, &tree), Ok(value));

    assert!(wave::parse(&one_more, "none").is_err());
    assert!(json::from_json(&one_more, &serde_json::Value::Null).is_err());
    assert_eq!(
        check(&one_more, &Value::NONE).unwrap_err().to_string(),
        "expected a type nested at most 100 deep, found one that is 101 deep"
    );
}
