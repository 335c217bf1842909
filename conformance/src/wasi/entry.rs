//! A case as an entry of a project.

use std::{ffi::OsString, fmt::Write, fs, io, path::Path};

use serde_json::{Value, json};
use wippy::artifact::Hash;

use super::case::Case;

/// Makes a project in `root`, where the case's directories are already under
/// their numbers, and gives the command line that runs its entry.
///
/// # Errors
///
/// If it cannot be written.
pub(super) fn project(
    root: &Path,
    case: &Case,
    method: &str,
    guest: &Path,
) -> io::Result<Vec<OsString>> {
    fs::write(root.join("wippy.lock"), "directories:\n  src: ./src\n")?;
    fs::create_dir(root.join("src"))?;
    let file = guest.strip_prefix(root).unwrap_or(guest).display().to_string();
    let hash = Hash::of(&fs::read(guest)?).to_string();
    fs::write(root.join("src/_index.yaml"), index(case, method, &file, &hash))?;
    let mut args: Vec<OsString> = vec!["-C".into(), root.into(), "run".into()];
    args.extend(["--exec".into(), "app:guest".into()]);
    args.extend(case.with.iter().map(OsString::from));
    Ok(args)
}

/// The entries. JSON is YAML.
fn index(case: &Case, method: &str, file: &str, hash: &str) -> String {
    let mut entries = vec![
        json!({"name": "files", "kind": "fs.directory", "directory": "."}),
        json!({"name": "processes", "kind": "process.host"}),
        json!({"name": "terminal", "kind": "terminal.host", "hide_logs": true}),
    ];
    let (mut mounts, mut env, mut values) = (Vec::new(), Vec::new(), serde_json::Map::new());
    for (at, mount) in case.dirs.iter().enumerate() {
        let name = format!("dir{at}");
        entries.push(json!({"name": name, "kind": "fs.directory", "directory": at.to_string()}));
        mounts.push(json!({
            "fs": format!("app:{name}"), "guest": mount.guest, "read_only": mount.read_only
        }));
    }
    for (at, pair) in case.env.iter().enumerate() {
        let (variable, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = format!("variable{at}");
        entries.push(json!({
            "name": name, "kind": "env.variable", "variable": variable,
            "storage": "app:settings", "readonly": true
        }));
        env.push(json!({"id": format!("app:{name}"), "name": variable}));
        values.insert(variable.to_owned(), value.into());
    }
    if !values.is_empty() {
        entries.push(json!({
            "name": "settings", "kind": "env.storage.static", "values": values
        }));
    }
    entries.push(json!({
        "name": "guest", "kind": "process.wasm", "fs": "app:files", "path": format!("/{file}"),
        "hash": hash, "method": method,
        "imports": ["wasi:cli", "wasi:io", "wasi:clocks", "wasi:filesystem", "wasi:random"],
        "wasi": wasi(case, env, mounts)
    }));
    let mut out = "version: \"1.0\"\nnamespace: app\nentries:\n".to_owned();
    for entry in entries {
        let _ = writeln!(out, "  - {entry}");
    }
    out
}

/// The `wasi` block of an entry; empty parts are left out.
fn wasi(case: &Case, env: Vec<Value>, mounts: Vec<Value>) -> Value {
    let mut wasi = serde_json::Map::new();
    let args = case.args.iter().map(|arg| arg.as_str().into()).collect();
    for (key, list) in [("args", args), ("env", env), ("mounts", mounts)] {
        if !list.is_empty() {
            wasi.insert(key.to_owned(), Value::Array(list));
        }
    }
    if let Some(cwd) = &case.cwd {
        wasi.insert("cwd".to_owned(), cwd.as_str().into());
    }
    Value::Object(wasi)
}
