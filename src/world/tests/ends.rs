//! What a path says at its end, against the system itself: every call with every
//! form of a path does in a world what the call of the system does, down to the
//! error and to what is there afterwards.

use super::*;
use crate::command::NewTime;
use rustix::fs::{self as os, AtFlags, Mode, OFlags, Timespec, Timestamps};
use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

const NAMES: [&str; 9] =
    ["file", "dir", "full", "full/inner", "to_file", "to_dir", "dangling", "none", "file/x"];
const ENDS: [&str; 10] = ["", "/", "//", "/.", "/./", "//.//", "/..", "/../", "/../.", "/x"];
/// Forms without a name.
const OTHERS: [&str; 7] = ["", ".", "./", "./.", "././/", "dir/../", "dir/./none/"];

fn forms() -> Vec<String> {
    let named = NAMES.iter().flat_map(|name| ENDS.iter().map(move |end| format!("{name}{end}")));
    let mut all: Vec<String> = named.chain(OTHERS.map(str::to_owned)).collect();
    all.push(format!("{}/", "n".repeat(256)));
    all.push(format!("dir/{}", "n".repeat(256)));
    all
}

/// The same things in each.
struct Tree(Sandbox);

impl Tree {
    fn new() -> Tree {
        let sandbox = Sandbox::new();
        let mount = sandbox.mount();
        std::fs::create_dir(mount.join("dir")).unwrap();
        std::fs::create_dir(mount.join("full")).unwrap();
        std::fs::write(mount.join("full/inner"), "inner").unwrap();
        for (target, link) in [("file", "to_file"), ("dir", "to_dir"), ("nowhere", "dangling")] {
            std::os::unix::fs::symlink(target, mount.join(link)).unwrap();
        }
        Tree(sandbox)
    }

    fn open(&self) -> OwnedFd {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        os::open(self.0.mount(), flags, Mode::empty()).unwrap()
    }

    /// Each name with what it is, and the time 1 where it has been set.
    fn list(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut left = vec![self.0.mount()];
        while let Some(path) = left.pop() {
            let meta = path.symlink_metadata().unwrap();
            let modified = meta.modified().unwrap() == std::time::UNIX_EPOCH;
            let name = path.strip_prefix(self.0.mount()).unwrap().display().to_string();
            let (kind, len) = (meta.file_type(), if meta.is_dir() { 0 } else { meta.len() });
            found.push(format!("{name} {kind:?} {len} {modified}"));
            if meta.is_dir() {
                left.extend(path.read_dir().unwrap().map(|entry| entry.unwrap().path()));
            }
        }
        found.sort();
        found
    }
}

/// A call: in a world, and of the system.
type Call =
    (&'static str, fn(FileId, String) -> FsCommand, fn(BorrowedFd<'_>, &str) -> io::Result<()>);

const EPOCH: NewTime = NewTime::At(0);

fn times() -> Timestamps {
    let epoch = Timespec { tv_sec: 0, tv_nsec: 0 };
    Timestamps { last_access: epoch, last_modification: epoch }
}

fn open(dir: FileId, path: String, follow: bool, flags: OpenFlags) -> FsCommand {
    FsCommand::Open { dir, path, follow, flags }
}

fn open_os(dir: BorrowedFd<'_>, path: &str, flags: OFlags) -> io::Result<()> {
    os::openat(dir, path, flags | OFlags::NONBLOCK, Mode::from_raw_mode(0o666))?;
    Ok(())
}

/// Where POSIX and Linux say different things of a new name with a slash: that
/// what is there already is no directory.
fn leaf(dir: BorrowedFd<'_>, path: &str) -> io::Result<()> {
    if path.ends_with('/')
        && let Ok(name) = fs::name::Name::new(path)
        && name.end == fs::name::End::Slash
        && let Ok(stat) = os::statat(dir, name.path, AtFlags::empty())
        && os::FileType::from_raw_mode(stat.st_mode) != os::FileType::Directory
    {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    Ok(())
}

const CALLS: &[Call] = &[
    (
        "open",
        |dir, path| open(dir, path, true, READ),
        |dir, path| open_os(dir, path, OFlags::RDONLY),
    ),
    (
        "open without following",
        |dir, path| open(dir, path, false, READ),
        |dir, path| open_os(dir, path, OFlags::RDONLY | OFlags::NOFOLLOW),
    ),
    (
        "open to write",
        |dir, path| open(dir, path, true, WRITE),
        |dir, path| open_os(dir, path, OFlags::RDWR),
    ),
    (
        "open a directory",
        |dir, path| open(dir, path, true, OpenFlags { directory: true, ..READ }),
        |dir, path| open_os(dir, path, OFlags::RDONLY | OFlags::DIRECTORY),
    ),
    (
        "create",
        |dir, path| open(dir, path, true, CREATE),
        |dir, path| open_os(dir, path, OFlags::RDWR | OFlags::CREATE),
    ),
    (
        "create anew",
        |dir, path| open(dir, path, true, OpenFlags { exclusive: true, ..CREATE }),
        |dir, path| open_os(dir, path, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL),
    ),
    (
        "truncate",
        |dir, path| open(dir, path, true, OpenFlags { truncate: true, ..WRITE }),
        |dir, path| open_os(dir, path, OFlags::RDWR | OFlags::TRUNC),
    ),
    (
        "stat",
        |dir, path| FsCommand::StatAt { dir, path, follow: true },
        |dir, path| Ok(os::statat(dir, path, AtFlags::empty()).map(drop)?),
    ),
    (
        "lstat",
        |dir, path| FsCommand::StatAt { dir, path, follow: false },
        |dir, path| Ok(os::statat(dir, path, AtFlags::SYMLINK_NOFOLLOW).map(drop)?),
    ),
    (
        "set times",
        |dir, path| FsCommand::SetTimesAt {
            dir,
            path,
            follow: true,
            accessed: EPOCH,
            modified: EPOCH,
        },
        |dir, path| Ok(os::utimensat(dir, path, &times(), AtFlags::empty())?),
    ),
    (
        "set times without following",
        |dir, path| FsCommand::SetTimesAt {
            dir,
            path,
            follow: false,
            accessed: EPOCH,
            modified: EPOCH,
        },
        |dir, path| Ok(os::utimensat(dir, path, &times(), AtFlags::SYMLINK_NOFOLLOW)?),
    ),
    (
        "mkdir",
        |dir, path| FsCommand::CreateDir { dir, path },
        |dir, path| Ok(os::mkdirat(dir, path, Mode::from_raw_mode(0o777))?),
    ),
    (
        "rmdir",
        |dir, path| FsCommand::RemoveDir { dir, path },
        |dir, path| Ok(os::unlinkat(dir, path, AtFlags::REMOVEDIR)?),
    ),
    (
        "unlink",
        |dir, path| FsCommand::Unlink { dir, path },
        |dir, path| Ok(os::unlinkat(dir, path, AtFlags::empty())?),
    ),
    (
        "readlink",
        |dir, path| FsCommand::ReadLink { dir, path },
        |dir, path| Ok(os::readlinkat(dir, path, Vec::new()).map(drop)?),
    ),
    (
        "symlink",
        |dir, path| FsCommand::Symlink { target: "file".to_owned(), dir, path },
        |dir, path| leaf(dir, path).and_then(|()| Ok(os::symlinkat("file", dir, path)?)),
    ),
    (
        "link from",
        |dir, path| FsCommand::Link {
            dir,
            path,
            follow: false,
            to_dir: dir,
            to_path: "new".to_owned(),
        },
        |dir, path| Ok(os::linkat(dir, path, dir, "new", AtFlags::empty())?),
    ),
    (
        "link following",
        |dir, path| FsCommand::Link {
            dir,
            path,
            follow: true,
            to_dir: dir,
            to_path: "new".to_owned(),
        },
        |dir, path| Ok(os::linkat(dir, path, dir, "new", AtFlags::SYMLINK_FOLLOW)?),
    ),
    (
        "link to",
        |dir, path| FsCommand::Link {
            dir,
            path: "file".to_owned(),
            follow: false,
            to_dir: dir,
            to_path: path,
        },
        |dir, path| {
            leaf(dir, path)?;
            Ok(os::linkat(dir, "file", dir, path, AtFlags::empty())?)
        },
    ),
    (
        "link a directory to",
        |dir, path| FsCommand::Link {
            dir,
            path: "dir/".to_owned(),
            follow: false,
            to_dir: dir,
            to_path: path,
        },
        |dir, path| {
            leaf(dir, path)?;
            Ok(os::linkat(dir, "dir/", dir, path, AtFlags::empty())?)
        },
    ),
    (
        "rename from",
        |dir, path| FsCommand::Rename { dir, path, to_dir: dir, to_path: "new".to_owned() },
        |dir, path| Ok(os::renameat(dir, path, dir, "new")?),
    ),
    (
        "rename from to a directory's form",
        |dir, path| FsCommand::Rename { dir, path, to_dir: dir, to_path: "new/".to_owned() },
        |dir, path| Ok(os::renameat(dir, path, dir, "new/")?),
    ),
    (
        "rename a file to",
        |dir, path| FsCommand::Rename { dir, path: "file".to_owned(), to_dir: dir, to_path: path },
        |dir, path| Ok(os::renameat(dir, "file", dir, path)?),
    ),
    (
        "rename a directory to",
        |dir, path| FsCommand::Rename { dir, path: "full/".to_owned(), to_dir: dir, to_path: path },
        |dir, path| Ok(os::renameat(dir, "full/", dir, path)?),
    ),
];

#[test]
fn the_end_of_a_path_means_what_it_means_to_the_system() {
    let mut wrong = Vec::new();
    let (mut ours, mut theirs) = (Tree::new(), Tree::new());
    let before = ours.list();
    assert_eq!(before, theirs.list());
    for (name, command, call) in CALLS {
        for path in forms() {
            let world = SystemDispatcher::new(Streams::default());
            let dir = world.add_dir(ours.0.dir(), false);
            let found = world.at(command(dir, path.clone())).map(drop);
            let expected = call(theirs.open().as_fd(), &path).map_err(Errno::from);
            if found != expected {
                wrong.push(format!("{name} {path:?}: {found:?}, expected {expected:?}"));
            }
            let (left, right) = (ours.list(), theirs.list());
            if left != right {
                wrong.push(format!("{name} {path:?} leaves {left:#?}, expected {right:#?}"));
            }
            if left != before || right != before {
                (ours, theirs) = (Tree::new(), Tree::new());
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// The target of a link at the end is never reached from outside of the
/// directory, whatever stands behind its name.
#[test]
fn no_end_of_a_path_makes_a_link_lead_out() {
    for target in ["../outside", "../outside/", "../outside/.", "..", "../"] {
        for end in ["", "/", "//", "/.", "/./"] {
            for (name, command, _) in CALLS {
                let sandbox = Sandbox::new();
                std::fs::create_dir(sandbox.mount().join("full")).unwrap();
                std::os::unix::fs::symlink(target, sandbox.mount().join("out")).unwrap();
                let outside = sandbox.outside().metadata().unwrap();
                let (world, dir, _) = sandbox.world();
                let done = world.at(command(dir, format!("out{end}")));
                let shown = format!("{name} out{end}, a link to {target}: {done:?}");
                if let Ok(Reply::Stat(stat)) = &done {
                    assert_eq!(stat.kind, FileKind::SymbolicLink, "{shown}");
                }
                assert!(!matches!(done, Ok(Reply::File { .. })), "{shown}");
                let after = sandbox.outside().metadata().unwrap();
                assert_eq!(after.modified().unwrap(), outside.modified().unwrap(), "{shown}");
                assert!(sandbox.outside().join("secret").exists(), "{shown}");
            }
        }
    }
}
