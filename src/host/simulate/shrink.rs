//! Making a failing run simpler.
//!
//! A run is the plain one with some deviations. So it is run again with fewer of them,
//! and what fails in the same way is kept: first without faults, then without breaks and
//! short turns, then with turns in their order. Groups are taken out before single ones.
//! Before all that the random numbers become those of seed 0, if it fails with these.
//! Choices are told apart by how many of their sort there were before, which changes with
//! what is taken out; so at the end, when few are left, one is also taken out while
//! another is made a few choices earlier or later.

use super::{
    choices::{Choice, Deviation},
    failure::Failure,
    run::{Refused, Run, Simulation, Written},
};

/// Runs that are made at most.
const MOST_RUNS: u32 = 3_000;

/// Deviations that may be left when they are moved.
const FEW: usize = 12;

/// By how many choices one is moved at most.
const MOST_MOVED: i64 = 8;

/// Work of all these runs, in the work that one may do.
const MOST_WORK: u64 = 20;

/// A failing run with as few deviations as were found.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The seed that failed.
    pub seed: u64,
    /// The seed of the random numbers: 0 if they do not matter.
    pub numbers: u64,
    /// The deviations from the plain run.
    pub script: Vec<Deviation>,
    /// How many runs it took to find it.
    pub runs: u32,
    /// How many deviations there were.
    pub before: usize,
    /// How it fails.
    pub failure: Failure,
}

/// Makes a failing run simpler.
///
/// # Errors
///
/// If `run` has not failed, or does not fail again with the same choices: then the
/// programs depend on something that is not simulated.
pub fn shrink(simulation: &Simulation, run: &Run) -> Result<Shrunk, Refused> {
    let Err(failure) = &run.result else {
        return Err(Refused(format!("seed {} does not fail", run.seed)));
    };
    let shrunk = Shrunk {
        seed: run.seed,
        numbers: run.seed,
        script: run.deviations.clone(),
        runs: 0,
        before: run.deviations.len(),
        failure: failure.clone(),
    };
    let mut shrinking = Shrinking { simulation, shrunk, work: 0 };
    let script = run.deviations.clone();
    if !shrinking.fails(run.seed, &script)? {
        return Err(Refused(format!(
            "seed {} does not fail again with the same choices: its programs depend on something \
             that is not simulated",
            run.seed
        )));
    }
    if shrinking.fails(0, &script)? {
        shrinking.shrunk.numbers = 0;
    }
    loop {
        let before = shrinking.shrunk.script.clone();
        shrinking.without(Choice::is_fault)?;
        shrinking.without(|choice| matches!(choice, Choice::Slice | Choice::Break))?;
        shrinking.without(|choice| choice == Choice::Turn)?;
        shrinking.smaller()?;
        shrinking.moved()?;
        if shrinking.shrunk.script == before || shrinking.is_tired() {
            break;
        }
    }
    Ok(shrinking.shrunk)
}

struct Shrinking<'a> {
    simulation: &'a Simulation,
    shrunk: Shrunk,
    work: u64,
}

impl Shrinking<'_> {
    /// It has been tried for long enough.
    fn is_tired(&self) -> bool {
        let most = self.simulation.options.work.saturating_mul(MOST_WORK);
        self.shrunk.runs >= MOST_RUNS || self.work >= most
    }

    /// True if it fails in the same way with this script. Then what it took of it is kept.
    fn fails(&mut self, numbers: u64, script: &[Deviation]) -> Result<bool, Refused> {
        self.shrunk.runs = self.shrunk.runs.saturating_add(1);
        let run = self.simulation.run_script(numbers, script, Written::default())?;
        let work = run.fuel.saturating_add(run.steps.saturating_mul(1_000));
        self.work = self.work.saturating_add(work);
        let Err(failure) = run.result else { return Ok(false) };
        let alike = failure.cause.is_like(&self.shrunk.failure.cause);
        if alike {
            self.shrunk.script = run.deviations;
            self.shrunk.failure = failure;
        }
        Ok(alike)
    }

    /// Takes out what can be spared of some sorts.
    fn without(&mut self, sort: impl Fn(Choice) -> bool) -> Result<(), Refused> {
        let of = |script: &[Deviation]| script.iter().filter(|d| sort(d.choice)).count();
        let mut size = of(&self.shrunk.script);
        while size > 0 {
            let mut from = 0;
            while from < of(&self.shrunk.script) && !self.is_tired() {
                let (mut place, script) = (0_usize, self.shrunk.script.clone());
                let kept = script.into_iter().filter(|deviation| {
                    if !sort(deviation.choice) {
                        return true;
                    }
                    let here = place;
                    place = place.saturating_add(1);
                    !(from..from.saturating_add(size)).contains(&here)
                });
                let candidate: Vec<Deviation> = kept.collect();
                if !self.fails(self.shrunk.numbers, &candidate)? {
                    from = from.saturating_add(size);
                }
            }
            size /= 2;
        }
        Ok(())
    }

    /// Takes smaller options where they do as well.
    fn smaller(&mut self) -> Result<(), Refused> {
        let mut at = 0;
        while let Some(deviation) = self.shrunk.script.get(at).copied() {
            for option in 1..deviation.option {
                if self.is_tired() {
                    return Ok(());
                }
                let mut candidate = self.shrunk.script.clone();
                if let Some(deviation) = candidate.get_mut(at) {
                    deviation.option = option;
                }
                if self.fails(self.shrunk.numbers, &candidate)? {
                    break;
                }
            }
            at = at.saturating_add(1);
        }
        Ok(())
    }

    /// Takes one out, and moves another to where its choice may be without that one.
    fn moved(&mut self) -> Result<(), Refused> {
        let mut out = 0;
        'next: while out < self.shrunk.script.len() && self.shrunk.script.len() <= FEW {
            let script = self.shrunk.script.clone();
            for other in (0..script.len()).filter(|other| *other != out) {
                for by in (1..=MOST_MOVED).flat_map(|by| [-by, by]) {
                    if self.is_tired() {
                        return Ok(());
                    }
                    let mut candidate = script.clone();
                    let Some(moved) = candidate.get_mut(other) else { continue };
                    let Some(at) = moved.at.checked_add_signed(by) else { continue };
                    moved.at = at;
                    candidate.remove(out);
                    if self.fails(self.shrunk.numbers, &candidate)? {
                        out = 0;
                        continue 'next;
                    }
                }
            }
            out = out.saturating_add(1);
        }
        Ok(())
    }
}
