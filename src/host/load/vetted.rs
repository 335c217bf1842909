//! What has been vetted before, see [`Vetting`](crate::component::Vetting).
//!
//! It is remembered in memory, and if there is a folder for it, in a file there: one
//! line for each artifact, the hash of its own hash, its WIT text, and of what tells
//! this build of the engine from others. So a file that is known starts as fast as
//! if nothing had to be vetted.
//!
//! Nothing depends on the file. Without it, or with a broken one, an artifact is
//! vetted once more. With a wrong line an artifact is not vetted, whose bodies are
//! validated all the same when they are called; that matters only where the
//! interpreter fails on one, and then it costs a thread. It is read only if it and its folder
//! belong to the user, and nobody else may write to them.

use crate::lock::lock;
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard},
};

use crate::artifact::{Hash, sha256_hex};

/// Changes when other modules are given to the interpreter than before, or in
/// another form, with one version of this crate.
const RULES: u32 = 1;

/// Beyond so many bytes the file is begun anew.
const LARGEST: u64 = 512 << 10;

/// The artifacts that have been vetted.
#[derive(Debug, Default)]
pub(in crate::host) struct Vetted {
    folder: Option<PathBuf>,
    /// `None` until the file has been read.
    known: Mutex<Option<HashSet<String>>>,
}

impl Vetted {
    /// Remembers in this folder as well.
    pub fn in_folder(folder: PathBuf) -> Vetted {
        Vetted { folder: Some(folder), known: Mutex::default() }
    }

    /// Nothing panics while it holds the lock.
    fn known(&self) -> MutexGuard<'_, Option<HashSet<String>>> {
        lock(&self.known)
    }

    /// True if this artifact has been vetted, with this WIT text.
    pub fn contains(&self, hash: &Hash, wit: Option<&str>) -> bool {
        let key = key(hash, wit);
        let folder = self.folder.as_deref();
        let mut known = self.known();
        known.get_or_insert_with(|| folder.map(file::read).unwrap_or_default()).contains(&key)
    }

    /// Notes that it has.
    pub fn insert(&self, hash: &Hash, wit: Option<&str>) {
        let key = key(hash, wit);
        let new = self.known().get_or_insert_default().insert(key.clone());
        if let (Some(folder), true) = (&self.folder, new)
            && let Err(error) = file::append(folder, &key)
        {
            tracing::debug!(folder = %folder.display(), %error, "cannot remember what was vetted");
        }
    }
}

/// The user's own folder for what can be made again.
pub(in crate::host) fn folder() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let cache = absolute("XDG_CACHE_HOME");
    let cache = cache.or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    cache.map(|cache| cache.join("wippy"))
}

fn key(hash: &Hash, wit: Option<&str>) -> String {
    let mut text = format!("{hash}\n{RULES}\n{}\n", build());
    text.push_str(wit.unwrap_or_default());
    sha256_hex(text.as_bytes())
}

/// Tells this build of the engine, with all that it is made of, from others.
fn build() -> &'static str {
    static BUILD: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    BUILD.get_or_init(|| {
        let meta = std::env::current_exe().and_then(|path| path.metadata()).ok();
        let time = meta.as_ref().and_then(|meta| meta.modified().ok());
        let len = meta.map(|meta| meta.len());
        format!("{} {len:?} {time:?}", env!("CARGO_PKG_VERSION"))
    })
}

#[cfg(unix)]
mod file {
    use super::*;
    use std::{
        fs::{self, DirBuilder, File, Metadata, OpenOptions},
        io::{self, Read, Write},
        os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    };

    const NAME: &str = "vetted";

    fn own(meta: &Metadata) -> bool {
        meta.uid() == rustix::process::geteuid().as_raw() && meta.mode() & 0o022 == 0
    }

    fn open(folder: &Path, options: &mut OpenOptions) -> io::Result<File> {
        let refused = || io::Error::new(io::ErrorKind::PermissionDenied, "it is not the user's");
        if !own(&fs::symlink_metadata(folder)?) {
            return Err(refused());
        }
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
        let file = options.mode(0o600).custom_flags(flags).open(folder.join(NAME))?;
        let meta = file.metadata()?;
        if own(&meta) && meta.is_file() { Ok(file) } else { Err(refused()) }
    }

    /// The lines of the file. What is none of ours is like no key.
    pub fn read(folder: &Path) -> HashSet<String> {
        let mut bytes = Vec::new();
        let read = open(folder, OpenOptions::new().read(true))
            .and_then(|file| file.take(2 * LARGEST).read_to_end(&mut bytes));
        match read {
            Ok(_) => String::from_utf8_lossy(&bytes)
                .lines()
                .filter(|line| line.len() == 64)
                .map(str::to_owned)
                .collect(),
            Err(_) => HashSet::new(),
        }
    }

    /// Adds a line, whole or not at all as far as others see.
    pub fn append(folder: &Path, key: &str) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut options = OpenOptions::new();
        let mut file = open(folder, options.append(true).create(true))?;
        if file.metadata()?.len() > LARGEST {
            file.set_len(0)?;
        }
        file.write_all(format!("{key}\n").as_bytes())
    }
}

#[cfg(not(unix))]
mod file {
    use super::*;

    /// Whose a file is cannot be told here, so there is none.
    pub fn read(_: &Path) -> HashSet<String> {
        HashSet::new()
    }

    pub fn append(_: &Path, _: &str) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};

    fn scratch(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("wippy-{}-{name}", std::process::id()));
        drop(fs::remove_dir_all(&folder));
        folder
    }

    #[test]
    fn what_was_vetted_is_known_to_the_next_one_of_the_same_build() {
        let folder = scratch("known");
        let (one, two) = (Hash::of(b"one"), Hash::of(b"two"));
        let first = Vetted::in_folder(folder.clone());
        assert!(!first.contains(&one, None));
        first.insert(&one, None);
        first.insert(&two, Some("f: func();"));
        let second = Vetted::in_folder(folder.clone());
        assert!(second.contains(&one, None) && second.contains(&two, Some("f: func();")));
        assert!(!second.contains(&two, None) && !second.contains(&one, Some("f: func();")));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_is_broken_or_open_to_others_is_like_none() {
        let folder = scratch("broken");
        let hash = Hash::of(b"one");
        Vetted::in_folder(folder.clone()).insert(&hash, None);
        let file = folder.join("vetted");
        let good = fs::read(&file).unwrap();
        let known = || Vetted::in_folder(folder.clone()).contains(&hash, None);
        for bytes in [&b""[..], &b"\xff\xfe\n\n"[..], &good[..60]] {
            fs::write(&file, bytes).unwrap();
            assert!(!known(), "{bytes:?}");
        }
        fs::write(&file, [b"\xff rubbish\n", &good[..]].concat()).unwrap();
        assert!(known());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(!known());
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
        assert!(!known());
        // Nobody minds that it cannot be written.
        Vetted::in_folder(folder.clone()).insert(&hash, None);
        fs::remove_dir_all(folder).unwrap();
    }
}
