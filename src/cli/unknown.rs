//! A word where a subcommand should be: what was meant by it.

use std::path::PathBuf;

use clap::{
    CommandFactory,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{
    args::{Cli, is_file},
    project,
};
use crate::registry::{Project, nearest};

/// The same error; if it is about a subcommand that does not exist, with what to write
/// in its place.
pub(super) fn explain(error: clap::Error) -> clap::Error {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return error;
    };
    let command = Cli::command();
    let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    let fix = match nearest(word, names.iter().copied()) {
        Some(meant) => format!("did you mean `wippy {meant}`?"),
        None if is_file(word) => format!("a file is run like this: wippy run {word}"),
        None if is_command(word) => {
            format!("it is a command of the project: write `run {word}`")
        }
        None => format!("there are {}", names.join(", ")),
    };
    let why = format!("there is no subcommand `{word}`\n    fix:      {fix}");
    Cli::command().error(ErrorKind::ValueValidation, why)
}

/// True if the project has a command of this name.
fn is_command(word: &str) -> bool {
    // What is written right is read all the same.
    let read = Cli::command().ignore_errors(true).try_get_matches();
    let named = read.ok().and_then(|read| read.get_one::<PathBuf>("project").cloned());
    let dir = project::directory(named.as_deref());
    project::is_one(&dir) && Project::load(&dir).project.command(word).is_ok()
}
