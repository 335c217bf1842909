//! The Lua process.

use std::{fmt, mem};

use mlua::{MultiValue, Value as Lv};

use super::{
    long::Limited,
    memory, pinned,
    primitives::Primitives,
    program::{LuaProgram, broken},
    reply, sandbox,
    schedule::{self, MAIN, Turn, Wake},
    values::{Giver, from_term},
};
use crate::{
    account::{Account, Charge, Exceeded},
    command::{Completion, ErrorKind, Mail, ProcessError, Reply},
    imports::wasi::WasiConfig,
    process::{Call, Error, Event, Fuel, Process, Received, Start, StartData, Status, StepOutput},
    replay::Role,
};

/// A process that runs a Lua program.
pub struct LuaProcess {
    program: LuaProgram,
    /// Nothing once the process is closed.
    live: Option<Box<Live>>,
    /// The process has ended. What it had stays until it is closed: a step has no time
    /// to give much memory back.
    ended: bool,
    /// Mail has come that nobody has been given.
    mail: bool,
    /// Fuel that it may still use, if there is a limit, and that limit.
    fuel: Option<(u64, u64)>,
    /// What a pinned process holds, on the account that others know of. It has one of its
    /// own besides: what others hold for it there would decide when garbage is collected.
    apart: Option<Charge>,
}

struct Live {
    primitives: Primitives,
    // The last to be dropped: the primitives refers to it.
    lua: Limited,
}

impl LuaProcess {
    /// A process of a program. Nothing of it runs before the first step.
    ///
    /// # Errors
    ///
    /// If an argument has no place in Lua, or there is no room for the process.
    pub fn start(program: &LuaProgram, start: Start) -> Result<LuaProcess, Error> {
        LuaProcess::make(program, start, false)
    }

    /// The same, for a process that is recorded or replayed: it does the same each time
    /// that it is given the same.
    ///
    /// Of addresses that a program is shown, only what lies below 4 GiB is left, and those
    /// of functions and tables are the same in each run; so is the order of `pairs`. No
    /// slice is cut short by time, and no garbage is collected while the process waits.
    ///
    /// # Errors
    ///
    /// As for [`LuaProcess::start`], and on a system where that cannot be had: see
    /// [`can_be_pinned`](LuaProcess::can_be_pinned).
    pub fn pinned(program: &LuaProgram, start: Start) -> Result<LuaProcess, Error> {
        let fault = |why| Error::program(ProcessError::new(ErrorKind::Unavailable, why));
        LuaProcess::can_be_pinned().map_err(fault)?;
        LuaProcess::make(program, start, true)
    }

    /// Looks whether processes in Lua can do the same in each run here.
    ///
    /// # Errors
    ///
    /// With why not.
    pub fn can_be_pinned() -> Result<(), String> {
        let not = |why| format!("processes in Lua cannot be recorded here: {why}");
        pinned::check().map_err(not)
    }

    fn make(program: &LuaProgram, start: Start, is_pinned: bool) -> Result<LuaProcess, Error> {
        let Start { data, account, inline, state: _ } = start;
        let StartData { call, identity, wasi, request: _, limits, context } = data;
        let Some(Call { method, args }) = call else {
            return Err(Error::new(ErrorKind::Invalid, "a Lua process begins with a call"));
        };
        let args = args.terms()?;
        let max_memory = program.max_memory().min(limits.max_memory);
        let failed = |error: mlua::Error| Error::program(broken(&error));
        let memory = usize::try_from(max_memory).unwrap_or(usize::MAX);
        let account = account.unwrap_or_else(|| Account::new(max_memory));
        let (account, mut apart) = match is_pinned {
            true => (Account::new(max_memory), Some(account.open())),
            false => (account, None),
        };
        let full = |exceeded: Exceeded| Error::new(ErrorKind::Unavailable, exceeded.to_string());
        let held = account.charge(memory::PROCESS).map_err(full)?;
        let lua = match is_pinned {
            true => Limited::pinned(memory, held),
            false => sandbox::bare().and_then(|lua| Limited::new(lua, memory, held)),
        };
        let lua = lua.map_err(failed)?;
        let primitives = Primitives::install(&lua, program, account).map_err(failed)?;
        {
            let mut state = primitives.state();
            let WasiConfig { args, env, cwd: _, preopens: _ } = wasi.unwrap_or_default();
            state.identity = identity;
            state.env = env;
            state.context = context;
            // The first is the program's name.
            state.argv = args.into_iter().skip(1).collect();
            state.immediate = inline;
        }
        let chunk = program.load(&lua, program.name()).map_err(failed)?;
        let mut values = MultiValue::new();
        for (at, term) in (1..).zip(&args) {
            let invalid =
                |why| Error::new(ErrorKind::Invalid, format!("argument {at} of `{method}`: {why}"));
            values.push_back(from_term(&lua, term).map_err(invalid)?);
        }
        let name = lua.create_string(&method).map_err(failed)?;
        values.push_front(Lv::String(name));
        values.push_front(Lv::Function(chunk));
        primitives.function("start").and_then(|start| start.call::<()>(values)).map_err(failed)?;
        lua.watch().cover(&lua).map_err(full)?;
        if let Some(apart) = &mut apart {
            apart.cover(primitives.account.used()).map_err(full)?;
        }
        primitives.budget.begin(0);
        Ok(LuaProcess {
            program: program.clone(),
            live: Some(Box::new(Live { primitives, lua })),
            ended: false,
            mail: false,
            fuel: limits.max_fuel.map(|max| (max, max)),
            apart,
        })
    }

    fn end(&mut self, out: &mut StepOutput, status: Status) {
        self.ended = true;
        out.yields.clear();
        out.status = status;
    }
}

impl Live {
    fn complete(&self, completion: Completion) -> Option<Status> {
        let Completion { tag, reply } = completion;
        if let Reply::Refused(why) = reply {
            let fault = ProcessError::new(ErrorKind::Internal, why);
            return Some(Status::Done(Err(Error::program(fault))));
        }
        if !self.primitives.state().schedule.complete(tag, reply) {
            tracing::debug!(tag = tag.0, "a completion that nothing waits for");
        }
        None
    }

    /// Runs tasks until the slice is used up or none can run.
    fn run(&self) -> Result<Status, mlua::Error> {
        while !self.primitives.budget.is_spent() {
            let next = self.primitives.state().schedule.next();
            let Some((task, stack, wake)) = next else { return self.rest() };
            let values = match wake {
                Wake::Values(values) => values,
                Wake::Reply(reply) => reply::values(&self.lua, &self.primitives, &reply)?,
            };
            let rest = |stack, again| {
                let mut state = self.primitives.state();
                state.schedule.put_back(task, stack);
                if let Some(values) = again {
                    state.schedule.wake(task, Wake::Values(values));
                }
            };
            match schedule::turn(&self.lua, &self.primitives.budget, task, stack, values, rest) {
                Turn::Over => {}
                Turn::Broken(error) => return Err(error),
                Turn::Ended(task, values) => {
                    if let Some(status) = self.ended(task, values) {
                        return Ok(status);
                    }
                }
            }
        }
        Ok(Status::Continue)
    }

    /// Nothing can run.
    fn rest(&self) -> Result<Status, mlua::Error> {
        if self.primitives.state().schedule.waits_for_commands() {
            return Ok(Status::Blocked);
        }
        if let Some(expects) = self.primitives.optional("expects")
            && expects.call::<bool>(())?
        {
            return Ok(Status::Idle);
        }
        let why = "deadlock: every coroutine waits for a channel that no other will use";
        let why = Lv::String(self.lua.create_string(why)?);
        let values = [why].into_iter().collect();
        self.primitives.state().schedule.wake(MAIN, Wake::Values(values));
        Ok(Status::Continue)
    }

    /// A task has ended: the process as well if it is the first, or has failed.
    fn ended(&self, task: u64, values: MultiValue) -> Option<Status> {
        let mut values = values.into_iter();
        let well = values.next().and_then(|ok| ok.as_boolean()).unwrap_or_default();
        let first = values.next().unwrap_or(Lv::Nil);
        if !well {
            let mut fault = reply::fault(&self.lua, &self.primitives, &first, ErrorKind::Internal);
            fault.message.push_str(&reply::frames(&mem::take(&mut self.primitives.state().trace)));
            return Some(Status::Done(Err(Error::program(fault))));
        }
        if task != MAIN {
            return None;
        }
        let failed = |fault| Some(Status::Done(Err(Error::program(fault))));
        match values.next() {
            Some(error) if !error.is_nil() && !error.is_null() => {
                return failed(reply::fault(
                    &self.lua,
                    &self.primitives,
                    &error,
                    ErrorKind::Unknown,
                ));
            }
            _ => {}
        }
        match Giver::new(&self.lua, &self.primitives).term(&first, "the result") {
            Ok(term) => Some(Status::Exited(term)),
            Err(why) => failed(ProcessError::new(ErrorKind::Invalid, why)),
        }
    }

    /// Lua itself has failed.
    fn broken(&self, error: &mlua::Error) -> Error {
        let budget = &self.primitives.budget;
        let message = match budget.is_killed() {
            true if budget.is_held() => "a single operation held its thread for more than a second; tables with weak keys that lead to each other take long to collect".to_owned(),
            true => "a function that cannot be interrupted, called from C or as a finalizer, does not return".to_owned(),
            false if matches!(error, mlua::Error::MemoryError(_)) => budget.memory.explain(),
            false => reply::short(reply::root(error).as_bytes()),
        };
        Error::program(ProcessError::new(ErrorKind::Internal, message))
    }
}

/// Processes that are run again.
impl Role for LuaProgram {
    fn start(&self, start: Start) -> Result<Box<dyn Process>, Error> {
        Ok(Box::new(LuaProcess::pinned(self, start)?))
    }
}

impl Process for LuaProcess {
    fn step(&mut self, events: &mut Vec<Event>, fuel: Fuel, out: &mut StepOutput) {
        out.yields.clear();
        (out.fuel_used, out.host_time, out.received) = (0, 0, Received::default());
        let Some(live) = self.live.as_ref().filter(|_| !self.ended) else {
            events.clear();
            let error = Error::new(ErrorKind::Unavailable, "the process is not running");
            return self.end(out, Status::Done(Err(error)));
        };
        let mut end = None;
        for event in events.drain(..) {
            let status = match event {
                Event::Completion(completion) => live.complete(completion),
                Event::Mail(mail) => {
                    let mut state = live.primitives.state();
                    match mail {
                        Mail::Cancel { reason, .. } if !state.inbox.listens() => {
                            Some(Status::Done(Err(Error::cancelled(&reason))))
                        }
                        mail => {
                            state.inbox.push(mail);
                            self.mail = true;
                            None
                        }
                    }
                }
                Event::Cancel { reason } => Some(Status::Done(Err(Error::cancelled(&reason)))),
                Event::Timeout { limit } => Some(Status::Done(Err(Error::timeout(limit)))),
            };
            end = end.or(status);
        }
        if let Some(status) = end {
            return self.end(out, status);
        }
        let slice = match self.fuel {
            Some((0, max)) => {
                return self.end(out, Status::Done(Err(Error::out_of_fuel(max))));
            }
            Some((left, _)) => fuel.0.min(left),
            None => fuel.0,
        };
        let budget = &live.primitives.budget;
        budget.begin(slice);
        let before = budget.left();
        if before <= 0 {
            // A debt is paid with whole slices in which nothing runs.
            out.status = Status::Continue;
            return;
        }
        let delivered = match live.primitives.optional("deliver") {
            Some(deliver) if mem::take(&mut self.mail) => deliver.call::<()>(()),
            _ => Ok(()),
        };
        let result = delivered.and_then(|()| live.run());
        live.lua.watch().cover_anyway(&live.lua);
        if let Some(apart) = &mut self.apart {
            let used = live.primitives.account.used();
            if apart.cover(used).is_err() {
                apart.add_anyway(used.saturating_sub(apart.bytes()));
            }
        }
        out.fuel_used = u64::try_from(before.saturating_sub(budget.left())).unwrap_or_default();
        if let Some((left, _)) = &mut self.fuel {
            *left = left.saturating_sub(out.fuel_used);
        }
        let mut state = live.primitives.state();
        mem::swap(&mut out.yields, &mut state.yields);
        out.received = state.inbox.take_received();
        drop(state);
        let status = result.unwrap_or_else(|error| Status::Done(Err(live.broken(&error))));
        match status {
            Status::Done(_) | Status::Exited(_) => self.end(out, status),
            status => out.status = status,
        }
    }

    /// Collects garbage, which a program could notice: not of one that does the same in
    /// each run.
    fn trim(&mut self, _: &mut dyn FnMut(&mut [u8])) {
        if let Some(live) = &self.live
            && !live.lua.watch().strings.is_pinned()
        {
            if let Err(error) = live.lua.gc_collect() {
                tracing::debug!(%error, "garbage that cannot be collected");
            }
            live.lua.watch().cover_anyway(&live.lua);
        }
    }

    fn memory_used(&self) -> u64 {
        match &self.live {
            Some(live) => u64::try_from(live.lua.used_memory()).unwrap_or(u64::MAX),
            None => 0,
        }
    }

    /// What has been allocated, how much is used and charged, and how much mail there is.
    /// What tables and texts hold is seen as soon as it changes any of that.
    fn state(&mut self, to: &mut dyn FnMut(&[u8])) {
        let Some(live) = &self.live else { return };
        let (trace, used) = match live.lua.watch().strings.arena() {
            Some(arena) => (arena.trace(), arena.used() as u64),
            None => (0, 0),
        };
        let left = live.primitives.budget.left().cast_unsigned();
        let fuel = self.fuel.map_or(0, |(left, _)| left);
        for part in [trace, used, left, fuel] {
            to(&part.to_le_bytes());
        }
        live.primitives.state().inbox.state(to);
    }

    fn close(&mut self) {
        self.live = None;
    }
}

impl fmt::Debug for LuaProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LuaProcess").field("program", &self.program).finish_non_exhaustive()
    }
}
