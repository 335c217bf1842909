//! The text of a recorded case; `conformance/wasi/README.md` has the format.

/// The form of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A core module that imports WASI 0.1.
    Core,
    /// A component that imports WASI 0.2.
    Component,
}

impl Form {
    /// The word for it in a case.
    pub fn name(self) -> &'static str {
        match self {
            Form::Core => "core",
            Form::Component => "component",
        }
    }
}

/// One case: what a program is given and what it has to print.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Case {
    pub guest: String,
    /// Never empty.
    pub forms: Vec<Form>,
    pub call: Option<String>,
    /// The arguments of the call.
    pub with: Vec<String>,
    pub args: Vec<String>,
    pub env: Vec<String>,
    pub cwd: Option<String>,
    pub dirs: Vec<Mount>,
    pub files: Vec<File>,
    /// Files that lie beside the directories.
    pub outside: Vec<File>,
    pub stdin: Vec<u8>,
    /// Beside the case.
    pub stdin_file: Option<String>,
    pub stdin_stays_open: bool,
    pub show: Vec<String>,
    pub says: Option<String>,
    pub exit: Exit,
    pub exit_component: Option<Exit>,
    pub stderr: Vec<u8>,
    pub stderr_component: Option<Vec<u8>>,
    pub stdout: Stdout,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    pub guest: String,
    pub read_only: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub path: String,
    pub content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Bytes(Vec<u8>),
    Zeros(u64),
    Link(String),
    Directory,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    Code(i32),
    Trap,
}

impl Default for Exit {
    fn default() -> Exit {
        Exit::Code(0)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stdout {
    Bytes(Vec<u8>),
    /// Its length and its hash, `sha256:` and hex digits.
    Hash(usize, String),
}

impl Default for Stdout {
    fn default() -> Stdout {
        Stdout::Bytes(Vec::new())
    }
}

impl Case {
    /// Reads a case.
    ///
    /// # Errors
    ///
    /// With the line that is wrong, or what is missing.
    pub(super) fn parse(text: &str) -> Result<Case, String> {
        let mut case = Case::default();
        let (mut exit, mut stdout) = (None, None);
        let mut rest = text;
        let mut number = 0_usize;
        while stdout.is_none() && !rest.is_empty() {
            let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
            rest = after;
            number += 1;
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |why: &str| format!("line {number}: {why}: {line}");
            let (key, value) = line.split_once(':').ok_or_else(|| wrong("not `key: value`"))?;
            let value = value.trim();
            match key {
                "stdout" => stdout = Some(Stdout::Bytes(rest.as_bytes().to_owned())),
                "stdout-bytes" => stdout = Some(hashed(value).ok_or_else(|| wrong("not a hash"))?),
                "exit" => exit = Some(end(value).ok_or_else(|| wrong("not an exit code"))?),
                _ => case.line(key, value).map_err(wrong)?,
            }
        }
        case.exit = exit.ok_or("no `exit`")?;
        case.stdout = stdout.ok_or("neither `stdout` nor `stdout-bytes`")?;
        if case.guest.is_empty() {
            return Err("no `guest`".to_owned());
        }
        if case.forms.is_empty() {
            case.forms = vec![Form::Core, Form::Component];
        }
        Ok(case)
    }

    fn line(&mut self, key: &str, value: &str) -> Result<(), &'static str> {
        const TEXT: &str = "not a JSON string";
        const BYTES: &str = "not a JSON string of bytes";
        match key {
            "guest" => self.guest = value.to_owned(),
            "call" => self.call = Some(value.to_owned()),
            "with" => self.with.push(word(value).ok_or(TEXT)?),
            "form" => self.forms.push(match value {
                "core" => Form::Core,
                "component" => Form::Component,
                _ => return Err("neither core nor component"),
            }),
            "arg" => self.args.push(word(value).ok_or(TEXT)?),
            "env" => self.env.push(word(value).ok_or(TEXT)?),
            "cwd" => self.cwd = Some(value.to_owned()),
            "show" => self.show.push(value.to_owned()),
            "says" => self.says = Some(value.to_owned()),
            "dir" => {
                let (guest, read_only) = match value.strip_suffix(" ro") {
                    Some(guest) => (guest, true),
                    None => (value, false),
                };
                self.dirs.push(Mount { guest: guest.to_owned(), read_only });
            }
            "file" => self.files.push(file(value).ok_or("not a file's path and content")?),
            "outside" => self.outside.push(file(value).ok_or("not a file's path and content")?),
            "stdin-file" => self.stdin_file = Some(value.to_owned()),
            "stdin" => self.stdin.extend(data(value).ok_or(BYTES)?),
            "stdin-stays-open" => self.stdin_stays_open = true,
            "exit-component" => self.exit_component = Some(end(value).ok_or("not an exit code")?),
            "stderr" => self.stderr.extend(data(value).ok_or(BYTES)?),
            "stderr-component" => {
                let bytes = match value {
                    "none" => Vec::new(),
                    value => data(value).ok_or(BYTES)?,
                };
                self.stderr_component.get_or_insert_default().extend(bytes);
            }
            _ => return Err("no such key"),
        }
        Ok(())
    }

    /// The exit code of this form.
    pub(super) fn exit(&self, form: Form) -> Exit {
        self.exit_component.filter(|_| form == Form::Component).unwrap_or(self.exit)
    }

    /// The text that this form writes to stderr.
    pub(super) fn stderr(&self, form: Form) -> &[u8] {
        let own = self.stderr_component.as_ref().filter(|_| form == Form::Component);
        own.unwrap_or(&self.stderr)
    }

    /// The innermost directory that a path is in, and the rest of the path.
    pub(super) fn mount<'a>(&self, path: &'a str) -> Option<(usize, &'a str)> {
        let below = |guest: &str| {
            let rest = path.strip_prefix(guest.trim_end_matches('/'))?;
            (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_start_matches('/'))
        };
        let mounts = self.dirs.iter().enumerate();
        let found = mounts.filter_map(|(at, mount)| Some((at, below(&mount.guest)?)));
        found.min_by_key(|(_, rest)| rest.len())
    }
}

fn end(value: &str) -> Option<Exit> {
    match value {
        "trap" => Some(Exit::Trap),
        code => code.parse().ok().map(Exit::Code),
    }
}

fn hashed(value: &str) -> Option<Stdout> {
    let (length, hash) = value.split_once(' ')?;
    Some(Stdout::Hash(length.parse().ok()?, hash.to_owned()))
}

fn file(value: &str) -> Option<File> {
    let (path, content) = value.split_once(' ').unwrap_or((value, ""));
    let content = match content {
        "" => path.ends_with('/').then_some(Content::Directory)?,
        content => match (content.strip_prefix("-> "), content.strip_prefix("size ")) {
            (Some(target), _) => Content::Link(target.to_owned()),
            (_, Some(size)) => Content::Zeros(size.parse().ok()?),
            _ => Content::Bytes(data(content)?),
        },
    };
    Some(File { path: path.to_owned(), content })
}

/// Text as it stands, or in JSON's quotes.
fn word(value: &str) -> Option<String> {
    match value.starts_with('"') {
        true => serde_json::from_str(value).ok(),
        false => Some(value.to_owned()),
    }
}

/// A JSON string whose characters are bytes.
fn data(value: &str) -> Option<Vec<u8>> {
    let text: String = serde_json::from_str(value).ok()?;
    text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_read() -> Result<(), String> {
        let case = Case::parse(
            "# A case.\nguest: g\nform: component\ncall: f\nwith: c d\narg: a b\narg: \"\\u00fc\"\nenv: A=1\ncwd: /c\n\
             dir: /\ndir: /in ro\nfile: /in/x/y \"\\u00ff\"\nfile: /d/\nfile: /l -> ../in\n\
             file: /z size 7\noutside: /s \"\"\nstdin-file: x.txt\nstdin: \"a\\n\"\nstdin: \"b\"\nstdin-stays-open:\nshow: /z\nsays: no\n\n\
             exit: 3\nexit-component: trap\nstderr: \"no\\n\"\nstderr-component: none\n\
             stdout:\n# one\n\nexit: 4",
        )?;
        assert_eq!(case.args, ["a b", "ü"]);
        assert_eq!(case.with, ["c d"]);
        assert_eq!(case.cwd.as_deref(), Some("/c"));
        assert_eq!(case.exit(Form::Core), Exit::Code(3));
        assert_eq!(case.exit(Form::Component), Exit::Trap);
        assert_eq!(case.stderr(Form::Core), b"no\n");
        assert_eq!(case.stderr(Form::Component), b"");
        assert_eq!(case.stdin, b"a\nb");
        assert_eq!(case.stdin_file.as_deref(), Some("x.txt"));
        assert_eq!(case.outside[0].content, Content::Bytes(Vec::new()));
        assert_eq!(case.says.as_deref(), Some("no"));
        assert_eq!(case.stdout, Stdout::Bytes(b"# one\n\nexit: 4".to_vec()));
        assert_eq!(case.files[0].content, Content::Bytes(vec![255]));
        assert_eq!(case.files[2].content, Content::Link("../in".to_owned()));
        assert_eq!(case.mount("/in/x/y"), Some((1, "x/y")));
        assert_eq!(case.mount("/inner"), Some((0, "inner")));
        Ok(())
    }

    #[test]
    fn what_is_wrong_is_told() {
        let told = |text: &str| Case::parse(text).err().unwrap_or_default();
        assert_eq!(told("guest: g\nexit: 0\n"), "neither `stdout` nor `stdout-bytes`");
        assert_eq!(told("guest: g\nstdout:\n"), "no `exit`");
        assert_eq!(told("exit: 0\nstdout:\n"), "no `guest`");
        assert_eq!(told("color: red\n"), "line 1: no such key: color: red");
        assert_eq!(told("\nstdin: \"→\"\n"), "line 2: not a JSON string of bytes: stdin: \"→\"");
        assert_eq!(told("file: /a\n"), "line 1: not a file's path and content: file: /a");
        assert_eq!(told("exit: zero\n"), "line 1: not an exit code: exit: zero");
    }
}
