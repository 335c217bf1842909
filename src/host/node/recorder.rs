//! Writes a journal of what the processes of a node do, see [`replay`](crate::replay).
//!
//! Blocks go out when they are full, and ten times a second whatever there is, so that
//! what is left of a run that was killed reaches nearly to its end.

use std::{
    collections::HashMap,
    fmt,
    io::{self, Write},
    path::PathBuf,
    sync::{Arc, Mutex, Weak},
    thread,
    time::Duration,
};

use super::flight::Flight;
use crate::{
    account::Account,
    command::codec,
    component::FUEL_VERSION,
    host::ProcessSpec,
    lock::lock,
    process::{Error, StartData},
    replay::{
        journal::{
            Blocks, Code, CommandLine, End, Finished, Header, ProgramRecord, Record, StartRecord,
            WasmCode,
        },
        record::{Sink, Tape},
    },
};

/// How often what there is goes out.
const OFTEN: Duration = Duration::from_millis(100);

/// What is written down.
#[derive(Clone, Debug, Default)]
pub struct RecordOptions {
    /// The files of programs too, so that the journal can be replayed without them.
    pub embed: bool,
    /// Variables whose values are left out.
    pub redact: Vec<String>,
}

/// Writes a journal. All processes that a node starts once it has one are in it.
pub struct Recorder {
    options: RecordOptions,
    out: Mutex<Out>,
}

struct Out {
    to: To,
    /// The numbers of programs, by name and hash.
    programs: HashMap<(String, String), u64>,
    /// Why nothing more is written.
    failed: Option<String>,
}

/// Where records go.
enum To {
    /// A file, as they come.
    File(Writer),
    /// Nowhere, until a process fails.
    Flight(Box<Flight>),
}

/// A file, and what is not in it yet.
struct Writer {
    file: Box<dyn Write + Send>,
    blocks: Blocks,
    ready: Vec<u8>,
}

impl Recorder {
    /// A journal that goes to `writer`, of programs of an engine with this
    /// [`max_slice`](crate::component::Engine::max_slice).
    ///
    /// # Errors
    ///
    /// If its beginning cannot be written, or the system gives no thread.
    pub fn new(
        writer: impl Write + Send + 'static,
        max_slice: u64,
        options: RecordOptions,
    ) -> io::Result<Arc<Recorder>> {
        let (blocks, ready) = (Blocks::default(), Vec::new());
        let to = To::File(Writer { file: Box::new(writer), blocks, ready });
        let header = header(max_slice, &options);
        let out = Out { to, programs: HashMap::new(), failed: None };
        let recorder = Arc::new(Recorder { options, out: Mutex::new(out) });
        recorder.add(Record::Header(header));
        recorder.flush()?;
        let weak = Arc::downgrade(&recorder);
        thread::Builder::new().name("record".to_owned()).spawn(move || flush_often(&weak))?;
        Ok(recorder)
    }

    /// A journal that is kept in memory, in so many bytes, and goes to what `open` gives
    /// when a process fails: once more for each failure, with its number from 0 on, ten
    /// times at most. Of each process all is kept or nothing; the header says how many are
    /// missing.
    pub fn in_flight(
        limit: u64,
        max_slice: u64,
        options: RecordOptions,
        open: impl Fn(u32) -> io::Result<Box<dyn Write + Send>> + Send + 'static,
    ) -> Arc<Recorder> {
        let flight = Flight::new(limit, header(max_slice, &options), Box::new(open));
        let to = To::Flight(Box::new(flight));
        let out = Out { to, programs: HashMap::new(), failed: None };
        Arc::new(Recorder { options, out: Mutex::new(out) })
    }

    /// How the command is called. Before any process is started.
    pub fn called(&self, line: CommandLine) {
        self.add(Record::Command(line));
    }

    /// Writes the end. What happens later is left out.
    ///
    /// # Errors
    ///
    /// If something could not be written, now or before.
    pub fn finish(&self, finished: Finished) -> io::Result<()> {
        self.add(Record::Finished(finished));
        let flushed = self.flush();
        lock(&self.out).failed.get_or_insert_with(|| "it has ended".to_owned());
        flushed
    }

    fn flush(&self) -> io::Result<()> {
        let out = &mut *lock(&self.out);
        if let Some(why) = &out.failed {
            return Err(io::Error::other(why.clone()));
        }
        out.write();
        match &out.failed {
            Some(why) => Err(io::Error::other(why.clone())),
            None => Ok(()),
        }
    }

    /// Adds what belongs to no process.
    fn add(&self, record: Record) {
        let out = &mut *lock(&self.out);
        if out.failed.is_some() {
            return;
        }
        let writer = match &mut out.to {
            To::File(writer) => writer,
            // What is kept of a run that ends is of no use.
            To::Flight(flight) => {
                return match record {
                    Record::Finished(_) => {}
                    other => flight.first(other),
                };
            }
        };
        match writer.blocks.add(&record) {
            Ok(true) => out.write(),
            Ok(false) => {}
            Err(error) => out.fail(error.to_string()),
        }
    }

    /// Adds what belongs to a process.
    fn add_of(&self, process: u64, record: &Record) {
        let mut form = Vec::new();
        match codec::append(record, &mut form) {
            Ok(()) => self.take(process, &form),
            Err(error) => self.give_up(&error.to_string()),
        }
    }

    /// What is to be written down of the process with this number and account.
    pub(in crate::host) fn tape(self: &Arc<Self>, process: u64, account: &Account) -> Tape {
        let whole = self.options.redact.is_empty();
        Tape::new(process, self.clone(), account.clone(), whole)
    }

    /// A process begins.
    pub(in crate::host) fn started(
        &self,
        program: &dyn Recordable,
        process: u64,
        front: bool,
        mut data: StartData,
    ) {
        let program = self.program(program);
        if let Some(wasi) = &mut data.wasi
            && !self.options.redact.is_empty()
        {
            let kept = |(name, value): &(String, String)| match self.options.redact.contains(name) {
                true => (name.clone(), String::new()),
                false => (name.clone(), value.clone()),
            };
            wasi.env = wasi.env.iter().map(kept).collect();
        }
        let start = StartRecord { process, program, front, data };
        self.add_of(process, &Record::Start(Box::new(start)));
    }

    /// The number of a program, which is written down when it is first used.
    fn program(&self, program: &dyn Recordable) -> u64 {
        let (name, version) = program.key();
        let id = {
            let programs = &mut lock(&self.out).programs;
            let next = programs.len() as u64;
            let id = *programs.entry((name.clone(), version)).or_insert(next);
            if id < next {
                return id;
            }
            id
        };
        let code = program.code(self.options.embed);
        self.add(Record::Program(ProgramRecord { id, name, code }));
        id
    }

    /// A process has ended.
    pub(in crate::host) fn ended(&self, process: u64, fuel: u64, error: Option<Error>) {
        self.add_of(process, &Record::End(Box::new(End { process, fuel, error: error.clone() })));
        let out = &mut *lock(&self.out);
        let To::Flight(flight) = &mut out.to else { return };
        match flight.ended(process, error.as_ref()) {
            Ok(false) => {}
            Ok(true) => tracing::warn!("process {process} has failed, and its journal is written"),
            Err(why) => tracing::warn!("process {process} has failed, and has no journal: {why}"),
        }
    }
}

/// A program that can be written down.
pub(in crate::host) trait Recordable {
    /// Its name, and what tells it from others of that name.
    fn key(&self) -> (String, String);

    /// Its parts; with its files, if they are to be kept.
    fn code(&self, embed: bool) -> Code;
}

impl Recordable for ProcessSpec {
    fn key(&self) -> (String, String) {
        (self.name.clone(), self.source.hash.to_string())
    }

    fn code(&self, embed: bool) -> Code {
        let source = &self.source;
        let path = self.path.as_ref().map(|path| absolute(path).to_string_lossy().into_owned());
        let bytes = source.bytes.as_ref().filter(|_| embed || path.is_none());
        Code::Wasm(WasmCode {
            hash: source.hash.to_string(),
            wit: source.wit.as_deref().map(str::to_owned),
            stack: source.stack as u64,
            grants: self.grants.written(),
            path,
            bytes: bytes.map(|bytes| bytes.to_vec()),
        })
    }
}

impl Sink for Recorder {
    fn take(&self, process: u64, record: &[u8]) {
        let out = &mut *lock(&self.out);
        if out.failed.is_some() {
            return;
        }
        let full = match &mut out.to {
            To::File(writer) => writer.blocks.add_coded(record),
            To::Flight(flight) => {
                flight.keep(process, record);
                false
            }
        };
        if full {
            out.write();
        }
    }

    fn give_up(&self, why: &str) {
        lock(&self.out).fail(why.to_owned());
    }
}

impl Out {
    /// Writes what there is.
    fn write(&mut self) {
        let To::File(Writer { file, blocks, ready }) = &mut self.to else { return };
        blocks.take(ready);
        let written = file.write_all(ready).and_then(|()| file.flush());
        ready.clear();
        if let Err(error) = written {
            self.fail(error.to_string());
        }
    }

    fn fail(&mut self, why: String) {
        tracing::warn!(why, "the journal ends here");
        self.failed.get_or_insert(why);
    }
}

fn header(max_slice: u64, options: &RecordOptions) -> Header {
    Header {
        product: env!("CARGO_PKG_VERSION").to_owned(),
        fuel_version: FUEL_VERSION,
        max_slice,
        redacted: options.redact.clone(),
        flight: None,
    }
}

fn absolute(path: &PathBuf) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.clone())
}

/// Writes what there is, as long as somebody records.
fn flush_often(recorder: &Weak<Recorder>) {
    loop {
        thread::sleep(OFTEN);
        let Some(recorder) = recorder.upgrade() else { return };
        // It is told at the end.
        drop(recorder.flush());
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("options", &self.options).finish_non_exhaustive()
    }
}
