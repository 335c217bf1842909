//! Anchors defined twice.
//!
//! YAML allows it, but the library then takes some aliases for those of another
//! anchor, without a word. Only a parser could tell an anchor from the same
//! letters in a text, so what is found here is a suspicion, fit for a warning.

use std::collections::BTreeSet;

/// An anchor that seems to be defined a second time in a text with aliases, and
/// the line where.
pub(crate) fn repeated_anchor(text: &str) -> Option<(&str, u32)> {
    // Without an alias nothing can be mixed up.
    tokens(text, '*').next()?;
    let mut seen = BTreeSet::new();
    tokens(text, '&').find(|(name, _)| !seen.insert(*name))
}

/// The names behind a sign that begins a word, and their lines.
fn tokens(text: &str, sign: char) -> impl Iterator<Item = (&str, u32)> {
    let lines = (1_u32..).zip(text.lines().map(|line| line.split(" #").next().unwrap_or(line)));
    lines.filter(|(_, line)| !line.trim_start().starts_with('#')).flat_map(move |(number, line)| {
        let words =
            line.split(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | '{' | '}' | ','));
        words
            .filter_map(move |word| word.strip_prefix(sign))
            .filter(|name| {
                name.chars().next().is_some_and(char::is_alphanumeric)
                    && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
            })
            .map(move |name| (name, number))
    })
}

#[cfg(test)]
mod tests {
    use super::repeated_anchor;

    #[test]
    fn an_anchor_defined_twice_is_suspected() {
        assert_eq!(repeated_anchor("a: &x 1\nb: &x 2\nc: *x\n"), Some(("x", 2)));
        assert_eq!(repeated_anchor("a: [&x 1, &x 2]\nb: [*x]\n"), Some(("x", 1)));
    }

    #[test]
    fn other_texts_are_not() {
        for text in [
            "a: &x 1\nb: &y 2\nc: *x\n",
            "a: &x 1\nb: &x 2\n",
            "a: &x 1\n# b: &x 2\nc: *x # &x\n",
            "a: this && that && more *\n",
        ] {
            assert_eq!(repeated_anchor(text), None, "{text}");
        }
    }
}
