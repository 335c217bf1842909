//! The licences of everything that the command and its tests are built from.
//!
//! They are read from `cargo metadata`, for this machine, without the network. Whether
//! a dependency has a known hole cannot be found out so: that takes a list which changes
//! by the day.

use std::{
    error::Error,
    process::{Command, Output},
};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// Licences under which a dependency may be used beside ours, Apache-2.0.
const ALLOWED: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    // Of data: the roots that browsers trust.
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// True if a licence expression (SPDX, or its older form with `/` for OR) can be met by
/// licences that are allowed.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    either(&mut rest) && rest.is_empty()
}

/// `a OR b`, which binds less than `a AND b`.
fn either(words: &mut &[&str]) -> bool {
    let mut met = both(words);
    while let [first, rest @ ..] = *words
        && *first == "OR"
    {
        *words = rest;
        met |= both(words);
    }
    met
}

fn both(words: &mut &[&str]) -> bool {
    let mut met = one(words);
    while let [first, rest @ ..] = *words
        && *first == "AND"
    {
        *words = rest;
        met &= one(words);
    }
    met
}

fn one(words: &mut &[&str]) -> bool {
    match **words {
        ["(", ref rest @ ..] => {
            *words = rest;
            let met = either(words);
            match **words {
                [")", ref rest @ ..] => *words = rest,
                _ => return false,
            }
            met
        }
        [name, "WITH", exception, ref rest @ ..] => {
            *words = rest;
            ALLOWED.contains(&format!("{name} WITH {exception}").as_str())
        }
        [name, ref rest @ ..] => {
            *words = rest;
            ALLOWED.contains(&name)
        }
        [] => false,
    }
}

fn output(command: &mut Command) -> Result<String> {
    let Output { status, stdout, stderr } = command.output()?;
    if !status.success() {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&stderr)).into());
    }
    Ok(String::from_utf8(stdout)?)
}

#[test]
fn expressions_are_understood() {
    for allowed in ["MIT", "MIT/Apache-2.0", "(MIT OR GPL-3.0) AND Zlib", "X OR MIT AND ISC"] {
        assert!(is_allowed(allowed), "{allowed}");
    }
    for refused in
        ["", "GPL-3.0", "MIT AND GPL-3.0", "MIT WITH X", "(MIT", "MIT)", "(MIT OR X) AND Y"]
    {
        assert!(!is_allowed(refused), "{refused}");
    }
}

#[test]
fn every_dependency_has_a_licence_that_is_allowed() -> Result {
    let rustc = output(Command::new("rustc").arg("-vV"))?;
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("no host")?;
    let metadata = output(
        Command::new(env!("CARGO"))
            .args(["metadata", "--offline", "--locked", "--format-version", "1"])
            .args(["--filter-platform", host])
            .current_dir(env!("CARGO_MANIFEST_DIR")),
    )?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"].as_array().ok_or("no packages")?;
    assert!(packages.len() > 50, "these cannot be all: {}", packages.len());
    let refused = packages
        .iter()
        .filter(|package| !is_allowed(package["license"].as_str().unwrap_or_default()));
    let refused: Vec<String> = refused
        .map(|package| {
            format!("{} {}: {}", package["name"], package["version"], package["license"])
        })
        .collect();
    assert!(refused.is_empty(), "licences that are not in the list:\n{}", refused.join("\n"));
    Ok(())
}
