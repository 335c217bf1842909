//! What it takes to say where a guest has trapped: the first time, when the modules of
//! its program are changed for that, and each time after that. Beside it, what it takes
//! to load the program.
//!
//! Nothing of WASI is there, and not much memory, so the guests trap at once.

use std::time::Instant;

use wippy::{
    command::Reply,
    component::{Component, Engine, Linker},
    process::{Call, DEFAULT_SLICE, Limits, StartData, WasmProcess, run},
    value::Value,
};

use super::{
    Result, guest, measure,
    report::{Figure, Ratio, Report},
};

/// Guests: what they are called, their files, and calls that trap.
const GUESTS: [(&str, &str, &str, bool); 2] = [
    ("a Rust program, 0.2 MB", "rust-std.wasm", "run", false),
    ("QuickJS, 1.6 MB", "greet-js.wasm", "greet", true),
];

pub fn measure(rounds: u32, report: &mut Report) -> Result<()> {
    for (name, file, method, named) in GUESTS {
        let bytes = guest::bytes(file)?;
        let times = (0..rounds).map(|_| round(&bytes, method, named));
        let times = times.collect::<Result<Vec<_>>>()?;
        let median = |of: fn(&[f64; 3]) -> f64| measure::median(times.iter().map(of));
        let ratio = |of| Some(Ratio { of, kind: "of loading", target: None });
        let seconds = Figure::Seconds;
        report.figure("traps", name, "loading", seconds(median(|t| t[0])), None, "");
        let first = ratio(median(|t| t[1] / t[0]));
        report.figure("traps", name, "the first", seconds(median(|t| t[1])), first, "");
        let next = ratio(median(|t| t[2] / t[0]));
        report.figure("traps", name, "the next", seconds(median(|t| t[2])), next, "");
    }
    Ok(())
}

/// Seconds of loading, of the first process that traps, and of the second.
fn round(bytes: &[u8], method: &str, named: bool) -> Result<[f64; 3]> {
    let begin = Instant::now();
    let component = Component::new(&Engine::default(), bytes.to_vec())?;
    let loading = begin.elapsed().as_secs_f64();
    let program = component.link(&Linker::default())?;
    let trap = || -> Result<f64> {
        let begin = Instant::now();
        let args = if named { vec![Value::String("x".repeat(40_000))] } else { Vec::new() };
        let data = StartData {
            call: Some(Call::new(method, args)),
            limits: Limits { max_memory: 1480 << 10, ..Limits::default() },
            ..StartData::default()
        };
        let mut process = WasmProcess::start(&program, data.into())?;
        let refused = |_| Reply::Refused("nothing is answered".to_owned());
        match run(&mut process, DEFAULT_SLICE, refused) {
            Err(error) if !error.frames().is_empty() => Ok(begin.elapsed().as_secs_f64()),
            other => Err(format!("it did not trap in a place: {other:?}").into()),
        }
    };
    Ok([loading, trap()?, trap()?])
}
