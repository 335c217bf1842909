//! What processes ask of the project that they belong to: its variables and its entries.

use crate::value::Term;

/// Asks something about the project. Each may fail with
/// [`Reply::ProcessError`](super::Reply::ProcessError).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ProjectCommand {
    /// The value of a variable, by its public name or the id of its entry, if a process
    /// has set it. [`Reply::Text`](super::Reply::Text);
    /// [`Reply::Done`](super::Reply::Done) if it is as the process began with it.
    Variable(String),
    /// All variables that processes have set, by their public names: a map.
    /// [`Reply::Ended`](super::Reply::Ended)
    Variables,
    /// Gives a variable another value. [`Reply::Done`](super::Reply::Done)
    SetVariable {
        /// Its public name, or the id of its entry.
        name: String,
        /// The value.
        value: String,
    },
    /// An entry: a map with `id`, `kind`, `meta` and `data`.
    /// [`Reply::Ended`](super::Reply::Ended)
    Entry(String),
    /// The entries that have all of these: `kind`, `name`, `namespace`, or something of
    /// their `meta`. A list. [`Reply::Ended`](super::Reply::Ended)
    Find(Vec<(String, Term)>),
    /// The directory of an `fs.directory` entry, where the process may do what it likes.
    /// [`Reply::Handle`](super::Reply::Handle)
    Directory(String),
}

impl ProjectCommand {
    /// The name in traces.
    pub fn name(&self) -> &'static str {
        match self {
            ProjectCommand::Variable(_) => "variable",
            ProjectCommand::Variables => "variables",
            ProjectCommand::SetVariable { .. } => "set-variable",
            ProjectCommand::Entry(_) => "entry",
            ProjectCommand::Find(_) => "find-entries",
            ProjectCommand::Directory(_) => "directory",
        }
    }
}
