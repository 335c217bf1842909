//! Code that cannot unwind.
//!
//! The interpreter's instructions are functions that a panic cannot pass: it ends
//! the whole program there. Our own code that guests call catches its panics before
//! that. For all others, which are faults of the interpreter, an outside can look,
//! before a panic begins to unwind, at the process's [`Guard`]: if the process is in
//! such code, the only way to save the rest is to never return from there.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use crate::component::{
    error::{Trap, TrapKind, panic_message},
    run::state::Context,
};

/// Says of one process whether it is in code that cannot unwind.
#[derive(Debug, Default)]
pub struct Guard {
    /// Only the thread that steps the process writes it.
    inside: AtomicBool,
    program: Arc<AtomicBool>,
}

impl Guard {
    /// A guard for a process of a program that has this mark.
    pub(crate) fn new(program: Arc<AtomicBool>) -> Guard {
        Guard { inside: AtomicBool::new(false), program }
    }

    /// A panic that begins now would end the whole program.
    pub fn cannot_unwind(&self) -> bool {
        self.inside.load(Relaxed)
    }

    /// Lets no process of the program run any more. To be called when the
    /// interpreter has failed while it translated a function: whoever calls that
    /// function after this would wait for the translation for ever.
    pub fn condemn_program(&self) {
        self.program.store(true, Relaxed);
    }

    /// Fails if [`Guard::condemn_program`] has been called.
    pub(crate) fn check(&self) -> Result<(), Trap> {
        match self.program.load(Relaxed) {
            false => Ok(()),
            true => Err(Trap::new(
                TrapKind::Engine,
                "the interpreter has failed on this program before, in another process",
            )),
        }
    }
}

/// Enters the interpreter.
pub(crate) fn enter<C: Context, R>(context: &mut C, run: impl FnOnce(&mut C) -> R) -> R {
    let before = context.state().guard.inside.swap_relaxed(true);
    let result = run(context);
    context.state().guard.inside.store(before, Relaxed);
    result
}

/// Runs code of ours that the interpreter calls. A panic becomes a trap.
pub(crate) fn leave<C: Context, R>(
    context: &mut C,
    run: impl FnOnce(&mut C) -> Result<R, Trap>,
) -> Result<R, Trap> {
    let before = context.state().guard.inside.swap_relaxed(false);
    // After a panic the process only ends.
    let result = catch_unwind(AssertUnwindSafe(|| run(context)));
    context.state().guard.inside.store(before, Relaxed);
    result.unwrap_or_else(|payload| {
        let why = format!("a function of the host has failed: {}", panic_message(&*payload));
        Err(Trap::new(TrapKind::Engine, why))
    })
}

/// There is one writer, so that nothing has to be atomic but the parts.
trait Swap {
    fn swap_relaxed(&self, value: bool) -> bool;
}

impl Swap for AtomicBool {
    fn swap_relaxed(&self, value: bool) -> bool {
        let before = self.load(Relaxed);
        self.store(value, Relaxed);
        before
    }
}
