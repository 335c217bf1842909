//! From a directory to a [`Project`]: the order in which things are read.
//!
//! 1. The files, their entries, and the ids.
//! 2. The `env.*` entries without placeholders, which make an environment; with
//!    it the `env.*` entries that have some. So placeholders cannot go round in
//!    circles, and two rounds are always enough.
//! 3. All other entries, with the placeholders filled in.
//! 4. What concerns several entries: references, commands.

use super::{
    Command, Entry, EntryKind, Environment, Id, OsLookup, Override, Problem, Problems, Project,
    Severity, discover,
    fields::{Fields, Report},
    kinds::{self, LUA_KINDS, Reference, STORAGES, StorageEntry, Want},
    overrides,
    placeholder::{self, Filler},
    places::Directories,
    services,
    source::{self, RawEntry, Sources},
    suggest::nearest,
    yaml::{Data, Map, Node},
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashSet},
    path::{Path, PathBuf},
};

pub(super) fn load(dir: &Path, os: OsLookup, overrides: &[Override]) -> (Project, Problems) {
    let problems = RefCell::new(Problems::default());
    let mut sources = Sources::default();
    for file in discover::files(dir, &problems) {
        source::read(&file, &problems, &mut sources);
    }
    let mut raw = source::drop_duplicates(sources.entries, &problems);
    overrides::apply(overrides, &mut raw, &problems);
    kinds::note_later(&raw, &problems);
    let mut loader = Loader {
        dir,
        problems: &problems,
        declared: raw.iter().map(|e| (e.id.clone(), e.kind.value.clone())).collect(),
        unread: sources.unread,
        references: Vec::new(),
        environment: Environment::new(os),
        storages: BTreeMap::new(),
        entries: BTreeMap::new(),
    };
    let (env, other): (Vec<_>, Vec<_>) =
        raw.into_iter().partition(|entry| entry.kind.value.starts_with("env."));
    let (env_later, env) =
        env.into_iter().partition::<Vec<_>, _>(|entry| placeholder::has_any(&entry.map));
    let later = env_later.iter().filter_map(public_name).collect();
    let none = HashSet::new();
    loader.round(env, &none);
    loader.round(env_later, &later);
    loader.round(other, &none);
    let broken = loader.check_references();
    loader.check_routers();
    kinds::check_http(&loader.entries, &problems);
    services::check_circles(&loader.entries, &problems);
    let mut commands = loader.commands();
    loader.entries.retain(|id, _| !broken.contains(id));
    commands.retain(|_, command| loader.entries.contains_key(&command.entry));
    let directories = Directories::of(&loader.entries);
    loader.check_places(&directories);
    let Loader { environment, entries, storages, .. } = loader;
    let files = storages.into_values().filter_map(|storage| {
        if let StorageEntry::File(file) = storage
            && file.create
        {
            Some(file)
        } else {
            None
        }
    });
    let project = Project {
        dir: dir.to_owned(),
        entries,
        commands,
        environment,
        created_files: files.collect(),
        directories,
    };
    let mut problems = problems.into_inner();
    problems.sort();
    (project, problems)
}

struct Loader<'a> {
    dir: &'a Path,
    problems: &'a RefCell<Problems>,
    /// Every id in the files with its kind, well-formed or not.
    declared: BTreeMap<Id, String>,
    /// Namespaces of files that could not be read.
    unread: BTreeSet<String>,
    references: Vec<Reference>,
    environment: Environment,
    storages: BTreeMap<Id, StorageEntry>,
    entries: BTreeMap<Id, Entry>,
}

impl Loader<'_> {
    /// Types some entries with the environment so far, then adds to it.
    fn round(&mut self, raw: Vec<RawEntry>, later: &HashSet<String>) {
        let mut variables = Vec::new();
        let environment = self.environment.clone();
        let filler = Filler::new(&environment, later);
        for mut entry in raw {
            let report = Report {
                file: entry.file.clone(),
                entry: Some(entry.id.clone()),
                kind: entry.kind.value.as_str().into(),
                problems: self.problems,
                noting: None,
            };
            let before = self.problems.borrow().count(Severity::Error);
            // What is not run here is not looked into either.
            if kinds::is_own(&entry.kind.value) {
                filler.entry(&report, &mut entry.map);
            }
            let filled = self.problems.borrow().count(Severity::Error) == before;
            let read = kinds::read(&entry, self.dir, self.problems, &mut self.references, None);
            let command = command(&report, &entry);
            let (Some(read), true) = (read, filled) else { continue };
            if let Some(storage) = read.storage {
                self.environment.add_storage(entry.id.clone(), storage.open());
                self.storages.insert(entry.id.clone(), storage);
            }
            if let EntryKind::EnvVariable(variable) = &read.kind {
                variables.push((report.clone(), variable.clone(), variable_line(&entry)));
            }
            let meta = entry.map.get("meta").map(|pair| to_json(&pair.value));
            let data = data(&entry.map);
            let lines = lines(&entry.map, command.as_ref().and_then(|(_, line)| *line));
            let command = command.map(|(command, _)| command);
            let id = entry.id.clone();
            let entry = Entry {
                id: entry.id,
                kind: read.kind,
                kind_name: entry.kind.value,
                meta: meta.unwrap_or(serde_json::Value::Null),
                data,
                file: entry.file,
                line: entry.line,
                lines,
                command,
            };
            self.entries.insert(id, entry);
        }
        for (report, variable, line) in variables {
            let Some(id) = report.entry.clone() else { continue };
            let name = variable.variable.clone().unwrap_or_default();
            if let Some(first) = self.environment.add_variable(id, variable) {
                report.error(
                    line,
                    "variable",
                    format!("{name}, the public name of {first} as well"),
                    "each public name once in a project",
                    "rename one of the two; wasi.env may give a process any name",
                );
            }
        }
    }

    /// Reports references that lead nowhere or to the wrong kind; gives the
    /// entries that have some.
    fn check_references(&self) -> BTreeSet<Id> {
        let mut broken = BTreeSet::new();
        for reference in &self.references {
            let target = &reference.target;
            let kind = self.declared.get(&target.value).map(String::as_str);
            let (fits, expected, example): (fn(&str) -> bool, _, _) = match reference.want {
                Want::Directory => (
                    |kind| kind == "fs.directory",
                    "the id of an fs.directory entry",
                    "kind: fs.directory\n  directory: ./files",
                ),
                Want::Storage => (
                    |kind| STORAGES.contains(&kind),
                    "the id of an env.storage entry",
                    "kind: env.storage.os",
                ),
                Want::Variable => (
                    |kind| kind == "env.variable",
                    "the id of an env.variable entry",
                    "kind: env.variable\n  variable: NAME\n  storage: environment",
                ),
                Want::Lua => (
                    |kind| LUA_KINDS.contains(&kind),
                    "the id of a library.lua, process.lua or function.lua entry",
                    "kind: library.lua\n  source: file://NAME.lua",
                ),
                Want::Process => (
                    kinds::is_process,
                    "the id of a process entry, such as process.wasm",
                    "kind: process.wasm",
                ),
                Want::Host => (
                    |kind| kind == "process.host",
                    "the id of a process.host entry",
                    "kind: process.host",
                ),
                Want::HttpService => (
                    |kind| kind == "http.service",
                    "the id of an http.service entry",
                    "kind: http.service\n  addr: 127.0.0.1:8080",
                ),
                Want::HttpRouter => (
                    |kind| kind == "http.router",
                    "the id of an http.router entry",
                    "kind: http.router\n  server: app:server",
                ),
                Want::HttpFunction => (
                    kinds::is_program,
                    "the id of a process or function entry that answers requests",
                    "kind: function.lua\n  source: file://NAME.lua\n  method: main",
                ),
                Want::Any => (|_| true, "the id of an entry", "kind: process.host"),
            };
            let (found, fix) = match kind {
                Some(kind) if fits(kind) => continue,
                Some(kind) => (
                    format!("{}, an entry of kind {kind}", target.value),
                    format!("name {}", expected.replace("the id of ", "")),
                ),
                None if self.unread.contains(target.value.namespace()) => {
                    broken.insert(reference.entry.id.clone());
                    continue;
                }
                None if self.problems.borrow().is_full() => (String::new(), String::new()),
                None => {
                    let names: Vec<String> = self
                        .declared
                        .iter()
                        .filter(|(_, kind)| fits(kind))
                        .take(1000)
                        .map(|(id, _)| id.to_string())
                        .collect();
                    let wanted = target.value.to_string();
                    let fix = match nearest(&wanted, names.iter().map(String::as_str)) {
                        Some(meant) => format!("did you mean {meant}?"),
                        None => format!(
                            "add such an entry to the file with namespace {}:\n- name: {}\n  {example}",
                            target.value.namespace(),
                            target.value.name()
                        ),
                    };
                    (format!("{}, which is no entry of this project", target.value), fix)
                }
            };
            let problem = Problem::error(reference.entry.file.clone(), found, expected, fix)
                .at_line(target.line)
                .in_entry(Some(reference.entry.id.clone()))
                .in_field(target.field.clone());
            self.problems.borrow_mut().push(problem);
            broken.insert(reference.entry.id.clone());
        }
        broken
    }

    /// Routers that go round in a circle, or lead to some that do.
    ///
    /// Storages whose own storages all end somewhere are taken away until
    /// nothing changes; what is left never ends.
    fn check_routers(&self) {
        let mut open: BTreeMap<&Id, usize> = BTreeMap::new();
        let mut users: BTreeMap<&Id, Vec<&Id>> = BTreeMap::new();
        let mut ended: Vec<&Id> = Vec::new();
        for (id, storage) in &self.storages {
            let next: BTreeSet<&Id> = match storage {
                StorageEntry::Router(next) => {
                    next.iter().filter(|id| self.storages.contains_key(id)).collect()
                }
                StorageEntry::Os
                | StorageEntry::Memory
                | StorageEntry::Static(_)
                | StorageEntry::File(_) => BTreeSet::new(),
            };
            if next.is_empty() {
                ended.push(id);
                continue;
            }
            open.insert(id, next.len());
            for target in next {
                users.entry(target).or_default().push(id);
            }
        }
        while let Some(id) = ended.pop() {
            for user in users.remove(id).unwrap_or_default() {
                let Some(left) = open.get_mut(user) else { continue };
                *left = left.saturating_sub(1);
                if *left == 0 {
                    open.remove(user);
                    ended.push(user);
                }
            }
        }
        for entry in open.keys().filter_map(|id| self.entries.get(id)) {
            self.problems.borrow_mut().push(entry.problem(
                "storages",
                "routers that lead round in a circle",
                "storages that end somewhere",
                "take one of the routers out of the circle",
            ));
        }
    }

    /// Files that have been read where a guest may have had its hand in it: by way
    /// of a link, which is an error, or because it can write them, which its
    /// entry's author may have meant.
    fn check_places(&self, directories: &Directories) {
        let mut sources = BTreeSet::new();
        for (id, entry) in &self.entries {
            sources.insert(self.dir.join(&*entry.file));
            let source = entry.kind.lua().and_then(|code| Some(self.dir.join(code.file.as_ref()?)));
            sources.extend(source.clone());
            let (field, path) = if let Some(source) = source {
                ("source", source)
            } else if let Some(StorageEntry::File(file)) = self.storages.get(id) {
                ("file_path", file.path.clone())
            } else {
                continue;
            };
            if let Some(link) = directories.link_on_the_way(&path) {
                self.problems.borrow_mut().push(entry.problem(
                    field,
                    format!("a path through {}, a link where guests can write", link.display()),
                    "a path that no guest can lead elsewhere",
                    "remove the link, or name the file that it leads to",
                ));
            }
        }
        // Somebody may mount their whole project; but where only a part of it is a
        // guest's, files there are not the author's.
        let all = sources.iter().filter_map(|file| file.parent().map(Path::to_owned));
        let top = |path: &Path| {
            let rest = path.strip_prefix(self.dir).unwrap_or(path);
            rest.iter().next().map_or(self.dir.to_owned(), |first| self.dir.join(first))
        };
        let all: BTreeSet<PathBuf> = all.flat_map(|path| [top(&path), path]).collect();
        let written = directories.written_ones(all);
        for directory in &written {
            let meant = written.contains(&top(directory));
            if meant && *directory != top(directory) {
                continue;
            }
            let file = directory.strip_prefix(self.dir).unwrap_or(directory).to_string_lossy();
            let problem = Problem::error(
                &*file,
                "files of the project in a directory that a guest can write by a mount",
                "files that only you can change: what stands in them is run",
                "mount another directory, or add to the mount: read_only: true",
            );
            let severity = if meant { Severity::Warning } else { Severity::Error };
            self.problems.borrow_mut().push(problem.with_severity(severity));
        }
    }

    /// All commands by name; a name given twice is an error of the second.
    fn commands(&self) -> BTreeMap<String, Command> {
        let mut commands: BTreeMap<String, Command> = BTreeMap::new();
        let mut entries: Vec<&Entry> =
            self.entries.values().filter(|entry| entry.command.is_some()).collect();
        entries.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        for entry in entries {
            let Some(command) = &entry.command else { continue };
            if let Some(first) = commands.get(&command.name) {
                self.problems.borrow_mut().push(entry.problem(
                    "meta.command.name",
                    format!("{}, the command of {} as well", command.name, first.entry),
                    "each command name once in a project",
                    "rename one of the two",
                ));
            } else {
                commands.insert(command.name.clone(), command.clone());
            }
        }
        commands
    }
}

fn public_name(entry: &RawEntry) -> Option<String> {
    let Data::Text(text) = &entry.map.get("variable")?.value.data else { return None };
    Some(text.value.clone())
}

fn variable_line(entry: &RawEntry) -> Option<u32> {
    entry.map.get("variable").map_or(entry.line, |pair| pair.line)
}

/// The lines of an entry's own fields, and that of its command's name.
fn lines(map: &Map, name: Option<u32>) -> BTreeMap<String, u32> {
    let own = map.pairs.iter().filter_map(|pair| pair.line.map(|line| (pair.key.clone(), line)));
    own.chain(name.map(|line| ("meta.command.name".to_owned(), line))).collect()
}

/// The `meta.command` of an entry, and the line of its name.
fn command(report: &Report<'_>, entry: &RawEntry) -> Option<(Command, Option<u32>)> {
    let meta = match &entry.map.get("meta")?.value.data {
        Data::Map(meta) => meta,
        Data::Null => return None,
        Data::Bool(_) | Data::Int(_) | Data::Float(_) | Data::Text(_) | Data::List(_) => {
            let node = &entry.map.get("meta")?.value;
            Fields::of_node(report, node, "meta".into(), "meta:\n  comment: what it is for");
            return None;
        }
    };
    let pair = meta.get("command").filter(|pair| pair.value.data != Data::Null)?;
    let example = "command:\n  name: greet\n  short: Greet someone";
    let fields = Fields::of_node(report, &pair.value, "meta.command".into(), example)?;
    let fix = "write it like this: name: greet";
    let name = fields.required("name", "the name of the command", fix);
    let short = fields.text("short").map(|text| text.value.trim().to_owned());
    let main = fields.flag("main").unwrap_or(false);
    if !kinds::is_process(&entry.kind.value) {
        let found = format!("a command on an entry of kind {}", entry.kind.value);
        let expected = "a process entry, such as process.wasm";
        report.push(
            Severity::Warning,
            pair.line,
            "meta.command",
            found,
            expected,
            "remove it, or make the entry a process",
        );
        return None;
    }
    fields.finish();
    let name = name?;
    let wrong =
        if name.value.contains(char::is_whitespace) || crate::visible::has_hidden(name.value) {
            "a name without spaces and characters that cannot be seen"
        } else if name.value.starts_with('-') {
            "a name that does not look like an option"
        } else if name.value == "list" {
            "another name: `run list` lists the commands"
        } else if name.value.contains('/')
            || name.value.ends_with(".wasm")
            || name.value.ends_with(".wat")
        {
            "a name that does not look like a file"
        } else {
            let line = name.line;
            let (name, entry) = (name.value.to_owned(), entry.id.clone());
            return Some((Command { name, short, main, entry }, line));
        };
    report.error(name.line, &name.field, name.found, wrong, fix);
    None
}

/// The fields of an entry but its name, kind and `meta`, as they are written.
fn data(map: &Map) -> serde_json::Value {
    let own = map.pairs.iter().filter(|pair| !matches!(&*pair.key, "name" | "kind" | "meta"));
    serde_json::Value::Object(own.map(|pair| (pair.key.clone(), as_written(&pair.value))).collect())
}

/// A node as JSON, with its placeholders.
fn as_written(node: &Node) -> serde_json::Value {
    match &node.data {
        Data::Text(text) => {
            let written = text.template.as_ref().unwrap_or(&text.value);
            serde_json::Value::String(written.clone())
        }
        Data::List(items) => items.iter().map(as_written).collect(),
        Data::Map(map) => serde_json::Value::Object(
            map.pairs.iter().map(|pair| (pair.key.clone(), as_written(&pair.value))).collect(),
        ),
        Data::Null | Data::Bool(_) | Data::Int(_) | Data::Float(_) => to_json(node),
    }
}

/// A node as JSON.
pub(super) fn to_json(node: &Node) -> serde_json::Value {
    use serde_json::Value;
    match &node.data {
        Data::Null => Value::Null,
        Data::Bool(value) => Value::Bool(*value),
        Data::Int(value) => match (u64::try_from(*value), i64::try_from(*value)) {
            (Ok(value), _) => value.into(),
            (_, Ok(value)) => value.into(),
            _ => Value::String(value.to_string()),
        },
        Data::Float(value) => (*value).into(),
        Data::Text(text) => Value::String(text.value.clone()),
        Data::List(items) => items.iter().map(to_json).collect(),
        Data::Map(map) => Value::Object(
            map.pairs.iter().map(|pair| (pair.key.clone(), to_json(&pair.value))).collect(),
        ),
    }
}
