//! What of a file a request asks for: its name, its part, and whether it is new.

/// Tells whether an entity tag is in a list of them. Weak ones are compared as well.
pub(super) fn is_among(tags: &str, tag: &str) -> bool {
    tags.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

/// A part that begins behind the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unsatisfiable;

/// The part of so many bytes that a range asks for, from and up to; nothing if it is none
/// that is understood, or several: then all is sent.
pub(super) fn part(range: &str, len: u64) -> Option<Result<(u64, u64), Unsatisfiable>> {
    let (from, to) = range.trim().strip_prefix("bytes=")?.trim().split_once('-')?;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let (from, to) = (from.trim(), to.trim());
    let (from, to) = match (from.is_empty(), to.is_empty()) {
        (true, true) => return None,
        // The last ones.
        (true, false) => match number(to)? {
            0 => return Some(Err(Unsatisfiable)),
            count => (len.saturating_sub(count), len),
        },
        (false, true) => (number(from)?, len),
        (false, false) => {
            let (from, to) = (number(from)?, number(to)?);
            if to < from {
                return None;
            }
            (from, to.saturating_add(1).min(len))
        }
    };
    Some(if from >= len { Err(Unsatisfiable) } else { Ok((from, to)) })
}

/// The name of a file, out of a path without its query: decoded, and without parts that
/// lead elsewhere. A slash at the end is not part of it.
pub(super) fn name_of(path: &str) -> Option<String> {
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return Some(String::new());
    }
    let mut name = String::with_capacity(path.len());
    for part in path.split('/') {
        let part = decode(part)?;
        let hidden = part.starts_with('.') && part != ".well-known";
        if part.is_empty() || hidden || part.contains(['/', '\\', '\0', ':']) {
            return None;
        }
        if !name.is_empty() {
            name.push('/');
        }
        name.push_str(&part);
    }
    Some(name)
}

/// A part of a path without its `%41`s.
fn decode(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        bytes.push(match byte {
            b'%' => {
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                u8::try_from(high.checked_mul(16)?.checked_add(low)?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// The content type of a file, by its name.
pub(super) fn kind_of(name: &str) -> &'static str {
    const KINDS: &[(&str, &str)] = &[
        ("html", "text/html; charset=utf-8"),
        ("htm", "text/html; charset=utf-8"),
        ("css", "text/css; charset=utf-8"),
        ("js", "text/javascript; charset=utf-8"),
        ("mjs", "text/javascript; charset=utf-8"),
        ("json", "application/json"),
        ("map", "application/json"),
        ("txt", "text/plain; charset=utf-8"),
        ("md", "text/markdown; charset=utf-8"),
        ("csv", "text/csv; charset=utf-8"),
        ("xml", "application/xml"),
        ("svg", "image/svg+xml"),
        ("png", "image/png"),
        ("jpg", "image/jpeg"),
        ("jpeg", "image/jpeg"),
        ("gif", "image/gif"),
        ("webp", "image/webp"),
        ("avif", "image/avif"),
        ("ico", "image/x-icon"),
        ("woff", "font/woff"),
        ("woff2", "font/woff2"),
        ("ttf", "font/ttf"),
        ("otf", "font/otf"),
        ("wasm", "application/wasm"),
        ("pdf", "application/pdf"),
        ("zip", "application/zip"),
        ("gz", "application/gzip"),
        ("mp3", "audio/mpeg"),
        ("ogg", "audio/ogg"),
        ("wav", "audio/wav"),
        ("mp4", "video/mp4"),
        ("webm", "video/webm"),
        ("webmanifest", "application/manifest+json"),
    ];
    let end = name.rsplit_once('.').map_or(String::new(), |(_, end)| end.to_ascii_lowercase());
    let known = KINDS.iter().find(|(one, _)| *one == end);
    known.map_or("application/octet-stream", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_a_file_below_the_directory_or_nowhere() {
        let names = [
            ("", Some("")),
            ("a", Some("a")),
            ("a/b.txt", Some("a/b.txt")),
            ("a/", Some("a")),
            ("a%20b", Some("a b")),
            ("%c3%a4", Some("ä")),
            (".well-known/x", Some(".well-known/x")),
            ("..", None),
            ("a/../b", None),
            ("%2e%2e/b", None),
            ("a//b", None),
            ("/b", None),
            ("a%2fb", None),
            ("a%5cb", None),
            ("a%00b", None),
            ("a%zz", None),
            ("a%4", None),
            ("%ff", None),
            (".git/config", None),
            (".env", None),
            ("c:/x", None),
        ];
        for (path, name) in names {
            assert_eq!(name_of(path).as_deref(), name, "{path}");
        }
    }

    #[test]
    fn a_range_is_a_part_of_the_file() {
        let cases = [
            ("bytes=0-0", Some(Ok((0, 1)))),
            ("bytes=2-", Some(Ok((2, 10)))),
            ("bytes=-3", Some(Ok((7, 10)))),
            ("bytes=-30", Some(Ok((0, 10)))),
            ("bytes=5-99999999999999999999", Some(Ok((5, 10)))),
            ("bytes=10-", Some(Err(Unsatisfiable))),
            ("bytes=-0", Some(Err(Unsatisfiable))),
            ("bytes=3-2", None),
            ("bytes=-", None),
            ("bytes=0-1,3-4", None),
            ("bytes=+1-2", None),
            ("lines=1-2", None),
        ];
        for (range, expected) in cases {
            assert_eq!(part(range, 10), expected, "{range}");
        }
        assert_eq!(part("bytes=0-", 0), Some(Err(Unsatisfiable)));
    }
}
