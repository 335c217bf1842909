//! The one error type of the adapter.
//!
//! Every failure here is something that the author of a module or of its WIT
//! text has to change, so the text is the product: it says what was found, what
//! was expected, and what to do. Programs that only want to know the kind (to
//! point an editor at a line, say) look at [`AdaptError::kind`]; nobody has to
//! take the text apart.

use std::fmt;

use crate::visible;

/// The reason why a module could not be turned into a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdaptErrorKind {
    /// The bytes are not a core module, or are one that is cut short or broken.
    Module,
    /// The WIT text does not parse or does not resolve. The position counts
    /// lines and columns (in characters) of the text as it was given, from 1.
    Wit {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
    },
    /// The WIT text is fine, but it is not clear which of its worlds is meant.
    World,
    /// A function of the WIT text has no counterpart among the module's exports.
    MissingExport,
    /// A function's WIT signature and its core signature do not fit together.
    Signature,
    /// A signature needs `memory`, `cabi_realloc` or the like, and it is not there.
    MissingOption,
    /// The module imports something that cannot be given to it.
    Import,
    /// A feature of WIT that raw modules cannot have.
    Unsupported,
}

/// Why a module could not be turned into a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdaptError {
    kind: AdaptErrorKind,
    text: String,
}

impl AdaptError {
    pub(super) fn new(kind: AdaptErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    pub(super) fn unsupported(text: impl Into<String>) -> Self {
        Self::new(AdaptErrorKind::Unsupported, text)
    }

    /// The kind of the failure.
    pub fn kind(&self) -> AdaptErrorKind {
        self.kind
    }
}

impl fmt::Display for AdaptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for AdaptError {}

/// Joins at most `limit` lines, each indented by two blanks, and says how many
/// more there are: a module with 10 000 exports must not make a 10 000 line
/// error.
pub(super) fn listing<T: fmt::Display>(items: impl IntoIterator<Item = T>, limit: usize) -> String {
    let mut out = String::new();
    let mut items = items.into_iter();
    for item in items.by_ref().take(limit) {
        out.push_str("\n  ");
        out.push_str(&item.to_string());
    }
    let more = items.count();
    if more > 0 {
        out.push_str(&format!("\n  ... and {more} more"));
    }
    out
}

/// A name from outside, quoted so that control characters cannot reach a
/// terminal, and cut to a length that leaves the rest of the message readable.
pub(super) fn quote(name: &str) -> String {
    const LIMIT: usize = 120;
    let (head, is_all) = visible::head(name, LIMIT);
    format!("`{head}{}`", if is_all { "" } else { "..." })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_and_names_are_cut() {
        assert_eq!(listing(0..4, 2), "\n  0\n  1\n  ... and 2 more");
        assert_eq!(quote("a\0b\u{1b}"), "`a\\u{0}b\\u{1b}`");
        assert_eq!(quote(&"x".repeat(500)).len(), 125);
    }
}
