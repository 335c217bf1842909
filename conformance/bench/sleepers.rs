//! Many processes that sleep, on two threads, alone and beside one that spins.
//!
//! A process that sleeps holds no thread, so a thousand of them take as long as
//! one, and one that never yields delays the others by its slices only.

use std::time::{Duration, Instant};

use wippy::{
    artifact::Artifact,
    component::{DEFAULT_STACK, Engine, Linker},
    host::{HostOptions, Node, ProcessSpec, Runtime},
    imports::wasi,
    process::Grants,
    world::Streams,
};

use super::{
    Result, guest, measure,
    report::{Figure, Ratio, Report, Target},
};

const SLEEPERS: usize = 1000;
const SLEEP_MS: &str = "1000";
const WORKERS: usize = 2;

pub fn measure(report: &mut Report) -> Result<()> {
    let mut linker = Linker::default();
    wasi::add_to_linker(&mut linker)?;
    let runtime = Runtime::new(Engine::default(), linker);
    let sleeper = spec(&runtime, "rust-std.wasm", "run", &["sleep", SLEEP_MS])?;
    let spinner = spec(&runtime, "traps.wasm", "spin", &[])?;

    let (alone, memory) = sleep(&sleeper, None)?;
    let (beside, _) = sleep(&sleeper, Some(&spinner))?;
    let what = format!("{SLEEPERS} processes sleep {SLEEP_MS} ms");
    report.figure("sleepers", &what, "alone", Figure::Seconds(alone), None, "");
    let ratio =
        Ratio { of: beside / alone, kind: "spinning/alone", target: Some(Target::AtMost(1.1)) };
    let beside = Figure::Seconds(beside);
    report.figure("sleepers", &what, "beside one that spins", beside, Some(ratio), "");
    report.figure("sleepers", &what, "memory, each", Figure::Bytes(memory), None, "");
    Ok(())
}

fn spec(runtime: &Runtime, file: &str, method: &str, args: &[&str]) -> Result<ProcessSpec> {
    let artifact = Artifact::from_bytes(guest::bytes(file)?)?;
    let loaded = runtime.load(&artifact, None, DEFAULT_STACK)?;
    let program = runtime.link(&loaded.component, &Grants::all())?;
    let mut spec = ProcessSpec::new(file, &loaded, program, method)?;
    spec.given.args = args.iter().map(|arg| (*arg).to_owned()).collect();
    Ok(spec)
}

/// The seconds until all sleepers have ended, and the bytes that each took while
/// it slept.
fn sleep(sleeper: &ProcessSpec, spinner: Option<&ProcessSpec>) -> Result<(f64, f64)> {
    let node = Node::new(());
    node.add_host("host", HostOptions { workers: Some(WORKERS), ..HostOptions::default() })?;
    let launch = |spec: &ProcessSpec| {
        let streams = Some(Streams::default());
        node.launch("host", &spec.name, streams, |context| spec.start(Vec::new(), context))
    };
    let before = measure::resident()?;
    let start = Instant::now();
    if let Some(spec) = spinner {
        launch(spec)?;
    }
    let handles =
        (0..SLEEPERS).map(|_| launch(sleeper)).collect::<std::result::Result<Vec<_>, _>>()?;
    // By then all of them sleep, and have for some time.
    let measured = start + Duration::from_millis(900);
    std::thread::sleep(measured.saturating_duration_since(Instant::now()));
    let asleep = measure::resident()?;
    for handle in handles {
        let ended = smol::block_on(handle.ended()).ok_or("a process was lost")?;
        ended.outcome.clone()?;
    }
    let elapsed = start.elapsed().as_secs_f64();
    smol::block_on(node.shutdown("the measurement is over", Duration::ZERO));
    Ok((elapsed, asleep.saturating_sub(before) as f64 / SLEEPERS as f64))
}
