//! The schema of the YAML files, held against every one of `conformance` by a library that
//! knows nothing else of them.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value as Json, json};
use wippy::registry::{Project, Severity, schema};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

struct Checker {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Checker {
    fn new() -> Result<Checker> {
        let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
        compiler.add_resource("wippy.json", schema())?;
        let index = compiler.compile("wippy.json", &mut schemas).map_err(|why| why.to_string())?;
        Ok(Checker { schemas, index })
    }

    /// What is wrong with a file, in the library's words.
    fn says(&self, file: &Json) -> Option<String> {
        self.schemas.validate(file, self.index).err().map(|error| format!("{error:#}"))
    }
}

/// The directories below one that have a lock file.
fn projects(dir: &Path, found: &mut Vec<PathBuf>) -> Result {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("target") {
            projects(&path, found)?;
        } else if path.ends_with("wippy.lock") {
            found.push(dir.to_owned());
        }
    }
    Ok(())
}

/// The YAML files below a directory.
fn yaml(dir: &Path, found: &mut Vec<PathBuf>) -> Result {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            yaml(&path, found)?;
        } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
            found.push(path);
        }
    }
    Ok(())
}

#[test]
fn a_file_without_mistakes_is_valid_and_one_with_a_wrong_field_is_not() -> Result {
    let checker = Checker::new()?;
    let mut dirs = Vec::new();
    projects(Path::new(env!("CARGO_MANIFEST_DIR")), &mut dirs)?;
    let (mut valid, mut caught, mut wrong) = (0, 0, String::new());
    for dir in dirs {
        let problems = Project::load(&dir).problems;
        let mut files = Vec::new();
        yaml(&dir, &mut files)?;
        for path in files {
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let Ok(mut file) = serde_yaml::from_str::<serde_yaml::Value>(&text) else { continue };
            if file.get("namespace").is_none() || file.apply_merge().is_err() {
                continue;
            }
            let Ok(file) = serde_json::to_value(&file) else { continue };
            let name = path.strip_prefix(&dir)?.to_string_lossy().replace('\\', "/");
            let own = || problems.iter().filter(|problem| *problem.file == *name);
            // Unknown fields are errors for an editor, whatever else they are.
            let mistaken = own().any(|problem| {
                problem.severity == Severity::Error || problem.found == "an unknown field"
            });
            match (checker.says(&file), mistaken) {
                (None, false) => valid += 1,
                (Some(why), false) => wrong.push_str(&format!("{}: {why}\n", path.display())),
                (Some(_), true) => caught += 1,
                // Much can be wrong that no schema sees.
                (None, true) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(valid > 25 && caught > 5, "{valid} valid, {caught} with mistakes that it finds");
    Ok(())
}

#[test]
fn what_the_readers_refuse_is_refused() -> Result {
    let checker = Checker::new()?;
    let file = |entry: Json| json!({"namespace": "app", "entries": [entry]});
    let hash = format!("sha256:{}", "0".repeat(64));
    let good = json!({
        "name": "a", "kind": "process.wasm", "fs": "b", "path": "/a.wasm", "hash": hash,
        "method": "run", "limits": {"max_memory": "1MiB", "max_fuel": "${env:FUEL|5}"},
        "wasi": {"mounts": [{"fs": "c", "guest": "/c", "read_only": true}]},
        "imports": ["wasi:io"], "meta": {"any": 1},
    });
    assert_eq!(checker.says(&file(good.clone())), None);
    let with = |pointer: &str, value: Json| {
        let mut entry = good.clone();
        if let Some(place) = entry.pointer_mut(pointer) {
            *place = value;
        } else if let Some((parent, name)) = pointer.rsplit_once('/')
            && let Some(Json::Object(parent)) = entry.pointer_mut(parent)
        {
            parent.insert(name.to_owned(), value);
        }
        file(entry)
    };
    for wrong in [
        with("/method", Json::Null),
        with("/limit", json!({})),
        with("/limits/max_memmory", json!(1)),
        with("/limits/max_fuel", json!("much")),
        with("/wasi/mounts/0/readonly", json!(true)),
        with("/imports", json!("wasi:io")),
        with("/name", json!("a:b")),
        json!({"entries": []}),
    ] {
        assert!(checker.says(&wrong).is_some(), "{wrong}");
    }
    Ok(())
}
