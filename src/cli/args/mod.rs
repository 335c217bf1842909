//! The command line, as clap reads it: a file for each family of subcommands.

mod again;
mod project;
mod run;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use self::{
    again::{REPLAY_HELP, SIMULATE_HELP},
    project::{CHECK_HELP, COMPLETIONS_HELP, GRAPH_HELP, HASH_HELP, NEW_HELP, WIT_HELP},
    run::SERVE_HELP,
};
pub(super) use self::{
    again::{ReplayArgs, SimulateArgs},
    project::{
        CheckArgs, CompletionArgs, GraphArgs, GraphFormat, HashArgs, InitArgs, InspectArgs,
        Language, NewArgs, WitArgs,
    },
    run::{RecordArgs, RunArgs, ServeArgs, Target, TraceArgs, is_file},
};
use super::exit::Exit;

/// The heading of options that every subcommand takes.
const EVERYWHERE: &str = "Everywhere";

/// Runs WebAssembly modules as processes
#[derive(Debug, Parser)]
#[command(
    name = "wippy",
    version,
    arg_required_else_help = true,
    after_help = format!("{AFTER_HELP}\n\n{}", Exit::HELP)
)]
pub(super) struct Cli {
    /// The project's directory, the one with wippy.lock; unless it is given, the nearest
    /// from the current one upwards
    #[arg(short = 'C', long = "project", value_name = "DIR", global = true, help_heading = EVERYWHERE)]
    pub project: Option<PathBuf>,

    /// Tell on stderr what the runtime does; -vv tells more
    #[arg(short, long, action = clap::ArgAction::Count, global = true, help_heading = EVERYWHERE)]
    pub verbose: u8,

    /// Tell nothing on stderr but why the command failed: neither what services and
    /// other processes on hosts write, nor warnings
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = EVERYWHERE)]
    pub silent: bool,

    /// The form of the log: lines to read, or a JSON object a line
    #[arg(long, value_name = "FORMAT", global = true, default_value = "text", help_heading = EVERYWHERE)]
    pub log_format: LogFormat,

    /// Colours, also where no terminal is
    #[arg(short, long, global = true, help_heading = EVERYWHERE)]
    pub console: bool,

    #[command(subcommand)]
    pub command: CliCommand,
}

const AFTER_HELP: &str = "\
Examples:
  wippy new hello --lang lua       a small application to begin with
  wippy run                        start the services of the project, and stay
  wippy run list                   the commands of the project in this directory
  wippy -C shop run greet Ada      the command `greet` of the project in `shop`
  wippy run greet --help           what the command takes
  wippy run hello.wasm             a file, without a project
  wippy run --record trip.wreplay greet Ada
  wippy replay trip.wreplay        the same run once more, exactly
  wippy simulate app:scenario      the same entry in 100 orders, and with faults
  wippy serve hello.wasm           a file that answers HTTP requests
  wippy check                      find all mistakes of a project
  wippy inspect hello.wasm         what a file exports and imports";

#[derive(Debug, Subcommand)]
pub(super) enum CliCommand {
    /// Run the services of the project, a command, an entry, or a file
    Run(Box<RunArgs>),
    /// Run a recorded run again, without files, network or waiting
    #[command(after_help = REPLAY_HELP)]
    Replay(ReplayArgs),
    /// Run a scenario under many schedules, with faults, and look for one that fails
    #[command(after_help = SIMULATE_HELP)]
    Simulate(SimulateArgs),
    /// Answer HTTP requests with a file, each in a process of its own
    #[command(after_help = SERVE_HELP)]
    Serve(Box<ServeArgs>),
    /// Check the whole project and everything that it names
    #[command(after_help = CHECK_HELP)]
    Check(CheckArgs),
    /// Show what a WebAssembly file exports and imports, and an entry for it
    Inspect(InspectArgs),
    /// Make a small application in a new directory
    #[command(after_help = NEW_HELP)]
    New(NewArgs),
    /// Make a project of a directory: wippy.lock and its source directory
    Init(InitArgs),
    /// Write the hashes of files that have been built into their entries
    #[command(after_help = HASH_HELP)]
    Hash(HashArgs),
    /// Write the WIT packages that programs may import into a directory
    #[command(after_help = WIT_HELP)]
    Wit(WitArgs),
    /// Draw the entries of a project and what they need
    #[command(after_help = GRAPH_HELP)]
    Graph(GraphArgs),
    /// Print a JSON schema of the YAML files of a project, for editors
    Schema,
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_HELP)]
    Completions(CompletionArgs),
    /// Print the manual page
    #[command(after_help = "Example:\n  wippy man > ~/.local/share/man/man1/wippy.1")]
    Man,
    /// Print the version
    Version,
}

impl CliCommand {
    /// The words of a call that has nothing to do with a project.
    pub fn without_project(&self) -> Option<&'static str> {
        match self {
            CliCommand::Run(args) => args.names_file().then_some("run FILE"),
            CliCommand::Replay(_) => Some("replay"),
            CliCommand::Serve(_) => Some("serve"),
            CliCommand::Inspect(_) => Some("inspect"),
            CliCommand::New(_) => Some("new"),
            CliCommand::Wit(_) => Some("wit"),
            CliCommand::Schema => Some("schema"),
            CliCommand::Completions(_) => Some("completions"),
            CliCommand::Man => Some("man"),
            CliCommand::Version => Some("version"),
            CliCommand::Simulate(_)
            | CliCommand::Check(_)
            | CliCommand::Init(_)
            | CliCommand::Hash(_)
            | CliCommand::Graph(_) => None,
        }
    }
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn clap_accepts_the_declarations() {
        Cli::command().debug_assert();
    }
}
