//! Taking a lock, whatever happened while others had it.
//!
//! The standard library's locks are poisoned when a thread panics that holds one. Here
//! nothing panics while it holds a lock: guests run, and code of others is called, with
//! none held. A lock that is poisoned all the same keeps values that are whole, so it
//! is taken as any other; otherwise one process that panics would end all of them.

use std::sync::{LockResult, Mutex, MutexGuard, PoisonError};

/// The guard of `mutex`, once no other thread has it.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    held(mutex.lock())
}

/// The guard in the answer of a lock or of a condition variable, poisoned or not.
pub(crate) fn held<G>(result: LockResult<G>) -> G {
    result.unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn a_lock_that_a_panic_has_poisoned_is_taken() {
        let mutex = Mutex::new(1);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _guard = mutex.lock().unwrap();
            panic!("while it is held");
        }));
        assert!(panicked.is_err() && mutex.is_poisoned());
        *lock(&mutex) += 1;
        assert_eq!(*lock(&mutex), 2);
    }
}
