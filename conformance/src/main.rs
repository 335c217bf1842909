//! Runs suites of conformance tests against `wippy`, and measures it.

#[path = "../bench/mod.rs"]
mod bench;

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
    /// Measures processes beside bare wasmi and, with the feature `peers`, wasmtime
    Bench(bench::Args),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Wast(args) => conformance::wast::main(&args),
        Command::Bench(args) => bench::main(&args),
    }
}
