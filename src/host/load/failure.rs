//! The one error of those who only want to run something.

use std::fmt;

use crate::{
    artifact::ArtifactError,
    command::ProcessError,
    component::DeclareError,
    host::PrepareError,
    process,
    registry::{Problem, Problems},
};

/// Why something could not be loaded or run, as text: what the error of each part says.
///
/// Its debug form is the text as well, so that a `main` that returns it prints what is
/// wrong and what to do, and not the inside of a type:
///
/// ```no_run
/// fn main() -> Result<(), wippy::host::Failure> {
///     let spec = wippy::host::ProcessSpec::from_file("greet.wasm")?;
///     println!("{}", spec.function.full_name());
///     Ok(())
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Failure(String);

impl Failure {
    /// A failure of one's own.
    pub fn new(why: impl fmt::Display) -> Failure {
        Failure(why.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

macro_rules! from {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Failure {
                Failure::new(error)
            }
        }
    )*};
}
from!(
    ArtifactError,
    DeclareError,
    PrepareError,
    Problem,
    Problems,
    Box<Problem>,
    ProcessError,
    process::Error,
    std::io::Error
);
