//! YAML text to a tree of nodes with line numbers, within fixed bounds.
//!
//! The parser gives one event after the other, each with its place. `events` takes
//! them in and stops at the first that is too deep or one too many, so that a
//! hostile file costs what its first honest part costs. `tree` makes nodes of the
//! events, and counts once more: an alias stands for all that its anchor has.

mod bounds;
mod events;
mod scalar;
mod tree;

pub(super) use self::bounds::MAX_DEPTH;

use self::bounds::Limit;

/// A value and the line it begins on, counted from 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub line: Option<u32>,
    pub data: Data,
}

/// The content of a node.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(Text),
    List(Vec<Node>),
    Map(Map),
}

/// A string, and what stood in the file if placeholders were filled in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Text {
    pub value: String,
    pub template: Option<String>,
    /// It has placeholders that could not be filled in, which has been reported.
    pub unfilled: bool,
}

/// A mapping in the order of the file. Of a key given twice the first is kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Map {
    pub pairs: Vec<Pair>,
    /// Keys given a second time: the key, its line, the first one's line.
    pub repeated: Vec<(String, Option<u32>, Option<u32>)>,
    /// Keys that are no strings: how they were written, and the line.
    pub odd_keys: Vec<(String, Option<u32>)>,
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pair {
    pub key: String,
    pub line: Option<u32>,
    pub value: Node,
    /// Something of the value is used elsewhere, by its anchor.
    pub used: bool,
}

impl Map {
    pub fn get(&self, key: &str) -> Option<&Pair> {
        self.pairs.iter().find(|pair| pair.key == key)
    }
}

/// Why a text is no usable YAML.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct YamlError {
    pub line: Option<u32>,
    pub found: String,
    pub expected: &'static str,
    pub fix: &'static str,
}

/// Reads the one document of a text.
pub(crate) fn parse(bytes: &[u8]) -> Result<Node, YamlError> {
    let events = events::read(decode(bytes)?)?;
    match events.is_empty() {
        true => Ok(Node { line: Some(1), data: Data::Null }),
        false => tree::build(&events),
    }
}

/// A bound that was met at a line.
fn over(limit: Limit, line: Option<u32>) -> YamlError {
    let (found, expected, fix) = limit.words();
    YamlError { line, found: found.into(), expected, fix }
}

fn decode(bytes: &[u8]) -> Result<&str, YamlError> {
    let expected = "UTF-8 text";
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(YamlError {
            line: None,
            found: "UTF-16 text".into(),
            expected,
            fix: "save the file as UTF-8",
        });
    }
    let line_of = |offset: usize| {
        let lines = bytes.iter().take(offset).filter(|b| **b == b'\n').count();
        u32::try_from(lines).ok().and_then(|n| n.checked_add(1))
    };
    match std::str::from_utf8(bytes) {
        Ok(text) => match text.find('\0') {
            None => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
            Some(offset) => Err(YamlError {
                line: line_of(offset),
                found: "a NUL byte".into(),
                expected,
                fix: "is this a binary file? remove it, or the NUL byte",
            }),
        },
        Err(error) => Err(YamlError {
            line: line_of(error.valid_up_to()),
            found: "bytes that are not UTF-8".into(),
            expected,
            fix: "save the file as UTF-8",
        }),
    }
}

#[cfg(test)]
mod tests;
