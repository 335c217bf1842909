//! Tests with input that means harm: nothing may panic, hang or grow without
//! bounds, and whatever is accepted must still make a valid component.

use super::{fixtures, options};
use std::fmt::Write;
use wasmparser::{Validator, WasmFeatures};
use wippy::adapter::{AdaptErrorKind, adapt};

fn valid(bytes: &[u8]) -> Result<(), String> {
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(bytes)
        .map(drop)
        .map_err(|e| e.to_string())
}

/// Adapts, and checks the component if the module itself is in order.
fn check(module: &[u8], wit: Option<&str>) {
    if let Ok(adapted) = adapt(module, &options(wit))
        && valid(module).is_ok()
        && let Err(e) = valid(&adapted.component)
    {
        panic!("{e}\nWIT: {wit:?}\nmodule: {module:02x?}");
    }
}

/// A generator whose numbers are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

/// Changes of each fixture, unless `MUTANTS` in the environment says otherwise.
fn rounds() -> usize {
    std::env::var("MUTANTS").ok().and_then(|n| n.parse().ok()).unwrap_or(60)
}

#[test]
fn truncated_modules() {
    for (_, module, wit) in fixtures() {
        for end in 0..module.len() {
            check(&module[..end], wit.as_deref());
        }
    }
}

#[test]
fn changed_modules() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for (_, module, wit) in fixtures() {
        for _ in 0..rounds() {
            let mut module = module.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(module.len());
                module[at] = random.below(256) as u8;
            }
            check(&module, wit.as_deref());
        }
    }
}

#[test]
fn changed_wit() {
    const PIECES: &[&str] = &[
        "func",
        "record",
        "a",
        "f",
        "type",
        "=",
        ":",
        ";",
        "<",
        ">",
        "{",
        "}",
        "(",
        ")",
        ",",
        "->",
        "list<",
        "option<",
        "result<",
        "tuple<",
        "own<",
        "borrow<",
        "resource r {",
        "use",
        "import",
        "export",
        "package a:b;",
        "package a:b {",
        "world w {",
        "interface i {",
        "include w;",
        "%",
        "@",
        "@since(version = 1.0.0)",
        "/*",
        "*/",
        "//",
        "\n",
        "\"",
        "static",
        "constructor()",
        "async",
        "u8",
        "string",
        "point",
        "wasi:io/poll@0.2.0",
        ".{pollable};",
        "_",
        "1",
        "\u{e9}",
        "with",
        "as",
        "enum e { a }",
        "flags g { a }",
        "variant v { a(u8) }",
        "map<",
        "/**/",
        "@unstable(feature = x)",
        "stream<u8>",
        "get()",
        "set(",
        "@external-id(\"x\")",
    ];
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let all = fixtures();
    let texts: Vec<&str> = all.iter().filter_map(|(_, _, wit)| wit.as_deref()).collect();
    for (_, module, wit) in &all {
        let Some(wit) = wit else { continue };
        for _ in 0..rounds() {
            let mut wit = wit.clone();
            for _ in 0..=random.below(7) {
                let boundaries: Vec<usize> = wit.char_indices().map(|(i, _)| i).collect();
                let pick = |at: usize| boundaries.get(at).copied().unwrap_or(wit.len());
                let (a, b) = (random.below(wit.len() + 1), random.below(12));
                let (from, to) = (pick(a), pick(a + b));
                let piece = match random.below(4) {
                    0 => "",
                    1 => {
                        let text = texts[random.below(texts.len())];
                        let items: Vec<&str> = text.split_inclusive([';', '}']).collect();
                        items[random.below(items.len())]
                    }
                    _ => PIECES[random.below(PIECES.len())],
                };
                let end = if random.below(2) == 0 { from } else { to };
                wit.replace_range(from..end, piece);
            }
            check(module, Some(&wit));
        }
    }
}

#[test]
fn counts_without_content() {
    // A section that claims four billion entries, for every section number.
    for id in 0..=14u8 {
        for extra in [&[][..], &[0], &[0x60, 0, 0], &[1, b'x', 0, 0]] {
            let mut module = b"\0asm\x01\0\0\0".to_vec();
            module.extend([id, (5 + extra.len()) as u8, 0xff, 0xff, 0xff, 0xff, 0x0f]);
            module.extend(extra);
            check(&module, None);
            check(&module, Some("f: func();"));
        }
    }
    // The same in the name section, which is not allowed to matter.
    let mut module = wat::parse_str(r#"(module (func (export "f")))"#).unwrap();
    module.extend([0, 12, 4]);
    module.extend(b"name");
    module.extend([2, 5, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    assert!(adapt(&module, &options(None)).is_ok());
}

#[test]
fn not_modules() {
    for (bytes, text) in [
        (&b""[..], "found something else than WebAssembly"),
        (b"\x7fELF", "found something else than WebAssembly"),
        (b"\0asm", "cut short"),
        (b"\0asm\x0d\0\x01\0", "found a component"),
        (b"\0asm\x02\0\0\0", "damaged"),
    ] {
        let error = adapt(bytes, &options(None)).unwrap_err();
        assert_eq!(error.kind(), AdaptErrorKind::Module);
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[test]
fn strange_names() {
    let wat = r#"(module
        (import "\00" "a\00b" (func))
        (import "a:b/c@1.0.0" "[method]x.y" (func))
        (import "\1b[31m" "\u{202e}" (func))
        (func (export "\00"))
        (func (export "a\00b"))
        (func (export ""))
        (func (export "\u{1f980}"))
        (func (export "[method]x.y")))"#;
    let module = wat::parse_str(wat).unwrap();
    let adapted = adapt(&module, &options(None)).unwrap();
    valid(&adapted.component).unwrap();
    assert_eq!(adapted.core_imports.len(), 3);
    assert_eq!(adapted.left_out.len(), 3);
    let error = adapt(&module, &options(Some("f: func();"))).unwrap_err().to_string();
    assert!(error.contains(r"`a\u{0}b` (func)"), "{error}");
    assert!(!error.contains('\0'));
}

#[test]
fn many_exports_and_imports() {
    let mut wat = String::from("(module ");
    for i in 0..10_000 {
        let _ = write!(wat, r#"(import "m{}" "f{i}" (func (param i32)))"#, i % 300);
    }
    for i in 0..10_000 {
        let _ = write!(wat, r#"(func (export "f_{i}") (param i32))"#);
    }
    wat.push(')');
    let module = wat::parse_str(&wat).unwrap();
    let adapted = adapt(&module, &options(None)).unwrap();
    valid(&adapted.component).unwrap();
    assert_eq!(adapted.renamed.len(), 10_000);
    assert_eq!(adapted.core_imports.len(), 10_000);
    let error = adapt(&module, &options(Some("g: func();"))).unwrap_err().to_string();
    assert!(error.len() < 2_000 && error.ends_with("from the WIT text."), "{error}");

    // All of these become `a`, `a-x2`, and so on.
    let mut wat = String::from("(module ");
    for i in 0..20_000 {
        let _ =
            write!(wat, r#"(import "m" "a{}" (func))"#, "_".repeat(i % 150) + &".".repeat(i / 150));
    }
    for i in 0..10_001 {
        let _ = write!(wat, r#"(func (export "g{i}"))"#);
    }
    wat.push(')');
    let adapted = adapt(&wat::parse_str(&wat).unwrap(), &options(None)).unwrap();
    valid(&adapted.component).unwrap();
    assert_eq!((adapted.core_imports.len(), adapted.left_out.len()), (20_000, 1));

    let mut wat = String::from("(module ");
    for i in 0..1_000 {
        let _ = write!(wat, r#"(import "m{i}" "f" (func))"#);
    }
    wat.push(')');
    let error = adapt(&wat::parse_str(&wat).unwrap(), &options(None)).unwrap_err();
    assert!(error.to_string().contains("more than 400 different modules"), "{error}");
}

#[test]
fn deep_and_wide_types() {
    let module = wat::parse_str(
        r#"(module
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
            (func (export "f") (param i32)))"#,
    )
    .unwrap();
    let run = |wit: String| {
        let adapted = adapt(&module, &options(Some(&wit)));
        if let Ok(adapted) = &adapted {
            valid(&adapted.component).unwrap();
        }
        adapted
    };

    // Each definition builds on the one before: deep.
    for (levels, ok) in [(30, true), (400, false), (1_900, false), (100_000, false)] {
        let mut wit = String::from("type t0 = u8; ");
        for i in 1..levels {
            let _ = write!(wit, "type t{i} = option<t{}>; ", i - 1);
        }
        let _ = write!(wit, "f: func(x: t{});", levels - 1);
        assert_eq!(run(wit).is_ok(), ok, "{levels}");
    }
    // The same among the types of an interface, which no function uses.
    for (levels, ok) in [(60, true), (400, false), (1_900, false)] {
        let mut wit = String::from("export i: interface { f: func(x: u32); type t0 = u8; ");
        for i in 1..levels {
            let _ = write!(wit, "type t{i} = list<t{}>; ", i - 1);
        }
        wit.push('}');
        assert_eq!(run(wit).is_ok(), ok, "{levels}");
    }
    // Twice the one before: wide. This one flattens to 2^30 values.
    let mut wit = String::from("record t0 { a: u8, b: u8 } ");
    for i in 1..30 {
        let _ = write!(wit, "record t{i} {{ a: t{}, b: t{} }} ", i - 1, i - 1);
    }
    wit.push_str("f: func(x: t29);");
    assert!(run(wit).unwrap_err().to_string().contains("too large"));
    run("f: func(x: list<u64, 4294967295>);".into()).unwrap_err();
    run("f: func(x: list<u64, 1000000>);".into()).unwrap();
    run(format!("f: func(x: {}u8{});", "list<".repeat(90), ">".repeat(90))).unwrap_err();
    run(format!("f: func(x: {}u8{});", "list<".repeat(5000), ">".repeat(5000))).unwrap_err();
    run("{".repeat(100_000)).unwrap_err();
    run("/*".repeat(100_000)).unwrap_err();
    run("package a:b { ".repeat(10_000)).unwrap_err();
}
