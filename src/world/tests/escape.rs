//! Paths that try to leave, or to do harm otherwise.

use super::*;
use crate::command::NewTime;

/// Every path, and the error of opening it. Those that end in `NoEntry` are only
/// odd names.
#[cfg(unix)]
fn hostile() -> Vec<(String, Errno)> {
    use Errno::{Loop, NameTooLong, NoEntry, NotPermitted};
    let mut paths: Vec<(String, Errno)> = [
        // Dots.
        ("..", NotPermitted),
        ("../", NotPermitted),
        ("../.", NotPermitted),
        ("./..", NotPermitted),
        ("..//", NotPermitted),
        ("../..", NotPermitted),
        ("../outside", NotPermitted),
        ("../outside/secret", NotPermitted),
        ("../mount/file", NotPermitted),
        ("../mount", NotPermitted),
        (".//../outside/secret", NotPermitted),
        ("./././../outside/secret", NotPermitted),
        ("sub/../../outside/secret", NotPermitted),
        ("sub/deep/../../../outside/secret", NotPermitted),
        ("sub/.././../outside/secret", NotPermitted),
        ("sub//..//..//outside//secret", NotPermitted),
        ("sub/../../mount/file", NotPermitted),
        ("../../../../../../../../../../../../etc/passwd", NotPermitted),
        // Absolute.
        ("/", NotPermitted),
        ("//", NotPermitted),
        ("/.", NotPermitted),
        ("/..", NotPermitted),
        ("/etc/passwd", NotPermitted),
        ("//etc/passwd", NotPermitted),
        ("/file", NotPermitted),
        ("/sub/../../etc/passwd", NotPermitted),
        ("/proc/self/environ", NotPermitted),
        ("/proc/self/root/etc/passwd", NotPermitted),
        ("/proc/self/cwd", NotPermitted),
        ("/proc/self/fd/0", NotPermitted),
        ("/dev/stdin", NotPermitted),
        ("/dev/fd/0", NotPermitted),
        // Links, prepared below.
        ("up", NotPermitted),
        ("up/", NotPermitted),
        ("up/.", NotPermitted),
        ("up/..", NotPermitted),
        ("up/outside/secret", NotPermitted),
        ("up/mount/file", NotPermitted),
        ("up/../etc/passwd", NotPermitted),
        ("to_secret", NotPermitted),
        ("to_outside", NotPermitted),
        ("to_outside/secret", NotPermitted),
        ("to_outside/../mount/file", NotPermitted),
        ("absolute", NotPermitted),
        ("root", NotPermitted),
        ("root/etc/passwd", NotPermitted),
        ("proc", NotPermitted),
        ("chain3", NotPermitted),
        ("sub/up2", NotPermitted),
        ("sub/up2/outside/secret", NotPermitted),
        ("sub/deep/twice/up/outside/secret", NotPermitted),
        ("other", NotPermitted),
        ("other/other_file", NotPermitted),
        ("other_link", NotPermitted),
        ("dangling_out", NotPermitted),
        ("inside_by_outside", NotPermitted),
        // Without end.
        ("loop", Loop),
        ("loop/x", Loop),
        ("ping", Loop),
        ("sub/self/self/self/loop", Loop),
        ("deep_chain", Loop),
        // NUL.
        ("\0", Errno::Invalid),
        ("file\0", Errno::Invalid),
        ("file\0/../../outside/secret", Errno::Invalid),
        ("../outside/secret\0", Errno::Invalid),
        ("sub\0/inner", Errno::Invalid),
        // Names that mean something only to others.
        ("proc/self/environ", NotPermitted),
        ("self/root", NoEntry),
        ("dev/null", NoEntry),
        ("...", NoEntry),
        (".../outside/secret", NoEntry),
        (".. /outside/secret", NoEntry),
        (" ../outside/secret", NoEntry),
        ("..\\outside\\secret", NoEntry),
        ("..%2foutside%2fsecret", NoEntry),
        ("%2e%2e/outside/secret", NoEntry),
        ("\u{ff0e}\u{ff0e}/outside/secret", NoEntry),
        ("..\u{2215}outside", NoEntry),
        ("..;/outside/secret", NoEntry),
        ("~/secret", NoEntry),
        ("$HOME", NoEntry),
        ("C:\\Windows\\win.ini", NoEntry),
        ("\\\\?\\C:\\", NoEntry),
        ("file:///etc/passwd", NoEntry),
        ("-rf", NoEntry),
        ("none/../../outside/secret", NoEntry),
        ("", NoEntry),
    ]
    .map(|(path, errno)| (path.to_owned(), errno))
    .into();
    // Long ones.
    paths.extend([
        ("../".repeat(1000), NotPermitted),
        (format!("{}../outside/secret", "sub/../".repeat(500)), NotPermitted),
        ("a".repeat(256), NameTooLong),
        (format!("sub/{}/x", "b".repeat(1000)), NameTooLong),
        (format!("{}file", "./".repeat(3000)), NameTooLong),
        ("../".repeat(2000), NameTooLong),
        ("x/".repeat(1 << 20), NameTooLong),
        (format!("{}\0", "y".repeat(100)), Errno::Invalid),
    ]);
    paths
}

#[cfg(unix)]
fn prepare(sandbox: &Sandbox) {
    let mount = sandbox.mount();
    let link = |target: &str, path: &str| {
        std::os::unix::fs::symlink(target, mount.join(path)).unwrap();
    };
    std::fs::create_dir(sandbox.outside().join("other")).unwrap();
    std::fs::write(sandbox.outside().join("other/other_file"), SECRET).unwrap();
    link("..", "up");
    link("../outside/secret", "to_secret");
    link("../outside", "to_outside");
    let absolute = sandbox.outside().join("secret");
    link(absolute.to_str().unwrap(), "absolute");
    link("/", "root");
    link("/proc", "proc");
    link("chain2", "chain3");
    link("sub/../chain1", "chain2");
    link("./sub/deep/../../up/outside", "chain1");
    link("../..", "sub/up2");
    link("../..", "sub/deep/twice");
    link("../outside/other", "other");
    link("other/other_file", "other_link");
    link("../outside/not_there", "dangling_out");
    link("../mount/file", "inside_by_outside");
    link("loop", "loop");
    link("pong", "ping");
    link("ping", "pong");
    link(".", "sub/self");
    link("../loop", "sub/loop");
    link("link0", "deep_chain");
    for i in 0..60 {
        link(&format!("link{}", i + 1), &format!("link{i}"));
    }
    link("file", "link60");
}

/// All names and contents below a directory.
#[cfg(unix)]
fn tree(path: &Path) -> Vec<(PathBuf, Vec<u8>, std::time::SystemTime)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        if path.is_dir() {
            found.push((path.clone(), Vec::new(), modified));
            found.extend(tree(&path));
        } else {
            found.push((path.clone(), std::fs::read(&path).unwrap(), modified));
        }
    }
    found.sort();
    found
}

#[test]
#[cfg(unix)]
fn no_path_leaves_its_directory() {
    let sandbox = Sandbox::new();
    prepare(&sandbox);
    let (world, writable, fixed) = sandbox.world();
    // To have a directory as well does not make a link into it lead anywhere.
    world.add_dir(open_dir(&sandbox.outside().join("other")), false);
    let before = tree(&sandbox.outside());
    let paths = hostile();
    assert!(paths.len() >= 60);
    for (path, errno) in &paths {
        let errno = *errno;
        let shown: String = path.chars().take(60).collect();
        for dir in [writable, fixed] {
            assert_eq!(world.get(dir, path, READ), Err(errno), "open {shown:?}");
            assert_eq!(world.stat_at(dir, path, true), Err(errno), "stat {shown:?}");
            let beyond = format!("{path}/x");
            assert!(world.get(dir, &beyond, READ).is_err(), "open {shown:?}/x");
            assert!(world.stat_at(dir, &beyond, false).is_err(), "stat {shown:?}/x");
            let directory = OpenFlags { directory: true, ..READ };
            assert!(world.get(dir, path, directory).is_err(), "directory {shown:?}");
        }
        let target = world.at(FsCommand::ReadLink { dir: fixed, path: path.clone() });
        if let Ok(Reply::Text(target)) = target {
            assert!(!target.starts_with('/'), "{shown:?} tells {target}");
        }
    }
    // Odd names may well be created, and are there from then on.
    for (path, errno) in paths {
        let shown: String = path.chars().take(60).collect();
        for command in changes(writable, &path) {
            let result = world.at(command.clone());
            let odd = errno == Errno::NoEntry;
            assert!(odd || result.is_err(), "{shown:?}: {result:?}");
            if errno == Errno::NotPermitted {
                let expected = [
                    Errno::NotPermitted,
                    // What is said of the other path, or of the last dots.
                    Errno::Exist,
                    Errno::IsDirectory,
                ];
                assert!(expected.contains(&result.unwrap_err()), "{command:?}");
            }
        }
        for command in changes(fixed, &path) {
            assert_eq!(world.at(command), Err(Errno::ReadOnly), "{shown:?}");
        }
        assert_eq!(tree(&sandbox.outside()), before, "{shown:?}");
    }
}

/// Whatever could change something at or below a path.
#[cfg(unix)]
fn changes(dir: FileId, path: &str) -> Vec<FsCommand> {
    use FsCommand as C;
    let (path, below) = (path.to_owned(), |name: &str| format!("{path}/{name}"));
    let (file, got) = (|| "file".to_owned(), || "sub/got".to_owned());
    let open = |path: &str, flags| C::Open { dir, path: path.to_owned(), follow: true, flags };
    let cut = OpenFlags { truncate: true, ..READ };
    let (accessed, modified) = (NewTime::At(1), NewTime::At(1));
    vec![
        open(&path, WRITE),
        open(&path, CREATE),
        open(&path, cut),
        open(&below("new"), CREATE),
        open(&below("secret"), cut),
        C::SetTimesAt { dir, path: path.clone(), follow: true, accessed, modified },
        C::SetTimesAt { dir, path: below("secret"), follow: false, accessed, modified },
        C::CreateDir { dir, path: below("new") },
        C::RemoveDir { dir, path: below("dir") },
        C::Unlink { dir, path: below("secret") },
        C::Symlink { target: "x".to_owned(), dir, path: below("new") },
        C::Rename { dir, path: file(), to_dir: dir, to_path: below("new") },
        C::Rename { dir, path: below("secret"), to_dir: dir, to_path: got() },
        C::Link { dir, path: file(), follow: false, to_dir: dir, to_path: below("new") },
        C::Link { dir, path: below("secret"), follow: false, to_dir: dir, to_path: got() },
        C::Link { dir, path: path.clone(), follow: true, to_dir: dir, to_path: got() },
    ]
}

#[test]
fn links_to_absolute_paths_are_not_made() {
    let sandbox = Sandbox::new();
    let (world, dir, _) = sandbox.world();
    for target in ["/", "/etc/passwd", "//x", "/../x"] {
        let path = "link".to_owned();
        let made = world.at(FsCommand::Symlink { target: target.to_owned(), dir, path });
        assert_eq!(made, Err(Errno::NotPermitted), "{target}");
    }
    for target in ["a\0b".to_owned(), "a".repeat(1 << 17)] {
        let path = "link".to_owned();
        let made = world.at(FsCommand::Symlink { target, dir, path });
        assert!(matches!(made, Err(Errno::Invalid | Errno::NameTooLong)), "{made:?}");
    }
}

/// The links in `/proc` lead anywhere without being paths.
#[test]
#[cfg(target_os = "linux")]
fn magic_links_are_not_followed() {
    let world = SystemDispatcher::new(Streams::default());
    let proc = world.add_dir(open_dir(Path::new("/proc")), true);
    for path in ["self/root", "self/root/etc/passwd", "self/cwd", "self/cwd/Cargo.toml", "self/exe"]
    {
        let found = world.get(proc, path, READ);
        assert!(matches!(found, Err(Errno::Loop | Errno::NotPermitted)), "{path}: {found:?}");
    }
    let found = world.get(proc, "self/fd/0", READ);
    assert!(matches!(found, Err(Errno::Loop | Errno::NotPermitted)), "{found:?}");
    // Files that say they are empty can be read all the same.
    let file = world.get(proc, "self/status", READ).unwrap();
    assert!(world.read(file, 0, 1000).unwrap().starts_with("Name:"));
}
