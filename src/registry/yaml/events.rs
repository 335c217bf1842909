//! The events of a text: what the parser says, as long as it keeps to the bounds.

use std::borrow::Cow;

use saphyr_parser::{Event as Parsed, Parser, ScalarStyle, ScanError, Tag};

use super::{
    YamlError,
    bounds::{Budget, Limit, MAX_DEPTH},
    over,
};

/// A step of the parser, and where it was made.
pub(super) struct Event<'t> {
    pub line: Option<u32>,
    /// Not 0 if the value has a name that aliases call.
    pub anchor: usize,
    pub what: What<'t>,
}

pub(super) enum What<'t> {
    /// A scalar; one that is not plain is a text, whatever it looks like.
    Scalar {
        text: Cow<'t, str>,
        plain: bool,
        tag: Option<CoreTag>,
    },
    /// The value of the anchor with this number.
    Alias(usize),
    List,
    Map,
    /// The end of the last list or mapping that is open.
    End,
}

/// A tag of YAML's own: it says of which type a scalar is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CoreTag {
    Text,
    Int,
    Float,
    Bool,
    Null,
}

/// The events of the one document in a text. None if there is no document.
pub(super) fn read(text: &str) -> Result<Vec<Event<'_>>, YamlError> {
    let (mut events, mut budget) = (Vec::new(), Budget::default());
    let (mut depth, mut documents) = (0_usize, 0_usize);
    for parsed in Parser::new_from_str(text) {
        let (parsed, span) = parsed.map_err(|error| explain(&error, text))?;
        let line = u32::try_from(span.start.line()).ok();
        let fail = |limit| over(limit, line);
        let (anchor, what) = match parsed {
            Parsed::Nothing | Parsed::StreamStart | Parsed::StreamEnd | Parsed::DocumentEnd => {
                continue;
            }
            Parsed::DocumentStart(_) => {
                documents = documents.saturating_add(1);
                if documents > 1 {
                    return Err(fail(Limit::Documents));
                }
                continue;
            }
            Parsed::Alias(anchor) => (0, What::Alias(anchor)),
            Parsed::Scalar(text, style, anchor, tag) => {
                budget.text(text.len()).map_err(fail)?;
                let tag = core_tag(tag.as_deref()).map_err(fail)?;
                (anchor, What::Scalar { text, plain: style == ScalarStyle::Plain, tag })
            }
            Parsed::SequenceStart(anchor, tag) => {
                collection(tag.as_deref(), "seq").map_err(fail)?;
                (anchor, What::List)
            }
            Parsed::MappingStart(anchor, tag) => {
                collection(tag.as_deref(), "map").map_err(fail)?;
                (anchor, What::Map)
            }
            Parsed::SequenceEnd | Parsed::MappingEnd => (0, What::End),
        };
        match what {
            What::List | What::Map => depth = depth.saturating_add(1),
            What::End => depth = depth.saturating_sub(1),
            What::Scalar { .. } | What::Alias(_) => {}
        }
        if depth > MAX_DEPTH {
            return Err(fail(Limit::Depth));
        }
        if !matches!(what, What::End) {
            budget.node().map_err(fail)?;
        }
        events.push(Event { line, anchor, what });
    }
    Ok(events)
}

/// The type that a scalar's tag names. `!` alone says that it is a text.
fn core_tag(tag: Option<&Tag>) -> Result<Option<CoreTag>, Limit> {
    let Some(tag) = tag else { return Ok(None) };
    if tag.handle == "!" && tag.suffix.is_empty() || tag.handle.is_empty() && tag.suffix == "!" {
        return Ok(Some(CoreTag::Text));
    }
    match (tag.is_yaml_core_schema(), tag.suffix.as_str()) {
        (true, "str") => Ok(Some(CoreTag::Text)),
        (true, "int") => Ok(Some(CoreTag::Int)),
        (true, "float") => Ok(Some(CoreTag::Float)),
        (true, "bool") => Ok(Some(CoreTag::Bool)),
        (true, "null") => Ok(Some(CoreTag::Null)),
        _ => Err(Limit::Tag),
    }
}

/// The only tag that a list or mapping may have is its own.
fn collection(tag: Option<&Tag>, own: &str) -> Result<(), Limit> {
    match tag {
        Some(tag) if !tag.is_yaml_core_schema() || tag.suffix != own => Err(Limit::Tag),
        _ => Ok(()),
    }
}

/// The parser's error in our words.
fn explain(error: &ScanError, text: &str) -> YamlError {
    // "while parsing a flow sequence, expected ',' or ']'"
    let (info, mut line) = (error.info(), error.marker().line());
    if info.contains("recursion limit") {
        return over(Limit::Depth, u32::try_from(line).ok());
    }
    let fix = if info.contains("unknown anchor") {
        "define the anchor (&name) above the alias (*name)"
    } else if info.contains("tab") {
        // The place is where the value began that the tab is in.
        let lines = text.lines().skip(line.saturating_sub(1));
        let tab = |line: &str| line.trim_start_matches(' ').starts_with('\t');
        line = line.saturating_add(lines.take_while(|line| !tab(line)).count());
        "indent with spaces, not tabs"
    } else if info.contains("cannot start any token") {
        "put quotes around a text that begins with a special sign"
    } else {
        "look at this line and the one above: indentation, a missing colon, an open quote or bracket"
    };
    YamlError {
        line: u32::try_from(line).ok(),
        found: format!("text that is not YAML: {info}"),
        expected: "valid YAML",
        fix,
    }
}
