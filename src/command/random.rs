//! Commands about random numbers.

/// Asks for random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RandomCommand {
    /// So many random bytes. [`Reply::Bytes`](super::Reply::Bytes)
    Bytes {
        /// How many.
        len: u32,
        /// They need not be unpredictable.
        insecure: bool,
    },
}

impl RandomCommand {
    /// The name in traces.
    pub fn name(&self) -> &'static str {
        match self {
            RandomCommand::Bytes { .. } => "random",
        }
    }
}
