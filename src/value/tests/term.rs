//! Terms, by example: what becomes of which, and why something does not.

use super::World;
use crate::value::{FormatError, Resource, Term, Type, TypeDef, Value, check, term, wave};
use serde_json::{Value as Json, json};

fn of(def: TypeDef) -> Type {
    let mut world = World::new();
    let id = world.id(def);
    world.ty(id)
}

fn list(items: impl IntoIterator<Item = Term>) -> Term {
    Term::List(items.into_iter().collect())
}

fn map<const N: usize>(entries: [(&str, Term); N]) -> Term {
    Term::record(entries)
}

fn bytes(bytes: &[u8]) -> Term {
    Term::Bytes(bytes.into())
}

use Term::{Bool, Float, Int, Nil, Uint};

/// WAVE, and the same value as a term; back again too.
#[track_caller]
fn is(ty: &Type, table: &[(&str, Term)]) {
    for (text, term) in table {
        let value = wave::parse(ty, text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(term::from_value(ty, &value).as_ref(), Ok(term), "{text}");
        takes(ty, &[(term.clone(), text)]);
    }
}

/// Terms that are taken for a value.
#[track_caller]
fn takes(ty: &Type, table: &[(Term, &str)]) {
    for (term, text) in table {
        let read = term::to_value(ty, term).unwrap_or_else(|error| panic!("{term:?}: {error}"));
        let value = wave::parse(ty, text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(wave::format(ty, &read), wave::format(ty, &value), "{term:?}");
    }
}

/// Terms that are not taken, and what we say.
#[track_caller]
fn refuses(ty: &Type, table: &[(Term, &str)]) {
    for (term, message) in table {
        let error = term::to_value(ty, term).expect_err(message).to_string();
        assert_eq!(error, *message, "{term:?}");
    }
}

#[test]
fn integers_keep_their_width() {
    let (most, beyond) = (i64::MAX, 1u64 << 63);
    is(&of(TypeDef::U64), &[("9223372036854775807", Int(most))]);
    is(&of(TypeDef::U64), &[("9223372036854775808", Uint(beyond))]);
    is(&of(TypeDef::S64), &[("-9223372036854775808", Int(i64::MIN))]);
    is(&of(TypeDef::S8), &[("-128", Int(-128))]);
    let ty = of(TypeDef::U8);
    takes(&ty, &[(Float(3.0), "3"), (Float(-0.0), "0")]);
    let (range, whole) = ("(a u8 goes from 0 to 255)", "(not a whole number, or not an exact one)");
    refuses(
        &ty,
        &[
            (Int(256), &format!("expected u8, found 256 {range}")),
            (Int(-1), &format!("expected u8, found -1 {range}")),
            (Uint(u64::MAX), &format!("expected u8, found 18446744073709551615 {range}")),
            (Float(1.5), &format!("expected u8, found 1.5 {whole}")),
            (Float(f64::NAN), &format!("expected u8, found NaN {whole}")),
            ("1".into(), "expected u8, found \"1\""),
            (Nil, "expected u8, found nil"),
        ],
    );
    refuses(&of(TypeDef::U64), &[(Float(1e17), &format!("expected u64, found 1e17 {whole}"))]);
    let range = "expected s64, found 9223372036854775808 (an s64 goes from \
                 -9223372036854775808 to 9223372036854775807)";
    refuses(&of(TypeDef::S64), &[(Uint(beyond), range)]);
}

#[test]
fn floats_take_integers_that_they_are() {
    is(&of(TypeDef::F64), &[("0.1", Float(0.1)), ("inf", Float(f64::INFINITY))]);
    is(&of(TypeDef::F32), &[("0.5", Float(0.5))]);
    takes(
        &of(TypeDef::F64),
        &[
            (Int(-3), "-3"),
            (Int(1 << 53), "9007199254740992"),
            (Uint(1 << 63), "9223372036854775808"),
            ("NaN".into(), "nan"),
            ("-Infinity".into(), "-inf"),
            (Float(f64::NAN), "nan"),
        ],
    );
    takes(&of(TypeDef::F32), &[(Float(0.1), "0.1"), (Int(1 << 24), "16777216")]);
    let inexact = "(no float is exactly this)";
    let odd = (1i64 << 53) + 1;
    refuses(
        &of(TypeDef::F64),
        &[
            (Int(odd), &format!("expected f64, found {odd} {inexact}")),
            (Int(i64::MAX), &format!("expected f64, found {} {inexact}", i64::MAX)),
            (Bool(true), "expected f64, found true"),
        ],
    );
    refuses(
        &of(TypeDef::F32),
        &[
            (Int((1 << 24) + 1), &format!("expected f32, found 16777217 {inexact}")),
            (Float(1e39), "expected f32, found 1e39 (the largest is 3.4028235e38)"),
        ],
    );
}

#[test]
fn text_and_bytes() {
    is(&of(TypeDef::Bool), &[("true", Bool(true))]);
    is(&of(TypeDef::Char), &[("'👋'", "👋".into())]);
    is(&of(TypeDef::String), &[("\"a\\n\"", "a\n".into())]);
    refuses(
        &of(TypeDef::Char),
        &[("ab".into(), "expected char, found \"ab\" (a char is a string of one character)")],
    );
    refuses(&of(TypeDef::String), &[(bytes(b"ab"), "expected string, found 2 bytes")]);

    let mut world = World::new();
    let u8s = world.list(TypeDef::U8);
    let s8s = world.list(TypeDef::S8);
    let u8_ = world.id(TypeDef::U8);
    let two = world.id(TypeDef::FixedList(u8_, 2));
    is(&world.ty(u8s), &[("[1, 2]", bytes(&[1, 2])), ("[]", bytes(&[]))]);
    takes(
        &world.ty(u8s),
        &[(list([Int(1), Int(2)]), "[1, 2]"), ("é".into(), "[195, 169]"), (map([]), "[]")],
    );
    refuses(
        &world.ty(u8s),
        &[(list([Int(1), Int(256)]), "/1: expected u8, found 256 (a u8 goes from 0 to 255)")],
    );
    is(&world.ty(s8s), &[("[1, -2]", list([Int(1), Int(-2)]))]);
    refuses(&world.ty(s8s), &[(bytes(&[1]), "expected list<s8>, found 1 bytes")]);
    is(&world.ty(two), &[("[1, 2]", bytes(&[1, 2]))]);
    refuses(&world.ty(two), &[(bytes(&[1]), "expected list<u8, 2>, found 1 bytes (1 elements)")]);
}

#[test]
fn lists_tuples_and_maps() {
    let mut world = World::new();
    let u16_ = world.id(TypeDef::U16);
    let strings = world.list(TypeDef::String);
    let pair = world.tuple(&[u16_, strings]);
    let ages = world.map(TypeDef::String, TypeDef::U8);
    let names = world.map(TypeDef::U8, TypeDef::String);

    is(&world.ty(strings), &[("[\"a\"]", list(["a".into()])), ("[]", list([]))]);
    takes(&world.ty(strings), &[(map([]), "[]")]);
    is(&world.ty(pair), &[("(1, [\"a\"])", list([Int(1), list(["a".into()])]))]);
    is(&world.ty(ages), &[("{\"b\": 1, \"a\": 2}", map([("b", Int(1)), ("a", Int(2))]))]);
    is(&world.ty(names), &[("{1: \"one\"}", Term::Map(vec![(Int(1), "one".into())]))]);
    takes(
        &world.ty(ages),
        &[(list([]), "{}"), (map([("a", Int(1)), ("a", Int(2))]), "{\"a\": 2}")],
    );
    takes(&world.ty(names), &[(list([list([Int(1), "one".into()])]), "{1: \"one\"}")]);

    refuses(
        &world.ty(strings),
        &[
            (list(["a".into(), Nil]), "/1: expected string, found nil"),
            (map([("a", Nil)]), "expected list<string>, found a map of 1"),
        ],
    );
    refuses(
        &world.ty(pair),
        &[(
            list([Int(1)]),
            "expected tuple<u16, list<string>>, found a list of 1 (1 elements instead of 2)",
        )],
    );
    refuses(
        &world.ty(ages),
        &[
            (map([("a", Nil)]), "/a: expected u8, found nil"),
            (Term::Map(vec![(Int(1), Nil)]), "/0/key: expected string, found 1"),
            (
                list([Int(1)]),
                "/0: expected map<string, u8>, found 1 (an entry is an array of key and value)",
            ),
        ],
    );
    let one = Term::Map(vec![(Int(1), Int(1))]);
    refuses(&world.ty(names), &[(one, "/0/value: expected string, found 1")]);
}

#[test]
fn records_leave_out_what_is_nil() {
    let mut world = World::new();
    let string = world.id(TypeDef::String);
    let option = world.option(string);
    let nested = world.option(option);
    let record = world.record(&[("the-name", string), ("nick", option)]);
    let ty = world.ty(record);
    is(
        &ty,
        &[(
            "{the-name: \"a\", nick: \"b\"}",
            map([("the-name", "a".into()), ("nick", "b".into())]),
        )],
    );
    takes(
        &ty,
        &[
            (map([("the-name", "a".into())]), "{the-name: \"a\"}"),
            (map([("nick", Nil), ("the-name", "a".into())]), "{the-name: \"a\"}"),
        ],
    );
    let shown = "record { the-name: string, nick: option<string> }";
    refuses(
        &ty,
        &[
            (
                map([]),
                &format!("expected {shown}, found a map of 0 (the field `the-name` is missing)"),
            ),
            (
                list([]),
                &format!("expected {shown}, found a list of 0 (the field `the-name` is missing)"),
            ),
            (
                map([("the-name", "a".into()), ("age", Nil)]),
                &format!("expected {shown}, found a map of 2 (there is no field `age`)"),
            ),
            (
                map([("the-name", "a".into()), ("the-name", "b".into())]),
                &format!("expected {shown}, found a map of 2 (a field is given twice)"),
            ),
            (map([("the-name", Int(1))]), "/the-name: expected string, found 1"),
            (Term::Map(vec![(Int(1), Nil)]), &format!("expected {shown}, found a map of 1")),
        ],
    );
    is(&world.ty(option), &[("none", Nil), ("some(\"a\")", "a".into())]);
    is(
        &world.ty(nested),
        &[
            ("none", Nil),
            ("some(none)", map([("some", Nil)])),
            ("some(some(\"a\"))", map([("some", "a".into())])),
        ],
    );
    refuses(
        &world.ty(nested),
        &[(
            "a".into(),
            "expected option<option<string>>, found \"a\" (an option in an option is {some = ...})",
        )],
    );
}

#[test]
fn lists_with_holes() {
    let at = |entries: &[(i64, i64)]| {
        Term::Map(entries.iter().map(|(at, value)| (Int(*at), Int(*value))).collect())
    };
    let packed = |term: Term, n: i64| {
        let Term::Map(mut entries) = term else { return term };
        entries.push(("n".into(), Int(n)));
        Term::Map(entries)
    };
    let mut world = World::new();
    let u16_ = world.id(TypeDef::U16);
    let maybe = world.option(u16_);
    let many = world.id(TypeDef::List(maybe));
    let three = world.id(TypeDef::FixedList(maybe, 3));
    let triple = world.tuple(&[u16_, maybe, maybe]);
    let numbers = world.list(TypeDef::U16);
    let string = world.id(TypeDef::String);
    let scores = world.id(TypeDef::Map(string, maybe));

    is(&world.ty(many), &[("[some(1), none]", list([Int(1), Nil])), ("[none]", list([Nil]))]);
    takes(
        &world.ty(many),
        &[
            (at(&[(1, 1), (3, 3)]), "[some(1), none, some(3)]"),
            (at(&[(2, 2)]), "[none, some(2)]"),
            (at(&[(10, 1)]), "[none, none, none, none, none, none, none, none, none, some(1)]"),
            (packed(at(&[(1, 1)]), 2), "[some(1), none]"),
            (packed(at(&[]), 1), "[none]"),
        ],
    );
    let found = "expected list<option<u16>>, found a map of";
    refuses(
        &world.ty(many),
        &[
            (
                at(&[(1, 1), (1000, 2)]),
                &format!("{found} 2 (too many holes for a list: 2 of the positions up to 1000)"),
            ),
            (packed(at(&[(1, 1)]), 1 << 40), &format!("{found} 2 (too many values are left out)")),
            (packed(at(&[(3, 1)]), 2), &format!("{found} 2")),
            (at(&[(0, 1)]), &format!("{found} 1")),
            (at(&[(i64::MIN, 1)]), &format!("{found} 1")),
            (
                at(&[(i64::MAX, 1)]),
                &format!(
                    "{found} 1 (too many holes for a list: 1 of the positions up to {})",
                    i64::MAX
                ),
            ),
        ],
    );
    refuses(&world.ty(numbers), &[(at(&[(1, 1), (3, 3)]), "/1: expected u16, found nil")]);

    // The type says how many there are.
    takes(
        &world.ty(triple),
        &[
            (list([Int(1)]), "(1, none, none)"),
            (list([Int(1), Int(2)]), "(1, some(2), none)"),
            (at(&[(1, 1), (3, 3)]), "(1, none, some(3))"),
        ],
    );
    let tuple = "expected tuple<u16, option<u16>, option<u16>>, found";
    refuses(
        &world.ty(triple),
        &[
            (list([]), &format!("{tuple} a list of 0 (0 elements instead of 3)")),
            (at(&[(2, 2)]), "/0: expected u16, found nil"),
            (at(&[(1, 1), (4, 4)]), &format!("{tuple} a map of 2 (4 elements instead of 3)")),
        ],
    );
    takes(
        &world.ty(three),
        &[(map([]), "[none, none, none]"), (list([Int(1)]), "[some(1), none, none]")],
    );

    // A map keeps its keys without a value.
    is(
        &world.ty(scores),
        &[(
            "{\"a\": some(1), \"b\": none}",
            list([list(["a".into(), Int(1)]), list(["b".into(), Nil])]),
        )],
    );
    takes(
        &world.ty(scores),
        &[
            (map([("a", Int(1))]), "{\"a\": some(1)}"),
            (list([list(["b".into()])]), "{\"b\": none}"),
        ],
    );
}

#[test]
fn cases_and_flags() {
    let mut world = World::new();
    let u8_ = world.id(TypeDef::U8);
    let maybe = world.option(u8_);
    let variant = world.variant(&[("number", Some(u8_)), ("maybe", Some(maybe)), ("none", None)]);
    let plain = world.result(None, None);
    let result = world.result(Some(u8_), None);
    let color = world.enumeration(&["red", "green"]);
    let flags = world.flags(&["read", "write"]);
    let tag = |tag: &str| map([("tag", tag.into())]);
    let tagged = |tag: &str, value| map([("tag", tag.into()), ("value", value)]);

    is(&world.ty(variant), &[("number(1)", tagged("number", Int(1))), ("%none", tag("none"))]);
    takes(&world.ty(variant), &[(tag("maybe"), "maybe(none)"), (tagged("none", Nil), "%none")]);
    let shown = "variant { number(u8), maybe(option<u8>), none }";
    let wants = r#"(a variant is {tag = "case", value = ...})"#;
    refuses(
        &world.ty(variant),
        &[
            (map([]), &format!("expected {shown}, found a map of 0 {wants}")),
            (
                tag("number"),
                &format!("expected {shown}, found a map of 1 (`number` needs a \"value\")"),
            ),
            (
                tagged("none", Int(1)),
                &format!("expected {shown}, found a map of 2 (`none` has no \"value\")"),
            ),
            (
                tag("other"),
                &format!("expected {shown}, found a map of 1 (there is no case `other`)"),
            ),
            (tagged("number", Int(-1)), "/value: expected u8, found -1 (a u8 goes from 0 to 255)"),
        ],
    );
    is(&world.ty(plain), &[("ok", map([("ok", Bool(true))])), ("err", map([("err", Bool(true))]))]);
    takes(&world.ty(plain), &[(map([("ok", Nil)]), "ok")]);
    is(&world.ty(result), &[("ok(1)", map([("ok", Int(1))]))]);
    refuses(
        &world.ty(result),
        &[
            (
                map([]),
                "expected result<u8>, found a map of 0 (a result is {ok = ...} or {err = ...})",
            ),
            (
                map([("err", Int(1))]),
                "expected result<u8>, found a map of 1 (`err` carries nothing, so it is nil)",
            ),
        ],
    );
    is(&world.ty(color), &[("green", "green".into())]);
    is(&world.ty(flags), &[("{write}", list(["write".into()])), ("{}", list([]))]);
    takes(&world.ty(flags), &[(map([]), "{}")]);
    refuses(
        &world.ty(flags),
        &[(
            list(["execute".into()]),
            "/0: expected flags { read, write }, found \"execute\" (there is no such flag)",
        )],
    );
}

#[test]
fn handles_do_not_travel() {
    let mut world = World::new();
    let handle = world.handle("file");
    let ty = world.ty(handle);
    let refused = term::from_value(&ty, &Value::Own(Resource::host(1)));
    assert!(matches!(refused, Err(FormatError::Handle { .. })), "{refused:?}");
    assert!(term::to_value(&ty, &Int(1)).unwrap_err().to_string().contains("handle"));
    assert!(matches!(
        term::from_value(&of(TypeDef::U8), &Value::U16(1)),
        Err(FormatError::Mismatch(_))
    ));
}

#[test]
fn terms_are_json_without_types() {
    let table = [
        (Nil, json!(null)),
        (Bool(true), json!(true)),
        (Int(-1), json!(-1)),
        (Uint(u64::MAX), json!(u64::MAX)),
        (Float(0.5), json!(0.5)),
        ("a".into(), json!("a")),
        (list([Int(1), list([])]), json!([1, []])),
        (map([("b", Int(1)), ("a", Nil)]), json!({"b": 1, "a": null})),
    ];
    for (term, json) in table {
        assert_eq!(term::to_json(&term).as_ref(), Ok(&json));
        assert_eq!(term::from_json(&json), Ok(term));
    }
    let only_written = [
        (bytes(&[1, 255]), json!([1, 255])),
        (Term::Map(vec![(Int(1), "a".into())]), json!([[1, "a"]])),
        (Float(f64::NAN), json!("NaN")),
        (Float(f64::NEG_INFINITY), json!("-Infinity")),
    ];
    for (term, json) in only_written {
        assert_eq!(term::to_json(&term), Ok(json));
    }
    assert_eq!(term::from_json(&json!(1.0)), Ok(Float(1.0)));
}

#[test]
fn depth_is_bounded() {
    let (mut term, mut json) = (Nil, Json::Null);
    for depth in 0..200 {
        let fits = depth <= 100;
        assert_eq!(term::to_json(&term).is_ok(), fits, "{depth}");
        assert_eq!(term::from_json(&json).is_ok(), fits, "{depth}");
        term = list([term]);
        json = json!([json]);
    }
    let error = term::to_json(&term).unwrap_err().to_string();
    assert_eq!(error, "nested more than 100 deep");
    // Whatever the term, the type is what is followed.
    let ty = of(TypeDef::String);
    assert_eq!(
        term::to_value(&ty, &term).unwrap_err().to_string(),
        "expected string, found a list of 1"
    );
    assert_eq!(check(&ty, &"a".into()), Ok(()));
}
