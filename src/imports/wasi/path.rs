//! Where directories are mounted, and what a path names.
//!
//! In 0.2 a path is relative to a descriptor, and a guest's C library finds the
//! right one for an absolute path by itself. So there is little to do here: to
//! clean the paths of mounts, to see that a relative path that leads to another
//! mount's path gets that mount (`data/x` in `/`, where `/data` is a mount too),
//! and to show the guest where relative paths begin.
//!
//! Only a path without `..` can be said to lead to another mount, because what
//! `..` means depends on symbolic links. That no path leads out of its mount is
//! seen to by who answers the commands.

use super::{Preopen, descriptor::Descriptor, table::Held};
use crate::command::{DirEntry, Errno, FileId, FileKind};

/// The longest path that is passed on, in bytes.
pub(super) const MAX_PATH: usize = 4096;

/// The mounted directories, in the order in which they were given.
#[derive(Debug, Default)]
pub(super) struct Mounts(Vec<Mount>);

/// A mounted directory.
#[derive(Debug)]
pub(super) struct Mount {
    /// A clean absolute path.
    guest: String,
    /// The path that the guest is told.
    pub shown: String,
    /// Held here too, so it is never closed by a guest.
    dir: Held,
    read_only: bool,
}

/// What a path names, as a command has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub dir: FileId,
    pub path: String,
    pub read_only: bool,
    /// The path in the guest, if it is known.
    pub guest: Option<String>,
    /// It is where another directory is mounted.
    pub mount_point: bool,
}

impl Place {
    /// Fails if it may not be changed.
    pub fn changeable(&self) -> Result<(), Errno> {
        if self.read_only { Err(Errno::ReadOnly) } else { Ok(()) }
    }

    /// Fails unless an entry may be made here.
    pub fn creatable(&self) -> Result<(), Errno> {
        self.changeable()?;
        if self.mount_point { Err(Errno::Exist) } else { Ok(()) }
    }

    /// Fails unless the entry here may be removed or given another name.
    pub fn removable(&self) -> Result<(), Errno> {
        self.changeable()?;
        if self.mount_point { Err(Errno::Busy) } else { Ok(()) }
    }
}

/// An absolute path without `.`, `..`, empty parts and a slash at the end.
/// The parent of `/` is `/`; a relative path begins there.
pub(super) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// `path` without `base` in front of it, both clean; `.` if they are the same.
fn below<'a>(path: &'a str, base: &str) -> Option<&'a str> {
    let rest = match base {
        "/" => path.strip_prefix('/')?,
        base => path.strip_prefix(base)?,
    };
    match rest {
        "" => Some("."),
        rest if base == "/" => Some(rest),
        rest => rest.strip_prefix('/'),
    }
}

/// The slashes and dots behind a path's last name.
fn tail(path: &str) -> &str {
    let mut head = path;
    loop {
        head = head.trim_end_matches('/');
        match head.strip_suffix("/.") {
            Some(before) => head = before,
            None => return path.get(head.len()..).unwrap_or_default(),
        }
    }
}

impl Mounts {
    /// Mounts directories.
    pub fn new(preopens: Vec<Preopen>, cwd: Option<&str>) -> Result<Mounts, String> {
        let mut mounts: Vec<Mount> = Vec::with_capacity(preopens.len());
        for Preopen { guest, dir, read_only } in preopens {
            let (full, shown) = match guest.starts_with('/') {
                true => (clean(&guest), clean(&guest)),
                false if guest.is_empty() => return Err("a mount has no path".to_owned()),
                false => (clean(&format!("{}/{guest}", cwd.unwrap_or_default())), guest),
            };
            if mounts.iter().any(|mount| mount.guest == full) {
                return Err(format!("two directories are mounted at {full:?}"));
            }
            mounts.push(Mount { guest: full, shown, dir: Held::file(dir), read_only });
        }
        Ok(Mounts(mounts))
    }

    /// The mounts.
    pub fn iter(&self) -> impl Iterator<Item = &Mount> {
        self.0.iter()
    }

    /// The innermost mount that a clean absolute path lies in, and the rest of
    /// the path.
    pub fn find<'a>(&self, path: &'a str) -> Option<(&Mount, &'a str)> {
        self.0
            .iter()
            .filter_map(|mount| Some((mount, below(path, &mount.guest)?)))
            .max_by_key(|(mount, _)| mount.guest.len())
    }

    /// Whether `cwd` has to be shown as a directory of its own, `.`, so that
    /// relative paths begin there. Guests' C libraries cannot tell `.` from `/`,
    /// so where `/` is mounted they begin there.
    pub fn shows_cwd(&self, cwd: &str) -> bool {
        cwd != "/" && !self.0.iter().any(|mount| mount.guest == "/" || mount.shown == ".")
    }

    /// What `path` names when it begins at `base`.
    pub fn at(&self, base: &Descriptor, path: &str) -> Result<Place, Errno> {
        base.dir()?;
        check(path)?;
        let plain = !path.split('/').any(|part| part == "..");
        let guest = base.guest.as_deref().filter(|_| plain);
        let guest = guest.map(|guest| (guest, clean(&format!("{guest}/{path}"))));
        if let Some((base, full)) = &guest
            && let Some((mount, rest)) = self.find(full)
            && mount.guest.len() > base.len()
        {
            // What stands behind the last name has a meaning of its own.
            return Ok(Place {
                dir: *mount.dir,
                path: format!("{rest}{}", tail(path)),
                read_only: mount.read_only,
                mount_point: rest == ".",
                guest: guest.map(|(_, full)| full),
            });
        }
        Ok(Place {
            dir: *base.file,
            path: path.to_owned(),
            read_only: base.read_only,
            mount_point: false,
            guest: guest.map(|(_, full)| full),
        })
    }

    /// The names of the mounts in a directory, which a list of it has to show.
    pub fn names_in(&self, guest: Option<&str>) -> Vec<String> {
        let Some(guest) = guest else { return Vec::new() };
        let mut names: Vec<String> = Vec::new();
        for mount in &self.0 {
            let Some(name) = below(&mount.guest, guest) else { continue };
            if name != "." && !name.contains('/') && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// Adds to a directory's entries the mounts that lie directly in it.
    pub fn complete(&self, guest: Option<&str>, entries: &mut Vec<DirEntry>) {
        for name in self.names_in(guest) {
            match entries.iter_mut().find(|entry| entry.name == name) {
                Some(entry) => entry.kind = FileKind::Directory,
                None => entries.push(DirEntry { name, kind: FileKind::Directory, inode: 0 }),
            }
        }
    }
}

impl Mount {
    /// A descriptor of the directory.
    pub fn open(&self) -> Descriptor {
        Descriptor::mount(self.dir.clone(), self.read_only, self.guest.clone())
    }

    /// The same, as a place.
    pub fn place(&self, path: &str, guest: &str) -> Place {
        Place {
            dir: *self.dir,
            path: path.to_owned(),
            read_only: self.read_only,
            guest: Some(guest.to_owned()),
            mount_point: path == ".",
        }
    }
}

/// Refuses what is no relative path.
fn check(path: &str) -> Result<(), Errno> {
    match path {
        "" => Err(Errno::NoEntry),
        path if path.len() > MAX_PATH => Err(Errno::NameTooLong),
        path if path.starts_with('/') => Err(Errno::NotPermitted),
        path if path.contains('\0') => Err(Errno::Invalid),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounts(paths: &[(&str, bool)]) -> Mounts {
        let preopen = |(i, (guest, read_only)): (usize, &(&str, bool))| Preopen {
            guest: (*guest).to_owned(),
            dir: FileId(i as u64),
            read_only: *read_only,
        };
        Mounts::new(paths.iter().enumerate().map(preopen).collect(), None).unwrap()
    }

    #[test]
    fn paths_are_cleaned() {
        for (path, cleaned) in [
            ("/", "/"),
            ("", "/"),
            ("//a//b/", "/a/b"),
            ("/a/./b/../c", "/a/c"),
            ("/../../a", "/a"),
            ("a", "/a"),
        ] {
            assert_eq!(clean(path), cleaned, "{path}");
        }
    }

    #[test]
    fn the_innermost_mount_wins() {
        let mounts = mounts(&[("/", false), ("/data", true), ("/data/out/", false)]);
        let find = |path| mounts.find(path).map(|(mount, rest)| (mount.guest.as_str(), rest));
        assert_eq!(find("/"), Some(("/", ".")));
        assert_eq!(find("/etc/x"), Some(("/", "etc/x")));
        assert_eq!(find("/data"), Some(("/data", ".")));
        assert_eq!(find("/database"), Some(("/", "database")));
        assert_eq!(find("/data/out/x"), Some(("/data/out", "x")));
    }

    #[test]
    fn a_relative_path_leads_to_another_mount() {
        let mounts = mounts(&[("/", false), ("/data", true)]);
        let root = mounts.find("/").unwrap().0.open();
        let place = mounts.at(&root, "data/x").unwrap();
        assert_eq!((place.dir, place.path.as_str(), place.read_only), (FileId(1), "x", true));
        let place = mounts.at(&root, "./data").unwrap();
        assert!(place.mount_point);
        assert_eq!(place.removable(), Err(Errno::ReadOnly));
        let place = mounts.at(&root, "a/../data/x").unwrap();
        assert_eq!((place.dir, place.path.as_str()), (FileId(0), "a/../data/x"));
        let data = mounts.find("/data").unwrap().0.open();
        let place = mounts.at(&data, "x/").unwrap();
        assert_eq!((place.dir, place.path.as_str()), (FileId(1), "x/"));
    }

    #[test]
    fn the_end_of_a_path_is_kept_where_it_leads_to_another_mount() {
        let mounts = mounts(&[("/", false), ("/data", true)]);
        let root = mounts.find("/").unwrap().0.open();
        for (path, rest) in [
            ("data/x", "x"),
            ("data/x/", "x/"),
            ("data//x///", "x///"),
            ("data/x/.", "x/."),
            ("data/./x/.//.", "x/.//."),
            ("data/x.", "x."),
            ("data/..x/", "..x/"),
            ("data/.", "./."),
        ] {
            let place = mounts.at(&root, path).unwrap();
            assert_eq!((place.dir, place.path.as_str()), (FileId(1), rest), "{path}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        let mounts = mounts(&[("/", false)]);
        let root = mounts.find("/").unwrap().0.open();
        let long = "a/".repeat(3000);
        for (path, errno) in [
            ("", Errno::NoEntry),
            ("/x", Errno::NotPermitted),
            ("a\0b", Errno::Invalid),
            (long.as_str(), Errno::NameTooLong),
        ] {
            assert_eq!(mounts.at(&root, path), Err(errno));
        }
    }

    #[test]
    fn mounts_are_listed() {
        let mounts = mounts(&[("/", false), ("/data", true), ("/a/b", true)]);
        let mut entries = Vec::new();
        mounts.complete(Some("/"), &mut entries);
        assert_eq!(entries.iter().map(|e| e.name.as_str()).collect::<Vec<_>>(), ["data"]);
        mounts.complete(Some("/"), &mut entries);
        assert_eq!(entries.len(), 1);
    }

    #[test]
    fn mounts_have_paths_of_their_own() {
        let preopen =
            |guest: &str| Preopen { guest: guest.to_owned(), dir: FileId(0), read_only: false };
        let both = |a, b| Mounts::new(vec![preopen(a), preopen(b)], Some("/app"));
        assert_eq!(both("/a", "/a/").unwrap_err(), "two directories are mounted at \"/a\"");
        assert_eq!(both(".", "/app").unwrap_err(), "two directories are mounted at \"/app\"");
        assert!(both("", "/app").is_err());
        assert!(both("/a", "/b").unwrap().shows_cwd("/app"));
        assert!(!both("/a", "/").unwrap().shows_cwd("/app"));
        assert!(!both(".", "/x").unwrap().shows_cwd("/app"));
    }
}
