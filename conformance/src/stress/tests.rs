use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{hostile, round};

/// Both look at what this whole program has: its threads, its memory.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn the_books_are_balanced() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    round(Duration::from_secs(2), 7).unwrap();
}

#[test]
fn nobody_makes_the_host_hold_more_than_is_on_the_accounts() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    println!("{}", hostile::run(Duration::from_secs(5), 7).unwrap());
}

/// The same processes in a simulation: each seed is another order, with faults, and the same
/// each time.
#[test]
fn the_books_are_balanced_in_a_simulation() {
    let stress = super::simulated::Stress::new().unwrap();
    for seed in 0..6 {
        let run = stress.run(seed).unwrap();
        assert_eq!(run.failure(), None, "{seed}");
        assert!(run.steps > 100, "{seed}: {} steps", run.steps);
        assert_eq!(stress.run(seed).unwrap().hash, run.hash, "{seed}");
    }
}
