//! Runs suites of conformance tests against `wippy`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs scripts of the Component Model's test language
    Wast(conformance::wast::Args),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Wast(args) => conformance::wast::main(&args),
    }
}
