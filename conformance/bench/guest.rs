//! Guests, and our side of every comparison.

use std::{fs, path::Path};

use wippy::{
    command::Reply,
    component::{Component, Engine, LinkedComponent, Linker},
    process::{Call, DEFAULT_SLICE, Process, Start, Status, StepOutput, WasmProcess, run},
    value::Value,
};

use super::Result;

/// A built guest's file.
pub fn path(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/built").join(name).display().to_string()
}

/// A built guest's bytes.
pub fn bytes(name: &str) -> Result<Vec<u8>> {
    let path = path(name);
    Ok(fs::read(&path).map_err(|why| format!("{path}: {why}"))?)
}

/// A built guest, loaded and linked with nothing.
pub fn program(name: &str) -> Result<LinkedComponent> {
    let component = Component::new(&Engine::default(), bytes(name)?)?;
    Ok(component.link(&Linker::default())?)
}

/// A process that begins with a call, and what that returns.
pub fn start(
    program: &LinkedComponent,
    method: &str,
    args: Vec<Value>,
) -> Result<(WasmProcess, Option<Value>)> {
    let mut process = WasmProcess::start(program, Call::new(method, args).into())?;
    let found = finish(&mut process)?;
    Ok((process, found))
}

/// A process with its instances made, in which nothing has been called.
pub fn process(program: &LinkedComponent) -> Result<WasmProcess> {
    let mut process = WasmProcess::start(program, Start::default())?;
    let mut out = StepOutput::default();
    while out.status == Status::Continue {
        process.step(&mut Vec::new(), DEFAULT_SLICE, &mut out);
    }
    match out.status {
        Status::Idle => Ok(process),
        other => Err(format!("the instances were not made: {other:?}").into()),
    }
}

/// Calls a method from beginning to end, in slices of the usual size.
pub fn call(process: &mut WasmProcess, method: &str, args: Vec<Value>) -> Result<Option<Value>> {
    process.call(Call::new(method, args))?;
    finish(process)
}

fn finish(process: &mut WasmProcess) -> Result<Option<Value>> {
    Ok(run(process, DEFAULT_SLICE, |_| Reply::Refused("nobody answers".to_owned()))?)
}

/// Fails unless a guest has computed what it should.
pub fn expect<T: PartialEq + std::fmt::Debug>(found: T, expected: T) -> Result<()> {
    match found == expected {
        true => Ok(()),
        false => Err(format!("the guest returned {found:?} instead of {expected:?}").into()),
    }
}
