//! What `wippy new` makes builds, runs, and has nothing wrong with it: for each language
//! whose toolchain is there. Of the others a line says so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test")]

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const WIPPY: &str = env!("CARGO_BIN_EXE_wippy");

/// A program and its arguments, in a directory.
fn run(dir: &Path, program: &str, args: &[&str]) -> Result<Output> {
    let mut command = Command::new(program);
    command.current_dir(dir).args(args).env("WIPPY", WIPPY);
    command.env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
    // Those of the test are for this machine.
    // Built once, however often it is made anew.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-target");
    command.env("CARGO_TARGET_DIR", target);
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "WIPPY_LOG"] {
        command.env_remove(name);
    }
    Ok(command.output()?)
}

/// True if a command can be run.
fn there(program: &str, args: &[&str]) -> bool {
    Command::new(program).args(args).output().is_ok_and(|output| output.status.success())
}

/// A new application of a language.
fn made(lang: &str) -> Result<PathBuf> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let dir = home.join(format!("new-{lang}"));
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    let output = run(home, WIPPY, &["new", &format!("new-{lang}"), "--lang", lang])?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let readme = fs::read_to_string(dir.join("README.md"))?;
    assert_eq!(readme.lines().count(), 4, "{readme}");
    assert!(readme.starts_with(&format!("# new-{lang}\n")), "{readme}");
    Ok(dir)
}

/// Makes an application, builds it, runs it and checks it.
fn tried(lang: &str) -> Result {
    let dir = made(lang)?;
    let said = |output: &Output| {
        let (out, err) = (&output.stdout, &output.stderr);
        format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
    };
    if dir.join("build.sh").exists() {
        let built = run(&dir, "sh", &["build.sh"])?;
        assert!(built.status.success(), "{lang}: {}", said(&built));
    }
    let ran = run(&dir, WIPPY, &["run", "greet", "Ada"])?;
    assert_eq!(said(&ran), "Hello, Ada!\n", "{lang}");
    let checked = run(&dir, WIPPY, &["check"])?;
    let said = said(&checked);
    assert!(said.starts_with("ok: ") && said.lines().count() == 1, "{lang}: {said}");
    Ok(())
}

/// Says why a template is not built.
fn skipped(lang: &str, lacks: &str) -> Result {
    println!("skipped: the template for {lang} is made and not built, for there is no {lacks}");
    made(lang).map(|_| ())
}

#[test]
fn lua() -> Result {
    tried("lua")
}

#[test]
fn c() -> Result {
    match there("python3", &["-m", "ziglang", "version"]) {
        true => tried("c"),
        false => skipped("c", "ziglang for python3"),
    }
}

#[test]
fn js() -> Result {
    match there("componentize-qjs", &["--version"]) {
        true => tried("js"),
        false => skipped("js", "componentize-qjs"),
    }
}

#[test]
fn python() -> Result {
    match there("componentize-py", &["--version"]) {
        true => tried("python"),
        false => skipped("python", "componentize-py"),
    }
}

#[test]
fn rust() -> Result {
    let libraries = ["--print", "target-libdir", "--target", "wasm32-unknown-unknown"];
    let dir = Command::new("rustc").args(libraries).output()?.stdout;
    match Path::new(String::from_utf8_lossy(&dir).trim()).is_dir() {
        true => tried("rust"),
        false => skipped("rust", "target wasm32-unknown-unknown"),
    }
}

/// A directory that is there becomes a project, once.
#[test]
fn init() -> Result {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("init");
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    fs::create_dir_all(dir.join("below"))?;
    let first = run(&dir, WIPPY, &["init", "-d", "./entries"])?;
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let lock = fs::read_to_string(dir.join("wippy.lock"))?;
    assert_eq!(lock, "directories:\n  src: \"./entries\"\n  modules: \".wippy\"\n");
    assert!(dir.join("entries").is_dir());
    for (place, why) in [("below", "belongs to a project"), (".", "is a project already")] {
        let again = run(&dir.join(place), WIPPY, &["init"])?;
        assert_eq!(again.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&again.stderr).contains(why));
    }
    Ok(())
}
