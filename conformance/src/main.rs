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
    /// Runs the wasi-testsuite, and recorded cases, with the command `wippy`
    Wasi(conformance::wasi::Args),
    /// Runs the reference engine's test programs with the command `wippy`
    Programs(conformance::wasi::programs::Args),
    /// Runs the original's public test application
    Original(conformance::original::Args),
    /// Lets processes do to each other what they can, and keeps the books
    Stress(conformance::stress::Args),
    /// Sends random input to all that reads what a stranger has made
    Fuzz(conformance::fuzz::Args),
    /// Runs random components and modules beside the reference engine
    #[cfg(feature = "peers")]
    Differential(conformance::differential::Args),
    /// Lets good and bad clients ask servers for a while, and looks for what is left
    Soak(conformance::soak::Args),
    /// Measures processes beside bare wasmi and, with the feature `peers`, wasmtime
    Bench(bench::Args),
}

fn main() -> ExitCode {
    // The tests start this program in place of the command, so that what they
    // test is always up to date.
    if std::env::var_os(conformance::wasi::AS_WIPPY).is_some() {
        return wippy::cli::main();
    }
    match Cli::parse().command {
        Command::Wast(args) => conformance::wast::main(&args),
        Command::Wasi(args) => conformance::wasi::main(&args),
        Command::Programs(args) => conformance::wasi::programs::main(&args),
        Command::Original(args) => conformance::original::main(&args),
        Command::Stress(args) => conformance::stress::main(&args),
        Command::Fuzz(args) => conformance::fuzz::main(&args),
        #[cfg(feature = "peers")]
        Command::Differential(args) => conformance::differential::main(&args),
        Command::Soak(args) => conformance::soak::main(&args),
        Command::Bench(args) => bench::main(&args),
    }
}
