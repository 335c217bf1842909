//! Renaming, hard links and symbolic links.

use super::*;
use crate::command::NewTime;

fn rename(
    world: &SystemDispatcher,
    dir: FileId,
    path: &str,
    to_dir: FileId,
    to: &str,
) -> Result<Reply, Errno> {
    world.at(FsCommand::Rename { dir, path: path.to_owned(), to_dir, to_path: to.to_owned() })
}

fn link(
    world: &SystemDispatcher,
    dir: FileId,
    path: &str,
    to_dir: FileId,
    to: &str,
) -> Result<Reply, Errno> {
    let (path, to_path) = (path.to_owned(), to.to_owned());
    world.at(FsCommand::Link { dir, path, follow: false, to_dir, to_path })
}

fn symlink(
    world: &SystemDispatcher,
    target: &str,
    dir: FileId,
    path: &str,
) -> Result<Reply, Errno> {
    world.at(FsCommand::Symlink { target: target.to_owned(), dir, path: path.to_owned() })
}

fn read_link(world: &SystemDispatcher, dir: FileId, path: &str) -> Result<String, Errno> {
    match world.at(FsCommand::ReadLink { dir, path: path.to_owned() })? {
        Reply::Text(text) => Ok(text),
        other => panic!("{other:?}"),
    }
}

#[test]
fn names_change() {
    let sandbox = Sandbox::new();
    let (world, dir, fixed) = sandbox.world();
    let sub = world.get(dir, "sub", READ).unwrap();
    let done = Ok(Reply::Done);
    assert_eq!(rename(&world, dir, "file", sub, "moved"), done);
    assert_eq!(world.stat_at(dir, "sub/moved", false).unwrap().size, 5);
    assert_eq!(rename(&world, sub, "moved", sub, "inner"), done);
    assert_eq!(rename(&world, dir, "sub/deep/", dir, "shallow/"), done);
    assert_eq!(rename(&world, dir, "none", dir, "x"), Err(Errno::NoEntry));
    assert_eq!(rename(&world, dir, "sub", dir, "sub/x"), Err(Errno::Invalid));
    assert_eq!(rename(&world, sub, "inner", dir, "shallow"), Err(Errno::IsDirectory));
    assert_eq!(rename(&world, dir, "shallow", sub, "inner"), Err(Errno::NotDirectory));
    assert_eq!(rename(&world, dir, "sub/inner/", dir, "x"), Err(Errno::NotDirectory));
    assert_eq!(rename(&world, dir, "shallow", dir, "sub"), Err(Errno::NotEmpty));
    assert_eq!(rename(&world, dir, "", dir, "x"), Err(Errno::NoEntry));
    assert_eq!(rename(&world, dir, "sub", dir, ""), Err(Errno::NoEntry));
    for (from, to) in [(dir, fixed), (fixed, dir), (fixed, fixed)] {
        assert_eq!(rename(&world, from, "sub", to, "x"), Err(Errno::ReadOnly));
    }
}

#[test]
fn a_file_has_several_names() {
    let sandbox = Sandbox::new();
    let (world, dir, fixed) = sandbox.world();
    let sub = world.get(dir, "sub", READ).unwrap();
    assert_eq!(link(&world, dir, "file", sub, "again"), Ok(Reply::Done));
    let (a, b) = (world.stat_at(dir, "file", false), world.stat_at(sub, "again", false));
    assert_eq!(a, b);
    assert_eq!(a.unwrap().links, 2);
    assert_eq!(link(&world, dir, "file", sub, "again"), Err(Errno::Exist));
    assert_eq!(link(&world, dir, "file", dir, "file"), Err(Errno::Exist));
    assert_eq!(link(&world, dir, "none", dir, "x"), Err(Errno::NoEntry));
    assert_eq!(link(&world, dir, "", dir, "x"), Err(Errno::NoEntry));
    assert_eq!(link(&world, dir, "file", dir, ""), Err(Errno::NoEntry));
    assert_eq!(link(&world, dir, "file", dir, "x/"), Err(Errno::NoEntry));
    assert_eq!(link(&world, dir, "sub", dir, "x"), Err(Errno::NotPermitted));
    assert_eq!(link(&world, dir, ".", dir, "x"), Err(Errno::NotPermitted));
    // The file of a read-only directory could be written through its new name.
    for (from, to) in [(fixed, dir), (dir, fixed), (fixed, fixed)] {
        assert_eq!(link(&world, from, "file", to, "x"), Err(Errno::ReadOnly));
    }
}

#[test]
#[cfg(unix)]
fn links_are_followed_when_asked() {
    let sandbox = Sandbox::new();
    let (world, dir, _) = sandbox.world();
    assert_eq!(symlink(&world, "sub/inner", dir, "link"), Ok(Reply::Done));
    assert_eq!(symlink(&world, "gone", dir, "dangling"), Ok(Reply::Done));
    assert_eq!(symlink(&world, "loop", dir, "loop"), Ok(Reply::Done));
    assert_eq!(symlink(&world, "sub", dir, "dir"), Ok(Reply::Done));
    let kind = |path, follow| world.stat_at(dir, path, follow).map(|stat| stat.kind);
    assert_eq!(kind("link", false), Ok(FileKind::SymbolicLink));
    assert_eq!(kind("link", true), Ok(FileKind::RegularFile));
    assert_eq!(kind("dangling", false), Ok(FileKind::SymbolicLink));
    assert_eq!(kind("dangling", true), Err(Errno::NoEntry));
    assert_eq!(kind("loop", true), Err(Errno::Loop));
    assert_eq!(kind("dir/inner", false), Ok(FileKind::RegularFile));
    assert_eq!(world.stat_at(dir, "link", false).unwrap().size, 9);
    let directory = OpenFlags { directory: true, ..READ };
    let exclusive = OpenFlags { exclusive: true, ..CREATE };
    for (path, follow, flags, expected) in [
        ("link", true, READ, Ok(())),
        ("link", false, READ, Err(Errno::Loop)),
        ("link", true, exclusive, Err(Errno::Exist)),
        ("dir", true, directory, Ok(())),
        ("dir", false, directory, Err(Errno::NotDirectory)),
        ("dir", false, READ, Err(Errno::Loop)),
        ("link", true, directory, Err(Errno::NotDirectory)),
        ("dangling", true, READ, Err(Errno::NoEntry)),
        ("dangling", false, READ, Err(Errno::Loop)),
        ("loop", true, READ, Err(Errno::Loop)),
        ("dangling", true, CREATE, Ok(())),
    ] {
        let open = FsCommand::Open { dir, path: path.to_owned(), follow, flags };
        assert_eq!(world.at(open).map(drop), expected, "{path} {follow} {flags:?}");
    }
    assert!(sandbox.mount().join("gone").is_file());
}

#[test]
#[cfg(unix)]
fn links_themselves_can_be_handled() {
    let sandbox = Sandbox::new();
    let (world, dir, fixed) = sandbox.world();
    assert_eq!(symlink(&world, "file", dir, "link"), Ok(Reply::Done));
    assert_eq!(symlink(&world, "file", dir, "link"), Err(Errno::Exist));
    assert_eq!(symlink(&world, "x", dir, "none/link"), Err(Errno::NoEntry));
    assert_eq!(symlink(&world, "x", dir, "none/"), Err(Errno::NoEntry));
    assert_eq!(symlink(&world, "", dir, "empty"), Err(Errno::NoEntry));
    assert_eq!(symlink(&world, "x", fixed, "y"), Err(Errno::ReadOnly));
    assert_eq!(read_link(&world, fixed, "link").unwrap(), "file");
    assert_eq!(read_link(&world, dir, "file"), Err(Errno::Invalid));
    assert_eq!(read_link(&world, dir, "none"), Err(Errno::NoEntry));
    let times = |follow, time| {
        let (path, accessed) = ("link".to_owned(), NewTime::Keep);
        let modified = NewTime::At(time);
        world.at(FsCommand::SetTimesAt { dir, path, follow, accessed, modified })
    };
    assert_eq!((times(false, 1), times(true, 2)), (Ok(Reply::Done), Ok(Reply::Done)));
    assert_eq!(world.stat_at(dir, "link", false).unwrap().modified, Some(1));
    assert_eq!(world.stat_at(dir, "file", false).unwrap().modified, Some(2));
    let hard = |follow, to: &str| {
        let (path, to_path) = ("link".to_owned(), to.to_owned());
        world.at(FsCommand::Link { dir, path, follow, to_dir: dir, to_path })
    };
    assert_eq!((hard(false, "a"), hard(true, "b")), (Ok(Reply::Done), Ok(Reply::Done)));
    assert_eq!(world.stat_at(dir, "a", false).unwrap().kind, FileKind::SymbolicLink);
    assert_eq!(world.stat_at(dir, "b", false).unwrap().kind, FileKind::RegularFile);
    let unlink = FsCommand::Unlink { dir, path: "link".to_owned() };
    assert_eq!(world.at(unlink), Ok(Reply::Done));
    assert_eq!(world.stat_at(dir, "file", false).unwrap().size, 5);
    assert_eq!(symlink(&world, "sub", dir, "d"), Ok(Reply::Done));
    let remove = |path: &str| world.at(FsCommand::RemoveDir { dir, path: path.to_owned() });
    assert_eq!((remove("d"), remove("d/")), (Err(Errno::NotDirectory), Err(Errno::NotDirectory)));
}

#[test]
#[cfg(target_os = "linux")]
fn names_that_are_no_text_hide_nothing() {
    use std::os::unix::ffi::OsStrExt;
    let sandbox = Sandbox::new();
    let (world, dir, _) = sandbox.world();
    let name = std::ffi::OsStr::from_bytes(b"bad\xff");
    std::fs::write(sandbox.mount().join(name), "").unwrap();
    std::os::unix::fs::symlink(name, sandbox.mount().join("link")).unwrap();
    let names: Vec<String> = world.names(dir).unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["file", "link", "sub"]);
    assert_eq!(read_link(&world, dir, "link"), Err(Errno::IllegalByteSequence));
    assert_eq!(world.stat_at(dir, "link", true).unwrap().kind, FileKind::RegularFile);
}
