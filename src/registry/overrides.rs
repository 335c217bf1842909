//! Fields that somebody sets from outside, in the place of what the files say.

use std::{cell::RefCell, str::FromStr};

use super::{
    Id, Problem, Problems, nearest,
    source::RawEntry,
    yaml::{self, Data, Map, Node, Pair},
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
        let entry = entry.parse().map_err(|why| format!("`{entry}` is not an id: {why}"))?;
        match field.is_empty() || field.split('.').any(str::is_empty) {
            true => Err(wrong()),
            false => Ok(Override { entry, field: field.to_owned(), value: value.to_owned() }),
        }
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
                let found = format!("{}, the value of {}: {}", set.value, set.field, error.found);
                complain(found, "a value as in a YAML file", error.fix.to_owned());
                continue;
            }
        };
        let Some(entry) = entries.iter_mut().find(|entry| entry.id == set.entry) else {
            let ids: Vec<String> = entries.iter().map(|entry| entry.id.to_string()).collect();
            let wanted = set.entry.to_string();
            let fix = nearest(&wanted, ids.iter().map(String::as_str));
            let fix = fix.map_or(String::new(), |meant| format!("did you mean {meant}?"));
            complain(format!("the project has no entry {wanted}"), "the id of an entry", fix);
            continue;
        };
        put(&mut entry.map, &set.field, value);
    }
}

/// Sets a field of a mapping, or of one within it, which is made if need be.
fn put(map: &mut Map, path: &str, value: Node) {
    let (key, rest) = match path.split_once('.') {
        Some((key, rest)) => (key, Some(rest)),
        None => (path, None),
    };
    if map.get(key).is_none() {
        let value = Node { line: None, data: Data::Null };
        map.pairs.push(Pair { key: key.to_owned(), line: None, value, used: false });
    }
    let Some(pair) = map.pairs.iter_mut().find(|pair| pair.key == key) else { return };
    let Some(rest) = rest else {
        pair.value = value;
        return;
    };
    if !matches!(pair.value.data, Data::Map(_)) {
        pair.value.data = Data::Map(Map::default());
    }
    if let Data::Map(inner) = &mut pair.value.data {
        put(inner, rest, value);
    }
}
