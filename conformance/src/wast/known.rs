//! The list of known failures.
//!
//! One per line: the end of the script's path, a colon, a line number or `*` for
//! all lines, and after white space the reason. `#` begins a comment.

use std::path::Path;

/// Failures that are expected.
#[derive(Clone, Debug, Default)]
pub struct Known {
    entries: Vec<Entry>,
}

/// One known failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The end of the script's path.
    pub path: String,
    /// The directive's line; `None` for all that fail.
    pub line: Option<usize>,
    /// Why it fails.
    pub reason: String,
}

impl Known {
    /// Reads a list.
    ///
    /// # Errors
    ///
    /// If a line is not an entry.
    pub fn parse(text: &str) -> Result<Known, String> {
        let lines = text.lines().enumerate().map(|(number, line)| (number + 1, line.trim()));
        let entries = lines
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .map(|(number, line)| {
                entry(line).ok_or_else(|| {
                    format!("line {number} of the known failures is not `PATH:LINE REASON`: {line}")
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Known { entries })
    }

    /// The entries for one script.
    pub fn of(&self, path: &Path) -> Vec<&Entry> {
        self.entries.iter().filter(|entry| path.ends_with(&entry.path)).collect()
    }
}

fn entry(line: &str) -> Option<Entry> {
    let (place, reason) = line.split_once(char::is_whitespace)?;
    let (path, line) = place.rsplit_once(':')?;
    let line = match line {
        "*" => None,
        number => Some(number.parse().ok()?),
    };
    Some(Entry { path: path.to_owned(), line, reason: reason.trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_a_place_and_a_reason() {
        let known = Known::parse("# why\na/b.wast:3 too hard\n\nc.wast:* never\n");
        let known = known.unwrap_or_default();
        assert_eq!(known.of(Path::new("x/a/b.wast")).len(), 1);
        assert_eq!(known.of(Path::new("x/b.wast")).len(), 0);
        assert_eq!(known.of(Path::new("c.wast")).first().and_then(|e| e.line), None);
        assert!(Known::parse("a.wast:3").is_err());
        assert!(Known::parse("a.wast three").is_err());
    }
}
