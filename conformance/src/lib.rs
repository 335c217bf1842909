//! The evidence that `wippy` does what its specifications say.
#![warn(missing_docs)]

#[cfg(feature = "peers")]
pub mod differential;
pub mod fuzz;
pub mod original;
mod random;
pub mod soak;
pub mod stress;
pub mod wasi;
pub mod wast;

/// Prints the report of a suite; fails if something in it is unexpected, or if
/// there is none.
fn end(report: std::io::Result<(String, bool)>) -> std::process::ExitCode {
    use std::process::ExitCode;
    match report {
        Ok((text, unexpected)) => {
            print!("{text}");
            if unexpected { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}
