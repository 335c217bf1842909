//! Opening the directories that entries name.
//!
//! A directory may lie below another one that a guest can write, and then the
//! guest can put a link in its place. So a path is walked name by name, and a
//! link is followed only if no guest can have made it: if it lies neither in a
//! directory that some process may write nor anywhere below. Links that somebody
//! has made in their project, or in a directory that it names, are followed.
//!
//! What exists is opened when the project is loaded, before any guest runs, and
//! stays open for artifacts and mounts alike, through all restarts: nothing that
//! a guest does to the path afterwards has a meaning. What does not exist yet is
//! opened, and made if its entry says so, when it is first needed.

use super::{Entry, EntryKind, FsDirectory, Id, ProcessWasm};
use crate::lock::lock;
use crate::world::Directory;
use cap_fs_ext::{DirExt, MetadataExt};
use cap_std::{
    ambient_authority,
    fs::{Dir, DirBuilder},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fmt, io,
    path::{Component, Path, PathBuf},
    sync::Mutex,
};

/// More links in one path lead round in a circle.
const MAX_LINKS: usize = 40;
/// Directories within each other, as far as is looked.
const MAX_DEPTH: usize = 4096;

/// The identity of a directory: its device and its number there.
type Identity = (u64, u64);

/// Why a directory cannot be had.
#[derive(Debug)]
pub(crate) enum DirectoryError {
    /// The system says so.
    System(io::Error),
    /// This link leads there, and a guest may have made it.
    Link(PathBuf),
}

impl From<io::Error> for DirectoryError {
    fn from(error: io::Error) -> DirectoryError {
        DirectoryError::System(error)
    }
}

impl fmt::Display for DirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DirectoryError::System(error) => write!(f, "{error}"),
            DirectoryError::Link(link) => {
                write!(f, "{} is a link, and lies where guests can write", link.display())
            }
        }
    }
}

/// A link that has been met on the way.
struct Link {
    /// The link.
    path: PathBuf,
    /// The directory that it is in, and all above that.
    within: Vec<Identity>,
}

/// A walk along a path.
struct Walk<'a> {
    at: Dir,
    /// Where that is, for messages.
    shown: PathBuf,
    /// The rest of the path, the next name last.
    left: Vec<OsString>,
    links: Vec<Link>,
    /// Directories are made, with this mode, where there are none.
    create: Option<u32>,
    /// The directories that guests can write.
    writable: &'a BTreeSet<Identity>,
}

impl<'a> Walk<'a> {
    fn begin(
        path: &Path,
        create: Option<u32>,
        writable: &'a BTreeSet<Identity>,
    ) -> io::Result<Walk<'a>> {
        if path.as_os_str().is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let at = Dir::open_ambient_dir(".", ambient_authority())?;
        let (shown, left, links) = (PathBuf::new(), Vec::new(), Vec::new());
        let mut walk = Walk { at, shown, left, links, create, writable };
        walk.push(path)?;
        Ok(walk)
    }

    /// Goes on with a path, which may be absolute.
    fn push(&mut self, path: &Path) -> io::Result<()> {
        let mut root = PathBuf::new();
        let mut names = Vec::new();
        for component in path.components() {
            match component {
                Component::Prefix(_) | Component::RootDir => root.push(component.as_os_str()),
                Component::CurDir => {}
                Component::ParentDir | Component::Normal(_) => {
                    names.push(component.as_os_str().to_owned());
                }
            }
        }
        if !root.as_os_str().is_empty() {
            self.at = Dir::open_ambient_dir(&root, ambient_authority())?;
            self.shown = root;
        }
        self.left.extend(names.into_iter().rev());
        Ok(())
    }

    /// Walks to the end. Something else than a directory there is an error only
    /// if one is wanted.
    fn end(&mut self, directory: bool) -> Result<(), DirectoryError> {
        while let Some(name) = self.left.pop() {
            if name == ".." {
                self.at = self.at.open_parent_dir(ambient_authority())?;
                self.shown.push("..");
                continue;
            }
            let meta = match (self.at.symlink_metadata(&name), self.create) {
                (Err(error), Some(mode)) if error.kind() == io::ErrorKind::NotFound => {
                    make(&self.at, &name, mode)?;
                    self.at.symlink_metadata(&name)?
                }
                (found, _) => found?,
            };
            if meta.is_symlink() {
                let link = Link { path: self.shown.join(&name), within: above(&self.at)? };
                if link.within.iter().any(|identity| self.writable.contains(identity)) {
                    return Err(DirectoryError::Link(link.path));
                }
                self.links.push(link);
                if self.links.len() > MAX_LINKS {
                    return Err(io::Error::other("too many links").into());
                }
                let target = self.at.read_link_contents(&name)?;
                self.push(&target)?;
                continue;
            }
            if !directory && self.left.is_empty() && !meta.is_dir() {
                return Ok(());
            }
            // Should there be a link by now, this fails.
            self.at = self.at.open_dir_nofollow(&name)?;
            self.shown.push(&name);
        }
        Ok(())
    }
}

fn make(dir: &Dir, name: &OsString, mode: u32) -> io::Result<()> {
    #[cfg_attr(not(unix), allow(unused_mut))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    cap_std::fs::DirBuilderExt::mode(&mut builder, mode);
    #[cfg(not(unix))]
    let _ = mode;
    match dir.create_dir_with(name, &builder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

fn identity(dir: &Dir) -> io::Result<Identity> {
    let meta = dir.dir_metadata()?;
    Ok((meta.dev(), meta.ino()))
}

/// A directory and all above it.
fn above(dir: &Dir) -> io::Result<Vec<Identity>> {
    let mut all = vec![identity(dir)?];
    let mut at = dir.open_parent_dir(ambient_authority())?;
    while all.len() < MAX_DEPTH {
        let next = identity(&at)?;
        if all.last() == Some(&next) {
            return Ok(all);
        }
        all.push(next);
        at = at.open_parent_dir(ambient_authority())?;
    }
    Err(io::Error::other("directories nested too deeply"))
}

/// Opens directories together, each a path and whether a guest can write it. So
/// it is known of each link whether it lies where one of them can be written.
pub(crate) fn open_together(paths: &[(&Path, bool)]) -> Vec<Result<Directory, DirectoryError>> {
    open_all(paths).0
}

fn open_all(
    paths: &[(&Path, bool)],
) -> (Vec<Result<Directory, DirectoryError>>, BTreeSet<Identity>) {
    let none = BTreeSet::new();
    let walked: Vec<_> = paths
        .iter()
        .map(|(path, _)| {
            let mut walk = Walk::begin(path, None, &none)?;
            walk.end(true)?;
            let identity = identity(&walk.at)?;
            Ok::<_, DirectoryError>((walk.at, walk.links, identity))
        })
        .collect();
    // First those that no link leads to: they are what they seem. What they
    // forbid is not looked at further; of two others that forbid each other it
    // cannot be told which one is right.
    let mut writable = BTreeSet::new();
    for plain in [true, false] {
        let before = writable.clone();
        for ((_, written), found) in paths.iter().zip(&walked) {
            if let Ok((_, links, identity)) = found
                && *written
                && links.is_empty() == plain
                && made_by_guest(links, &before).is_none()
            {
                writable.insert(*identity);
            }
        }
    }
    let opened = walked.into_iter().map(|found| {
        let (dir, links, _) = found?;
        match made_by_guest(&links, &writable) {
            Some(link) => Err(DirectoryError::Link(link)),
            None => Ok(dir.into()),
        }
    });
    (opened.collect(), writable)
}

fn made_by_guest(links: &[Link], writable: &BTreeSet<Identity>) -> Option<PathBuf> {
    let within = |link: &&Link| link.within.iter().any(|identity| writable.contains(identity));
    links.iter().find(within).map(|link| link.path.clone())
}

/// The directories of a project.
#[derive(Debug, Default)]
pub(super) struct Directories(Mutex<Opened>);

#[derive(Debug, Default)]
struct Opened {
    open: BTreeMap<Id, Directory>,
    writable: BTreeSet<Identity>,
}

impl Directories {
    /// Opens those that there are.
    pub fn of(entries: &BTreeMap<Id, Entry>) -> Directories {
        let (written, used) = (written(entries), used(entries));
        let (ids, paths): (Vec<&Id>, Vec<(&Path, bool)>) = entries
            .iter()
            .filter(|(id, _)| used.contains(id))
            .filter_map(|(id, entry)| {
                let EntryKind::FsDirectory(found) = &entry.kind else { return None };
                Some((id, (&*found.path, written.contains(id))))
            })
            .unzip();
        let (found, writable) = open_all(&paths);
        let found = ids.into_iter().zip(found);
        // Of the others it is told when they are needed.
        let open = found.filter_map(|(id, found)| Some((id.clone(), found.ok()?))).collect();
        Directories(Mutex::new(Opened { open, writable }))
    }

    /// The directory of an entry; `written` if guests may write it.
    pub fn get(
        &self,
        id: &Id,
        entry: &FsDirectory,
        written: bool,
    ) -> Result<Directory, DirectoryError> {
        // A panic leaves nothing half done.
        let mut state = lock(&self.0);
        if let Some(open) = state.open.get(id) {
            return Ok(open.clone());
        }
        let create = entry.auto_init.then_some(entry.mode);
        let mut walk = Walk::begin(&entry.path, create, &state.writable)?;
        walk.end(true)?;
        let identity = identity(&walk.at)?;
        let open = Directory::from(walk.at);
        if written {
            state.writable.insert(identity);
        }
        state.open.insert(id.clone(), open.clone());
        Ok(open)
    }

    /// A link on the way to a file that a guest may have made.
    pub fn link_on_the_way(&self, path: &Path) -> Option<PathBuf> {
        let state = lock(&self.0);
        match Walk::begin(path, None, &state.writable)
            .map_err(DirectoryError::from)
            .and_then(|mut walk| walk.end(false))
        {
            Err(DirectoryError::Link(link)) => Some(link),
            // Whether there is such a file is for others to say.
            Ok(()) | Err(DirectoryError::System(_)) => None,
        }
    }
}

impl Directories {
    /// Those of these directories that guests can write.
    pub fn written_ones(&self, paths: BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
        let state = lock(&self.0);
        let (writable, none) = (&state.writable, BTreeSet::new());
        if writable.is_empty() {
            return BTreeSet::new();
        }
        let is_written = |path: &Path| {
            let mut walk = Walk::begin(path, None, &none)?;
            walk.end(true)?;
            let above = above(&walk.at)?;
            Ok::<_, DirectoryError>(above.iter().any(|identity| writable.contains(identity)))
        };
        paths.into_iter().filter(|path| is_written(path).unwrap_or(false)).collect()
    }
}

fn processes(entries: &BTreeMap<Id, Entry>) -> impl Iterator<Item = &ProcessWasm> {
    entries.values().filter_map(|entry| entry.kind.wasm_program())
}

/// The directories that are mounted somewhere to be written.
pub(super) fn written(entries: &BTreeMap<Id, Entry>) -> BTreeSet<&Id> {
    let mounts = processes(entries).flat_map(|process| &process.wasi.mounts);
    mounts.filter(|mount| !mount.read_only).map(|mount| &mount.fs).collect()
}

/// The directories that some process needs.
fn used(entries: &BTreeMap<Id, Entry>) -> BTreeSet<&Id> {
    let mounts = processes(entries).flat_map(|process| &process.wasi.mounts);
    let programs = processes(entries).filter_map(|process| process.fs());
    mounts.map(|mount| &mount.fs).chain(programs).collect()
}

#[cfg(test)]
mod tests;
