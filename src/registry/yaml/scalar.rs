//! Plain scalars: which are numbers, truth values or nothing, and which are texts.
//!
//! The rules are those of YAML 1.2's core schema, with numbers in base 2 as well.
//! Digits with a zero in front, such as `0755`, are a text; a whole number of more
//! than 64 bits is a float.

use super::{Data, Text, events::CoreTag};

/// Bytes that a number may be written with. A longer one is a text.
const MAX_NUMBER: usize = 400;

/// The value of a scalar. None if it is not what its tag says.
pub(super) fn value(text: &str, plain: bool, tag: Option<CoreTag>) -> Option<Data> {
    let words = || Data::Text(Text { value: text.to_owned(), template: None, unfilled: false });
    let Some(tag) = tag else {
        return Some(if plain { resolve(text).unwrap_or_else(words) } else { words() });
    };
    match (tag, resolve(text)) {
        (CoreTag::Text, _) => Some(words()),
        (CoreTag::Float, Some(Data::Int(number))) => Some(Data::Float(number as f64)),
        (CoreTag::Int, Some(data @ Data::Int(_)))
        | (CoreTag::Float, Some(data @ Data::Float(_)))
        | (CoreTag::Bool, Some(data @ Data::Bool(_)))
        | (CoreTag::Null, Some(data @ Data::Null)) => Some(data),
        (CoreTag::Int | CoreTag::Float | CoreTag::Bool | CoreTag::Null, _) => None,
    }
}

/// The value of a plain scalar that is no text. What a plain text stands for is
/// decided by `serde_yaml`; here it is only seen to that it is given one word, not
/// a document with marks of its own.
fn resolve(text: &str) -> Option<Data> {
    if text.is_empty() {
        return Some(Data::Null);
    }
    let word = |c: char| c.is_ascii_alphanumeric() || "+-._~".contains(c);
    let says = |c: char| c.is_ascii_alphanumeric() || c == '~';
    if text.len() > MAX_NUMBER || !text.chars().all(word) || !text.contains(says) {
        return None;
    }
    // A number without room in 64 bits is none for a value of any type.
    let value =
        serde_yaml::from_str(text).or_else(|_| serde_yaml::from_str::<f64>(text).map(Into::into));
    match value.ok()? {
        serde_yaml::Value::Null => Some(Data::Null),
        serde_yaml::Value::Bool(value) => Some(Data::Bool(value)),
        serde_yaml::Value::Number(number) => Some(match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Data::Int(whole.into()),
            (None, Some(whole)) => Data::Int(whole.into()),
            (None, None) => Data::Float(number.as_f64()?),
        }),
        serde_yaml::Value::String(_)
        | serde_yaml::Value::Sequence(_)
        | serde_yaml::Value::Mapping(_)
        | serde_yaml::Value::Tagged(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_truth_values_and_nothing_are_told_from_texts() {
        let texts =
            ["0755", "-007", "1_000", "1e", "0x", "0xg", "1.2.3", "yes", "NaN", "e1", "---", "..."];
        for text in texts {
            assert_eq!(resolve(text), None, "{text}");
        }
        let int = |n| Some(Data::Int(n));
        for (text, data) in [
            ("0", int(0)),
            ("-12", int(-12)),
            ("+7", int(7)),
            ("0x1F", int(31)),
            ("0o17", int(15)),
            ("-0b11", int(-3)),
            ("18446744073709551615", int((1 << 64) - 1)),
            ("18446744073709551616", Some(Data::Float(18446744073709551616.0))),
            ("1e3", Some(Data::Float(1000.0))),
            (".5", Some(Data::Float(0.5))),
            ("-.inf", Some(Data::Float(f64::NEG_INFINITY))),
            ("~", Some(Data::Null)),
            ("TRUE", Some(Data::Bool(true))),
        ] {
            assert_eq!(resolve(text), data, "{text}");
        }
    }

    #[test]
    fn a_tag_makes_a_text_of_a_number() {
        let text = |text: &str| {
            Some(Data::Text(Text { value: text.to_owned(), template: None, unfilled: false }))
        };
        assert_eq!(value("12", true, Some(CoreTag::Text)), text("12"));
        assert_eq!(value("12", false, None), text("12"));
        assert_eq!(value("12", false, Some(CoreTag::Int)), Some(Data::Int(12)));
        assert_eq!(value("x", true, Some(CoreTag::Int)), None);
    }
}
