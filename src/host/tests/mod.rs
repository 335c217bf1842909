use std::{sync::Arc, time::Duration};

use super::*;
use crate::{
    artifact::Artifact,
    component::{DEFAULT_STACK, Engine, Linker},
    process::{Cause, Fuel, Grants},
    value::Value,
    world::Streams,
};

mod account;
mod contain;
mod ends;
mod memory;
mod node;
mod service;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

const SPIN: &str = r#"(module (func (export "spin") (loop (br 0))))"#;
const TWICE: &str = r#"(module (func (export "twice") (param i32) (result i32)
    (i32.mul (local.get 0) (i32.const 2))))"#;

fn spec(text: &str, method: &str) -> Result<(Runtime, ProcessSpec)> {
    let runtime = Runtime::new(Engine::default(), Linker::default());
    let artifact = Artifact::from_bytes(text.as_bytes())?;
    let loaded = runtime.load(&artifact, None, DEFAULT_STACK)?;
    let program = runtime.link(&loaded.component, &Grants::all())?;
    let spec = ProcessSpec::new("test", &loaded, program, method)?;
    Ok((runtime, spec))
}

fn run(spec: &ProcessSpec, input: Vec<Value>, options: &RunOptions) -> Ended {
    smol::block_on(spec.run(input, Streams::default(), options))
}

#[test]
fn a_raw_module_runs_with_the_same_fuel_in_any_slice() -> Result {
    let (_runtime, spec) = spec(TWICE, "twice")?;
    let run = |slice| {
        let options = RunOptions { slice: Fuel(slice), ..RunOptions::default() };
        run(&spec, vec![Value::S32(21)], &options)
    };
    let (whole, sliced) = (run(100_000), run(1));
    assert_eq!(whole.outcome, Ok(Some(Value::S32(42))));
    assert_eq!(sliced.outcome, whole.outcome);
    assert_eq!(sliced.fuel_used, whole.fuel_used);
    assert!(sliced.steps > whole.steps);
    Ok(())
}

#[test]
fn a_loop_without_end_is_stopped() -> Result {
    let (_runtime, spec) = spec(SPIN, "spin")?;
    let limit = Some(Duration::from_millis(20));
    let ended = run(&spec, vec![], &RunOptions { max_execution: limit, ..RunOptions::default() });
    assert_eq!(ended.outcome.clone().map_err(|error| error.cause()), Err(Cause::Timeout));
    Ok(())
}

#[test]
fn a_misspelt_method_has_a_neighbour() -> Result {
    let error = spec(TWICE, "twize").err().ok_or("it was found")?;
    let error = error.downcast::<PrepareError>()?;
    assert_eq!(error.fix(), "did you mean twice?");
    Ok(())
}

#[test]
fn an_artifact_is_translated_once_for_each_wit() -> Result {
    let runtime = Runtime::new(Engine::default(), Linker::default());
    let artifact = Artifact::from_bytes(TWICE.as_bytes())?;
    let load = |wit| -> Result<_> {
        runtime.load(&artifact, wit, DEFAULT_STACK)?.adapted.ok_or_else(|| "no module".into())
    };
    let first = load(None)?;
    assert!(Arc::ptr_eq(&first, &load(None)?));
    assert!(!Arc::ptr_eq(&first, &load(Some("twice: func(n: u32) -> u32;"))?));
    Ok(())
}

#[test]
fn a_runtime_and_its_jobs_are_shared_by_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Runtime>();
    shared::<ProcessSpec>();
}
