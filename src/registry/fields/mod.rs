//! Reading typed fields out of a YAML mapping.
//!
//! A reader asks for its fields by name and type. What is of the wrong type is
//! reported and read as absent, so the reader goes on and finds the next
//! mistake. The names asked for *are* the known fields: whatever nobody asked
//! for by the end is unknown, and no list of names can fall out of step.

mod read;
mod report;
mod shape;

use std::{cell::RefCell, time::Duration};

pub(super) use self::{
    read::{describe, read_id, read_text, shorten},
    report::Report,
    shape::{Form, NOTHING, Noting, Shape},
};

use self::{
    read::scalar,
    shape::{NO_ITEM, SOME_TEXT},
};
use super::{
    Id, Severity, known, suggest, units,
    yaml::{Data, Map, Node},
};

/// A value with the place it was read from.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub value: T,
    pub line: Option<u32>,
    pub field: String,
    /// How the value stood in the file, for messages.
    pub found: String,
}

/// The fields of one mapping.
pub(super) struct Fields<'n, 'p> {
    report: &'n Report<'p>,
    map: &'n Map,
    path: String,
    line: Option<u32>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'n, 'p> Fields<'n, 'p> {
    /// The fields of an entry itself.
    pub fn of_entry(report: &'n Report<'p>, map: &'n Map, line: Option<u32>) -> Self {
        Fields { report, map, path: String::new(), line, asked: RefCell::default() }
    }

    /// The fields of a node that has to be a mapping.
    pub fn of_node(
        report: &'n Report<'p>,
        node: &'n Node,
        path: String,
        example: &str,
    ) -> Option<Self> {
        match &node.data {
            Data::Map(map) => {
                Some(Fields { report, map, path, line: node.line, asked: RefCell::default() })
            }
            Data::Null
            | Data::Bool(_)
            | Data::Int(_)
            | Data::Float(_)
            | Data::Text(_)
            | Data::List(_) => {
                report.error(
                    node.line,
                    &path,
                    describe(node),
                    "a mapping",
                    format!("write it like this:\n{example}"),
                );
                None
            }
        }
    }

    /// Notes what is asked for, if somebody wants to know. True if that is all.
    fn note(&self, name: &'static str, form: Form, required: bool) -> bool {
        let Some(shape) = self.report.noting else { return false };
        shape.borrow_mut().note(&self.path, name, form, required);
        true
    }

    pub fn report(&self) -> &'n Report<'p> {
        self.report
    }

    /// True if the field is there at all, rightly typed or not.
    pub fn has(&self, name: &str) -> bool {
        // Of one that has nothing all is asked for.
        self.report.noting.is_some() || self.node(name).is_some()
    }

    pub fn line(&self) -> Option<u32> {
        self.line
    }

    /// The line of a field, or of what should have it.
    pub fn line_of(&self, name: &str) -> Option<u32> {
        self.map.get(name).map_or(self.line, |pair| pair.line)
    }

    pub fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The node of a field. `null` counts as absent.
    fn node(&self, name: &str) -> Option<&'n Node> {
        self.map.get(name).map(|pair| &pair.value).filter(|node| node.data != Data::Null)
    }

    fn ask(&self, name: &'static str) -> Option<&'n Node> {
        self.asked.borrow_mut().push(name);
        self.node(name)
    }

    /// Takes a field without looking at it.
    pub fn ignore(&self, name: &'static str) {
        self.note(name, Form::Any, false);
        self.ask(name);
    }

    fn at<T>(&self, name: &str, node: &Node, value: T) -> At<T> {
        At { value, line: self.line_of(name), field: self.path(name), found: describe(node) }
    }

    fn wrong(&self, name: &str, node: &Node, expected: &str, example: &str) {
        if matches!(&node.data, Data::Text(text) if text.unfilled) {
            return;
        }
        let fix = format!("write it like this: {name}: {example}");
        self.report.error(self.line_of(name), &self.path(name), describe(node), expected, fix);
    }

    /// Reports a field that is not there.
    pub fn missing(&self, name: &str, expected: &str, fix: &str) {
        self.report.error(self.line, &self.path(name), "no such field", expected, fix);
    }

    /// A string.
    pub fn text(&self, name: &'static str) -> Option<At<&'n str>> {
        self.note(name, Form::Text, false);
        let node = self.ask(name)?;
        match &node.data {
            Data::Text(text) => Some(self.at(name, node, text.value.as_str())),
            Data::Int(_) | Data::Float(_) | Data::Bool(_) => {
                let fix = format!("put it in quotes: {name}: \"{}\"", scalar(node));
                self.report.error(
                    self.line_of(name),
                    &self.path(name),
                    describe(node),
                    "a string",
                    fix,
                );
                None
            }
            Data::Null | Data::List(_) | Data::Map(_) => {
                self.wrong(name, node, "a string", "\"text\"");
                None
            }
        }
    }

    /// A string that has to be there and not be empty.
    pub fn required(&self, name: &'static str, expected: &str, fix: &str) -> Option<At<&'n str>> {
        if self.note(name, Form::Text, true) {
            let (field, found) = (self.path(name), String::new());
            return Some(At { value: SOME_TEXT, line: None, field, found });
        }
        let Some(node) = self.ask(name) else {
            self.missing(name, expected, fix);
            return None;
        };
        let found = match &node.data {
            Data::Text(text) if text.value.trim().is_empty() => "an empty string".to_owned(),
            Data::Text(_) | Data::Int(_) | Data::Float(_) => return self.text(name),
            Data::Null | Data::Bool(_) | Data::List(_) | Data::Map(_) => describe(node),
        };
        self.report.error(self.line_of(name), &self.path(name), found, expected, fix);
        None
    }

    /// `true` or `false`.
    pub fn flag(&self, name: &'static str) -> Option<bool> {
        self.note(name, Form::Flag, false);
        let node = self.ask(name)?;
        match &node.data {
            Data::Bool(value) => Some(*value),
            Data::Text(text) if text.template.is_some() && text.value == "true" => Some(true),
            Data::Text(text) if text.template.is_some() && text.value == "false" => Some(false),
            Data::Null
            | Data::Int(_)
            | Data::Float(_)
            | Data::Text(_)
            | Data::List(_)
            | Data::Map(_) => {
                self.wrong(name, node, "true or false", "true");
                None
            }
        }
    }

    /// A whole number, negative or not; filled-in placeholders are read as one.
    pub fn integer(&self, name: &'static str, expected: &str, example: &str) -> Option<At<i128>> {
        self.note(name, Form::Integer, false);
        let node = self.ask(name)?;
        let value = match &node.data {
            Data::Int(value) => Some(*value),
            Data::Text(text) if text.template.is_some() => text.value.trim().parse().ok(),
            Data::Null
            | Data::Bool(_)
            | Data::Float(_)
            | Data::Text(_)
            | Data::List(_)
            | Data::Map(_) => None,
        };
        match value {
            Some(value) => Some(self.at(name, node, value)),
            None => {
                self.wrong(name, node, expected, example);
                None
            }
        }
    }

    /// A whole number from 0 to `most`.
    pub fn count(&self, name: &'static str, most: u64, example: &str) -> Option<u64> {
        let expected = if most == u64::MAX {
            "a whole number, 0 or more".to_owned()
        } else {
            format!("a whole number from 0 to {most}")
        };
        let number = self.integer(name, &expected, example)?;
        match u64::try_from(number.value) {
            Ok(value) if value <= most => Some(value),
            _ => {
                let fix = format!("write it like this: {name}: {example}");
                self.report.error(number.line, &number.field, number.found, expected, fix);
                None
            }
        }
    }

    /// A number between two bounds.
    pub fn number(&self, name: &'static str, from: f64, to: f64, example: &str) -> Option<f64> {
        self.note(name, Form::Number, false);
        let node = self.ask(name)?;
        let value = match &node.data {
            Data::Int(value) => Some(*value as f64),
            Data::Float(value) => Some(*value),
            Data::Text(text) if text.template.is_some() => text.value.trim().parse().ok(),
            Data::Null | Data::Bool(_) | Data::Text(_) | Data::List(_) | Data::Map(_) => None,
        };
        match value {
            Some(value) if value >= from && value <= to => Some(value),
            _ => {
                self.wrong(name, node, &format!("a number from {from} to {to}"), example);
                None
            }
        }
    }

    /// A number of bytes: `67108864` or `"64MiB"`.
    pub fn size(&self, name: &'static str) -> Option<u64> {
        self.note(name, Form::Size, false);
        let node = self.ask(name)?;
        let value = match &node.data {
            Data::Int(value) => u64::try_from(*value).ok(),
            Data::Text(text) => units::size(&text.value),
            Data::Null | Data::Bool(_) | Data::Float(_) | Data::List(_) | Data::Map(_) => None,
        };
        if value.is_none() {
            let expected = "a number of bytes, or one with a unit: KiB, MiB, GiB, KB, MB, GB";
            self.wrong(name, node, expected, "64MiB");
        }
        value
    }

    /// A duration: `10s`, `150ms`, `1m30s`.
    pub fn duration(&self, name: &'static str) -> Option<Duration> {
        self.note(name, Form::Duration, false);
        let node = self.ask(name)?;
        let value = match &node.data {
            Data::Int(0) => Some(Duration::ZERO),
            Data::Text(text) => units::duration(&text.value),
            Data::Null
            | Data::Bool(_)
            | Data::Int(_)
            | Data::Float(_)
            | Data::List(_)
            | Data::Map(_) => None,
        };
        if value.is_none() {
            self.wrong(name, node, "a duration with a unit: ms, s, m, h", "10s");
        }
        value
    }

    /// A duration that is not 0.
    pub fn some_duration(&self, name: &'static str) -> Option<Duration> {
        let value = self.duration(name)?;
        if !value.is_zero() {
            return Some(value);
        }
        let node = self.ask(name)?;
        self.wrong(name, node, "a duration longer than 0, with a unit: ms, s, m, h", "10s");
        None
    }

    /// Octal permissions: `"0755"`.
    pub fn mode(&self, name: &'static str, example: &str) -> Option<u32> {
        self.note(name, Form::Text, false);
        let node = self.ask(name)?;
        let value = match &node.data {
            Data::Text(text) => units::mode(&text.value),
            Data::Null
            | Data::Bool(_)
            | Data::Int(_)
            | Data::Float(_)
            | Data::List(_)
            | Data::Map(_) => None,
        };
        if value.is_none() {
            self.wrong(name, node, "octal permissions in quotes", example);
        }
        value
    }

    /// The id of another entry.
    pub fn id(&self, name: &'static str, namespace: &str) -> Option<At<Id>> {
        let text = self.text(name)?;
        read_id(self.report, text, namespace)
    }

    /// The id of another entry, which has to be there.
    pub fn required_id(
        &self,
        name: &'static str,
        namespace: &str,
        expected: &str,
        fix: &str,
    ) -> Option<At<Id>> {
        let text = self.required(name, expected, fix)?;
        read_id(self.report, text, namespace)
    }

    /// A nested mapping.
    pub fn fields(&self, name: &'static str, example: &str) -> Option<Fields<'n, 'p>> {
        if self.note(name, Form::Fields, false) {
            return Some(self.nothing(name));
        }
        let node = self.ask(name)?;
        let mut fields = Fields::of_node(self.report, node, self.path(name), example)?;
        fields.line = self.line_of(name);
        Some(fields)
    }

    /// A nested mapping that others read as well: nothing is said if it is none.
    pub fn nested(&self, name: &'static str) -> Option<Fields<'n, 'p>> {
        if self.note(name, Form::Fields, false) {
            return Some(self.nothing(name));
        }
        let node = self.ask(name)?;
        let Data::Map(map) = &node.data else { return None };
        let (path, line) = (self.path(name), self.line_of(name));
        Some(Fields { report: self.report, map, path, line, asked: RefCell::default() })
    }

    /// A mapping that has nothing, while what is asked for is noted.
    fn nothing(&self, name: &str) -> Fields<'n, 'p> {
        let (path, asked) = (self.path(name), RefCell::default());
        Fields { report: self.report, map: &NOTHING, path, line: None, asked }
    }

    /// A node of any form.
    pub fn raw(&self, name: &'static str) -> Option<&'n Node> {
        self.note(name, Form::Any, false);
        self.ask(name)
    }

    /// A nested mapping of free form.
    pub fn free_map(&self, name: &'static str, example: &str) -> Option<&'n Map> {
        self.note(name, Form::Map, false);
        self.fields(name, example).map(|fields| fields.map)
    }

    /// The items of a list, each with its path.
    pub fn items(&self, name: &'static str, example: &str) -> Vec<(String, &'n Node)> {
        if self.note(name, Form::Items, false) {
            return vec![(format!("{}[]", self.path(name)), &NO_ITEM)];
        }
        let Some(node) = self.ask(name) else { return Vec::new() };
        let path = self.path(name);
        match &node.data {
            Data::List(items) => {
                items.iter().enumerate().map(|(n, item)| (format!("{path}[{n}]"), item)).collect()
            }
            Data::Null
            | Data::Bool(_)
            | Data::Int(_)
            | Data::Float(_)
            | Data::Text(_)
            | Data::Map(_) => {
                let fix = format!("write it like this:\n{example}");
                self.report.error(self.line_of(name), &path, describe(node), "a list", fix);
                Vec::new()
            }
        }
    }

    /// A list of strings.
    pub fn texts(&self, name: &'static str, example: &str) -> Vec<At<&'n str>> {
        if self.note(name, Form::Texts, false) {
            return Vec::new();
        }
        let items = self.items(name, example);
        items.into_iter().filter_map(|(path, node)| read_text(self.report, path, node)).collect()
    }

    /// Reports the fields that nobody asked for. One that was surely meant to be
    /// another is an error: its author believes that it does something.
    pub fn finish(self) {
        self.unknown(Severity::Warning);
    }

    /// The same for a mapping that protects something, or grants it: here any unknown
    /// field is an error.
    pub fn finish_strictly(self) {
        self.unknown(Severity::Error);
    }

    /// The same for a mapping that belongs to several: fields that begin like this are
    /// errors if they are unknown, and no others.
    pub fn finish_prefixed(self, prefix: &str) {
        let asked = self.asked.borrow();
        let mut own = asked.clone();
        own.sort_unstable();
        own.dedup();
        for pair in &self.map.pairs {
            let key = pair.key.as_str();
            if asked.contains(&key) || !key.starts_with(prefix) {
                continue;
            }
            let fix = match self.report.nearest(key, asked.iter().copied()) {
                Some(word) => format!("did you mean {word}?"),
                None => "remove it; it has no effect".to_owned(),
            };
            let expected = format!("one of {}", own.join(", "));
            let path = self.path(&shorten(key));
            self.report.error(pair.line, &path, "an unknown field", expected, fix);
        }
    }

    fn unknown(&self, severity: Severity) {
        if let Some(shape) = self.report.noting {
            shape.borrow_mut().closed.insert(self.path.clone());
        }
        let asked = self.asked.borrow();
        let foreign: Vec<&str> = known::foreign(&self.report.kind, &self.path).collect();
        let mut own = asked.clone();
        own.sort_unstable();
        own.dedup();
        let expected = match own.is_empty() {
            true => "no fields".to_owned(),
            false => format!("one of {}", own.join(", ")),
        };
        for pair in &self.map.pairs {
            let key = pair.key.as_str();
            let path = self.path(&shorten(key));
            if asked.contains(&key) {
                continue;
            }
            if foreign.contains(&key) {
                let found = "a field that this engine does not use";
                self.report.push(Severity::Note, pair.line, &path, found, "", "");
                continue;
            }
            let words = || own.iter().chain(&foreign).copied();
            // Two letters away from a field that is there already is another word.
            let slip = self
                .report
                .slip_of(key, words())
                .filter(|meant| self.map.get(meant).is_none() || suggest::is_one_slip(key, meant));
            let elsewhere = known::protection(key);
            let wrong = slip.is_some() || elsewhere.is_some();
            // It is where the values of others are written down.
            if pair.used && !wrong {
                continue;
            }
            let severity = if wrong { Severity::Error } else { severity };
            let like = || suggest::part_of(key, words());
            let fix = match (slip.or_else(|| self.report.nearest(key, words())), elsewhere) {
                (Some(word), _) => format!("did you mean {word}?"),
                (None, Some((name, place))) => {
                    format!("it has no effect here; {name} is a field of {place}")
                }
                (None, None) => match like() {
                    Some(word) => format!("did you mean {word}?"),
                    None => "remove it; it has no effect".to_owned(),
                },
            };
            self.report.push(severity, pair.line, &path, "an unknown field", &*expected, fix);
        }
    }
}
