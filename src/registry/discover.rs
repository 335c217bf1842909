//! Finding a project's files: `wippy.lock`, and the YAML files below its
//! source directories.
//!
//! The walk is sorted, so that problems and entries come in the same order on
//! every machine. It skips hidden directories and does not follow links to
//! directories, so it ends; and it is bounded, because a project's directory
//! may by mistake be somebody's home.

use super::{
    Problem, Problems,
    fields::{Fields, Report},
    yaml,
};
use std::{
    cell::RefCell,
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The name of the file that makes a directory a project.
pub(crate) const LOCK: &str = "wippy.lock";
/// The lines of a lock file that says what is assumed without one.
const LOCK_LINES: &str = "directories:\n  src: ./src\n  modules: .wippy";
/// The largest YAML file that is read.
pub(super) const MAX_FILE: u64 = 1 << 20;
/// The most YAML files in a project.
const MAX_FILES: usize = 10_000;
/// The most things looked at below a source directory.
const MAX_VISITED: usize = 200_000;
/// The deepest directory.
const MAX_DEPTH: usize = 64;

/// A YAML file of a project.
pub(super) struct SourceFile {
    /// Where it is.
    pub path: PathBuf,
    /// How messages call it: relative to the project, with forward slashes.
    pub name: Arc<str>,
}

/// The YAML files of the project in `dir`, in order.
pub(super) fn files(dir: &Path, problems: &RefCell<Problems>) -> Vec<SourceFile> {
    let mut found =
        Walk { root: dir, files: Vec::new(), seen: BTreeSet::new(), visited: 0, problems };
    for source in directories(dir, problems) {
        let start = dir.join(&source.directory);
        match fs::metadata(&start) {
            Ok(meta) if meta.is_dir() => found.walk(&start),
            Err(error) if error.kind() == io::ErrorKind::NotFound && source.optional => {}
            other => {
                let what = match other {
                    Ok(_) => "something that is not a directory".to_owned(),
                    Err(error) => describe_io(&error),
                };
                let problem = Problem::error(
                    LOCK,
                    format!("{}: {what}", source.directory),
                    "a directory with the project's YAML files",
                    format!("create it, or name another one: {}: ./src", source.field),
                );
                problems.borrow_mut().push(
                    problem.at_line(source.line).in_field(format!("directories.{}", source.field)),
                );
            }
        }
    }
    found.files
}

struct SourceDirectory {
    field: &'static str,
    directory: String,
    line: Option<u32>,
    optional: bool,
}

/// The directories that the lock file names.
fn directories(dir: &Path, problems: &RefCell<Problems>) -> Vec<SourceDirectory> {
    let defaults = || {
        let default = |field, directory: &str, optional| SourceDirectory {
            field,
            directory: directory.to_owned(),
            line: None,
            optional,
        };
        vec![default("src", "./src", false), default("modules", ".wippy", true)]
    };
    let report = Report { file: LOCK.into(), entry: None, kind: "".into(), problems, noting: None };
    let fix = format!("create {LOCK} with these lines:\n{LOCK_LINES}");
    let bytes = match read_bounded(&dir.join(LOCK)) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            let expected = format!("at most {} MiB", MAX_FILE >> 20);
            report.error(
                None,
                "",
                format!("a file larger than {} MiB", MAX_FILE >> 20),
                expected,
                fix,
            );
            return Vec::new();
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(above) = project_above(dir) {
                let found = "no such file, but there is one further up";
                let fix = format!("name the directory that has it: -C {}", above.display());
                report.error(None, "", found, format!("a directory with a {LOCK}"), fix);
                return Vec::new();
            }
            if dir.join("src").is_dir() {
                report.push(
                    super::Severity::Warning,
                    None,
                    "",
                    "no such file; src is taken as the project's source",
                    format!("a {LOCK} beside src"),
                    fix,
                );
                return defaults();
            }
            let (found, fix) = if dir.is_dir() {
                let found = "no such file, and no src directory";
                let ways = "go to a project's directory, or name it with -C DIR, or begin one with \
                            `wippy new NAME` or `wippy init`";
                (found, ways.to_owned())
            } else {
                let found = "no such file; the project's directory itself does not exist";
                (found, "name a directory that exists with -C DIR".to_owned())
            };
            report.error(None, "", found, format!("a project: a directory with a {LOCK}"), fix);
            return Vec::new();
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            let found = "no such file; the project's directory is a file itself";
            let fix = "name a directory with -C DIR; a file is run like this: wippy run FILE";
            report.error(None, "", found, format!("a project: a directory with a {LOCK}"), fix);
            return Vec::new();
        }
        Err(error) => {
            report.error(
                None,
                "",
                describe_io(&error),
                "a readable file",
                "look at its permissions",
            );
            return Vec::new();
        }
    };
    let node = match yaml::parse(&bytes) {
        Ok(node) => node,
        Err(error) => {
            report.error(error.line, "", error.found, error.expected, error.fix);
            return Vec::new();
        }
    };
    if node.data == yaml::Data::Null {
        return defaults();
    }
    let Some(lock) = Fields::of_node(&report, &node, String::new(), LOCK_LINES) else {
        return Vec::new();
    };
    for other in ["version", "modules", "options", "replacements"] {
        lock.ignore(other);
    }
    let mut directories = defaults();
    if let Some(fields) = lock.fields("directories", LOCK_LINES) {
        for directory in &mut directories {
            if let Some(text) = fields.text(directory.field) {
                directory.directory = text.value.to_owned();
                directory.line = text.line;
            }
        }
        fields.finish();
    }
    lock.finish();
    directories
}

/// The directory above this one that has a lock file.
fn project_above(dir: &Path) -> Option<PathBuf> {
    let real = fs::canonicalize(dir).ok()?;
    let (mut above, mut named) = (real.as_path(), Some(dir));
    while let Some(parent) = above.parent() {
        above = parent;
        named = named.and_then(Path::parent);
        if above.join(LOCK).is_file() {
            // As it was named, if that has enough parts.
            let plain = |path: &Path| {
                let normal = |part| matches!(part, std::path::Component::Normal(_));
                !path.as_os_str().is_empty() && path.components().all(normal)
            };
            return Some(named.filter(|named| plain(named)).unwrap_or(above).to_owned());
        }
    }
    None
}

struct Walk<'a> {
    root: &'a Path,
    files: Vec<SourceFile>,
    seen: BTreeSet<PathBuf>,
    visited: usize,
    problems: &'a RefCell<Problems>,
}

impl Walk<'_> {
    /// Walks one tree, parents before children, each directory in order.
    fn walk(&mut self, start: &Path) {
        let mut todo = vec![(start.to_owned(), 0_usize)];
        while let Some((directory, depth)) = todo.pop() {
            let mut below = Vec::new();
            let mut entries = match self.list(&directory) {
                Ok(Some(entries)) => entries,
                Ok(None) => return,
                Err(error) => {
                    self.complain(
                        &directory,
                        &describe_io(&error),
                        "a readable directory",
                        "look at its permissions",
                    );
                    continue;
                }
            };
            entries.sort();
            for path in entries {
                let hidden =
                    path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
                let Ok(meta) = fs::symlink_metadata(&path) else { continue };
                if meta.is_dir() && !hidden {
                    below.push((path, depth.saturating_add(1)));
                } else if is_yaml(&path)
                    && fs::metadata(&path).is_ok_and(|meta| meta.is_file())
                    && !self.file(path)
                {
                    return;
                }
            }
            if depth >= MAX_DEPTH && !below.is_empty() {
                let found = format!("directories nested more than {MAX_DEPTH} deep");
                self.complain(
                    &directory,
                    &found,
                    "a flatter tree",
                    "is this really a source directory?",
                );
                continue;
            }
            todo.extend(below.into_iter().rev());
        }
    }

    /// The files and directories in a directory; nothing once the project is too large.
    fn list(&mut self, directory: &Path) -> io::Result<Option<Vec<PathBuf>>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(directory)? {
            self.visited = self.visited.saturating_add(1);
            if self.visited > MAX_VISITED {
                let found = format!("more than {MAX_VISITED} files and directories");
                self.complain(
                    directory,
                    &found,
                    "a project's source",
                    "name the source directory in wippy.lock",
                );
                return Ok(None);
            }
            entries.push(entry?.path());
        }
        Ok(Some(entries))
    }

    /// Takes a file in, unless it was met before; false once there are too many.
    fn file(&mut self, path: PathBuf) -> bool {
        let real = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        if !self.seen.insert(real) {
            return true;
        }
        if self.files.len() >= MAX_FILES {
            let found = format!("more than {MAX_FILES} YAML files");
            self.complain(
                &path,
                &found,
                "a project's source",
                "name the source directory in wippy.lock",
            );
            return false;
        }
        let name = self.name(&path);
        self.files.push(SourceFile { path, name });
        true
    }

    fn name(&self, path: &Path) -> Arc<str> {
        let relative = path.strip_prefix(self.root).unwrap_or(path);
        let parts: Vec<_> = relative
            .components()
            .filter(|part| !matches!(part, std::path::Component::CurDir))
            .map(|part| part.as_os_str().to_string_lossy())
            .collect();
        parts.join("/").into()
    }

    fn complain(&self, path: &Path, found: &str, expected: &str, fix: &str) {
        let problem = Problem::error(self.name(path), found, expected, fix);
        self.problems.borrow_mut().push(problem);
    }
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|ext| ext == "yaml" || ext == "yml")
}

/// The bytes of a file; none of them if it is larger than [`MAX_FILE`].
pub(super) fn read_bounded(path: &Path) -> io::Result<Option<Vec<u8>>> {
    use std::io::Read;
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MAX_FILE.saturating_add(1)).read_to_end(&mut bytes)?;
    let fits = u64::try_from(bytes.len()).is_ok_and(|len| len <= MAX_FILE);
    Ok(fits.then_some(bytes))
}

/// An operating system's error in the same words everywhere.
pub(crate) fn describe_io(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::NotADirectory => "a part of the path is not a directory".to_owned(),
        io::ErrorKind::IsADirectory => "a directory".to_owned(),
        _ => error.to_string(),
    }
}
