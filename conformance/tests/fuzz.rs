//! What is kept of random input, and some more of it, through every target.

use conformance::fuzz::{TARGETS, Until};

/// Inputs of each target: a few seconds without optimization.
const RUNS: u64 = 400;

/// The same of those that run a program, or make a directory, for each.
const FEWER: u64 = 60;

#[test]
fn no_target_breaks_its_promise() {
    for target in TARGETS {
        let seeds = target.seeds().unwrap().len() as u64;
        let runs = match target.name {
            "echo" | "shapes" | "wasi1" | "wasi2" => FEWER,
            _ => RUNS,
        };
        if let Err(broken) = target.fuzz(20, Until::Runs(seeds + runs)) {
            panic!("{}: {}\n{:?}", target.name, broken.why, broken.input);
        }
    }
}
