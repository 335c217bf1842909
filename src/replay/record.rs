//! A process that is written down while it runs.
//!
//! It and the dispatcher inside its steps are wrapped: what they are given and what they
//! give goes by here, and is written down as one [`Step`](super::journal::Step) when the
//! step has ended. Nothing of what goes by is changed.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use super::{
    journal::{Noted, Record, STEP, StateRecord},
    state,
};
use crate::{
    account::Account,
    command::{
        Command, InlineDispatcher, Reply,
        codec::{self, TooDeep},
    },
    component::Guard,
    lock::lock,
    process::{Event, Fuel, Outcome, Process, Status, StepOutput},
};

/// Where records go.
pub trait Sink: Send + Sync {
    /// Takes a record of a process, by its number, in its form.
    fn take(&self, process: u64, record: &[u8]);

    /// Something cannot be written down: what is there cannot be replayed beyond here.
    fn give_up(&self, why: &str);
}

/// What is written down of one process.
///
/// [`Record::Program`] and [`Record::Start`] of it go to the sink before its first step,
/// and [`Record::End`] after its end, by whoever runs it.
#[derive(Clone)]
pub struct Tape {
    process: u64,
    sink: Arc<dyn Sink>,
    account: Account,
    /// Short commands may be written down as they are.
    whole: bool,
    within: Arc<Mutex<Within>>,
}

/// What was asked within a step so far, in its coded form.
#[derive(Default)]
struct Within {
    count: u64,
    bytes: Vec<u8>,
    scratch: Vec<u8>,
    failed: Option<TooDeep>,
}

impl Tape {
    /// The tape of the process with this number and account.
    pub fn new(process: u64, sink: Arc<dyn Sink>, account: Account, whole: bool) -> Tape {
        Tape { process, sink, account, whole, within: Arc::default() }
    }

    /// The dispatcher for the steps of the process.
    pub fn dispatcher(&self, inner: Box<dyn InlineDispatcher>) -> Box<dyn InlineDispatcher> {
        Box::new(Recorded { inner, whole: self.whole, within: self.within.clone() })
    }

    /// The process.
    pub fn process(self, inner: Box<dyn Process>) -> Box<dyn Process> {
        Box::new(RecordedProcess {
            inner,
            tape: self,
            record: Vec::new(),
            scratch: Vec::new(),
            used: 0,
            rests: true,
        })
    }

    fn add(&self, record: &Record) {
        let mut form = Vec::new();
        match codec::append(record, &mut form) {
            Ok(()) => self.sink.take(self.process, &form),
            Err(error) => self.sink.give_up(&error.to_string()),
        }
    }
}

/// Answers as another does, and writes it down.
struct Recorded {
    inner: Box<dyn InlineDispatcher>,
    whole: bool,
    within: Arc<Mutex<Within>>,
}

impl InlineDispatcher for Recorded {
    fn now(&mut self, command: Command) -> Result<Reply, Command> {
        let mut noted = Vec::new();
        let noting = {
            let scratch = &mut lock(&self.within).scratch;
            Noted::write(&command, command.name(), self.whole, scratch, &mut noted)
        };
        let answer = self.inner.now(command);
        let within = &mut *lock(&self.within);
        within.count = within.count.saturating_add(1);
        let written = match &answer {
            Err(_) => {
                within.bytes.push(0);
                Ok(())
            }
            Ok(reply) => {
                within.bytes.push(1);
                within.bytes.append(&mut noted);
                noting.and_then(|()| codec::append(reply, &mut within.bytes))
            }
        };
        within.failed = within.failed.or(written.err());
        answer
    }
}

/// A process that runs as another does, and is written down.
struct RecordedProcess {
    inner: Box<dyn Process>,
    tape: Tape,
    record: Vec<u8>,
    scratch: Vec<u8>,
    /// Fuel since it was hashed.
    used: u64,
    /// It is not in a step that has failed, nor has it been hashed at its end.
    rests: bool,
}

impl RecordedProcess {
    fn begin(&mut self, events: &Vec<Event>, fuel: Fuel) -> Result<(), TooDeep> {
        let record = &mut self.record;
        record.clear();
        record.push(STEP);
        codec::append(&self.tape.process, record)?;
        codec::append(&fuel.0, record)?;
        codec::append(events, record)
    }

    fn end(&mut self, out: &StepOutput) -> Result<(), TooDeep> {
        let (record, scratch, whole) = (&mut self.record, &mut self.scratch, self.tape.whole);
        {
            let within = &mut *lock(&self.tape.within);
            codec::append(&std::mem::take(&mut within.count), record)?;
            record.append(&mut within.bytes);
            if let Some(too_deep) = within.failed {
                return Err(too_deep);
            }
        }
        codec::append(&(out.yields.len() as u64), record)?;
        for asked in &out.yields {
            codec::append(&asked.tag.0, record)?;
            Noted::write(&asked.command, asked.command.name(), whole, scratch, record)?;
        }
        codec::append(&out.fuel_used, record)?;
        match &out.status {
            Status::Continue => record.push(0),
            Status::Blocked => record.push(1),
            Status::Idle => record.push(2),
            Status::Done(outcome) => {
                record.push(3);
                Noted::write(outcome, "an outcome", whole, scratch, record)?;
            }
            Status::Exited(term) => {
                record.push(4);
                Noted::write(term, "a value", whole, scratch, record)?;
            }
        }
        codec::append(&self.tape.account.take_crowded(), record)
    }

    fn hash(&mut self) {
        self.used = 0;
        let (process, hash) = (self.tape.process, state::of(&mut *self.inner));
        self.tape.add(&Record::State(StateRecord { process, hash }));
    }
}

impl Process for RecordedProcess {
    fn step(&mut self, events: &mut Vec<Event>, fuel: Fuel, out: &mut StepOutput) {
        let begun = self.begin(events, fuel);
        self.rests = false;
        self.inner.step(events, fuel, out);
        self.rests = true;
        match begun.and_then(|()| self.end(out)) {
            Ok(()) => self.tape.sink.take(self.tape.process, &self.record),
            Err(error) => self.tape.sink.give_up(&error.to_string()),
        }
        self.used = self.used.saturating_add(out.fuel_used);
        let ended = matches!(out.status, Status::Done(_) | Status::Exited(_));
        if ended || state::is_due(self.used, &*self.inner) {
            self.hash();
        }
        self.rests = !ended;
    }

    fn trim(&mut self, release: &mut dyn FnMut(&mut [u8])) {
        self.record = Vec::new();
        self.scratch = Vec::new();
        *lock(&self.tape.within) = Within::default();
        self.inner.trim(release);
    }

    fn decided(&self) -> Option<Outcome> {
        self.inner.decided()
    }

    fn memory_used(&self) -> u64 {
        self.inner.memory_used()
    }

    fn guard(&self) -> Option<Arc<Guard>> {
        self.inner.guard()
    }

    fn state(&mut self, to: &mut dyn FnMut(&[u8])) {
        self.inner.state(to);
    }

    fn close(&mut self) {
        if std::mem::take(&mut self.rests) {
            self.hash();
        }
        self.inner.close();
    }
}

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tape").field("process", &self.process).finish_non_exhaustive()
    }
}
