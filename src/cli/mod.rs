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
mod hash;
mod inspect;
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
    args::{Cli, CliCommand},
    exit::Exit,
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

fn command() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return output::clap(&unknown::explain(error)),
    };
    if cli.console {
        anstream::ColorChoice::Always.write_global();
    }
    style::set_format(cli.log_format);
    let project = project::directory(cli.project.as_deref());
    // There `-v` tells what a run does, and the log begins with `-vv`.
    let quiet = matches!(cli.command, CliCommand::Simulate(_));
    let verbose = cli.verbose.saturating_sub(u8::from(quiet));
    log::Logs { verbose, silent: cli.silent }.start();
    let logs = log::Logs { verbose: cli.verbose, silent: cli.silent };
    let result = match &cli.command {
        CliCommand::Run(args) => run::run(&project, args, logs),
        CliCommand::Replay(args) => replay::replay(args, logs),
        CliCommand::Simulate(args) => simulate::simulate(&project, args, logs),
        CliCommand::Serve(args) => serve::serve(args, logs),
        CliCommand::Check(args) => check::check(&project, args),
        CliCommand::Inspect(args) => inspect::inspect(args),
        CliCommand::New(args) => new::new(args),
        CliCommand::Init(args) => new::init(cli.project.as_deref(), args),
        CliCommand::Hash(args) => hash::hash(&project, args),
        CliCommand::Wit(args) => wit::wit(args),
        CliCommand::Completions(args) => pages::completions(args),
        CliCommand::Man => pages::man(),
        CliCommand::Version => {
            output::show(concat!("wippy ", env!("CARGO_PKG_VERSION"), "\n")).map(|()| Exit::Ok)
        }
    };
    result.unwrap_or_else(|failure| output::failure(&failure))
}
