//! Placeholders in strings: `${env:NAME}` and `${env:NAME|default}`.
//!
//! They are filled in before a field is given its type, through the environment
//! registry alone: a name that no `env.variable` entry declares is an error even
//! if the operating system has it, so that a project's files say what it needs.
//! `$${` stands for a literal `${`. Other uses of `$` stand for themselves.

use super::{
    EnvError, Environment,
    fields::{Report, shorten},
    problem::quoted,
    suggest::nearest,
    yaml::{Data, Map, Node, Text},
};
use std::{cell::Cell, collections::HashSet};

/// Bytes that all placeholders of a project may be filled in with.
const MAX_FILLED: usize = 64 << 20;

/// Fills in the placeholders of entries.
pub(super) struct Filler<'e> {
    pub environment: &'e Environment,
    /// Names declared by entries that have placeholders of their own.
    pub later: &'e HashSet<String>,
    left: Cell<usize>,
}

impl<'e> Filler<'e> {
    pub fn new(environment: &'e Environment, later: &'e HashSet<String>) -> Self {
        Filler { environment, later, left: Cell::new(MAX_FILLED) }
    }

    /// Fills in all strings of an entry but its name and kind.
    pub fn entry(&self, report: &Report<'_>, map: &mut Map) {
        for pair in &mut map.pairs {
            if pair.key != "name" && pair.key != "kind" {
                self.node(report, &shorten(&pair.key), &mut pair.value);
            }
        }
    }

    fn node(&self, report: &Report<'_>, path: &str, node: &mut Node) {
        let line = node.line;
        match &mut node.data {
            Data::Text(text) => self.text(report, path, line, text),
            Data::List(items) => {
                for (n, item) in items.iter_mut().enumerate() {
                    if wanted(item) {
                        self.node(report, &format!("{path}[{n}]"), item);
                    }
                }
            }
            Data::Map(map) => {
                for pair in &mut map.pairs {
                    if wanted(&pair.value) {
                        let path = format!("{path}.{}", shorten(&pair.key));
                        self.node(report, &path, &mut pair.value);
                    }
                }
            }
            Data::Null | Data::Bool(_) | Data::Int(_) | Data::Float(_) => {}
        }
    }

    fn text(&self, report: &Report<'_>, path: &str, line: Option<u32>, text: &mut Text) {
        if !text.value.contains("${") {
            return;
        }
        match self.fill(&text.value) {
            Ok(value) => {
                let template = std::mem::replace(&mut text.value, value);
                text.template = Some(template);
            }
            Err(wrong) => {
                text.unfilled = true;
                report.error(line, path, wrong.found, wrong.expected, wrong.fix);
            }
        }
    }

    fn fill(&self, template: &str) -> Result<String, Wrong> {
        let mut value = String::new();
        let mut rest = template;
        while let Some(at) = rest.find("${") {
            let (before, after) = rest.split_at(at);
            let inside = after.strip_prefix("${").unwrap_or_default();
            if let Some(literal) = before.strip_suffix('$') {
                value.push_str(literal);
                value.push_str("${");
                rest = inside;
                continue;
            }
            value.push_str(before);
            let Some(inside) = inside.strip_prefix("env:") else {
                value.push_str("${");
                rest = inside;
                continue;
            };
            let Some((inside, after)) = inside.split_once('}') else {
                return Err(Wrong {
                    found: format!(
                        "a placeholder that is not closed: {}",
                        quoted(&format!("${{env:{inside}"))
                    ),
                    expected: "${env:NAME} or ${env:NAME|default}".into(),
                    fix: "add the closing brace; for a literal ${ write $${".into(),
                });
            };
            let filled = self.variable(inside)?;
            let left = self.left.get().checked_sub(filled.len()).ok_or_else(|| Wrong {
                found: "placeholders that stand for more than 64 MiB".into(),
                expected: "less text in a project's configuration".into(),
                fix: "keep large values in files of their own".into(),
            })?;
            self.left.set(left);
            value.push_str(&filled);
            rest = after;
        }
        value.push_str(rest);
        Ok(value)
    }

    fn variable(&self, inside: &str) -> Result<String, Wrong> {
        let (name, default) = match inside.split_once('|') {
            Some((name, default)) => (name.trim(), Some(default)),
            None => (inside.trim(), None),
        };
        let shown = quoted(&format!("${{env:{inside}}}"));
        if name.is_empty() {
            return Err(Wrong {
                found: format!("a placeholder without a name: {shown}"),
                expected: "${env:NAME} or ${env:NAME|default}".into(),
                fix: "name a variable that an env.variable entry declares".into(),
            });
        }
        let error = match (self.environment.lookup_name(name), default) {
            (Ok(Some(value)), _) => return Ok(value),
            (Ok(None) | Err(EnvError::NoName(_)), Some(default)) if !self.later.contains(name) => {
                return Ok(default.to_owned());
            }
            (result, _) => result,
        };
        Err(match error {
            Ok(_) => Wrong {
                found: format!("{shown}, and the variable {name} has no value"),
                expected: "a variable with a value".into(),
                fix: format!(
                    "set it where its env.variable entry looks for it, give that entry a default, or write ${{env:{name}|default}}"
                ),
            },
            Err(EnvError::NoName(_)) if self.later.contains(name) => Wrong {
                found: format!("{shown}, and the entry of {name} has placeholders itself"),
                expected: "within env.* entries, variables whose own entries have no placeholders"
                    .into(),
                fix: format!("write out the placeholders in the entry of {name}"),
            },
            Err(EnvError::NoName(_)) => {
                let meant = nearest(name, self.environment.names().take(1000))
                    .map(|word| format!("did you mean {word}? or "))
                    .unwrap_or_default();
                Wrong {
                    found: format!("{shown}, and no env.variable entry declares {name}"),
                    expected: "the public name of a declared variable".into(),
                    fix: format!(
                        "{meant}write ${{env:{name}|default}}, or declare it:\n- name: {entry}\n  kind: env.variable\n  variable: {name}\n  storage: environment\n- name: environment\n  kind: env.storage.os",
                        entry = name.to_lowercase().replace([':', ' '], "_"),
                    ),
                }
            }
            Err(error) => Wrong {
                found: format!("{shown}, and {error}"),
                expected: "a variable that can be read".into(),
                fix: "correct the entry of that variable".into(),
            },
        })
    }
}

struct Wrong {
    found: String,
    expected: String,
    fix: String,
}

fn wanted(node: &Node) -> bool {
    match &node.data {
        Data::Text(text) => text.value.contains("${"),
        Data::List(_) | Data::Map(_) => true,
        Data::Null | Data::Bool(_) | Data::Int(_) | Data::Float(_) => false,
    }
}

/// True if an entry has a placeholder anywhere.
pub(super) fn has_any(map: &Map) -> bool {
    map.pairs.iter().any(|pair| match &pair.value.data {
        Data::Text(text) => text.value.contains("${env:"),
        Data::List(items) => items.iter().any(in_node),
        Data::Map(map) => has_any(map),
        Data::Null | Data::Bool(_) | Data::Int(_) | Data::Float(_) => false,
    })
}

fn in_node(node: &Node) -> bool {
    match &node.data {
        Data::Text(text) => text.value.contains("${env:"),
        Data::List(items) => items.iter().any(in_node),
        Data::Map(map) => has_any(map),
        Data::Null | Data::Bool(_) | Data::Int(_) | Data::Float(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{EnvVariable, Id};
    use std::sync::Arc;

    fn fill(template: &str) -> Result<String, String> {
        let mut environment = Environment::new(Arc::new(|_| None));
        let mut declare = |name: &str, default: Option<&str>| {
            let id = Id::new("app", &name.to_lowercase()).unwrap();
            let variable = EnvVariable {
                variable: Some(name.into()),
                key: name.into(),
                storage: None,
                default: default.map(Into::into),
                readonly: false,
            };
            environment.add_variable(id, variable);
        };
        declare("NAME", Some("Ada"));
        declare("EMPTY", None);
        let later = HashSet::from(["LATER".to_owned()]);
        Filler::new(&environment, &later).fill(template).map_err(|wrong| wrong.found)
    }

    #[test]
    fn placeholders_are_filled_in() {
        assert_eq!(fill("Hello, ${env:NAME}!").unwrap(), "Hello, Ada!");
        assert_eq!(fill("${env:NAME}${env:NAME}").unwrap(), "AdaAda");
        assert_eq!(fill("${env:EMPTY|none}").unwrap(), "none");
        assert_eq!(fill("${env:UNKNOWN|}").unwrap(), "");
        assert_eq!(fill("${env:UNKNOWN|a|b}").unwrap(), "a|b");
    }

    #[test]
    fn other_dollars_stand_for_themselves() {
        assert_eq!(fill("$${env:NAME} $1 ${x} $").unwrap(), "${env:NAME} $1 ${x} $");
    }

    #[test]
    fn what_cannot_be_filled_in_says_why() {
        assert!(fill("${env:NAME").unwrap_err().contains("not closed"));
        assert!(fill("${env:}").unwrap_err().contains("without a name"));
        assert!(fill("${env:EMPTY}").unwrap_err().contains("has no value"));
        assert!(fill("${env:HOME}").unwrap_err().contains("no env.variable entry declares HOME"));
        assert!(fill("${env:LATER|x}").unwrap_err().contains("has placeholders itself"));
    }
}
