//! Every function of WASI 0.2 that can fail, made to fail in each way that it
//! has. The first argument says which part; `../README.md` has a table of all
//! functions.

wit_bindgen::generate!({
    path: [
        "../../../wit/wasi/io.wit", "../../../wit/wasi/clocks.wit", "../../../wit/wasi/random.wit",
        "../../../wit/wasi/filesystem.wit", "../../../wit/wasi/cli.wit",
    ],
    inline: "
        package test:failures;
        world failures {
            import wasi:cli/environment@0.2.12;
            import wasi:cli/exit@0.2.12;
            import wasi:cli/stdin@0.2.12;
            import wasi:cli/stdout@0.2.12;
            import wasi:cli/stderr@0.2.12;
            import wasi:cli/terminal-stdin@0.2.12;
            import wasi:cli/terminal-stdout@0.2.12;
            import wasi:cli/terminal-stderr@0.2.12;
            import wasi:clocks/monotonic-clock@0.2.12;
            import wasi:filesystem/types@0.2.12;
            import wasi:filesystem/preopens@0.2.12;
            import wasi:random/random@0.2.12;
            import wasi:random/insecure@0.2.12;
            export wasi:cli/run@0.2.12;
        }
    ",
    generate_all,
});

mod files;
mod nothing;
mod paths;
mod streams;
mod traps;

use wasi::cli::{environment, stderr, stdout};
use wasi::filesystem::preopens;
use wasi::filesystem::types::{
    Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags, filesystem_error_code,
};
use wasi::io::streams::{OutputStream, StreamError};

struct Failures;

impl exports::wasi::cli::run::Guest for Failures {
    fn run() -> Result<(), ()> {
        let args = environment::get_arguments();
        let mut args = args.iter().skip(1).map(String::as_str);
        let mut dirs = preopens::get_directories().into_iter().map(|(dir, _)| dir);
        match (args.next(), dirs.next(), dirs.next()) {
            (Some("files"), Some(dir), Some(fixed)) => files::run(&dir, &fixed),
            (Some("paths"), Some(dir), _) => paths::everywhere(&dir),
            (Some("names"), Some(dir), Some(fixed)) => paths::one_by_one(&dir, &fixed),
            (Some("streams"), Some(dir), _) => streams::run(&dir),
            (Some("stdout"), ..) => streams::stdout(),
            (Some("nothing"), ..) => nothing::run(),
            (Some("descriptors"), Some(dir), _) => files::many(&dir),
            (Some("trap"), dir, _) => return traps::run(args.next().unwrap_or_default(), dir),
            _ => {
                say("what?");
                return Err(());
            }
        }
        Ok(())
    }
}

fn print(out: &OutputStream, line: &str) {
    for piece in format!("{line}\n").as_bytes().chunks(4096) {
        if out.blocking_write_and_flush(piece).is_err() {
            return;
        }
    }
}

fn say(line: &str) {
    print(&stdout::get_stdout(), line);
}

/// For when stdout is what fails.
fn complain(line: &str) {
    print(&stderr::get_stderr(), line);
}

/// A result in a word.
fn code<T>(result: &Result<T, ErrorCode>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(error) => error.name(),
    }
}

/// The same for a stream's function.
fn end<T>(result: &Result<T, StreamError>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(StreamError::Closed) => "closed".to_owned(),
        Err(StreamError::LastOperationFailed(error)) => {
            let code = filesystem_error_code(error).map_or("no code", |code| code.name());
            let text = if error.to_debug_string().is_empty() { ", no text" } else { "" };
            format!("last-operation-failed, {code}{text}")
        }
    }
}

/// Says what a function made of something. What it gave is gone.
fn told<T>(function: &str, of: &str, result: Result<T, ErrorCode>) {
    say(&format!("{function}, {of}: {}", code(&result)));
}

/// The same for a stream's function.
fn ended<T>(function: &str, of: &str, result: Result<T, StreamError>) {
    say(&format!("{function}, {of}: {}", end(&result)));
}

const READ: DescriptorFlags = DescriptorFlags::READ;
const WRITE: DescriptorFlags = DescriptorFlags::WRITE;
const FOLLOW: PathFlags = PathFlags::SYMLINK_FOLLOW;

fn none() -> OpenFlags {
    OpenFlags::empty()
}

fn no_follow() -> PathFlags {
    PathFlags::empty()
}

/// Opens what is there.
fn open(dir: &Descriptor, path: &str, flags: DescriptorFlags) -> Descriptor {
    dir.open_at(no_follow(), path, none(), flags).expect("it opens")
}

export!(Failures);
