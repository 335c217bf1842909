//! Where the runtime answers otherwise than recorded, and ought to.
//!
//! `conformance/wasi/differences.txt` has them. A section is a line `why:`, then
//! for which cases it is, and then what becomes of lines of their stdout:
//!
//! | line | |
//! | --- | --- |
//! | `case: NAME` | a case; `case: NAME (core)` is one form of it |
//! | `end: "A" => "B"` | each line that ends with A ends with B |
//! | `line: "A" => "B"` | each line that is A becomes B, which may be several |
//! | `line: "A" => ["B", ..]` | the first such line becomes the first B, and so on |
//!
//! A line is changed once, by a `line` if there is one for it. What changes
//! nothing is a mistake.

use serde_json::Value;

/// The differences of all cases.
#[derive(Clone, Debug, Default)]
pub(super) struct Differences(Vec<Section>);

#[derive(Clone, Debug, Default)]
struct Section {
    cases: Vec<String>,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    whole: bool,
    from: String,
    to: To,
}

#[derive(Clone, Debug)]
enum To {
    Each(String),
    InOrder(Vec<String>),
}

impl Differences {
    /// Reads the list.
    ///
    /// # Errors
    ///
    /// With the line that is wrong.
    pub(super) fn parse(text: &str) -> Result<Differences, String> {
        let mut sections: Vec<Section> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = || format!("line {} of the differences: {line}", number + 1);
            let (key, value) = line.split_once(": ").ok_or_else(wrong)?;
            if key == "why" {
                sections.push(Section::default());
                continue;
            }
            let section = sections.last_mut().ok_or_else(wrong)?;
            match key {
                "case" => section.cases.push(value.to_owned()),
                "line" | "end" => {
                    section.rules.push(rule(key == "line", value).ok_or_else(wrong)?);
                }
                _ => return Err(wrong()),
            }
        }
        Ok(Differences(sections))
    }

    /// The stdout that counts in place of the one that is recorded for the case, which has
    /// a name with and without its form.
    ///
    /// # Errors
    ///
    /// If one of the case's rules does not fit what is recorded.
    pub(super) fn apply(&self, names: [&str; 2], recorded: &[u8]) -> Result<Vec<u8>, String> {
        let sections = self.0.iter();
        let sections = sections.filter(|s| s.cases.iter().any(|case| names.contains(&&**case)));
        let mut rules: Vec<&Rule> = sections.flat_map(|section| &section.rules).collect();
        if rules.is_empty() {
            return Ok(recorded.to_owned());
        }
        rules.sort_by_key(|rule| !rule.whole);
        let mut used = vec![0_usize; rules.len()];
        let text = std::str::from_utf8(recorded).map_err(|error| error.to_string())?;
        let mut out = String::new();
        for line in text.split_inclusive('\n') {
            let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
            let found = rules.iter().zip(&mut used).find(|(rule, _)| match rule.whole {
                true => line == rule.from,
                false => line.ends_with(&rule.from),
            });
            let Some((rule, used)) = found else {
                out.push_str(line);
                out.push_str(end);
                continue;
            };
            let to = match &rule.to {
                To::Each(to) => Some(to),
                To::InOrder(list) => list.get(*used),
            };
            *used += 1;
            let kept = line.len() - rule.from.len();
            out.push_str(line.get(..kept).unwrap_or_default());
            out.push_str(to.map_or("", String::as_str));
            out.push_str(end);
        }
        for (rule, used) in rules.iter().zip(used) {
            let good = match &rule.to {
                To::Each(_) => used > 0,
                To::InOrder(list) => used == list.len(),
            };
            if !good {
                let from = &rule.from;
                return Err(format!(
                    "a difference fits {used} lines of the recorded ones: {from:?}"
                ));
            }
        }
        Ok(out.into_bytes())
    }
}

fn rule(whole: bool, value: &str) -> Option<Rule> {
    let (from, to) = value.split_once("\" => ")?;
    let from = serde_json::from_str(&format!("{from}\"")).ok()?;
    let to = match serde_json::from_str(to).ok()? {
        Value::String(text) => To::Each(text),
        Value::Array(list) if whole => {
            let texts = list.into_iter().map(|value| value.as_str().map(str::to_owned));
            To::InOrder(texts.collect::<Option<_>>()?)
        }
        _ => return None,
    };
    Some(Rule { whole, from, to })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_changed_once() -> Result<(), String> {
        let list = "# x\nwhy: so\ncase: a/b\ncase: a/c (core)\nend: \"one\" => \"two\"\n\
                    line: \"is one\" => \"was\\none\"\nline: \"x\" => [\"x\", \"y\"]\n";
        let list = Differences::parse(list)?;
        let text = b"x\nit is one\nis one\nx";
        let changed = list.apply(["a/b", "a/b (core)"], text)?;
        assert_eq!(String::from_utf8_lossy(&changed), "x\nit is two\nwas\none\ny");
        assert_eq!(list.apply(["a/c", "a/c (component)"], text)?, text);
        assert!(list.apply(["a/c", "a/c (core)"], b"x\nx\nx\nis one\none\n").is_err());
        assert!(list.apply(["a/b", "a/b (core)"], b"x\nx\nis one\n").is_err());
        Ok(())
    }

    #[test]
    fn what_is_wrong_is_told() {
        for wrong in ["case: a", "why: x\nline: a => b", "why: x\nend: \"a\" => [\"b\"]", "why"] {
            assert!(Differences::parse(wrong).is_err(), "{wrong}");
        }
    }
}
