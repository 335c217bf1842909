//! What is seen of a module, by us.

use wippy::{
    adapter::{AdaptOptions, adapt},
    command::{Command, Completion, Reply, Yield},
    component::{Component, Engine, LinkedComponent, Linker, LoadErrorKind},
    process::{
        Call, Event, Fuel, Limits, Outcome, Process, Start, Status, StepOutput, WasmProcess,
    },
    value::Value,
};

use super::{CALLS, Seen, Wrapped, wrap};
use crate::fuzz::echo::class;

/// Slices that all have to come to the same.
const SLICES: [u64; 2] = [1_000, 1_000_000];

/// Fuel that no module here takes.
const FUEL: u64 = 400_000_000;

const MEMORY: u64 = 512 << 20;

/// Calls all functions, in slices of several lengths.
pub fn run(wrapped: &Wrapped) -> Result<Option<Seen>, String> {
    let adapted = adapt(&wrapped.bytes, &AdaptOptions::default())
        .map_err(|error| format!("a valid module is refused: {error}"))?;
    let component = match Component::new(&Engine::default(), adapted.component) {
        Ok(component) => component,
        // What the interpreter cannot take is said so.
        Err(error) if error.kind() == LoadErrorKind::Unsupported => return Ok(None),
        Err(error) => return Err(format!("a valid module is refused: {error}")),
    };
    let program = component.link(&Linker::default()).map_err(|error| error.to_string())?;
    let mut runs = Vec::new();
    for slice in SLICES {
        runs.push(all(&program, wrapped.functions, slice)?);
    }
    let [one, two] = runs.as_slice() else { unreachable!("there are two slices") };
    if one != two {
        return Err(format!("slices of {SLICES:?} differ:\n  {one:?}\n  {two:?}"));
    }
    Ok(Some(one.0.clone()))
}

/// What is seen, and the fuel of it all.
fn all(program: &LinkedComponent, functions: usize, slice: u64) -> Result<(Seen, u64), String> {
    let (mut seen, mut fuel) = (Seen::new(), 0);
    let mut process: Option<WasmProcess> = None;
    for at in 0..functions.min(CALLS) {
        let name = wrap::name(at);
        let result = next(program, &mut process, &name, slice, &mut fuel)?;
        let traps = result.starts_with('!');
        seen.push(format!("{name} {result}"));
        if traps {
            process = None;
            continue;
        }
        let state = next(program, &mut process, wrap::STATE, slice, &mut fuel)?;
        if state.starts_with('!') {
            process = None;
        }
        seen.push(state);
    }
    Ok((seen, fuel))
}

/// One more call, of a new process if there is none.
fn next(
    program: &LinkedComponent,
    process: &mut Option<WasmProcess>,
    name: &str,
    slice: u64,
    fuel: &mut u64,
) -> Result<String, String> {
    let call = Call::new(name, Vec::new());
    let process = match process {
        Some(process) => {
            process.call(call).map_err(|error| error.to_string())?;
            process
        }
        None => {
            let mut start = Start::from(call);
            start.data.limits = Limits { max_memory: MEMORY, max_fuel: Some(FUEL) };
            let started = WasmProcess::start(program, start).map_err(|error| error.to_string())?;
            process.insert(started)
        }
    };
    match ended(process, slice, fuel) {
        Ok(Some(Value::S64(number))) => Ok(format!("{number:x}")),
        Ok(other) => Err(format!("{name} gives {other:?}")),
        Err(error) => {
            let class = class(&error).map_err(|failure| failure.0)?;
            Ok(format!("! {class:?}"))
        }
    }
}

fn ended(process: &mut WasmProcess, slice: u64, fuel: &mut u64) -> Outcome {
    let (mut events, mut out) = (Vec::new(), StepOutput::default());
    loop {
        let decided = process.decided().is_some();
        process.step(&mut events, Fuel(slice), &mut out);
        // What it takes to find out where it has trapped is not the program's.
        *fuel += if decided { 0 } else { out.fuel_used };
        for Yield { tag, command } in out.yields.drain(..) {
            let reply = match command {
                // Where it trapped is not asked here.
                Command::Chore(_) => Reply::Refused("not here".to_owned()),
                _ => Reply::Refused("nobody answers".to_owned()),
            };
            events.push(Event::Completion(Completion { tag, reply }));
        }
        if let Status::Done(outcome) = std::mem::replace(&mut out.status, Status::Continue) {
            return outcome;
        }
    }
}
