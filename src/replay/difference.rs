//! Where a process does something else than its journal says.

use std::fmt;

/// The first place where a replayed process does something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The process: its pid, or the name of its program.
    pub process: String,
    /// Fuel that it had used before the step.
    pub fuel: u64,
    /// What the journal says.
    pub expected: String,
    /// What happens.
    pub found: String,
    /// What it asked before, the last of all at the end.
    pub last: Vec<String>,
    /// What is known to be outside of the journal.
    pub hint: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { process, fuel, expected, found, last, hint } = self;
        writeln!(f, "{process} does something else after {fuel} units of fuel")?;
        writeln!(f, "    recorded: {expected}")?;
        write!(f, "    now:      {found}")?;
        if let Some(hint) = hint {
            write!(f, "\n    because:  {hint}")?;
        }
        if !last.is_empty() {
            f.write_str("\n    before:")?;
        }
        last.iter().try_for_each(|line| write!(f, "\n      {line}"))
    }
}
