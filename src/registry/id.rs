//! Entry ids.
//!
//! An id is `namespace:name`. It is written in files, typed on command lines,
//! and cloned into every process, mailbox and journal record, so it is two
//! shared strings and cheap to clone.

use crate::visible;
use std::{fmt, str::FromStr, sync::Arc};

/// The longest namespace or name, in bytes.
const MAX_PART: usize = 255;

/// The id of an entry: `namespace:name`.
///
/// ```
/// use wippy::registry::Id;
///
/// let id: Id = "app.tools:greet".parse().unwrap();
/// assert_eq!(id.namespace(), "app.tools");
/// assert_eq!(id.name(), "greet");
/// // Inside a file, a reference without a namespace means the file's own.
/// assert_eq!(Id::resolve("greet", "app.tools").unwrap(), id);
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    namespace: Arc<str>,
    name: Arc<str>,
}

/// Why a text is not an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdError(&'static str);

impl Id {
    /// An id of two parts.
    pub fn new(namespace: &str, name: &str) -> Result<Id, IdError> {
        check_part(namespace)?;
        check_part(name)?;
        Ok(Id { namespace: namespace.into(), name: name.into() })
    }

    /// A reference as it stands in a file whose namespace is `namespace`.
    pub fn resolve(reference: &str, namespace: &str) -> Result<Id, IdError> {
        match reference.split_once(':') {
            Some((namespace, name)) => Id::new(namespace, name),
            None => Id::new(namespace, reference),
        }
    }

    /// The part before the colon.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The part after the colon.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Ids are lenient: every visible character but the ones that ids are cut at.
pub(super) fn check_part(part: &str) -> Result<(), IdError> {
    if part.is_empty() {
        return Err(IdError("it is empty on one side of the colon"));
    }
    if part.len() > MAX_PART {
        return Err(IdError("it is longer than 255 bytes on one side of the colon"));
    }
    if part.contains(':') {
        return Err(IdError("it has more than one colon"));
    }
    if part.contains(char::is_whitespace) || visible::has_hidden(part) {
        return Err(IdError("it has a space, or a character that cannot be seen"));
    }
    Ok(())
}

impl FromStr for Id {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Id, IdError> {
        match text.split_once(':') {
            Some((namespace, name)) => Id::new(namespace, name),
            None => Err(IdError("it has no colon: write namespace:name")),
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.namespace, self.name)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for IdError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_prints_as_it_is_written() {
        let id: Id = "app.tools:greet-all".parse().unwrap();
        assert_eq!(id.to_string(), "app.tools:greet-all");
    }

    #[test]
    fn a_reference_may_leave_the_namespace_out() {
        assert_eq!(Id::resolve("x", "app").unwrap().to_string(), "app:x");
        assert_eq!(Id::resolve("lib:x", "app").unwrap().to_string(), "lib:x");
    }

    #[test]
    fn what_is_not_an_id_says_why() {
        let why = |text: &str| text.parse::<Id>().unwrap_err().to_string();
        assert_eq!(why("greet"), "it has no colon: write namespace:name");
        assert_eq!(why(":greet"), "it is empty on one side of the colon");
        assert_eq!(why("a:b:c"), "it has more than one colon");
        assert_eq!(why("a:b c"), "it has a space, or a character that cannot be seen");
        assert!(why(&format!("a:{}", "x".repeat(256))).starts_with("it is longer"));
    }
}
