//! The life of a process as a library's user makes it: a guest, a linker, and the
//! world that answers its commands.

use std::{
    fs,
    sync::{Arc, Mutex},
};

use wippy::{
    component::{Component, Engine, Linker},
    imports::wasi::{Preopen, WasiConfig},
    process::{Call, Cause, Fuel, Start, WasmProcess, run},
    value::Value,
    world::{Input, Output, Streams, SystemDispatcher},
};

/// A program made of Rust's standard library, in the real world. It checks much
/// by itself and ends with another code than 0 where something is wrong.
#[test]
fn a_program_works_in_the_real_world() {
    let guest = concat!(env!("CARGO_MANIFEST_DIR"), "/guests/built/rust-std.wasm");
    let bytes = fs::read(guest).unwrap();
    let mut linker = Linker::default();
    wippy::imports::wasi::add_to_linker(&mut linker).unwrap();
    let program = Component::new(&Engine::default(), bytes).unwrap().link(&linker).unwrap();
    let place = std::env::temp_dir().join(format!("wippy-wasi-{}", std::process::id()));
    fs::create_dir_all(&place).unwrap();

    let start = |args: &[&str], inline: bool| {
        let output = Arc::new(Mutex::new(Vec::new()));
        let world = SystemDispatcher::new(Streams {
            stdin: Input::Bytes(b"one\ntwo\nthree".to_vec()),
            stdout: Output::Buffer(output.clone()),
            stderr: Output::Null,
        });
        let dir = cap_std::fs::Dir::open_ambient_dir(&place, cap_std::ambient_authority()).unwrap();
        let dir = world.add_dir(dir, false);
        let preopens = vec![Preopen { guest: "/work".to_owned(), dir, read_only: false }];
        let args = ["tool"].iter().chain(args).map(|arg| (*arg).to_owned()).collect();
        let mut start = Start::from(Call::new("run", vec![]));
        start.data.wasi = Some(WasiConfig { args, preopens, ..WasiConfig::default() });
        if inline {
            start.inline = Some(Box::new(world.clone()));
        }
        let mut process = WasmProcess::start(&program, start).unwrap();
        let outcome =
            run(&mut process, Fuel(100_000), |command| smol::block_on(world.later(command)));
        let output = String::from_utf8(output.lock().unwrap().clone()).unwrap();
        (outcome, output)
    };
    for args in [
        &["files", "/work"][..],
        &["modes", "/work"],
        &["times", "/work"],
        &["dirs", "/work"],
        &["many", "/work", "200"],
        &["large", "/work", "3"],
        &["lines"],
        &["sleep", "5"],
        &["random"],
    ] {
        let (outcome, output) = start(args, false);
        assert_eq!(outcome, Ok(Some(Value::ok(None))), "{args:?}\n{output}");
        // What is answered within the step is the same.
        assert_eq!(start(args, true), (outcome, output), "{args:?}");
    }
    assert_eq!(start(&["lines"], true).1, "1: one\n2: two\n3: three\n3 lines\n");
    assert_eq!(start(&["exit", "3"], true).0.unwrap_err().cause(), Cause::Exit(1));
    fs::remove_dir_all(&place).unwrap();
}
