//! The guests under `conformance/guests/raw` in real directories, beside what is
//! recorded of them.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    adapter::{AdaptOptions, adapt},
    component::{Component, Engine},
    dispatch::world::{Input, Output, Streams, World},
    process::{Cause, DEFAULT_SLICE, Limits, Outcome, Process, WasmProcess, run},
    wasi::{Config, Preopen, WasiState, fake::LINKER},
};

/// Where we differ from what is recorded, by case: recorded lines with `-` in
/// front, our own with `+`.
const DIFFERENCES: &[(&str, &[&str])] = &[
    (
        "path",
        &[
            // A slash after a directory that is to be removed says nothing new.
            "-remove_dir(\"d/f/\"): inval",
            "+remove_dir(\"d/f/\"): success",
            // As Linux has it: a link is no directory.
            "-open_as(\"to-dir\", 0, DIRECTORY, RIGHT_READ): loop",
            "+open_as(\"to-dir\", 0, DIRECTORY, RIGHT_READ): notdir",
            "-remove_dir(\"to-dir/\"): inval",
            "+remove_dir(\"to-dir/\"): notdir",
        ],
    ),
    // A file can be read at once, whatever else is ready too.
    ("poll", &["-  ready 2", "+  ready 3", "+  34 type 1 success"]),
];

fn conformance() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance")
}

/// A directory that goes away with the test.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Temporary {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("wippy-p1-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Temporary(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn text(value: &str) -> String {
    match value.starts_with('"') {
        true => serde_json::from_str(value).unwrap(),
        false => value.to_owned(),
    }
}

/// Each character is a byte.
fn bytes(value: &str) -> Vec<u8> {
    text(value).chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

/// Runs a case; what differs.
fn differences(name: &str) -> Vec<String> {
    let case = conformance().join("wasi/p1").join(format!("{name}.expected"));
    let case = std::fs::read_to_string(case).unwrap();
    let (head, stdout) = case.split_once("stdout:\n").unwrap();
    let values = |key: &str| {
        let prefix = format!("{key}: ");
        head.lines().filter_map(move |line| line.strip_prefix(&prefix).map(str::to_owned))
    };
    let guest = values("guest").next().unwrap();
    let root = Temporary::new();
    let dirs: Vec<String> = values("dir").collect();
    for dir in &dirs {
        let dir = dir.trim_end_matches(" ro");
        std::fs::create_dir_all(root.0.join(&dir[1..])).unwrap();
    }
    for file in values("file") {
        let (path, content) = file.split_once(' ').unwrap_or((&file, ""));
        let place = root.0.join(&path[1..]);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        match content.strip_prefix("-> ") {
            Some(target) => std::os::unix::fs::symlink(target, place).unwrap(),
            None if path.ends_with('/') => std::fs::create_dir_all(place).unwrap(),
            None => std::fs::write(place, bytes(content)).unwrap(),
        }
    }
    let out = Arc::new(Mutex::new(Vec::new()));
    let stdin = Input::Bytes(values("stdin").flat_map(|value| bytes(&value)).collect());
    let world = World::new(Streams {
        stdin,
        stdout: Output::Buffer(Arc::clone(&out)),
        ..Streams::default()
    });
    let preopens = dirs.iter().map(|dir| {
        let (guest, read_only) = match dir.strip_suffix(" ro") {
            Some(dir) => (dir, true),
            None => (dir.as_str(), false),
        };
        let path = root.0.join(&guest[1..]);
        let open = cap_std::fs::Dir::open_ambient_dir(path, cap_std::ambient_authority()).unwrap();
        Preopen { guest: guest.to_owned(), dir: world.add_dir(open, read_only), read_only }
    });
    let env = values("env").map(|line| {
        let (name, value) = line.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    });
    let config = Config {
        args: [guest.clone()].into_iter().chain(values("arg").map(|arg| text(&arg))).collect(),
        env: env.collect(),
        cwd: None,
        preopens: preopens.collect(),
    };
    let exit = match start(&guest, config, |command| smol::block_on(world.answer(command))) {
        Ok(_) => "0".to_owned(),
        Err(error) => match error.cause() {
            Cause::Exit(code) => code.to_string(),
            _ => "trap".to_owned(),
        },
    };
    let out = String::from_utf8(std::mem::take(&mut *out.lock().unwrap())).unwrap();
    let wanted = values("exit").next().unwrap();
    let mut differences =
        difference(&stdout.lines().collect::<Vec<_>>(), &out.lines().collect::<Vec<_>>());
    if exit != wanted {
        differences.extend([format!("-exit: {wanted}"), format!("+exit: {exit}")]);
    }
    differences
}

/// The lines that are not in the longest sequence that both have.
fn difference(recorded: &[&str], here: &[&str]) -> Vec<String> {
    let mut longest = vec![vec![0; here.len() + 1]; recorded.len() + 1];
    for (i, a) in recorded.iter().enumerate().rev() {
        for (j, b) in here.iter().enumerate().rev() {
            longest[i][j] = match a == b {
                true => longest[i + 1][j + 1] + 1,
                false => longest[i + 1][j].max(longest[i][j + 1]),
            };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < recorded.len() || j < here.len() {
        match (recorded.get(i), here.get(j)) {
            (Some(a), Some(b)) if a == b => (i, j) = (i + 1, j + 1),
            (Some(a), b) if b.is_none() || longest[i + 1][j] >= longest[i][j + 1] => {
                lines.push(format!("-{a}"));
                i += 1;
            }
            (_, b) => {
                lines.push(format!("+{}", b.unwrap_or(&"")));
                j += 1;
            }
        }
    }
    lines
}

fn start(
    guest: &str,
    config: Config,
    answer: impl FnMut(crate::dispatch::Command) -> crate::dispatch::Reply,
) -> Outcome {
    let module = conformance().join(format!("guests/built/{guest}-p1.wasm"));
    let module = std::fs::read(module).unwrap();
    let adapted = adapt(&module, &AdaptOptions::default()).unwrap();
    let component = Component::new(&Engine::default(), adapted.component).unwrap();
    let mut process = WasmProcess::new(&component.link(&LINKER).unwrap(), Limits::default());
    process.init("run", vec![]).unwrap();
    process.host_state().unwrap().set(WasiState::new(config).unwrap());
    run(&mut process, DEFAULT_SLICE, answer)
}

#[test]
#[cfg(unix)]
fn it_is_as_recorded() {
    let mut names: Vec<String> = std::fs::read_dir(conformance().join("wasi/p1"))
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let name = name.strip_suffix(".expected")?;
            (!name.ends_with("-component")).then(|| name.to_owned())
        })
        .collect();
    names.sort_unstable();
    assert!(names.len() > 30);
    let mut report = String::new();
    for name in names {
        let known = DIFFERENCES.iter().find(|(case, _)| *case == name);
        let known = known.map_or(&[][..], |(_, known)| known);
        let found = differences(&name);
        if found != known {
            report += &format!("{name}:\n");
            for line in found {
                report += &format!("    {line:?},\n");
            }
        }
    }
    assert!(report.is_empty(), "{report}");
}
