//! The list of known failures.
//!
//! One per line: a test's name as the report has it, or the end of it from a `/`
//! on, and after white space the reason. `#` begins a comment.

/// Failures that are expected.
#[derive(Clone, Debug, Default)]
pub struct Known {
    entries: Vec<(String, String)>,
}

impl Known {
    /// Reads a list.
    ///
    /// # Errors
    ///
    /// If a line has no reason.
    pub fn parse(text: &str) -> Result<Known, String> {
        let lines = text.lines().enumerate().map(|(number, line)| (number + 1, line.trim()));
        let entries = lines
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .map(|(number, line)| match line.split_once(char::is_whitespace) {
                Some((name, reason)) => Ok((name.to_owned(), reason.trim().to_owned())),
                None => {
                    Err(format!("line {number} of the known failures is not `NAME REASON`: {line}"))
                }
            })
            .collect::<Result<_, _>>()?;
        Ok(Known { entries })
    }

    /// Why this test is expected to fail, if it is.
    pub fn reason(&self, name: &str) -> Option<&str> {
        let of = |known: &str| {
            let rest = name.strip_suffix(known);
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
        };
        self.entries.iter().find(|(known, _)| of(known)).map(|(_, reason)| reason.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_be_short() {
        let known = Known::parse("# none\nrust/links  no links here\n").unwrap_or_default();
        assert_eq!(known.reason("rust/links"), Some("no links here"));
        assert_eq!(known.reason("suite/rust/links"), Some("no links here"));
        assert_eq!(known.reason("suite/trust/links"), None);
        assert!(Known::parse("rust/links").is_err());
    }
}
