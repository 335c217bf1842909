//! Reading files, beneath a directory or by a name that the user gives.

use super::{ArtifactError, clean_path};
use crate::registry::{describe_io, nearest};
use cap_fs_ext::OpenOptionsSyncExt;
use cap_std::fs::{Dir, OpenOptions};
use std::{
    io::{self, Read},
    path::Path,
    sync::Arc,
};

/// The largest artifact, if nobody says otherwise: 256 MiB.
pub const DEFAULT_MAX_SIZE: u64 = 256 << 20;

fn unreadable(path: &str, error: &io::Error) -> ArtifactError {
    let (path, why) = (path.to_owned(), describe_io(error));
    ArtifactError::Unreadable { path, why, passing: passing(error) }
}

/// True if it is not for the name or the file.
pub(super) fn passing(error: &io::Error) -> bool {
    use io::ErrorKind as EntryKind;
    !matches!(
        error.kind(),
        EntryKind::NotFound
            | EntryKind::PermissionDenied
            | EntryKind::NotADirectory
            | EntryKind::IsADirectory
            | EntryKind::InvalidInput
    )
}

/// All bytes of a file below a directory.
pub(super) fn file_in(
    directory: &Dir,
    path: &str,
    max_size: u64,
) -> Result<Arc<[u8]>, ArtifactError> {
    let Some(clean) = clean_path(path) else {
        return Err(ArtifactError::Escapes(path.to_owned()));
    };
    let fail = |error: io::Error| match error.kind() {
        // cap-std's own refusals have no code of the operating system.
        io::ErrorKind::PermissionDenied if error.raw_os_error().is_none() => {
            ArtifactError::Escapes(path.to_owned())
        }
        io::ErrorKind::NotFound => {
            let meant = similar(directory, &clean);
            ArtifactError::NotFound { path: path.to_owned(), meant }
        }
        _ => unreadable(path, &error),
    };
    // To open a pipe or a device is not without effect, so look before; and should
    // it be one by then, do not wait for it.
    if !directory.metadata(&clean).map_err(fail)?.is_file() {
        return Err(ArtifactError::NotAFile(path.to_owned()));
    }
    let mut options = OpenOptions::new();
    let file = directory.open_with(&clean, options.read(true).nonblock(true)).map_err(fail)?;
    let meta = file.metadata().map_err(fail)?;
    if !meta.is_file() {
        return Err(ArtifactError::NotAFile(path.to_owned()));
    }
    all(file, meta.len(), path, max_size)
}

/// All bytes of a file that the user names.
pub(super) fn file_at(path: &Path, max_size: u64) -> Result<Arc<[u8]>, ArtifactError> {
    let shown = path.to_string_lossy();
    let fail = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => ArtifactError::NotFound { path: shown.to_string(), meant: None },
        _ => unreadable(&shown, &error),
    };
    // A pipe or `/dev/stdin` is as good as a file: the user names it.
    if std::fs::metadata(path).map_err(fail)?.is_dir() {
        return Err(ArtifactError::NotAFile(shown.to_string()));
    }
    let file = std::fs::File::open(path).map_err(fail)?;
    let size = file.metadata().map_err(fail)?.len();
    all(file, size, &shown, max_size)
}

/// Reads once, and no more than is allowed however the file grows meanwhile.
fn all(file: impl Read, size: u64, path: &str, max: u64) -> Result<Arc<[u8]>, ArtifactError> {
    let too_large = || ArtifactError::TooLarge { path: path.to_owned(), max };
    if size > max {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    let read = file.take(max.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(path, &error))?;
    if u64::try_from(bytes.len()).map_or(true, |len| len > max) {
        return Err(too_large());
    }
    Ok(bytes.into())
}

/// A file beside the one that is not there, of a similar name.
fn similar(directory: &Dir, clean: &str) -> Option<String> {
    let (parent, name) = clean.rsplit_once('/').unwrap_or((".", clean));
    let mut names: Vec<String> = directory
        .read_dir(parent)
        .ok()?
        .take(1000)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    let meant = nearest(name, names.iter().map(String::as_str))?;
    Some(if parent == "." { format!("/{meant}") } else { format!("/{parent}/{meant}") })
}
