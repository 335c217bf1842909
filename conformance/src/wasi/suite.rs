//! The public wasi-testsuite, as its `doc/specification.md` has it.
//!
//! A suite is a directory with `*.wasm`; its `manifest.json` gives its name and
//! the version of WASI. A test's specification is the file of the same name that
//! ends in `.json`; without one, the program has to end with exit code 0. Every
//! test gets a copy of its directory of its own.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    time::Instant,
};

use serde_json::{Map, Value};

use super::{
    Known, Report, Setting, Verdict,
    command::{self, Ended, Stdin},
    in_parallel,
    scratch::{self, Scratch},
};

/// The version of WASI that is run; the directories of others are skipped.
const VERSION: &str = "wasm32-wasip1";

/// One test: its program and what it is to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Test {
    args: Vec<String>,
    env: Vec<(String, String)>,
    /// A directory beside the program that is its `/`.
    root: Option<String>,
    stdin: String,
    exit_code: i32,
    /// The streams' beginnings, or all that they are.
    stdout: Option<Expected>,
    stderr: Option<Expected>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Expected {
    Begin(String),
    All(String),
}

/// Runs all suites below a directory.
///
/// # Errors
///
/// If a directory cannot be read.
pub fn run(
    path: &Path,
    setting: &Setting,
    known: &Known,
    wanted: &dyn Fn(&str) -> bool,
    report: &mut Report,
) -> io::Result<()> {
    let mut suites: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for program in super::files(path, "wasm")? {
        let suite = program.parent().unwrap_or(Path::new("")).to_owned();
        // Programs without a manifest are no suite.
        if suite.join("manifest.json").is_file() {
            suites.entry(suite).or_default().push(program);
        }
    }
    for (suite, programs) in suites {
        let (name, version) = manifest(&suite)?;
        let title = |program: &PathBuf| {
            let test = program.file_stem().unwrap_or_default().to_string_lossy();
            format!("{}/{test}", language(&suite))
        };
        let programs: Vec<_> =
            programs.into_iter().filter(|program| wanted(&title(program))).collect();
        let results = in_parallel(setting, &programs, |program| {
            let start = Instant::now();
            let verdict = match version == VERSION {
                true => check(program, setting).unwrap_or_else(|e| Verdict::Fail(e.to_string())),
                false => Verdict::Skip(format!("it is for {version}")),
            };
            (verdict, start.elapsed())
        });
        for (program, (verdict, elapsed)) in programs.iter().zip(results) {
            let title = title(program);
            report.add(&name, &title, verdict, known.reason(&title), elapsed);
        }
    }
    Ok(())
}

/// The name and the version of WASI that a suite says it has.
fn manifest(suite: &Path) -> io::Result<(String, String)> {
    let path = suite.join("manifest.json");
    let value = json(&path)?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let last = suite.file_name().unwrap_or_default().to_string_lossy();
    let version = text("version").unwrap_or_else(|| match last.starts_with("wasm32-") {
        true => last.into_owned(),
        false => VERSION.to_owned(),
    });
    Ok((text("name").unwrap_or_else(|| suite.display().to_string()), version))
}

/// The first directory's name that is no word for "tests" or for a version.
fn language(suite: &Path) -> String {
    let full = suite.canonicalize().unwrap_or_else(|_| suite.to_owned());
    let mut names = full.iter().rev().map(|name| name.to_string_lossy());
    let named = names.find(|name| !name.starts_with("wasm32-") && name != "testsuite");
    named.unwrap_or_default().into_owned()
}

fn json(path: &Path) -> io::Result<Value> {
    let text = super::read(path)?;
    serde_json::from_str(&text).map_err(|error| super::named(path, error.into()))
}

fn check(program: &Path, setting: &Setting) -> io::Result<Verdict> {
    let specification = program.with_extension("json");
    let test = match specification.is_file() {
        true => Test::parse(&json(&specification)?).map_err(io::Error::other)?,
        false => Test::default(),
    };
    let scratch = Scratch::new()?;
    let mut args: Vec<OsString> = vec!["run".into()];
    if let Some(root) = &test.root {
        let from = program.parent().unwrap_or(Path::new("")).join(root);
        // Left behind by somebody else's tests.
        let stale = |path: &Path| path.extension().is_some_and(|end| end == "cleanup");
        scratch::copy(&from, scratch.path(), &stale)?;
        let mut dir = OsString::from("--dir=");
        dir.push(scratch.path());
        dir.push("::/");
        args.push(dir);
    }
    args.extend(test.env.iter().map(|(name, value)| format!("--env={name}={value}").into()));
    args.push(program.into());
    args.extend(test.args.iter().map(OsString::from));
    let stdin = Stdin { bytes: test.stdin.clone().into_bytes(), stays_open: false };
    let ended = command::run(&setting.wippy, &args, &stdin, setting.timeout)?;
    let wrong = test.compare(&ended);
    Ok(match wrong.is_empty() {
        true => Verdict::Pass,
        false => Verdict::Fail(wrong.join("\n")),
    })
}

impl Test {
    /// Reads a specification, in either of its two styles.
    fn parse(value: &Value) -> Result<Test, String> {
        let map = value.as_object().ok_or("the specification is no object")?;
        let new = ["operations", "proposals", "servers"].iter().any(|key| map.contains_key(*key));
        let mut test = Test::default();
        if !new {
            test.run(map)?;
            test.exit_code = exit_code(map)?;
            test.stdout = text(map, "stdout")?.map(Expected::All);
            test.stderr = text(map, "stderr")?.map(Expected::All);
            return Ok(test);
        }
        for key in ["proposals", "servers"] {
            let none = map.get(key).is_none_or(|list| list.as_array().is_some_and(Vec::is_empty));
            if !none {
                return Err(format!("it needs {key}, and this runner has none"));
            }
        }
        let operations = match map.get("operations") {
            Some(list) => list.as_array().ok_or("`operations` is no list")?.as_slice(),
            None => &[],
        };
        for operation in operations {
            let map = operation.as_object().ok_or("an operation is no object")?;
            test.operation(map)?;
        }
        Ok(test)
    }

    fn operation(&mut self, map: &Map<String, Value>) -> Result<(), String> {
        let payload = || text(map, "payload").map(Option::unwrap_or_default);
        match text(map, "type")?.unwrap_or_default().as_str() {
            "run" => self.run(map),
            "wait" => {
                self.exit_code = exit_code(map)?;
                Ok(())
            }
            "write" => {
                self.stdin.push_str(&payload()?);
                Ok(())
            }
            "read" => {
                let stream = match text(map, "id")?.as_deref() {
                    None | Some("stdout") => &mut self.stdout,
                    Some("stderr") => &mut self.stderr,
                    Some(other) => return Err(format!("it reads from {other}")),
                };
                match stream {
                    Some(Expected::Begin(text) | Expected::All(text)) => text.push_str(&payload()?),
                    None => *stream = Some(Expected::Begin(payload()?)),
                }
                Ok(())
            }
            other => Err(format!("this runner has no operation `{other}`")),
        }
    }

    fn run(&mut self, map: &Map<String, Value>) -> Result<(), String> {
        if let Some(args) = map.get("args") {
            let args = args.as_array().ok_or("`args` is no list")?;
            let args = args.iter().map(|arg| arg.as_str().map(str::to_owned));
            self.args = args.collect::<Option<_>>().ok_or("`args` has more than texts")?;
        }
        if let Some(env) = map.get("env") {
            let env = env.as_object().ok_or("`env` is no object")?;
            let pair = |(name, value): (&String, &Value)| {
                value.as_str().map(|value| (name.clone(), value.to_owned()))
            };
            self.env =
                env.iter().map(pair).collect::<Option<_>>().ok_or("`env` is not of texts")?;
        }
        self.root = text(map, "root")?;
        Ok(())
    }

    /// Everything that is not as expected.
    fn compare(&self, ended: &Ended) -> Vec<String> {
        let mut wrong = Vec::new();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        if ended.code() != Some(self.exit_code) {
            let stderr = stderr.trim_end();
            wrong.push(format!("exit: expected {}, found {ended}\n{stderr}", self.exit_code));
        }
        let streams =
            [("stdout", &self.stdout, &ended.stdout), ("stderr", &self.stderr, &ended.stderr)];
        for (name, expected, found) in streams {
            let (good, expected) = match expected {
                None => continue,
                Some(Expected::All(text)) => (found == text.as_bytes(), text),
                Some(Expected::Begin(text)) => (found.starts_with(text.as_bytes()), text),
            };
            if !good {
                let found = String::from_utf8_lossy(found);
                wrong.push(format!("{name}: expected {expected:?}, found {found:?}"));
            }
        }
        wrong
    }
}

fn text(map: &Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    match map.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(format!("`{key}` is no text: {other}")),
    }
}

fn exit_code(map: &Map<String, Value>) -> Result<i32, String> {
    match map.get("exit_code") {
        None => Ok(0),
        Some(code) => code
            .as_i64()
            .and_then(|code| i32::try_from(code).ok())
            .ok_or_else(|| format!("`exit_code` is no exit code: {code}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_styles_are_read() -> Result<(), String> {
        let old = Test::parse(&json!({
            "args": ["one"], "env": {"A": "b"}, "root": "dir", "exit_code": 3, "stdout": "text"
        }))?;
        assert_eq!(old.args, ["one"]);
        assert_eq!(old.env, [("A".to_owned(), "b".to_owned())]);
        assert_eq!((old.root.as_deref(), old.exit_code), (Some("dir"), 3));
        assert_eq!(old.stdout, Some(Expected::All("text".to_owned())));
        let new = Test::parse(&json!({"operations": [
            {"type": "run", "root": "dir"},
            {"type": "write", "id": "stdin", "payload": "in"},
            {"type": "read", "payload": "a"}, {"type": "read", "payload": "b"},
            {"type": "wait", "exit_code": 1}
        ]}))?;
        assert_eq!(new.stdout, Some(Expected::Begin("ab".to_owned())));
        assert_eq!((new.stdin.as_str(), new.exit_code), ("in", 1));
        Ok(())
    }

    #[test]
    fn what_cannot_be_done_is_told() {
        let told = |value: Value| Test::parse(&value).err().unwrap_or_default();
        assert_eq!(
            told(json!({"operations": [{"type": "connect"}]})),
            "this runner has no operation `connect`"
        );
        assert_eq!(
            told(json!({"proposals": ["http"]})),
            "it needs proposals, and this runner has none"
        );
        assert_eq!(told(json!({"args": [1]})), "`args` has more than texts");
        assert_eq!(told(json!([])), "the specification is no object");
    }
}
