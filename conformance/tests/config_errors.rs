//! Every message about a project's configuration, as text.
//!
//! Each directory below `errors/config` is a project; its `expected.txt` is
//! what loading it says. `BLESS=1 cargo test -p conformance --test
//! config_errors` writes the files anew: read the difference before you keep it.

use std::{fs, path::Path, sync::Arc};
use wippy::{artifact::Artifact, lua::LuaProgram, registry::Project};

/// All that is wrong with a project, its artifacts and its hosts.
fn report(dir: &Path) -> String {
    // The same variables on every machine.
    let os = |name: &str| match name {
        "HOME" => Some("/home/ada".into()),
        "GREETING" => Some("hello".into()),
        _ => None,
    };
    let mut loaded = Project::load_with(dir, Arc::new(os));
    let project = &loaded.project;
    let mut more = Vec::new();
    for entry in project.entries().filter(|entry| entry.kind_name == "process.wasm") {
        more.extend(Artifact::of_process(project, &entry.id).err().map(|problem| *problem));
    }
    for entry in project.entries() {
        more.extend(LuaProgram::check(entry));
    }
    if !loaded.problems.has_errors() {
        more.extend(project.hosts().err().map(|problem| *problem));
    }
    loaded.problems.extend(more);
    loaded.problems.sort();
    format!("{}\n", loaded.problems)
}

#[test]
fn every_message_is_as_expected() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("errors/config");
    let bless = std::env::var_os("BLESS").is_some();
    let mut dirs: Vec<_> =
        fs::read_dir(&cases).unwrap().map(|entry| entry.unwrap().path()).collect();
    dirs.sort();
    assert!(!dirs.is_empty());
    let mut wrong = Vec::new();
    for dir in dirs.iter().filter(|dir| dir.is_dir()) {
        // Where the repository lies is not part of a message.
        let found = report(dir).replace(&*dir.to_string_lossy(), "DIR");
        let file = dir.join("expected.txt");
        let expected = fs::read_to_string(&file).unwrap_or_default();
        if found != expected {
            if bless {
                fs::write(&file, &found).unwrap();
            } else {
                wrong.push(format!("{}\n{found}", dir.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "these have changed:\n\n{}", wrong.join("\n\n"));
}
