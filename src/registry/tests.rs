//! Whole projects: a good one, and files that mean harm. The messages of
//! ordinary mistakes are text fixtures in the conformance crate.

use super::*;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

/// A project that goes away with the test.
struct Sandbox(PathBuf);

impl Sandbox {
    fn new(name: &str, index: impl AsRef<[u8]>) -> Sandbox {
        let path = std::env::temp_dir().join(format!("wippy-reg-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("src")).unwrap();
        fs::write(path.join("wippy.lock"), "directories: {src: ./src}\n").unwrap();
        fs::write(path.join("src/_index.yaml"), index).unwrap();
        Sandbox(path)
    }

    fn load(&self) -> Loaded {
        let start = Instant::now();
        let os = |name: &str| (name == "HOME").then(|| "/home/ada".into());
        let loaded = Project::load_with(&self.0, Arc::new(os));
        // So that what grows with the square of a file does not hang unseen.
        assert!(start.elapsed() < Duration::from_secs(600), "took {:?}", start.elapsed());
        loaded
    }

    fn found(&self) -> Vec<String> {
        self.load().problems.iter().map(|problem| problem.found.clone()).collect()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const GOOD: &str = r#"
version: "1.0"
namespace: myns
entries:
  - name: wasm_binaries
    kind: fs.directory
    directory: ./wasm
    base: module

  - name: input_data
    kind: fs.directory
    directory: ${env:HOME}/in
    auto_init: true
    mode: "0700"

  - name: environment
    kind: env.storage.os

  - name: home
    kind: env.variable
    variable: HOME
    storage: environment

  - name: processes
    kind: process.host
    host:
      workers: 2
    lifecycle:
      auto_start: true

  - name: terminal
    kind: terminal.host
    hide_logs: true

  - name: file_processor
    kind: process.wasm
    meta:
      command:
        name: process
        short: Process some files
        main: true
      tags: [a, 1, {b: null}]
    fs: myns:wasm_binaries
    path: /processor.wasm
    hash: sha256:292B796376f8b4cc360acf2ea6b82d1084871c3607a079f30b446da8e5c984a4
    method: process
    transport: payload
    wit: "process: func() -> s32;"
    imports:
      - wasi:cli
      - wasi:filesystem
    wasi:
      args: ["--input", "/data/${env:MISSING|input.csv}"]
      cwd: "/app/"
      env:
        - id: home
          name: USER_HOME
          required: true
      mounts:
        - fs: input_data
          guest: /data
          read_only: true
    limits:
      max_execution_ms: 5000
      max_memory: 64MiB
      max_fuel: 1000000
      max_stack: 1048576
    pool:
      type: lazy
"#;

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

#[test]
fn a_good_project_loads_without_a_word() {
    let sandbox = Sandbox::new("good", GOOD);
    let loaded = sandbox.load();
    assert!(loaded.problems.is_empty(), "{}", loaded.problems);
    let project = loaded.into_result().unwrap();

    let process = project.process_wasm(&id("myns:file_processor")).unwrap();
    let WasmSource::File { fs, path, hash } = &process.source else { panic!("a file") };
    assert_eq!(*fs, id("myns:wasm_binaries"));
    assert_eq!(path, "/processor.wasm");
    assert_eq!(
        hash.to_string(),
        "sha256:292b796376f8b4cc360acf2ea6b82d1084871c3607a079f30b446da8e5c984a4"
    );
    assert_eq!((process.method.as_str(), process.transport), ("process", Transport::Payload));
    assert_eq!(process.wit.as_deref(), Some("process: func() -> s32;"));
    assert_eq!(process.imports, ["wasi:cli", "wasi:filesystem"]);
    assert_eq!(process.wasi.args, ["--input", "/data/input.csv"]);
    assert_eq!(process.wasi.cwd.as_deref(), Some("/app"));
    let home = WasiEnv { id: id("myns:home"), name: "USER_HOME".into(), required: true };
    assert_eq!(process.wasi.env, [home]);
    let mount = Mount { fs: id("myns:input_data"), guest: "/data".into(), read_only: true };
    assert_eq!(process.wasi.mounts, [mount]);
    let limits = Limits {
        max_execution: Some(Duration::from_secs(5)),
        max_memory: Some(64 << 20),
        max_fuel: Some(1_000_000),
        max_stack: Some(1 << 20),
    };
    assert_eq!(process.limits, limits);

    let EntryKind::FsDirectory(binaries) = &project.entry(fs).unwrap().kind else {
        panic!("a directory")
    };
    assert_eq!(binaries.path, sandbox.0.join("src/wasm"));
    let EntryKind::FsDirectory(input) = &project.entry(&id("myns:input_data")).unwrap().kind else {
        panic!("a directory")
    };
    assert_eq!((input.path.as_path(), input.mode), (Path::new("/home/ada/in"), 0o700));
    assert!(input.auto_init);

    let commands: Vec<_> = project.commands().collect();
    assert_eq!(commands.len(), 1);
    assert_eq!(commands[0].short.as_deref(), Some("Process some files"));
    assert!(commands[0].main);
    assert_eq!(project.command("process").unwrap().entry, id("myns:file_processor"));

    let hosts = project.hosts().unwrap();
    assert_eq!(hosts.process.0, &id("myns:processes"));
    assert_eq!(hosts.process.1.workers, Some(2));
    assert_eq!(hosts.process.1.queue_size, 1024);
    assert!(hosts.terminal.1.hide_logs);

    let home = project.environment().lookup(&id("myns:home"));
    assert_eq!(home, Ok(Some("/home/ada".into())));
    let meta = &project.entry(&id("myns:file_processor")).unwrap().meta;
    assert_eq!(meta["tags"].to_string(), r#"["a",1,{"b":null}]"#);
}

#[test]
fn what_a_user_asks_for_and_is_not_there_is_answered_with_what_is() {
    let project = Sandbox::new("asks", GOOD).load().project;
    assert_eq!(project.command("proces").unwrap_err().fix, "did you mean process?");
    assert!(project.command("x").unwrap_err().expected.contains("process, the only command"));
    let error = project.process_wasm(&id("myns:file_procesor")).unwrap_err();
    assert_eq!(error.fix, "did you mean myns:file_processor?");
    let error = project.process_wasm(&id("myns:terminal")).unwrap_err();
    assert_eq!(error.found, "an entry of kind terminal.host");
    let error = project.process_host(&id("myns:nope")).unwrap_err();
    assert_eq!(error.fix, "name myns:processes");
}

#[test]
fn environment_files_are_created_only_when_asked() {
    let sandbox = Sandbox::new(
        "dotenv",
        "namespace: app\nentries:\n- {name: f, kind: env.storage.file, file_path: new.env, auto_create: true}\n\
         - {name: v, kind: env.variable, variable: V, storage: f, default: d}\n",
    );
    let project = sandbox.load().into_result().unwrap();
    assert!(!sandbox.0.join("new.env").exists());
    project.create_files().unwrap();
    project.create_files().unwrap();
    assert!(sandbox.0.join("new.env").exists());
    assert_eq!(project.environment().lookup_name("V"), Ok(Some("d".into())));
    fs::write(sandbox.0.join("new.env"), "V='from the file'\n").unwrap();
    let project = sandbox.load().into_result().unwrap();
    assert_eq!(project.environment().lookup_name("V"), Ok(Some("from the file".into())));
}

#[test]
fn a_large_file_is_an_error_only_if_it_is_the_projects() {
    let sandbox = Sandbox::new("large", format!("namespace: a\n#{}\n", "x".repeat(10 << 20)));
    fs::write(sandbox.0.join("src/data.yaml"), "x".repeat(2 << 20)).unwrap();
    let problems = sandbox.load().problems;
    let found: Vec<_> = problems.iter().map(|p| (p.severity, p.found.as_str())).collect();
    assert_eq!(
        found,
        [
            (Severity::Error, "a file of 10485775 bytes, which is not read"),
            (Severity::Note, "a file of 2097152 bytes, which is not read"),
        ]
    );
}

#[test]
#[cfg(unix)]
fn links_cannot_lead_in_circles() {
    let sandbox = Sandbox::new("links", GOOD);
    let src = sandbox.0.join("src");
    std::os::unix::fs::symlink("..", src.join("up")).unwrap();
    std::os::unix::fs::symlink("_index.yaml", src.join("same.yaml")).unwrap();
    std::os::unix::fs::symlink("loop.yaml", src.join("loop.yaml")).unwrap();
    let problems = sandbox.load().problems;
    assert!(problems.is_empty(), "{problems}");
}

#[test]
fn hidden_directories_are_not_the_projects() {
    let sandbox = Sandbox::new("hidden", GOOD);
    fs::create_dir_all(sandbox.0.join("src/.git")).unwrap();
    fs::write(sandbox.0.join("src/.git/_index.yaml"), "namespace: [").unwrap();
    assert!(sandbox.load().problems.is_empty());
    // Unless they are the modules directory, which is called .wippy.
    fs::create_dir_all(sandbox.0.join(".wippy/lib")).unwrap();
    fs::write(sandbox.0.join(".wippy/lib/_index.yaml"), "namespace: [").unwrap();
    assert!(sandbox.load().problems.has_errors());
}

#[test]
fn one_broken_file_does_not_break_what_refers_to_it() {
    let sandbox = Sandbox::new(
        "unread",
        "namespace: app\nentries:\n- {name: r, kind: env.storage.router, storages: [lib:os, lbi:os]}\n",
    );
    fs::write(sandbox.0.join("src/lib.yaml"), "namespace: lib # ours\nentries: [\n").unwrap();
    let found = sandbox.found();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0], "lbi:os, which is no entry of this project");
}

#[test]
fn placeholders_cannot_grow_without_end() {
    let value = "x".repeat(1 << 19);
    let many = "- \"${env:BIG}\"\n".repeat(1000);
    let index = format!(
        "namespace: app\nentries:\n- {{name: v, kind: env.variable, variable: BIG, default: {value}}}\n\
         - name: d\n  kind: fs.directory\n  directory: x\n  meta:\n    m:\n{}",
        many.replace("- ", "    - ")
    );
    let found = Sandbox::new("grow", index).found();
    assert!(found.contains(&"placeholders that stand for more than 64 MiB".to_owned()));
}

#[test]
fn many_entries_and_many_problems_take_little_time() {
    let mut index = String::from("namespace: app\nentries:\n");
    for n in 0..20_000 {
        index += &format!("- {{name: r{n}, kind: env.storage.router, storages: [r{}]}}\n", n + 1);
    }
    let sandbox = Sandbox::new("many", &index[..index.len().min(1 << 20)]);
    assert!(sandbox.load().problems.has_errors());
    let sandbox =
        Sandbox::new("many", "namespace: app\nentries:\n".to_owned() + &"- {}\n".repeat(100_000));
    assert_eq!(sandbox.load().problems.count(Severity::Error), 200_000);
    let fields: String = (0..40_000).map(|n| format!("  directorx{n}: x\n")).collect();
    let index = format!("namespace: app\nentries:\n- name: d\n  kind: fs.directory\n{fields}");
    let loaded = Sandbox::new("many", index).load();
    assert_eq!(loaded.problems.iter().count(), Problems::MAX);
}

#[test]
fn no_change_of_a_byte_makes_it_panic() {
    // A small generator, so that the test is the same everywhere.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let pieces: [&[u8]; 16] = [
        b"[", b"]", b"{", b"}", b":", b"- ", b"\n", b"\t", b"&a ", b"*a", b"\"", b"'", b"!x ",
        b"\xff", b"${env:", b"<<: ",
    ];
    let sandbox = Sandbox::new("bytes", GOOD);
    for _ in 0..1000 {
        let mut bytes = GOOD.as_bytes().to_vec();
        for _ in 0..=random(4) {
            let at = random(bytes.len());
            match random(3) {
                0 => drop(bytes.remove(at)),
                1 => bytes.truncate(at.max(1)),
                _ => drop(bytes.splice(at..at, pieces[random(16)].iter().copied())),
            }
        }
        fs::write(sandbox.0.join("src/_index.yaml"), &bytes).unwrap();
        let loaded = sandbox.load();
        let _ = (loaded.problems.to_string(), loaded.project.hosts().is_ok());
    }
}
