//! `wippy hash`: the hashes of files that have been built anew, written into their
//! entries.
//!
//! Nothing but the digits changes: the file of the entry stays as its author has written
//! it. An entry whose hash is not written out is told of.

use std::{collections::BTreeMap, fs, path::Path};

use super::{
    args::HashArgs,
    exit::{Exit, Failure},
    new::unwritable,
    output,
};
use crate::{
    artifact::{Artifact, DEFAULT_MAX_SIZE, Hash, directory},
    registry::{Entry, Id, Project, WasmSource, quoted},
};

/// A hash that is to be another.
struct Change<'p> {
    entry: &'p Entry,
    line: Option<u32>,
    old: Hash,
    new: Hash,
}

pub(super) fn hash(dir: &Path, args: &HashArgs) -> Result<Exit, Failure> {
    let project = Project::load(dir).into_result().map_err(Failure::Problems)?;
    let wanted = wanted(&project, &args.entries)?;
    let (mut changes, mut same) = (BTreeMap::<&str, Vec<Change<'_>>>::new(), 0_usize);
    for entry in wanted {
        let Some(process) = entry.kind.wasm_program() else { continue };
        let WasmSource::File { fs: from, path, hash } = &process.source else { continue };
        let unreadable = |found: String, expected: String, fix: String| {
            Failure::Problem(Box::new(entry.problem("path", found, expected, fix)))
        };
        let found = directory(&project, from)
            .and_then(|dir| Artifact::read(&dir, path, None, DEFAULT_MAX_SIZE))
            .map_err(|error| unreadable(error.found(), error.expected(), error.fix()))?;
        if found.hash == *hash {
            same = same.saturating_add(1);
            continue;
        }
        let line = entry.line_of("hash");
        let change = Change { entry, line, old: *hash, new: found.hash };
        changes.entry(&entry.file).or_default().push(change);
    }
    let mut page = String::new();
    for (file, changes) in changes {
        let path = dir.join(file);
        let text = fs::read_to_string(&path)
            .map_err(|error| Failure::config(format!("{}: {error}", path.display())))?;
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        for change in changes {
            set(&mut lines, &change)?;
            page.push_str(&format!("{}  {}\n", change.entry.id, change.new));
        }
        fs::write(&path, lines.concat()).map_err(|error| unwritable(&path, &error))?;
    }
    match page.is_empty() {
        true => output::message(match same {
            0 => "no entry has a hash",
            1 => "the hash is right",
            _ => "all hashes are right",
        }),
        false => output::show(&page)?,
    }
    Ok(Exit::Ok)
}

/// The entries that are named, or all that have a hash.
fn wanted<'p>(project: &'p Project, ids: &[String]) -> Result<Vec<&'p Entry>, Failure> {
    if ids.is_empty() {
        return Ok(project.entries().collect());
    }
    let entry = |text: &String| {
        let id: Id =
            text.parse().map_err(|why| Failure::usage(format!("`{text}` is not an id: {why}")))?;
        match project.entry(&id) {
            Some(entry) if entry.kind.wasm_program().is_none() => Err(Failure::usage(format!(
                "{id} has no hash: it is an entry of kind {}\n    fix:      name an entry whose \
                 program is a file, of kind process.wasm for example",
                entry.kind_name
            ))),
            Some(entry) => Ok(entry),
            None => Err(match project.process_wasm(&id) {
                Err(problem) => problem.into(),
                Ok(_) => Failure::usage(format!("there is no entry {id}")),
            }),
        }
    };
    ids.iter().map(entry).collect()
}

/// Puts the new digits in the place of the old.
fn set(lines: &mut [String], change: &Change<'_>) -> Result<(), Failure> {
    let at = change.line.and_then(|line| usize::try_from(line).ok()?.checked_sub(1));
    let (old, new) = (change.old.to_string(), change.new.to_string());
    let digits = |hash: &str| hash.trim_start_matches("sha256:").to_owned();
    let (old, new) = (digits(&old), digits(&new));
    let line = at.and_then(|at| lines.get_mut(at));
    // Digits may be in either case.
    let found = line.and_then(|line| {
        let start = line.to_ascii_lowercase().find(&old)?;
        let end = start.checked_add(old.len())?;
        line.get(start..end).is_some().then(|| line.replace_range(start..end, &new))
    });
    found.ok_or_else(|| {
        let Change { entry, new, .. } = change;
        Failure::Problem(Box::new(entry.problem(
            "hash",
            format!("no hash that stands in the line of the field; {} is meant", quoted(&old)),
            "sha256: and 64 hex digits, written out",
            format!("write it by hand: hash: {new}"),
        )))
    })
}
