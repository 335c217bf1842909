//! What to say when an entry's `method` is not there.

use mlua::{Table, Value};

use super::values::kind;
use crate::registry::nearest;

/// Names that are looked at, and of those the ones that are shown.
const MAX_NAMES: usize = 1000;
const MAX_SHOWN: usize = 12;

/// Functions that are there before a source has run.
const OWN: [&str; 22] = [
    "assert",
    "collectgarbage",
    "error",
    "getmetatable",
    "ipairs",
    "load",
    "next",
    "pairs",
    "pcall",
    "print",
    "rawequal",
    "rawget",
    "rawlen",
    "rawset",
    "require",
    "select",
    "setmetatable",
    "tonumber",
    "tostring",
    "type",
    "xpcall",
    "warn",
];

/// Why `method` cannot be called: what the source has returned in its stead, or
/// what it has set as globals, and `found`, what has the name.
pub(super) fn missing(globals: &Table, method: &str, exports: &Value, found: &Value) -> String {
    if !found.is_nil() {
        return format!("'{method}' of the source is a {}, not a function", kind(found));
    }
    let mut names = match exports {
        Value::Table(exports) => functions(exports),
        _ => functions(globals),
    };
    names.retain(|name| matches!(exports, Value::Table(_)) || !OWN.contains(&name.as_str()));
    names.sort();
    let why = match (exports, names.is_empty()) {
        (Value::Table(_), true) => "; the table that it returns has no functions".to_owned(),
        (Value::Table(_), false) => String::new(),
        (Value::Nil, _) => "; it returns nothing, and sets no global of this name".to_owned(),
        (other, _) => format!("; it returns a {}, not a table of functions", kind(other)),
    };
    let mut text = format!("the source gives no function '{method}'{why}");
    if names.is_empty() {
        return text;
    }
    match nearest(method, names.iter().map(String::as_str)) {
        Some(meant) => text.push_str(&format!("; did you mean '{meant}'?")),
        None => text.push('.'),
    }
    let shown: Vec<&str> = names.iter().take(MAX_SHOWN).map(String::as_str).collect();
    text.push_str(&format!(" There are: {}", shown.join(", ")));
    match names.len().saturating_sub(MAX_SHOWN) {
        0 => {}
        1 => text.push_str(" and one other"),
        more => text.push_str(&format!(" and {more} others")),
    }
    text
}

/// The names of functions in a table.
fn functions(table: &Table) -> Vec<String> {
    let pairs = table.pairs::<Value, Value>().take(MAX_NAMES);
    let named = pairs.filter_map(|pair| match pair {
        Ok((Value::String(name), Value::Function(_))) => Some(name.to_string_lossy()),
        _ => None,
    });
    named.filter(|name| name.len() <= 100 && !crate::visible::has_hidden(name)).collect()
}
