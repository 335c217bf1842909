//! The `wippy` command.
//!
//! One file per subcommand. They print what [`host`](crate::host) and
//! [`registry`](crate::registry) decide; results go to stdout, everything else
//! to stderr, and the exit code tells scripts what kind of end it was. All that is
//! written goes through `output`.

mod args;
mod check;
mod exit;
mod given;
mod graph;
mod hash;
mod inspect;
mod invoke;
mod list;
mod log;
mod new;
mod output;
mod pages;
mod project;
mod recording;
mod replay;
mod result;
mod run;
mod serve;
mod services;
mod simulate;
mod stderr;
mod style;
mod system;
mod table;
mod terminal;
mod travel;
mod unknown;
mod wit;
mod yaml;

use std::{process::ExitCode, time::Duration};

use clap::Parser;

use self::{
    args::{Cli, CliCommand, LogFormat},
    exit::{Exit, Failure},
};

/// How long the end of the command waits for somebody to read what it has said, once
/// signals do not end it any more.
const UNREAD: Duration = Duration::from_secs(5);

/// Runs the command line of this process, and gives its exit code.
pub fn main() -> ExitCode {
    let exit = system::run(command);
    stderr::finish(terminal::takes_signals().then_some(UNREAD));
    exit.into()
}

/// What `--set` says of the log: how much of it there is, whether there is any, its form.
/// Of settings that this engine does not have it is said so.
fn settings(cli: &Cli) -> (u8, bool, LogFormat) {
    let (mut verbose, mut silent, mut format) = (0, false, cli.log_format);
    let CliCommand::Run(run) = &cli.command else { return (verbose, silent, format) };
    let json = |(name, value): &(String, String)| name == "logger.encoding" && value == "json";
    if run.set.iter().any(json) {
        format = LogFormat::Json;
    }
    style::set_format(format);
    for (name, value) in &run.set {
        match (&**name, &**value) {
            ("logger.level", "debug") => verbose = 2,
            ("logger.level", "error") => silent = true,
            ("logger.level", _) => {}
            ("logger.encoding", _) => {}
            (name, _) => {
                let name = crate::visible::name(name);
                output::note(&format!("--set: this engine has no setting `{name}`"));
            }
        }
    }
    (verbose, silent, format)
}

fn command() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return output::clap(&unknown::explain(error)),
    };
    if cli.project.is_some()
        && let Some(call) = cli.command.without_project()
    {
        return output::failure(&Failure::usage(format!(
            "-C names a project, and `wippy {call}` has nothing to do with one\n    fix:      leave \
             -C out; paths begin at the current directory"
        )));
    }
    if cli.console {
        anstream::ColorChoice::Always.write_global();
    }
    let (set_verbose, set_silent, format) = settings(&cli);
    style::set_format(format);
    let project = project::directory(cli.project.as_deref());
    // There `-v` tells what a run does, and the log begins with `-vv`.
    let silent = cli.silent || set_silent && cli.verbose == 0;
    let all_verbose = if silent { 0 } else { cli.verbose.max(set_verbose) };
    let quiet = matches!(cli.command, CliCommand::Simulate(_));
    let verbose = all_verbose.saturating_sub(u8::from(quiet));
    log::Logs { verbose, silent }.start();
    let logs = log::Logs { verbose: all_verbose, silent };
    let result = match &cli.command {
        CliCommand::Run(args) => run::run(&project, args, logs),
        CliCommand::Replay(args) => replay::replay(args, logs),
        CliCommand::Simulate(args) => simulate::simulate(&project, args, logs),
        CliCommand::Serve(args) => serve::serve(args, logs),
        CliCommand::Check(args) => check::check(&project, args),
        CliCommand::Inspect(args) => inspect::inspect(args, logs),
        CliCommand::New(args) => new::new(args),
        CliCommand::Init(args) => new::init(cli.project.as_deref(), args),
        CliCommand::Hash(args) => hash::hash(&project, args),
        CliCommand::Wit(args) => wit::wit(args),
        CliCommand::Graph(args) => graph::graph(&project, args),
        CliCommand::Completions(args) => pages::completions(args),
        CliCommand::Man => pages::man(),
        CliCommand::Schema => {
            output::json(&format!("{:#}\n", crate::registry::schema())).map(|()| Exit::Ok)
        }
        CliCommand::Version => {
            output::show(concat!("wippy ", env!("CARGO_PKG_VERSION"), "\n")).map(|()| Exit::Ok)
        }
    };
    result.unwrap_or_else(|failure| output::failure(&failure))
}
