//! WAVE, by example.

use super::World;
use crate::value::{Type, TypeDef, Value, wave};

fn of(def: TypeDef) -> Type {
    let mut world = World::new();
    let id = world.id(def);
    world.ty(id)
}

/// Text that is read, and how we write the value ourselves.
#[track_caller]
fn reads(ty: &Type, table: &[(&str, &str)]) {
    for (text, written) in table {
        let value = wave::parse(ty, text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(wave::format(ty, &value).as_deref(), Ok(*written), "{text}");
    }
}

/// Text that is not read, and what we say.
#[track_caller]
fn refuses(ty: &Type, table: &[(&str, &str)]) {
    for (text, message) in table {
        let error = wave::parse(ty, text).expect_err(text).to_string();
        assert_eq!(error, *message, "{text}");
    }
}

#[test]
fn bools() {
    let ty = of(TypeDef::Bool);
    reads(&ty, &[("true", "true"), (" false // not yet", "false"), ("true//", "true")]);
    refuses(
        &ty,
        &[
            ("1", "column 1: expected bool, found `1`; for example true"),
            ("TRUE", "column 1: expected bool, found `TRUE`; for example true"),
            ("", "column 1: expected bool, found the end of the text; for example true"),
            (
                "true false",
                "column 6: expected bool, found `false` (more text after the value); for example true",
            ),
        ],
    );
}

#[test]
fn integers() {
    let ty = of(TypeDef::U8);
    reads(&ty, &[("0", "0"), ("255", "255"), ("\n 7 \t", "7")]);
    refuses(
        &ty,
        &[
            ("300", "column 1: expected u8, found `300` (a u8 goes from 0 to 255); for example 0"),
            ("-1", "column 1: expected u8, found `-1` (a u8 goes from 0 to 255); for example 0"),
            (
                "1.0",
                "column 1: expected u8, found `1.0` (a u8 is written with digits alone); for example 0",
            ),
            (
                "inf",
                "column 1: expected u8, found `inf` (a u8 is written with digits alone); for example 0",
            ),
            ("007", "column 2: expected u8, found `0` (more text after the value); for example 0"),
            (
                "0x10",
                "column 2: expected u8, found `x10` (more text after the value); for example 0",
            ),
            ("+1", "column 1: expected u8, found `+` (no value begins like this); for example 0"),
            ("\"1\"", "column 1: expected u8, found `\"1\"`; for example 0"),
        ],
    );
    reads(&of(TypeDef::S8), &[("-128", "-128"), ("-0", "0")]);
    reads(&of(TypeDef::S64), &[("-9223372036854775808", "-9223372036854775808")]);
    reads(&of(TypeDef::U64), &[("18446744073709551615", "18446744073709551615")]);
    refuses(
        &of(TypeDef::S32),
        &[(
            "2147483648",
            "column 1: expected s32, found `2147483648` (an s32 goes from -2147483648 to 2147483647); for example 0",
        )],
    );
}

#[test]
fn floats() {
    let ty = of(TypeDef::F64);
    reads(
        &ty,
        &[
            ("1", "1"),
            ("-0.0", "-0"),
            ("1.5e3", "1500"),
            ("0.1", "0.1"),
            ("nan", "nan"),
            ("inf", "inf"),
            ("-inf", "-inf"),
            ("1e-999", "0"),
        ],
    );
    refuses(
        &ty,
        &[
            (
                "1e999",
                "column 1: expected f64, found `1e999` (the largest is 1.7976931348623157e308; or write inf); for example 0.5",
            ),
            (
                "-nan",
                "column 1: expected f64, found `-` (no value begins like this); for example 0.5",
            ),
            (
                ".5",
                "column 1: expected f64, found `.` (no value begins like this); for example 0.5",
            ),
            (
                "1.",
                "column 2: expected f64, found `.` (more text after the value); for example 0.5",
            ),
        ],
    );
    reads(&of(TypeDef::F32), &[("0.1", "0.1"), ("16777217", "16777216")]);
    refuses(
        &of(TypeDef::F32),
        &[(
            "1e39",
            "column 1: expected f32, found `1e39` (the largest is 3.4028235e38; or write inf); for example 0.5",
        )],
    );
    // There is one NaN: neither its sign nor its payload is written or read.
    let nan = wave::parse(&of(TypeDef::F32), "nan").unwrap();
    assert!(matches!(nan, Value::F32(v) if v.to_bits() == 0x7fc0_0000));
}

#[test]
fn chars_and_strings() {
    let ty = of(TypeDef::Char);
    reads(
        &ty,
        &[
            ("'a'", "'a'"),
            ("'\"'", r#"'\"'"#),
            (r"'\''", r"'\''"),
            (r"'\u{1f44b}'", "'👋'"),
            (r"'\u{0}'", r"'\u{0}'"),
            ("'\u{301}'", r"'\u{301}'"),
        ],
    );
    let escapes = r#"the escapes are \" \' \\ \n \r \t and \u{...}, a Unicode scalar value"#;
    let refused = |text: &str, found: &str, note: &str| {
        let error = wave::parse(&ty, text).expect_err(text);
        assert_eq!((error.found.as_str(), error.note.as_deref()), (found, Some(note)), "{text}");
    };
    refused(r"'\u{d800}'", r"`'\u{d800}'`", escapes);
    refused(r"'\u{110000}'", r"`'\u{110000}'`", escapes);
    refused("'ab'", "`'ab'`", "between the quotes stands one character, or an escape");
    refused("''", "`'`", "between the quotes stands one character, or an escape");

    let ty = of(TypeDef::String);
    reads(
        &ty,
        &[
            ("\"\"", "\"\""),
            ("\"it's\"", r#""it\'s""#),
            (r#""a\tb\"c\\""#, r#""a\tb\"c\\""#),
            ("\"// no comment\"", "\"// no comment\""),
            // Several lines: the indent of the last is taken from all.
            ("\"\"\"\n  one\n    two\n  \"\"\"", r#""one\n  two""#),
        ],
    );
    refuses(
        &ty,
        &[
            ("hello", "column 1: expected string, found `hello`; for example \"text\""),
            ("'a'", "column 1: expected string, found `'a'`; for example \"text\""),
            (
                "\"a",
                "column 1: expected string, found `\"a` (no end of the string, or an escape that does not exist); for example \"text\"",
            ),
            (
                r#""\u{d800}""#,
                "column 2: expected string, found `\\` (the escapes are \\\" \\' \\\\ \\n \\r \\t and \\u{...}, a Unicode scalar value); for example \"text\"",
            ),
            (
                "\"\"\"é\"\"\"",
                "column 3: expected string, found `\"é` (closing \"\"\" must be on a line preceded only by spaces); for example \"text\"",
            ),
            // What we show is safe to print.
            ("'\u{1b}'", "column 1: expected string, found `'\\u{1b}'`; for example \"text\""),
        ],
    );
}

#[test]
fn lists_and_tuples() {
    let mut world = World::new();
    let bytes = world.list(TypeDef::U8);
    let strings = world.list(TypeDef::String);
    let u16_ = world.id(TypeDef::U16);
    let three = world.id(TypeDef::FixedList(u16_, 3));
    let one = world.tuple(&[u16_]);
    let pair = world.tuple(&[u16_, strings]);

    reads(
        &world.ty(bytes),
        &[("[]", "[]"), ("[1, 2,]", "[1, 2]"), ("[1,\n // two\n 2]", "[1, 2]")],
    );
    let value = wave::parse(&world.ty(bytes), "[7, 8]").unwrap();
    assert!(matches!(&value, Value::List(list) if list.as_bytes() == Some(&[7, 8])));
    refuses(
        &world.ty(bytes),
        &[
            (
                "[1,\n 2, -3]",
                "line 2, column 5: expected u8, found `-3` (a u8 goes from 0 to 255); for example 0",
            ),
            ("[1 2]", "column 4: expected list<u8>, found `2`; for example [0]"),
            ("[1", "column 3: expected list<u8>, found the end of the text; for example [0]"),
            ("{1}", "column 3: expected list<u8>, found `}`; for example [0]"),
        ],
    );
    reads(&world.ty(strings), &[("[\"a\"]", "[\"a\"]")]);
    refuses(
        &world.ty(strings),
        &[("[a]", "column 2: expected string, found `a`; for example \"text\"")],
    );

    reads(&world.ty(three), &[("[1, 2, 3]", "[1, 2, 3]")]);
    refuses(
        &world.ty(three),
        &[(
            "[1, 2]",
            "column 1: expected list<u16, 3>, found `[1, 2]` (2 elements); for example [0, 0, 0]",
        )],
    );

    reads(&world.ty(one), &[("(1)", "(1)"), ("(1,)", "(1)")]);
    reads(&world.ty(pair), &[("(1, [])", "(1, [])")]);
    refuses(
        &world.ty(pair),
        &[
            (
                "(1)",
                "column 1: expected tuple<u16, list<string>>, found `(1)` (1 elements instead of 2); for example (0, [\"text\"])",
            ),
            (
                "()",
                "column 1: expected tuple<u16, list<string>>, found `()` (a tuple has at least one element); for example (0, [\"text\"])",
            ),
        ],
    );
}

#[test]
fn records_and_flags() {
    let mut world = World::new();
    let u32_ = world.id(TypeDef::U32);
    let option = world.option(u32_);
    let point = world.record(&[("x", u32_), ("true", u32_), ("z", option)]);
    let options = world.record(&[("a", option), ("b", option)]);
    let flags = world.flags(&["read", "write", "none"]);

    reads(
        &world.ty(point),
        &[
            ("{x: 1, true: 2, z: 3}", "{x: 1, true: 2, z: some(3)}"),
            // In any order, without the options, with marks.
            ("{%true: 2, %x: 1,}", "{x: 1, true: 2}"),
        ],
    );
    let all = "record { x: u32, true: u32, z: option<u32> }";
    let example = "{x: 0, true: 0, z: some(0)}";
    refuses(
        &world.ty(point),
        &[
            (
                "{x: 1}",
                &format!(
                    "column 1: expected {all}, found `{{x: 1}}` (the field `true` is missing); for example {example}"
                ),
            ),
            (
                "{x: 1, true: 2, yes: 1}",
                &format!(
                    "column 17: expected {all}, found `yes` (there is no such field); for example {example}"
                ),
            ),
            (
                "{x: 1, x: 1, true: 2}",
                &format!(
                    "column 8: expected {all}, found `x` (this field stands here twice); for example {example}"
                ),
            ),
            ("{}", &format!("column 1: expected {all}, found `{{}}`; for example {example}")),
            (
                "{\"x\": 1, true: 2}",
                &format!("column 2: expected {all}, found `\"x\"`; for example {example}"),
            ),
            ("{x: 1, true: a}", "column 14: expected u32, found `a`; for example 0"),
        ],
    );
    reads(&world.ty(options), &[("{:}", "{:}"), ("{b: 1}", "{b: some(1)}")]);

    reads(
        &world.ty(flags),
        &[
            ("{}", "{}"),
            ("{write, read}", "{read, write}"),
            ("{none}", "{none}"),
            ("{%none,}", "{none}"),
        ],
    );
    let all = "flags { read, write, none }";
    refuses(
        &world.ty(flags),
        &[
            (
                "{red}",
                &format!(
                    "column 2: expected {all}, found `red` (there is no such flag); for example {{read}}"
                ),
            ),
            (
                "{read, read}",
                &format!(
                    "column 8: expected {all}, found `read` (this flag stands here twice); for example {{read}}"
                ),
            ),
            ("read", &format!("column 1: expected {all}, found `read`; for example {{read}}")),
        ],
    );
}

#[test]
fn variants_and_enums() {
    let mut world = World::new();
    let u32_ = world.id(TypeDef::U32);
    let shape = world.variant(&[("dot", None), ("circle", Some(u32_)), ("err", Some(u32_))]);
    let color = world.enumeration(&["none", "red"]);

    reads(
        &world.ty(shape),
        &[
            ("dot", "dot"),
            ("circle( 5 )", "circle(5)"),
            ("%circle(5)", "circle(5)"),
            // A case called like a keyword.
            ("%err(5)", "%err(5)"),
        ],
    );
    let all = "variant { dot, circle(u32), err(u32) }";
    refuses(
        &world.ty(shape),
        &[
            (
                "square",
                &format!(
                    "column 1: expected {all}, found `square` (there is no case `square`); for example dot"
                ),
            ),
            (
                "dot(1)",
                &format!(
                    "column 1: expected {all}, found `dot(1)` (this case stands alone, without (...)); for example dot"
                ),
            ),
            (
                "circle",
                &format!(
                    "column 1: expected {all}, found `circle` (this case carries a value: circle(0)); for example dot"
                ),
            ),
            (
                "err(5)",
                &format!(
                    "column 1: expected {all}, found `err(5)` (`err` is a word of WAVE; write %err); for example dot"
                ),
            ),
            ("circle(x)", "column 8: expected u32, found `x`; for example 0"),
        ],
    );

    reads(&world.ty(color), &[("red", "red"), ("%none", "%none")]);
    let all = "enum { none, red }";
    refuses(
        &world.ty(color),
        &[
            (
                "none",
                &format!(
                    "column 1: expected {all}, found `none` (`none` is a word of WAVE; write %none); for example %none"
                ),
            ),
            (
                "blue",
                &format!(
                    "column 1: expected {all}, found `blue` (`blue` is not one of them); for example %none"
                ),
            ),
            ("\"red\"", &format!("column 1: expected {all}, found `\"red\"`; for example %none")),
        ],
    );
}

#[test]
fn options_and_results() {
    let mut world = World::new();
    let u32_ = world.id(TypeDef::U32);
    let string = world.id(TypeDef::String);
    let option = world.option(u32_);
    let nested = world.option(option);
    let both = world.result(Some(u32_), Some(string));
    let neither = world.result(None, None);
    let of_option = world.result(Some(option), None);

    reads(&world.ty(option), &[("none", "none"), ("some(1)", "some(1)"), ("1", "some(1)")]);
    refuses(
        &world.ty(option),
        &[
            ("x", "column 1: expected option<u32>, found `x`; for example some(0)"),
            (
                "-1",
                "column 1: expected u32, found `-1` (a u32 goes from 0 to 4294967295); for example 0",
            ),
            (
                "some",
                "column 5: expected option<u32>, found the end of the text; for example some(0)",
            ),
            (
                "none(1)",
                "column 5: expected option<u32>, found `(` (more text after the value); for example some(0)",
            ),
        ],
    );
    // No shorthand for an option in an option: `1` could be meant either way.
    reads(
        &world.ty(nested),
        &[
            ("none", "none"),
            ("some(none)", "some(none)"),
            ("some(some(1))", "some(some(1))"),
            ("some(1)", "some(some(1))"),
        ],
    );
    refuses(
        &world.ty(nested),
        &[("1", "column 1: expected option<option<u32>>, found `1`; for example some(some(0))")],
    );

    reads(&world.ty(both), &[("ok(1)", "ok(1)"), ("1", "ok(1)"), ("err(\"no\")", "err(\"no\")")]);
    let all = "result<u32, string>";
    refuses(
        &world.ty(both),
        &[
            (
                "ok",
                &format!(
                    "column 1: expected {all}, found `ok` (this case carries a value: ok(0)); for example ok(0)"
                ),
            ),
            ("\"no\"", &format!("column 1: expected {all}, found `\"no\"`; for example ok(0)")),
        ],
    );
    reads(&world.ty(neither), &[("ok", "ok"), ("err", "err")]);
    refuses(
        &world.ty(neither),
        &[
            (
                "ok(1)",
                "column 1: expected result, found `ok(1)` (this case stands alone, without (...)); for example ok",
            ),
            ("1", "column 1: expected result, found `1`; for example ok"),
        ],
    );
    reads(
        &world.ty(of_option),
        &[("ok(none)", "ok(none)"), ("ok(1)", "ok(some(1))"), ("err", "err")],
    );
    assert!(wave::parse(&world.ty(of_option), "1").is_err());
}

#[test]
fn maps() {
    let mut world = World::new();
    let ages = world.map(TypeDef::String, TypeDef::U8);
    let names = world.map(TypeDef::Bool, TypeDef::String);
    reads(
        &world.ty(ages),
        &[
            ("{}", "{}"),
            ("{:}", "{}"),
            ("{\"b\": 1, \"a\": 2,}", "{\"b\": 1, \"a\": 2}"),
            // The last of the same key counts, in the place of the first.
            (r#"{"a": 1, "b": 2, "\u{61}": 3}"#, "{\"a\": 3, \"b\": 2}"),
        ],
    );
    refuses(
        &world.ty(ages),
        &[
            (
                "{a: 1}",
                "column 2: expected string, found `a` (as the key of a map); for example \"text\"",
            ),
            (
                "[(\"a\", 1)]",
                "column 1: expected map<string, u8>, found `[(\"a\", 1)]`; for example {\"text\": 0}",
            ),
            (
                "{\"a\": 256}",
                "column 7: expected u8, found `256` (a u8 goes from 0 to 255); for example 0",
            ),
        ],
    );
    reads(&world.ty(names), &[("{true: \"yes\"}", "{true: \"yes\"}")]);
}

#[test]
fn handles_have_no_text() {
    let mut world = World::new();
    let file = world.handle("file");
    let record = world.record(&[("log", file)]);
    let stream = world.id(TypeDef::Async("stream"));
    refuses(
        &world.ty(record),
        &[("{log: 3}", "column 7: expected file, found `3` (a handle cannot be written as text)")],
    );
    assert_eq!(wave::example(&world.ty(record)), "{log: <file>}");
    refuses(
        &world.ty(stream),
        &[("1", "column 1: expected stream, found `1` (cannot be written as text)")],
    );

    let TypeDef::Own(ty) = *world.ty(file).def() else { unreachable!() };
    let value = Value::Record(vec![Value::Own(crate::value::Resource { ty, rep: 1 })]);
    let error = wave::format(&world.ty(record), &value).unwrap_err();
    assert_eq!(error.to_string(), "/log: a handle of type file cannot be written as text");
}
