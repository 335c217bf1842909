//! A loaded project: its entries, commands, hosts and environment.

use super::{
    EntryKind, Environment, Id, OsLookup, Override, Problem, Problems, ProcessHost, ProcessWasm,
    TerminalHost,
    kinds::FileStorage,
    load,
    places::{Directories, DirectoryError, written},
    problem::{listed, name_one_of},
    suggest::nearest,
};
use crate::world::Directory;
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The well-formed entries of a project.
#[derive(Debug)]
pub struct Project {
    pub(super) dir: PathBuf,
    pub(super) entries: BTreeMap<Id, Entry>,
    pub(super) commands: BTreeMap<String, Command>,
    pub(super) environment: Environment,
    pub(super) created_files: Vec<FileStorage>,
    pub(super) directories: Directories,
}

/// The result of loading: always a project, and what is wrong with it.
#[derive(Debug)]
pub struct Loaded {
    /// The entries without errors.
    pub project: Project,
    /// Everything wrong, in the order of files and lines.
    pub problems: Problems,
}

/// One entry of a project.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its id.
    pub id: Id,
    /// Its fields, typed.
    pub kind: EntryKind,
    /// Its kind as written: `process.wasm`.
    pub kind_name: String,
    /// Its `meta` field, null if it has none.
    pub meta: serde_json::Value,
    /// All its other fields, as they are written: placeholders are not filled in.
    pub data: serde_json::Value,
    /// The file that declares it, relative to the project's directory.
    pub file: Arc<str>,
    /// The line that it begins on.
    pub line: Option<u32>,
    pub(super) lines: BTreeMap<String, u32>,
    pub(super) command: Option<Command>,
}

/// A named command: the `meta.command` of a process entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The name after `wippy run`.
    pub name: String,
    /// One line for `wippy run list`.
    pub short: Option<String>,
    /// True if it is the project's main command.
    pub main: bool,
    /// The process that it runs.
    pub entry: Id,
}

/// The hosts that a command needs.
#[derive(Clone, Copy, Debug)]
pub struct Hosts<'p> {
    /// The first `process.host`, by id.
    pub process: (&'p Id, &'p ProcessHost),
    /// The first `terminal.host`, by id.
    pub terminal: (&'p Id, &'p TerminalHost),
}

impl Loaded {
    /// The project, if it has no errors; else all problems.
    pub fn into_result(self) -> Result<Project, Problems> {
        if self.problems.has_errors() { Err(self.problems) } else { Ok(self.project) }
    }
}

impl Project {
    /// Loads the project in a directory, with the operating system's variables
    /// behind `env.storage.os`.
    pub fn load(dir: impl AsRef<Path>) -> Loaded {
        Project::load_with(dir, Arc::new(|name| std::env::var_os(name)))
    }

    /// Loads the project in a directory, with other variables instead of the
    /// operating system's.
    pub fn load_with(dir: impl AsRef<Path>, os: OsLookup) -> Loaded {
        let (project, problems) = load::load(dir.as_ref(), os, &[]);
        Loaded { project, problems }
    }

    /// Loads the project in a directory with fields that are set from outside.
    pub fn load_set(dir: impl AsRef<Path>, overrides: &[Override]) -> Loaded {
        let os: OsLookup = Arc::new(|name| std::env::var_os(name));
        let (project, problems) = load::load(dir.as_ref(), os, overrides);
        Loaded { project, problems }
    }

    /// The project's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// All entries, sorted by id.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// The entry of an id.
    pub fn entry(&self, id: &Id) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// The directory of an `fs.directory` entry, which is opened when the project
    /// is loaded, or, if it did not exist then, when it is first needed. Nothing
    /// if there is no such entry.
    pub(crate) fn directory(&self, id: &Id) -> Option<Result<Directory, DirectoryError>> {
        let EntryKind::FsDirectory(entry) = &self.entries.get(id)?.kind else { return None };
        let written = written(&self.entries).contains(id);
        Some(self.directories.get(id, entry, written))
    }

    /// The environment registry.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// All commands, sorted by name.
    pub fn commands(&self) -> impl Iterator<Item = &Command> {
        self.commands.values()
    }

    /// The command of a name, or what to do instead.
    pub fn command(&self, name: &str) -> Result<&Command, Box<Problem>> {
        self.commands.get(name).ok_or_else(|| {
            let names = || self.commands.keys().map(String::as_str);
            let fix = match (nearest(name, names()), self.commands.is_empty()) {
                (Some(meant), _) => format!("did you mean {meant}?"),
                (None, false) => "`wippy run list` lists the commands".to_owned(),
                (None, true) => {
                    "make a process entry a command:\nmeta:\n  command:\n    name: greet\n    short: Greet someone"
                        .to_owned()
                }
            };
            let expected = match &*names().collect::<Vec<_>>() {
                [] => "a command, but the project has none".to_owned(),
                [only] => format!("{only}, the only command"),
                some => format!("one of {}", listed(some)),
            };
            let found = format!("there is no command {}", super::quoted(name));
            Box::new(Problem::error("command line", found, expected, fix))
        })
    }

    /// The program in WebAssembly of an id, or what is wrong with the id.
    pub fn process_wasm(&self, id: &Id) -> Result<&ProcessWasm, Box<Problem>> {
        let expected = "the id of a process or function entry, such as process.wasm";
        match self.entries.get(id) {
            Some(entry) if let Some(program) = entry.kind.wasm_program() => Ok(program),
            Some(entry) => {
                let found = format!("an entry of kind {}", entry.kind_name);
                let problem =
                    Problem::error(entry.file.clone(), found, expected, "name another entry")
                        .at_line(entry.line)
                        .in_entry(Some(id.clone()));
                Err(Box::new(problem))
            }
            None => {
                let processes = self.entries.values();
                let processes = processes
                    .filter(|entry| super::kinds::is_program(&entry.kind_name))
                    .map(|entry| entry.id.to_string());
                let processes: Vec<String> = processes.take(1000).collect();
                let fix = match nearest(&id.to_string(), processes.iter().map(String::as_str)) {
                    Some(meant) => format!("did you mean {meant}?"),
                    None if processes.is_empty() => {
                        "the project has no process entries; name another project with -C DIR"
                            .to_owned()
                    }
                    None => name_one_of(&processes),
                };
                let found = format!("the project has no entry {id}");
                Err(Box::new(Problem::error("command line", found, expected, fix)))
            }
        }
    }

    /// The `process.host` with an id.
    pub fn process_host(&self, id: &Id) -> Result<&ProcessHost, Box<Problem>> {
        match self.entries.get(id).map(|entry| (&entry.kind, entry)) {
            Some((EntryKind::ProcessHost(host), _)) => Ok(host),
            other => {
                let found = match other {
                    Some((_, entry)) => format!("{id} is an entry of kind {}", entry.kind_name),
                    None => format!("the project has no entry {id}"),
                };
                let hosts = self
                    .entries
                    .values()
                    .filter(|entry| matches!(entry.kind, EntryKind::ProcessHost(_)));
                let hosts: Vec<String> = hosts.map(|entry| entry.id.to_string()).collect();
                let fix = if hosts.is_empty() {
                    format!("add a host to a file of the project:\n{PROCESS_HOST}")
                } else {
                    name_one_of(&hosts)
                };
                let expected = "the id of a process.host entry";
                Err(Box::new(Problem::error("command line", found, expected, fix)))
            }
        }
    }

    /// The hosts that commands run on, or the lines to add.
    pub fn hosts(&self) -> Result<Hosts<'_>, Box<Problem>> {
        let process = self.entries.values().find_map(|entry| {
            if let EntryKind::ProcessHost(host) = &entry.kind {
                Some((&entry.id, host))
            } else {
                None
            }
        });
        let terminal = self.entries.values().find_map(|entry| {
            if let EntryKind::TerminalHost(host) = &entry.kind {
                Some((&entry.id, host))
            } else {
                None
            }
        });
        let (found, lines) = match (process, terminal) {
            (Some(process), Some(terminal)) => return Ok(Hosts { process, terminal }),
            (None, Some(_)) => ("no process.host", PROCESS_HOST.to_owned()),
            (Some(_), None) => ("no terminal.host", TERMINAL_HOST.to_owned()),
            (None, None) => (
                "neither a process.host nor a terminal.host",
                format!("{PROCESS_HOST}\n{TERMINAL_HOST}"),
            ),
        };
        // The file that declares the most is where they will be looked for.
        let mut files: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
        for entry in self.entries.values() {
            let count = files.entry(&entry.file).or_default();
            *count = count.saturating_add(1);
        }
        let file = files.into_iter().max_by_key(|(_, count)| *count).map(|(file, _)| file.clone());
        Err(Box::new(Problem::error(
            file.unwrap_or_else(|| "src/_index.yaml".into()),
            found,
            "both hosts: commands run as processes, and the terminal host lends them the terminal",
            format!("add under entries:\n{lines}"),
        )))
    }

    /// Creates the files of `env.storage.file` entries with `auto_create`.
    pub fn create_files(&self) -> io::Result<()> {
        for file in &self.created_files {
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, file.mode);
            match options.open(&file.path) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    let message = format!("cannot create {}: {error}", file.path.display());
                    return Err(io::Error::new(error.kind(), message));
                }
            }
        }
        Ok(())
    }
}

const PROCESS_HOST: &str = "  - name: processes\n    kind: process.host";
const TERMINAL_HOST: &str = "  - name: terminal\n    kind: terminal.host";

impl Entry {
    /// The line of one of its own fields, or else the entry's.
    pub fn line_of(&self, field: &str) -> Option<u32> {
        self.lines.get(field).copied().or(self.line)
    }

    /// The host that it runs on when it is called: its `meta.default_host`.
    pub fn default_host(&self) -> Option<String> {
        let host = self.meta.get("default_host")?.as_str()?;
        match host.contains(':') {
            true => Some(host.to_owned()),
            false => Some(format!("{}:{host}", self.id.namespace())),
        }
    }

    /// A problem of one of its fields, for checks that others make.
    pub fn problem(
        &self,
        field: &str,
        found: impl Into<String>,
        expected: impl Into<String>,
        fix: impl Into<String>,
    ) -> Problem {
        let top = field.split(['.', '[']).next().unwrap_or(field);
        let line = self.lines.get(field).copied().or_else(|| self.line_of(top));
        Problem::error(self.file.clone(), found, expected, fix)
            .at_line(line)
            .in_entry(Some(self.id.clone()))
            .in_field(field)
    }
}
