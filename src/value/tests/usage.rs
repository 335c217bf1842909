//! Command lines, by example.

use super::World;
use crate::value::{FuncType, TypeDef, Types, Value, usage, wave};
use std::sync::Arc;

/// `func(c: char, scale: f32, tags: list<string>, note: option<string>, deep: option<u8>)`
fn draw() -> (Arc<Types>, FuncType) {
    let mut world = World::new();
    let char_ = world.id(TypeDef::Char);
    let f32_ = world.id(TypeDef::F32);
    let string = world.id(TypeDef::String);
    let u8_ = world.id(TypeDef::U8);
    let tags = world.list(TypeDef::String);
    let (note, deep) = (world.option(string), world.option(u8_));
    let params = world.record(&[
        ("c", char_),
        ("scale", f32_),
        ("tags", tags),
        ("note", note),
        ("deep", deep),
    ]);
    let ty = world.ty(params);
    let TypeDef::Record(params) = ty.def().clone() else { unreachable!() };
    (ty.types().clone(), FuncType { params, ..FuncType::default() })
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn help() {
    let (types, func) = draw();
    assert_eq!(
        usage::usage("draw", &types, &func),
        r#"Usage: draw <c> <scale> <tags> [<note>] [<deep>]

  <c>      char            for example "'a'"
  <scale>  f32             for example 0.5
  <tags>   list<string>    for example '["text"]'
  <note>   option<string>  for example 'some("text")'; may be left out
  <deep>   option<u8>      for example 'some(0)'; may be left out

No result.
"#
    );
    assert_eq!(usage::usage("go", &types, &FuncType::default()), "Usage: go\n\nNo result.\n");
}

#[test]
fn words_become_arguments() {
    let (types, func) = draw();
    let parse = |given: &[&str]| usage::parse_arguments(&types, &func, &words(given));
    let arguments = parse(&["'x'", "-2", "[]", "\"hi\""]).unwrap();
    assert_eq!(
        arguments,
        [
            Value::Char('x'),
            Value::F32(-2.0),
            Value::from(Vec::<Value>::new()),
            Value::some("hi"),
            Value::NONE,
        ]
    );
    assert_eq!(parse(&["'x'", "1", "[]", "none", "3"]).unwrap().get(4), Some(&Value::some(3u8)));
}

#[test]
fn words_that_do_not_fit() {
    let (types, func) = draw();
    for (given, message) in [
        (
            &["'x'"][..],
            "the argument <scale> is missing: expected 3 to 5 arguments, found 1
  signature: func(c: char, scale: f32, tags: list<string>, note: option<string>, deep: option<u8>)
  for example: \"'a'\" 0.5 '[\"text\"]'",
        ),
        // The quotes that the shell took away.
        (
            &["x", "1", "[]"],
            "argument 1, <c>: column 1: expected char, found `x`; for example 'a'
  <c> is a char
  for example: \"'a'\"",
        ),
        (
            &["'x'", "big", "[]"],
            "argument 2, <scale>: column 1: expected f32, found `big`; for example 0.5",
        ),
        (
            &["'x'", "1", "[a]"],
            "argument 3, <tags>: column 2: expected string, found `a`; for example \"text\"
  <tags> is a list<string>
  for example: '[\"text\"]'",
        ),
    ] {
        let error = usage::parse_arguments(&types, &func, &words(given)).unwrap_err();
        assert_eq!(error.to_string(), message);
    }

    let none = FuncType::default();
    let error = usage::parse_arguments(&types, &none, &words(&["x"])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there are too many arguments: expected no arguments, found 1\n  signature: func()"
    );
}

#[test]
fn results_are_printed() {
    let mut world = World::new();
    let string = world.id(TypeDef::String);
    let strings = world.list(TypeDef::String);
    let value = Value::from("two\nlines");
    let list = Value::from(vec![value.clone()]);
    assert_eq!(usage::render_result(&world.ty(string), &value).unwrap(), "two\nlines");
    assert_eq!(usage::render_result(&world.ty(strings), &list).unwrap(), r#"["two\nlines"]"#);
    assert!(usage::render_result(&world.ty(string), &list).is_err());
    assert_eq!(
        wave::display(&world.ty(string), &list).to_string(),
        "<expected string, found a list>"
    );
}
