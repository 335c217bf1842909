//! The state of one process: all that it owns besides its core instances.

use std::sync::Arc;

use super::{
    handles::{Entry, Lends, ResourceHandle, Table, TaskId},
    limits::Limiter,
    request::{Narrow, Request},
    task::Tasks,
};
use crate::{
    account::{Account, Charge, MAX_PLACES},
    component::{
        abi::Handles,
        backtrace::recording::{Recorded, Recording},
        engine::BYTES_PER_FUEL,
        error::{Trap, TrapKind},
        link::{
            host::HostState,
            plan::{CanonOptions, HOST, Plan, ResourceDef},
        },
        run::guard::Guard,
    },
    value::ResourceId,
};

/// The plan, which all processes of a program share, behind a counter of the
/// process's own: it is cloned at every call, and threads that count on the same
/// place wait for each other.
pub(crate) type OwnPlan = Arc<Arc<Plan>>;

/// The data of a process's wasmi store.
#[derive(Debug)]
pub(crate) struct StoreData {
    pub plan: OwnPlan,
    pub instances: Vec<Instance>,
    /// Handles in all tables.
    handles: u64,
    /// Places that the account has given for them: some more.
    places: u64,
    /// The charge for the tables.
    tables: Charge,
    /// The handles that the host holds of resources that components define.
    pub host_handles: Table,
    pub cores: Vec<wasmi::Instance>,
    pub memories: Vec<wasmi::Memory>,
    pub funcs: Vec<wasmi::Func>,
    /// Those of them that have been called as a `realloc`, by their index.
    pub reallocs: Vec<(u32, Narrow)>,
    pub tasks: Tasks,
    /// Why a host function has suspended the guest.
    pub request: Option<Request>,
    pub host: HostState,
    pub limiter: Limiter,
    pub guard: Arc<Guard>,
    /// Fuel for host work beyond what was left of the slice.
    pub debt: u64,
    /// Fuel of the slice that calls of the host have taken the time of, see [`spend_time`].
    pub time: u64,
    /// The slots of `context.get` and `context.set` of the task that runs.
    pub context: [u64; 2],
    pub recording: Recording,
    /// This is a second run, to find where the first one trapped.
    pub trace: Option<SecondRun>,
    /// The process is watched.
    pub watch: Option<Watch>,
}

/// The parts of a process that is watched, see `backtrace::watch`.
#[derive(Debug)]
pub(crate) struct Watch {
    /// The address above the last note.
    pub top: wasmi::Global,
    /// How many notes there were.
    pub count: wasmi::Global,
}

/// The parts of a second run.
#[derive(Debug)]
pub(crate) struct SecondRun {
    /// The trace stack.
    pub stack: wasmi::Memory,
    /// The address above its last entry.
    pub top: wasmi::Global,
    /// The host's answers in the first run.
    pub answers: std::vec::IntoIter<Recorded>,
}

/// A component instance.
#[derive(Debug)]
pub(crate) struct Instance {
    pub may_enter: bool,
    pub may_leave: bool,
    /// Calls of `backpressure.inc` without a `backpressure.dec`. It holds back
    /// asynchronous calls only, of which there are none, so it is just counted.
    pub backpressure: u16,
    pub handles: Table,
}

/// Places that are asked for at a time.
const MORE_PLACES: u64 = 32;

/// Bytes of a place in a table, which keeps it: the handle and its number among the
/// free ones, both with the room that lists keep to grow.
const PLACE: u64 = 2 * (size_of::<Option<Entry>>() + size_of::<u32>()) as u64;

impl StoreData {
    pub fn new(plan: OwnPlan, host: HostState, guard: Arc<Guard>) -> StoreData {
        let limiter = Limiter::new(host.account.clone());
        let instance = |_| Instance {
            may_enter: true,
            may_leave: true,
            backpressure: 0,
            handles: Table::default(),
        };
        StoreData {
            instances: plan.parents.iter().map(instance).collect(),
            plan,
            handles: 0,
            places: 0,
            tables: limiter.account().open(),
            host_handles: Table::default(),
            cores: Vec::new(),
            memories: Vec::new(),
            funcs: Vec::new(),
            reallocs: Vec::new(),
            tasks: Tasks::new(),
            request: None,
            host,
            limiter,
            guard,
            debt: 0,
            time: 0,
            context: [0; 2],
            recording: Recording::default(),
            trace: None,
            watch: None,
        }
    }

    /// The address above what the functions that run have noted, if they do.
    pub fn top(&self) -> Option<wasmi::Global> {
        let trace = self.trace.as_ref().map(|trace| trace.top);
        trace.or(self.watch.as_ref().map(|watch| watch.top))
    }

    pub fn instance(&mut self, index: u32) -> Result<&mut Instance, Trap> {
        self.instances.get_mut(index as usize).ok_or_else(|| Trap::internal("unknown instance"))
    }

    /// Adds a handle to the table of an instance, or of the host; its index.
    pub fn add_handle(
        &mut self,
        instance: u32,
        ty: ResourceId,
        rep: u32,
        scope: Option<TaskId>,
    ) -> Result<u32, Trap> {
        if self.handles >= self.places {
            let account = self.limiter.account();
            let more = [MORE_PLACES, 1].into_iter().find(|n| account.take_places(*n).is_ok());
            let more = more.ok_or_else(|| {
                Trap::new(TrapKind::Limit, format!("more than {MAX_PLACES} handles"))
            })?;
            self.places = self.places.saturating_add(more);
        }
        let handle = ResourceHandle { ty, rep, scope, lends: 0 };
        if !self.table(instance)?.has_free() {
            self.tables.add(PLACE)?;
        }
        self.handles = self.handles.saturating_add(1);
        Ok(self.table(instance)?.add(Entry::Resource(handle)))
    }

    /// Counts a handle less.
    pub fn removed_handle(&mut self) {
        self.handles = self.handles.saturating_sub(1);
    }

    fn table(&mut self, instance: u32) -> Result<&mut Table, Trap> {
        match instance {
            HOST => Ok(&mut self.host_handles),
            other => Ok(&mut self.instance(other)?.handles),
        }
    }

    /// Traps while the instance runs `realloc` or a post-return function.
    pub fn check_leave(&mut self, instance: u32) -> Result<(), Trap> {
        if self.instance(instance)?.may_leave {
            return Ok(());
        }
        Err(Trap::canonical("cannot leave component instance"))
    }

    /// Traps if a call from `caller` to `callee` would enter an instance again.
    pub fn check_enter(&mut self, plan: &Plan, caller: u32, callee: u32) -> Result<(), Trap> {
        for index in plan.entering(caller, callee) {
            if !self.instance(index)?.may_enter {
                return Err(Trap::canonical("cannot enter component instance"));
            }
        }
        Ok(())
    }

    pub fn unlend(&mut self, lends: Lends) {
        for (instance, index) in lends {
            if let Ok(table) = self.table(instance) {
                table.unlend(index);
            }
        }
    }
}

/// Takes the fuel for host work on `bytes` bytes: what the slice still has, and
/// the rest as debt.
pub(crate) fn charge(mut store: impl wasmi::AsContextMut<Data = StoreData>, bytes: u64) {
    let mut context = store.as_context_mut();
    let cost = bytes / BYTES_PER_FUEL;
    if cost == 0 {
        return;
    }
    // Fuel metering is always on, so neither call fails.
    let have = context.get_fuel().unwrap_or(0);
    let paid = cost.min(have);
    if context.set_fuel(have - paid).is_ok() {
        let state = context.data_mut();
        state.debt = state.debt.saturating_add(cost - paid);
    }
}

/// Shortens the slice by the fuel that would take as long as a call of the host does. It
/// is not used: what a process burns does not depend on how quick the host is, but others
/// wait for it all the same, and thousands of calls cost little fuel.
pub(crate) fn spend_time(mut store: impl wasmi::AsContextMut<Data = StoreData>, fuel: u64) {
    let mut context = store.as_context_mut();
    let have = context.get_fuel().unwrap_or(0);
    let spent = fuel.min(have);
    if context.set_fuel(have - spent).is_ok() {
        let state = context.data_mut();
        state.time = state.time.saturating_add(spent);
    }
}

/// A store, or a host function's view of it.
pub(crate) trait Context: wasmi::AsContextMut<Data = StoreData> {
    fn state(&mut self) -> &mut StoreData;
}

impl Context for wasmi::Store<StoreData> {
    fn state(&mut self) -> &mut StoreData {
        self.data_mut()
    }
}

impl Context for wasmi::Caller<'_, StoreData> {
    fn state(&mut self) -> &mut StoreData {
        self.data_mut()
    }
}

/// The memory that some options name, and the state beside it.
pub(crate) fn memory_and_state<'a, C: Context>(
    context: &'a mut C,
    options: &CanonOptions,
) -> (&'a mut [u8], &'a mut StoreData) {
    let state = context.state();
    let memory = options.memory.and_then(|index| state.memories.get(index as usize).copied());
    match memory {
        Some(memory) => memory.data_and_store_mut(context.as_context_mut()),
        None => (&mut [], context.state()),
    }
}

/// The handles of one instance during one call.
pub(crate) struct GuestHandles<'a> {
    pub state: &'a mut StoreData,
    pub instance: u32,
    /// Values come from, or go to, the host.
    pub host: bool,
    pub lends: &'a mut Lends,
}

impl GuestHandles<'_> {
    fn guest_defined(&self, ty: ResourceId) -> Result<Option<u32>, Trap> {
        match self.state.plan.resources.get(ty.0 as usize) {
            Some(ResourceDef::Guest { instance, .. }) => Ok(Some(*instance)),
            Some(_) => Ok(None),
            None => Err(Trap::internal("unknown resource type")),
        }
    }
}

impl Handles for GuestHandles<'_> {
    fn account(&self) -> &Account {
        self.state.limiter.account()
    }

    fn lift_own(&mut self, ty: ResourceId, index: u32) -> Result<u32, Trap> {
        let rep = self.state.table(self.instance)?.remove_own(index, ty)?;
        self.state.removed_handle();
        if self.host && self.guest_defined(ty)?.is_some() {
            return self.state.add_handle(HOST, ty, rep, None);
        }
        Ok(rep)
    }

    fn lift_borrow(&mut self, ty: ResourceId, index: u32) -> Result<u32, Trap> {
        let handle = self.state.table(self.instance)?.resource(index, ty)?;
        handle.lends = handle.lends.saturating_add(1);
        let rep = handle.rep;
        self.lends.push((self.instance, index));
        Ok(rep)
    }

    fn lower_own(&mut self, ty: ResourceId, rep: u32) -> Result<u32, Trap> {
        let rep = match self.host && self.guest_defined(ty)?.is_some() {
            true => {
                let rep = self.state.host_handles.remove_own(rep, ty)?;
                self.state.removed_handle();
                rep
            }
            false => rep,
        };
        self.state.add_handle(self.instance, ty, rep, None)
    }

    fn lower_borrow(&mut self, ty: ResourceId, rep: u32) -> Result<u32, Trap> {
        let defined = self.guest_defined(ty)?;
        let rep = match self.host && defined.is_some() {
            true => self.state.host_handles.resource(rep, ty)?.rep,
            false => rep,
        };
        // An instance knows its own resources by their representation.
        if defined == Some(self.instance) {
            return Ok(rep);
        }
        let scope = self.state.tasks.running();
        let scope = scope.ok_or_else(|| Trap::internal("a borrow outside of a call"))?;
        if let Some(task) = self.state.tasks.get(scope) {
            task.num_borrows = task.num_borrows.saturating_add(1);
        }
        self.state.add_handle(self.instance, ty, rep, Some(scope))
    }
}
