//! What a path says at its end.
//!
//! A slash or a dot behind a name asks for a directory, and what that means
//! depends on what is done: a new directory may be named so, a link is followed
//! that would not be otherwise, all else fails. Systems disagree on the details,
//! and some follow a link that is given to them with a slash behind it, out of
//! every directory. So no path goes to the system with anything behind its last
//! name; what stood there is kept here and looked at by this program, as Linux
//! does it.

use super::table::Folder;
use crate::command::Errno;
use std::path::is_separator;

/// Longer than any system accepts. It spares those that look at one component
/// after the other.
const MAX_PATH: usize = 1 << 16;

/// A relative path without NUL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::world) struct Name<'a> {
    /// The path without what stands behind its last name.
    pub path: &'a str,
    pub end: End,
}

/// How a path ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::world) enum End {
    /// With a name.
    Plain,
    /// With a name and slashes.
    Slash,
    /// With `.`, perhaps with slashes.
    Dot,
    /// With `..`, perhaps with slashes.
    DotDot,
}

/// The name of something to be made, perhaps with slashes behind it.
pub(in crate::world) struct New<'a> {
    pub path: &'a str,
    pub slash: bool,
}

impl<'a> Name<'a> {
    pub fn new(path: &'a str) -> Result<Name<'a>, Errno> {
        if path.len() > MAX_PATH {
            return Err(Errno::NameTooLong);
        }
        if path.contains('\0') {
            return Err(Errno::Invalid);
        }
        if path.is_empty() {
            return Err(Errno::NoEntry);
        }
        if path.starts_with(is_separator) {
            return Err(Errno::NotPermitted);
        }
        let mut rest = path.trim_end_matches(is_separator);
        let mut end = match rest.len() == path.len() {
            true => End::Plain,
            false => End::Slash,
        };
        while let Some(before) = rest.strip_suffix('.')
            && (before.is_empty() || before.ends_with(is_separator))
        {
            end = End::Dot;
            let before = before.trim_end_matches(is_separator);
            if before.is_empty() {
                return Ok(Name { path: ".", end });
            }
            rest = before;
        }
        if end != End::Dot
            && let Some(before) = rest.strip_suffix("..")
            && (before.is_empty() || before.ends_with(is_separator))
        {
            end = End::DotDot;
        }
        Ok(Name { path: rest, end })
    }

    /// Only a directory can be meant; a link is followed.
    pub fn is_dir(self) -> bool {
        self.end != End::Plain
    }

    /// Fails unless it leads to a directory.
    pub(super) fn check_dir(self, folder: &Folder) -> Result<(), Errno> {
        match folder.dir.metadata(self.path)?.is_dir() {
            true => Ok(()),
            false => Err(Errno::NotDirectory),
        }
    }

    /// Fails unless what the last name is in is a directory.
    pub(super) fn check_parent(self, folder: &Folder) -> Result<(), Errno> {
        match self.path.rsplit_once(is_separator) {
            None => Ok(()),
            Some((parent, _)) => Name { path: parent, end: End::Slash }.check_dir(folder),
        }
    }

    /// For what is made, removed or given another name: the name, or the error
    /// for what no such thing can be done to.
    pub(super) fn own(self, folder: &Folder, dot: Errno, dots: Errno) -> Result<New<'a>, Errno> {
        let errno = match self.end {
            End::Plain => return Ok(New { path: self.path, slash: false }),
            End::Slash => return Ok(New { path: self.path, slash: true }),
            End::Dot => dot,
            End::DotDot => dots,
        };
        self.check_dir(folder)?;
        Err(errno)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_a_name_is_taken_off() {
        for (path, name, end) in [
            ("a", "a", End::Plain),
            (".a", ".a", End::Plain),
            ("a.", "a.", End::Plain),
            ("...", "...", End::Plain),
            ("a/b...", "a/b...", End::Plain),
            ("a/", "a", End::Slash),
            ("a///", "a", End::Slash),
            ("../a/", "../a", End::Slash),
            ("a/.", "a", End::Dot),
            ("a//.//", "a", End::Dot),
            ("a/././", "a", End::Dot),
            ("a/../.", "a/..", End::Dot),
            (".", ".", End::Dot),
            ("./", ".", End::Dot),
            ("././/.", ".", End::Dot),
            ("..", "..", End::DotDot),
            ("../", "..", End::DotDot),
            ("a/..//", "a/..", End::DotDot),
        ] {
            assert_eq!(Name::new(path), Ok(Name { path: name, end }), "{path}");
        }
    }

    #[test]
    fn what_is_no_path_below_a_directory_is_refused() {
        for (path, errno) in [
            ("", Errno::NoEntry),
            ("/", Errno::NotPermitted),
            ("/a", Errno::NotPermitted),
            ("a\0", Errno::Invalid),
        ] {
            assert_eq!(Name::new(path), Err(errno), "{path:?}");
        }
        assert_eq!(Name::new(&"a/".repeat(MAX_PATH)), Err(Errno::NameTooLong));
    }
}
