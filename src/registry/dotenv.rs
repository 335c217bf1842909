//! The format of `env.storage.file`: one `NAME=value` a line.
//!
//! ```text
//! # a comment
//! PLAIN=everything up to the end of the line, spaces around it cut off
//! export SHELL_STYLE=the word export is ignored
//! RAW='exactly $this \n, up to the next single quote'
//! ESCAPED="with \n, \r, \t, \" and \\"
//! ```
//!
//! Values stand for themselves: no variable is filled in, and none goes over
//! several lines. ` #` begins a comment after a plain value, as in shells.

use std::collections::BTreeMap;

/// Reads such a file. An error is the line and what is wrong with it.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, String>, (usize, String)> {
    let mut values = BTreeMap::new();
    for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let number = at.saturating_add(1);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else {
            return Err((number, "there is no = in the line".to_owned()));
        };
        let name = name.trim();
        if name.is_empty() || name.contains(char::is_whitespace) || crate::visible::has_hidden(name)
        {
            return Err((number, "what stands before the = is not a name".to_owned()));
        }
        let value = read_value(value.trim()).map_err(|why| (number, why))?;
        values.insert(name.to_owned(), value);
    }
    Ok(values)
}

fn read_value(text: &str) -> Result<String, String> {
    let (value, rest) = if let Some(raw) = text.strip_prefix('\'') {
        let (value, rest) = raw.split_once('\'').ok_or("a single quote is not closed")?;
        (value.to_owned(), rest)
    } else if let Some(escaped) = text.strip_prefix('"') {
        unescape(escaped)?
    } else {
        let value = text.split(" #").next().unwrap_or(text);
        return Ok(if text.starts_with('#') { String::new() } else { value.trim_end().to_owned() });
    };
    let rest = rest.trim_start();
    if rest.is_empty() || rest.starts_with('#') {
        Ok(value)
    } else {
        Err("there is something behind the closing quote".to_owned())
    }
}

fn unescape(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return Ok((value, chars.as_str())),
            '\\' => match chars.next() {
                Some('n') => value.push('\n'),
                Some('r') => value.push('\r'),
                Some('t') => value.push('\t'),
                Some(c @ ('"' | '\\' | '$')) => value.push(c),
                Some(c) => {
                    value.push('\\');
                    value.push(c);
                }
                None => break,
            },
            c => value.push(c),
        }
    }
    Err("a double quote is not closed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn every_form_of_a_value() {
        let values = parse(
            "# comment\n\nA=plain value # why\nexport B='raw $x \\n' \nC=\"tab\\t\\\"q\\\" \\d\" # c\nD=\nE=a#b\n",
        )
        .unwrap();
        let get = |name: &str| values.get(name).map(String::as_str);
        assert_eq!(get("A"), Some("plain value"));
        assert_eq!(get("B"), Some("raw $x \\n"));
        assert_eq!(get("C"), Some("tab\t\"q\" \\d"));
        assert_eq!(get("D"), Some(""));
        assert_eq!(get("E"), Some("a#b"));
    }

    #[test]
    fn what_is_wrong_names_the_line() {
        let wrong = |text: &str| parse(text).unwrap_err();
        assert_eq!(wrong("A=1\nB\n"), (2, "there is no = in the line".into()));
        assert_eq!(wrong("A B=1"), (1, "what stands before the = is not a name".into()));
        assert_eq!(wrong("A='x"), (1, "a single quote is not closed".into()));
        assert_eq!(wrong("A=\"x\\"), (1, "a double quote is not closed".into()));
        assert_eq!(wrong("A='x' y"), (1, "there is something behind the closing quote".into()));
    }
}
