//! Components, and what they do in slices of different sizes.

use arbitrary::Unstructured;
use wasmparser::{Validator, WasmFeatures};
use wippy::{
    command::{Command, Completion, Reply, Yield},
    component::{Component, Engine, LinkedComponent, Linker, LoadErrorKind},
    process::{
        Call, Cause, Event, Fuel, Limits, Outcome, Process, Start, Status, StepOutput, WasmProcess,
    },
    value::{Type, Value},
};

use super::generate;

/// Exports that are called of one component.
const CALLS: usize = 4;

const LIMITS: Limits = Limits { max_memory: 32 << 20, max_fuel: Some(1_000_000) };

/// No call takes more steps, in whatever slices.
const STEPS: usize = 20_000;

pub fn run(data: &[u8]) {
    let valid = Validator::new_with_features(features()).validate_all(data);
    match Component::new(&Engine::default(), data) {
        Ok(component) => {
            if let Err(error) = valid {
                panic!("the loader takes what the validator refuses: {error}");
            }
            let Ok(program) = component.link(&Linker::default()) else { return };
            exercise(&program, data);
        }
        Err(error) => {
            let kind = error.kind();
            assert!(kind != LoadErrorKind::Engine, "the engine fails: {error}");
            let is_component = data.get(4..8) == Some(&[0x0d, 0, 1, 0]);
            assert!(
                valid.is_err() || kind == LoadErrorKind::Unsupported || !is_component,
                "a valid component is said to be invalid: {error}"
            );
        }
    }
}

/// The proposals that this engine has.
fn features() -> WasmFeatures {
    WasmFeatures::all()
}

/// Calls what a program exports.
pub fn exercise(program: &LinkedComponent, data: &[u8]) {
    for function in program.functions().take(CALLS) {
        let mut bytes = Unstructured::new(data);
        let types = function.types();
        let params = function.ty().params.iter().map(|param| Type::new(types.clone(), param.ty));
        let args = params.map(|ty| generate::value(&ty, &mut bytes));
        let Some(args) = args.collect::<Option<Vec<Value>>>() else { continue };
        let name = function.full_name();
        let first = end(program, Call::new(&name, args.clone()), 1_000);
        for slice in [7_777, 100_000_000] {
            let other = end(program, Call::new(&name, args.clone()), slice);
            assert_eq!(first, other, "{name} in slices of 1000 and {slice}");
        }
    }
}

/// How a call ends, and its fuel.
fn end(program: &LinkedComponent, call: Call, slice: u64) -> (String, u64) {
    let mut start = Start::from(call);
    start.data.limits = LIMITS;
    let mut process = match WasmProcess::start(program, start) {
        Ok(process) => process,
        Err(error) => return (words(Err(error)), 0),
    };
    let (mut events, mut out) = (Vec::new(), StepOutput::default());
    let mut fuel = 0u64;
    for _ in 0..STEPS {
        process.step(&mut events, Fuel(slice), &mut out);
        fuel += out.fuel_used;
        for Yield { tag, command } in out.yields.drain(..) {
            let reply = match command {
                Command::Chore(chore) => {
                    chore.run();
                    Reply::Done
                }
                _ => Reply::Refused("nobody answers".to_owned()),
            };
            events.push(Event::Completion(Completion { tag, reply }));
        }
        match std::mem::replace(&mut out.status, Status::Continue) {
            Status::Done(outcome) => {
                process.close();
                return (words(outcome), fuel);
            }
            Status::Exited(term) => return (format!("{term:?}"), fuel),
            Status::Continue => {}
            Status::Blocked | Status::Idle => {
                assert!(!events.is_empty(), "it waits for nothing");
            }
        }
    }
    panic!("no end after {STEPS} steps of {slice}, and {fuel} of fuel");
}

/// In words, in which a NaN is equal to itself.
fn words(outcome: Outcome) -> String {
    if let Err(error) = &outcome {
        assert!(error.cause() != Cause::Engine, "the engine fails: {error}");
    }
    format!("{outcome:?}")
}
