//! Verified WebAssembly bytes.
//!
//! An entry names a directory, a path in it, and the hash of what it expects to
//! find there. The directory is opened once, and from then on its handle is the
//! only authority: cap-std resolves the path beneath it, so neither `..`, nor an
//! absolute path, nor a link can lead out. The file is read once; what is hashed
//! is what is returned. Nothing looks into the bytes before the hash is right.
//!
//! ```
//! use wippy::artifact::{Artifact, ArtifactKind};
//!
//! let artifact = Artifact::from_bytes(b"(module)".to_vec()).unwrap();
//! assert_eq!(artifact.kind, ArtifactKind::Text);
//! println!("hash: {}", artifact.hash);
//! ```

mod error;
mod read;
mod sniff;

pub use self::{error::ArtifactError, read::DEFAULT_MAX_SIZE, sniff::ArtifactKind};
pub use crate::registry::hash::{Hash, HashError, sha256_hex};
pub(crate) use crate::registry::path::clean_path;
use crate::{
    registry::{DirectoryError, EntryKind, Id, Problem, Project, WasmSource, describe_io},
    world::Directory,
};
use std::{path::Path, sync::Arc};

/// Bytes that are WebAssembly, and what is known about them.
#[derive(Clone)]
pub struct Artifact {
    /// The bytes, shared by all that use them.
    pub bytes: Arc<[u8]>,
    /// Their hash.
    pub hash: Hash,
    /// Their form.
    pub kind: ArtifactKind,
}

impl Artifact {
    /// The artifact of an entry in WebAssembly. A problem names the entry's file,
    /// line and field.
    pub fn of_process(project: &Project, id: &Id) -> Result<Artifact, Box<Problem>> {
        let process = project.process_wasm(id)?;
        let complain = |error: ArtifactError| {
            let (found, expected, fix) = (error.found(), error.expected(), error.fix());
            let problem = match project.entry(id) {
                Some(entry) => entry.problem(error.field(), found, expected, fix),
                None => Problem::error("command line", found, expected, fix),
            };
            Box::new(problem.that_may_pass(error.may_pass()))
        };
        let (fs, path, hash) = match &process.source {
            WasmSource::File { fs, path, hash } => (fs, path, hash),
            WasmSource::Text { text, .. } => {
                let (bytes, kind) = (Arc::from(text.as_bytes()), ArtifactKind::Text);
                return Ok(Artifact { hash: Hash::of(text.as_bytes()), bytes, kind });
            }
        };
        let opened = directory(project, fs).map_err(complain)?;
        Artifact::read(&opened, path, Some(hash), DEFAULT_MAX_SIZE).map_err(complain)
    }

    /// Reads a file below an open directory and checks its hash.
    pub fn read(
        directory: &cap_std::fs::Dir,
        path: &str,
        hash: Option<&Hash>,
        max_size: u64,
    ) -> Result<Artifact, ArtifactError> {
        let bytes = read::file_in(directory, path, max_size)?;
        Artifact::verified(bytes, path, hash)
    }

    /// Reads a file that the user names, whatever its hash.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Artifact, ArtifactError> {
        let path = path.as_ref();
        let bytes = read::file_at(path, DEFAULT_MAX_SIZE)?;
        Artifact::verified(bytes, &path.to_string_lossy(), None)
    }

    /// Takes bytes that are at hand.
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Result<Artifact, ArtifactError> {
        Artifact::verified(bytes.into(), "the bytes", None)
    }

    fn verified(
        bytes: Arc<[u8]>,
        path: &str,
        expected: Option<&Hash>,
    ) -> Result<Artifact, ArtifactError> {
        let hash = Hash::of(&bytes);
        if let Some(expected) = expected
            && *expected != hash
        {
            let path = path.to_owned();
            return Err(ArtifactError::Hash { path, expected: *expected, found: hash });
        }
        let kind = sniff::sniff(&bytes)
            .map_err(|what| ArtifactError::NotWasm { path: path.to_owned(), what })?;
        Ok(Artifact { bytes, hash, kind })
    }
}

/// The bytes of a file in the directory of an `fs.directory` entry.
pub(crate) fn file(
    project: &Project,
    fs: &Id,
    path: &str,
    max_size: u64,
) -> Result<std::sync::Arc<[u8]>, ArtifactError> {
    let directory = directory(project, fs)?;
    read::file_in(&directory, path, max_size)
}

/// The directory of an `fs.directory` entry.
pub(crate) fn directory(project: &Project, id: &Id) -> Result<Directory, ArtifactError> {
    let Some(EntryKind::FsDirectory(entry)) = project.entry(id).map(|entry| &entry.kind) else {
        // The reference is right, or the project would have said so: the
        // directory's own entry is what is wrong.
        return Err(ArtifactError::NoDirectory(id.clone()));
    };
    let path = || entry.path.clone();
    match project.directory(id) {
        None => Err(ArtifactError::NoDirectory(id.clone())),
        Some(Ok(directory)) => Ok(directory),
        Some(Err(DirectoryError::Link(link))) => Err(ArtifactError::Link { path: path(), link }),
        Some(Err(DirectoryError::System(error))) => Err(ArtifactError::Directory {
            path: path(),
            why: describe_io(&error),
            passing: read::passing(&error),
        }),
    }
}

impl std::fmt::Debug for Artifact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Artifact")
            .field("bytes", &self.bytes.len())
            .field("hash", &self.hash)
            .field("kind", &self.kind)
            .finish()
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
