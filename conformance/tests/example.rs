//! The example application `apps/files` and the samples of the documentation
//! (`fixtures/samples`), as a user runs them, and what a program
//! sees of the machine that it runs on.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// An application that is gone with the test.
struct App(PathBuf);

impl App {
    /// A copy of the files under other names.
    fn new(name: &str, files: &[(&str, &str)]) -> App {
        let from = Path::new(env!("CARGO_MANIFEST_DIR"));
        let copy =
            std::env::temp_dir().join(format!("wippy-example-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&copy);
        for (file, to) in files {
            let to = copy.join(to);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(from.join(file), to).unwrap();
        }
        App(copy)
    }

    fn example(name: &str) -> App {
        App::new(
            name,
            &[
                ("apps/files/wippy.lock", "wippy.lock"),
                ("apps/files/src/_index.yaml", "src/_index.yaml"),
                ("apps/files/src/files/_index.yaml", "src/files/_index.yaml"),
                ("apps/files/wasm/file-processor.wasm", "wasm/file-processor.wasm"),
                ("apps/files/input/input.csv", "input/input.csv"),
            ],
        )
    }

    fn change(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.0.join(file)).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(self.0.join(file), text.replace(from, to)).unwrap();
    }

    fn run(&self, words: &[&str]) -> (Option<i32>, String, String) {
        self.run_with("", words)
    }

    fn run_with(&self, stdin: &str, words: &[&str]) -> (Option<i32>, String, String) {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(stdin.as_bytes()).unwrap();
        drop(writer);
        let mut command = wippy();
        told(command.arg("-C").arg(&self.0).args(words).stdin(reader).output().unwrap())
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn wippy() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_conformance"));
    command.env(conformance::wasi::AS_WIPPY, "1").env_remove("RUST_BACKTRACE");
    command.stdin(Stdio::null());
    command
}

fn told(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_example_runs() {
    let app = App::example("runs");
    let (code, stdout, stderr) = app.run(&["check"]);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let done = "5 rows, total 4025, in /output/summary.json; /data is read-only\n";
    let input = fs::read(app.0.join("input/input.csv")).unwrap();
    let (code, stdout, stderr) = app.run(&["run", "process"]);
    assert_eq!((code, stdout.as_str()), (Some(0), done), "{stderr}");
    let summary = fs::read_to_string(app.0.join("output/summary.json")).unwrap();
    assert_eq!(summary, "{\"column\": \"amount\", \"rows\": 5, \"total\": 4025}\n");
    assert_eq!(fs::read(app.0.join("input/input.csv")).unwrap(), input);

    let (code, stdout, stderr) = app.run(&["run", "countdown"]);
    assert_eq!((code, stdout.as_str()), (Some(0), "3\n2\n1\nlift-off\n"), "{stderr}");
}

#[test]
fn variables_are_required_or_optional() {
    let app = App::example("variables");
    // Without it the program has its own idea of a format.
    app.change("src/_index.yaml", "OUTPUT_FORMAT: json", "OTHER: json");
    let (code, stdout, stderr) = app.run(&["run", "process"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("/output/summary.txt"), "{stdout}");
    app.change("src/_index.yaml", "PAUSE_MS: \"100\"", "SOME: \"100\"");
    let (code, stdout, stderr) = app.run(&["run", "countdown"]);
    assert_eq!((code, stdout.as_str()), (Some(3), ""), "{stderr}");
    assert!(stderr.contains("app:pause") && stderr.contains("PAUSE_MS"), "{stderr}");
}

#[test]
fn the_samples_run() {
    let app = App::new(
        "samples",
        &[
            ("apps/files/wippy.lock", "wippy.lock"),
            ("fixtures/samples/_index.yaml", "src/_index.yaml"),
            ("guests/built/file-processor.wasm", "wasm/processor.wasm"),
            ("guests/built/worker.wasm", "wasm/http_worker.wasm"),
            ("apps/files/input/input.csv", "input/input.csv"),
        ],
    );
    for name in ["http_worker", "processor"] {
        let bytes = fs::read(app.0.join(format!("wasm/{name}.wasm"))).unwrap();
        let path = format!("path: /{name}.wasm\n    hash: ");
        let hash = wippy::artifact::Hash::of(&bytes);
        app.change("src/_index.yaml", &format!("{path}sha256:..."), &format!("{path}{hash}"));
    }
    let (code, stdout, stderr) = app.run(&["run", "--exec", "myns:file_processor"]);
    let done = "5 rows, total 4025, in /output/summary.csv; /data is read-only\n";
    assert_eq!((code, stdout.as_str()), (Some(0), done), "{stderr}");
    let (code, stdout, stderr) = app.run_with("one\ntwo\n", &["run", "--exec", "myns:http_worker"]);
    let done = "https://api.example/one\nhttps://api.example/two\n2\n";
    assert_eq!((code, stdout.as_str()), (Some(0), done), "{stderr}");
    app.change("src/_index.yaml", "      API_URL:", "      OTHER:");
    let (code, _, stderr) = app.run(&["run", "--exec", "myns:http_worker"]);
    assert_eq!(code, Some(3));
    assert!(stderr.contains("myns:api_url"), "{stderr}");
}

/// Whatever the machine has: the program is given none of it.
#[test]
fn nothing_of_the_machine_is_visible() {
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/guests/built");
    for guest in ["rust-std.wasm", "rust-std-p1.wasm"] {
        let run = |args: &[&str]| {
            let mut command = wippy();
            command.env("SECRET", "of the machine").current_dir(built);
            told(command.arg("run").arg(guest).args(args).output().unwrap())
        };
        let (code, stdout, _) = run(&["env"]);
        assert_eq!(code, Some(0));
        assert!(!stdout.contains("SECRET") && !stdout.contains("PATH"), "{stdout}");
        let (code, stdout, _) = run(&["args"]);
        assert_eq!(code, Some(0));
        assert!(!stdout.contains(built), "{stdout}");
        for path in [guest, "/etc/passwd", "/", ".", built] {
            let (code, stdout, stderr) = run(&["cat", path]);
            assert_eq!((code, stdout.as_str()), (Some(1), ""), "{path}");
            assert!(stderr.contains("Capabilities insufficient"), "{stderr}");
        }
    }
}
