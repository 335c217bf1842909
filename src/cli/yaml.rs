//! Texts as YAML scalars, for entries that are shown to be pasted.

/// A text as a scalar: plain where that is safe, else in double quotes.
pub(super) fn text(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@#+".contains(c);
    let first = |c: char| c.is_ascii_alphabetic() || c == '/';
    let word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    if text.starts_with(first)
        && text.chars().all(plain)
        && !text.ends_with(':')
        && !word.contains(&text.to_ascii_lowercase().as_str())
    {
        return text.to_owned();
    }
    // JSON's quoted strings are YAML's.
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn only_what_yaml_would_misread_is_quoted() {
        for plain in ["greet", "/greet.wasm", "wasi:io", "a:b/c@0.2.0#run"] {
            assert_eq!(text(plain), plain);
        }
        for quoted in ["", "12", "no", "[method]a.b", "a b", "x:", "ä", "a\nb", "- a"] {
            assert!(text(quoted).starts_with('"'), "{quoted}");
        }
    }
}
