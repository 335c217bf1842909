//! Paths of endpoints: `/users/{id}`, `/files/{rest...}`.

use std::{cmp::Reverse, collections::BTreeSet, fmt, str::FromStr};

/// A path with places for anything.
///
/// ```
/// use wippy::registry::Pattern;
///
/// let pattern: Pattern = "/users/{id}".parse().unwrap();
/// assert!(pattern.matches("/users/7"));
/// assert!(!pattern.matches("/users/7/name") && !pattern.matches("/users/"));
/// let pattern: Pattern = "/files/{rest...}".parse().unwrap();
/// assert!(pattern.matches("/files/a/b") && pattern.matches("/files/"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<Segment>);

/// What stands between two slashes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// This, letter for letter.
    Text(String),
    /// Anything that is not empty, under this name.
    Name(String),
    /// All that is left, perhaps nothing; only at the end.
    Rest(String),
}

/// True for `/a/b`: a path from the root without places and empty parts.
pub(super) fn is_plain(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else { return false };
    rest.split('/').all(|part| {
        !matches!(part, "" | "." | "..")
            && part.bytes().all(|b| b.is_ascii_graphic() && !b"{}?#%\\\"<>^`|".contains(&b))
    })
}

/// Whether a part of a path, which may have codes such as `%41`, is this text.
fn is_same(part: &str, text: &str) -> bool {
    let (mut part, mut text) = (part.bytes(), text.bytes());
    loop {
        let byte = match part.next() {
            Some(b'%') => {
                let mut digit = || part.next().and_then(|byte| char::from(byte).to_digit(16));
                let (Some(high), Some(low)) = (digit(), digit()) else { return false };
                u8::try_from(high.saturating_mul(16).saturating_add(low)).ok()
            }
            byte => byte,
        };
        match (byte, text.next()) {
            (None, None) => return true,
            (byte, expected) if byte != expected => return false,
            _ => {}
        }
    }
}

impl FromStr for Pattern {
    type Err = &'static str;

    fn from_str(path: &str) -> Result<Pattern, &'static str> {
        let rest = path.strip_prefix('/').ok_or("it does not begin with /")?;
        let (mut segments, mut names) = (Vec::new(), BTreeSet::new());
        let mut parts = rest.split('/').peekable();
        while let Some(part) = parts.next() {
            let last = parts.peek().is_none();
            let Some(inner) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
                // A slash at the end is part of the path.
                let is_end = last && part.is_empty();
                if !is_end && !is_plain(&format!("/{part}")) {
                    return Err("a part is empty, or has characters that paths have not");
                }
                segments.push(Segment::Text(part.to_owned()));
                continue;
            };
            let (name, is_rest) = match inner.strip_suffix("...") {
                Some(name) => (name, true),
                None => (inner, false),
            };
            let fits = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
            if name.is_empty() || !fits {
                return Err("a name between braces has letters, digits, _ and - only");
            }
            if !names.insert(name) {
                return Err("a name stands in it twice");
            }
            if is_rest && !last {
                return Err("{name...} is not at its end");
            }
            let name = name.to_owned();
            segments.push(if is_rest { Segment::Rest(name) } else { Segment::Name(name) });
        }
        Ok(Pattern(segments))
    }
}

impl Pattern {
    /// All paths.
    pub fn everything() -> Pattern {
        Pattern(vec![Segment::Rest("path".to_owned())])
    }

    /// The parts.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The same path below a prefix, which is empty or like `/a/b`.
    pub fn below(&self, prefix: &str) -> Pattern {
        let before = prefix.split('/').skip(1).map(|part| Segment::Text(part.to_owned()));
        Pattern(before.chain(self.0.iter().cloned()).collect())
    }

    /// Whether a path, without its query and not decoded, is one of these.
    pub fn matches(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix('/') else { return false };
        let mut parts = rest.split('/');
        for segment in &self.0 {
            let fits = match segment {
                // What is left may be nothing, but there is a slash before it.
                Segment::Rest(_) => return parts.next().is_some(),
                Segment::Name(_) => parts.next().is_some_and(|part| !part.is_empty()),
                Segment::Text(text) => parts.next().is_some_and(|part| is_same(part, text)),
            };
            if !fits {
                return false;
            }
        }
        parts.next().is_none()
    }

    /// The parts of a path that matches which have names, not decoded.
    pub fn captures<'p>(&self, path: &'p str) -> Vec<(&str, &'p str)> {
        let mut rest = path.strip_prefix('/');
        let mut captures = Vec::new();
        for segment in &self.0 {
            let Some(left) = rest else { break };
            let (part, more) = left.split_once('/').map_or((left, None), |(p, m)| (p, Some(m)));
            match segment {
                Segment::Text(_) => {}
                Segment::Name(name) => captures.push((name.as_str(), part)),
                Segment::Rest(name) => {
                    captures.push((name.as_str(), left));
                    break;
                }
            }
            rest = more;
        }
        captures
    }

    /// The same for all patterns that match the same paths.
    pub(super) fn shape(&self) -> String {
        let part = |segment: &Segment| match segment {
            Segment::Text(text) => format!("/{text}"),
            Segment::Name(_) => "/{}".to_owned(),
            Segment::Rest(_) => "/{...}".to_owned(),
        };
        self.0.iter().map(part).collect()
    }

    /// What sorts patterns so that the first that matches is the one that is meant: text
    /// before places, part by part.
    pub fn rank(&self) -> impl Ord + use<> {
        let part = |segment: &Segment| match segment {
            Segment::Text(_) => 0_u8,
            Segment::Name(_) => 1,
            Segment::Rest(_) => 2,
        };
        let parts: Vec<u8> = self.0.iter().map(part).collect();
        (parts, Reverse(self.0.len()))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.0 {
            match segment {
                Segment::Text(text) => write!(f, "/{text}")?,
                Segment::Name(name) => write!(f, "/{{{name}}}")?,
                Segment::Rest(name) => write!(f, "/{{{name}...}}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(path: &str) -> Pattern {
        path.parse().unwrap_or_else(|why| panic!("{path}: {why}"))
    }

    #[test]
    fn a_pattern_matches_whole_paths() {
        let cases = [
            ("/", "/", true),
            ("/", "", false),
            ("/", "/a", false),
            ("/a", "/a/", false),
            ("/a/", "/a/", true),
            ("/a/", "/a", false),
            ("/{x}", "/", false),
            ("/{x}/b", "/a/b", true),
            ("/{x}/b", "//b", false),
            ("/{x...}", "/", true),
            ("/a/{x...}", "/a", false),
            ("/a/{x...}", "/a/b//c/", true),
            ("/a", "http://b/a", false),
            ("/ab", "/%61b", true),
            ("/ab", "/%6", false),
            ("/ab", "/a", false),
            ("/a/b", "/a%2fb", false),
        ];
        for (path, asked, fits) in cases {
            assert_eq!(pattern(path).matches(asked), fits, "{path} {asked}");
        }
        assert!(pattern("/{id}").below("/a/b").matches("/a/b/c"));
        assert!(pattern("/").below("/a").matches("/a/"));
    }

    #[test]
    fn text_goes_before_places() {
        let mut all = ["/{a...}", "/{a}/b", "/x/{b}", "/x/b", "/x/{b...}"].map(pattern);
        all.sort_by_key(Pattern::rank);
        let shown: Vec<String> = all.iter().map(Pattern::to_string).collect();
        assert_eq!(shown, ["/x/b", "/x/{b}", "/x/{b...}", "/{a}/b", "/{a...}"]);
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let wrong = [
            "",
            "a",
            "/{}",
            "/{a b}",
            "/{a}/{a}",
            "/{a...}/b",
            "/a//b",
            "/../a",
            "/a?b",
            "/%41",
            "/a{b}",
        ];
        for path in wrong {
            assert!(path.parse::<Pattern>().is_err(), "{path}");
        }
    }
}
