//! The command line, as clap reads it.

use std::{collections::BTreeSet, ffi::OsString, num::NonZero, path::PathBuf, time::Duration};

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum, error::ErrorKind};

use super::{
    exit::{Exit, Failure},
    given::{FileArgs, LimitArgs, number, size, time, variable},
    replay::ModuleArg,
};
use crate::{
    host::simulate::Choice,
    registry::{Override, http_address},
};

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

/// The languages that there is a template for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Language {
    Rust,
    C,
    Js,
    Python,
    Lua,
}

#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// The directory, whose name becomes that of the application
    #[arg(value_name = "NAME")]
    pub dir: PathBuf,

    /// The language of its program
    #[arg(long, value_name = "LANGUAGE")]
    pub lang: Language,
}

const NEW_HELP: &str = "\
The application has one command, `greet`, and a README that says how it is built.

Examples:
  wippy new hello --lang lua
  wippy new hello --lang rust && cd hello && sh build.sh && wippy run greet Ada";

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Where its YAML files are
    #[arg(short = 'd', long, value_name = "DIR", default_value = "./src")]
    pub src_dir: String,

    /// Where modules of others are
    #[arg(long, value_name = "DIR", default_value = ".wippy")]
    pub modules_dir: String,
}

#[derive(Debug, Args)]
pub(super) struct HashArgs {
    /// The entries, namespace:name; unless some are named, all that have a hash
    #[arg(value_name = "ID")]
    pub entries: Vec<String>,
}

const HASH_HELP: &str = "\
An entry names the hash of its file, so that no other is run in its place. Whoever has
built the file trusts it, and writes its hash anew; nothing else of the YAML changes.

Examples:
  wippy hash
  wippy hash app:greet";

#[derive(Debug, Args)]
pub(super) struct WitArgs {
    /// The directory, such as wit/deps
    pub dir: PathBuf,

    /// Write over files that have another text
    #[arg(long)]
    pub force: bool,
}

const WIT_HELP: &str = "\
A file for each package, such as wasi-io.wit and wippy-process.wit.

Example:
  wippy wit wit/deps";

#[derive(Debug, Args)]
pub(super) struct GraphArgs {
    /// The language of the drawing
    #[arg(long, value_name = "FORMAT", default_value = "mermaid")]
    pub format: GraphFormat,
}

/// The languages of drawings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum GraphFormat {
    Mermaid,
    Dot,
}

const GRAPH_HELP: &str = "\
Mermaid is drawn by many editors and hosts of repositories, DOT by Graphviz.

Examples:
  wippy graph >> README.md
  wippy graph --format dot | dot -Tsvg > project.svg";

#[derive(Debug, Args)]
pub(super) struct CompletionArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

const COMPLETIONS_HELP: &str = "\
Examples:
  wippy completions bash > ~/.local/share/bash-completion/completions/wippy
  wippy completions zsh > ~/.zfunc/_wippy
  wippy completions fish > ~/.config/fish/completions/wippy.fish";

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Print the problems as JSON, for tools and editors
    #[arg(long)]
    pub json: bool,
}

const CHECK_HELP: &str = "\
Reads all YAML files, then reads and hashes each artifact, validates it, compares
its imports with the entry's `imports` and looks for the entry's method. All
problems are reported together. Ends with exit code 1 if there are errors.

Examples:
  wippy -C shop check
  wippy check --json | jq -r '.problems[] | \"\\(.file):\\(.line) \\(.found)\"'";

#[derive(Debug, Args)]
#[command(override_usage = "\
wippy run
       wippy run list
       wippy run [OPTIONS] NAME [ARGS]...
       wippy run [OPTIONS] FILE [ARGS]...
       wippy run [OPTIONS] --exec ID [--host ID] [ARGS]...")]
#[command(disable_help_flag = true)]
#[command(after_help = format!("{RUN_HELP}\n\n{}", Exit::HELP))]
pub(super) struct RunArgs {
    /// Run the process entry with this id, namespace:name
    #[arg(short = 'x', long, value_name = "ID")]
    pub exec: Option<String>,

    /// The process.host to run the entry on
    #[arg(long, value_name = "ID", requires = "exec")]
    pub host: Option<String>,

    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,

    /// Set a field of an entry for this run: namespace:entry:field=value
    #[arg(short = 'o', long = "override", value_name = "SET")]
    pub overrides: Vec<Override>,

    /// A setting of the runtime, such as logger.level=debug or logger.encoding=json
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    pub set: Vec<(String, String)>,

    #[command(flatten)]
    pub limits: LimitArgs,

    #[command(flatten)]
    pub trace: TraceArgs,

    #[command(flatten)]
    pub record: RecordArgs,

    #[command(flatten)]
    pub file: FileArgs,

    /// Print help; after --exec ID, what the entry takes
    // Not clap's own, which would not leave the second case to us.
    #[arg(short, long)]
    pub help: bool,

    /// `list`, a command of the project, or a file; then the program's arguments
    #[arg(
        value_name = "NAME|FILE [ARGS]",
        trailing_var_arg = true,
        allow_hyphen_values = true,
        hide = true
    )]
    pub words: Vec<OsString>,
}

#[derive(Debug, Args)]
#[command(mut_arg("invoke", |invoke| invoke.help(ANSWERS)))]
pub(super) struct ServeArgs {
    /// A component or core module, binary or text
    pub file: PathBuf,

    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = address)]
    pub addr: String,

    #[command(flatten)]
    pub limits: LimitArgs,

    #[command(flatten)]
    pub record: RecordArgs,

    #[command(flatten)]
    pub given: FileArgs,
}

const ANSWERS: &str = "The function of FILE that answers; not needed if FILE exports \
                       wasi:http/incoming-handler, or a single function";

const SERVE_HELP: &str = "\
A function that is not wasi:http/incoming-handler is given the body of a request, as a
string, an option<string> or a list<u8>, and returns that of the answer.

Ctrl-C, SIGTERM or SIGHUP ends it when the requests that are being answered are; a
second ends it at once.

Examples:
  wippy serve hello.wasm
  wippy serve --addr 0.0.0.0:80 --dir public::/:ro site.wasm
  wippy serve --invoke shout text.wasm      # curl -d hello http://127.0.0.1:8080/";

// Whether what processes do is written down. No doc comment, as below.
#[derive(Debug, Args)]
pub(super) struct TraceArgs {
    /// Write what all processes do to this file, for Perfetto or chrome://tracing
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,

    /// With --trace: the size that the file may have
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "512MiB", requires = "trace")]
    pub trace_size: u64,
}

// Whether the run is recorded. No doc comment, for that would be the help of the command.
#[derive(Debug, Args)]
pub(super) struct RecordArgs {
    /// Write all that the run depends on to this file, for `wippy replay`
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,

    /// With --record: put the programs in, so that the replay needs nothing else
    #[arg(long, requires = "record")]
    pub embed: bool,

    /// With --record: leave out the value of this environment variable
    #[arg(long, value_name = "NAME", requires = "record")]
    pub redact: Vec<String>,

    /// With --record: keep the journal in memory, up to a size such as 64MiB, and write it
    /// when a process fails
    #[arg(long, value_name = "SIZE", requires = "record", value_parser = flight_size)]
    pub flight_recorder: Option<u64>,
}

/// The least that a flight recorder is given: most histories are longer than less.
const LEAST_FLIGHT: u64 = 64 << 10;

fn flight_size(text: &str) -> Result<u64, String> {
    match size(text)? {
        bytes @ LEAST_FLIGHT.. => Ok(bytes),
        ..LEAST_FLIGHT => Err("it would keep nothing: write 64KiB or more".to_owned()),
    }
}

fn address(text: &str) -> Result<String, String> {
    http_address(text)
        .ok_or_else(|| "write an address and a port, such as 127.0.0.1:8080 or :8080".to_owned())
}

/// A name is an id, with a colon, or a file.
fn module(text: &str) -> Result<ModuleArg, String> {
    let (program, file) = match text.split_once('=') {
        Some((program, file)) => (Some(program.to_owned()), file),
        None => (None, text),
    };
    match file.is_empty() {
        true => Err("expected FILE, or NAME=FILE".to_owned()),
        false => Ok(ModuleArg { program, file: file.into() }),
    }
}

const RUN_HELP: &str = "\
Without a NAME the services with `auto_start` are started, and kept alive until
Ctrl-C, SIGTERM or SIGHUP, which asks them to end; a second ends them at once.

A NAME that ends in .wasm or .wat, or that has a / in it, is a FILE. Options stand
before NAME or FILE: all words after it are the program's, whatever they look like.
`wippy run NAME --help` shows what the program takes.

An argument of type string is the word as it is. Other types are written in WAVE:
12, 1.5, true, '[1, 2]', '{x: 1, y: 2}', 'some(\"a\")'. Results are printed the same
way, and an err goes to stderr.

Examples:
  wippy run
  wippy run list
  wippy run greet Ada
  wippy run --json compute 6 7
  wippy run --exec app.hello:greet Ada
  wippy run --timeout 5s --invoke greet hello.wasm Ada
  wippy run --dir data::/data:ro --env MODE=fast tool.wasm --input /data/in.csv
  wippy run --wit 'add: func(a: u32, b: u32) -> u32' add.wat 1 2";

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// What `wippy run --record` or `wippy serve --record` has written
    #[arg(value_name = "JOURNAL")]
    pub journal: PathBuf,

    /// Stop when the processes have used so much fuel, and show where they are
    #[arg(long, value_name = "FUEL", value_parser = number, conflicts_with = "module")]
    pub until: Option<u64>,

    /// Go to and fro in the run, by commands on stdin; `help` lists them
    #[arg(long, conflicts_with_all = ["module", "until", "log", "json"])]
    pub repl: bool,

    /// Show every command and its answer, and not what the processes write
    #[arg(long)]
    pub log: bool,

    /// The same as JSON, an object a line
    #[arg(long)]
    pub json: bool,

    /// Run this file in the place of a program, and show where it first does something
    /// else; with several programs NAME=FILE
    #[arg(long, value_name = "FILE", value_parser = module)]
    pub module: Vec<ModuleArg>,

    /// The value of an environment variable that --redact has left out
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    pub env: Vec<(String, String)>,
}

const REPLAY_HELP: &str = "\
The processes are given what they were given, and nothing else happens: what they
write is written again, and the result, the exit code and the fuel are the same.
The first thing that is not the same stops the replay, with exit code 7.

Examples:
  wippy run --record trip.wreplay greet Ada
  wippy replay trip.wreplay
  wippy replay trip.wreplay --log
  wippy replay trip.wreplay --until 1000000
  wippy replay trip.wreplay --repl
  wippy replay trip.wreplay --module fixed.wasm";

#[derive(Debug, Args)]
pub(super) struct SimulateArgs {
    /// The scenario: the id of a process entry, namespace:name
    #[arg(value_name = "ID")]
    pub scenario: String,

    /// Its arguments
    #[arg(value_name = "ARGS")]
    pub args: Vec<OsString>,

    /// Run the seeds from 0 on, so many
    #[arg(long, value_name = "N", value_parser = seeds, default_value = "100")]
    pub seeds: u64,

    /// Run this seed only; with -v tell all that happens
    #[arg(long, value_name = "SEED", value_parser = number, conflicts_with = "seeds")]
    pub seed: Option<u64>,

    /// What may go wrong: all, none, or some of stall, delay, full, kill, jump, fail,
    /// slow, short, disk, net, with commas between them
    #[arg(long, value_name = "LIST", value_parser = faults, default_value = "all")]
    pub faults: BTreeSet<Choice>,

    /// The time that a run may take on its own clock, such as 10s
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub time: Option<Duration>,

    /// The work that a run may do: its fuel, 1000 more for each step, and 20000 for each
    /// process
    #[arg(long, value_name = "N", value_parser = number)]
    pub work: Option<u64>,

    /// Threads; one for each processor unless it is given
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZero<usize>>,

    /// Write the journal and the trace of runs that fail to this directory
    #[arg(long, value_name = "DIR")]
    pub save: Option<PathBuf>,
}

/// How many seeds.
fn seeds(text: &str) -> Result<u64, String> {
    match number(text)? {
        0 => Err("at least 1 seed has to be run".to_owned()),
        seeds => Ok(seeds),
    }
}

/// A set of faults.
fn faults(text: &str) -> Result<BTreeSet<Choice>, String> {
    let one = |name: &str| {
        let fault = Choice::faults().into_iter().find(|choice| choice.name() == name);
        fault.ok_or_else(|| {
            let all: Vec<&str> = Choice::faults().into_iter().map(Choice::name).collect();
            format!("there is no fault `{name}`; there are {}", all.join(", "))
        })
    };
    match text {
        "all" => Ok(Choice::faults()),
        "none" => Ok(BTreeSet::new()),
        list => list.split(',').map(|name| one(name.trim())).collect(),
    }
}

const SIMULATE_HELP: &str = "\
The scenario runs on one thread with the services of its project. A seed decides whose
turn it is, how late it is and what goes wrong; time costs nothing, mounts are copies in
memory, and nothing outside is touched. A run fails if the scenario ends with an error,
if an `always` of wippy:sim does not hold, if all wait for ever, if it works without end,
or if it has not ended long after the last fault. What fails is made as simple as it
can be. Ends with exit code 1 if a seed fails.

Examples:
  wippy simulate --seeds 1000 app:scenario
  wippy simulate --seed 417 app:scenario -v
  wippy simulate --seeds 1000 --faults kill,delay --save . app:scenario";

#[derive(Debug, Args)]
#[command(after_help = INSPECT_HELP)]
pub(super) struct InspectArgs {
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

/// A setting and its value.
fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once('=').ok_or("expected NAME=VALUE, such as logger.level=debug")?;
    let known: &[(&str, &[&str])] = &[
        ("logger.level", &["debug", "info", "warn", "error"]),
        ("logger.encoding", &["console", "json"]),
    ];
    match known.iter().find(|(known, _)| *known == name) {
        Some((_, values)) if !values.contains(&value) => {
            Err(format!("{name} is one of {}", values.join(", ")))
        }
        _ => Ok((name.to_owned(), value.to_owned())),
    }
}

/// The thing that `run` is to run, and the program's words.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target<'a> {
    Services,
    List,
    Name(&'a str, &'a [OsString]),
    Exec(&'a str, &'a [OsString]),
    File(PathBuf, &'a [OsString]),
}

impl RunArgs {
    /// The help text of `run`.
    pub(super) fn help_text() -> clap::builder::StyledStr {
        let mut command = Cli::command();
        // Only this gives subcommands their full names and the global options.
        command.build();
        match command.find_subcommand_mut("run") {
            Some(run) => run.render_help(),
            None => command.render_help(),
        }
    }

    /// Takes the words apart.
    pub(super) fn target(&self) -> Result<Target<'_>, Failure> {
        if let Some(id) = &self.exec {
            if let Some((option, field)) = self.file.first() {
                return Err(Failure::usage(format!(
                    "{option} is for files: the entry {id} has the field `{field}`"
                )));
            }
            return Ok(Target::Exec(id, &self.words));
        }
        let Some((first, rest)) = self.words.split_first() else {
            return match self.option_of_one() {
                None => Ok(Target::Services),
                Some(option) => Err(Failure::usage(format!(
                    "{option} is for a command or a file, and none is named\n\
                     `wippy run list` shows the commands, `wippy run --help` all options",
                ))),
            };
        };
        let name = first.to_str();
        if name.is_some_and(|name| name.starts_with('-')) {
            return Err(unknown_option());
        }
        match name {
            Some("list") => match (rest.is_empty(), self.option_for_running()) {
                (true, None) => Ok(Target::List),
                (false, _) => Err(Failure::usage("`wippy run list` takes no arguments")),
                (true, Some(option)) => Err(Failure::usage(format!(
                    "`wippy run list` runs nothing, and takes no {option}"
                ))),
            },
            Some(name) if !is_file(name) => {
                if let Some((option, field)) = self.file.first() {
                    return Err(Failure::usage(format!(
                        "{option} is for files, and `{name}` is a command: its entry has the \
                         field `{field}`"
                    )));
                }
                Ok(Target::Name(name, rest))
            }
            _ => Ok(Target::File(PathBuf::from(first), rest)),
        }
    }

    /// An option that makes no sense where nothing is run.
    fn option_for_running(&self) -> Option<&'static str> {
        let given =
            [(self.trace.trace.is_some(), "--trace"), (self.record.record.is_some(), "--record")];
        let given = given.into_iter().find_map(|(is, option)| is.then_some(option));
        given.or_else(|| self.limits.first()).or_else(|| Some(self.file.first()?.0))
    }

    /// An option that makes no sense for services.
    fn option_of_one(&self) -> Option<&'static str> {
        let json = self.json.then_some("--json");
        json.or_else(|| self.limits.first()).or_else(|| Some(self.file.first()?.0))
    }
}

/// Hyphens are let through for the words of a program that `--exec` names. When
/// there is none, the same line is read again without, so that a misspelt option
/// is told as such.
fn unknown_option() -> Failure {
    let strict = Cli::command().mut_subcommand("run", |run| {
        run.mut_arg("words", |words| words.allow_hyphen_values(false))
    });
    let error = match strict.try_get_matches_from(std::env::args_os()) {
        Err(error) => error,
        Ok(_) => Cli::command().error(
            ErrorKind::InvalidValue,
            "the name of a command cannot begin with a hyphen; a file can be written ./-name.wasm",
        ),
    };
    Failure::Silent(super::output::clap(&error))
}

/// True if a word names a file, and not a command of the project.
pub(super) fn is_file(name: &str) -> bool {
    let ends = [".wasm", ".wat", ".wit"].iter().any(|end| name.ends_with(end));
    ends || name.contains(std::path::is_separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clap_accepts_the_declarations() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_looks_like_a_file_is_one() {
        for file in ["a.wasm", "a.wat", "./a", "dir/a"] {
            assert!(is_file(file), "{file}");
        }
        assert!(!is_file("greet"));
    }
}
