//! How much a file may hold, however it is written.

/// The deepest nesting of lists and mappings.
pub(in crate::registry) const MAX_DEPTH: usize = 64;
/// Nodes in a file once its aliases are expanded.
const MAX_NODES: usize = 500_000;
/// Bytes of text in a file once its aliases are expanded.
const MAX_TEXT: usize = 16 << 20;

/// The amount that has been taken in so far.
#[derive(Default)]
pub(super) struct Budget {
    nodes: usize,
    text: usize,
}

/// A limit that a file is beyond, or a feature that it must not use.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    Depth,
    Nodes,
    Text,
    Path,
    Tag,
    Key,
    Documents,
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
            Limit::Documents => (
                "more than one document, separated by a line `---`",
                "one document in a file",
                "put the second document into a file of its own",
            ),
        }
    }
}

impl Budget {
    pub fn node(&mut self) -> Result<(), Limit> {
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > MAX_NODES { Err(Limit::Nodes) } else { Ok(()) }
    }

    pub fn text(&mut self, bytes: usize) -> Result<(), Limit> {
        self.text = self.text.saturating_add(bytes);
        if self.text > MAX_TEXT { Err(Limit::Text) } else { Ok(()) }
    }
}
