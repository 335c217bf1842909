//! `wippy run list`: the commands of a project.

use std::{fmt::Write, path::Path};

use super::{
    exit::{Exit, Failure},
    output,
};
use crate::{
    registry::{Command, Loaded, Problems, Project, Severity},
    visible,
};

/// Prints the commands that can be run. The rest of a project may be broken:
/// that is said, but keeps nobody from looking.
pub(super) fn list(dir: &Path, json: bool) -> Result<Exit, Failure> {
    let Loaded { project, problems } = Project::load(dir);
    let commands: Vec<&Command> = project.commands().collect();
    if commands.is_empty() && problems.has_errors() {
        return Err(Failure::Problems(problems));
    }
    if json {
        output::json(&format!("{:#}\n", to_json(&commands)))?;
    } else if commands.is_empty() {
        output::message(
            "The project has no commands. A process entry becomes one by its `meta`:\n\n  \
             meta:\n    command:\n      name: greet\n      short: Greet someone",
        );
    } else {
        output::show(&table(&commands))?;
    }
    match errors(&problems) {
        None => Ok(Exit::Ok),
        Some(errors) => Err(Failure::config(format!(
            "the project has {errors}, so nothing of it can run; `wippy check` shows them"
        ))),
    }
}

fn errors(problems: &Problems) -> Option<String> {
    match problems.count(Severity::Error) {
        0 => None,
        1 => Some("1 error".to_owned()),
        n => Some(format!("{n} errors")),
    }
}

fn table(commands: &[&Command]) -> String {
    let rows: Vec<_> = commands
        .iter()
        .map(|command| {
            // A line feed would break the table.
            let short = command.short.as_deref().unwrap_or("");
            (visible::name(&command.name), one_line(short))
        })
        .collect();
    let widths = rows.iter().map(|(name, _)| name.chars().count());
    let widest = widths.filter(|width| *width <= 32).max().unwrap_or(0);
    let mut out = String::new();
    for (name, short) in &rows {
        let _ = writeln!(out, "{}", format!("{name:widest$}  {short}").trim_end());
    }
    out
}

/// A description on one line.
pub(super) fn one_line(text: &str) -> String {
    visible::name(&text.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned()
}

fn to_json(commands: &[&Command]) -> serde_json::Value {
    let one = |command: &&Command| {
        serde_json::json!({
            "name": command.name,
            "short": command.short,
            "entry": command.entry.to_string(),
        })
    };
    commands.iter().map(one).collect()
}
