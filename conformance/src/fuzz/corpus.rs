//! What the changes begin with: files of the repository, and those that have once
//! broken something.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The seeds of a target.
pub fn seeds(target: &str) -> io::Result<Vec<Vec<u8>>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seeds = Vec::new();
    for file in files(&root.join("../fuzz/seeds").join(target))? {
        seeds.push(fs::read(file)?);
    }
    let of = |dir: &str, ends: &'static [&'static str]| -> io::Result<Vec<PathBuf>> {
        let mut files = files(&root.join(dir))?;
        files.retain(|file| {
            let is = file.extension().is_some_and(|end| ends.iter().any(|e| *e == end));
            is && fs::metadata(file).is_ok_and(|about| about.len() <= LARGE)
        });
        Ok(files)
    };
    match target {
        "config" => {
            for file in of("apps", &["yaml"])?.into_iter().chain(of("errors", &["yaml"])?) {
                seeds.push(fs::read(file)?);
            }
        }
        "component" => {
            for file in of(".", &["wat", "wasm"])? {
                seeds.extend(binary(&fs::read(file)?));
            }
        }
        "adapter" => {
            for module in of("fixtures/adapter", &["wat"])? {
                let wit = fs::read(module.with_extension("wit")).unwrap_or_default();
                if let Some(bytes) = binary(&fs::read(module)?) {
                    seeds.push([wit, bytes].concat());
                }
            }
        }
        "lua" => {
            for file in of(".", &["lua"])? {
                seeds.push(fs::read(file)?);
            }
        }
        _ => {}
    }
    Ok(seeds)
}

/// Larger files are changed too slowly to be worth it.
const LARGE: u64 = 16 << 10;

/// The module or component that a text or a file is.
fn binary(bytes: &[u8]) -> Option<Vec<u8>> {
    wat::parse_bytes(bytes).ok().map(std::borrow::Cow::into_owned)
}

/// All files below a directory, in order; none if there is no such directory.
fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    let mut todo = vec![dir.to_owned()];
    while let Some(dir) = todo.pop() {
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            match entry.file_type()? {
                kind if kind.is_dir() => todo.push(entry.path()),
                kind if kind.is_file() => all.push(entry.path()),
                _ => {}
            }
        }
    }
    all.sort();
    Ok(all)
}
