//! The wasm process: a component, called with bounded steps.

use std::{fmt, mem, sync::Arc};

use super::{
    Call, Error, ErrorKind, Event, ExitRequest, Fuel, Inbox, Limits, Outcome, Process, Received,
    Stack, Start, StartData, Status, StepOutput,
};
use crate::{
    account::Account,
    command::{Completion, Mail, Reply, Tag},
    component::{
        Again, BacktraceRun, Guard, HostState, LinkedComponent, Machine, Pause, Spent, Trap,
        TrapKind, small,
    },
    imports::wasi::{WasiConfig, WasiState},
    value::Value,
};

/// A process that runs a component.
pub struct WasmProcess {
    program: LinkedComponent,
    limits: Limits,
    account: Account,
    state: Phase,
    method: String,
    /// Fuel used since the start.
    used: u64,
    /// Fuel that past steps have used beyond what they were given.
    debt: u64,
    /// Fuel that going on takes at least.
    required: u64,
    /// The first call, kept for the case of a trap: the only one so far.
    first: Option<(usize, Vec<Value>)>,
    /// Fuel of the second run.
    retraced: u64,
}

enum Phase {
    /// Alive; a call is under way or has ended well.
    Live(Box<Machine>),
    /// Trapped, and waits for what it takes to find out where.
    Waiting(Box<Waiting>, Error),
    /// Is run again to find out where it has trapped.
    Retracing(Box<BacktraceRun>, Error),
    /// Has ended. What it had stays until it is closed: a step has no time to give much
    /// memory back.
    Ended(Option<Box<Machine>>),
}

/// The rest of the first run, kept for the second.
struct Waiting {
    again: Again,
    /// The machine that has trapped, until somebody has time to give its memory back.
    trapped: Option<Box<Machine>>,
}

impl Phase {
    /// The machine, if there is one.
    fn machine(&self) -> Option<&Machine> {
        match self {
            Phase::Live(machine) => Some(machine),
            Phase::Waiting(waiting, _) => waiting.trapped.as_deref(),
            Phase::Retracing(retrace, _) => Some(&retrace.machine),
            Phase::Ended(machine) => machine.as_deref(),
        }
    }

    /// Ends, and keeps the machine.
    fn end(&mut self) {
        *self = Phase::Ended(match mem::replace(self, Phase::Ended(None)) {
            Phase::Live(machine) => Some(machine),
            Phase::Waiting(waiting, _) => waiting.trapped,
            Phase::Retracing(retrace, _) => Some(Box::new(retrace.machine)),
            Phase::Ended(machine) => machine,
        });
    }
}

/// Fuel up to which a process that has trapped is run again.
const MAX_RETRACE: u64 = 50_000_000;

/// Functions that an error names.
const MAX_FRAMES: usize = 12;

/// Functions that a stack names.
const MAX_STACK: usize = 100;

impl WasmProcess {
    /// A process that runs `program`. Nothing of it runs before the first step: that
    /// makes the instances and runs their start functions, and then the call.
    ///
    /// # Errors
    ///
    /// If there is no such method, the arguments do not fit it, the process cannot be
    /// given its surroundings, or they are beyond the limits.
    pub fn start(program: &LinkedComponent, start: Start) -> Result<WasmProcess, Error> {
        let Start { data, account, inline, state: mut host } = start;
        let StartData { call, identity, wasi, request, limits, context: _ } = data;
        let account = account.unwrap_or_else(|| Account::new(limits.max_memory));
        host.begin(account.clone(), inline);
        if let Some(wasi) = wasi {
            host.set(surroundings(wasi, &account)?);
        }
        let (method, call) = match (call, request) {
            (Some(call), Some(request)) => {
                let (method, export) = handler(program, &call.method)?;
                let args = host.get::<WasiState>().give_request(request, &account);
                let args = args.map_err(|trap| Error::trap(&trap, &method))?;
                (method, Some((export, args)))
            }
            (Some(call), None) => {
                let (method, export, args) = resolve(program, call)?;
                (method, Some((export, args)))
            }
            (None, _) => ("instantiation".to_owned(), None),
        };
        let mut machine = program.machine(host);
        let mut first = None;
        if let Some((export, args)) = call {
            // Few enough not to be counted.
            first = small(&args).then(|| (export, args.clone()));
            let ready = machine.call_when_ready(export, args);
            ready.map_err(|trap| Error::trap(&trap, &method))?;
        }
        if identity.is_some() {
            machine.host_state().set(identity);
        }
        Ok(WasmProcess {
            program: program.clone(),
            limits,
            account,
            state: Phase::Live(Box::new(machine)),
            method,
            used: 0,
            debt: 0,
            required: 0,
            first,
            retraced: 0,
        })
    }

    /// Calls one more function. The process must be at rest: its last call has ended
    /// well, or it has been instantiated and nothing has been called.
    ///
    /// # Errors
    ///
    /// If the process is not at rest, there is no such method, or the arguments do not
    /// fit it.
    pub fn call(&mut self, call: Call) -> Result<(), Error> {
        let (method, export, args) = resolve(&self.program, call)?;
        match &mut self.state {
            Phase::Ended(_) => Err(Error::new(ErrorKind::Unavailable, "the process has ended")),
            Phase::Live(machine) if !machine.busy() => {
                (self.first, self.method) = (None, method);
                machine.call(export, args).map_err(|trap| Error::trap(&trap, &self.method))
            }
            Phase::Live(_) | Phase::Waiting(..) | Phase::Retracing(..) => {
                Err(Error::new(ErrorKind::Conflict, "the process is in the middle of a call"))
            }
        }
    }

    /// The account that all is on that is held for the process.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Fuel used since the start. It does not depend on how the steps were cut.
    pub fn fuel_used(&self) -> u64 {
        self.used
    }

    /// The state that host functions keep for this process; `None` after the end.
    fn host_state(&mut self) -> Option<&mut HostState> {
        match &mut self.state {
            Phase::Live(machine) => Some(machine.host_state()),
            Phase::Waiting(..) | Phase::Retracing(..) | Phase::Ended(_) => None,
        }
    }

    fn fail(&mut self, out: &mut StepOutput, error: Error) {
        self.state.end();
        out.status = Status::Done(Err(error));
    }

    /// Ends the process for a reason from outside. One that has trapped has ended
    /// before that: its own error is told, without the place.
    fn stop(&mut self, out: &mut StepOutput, error: Error) {
        let own = match &self.state {
            Phase::Waiting(_, own) | Phase::Retracing(_, own) => Some(own.clone()),
            Phase::Live(_) | Phase::Ended(_) => None,
        };
        self.fail(out, own.unwrap_or(error));
    }

    /// The guest has trapped: it is run again to find out where, if that is
    /// possible, and ends then.
    fn trap(&mut self, out: &mut StepOutput, trap: &Trap) {
        match trap.kind {
            TrapKind::Exit(0) => {
                let farewell =
                    self.host_state().and_then(|state| state.get::<ExitRequest>().0.take());
                self.state.end();
                out.status = match farewell {
                    Some(Ok(term)) => Status::Exited(term),
                    Some(Err(fault)) => Status::Done(Err(Error::program(fault))),
                    None => Status::Done(Ok(None)),
                };
                return;
            }
            TrapKind::Exit(_) => return self.fail(out, Error::trap(trap, &self.method)),
            TrapKind::Core
            | TrapKind::Canonical
            | TrapKind::Denied
            | TrapKind::Host
            | TrapKind::Limit
            | TrapKind::Unsupported
            | TrapKind::Engine
            | TrapKind::Crowded
            | TrapKind::Invalid => {}
        }
        let error = Error::trap(trap, &self.method);
        if let Phase::Live(machine) = &mut self.state
            && self.first.is_some()
            && self.used <= MAX_RETRACE
            && let Some(again) = machine.again(self.program.tracing())
        {
            out.yields.append(&mut machine.yields);
            self.state.end();
            if let Phase::Ended(trapped) = &mut self.state {
                let waiting = Waiting { again, trapped: trapped.take() };
                self.state = Phase::Waiting(Box::new(waiting), error);
            }
            out.status = Status::Blocked;
            return;
        }
        self.fail(out, error);
    }

    /// Begins the second run, if `reply` says that what it takes is there.
    fn begin_again(&mut self, reply: &Reply, out: &mut StepOutput) {
        let Phase::Waiting(waiting, error) = mem::replace(&mut self.state, Phase::Ended(None))
        else {
            return;
        };
        let retrace = if *reply == Reply::Done { waiting.again.begin() } else { None };
        match (retrace, self.first.take()) {
            (Some(mut retrace), Some((export, args))) => {
                // There was room for them the first time.
                let ready = retrace.machine.call_when_ready(export, args);
                debug_assert!(ready.is_ok());
                self.state = Phase::Retracing(Box::new(retrace), error);
                out.status = Status::Continue;
            }
            _ => self.fail(out, error),
        }
    }

    /// One step of the second run. Its fuel is not the process's.
    fn retrace(&mut self, fuel: u64, out: &mut StepOutput) {
        let Phase::Retracing(retrace, error) = &mut self.state else { return };
        let grant = fuel.max(self.required);
        retrace.machine.set_fuel(grant);
        let pause = retrace.machine.run();
        let spent = retrace.machine.take_fuel(grant);
        (out.fuel_used, out.host_time) = (spent.used, spent.time);
        self.retraced = self.retraced.saturating_add(out.fuel_used);
        let error = error.clone();
        match pause {
            // The trace costs some fuel of its own, but not so much.
            Ok(Pause::OutOfFuel(required)) if self.retraced / 8 <= self.used => {
                self.required = required;
                out.status = Status::Continue;
            }
            Err(_) => {
                let frames = retrace.frames(MAX_FRAMES);
                self.fail(out, error.with_frames(frames));
            }
            Ok(_) => self.fail(out, error),
        }
    }

    /// Fuel for a step that may use `budget`: more, if a single operation needs
    /// more, and never beyond the limit of the process.
    fn grant(&self, budget: u64) -> Result<u64, Trap> {
        let grant = budget.max(self.required);
        let Some(max) = self.limits.max_fuel else { return Ok(grant) };
        let left = max.saturating_sub(self.used);
        if left < self.required.max(1) {
            return Err(Trap::new(
                TrapKind::Limit,
                format!("the process has used up `limits.max_fuel`, {max} units"),
            ));
        }
        Ok(grant.min(left))
    }

    /// Takes an answer. Gives `false` if that was the process's end.
    fn complete(&mut self, completion: Completion, out: &mut StepOutput) -> bool {
        match &mut self.state {
            Phase::Live(machine) => {
                let Tag(tag) = completion.tag;
                if !machine.complete(completion.tag, completion.reply) {
                    tracing::debug!(tag, "a completion that nothing waits for");
                }
            }
            Phase::Waiting(waiting, _) if waiting.again.tag() == completion.tag => {
                self.begin_again(&completion.reply, out);
                return !matches!(self.state, Phase::Ended(_));
            }
            Phase::Waiting(..) | Phase::Retracing(..) | Phase::Ended(_) => {}
        }
        true
    }
}

/// The function that is called: its full name, its place among the exports, and the
/// arguments as its types want them.
fn resolve(program: &LinkedComponent, call: Call) -> Result<(String, usize, Vec<Value>), Error> {
    let function = program.function(&call.method);
    let function = function.map_err(|why| Error::new(ErrorKind::NotFound, why))?;
    let args = call.args.values(&function)?;
    Ok((function.full_name(), function.index(), args))
}

/// The function that answers requests: its full name, and its place among the exports.
fn handler(program: &LinkedComponent, name: &str) -> Result<(String, usize), Error> {
    let function = program.function(name);
    let function = function.map_err(|why| Error::new(ErrorKind::NotFound, why))?;
    if !function.takes_own(&["incoming-request", "response-outparam"]) {
        let why = format!(
            "{function:?} does not answer requests: that is `handle` of `wasi:http/incoming-handler`"
        );
        return Err(Error::new(ErrorKind::Invalid, why));
    }
    Ok((function.full_name(), function.index()))
}

/// The state that WASI keeps for a process that is given this.
fn surroundings(config: WasiConfig, account: &Account) -> Result<WasiState, Error> {
    let state = WasiState::new(config);
    let mut state = state.map_err(|why| Error::new(ErrorKind::Invalid, why.to_string()))?;
    match state.charge_to(account) {
        Ok(()) => Ok(state),
        Err(exceeded) => {
            let of_host = exceeded.is_of_host();
            let kind = if of_host { ErrorKind::Unavailable } else { ErrorKind::Invalid };
            Err(Error::new(kind, exceeded.to_string()))
        }
    }
}

impl Process for WasmProcess {
    fn step(&mut self, events: &mut Vec<Event>, fuel: Fuel, out: &mut StepOutput) {
        out.yields.clear();
        (out.fuel_used, out.host_time, out.received) = (0, 0, Received::default());
        for event in events.drain(..) {
            match event {
                Event::Completion(completion) => {
                    if !self.complete(completion, out) {
                        return;
                    }
                }
                Event::Mail(mail) => {
                    let inbox = self.host_state().map(HostState::get::<Inbox>);
                    match (mail, inbox) {
                        (mail, Some(inbox)) if inbox.listens() => inbox.push(mail),
                        (Mail::Cancel { reason, .. }, _) => {
                            return self.stop(out, Error::cancelled(&reason));
                        }
                        (mail, Some(inbox)) => inbox.push(mail),
                        // It reads no mail any more.
                        (Mail::Message(_) | Mail::Exit { .. } | Mail::LinkDown { .. }, None) => {}
                    }
                }
                Event::Cancel { reason } => return self.stop(out, Error::cancelled(&reason)),
                Event::Timeout { limit } => return self.stop(out, Error::timeout(limit)),
            }
        }
        let slice = fuel.0.min(self.program.max_slice());
        match self.state {
            Phase::Waiting(..) => return out.status = Status::Blocked,
            Phase::Retracing(..) => return self.retrace(slice, out),
            Phase::Live(_) | Phase::Ended(_) => {}
        }
        // A debt is paid with whole slices in which nothing runs.
        let budget = slice.saturating_sub(self.debt);
        self.debt = self.debt.saturating_sub(slice);
        if budget == 0 {
            out.status = Status::Continue;
            return;
        }
        let grant = match self.grant(budget) {
            Ok(grant) => grant,
            Err(trap) => return self.fail(out, Error::trap(&trap, &self.method)),
        };
        let Phase::Live(machine) = &mut self.state else {
            return self
                .fail(out, Error::new(ErrorKind::Unavailable, "the process is not running"));
        };
        machine.set_fuel(grant);
        let pause = machine.run();
        let Spent { used, time } = machine.take_fuel(grant);
        out.yields = mem::take(&mut machine.yields);
        self.used = self.used.saturating_add(used);
        self.debt = used.saturating_sub(budget);
        self.required = 0;
        (out.fuel_used, out.host_time) = (used, time);
        let inbox = machine.host_state().find::<Inbox>();
        out.received = inbox.map(Inbox::take_received).unwrap_or_default();
        match pause {
            Ok(Pause::OutOfFuel(required)) => {
                self.required = required;
                out.status = Status::Continue;
            }
            Ok(Pause::Blocked) => out.status = Status::Blocked,
            Ok(Pause::Finished(Some(value))) => out.status = Status::Done(Ok(value)),
            Ok(Pause::Finished(None)) => out.status = Status::Idle,
            Err(trap) => self.trap(out, &trap),
        }
    }

    fn trim(&mut self, release: &mut dyn FnMut(&mut [u8])) {
        match &mut self.state {
            Phase::Live(machine) => {
                machine.each_memory(release);
                if let Some(inbox) = machine.host_state().find::<Inbox>() {
                    inbox.shrink();
                }
            }
            Phase::Waiting(waiting, _) => waiting.trapped = None,
            Phase::Retracing(..) | Phase::Ended(_) => {}
        }
    }

    fn decided(&self) -> Option<Outcome> {
        match &self.state {
            Phase::Waiting(_, error) | Phase::Retracing(_, error) => Some(Err(error.clone())),
            Phase::Live(_) | Phase::Ended(_) => None,
        }
    }

    /// Of linear memory and tables.
    fn memory_used(&self) -> u64 {
        self.state.machine().map_or(0, Machine::memory_used)
    }

    fn guard(&self) -> Option<Arc<Guard>> {
        match &self.state {
            Phase::Live(machine) => Some(machine.guard().clone()),
            Phase::Waiting(..) | Phase::Retracing(..) | Phase::Ended(_) => None,
        }
    }

    /// Of one that has ended, or trapped, no more than its fuel: when it gives its memory
    /// back is not its own affair.
    fn state(&mut self, to: &mut dyn FnMut(&[u8])) {
        to(&self.used.to_le_bytes());
        if let Phase::Live(machine) = &mut self.state {
            machine.state(to);
            if let Some(inbox) = machine.host_state().find::<Inbox>() {
                inbox.state(to);
            }
        }
    }

    fn memories(&mut self, f: &mut dyn FnMut(&[u8])) {
        if let Phase::Live(machine) = &mut self.state {
            machine.each_memory(&mut |memory| f(memory));
        }
    }

    /// Nothing unless its program is [watched](LinkedComponent::watched).
    fn stack(&mut self) -> Option<Stack> {
        let machine = match &self.state {
            Phase::Live(machine) => machine,
            Phase::Waiting(waiting, _) => waiting.trapped.as_ref()?,
            Phase::Retracing(..) | Phase::Ended(_) => return None,
        };
        let (frames, depth) = self.program.stack(machine, MAX_STACK)?;
        Some(Stack { frames, more: depth.saturating_sub(MAX_STACK) })
    }

    fn close(&mut self) {
        self.state = Phase::Ended(None);
    }
}

impl fmt::Debug for WasmProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasmProcess")
            .field("method", &self.method)
            .field("fuel_used", &self.used)
            .finish_non_exhaustive()
    }
}
