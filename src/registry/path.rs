//! Paths inside a directory, cleaned by their text alone.

/// A path relative to a root, without empty parts, `.` and `..`; `.` for the
/// root itself. A leading slash means the root. Nothing if the path climbs out.
pub(crate) fn clean_path(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(if parts.is_empty() { ".".to_owned() } else { parts.join("/") })
}

#[cfg(test)]
mod tests {
    use super::clean_path;

    #[test]
    fn paths_are_cleaned_and_stay_inside() {
        for (path, clean) in [
            ("/worker.wasm", Some("worker.wasm")),
            ("a//b/./c", Some("a/b/c")),
            ("a/../b", Some("b")),
            ("/", Some(".")),
            ("", Some(".")),
            ("a/../..", None),
            ("/../etc/passwd", None),
        ] {
            assert_eq!(clean_path(path).as_deref(), clean, "{path}");
        }
    }
}
