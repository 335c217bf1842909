//! What processes ask of their project: variables, which they may set, and entries.
//!
//! A variable that a process sets is kept by the node, and seen by all its processes
//! until the node ends; the project itself does not change.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use super::{Node, send::shown};
use crate::{
    artifact,
    command::{ErrorKind, FileId, ProcessError, ProjectCommand, Reply},
    lock::lock,
    registry::{Entry, EntryKind, Id, Project},
    value::{Term, term},
    world::Directory,
};

/// Bytes of a variable that a process sets.
const MAX_VALUE: usize = 64 << 10;

/// Names in a filter: each is looked up in every entry.
const MAX_FILTER: usize = 64;

/// The variables that processes have set.
#[derive(Default)]
pub(super) struct Variables(Mutex<BTreeMap<Id, String>>);

impl Variables {
    fn all(&self) -> MutexGuard<'_, BTreeMap<Id, String>> {
        lock(&self.0)
    }
}

impl Node {
    /// Answers a command about the project, with at most so many bytes; `open` gives a
    /// directory to the process.
    pub(super) fn ask_project(
        &self,
        command: ProjectCommand,
        room: u64,
        open: impl FnOnce(Directory) -> FileId,
    ) -> Reply {
        let Some(project) = self.0.programs.project() else {
            let why = "there is no project here";
            return Reply::ProcessError(ProcessError::new(ErrorKind::Unavailable, why));
        };
        let variables = &self.0.variables;
        let answer = match command {
            ProjectCommand::Variable(name) => variable(project, &name)
                .map(|id| variables.all().get(&id).cloned().map_or(Reply::Done, Reply::Text)),
            ProjectCommand::Variables => {
                let name = |id: &Id| project.environment().public_name(id).map(Term::from);
                let (all, mut room) = (variables.all(), Room(room));
                let set = all.iter().filter_map(|(id, value)| {
                    let name = name(id)?;
                    let taken = room.take(name.size().saturating_add(value.len()));
                    Some(taken.map(|()| (name, Term::from(value.as_str()))))
                });
                let set: Result<Vec<_>, _> = set.collect();
                set.map(|set| Reply::Ended(Ok(Term::Map(set)).into()))
            }
            ProjectCommand::SetVariable { name, value } => set(project, &name, &value).map(|id| {
                variables.all().insert(id, value);
                Reply::Done
            }),
            ProjectCommand::Entry(id) => found(project, &id)
                .and_then(|entry| Ok(Reply::Ended(Ok(Room(room).entry(entry)?).into()))),
            ProjectCommand::Find(filter) if filter.len() > MAX_FILTER => {
                let why = format!("a filter has at most {MAX_FILTER} names, not {}", filter.len());
                Err(ProcessError::new(ErrorKind::Invalid, why))
            }
            ProjectCommand::Find(filter) => {
                let mut room = Room(room);
                let fitting = project.entries().filter(|entry| fits(entry, &filter));
                let entries: Result<Vec<Term>, _> =
                    fitting.map(|entry| room.entry(entry)).collect();
                entries.map(|entries| Reply::Ended(Ok(Term::List(entries)).into()))
            }
            ProjectCommand::Directory(id) => {
                directory(project, &id).map(|found| Reply::Handle(open(found)))
            }
        };
        answer.unwrap_or_else(Reply::ProcessError)
    }
}

/// The variable of a public name or an id.
fn variable(project: &Project, name: &str) -> Result<Id, ProcessError> {
    project.environment().declared(name).cloned().ok_or_else(|| {
        let why = format!("no env.variable entry declares \"{}\"", shown(name));
        ProcessError::new(ErrorKind::NotFound, why)
    })
}

fn set(project: &Project, name: &str, value: &str) -> Result<Id, ProcessError> {
    let id = variable(project, name)?;
    if value.len() > MAX_VALUE {
        let why = format!("a variable has at most {MAX_VALUE} bytes, and not {}", value.len());
        return Err(ProcessError::new(ErrorKind::Invalid, why));
    }
    match project.environment().can_set(&id) {
        Ok(()) => Ok(id),
        Err(why) => Err(ProcessError::new(ErrorKind::PermissionDenied, why.to_string())),
    }
}

fn found<'p>(project: &'p Project, id: &str) -> Result<&'p Entry, ProcessError> {
    let entry = id.parse::<Id>().ok().and_then(|id| project.entry(&id));
    entry.ok_or_else(|| {
        let why = format!("there is no entry {}", shown(id));
        ProcessError::new(ErrorKind::NotFound, why)
    })
}

/// The directory of an entry.
fn directory(project: &Project, id: &str) -> Result<Directory, ProcessError> {
    let entry = found(project, id)?;
    if !matches!(entry.kind, EntryKind::FsDirectory(_)) {
        let why = format!("{} is no directory, but of kind {}", entry.id, entry.kind_name);
        return Err(ProcessError::new(ErrorKind::Invalid, why));
    }
    artifact::directory(project, &entry.id)
        .map_err(|error| ProcessError::new(ErrorKind::Unavailable, error.found()))
}

/// True if an entry has all of these.
fn fits(entry: &Entry, filter: &[(String, Term)]) -> bool {
    filter.iter().all(|(name, wanted)| {
        let text = |text: &str| *wanted == Term::from(text);
        match name.as_str() {
            "kind" | ".kind" => text(&entry.kind_name),
            ".ns" | "namespace" | ".namespace" => text(entry.id.namespace()),
            ".name" => text(entry.id.name()),
            ".id" | "id" => text(&entry.id.to_string()),
            other => {
                let path = other.strip_prefix("meta.").unwrap_or(other);
                let nested =
                    || path.split('.').try_fold(&entry.meta, |value, name| value.get(name));
                entry.meta.get(path).or_else(nested).is_some_and(|value| is(value, wanted))
            }
        }
    })
}

/// True if a value of `meta` is the one that is wanted, or a list that has it.
fn is(value: &serde_json::Value, wanted: &Term) -> bool {
    let same = |value| term::from_json(value).is_ok_and(|term| term == *wanted);
    same(value)
        || value.as_array().is_some_and(|items| items.iter().any(same))
        || wanted == &Term::Bool(true) && value.as_str() == Some("true")
}

/// Bytes that an answer may still have.
struct Room(u64);

impl Room {
    fn take(&mut self, size: usize) -> Result<(), ProcessError> {
        self.0 = self.0.checked_sub(size as u64).ok_or_else(|| {
            let why = "the answer has more bytes than the process has room for";
            ProcessError::new(ErrorKind::Unavailable, why)
        })?;
        Ok(())
    }

    /// An entry as processes see it.
    fn entry(&mut self, entry: &Entry) -> Result<Term, ProcessError> {
        self.take(weight(&entry.meta) + weight(&entry.data))?;
        let part = |value: &serde_json::Value| match value {
            serde_json::Value::Null => Ok(Term::Map(Vec::new())),
            value => term::from_json(value).map_err(|why| {
                ProcessError::new(ErrorKind::Internal, format!("{}: {why}", entry.id))
            }),
        };
        Ok(Term::record([
            ("data", part(&entry.data)?),
            ("id", entry.id.to_string().into()),
            ("kind", entry.kind_name.as_str().into()),
            ("meta", part(&entry.meta)?),
        ]))
    }
}

/// Bytes that a value takes as a term, about. Files are not nested deep.
fn weight(value: &serde_json::Value) -> usize {
    use serde_json::Value;
    let more: usize = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(map) => map.iter().map(|(key, value)| key.len() + 32 + weight(value)).sum(),
    };
    more + size_of::<Term>()
}
