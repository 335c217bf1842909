//! How fast a simulation is: time that passes in it beside time that passes outside, and
//! seeds.

use std::{
    num::NonZero,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use wippy::{
    component::{Engine, Linker},
    host::{
        ProjectPrograms, Runtime,
        simulate::{Simulation, search},
    },
    imports::{process, sim, wasi},
    registry::Project,
};

use super::{
    Result,
    report::{Figure, Ratio, Report, Target},
};

/// Seeds of the second measurement.
const SEEDS: u64 = 200;

pub fn measure(report: &mut Report) -> Result<()> {
    let mut sleepers = simulation("sim.many:sleepers")?;
    // An hour, and a little for the rest.
    (sleepers.options.work, sleepers.options.time) = (1_000_000_000, Duration::from_secs(7200));
    // Loads what is loaded once.
    sleepers.run(0)?;
    let start = Instant::now();
    let run = sleepers.run(0)?;
    let took = start.elapsed().as_secs_f64();
    run.result.map_err(|failure| failure.to_string())?;
    let target = Some(Target::AtLeast(1_000.0));
    let ratio = Ratio { of: run.time.as_secs_f64() / took, kind: "simulated/real", target };
    let what = "1000 processes sleep for an hour, a minute at a time";
    report.figure("simulated", what, "simulated", Figure::Seconds(took), Some(ratio), "");

    let ring = simulation("sim.many:ring")?;
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    search(&ring, 10, threads, &|_| {})?;
    let found = search(&ring, SEEDS, threads, &|_| {})?;
    let rate = SEEDS as f64 / found.progress.took.as_secs_f64();
    let ratio = Ratio {
        of: rate * 60.0 / 1_000.0,
        kind: "thousands of seeds a minute",
        target: Some(Target::AtLeast(1.0)),
    };
    let what = "10 processes pass 5 numbers around";
    let note = format!("{} failed", found.progress.failed);
    report.figure("simulated", what, "seeds", Figure::PerSecond(rate), Some(ratio), &note);
    Ok(())
}

fn simulation(scenario: &str) -> Result<Simulation> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("apps/simulated");
    let project = Project::load(path).into_result().map_err(|problems| problems.to_string())?;
    let mut linker = Linker::default();
    wasi::add_to_linker(&mut linker)?;
    process::add_to_linker(&mut linker)?;
    sim::add_to_linker(&mut linker)?;
    let programs = ProjectPrograms::new(project, Runtime::new(Engine::default(), linker));
    Ok(Simulation::new(programs, &scenario.parse()?, Vec::new())?)
}
