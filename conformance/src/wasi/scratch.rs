//! Directories that are gone afterwards.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicUsize, Ordering},
    time::SystemTime,
};

/// A fresh directory, removed with everything in it when this is dropped.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> io::Result<Scratch> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("wippy-wasi-{}-{number}", process::id());
            let path = env::temp_dir().join(name);
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Scratch(path)),
                // Left behind by a process of the same number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(super::named(&path, error)),
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Copies what is in a directory into another one that is there. Names for which
/// `skip` holds are left out, with all that is below them.
pub(crate) fn copy(from: &Path, to: &Path, skip: &dyn Fn(&Path) -> bool) -> io::Result<()> {
    for entry in from.read_dir().map_err(|error| super::named(from, error))? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if skip(&source) {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            fs::create_dir(&target)?;
            copy(&source, &target, skip)?;
        } else if kind.is_symlink() {
            link(&fs::read_link(&source)?, &target)?;
        } else {
            fs::copy(&source, &target).map_err(|error| super::named(&source, error))?;
        }
    }
    Ok(())
}

/// All that is below a directory: the names of all files with their contents, links
/// with their targets, and the times at which they were changed. Directories for
/// which `skip` holds are left out, with all that is below them.
pub(super) fn contents(
    path: &Path,
    skip: &dyn Fn(&Path) -> bool,
) -> io::Result<Vec<(PathBuf, SystemTime, Vec<u8>)>> {
    let mut found = Vec::new();
    let mut left = vec![path.to_owned()];
    while let Some(path) = left.pop() {
        let about = path.symlink_metadata().map_err(|error| super::named(&path, error))?;
        let bytes = if about.is_dir() {
            if skip(&path) {
                continue;
            }
            for entry in path.read_dir()? {
                left.push(entry?.path());
            }
            Vec::new()
        } else if about.is_symlink() {
            fs::read_link(&path)?.into_os_string().into_encoded_bytes()
        } else {
            fs::read(&path)?
        };
        found.push((path, about.modified()?, bytes));
    }
    found.sort();
    Ok(found)
}

/// Makes a symbolic link, also to what is not there.
pub(super) fn link(to: &Path, at: &Path) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::symlink(to, at);
    #[cfg(windows)]
    return std::os::windows::fs::symlink_file(to, at);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_everything_and_is_removed() -> io::Result<()> {
        let (from, to) = (Scratch::new()?, Scratch::new()?);
        fs::create_dir_all(from.path().join("a/b"))?;
        fs::write(from.path().join("a/b/file"), "text")?;
        fs::write(from.path().join("a/old.cleanup"), "")?;
        link(Path::new("nowhere"), &from.path().join("link"))?;
        copy(from.path(), to.path(), &|path| path.extension().is_some_and(|e| e == "cleanup"))?;
        assert_eq!(fs::read_to_string(to.path().join("a/b/file"))?, "text");
        assert_eq!(fs::read_link(to.path().join("link"))?, Path::new("nowhere"));
        assert!(!to.path().join("a/old.cleanup").exists());
        let before = contents(to.path(), &|path| path.ends_with("b"))?;
        assert_eq!(before.len(), 3);
        fs::write(to.path().join("a/b/file"), "other")?;
        assert_eq!(contents(to.path(), &|path| path.ends_with("b"))?, before);
        fs::write(to.path().join("a/file"), "")?;
        assert_ne!(contents(to.path(), &|path| path.ends_with("b"))?, before);
        let path = to.path().to_owned();
        drop(to);
        assert!(!path.exists());
        Ok(())
    }
}
