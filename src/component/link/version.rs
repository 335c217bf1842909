//! Versions of interfaces, and which of them meet.

use semver::Version;

/// `ns:pkg/iface@1.2.3` into the name and the version.
pub(crate) fn split_version(name: &str) -> (&str, Option<Version>) {
    match name.split_once('@') {
        Some((base, version)) => (base, Version::parse(version).ok()),
        None => (name, None),
    }
}

/// True if an import of version `wanted` may be met by version `found`. The
/// track of a version is its first number that is not zero.
pub(crate) fn compatible(wanted: Option<&Version>, found: Option<&Version>) -> bool {
    match (wanted, found) {
        (None, _) | (_, None) => true,
        (Some(a), Some(b)) if a == b => true,
        (Some(a), Some(b)) if !a.pre.is_empty() || !b.pre.is_empty() => false,
        (Some(a), Some(b)) if a.major != 0 || b.major != 0 => a.major == b.major,
        (Some(a), Some(b)) if a.minor != 0 || b.minor != 0 => a.minor == b.minor,
        (Some(a), Some(b)) => a.patch == b.patch,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_meet_on_one_track() {
        let meets = |a: &str, b: &str| {
            compatible(Version::parse(a).ok().as_ref(), Version::parse(b).ok().as_ref())
        };
        assert!(meets("0.2.0", "0.2.6"));
        assert!(meets("0.2.6", "0.2.0"));
        assert!(!meets("0.2.0", "0.3.0"));
        assert!(meets("1.0.0", "1.9.1"));
        assert!(!meets("1.0.0", "2.0.0"));
        assert!(!meets("0.0.1", "0.0.2"));
        assert!(!meets("0.3.0-rc-1", "0.3.0"));
    }
}
