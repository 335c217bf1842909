//! Programs of ordinary size, made by ordinary toolchains, say where they have trapped.

use std::path::Path;

use wippy::{
    command::Reply,
    component::{Component, Engine, Linker},
    process::{Call, DEFAULT_SLICE, Limits, StartData, WasmProcess, run},
    value::Value,
};

/// The first few of the functions in which a guest traps, and how many there are. Nothing
/// of WASI is there, and not much memory.
fn frames(file: &str, method: &str, args: Vec<Value>) -> (Vec<String>, usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/built").join(file);
    let component = Component::new(&Engine::default(), std::fs::read(path).unwrap()).unwrap();
    let program = component.link(&Linker::default()).unwrap();
    let limits = Limits { max_memory: 1480 << 10, ..Limits::default() };
    let call = Some(Call::new(method, args));
    let data = StartData { call, limits, ..StartData::default() };
    let mut process = WasmProcess::start(&program, data.into()).unwrap();
    let refused = |_| Reply::Refused("nothing is answered".to_owned());
    let error = run(&mut process, DEFAULT_SLICE, refused).unwrap_err();
    let first = error.frames().iter().take(3);
    let names = first.map(|frame| frame.split(" of the module").next().unwrap_or_default());
    (names.map(str::to_owned).collect(), error.depth())
}

#[test]
fn a_rust_program_and_a_javascript_engine_say_where_they_trapped() {
    let rust = frames("rust-std.wasm", "run", Vec::new());
    assert_eq!(
        rust,
        (["function 65", "function 64", "function 90"].map(str::to_owned).to_vec(), 9)
    );
    let script = frames("greet-js.wasm", "greet", vec!["x".repeat(40_000).into()]);
    assert_eq!(script, (vec!["function 538".to_owned()], 1));
}
