//! The wasm process: a component, called with bounded steps.

use std::{fmt, mem, sync::Arc};

use super::{
    Error, ErrorKind, Event, ExitRequest, Fuel, Inbox, Outcome, Process, Received, Status,
    StepOutput,
};
use crate::{
    account::Account,
    command::{Completion, InlineDispatcher, Mail, Reply, Tag},
    component::{
        Again, BacktraceRun, DEFAULT_MEMORY, Guard, HostState, LinkedComponent, Machine, Pause,
        Trap, TrapKind, small,
    },
    value::{Type, Value, check},
};

/// The limits of one process. The limit of its stack is given when the
/// component is loaded, see
/// [`LoadOptions`](crate::component::LoadOptions); that of its time is kept by who steps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory, of tables, and of all that the host holds for the
    /// process, together: see [`account`](crate::account). Growth beyond fails
    /// inside the guest, anything else is a trap.
    pub max_memory: u64,
    /// Fuel of the whole process. The process traps when it needs more.
    pub max_fuel: Option<u64>,
}

impl Default for Limits {
    /// 1 GiB of memory, and no end of fuel.
    fn default() -> Limits {
        Limits { max_memory: DEFAULT_MEMORY, max_fuel: None }
    }
}

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
    /// What going on takes at least.
    required: u64,
    /// The first call, kept for the case of a trap: the only one so far.
    first: Option<(usize, Vec<Value>)>,
    /// Fuel of the second run.
    retraced: u64,
}

enum Phase {
    New,
    /// Alive; a call is under way or has ended well.
    Live(Box<Machine>),
    /// Trapped, and waits for what it takes to find out where.
    Waiting(Box<Again>, Error),
    /// Is run again to find out where it has trapped.
    Retracing(Box<BacktraceRun>, Error),
    Dead,
}

/// Fuel up to which a process that has trapped is run again.
const MAX_RETRACE: u64 = 50_000_000;

/// Functions that an error names.
const MAX_FRAMES: usize = 12;

impl WasmProcess {
    /// A process that will run `program`. Nearly nothing is allocated for it before
    /// it is started.
    pub fn new(program: &LinkedComponent, limits: Limits) -> WasmProcess {
        WasmProcess::on_account(program, limits, Account::new(limits.max_memory))
    }

    /// The same, with an account that somebody else knows as well; its limit takes
    /// the place of [`Limits::max_memory`].
    pub fn on_account(program: &LinkedComponent, limits: Limits, account: Account) -> WasmProcess {
        WasmProcess {
            program: program.clone(),
            limits,
            account,
            state: Phase::New,
            method: String::new(),
            used: 0,
            debt: 0,
            required: 0,
            first: None,
            retraced: 0,
        }
    }

    /// Starts the process without a call: its first steps make the instances and
    /// run their start functions, then it is [`Status::Idle`]. Not needed before
    /// [`init`](Process::init), which does the same by itself.
    ///
    /// # Errors
    ///
    /// If the process has been started already.
    pub fn instantiate(&mut self) -> Result<(), Error> {
        match &self.state {
            Phase::New => {
                let machine = self.program.machine(self.account.clone());
                self.method = "instantiation".to_owned();
                self.state = Phase::Live(Box::new(machine));
                Ok(())
            }
            Phase::Live(_) | Phase::Waiting(..) | Phase::Retracing(..) => {
                Err(Error::new(ErrorKind::Conflict, "the process has been started"))
            }
            Phase::Dead => Err(Error::new(ErrorKind::Unavailable, "the process has ended")),
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

    /// What host functions keep for this process; `None` before
    /// [`init`](Process::init) and after the end.
    pub fn host_state(&mut self) -> Option<&mut HostState> {
        match &mut self.state {
            Phase::Live(machine) => Some(machine.host_state()),
            Phase::New | Phase::Waiting(..) | Phase::Retracing(..) | Phase::Dead => None,
        }
    }

    /// Dispatcher commands inside the steps of this process, where that takes no
    /// time. Set between [`init`](Process::init) and the first step.
    pub fn set_immediate(&mut self, immediate: Box<dyn InlineDispatcher>) {
        if let Some(state) = self.host_state() {
            state.immediate = Some(immediate);
        }
    }

    fn fail(&mut self, out: &mut StepOutput, error: Error) {
        self.state = Phase::Dead;
        out.status = Status::Done(Err(error));
    }

    /// Ends the process for a reason from outside. One that has trapped has ended
    /// before that: its own error is told, without the place.
    fn stop(&mut self, out: &mut StepOutput, error: Error) {
        let own = match &self.state {
            Phase::Waiting(_, own) | Phase::Retracing(_, own) => Some(own.clone()),
            Phase::New | Phase::Live(_) | Phase::Dead => None,
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
                self.state = Phase::Dead;
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
            && let Some(again) = machine.again()
        {
            out.yields.append(&mut machine.yields);
            self.state = Phase::Waiting(Box::new(again), error);
            out.status = Status::Blocked;
            return;
        }
        self.fail(out, error);
    }

    /// Begins the second run, if `reply` says that what it takes is there.
    fn begin_again(&mut self, reply: &Reply, out: &mut StepOutput) {
        let Phase::Waiting(again, error) = mem::replace(&mut self.state, Phase::Dead) else {
            return;
        };
        let retrace = if *reply == Reply::Done { again.begin() } else { None };
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
        let (left, host_work) = retrace.machine.take_fuel();
        out.fuel_used = (grant - left.min(grant)).saturating_add(host_work);
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
            Phase::Waiting(again, _) if again.tag() == completion.tag => {
                self.begin_again(&completion.reply, out);
                return !matches!(self.state, Phase::Dead);
            }
            Phase::New | Phase::Waiting(..) | Phase::Retracing(..) | Phase::Dead => {}
        }
        true
    }
}

impl Process for WasmProcess {
    fn init(&mut self, method: &str, input: Vec<Value>) -> Result<(), Error> {
        let function =
            self.program.function(method).map_err(|why| Error::new(ErrorKind::NotFound, why))?;
        let params = &function.ty().params;
        if params.len() != input.len() {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("{function:?} takes {} arguments, not {}", params.len(), input.len()),
            ));
        }
        for (param, value) in params.iter().zip(&input) {
            check(&Type::new(function.types().clone(), param.ty), value).map_err(|mismatch| {
                Error::new(ErrorKind::Invalid, format!("argument `{}`: {mismatch}", param.name))
            })?;
        }
        let invalid = |trap: Trap| Error::trap(&trap, method);
        self.method = function.full_name();
        match &mut self.state {
            Phase::Dead => Err(Error::new(ErrorKind::Unavailable, "the process has ended")),
            Phase::Waiting(..) | Phase::Retracing(..) => {
                Err(Error::new(ErrorKind::Conflict, "the process is in the middle of a call"))
            }
            Phase::Live(machine) if machine.busy() => {
                Err(Error::new(ErrorKind::Conflict, "the process is in the middle of a call"))
            }
            Phase::Live(machine) => {
                self.first = None;
                machine.call(function.index(), input).map_err(invalid)
            }
            Phase::New => {
                // Few enough not to be counted.
                self.first = small(&input).then(|| (function.index(), input.clone()));
                let mut machine = self.program.machine(self.account.clone());
                machine.call_when_ready(function.index(), input).map_err(invalid)?;
                self.state = Phase::Live(Box::new(machine));
                Ok(())
            }
        }
    }

    fn step(&mut self, events: &mut Vec<Event>, fuel: Fuel, out: &mut StepOutput) {
        out.yields.clear();
        (out.fuel_used, out.received) = (0, Received::default());
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
            Phase::New | Phase::Live(_) | Phase::Dead => {}
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
        let (left, host_work) = machine.take_fuel();
        let used = (grant - left.min(grant)).saturating_add(host_work);
        out.yields = mem::take(&mut machine.yields);
        self.used = self.used.saturating_add(used);
        self.debt = used.saturating_sub(budget);
        self.required = 0;
        out.fuel_used = used;
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
        if let Phase::Live(machine) = &mut self.state {
            machine.each_memory(release);
            if let Some(inbox) = machine.host_state().find::<Inbox>() {
                inbox.shrink();
            }
        }
    }

    fn decided(&self) -> Option<Outcome> {
        match &self.state {
            Phase::Waiting(_, error) | Phase::Retracing(_, error) => Some(Err(error.clone())),
            Phase::New | Phase::Live(_) | Phase::Dead => None,
        }
    }

    /// Of linear memory and tables.
    fn memory_used(&self) -> u64 {
        match &self.state {
            Phase::Live(machine) => machine.memory_used(),
            Phase::New | Phase::Waiting(..) | Phase::Retracing(..) | Phase::Dead => 0,
        }
    }

    fn guard(&self) -> Option<Arc<Guard>> {
        match &self.state {
            Phase::Live(machine) => Some(machine.guard().clone()),
            Phase::Waiting(..) | Phase::Retracing(..) | Phase::New | Phase::Dead => None,
        }
    }

    fn close(&mut self) {
        self.state = Phase::Dead;
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
