//! Modules that a generator makes of bytes, translated and run.

use arbitrary::Unstructured;
use wasm_smith::{Config, Module};
use wippy::{
    adapter::{AdaptOptions, adapt},
    component::{Component, Engine, Linker},
};

use super::component::exercise;

/// A module of what this engine has, that imports nothing.
pub fn module(data: &[u8]) -> Option<Vec<u8>> {
    Some(generated(data, true)?.to_bytes())
}

/// The same, but so changed that it ends.
pub fn ending(data: &[u8]) -> Option<Vec<u8>> {
    // The reference engine, as it is built here, has no references of the host's.
    let references = data.first().is_some_and(|byte| byte % 8 == 0);
    let mut module = generated(data, references)?;
    module.ensure_termination(TURNS).ok()?;
    Some(module.to_bytes())
}

/// Calls and rounds of loops until a module ends itself.
const TURNS: u32 = 2_000;

fn generated(data: &[u8], references: bool) -> Option<Module> {
    let mut bytes = Unstructured::new(data);
    let config = Config {
        max_imports: 0,
        export_everything: true,
        min_funcs: 1,
        max_memories: 2,
        max_memory32_bytes: 1 << 20,
        max_memory64_bytes: 1 << 20,
        memory_max_size_required: true,
        max_table_elements: 1_000,
        table_max_size_required: true,
        allow_start_export: true,
        canonicalize_nans: true,
        reference_types_enabled: references,
        compact_imports_enabled: false,
        custom_page_sizes_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        relaxed_simd_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        shared_everything_threads_enabled: false,
        ..Config::default()
    };
    Module::new(config, &mut bytes).ok()
}

pub fn run(data: &[u8]) {
    let Some(module) = module(data) else { return };
    let adapted = match adapt(&module, &AdaptOptions::default()) {
        Ok(adapted) => adapted,
        Err(error) => panic!("a valid module is refused: {error}"),
    };
    let component = match Component::new(&Engine::default(), adapted.component) {
        Ok(component) => component,
        Err(error) => panic!("a valid module is refused: {error}"),
    };
    let program = component.link(&Linker::default()).expect("it imports nothing");
    exercise(&program, data);
}
