//! The driver: runs a component on wasmi's resumable calls, and on nothing else.
//!
//! Calls that are under way are [tasks](super::task), each with a list of [`Frame`]s: a
//! core function that is suspended, a component call in one of its phases, a host function
//! whose answer is awaited. One task runs, and of that only the last frame; when it ends,
//! its result goes to the one below. So the machine can stop between any two instructions
//! of the guest and between any two steps of the canonical ABI, and several guest calls may
//! be suspended over one store.
//!
//! Invariant: guest code is entered in `guest` and, for `realloc`, in
//! [`LiftLowerContext::finish`](super::transfer::LiftLowerContext::finish), with the fuel
//! that the store has at that time, and nowhere else.
//!
//! A task is in one place: it runs, or is in `ready`, or is named in `waits`, or is the
//! caller of a task that is in one of these. The running task changes only where it calls,
//! waits or ends, and never where the fuel does. So a `realloc` that is suspended, which
//! can do none of these, excludes all other tasks, those of its instance among them.
//!
//! | file | what |
//! | --- | --- |
//! | `schedule` | which task runs |
//! | `init` | instantiation |
//! | `call`, `host` | calls of functions of components and of the host, phase by phase |
//! | `request` | what a guest's call of an import leaves to do |
//! | `guest` | the guest's code |
//! | `retrace` | the second run |
//! | `watch` | where a process is that is watched |

mod call;
mod guest;
mod host;
mod init;
mod request;
mod retrace;
mod schedule;
#[cfg(test)]
mod tests;
mod watch;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use wasmi::Func;

pub(crate) use self::retrace::{Again, BacktraceRun};
use super::{
    guard::Guard,
    handles::{Lends, TaskId},
    host_call::call_host,
    state::{OwnPlan, StoreData},
    task::{Caller, Frame, HostCall, HostPhase},
};
use crate::{
    account::{Charge, Exceeded},
    command::{Tag, Yield},
    component::{
        backtrace::watch::NOTES,
        error::Trap,
        link::{
            host::HostState,
            plan::{HOST, Plan, Target},
        },
    },
    value::Value,
};

/// Why a machine has stopped.
#[derive(Debug)]
pub(crate) enum Pause {
    /// The fuel is used up; going on takes at least so much.
    OutOfFuel(u64),
    /// An answer is awaited.
    Blocked,
    /// A call has ended, with this result; or nothing is left to do.
    Finished(Option<Option<Value>>),
}

/// A component in execution.
#[derive(Debug)]
pub(crate) struct Machine {
    /// The tasks are in here.
    store: wasmi::Store<StoreData>,
    plan: OwnPlan,
    /// Frames of the task that runs; empty if none does.
    frames: Vec<Frame>,
    /// The empty list of a task that has ended, for the next one.
    spare: Vec<Frame>,
    /// Tasks that can go on, in the order in which they could.
    ready: VecDeque<TaskId>,
    /// Tasks that wait for the reply to a command, in the order of the tags, which only
    /// grow.
    waits: VecDeque<(Tag, TaskId)>,
    /// Commands that have been asked for and not yet been handed out.
    pub yields: Vec<Yield>,
    next_tag: u64,
    /// During instantiation: the functions that have been made of trampolines.
    made: HashMap<u32, Func>,
    /// The call to begin once the component is instantiated.
    first: Option<(usize, (Vec<Value>, Charge))>,
    outcome: Option<Option<Value>>,
}

/// The fuel of a slice, and where it went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    /// Used, with what host work has cost beyond the slice.
    pub used: u64,
    /// Left, but the slice was so much shorter for it, see [`StoreData::time`].
    pub time: u64,
}

impl Machine {
    /// A machine that will first instantiate the component.
    pub fn new(plan: Arc<Plan>, host: HostState) -> Machine {
        let plan = Arc::new(plan);
        let guard = Arc::new(Guard::new(plan.condemned.clone()));
        let state = StoreData::new(plan.clone(), host, guard);
        let mut store = wasmi::Store::new(&plan.core, state);
        store.limiter(|state| &mut state.limiter);
        let mut machine = Machine {
            store,
            plan,
            frames: Vec::new(),
            spare: Vec::new(),
            ready: VecDeque::new(),
            waits: VecDeque::new(),
            yields: Vec::new(),
            next_tag: 0,
            made: HashMap::new(),
            first: None,
            outcome: None,
        };
        machine.start_top(Frame::Init(0));
        machine
    }

    /// Tells when the machine is in code that cannot unwind.
    pub fn guard(&self) -> &Arc<Guard> {
        &self.store.data().guard
    }

    /// The state that host functions keep for this process.
    pub fn host_state(&mut self) -> &mut HostState {
        &mut self.store.data_mut().host
    }

    /// Bytes of linear memory and tables.
    pub fn memory_used(&self) -> u64 {
        self.store.data().limiter.used()
    }

    /// Hands each linear memory that a core module exports to `f`, once.
    pub fn each_memory(&mut self, f: &mut dyn FnMut(&mut [u8])) {
        let mut memories = Vec::new();
        let watched = self.store.data().watch.is_some();
        for instance in &self.store.data().cores {
            let exports = instance.exports(&self.store);
            let exports = exports.filter(|export| !watched || export.name() != NOTES);
            memories.extend(exports.filter_map(wasmi::Export::into_memory));
        }
        let mut seen = Vec::new();
        for memory in memories {
            let address = memory.data_ptr(&self.store);
            if !seen.contains(&address) {
                seen.push(address);
                f(memory.data_mut(&mut self.store));
            }
        }
    }

    /// Hands out memories, and what can be seen of globals and tables.
    pub fn state(&mut self, to: &mut dyn FnMut(&[u8])) {
        self.each_memory(&mut |memory| {
            to(&(memory.len() as u64).to_le_bytes());
            to(memory);
        });
        for instance in &self.store.data().cores {
            for export in instance.exports(&self.store) {
                match export.into_extern() {
                    wasmi::Extern::Global(global) => match global.get(&self.store) {
                        wasmi::Val::I32(value) => to(&value.to_le_bytes()),
                        wasmi::Val::I64(value) => to(&value.to_le_bytes()),
                        wasmi::Val::F32(value) => to(&value.to_bits().to_le_bytes()),
                        wasmi::Val::F64(value) => to(&value.to_bits().to_le_bytes()),
                        wasmi::Val::V128(value) => to(&value.as_u128().to_le_bytes()),
                        // Of a reference, no more than whether there is one.
                        wasmi::Val::FuncRef(value) => to(&[u8::from(value.is_null())]),
                        wasmi::Val::ExternRef(value) => to(&[u8::from(value.is_null())]),
                    },
                    wasmi::Extern::Table(table) => self.table_state(table, to),
                    wasmi::Extern::Memory(_) | wasmi::Extern::Func(_) => {}
                }
            }
        }
        let data = self.store.data();
        data.host_handles.state(to);
        data.instances.iter().for_each(|instance| instance.handles.state(to));
    }

    /// Hands out the length of a table, and which of its places have something.
    fn table_state(&self, table: wasmi::Table, to: &mut dyn FnMut(&[u8])) {
        let size = table.size(&self.store);
        to(&size.to_le_bytes());
        let mut places = Vec::new();
        for index in 0..size {
            places.push(match table.get(&self.store, index) {
                Some(wasmi::Ref::Func(value)) => u8::from(value.is_null()),
                Some(wasmi::Ref::Extern(value)) => u8::from(value.is_null()),
                None => 2,
            });
            if places.len() >= 4096 {
                to(&places);
                places.clear();
            }
        }
        to(&places);
    }

    /// True if a call, or instantiation, is under way.
    pub fn busy(&self) -> bool {
        !self.store.data().tasks.is_empty()
    }

    /// Sets the call that follows instantiation.
    pub fn call_when_ready(&mut self, export: usize, args: Vec<Value>) -> Result<(), Trap> {
        let charge = self.charge_for(&args)?;
        self.first = Some((export, (args, charge)));
        Ok(())
    }

    fn charge_for(&self, args: &[Value]) -> Result<Charge, Exceeded> {
        self.store.data().limiter.account().charge(Value::held_by_all(args))
    }

    /// Begins a call of an export. Other calls may wait for replies, but none may run.
    pub fn call(&mut self, export: usize, args: Vec<Value>) -> Result<(), Trap> {
        if self.store.data().tasks.running().is_some() {
            return Err(Trap::internal("a call while another one runs"));
        }
        let charge = self.charge_for(&args)?;
        self.call_export(export, (args, charge))
    }

    fn call_export(&mut self, export: usize, args: (Vec<Value>, Charge)) -> Result<(), Trap> {
        let plan = self.plan.clone();
        let export = plan.exports.get(export).ok_or_else(|| Trap::internal("unknown export"))?;
        match export.target {
            Target::Lifted(lifted) => {
                self.begin(lifted, Caller::Host, HOST, args, Lends::new())?;
            }
            Target::Host(host) => {
                let host = plan.host(host)?;
                let (args, charge) = args;
                let answer = call_host(&mut self.store, host, args, None)?;
                let (lends, phase) = (Lends::new(), HostPhase::Answer(answer));
                let call = HostCall { site: None, lends, memory: None, charge, phase };
                self.start_top(Frame::Host(Box::new(call)));
            }
        }
        Ok(())
    }

    /// Sets the fuel to run on.
    pub fn set_fuel(&mut self, fuel: u64) {
        // Fails only if metering is off, which it never is.
        let _ = self.store.set_fuel(fuel);
    }

    /// Where the fuel that it was to run on, `granted`, has gone.
    pub fn take_fuel(&mut self, granted: u64) -> Spent {
        let left = self.store.get_fuel().unwrap_or(0);
        let state = self.store.data_mut();
        let (time, debt) = (std::mem::take(&mut state.time), std::mem::take(&mut state.debt));
        let used = granted.saturating_sub(left.saturating_add(time)).saturating_add(debt);
        Spent { used, time }
    }

    /// Runs until the fuel is used up or there is nothing to do.
    pub fn run(&mut self) -> Result<Pause, Trap> {
        let pause = self.run_on();
        self.post();
        pause
    }

    fn run_on(&mut self) -> Result<Pause, Trap> {
        loop {
            self.store.data().guard.check()?;
            // Host work has used up the slice.
            if self.store.data().debt > 0 {
                return Ok(Pause::OutOfFuel(1));
            }
            let pause = match self.frames.last() {
                None => self.next()?,
                Some(Frame::Core(_)) => self.run_core()?,
                Some(Frame::Init(op)) => {
                    let op = *op;
                    self.init(op)?;
                    None
                }
                Some(Frame::Lift(_)) => {
                    self.run_lift()?;
                    None
                }
                Some(Frame::Call(_)) => {
                    self.run_call()?;
                    None
                }
                Some(Frame::Host(_)) => {
                    self.run_host()?;
                    None
                }
                Some(Frame::Realloc(_)) => self.run_realloc()?,
                Some(Frame::Drop) => return Err(Trap::internal("a destructor is lost")),
            };
            if let Some(pause) = pause {
                return Ok(pause);
            }
        }
    }

    /// Hands out the result of a call, goes on with another task or begins the first
    /// call.
    fn next(&mut self) -> Result<Option<Pause>, Trap> {
        if let Some(outcome) = self.outcome.take() {
            return Ok(Some(Pause::Finished(Some(outcome))));
        }
        if let Some(task) = self.ready.pop_front() {
            self.resume_task(task)?;
        } else if !self.waits.is_empty() {
            return Ok(Some(Pause::Blocked));
        } else if let Some((export, args)) = self.first.take() {
            self.call_export(export, args)?;
        } else {
            return Ok(Some(Pause::Finished(None)));
        }
        Ok(None)
    }
}
