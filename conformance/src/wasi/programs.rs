//! The reference engine's public test programs, run as a user runs them.
//!
//! Its repository has their sources (`crates/test-programs/src/bin`). Built in
//! debug mode for `wasm32-wasip1` they are core modules; with its adapter for
//! commands each becomes a component, here called `NAME.component.wasm`. What a
//! program expects of its surroundings stands in that repository's tests, and in
//! `Surroundings::of`. A program tells by how it ends whether all was well.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, SystemTime},
};

use super::{
    Known, Report, Setting, Verdict, Wippy,
    command::{self, Ended, Stdin},
    files, in_parallel, named,
    peer::{self, Manner},
    read,
    scratch::Scratch,
    served,
};

/// Arguments of the `programs` command.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The directory with the built programs, *.wasm
    pub path: PathBuf,
    /// The command to test, in place of the one that this program has in itself
    #[arg(long, value_name = "FILE")]
    pub wippy: Option<PathBuf>,
    /// Only those with this in their names; may be given several times
    #[arg(long, value_name = "TEXT")]
    pub only: Vec<String>,
    /// The list of known failures [default: that of this repository]
    #[arg(long, value_name = "FILE")]
    pub known: Option<PathBuf>,
    /// Seconds that a program may take
    #[arg(long, value_name = "SECONDS", default_value = "120")]
    pub timeout: u64,
    /// Programs that run at the same time [default: one for each processor]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Prints those that pass too
    #[arg(short, long)]
    pub verbose: bool,
}

/// Runs the `programs` command.
pub fn main(args: &Args) -> ExitCode {
    let rendered = |report: Report| (report.render(args.verbose), report.unexpected());
    crate::end(report(args).map(rendered))
}

fn report(args: &Args) -> io::Result<Report> {
    let known = match &args.known {
        Some(path) => read(path)?,
        None => include_str!("../../suites/programs.txt").to_owned(),
    };
    let known = Known::parse(&known).map_err(io::Error::other)?;
    let setting = Setting {
        wippy: match &args.wippy {
            Some(path) => Wippy::Program(path.canonicalize().map_err(|e| named(path, e))?),
            None => Wippy::Within(std::env::current_exe()?),
        },
        timeout: Duration::from_secs(args.timeout),
        jobs: args.jobs,
    };
    let mut found = files(&args.path, "wasm")?;
    found.retain(|path| {
        let name = name(path);
        let core_only = name.starts_with("p2_") && !name.ends_with(COMPONENT);
        let wanted = args.only.is_empty() || args.only.iter().any(|part| name.contains(&**part));
        wanted && !core_only
    });
    let results = in_parallel(&setting, &found, |path| try_one(path, &setting));
    let mut report = Report::default();
    for (path, (verdict, elapsed)) in found.iter().zip(results) {
        let name = name(path);
        let group = match (name.split_once('_'), name.ends_with(COMPONENT)) {
            (Some((family, _)), true) => format!("{family} components"),
            (Some((family, _)), false) => format!("{family} modules"),
            (None, _) => "others".to_owned(),
        };
        report.add(&group, &name, verdict, known.reason(&name), elapsed);
    }
    match report.is_empty() {
        true => Err(io::Error::other("there is no *.wasm to run")),
        false => Ok(report),
    }
}

const COMPONENT: &str = ".component";

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Why a program is not for this command.
fn not_run(name: &str) -> Option<&'static str> {
    let begins = |words: &[&str]| words.iter().any(|word| name.starts_with(word));
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if begins(&["p3_", "async_"]) {
        Some("asynchronous, which this version does not run")
    } else if has(&["_tls", "keyvalue", "_config", "_nn", "p2_cli_http_headers"]) {
        Some("needs interfaces that this version does not have")
    } else if has(&["p1_tcp", "p1_udp"]) {
        Some("needs sockets of 0.1 that the host has opened")
    } else if !begins(&["p1_", "p2_", "piped_"]) {
        Some("tests a debugger or another part of the reference engine")
    } else {
        match name.strip_suffix(COMPONENT).unwrap_or(name) {
            "p2_api_reactor" | "p2_cli_invoke_async" => Some("a library of functions, no program"),
            "p2_api_time" => Some("needs clocks that show what it expects"),
            "p2_api_proxy_forward_request" => Some("needs a server that the host pretends to be"),
            "p2_http_outbound_request_timeout" => Some("connects to an address of the internet"),
            "p1_stdio_isatty" => Some("needs a terminal"),
            "p1_cli_hostcall_fuel" | "p2_cli_hostcall_fuel" => {
                Some("tests an option of the reference engine's command")
            }
            "p2_cli_many_resources" | "p2_cli_max_resources" => {
                Some("tests an option of the reference engine's command")
            }
            "p2_cli_stdin_eisdir" => Some("needs a directory for its input"),
            "p2_cli_stdout_epipe" => Some("a program whose reader has gone is ended"),
            _ => None,
        }
    }
}

/// The world of a program, and its end.
#[derive(Default)]
struct Surroundings {
    args: Vec<String>,
    env: Vec<String>,
    options: Vec<&'static str>,
    /// Files in the scratch directory, and directories, which end with `/`.
    files: Vec<(&'static str, &'static str)>,
    /// Where the scratch directory is seen; not at all if it is empty.
    at: &'static str,
    /// Files in a directory `readonly`.
    fixed: Vec<(&'static str, &'static str)>,
    /// Further directories.
    dirs: Vec<&'static str>,
    stdin: &'static str,
    exit: i32,
    stdout: Option<String>,
}

const VERSE: &str = "'Twas brillig, and the slithy toves.\n";
const THOUGHT: &str = "And stood awhile in thought";
const REST: &str = "So rested he by the Tumtum tree";

impl Surroundings {
    fn of(program: &str, file: &str) -> io::Result<Surroundings> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let mut it = Surroundings { at: ".", ..Surroundings::default() };
        if !program.starts_with("p2_cli") {
            it.args = words(&["."]);
            it.env = words(&["ERRNO_MODE_UNIX=1"]);
        }
        if ["readonly", "across_perms", "not_permitted"].iter().any(|word| program.contains(word)) {
            it.fixed = vec![
                ("test.txt", "read only test file\n"),
                ("stream-perms.txt", "stream permission test\n"),
            ];
        }
        match program {
            "p1_stat_extreme_host_mtime" => it.files = vec![("extreme.dat", "hello")],
            "p1_cli_much_stdout" | "p2_cli_much_stdout" => {
                it.args = vec!["a".repeat(1 << 10), (1 << 8).to_string()];
                it.stdout = Some("a".repeat(1 << 18));
            }
            "p2_api_read_only" => {
                (it.at, it.options) = ("/:ro", vec![]);
                it.files = vec![("bar.txt", THOUGHT), ("sub/", "")];
            }
            "p2_cli_args" => {
                it.args = words(&["hello", "this", "", "is an argument", "with 🚩 emoji"]);
            }
            "p2_cli_argv0" => it.args = words(&[file]),
            "p2_cli_directory_list" => {
                it.at = "/";
                it.files = vec![
                    ("foo.txt", ""),
                    ("bar.txt", ""),
                    ("baz.txt", ""),
                    ("sub/", ""),
                    ("sub/wow.txt", ""),
                    ("sub/yay.txt", ""),
                ];
            }
            "p2_cli_env" => it.env = words(&["frabjous=day", "callooh=callay"]),
            "p2_cli_exit_failure" => it.exit = 1,
            "p2_cli_exit_with_code" => it.exit = 42,
            // They connect to nobody but themselves, and bind wildcard addresses.
            program if program.starts_with("p2_tcp") || program.starts_with("p2_udp") => {
                (it.options, it.env) =
                    (vec!["--connect", "loopback", "--listen", "*:*"], Vec::new());
                it.exit = if program == "p2_udp_send_too_much" { 4 } else { 0 };
            }
            // Most ask the server that the variable names, and none may ask another one.
            "p2_http_outbound_request_invalid_dnsname" => it.options = vec!["--network"],
            program if program.starts_with("p2_http") => {
                it.options = vec!["--connect", "loopback"];
                let manner = match program {
                    "p2_http_outbound_request_invalid_version" => Manner::Http2,
                    _ => Manner::Echo,
                };
                let addr = peer::serve(manner)?;
                it.env = vec![format!("HTTP_SERVER=localhost:{}", addr.port())];
            }
            // It looks up names of the internet too, and takes it if there are none.
            "p2_ip_name_lookup" => it.options = vec!["--network"],
            "p2_cli_exit_panic" | "p2_pollable_traps" | "p2_stream_pollable_traps" => it.exit = 4,
            "p2_cli_file_append" | "p2_cli_file_dir_sync" => {
                (it.at, it.files) = ("/", vec![("bar.txt", VERSE)]);
            }
            "p2_cli_file_read" => (it.at, it.files) = ("/", vec![("bar.txt", THOUGHT)]),
            "p2_cli_initial_cwd" => (it.at, it.options) = ("", vec!["--cwd", "/sandbox"]),
            "p2_cli_large_env" => {
                it.env = (0..512).map(|i| format!("KEY{i}={}", "x".repeat(1024))).collect();
            }
            "p2_cli_multiple_preopens" => (it.at, it.dirs) = ("", vec!["/::/a", "/::/b", "/::/c"]),
            "p2_cli_sleep_forever" => (it.options, it.exit) = (vec!["--timeout", "250"], 5),
            "p2_cli_splice_stdin" => {
                it.stdin = REST;
                let len = REST.len();
                let said = format!("before splice\n{REST}\ncompleted splicing {len} bytes\n");
                it.stdout = Some(said);
            }
            "p2_cli_stdin" => it.stdin = REST,
            "p2_cli_stdin_empty" => it.stdin = "not to be read",
            _ => {}
        }
        Ok(it)
    }

    /// Makes the files; the arguments of the command.
    fn prepare(&self, scratch: &Path, program: &Path) -> io::Result<Vec<OsString>> {
        let mut args: Vec<OsString> = vec!["run".into()];
        args.extend(self.options.iter().map(OsString::from));
        for (name, files, at) in
            [("scratch", &self.files, self.at), ("fixed", &self.fixed, "readonly:ro")]
        {
            let dir = scratch.join(name);
            fs::create_dir(&dir)?;
            for (path, text) in files {
                let path = dir.join(path);
                match path.as_os_str().as_encoded_bytes().ends_with(b"/") {
                    true => fs::create_dir(path)?,
                    false => fs::write(path, text)?,
                }
            }
            if at.is_empty() || name == "fixed" && files.is_empty() {
                continue;
            }
            let mut mount = dir.into_os_string();
            mount.push("::");
            mount.push(at);
            args.extend(["--dir".into(), mount]);
        }
        // The last time that Windows could have set.
        let old = SystemTime::UNIX_EPOCH.checked_sub(Duration::from_secs(11_644_473_600));
        if let (Ok(file), Some(old)) =
            (fs::File::options().write(true).open(scratch.join("scratch/extreme.dat")), old)
        {
            file.set_times(fs::FileTimes::new().set_accessed(old).set_modified(old))?;
        }
        args.extend(self.dirs.iter().flat_map(|dir| ["--dir".into(), OsString::from(dir)]));
        args.extend(self.env.iter().flat_map(|pair| ["--env".into(), OsString::from(pair)]));
        args.push(program.into());
        args.extend(self.args.iter().map(OsString::from));
        Ok(args)
    }
}

fn try_one(path: &Path, setting: &Setting) -> (Verdict, Duration) {
    let file = name(path);
    if let Some(why) = not_run(&file) {
        return (Verdict::Skip(why.to_owned()), Duration::ZERO);
    }
    match run(path, setting, file.strip_suffix(COMPONENT).unwrap_or(&file)) {
        Ok(done) => done,
        Err(error) => (Verdict::Fail(error.to_string()), Duration::ZERO),
    }
}

fn run(path: &Path, setting: &Setting, program: &str) -> io::Result<(Verdict, Duration)> {
    if program.starts_with("piped_") {
        return piped(path, setting);
    }
    if let Some(done) = served::run(path, setting, program)? {
        return Ok(done);
    }
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let (scratch, around) = (Scratch::new()?, Surroundings::of(program, &file)?);
    let args = around.prepare(scratch.path(), path)?;
    let stdin = Stdin { bytes: around.stdin.into(), ..Stdin::default() };
    let ended = command::run(&setting.wippy, &args, &stdin, setting.timeout)?;
    let mut verdict = judge(&ended, around.exit);
    if verdict == Verdict::Pass
        && let Some(expected) = &around.stdout
        && ended.stdout != expected.as_bytes()
    {
        let found = ended.stdout.len();
        verdict = Verdict::Fail(format!("stdout is another: {found} bytes of {}", expected.len()));
    }
    Ok((verdict, ended.elapsed))
}

/// Once to write, and again to read what was written.
fn piped(path: &Path, setting: &Setting) -> io::Result<(Verdict, Duration)> {
    let mut stdin = Stdin::default();
    let mut elapsed = Duration::ZERO;
    for side in ["PRODUCER", "CONSUMER"] {
        let args = ["run".into(), "--env".into(), format!("PIPED_SIDE={side}").into(), path.into()];
        let ended = command::run(&setting.wippy, &args, &stdin, setting.timeout)?;
        elapsed = elapsed.saturating_add(ended.elapsed);
        let verdict = judge(&ended, 0);
        if verdict != Verdict::Pass {
            return Ok((verdict, elapsed));
        }
        stdin.bytes = ended.stdout;
    }
    Ok((Verdict::Pass, elapsed))
}

fn judge(ended: &Ended, exit: i32) -> Verdict {
    if ended.code() == Some(exit) {
        return Verdict::Pass;
    }
    let stderr = String::from_utf8_lossy(&ended.stderr);
    let some: Vec<&str> = stderr.trim().lines().take(12).collect();
    Verdict::Fail(format!("exit: expected {exit}, found {ended}\n{}", some.join("\n")))
}
