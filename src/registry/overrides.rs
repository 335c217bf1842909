//! Fields that somebody sets from outside, in the place of what the files say.

use std::{cell::RefCell, str::FromStr};

use super::{
    Id, Problem, Problems, name_one_of, nearest, quoted,
    source::RawEntry,
    yaml::{self, Data, MAX_DEPTH, Map, Node, Pair},
};

/// A field of an entry and its value: `app:server:addr=:8080`.
///
/// ```
/// use wippy::registry::Override;
///
/// let set: Override = "app:greet:limits.max_memory=1MiB".parse()?;
/// assert_eq!((set.entry.to_string(), &*set.field), ("app:greet".to_owned(), "limits.max_memory"));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The entry.
    pub entry: Id,
    /// The field, as a path from the entry.
    pub field: String,
    /// The value, as it would stand in the file.
    pub value: String,
}

impl FromStr for Override {
    type Err = String;

    fn from_str(text: &str) -> Result<Override, String> {
        let wrong =
            || "expected namespace:entry:field=value, such as app:server:addr=:8080".to_owned();
        let (target, value) = text.split_once('=').ok_or_else(wrong)?;
        let (entry, field) = target.rsplit_once(':').ok_or_else(wrong)?;
        let entry =
            entry.parse().map_err(|why| format!("{} is not an id: {why}", quoted(entry)))?;
        if field.is_empty() || field.split('.').any(str::is_empty) {
            return Err(wrong());
        }
        if field.split('.').count() > MAX_DEPTH {
            return Err(format!("a field lies at most {MAX_DEPTH} deep"));
        }
        if let Some(top @ ("name" | "kind")) = field.split('.').next() {
            return Err(format!("the {top} of an entry cannot be set, only its other fields"));
        }
        Ok(Override { entry, field: field.to_owned(), value: value.to_owned() })
    }
}

/// Sets the fields.
pub(super) fn apply(
    overrides: &[Override],
    entries: &mut [RawEntry],
    problems: &RefCell<Problems>,
) {
    for set in overrides {
        let complain = |found: String, expected: &str, fix: String| {
            problems.borrow_mut().push(Problem::error("command line", found, expected, fix));
        };
        let value = match yaml::parse(set.value.as_bytes()) {
            Ok(value) => value,
            Err(error) => {
                let (field, value) = (quoted(&set.field), quoted(&set.value));
                let found = format!("{value}, the value of {field}: {}", error.found);
                let fix = "put quotes around a text: field='\"…\"'".to_owned();
                complain(found, "a value as in a YAML file", fix);
                continue;
            }
        };
        let Some(entry) = entries.iter_mut().find(|entry| entry.id == set.entry) else {
            let ids: Vec<String> = entries.iter().map(|entry| entry.id.to_string()).collect();
            let wanted = set.entry.to_string();
            let fix = nearest(&wanted, ids.iter().map(String::as_str));
            let fix = match (fix, &*ids) {
                (Some(meant), _) => format!("did you mean {meant}?"),
                (None, []) => String::new(),
                (None, ids) => name_one_of(ids),
            };
            complain(format!("the project has no entry {wanted}"), "the id of an entry", fix);
            continue;
        };
        let line = entry.line;
        put(&mut entry.map, &set.field, value, line);
    }
}

/// Sets a field of a mapping, or of one within it, which is made if need be. What is wrong
/// with it is told at the line of what it takes the place of, or else at this one.
fn put(map: &mut Map, path: &str, mut value: Node, line: Option<u32>) {
    let (key, rest) = match path.split_once('.') {
        Some((key, rest)) => (key, Some(rest)),
        None => (path, None),
    };
    if map.get(key).is_none() {
        let value = Node { line, data: Data::Null };
        map.pairs.push(Pair { key: key.to_owned(), line, value, used: false });
    }
    let Some(pair) = map.pairs.iter_mut().find(|pair| pair.key == key) else { return };
    let line = pair.line.or(line);
    let Some(rest) = rest else {
        place(&mut value, line);
        pair.value = value;
        return;
    };
    if !matches!(pair.value.data, Data::Map(_)) {
        pair.value.data = Data::Map(Map::default());
    }
    if let Data::Map(inner) = &mut pair.value.data {
        put(inner, rest, value, line);
    }
}

/// Puts all of a value at one line, for those that it was read with are of no file.
fn place(node: &mut Node, line: Option<u32>) {
    node.line = line;
    match &mut node.data {
        Data::Map(map) => {
            for pair in &mut map.pairs {
                pair.line = line;
                place(&mut pair.value, line);
            }
        }
        Data::List(items) => items.iter_mut().for_each(|item| place(item, line)),
        Data::Null | Data::Bool(_) | Data::Int(_) | Data::Float(_) | Data::Text(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_named_below_its_entry_and_not_too_deep() {
        let deep = |depth: usize| format!("app:greet:{}=1", vec!["x"; depth].join("."));
        let read = |text: &str| text.parse::<Override>();
        assert!(read(&deep(MAX_DEPTH)).is_ok());
        for wrong in ["", "=", "::=", "app:greet=1", "app:greet:=1", "app:greet:a..b=1"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        for whole in ["app:greet:kind=process.lua", "app:greet:name=x", &deep(100_000)] {
            assert!(read(whole).is_err());
        }
    }
}
