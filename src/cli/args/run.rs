//! `run` and `serve`: what is run, and what is written down of it.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, CommandFactory, error::ErrorKind};

use super::Cli;
use crate::{
    cli::{
        exit::{Exit, Failure},
        given::{FileArgs, LimitArgs, size},
    },
    registry::{Override, http_address},
};

#[derive(Debug, Args)]
#[command(override_usage = "\
wippy run
       wippy run list
       wippy run [OPTIONS] NAME [ARGS]...
       wippy run [OPTIONS] FILE [ARGS]...
       wippy run [OPTIONS] --exec ID [--host ID] [ARGS]...")]
#[command(disable_help_flag = true)]
#[command(after_help = format!("{RUN_HELP}\n\n{}", Exit::HELP))]
pub(in crate::cli) struct RunArgs {
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
pub(in crate::cli) struct ServeArgs {
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

pub(super) const SERVE_HELP: &str = "\
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
pub(in crate::cli) struct TraceArgs {
    /// Write what all processes do to this file, for Perfetto or chrome://tracing
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,

    /// With --trace: the size that the file may have
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "512MiB", requires = "trace")]
    pub trace_size: u64,
}

// Whether the run is recorded. No doc comment, for that would be the help of the command.
#[derive(Debug, Args)]
pub(in crate::cli) struct RecordArgs {
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

/// A setting and its value.
fn setting(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = pair.ok_or("expected NAME=VALUE, such as logger.level=debug")?;
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
pub(in crate::cli) enum Target<'a> {
    Services,
    List,
    Name(&'a str, &'a [OsString]),
    Exec(&'a str, &'a [OsString]),
    File(PathBuf, &'a [OsString]),
}

impl RunArgs {
    /// The help text of `run`.
    pub(in crate::cli) fn help_text() -> clap::builder::StyledStr {
        let mut command = Cli::command();
        // Only this gives subcommands their full names and the global options.
        command.build();
        match command.find_subcommand_mut("run") {
            Some(run) => run.render_help(),
            None => command.render_help(),
        }
    }

    /// True if what is to be run is a file, and not of a project.
    pub(in crate::cli) fn names_file(&self) -> bool {
        let first = self.words.first().filter(|_| self.exec.is_none());
        first.is_some_and(|word| word.to_str().is_none_or(is_file))
    }

    /// Takes the words apart.
    pub(in crate::cli) fn target(&self) -> Result<Target<'_>, Failure> {
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
            _ if !self.overrides.is_empty() => Err(Failure::usage(
                "-o sets a field of an entry of the project, and a file has no entry",
            )),
            _ => Ok(Target::File(PathBuf::from(first), rest)),
        }
    }

    /// An option that makes no sense where nothing is run.
    fn option_for_running(&self) -> Option<&'static str> {
        let given = [
            (self.trace.trace.is_some(), "--trace"),
            (self.record.record.is_some(), "--record"),
            (!self.overrides.is_empty(), "-o"),
        ];
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
    Failure::Silent(crate::cli::output::clap(&error))
}

/// True if a word names a file, and not a command of the project.
pub(in crate::cli) fn is_file(name: &str) -> bool {
    let ends = [".wasm", ".wat", ".wit"].iter().any(|end| name.ends_with(end));
    ends || name.contains(std::path::is_separator)
}

#[cfg(test)]
mod tests {
    use super::is_file;

    #[test]
    fn what_looks_like_a_file_is_one() {
        for file in ["a.wasm", "a.wat", "./a", "dir/a"] {
            assert!(is_file(file), "{file}");
        }
        assert!(!is_file("greet"));
    }
}
