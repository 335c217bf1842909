//! Every guest and application, recorded, and replayed when its files are gone.
//!
//! What is compared is all that the command gives: stdout, stderr, the exit code. The
//! replay itself compares each command, the fuel of each step and the state hashes, and
//! has an exit code of its own for a difference.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test")]

mod scratch;

use std::{
    error::Error,
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use self::scratch::{Scratch, copy, root, wippy};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn output(args: &[&str], input: &str) -> Result<Output> {
    let mut command = wippy();
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    // Most do not read it.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    Ok(child.wait_with_output()?)
}

/// Something that the two runs differ in.
fn difference(run: &Output, replayed: &Output) -> Option<String> {
    let parts = |output: &Output| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (run, replayed) = (parts(run), parts(replayed));
    (run != replayed).then(|| format!("{run:#?}\nreplayed: {replayed:#?}"))
}

/// What is wrong with some places on the way: the functions are known there, which takes a
/// program that is changed and does the same.
fn on_the_way(journal: &str) -> Result<Option<String>> {
    let told = output(&["replay", journal, "--json"], "")?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let last = told.lines().find(|line| line.starts_with("{\"replayed\""));
    let last: serde_json::Value = serde_json::from_str(last.unwrap_or("null"))?;
    let Some(fuel) = last["replayed"]["fuel"].as_u64() else {
        return Ok(Some(format!("no fuel: {told}")));
    };
    if fuel == 0 {
        return Ok(None);
    }
    for part in [2, 3, 5, 7] {
        let until = (fuel / part).max(1).to_string();
        let at = output(&["replay", journal, "--json", "--until", &until], "")?;
        let (line, said) =
            (String::from_utf8_lossy(&at.stdout), String::from_utf8_lossy(&at.stderr));
        let still: serde_json::Value = serde_json::from_str(line.lines().last().unwrap_or("null"))?;
        // One that has trapped is run again to find out where, which is half of its fuel too.
        let known = still["stack"].is_array() || line.contains("Chore");
        if !known || !at.status.success() {
            return Ok(Some(format!("{line}{said}")));
        }
    }
    Ok(None)
}

/// The calls of guests that do not read their arguments themselves.
const CALLS: [(&str, &[&str]); 12] = [
    ("answer", &[]),
    ("greet", &["Ada"]),
    ("hello", &[]),
    ("worker", &[]),
    ("greet-js", &["--invoke", "greet", "Ada"]),
    ("composed", &["--invoke", "calc", "1 + 2 + 3"]),
    ("compute", &["--invoke", "divide", "6", "0"]),
    ("kernels", &["--invoke", "sieve", "100000"]),
    ("kernels-component", &["--invoke", "calls", "20"]),
    ("traps", &["--invoke", "unreachable"]),
    ("panics", &["--invoke", "panic", "why"]),
    ("stats", &["--wit", "conformance/cli/stats.wit", "--invoke", "word-count", "a b c"]),
];

#[test]
fn every_guest_does_the_same_without_its_files() -> Result {
    let mut guests: Vec<PathBuf> = fs::read_dir(root().join("conformance/guests/built"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    guests.retain(|path| path.extension().is_some_and(|end| end == "wasm"));
    guests.sort();
    let (mut replayed, mut wrong) = (0, String::new());
    for guest in guests {
        let name = guest.file_stem().unwrap().to_string_lossy().into_owned();
        let scratch = Scratch::new(&name)?;
        let (file, dir, journal) =
            (scratch.path("guest.wasm"), scratch.path("data"), scratch.path("trip"));
        fs::copy(&guest, &file)?;
        fs::create_dir(&dir)?;
        fs::write(scratch.0.join("data/a.txt"), "a file\n")?;
        let mount = format!("{dir}::/data");
        let mut args = vec!["run", "--record", &journal, "--embed"];
        args.extend(["--dir", &mount, "--env", "NAME=value"]);
        match CALLS.iter().find(|(guest, _)| *guest == name) {
            None => args.extend([&file, "one", "two"]),
            Some((_, words)) => {
                let options = words.iter().take_while(|word| word.starts_with("--")).count() * 2;
                args.extend(&words[..options]);
                args.push(&file);
                args.extend(&words[options..]);
            }
        }
        let run = output(&args, "first line\nsecond line\n")?;
        if !Path::new(&journal).exists() {
            // Called wrongly.
            continue;
        }
        fs::remove_dir_all(&dir)?;
        fs::remove_file(&file)?;
        if let Some(difference) = on_the_way(&journal)? {
            wrong.push_str(&format!("--- {name}, on the way\n{difference}\n"));
        }
        let again = output(&["replay", &journal], "")?;
        replayed += 1;
        if let Some(difference) = difference(&run, &again) {
            wrong.push_str(&format!("--- {name}\n{difference}\n"));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(replayed >= 40, "only {replayed} guests were run");
    Ok(())
}

#[test]
fn every_command_of_an_application_does_the_same_without_it() -> Result {
    let commands: [(&str, &[&str]); 7] = [
        ("hello", &["greet", "Ada"]),
        ("hello", &["greet-js", "Ada"]),
        ("hello", &["compute", "6", "7"]),
        ("hello", &["divide", "1", "0"]),
        ("hello", &["shout", "hello"]),
        ("hello", &["answer"]),
        ("files", &["process"]),
    ];
    for (at, (app, words)) in commands.into_iter().enumerate() {
        let scratch = Scratch::new(&format!("app-{at}"))?;
        let (project, journal) = (scratch.path("app"), scratch.path("trip"));
        copy(&root().join("conformance/apps").join(app), Path::new(&project))?;
        let mut args = vec!["-C", &project, "run", "--record", &journal, "--embed"];
        args.extend(words);
        let run = output(&args, "")?;
        fs::remove_dir_all(&project)?;
        let again = output(&["replay", &journal], "")?;
        assert_eq!(difference(&run, &again), None, "{app} {words:?}");
    }
    Ok(())
}

/// Runs an entry, recorded, and replays it without its project.
fn entry_again(name: &str, project: &Path, args: &[&str], input: &str) -> Result<Output> {
    let scratch = Scratch::new(name)?;
    let (copied, journal) = (scratch.path("app"), scratch.path("trip"));
    copy(project, Path::new(&copied))?;
    let mut run = vec!["-C", &copied, "run", "--record", &journal, "--embed"];
    run.extend(args);
    let run = output(&run, input)?;
    fs::remove_dir_all(&copied)?;
    let again = output(&["replay", &journal], "")?;
    assert_eq!(difference(&run, &again), None, "{name}");
    Ok(run)
}

/// The order of keys, addresses, garbage, random numbers and time. Another process has
/// other addresses, another seed and another time.
#[cfg(all(unix, target_pointer_width = "64"))]
#[test]
fn lua_leaves_nothing_to_chance() -> Result {
    let project = root().join("conformance/cli/projects/chance");
    for entry in ["app:chance", "app:crew"] {
        let name = entry.replace(':', "-");
        let run = entry_again(&name, &project, &["--exec", entry, "a", "b"], "a line\n")?;
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        assert!(run.stdout.len() > 1_000);
    }
    Ok(())
}

/// An application of both languages, with services that are started beside it.
#[cfg(all(unix, target_pointer_width = "64"))]
#[test]
fn an_application_with_lua_does_the_same() -> Result {
    let project = root().join("conformance/apps/processes");
    entry_again("supervise", &project, &["supervise"], "")?;
    Ok(())
}

/// Each of the programs in Lua, as an entry.
#[cfg(all(unix, target_pointer_width = "64"))]
#[test]
fn every_program_in_lua_does_the_same() -> Result {
    let scratch = Scratch::new("lua-programs")?;
    let project = scratch.0.join("app");
    fs::create_dir_all(project.join("src"))?;
    fs::write(project.join("wippy.lock"), "directories:\n  src: ./src\n")?;
    let mut index = "version: \"1.0\"\nnamespace: test\nentries:\n  - name: terminal\n    \
                     kind: terminal.host\n  - name: processes\n    kind: process.host\n"
        .to_owned();
    let mut programs: Vec<PathBuf> = fs::read_dir(root().join("conformance/lua"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    programs.retain(|path| path.extension().is_some_and(|end| end == "lua"));
    programs.retain(|path| path.file_stem().is_some_and(|name| name != "syntax"));
    programs.sort();
    for program in &programs {
        let source = fs::read_to_string(program)?;
        let name = program.file_stem().unwrap().to_string_lossy().into_owned();
        let modules = source.lines().find_map(|line| line.strip_prefix("-- modules: "));
        let modules = modules.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(", ");
        fs::write(project.join(format!("src/{name}.lua")), source)?;
        index.push_str(&format!(
            "  - name: {name}\n    kind: process.lua\n    source: file://{name}.lua\n    \
             method: main\n    modules: [{modules}]\n    limits:\n      max_memory: 32MiB\n      \
             max_execution_ms: 2000\n"
        ));
    }
    fs::write(project.join("src/_index.yaml"), index)?;
    for program in &programs {
        let name = program.file_stem().unwrap().to_string_lossy().into_owned();
        let id = format!("test:{name}");
        entry_again(&format!("lua-{name}"), &project, &["--exec", &id], "first\nsecond\r\nend")?;
    }
    assert!(programs.len() > 40, "only {} programs", programs.len());
    Ok(())
}

/// Waits until a file holds something.
fn wait_for(path: &str, bytes: u64) {
    let start = Instant::now();
    while fs::metadata(path).map_or(0, |meta| meta.len()) < bytes {
        assert!(start.elapsed() < Duration::from_secs(120), "{path} does not grow");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Services that fail and are started again, and are killed in the middle.
#[test]
fn a_run_that_is_killed_is_replayed_up_to_there() -> Result {
    let scratch = Scratch::new("killed")?;
    let journal = scratch.path("trip");
    let mut command = wippy();
    command.args(["-C", "conformance/apps/processes", "run", "--record", &journal]);
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn()?;
    wait_for(&journal, 900);
    child.kill()?;
    child.wait()?;
    let again = output(&["replay", &journal], "")?;
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert_eq!(again.status.code(), Some(7), "{said}");
    assert!(said.contains("ends before the run does") && said.contains("steps"), "{said}");
    Ok(())
}

/// What is waited for in the run is not waited for in the replay: it has all it needs.
#[cfg(unix)]
#[test]
fn services_that_are_stopped_end_with_the_same_code() -> Result {
    let scratch = Scratch::new("services")?;
    let journal = scratch.path("trip");
    let mut command = wippy();
    command.args(["-C", "conformance/apps/processes", "run", "--record", &journal]);
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn()?;
    wait_for(&journal, 900);
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status()?;
    assert!(told.success());
    assert_eq!(child.wait()?.code(), Some(0));
    let again = output(&["replay", &journal], "")?;
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert_eq!((again.status.code(), &*said), (Some(0), ""));
    Ok(())
}

/// The processes of a group, but for those that have ended and wait for their parents.
#[cfg(target_os = "linux")]
fn group(leader: u32) -> io::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir("/proc")? {
        // It may have ended meanwhile, or be no process.
        let Ok(stat) = fs::read_to_string(entry?.path().join("stat")) else { continue };
        let Some((_, rest)) = stat.rsplit_once(')') else { continue };
        let mut fields = rest.split_whitespace();
        let (state, of) = (fields.next(), fields.nth(1).and_then(|group| group.parse().ok()));
        count += usize::from(of == Some(leader) && state != Some("Z"));
    }
    Ok(count)
}

/// The snapshots of a replay end with it, also if it is killed.
#[test]
#[cfg(target_os = "linux")]
fn no_snapshot_is_left_behind() -> Result {
    use std::{
        io::{BufRead, BufReader},
        os::unix::process::CommandExt,
    };

    let scratch = Scratch::new("snapshots")?;
    let (journal, kernels) = (scratch.path("trip"), "conformance/guests/built/kernels.wasm");
    output(&["run", "--record", &journal, "--invoke", "sieve", kernels, "100000"], "")?;
    let mut command = wippy();
    command.args(["replay", &journal, "--repl"]).process_group(0);
    let mut replay = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut said = BufReader::new(replay.stdout.take().unwrap()).lines();
    let mut stdin = replay.stdin.take().unwrap();
    stdin.write_all(b"end\nwhere\n")?;
    // Until the last of them has answered.
    while said.next().transpose()?.is_some_and(|line| line != "no process lives here") {}
    assert!(group(replay.id())? > 3, "there are no snapshots");
    replay.kill()?;
    replay.wait()?;
    // They have been told, and end when they come to it.
    while group(replay.id())? > 0 {
        thread::sleep(Duration::from_millis(10));
    }
    drop(stdin);
    Ok(())
}
