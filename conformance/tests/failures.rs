//! The table of how functions fail (`guests/failures/README.md`) has every
//! function of the WIT, and every case that it names says something of it. Sockets and
//! HTTP, whose failures need a peer, have tests of their own.

use std::{collections::BTreeSet, fs, path::Path};

/// `RESOURCE.NAME` or `INTERFACE.NAME` of every function.
fn functions() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let apart = ["wasi:sockets@", "wasi:http@"];
    let packages = wippy::imports::wasi::PACKAGES.iter();
    for (_, text) in packages.filter(|(name, _)| !apart.iter().any(|it| name.starts_with(it))) {
        let (mut interface, mut resource) = ("", None);
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["interface", name, "{"] => interface = name,
                ["resource", name, "{"] => resource = Some(*name),
                ["}"] if line.starts_with("  ") => resource = None,
                [name, kind, ..] if kind.starts_with("func(") => {
                    let name = name.trim_end_matches(':');
                    found.insert(format!("{}.{name}", resource.unwrap_or(interface)));
                }
                _ => {}
            }
        }
    }
    found
}

/// The output of the cases whose names fit: `*` at the end stands for anything.
fn output(root: &Path, name: &str) -> String {
    let mut out = String::new();
    for folder in ["wasi/expected/failures", "wasi/own"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let case = path.file_stem().unwrap().to_string_lossy();
            let fits = match name.strip_suffix('*') {
                Some(start) => case.starts_with(start),
                None => case == name,
            };
            if fits {
                let text = fs::read_to_string(&path).unwrap();
                out.push_str(text.split_once("\nstdout:\n").unwrap().1);
            }
        }
    }
    out
}

#[test]
fn the_table_has_every_function() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(root.join("guests/failures/README.md")).unwrap();
    let mut told = BTreeSet::new();
    for row in table.lines().filter_map(|line| line.strip_prefix("| `")) {
        let [function, _, cases] = row.trim_end_matches(" |").split(" | ").collect::<Vec<_>>()[..]
        else {
            // Without a case the last cell is empty.
            told.insert(row.split('`').next().unwrap().to_owned());
            continue;
        };
        let function = function.trim_matches('`');
        told.insert(function.to_owned());
        let (of, name) = function.split_once('.').unwrap();
        // These are seen in what others print.
        let word = match name {
            "filesystem-error-code" => "last-operation-failed, invalid",
            "to-debug-string" => "last-operation-failed",
            "ready" => "ready false",
            _ => function,
        };
        let cases = cases.split(';').next().unwrap();
        for case in cases.split(", ").map(|case| case.trim_matches('`')) {
            assert!(output(root, case).contains(word), "{case} does not show {of}.{name}");
        }
    }
    assert_eq!(told, functions());
}
