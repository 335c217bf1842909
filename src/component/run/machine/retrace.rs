//! The second run of a process that has trapped.

use std::sync::Arc;

use wasmi::Val;

use super::Machine;
use crate::component::{
    backtrace::trace::{STACK_BYTES, Traced, TracedPlan, names, stack_type, traced},
    run::state::SecondRun,
};

/// A second run, to find where the first one trapped.
#[derive(Debug)]
pub(crate) struct BacktraceRun {
    pub machine: Machine,
    modules: Arc<[Traced]>,
}

impl Machine {
    /// A machine that runs what this one ran, up to its trap, and leaves a
    /// trace. `None` if that cannot be done.
    pub fn again(&mut self) -> Option<BacktraceRun> {
        let recording = std::mem::take(&mut self.store.data_mut().recording);
        let answers = recording.into_answers()?.into_iter();
        let traced = self.plan.traced.get_or_init(|| traced(&self.plan).ok());
        let TracedPlan { plan, modules } = traced.clone()?;
        let account = self.store.data().limiter.account().again(STACK_BYTES);
        let mut machine = Machine::new(plan, account);
        machine.store.data_mut().guard = self.guard().clone();
        machine.store.data_mut().limiter.set_making(true);
        let stack = wasmi::Memory::new(&mut machine.store, stack_type()).ok()?;
        machine.store.data_mut().limiter.set_making(false);
        let zero = Val::I32(0);
        let top = wasmi::Global::new(&mut machine.store, zero, wasmi::Mutability::Var);
        machine.store.data_mut().trace = Some(SecondRun { stack, top, answers });
        Some(BacktraceRun { machine, modules })
    }
}

impl BacktraceRun {
    /// The names of the functions on the stack, the innermost first, at most
    /// `limit` of them, and how many there are.
    pub fn frames(&self, limit: usize) -> (Vec<String>, usize) {
        let store = &self.machine.store;
        let Some(trace) = &store.data().trace else { return (Vec::new(), 0) };
        let Val::I32(top) = trace.top.get(store) else { return (Vec::new(), 0) };
        let bytes = trace.stack.data(store).get(..top as u32 as usize).unwrap_or_default();
        let numbers: Vec<u32> = bytes
            .chunks_exact(4)
            .rev()
            .take(limit)
            .filter_map(|entry| Some(u32::from_le_bytes(entry.try_into().ok()?)))
            .collect();
        (names(&self.modules, &numbers), bytes.len() / 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        account::Account,
        component::{Component, Engine, Linker},
    };

    #[test]
    fn a_component_is_changed_once_however_many_of_its_processes_trap() {
        let wasm = wat::parse_str("(component (core module $m) (core instance (instantiate $m)))");
        let component = Component::new(&Engine::default(), wasm.unwrap()).unwrap();
        let program = component.link(&Linker::default()).unwrap();
        let again = || program.machine(Account::new(1 << 20)).again().unwrap().modules;
        assert!(Arc::ptr_eq(&again(), &again()));
    }
}
