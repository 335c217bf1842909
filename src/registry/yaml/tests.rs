use super::*;
use std::time::{Duration, Instant};

/// Every leaf as `path=value@line`.
fn leaves(text: &str) -> Vec<String> {
    fn walk(node: &Node, path: &str, out: &mut Vec<String>) {
        let line = node.line.map_or("?".to_owned(), |line| line.to_string());
        let mut leaf = |value: String| out.push(format!("{path}={value}@{line}"));
        match &node.data {
            Data::Null => leaf("null".into()),
            Data::Bool(v) => leaf(v.to_string()),
            Data::Int(v) => leaf(v.to_string()),
            Data::Float(v) => leaf(v.to_string()),
            Data::Text(v) => leaf(format!("{:?}", v.value)),
            Data::List(items) => {
                for (n, item) in items.iter().enumerate() {
                    walk(item, &format!("{path}[{n}]"), out);
                }
            }
            Data::Map(map) => {
                for pair in &map.pairs {
                    walk(&pair.value, &format!("{path}.{}", pair.key), out);
                }
            }
        }
    }
    let mut out = Vec::new();
    walk(&parse(text.as_bytes()).unwrap(), "", &mut out);
    out
}

fn found(text: impl AsRef<[u8]>) -> (String, Option<u32>) {
    let start = Instant::now();
    let error = parse(text.as_ref()).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(600), "took {:?}", start.elapsed());
    (error.found, error.line)
}

#[test]
fn every_value_knows_its_line_in_every_style() {
    assert_eq!(
        leaves(
            "a: 1\nb:\n  - x\n  - {c: true, d:\n     [~, 1.5]}\ne: |\n  two\n  lines\n\n'f': \"q\"\n? g\n: 0755\n"
        ),
        [
            ".a=1@1",
            ".b[0]=\"x\"@3",
            ".b[1].c=true@4",
            ".b[1].d[0]=null@5",
            ".b[1].d[1]=1.5@5",
            ".e=\"two\\nlines\\n\"@7",
            ".f=\"q\"@10",
            ".g=\"0755\"@12",
        ]
    );
}

#[test]
fn an_alias_points_to_the_line_of_its_anchor() {
    assert_eq!(leaves("a: &x\n  k: v\nb: *x\n"), [".a.k=\"v\"@2", ".b.k=\"v\"@2"]);
}

#[test]
fn a_merge_key_fills_in_what_is_missing() {
    assert_eq!(
        leaves("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\n"),
        [".base.x=1@1", ".base.y=2@1", ".use.y=3@4", ".use.x=1@1"]
    );
}

#[test]
fn a_byte_order_mark_and_an_empty_file_are_fine() {
    assert_eq!(leaves("\u{feff}a: 1\n"), [".a=1@1"]);
    assert_eq!(parse(b"").unwrap().data, Data::Null);
    assert_eq!(parse(b"# nothing here\n").unwrap().data, Data::Null);
}

#[test]
fn a_repeated_key_is_kept_once_and_remembered() {
    let Data::Map(map) = parse(b"a: 1\nb: 2\na: 3\n").unwrap().data else { panic!("a map") };
    assert_eq!(map.repeated, [("a".to_owned(), Some(3), Some(1))]);
    assert_eq!(map.get("a").unwrap().value.data, Data::Int(1));
}

#[test]
fn a_key_that_is_no_string_is_remembered() {
    let Data::Map(map) = parse(b"1: a\ntrue: b\n").unwrap().data else { panic!("a map") };
    assert_eq!(map.odd_keys, [("1".to_owned(), Some(1)), ("true".to_owned(), Some(2))]);
    assert_eq!(found("? [a]\n: b\n").0, "a list or a mapping as a key");
}

#[test]
fn what_is_no_text_is_told_apart() {
    assert_eq!(found(b"a: 1\nb: \xff\n"), ("bytes that are not UTF-8".into(), Some(2)));
    assert_eq!(found(b"\xff\xfea\0"), ("UTF-16 text".into(), None));
    assert_eq!(found("a: 1\nb: \0\n"), ("a NUL byte".into(), Some(2)));
}

#[test]
fn what_is_no_yaml_says_where() {
    assert_eq!(found("a: 1\n\tb: 2\n").1, Some(2));
    assert_eq!(found("a: [1, 2\nb: 3\n").1, Some(2));
    assert_eq!(found("a: 'x\n\ny").1, Some(1));
    let (what, line) = found("a: *nobody\n");
    assert!(what.ends_with("unknown anchor") && line == Some(1), "{what}");
    assert_eq!(found("a: 1\nb: !secret x\n"), ("a YAML tag (!name)".into(), Some(2)));
    assert_eq!(found("a: 1\n---\nb: 2\n").0, "more than one document, separated by a line `---`");
}

/// The bounds are met before the rest of a file is looked at: else the largest of
/// these would take the parser minutes.
#[test]
fn nesting_is_bounded() {
    const LIMIT: &str = "lists and mappings nested more than 64 deep";
    for open in ["[", "{a: ", "{", "- ", "? ", "&a - ", "[{", "[a, ", "!!seq ["] {
        for n in [65, 1000, 100_000] {
            let (what, line) = found(open.repeat(n));
            let brackets = open.contains(['[', '{']) && open != "{";
            assert!(what == LIMIT || !brackets, "{open}: {what}");
            assert_eq!(line, Some(1), "{open}: {what}");
        }
    }
    let indented = |head: &str| -> String {
        (0..1000).map(|depth| format!("{}{head}\n", " ".repeat(depth))).collect()
    };
    for head in ["a:", "-", "?"] {
        assert_eq!(found(indented(head)).0, LIMIT, "{head}");
    }
    assert_eq!(found(format!("{}{}", "[".repeat(65), "]".repeat(65))).0, LIMIT);
    assert!(parse(format!("{}{}", "[".repeat(64), "]".repeat(64)).as_bytes()).is_ok());
    assert_eq!(found("a: &a [*a]\n").0, LIMIT);
    assert_eq!(found("a: &a {<<: *a}\n").0, LIMIT);
    // An alias brings the depth of its anchor along.
    let half = format!(
        "a: &a {}{}\nb: {}*a{}\n",
        "[".repeat(40),
        "]".repeat(40),
        "[".repeat(40),
        "]".repeat(40)
    );
    assert_eq!(found(half).0, LIMIT);
}

#[test]
fn an_anchor_that_stands_twice_means_the_last_one() {
    assert_eq!(
        leaves("a: &x 1\nb: *x\nc: &x 2\nd: *x\n"),
        [".a=1@1", ".b=1@1", ".c=2@3", ".d=2@3"]
    );
}

#[test]
fn tags_of_yaml_itself_are_taken() {
    assert_eq!(
        leaves("a: !!str 12\nb: !!float 1\nc: ! 1\nd: !!map {e: !!seq []}\n"),
        [".a=\"12\"@1", ".b=1@2", ".c=\"1\"@3"]
    );
    for wrong in ["a: !!int x\n", "a: !!binary aGk=\n", "a: !x []\n", "a: !<tag:x> 1\n"] {
        assert_eq!(found(wrong).0, "a YAML tag (!name)", "{wrong}");
    }
}

#[test]
fn alias_bombs_run_out_of_budget() {
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let alias = format!("*a{}", n - 1);
        laughs += &format!("a{n}: &a{n} [{}]\n", vec![alias; 10].join(", "));
    }
    let (what, _) = found(laughs);
    assert!(what.starts_with("more than 500000 values"), "{what}");

    // Few aliases, each standing for very much.
    let many = format!("a: &a [{}]\nb: [{}]\n", "x,".repeat(100_000), "*a,".repeat(50_000));
    assert!(found(many).0.starts_with("more than 500000 values"));
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 19), "*a,".repeat(50_000));
    assert!(found(long).0.starts_with("more than 16 MiB of text"));
}

#[test]
fn long_keys_do_not_pile_up() {
    let text = format!("{}: {{a: 1}}\n", "k".repeat(1000));
    assert!(parse(text.as_bytes()).is_ok());
    let text = format!("? {}\n: {{a: [{}]}}\n", "k".repeat(5000), "1,".repeat(100_000));
    assert_eq!(found(text).0, "keys longer than 4096 bytes");
}

#[test]
#[ignore = "measures time and memory of the worst files under the size limit"]
fn worst_files() {
    let size: usize = std::env::var("SIZE").ok().and_then(|s| s.parse().ok()).unwrap_or(1 << 20);
    for unit in [
        "a,",
        "[",
        "{",
        "{a: ",
        "[],",
        "{}",
        "- ",
        "-\n ",
        "? ",
        "?\n",
        "- a\n",
        "&a ",
        "*a ",
        "&a - ",
        "'",
        "\"",
        "\n",
        "a: a\n",
        "a:\n ",
        "#",
        "# \n",
        "%a\n",
        "---\n",
        "a\n---\n",
        "...\n",
        ":",
        ": ",
        " ",
        "\t",
        "a ",
        "!a ",
        "|\n",
        "- |\n",
        ">",
        "\\x41",
        "é",
        "<<: *a\n",
        "<<: {a: b}\n",
        "\r",
        "&a [",
        "[*a, ",
    ] {
        for prefix in ["", "x: [", "x: \"", "x: |\n ", "- &a b\n- ", "? ["] {
            let text = format!("{prefix}{}", unit.repeat(size / unit.len()));
            let start = Instant::now();
            let result = parse(text.as_bytes());
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let peak = status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or_default();
            let what = result.err().map(|e| e.found);
            let took = start.elapsed();
            if took > Duration::from_millis(20) {
                println!("{prefix:?} {unit:?} {took:?} {peak} {what:?}");
            }
        }
    }
}
