//! The wasm process: a component, called with bounded steps.

use std::{fmt, mem};

use super::{Error, Event, Fuel, Kind, Process, Status, StepOutput};
use crate::{
    component::{DEFAULT_MEMORY, HostState, Machine, Pause, Program, Trap, TrapKind},
    dispatch::Tag,
    value::{Type, Value, check},
};

/// The limits of one process. The limit of its stack is given when the
/// component is loaded, see
/// [`Component::with_stack`](crate::component::Component::with_stack); that of
/// its time is kept by who steps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory and tables, together. Growth beyond fails inside
    /// the guest.
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
    program: Program,
    limits: Limits,
    state: State,
    method: String,
    /// Fuel used since the start.
    used: u64,
    /// Fuel that past steps have used beyond what they were given.
    debt: u64,
    /// What going on takes at least.
    required: u64,
}

enum State {
    New,
    /// Alive; a call is under way or has ended well.
    Live(Box<Machine>),
    Dead,
}

impl WasmProcess {
    /// A process that will run `program`. Nothing is allocated for it before it
    /// is started.
    pub fn new(program: &Program, limits: Limits) -> WasmProcess {
        WasmProcess {
            program: program.clone(),
            limits,
            state: State::New,
            method: String::new(),
            used: 0,
            debt: 0,
            required: 0,
        }
    }

    /// Fuel used since the start. It does not depend on how the steps were cut.
    pub fn fuel_used(&self) -> u64 {
        self.used
    }

    /// Bytes of linear memory and tables that the guest has at present.
    pub fn memory_used(&self) -> u64 {
        match &self.state {
            State::Live(machine) => machine.memory_used(),
            _ => 0,
        }
    }

    /// What host functions keep for this process; `None` before
    /// [`init`](Process::init) and after the end.
    pub fn host_state(&mut self) -> Option<&mut HostState> {
        match &mut self.state {
            State::Live(machine) => Some(machine.host_state()),
            _ => None,
        }
    }

    fn fail(&mut self, out: &mut StepOutput, error: Error) {
        self.state = State::Dead;
        out.yields.clear();
        out.status = Status::Done(Err(error));
    }

    fn trap(&mut self, out: &mut StepOutput, trap: &Trap) {
        let error = Error::trap(trap, &self.method);
        self.fail(out, error);
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

    fn complete(&mut self, completion: crate::dispatch::Completion) {
        let State::Live(machine) = &mut self.state else { return };
        let Tag(tag) = completion.tag;
        if !machine.complete(completion.tag, completion.reply) {
            tracing::debug!(tag, "a completion that nothing waits for");
        }
    }
}

impl Process for WasmProcess {
    fn init(&mut self, method: &str, input: Vec<Value>) -> Result<(), Error> {
        let function =
            self.program.function(method).map_err(|why| Error::new(Kind::NotFound, why))?;
        let params = &function.ty().params;
        if params.len() != input.len() {
            return Err(Error::new(
                Kind::Invalid,
                format!("{function:?} takes {} arguments, not {}", params.len(), input.len()),
            ));
        }
        for (param, value) in params.iter().zip(&input) {
            check(&Type::new(function.types().clone(), param.ty), value).map_err(|mismatch| {
                Error::new(Kind::Invalid, format!("argument `{}`: {mismatch}", param.name))
            })?;
        }
        let invalid = |trap: Trap| Error::trap(&trap, method);
        self.method = function.full_name();
        match &mut self.state {
            State::Dead => Err(Error::new(Kind::Unavailable, "the process has ended")),
            State::Live(machine) if machine.busy() => {
                Err(Error::new(Kind::Conflict, "the process is in the middle of a call"))
            }
            State::Live(machine) => machine.call(function.index(), input).map_err(invalid),
            State::New => {
                let mut machine = self.program.machine(self.limits.max_memory);
                machine.call_when_ready(function.index(), input);
                self.state = State::Live(Box::new(machine));
                Ok(())
            }
        }
    }

    fn step(&mut self, events: &mut Vec<Event>, fuel: Fuel, out: &mut StepOutput) {
        out.yields.clear();
        out.fuel_used = 0;
        for event in events.drain(..) {
            match event {
                Event::Completion(completion) => self.complete(completion),
                Event::Cancel { reason } => return self.fail(out, Error::cancelled(&reason)),
                Event::Timeout { limit } => return self.fail(out, Error::timeout(limit)),
            }
        }
        let slice = fuel.0.min(self.program.max_slice());
        // A debt is paid with whole slices in which nothing runs.
        let budget = slice.saturating_sub(self.debt);
        self.debt = self.debt.saturating_sub(slice);
        if budget == 0 {
            out.status = Status::Continue;
            return;
        }
        let grant = match self.grant(budget) {
            Ok(grant) => grant,
            Err(trap) => return self.trap(out, &trap),
        };
        let State::Live(machine) = &mut self.state else {
            return self.fail(out, Error::new(Kind::Unavailable, "the process is not running"));
        };
        machine.set_fuel(grant);
        let pause = machine.run();
        let (left, host_work) = machine.take_fuel();
        let used = (grant - left.min(grant)).saturating_add(host_work);
        mem::swap(&mut out.yields, &mut machine.yields);
        self.used = self.used.saturating_add(used);
        self.debt = used.saturating_sub(budget);
        self.required = 0;
        out.fuel_used = used;
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

    fn close(&mut self) {
        self.state = State::Dead;
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
