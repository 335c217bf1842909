//! Instantiation, one operation of the plan after the other.

use std::collections::{HashMap, hash_map::Entry};

use wasmi::AsContextMut;

use super::Machine;
use crate::{
    account::Exceeded,
    component::{
        backtrace::{instrument::TRACE, trace::STACK, watch::COUNT},
        engine::BYTES_PER_FUEL,
        error::{Trap, TrapKind},
        link::plan::{CoreRef, Op},
        run::{
            builtins,
            state::{StoreData, charge},
            task::Frame,
        },
    },
};

/// Fuel for making one core instance, besides what its imports and segments cost,
/// as bytes that could be copied for it.
const INSTANTIATE_FUEL_BYTES: u64 = 1024 * BYTES_PER_FUEL;

const TOO_LARGE: &str = "the memory that the component starts with is beyond `limits.max_memory`";

impl Machine {
    /// Does one operation of instantiation.
    pub(super) fn init(&mut self, index: usize) -> Result<(), Trap> {
        let plan = self.plan.clone();
        let Some(op) = plan.ops.get(index) else {
            self.frames.pop();
            self.made = HashMap::new();
            self.finish_task()?;
            return Ok(());
        };
        if let Some(Frame::Init(next)) = self.frames.last_mut() {
            *next = index + 1;
        }
        match op {
            Op::Instantiate { module, imports } => {
                let mut externs: Vec<wasmi::Extern> = Vec::with_capacity(imports.len());
                for import in imports {
                    externs.push(self.resolve(import)?);
                }
                if let Some(top) = self.store.data().top() {
                    // The interpreter lists imports by their sorts.
                    for (place, (from, name)) in module.imports.iter().enumerate() {
                        if **from == *TRACE {
                            let StoreData { trace, watch, .. } = self.store.data();
                            let item = match (&**name, trace, watch) {
                                (STACK, Some(trace), _) => trace.stack.into(),
                                (COUNT, _, Some(watch)) => watch.count.into(),
                                _ => top.into(),
                            };
                            externs.insert(place.min(externs.len()), item);
                        }
                    }
                }
                // What it begins with growing will be there, or nothing is made.
                self.store.data().limiter.fits(module.first).map_err(too_large)?;
                self.store.data_mut().limiter.set_making(true);
                let instance = wasmi::Instance::new(&mut self.store, &module.module, &externs);
                self.store.data_mut().limiter.set_making(false);
                let instance =
                    instance.map_err(|error| match self.store.data().limiter.refused() {
                        Some(exceeded) if exceeded.is_of_host() => exceeded.into(),
                        _ => instantiation(error),
                    })?;
                self.store.data_mut().cores.push(instance);
                let work = BYTES_PER_FUEL
                    .saturating_mul(imports.len() as u64)
                    .saturating_add(module.segments)
                    .saturating_add(INSTANTIATE_FUEL_BYTES);
                charge(self.store.as_context_mut(), work);
                if let Some(name) = &module.start {
                    let func = instance.get_func(&self.store, name);
                    let func = func.ok_or_else(|| Trap::internal("no start function"))?;
                    self.push_core(func, Vec::new(), 0)?;
                }
            }
            Op::Memory(memory) => {
                charge(self.store.as_context_mut(), BYTES_PER_FUEL);
                let memory = self.resolve(memory)?.into_memory();
                let memory = memory.ok_or_else(|| Trap::internal("not a memory"))?;
                self.store.data_mut().memories.push(memory);
            }
            Op::Func(func) => {
                charge(self.store.as_context_mut(), BYTES_PER_FUEL);
                let func = self.resolve(func)?.into_func();
                let func = func.ok_or_else(|| Trap::internal("not a function"))?;
                self.store.data_mut().funcs.push(func);
            }
        }
        Ok(())
    }

    pub(super) fn resolve(&mut self, item: &CoreRef) -> Result<wasmi::Extern, Trap> {
        match item {
            CoreRef::Trampoline(index) => Ok(match self.made.entry(*index) {
                Entry::Occupied(made) => *made.get(),
                Entry::Vacant(place) => *place.insert(builtins::func(&mut self.store, *index)?),
            }
            .into()),
            CoreRef::Export { instance, name } => {
                let instance = self.store.data().cores.get(*instance as usize);
                instance
                    .and_then(|instance| instance.get_export(&self.store, name))
                    .ok_or_else(|| Trap::internal("no such core export"))
            }
        }
    }
}

fn too_large(exceeded: Exceeded) -> Trap {
    match exceeded.is_of_host() {
        true => exceeded.into(),
        false => Trap::new(TrapKind::Limit, TOO_LARGE),
    }
}

/// The trap of an instantiation that fails.
fn instantiation(error: wasmi::Error) -> Trap {
    use wasmi::errors::{ErrorKind, InstantiationError, MemoryError, TableError};
    match error.kind() {
        ErrorKind::Instantiation(InstantiationError::FailedToInstantiateMemory(
            MemoryError::ResourceLimiterDeniedAllocation,
        ))
        | ErrorKind::Instantiation(InstantiationError::FailedToInstantiateTable(
            TableError::ResourceLimiterDeniedAllocation,
        )) => Trap::new(TrapKind::Limit, TOO_LARGE),
        ErrorKind::Instantiation(InstantiationError::ElementSegmentDoesNotFit { .. }) => {
            Trap::new(TrapKind::Core, "out of bounds table access: an element segment does not fit")
        }
        ErrorKind::Memory(_) => {
            Trap::new(TrapKind::Core, "out of bounds memory access: a data segment does not fit")
        }
        _ => Trap::new(TrapKind::Invalid, error.to_string()),
    }
}
