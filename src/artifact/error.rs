//! Why there is no artifact, in the words of a registry problem.

use super::Hash;
use crate::registry::{Id, quoted};
use std::{fmt, path::PathBuf};

/// Why an artifact could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArtifactError {
    /// The entry that `fs` names is no usable directory.
    NoDirectory(Id),
    /// The directory itself cannot be opened.
    Directory {
        /// The directory.
        path: PathBuf,
        /// The operating system's words.
        why: String,
        /// See [`ArtifactError::may_pass`].
        passing: bool,
    },
    /// A link leads to the directory that a guest may have made.
    Link {
        /// The directory.
        path: PathBuf,
        /// The link.
        link: PathBuf,
    },
    /// The path leads out of the directory.
    Escapes(String),
    /// There is no such file.
    NotFound {
        /// The path.
        path: String,
        /// A file of a similar name.
        meant: Option<String>,
    },
    /// The path leads to something that is not a regular file.
    NotAFile(String),
    /// The file cannot be read.
    Unreadable {
        /// The path.
        path: String,
        /// The operating system's words.
        why: String,
        /// See [`ArtifactError::may_pass`].
        passing: bool,
    },
    /// The file is larger than allowed.
    TooLarge {
        /// The path.
        path: String,
        /// The most bytes allowed.
        max: u64,
    },
    /// The file's hash is not the one that the entry names.
    Hash {
        /// The path.
        path: String,
        /// The hash that the entry names.
        expected: Hash,
        /// The hash of the file.
        found: Hash,
    },
    /// The bytes are no WebAssembly.
    NotWasm {
        /// The path.
        path: String,
        /// Their likely form.
        what: String,
    },
}

impl ArtifactError {
    /// True if it is for the machine, which has too many open files for instance,
    /// and not for the project or its files: the same may succeed later.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            ArtifactError::Directory { passing: true, .. }
                | ArtifactError::Unreadable { passing: true, .. }
        )
    }

    /// The field of a process entry that the error is about.
    pub fn field(&self) -> &'static str {
        match self {
            ArtifactError::NoDirectory(_)
            | ArtifactError::Directory { .. }
            | ArtifactError::Link { .. } => "fs",
            ArtifactError::Hash { .. } => "hash",
            ArtifactError::Escapes(_)
            | ArtifactError::NotFound { .. }
            | ArtifactError::NotAFile(_)
            | ArtifactError::Unreadable { .. }
            | ArtifactError::TooLarge { .. }
            | ArtifactError::NotWasm { .. } => "path",
        }
    }

    /// The value or state that was found.
    pub fn found(&self) -> String {
        match self {
            ArtifactError::NoDirectory(id) => format!("{id}, an entry that has errors itself"),
            ArtifactError::Directory { path, why, .. } => {
                format!("the directory {}: {why}", quoted(&path.to_string_lossy()))
            }
            ArtifactError::Link { path, link } => format!(
                "the directory {}: {} is a link that a guest may have made, for it lies where \
                 guests can write",
                quoted(&path.to_string_lossy()),
                quoted(&link.to_string_lossy())
            ),
            ArtifactError::Escapes(path) => {
                format!("{}, which leads out of the directory", quoted(path))
            }
            ArtifactError::NotFound { path, .. } => {
                format!("{}, which does not exist", quoted(path))
            }
            ArtifactError::NotAFile(path) => format!("{}, which is not a file", quoted(path)),
            ArtifactError::Unreadable { path, why, .. } => format!("{}: {why}", quoted(path)),
            ArtifactError::TooLarge { path, max } => {
                format!("{}, a file larger than {max} bytes", quoted(path))
            }
            ArtifactError::Hash { path, found, .. } => {
                format!("{found}, the hash of {}", quoted(path))
            }
            ArtifactError::NotWasm { path, what } => format!("{}, {what}", quoted(path)),
        }
    }

    /// The value or state that was expected.
    pub fn expected(&self) -> String {
        match self {
            ArtifactError::NoDirectory(_) => "an fs.directory entry".to_owned(),
            ArtifactError::Directory { .. } => "a directory that can be read".to_owned(),
            ArtifactError::Link { .. } => "a directory that no guest can lead elsewhere".to_owned(),
            ArtifactError::Escapes(_) => "a path that stays inside the directory".to_owned(),
            ArtifactError::NotFound { .. } | ArtifactError::NotAFile(_) => {
                "a .wasm or .wat file".to_owned()
            }
            ArtifactError::Unreadable { .. } => "a file that can be read".to_owned(),
            ArtifactError::TooLarge { max, .. } => match max >> 20 {
                0 => format!("at most {max} bytes"),
                mib => format!("at most {mib} MiB"),
            },
            ArtifactError::Hash { expected, .. } => expected.to_string(),
            ArtifactError::NotWasm { .. } => {
                "a WebAssembly module or component, binary or text".to_owned()
            }
        }
    }

    /// The fix: what to do.
    pub fn fix(&self) -> String {
        match self {
            error if error.may_pass() => "look at the machine, and try again".to_owned(),
            ArtifactError::NoDirectory(_) => "correct that entry".to_owned(),
            ArtifactError::Directory { .. } => {
                "create it, or run the build that does, or add to its fs.directory entry: \
                 auto_init: true"
                    .to_owned()
            }
            ArtifactError::Link { .. } => {
                "remove the link, or name the directory that it leads to".to_owned()
            }
            ArtifactError::Escapes(_) => {
                "move the file into the directory; `..` and links cannot lead out of it".to_owned()
            }
            ArtifactError::NotFound { meant, .. } => match meant {
                Some(meant) => format!("did you mean {meant}?"),
                None => "build the file, or correct the path; it begins at the directory of fs"
                    .to_owned(),
            },
            ArtifactError::NotAFile(_) => "name a file".to_owned(),
            ArtifactError::Unreadable { .. } => "look at the permissions of the file".to_owned(),
            ArtifactError::TooLarge { .. } => {
                "strip debug information (wasm-tools strip), or optimize for size".to_owned()
            }
            ArtifactError::Hash { found, .. } => {
                format!("if you built or trust the file, write\nhash: {found}")
            }
            ArtifactError::NotWasm { .. } => "name the file that the compiler has built".to_owned(),
        }
    }
}

impl fmt::Display for ArtifactError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "found {}; expected {}; {}",
            self.found(),
            self.expected(),
            self.fix().replace('\n', " ")
        )
    }
}

impl std::error::Error for ArtifactError {}
