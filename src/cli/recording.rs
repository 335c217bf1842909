//! `wippy run --record`: a journal of the run.
//!
//! What is written over is a journal at most, so that a slip costs no other file, and one
//! that no other run is writing.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    args::{RecordArgs, RunArgs},
    exit::{Exit, Failure},
    log::Logs,
    output,
};
use crate::{
    component::{Engine, EngineConfig},
    host::{Node, RecordOptions, Recorder},
    replay::journal::{CommandLine, Finished, MAGIC},
};

/// Writes the journal of a run, until this is finished.
pub(super) struct Recording(Option<Arc<Recorder>>);

impl Recording {
    /// Begins, if a journal is wanted. `max_slice` is the engine's.
    pub fn start(
        node: &Node,
        args: &RecordArgs,
        max_slice: u64,
        line: CommandLine,
    ) -> Result<Recording, Failure> {
        let Some(file) = &args.record else { return Ok(Recording(None)) };
        let options = RecordOptions { embed: args.embed, redact: args.redact.clone() };
        let unwritten = |why: String| {
            Failure::config(format!("--record: `{}` cannot be written: {why}", file.display()))
        };
        let recorder = match args.flight_recorder {
            Some(limit) => {
                // What is there is lost only when there is something else.
                check(file).map_err(unwritten)?;
                let file = file.clone();
                Recorder::in_flight(limit, max_slice, options, move |number| {
                    let file = open(&numbered(&file, number)).map_err(std::io::Error::other)?;
                    Ok(Box::new(file))
                })
            }
            None => open(file)
                .and_then(|file| {
                    Recorder::new(file, max_slice, options).map_err(|why| why.to_string())
                })
                .map_err(unwritten)?,
        };
        recorder.called(line);
        node.set_recorder(recorder.clone());
        Ok(Recording(Some(recorder)))
    }

    /// Writes the end, which is this.
    pub fn finish(self, result: Result<Exit, Failure>) -> Result<Exit, Failure> {
        let Some(recorder) = self.0 else { return result };
        let (code, message) = match &result {
            Ok(exit) => (exit.code(), None),
            Err(failure @ Failure::Message(_, text)) => (failure.exit().code(), Some(text.clone())),
            Err(failure) => (failure.exit().code(), None),
        };
        if let Err(error) = recorder.finish(Finished { code, message }) {
            let why = format!("--record: the journal is not whole: {error}");
            if result.is_ok() {
                return Err(Failure::Message(Exit::Output, why));
            }
            output::warning(&why);
        }
        result
    }
}

/// The interpreter of a run: one that shows all that a process is, if it is recorded.
pub(super) fn engine(args: &RecordArgs) -> Engine {
    if args.record.is_some() { showing() } else { Engine::default() }
}

/// An interpreter that shows all that a process is.
pub(super) fn showing() -> Engine {
    Engine::new(EngineConfig { shows_state: true, ..EngineConfig::default() })
}

/// The file of a failure, after the first with its number behind it.
fn numbered(path: &Path, number: u32) -> PathBuf {
    match number {
        0 => path.to_owned(),
        number => {
            let mut name = path.as_os_str().to_owned();
            name.push(format!(".{number}"));
            name.into()
        }
    }
}

/// Looks whether a journal can go to a file later.
fn check(path: &Path) -> Result<(), String> {
    if path.is_dir() {
        return Err("it is a directory".to_owned());
    }
    let mut head = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(MAGIC.len() as u64).read_to_end(&mut head),
        Err(_) => return Ok(()),
    }
    .map_err(|why| why.to_string())?;
    if head.is_empty() || head == MAGIC { Ok(()) } else { Err(OTHER.to_owned()) }
}

/// Why a file is not written over.
const OTHER: &str = "it exists, and is no journal; name another file, or remove it";

/// A file for a journal, empty.
fn open(path: &Path) -> Result<File, String> {
    let said = |why: std::io::Error| why.to_string();
    let is_file = path.metadata().map_or(true, |known| known.is_file());
    if !is_file {
        // A pipe, a device; a directory is refused by the system.
        return OpenOptions::new().write(true).open(path).map_err(said);
    }
    let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).clone();
    let mut file = options.open(path).map_err(said)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err("another run is writing to it".to_owned()),
        // Not every file system has locks.
        Err(TryLockError::Error(_)) => {}
    }
    let mut head = Vec::new();
    Read::by_ref(&mut file).take(MAGIC.len() as u64).read_to_end(&mut head).map_err(said)?;
    if !head.is_empty() && head != MAGIC {
        return Err(OTHER.to_owned());
    }
    file.set_len(0).map_err(said)?;
    std::io::Seek::rewind(&mut file).map_err(said)?;
    Ok(file)
}

/// The command, as far as its end depends on how it was called.
pub(super) fn line(args: &RunArgs, logs: bool) -> CommandLine {
    let limits = super::run::limiting(args);
    CommandLine {
        json: args.json,
        logs,
        fuel: limits.fuel,
        memory: limits.memory,
        time: limits.time,
    }
}

/// True if the log is shown, which a replay does as well.
pub(super) fn shows(logs: Logs, hidden: bool) -> bool {
    !hidden && !logs.silent
}
