//! Between the check of a path and its use, somebody else changes it.
//!
//! A thread swaps a directory for a link that leads out, again and again, while
//! the world works on paths through it. How often it hits does not matter for the
//! result: no command may ever reach the other side.

use super::*;
use std::sync::atomic::AtomicBool;

/// Swaps `swapped` while `attack` runs.
fn swapping(sandbox: &Sandbox, mut attack: impl FnMut()) {
    let mount = sandbox.mount();
    std::fs::create_dir(mount.join("swapped")).unwrap();
    std::fs::write(mount.join("swapped/secret"), "mine").unwrap();
    std::os::unix::fs::symlink("../outside", mount.join("out")).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let swapper = scope.spawn(|| {
            let name = |name| mount.join(name);
            while !stop.load(Ordering::Relaxed) {
                let _ = std::fs::rename(name("swapped"), name("real"));
                let _ = std::fs::rename(name("out"), name("swapped"));
                let _ = std::fs::rename(name("swapped"), name("out"));
                let _ = std::fs::rename(name("real"), name("swapped"));
            }
        });
        for _ in 0..2000 {
            attack();
        }
        stop.store(true, Ordering::Relaxed);
        swapper.join().unwrap();
    });
}

#[test]
fn nothing_is_read_by_a_race() {
    let sandbox = Sandbox::new();
    let (world, dir, fixed) = sandbox.world();
    let secret = std::fs::metadata(sandbox.outside().join("secret")).unwrap();
    let inode = std::os::unix::fs::MetadataExt::ino(&secret);
    swapping(&sandbox, || {
        for dir in [dir, fixed] {
            if let Ok(file) = world.get(dir, "swapped/secret", READ) {
                assert_eq!(world.read(file, 0, 100).unwrap(), "mine");
                world.at(FsCommand::Close(file)).unwrap();
            }
            if let Ok(stat) = world.stat_at(dir, "swapped/secret", true) {
                assert_ne!(stat.inode, inode);
            }
            if let Ok(found) = world.get(dir, "swapped", OpenFlags { directory: true, ..READ }) {
                let names = world.names(found).unwrap();
                assert!(names.iter().all(|(name, _)| name == "secret" || name == "new"));
                world.at(FsCommand::Close(found)).unwrap();
            }
        }
    });
}

#[test]
fn nothing_is_changed_by_a_race() {
    let sandbox = Sandbox::new();
    let (world, dir, _) = sandbox.world();
    swapping(&sandbox, || {
        let path = || "swapped/new".to_owned();
        let cut = OpenFlags { truncate: true, ..CREATE };
        if let Ok(file) = world.get(dir, "swapped/secret", cut) {
            world.write(file, Some(0), "mine").unwrap();
            world.at(FsCommand::Close(file)).unwrap();
        }
        let _ = world.at(FsCommand::CreateDir { dir, path: path() });
        let _ = world.at(FsCommand::RemoveDir { dir, path: path() });
        let target = "x".to_owned();
        let _ = world.at(FsCommand::Symlink { target, dir, path: path() });
        let _ = world.at(FsCommand::Unlink { dir, path: path() });
        let to_path = path();
        let file = "file".to_owned();
        let _ = world.at(FsCommand::Link { dir, path: file, follow: false, to_dir: dir, to_path });
        let _ = world.at(FsCommand::Unlink { dir, path: path() });
    });
    assert_eq!(std::fs::read_to_string(sandbox.outside().join("secret")).unwrap(), SECRET);
    let mut names: Vec<_> = std::fs::read_dir(sandbox.outside())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["dir", "secret"]);
}
