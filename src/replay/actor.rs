//! One process, run again.
//!
//! As it was, a process takes the same fuel for the same work, so each of its steps is
//! compared for itself. A changed program takes other fuel, so that its steps end
//! elsewhere: of it the steps between two hand-ins of events are taken together, and only
//! what it asks and how it ends is compared.

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
};

use super::{
    difference::Difference,
    journal::{Asked, Ending, Noted, StartRecord, Step},
    player::Role,
    script::Prompter,
    show, state,
};
use crate::{
    command::{Command, Completion, Reply, Stdio, StdioCommand, Tag, Yield, codec::Coded},
    lock::lock,
    process::{Error, Event, Fuel, Process, Stack, Start, Status, StepOutput},
};

/// A changed program may take so many times the fuel, and so much more, before it is said
/// to go on without asking for anything.
const MORE: (u64, u64) = (64, 1 << 30);

/// A process of a journal.
pub(super) struct Actor {
    /// Its pid, or the name of its program.
    pub name: String,
    /// The name of its program.
    pub role: String,
    pub program: u64,
    pub front: bool,
    /// The function that was called.
    pub method: String,
    process: Box<dyn Process>,
    prompter: Prompter,
    /// Fuel that it has used.
    pub fuel: u64,
    /// What is asked and not answered.
    pending: BTreeMap<u64, Pending>,
    /// How it has ended by itself.
    pub ended: Option<Status>,
    /// Mail that it was handed and has not taken.
    unread: usize,
    /// The program is another.
    changed: bool,
    /// Of a changed program: what it has to do before it is handed more.
    due: Option<Due>,
    hint: Option<String>,
    out: StepOutput,
    scratch: Vec<u8>,
    /// What it has written, and what is to be shown of it.
    pub heard: Heard,
}

/// A command that is not answered.
struct Pending {
    shown: String,
    written: Option<(Stdio, Vec<u8>)>,
}

/// What a process has said.
#[derive(Default)]
pub(super) struct Heard {
    pub written: Vec<(Stdio, Vec<u8>)>,
    pub lines: Vec<(String, String)>,
}

/// Steps of a changed program that are taken together.
struct Due {
    events: Vec<Event>,
    slice: u64,
    yields: VecDeque<(u64, Noted)>,
    fuel: u64,
    stopped: Ending,
}

impl Actor {
    /// The process of this record.
    pub fn start(
        program: &dyn Role,
        start: StartRecord,
        role: String,
        changed: bool,
        log: bool,
        hint: Option<String>,
    ) -> Result<Actor, Error> {
        let StartRecord { program: number, front, data, .. } = start;
        let name = data.identity.as_ref().map(|identity| identity.pid.to_string());
        let name = name.unwrap_or_else(|| role.clone());
        let method = data.call.as_ref().map(|call| call.method.clone()).unwrap_or_default();
        let prompter = Prompter::default();
        if log {
            lock(&prompter.0).log = Some(Vec::new());
        }
        let inline = Box::new(prompter.clone());
        let start = Start { inline: Some(inline), ..data.into() };
        let process = program.start(start)?;
        Ok(Actor {
            name,
            role,
            program: number,
            front,
            method,
            process,
            prompter,
            fuel: 0,
            pending: BTreeMap::new(),
            ended: None,
            unread: 0,
            changed,
            due: None,
            hint,
            out: StepOutput::default(),
            scratch: Vec::new(),
            heard: Heard::default(),
        })
    }

    /// What is to be asked within the next step.
    fn expect(&mut self, inline: Vec<Asked>) {
        let script = &mut *lock(&self.prompter.0);
        (script.expected, script.asked) = (inline.into(), 0);
    }

    /// Makes a step as it was made.
    pub fn step(&mut self, step: Step, max_slice: u64) -> Result<(), Box<Difference>> {
        if step.crowded {
            let why = "in this step the host of the process had no more memory, which a journal \
                       does not hold";
            self.hint = Some(why.to_owned());
        }
        let slice = step.fuel.min(max_slice);
        if self.changed {
            return self.merge(step, slice);
        }
        self.expect(step.inline);
        self.hand_in(&step.events);
        let (before, mut events) = (self.fuel, step.events);
        self.run(&mut events, slice)?;
        self.compare_inline(before, Some(&step.stopped))?;
        let mut yields = step.yields.into();
        self.compare_yields(before, &mut yields)?;
        if let Some((_, noted)) = yields.front() {
            let (expected, found) = (show::noted(noted), show::status(&self.out.status));
            return Err(self.difference(before, expected, found));
        }
        self.compare_stop(before, &step.stopped)?;
        if self.out.fuel_used != step.fuel_used {
            let expected = format!("the step takes {} units of fuel", step.fuel_used);
            let found = format!("it takes {}", self.out.fuel_used);
            return Err(self.difference(before, expected, found));
        }
        self.stop();
        Ok(())
    }

    /// Makes a part of a step: so much fuel of it, or what it takes more to get to where it
    /// can be stopped; not `beyond`, less.
    pub fn part(
        &mut self,
        step: Step,
        fuel: u64,
        max_slice: u64,
        beyond: bool,
    ) -> Result<(), Box<Difference>> {
        self.expect(step.inline);
        self.hand_in(&step.events);
        let (before, mut events, mut left) = (self.fuel, step.events, fuel);
        let mut yields = step.yields.into();
        loop {
            let slice = left.min(max_slice);
            self.run(&mut events, slice)?;
            self.compare_inline(before, None)?;
            self.take_posted();
            self.compare_yields(before, &mut yields)?;
            left = left.saturating_sub(self.out.fuel_used);
            // A step ends before an operation that takes more than is left.
            let short = !beyond && self.out.fuel_used < slice;
            if left == 0 || short || self.out.status != Status::Continue {
                return Ok(());
            }
        }
    }

    /// Takes what is asked at the end of a part of a step because the part ends there: that
    /// which nobody waits for, and which in the whole step was asked and answered later.
    fn take_posted(&mut self) {
        let script = &mut *lock(&self.prompter.0);
        let scratch = &mut self.scratch;
        self.out.yields.retain(|Yield { tag, command }| {
            let is_next = tag.is_posted()
                && matches!(script.expected.front(), Some(Asked::Answered(noted, _))
                    if noted.is_of(command, scratch));
            if is_next {
                script.expected.pop_front();
                script.asked = script.asked.saturating_add(1);
                script.note(show::command(command));
            }
            !is_next
        });
    }

    /// Makes a step up to the command that is so many from its beginning, which is asked and
    /// not answered.
    pub fn up_to(
        &mut self,
        step: Step,
        command: u64,
        max_slice: u64,
    ) -> Result<(), Box<Difference>> {
        self.expect(step.inline);
        lock(&self.prompter.0).until = Some(command);
        self.hand_in(&step.events);
        let (before, mut events) = (self.fuel, step.events);
        self.run(&mut events, step.fuel.min(max_slice))?;
        self.compare_inline(before, None)?;
        for Yield { tag, command } in mem::take(&mut self.out.yields) {
            let shown = show::command(&command);
            lock(&self.prompter.0).note(shown.clone());
            self.pending.insert(tag.0, Pending { shown, written: None });
        }
        Ok(())
    }

    /// How many commands it has asked and been answered in its last step.
    pub fn asked(&self) -> u64 {
        lock(&self.prompter.0).asked
    }

    /// Its last command, in words.
    pub fn last_command(&self) -> Option<String> {
        lock(&self.prompter.0).last.back().cloned()
    }

    /// Adds a step of a changed program to those before, or does those first.
    fn merge(&mut self, step: Step, slice: u64) -> Result<(), Box<Difference>> {
        if !step.events.is_empty() {
            self.settle()?;
        }
        let due = self.due.get_or_insert_with(|| Due {
            events: Vec::new(),
            slice,
            yields: VecDeque::new(),
            fuel: 0,
            stopped: Ending::Continue,
        });
        due.events.extend(step.events);
        due.yields.extend(step.yields);
        due.fuel = due.fuel.saturating_add(step.fuel_used);
        due.stopped = step.stopped;
        lock(&self.prompter.0).expected.extend(step.inline);
        Ok(())
    }

    /// Does what a changed program has to do before it is handed more.
    pub fn settle(&mut self) -> Result<(), Box<Difference>> {
        let Some(Due { mut events, slice, mut yields, fuel, stopped }) = self.due.take() else {
            return Ok(());
        };
        self.hand_in(&events);
        let (mut used, begun) = (0u64, self.fuel);
        let most = fuel.saturating_mul(MORE.0).saturating_add(MORE.1);
        loop {
            let before = self.fuel;
            self.run(&mut events, slice)?;
            used = used.saturating_add(self.out.fuel_used);
            let ended = match &self.out.status {
                Status::Continue => false,
                Status::Blocked | Status::Idle | Status::Done(_) | Status::Exited(_) => true,
            };
            self.compare_inline(before, ended.then_some(&stopped))?;
            self.compare_yields(before, &mut yields)?;
            if ended {
                break;
            }
            if stopped == Ending::Continue && used >= fuel {
                return Ok(());
            }
            if used > most {
                let found = format!("it goes on for {used} units of fuel and asks for nothing");
                return Err(self.difference(begun, show::ending(&stopped), found));
            }
        }
        if let Some((_, noted)) = yields.front() {
            let (expected, found) = (show::noted(noted), show::status(&self.out.status));
            return Err(self.difference(begun, expected, found));
        }
        self.compare_stop(begun, &stopped)?;
        self.stop();
        Ok(())
    }

    /// Notes what is handed in: answers to what was asked, and mail.
    fn hand_in(&mut self, events: &[Event]) {
        for event in events {
            let (asked, given) = match event {
                Event::Completion(Completion { tag, reply }) => {
                    let Some(Pending { shown, written }) = self.pending.remove(&tag.0) else {
                        continue;
                    };
                    if *reply == Reply::Done {
                        self.heard.written.extend(written);
                    }
                    (shown, show::reply(reply))
                }
                Event::Mail(_) => {
                    self.unread = self.unread.saturating_add(1);
                    ("is handed".to_owned(), show::event(event))
                }
                Event::Cancel { .. } | Event::Timeout { .. } => {
                    ("is handed".to_owned(), show::event(event))
                }
            };
            if lock(&self.prompter.0).log.is_some() {
                self.heard.lines.push((asked, given));
            }
        }
    }

    /// Steps once.
    fn run(&mut self, events: &mut Vec<Event>, fuel: u64) -> Result<(), Box<Difference>> {
        if self.ended.is_some() {
            let expected = "another step".to_owned();
            return Err(self.difference(self.fuel, expected, "it has ended".to_owned()));
        }
        self.process.step(events, Fuel(fuel), &mut self.out);
        self.fuel = self.fuel.saturating_add(self.out.fuel_used);
        self.unread = self.unread.saturating_sub(self.out.received.mails);
        let script = &mut *lock(&self.prompter.0);
        self.heard.written.append(&mut script.written);
        if let Some(log) = &mut script.log {
            self.heard.lines.append(log);
        }
        Ok(())
    }

    /// Compares what was asked within the step; at its end, if that has been `reached`.
    fn compare_inline(
        &mut self,
        before: u64,
        reached: Option<&Ending>,
    ) -> Result<(), Box<Difference>> {
        let (difference, left) = {
            let script = &mut *lock(&self.prompter.0);
            let left = script.expected.front().filter(|_| reached.is_some()).map(show::asked);
            (script.difference.take(), left)
        };
        if let Some((expected, found)) = difference {
            return Err(self.difference(before, expected, found));
        }
        let Some(expected) = left else { return Ok(()) };
        let found = self.end_of_trap();
        Err(self.difference(before, expected, found))
    }

    /// Compares what is asked at the end of a step with what is to be asked, and takes it
    /// from there.
    fn compare_yields(
        &mut self,
        before: u64,
        expected: &mut VecDeque<(u64, Noted)>,
    ) -> Result<(), Box<Difference>> {
        for Yield { tag, command } in mem::take(&mut self.out.yields) {
            let noted = expected.pop_front();
            let same = noted.as_ref().is_some_and(|(number, noted)| {
                *number == tag.0 && noted.is_of(&command, &mut self.scratch)
            });
            let shown = show::command(&command);
            if let Command::Chore(chore) = &command {
                // Nothing of it comes from outside.
                chore.run();
                self.process.trim(&mut |_| {});
                self.pending.insert(tag.0, Pending { shown: shown.clone(), written: None });
            }
            if !same {
                let expected = match noted {
                    Some((_, noted)) => show::noted(&noted),
                    None => "nothing more in this step".to_owned(),
                };
                let found = match &command {
                    Command::Chore(_) => self.end_of_trap(),
                    _ => shown,
                };
                return Err(self.difference(before, expected, found));
            }
            lock(&self.prompter.0).note(shown.clone());
            let written = match command {
                Command::Stdio(StdioCommand::Write { to, bytes }) => Some((to, bytes)),
                _ => None,
            };
            self.pending.insert(tag.0, Pending { shown, written });
        }
        Ok(())
    }

    /// How the process has stopped; of one that has trapped, the trap with its place.
    fn end_of_trap(&mut self) -> String {
        if let Some(Err(_)) = self.process.decided() {
            let mut events: Vec<Event> = self
                .pending
                .keys()
                .map(|tag| Event::Completion(Completion { tag: Tag(*tag), reply: Reply::Done }))
                .collect();
            let mut out = StepOutput::default();
            // It takes no more fuel than the process has used.
            while self.process.decided().is_some() {
                self.process.step(&mut events, Fuel(100_000), &mut out);
                if out.status == Status::Blocked {
                    break;
                }
            }
            if let Status::Done(outcome) = &out.status {
                return show::outcome(outcome);
            }
            if let Some(outcome) = self.process.decided() {
                return show::outcome(&outcome);
            }
        }
        show::status(&self.out.status)
    }

    fn compare_stop(&mut self, before: u64, expected: &Ending) -> Result<(), Box<Difference>> {
        let same = match (&self.out.status, expected) {
            (Status::Continue, Ending::Continue)
            | (Status::Blocked, Ending::Blocked)
            | (Status::Idle, Ending::Idle) => true,
            (Status::Done(outcome), Ending::Done(noted)) => same(noted, outcome, &mut self.scratch),
            (Status::Exited(term), Ending::Exited(noted)) => same(noted, term, &mut self.scratch),
            (
                Status::Continue
                | Status::Blocked
                | Status::Idle
                | Status::Done(_)
                | Status::Exited(_),
                _,
            ) => false,
        };
        if same {
            return Ok(());
        }
        let found = show::status(&self.out.status);
        Err(self.difference(before, show::ending(expected), found))
    }

    /// Takes the end of the process, if it has ended.
    fn stop(&mut self) {
        match mem::replace(&mut self.out.status, Status::Continue) {
            ended @ (Status::Done(_) | Status::Exited(_)) => self.ended = Some(ended),
            Status::Continue | Status::Blocked | Status::Idle => {}
        }
    }

    /// Compares the hash of all that the process is.
    pub fn compare_state(&mut self, hash: u64) -> Result<(), Box<Difference>> {
        if self.changed {
            return Ok(());
        }
        let now = self.hash();
        if now == hash {
            return Ok(());
        }
        let expected = format!("its memory, tables, globals and mail have the hash {hash:016x}");
        Err(self.difference(self.fuel, expected, format!("they have the hash {now:016x}")))
    }

    /// The process has ended, by itself or not, after so much fuel.
    pub fn end(&mut self, fuel: u64, error: Option<Error>) -> Result<(), Box<Difference>> {
        self.settle()?;
        if !self.changed && fuel != self.fuel {
            let expected = format!("it ends after {fuel} units of fuel");
            return Err(self.difference(self.fuel, expected, format!("after {}", self.fuel)));
        }
        // What nobody waits for is carried out after the end.
        let pending = mem::take(&mut self.pending);
        let posted = pending.into_iter().filter(|(tag, _)| Tag(*tag).is_posted());
        self.heard.written.extend(posted.filter_map(|(_, pending)| pending.written));
        match (error, &self.ended) {
            (None, Some(Status::Done(Ok(_)) | Status::Exited(_))) => {}
            (None, ended) => {
                let found = match ended {
                    Some(status) => show::status(status),
                    None => "it has not ended".to_owned(),
                };
                return Err(self.difference(self.fuel, "it ends well".to_owned(), found));
            }
            // Its own, or somebody else has ended it.
            (Some(error), _) => self.ended = Some(Status::Done(Err(error))),
        }
        self.process.close();
        Ok(())
    }

    /// The hash of all that the process is.
    pub fn hash(&mut self) -> u64 {
        state::of(&mut *self.process)
    }

    /// Hands each of its linear memories to `f`.
    pub fn memories(&mut self, f: &mut dyn FnMut(&[u8])) {
        self.process.memories(f);
    }

    /// Bytes of its memory.
    pub fn memory(&self) -> u64 {
        self.process.memory_used()
    }

    /// Mail that it has not taken.
    pub fn unread(&self) -> usize {
        self.unread
    }

    /// The functions that it is in.
    pub fn stack(&mut self) -> Option<Stack> {
        self.process.stack()
    }

    /// What it waits for.
    pub fn pending(&self) -> Vec<String> {
        self.pending.values().map(|pending| pending.shown.clone()).collect()
    }

    fn difference(&self, fuel: u64, expected: String, found: String) -> Box<Difference> {
        let (process, hint) = (self.name.clone(), self.hint.clone());
        let last = lock(&self.prompter.0).last.iter().cloned().collect();
        Box::new(Difference { process, fuel, expected, found, last, hint })
    }
}

fn same<T: Coded>(noted: &Noted, value: &T, scratch: &mut Vec<u8>) -> bool {
    noted.is_of(value, scratch)
}
