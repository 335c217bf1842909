//! Single nodes: read as what they are to be, and named in messages.

use super::{
    super::{
        Id,
        problem::quoted,
        yaml::{Data, Node},
    },
    At, Report,
};

/// A string in a list or a map of free names.
pub(in crate::registry) fn read_text<'n>(
    report: &Report<'_>,
    path: String,
    node: &'n Node,
) -> Option<At<&'n str>> {
    match &node.data {
        Data::Text(text) => {
            Some(At { value: &text.value, line: node.line, field: path, found: describe(node) })
        }
        Data::Int(_) | Data::Float(_) | Data::Bool(_) => {
            let fix = format!("put it in quotes: \"{}\"", scalar(node));
            report.error(node.line, &path, describe(node), "a string", fix);
            None
        }
        Data::Null | Data::List(_) | Data::Map(_) => {
            report.error(node.line, &path, describe(node), "a string", "write a string in quotes");
            None
        }
    }
}

/// The id that a string names.
pub(in crate::registry) fn read_id(
    report: &Report<'_>,
    text: At<&str>,
    namespace: &str,
) -> Option<At<Id>> {
    match Id::resolve(text.value, namespace) {
        Ok(value) => Some(At { value, line: text.line, field: text.field, found: text.found }),
        Err(why) => {
            let found = format!("{}: {why}", text.found);
            let expected = "the id of an entry, namespace:name (the name alone within its own file's namespace)";
            report.error(text.line, &text.field, found, expected, "write it like this: app:name");
            None
        }
    }
}

/// A node as it is named in messages.
pub(in crate::registry) fn describe(node: &Node) -> String {
    match &node.data {
        Data::Null => "nothing (null)".to_owned(),
        Data::Bool(value) => value.to_string(),
        Data::Int(_) | Data::Float(_) => format!("the number {}", scalar(node)),
        Data::Text(text) => match &text.template {
            None => quoted(&text.value),
            Some(template) => {
                format!("{}, which stands for {}", quoted(template), quoted(&text.value))
            }
        },
        Data::List(items) => match items.len() {
            0 => "an empty list".to_owned(),
            1 => "a list of one".to_owned(),
            n => format!("a list of {n}"),
        },
        Data::Map(_) => "a mapping".to_owned(),
    }
}

pub(super) fn scalar(node: &Node) -> String {
    match &node.data {
        Data::Bool(value) => value.to_string(),
        Data::Int(value) => value.to_string(),
        Data::Float(value) => value.to_string(),
        Data::Null | Data::Text(_) | Data::List(_) | Data::Map(_) => String::new(),
    }
}

/// A key of unknown length, fit for a path.
pub(in crate::registry) fn shorten(key: &str) -> String {
    let mut chars = key.chars();
    let head: String = chars.by_ref().take(60).collect();
    if chars.next().is_some() { format!("{head}...") } else { head }
}
