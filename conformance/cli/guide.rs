//! The commands of the README and of the guide, run as they are written.
//!
//! They run in a directory that has what they speak of: files of these names, an
//! application with a command `greet` and an entry `app:scenario`, and this repository's
//! `conformance`. Only lines that call `wippy` are run; [`WITHOUT`] are those that do not
//! end by themselves, or that take what not every machine has.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test")]

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// Beginnings of commands that are not run, and why.
const WITHOUT: [(&str, &str); 13] = [
    ("wippy serve", "it answers until it is stopped"),
    ("wippy run --record trip.wreplay serve", "it answers until it is stopped"),
    ("wippy -C conformance/apps/processes run\n", "its services stay"),
    ("wippy -C conformance/apps/http run", "its services stay, or it takes a server"),
    ("wippy run\n", "its services stay"),
    ("wippy top", "it shows what lives until it is stopped"),
    ("wippy run --watch", "it stays"),
    ("wippy run --connect", "it takes the network"),
    ("wippy run --network", "it takes the network"),
    ("wippy simulate --seed 417", "the seed is that of somebody's mistake"),
    ("wippy replay trip.wreplay --module", "the program is somebody's"),
    ("wippy graph --format dot", "it takes Graphviz"),
    ("wippy check --json | jq", "it takes jq"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The directory that the commands run in.
fn place() -> Result<PathBuf> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guide");
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    for inner in ["src", "data", "wasm"] {
        fs::create_dir_all(dir.join(inner))?;
    }
    let built = root().join("conformance/guests/built");
    for (from, to) in [
        ("greet.wasm", "hello.wasm"),
        ("greet.wasm", "greet.wasm"),
        ("greet.wasm", "wasm/greet.wasm"),
        ("worker.wasm", "wasm/worker.wasm"),
        ("empty.wasm", "empty.wasm"),
    ] {
        fs::copy(built.join(from), dir.join(to))?;
    }
    let add = r#"(module (func (export "add") (param i32 i32) (result i32)
        (i32.add (local.get 0) (local.get 1))))"#;
    fs::write(dir.join("add.wasm"), wat::parse_str(add)?)?;
    // A tool of the operating system's sort, which reads no file that is not there.
    let tool = r#"(module (memory (export "memory") 1) (func (export "_start")))"#;
    fs::write(dir.join("tool.wasm"), wat::parse_str(tool)?)?;
    fs::write(dir.join("data/input.csv"), "a,b\n")?;
    fs::write(dir.join("wippy.lock"), "directories:\n  src: ./src\n")?;
    fs::write(dir.join("src/_index.yaml"), INDEX)?;
    #[cfg(unix)]
    std::os::unix::fs::symlink(root().join("conformance"), dir.join("conformance"))?;
    Ok(dir)
}

const INDEX: &str = r#"
namespace: app
entries:
  - {name: processes, kind: process.host}
  - {name: terminal, kind: terminal.host}
  - {name: wasm, kind: fs.directory, directory: ./wasm}
  - name: greet
    kind: process.wasm
    fs: wasm
    path: /greet.wasm
    hash: sha256:21f2fc24b43b1cda5967d4d1a0d79ef06ce0c98be555253843cc86a02acd48ad
    method: greet
    meta: {command: {name: greet, short: Say hello}}
  - name: scenario
    kind: process.lua
    source: "return { run = function() end }"
    method: run
"#;

/// The commands of a page, each on a line, with the remark after it.
fn commands(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut inside = false;
    let mut whole = String::new();
    for line in page.lines() {
        if let Some(language) = line.strip_prefix("```") {
            inside = language == "sh";
            continue;
        }
        if !inside {
            continue;
        }
        if let Some(begun) = line.strip_suffix('\\') {
            whole.push_str(begun);
            continue;
        }
        whole.push_str(line);
        let line = std::mem::take(&mut whole);
        let (command, remark) = line.split_once(" # ").unwrap_or((&line, ""));
        let command = command.trim().replace("cargo run --release -- ", "wippy ");
        if command.starts_with("wippy ") {
            found.push((command, remark.trim().to_owned()));
        }
    }
    found
}

#[cfg(unix)]
#[test]
fn commands_do_what_the_guide_says() -> Result {
    let dir = place()?;
    let mut pages = vec![root().join("README.md")];
    for page in fs::read_dir(root().join("src/guide"))? {
        let page = page?.path();
        pages.extend(page.extension().is_some_and(|end| end == "md").then_some(page));
    }
    pages.sort();
    let (mut ran, mut shown, mut wrong) = (0, 0, String::new());
    for page in pages {
        for (command, remark) in commands(&fs::read_to_string(&page)?) {
            let line = format!("{command}\n");
            if WITHOUT.iter().any(|(begins, _)| line.starts_with(begins)) {
                continue;
            }
            let script = format!("wippy() {{ \"$WIPPY\" \"$@\"; }}\n{command}");
            let mut shell = Command::new("sh");
            shell.args(["-c", &script]).current_dir(&dir).stdin(Stdio::null());
            shell.env("WIPPY", env!("CARGO_BIN_EXE_wippy")).env("HOME", &dir);
            let output = shell.output()?;
            ran += 1;
            let stdout = String::from_utf8_lossy(&output.stdout);
            // A remark that is what the command prints is told from one about it.
            shown += usize::from(!remark.is_empty() && stdout.trim_end() == remark);
            if !output.status.success() {
                let stderr = String::from_utf8_lossy(&output.stderr);
                wrong.push_str(&format!("{}: {command}\n{stderr}\n", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(ran > 20 && shown >= 3, "{ran} commands, {shown} with what they print");
    Ok(())
}
