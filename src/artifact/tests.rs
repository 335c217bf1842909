use super::*;
use cap_std::{ambient_authority, fs::Dir};
use std::path::PathBuf;

const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// A directory that goes away with the test.
struct Sandbox(PathBuf);

impl Sandbox {
    fn new(name: &str) -> Sandbox {
        let path = std::env::temp_dir().join(format!("wippy-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(path.join("in/sub")).unwrap();
        std::fs::write(path.join("outside.wasm"), MODULE).unwrap();
        std::fs::write(path.join("in/worker.wasm"), MODULE).unwrap();
        Sandbox(path)
    }

    fn read(&self, path: &str) -> Result<Artifact, ArtifactError> {
        let dir = Dir::open_ambient_dir(self.0.join("in"), ambient_authority()).unwrap();
        Artifact::read(&dir, path, None, 100)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_leading_slash_means_the_directory() {
    let sandbox = Sandbox::new("slash");
    for path in ["/worker.wasm", "worker.wasm", "./sub/../worker.wasm"] {
        let artifact = sandbox.read(path).unwrap();
        assert_eq!((artifact.kind, &*artifact.bytes), (ArtifactKind::Core, MODULE));
    }
}

#[test]
fn the_hash_is_checked_before_the_content() {
    let wrong = Hash::of(b"something else");
    let sandbox = Sandbox::new("hash");
    std::fs::write(sandbox.0.join("in/page.wasm"), "<html>").unwrap();
    let dir = Dir::open_ambient_dir(sandbox.0.join("in"), ambient_authority()).unwrap();
    let error = Artifact::read(&dir, "/page.wasm", Some(&wrong), 100).unwrap_err();
    assert!(matches!(error, ArtifactError::Hash { .. }));
    assert_eq!(error.field(), "hash");
    assert_eq!(error.expected(), wrong.to_string());
    let line = format!("hash: sha256:{}", sha256_hex(b"<html>"));
    assert!(error.fix().ends_with(&line), "{error}");
}

#[test]
#[cfg(unix)]
fn nothing_leads_out_of_the_directory() {
    let sandbox = Sandbox::new("escape");
    let link = |to: &str, name: &str| {
        std::os::unix::fs::symlink(to, sandbox.0.join("in").join(name)).unwrap();
    };
    link("../outside.wasm", "up.wasm");
    link("/etc/passwd", "absolute.wasm");
    link("..", "parent");
    link("worker.wasm", "inside.wasm");
    for path in [
        "../outside.wasm",
        "/sub/../../outside.wasm",
        "up.wasm",
        "absolute.wasm",
        "parent/outside.wasm",
    ] {
        assert_eq!(sandbox.read(path).unwrap_err(), ArtifactError::Escapes(path.into()));
    }
    assert!(sandbox.read("inside.wasm").is_ok());
}

#[test]
fn what_is_no_file_says_so() {
    let sandbox = Sandbox::new("nofile");
    let found = |path: &str| sandbox.read(path).unwrap_err().found();
    assert_eq!(found("/sub"), "\"/sub\", which is not a file");
    assert_eq!(found("/"), "\"/\", which is not a file");
    assert_eq!(found("/none.wasm"), "\"/none.wasm\", which does not exist");
    assert!(found("/worker.wasm/x").contains("not a directory"));
    assert!(!found("/a\0b").is_empty());
    let error = sandbox.read("/wroker.wasm").unwrap_err();
    assert_eq!(error.fix(), "did you mean /worker.wasm?");
}

#[test]
#[cfg(target_os = "linux")]
fn a_loop_of_links_ends() {
    let sandbox = Sandbox::new("loop");
    std::os::unix::fs::symlink("loop", sandbox.0.join("in/loop")).unwrap();
    assert!(matches!(sandbox.read("loop"), Err(ArtifactError::Unreadable { .. })));
}

#[test]
fn the_size_is_limited() {
    let sandbox = Sandbox::new("size");
    std::fs::write(sandbox.0.join("in/large.wasm"), [0; 101]).unwrap();
    let error = sandbox.read("large.wasm").unwrap_err();
    assert_eq!(error, ArtifactError::TooLarge { path: "large.wasm".into(), max: 100 });
}

#[test]
fn a_file_can_be_named_directly() {
    let sandbox = Sandbox::new("direct");
    let artifact = Artifact::from_file(sandbox.0.join("outside.wasm")).unwrap();
    assert_eq!(artifact.hash, Hash::of(MODULE));
    let error = Artifact::from_file(sandbox.0.join("none.wasm")).unwrap_err();
    assert!(matches!(error, ArtifactError::NotFound { .. }));
}

#[cfg(unix)]
#[test]
fn what_is_for_the_machine_may_pass() {
    use super::read::passing;
    // EIO, ENOMEM, ENFILE, EMFILE; ENOENT, EACCES, ENOTDIR, EISDIR.
    for (codes, expected) in [([5, 12, 23, 24], true), ([2, 13, 20, 21], false)] {
        for code in codes {
            assert_eq!(passing(&std::io::Error::from_raw_os_error(code)), expected, "{code}");
        }
    }
    let (path, why) = ("/x.wasm".to_owned(), "too many open files".to_owned());
    let error = ArtifactError::Unreadable { path, why, passing: true };
    assert!(error.may_pass());
    assert_eq!(error.fix(), "look at the machine, and try again");
    assert!(!ArtifactError::NotAFile("/x".to_owned()).may_pass());
}
