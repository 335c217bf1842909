//! Plain scalars: which are numbers, truth values or nothing, and which are texts.
//!
//! The rules are those of YAML 1.2's core schema, with numbers in base 2 as well.
//! Digits with a zero in front, such as `0755`, are a text.

use super::{Data, Text, events::CoreTag};

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

/// The value of a plain scalar that is no text.
fn resolve(text: &str) -> Option<Data> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Some(Data::Null),
        "true" | "True" | "TRUE" => return Some(Data::Bool(true)),
        "false" | "False" | "FALSE" => return Some(Data::Bool(false)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Some(Data::Float(f64::INFINITY));
        }
        "-.inf" | "-.Inf" | "-.INF" => return Some(Data::Float(f64::NEG_INFINITY)),
        ".nan" | ".NaN" | ".NAN" => return Some(Data::Float(f64::NAN)),
        _ => {}
    }
    let (negative, digits) = match text.split_at_checked(1) {
        Some(("-", rest)) => (true, rest),
        Some(("+", rest)) => (false, rest),
        _ => (false, text),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let (base, number) = match digits.split_at_checked(2) {
        Some(("0x", rest)) => (16, rest),
        Some(("0o", rest)) => (8, rest),
        Some(("0b", rest)) => (2, rest),
        _ => (10, digits),
    };
    let all_digits = !number.is_empty() && number.chars().all(|c| c.is_digit(base));
    if all_digits && base == 10 && number.len() > 1 && number.starts_with('0') {
        return None;
    }
    if all_digits && let Ok(number) = i128::from_str_radix(number, base) {
        return Some(Data::Int(if negative { number.wrapping_neg() } else { number }));
    }
    // A whole number that has no room above is a float.
    let number = text.parse::<f64>().ok().filter(|number| base == 10 && number.is_finite());
    number.map(Data::Float)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_truth_values_and_nothing_are_told_from_texts() {
        let texts =
            ["0755", "-007", "1_000", "1e", "0x", "0xg", "1.2.3", "yes", "NaN", "inf", "e1"];
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
            ("18446744073709551616", int(1 << 64)),
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
