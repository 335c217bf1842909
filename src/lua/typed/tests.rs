use super::*;

fn erased(source: &str) -> String {
    erase(source).unwrap_or_else(|wrong| panic!("{source}: {wrong:?}")).unwrap_or_default()
}

#[test]
fn annotations_go_and_lines_stay() {
    let cases = [
        ("local x: number, y: string? = 1", "local x, y = 1"),
        ("local f: (number) -> number", "local f"),
        ("local a: {[string]: any[]} <const> = {}", "local a <const> = {}"),
        ("function M.f<T>(a: T, ...: any): (T, string?) end", "function M.f(a, ...) end"),
        ("local s = (123 :: any) :: string", "local s = (123 ) "),
        ("return ({id = id} as Inner), v!, u!.name", "return ({id = id} ), v, u.name"),
        ("for i: integer, v: any in pairs(t) do end", "for i, v in pairs(t) do end"),
        ("local m: Map<string, List<number>>= 1", "local m= 1"),
        ("local x: number @min(0) @max(100) = 50", "local x = 50"),
        ("f(function(s: string): string return s end)", "f(function(s) return s end)"),
        ("local t: {\n  a: number,\n  b: string\n} = {}", "local t\n\n\n = {}"),
    ];
    for (source, expected) in cases {
        assert_eq!(erased(source), expected, "{source}");
    }
}

#[test]
fn declared_types_become_locals() {
    let text = erased("type P = {x: number,\n y?: Q}\nreturn P");
    assert!(text.starts_with("local __types = require(\"@types\") local P; P = __types.record("));
    assert!(text.ends_with(";\n\nreturn P"), "{text}");
    assert!(text.contains("\"y\",__types.lazy(function() return Q end),true"), "{text}");
}

#[test]
fn what_is_plain_is_left_alone() {
    let plain = [
        "local t = { a = 1, [2] = 3; 4 } t.x:y 'z'",
        "goto done\n::done::",
        "x = a < b and c > d or -#e ~= ~f // 2 .. [==[ : ]==] -- : T",
        "for i = 1, 2 do local s = '\\\n\\z   ok' end",
        "local as = 1\nprint(x)\nas = 2",
    ];
    for source in plain {
        assert_eq!(erase(source), Ok(None), "{source}");
    }
}

#[test]
fn mistakes_have_their_line() {
    let line = |source: &str| erase(source).unwrap_err().line;
    assert_eq!(line("local x: number< = 42"), 1);
    assert_eq!(line("local a: T = 1\n\nlocal b: = 2"), 3);
    assert_eq!(line("local x = 1 @@ 2"), 1);
    assert_eq!(line("local x: T = \"unclosed\nreturn x"), 1);
    assert_eq!(line(&"(".repeat(1000)), 1);
}

#[test]
fn types_that_repeat_each_other_do_not_grow_without_end() {
    let mut source = String::from("local x0: string\n");
    for n in 1..64 {
        source.push_str(&format!("local x{n}: {{typeof(x{}), a: typeof(x{0})}}\n", n - 1));
    }
    source.push_str("type Large = typeof(x63)\n");
    // Either it is refused, or what comes of it is short.
    let length = erase(&source).map_or(0, |erased| erased.unwrap_or_default().len());
    assert!(length < 1 << 20, "{length} bytes");
}

#[test]
fn a_local_hides_a_type_only_where_it_is() {
    let text = erased("type any = string do local any = 1 type A = any end type B = any");
    assert!(text.contains("A = __types.any()"), "{text}");
    assert!(text.contains("B = __types.lazy(function() return any end)"), "{text}");
}

#[test]
fn long_texts_of_small_parts_take_no_more_than_their_length() {
    let many = 3_000;
    let names = (0..many).map(|n| format!("type T{n} = T{}\n", many - n - 1)).collect::<String>();
    let locals = (0..many).map(|n| format!("local x{n}: T0 local y: typeof(x0)\n"));
    assert!(erase(&format!("{names}{}", locals.collect::<String>())).is_ok());
    for repeated in ["?", "[]", " @min(1)", ".a"] {
        let wrong = erase(&format!("type T = a{}", repeated.repeat(100_000))).unwrap_err();
        assert_eq!(wrong.why, "the types are too large", "{repeated}");
    }
    for open in ["(", "{", "type T = {", "local x: (", "f(", "if x then ", "-"] {
        drop(erase(&open.repeat((256 << 10) / open.len())));
    }
}

#[test]
fn a_line_in_a_string_may_be_broken_in_any_way() {
    assert_eq!(erased("local x: T = 'a\\\r\nb'"), "local x = 'a\\\r\nb'");
}
