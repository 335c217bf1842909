//! Where a process is that is watched, see `backtrace::watch`.

use wasmi::Val;

use super::Machine;
use crate::component::{
    backtrace::watch::{NOTE, NOTES, Note},
    run::state::Watch,
};

impl Machine {
    /// Watches the process, whose plan is changed for it, with so many bytes for the notes
    /// of a module. Before its first step.
    pub fn watch(&mut self, memory: usize) {
        let mutable = wasmi::Mutability::Var;
        let top = wasmi::Global::new(&mut self.store, Val::I32(0), mutable);
        let count = wasmi::Global::new(&mut self.store, Val::I64(0), mutable);
        let state = self.store.data_mut();
        state.watch = Some(Watch { top, count });
        state.limiter.set_free(memory);
    }

    /// What the functions have noted that the process is in, the innermost first, at most
    /// `limit` of them, and how many there are. Nothing if it is not watched.
    pub fn notes(&self, limit: usize) -> Option<(Vec<Note>, usize)> {
        let watch = self.store.data().watch.as_ref()?;
        let Val::I32(top) = watch.top.get(&self.store) else { return None };
        let mut memories = Vec::new();
        for instance in &self.store.data().cores {
            if let Some(memory) = instance.get_memory(&self.store, NOTES) {
                memories.push(memory.data(&self.store));
            }
        }
        let depth = (top.cast_unsigned() / NOTE) as usize;
        let mut notes = Vec::new();
        for place in (0..depth).rev().take(limit) {
            let start = place.saturating_mul(NOTE as usize);
            // Of all modules, the one that was the last to write here.
            let newest = memories.iter().filter_map(|memory| {
                let (note, _) = memory.get(start..)?.split_first_chunk::<16>()?;
                let note = u128::from_le_bytes(*note);
                Some(((note >> 64) as u64, note as u64))
            });
            let (_, note) = newest.max_by_key(|(count, _)| *count)?;
            notes.push((note as u32, (note >> 32) as u32));
        }
        Some((notes, depth))
    }
}
