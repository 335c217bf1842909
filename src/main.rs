//! The `wippy` command; see [`wippy::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    wippy::cli::main()
}
