//! What reaches the operator: whatever guests, files, names and options say, no
//! command writes what a terminal would obey or what cannot be seen, and no line is
//! forged.
#![cfg(unix)]

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// All that must not come through, and a line that would pass for another's.
const EVIL: &str = "\u{1b}]0;p\u{7}\u{1b}[2J\u{9b}31m\u{202e}x\u{2066}\u{200b}\u{200d}\u{2028}\u{feff}\u{85}\r\nerror: forged";

fn hostile() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cli/projects/hostile")
}

/// The output of a command on stdout and stderr.
fn says(words: &[&OsStr]) -> (Vec<u8>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_conformance"));
    command.env(conformance::wasi::AS_WIPPY, "1").env_remove("RUST_BACKTRACE");
    for name in ["CLICOLOR_FORCE", "FORCE_COLOR"] {
        command.env_remove(name);
    }
    let output = command.args(words).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.code().is_some(), "{words:?}: {}", output.status);
    (output.stdout, String::from_utf8(output.stderr).unwrap())
}

fn check(what: &str, text: &str) {
    let obeyed = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let bad = text.lines().find(|line| line.contains(obeyed));
    assert_eq!(bad, None, "{what}");
    let forged = text.lines().find(|line| line.starts_with("error: forged"));
    assert_eq!(forged, None, "{what}: {text}");
}

fn words<'w>(words: &'w [&'w str]) -> Vec<&'w OsStr> {
    words.iter().map(OsStr::new).collect()
}

#[test]
fn of_a_hostile_project_all_is_harmless() {
    let projects = [hostile(), hostile().join("bad"), hostile().join("served")];
    let trace = std::env::temp_dir().join(format!("wippy-border-{}.json", std::process::id()));
    let commands: [&[&str]; 19] = [
        &["check"],
        &["run", "list"],
        &["run", "--json", "list"],
        &["run"],
        &["run", "trap"],
        &["run", "trap", "--help"],
        &["run", "asks"],
        &["run", "fails"],
        &["run", "--json", "fails"],
        &["run", "--json", "says"],
        &["run", "lua-error"],
        &["run", "lua-err"],
        &["run", "lua-table"],
        &["run", "--json", "lua-returns"],
        &["run", "lua-spawns"],
        &["run", "lua-none"],
        &["run", EVIL],
        &["run", "--exec", EVIL],
        &["run", "--exec", "app:trap", "--host", EVIL],
    ];
    for dir in &projects {
        for verbose in [None, Some("-v"), Some("-vvv")] {
            for command in commands {
                let mut line = vec![OsStr::new("-C"), dir.as_os_str()];
                line.extend(verbose.map(OsStr::new));
                line.extend(words(command));
                if command.first() == Some(&"run") && command.get(1) != Some(&"list") {
                    line.splice(
                        line.len() - command.len() + 1..line.len() - command.len() + 1,
                        [OsStr::new("--trace"), trace.as_os_str()],
                    );
                }
                let what = format!("{line:?}");
                let (stdout, stderr) = says(&line);
                check(&what, &String::from_utf8(stdout).unwrap());
                check(&what, &stderr);
                if let Ok(text) = fs::read_to_string(&trace) {
                    check(&format!("the trace of {what}"), &text);
                    fs::remove_file(&trace).unwrap();
                }
            }
        }
    }
}

#[test]
fn names_of_files_and_options_are_harmless() {
    let name = EVIL.replace('/', "");
    let base = std::env::temp_dir().join(format!("wippy-border-{}", std::process::id()));
    let _ = fs::remove_dir_all(&base);
    let dir = base.join(&name);
    fs::create_dir_all(dir.join("src").join(&name)).unwrap();
    let file = |name: &str| dir.join(name);
    fs::write(file("wippy.lock"), "directories: {src: ./src}").unwrap();
    fs::write(file("src").join(format!("{name}.yaml")), "namespace: app\nentries: {").unwrap();
    fs::write(file("src").join(&name).join("_index.yaml"), "entries: []\n").unwrap();
    let bytes = OsStr::from_bytes(b"\xff\x1b[2J.yaml");
    fs::write(dir.join("src").join(bytes), "namespace: app\nkind: x\n").unwrap();
    let wat = file(&format!("{name}.wat"));
    fs::copy(hostile().join("wasm/names.wat"), &wat).unwrap();
    let lines: Vec<Vec<OsString>> = [
        vec!["check".into()],
        vec!["run".into(), "list".into()],
        vec!["inspect".into(), wat.clone().into()],
        vec!["inspect".into(), file("no\u{1b}[2J.wasm").into()],
        vec!["inspect".into(), "--print-wit".into(), wat.clone().into()],
        vec!["run".into(), "--invoke".into(), "trap".into(), wat.clone().into()],
        vec!["run".into(), "--invoke".into(), name.clone().into(), wat.clone().into()],
        vec!["run".into(), wat.clone().into()],
        vec!["run".into(), "--wit".into(), name.clone().into(), wat.clone().into()],
        vec!["run".into(), "--dir".into(), name.clone().into(), wat.clone().into()],
        vec!["run".into(), "--env".into(), name.clone().into(), wat.clone().into()],
        vec!["run".into(), "--trace".into(), file("no/no").into(), wat.clone().into()],
        vec!["run".into(), "--fuel".into(), name.clone().into(), wat.clone().into()],
        vec!["run".into(), format!("--{name}").into()],
        vec!["run".into(), wat.clone().into(), name.clone().into(), bytes.into()],
        vec![name.clone().into()],
    ]
    .into();
    for line in lines {
        for verbose in [None, Some("-vv")] {
            let mut words = vec![OsStr::new("-C"), dir.as_os_str()];
            words.extend(verbose.map(OsStr::new));
            words.extend(line.iter().map(OsString::as_os_str));
            let what = format!("{words:?}");
            let (stdout, stderr) = says(&words);
            let stdout = String::from_utf8(stdout).unwrap();
            check(&what, &stdout);
            check(&what, &stderr);
        }
    }
    fs::remove_dir_all(&base).unwrap();
}

/// A result may be the bytes of a file: a pipe gets them as they are.
#[test]
fn a_result_that_nobody_looks_at_is_as_it_is() {
    let project = hostile();
    let says =
        |name| says(&[OsStr::new("-C"), project.as_os_str(), OsStr::new("run"), OsStr::new(name)]);
    let text = "a\u{1b}[31m\u{9b}2J\u{202e}\rerror\nerror: forged\u{2028}x\n";
    let (stdout, stderr) = says("says");
    assert_eq!(String::from_utf8(stdout).unwrap(), text, "{stderr}");
    let (stdout, stderr) = says("lua-prints");
    assert_eq!(stdout, b"the terminal is \x1b[1mmine\x1b[0m\n", "{stderr}");
}

/// The same on a terminal, which `script` of util-linux makes.
#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_a_result_is_harmless() {
    let run = |name: &str| {
        let mut command = Command::new("script");
        let wippy = "\"$WIPPY\" -C \"$PROJECT\" run \"$NAME\"";
        command.args(["-qec", wippy, "/dev/null"]).env(conformance::wasi::AS_WIPPY, "1");
        command.env("WIPPY", env!("CARGO_BIN_EXE_conformance")).env("PROJECT", hostile());
        let output = command.env("NAME", name).stdin(Stdio::null()).output().unwrap();
        String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n")
    };
    let text = "a\\u{1b}[31m\\u{9b}2J\\u{202e}\\rerror\nerror: forged\\u{2028}x\n";
    assert_eq!(run("says"), text);
    // Who has the terminal writes as it likes.
    assert_eq!(run("lua-prints"), "the terminal is \u{1b}[1mmine\u{1b}[0m\n");
}
