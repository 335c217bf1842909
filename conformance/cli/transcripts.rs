//! The command, as a user runs it: `conformance/cli/*.txt` against the binary.
//!
//! A file is a transcript. `$ ` begins a command line, quoted as in a shell;
//! what it writes to stdout follows, then what it writes to stderr with `! ` in
//! front, then `? ` and the exit code unless that is 0. Commands run in the
//! repository's root. `[..]` in a line stands for anything. Lines that begin
//! with `# ` are remarks. A command `sh -c '...'` is a shell's, which knows `wippy`.
//!
//! `BLESS=1 cargo test --test cli` writes what the binary says into the files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test")]

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const WIPPY: &str = env!("CARGO_BIN_EXE_wippy");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn wippy() -> Command {
    let mut command = Command::new(WIPPY);
    command.current_dir(root()).stdin(Stdio::null());
    command.env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
    for name in ["COLUMNS", "CLICOLOR_FORCE", "FORCE_COLOR", "NO_COLOR", "RUST_BACKTRACE"] {
        command.env_remove(name);
    }
    command
}

#[test]
fn transcripts() -> Result {
    let mut files: Vec<PathBuf> = fs::read_dir(root().join("conformance/cli"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|end| end == "txt"));
    files.sort();
    assert!(!files.is_empty(), "no transcripts");
    let bless = env::var_os("BLESS").is_some();
    let mut wrong = String::new();
    for file in files {
        let text = fs::read_to_string(&file)?;
        let now = replay(&text)?;
        if bless {
            fs::write(&file, now)?;
        } else if now != text {
            let name = file.strip_prefix(root())?.display();
            wrong.push_str(&format!("--- {name}\n{}", difference(&text, &now)));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}\n`BLESS=1 cargo test --test cli` accepts this");
    Ok(())
}

/// The transcript as it would be written now.
fn replay(text: &str) -> Result<String> {
    let mut out = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(command) = line.strip_prefix("$ ") else {
            out.push_str(line);
            out.push('\n');
            continue;
        };
        out.push_str(&format!("$ {command}\n"));
        let mut expected = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("$ ") && !remark(line)) {
            expected.push(line);
        }
        // The empty lines before the next command are the transcript's own.
        let blank = expected.iter().rev().take_while(|line| line.is_empty()).count();
        expected.truncate(expected.len() - blank);
        let words = words(command)?;
        let (program, args) = words.split_first().ok_or("an empty command")?;
        let output = match program.as_str() {
            "wippy" => wippy().args(args).output()?,
            "sh" if cfg!(unix) => shell(args)?,
            // Stays as it is.
            "sh" => {
                out.extend(expected.iter().map(|line| format!("{line}\n")));
                out.push_str(&"\n".repeat(blank));
                continue;
            }
            _ => return Err(format!("not `wippy` or `sh`: {command}").into()),
        };
        for (i, line) in said(&output)?.iter().enumerate() {
            let shown = match expected.get(i) {
                Some(expected) if matches(expected, line) => expected,
                _ => line.as_str(),
            };
            out.push_str(shown);
            out.push('\n');
        }
        out.push_str(&"\n".repeat(blank));
    }
    Ok(out)
}

/// Runs a script as a shell does with `-c`.
fn shell(args: &[String]) -> Result<Output> {
    let [option, script] = args else { return Err("sh takes -c and a script".into()) };
    let mut command = Command::new("sh");
    let known = wippy();
    command.current_dir(root()).stdin(Stdio::null()).env("WIPPY", known.get_program());
    for (name, value) in known.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let script = format!("wippy() {{ \"$WIPPY\" \"$@\"; }}\n{script}");
    Ok(command.args([option, &script]).output()?)
}

fn remark(line: &str) -> bool {
    line.starts_with("# ")
}

fn said(output: &Output) -> Result<Vec<String>> {
    let mut lines: Vec<String> =
        std::str::from_utf8(&output.stdout)?.lines().map(str::to_owned).collect();
    for line in std::str::from_utf8(&output.stderr)?.lines() {
        lines.push(format!("! {line}").trim_end().to_owned());
    }
    match output.status.code() {
        Some(0) => {}
        Some(code) => lines.push(format!("? {code}")),
        None => lines.push(format!("? {}", output.status)),
    }
    Ok(lines)
}

/// True if a line is as expected, where `[..]` stands for anything.
fn matches(expected: &str, line: &str) -> bool {
    let mut parts = expected.split("[..]");
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut last = None;
    for part in parts {
        last = Some(part);
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    match last {
        None => rest.is_empty(),
        Some(part) => line.ends_with(part),
    }
}

/// The words of a command line, with single and double quotes.
fn words(line: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' => words.extend(word.take()),
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next().ok_or("a quote without an end")? {
                        end if end == c => break,
                        inner => word.push(inner),
                    }
                }
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// The lines that differ, with the command that they belong to.
fn difference(old: &str, new: &str) -> String {
    let blocks = |text: &str| -> Vec<String> {
        let mut blocks = vec![String::new()];
        for line in text.lines() {
            if line.starts_with("$ ") {
                blocks.push(String::new());
            }
            if let Some(block) = blocks.last_mut() {
                block.push_str(line);
                block.push('\n');
            }
        }
        blocks
    };
    let (old, new) = (blocks(old), blocks(new));
    let changed = old.iter().zip(&new).filter(|(old, new)| old != new);
    changed.map(|(old, new)| format!("expected:\n{old}found:\n{new}\n")).collect()
}

/// The entry that `inspect` shows can be pasted into a project as it is.
#[test]
fn an_inspected_file_has_a_working_entry() -> Result {
    const HEAD: &str = "namespace: app\nentries:\n  - name: wasm\n    kind: fs.directory\n    \
                        directory: ./wasm\n    base: module\n";
    let built = root().join("conformance/guests/built");
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("inspected");
    fs::create_dir_all(dir.join("src/wasm"))?;
    fs::write(dir.join("wippy.lock"), "directories:\n  src: ./src\n")?;
    for file in ["greet.wasm", "stats.wasm", "answer.wat", "types.wasm", "calculator.wasm"] {
        fs::copy(built.join(file), dir.join("src/wasm").join(file))?;
        let output = wippy().arg("inspect").arg(built.join(file)).output()?;
        let text = String::from_utf8(output.stdout)?;
        let (_, entry) = text.split_once("\nEntry\n").ok_or("no entry")?;
        fs::write(dir.join("src/_index.yaml"), format!("{HEAD}{entry}"))?;
        let checked = wippy().arg("-C").arg(&dir).arg("check").output()?;
        let said = said(&checked)?.join("\n");
        assert!(checked.status.success(), "{file}: {said}\n{entry}");
        assert!(said.starts_with("ok: 2 entries, 1 process"), "{file}: {said}");
    }
    Ok(())
}

/// A reader that goes away early is no reason to complain.
#[test]
fn a_closed_pipe_is_quiet() -> Result {
    let mut child = wippy()
        .args(["inspect", "--print-wit", "conformance/guests/built/types.wasm"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    drop(child.stdout.take());
    let output = child.wait_with_output()?;
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    Ok(())
}

/// However little memory there is, the command says so, or runs. Below that the system's
/// own loader gives up, with 127; just above, there may be none for the guest, which traps.
#[cfg(target_os = "linux")]
#[test]
fn too_little_memory_is_a_message() -> Result {
    let run = "exec \"$WIPPY\" -C conformance/apps/hello run greet Ada";
    let mut codes = Vec::new();
    // Below, the system has no room for the binary itself and cannot even start it.
    for kib in (40_000..120_000).step_by(4_000) {
        let output = shell(&["-c".into(), format!("ulimit -v {kib}; {run}")])?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code().ok_or_else(|| format!("{kib}: {stderr}"))?;
        assert!(matches!(code, 0 | 4 | 71 | 127), "{kib}: {code}: {stderr}");
        assert_eq!(
            code == 71,
            stderr.starts_with("error: the system gives wippy no more "),
            "{kib}"
        );
        codes.push(code);
    }
    assert!(codes.contains(&71) && codes.contains(&0), "{codes:?}");
    Ok(())
}

/// Reads until this has been read.
#[cfg(unix)]
fn read_until(from: &mut impl std::io::Read, text: &str) -> Result<String> {
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(text) {
        let mut byte = [0];
        from.read_exact(&mut byte)?;
        seen.extend(byte);
    }
    Ok(String::from_utf8_lossy(&seen).into_owned())
}

/// Runs a loop without end, for half a minute at most.
#[cfg(unix)]
fn spinning(options: &[&str]) -> std::io::Result<std::process::Child> {
    let traps = "conformance/guests/built/traps.wasm";
    let run = ["run", "--timeout", "30s", "--invoke", "spin", traps];
    wippy().args(options).args(run).stderr(Stdio::piped()).spawn()
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_a_loop_without_end() -> Result {
    use std::io::Read;
    let mut child = spinning(&["-v"])?;
    let mut stderr = child.stderr.take().ok_or("no stderr")?;
    // Once the process is started, the handler is in place.
    read_until(&mut stderr, "started")?;
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status()?;
    assert!(killed.success());
    let mut rest = String::new();
    stderr.read_to_string(&mut rest)?;
    assert_eq!(child.wait()?.code(), Some(130), "{rest}");
    assert!(
        rest.contains(
            "error: conformance/guests/built/traps.wasm: the process was cancelled: interrupted"
        ),
        "{rest}"
    );
    Ok(())
}

#[test]
fn a_trace_has_a_track_for_each_process() -> Result {
    let file = std::env::temp_dir().join(format!("wippy-trace-{}.json", std::process::id()));
    let output = wippy()
        .args(["-C", "conformance/apps/processes", "run", "--trace"])
        .arg(&file)
        .arg("supervise")
        .output()?;
    assert_eq!(String::from_utf8_lossy(&output.stdout), "6 and 7 make 42\n");
    let trace: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(&file)?)?;
    std::fs::remove_file(&file)?;
    let named = |name: &'static str| trace.iter().filter(move |event| event["name"] == name);
    let track = |entry: &str| {
        let of_entry = |event: &&serde_json::Value| {
            event["args"]["name"].as_str().is_some_and(|name| name.starts_with(entry))
        };
        named("thread_name").find(of_entry).map(|event| event["tid"].clone())
    };
    let (lua, wasm) = (track("myns:supervise"), track("myns:compute_worker"));
    assert!(lua.is_some() && wasm.is_some());
    let has = |name: &'static str, track: &Option<serde_json::Value>| {
        named(name).any(|event| Some(&event["tid"]) == track.as_ref())
    };
    assert!(has("spawn", &lua) && has("exit", &lua) && has("step", &wasm) && has("ended", &wasm));
    // Each host has a name, and the tracks are among those of theirs.
    let hosts: Vec<_> =
        named("process_name").filter_map(|event| event["args"]["name"].as_str()).collect();
    assert!(hosts.contains(&"app:terminal") && hosts.contains(&"app:processes"), "{hosts:?}");
    // An arrow leads from who starts a process to its first step.
    let arrow = |phase: &str, track: &Option<serde_json::Value>| {
        let of = |event: &&serde_json::Value| event["ph"] == phase && event["cat"] == "spawn";
        let of_track = |event: &&serde_json::Value| Some(&event["tid"]) == track.as_ref();
        trace.iter().filter(of).find(of_track).map(|event| event["id"].clone())
    };
    assert!(arrow("s", &lua).is_some());
    assert_eq!(arrow("s", &lua), arrow("f", &wasm));
    Ok(())
}

/// What a trace has when nobody could end it is read by adding its last bracket.
#[cfg(unix)]
#[test]
fn a_trace_of_a_process_that_was_killed_opens() -> Result {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("killed.json");
    let traps = "conformance/guests/built/traps.wasm";
    let mut command = wippy();
    command.args(["-v", "run", "--timeout", "30s", "--invoke", "spin", "--trace"]).arg(&file);
    let mut child = command.arg(traps).stderr(Stdio::piped()).spawn()?;
    let mut stderr = child.stderr.take().ok_or("no stderr")?;
    read_until(&mut stderr, "started")?;
    while !fs::read_to_string(&file)?.contains("\"step\"") {
        std::thread::yield_now();
    }
    child.kill()?;
    child.wait()?;
    let text = fs::read_to_string(&file)?;
    let trace: Vec<serde_json::Value> = serde_json::from_str(&format!("{text}]"))?;
    assert!(trace.iter().any(|event| event["name"] == "step"), "{text}");
    Ok(())
}

/// A trace that has reached its size is whole, and says so.
#[test]
fn a_trace_keeps_to_its_size() -> Result {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("small.json");
    let run = ["-C", "conformance/apps/processes", "run", "--trace-size", "2KiB", "--trace"];
    let output = wippy().args(run).arg(&file).arg("supervise").output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.starts_with("warning: --trace: the file has reached its size"), "{stderr}");
    let text = fs::read(&file)?;
    assert!(text.len() <= 2048, "{}", text.len());
    let trace: Vec<serde_json::Value> = serde_json::from_slice(&text)?;
    assert!(!trace.is_empty());
    Ok(())
}

/// The services are told of with the processes, those too that have none just now.
#[cfg(unix)]
#[test]
fn a_signal_prints_the_services() -> Result {
    let mut command = wippy();
    command.args(["-C", "conformance/apps/processes", "run"]);
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    let id = child.id().to_string();
    let mut stderr = child.stderr.take().ok_or("no stderr")?;
    read_until(&mut stderr, "starting")?;
    assert!(Command::new("kill").args(["-USR1", &id]).status()?.success());
    let seen = read_until(&mut stderr, "last error\n")?;
    assert!(seen.contains("\nservice "), "{seen}");
    assert!(Command::new("kill").args(["-TERM", &id]).status()?.success());
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut stderr, &mut rest)?;
    assert_eq!(child.wait()?.code(), Some(0), "{rest}");
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_signal_prints_the_processes() -> Result {
    let mut child = spinning(&[])?;
    let id = child.id().to_string();
    let mut stderr = child.stderr.take().ok_or("no stderr")?;
    // Nothing says when the handlers are in place.
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert!(Command::new("kill").args(["-USR1", &id]).status()?.success());
    assert!(read_until(&mut stderr, "traps.wasm")?.starts_with("pid "));
    assert!(Command::new("kill").args(["-INT", &id]).status()?.success());
    assert_eq!(child.wait()?.code(), Some(130));
    Ok(())
}
