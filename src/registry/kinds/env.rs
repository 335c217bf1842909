//! `env.storage.*` and `env.variable`: where values come from.

use super::{Reading, Want};
use crate::registry::{
    EnvVariable, Id, Severity,
    discover::{MAX_FILE, describe_io, read_bounded},
    dotenv,
    environment::Storage,
    fields::{At, read_id, read_text, shorten},
};
use std::{collections::BTreeMap, io, path::PathBuf, sync::Mutex};

/// A storage entry as it is declared.
#[derive(Debug)]
pub(in crate::registry) enum StorageEntry {
    Os,
    Memory,
    Static(BTreeMap<String, String>),
    File(FileStorage),
    Router(Vec<Id>),
}

/// The file of an `env.storage.file`, read when the project is loaded.
#[derive(Clone, Debug)]
pub(in crate::registry) struct FileStorage {
    pub path: PathBuf,
    pub create: bool,
    pub mode: u32,
    pub values: BTreeMap<String, String>,
}

impl StorageEntry {
    /// The storage at the start of a run.
    pub fn open(&self) -> Storage {
        match self {
            StorageEntry::Os => Storage::Os,
            StorageEntry::Memory => Storage::Memory(Mutex::default()),
            StorageEntry::Static(values) => Storage::Fixed(values.clone()),
            StorageEntry::File(file) => Storage::Fixed(file.values.clone()),
            StorageEntry::Router(storages) => Storage::Router(storages.clone()),
        }
    }
}

pub(super) fn storage(kind: &str, reading: &mut Reading<'_>) -> Option<StorageEntry> {
    match kind {
        "env.storage.os" => Some(StorageEntry::Os),
        "env.storage.memory" => Some(StorageEntry::Memory),
        "env.storage.static" => Some(fixed(reading)),
        "env.storage.file" => file(reading),
        "env.storage.router" => router(reading),
        _ => None,
    }
}

fn fixed(reading: &Reading<'_>) -> StorageEntry {
    let fields = &reading.fields;
    let mut values = BTreeMap::new();
    let map = fields.free_map("values", "values:\n  PORT: \"8080\"");
    for pair in map.map(|map| map.pairs.as_slice()).unwrap_or_default() {
        let path = format!("values.{}", shorten(&pair.key));
        if let Some(text) = read_text(fields.report(), path, &pair.value) {
            values.insert(pair.key.clone(), text.value.to_owned());
        }
    }
    StorageEntry::Static(values)
}

fn file(reading: &Reading<'_>) -> Option<StorageEntry> {
    let fields = &reading.fields;
    let path = fields.required(
        "file_path",
        "the path of a file with lines NAME=value",
        "write it like this: file_path: ./.env",
    );
    let create = fields.flag("auto_create").unwrap_or(false);
    let mode = fields.mode("file_mode", "\"0600\"").unwrap_or(0o600);
    let written = path?;
    let path = reading.project.join(written.value);
    let values = file_values(reading, &written, &path, create)?;
    Some(StorageEntry::File(FileStorage { path, create, mode, values }))
}

fn file_values(
    reading: &Reading<'_>,
    written: &At<&str>,
    path: &std::path::Path,
    create: bool,
) -> Option<BTreeMap<String, String>> {
    let complain = |found: String, expected: &str, fix: &str| {
        let found = format!("{}: {found}", written.found);
        reading.fields.report().error(written.line, &written.field, found, expected, fix);
    };
    let bytes = match read_bounded(path) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            let expected = format!("at most {MAX_FILE} bytes");
            complain(
                "the file is too large".into(),
                &expected,
                "keep large values in files of their own",
            );
            return None;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && create => {
            return Some(BTreeMap::new());
        }
        Err(error) => {
            let fix = "create the file, or add: auto_create: true";
            complain(describe_io(&error), "a readable file (the path begins at the project)", fix);
            return None;
        }
    };
    let Ok(text) = String::from_utf8(bytes) else {
        complain("the file is not UTF-8".into(), "UTF-8 text", "save the file as UTF-8");
        return None;
    };
    match dotenv::parse(&text) {
        Ok(values) => Some(values),
        Err((line, why)) => {
            let fix = "write each line like this: NAME=value";
            complain(format!("line {line} of the file: {why}"), "lines NAME=value", fix);
            None
        }
    }
}

fn router(reading: &mut Reading<'_>) -> Option<StorageEntry> {
    let example = "storages:\n  - memory\n  - environment";
    let items = reading.fields.texts("storages", example);
    if items.is_empty() {
        if !reading.fields.has("storages") {
            let fix = format!("write it like this:\n{example}");
            reading.fields.missing(
                "storages",
                "a list of env.storage entries, asked in order",
                &fix,
            );
        }
        return None;
    }
    let mut storages = Vec::new();
    for item in items {
        let target = read_id(reading.fields.report(), item, reading.id.namespace());
        storages.extend(reading.refer(target, Want::Storage));
    }
    Some(StorageEntry::Router(storages))
}

pub(super) fn variable(reading: &mut Reading<'_>) -> Option<EnvVariable> {
    let fields = &reading.fields;
    let name = fields.text("variable");
    let default = fields.text("default").map(|text| text.value.to_owned());
    let readonly = fields.flag("readonly").unwrap_or(false);
    let written = fields.id("storage", reading.id.namespace());
    let report = fields.report();
    if !fields.has("storage") && !fields.has("default") {
        fields.missing(
            "storage",
            "the id of the env.storage entry that the value lives in",
            "write it like this: storage: environment\n(an entry of kind env.storage.os reads the operating system's environment)",
        );
    }
    let variable = match name {
        None => None,
        Some(name)
            if name.value.is_empty()
                || name.value.contains(['|', '}', '=', '\0'])
                || name.value.contains(char::is_whitespace) =>
        {
            let expected = "a name without spaces and without | } =";
            report.error(
                name.line,
                &name.field,
                name.found,
                expected,
                "write it like this: variable: API_URL",
            );
            return None;
        }
        Some(name) => Some(name.value.to_owned()),
    };
    if variable.is_none() && !fields.has("variable") && default.is_some() && !fields.has("storage")
    {
        let line = fields.line();
        let fix = "write it like this: variable: API_URL";
        report.push(
            Severity::Note,
            line,
            "variable",
            "nothing; it is known by its id alone",
            "a public name",
            fix,
        );
    }
    let storage = reading.refer(written, Want::Storage);
    let key = variable.clone().unwrap_or_else(|| reading.id.name().to_owned());
    Some(EnvVariable { variable, key, storage, default, readonly })
}
