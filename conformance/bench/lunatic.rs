//! Lunatic, the peer: processes that are sent messages, on a JIT.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use super::{
    Result, guest,
    measure::{self, Contender},
    report::Report,
};

const NAME: &str = "lunatic";

const HOW: &str = "cargo install --root target/peers --version 0.13.2 lunatic-runtime";

fn program() -> Option<PathBuf> {
    let path = Path::new("target/peers/bin/lunatic");
    path.exists().then(|| path.to_owned())
}

/// A task of the guest, which says itself how long it took.
pub fn contender(task: &str, numbers: &[u32]) -> Option<Contender<'static>> {
    let program = program()?;
    let mut args = vec!["run".to_owned(), guest::path("lunatic.wasm"), task.to_owned()];
    args.extend(numbers.iter().map(u32::to_string));
    Some(Contender::timed(NAME, move || {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let usage = measure::command(&program, &args, Stdio::inherit())?;
        Ok(Duration::from_nanos(usage.stdout.trim().parse()?))
    }))
}

/// Says how to get it, where it is not there.
pub fn note(group: &'static str, report: &mut Report) {
    if program().is_none() {
        report.skip(group, NAME, HOW);
    }
}

/// The bytes that each of so many idle processes takes.
pub fn idle(processes: u32) -> Result<Option<f64>> {
    let Some(program) = program() else { return Ok(None) };
    let of = |processes: u32| -> Result<f64> {
        let count = processes.to_string();
        let guest = guest::path("lunatic.wasm");
        let usage = measure::command(&program, &["run", &guest, "idle", &count], Stdio::inherit())?;
        // It says how long it took, unless it has failed; its exit code does not tell.
        usage.stdout.trim().parse::<u64>()?;
        Ok(usage.peak as f64)
    };
    Ok(Some((of(processes)? - of(1)?) / f64::from(processes)))
}
