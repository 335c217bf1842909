//! Values as arguments and results: each is sent as a message to a process of one
//! language, which starts one of another with it and tells the log what that has
//! returned. In wasm the other has a type for it, in Lua and Rust it has not.

use std::fmt::Write as _;

use wippy::{command::ErrorKind, host::HostOptions, value::Term};

use crate::{LANGUAGES, Stage, close, node, wait};

/// A value, and the function of `types.wasm` that gives it back.
struct Case {
    function: &'static str,
    value: Term,
    /// The values that some pairs of languages make of it, where they do not give it back as it is.
    but: Vec<(&'static str, Term, &'static str)>,
}

fn case(function: &'static str, value: impl Into<Term>) -> Case {
    Case { function, value: value.into(), but: Vec::new() }
}

impl Case {
    fn but(mut self, pair: &'static str, value: impl Into<Term>, why: &'static str) -> Case {
        self.but.push((pair, value.into(), why));
        self
    }
}

fn list<const N: usize>(items: [Term; N]) -> Term {
    Term::List(items.into())
}

fn bytes(bytes: &[u8]) -> Term {
    Term::Bytes(bytes.into())
}

fn point(x: i64, y: i64) -> Term {
    Term::record([("x", x.into()), ("y", y.into())])
}

fn line(weight: Option<Term>) -> Term {
    let mut fields = vec![("start", point(1, -2)), ("end", point(3, 4)), ("name", "ä€😀".into())];
    fields.extend(weight.map(|weight| ("weight", weight)));
    Term::record(fields)
}

fn variant(tag: &str, value: Term) -> Term {
    Term::record([("tag", tag.into()), ("value", value)])
}

fn cases() -> Vec<Case> {
    let invalid = || ErrorKind::Invalid.name();
    let too_large = "Lua has no integers so large";
    let string = "a string in Lua is text if it can be";
    let top = "a result that a method returns is its value or its error";
    let unset = "a table in Lua has no field that is nil";
    vec![
        case("echo-bool", true),
        case("echo-bool", false),
        case("echo-s8", -128),
        case("echo-u8", 255),
        case("echo-u8", 256).but("*-wasm", invalid(), "does not fit the type"),
        case("echo-u8", "12").but("*-wasm", invalid(), "is of another type"),
        case("echo-s64", i64::MIN),
        case("echo-u64", i64::MAX),
        case("echo-u64", Term::Uint(u64::MAX)).but("lua-*", invalid(), too_large).but(
            "*-lua",
            invalid(),
            too_large,
        ),
        case("echo-f64", 0.1),
        case("echo-f64", 1.0),
        case("echo-f64", f64::INFINITY),
        case("echo-char", "😀"),
        case("echo-string", ""),
        case("echo-string", "a\0b\nä€😀"),
        case("echo-list-u8", bytes(&[0, 255, 128])),
        case("echo-list-u8", bytes(b"text"))
            .but("lua-*", "text", string)
            .but("*-lua", "text", string),
        case("echo-list-u64", list([Term::Int(0), Term::Uint(u64::MAX)]))
            .but("lua-*", invalid(), too_large)
            .but("*-lua", invalid(), too_large),
        case("echo-list-string", list([])),
        case("echo-list-string", list(["a".into(), "ä€😀".into()])),
        case("echo-list-list", list([list([]), list([1.into(), 2.into()])])),
        case("echo-list-option", list(["a".into(), Term::Nil, "b".into()])),
        case("echo-list-option", list([Term::Nil, Term::Nil])),
        case("echo-tuple", list([1.into(), "two".into(), 3.5.into()])),
        case("echo-point", point(1, -2)),
        case("echo-line", line(Some(0.5.into()))),
        case("echo-line", line(Some(Term::Nil))).but("lua-*", line(None), unset).but(
            "*-lua",
            line(None),
            unset,
        ),
        case("echo-shape", Term::record([("tag", "none".into())])),
        case("echo-shape", variant("circle", 2.5.into())),
        case("echo-shape", variant("box", line(Some(0.5.into())))),
        case("echo-colour", "green"),
        case("echo-flags9", list([])),
        case("echo-option", Term::Nil),
        case("echo-option", 7),
        case("echo-option-option", Term::record([("some", 7.into())])),
        case("echo-option-option", Term::record([("some", Term::Nil)])),
        case("echo-result-both", Term::record([("ok", "fine".into())])).but("*-wasm", "fine", top),
        case("echo-result-both", Term::record([("err", 13.into())])).but(
            "*-wasm",
            "UNKNOWN about 13",
            top,
        ),
        case("echo-result-result", Term::record([("ok", Term::record([("err", "no".into())]))]))
            .but("*-wasm", Term::record([("err", "no".into())]), top),
    ]
}

/// The entries of the functions.
pub fn entries(hash: &str) -> String {
    let mut functions: Vec<_> = cases().iter().map(|case| case.function).collect();
    functions.dedup();
    let mut entries = String::new();
    for function in functions {
        write!(
            entries,
            "\n  - name: {function}\n    kind: process.wasm\n    fs: app:built\n    \
             path: /types.wasm\n    hash: {hash}\n    method: {function}\n"
        )
        .unwrap();
    }
    entries
}

/// Maps in the order of their keys: Lua keeps no other.
fn sorted(term: &Term) -> Term {
    match term {
        Term::List(items) => Term::List(items.iter().map(sorted).collect()),
        Term::Map(pairs) => {
            let mut pairs: Vec<_> =
                pairs.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            pairs.sort_by_key(|(key, _)| format!("{key:?}"));
            Term::Map(pairs)
        }
        other => other.clone(),
    }
}

#[test]
fn values() {
    let stage = Stage::build("values");
    let (mut wrong, mut count) = (String::new(), 0);
    for case in cases() {
        for pair in LANGUAGES.iter().flat_map(|a| LANGUAGES.iter().map(move |b| (*a, *b))) {
            let (a, b) = pair;
            let means = |pattern: &str| {
                let (first, second) = pattern.split_once('-').expect("two languages");
                (first == "*" || first == a) && (second == "*" || second == b)
            };
            let expected = case.but.iter().find(|(pattern, ..)| means(pattern));
            let expected = sorted(expected.map_or(&case.value, |(_, value, _)| value));
            let other = if b == "wasm" { case.function.to_owned() } else { format!("{b}-echo") };
            let script = format!("a: relay app:{other}\n");
            let (node, told) = node(&stage, HostOptions { workers: Some(1), ..Default::default() });
            let args = ["a", "app:", "", &script].map(Term::from).into();
            let handle = smol::block_on(node.spawn("play", &format!("app:{a}"), args)).unwrap();
            node.send(handle.pid().as_str(), "value", vec![case.value.clone()]).unwrap();
            let ended = wait(async { handle.ended().await });
            close(&node);
            let found: Vec<Term> = told.lock().unwrap().drain(..).map(|(_, what)| what).collect();
            count += 1;
            if found.iter().map(sorted).ne([expected.clone()]) {
                let ended = ended.map(|ended| ended.ending.clone());
                let (function, value) = (case.function, &case.value);
                writeln!(wrong, "{function} {a}-{b}: {value:?} became {found:?}, {ended:?}")
                    .unwrap();
            }
        }
    }
    println!("{count} values");
    assert!(wrong.is_empty(), "\n{wrong}");
}
