//! JSON, by example.

use super::World;
use crate::value::{FormatError, Resource, Type, TypeDef, Value, json, wave};
use serde_json::{Value as Json, json};

fn of(def: TypeDef) -> Type {
    let mut world = World::new();
    let id = world.id(def);
    world.ty(id)
}

/// WAVE, and the same value as JSON; back again too.
#[track_caller]
fn is(ty: &Type, table: &[(&str, &str)]) {
    for (text, written) in table {
        let value = wave::parse(ty, text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let tree = json::to_json(ty, &value).unwrap();
        assert_eq!(tree.to_string(), *written, "{text}");
        let read = json::from_json(ty, &serde_json::from_str(written).unwrap()).unwrap();
        assert_eq!(wave::format(ty, &read), wave::format(ty, &value), "{written}");
    }
}

/// JSON that is not read, and what we say.
#[track_caller]
fn refuses(ty: &Type, table: &[(Json, &str)]) {
    for (json, message) in table {
        let error = json::from_json(ty, json).expect_err(message).to_string();
        assert_eq!(error, *message, "{json}");
    }
}

#[test]
fn numbers() {
    is(&of(TypeDef::U64), &[("18446744073709551615", "18446744073709551615")]);
    is(&of(TypeDef::S64), &[("-9223372036854775808", "-9223372036854775808")]);
    is(
        &of(TypeDef::F64),
        &[
            ("0.1", "0.1"),
            ("-0", "-0.0"),
            ("nan", "\"NaN\""),
            ("inf", "\"Infinity\""),
            ("-inf", "\"-Infinity\""),
        ],
    );
    // The digits of the f32, not those of the f64 nearest to it.
    is(&of(TypeDef::F32), &[("0.1", "0.1"), ("3.4028235e38", "3.4028235e+38")]);

    let ty = of(TypeDef::U8);
    // Whole numbers in the clothes of a float.
    assert_eq!(json::from_json(&ty, &json!(3.0)), Ok(Value::U8(3)));
    refuses(
        &ty,
        &[
            (json!(256), "expected u8, found 256 (a u8 goes from 0 to 255)"),
            (json!(-1), "expected u8, found -1 (a u8 goes from 0 to 255)"),
            (json!(1.5), "expected u8, found 1.5 (not a whole number, or not an exact one)"),
            (json!("1"), "expected u8, found \"1\""),
        ],
    );
    refuses(
        &of(TypeDef::U64),
        &[(json!(1e17), "expected u64, found 1e+17 (not a whole number, or not an exact one)")],
    );
    refuses(
        &of(TypeDef::F32),
        &[
            (json!(1e39), "expected f32, found 1e+39 (the largest is 3.4028235e38)"),
            (
                json!("inf"),
                "expected f32, found \"inf\" (a number, \"NaN\", \"Infinity\" or \"-Infinity\")",
            ),
        ],
    );
}

#[test]
fn text() {
    is(&of(TypeDef::Char), &[("'a'", "\"a\""), ("'👋'", "\"👋\"")]);
    refuses(
        &of(TypeDef::Char),
        &[
            (json!("ab"), "expected char, found \"ab\" (a char is a string of one character)"),
            (json!(""), "expected char, found \"\" (a char is a string of one character)"),
        ],
    );
    is(&of(TypeDef::String), &[("\"a\\n\"", "\"a\\n\"")]);
    is(&of(TypeDef::Bool), &[("true", "true")]);
    refuses(&of(TypeDef::String), &[(Json::Null, "expected string, found null")]);
}

#[test]
fn lists_tuples_and_maps() {
    let mut world = World::new();
    let bytes = world.list(TypeDef::U8);
    let u16_ = world.id(TypeDef::U16);
    let two = world.id(TypeDef::FixedList(u16_, 2));
    let pair = world.tuple(&[u16_, bytes]);
    let ages = world.map(TypeDef::String, TypeDef::U8);
    let names = world.map(TypeDef::U8, TypeDef::String);

    is(&world.ty(bytes), &[("[]", "[]"), ("[1, 2]", "[1,2]")]);
    is(&world.ty(two), &[("[1, 2]", "[1,2]")]);
    is(&world.ty(pair), &[("(1, [2])", "[1,[2]]")]);
    is(&world.ty(ages), &[("{\"b\": 1, \"a\": 2}", r#"{"b":1,"a":2}"#)]);
    is(&world.ty(names), &[("{1: \"one\"}", r#"[[1,"one"]]"#)]);

    refuses(
        &world.ty(bytes),
        &[
            (json!([1, [2]]), "/1: expected u8, found an array of 1"),
            (json!("AQI="), "expected list<u8>, found \"AQI=\""),
        ],
    );
    refuses(
        &world.ty(two),
        &[(json!([1]), "expected list<u16, 2>, found an array of 1 (1 elements)")],
    );
    refuses(
        &world.ty(pair),
        &[
            (
                json!([1]),
                "expected tuple<u16, list<u8>>, found an array of 1 (1 elements instead of 2)",
            ),
            (json!([1, [300]]), "/1/0: expected u8, found 300 (a u8 goes from 0 to 255)"),
        ],
    );
    refuses(
        &world.ty(ages),
        &[
            (json!([["a", 1]]), "expected map<string, u8>, found an array of 1"),
            (json!({"a/b": "x"}), "/a~1b: expected u8, found \"x\""),
        ],
    );
    refuses(
        &world.ty(names),
        &[
            (json!({"1": "one"}), "expected map<u8, string>, found an object of 1"),
            (
                json!([[1]]),
                "/0: expected map<u8, string>, found an array of 1 (an entry is an array of key and value)",
            ),
            (json!([[1, 2]]), "/0/1: expected string, found 2"),
        ],
    );
    // The last of the same key counts.
    let read = json::from_json(&world.ty(names), &json!([[1, "a"], [2, "b"], [1, "c"]])).unwrap();
    assert_eq!(wave::format(&world.ty(names), &read).unwrap(), r#"{1: "c", 2: "b"}"#);
}

#[test]
fn records_and_flags() {
    let mut world = World::new();
    let u32_ = world.id(TypeDef::U32);
    let option = world.option(u32_);
    let record = world.record(&[("two-words", u32_), ("a", option)]);
    let flags = world.flags(&["read", "write"]);

    is(
        &world.ty(record),
        &[
            ("{two-words: 1, a: 2}", r#"{"two-words":1,"a":2}"#),
            ("{two-words: 1}", r#"{"two-words":1,"a":null}"#),
        ],
    );
    assert!(json::from_json(&world.ty(record), &json!({"two-words": 1})).is_ok());
    let all = "record { two-words: u32, a: option<u32> }";
    refuses(
        &world.ty(record),
        &[
            (
                json!({"a": 1}),
                &format!("expected {all}, found an object of 1 (the field `two-words` is missing)"),
            ),
            (
                json!({"two_words": 1}),
                &format!("expected {all}, found an object of 1 (there is no field `two_words`)"),
            ),
            (json!({"two-words": 1, "a": "x"}), "/a: expected u32, found \"x\""),
        ],
    );

    is(&world.ty(flags), &[("{}", "[]"), ("{write, read}", r#"["read","write"]"#)]);
    let all = "flags { read, write }";
    refuses(
        &world.ty(flags),
        &[
            (json!(["red"]), &format!("/0: expected {all}, found \"red\" (there is no such flag)")),
            (
                json!(["read", "read"]),
                &format!("/1: expected {all}, found \"read\" (this flag stands here twice)"),
            ),
        ],
    );
}

#[test]
fn variants_options_and_results() {
    let mut world = World::new();
    let u32_ = world.id(TypeDef::U32);
    let shape = world.variant(&[("dot", None), ("circle", Some(u32_))]);
    let color = world.enumeration(&["none", "red"]);
    let option = world.option(u32_);
    let nested = world.option(option);
    let of_color = world.option(color);
    let result = world.result(Some(u32_), None);
    let optional = world.result(Some(nested), None);

    is(
        &world.ty(shape),
        &[("dot", r#"{"tag":"dot"}"#), ("circle(5)", r#"{"tag":"circle","value":5}"#)],
    );
    let all = "variant { dot, circle(u32) }";
    refuses(
        &world.ty(shape),
        &[
            (json!("dot"), &format!("expected {all}, found \"dot\"")),
            (
                json!({"circle": 5}),
                &format!(
                    "expected {all}, found an object of 1 (a variant is {{\"tag\": \"case\", \"value\": ...}})"
                ),
            ),
            (
                json!({"tag": "square"}),
                &format!("expected {all}, found an object of 1 (there is no case `square`)"),
            ),
            (
                json!({"tag": "circle"}),
                &format!("expected {all}, found an object of 1 (`circle` needs a \"value\")"),
            ),
            (
                json!({"tag": "dot", "value": 1}),
                &format!("expected {all}, found an object of 2 (`dot` has no \"value\")"),
            ),
            (
                json!({"tag": "dot", "x": 1}),
                &format!("expected {all}, found an object of 2 (`x` beside \"tag\" and \"value\")"),
            ),
            (json!({"tag": "circle", "value": "x"}), "/value: expected u32, found \"x\""),
        ],
    );
    is(&world.ty(color), &[("%none", "\"none\""), ("red", "\"red\"")]);
    refuses(
        &world.ty(color),
        &[(json!("blue"), "expected enum { none, red }, found \"blue\" (there is no case `blue`)")],
    );

    is(&world.ty(option), &[("none", "null"), ("some(1)", "1")]);
    is(&world.ty(of_color), &[("none", "null"), ("some(%none)", "\"none\"")]);
    is(
        &world.ty(nested),
        &[("none", "null"), ("some(none)", r#"{"some":null}"#), ("some(some(1))", r#"{"some":1}"#)],
    );
    refuses(
        &world.ty(nested),
        &[
            (
                json!(1),
                "expected option<option<u32>>, found 1 (an option in an option is {\"some\": ...})",
            ),
            (json!({"some": "x"}), "/some: expected u32, found \"x\""),
        ],
    );

    is(&world.ty(result), &[("ok(1)", r#"{"ok":1}"#), ("err", r#"{"err":null}"#)]);
    is(&world.ty(optional), &[("ok(some(none))", r#"{"ok":{"some":null}}"#)]);
    let note = r#"(a result is {"ok": ...} or {"err": ...})"#;
    refuses(
        &world.ty(result),
        &[
            (
                json!({"ok": 1, "err": null}),
                &format!("expected result<u32>, found an object of 2 {note}"),
            ),
            (json!(1), &format!("expected result<u32>, found 1 {note}")),
            (json!({"ok": "x"}), "/ok: expected u32, found \"x\""),
            (
                json!({"err": 1}),
                "expected result<u32>, found an object of 1 (`err` carries nothing, so it is null)",
            ),
        ],
    );
}

#[test]
fn handles_have_no_json() {
    let mut world = World::new();
    let file = world.handle("file");
    let option = world.option(file);
    let ty = world.ty(option);
    let TypeDef::Own(id) = *world.ty(file).def() else { unreachable!() };
    let error = json::to_json(&ty, &Value::some(Value::Own(Resource { ty: id, rep: 1 })));
    assert!(matches!(&error, Err(FormatError::Handle { ty, .. }) if ty == "file"), "{error:?}");
    assert_eq!(json::to_json(&ty, &Value::NONE), Ok(Json::Null));
    refuses(&ty, &[(json!(1), "expected file, found 1 (a handle cannot be written as JSON)")]);
}
