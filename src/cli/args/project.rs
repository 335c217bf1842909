//! Subcommands that make projects and files, or look at them.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// The languages that there is a template for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Language {
    Rust,
    C,
    Js,
    Python,
    Lua,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct NewArgs {
    /// The directory, whose name becomes that of the application
    #[arg(value_name = "NAME")]
    pub dir: PathBuf,

    /// The language of its program
    #[arg(long, value_name = "LANGUAGE")]
    pub lang: Language,
}

pub(super) const NEW_HELP: &str = "\
The application has one command, `greet`, and a README that says how it is built.

Examples:
  wippy new hello --lang lua
  wippy new hello --lang rust && cd hello && sh build.sh && wippy run greet Ada";

#[derive(Debug, Args)]
pub(in crate::cli) struct InitArgs {
    /// Where its YAML files are
    #[arg(short = 'd', long, value_name = "DIR", default_value = "./src")]
    pub src_dir: String,

    /// Where modules of others are
    #[arg(long, value_name = "DIR", default_value = ".wippy")]
    pub modules_dir: String,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct HashArgs {
    /// The entries, namespace:name; unless some are named, all that have a hash
    #[arg(value_name = "ID")]
    pub entries: Vec<String>,
}

pub(super) const HASH_HELP: &str = "\
An entry names the hash of its file, so that no other is run in its place. Whoever has
built the file trusts it, and writes its hash anew; nothing else of the YAML changes.

Examples:
  wippy hash
  wippy hash app:greet";

#[derive(Debug, Args)]
pub(in crate::cli) struct WitArgs {
    /// The directory, such as wit/deps
    pub dir: PathBuf,

    /// Write over files that have another text
    #[arg(long)]
    pub force: bool,
}

pub(super) const WIT_HELP: &str = "\
A file for each package, such as wasi-io.wit and wippy-process.wit.

Example:
  wippy wit wit/deps";

#[derive(Debug, Args)]
pub(in crate::cli) struct GraphArgs {
    /// The language of the drawing
    #[arg(long, value_name = "FORMAT", default_value = "mermaid")]
    pub format: GraphFormat,
}

/// The languages of drawings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum GraphFormat {
    Mermaid,
    Dot,
}

pub(super) const GRAPH_HELP: &str = "\
Mermaid is drawn by many editors and hosts of repositories, DOT by Graphviz.

Examples:
  wippy graph >> README.md
  wippy graph --format dot | dot -Tsvg > project.svg";

#[derive(Debug, Args)]
pub(in crate::cli) struct CompletionArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

pub(super) const COMPLETIONS_HELP: &str = "\
Examples:
  wippy completions bash > ~/.local/share/bash-completion/completions/wippy
  wippy completions zsh > ~/.zfunc/_wippy
  wippy completions fish > ~/.config/fish/completions/wippy.fish";

#[derive(Debug, Args)]
pub(in crate::cli) struct CheckArgs {
    /// Print the problems as JSON, for tools and editors
    #[arg(long)]
    pub json: bool,
}

pub(super) const CHECK_HELP: &str = "\
Reads all YAML files, then reads and hashes each artifact, validates it, compares
its imports with the entry's `imports` and looks for the entry's method. All
problems are reported together. Ends with exit code 1 if there are errors.

Examples:
  wippy -C shop check
  wippy check --json | jq -r '.problems[] | \"\\(.file):\\(.line) \\(.found)\"'";

#[derive(Debug, Args)]
#[command(after_help = INSPECT_HELP)]
pub(in crate::cli) struct InspectArgs {
    /// A component or core module, binary or text
    pub file: PathBuf,

    /// Print nothing but the whole WIT of a component
    #[arg(long)]
    pub print_wit: bool,

    /// WIT for FILE, if it is a core module: a text, or a file that holds it
    #[arg(long, value_name = "TEXT|FILE", conflicts_with = "print_wit")]
    pub wit: Option<String>,
}

const INSPECT_HELP: &str = "\
The entry at the end can be pasted into the `entries` of an _index.yaml.

Examples:
  wippy inspect hello.wasm
  wippy inspect --print-wit hello.wasm
  wippy inspect --wit 'shout: func(text: string) -> string' stats.wasm";
