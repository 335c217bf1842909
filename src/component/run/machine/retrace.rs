//! The second run of a process that has trapped.

use std::sync::Arc;

use wasmi::Val;

use super::Machine;
use crate::{
    account::Account,
    command::{Chore, Command, Tag},
    component::{
        backtrace::{
            functions::{Changed, Functions},
            recording::Recorded,
            trace::{STACK_BYTES, Tracing, names, stack_type},
        },
        link::host::HostState,
        run::guard::Guard,
        run::state::SecondRun,
    },
};

/// The rest of a machine that has trapped, until its plan has been changed.
#[derive(Debug)]
pub(crate) struct Again {
    tracing: Arc<Tracing>,
    guard: Arc<Guard>,
    account: Account,
    answers: Vec<Recorded>,
    tag: Tag,
}

/// A second run, to find where the first one trapped.
#[derive(Debug)]
pub(crate) struct BacktraceRun {
    pub machine: Machine,
    modules: Arc<[Functions]>,
}

impl Machine {
    /// All that it takes to run once more what this one ran, up to its trap. Asks for the
    /// plan to be changed. `None` if it cannot be done.
    pub fn again(&mut self, tracing: &Arc<Tracing>) -> Option<Again> {
        let answers = std::mem::take(&mut self.store.data_mut().recording).into_answers()?;
        let (tracing, guard) = (tracing.clone(), self.guard().clone());
        let account = self.store.data().limiter.account().again(STACK_BYTES);
        // Always, so that it makes no difference what other processes have done.
        let tag = self.ask(Command::Chore(Chore::new(tracing.clone())), Tag);
        Some(Again { tracing, guard, account, answers, tag })
    }
}

impl Again {
    /// The tag of what has been asked for.
    pub fn tag(&self) -> Tag {
        self.tag
    }

    /// A machine that leaves a trace, before its first step. `None` if there can be
    /// none.
    pub fn begin(self) -> Option<BacktraceRun> {
        let Changed { plan, modules } = self.tracing.traced()?.clone();
        let mut host = HostState::default();
        host.begin(self.account, None);
        let mut machine = Machine::new(plan, host);
        machine.store.data_mut().guard = self.guard;
        machine.store.data_mut().limiter.set_making(true);
        let stack = wasmi::Memory::new(&mut machine.store, stack_type()).ok()?;
        machine.store.data_mut().limiter.set_making(false);
        let zero = Val::I32(0);
        let top = wasmi::Global::new(&mut machine.store, zero, wasmi::Mutability::Var);
        let answers = self.answers.into_iter();
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
    use crate::component::{Component, Engine, Linker};

    #[test]
    fn a_component_is_changed_once_however_many_of_its_processes_trap() {
        let wasm = wat::parse_str("(component (core module $m) (core instance (instantiate $m)))");
        let component = Component::new(&Engine::default(), wasm.unwrap()).unwrap();
        let program = component.link(&Linker::default()).unwrap();
        let machine = || program.machine(HostState::default());
        let (mut one, mut two) = (machine(), machine());
        let (first, second) =
            (one.again(program.tracing()).unwrap(), two.again(program.tracing()).unwrap());
        assert_eq!(one.yields, two.yields);
        let Command::Chore(chore) = &one.yields[0].command else { panic!("no chore") };
        assert!(!chore.is_done());
        chore.run();
        assert!(chore.is_done());
        let (first, second) = (first.begin().unwrap(), second.begin().unwrap());
        assert!(Arc::ptr_eq(&first.modules, &second.modules));
    }
}
