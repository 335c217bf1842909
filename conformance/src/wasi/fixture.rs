//! A recorded case against the command.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use wippy::artifact::Hash;

pub use super::case::Form;
use super::{
    Known, Report, Setting, Verdict,
    case::{Case, Content, Exit, Stdout},
    command::{self, Ended, Stdin},
    diff,
    differences::Differences,
    entry, in_parallel,
    scratch::{self, Scratch},
};

/// The command's exit code for a trap.
const TRAP: i32 = 4;

/// Runs all cases below a directory, in each of their forms.
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
    let differences = include_str!("../../wasi/differences.txt");
    let differences = Differences::parse(differences).map_err(io::Error::other)?;
    let mut work = Vec::new();
    for file in super::files(path, "expected")? {
        let (group, name) = names(&file);
        let case = match Case::parse(&super::read(&file)?) {
            Ok(case) => case,
            Err(why) => {
                report.add(&group, &name, Verdict::Fail(why), None, Duration::ZERO);
                continue;
            }
        };
        let forms = case.forms.iter().filter(|form| wanted(&full_name(&name, **form)));
        let file = &file;
        work.extend(forms.map(|form| (file.clone(), case.clone(), *form)));
    }
    let results = in_parallel(setting, &work, |(file, case, form)| {
        let start = Instant::now();
        let verdict = match check(file, case, *form, setting, &differences) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && to_build(&case.guest) => {
                let how = format!("conformance/guests/{}/build.sh builds it", case.guest);
                Verdict::Skip(how)
            }
            Ok(wrong) if wrong.is_empty() => Verdict::Pass,
            Ok(wrong) => Verdict::Fail(wrong.join("\n")),
            Err(error) => Verdict::Fail(error.to_string()),
        };
        (verdict, start.elapsed())
    });
    for ((file, _, form), (verdict, elapsed)) in work.iter().zip(results) {
        let (group, name) = names(file);
        let name = full_name(&name, *form);
        let reason = known.reason(&name);
        report.add(&format!("{group}, {}", form.name()), &name, verdict, reason, elapsed);
    }
    Ok(())
}

/// The directory's name, and that with the case's.
fn names(file: &Path) -> (String, String) {
    let name = |path: Option<&std::ffi::OsStr>| {
        path.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let group = name(file.parent().and_then(Path::file_name));
    let case = name(file.file_stem());
    (group.clone(), format!("{group}/{case}"))
}

fn full_name(name: &str, form: Form) -> String {
    format!("{name} ({})", form.name())
}

/// True if the guest is too big for the repository.
fn to_build(guest: &str) -> bool {
    guest == "python"
}

/// Runs a case in one form, and tells what is not as expected.
fn check(
    file: &Path,
    case: &Case,
    form: Form,
    setting: &Setting,
    differences: &Differences,
) -> io::Result<Vec<String>> {
    let built = built(file).ok_or_else(|| {
        io::Error::other("there is no `guests/built` beside one of the directories that it is in")
    })?;
    let scratch = Scratch::new()?;
    let root = scratch.path();
    let mut args: Vec<OsString> = vec!["run".into()];
    for (at, mount) in case.dirs.iter().enumerate() {
        let host = root.join(at.to_string());
        fs::create_dir(&host)?;
        let mut dir = OsString::from("--dir=");
        dir.push(&host);
        dir.push(format!("::{}{}", mount.guest, if mount.read_only { ":ro" } else { "" }));
        args.push(dir);
    }
    for file in &case.files {
        place(root, &locate(root, case, &file.path)?, &file.content)?;
    }
    for file in &case.outside {
        let name = file.path.trim_start_matches('/');
        place(root, &root.join("outside").join(name), &file.content)?;
    }
    let guest = guest(root, &built, &case.guest, form)?;
    match &case.call {
        // Words after a function's name are for its parameters; arguments of the
        // program are something that an entry has.
        Some(method) => args = entry::project(root, case, method, &guest)?,
        None => {
            args.extend(case.env.iter().map(|pair| OsString::from(format!("--env={pair}"))));
            args.extend(case.cwd.iter().map(|cwd| OsString::from(format!("--cwd={cwd}"))));
            args.push(guest.into());
            args.extend(case.args.iter().map(OsString::from));
        }
    }

    let mut stdin = Stdin { bytes: case.stdin.clone(), stays_open: case.stdin_stays_open };
    if let Some(name) = &case.stdin_file {
        let path = file.with_file_name(name);
        stdin.bytes.extend(fs::read(&path).map_err(|error| super::named(&path, error))?);
    }
    // What may be changed is what is mounted so.
    let writable = |path: &Path| {
        let mounts = case.dirs.iter().enumerate().filter(|(_, mount)| !mount.read_only);
        mounts.map(|(at, _)| root.join(at.to_string())).any(|mount| path == mount)
    };
    let before = scratch::contents(root, &writable)?;
    let mut ended = command::run(&setting.wippy, &args, &stdin, setting.timeout)?;
    if scratch::contents(root, &writable)? != before {
        return Ok(vec!["it has changed what it must not".to_owned(), told(&ended)]);
    }
    for path in &case.show {
        let shown = locate(root, case, path)?;
        match fs::read(&shown) {
            Ok(bytes) => ended.stdout.extend(bytes),
            Err(error) => return Ok(vec![format!("{path}: {error}"), told(&ended)]),
        }
    }
    let (_, name) = names(file);
    let change = |recorded: &[u8]| {
        differences.apply([&name, &full_name(&name, form)], recorded).map_err(io::Error::other)
    };
    compare(case, form, &ended, &change)
}

/// The guest under the name that it is recorded with: `NAME` and nothing more.
fn guest(root: &Path, built: &Path, name: &str, form: Form) -> io::Result<PathBuf> {
    let file = match form {
        Form::Core => built.join(format!("{name}-p1.wasm")),
        Form::Component if to_build(name) => {
            built.join("../../../target/guests").join(format!("{name}.wasm"))
        }
        Form::Component => built.join(format!("{name}.wasm")),
    };
    let dir = root.join("guest");
    fs::create_dir(&dir)?;
    let copy = dir.join(name);
    fs::copy(&file, &copy).map_err(|error| super::named(&file, error))?;
    Ok(copy)
}

/// `guests/built` beside one of the directories that the file is in.
fn built(file: &Path) -> Option<PathBuf> {
    let file = file.canonicalize().ok()?;
    file.ancestors().map(|dir| dir.join("guests/built")).find(|dir| dir.is_dir())
}

fn locate(root: &Path, case: &Case, path: &str) -> io::Result<PathBuf> {
    let (at, rest) = case
        .mount(path)
        .ok_or_else(|| io::Error::other(format!("{path} is in no directory of the case")))?;
    Ok(root.join(at.to_string()).join(rest))
}

/// Makes a file, with the directories on the way.
fn place(root: &Path, at: &Path, content: &Content) -> io::Result<()> {
    if let Some(parent) = at.parent() {
        fs::create_dir_all(parent)?;
    }
    match content {
        Content::Directory => fs::create_dir_all(at),
        Content::Bytes(bytes) => fs::write(at, bytes),
        Content::Zeros(size) => fs::File::create(at)?.set_len(*size),
        Content::Link(to) => match to.strip_prefix("ROOT/") {
            Some(rest) => scratch::link(&root.join(rest), at),
            None => scratch::link(Path::new(to), at),
        },
    }
}

/// Everything that is not as expected.
fn compare(
    case: &Case,
    form: Form,
    ended: &Ended,
    change: &dyn Fn(&[u8]) -> io::Result<Vec<u8>>,
) -> io::Result<Vec<String>> {
    let mut wrong = Vec::new();
    let (own, said) = own_words(&ended.stderr);
    let code = ended.code();
    match case.exit(form) {
        // A program that exits with the code for a trap has no message.
        Exit::Trap if code == Some(TRAP) && said.is_some() => {}
        Exit::Trap => wrong.push(format!("exit: expected a trap ({TRAP}), found {ended}")),
        Exit::Code(expected) if code == Some(expected) => {}
        Exit::Code(expected) => wrong.push(format!("exit: expected {expected}, found {ended}")),
    }
    let message = String::from_utf8_lossy(said.unwrap_or_default());
    if let Some(text) = case.says.as_deref().filter(|text| !message.contains(text)) {
        wrong.push(format!("the message has no `{text}`: {}", message.trim_end()));
    }
    // The message of an `err` that a function returns counts as the program's.
    let returned = case.call.is_some() && code == Some(1);
    let trapped = case.exit(form) == Exit::Trap && code == Some(TRAP);
    let stderr = match said {
        Some(said) if returned => [own, said].concat(),
        Some(_) if trapped => own.to_owned(),
        _ => ended.stderr.clone(),
    };
    if stderr != case.stderr(form) {
        wrong.push(format!("stderr:\n{}", diff::lines(case.stderr(form), &stderr)));
    }
    let stdout = ended.stdout.as_slice();
    match &case.stdout {
        Stdout::Bytes(recorded) => {
            let expected = change(recorded)?;
            if expected != stdout {
                wrong.push(format!("stdout:\n{}", diff::lines(&expected, stdout)));
            }
        }
        Stdout::Hash(length, hash) => {
            let found = Hash::of(stdout).to_string();
            if stdout.len() != *length || found != *hash {
                let found = format!("{} bytes with {found}", stdout.len());
                wrong.push(format!("stdout: expected {length} bytes with {hash}, found {found}"));
            }
        }
    }
    Ok(wrong)
}

fn told(ended: &Ended) -> String {
    format!("exit: {ended}\nstderr: {}", String::from_utf8_lossy(&ended.stderr).trim_end())
}

/// The program's own part of stderr, and what the command says after it.
fn own_words(stderr: &[u8]) -> (&[u8], Option<&[u8]>) {
    const ERROR: &[u8] = b"error: ";
    let starts = |at: &usize| *at == 0 || stderr.get(at - 1) == Some(&b'\n');
    let mut places = (0..stderr.len()).filter(starts);
    let found = places.find(|at| stderr.get(*at..).is_some_and(|rest| rest.starts_with(ERROR)));
    match found.and_then(|at| Some((stderr.get(..at)?, stderr.get(at + ERROR.len()..)?))) {
        Some((own, said)) => (own, Some(said)),
        None => (stderr, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_words_are_told_from_the_programs() {
        assert_eq!(own_words(b"a\nerror: b\nc\n"), (&b"a\n"[..], Some(&b"b\nc\n"[..])));
        assert_eq!(own_words(b"an error: b\n"), (&b"an error: b\n"[..], None));
        assert_eq!(own_words(b""), (&b""[..], None));
    }

    /// The faults of a run that printed this and ended with exit code 0.
    fn wrong(case: &str, stdout: &str, stderr: &str) -> Vec<String> {
        let case = Case::parse(case).expect("a case");
        let ended = Ended {
            status: Some(std::process::ExitStatus::default()),
            stdout: stdout.into(),
            stderr: stderr.into(),
            elapsed: Duration::ZERO,
        };
        compare(&case, Form::Component, &ended, &|text| Ok(text.to_owned())).expect("no file")
    }

    #[test]
    fn what_differs_is_told() {
        let case = "guest: g\nexit: 0\nstderr: \"a\\n\"\nstdout:\none\ntwo\n";
        assert_eq!(wrong(case, "one\ntwo\n", "a\n"), [""; 0]);
        assert_eq!(wrong(case, "one\n2\n", "a\n"), ["stdout:\nline 2:\n- two\n+ 2"]);
        assert_eq!(wrong(case, "one\ntwo\n", ""), ["stderr:\nline 1:\n- a"]);
        // What the command says by itself is not expected after a good end.
        assert_eq!(wrong(case, "one\ntwo\n", "a\nerror: b\n"), ["stderr:\nline 2:\n+ error: b"]);
        let case = "guest: g\nexit: trap\nstdout-bytes: 3 sha256:00\n";
        let told = wrong(case, "", "error: it trapped\n");
        assert_eq!(told[0], "exit: expected a trap (4), found 0");
        assert!(told[2].starts_with("stdout: expected 3 bytes with sha256:00, found 0 bytes"));
        assert_eq!(wrong("guest: g\nexit: 3\nstdout:\n", "", "")[0], "exit: expected 3, found 0");
        let case = "guest: g\nsays: bad luck\nexit: 0\nstdout:\n";
        assert_eq!(wrong(case, "", "error: luck\n")[0], "the message has no `bad luck`: luck");
    }

    #[test]
    fn all_cases_can_be_read() -> io::Result<()> {
        let cases = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/wasi"));
        let files = super::super::files(cases, "expected")?;
        assert!(files.len() > 100, "{} cases", files.len());
        for file in files {
            let text = super::super::read(&file)?;
            if let Err(why) = Case::parse(&text) {
                panic!("{}: {why}", file.display());
            }
        }
        Ok(())
    }
}
