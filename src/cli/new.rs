//! `wippy new` and `wippy init`: a small application to begin with, or an empty one.
//!
//! The templates are the files of `templates`, as they are, but for the name of the
//! application: [`FILES`] says which of them a language takes.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use super::{
    args::{InitArgs, Language, NewArgs},
    exit::{Exit, Failure},
    output,
    project::is_one,
};
use crate::registry::{LOCK, quoted};

/// A file of an application, and its text.
type File = (&'static str, &'static str);

macro_rules! file {
    ($to:literal, $from:literal) => {
        ($to, include_str!(concat!("templates/", $from)))
    };
}

/// What every application has.
const COMMON: [File; 1] = [file!("wippy.lock", "wippy.lock")];

/// What those have that are built.
const BUILT: [File; 1] = [(".gitignore", "/node_modules\n/target\n/wasm\n")];

/// The files of each language.
fn files(language: Language) -> Vec<File> {
    let own: &[File] = match language {
        Language::Rust => &[
            file!("Cargo.toml", "rust/manifest.toml"),
            file!("README.md", "rust/README.md"),
            file!("build.sh", "rust/build.sh"),
            file!("src/_index.yaml", "index.yaml"),
            file!("src/greet.rs", "rust/greet.rs"),
            file!("wit/greet.wit", "greet.wit"),
        ],
        Language::C => &[
            file!("README.md", "c/README.md"),
            file!("build.sh", "c/build.sh"),
            file!("src/_index.yaml", "index.yaml"),
            file!("src/greet.c", "c/greet.c"),
        ],
        Language::Js => &[
            file!("README.md", "js/README.md"),
            file!("build.sh", "js/build.sh"),
            file!("package.json", "js/package.json"),
            file!("src/_index.yaml", "index.yaml"),
            file!("src/greet.js", "js/greet.js"),
            file!("wit/greet.wit", "greet.wit"),
        ],
        Language::Python => &[
            file!("README.md", "python/README.md"),
            file!("build.sh", "python/build.sh"),
            file!("src/_index.yaml", "index.yaml"),
            file!("src/app.py", "python/app.py"),
            file!("wit/greet.wit", "greet.wit"),
        ],
        Language::Lua => &[
            file!("README.md", "lua/README.md"),
            file!("src/_index.yaml", "lua/index.yaml"),
            file!("src/greet.lua", "lua/greet.lua"),
        ],
    };
    let built: &[File] = if matches!(language, Language::Lua) { &[] } else { &BUILT };
    COMMON.iter().chain(built).chain(own).copied().collect()
}

/// What the entry of a language has besides.
fn entry(language: Language) -> &'static str {
    match language {
        // A plain module says nothing of types.
        Language::C => include_str!("templates/c/wit.yaml"),
        Language::Js => include_str!("templates/js/imports.yaml"),
        Language::Python => include_str!("templates/python/imports.yaml"),
        Language::Rust | Language::Lua => "",
    }
}

/// Makes an application in a new directory.
pub(super) fn new(args: &NewArgs) -> Result<Exit, Failure> {
    let dir = &args.dir;
    let name = dir.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    check_name(name, dir)?;
    if fs::symlink_metadata(dir).is_ok() {
        let shown = quoted(&dir.to_string_lossy());
        return Err(Failure::usage(format!(
            "{shown} exists already\n    fix:      name another; `wippy init` makes a project of a \
             directory that is there"
        )));
    }
    for (file, text) in files(args.lang) {
        let mut text = text.replace("{{name}}", name);
        if file == "src/_index.yaml" {
            text.push_str(entry(args.lang));
        }
        write(&dir.join(file), &text)?;
    }
    let shown = dir.display();
    let build = if matches!(args.lang, Language::Lua) { "" } else { "sh build.sh && " };
    output::message(&format!("made {shown}; now: cd {shown} && {build}wippy run greet Ada"));
    Ok(Exit::Ok)
}

/// A name has to do as a namespace, a package and a directory.
fn check_name(name: &str, dir: &Path) -> Result<(), Failure> {
    let first = name.starts_with(|c: char| c.is_ascii_lowercase());
    let rest =
        name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c));
    let shown = dir.to_string_lossy();
    match first && rest {
        true => Ok(()),
        false => Err(Failure::usage(format!(
            "{} is no name for an application\n    expected: lower-case letters, digits, - and _, a \
             letter first\n    fix:      write it like this: wippy new hello-app",
            quoted(if name.is_empty() { &shown } else { name })
        ))),
    }
}

/// Makes a project of a directory.
pub(super) fn init(dir: Option<&Path>, args: &InitArgs) -> Result<Exit, Failure> {
    let dir = dir.unwrap_or(Path::new("."));
    let real = fs::canonicalize(dir)
        .map_err(|error| Failure::config(format!("{}: {error}", quoted(&dir.to_string_lossy()))))?;
    if let Some(above) = real.ancestors().find(|above| is_one(above)) {
        let what = if above == real { "is a project already" } else { "belongs to a project" };
        return Err(Failure::usage(format!(
            "{} {what}: {} is there",
            quoted(&dir.to_string_lossy()),
            above.join(LOCK).display()
        )));
    }
    for (option, written) in [("--src-dir", &args.src_dir), ("--modules-dir", &args.modules_dir)] {
        let inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        let plain = !written.contains(['\n', '"', '\\', '\0']) && !written.is_empty();
        if !plain || !Path::new(written).components().all(inside) {
            let fix = "name a directory below the project, such as ./src";
            return Err(Failure::usage(format!(
                "{option} {}\n    fix:      {fix}",
                quoted(written)
            )));
        }
    }
    let lock = format!(
        "directories:\n  src: {}\n  modules: {}\n",
        super::yaml::text(&args.src_dir),
        super::yaml::text(&args.modules_dir)
    );
    let src = dir.join(&args.src_dir);
    fs::create_dir_all(&src).map_err(|error| unwritable(&src, &error))?;
    write(&dir.join(LOCK), &lock)?;
    // Without the parts that lead nowhere.
    let parts = dir.join(&args.src_dir).join("_index.yaml");
    let index: PathBuf = parts.components().filter(|part| *part != Component::CurDir).collect();
    let index = index.display();
    output::message(&format!("made {LOCK}; the entries of the project belong into {index}"));
    Ok(Exit::Ok)
}

/// Writes a new file, with the directories above it.
fn write(path: &PathBuf, text: &str) -> Result<(), Failure> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(|error| unwritable(parent, &error))?;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if path.extension().is_some_and(|end| end == "sh") {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o755);
    }
    let written = options
        .open(path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
    written.map_err(|error| unwritable(path, &error))
}

pub(super) fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::config(format!("{} cannot be written: {error}", quoted(&path.to_string_lossy())))
}
