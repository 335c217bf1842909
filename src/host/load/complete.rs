//! Core modules that carry the world of the component that they were meant to become.
//!
//! What wit-bindgen makes ends as a core module with a custom section `component-type`,
//! and `wasm-tools component new` makes a component of both. Who has forgotten that step
//! has a module whose exports look like numbers and are not. So it is done here, by the
//! library that those tools use. What it cannot do, because the module imports functions
//! of WASI 0.1 and brings no adapter, the adapter for core modules does with the same
//! world as WIT text.

use std::panic::{AssertUnwindSafe, catch_unwind};

use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, WitPrinter, metadata};

use crate::host::node::panics;

/// The beginning of the names of such sections.
const SECTION: &str = "component-type";

/// The modules of WASI 0.1.
const PREVIEW1: [&str; 2] = ["wasi_snapshot_preview1", "wasi_unstable"];

/// What has become of a core module that carries its world.
pub(crate) enum Completed {
    /// A component.
    Component(Vec<u8>),
    /// The world as WIT text, for the adapter.
    Wit(String),
}

/// Makes a component of a core module that carries its world; nothing of one that
/// carries none.
///
/// # Errors
///
/// With why the module does not fit its world.
pub(crate) fn complete(module: &[u8]) -> Result<Option<Completed>, String> {
    let Some(needs_adapter) = carries_world(module) else { return Ok(None) };
    let make = AssertUnwindSafe(|| match needs_adapter {
        true => world_text(module).map(Completed::Wit),
        false => encode(module).map(Completed::Component),
    });
    // The libraries are made for the output of compilers, and may panic at others.
    panics::catching(|| catch_unwind(make))
        .unwrap_or_else(|_| Err("its section `component-type` cannot be read".to_owned()))
        .map(Some)
}

/// True or false if there is a world: whether the module imports WASI 0.1.
fn carries_world(module: &[u8]) -> Option<bool> {
    let (mut found, mut preview1) = (false, false);
    for payload in Parser::new(0).parse_all(module) {
        // What is not valid is told of by those who load it.
        match payload.ok()? {
            Payload::CustomSection(section) => found |= section.name().starts_with(SECTION),
            Payload::ImportSection(imports) => {
                let mut imports = imports.into_imports();
                preview1 |= imports
                    .any(|import| import.is_ok_and(|import| PREVIEW1.contains(&import.module)));
            }
            _ => {}
        }
    }
    found.then_some(preview1)
}

fn encode(module: &[u8]) -> Result<Vec<u8>, String> {
    let mut encoder = ComponentEncoder::default();
    let encoded = encoder.module(module).and_then(ComponentEncoder::encode);
    encoded.map_err(|error| format!("{error:#}"))
}

fn world_text(module: &[u8]) -> Result<String, String> {
    let say = |error| format!("{error:#}");
    let (_, bindgen) = metadata::decode(module).map_err(say)?;
    let mut resolve = bindgen.resolve;
    let main = resolve.worlds.get(bindgen.world).and_then(|world| world.package);
    let main = main.ok_or_else(|| "its world has no package".to_owned())?;
    let nested: Vec<_> =
        resolve.packages.iter().map(|(id, _)| id).filter(|id| *id != main).collect();
    // The worlds that it was made of: theirs are in the one that counts.
    for id in &nested {
        if let Some(package) = resolve.packages.get_mut(*id) {
            package.worlds.clear();
        }
    }
    let mut printer = WitPrinter::default();
    printer.print(&resolve, main, &nested).map_err(say)?;
    Ok(printer.output.to_string())
}
