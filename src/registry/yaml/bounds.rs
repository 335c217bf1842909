//! How much a file may hold, however it is written.

use serde::de;
use std::cell::Cell;

/// The deepest nesting of lists and mappings.
pub(super) const MAX_DEPTH: usize = 64;
/// Nodes in a file once its aliases are expanded.
const MAX_NODES: usize = 500_000;
/// Bytes of text in a file once its aliases are expanded.
const MAX_TEXT: usize = 16 << 20;
/// What has been taken in so far.
#[derive(Default)]
pub(super) struct Budget {
    nodes: Cell<usize>,
    text: Cell<usize>,
    pub hit: Cell<Option<Limit>>,
}

#[derive(Clone, Copy)]
pub(super) enum Limit {
    Depth,
    Nodes,
    Text,
    Path,
    Tag,
    Key,
}

impl Limit {
    pub fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Limit::Depth => (
                "lists and mappings nested more than 64 deep",
                "at most 64 levels",
                "check the brackets; an alias (*name) must not stand inside its own anchor (&name)",
            ),
            Limit::Nodes => (
                "more than 500000 values, aliases (*name) counted as what they stand for",
                "at most 500000 values in a file",
                "write fewer aliases, or split the file",
            ),
            Limit::Text => (
                "more than 16 MiB of text, aliases (*name) counted as what they stand for",
                "at most 16 MiB of text in a file",
                "write fewer aliases, or split the file",
            ),
            Limit::Path => {
                ("keys longer than 4096 bytes", "short keys", "did a quote or a colon go missing?")
            }
            Limit::Tag => (
                "a YAML tag (!name)",
                "a plain value",
                "leave the tag out; put quotes around a text that begins with !",
            ),
            Limit::Key => (
                "a list or a mapping as a key",
                "a string as a key",
                "put quotes around a key that begins with [ or {",
            ),
        }
    }
}

impl Budget {
    pub fn fail<E: de::Error>(&self, limit: Limit) -> E {
        self.hit.set(Some(limit));
        E::custom("over the limit")
    }

    pub fn node<E: de::Error>(&self) -> Result<(), E> {
        self.nodes.set(self.nodes.get().saturating_add(1));
        if self.nodes.get() > MAX_NODES { Err(self.fail(Limit::Nodes)) } else { Ok(()) }
    }

    pub fn text<E: de::Error>(&self, bytes: usize) -> Result<(), E> {
        self.text.set(self.text.get().saturating_add(bytes));
        if self.text.get() > MAX_TEXT { Err(self.fail(Limit::Text)) } else { Ok(()) }
    }
}

/// Beginnings of a text that must be within the limits before the library sees
/// more of it; none for a text that anybody would write.
///
/// For each token the library looks at every bracket still open, so a file of
/// brackets takes it hours. Which brackets are really open only a parser knows
/// (the others are in quotes, comments, block texts). But no more are open than
/// [`MAX_DEPTH`] at the last place that was checked and those written since, so
/// the text is checked again whenever that many might have cost a second.
pub(super) fn suspicious_prefixes(text: &str) -> impl Iterator<Item = &str> {
    const WORK: usize = 500_000_000;
    let mut open = MAX_DEPTH;
    let mut work = 0_usize;
    text.bytes().enumerate().filter_map(move |(at, byte)| {
        if byte == b'[' || byte == b'{' {
            open = open.saturating_add(1);
        }
        if byte.is_ascii_punctuation() || byte == b'\n' {
            work = work.saturating_add(open);
        }
        if work < WORK || !text.is_char_boundary(at) {
            return None;
        }
        open = MAX_DEPTH;
        work = 0;
        text.get(..at)
    })
}
