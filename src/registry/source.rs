//! From a YAML file to raw entries: ids and kinds, fields not looked at yet.

use super::{
    Id, Problem, Severity,
    discover::{MAX_FILE, SourceFile, describe_io, read_bounded},
    fields::{At, Fields, Report, describe},
    id::check_part,
    suggest::slip_of,
    yaml::{self, Data, Map, Node},
};
use std::{cell::RefCell, collections::BTreeSet, path::PathBuf, sync::Arc};

const EXAMPLE: &str = "version: \"1.0\"\nnamespace: app\nentries:\n  - name: files\n    kind: fs.directory\n    directory: ./files";

/// Bytes of YAML in all files with a namespace.
const MAX_TOTAL: usize = 16 << 20;

/// An entry whose fields are still YAML.
pub(super) struct RawEntry {
    pub id: Id,
    pub kind: At<String>,
    pub map: Map,
    pub line: Option<u32>,
    pub file: Arc<str>,
    /// The directory that the file is in.
    pub directory: PathBuf,
}

/// All that is read from the files of a project.
pub(super) struct Sources {
    pub entries: Vec<RawEntry>,
    /// Namespaces of files that could not be read: what refers to them may be
    /// right.
    pub unread: BTreeSet<String>,
    /// Bytes of YAML that may still come.
    left: usize,
}

impl Default for Sources {
    fn default() -> Sources {
        Sources { entries: Vec::new(), unread: BTreeSet::new(), left: MAX_TOTAL }
    }
}

/// Reads one file; a file that is not the project's gives no entries.
pub(super) fn read(file: &SourceFile, problems: &RefCell<super::Problems>, sources: &mut Sources) {
    let report =
        Report { file: file.name.clone(), entry: None, kind: "".into(), problems, noting: None };
    let bytes = match read_bounded(&file.path) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            let size = std::fs::metadata(&file.path).map(|meta| meta.len()).unwrap_or_default();
            // A data file may be as large as it likes.
            let severity = if is_index(file) { Severity::Error } else { Severity::Note };
            report.push(
                severity,
                None,
                "",
                format!("a file of {size} bytes, which is not read"),
                format!("at most {MAX_FILE} bytes"),
                "split it, or move long texts into files of their own",
            );
            return;
        }
        Err(error) => {
            report.error(
                None,
                "",
                describe_io(&error),
                "a readable file",
                "look at its permissions",
            );
            return;
        }
    };
    let node = match yaml::parse(&bytes) {
        Ok(node) => node,
        Err(error) => {
            // YAML of another program may be of a dialect that we do not read.
            let namespace = namespace_line(&bytes);
            let ours = is_index(file) || namespace.is_some();
            sources.unread.extend(namespace);
            let severity = if ours { Severity::Error } else { Severity::Note };
            report.push(severity, error.line, "", error.found, error.expected, error.fix);
            return;
        }
    };
    let Data::Map(root) = node.data else {
        if is_index(file) {
            let fix = format!("write it like this:\n{EXAMPLE}");
            report.error(Some(1), "", describe(&node), "a namespace and entries", fix);
        }
        return;
    };
    if root.get("namespace").is_none() {
        no_namespace(file, &report, &root);
        return;
    }
    let Some(rest) = sources.left.checked_sub(bytes.len()) else {
        report.error(
            None,
            "",
            format!("a file that brings the project above {} MiB of YAML", MAX_TOTAL >> 20),
            "a smaller project",
            "split the project, or move long texts into files of their own",
        );
        return;
    };
    sources.left = rest;
    head(file, &report, root, &mut sources.entries);
}

/// A file without a namespace is not the project's, unless it looks like it: then its
/// entries would be missing without a word.
fn no_namespace(file: &SourceFile, report: &Report<'_>, root: &Map) {
    let is_entry = |map: &Map| map.get("name").is_some() && map.get("kind").is_some();
    let listed = root.get("entries").is_some_and(|pair| match &pair.value.data {
        Data::List(items) => {
            items.iter().any(|item| matches!(&item.data, Data::Map(map) if is_entry(map)))
        }
        Data::Null
        | Data::Bool(_)
        | Data::Int(_)
        | Data::Float(_)
        | Data::Text(_)
        | Data::Map(_) => false,
    });
    let misspelt = root.pairs.iter().find_map(|pair| {
        let meant = slip_of(&pair.key, ["namespace"])?;
        Some((pair, format!("did you mean {meant}?")))
    });
    let index = is_index(file);
    let ours = index && (root.get("entries").is_some() || is_entry(root)) || listed;
    if !ours && (!index || root.pairs.is_empty()) {
        return;
    }
    let (line, fix) = match misspelt {
        Some((pair, fix)) => (pair.line, fix),
        None => (Some(1), "add a line like this: namespace: app".to_owned()),
    };
    // Other words at the top of an index are a slip as well.
    let slip = root.pairs.iter().any(|pair| slip_of(&pair.key, HEAD).is_some());
    let (severity, found) = match ours || slip {
        true => (Severity::Error, "no such field; without it the file's entries are not read"),
        false => (Severity::Warning, "no such field; the file is ignored"),
    };
    report.push(severity, line, "namespace", found, "a namespace", fix);
}

/// The fields of a file.
const HEAD: [&str; 2] = ["namespace", "entries"];

/// A file with a namespace.
fn head(file: &SourceFile, report: &Report<'_>, mut root: Map, entries: &mut Vec<RawEntry>) {
    let mut items = Vec::new();
    let single = root.get("entries").is_none() && root.get("kind").is_some();
    if !single && let Some(at) = root.pairs.iter().position(|pair| pair.key == "entries") {
        // Out of the map, so that the entries need not be copied.
        let pair =
            root.pairs.get_mut(at).map(|pair| std::mem::replace(&mut pair.value.data, Data::Null));
        match pair {
            Some(Data::List(list)) => items = list,
            Some(Data::Null) | None => {}
            Some(data) => {
                let line = root.get("entries").and_then(|pair| pair.line);
                let found = describe(&Node { line: None, data });
                let fix = format!("write it like this:\n{EXAMPLE}");
                report.error(line, "entries", found, "a list of entries", fix);
            }
        }
    }
    let fields = Fields::of_entry(report, &root, Some(1));
    let namespace =
        fields.required("namespace", "a namespace", "write it like this: namespace: app");
    let Some(namespace) = namespace else { return };
    if let Err(why) = check_part(namespace.value) {
        let found = format!("{}: {why}", namespace.found);
        report.error(
            namespace.line,
            "namespace",
            found,
            "a name without colons or spaces",
            "write it like this: namespace: app.tools",
        );
        return;
    }
    let namespace = namespace.value.to_owned();
    if single {
        let line = fields.line_of("name");
        let map = Map {
            pairs: root
                .pairs
                .iter()
                .filter(|pair| !matches!(pair.key.as_str(), "namespace" | "version"))
                .cloned()
                .collect(),
            ..root.clone()
        };
        entry(file, report, &namespace, "", map, line, entries);
        return;
    }
    if root.get("entries").is_none() {
        let fix = format!("write it like this:\n{EXAMPLE}");
        report.push(
            Severity::Warning,
            fields.line_of("namespace"),
            "entries",
            "no such field",
            "a list of entries",
            fix,
        );
    }
    fields.ignore("version");
    fields.ignore("meta");
    fields.ignore("entries");
    fields.finish();
    keys(report, "", &root);
    for (n, item) in items.into_iter().enumerate() {
        let path = format!("entries[{n}]");
        match item.data {
            Data::Map(map) => entry(file, report, &namespace, &path, map, item.line, entries),
            Data::Null
            | Data::Bool(_)
            | Data::Int(_)
            | Data::Float(_)
            | Data::Text(_)
            | Data::List(_) => {
                let expected = "a mapping with name and kind";
                let fix = format!("write it like this:\n{EXAMPLE}");
                report.error(item.line, &path, describe(&item), expected, fix);
            }
        }
    }
}

/// One entry: name, kind, and keys that cannot be meant.
fn entry(
    file: &SourceFile,
    report: &Report<'_>,
    namespace: &str,
    path: &str,
    map: Map,
    line: Option<u32>,
    entries: &mut Vec<RawEntry>,
) {
    let node = Node { line, data: Data::Map(map) };
    let Some(fields) = Fields::of_node(report, &node, path.to_owned(), EXAMPLE) else { return };
    let name = fields.required("name", "the entry's name", "add a line like this: name: greet");
    let id = name.and_then(|name| match Id::new(namespace, name.value) {
        Ok(id) => Some(id),
        Err(why) => {
            let found = format!("{}: {why}", name.found);
            let fix = "write the name alone, without the namespace: name: greet";
            report.error(name.line, &name.field, found, "a name without colons or spaces", fix);
            None
        }
    });
    let report = &Report { entry: id.clone(), ..report.clone() };
    let fields = match &id {
        // From here on the entry is called by its id.
        Some(_) => Fields::of_node(report, &node, String::new(), EXAMPLE),
        None => Some(fields),
    };
    let kind = fields.and_then(|fields| {
        let kind = fields.required(
            "kind",
            "the entry's kind",
            "add a line like this: kind: process.wasm",
        )?;
        Some(At {
            value: kind.value.to_owned(),
            line: kind.line,
            field: kind.field,
            found: kind.found,
        })
    });
    let Data::Map(map) = node.data else { return };
    keys(report, if id.is_some() { "" } else { path }, &map);
    let (Some(id), Some(kind)) = (id, kind) else { return };
    entries.push(RawEntry {
        id,
        kind,
        map,
        line,
        file: file.name.clone(),
        directory: file.path.parent().map(PathBuf::from).unwrap_or_default(),
    });
}

/// Reports keys that stand twice or are no strings, at every depth.
fn keys(report: &Report<'_>, path: &str, map: &Map) {
    let join = |key: &str| {
        let key = super::fields::shorten(key);
        if path.is_empty() { key } else { format!("{path}.{key}") }
    };
    for (key, line, first) in &map.repeated {
        let first = first.map_or("above".to_owned(), |line| format!("on line {line}"));
        let found = format!("a second value; the first stands {first}");
        report.error(*line, &join(key), found, "each key once", "remove one of the two");
    }
    for (key, line) in &map.odd_keys {
        let fix = format!("put the key in quotes: \"{key}\":");
        report.error(
            *line,
            &join(key),
            format!("the key {key}, which is not a string"),
            "a string as a key",
            fix,
        );
    }
    for pair in &map.pairs {
        inner_keys(report, &join(&pair.key), &pair.value);
    }
}

fn inner_keys(report: &Report<'_>, path: &str, node: &Node) {
    match &node.data {
        Data::Map(map) => keys(report, path, map),
        Data::List(items) => {
            for (n, item) in items.iter().enumerate() {
                if matches!(item.data, Data::Map(_) | Data::List(_)) {
                    inner_keys(report, &format!("{path}[{n}]"), item);
                }
            }
        }
        Data::Null | Data::Bool(_) | Data::Int(_) | Data::Float(_) | Data::Text(_) => {}
    }
}

/// The same id given twice: the second one is dropped.
pub(super) fn drop_duplicates(
    entries: Vec<RawEntry>,
    problems: &RefCell<super::Problems>,
) -> Vec<RawEntry> {
    let mut seen = std::collections::BTreeMap::new();
    let mut kept = Vec::with_capacity(entries.len());
    for entry in entries {
        let place = match entry.line {
            Some(line) => format!("{}:{line}", entry.file),
            None => entry.file.to_string(),
        };
        if let Some(first) = seen.get(&entry.id) {
            let problem = Problem::error(
                entry.file.clone(),
                format!("a second entry of this id; the first one is at {first}"),
                "each id once in a project",
                "give one of the two another name or namespace",
            );
            problems.borrow_mut().push(problem.at_line(entry.line).in_entry(Some(entry.id)));
        } else {
            seen.insert(entry.id.clone(), place);
            kept.push(entry);
        }
    }
    kept
}

fn is_index(file: &SourceFile) -> bool {
    file.path.file_stem().is_some_and(|stem| stem == "_index")
}

/// The namespace of a file that is no YAML, as far as it can be seen.
fn namespace_line(bytes: &[u8]) -> Option<String> {
    let line = bytes.split(|b| *b == b'\n').find_map(|line| line.strip_prefix(b"namespace:"))?;
    let text = String::from_utf8_lossy(line);
    let text = text.split(" #").next().unwrap_or_default();
    Some(text.trim().trim_matches(['"', '\'']).to_owned())
}
