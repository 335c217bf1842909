//! A guest that puts a link in the place of another entry's directory.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use wippy::artifact::Hash;

/// A project that is gone with the test.
struct App(PathBuf);

impl App {
    /// `a` may write `data`; `b` reads `data/sub`.
    fn new() -> App {
        let path = std::env::temp_dir().join(format!("wippy-swap-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        for dir in ["src", "wasm", "data/sub"] {
            fs::create_dir_all(path.join(dir)).unwrap();
        }
        let mut entries = "namespace: app\nentries:\n".to_owned();
        for (name, dir) in [("wasm", "./wasm"), ("data", "./data"), ("sub", "./data/sub")] {
            entries += &format!("  - {{name: {name}, kind: fs.directory, directory: {dir}}}\n");
        }
        entries += "  - {name: processes, kind: process.host}\n";
        entries += "  - {name: terminal, kind: terminal.host}\n";
        for (name, module, fs, text) in [
            ("a", "swap", "data", include_str!("../fixtures/places/swap.wat")),
            ("b", "read", "sub", include_str!("../fixtures/places/read.wat")),
        ] {
            fs::write(path.join(format!("wasm/{module}.wat")), text).unwrap();
            let hash = Hash::of(text.as_bytes());
            entries += &format!(
                "  - name: {name}\n    kind: process.wasm\n    meta:\n      \
                 command: {{name: {module}, short: it}}\n    fs: app:wasm\n    \
                 path: /{module}.wat\n    hash: {hash}\n    method: run\n    \
                 imports: [wasi1, \"wasi:cli\", \"wasi:filesystem\", \"wasi:io\"]\n    \
                 wasi:\n      mounts:\n        - {{fs: app:{fs}, guest: /}}\n"
            );
        }
        fs::write(path.join("src/_index.yaml"), entries).unwrap();
        fs::write(path.join("wippy.lock"), "").unwrap();
        fs::write(path.join("secret"), "not for guests").unwrap();
        fs::write(path.join("data/sub/secret"), "for b").unwrap();
        App(path)
    }

    fn run(&self, command: &str) -> (Option<i32>, String, String) {
        let mut wippy = Command::new(env!("CARGO_BIN_EXE_conformance"));
        wippy.env(conformance::wasi::AS_WIPPY, "1").env_remove("RUST_BACKTRACE");
        wippy.arg("-C").arg(&self.0).args(["run", command]).stdin(Stdio::null());
        let output = wippy.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
#[cfg(unix)]
fn the_next_start_does_not_follow_a_guests_link() {
    let app = App::new();
    assert_eq!(app.run("read"), (Some(0), "for b".to_owned(), String::new()));
    fs::remove_file(app.0.join("data/sub/secret")).unwrap();
    assert_eq!(app.run("swap"), (Some(0), String::new(), String::new()));
    assert_eq!(fs::read_to_string(app.0.join("data/sub/secret")).unwrap(), "not for guests");
    let (code, stdout, stderr) = app.run("read");
    assert_eq!((code, &*stdout), (Some(3), ""), "{stderr}");
    assert!(stderr.contains("data/sub\" is a link that a guest may have made"), "{stderr}");
    // Others are not disturbed.
    assert_eq!(app.run("swap").0, Some(54), "sub is no directory");
}
