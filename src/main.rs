//! The `wippy` command; see [`wippy::cli`].

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: wippy::host::LargePages = wippy::host::LargePages;

fn main() -> ExitCode {
    wippy::cli::main()
}
