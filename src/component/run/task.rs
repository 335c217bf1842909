//! Tasks: calls of component functions that are under way, and what each of them owns.
//!
//! CanonicalABI.md, "Task State". A task begins when a lifted function is called, by the
//! host or by another component, and also for instantiation, for a destructor and for a
//! function of the host that a component exports as it is. What other engines keep on the
//! native stack is its list of [`Frame`]s, of which only the last one runs. While the task
//! runs, the machine holds its frames and the store its context; they are put back when
//! another task runs.

use wasmi::{Func, ResumableCallHostTrap, ResumableCallOutOfFuel, Val};

use super::{
    handles::{Lends, TaskId},
    request::{Arguments, CallSite, Suspended},
};
use crate::{
    account::Charge,
    command::Reply,
    component::{
        abi::{lift::Lift, lower::Lower},
        link::host::{Answer, Continuation},
    },
};

/// Who has called, and waits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caller {
    Host,
    /// Another task, with a synchronous call.
    Sync(TaskId, CallSite),
    /// Another task, by dropping a handle: there is no result.
    Drop(TaskId),
}

/// A call of a component function.
#[derive(Debug)]
pub(crate) struct Task {
    pub caller: Caller,
    /// Handles of the caller, lent for the time of the call.
    pub lends: Lends,
    /// The instances that have been entered for it.
    pub entered: Vec<u32>,
    /// Borrowed handles that were lowered into the call and have not been dropped.
    pub num_borrows: u32,
    /// Frames of the tasks that wait for it, one for another.
    pub below: usize,
    /// Its frames, while it does not run.
    pub frames: Vec<Frame>,
    /// The slots of `context.get` and `context.set`, while it does not run.
    pub context: [u64; 2],
}

impl Task {
    pub fn new(caller: Caller, lends: Lends, entered: Vec<u32>) -> Task {
        Task {
            caller,
            lends,
            entered,
            num_borrows: 0,
            below: 0,
            frames: Vec::new(),
            context: [0; 2],
        }
    }
}

/// The tasks of a process.
#[derive(Debug)]
pub(crate) struct Tasks {
    all: slab::Slab<Task>,
    /// The one that runs, or did when the slice was used up.
    running: Option<TaskId>,
}

impl Tasks {
    pub fn new() -> Tasks {
        // Most processes never have more than one at a time.
        Tasks { all: slab::Slab::with_capacity(1), running: None }
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn add(&mut self, task: Task) -> TaskId {
        // Each has a frame that counts against `MAX_FRAMES`, or waits in a list.
        TaskId(self.all.insert(task) as u32)
    }

    pub fn get(&mut self, id: TaskId) -> Option<&mut Task> {
        self.all.get_mut(id.0 as usize)
    }

    pub fn remove(&mut self, id: TaskId) -> Option<Task> {
        self.all.try_remove(id.0 as usize)
    }

    pub fn running(&self) -> Option<TaskId> {
        self.running
    }

    pub fn set_running(&mut self, id: Option<TaskId>) {
        self.running = id;
    }
}

/// A frame: one of the things that are suspended on top of each other within a task.
#[derive(Debug)]
pub(crate) enum Frame {
    /// Instantiation, before the given operation.
    Init(usize),
    Core(Box<Core>),
    /// The arguments of a call are lifted.
    Lift(Box<Arguments>),
    Call(Box<Call>),
    Host(Box<HostCall>),
    /// A `realloc` for what is lowered by the frame below.
    Realloc(Box<Suspended>),
    /// A destructor runs.
    Drop,
}

/// A core function that is being called.
#[derive(Debug)]
pub(crate) struct Core {
    pub state: CoreState,
    pub results: usize,
    /// The top of the trace stack before the call.
    pub top: Val,
    /// For its wasm stack, if it is one of many.
    pub _charge: Charge,
}

#[derive(Debug)]
pub(crate) enum CoreState {
    Ready(Func, Vec<Val>),
    OutOfFuel(ResumableCallOutOfFuel),
    /// Waits for the results of the host function that it has called.
    Host(ResumableCallHostTrap),
    /// The host function has answered.
    Resume(ResumableCallHostTrap, Vec<Val>),
    /// The function itself is a host function, so that there is nothing to resume.
    Direct(Func),
    Taken,
}

/// A call of a function that a component lifted, from the side of the callee.
#[derive(Debug)]
pub(crate) struct Call {
    pub lifted: u32,
    pub phase: Phase,
    /// The values that the core function returned, for the post-return function.
    pub results: Vec<Val>,
    /// For the values that are under way, and for what notes the handles lent.
    pub charge: Charge,
}

pub(crate) enum Phase {
    /// The arguments are lowered into the callee.
    Lower(Lower),
    /// The core function runs.
    Run,
    /// The result is lifted.
    Lift(Box<Lift>),
    /// The result is lowered into the caller.
    Return(Lower),
    /// The post-return function runs; then these core values are the result.
    PostReturn(Vec<u64>),
}

impl std::fmt::Debug for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Phase::Lower(_) => "Lower",
            Phase::Run => "Run",
            Phase::Lift(_) => "Lift",
            Phase::Return(_) => "Return",
            Phase::PostReturn(_) => "PostReturn",
        })
    }
}

/// A call of a host function that could not be answered at once, in the task that has
/// called it.
pub(crate) struct HostCall {
    /// Where the result goes; nowhere in the guest if the host has called.
    pub site: Option<CallSite>,
    pub lends: Lends,
    /// The memory of its caller, as far as the function sees it.
    pub memory: Option<wasmi::Memory>,
    /// For its arguments, which may be in what is asked for.
    pub charge: Charge,
    pub phase: HostPhase,
}

pub(crate) enum HostPhase {
    Answer(Answer),
    /// The task waits for the reply to a command.
    Wait(Option<Continuation>),
    Reply(Option<Continuation>, Reply),
    Return(Box<Lower>),
    Taken,
}

impl std::fmt::Debug for HostCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostCall").field("site", &self.site).finish_non_exhaustive()
    }
}
